"""Equal tuning of arms: the same space, the same number of settings tried, chosen on validation.

The first settings tried are the same in every arm: the default, then points that fill the space
evenly (Halton's sequence). The rest come from Optuna's TPE (Bergstra et al. 2011; Watanabe 2023,
https://arxiv.org/abs/2304.11127), seeded by the arm and the position alone: what is tried follows
from what was seen, however often the run was interrupted and whoever took part in it.

A setting that changes nothing in an arm, as the strength of a penalty where there is none, is not
searched there; where none changes anything, nothing is tuned.
"""

from __future__ import annotations

import itertools
import math
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from harness.judging.pairing import value
from harness.messages.errors import HarnessError
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.factors import Tuned
from harness.study.looks import Looks
from harness.study.metrics import metric_named
from harness.study.study import Study
from harness.trials.records import Record, Role
from harness.trials.trial import TUNING_SEED, Trial, Unseeded, defaults, evaluation_seeds, unseeded
from harness.trials.tuning import ArmTuning

Settings = dict[str, float]
Tried = tuple[Settings, float | None]
"""Settings and the objective that they reached, ``None`` where the trial failed."""


def first_settings(study: Study, budget: int, searched: Sequence[Tuned]) -> list[Settings]:
    """Return the settings with which an arm begins: at most three, or half of the budget.

    Args:
        study: what is tuned.
        budget: how many settings an arm may try.
        searched: those of the tuned settings that are searched in it; the others keep their
            defaults.
    """
    count = min(budget, max(3, budget // 2))
    bases = list(itertools.islice(_primes(), len(searched)))
    spread = [
        defaults(study)
        | {
            each.name: each.at(radical_inverse(number, base))
            for each, base in zip(searched, bases, strict=True)
        }
        for number in range(1, count + 1)
    ]
    out = [defaults(study)]
    for settings in spread:
        if len(out) < count and settings not in out:
            out.append(settings)
    return out


def radical_inverse(number: int, base: int) -> float:
    """Return the digits of a number behind the point: 6, which is 110 in base 2, gives 0.011.

    Those of 1, 2, 3... in the first primes are Halton's points (1960,
    https://doi.org/10.1007/BF01386213), rounded here as in ``scipy.stats.qmc``, whose import would
    take longer than planning a study does.
    """
    share, place = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        share += digit * place
        place /= base
    return share


def _primes() -> Iterator[int]:
    known: list[int] = []
    for number in itertools.count(2):
        if all(number % prime for prime in known):
            known.append(number)
            yield number


def next_settings(
    study: Study, scale: str, arm: str, tried: Sequence[Tried], searched: Sequence[Tuned]
) -> Settings:
    """Return what TPE tries after ``tried``.

    Args:
        study: what is tuned, and by which objective.
        scale: the scale's name.
        arm: the arm's name.
        searched: those of the tuned settings that are searched in it.
        tried: everything tried in this arm so far, in order.
    """
    better = metric_named(study.objective).better
    space: dict[str, BaseDistribution] = {
        x.name: FloatDistribution(x.low, x.high, log=x.log) for x in searched
    }
    seed = zlib.crc32(f"{study.name}/{scale}/{arm}/{len(tried)}".encode())
    memory = optuna.create_study(
        direction="maximize" if better == "higher" else "minimize",
        sampler=optuna.samplers.TPESampler(n_startup_trials=1, seed=seed),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for settings, objective in tried:
            # A pruned trial without a report ranks below every finished one: where training
            # diverged is where not to look again.
            state = TrialState.PRUNED if objective is None else TrialState.COMPLETE
            memory.add_trial(
                create_trial(
                    state=state,
                    value=objective,
                    distributions=dict(space),
                    params={name: settings[name] for name in space},
                )
            )
        found = memory.ask(space).params
    return defaults(study) | {
        each.name: min(max(float(f"{found[each.name]:.6g}"), each.low), each.high)
        for each in searched
    }


@dataclass(frozen=True)
class Outlook:
    """What is known, at some moment of a run, of what is to be run.

    Attributes:
        planned: every trial whose key is known by now: teachers, then tuning, then the rest.
        ready: those of them that are neither finished nor waiting for another.
        total: number of trials once all are known.
        chosen: the settings of each arm whose tuning is over, by arm name.
        tuning: how they were chosen.
        teachers: keys of those planned whose networks others learn from.
    """

    planned: tuple[Trial, ...]
    ready: tuple[Trial, ...]
    total: int
    chosen: Mapping[str, Settings]
    tuning: tuple[ArmTuning, ...]
    teachers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Part:
    """What is known of one arm.

    Attributes:
        trials: its tuning trials known by now.
        records: what had become of each when this was worked out, ``None`` where nothing had.
        settings: what was chosen; ``None`` before.
        tuning: how it was chosen.
        evaluations: its evaluation trials, known once the settings are.
    """

    trials: tuple[Trial, ...]
    records: tuple[Record | None, ...]
    settings: Settings | None = None
    tuning: tuple[ArmTuning, ...] = ()
    evaluations: tuple[Trial, ...] = ()


class Planner:
    """Works out what is to be run next from what is done: the same answer in every process."""

    def __init__(
        self,
        study: Study,
        scale: str,
        seeds: int | None,
        *,
        tune: bool,
        looks: Looks | None = None,
    ) -> None:
        self.study = study
        self.scale = scale
        self.looks = looks
        self.seeds = evaluation_seeds(study, scale, looks.seeds[-1] if looks else seeds)
        self.budget = study.budget(scale) if tune else 0
        self.arms = study.arms(scale)
        first = looks.seeds[0] if looks else len(self.seeds)
        self.need = {arm.name: first for arm in self.arms}
        self._arms = {arm.name: arm for arm in self.arms}
        self._made: dict[tuple[str, int, tuple[tuple[str, float], ...]], Trial] = {}
        self._built: dict[tuple[str, tuple[tuple[str, float], ...]], Unseeded] = {}
        self._suggested: dict[tuple[str, int], tuple[list[Tried], Settings]] = {}
        self._searched: dict[str, tuple[Tuned, ...]] = {}
        self._first: dict[tuple[Tuned, ...], list[Settings]] = {}
        self._part_of: dict[str, _Part] = {}
        self._planned_from: tuple[list[_Part], dict[str, int]] | None = None
        self._planned: tuple[Trial, ...] = ()
        self._known: dict[str, Trial] = {}
        self._teachers: dict[str, Trial] = {}
        self._extra = 0
        self._teachers_of: int | None = None

    @property
    def declaration(self) -> Declaration:
        """What the study declares at this scale."""
        return self.study.declaration(self.scale)

    def outlook(self, done: Mapping[str, Record]) -> Outlook:
        """Return what is to be run.

        Args:
            done: the finished and failed records by key.
        """
        parts = [self._part(arm, done) for arm in self.arms]
        while self._look_again(parts, done):
            pass
        if (parts, self.need) != self._planned_from:
            self._planned_from = parts, dict(self.need)
            tuning = [trial for part in parts for trial in part.trials]
            wanted = [trial for part in parts for trial in self._wanted(part)]
            own = (*tuning, *wanted)
            self._teachers = {each.key: each for trial in own for each in _teachers(trial)}
            self._extra = len(self._teachers.keys() - {trial.key for trial in own})
            self._planned = (*self._teachers.values(), *own)
            self._known = {trial.key: trial for trial in self._planned}
        return Outlook(
            planned=self._planned,
            ready=tuple(
                trial
                for key, trial in self._known.items()
                if key not in done and (trial.teacher is None or trial.teacher.key in done)
            ),
            total=sum(self.trials(arm.name) for arm in self.arms)
            + max(self._extra, self._expected(parts)),
            chosen={
                arm.name: part.settings
                for arm, part in zip(self.arms, parts, strict=True)
                if part.settings is not None
            },
            tuning=tuple(each for part in parts for each in part.tuning),
            teachers=frozenset(self._teachers),
        )

    def _expected(self, parts: Sequence[_Part]) -> int:
        """Return how many teachers there will be, by the default settings of arms being tuned."""
        if all(part.evaluations for part in parts):
            return 0
        if self._teachers_of is None:
            default = defaults(self.study)
            trials = [self._make(arm, TUNING_SEED, default) for arm in self.arms]
            taught = [trial.arm for trial in trials if trial.teacher is not None]
            trials += [
                self._make(arm, seed, default)
                for arm in taught
                for seed in self.seeds[: self.need[arm.name]]
            ]
            keys = {each.key for trial in trials for each in _teachers(trial)}
            self._teachers_of = len(keys - {trial.key for trial in trials})
        return self._teachers_of

    def trials(self, arm: str) -> int:
        """Return how many trials an arm has, as far as is known by now."""
        return self._budget(arm) + self.need[arm]

    def _budget(self, arm: str) -> int:
        return self.budget if self.searched(arm) else 0

    def searched(self, arm: str) -> tuple[Tuned, ...]:
        """Return the settings that are searched in an arm: those that change its training.

        Each is set to both ends of its space, beside the default and two more settings.
        """
        if arm not in self._searched:
            own = self._arms[arm]
            self._searched[arm] = tuple(
                each for each in self.study.tuned if self._matters(own, each)
            )
        return self._searched[arm]

    def _begin(self, searched: tuple[Tuned, ...]) -> list[Settings]:
        if searched not in self._first:
            self._first[searched] = first_settings(self.study, self.budget, searched)
        return self._first[searched]

    @cached_property
    def _beside(self) -> list[Settings]:
        """The settings beside which it is looked at whether one matters."""
        return first_settings(self.study, 3, self.study.tuned)

    def _matters(self, arm: Arm, setting: Tuned) -> bool:
        for beside in self._beside:
            low, high = (
                self._written(arm, {**beside, setting.name: end})
                for end in (setting.low, setting.high)
            )
            if low != high:
                return True
        return False

    def _written(self, arm: Arm, settings: Settings) -> Mapping[str, Any]:
        with _naming(arm, settings):
            return self._build(arm, settings).written

    def _wanted(self, part: _Part) -> tuple[Trial, ...]:
        """Return the evaluation trials of an arm that are to be run."""
        if not part.evaluations:
            return ()
        return part.evaluations[: self.need[part.evaluations[0].arm.name]]

    def _look_again(self, parts: Sequence[_Part], done: Mapping[str, Record]) -> bool:
        """Give undecided claims the seeds of their next look once this one's trials have ended."""
        if self.looks is None or not all(part.evaluations for part in parts):
            return False
        wanted = [trial for part in parts for trial in self._wanted(part)]
        if not all(trial.key in done for trial in wanted):
            return False
        from harness.judging.adaptive import (
            seeds_needed,  # imports scipy, for which no plan should wait
        )

        found = {(trial.arm.name, trial.seed): done[trial.key] for trial in wanted}
        need = seeds_needed(self.declaration, found, self.looks)
        grown = {arm: max(count, self.need[arm]) for arm, count in need.items()}
        if grown == self.need:
            return False
        self.need = grown
        return True

    def _part(self, arm: Arm, done: Mapping[str, Record]) -> _Part:
        """Return what is known of one arm; the same object as long as its tuning stands still."""
        known = self._part_of.get(arm.name)
        if known is None or any(
            done.get(trial.key) is not record
            for trial, record in zip(known.trials, known.records, strict=True)
        ):
            self._part_of[arm.name] = known = self._new_part(arm, done)
        return known

    def _new_part(self, arm: Arm, done: Mapping[str, Record]) -> _Part:
        trials, tried = self._tuning(arm, done)
        records = tuple(done.get(trial.key) for trial in trials)
        if len(tried) < self._budget(arm.name):
            return _Part(tuple(trials), records)
        settings, how = choose(self.study, tried)
        tuning = [
            ArmTuning(
                arm=arm.name,
                setting=each.name,
                low=each.low,
                high=each.high,
                log=each.log,
                tried=tuple((values[each.name], objective) for values, objective in tried),
                chosen=settings[each.name],
                how=how,
                edge=edge(each, settings[each.name]) if how == "tuned" else "",
            )
            for each in self.searched(arm.name)
        ]
        evaluations = [self._make(arm, seed, settings) for seed in self.seeds]
        return _Part(tuple(trials), records, settings, tuple(tuning), tuple(evaluations))

    def _tuning(self, arm: Arm, done: Mapping[str, Record]) -> tuple[list[Trial], list[Tried]]:
        """Return the tuning trials of an arm known by now, and those of them that are over."""
        trials: list[Trial] = []
        tried: list[Tried] = []
        budget, searched = self._budget(arm.name), self.searched(arm.name)
        first = self._begin(searched) if budget else []
        for position in range(budget):
            if position < len(first):
                settings = first[position]
            elif len(tried) == position:
                settings = self._suggest(arm, tried)
            else:
                break  # TPE waits for all before it
            trial = self._make(arm, TUNING_SEED, settings)
            trials.append(trial)
            record = done.get(trial.key)
            if record is not None and len(tried) == position:
                tried.append((settings, value(record, self.study.objective)))
        return trials, tried

    def _suggest(self, arm: Arm, tried: list[Tried]) -> Settings:
        place = (arm.name, len(tried))
        known = self._suggested.get(place)
        if known is None or known[0] != tried:
            searched = self.searched(arm.name)
            settings = next_settings(self.study, self.scale, arm.name, tried, searched)
            self._suggested[place] = known = (list(tried), settings)
        return known[1]

    def _make(self, arm: Arm, seed: int, settings: Settings) -> Trial:
        place = (arm.name, seed, tuple(sorted(settings.items())))
        if place not in self._made:
            role: Role = "tune" if seed == TUNING_SEED else "evaluate"
            with _naming(arm, settings):
                self._made[place] = self._build(arm, settings).trial(seed, role)
        return self._made[place]

    def _build(self, arm: Arm, settings: Settings) -> Unseeded:
        """Return what an arm trains with some settings, which is built once for all seeds."""
        place = (arm.name, tuple(sorted(settings.items())))
        if place not in self._built:
            self._built[place] = unseeded(self.study, self.scale, arm, settings)
        return self._built[place]

    def at_defaults(self) -> dict[str, Trial]:
        """Return, by arm name, the trial that the tuning of an arm begins with."""
        settings = defaults(self.study)
        return {arm.name: self._make(arm, TUNING_SEED, settings) for arm in self.arms}

    def check_space(self) -> None:
        """Check that settings can be built at both ends of their space, in every arm.

        Raises:
            HarnessError: they cannot.
        """
        for arm in self.arms if self.budget else ():
            for each in self.study.tuned:
                for end in (each.low, each.high):
                    self._make(arm, TUNING_SEED, {**defaults(self.study), each.name: end})


@contextmanager
def _naming(arm: Arm, settings: Settings) -> Iterator[None]:
    """Let errors say with which settings of which arm they arose."""
    try:
        yield
    except HarnessError as error:
        if not settings:
            raise
        shown = ", ".join(f"{name} = {value:.4g}" for name, value in settings.items())
        raise HarnessError.relayed(f"arm {arm.name} with {shown}", str(error)) from error


def _teachers(trial: Trial) -> Iterator[Trial]:
    """Yield the teacher of a trial after that one's own teacher, and so on."""
    if trial.teacher is not None:
        yield from _teachers(trial.teacher)
        yield trial.teacher


def choose(study: Study, tried: Sequence[Tried]) -> tuple[Settings, str]:
    """Return the best settings tried and how they were chosen; the default where all failed."""
    best: Tried | None = None
    sign = 1 if metric_named(study.objective).better == "higher" else -1
    for settings, objective in tried:
        if objective is not None and (best is None or sign * objective > sign * (best[1] or 0.0)):
            best = (settings, objective)
    if best is None:
        return defaults(study), "declared default"
    return best[0], "tuned"


def edge(tuned: Tuned, value: float) -> str:
    """Return on which edge of its space a value lies: within a twentieth of it, or neither."""
    low, high = tuned.low, tuned.high
    if tuned.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    share = (value - low) / (high - low)
    return "lower" if share <= 0.05 else "upper" if share >= 0.95 else ""
