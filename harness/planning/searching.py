"""The trials of a search: settings are tried a batch at a time, then the best are run again.

What is asked for follows from what was seen, in order: a batch is asked for when all before it have
ended, whoever ran them. It is kept in the store before anything of it is trained, so that a search
that was killed goes on with the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

from harness.messages.errors import HarnessError
from harness.planning.asking import Asked, Asking, Told
from harness.planning.confirming import EACH, MOST, confirm_seeds
from harness.planning.datasets import check_scores
from harness.planning.folding import declared_with_folds
from harness.planning.members import Member, best_of, last_better, picked, settle
from harness.planning.outlook import Outlook, naming
from harness.planning.pruning import Curve, bounds, bracket, compared_after
from harness.planning.samplers import check_sampler, chosen_sampler, direction
from harness.stopping import Bound
from harness.study.declaration import Declaration
from harness.study.looks import Looks
from harness.study.searching import DEFAULT, PLACES, SEARCHED, Searching
from harness.study.settings import Settings, Value, values_at_ends
from harness.study.study import Study
from harness.trials.records import Record, Role
from harness.trials.searched import AskedBatch, EarlierSettings, SearchKept, TriedSettings
from harness.trials.trial import TUNING_SEED, Trial, Unseeded, unseeded

Frozen = tuple[tuple[str, Value], ...]
"""Settings as pairs, by which they can be looked up."""

BEST_SHOWN = 5
"""So many of the best settings by now are shown while a search runs."""

COMPARED = 1 + len(PLACES)
"""How many settings are run on fresh seeds: the best, and the default as control."""


class Kept(Protocol):
    """Where batches are kept: in a store, or nowhere."""

    def read(self, code: str) -> list[AskedBatch]:
        """Return the batches asked for, in order; ``code`` is the key of the first trial."""

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        """Keep a batch."""

    def earlier(self, code: str) -> list[EarlierSettings]:
        """Return the settings of another search that the sampler learns from."""

    def alone(self) -> AbstractContextManager[object]:
        """Return within which no other process asks."""


def seeds_of_confirming(searching: Searching) -> int:
    """Return on how many fresh seeds the best settings and the default are run; 0 for none.

    Raises:
        HarnessError: no trial would be left to try a setting.
    """
    chosen = searching.confirm
    count = chosen
    if count is None:  # by how many settings could be tried; on no fewer seeds than each was
        count = confirm_seeds(searching.trials // searching.seeds)
        count = max(count, min(searching.seeds, MOST)) if count else 0
    if settings_to_try(searching, count) < (2 if count else 1):  # the default is one of them
        raise HarnessError(
            f"a search must have trials beside the {COMPARED * count} that confirm: "
            f"{COMPARED} settings on {count} fresh seeds",
            f"trials={searching.trials}",
            f"Write trials={COMPARED * count + 16 * searching.seeds}, or confirm=0.",
        )
    return count


def seeds_by_what_was_tried(trials: int) -> int:
    """Return on how many fresh seeds the best are run of a search that ended before its budget.

    It is as of a budget that is used up, of which two thirds try settings.

    Args:
        trials: that tried settings.
    """
    return max(2, min(MOST, round(trials / (EACH - COMPARED))))


def settings_to_try(searching: Searching, confirming: int) -> int:
    """Return how many settings are tried; each takes a trial for each of the search's seeds."""
    return (searching.trials - COMPARED * confirming) // searching.seeds


