"""Asks a sampler for settings, a batch at a time; what it answers follows from what it was told.

For each batch there is a new sampler, whose seed is made from the name of the search and the
number of the batch. It sees a study of Optuna's in memory that holds what was told and, as RUNNING,
those members of the batch that it gave already, from which it keeps away (TPE's constant liar, the
Gaussian process's qLogEI). What a sampler writes down for itself comes and goes as notes. So a
process that starts anew goes on exactly as one that never stopped.
"""

from __future__ import annotations

import math
import statistics
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import optuna
from optuna.samplers import BaseGASampler, BaseSampler, CmaEsSampler, GPSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.planning.samplers import (
    MOST_POINTS,
    Direction,
    chosen_sampler,
    few_points,
    make_sampler,
    one_thread,
    spread,
)
from harness.storing.translation import drawn_from
from harness.study.searching import Searching
from harness.study.settings import Choice, Float, Setting, Settings, Value

AGAIN = 3
"""How often a sampler is asked again where it gives settings that were tried."""

MOST_COMPARED = 10_000
"""The largest space in which settings that were tried are replaced by the nearest that were not."""

_WHILE_RUNNING = ("tpe:relative_params", "gp:relative_params")
"""Notes that say what a trial that is still running will use."""

_STATE = "cma:optimizer"
"""The whole state of CMA-ES, some 10 KB: the same for every member of a batch."""

_Key = tuple[tuple[str, Value], ...]
"""Settings, in the order of the space."""


