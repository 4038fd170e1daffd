"""Trials and records in Optuna's words: parameters, distributions, values and attributes.

What a trial is stands in one attribute, ``trial``, and what became of it in another, ``record``:
in an SQL storage each attribute costs a transaction to write and a row to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import isnan
from types import MappingProxyType
from typing import Any

from optuna.artifacts import ArtifactMeta
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from harness.storing.damage import spoils, trial_wrong
from harness.storing.notes import CODE, ENV
from harness.study.declaration import Declaration
from harness.study.metrics import STEP
from harness.study.settings import Choice, Int, Setting
from harness.trials.outcome import Outcome
from harness.trials.records import Record, State, role_named
from harness.trials.trial import TUNING_SEED, Trial

WITHDRAWN = "withdrawn"
"""The attribute of a trial that counts as never begun."""

CURVE_POINTS = 4
"""So many points of the objective's learning curve are shown by optuna-dashboard; the whole curve
is part of the record. Each costs as much to write as the record itself."""

COLUMNS = 2
"""So many metrics that claims are about get a column of their own in optuna-dashboard."""

OWN = frozenset({"trial", "record", "runner", "reason", "adopted_from", WITHDRAWN})
"""Attributes that no metric may write over."""

STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.PRUNED: "pruned",
}


def parameters(
    study: Declaration, trial: Trial
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return a trial's parameters by name, and what each is drawn from."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    own = trial.role != "need"  # of what others need, the Training says all
    for factor in study.factors if own and trial.arm.levels else ():
        params[factor.name] = trial.arm.levels[factor.name].plain
        distributions[factor.name] = CategoricalDistribution([x.plain for x in factor.named])
    for space in study.tuned if own else ():
        params[space.name] = trial.tuned[space.name]
        distributions[space.name] = FloatDistribution(space.low, space.high, log=space.log)
    for setting in study.search.space if own and study.search is not None else ():
        if setting.name in trial.tuned:  # one that is not in use has no value
            params[setting.name] = trial.tuned[setting.name]
            distributions[setting.name] = drawn_from(setting)
    params["seed"] = trial.seed
    distributions["seed"] = IntDistribution(0, max(TUNING_SEED, trial.seed))
    return params, distributions


def drawn_from(setting: Setting) -> BaseDistribution:
    """Return what a setting of a search is drawn from; a choice from its plain values."""
    if isinstance(setting, Choice):
        return CategoricalDistribution(setting.plain)
    if isinstance(setting, Int):
        return IntDistribution(setting.low, setting.high, log=setting.log, step=setting.step)
    return FloatDistribution(setting.low, setting.high, log=setting.log)


def parameters_of(
    study: Declaration, record: Record
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return the parameters of a record that others made, and what each is drawn from."""
    params: dict[str, Any] = dict(record.levels)
    distributions: dict[str, BaseDistribution] = {
        factor.name: CategoricalDistribution([x.plain for x in factor.named])
        for factor in study.factors
    }
    for name, value in record.tuned.items():  # from which space it was chosen is not known
        params[name], distributions[name] = value, FloatDistribution(float(value), float(value))
    params["seed"] = record.seed
    distributions["seed"] = IntDistribution(0, max(TUNING_SEED, record.seed))
    return params, distributions


def description(trial: Trial, code: str) -> dict[str, Any]:
    """Return the attribute ``trial``; ``code`` names the note that holds the trial's code.

    Of a search it says which parameters are settings: their kinds do not tell them from levels.
    """
    named = {"settings": list(trial.tuned)} if trial.searched else {}
    return {
        **named,
        "key": trial.key,
        "arm": trial.owner,
        "role": trial.role,
        "code": code,
        "training": dict(trial.written),
    }


def written(outcome: Outcome, env: str) -> dict[str, Any]:
    """Return the attribute ``record``; ``env`` names the note that holds the environment."""
    return {
        "metrics": {name: float(value) for name, value in outcome.metrics.items()},
        "curves": {name: [float(x) for x in values] for name, values in outcome.curves.items()},
        "cost": dict(outcome.cost),
        "layers": {name: [float(x) for x in values] for name, values in outcome.layers.items()},
        "env": env,
    }


