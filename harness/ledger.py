"""Records in and out of Optuna storage, which is the only ledger there is.

A harness study at one scale is one Optuna study of that name; a trial's factors, seed and tuned
settings are its parameters, the objective's learning curve its intermediate values, and the rest
user attributes, so that optuna-dashboard shows any run as it is. Should a factor's levels change,
Optuna cannot hold them in the same study, and a second one begins, named ``... (2)``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.errors import HarnessError
from harness.metrics import METRICS, metric_named
from harness.plan import TUNING_SEED, Trial
from harness.records import Record, State
from harness.runner import Runner
from harness.store import Store
from harness.study import Study

FORMAT = 1
"""Version of what is written here, raised when older code could not read it."""

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
_WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Claimed:
    """A trial that this process has undertaken to run.

    Attributes:
        trial: the trial.
        trial_id: its identity in the storage.
    """

    trial: Trial
    trial_id: int


class Ledger:
    """The records of one study at one scale."""

    def __init__(self, store: Store, study: Study, scale: str) -> None:
        """Open what is recorded of a study at a scale; what is not there yet is made."""
        self.store = store
        self.study = study
        self.scale = scale
        self._me = str(Runner.here())
        with store.errors(), store.lock():
            self._optuna = _open_study(store, study, scale)
            storage = store.storage
            self._id = storage.get_study_id_from_name(self._optuna.study_name)
        self._spoken = 0.0

    # -- reading ---------------------------------------------------------------------------

    def records(self) -> tuple[Record, ...]:
        """Return every record, in the order in which trials began."""
        with self.store.errors():
            trials = self._optuna.get_trials(deepcopy=False)
            notes = self.store.storage.get_study_user_attrs(self._id)
        return tuple(
            _record(trial, self.study.name, self.scale, notes)
            for trial in trials
            if _WITHDRAWN not in trial.user_attrs
        )

    def note(self, name: str) -> Any:
        """Return what :meth:`write_note` kept under a name, ``None`` where there is nothing."""
        with self.store.errors():
            return self.store.storage.get_study_user_attrs(self._id).get(name)

    def notes(self, prefix: str) -> dict[str, Any]:
        """Return all notes whose name begins with ``prefix``, by the rest of their name."""
        with self.store.errors():
            found = self.store.storage.get_study_user_attrs(self._id)
        return {
            name.removeprefix(prefix): value
            for name, value in found.items()
            if name.startswith(prefix)
        }

    # -- writing ---------------------------------------------------------------------------

    def write_note(self, name: str, value: Any) -> None:
        """Keep a JSON value with the study."""
        with self.store.errors():
            self.store.storage.set_study_user_attr(self._id, name, value)

    def speak(self) -> None:
        """Say, to processes on other machines, that this one still runs."""
        self.write_note(f"runner/{self._me}", time.time())

    def claim(
        self, wanted: Sequence[Trial], count: int, retry: frozenset[str] = frozenset()
    ) -> list[Claimed]:
        """Undertake up to ``count`` of the trials that nobody has run or is running.

        A trial that a dead process left running is taken over. Files are locked meanwhile; on a
        database server two processes may insert the same trial at the same moment, and then all
        but the first withdraw.

        Args:
            wanted: trials, most urgent first, without those that this process is running.
            count: at most so many.
            retry: keys of failed trials that are to be run again.
        """
        claimed: list[Claimed] = []
        with self.store.errors(), self.store.lock():
            last = self._latest()
            for trial in wanted:
                if len(claimed) >= count:
                    break
                found = last.get(trial.key)
                if found is None or (found.state == TrialState.FAIL and trial.key in retry):
                    claimed.append(Claimed(trial, self._insert(trial)))
                elif found.state == TrialState.RUNNING and not self._alive(found):
                    claimed.append(Claimed(trial, self._take_over(found)))
        if self.store.path is None and claimed:
            claimed = [each for each in claimed if self._mine(each)]
        return claimed

    def finish(
        self,
        claimed: Claimed,
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        cost: Mapping[str, float],
        env: Mapping[str, str],
    ) -> None:
        """Record a finished trial."""
        storage, trial_id = self.store.storage, claimed.trial_id
        with self.store.errors():
            for step, value in enumerate(curves.get(self.study.objective, ())):
                storage.set_trial_intermediate_value(trial_id, step + 1, value)
            for name, value in {**metrics, **cost}.items():
                storage.set_trial_user_attr(trial_id, name, value)
            storage.set_trial_user_attr(trial_id, "curves", _curves_text(curves))
            self._set_env(trial_id, env)
            self._close(trial_id, TrialState.COMPLETE, metrics[self.study.objective])

    def fail(self, claimed: Claimed, reason: str, env: Mapping[str, str]) -> None:
        """Record that a trial failed, and why."""
        with self.store.errors():
            self.store.storage.set_trial_user_attr(claimed.trial_id, "reason", reason)
            self._set_env(claimed.trial_id, env)
            self._close(claimed.trial_id, TrialState.FAIL, None)

    def withdraw(self, planned: Collection[str]) -> None:
        """Close what dead processes left running and nobody plans any more, so that nobody waits.

        Such trials count as never begun: other code, say, or fewer seeds.
        """
        with self.store.errors(), self.store.lock():
            for key, found in self._latest().items():
                left = found.state == TrialState.RUNNING and key not in planned
                if left and not self._alive(found):
                    self._withdraw(
                        self._take_over(found), "its process died, and it is not planned"
                    )

    def adopt(self, trials: Sequence[Trial]) -> int:
        """Copy trials that another study of this store has finished; return how many."""
        storage = self.store.storage
        with self.store.errors(), self.store.lock():
            others = [
                s for s in storage.get_all_studies() if s.study_name != self._optuna.study_name
            ]
            if not others:
                return 0
            have = self._latest()
            wanted = {trial.key: trial for trial in trials if trial.key not in have}
            count = 0
            for other in others:
                other_id = storage.get_study_id_from_name(other.study_name)
                notes = storage.get_study_user_attrs(other_id)
                for found in storage.get_all_trials(
                    other_id, deepcopy=False, states=(TrialState.COMPLETE,)
                ):
                    trial = wanted.pop(found.user_attrs.get("key", ""), None)
                    if trial is not None and self.study.objective in found.user_attrs:
                        self._copy(trial, found, other.study_name, notes)
                        count += 1
        return count

    # -- the Optuna side -------------------------------------------------------------------

    def _latest(self) -> dict[str, FrozenTrial]:
        trials = self._optuna.get_trials(deepcopy=False)
        return {
            trial.user_attrs["key"]: trial
            for trial in trials
            if "key" in trial.user_attrs and _WITHDRAWN not in trial.user_attrs
        }

    def _alive(self, trial: FrozenTrial) -> bool:
        name = str(trial.user_attrs.get("runner", ""))
        if name == self._me:
            return False  # nobody asks for what it is running: its worker must have died
        spoken = self.store.storage.get_study_user_attrs(self._id).get(f"runner/{name}", 0.0)
        return bool(name) and Runner.parse(name).alive(spoken, time.time())

    def _attributes(self, trial: Trial) -> dict[str, Any]:
        return {
            "arm": trial.arm.name,
            "role": trial.role,
            "key": trial.key,
            "code": self._note_once("code", trial.code),
            "training": self._note_once("training", trial.written),
        }

    def _insert(self, trial: Trial) -> int:
        params, distributions = _parameters(self.study, trial)
        return self.store.storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=distributions,
                user_attrs={**self._attributes(trial), "runner": self._me},
            ),
        )

    def _copy(
        self, trial: Trial, found: FrozenTrial, source: str, notes: Mapping[str, Any]
    ) -> None:
        params, distributions = _parameters(self.study, trial)
        attrs = {**found.user_attrs, **self._attributes(trial), "adopted_from": source}
        attrs["env"] = self._note_once("env", notes.get(f"env/{found.user_attrs.get('env')}", {}))
        self.store.storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.COMPLETE,
                value=found.user_attrs[self.study.objective],
                params=params,
                distributions=distributions,
                user_attrs=attrs,
                intermediate_values=found.intermediate_values,
            ),
        )

    def _take_over(self, found: FrozenTrial) -> int:
        storage = self.store.storage
        trial_id = storage.get_trial_id_from_study_id_trial_number(self._id, found.number)
        storage.set_trial_user_attr(trial_id, "runner", self._me)
        return trial_id

    def _mine(self, claimed: Claimed) -> bool:
        """Whether this is the first unfinished trial of its key; if not, withdraw it."""
        key = claimed.trial.key
        own = self.store.storage.get_trial(claimed.trial_id)
        rivals = [
            trial
            for trial in self._optuna.get_trials(deepcopy=False)
            if trial.user_attrs.get("key") == key
            and _WITHDRAWN not in trial.user_attrs
            and trial.number < own.number
            and trial.state in {TrialState.COMPLETE, TrialState.RUNNING}
        ]
        if not rivals:
            return own.user_attrs.get("runner") == self._me
        self._withdraw(claimed.trial_id, "another process had claimed it")
        return False

    def _withdraw(self, trial_id: int, why: str) -> None:
        self.store.storage.set_trial_user_attr(trial_id, _WITHDRAWN, why)
        self._close(trial_id, TrialState.FAIL, None)

    def _set_env(self, trial_id: int, env: Mapping[str, str]) -> None:
        self.store.storage.set_trial_user_attr(trial_id, "env", self._note_once("env", env))

    def _note_once(self, kind: str, value: Mapping[str, Any]) -> str:
        """Keep a mapping that many trials share once with the study; return its short name."""
        text = json.dumps(dict(value), sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        if f"{kind}/{name}" not in self.store.storage.get_study_user_attrs(self._id):
            self.store.storage.set_study_user_attr(self._id, f"{kind}/{name}", dict(value))
        return name

    def _close(self, trial_id: int, state: TrialState, value: float | None) -> None:
        # Another process may have taken this one for dead, and have finished the trial.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self.store.storage.set_trial_state_values(
                trial_id, state, None if value is None else [value]
            )


def find(store: Store, key: str) -> list[tuple[Record, str]]:
    """Return the finished records whose key begins with ``key``, and where their study lies.

    Args:
        store: where to look, in every study.
        key: a trial's key, or the beginning of one.
    """
    out: dict[str, tuple[Record, str]] = {}
    storage = store.storage
    with store.errors():
        for each in storage.get_all_studies():
            identity = storage.get_study_id_from_name(each.study_name)
            notes = storage.get_study_user_attrs(identity)
            if "harness_study" not in notes:
                continue
            for trial in storage.get_all_trials(identity, deepcopy=False):
                if str(trial.user_attrs.get("key", "")).startswith(key):
                    record = _record(trial, notes["harness_study"], notes["harness_scale"], notes)
                    if record.state != "running":
                        out[record.key] = (record, str(notes.get("reference") or ""))
    return list(out.values())


def is_recorded(store: Store, study: Study, scale: str) -> bool:
    """Whether anything was ever run of a study at a scale; opening a ledger would make it so."""
    with store.errors():
        names = {each.study_name for each in store.storage.get_all_studies()}
    return next(_names(study.name, scale)) in names


def _open_study(store: Store, study: Study, scale: str) -> optuna.Study:
    """Open the Optuna study whose factors have the levels declared, or make the next one."""
    storage = store.storage
    levels = {factor.name: [level.plain for level in factor.named] for factor in study.factors}
    names = {each.study_name for each in storage.get_all_studies()}
    for name in _names(study.name, scale):
        if name in names:
            identity = storage.get_study_id_from_name(name)
            attrs = storage.get_study_user_attrs(identity)
            if "format" in attrs or storage.get_n_trials(identity):
                check_format(store, attrs)
                if attrs.get("levels") == levels and attrs.get("objective") == study.objective:
                    return optuna.load_study(storage=storage, study_name=name)
                continue
        # Nobody has it; or whoever began to make it is at it still, or was killed: the same again.
        better = metric_named(study.objective).better
        made = optuna.create_study(
            storage=storage,
            study_name=name,
            direction="maximize" if better == "higher" else "minimize",
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names([study.objective])
        identity = storage.get_study_id_from_name(name)
        for key, value in (
            ("levels", levels),
            ("objective", study.objective),
            ("harness_study", study.name),
            ("harness_scale", scale),
            ("question", study.question),
            ("format", FORMAT),
        ):
            storage.set_study_user_attr(identity, key, value)
        return made
    raise AssertionError("the names never end")


def check_format(store: Store, attrs: Mapping[str, Any]) -> None:
    """Refuse what a newer version wrote.

    Raises:
        HarnessError: it was, or nobody knows what wrote it.
    """
    version = attrs.get("format")
    if not isinstance(version, int):
        raise HarnessError(
            "the store must hold studies of the harness under the names of the harness's studies",
            f"an Optuna study that something else made, in {store.url}",
            "Name another store with --store.",
        )
    if version > FORMAT:
        raise HarnessError(
            f"the store must be of format {FORMAT} or older",
            f"format {version} in {store.url}, written by a newer version",
            "Upgrade with pip install --upgrade ablation-harness, or name another --store.",
        )


def _names(study: str, scale: str) -> Iterator[str]:
    yield f"{study}-{scale}"
    number = 2
    while True:
        yield f"{study}-{scale} ({number})"
        number += 1


def _parameters(study: Study, trial: Trial) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for factor in study.factors:
        params[factor.name] = trial.arm.levels[factor.name].plain
        distributions[factor.name] = CategoricalDistribution([x.plain for x in factor.named])
    for each in study.tuned:
        params[each.name] = trial.tuned[each.name]
        distributions[each.name] = FloatDistribution(each.low, each.high, log=each.log)
    params["seed"] = trial.seed
    distributions["seed"] = IntDistribution(0, TUNING_SEED)
    return params, distributions


def _curves_text(curves: Mapping[str, Sequence[float]]) -> str:
    return json.dumps({name: list(values) for name, values in curves.items()})


def _record(trial: FrozenTrial, study: str, scale: str, notes: Mapping[str, Any]) -> Record:
    attrs = trial.user_attrs
    kinds = trial.distributions
    return Record(
        study=study,
        scale=scale,
        arm=attrs.get("arm", ""),
        levels={
            name: value
            for name, value in trial.params.items()
            if isinstance(kinds[name], CategoricalDistribution)
        },
        seed=trial.params["seed"],
        role=attrs.get("role", "evaluate"),
        tuned={
            name: value
            for name, value in trial.params.items()
            if isinstance(kinds[name], FloatDistribution)
        },
        key=attrs.get("key", ""),
        state=_STATES.get(trial.state, "failed"),
        reason=attrs.get("reason", ""),
        metrics={name: attrs[name] for name in METRICS if name in attrs},
        curves={
            name: tuple(values) for name, values in json.loads(attrs.get("curves", "{}")).items()
        },
        cost={name: attrs[name] for name in ("seconds", "steps", "samples") if name in attrs},
        env=notes.get(f"env/{attrs.get('env')}", {}),
        code=notes.get(f"code/{attrs.get('code')}", {}),
        training=notes.get(f"training/{attrs.get('training')}", {}),
        number=trial.number,
        finished=_utc(trial.datetime_complete),
    )


def _utc(moment: datetime | None) -> str:
    """Write a moment as ISO 8601 in UTC; Optuna keeps local time without a zone."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(moment.timestamp()).astimezone().isoformat(timespec="seconds")