@dataclass(frozen=True)
class Told:
    """What became of settings that were asked for.

    Attributes:
        settings: values of those that are in use.
        values: of the objectives, in order; empty where no trial gave any.
        pruned: whether it was ended early; ``values`` are then those of its last epoch.
        curve: values of the first objective by epoch, from 1.
        excesses: of the constraints, in order; 0 or less is feasible.
        notes: what the sampler wrote down when it was asked for them; JSON values.
    """

    settings: Settings
    values: tuple[float, ...] = ()
    pruned: bool = False
    curve: Mapping[int, float] = field(default_factory=dict)
    excesses: tuple[float, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """Settings to be tried.

    Attributes:
        settings: values of those that are in use, in the space's order.
        notes: what the sampler wrote down, to be given back in :class:`Told`; JSON values.
    """

    settings: Settings
    notes: Mapping[str, Any] = field(default_factory=dict)


class _Memory(InMemoryStorage):
    """Trials in memory, of which the last can be taken back."""

    def keep(self, study_id: int, count: int) -> None:
        """Forget all trials but the first ``count``."""
        with self._lock:
            trials = self._studies[study_id].trials
            for trial in trials[count:]:
                del self._trial_id_to_study_id_and_number[trial._trial_id]
            del trials[count:]
            self._max_trial_id = count - 1
            waiting = self._prev_waiting_trial_number
            waiting[study_id] = min(waiting[study_id], count)


class Asking:
    """Asks for settings of one search.

    Args:
        searching: its space, its sampler and its budget.
        directions: of its objectives.
        name: from which its seeds are made: that of the search and of its scale.

    Attributes:
        sampler: the sampler's name; what ``auto`` chose, if it did.
        why: why it was chosen; empty where it was named.
    """

    def __init__(self, searching: Searching, directions: Sequence[Direction], name: str) -> None:
        self.sampler, self.why = chosen_sampler(searching, directions)
        self._searching, self._directions, self._name = searching, tuple(directions), name
        self._space = searching.space
        self._distributions = {each.name: drawn_from(each) for each in self._space}
        points = few_points(self._space, MOST_POINTS if self.sampler == "grid" else MOST_COMPARED)
        self._points = None if points is None else spread(points)
        self._begin({})

    def _begin(self, notes: Mapping[str, Any]) -> None:
        """Forget everything that was told."""
        self._told: list[Told] = []
        self._tried: set[_Key] = set()
        self._memory = _Memory()
        with calm(silent=True):
            self._study = optuna.create_study(
                storage=self._memory, study_name=self._name, directions=list(self._directions)
            )
        self._id = self._memory.get_study_id_from_name(self._name)
        for key, value in notes.items():
            self._memory.set_study_system_attr(self._id, key, value)

    def batch(
        self,
        told: Sequence[Told],
        count: int,
        number: int,
        study_notes: Mapping[str, Any] | None = None,
        fixed: Sequence[Settings] = (),
    ) -> tuple[list[Asked], dict[str, Any]]:
        """Return the next settings to try, and what the sampler noted of the whole search.

        Args:
            told: what became of all settings of the batches before, in the order in which they
                were asked for.
            count: how many are wanted. There are fewer only where the space has no others that
                were not tried; none where it has none.
            number: of this batch, from 0.
            study_notes: what the batch before returned as its second part; JSON values.
            fixed: settings to be tried before any that the sampler gives: those of them that were
                not tried yet come first.
        """
        seed = zlib.crc32(f"{self._name}/{number}".encode())
        sampler = self._sampler(seed)
        if isinstance(sampler, GPSampler) and len(self._directions) == 1:
            told = without_outliers(told, self._directions[0])
        with calm(silent=True), one_thread(sampler):
            self._remember(told, dict(study_notes or {}), _takes_values(sampler))
            self._study.sampler = sampler
            asked: list[Asked] = []
            tried = set(self._tried)
            for settings in fixed:
                if len(asked) < count and self._key(settings) not in tried:
                    asked.append(self._given(settings, self._generation(sampler)))
                    tried.add(self._key(settings))
            for new in self._new(tried):
                if len(asked) >= count:
                    break
                asked.append(new)
                tried.add(self._key(new.settings))
            self._memory.keep(self._id, len(self._told))
        return _state_once(asked), dict(self._memory.get_study_system_attrs(self._id))

    def _sampler(self, seed: int) -> BaseSampler:
        """Return the sampler of a batch; that of a grid is never asked."""
        name = "random" if self.sampler == "grid" else self.sampler
        lasting = zlib.crc32(self._name.encode())
        return make_sampler(name, self._searching, seed, lasting)

    def _remember(self, told: Sequence[Told], notes: Mapping[str, Any], takes_values: bool) -> None:
        """Fill the study with what was told, but for what it holds already."""
        known = len(self._told)
        same_notes = dict(self._memory.get_study_system_attrs(self._id)) == notes
        if list(told[:known]) != self._told or not same_notes:
            self._begin(notes)
        for each in told[len(self._told) :]:
            self._study.add_trial(self._finished(each, takes_values))
            self._told.append(each)
            self._tried.add(self._key(each.settings))

    def _finished(self, told: Told, takes_values: bool) -> FrozenTrial:
        """Return what was told as a trial of Optuna's.

        Optuna's samplers leave out trials in the state FAIL, and would propose what failed again.
        TPE ranks a trial that is PRUNED without a report below all others, and one with a report
        by its last epoch; with several objectives it takes no reports. The others know COMPLETE
        alone: to these a failure is the worst value, and a pruned trial has that of its last epoch.
        A trial without constraints would be feasible.
        """
        several = len(self._directions) > 1
        values = told.values
        failed = len(values) != len(self._directions) or not all(map(math.isfinite, values))
        given: dict[str, Any] = {"state": TrialState.COMPLETE, "values": list(values)}
        if failed or (told.pruned and several):
            given["values"] = [
                math.inf if each == "minimize" else -math.inf for each in self._directions
            ]
        if not takes_values and (failed or told.pruned):
            given = {"state": TrialState.PRUNED}
        if not several and not failed:
            given["intermediate_values"] = dict(told.curve)
        return create_trial(
            params=dict(told.settings),
            distributions={name: self._distributions[name] for name in told.settings},
            constraints=self._constraints(told, failed),
            system_attrs=dict(told.notes),
            **given,
        )

    def _constraints(self, told: Told, failed: bool) -> dict[str, float]:
        count = len(self._searching.constraints)
        known = () if failed else told.excesses
        excesses = [*known, *[math.inf] * count][:count]
        return {
            str(place): math.inf if math.isnan(each) else each
            for place, each in enumerate(excesses)
        }

    def _new(self, tried: set[_Key]) -> Iterator[Asked]:
        """Yield settings that were not tried, as long as there are any; the caller adds them."""
        if self.sampler == "grid":
            yield from (Asked(each) for each in self._points or () if self._key(each) not in tried)
            return
        while self._points is None or len(tried) < len(self._points):
            yield self._proposed(tried)

    def _proposed(self, tried: set[_Key]) -> Asked:
        """Return what the sampler proposes, or what is nearest to it and was not tried.

        In a space that is too large to look through, it may be what was tried.
        """
        for attempt in range(AGAIN):
            settings = self._asked()
            notes = _noted(self._last())
            new = self._key(settings) not in tried
            if new or (attempt == AGAIN - 1 and self._points is None):
                break
            self._memory.keep(self._id, self._last().number)
        else:
            nearest = min(
                (each for each in self._points or () if self._key(each) not in tried),
                key=partial(self._distance, settings),
            )
            return self._given(nearest, notes)
        return Asked(settings, notes)

    def _given(self, settings: Settings, notes: Mapping[str, Any]) -> Asked:
        """Let a running trial have settings that are not the sampler's."""
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(settings),
                distributions={name: self._distributions[name] for name in settings},
                system_attrs=dict(notes),
            )
        )
        return Asked(dict(settings), notes)

    def _generation(self, sampler: BaseSampler) -> dict[str, Any]:
        """Return the note with which settings that are given count as one of the population."""
        if not isinstance(sampler, BaseGASampler):
            return {}
        self._study.ask()
        sampler.get_trial_generation(self._study, self._last())
        notes = _noted(self._last())
        self._memory.keep(self._id, self._last().number)
        return notes

    def _asked(self) -> dict[str, Value]:
        """Return what the sampler proposes; a sampler of others may break.

        Raises:
            HarnessError: it did.
        """
        try:
            return self._suggested(self._study.ask())
        except Exception as error:
            if ":" not in self.sampler:
                raise
            raise HarnessError(
                f"the sampler {self.sampler!r} must propose settings",
                f"{type(error).__name__}: {error}",
                "Mend it, or take sampler 'tpe'.",
            ) from error

    def _suggested(self, trial: Trial) -> dict[str, Value]:
        """Return settings that a trial is given one after another, each if it is in use."""
        out: dict[str, Value] = {}
        for each in self._space:
            if not self._space.in_use(each, out):
                continue
            if isinstance(each, Choice):
                chosen: Value = trial.suggest_categorical(each.name, each.plain)  # type: ignore[assignment]
                out[each.name] = chosen
            elif isinstance(each, Float):
                found = trial.suggest_float(each.name, each.low, each.high, log=each.log)
                out[each.name] = each.rounded(found)
            else:
                step = each.step
                out[each.name] = trial.suggest_int(
                    each.name, each.low, each.high, log=each.log, step=step
                )
        return out

    def _last(self) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[-1]

    def _key(self, settings: Settings) -> _Key:
        """Return settings in the order of the space, so that they can be compared."""
        return tuple(
            (each.name, settings[each.name]) for each in self._space if each.name in settings
        )

    def _distance(self, one: Settings, other: Settings) -> float:
        """Return how far settings lie apart: for each, 0 to 1, and 1 where one has it alone."""
        return sum(_apart(each, one.get(each.name), other.get(each.name)) for each in self._space)