def artifact(name: str) -> tuple[str, str]:
    """Return the attribute, and its value, by which Optuna knows an artifact of a trial."""
    about = ArtifactMeta(name, filename=name, mimetype="application/octet-stream", encoding=None)
    return f"artifacts:{name}", json.dumps(asdict(about))


def columns(study: Declaration, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that get a column: the first that the study's claims are about."""
    names = dict.fromkeys(claim.metric for claim in study.claims)
    shown = [name for name in names if name in metrics and name not in {study.objective, *OWN}]
    return {name: float(metrics[name]) for name in shown[:COLUMNS]}


def curve_points(curves: Mapping[str, Sequence[float]], name: str) -> dict[int, float]:
    """Return evenly spread points of a learning curve; the last is among them.

    They are by epoch, from 1, or by the step at which they were reported; one that has no value is
    left out.
    """
    curve = curves.get(name, ())
    steps = curves.get(STEP, range(1, len(curve) + 1))
    known = [(int(at), float(y)) for at, y in zip(steps, curve, strict=True) if not isnan(y)]
    count = min(len(known), CURVE_POINTS)
    return dict(known[len(known) * (place + 1) // count - 1] for place in range(count))


def described(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the attribute ``trial``; empty where there is none, or a damaged one."""
    found = trial.user_attrs.get("trial")
    return found if isinstance(found, dict) and isinstance(found.get("key"), str) else {}


def wrong_with(trial: FrozenTrial) -> dict[str, str]:
    """Return what is damaged in a trial, by part; nothing is, in one that was withdrawn."""
    if WITHDRAWN in trial.user_attrs:
        return {}
    return trial_wrong(trial, STATES.get(trial.state, "failed"))


def record_of(trial: FrozenTrial, study: str, scale: str, notes: Mapping[str, Any]) -> Record:
    """Return the record of a trial; ``notes`` are the attributes of its Optuna study."""
    about = described(trial)
    kinds = trial.distributions
    state = STATES.get(trial.state, "failed")
    wrote = _wrote(trial)
    done = wrote if state in {"complete", "pruned"} else {}
    searched = about.get("settings")
    return Record(
        study=study,
        scale=scale,
        arm=about["arm"],
        levels={
            name: value
            for name, value in trial.params.items()
            if isinstance(kinds[name], CategoricalDistribution) and name not in (searched or ())
        },
        seed=trial.params["seed"],
        role=role_named(about["role"]),
        tuned={
            name: value
            for name, value in trial.params.items()
            if (
                isinstance(kinds[name], FloatDistribution) if searched is None else name in searched
            )
        },
        key=about["key"],
        state=state,
        reason=trial.user_attrs.get("reason", "") if state == "failed" else "",
        metrics=done.get("metrics", {}),
        curves=_tuples(done.get("curves", {})),
        cost=done.get("cost", {}),
        env=notes.get(f"{ENV}{wrote.get('env')}", {}),
        code=notes.get(f"{CODE}{about['code']}", {}),
        training=about["training"],
        number=trial.number,
        finished=utc(trial.datetime_complete),
        layers=_tuples(done.get("layers", {})),
    )


def _wrote(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the attribute ``record``; what a killed process left in a running trial is none."""
    found = trial.user_attrs.get("record", {})
    return found if trial.state.is_finished() and isinstance(found, dict) else {}


def _tuples(lists: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(values) for name, values in lists.items()}


def utc(moment: datetime | None) -> str:
    """Write a moment as ISO 8601 in UTC; Optuna keeps local time without a zone."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(moment.timestamp(), UTC).isoformat(timespec="seconds")


class Book:
    """The trials of one Optuna study, each translated when it is first seen and when it ends.

    Optuna changes no trial that has ended and removes none, so that looking again costs time only
    for what is new and what was running.
    """

    def __init__(
        self,
        study: str,
        scale: str,
        note: Callable[[str], Any],
        notice: Callable[[int, str, str], None],
    ) -> None:
        """Begin an empty book.

        Args:
            study: the study's name.
            scale: the scale's name.
            note: returns an attribute of the Optuna study, ``None`` where there is none.
            notice: told of what is damaged: a trial's number, the part, and what is wrong.
        """
        self._study = study
        self._scale = scale
        self._note = note
        self._notice = notice
        self.ended = 0
        self._seen = 0
        self._unended: list[int] = []
        self._running: dict[int, FrozenTrial] = {}
        self._same: dict[str, dict[int, FrozenTrial]] = {}
        self._records: dict[int, Record] = {}
        self._done: dict[str, Record] = {}
        self._ignored: frozenset[int] = frozenset()

    def update(self, trials: Sequence[FrozenTrial]) -> None:
        """Take in all trials of the study, in the order of their numbers.

        They have no gaps, unless somebody has deleted a row, which is damage, too.
        """
        if trials and trials[-1].number >= len(trials) and self._seen < len(trials):
            gone = sorted({*range(trials[-1].number)} - {trial.number for trial in trials})
            for number in gone:
                self._notice(number, "row", "there is none")
        looked = [*self._unended, *range(self._seen, len(trials))]
        self._seen = len(trials)
        self._unended = []
        for place in looked:
            trial = trials[place]
            if trial.state.is_finished():
                self.ended += 1
            else:
                self._unended.append(place)
            wrong = wrong_with(trial)
            for part, what in wrong.items():
                self._notice(trial.number, part, what)
            if any(map(spoils, wrong)) or not described(trial):
                self._leave_out(trial.number)
            else:
                self._take_in(trial.number, trial)

    def records(self) -> tuple[Record, ...]:
        """Return every record, in the order in which trials began, but for withdrawn ones."""
        return tuple(self._records.values())

    def done(self, ignored: frozenset[int]) -> Mapping[str, Record]:
        """Return the newest finished or failed record of each key, but for those ignored by number.

        It is a view of what this book knows, which changes when the book is brought up to date.
        """
        if ignored != self._ignored:
            self._ignored, self._done = ignored, {}
            for key in self._same:
                self._settle(key)
        return MappingProxyType(self._done)

    def trials(self, key: str) -> list[FrozenTrial]:
        """Return the trials of a key that were not withdrawn, oldest first."""
        found = self._same.get(key, {})
        return [found[number] for number in sorted(found)]

    def newest(self, key: str) -> FrozenTrial | None:
        """Return the newest trial of a key that was not withdrawn, if there is one."""
        found = self._same.get(key)
        return found[max(found)] if found else None

    def running(self) -> tuple[FrozenTrial, ...]:
        """Return every trial that has not ended."""
        return tuple(self._running.values())

    def _leave_out(self, number: int) -> None:
        """Take a trial for never begun, which is damaged, and may have been whole before."""
        before = self._running.pop(number, None)
        if before is not None:
            self._same[described(before)["key"]].pop(number, None)
            self._records.pop(number, None)

    def _take_in(self, number: int, trial: FrozenTrial) -> None:
        ended = trial.state.is_finished()
        if ended:
            self._running.pop(number, None)
        else:
            self._running[number] = trial
        about = described(trial)
        same = self._same.setdefault(about["key"], {})
        if WITHDRAWN in trial.user_attrs:
            same.pop(number, None)
            self._records.pop(number, None)
            return
        same[number] = trial
        if ended or number not in self._records:
            env = _wrote(trial).get("env")
            names = [f"{CODE}{about['code']}", *([f"{ENV}{env}"] if env else [])]
            # a note that is not there is looked for anew: all notes are read, the plan among them
            notes = {name: self._note(name) or {} for name in names}
            self._records[number] = record_of(trial, self._study, self._scale, notes)
        if ended:
            self._settle(about["key"])

    def _settle(self, key: str) -> None:
        ended = [
            number
            for number, trial in self._same[key].items()
            if trial.state.is_finished() and number not in self._ignored
        ]
        if ended:
            self._done[key] = self._records[max(ended)]
