"""The trials of a study at one scale: equal tuning of every arm, then its evaluation seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.judging.pairing import value
from harness.planning.confirming import (
    best_settings,
    by_fresh_seeds,
    fresh_seeds,
    settings_tried,
)
from harness.planning.datasets import check_scores
from harness.planning.folding import declared_with_folds
from harness.planning.outlook import Outlook, Settings, naming
from harness.planning.tuning import (
    Confirmed,
    Tried,
    choose,
    edge,
    first_settings,
    next_settings,
)
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.factors import Tuned
from harness.study.looks import Looks
from harness.study.study import Study
from harness.trials.records import Record, Role
from harness.trials.trial import (
    TUNING_SEED,
    Trial,
    Unseeded,
    defaults,
    evaluation_seeds,
    unseeded,
)
from harness.trials.tuning import ArmTuning


@dataclass(frozen=True)
class _Part:
    """What is known of one arm.

    Attributes:
        trials: its tuning trials known by now.
        records: what had become of each when this was worked out, ``None`` where nothing had.
        to_tune: how many tuning trials it has: fewer than its budget where so few settings
            finished that there are not enough to confirm.
        settings: what was chosen; ``None`` before.
        tuning: how it was chosen.
        evaluations: its evaluation trials, known once the settings are.
    """

    trials: tuple[Trial, ...]
    records: tuple[Record | None, ...]
    to_tune: int
    settings: Settings | None = None
    tuning: tuple[ArmTuning, ...] = ()
    evaluations: tuple[Trial, ...] = ()


class StudyPlanner:
    """Plans the trials of a study at one scale: equal tuning of every arm, then its seeds.

    It is a :class:`harness.planning.outlook.Planner`.
    """

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
        self.tries = settings_tried(self.budget)
        self.fresh = fresh_seeds(self.budget)
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
        self._needed: dict[str, Trial] = {}
        self._extra = 0
        self._needed_of: int | None = None

    @cached_property
    def _asked(self) -> frozenset[str]:
        """Metrics that claims are about, and the one that settings are chosen by."""
        return frozenset({self.study.objective} | {each.metric for each in self.study.claims})

    @cached_property
    def declaration(self) -> Declaration:
        """What the study declares at this scale, with the folds of its data.

        Raises:
            HarnessError: arms do not have the same folds, or a claim cannot be judged on them.
        """
        return declared_with_folds(self.study, self.scale, self.at_defaults)

    def outlook(self, done: Mapping[str, Record]) -> Outlook:
        """Return what is to be run.

        Args:
            done: the finished and failed records by key.

        Raises:
            HarnessError: a claim cannot be judged on the folds of the data.
        """
        _ = self.declaration  # nothing is to be trained before
        parts = [self._part(arm, done) for arm in self.arms]
        while self._look_again(parts, done):
            pass
        if (parts, self.need) != self._planned_from:
            self._planned_from = parts, dict(self.need)
            tuning = [trial for part in parts for trial in part.trials]
            wanted = [trial for part in parts for trial in self._wanted(part)]
            own = (*tuning, *wanted)
            self._needed = {each.key: each for trial in own for each in trial.all_needs()}
            self._extra = len(self._needed.keys() - {trial.key for trial in own})
            self._planned = (*self._needed.values(), *own)
            self._known = {trial.key: trial for trial in self._planned}
        return Outlook(
            planned=self._planned,
            ready=tuple(
                trial
                for key, trial in self._known.items()
                if key not in done and not trial.waits(done)
            ),
            expected={arm.name: self.trials(arm.name) for arm in self.arms},
            evaluations=sum(self.need.values()),
            total=sum(self.trials(arm.name) for arm in self.arms)
            + max(self._extra, self._expected(parts)),
            chosen={
                arm.name: part.settings
                for arm, part in zip(self.arms, parts, strict=True)
                if part.settings is not None
            },
            tuning=tuple(each for part in parts for each in part.tuning),
            needed=frozenset(self._needed),
        )

    def _expected(self, parts: Sequence[_Part]) -> int:
        """Return how many needs there will be, by the default settings of arms being tuned."""
        if all(part.evaluations for part in parts):
            return 0
        if self._needed_of is None:
            default = defaults(self.study)
            trials = [self._make(arm, TUNING_SEED, default) for arm in self.arms]
            needing = [trial.arm for trial in trials if trial.needs]
            trials += [
                self._make(arm, seed, default)
                for arm in needing
                for seed in (*self.fresh, *self.seeds[: self.need[arm.name]])
            ]
            keys = {each.key for trial in trials for each in trial.all_needs()}
            self._needed_of = len(keys - {trial.key for trial in trials})
        return self._needed_of

    def trials(self, arm: str) -> int:
        """Return how many trials an arm has, as far as is known by now."""
        known = self._part_of.get(arm)
        return (self._budget(arm) if known is None else known.to_tune) + self.need[arm]

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
            self._first[searched] = first_settings(self.study, self.tries, searched)
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
        with naming(arm, settings):
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
        search, tried = self._search(arm, done)
        budget = self._budget(arm.name)
        searching = budget > 0 and len(tried) < self.tries
        again = [] if searching or not budget else self._again(arm, tried)
        trials = (*search, *(trial for _, own in again for trial in own))
        records = tuple(done.get(trial.key) for trial in trials)
        to_tune = budget if searching else len(trials)
        if searching or not all(trial.key in done for _, own in again for trial in own):
            return _Part(trials, records, to_tune)
        better = self.study.metric(self.study.objective).better
        reached: list[Confirmed] = [
            (settings, [value(done[trial.key], self.study.objective) for trial in own])
            for settings, own in again
        ]
        settings, how = choose(self.study, tried, reached)
        places = [values for values, _ in tried]
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
                confirmed=tuple(
                    (places.index(values), tuple(objectives))
                    for values, objectives in by_fresh_seeds(reached, better)
                ),
            )
            for each in self.searched(arm.name)
        ]
        evaluations = [self._make(arm, seed, settings) for seed in self.seeds]
        return _Part(trials, records, to_tune, settings, tuple(tuning), tuple(evaluations))

    def _again(self, arm: Arm, tried: Sequence[Tried]) -> list[tuple[Settings, list[Trial]]]:
        """Return the trials on fresh seeds of the best settings, of which one is then chosen."""
        if not self.fresh:
            return []
        return [
            (settings, [self._make(arm, seed, settings) for seed in self.fresh])
            for settings in best_settings(tried, self.study.metric(self.study.objective).better)
        ]

    def _search(self, arm: Arm, done: Mapping[str, Record]) -> tuple[list[Trial], list[Tried]]:
        """Return the trials of an arm's search known by now, and what those that are over gave."""
        trials: list[Trial] = []
        tried: list[Tried] = []
        searched = self.searched(arm.name)
        tries = self.tries if self._budget(arm.name) else 0
        first = self._begin(searched) if tries else []
        for position in range(tries):
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
            role: Role = "tune" if seed >= TUNING_SEED else "evaluate"
            with naming(arm, settings):
                self._made[place] = self._build(arm, settings).trial(seed, role)
        return self._made[place]

    def _build(self, arm: Arm, settings: Settings) -> Unseeded:
        """Return what an arm trains with some settings, which is built once for all seeds."""
        place = (arm.name, tuple(sorted(settings.items())))
        if place not in self._built:
            built = unseeded(self.study, self.scale, arm, settings)
            check_scores(built.work, arm.name, self._asked)
            self._built[place] = built
        return self._built[place]

    @cached_property
    def at_defaults(self) -> Mapping[str, Trial]:
        """By arm name, the trial that the tuning of an arm begins with: its program is measured."""
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