def _apart(setting: Setting, one: Value | None, other: Value | None) -> float:
    if one is None or other is None or isinstance(setting, Choice):
        return float(one != other)
    values = [float(one), float(other), float(setting.low), float(setting.high)]
    a, b, low, high = map(math.log, values) if setting.log else values
    return abs(a - b) / (high - low)


def without_outliers(told: Sequence[Told], direction: Direction) -> list[Told]:
    """Return what was told with values that are far too bad made less so.

    None is then farther from the median than the best one is. A Gaussian process takes values as
    they are: beside one loss of 35, where training diverged, 0.01 and 0.02 would look the same.
    """
    known = [each.values[0] for each in told if each.values and math.isfinite(each.values[0])]
    if not known:
        return list(told)
    middle = statistics.median(known)
    best = min(known) if direction == "minimize" else max(known)
    last = 2 * middle - best
    if last == middle:  # half of them are the best
        return list(told)
    nearer = min if direction == "minimize" else max
    return [
        replace(each, values=(nearer(each.values[0], last),))
        if each.values and math.isfinite(each.values[0])
        else each
        for each in told
    ]


def _takes_values(sampler: BaseSampler) -> bool:
    """Whether a sampler learns from trials in the state COMPLETE alone."""
    return isinstance(sampler, GPSampler | CmaEsSampler | BaseGASampler)


def _noted(trial: FrozenTrial) -> dict[str, Any]:
    """Return what a sampler wrote down of a trial and needs when it is finished."""
    return {
        key: value
        for key, value in trial.system_attrs.items()
        if not key.startswith(_WHILE_RUNNING)
    }


def _state_once(asked: Sequence[Asked]) -> list[Asked]:
    """Leave CMA-ES's state with the first that has it: it is read from any finished trial."""
    out: list[Asked] = []
    had = False
    for each in asked:
        rest = {key: value for key, value in each.notes.items() if not key.startswith(_STATE)}
        out.append(replace(each, notes=rest) if had else each)
        had = had or len(rest) < len(each.notes)
    return out