class SearchPlanner:
    """Plans the trials of a search at one scale.

    It is a :class:`harness.planning.outlook.Planner`.
    """

    def __init__(
        self, study: Study, scale: str, kept: Kept, *, deadline: float | None = None
    ) -> None:
        """Begin with what was asked for before.

        Args:
            study: the study that a Search has made.
            scale: the scale's name.
            kept: where batches are kept.
            deadline: when no more settings are asked for, by ``time.monotonic()``.

        Raises:
            HarnessError: the sampler cannot do the space, or the budget is too small.
        """
        searching = study.searching(scale)
        assert searching is not None
        self.study = study
        self.scale = scale
        self.searching = searching
        self.looks: Looks | None = None
        self.confirming = seeds_of_confirming(searching)
        self.budget = settings_to_try(searching, self.confirming)
        self.better = [study.metric(name).better or "lower" for name in searching.objectives]
        directions = [direction(each) for each in self.better]
        check_sampler(searching, directions)
        self.sampler, self.why = chosen_sampler(searching, directions)
        self._asking = Asking(
            replace(searching, sampler=self.sampler), directions, f"{study.name}/{scale}"
        )
        self._kept = kept
        self._deadline = deadline
        self._built: dict[tuple[str, Frozen], Unseeded] = {}
        self._members: list[Member] = []
        self._batches: list[int] = []
        self._waiting: list[AskedBatch] = []  # asked for before, in order, and not yet begun
        self._open = 0  # the first member that has not ended
        self._search_notes: Mapping[str, Any] = {}
        self._ended = ""
        self._earlier: list[EarlierSettings] | None = None  # read when the first batch is asked for
        self._known: Outlook | None = None
        self._known_of: tuple[int, int, tuple[int, ...], str] | None = None

    @cached_property
    def declaration(self) -> Declaration:
        """What is declared at this scale, with the folds of its data."""
        return declared_with_folds(self.study, self.scale, self.at_defaults)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The fresh seeds: those after the search's own, so that no study evaluates on them."""
        first = TUNING_SEED + self.searching.seeds
        return tuple(range(first, first + self.confirming))

    @cached_property
    def at_defaults(self) -> Mapping[str, Trial]:
        """The trial of the default settings: its program is measured."""
        (default,) = (arm for arm in self.study.arms(self.scale) if arm.name == DEFAULT)
        trial = self._trial(default.name, TUNING_SEED, self.searching.space.defaults)
        check_scores(trial.work, DEFAULT, self.study.search.wanted if self.study.search else ())
        return {DEFAULT: trial}

    def check_space(self) -> None:
        """Check that settings can be built at both ends, and with every option.

        Raises:
            HarnessError: they cannot, or what it chooses by cannot be judged on folds.
        """
        self._check_rungs(self.at_defaults[DEFAULT])
        _ = self.declaration  # with folds that it can be judged on
        space = self.searching.space
        for setting in space:
            for value in values_at_ends(setting):
                self._trial(SEARCHED.name, TUNING_SEED, space.with_value(setting.name, value))

    def _check_rungs(self, default: Trial) -> None:
        """Check that hyperband has something to compare.

        Raises:
            HarnessError: no rung comes before the last epoch of a Training.
        """
        rungs = self.searching.rungs
        if rungs and default.trains and min(rungs) >= default.training.epochs:
            raise HarnessError(
                "Search(rungs=...) must be epochs before the last",
                f"{', '.join(map(str, rungs))}, of {default.training.epochs} epochs",
                "Leave it out for powers of 3, or write smaller ones.",
            )

    # -- what is run -----------------------------------------------------------------------

    def outlook(self, done: Mapping[str, Record]) -> Outlook:
        """Return what is to be run.

        Args:
            done: the finished and failed records by key.
        """
        self._settle(done)
        while not self._ended and self._open == len(self._members):
            self._begin_batch()
            self._settle(done)
        over = bool(self._ended) and self._open == len(self._members)
        best = self._best() if over else ()
        wanted = [trial for member in self._members for trial in member.wanted]
        known_of = self._open, len(wanted), best, self._ended if over else ""
        if self._known is None or known_of != self._known_of:
            self._known, self._known_of = self._new(wanted, best, over=over), known_of
        ready = {
            trial.key: trial  # two settings may be the same
            for trial in reversed(self._known.planned)
            if trial.key not in done and not trial.waits(done)
        }
        return replace(self._known, ready=tuple(reversed(ready.values())))

    def _new(self, wanted: Sequence[Trial], best: tuple[int, ...], *, over: bool) -> Outlook:
        """Return an outlook but for what is ready."""
        compared = [
            self._trial(arm, seed, settings)
            for arm, settings in self._compared(best)
            for seed in self.seeds
        ]
        trials = [*wanted, *(compared if over else ())]
        needed = {each.key: each for trial in trials for each in trial.all_needs()}
        left = 0 if over else (self.budget - len(self._members)) * self.searching.seeds
        confirm = len(compared) if over else COMPARED * self.confirming
        return Outlook(
            planned=(*needed.values(), *trials),
            ready=(),
            expected={SEARCHED.name: len(wanted) + left, DEFAULT: confirm},
            evaluations=len(compared) if over else 0,
            total=len(needed) + len(trials) + left + (0 if over else confirm),
            chosen={},
            tuning=(),
            needed=frozenset(needed),
            search=SearchKept(
                tried=tuple(
                    TriedSettings(each.settings, tuple(trial.key for trial in each.trials))
                    for each in self._members
                ),
                batches=tuple(self._batches),
                confirmed=best if self.confirming else (),
                sampler=self.sampler,
                why=self.why,
                earlier=len(self._earlier or ()),
                ended=self._ended if over else "",
            ),
            best=self._best_by_now(),
        )

    def _best_by_now(self) -> tuple[EarlierSettings, ...]:
        places = picked(self._members, self.better, (), BEST_SHOWN)
        told = [self._members[place].told for place in places]
        return tuple(EarlierSettings(each.settings, each.values) for each in told if each)

    def _compared(self, best: Sequence[int]) -> Iterator[tuple[str, Settings]]:
        """Yield the arms that are run on fresh seeds, with their settings."""
        yield DEFAULT, self.searching.space.defaults
        for arm, place in zip(PLACES, best, strict=False):
            yield arm, self._members[place].settings

    def _best(self) -> tuple[int, ...]:
        known = [self.searching.space.defaults]
        return picked(self._members, self.better, known, len(PLACES))

    # -- what is asked for -----------------------------------------------------------------

    def _settle(self, done: Mapping[str, Record]) -> None:
        """Write down what has become of members, and see whether any more are asked for."""
        if self._open < len(self._members):
            begin = len(self._members) - self._batches[-1]
            best = best_of(self._members[:begin], self.better)
            for member in self._members[self._open :]:
                if member.told is None:
                    settle(member, done, self.searching, self.better[0], best)
            while self._open < len(self._members) and self._members[self._open].told is not None:
                self._open += 1
        if self._members and self._open == len(self._members) and not self._ended:
            self._end(self._why_ended())

    def _end(self, why: str) -> None:
        """Ask for no more settings, if there is a reason; confirm by what was tried until then."""
        self._ended = why
        if why not in {"", "trials"} and self.searching.confirm is None:
            spent = sum(len(member.wanted) for member in self._members)
            self.confirming = min(self.confirming, seeds_by_what_was_tried(spent))

    def _why_ended(self) -> str:
        tried, patience = len(self._members), self.searching.patience
        if tried >= self.budget:
            return "trials"
        if patience is not None and tried - 1 - last_better(self._members, self.better) >= patience:
            return "patience"
        late = self._deadline is not None and time.monotonic() >= self._deadline
        return "timeout" if late and not self._waiting else ""

    def _begin_batch(self) -> None:
        """Begin the next batch: one that was asked for before, by whomever, or a new one."""
        code, number = self.at_defaults[DEFAULT].key, len(self._batches)
        if not self._waiting:
            with self._kept.alone():
                if self._earlier is None:
                    self._earlier = self._kept.earlier(code)
                self._waiting = self._kept.read(code)[number:]
                if not self._waiting:
                    batch = self._asked(number)
                    if not batch.settings:
                        self._end("grid")
                        return
                    self._kept.write(code, number, batch)
                    # where processes of two machines ask at once, one of them is kept
                    self._waiting = self._kept.read(code)[number:] or [batch]
        self._take(self._waiting.pop(0))

    def _asked(self, number: int) -> AskedBatch:
        """Ask for a batch."""
        left = self.budget - len(self._members)
        # of what another search has tried it is not known whether constraints hold
        holds = (0.0,) * len(self.searching.constraints)
        learnt = [Told(each.settings, each.values, excesses=holds) for each in self._earlier or ()]
        first = self._first(learnt)[:left] if number == 0 else self._given_since()[:left]
        count = min(left, max(self.searching.at_a_time, len(first)))
        again = [each for each in first if any(each == one.settings for one in learnt)]
        asked, notes = self._asking.batch(
            [*learnt, *(member.told for member in self._members if member.told is not None)],
            count - len(again),
            number,
            self._search_notes,
            [each for each in first if each not in again],
        )
        # what another search has tried is asked for by nobody, and run here all the same
        both = [*(Asked(each) for each in again), *asked]
        both.sort(key=lambda each: first.index(each.settings) if each.settings in first else count)
        settings = tuple(each.settings for each in both)
        return AskedBatch(settings, tuple(each.notes for each in both), notes, self.sampler)

    def _given_since(self) -> list[Settings]:
        """Return settings that were given after the search had begun."""
        tried = [member.settings for member in self._members]
        return [each for each in self.searching.enqueue if each not in tried]

    def _first(self, learnt: Sequence[Told]) -> list[Settings]:
        """Return what a search begins with: the default, those given, the best of another search.

        Args:
            learnt: what another search has tried.
        """
        best = best_of([Member(each.settings, (), told=each) for each in learnt], self.better)
        out: list[Settings] = []
        for settings in (
            self.searching.space.defaults,
            *self.searching.enqueue,
            *([best.settings] if best is not None else []),
        ):
            if settings not in out:
                out.append(settings)
        return out

    def _take(self, batch: AskedBatch) -> None:
        """Take a batch up, as far as the budget goes; what ends its trials early is known now."""
        left, place = self.budget - len(self._members), len(self._members)
        earlier = list(self._curves())
        points = max((max(each.values) for each in earlier if each.complete), default=0)
        searching = self.searching
        rungs = compared_after(searching.rungs, points)
        known: dict[int, tuple[Bound, ...]] = {}  # by bracket: that is all that tells them apart
        for settings, notes in list(zip(batch.settings, batch.notes, strict=True))[:left]:
            at = len(self._members)
            own = bracket(len(rungs), at) if searching.pruner == "hyperband" else 0
            if own not in known:
                known[own] = bounds(
                    searching.pruner, searching.rungs, points, earlier, self.better[0], at
                )
            trials = tuple(
                replace(self._trial(SEARCHED.name, TUNING_SEED + seed, settings), bounds=known[own])
                for seed in range(self.searching.seeds)
            )
            self._members.append(Member(settings, trials, notes))
        self._batches.append(len(self._members) - place)
        self._search_notes = batch.search_notes

    def _curves(self) -> Iterator[Curve]:
        """Yield the curves of settings that were tried on one seed, and did not fail."""
        for place, member in enumerate(self._members):
            if (told := member.told) is not None and told.values and told.curve:
                yield Curve(told.curve, not told.pruned, place)

    # -- trials ----------------------------------------------------------------------------

    def _trial(self, arm: str, seed: int, settings: Settings) -> Trial:
        role: Role = "tune" if arm == SEARCHED.name or seed == TUNING_SEED else "evaluate"
        place = arm, tuple(sorted(settings.items()))
        if place not in self._built:
            found = self.study.arm(arm, self.scale)
            assert found is not None
            with naming(found, settings):
                self._built[place] = unseeded(self.study, self.scale, found, settings)
        return self._built[place].trial(seed, role)
