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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.optuna_study import fitting, make, named
from harness.plan import Trial
from harness.records import Record
from harness.runner import Runner
from harness.store import Store
from harness.study import Study
from harness.translate import WITHDRAWN, curves_text, parameters, record_of


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

    def __init__(self, store: Store, study: Study, scale: str, name: str = "") -> None:
        """Open what is recorded of a study at a scale; what is not there yet is made.

        Args:
            store: where it is recorded.
            study: the study.
            scale: the scale's name.
            name: the Optuna study's name, where it is known.
        """
        self.store = store
        self.study = study
        self.scale = scale
        self._me = str(Runner.here())
        with store.errors():
            name = name or fitting(store, study, scale) or make(store, study, scale)
            self._optuna = optuna.load_study(storage=store.storage, study_name=name)
            self._id = store.storage.get_study_id_from_name(name)

    @classmethod
    def existing(cls, store: Store, study: Study, scale: str) -> list[Ledger]:
        """Return what is recorded of a study at a scale, without making anything.

        There are several where levels were changed; the one whose levels are the study's now
        comes last.
        """
        with store.errors():
            names = [name for name, _ in named(store, study, scale)]
            current = fitting(store, study, scale)
        names.sort(key=lambda name: name == current)
        return [cls(store, study, scale, name) for name in names]

    # -- reading ---------------------------------------------------------------------------

    def records(self) -> tuple[Record, ...]:
        """Return every record, in the order in which trials began."""
        with self.store.errors():
            trials = self._optuna.get_trials(deepcopy=False)
            notes = self.store.storage.get_study_user_attrs(self._id)
        return tuple(
            record_of(trial, self.study.name, self.scale, notes)
            for trial in trials
            if WITHDRAWN not in trial.user_attrs
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
        self, wanted: Sequence[Trial], count: int, retry: Collection[int] = ()
    ) -> list[Claimed]:
        """Undertake up to ``count`` of the trials that nobody has run or is running.

        A trial that a dead process left running is taken over. Files are locked meanwhile; on a
        database server two processes may insert the same trial at the same moment, and then all
        but the first withdraw.

        Args:
            wanted: trials, most urgent first, without those that this process is running.
            count: at most so many.
            retry: numbers of failed trials that are to be run again.
        """
        claimed: list[Claimed] = []
        with self.store.errors(), self.store.lock():
            last = self._latest()
            for trial in wanted:
                if len(claimed) >= count:
                    break
                found = last.get(trial.key)
                if found is None or (found.state == TrialState.FAIL and found.number in retry):
                    claimed.append(Claimed(trial, self._insert(trial)))
                elif found.state == TrialState.RUNNING and not self._alive(found):
                    taken = self._take_over(found)
                    claimed += [Claimed(trial, taken)] if taken is not None else []
        if self.store.path is None and claimed:
            claimed = [each for each in claimed if self._mine(each)]
        return claimed

    def release(self, claimed: Claimed) -> None:
        """Give a trial back: whoever wants it may take it over."""
        with self.store.errors(), _finished_elsewhere():
            self.store.storage.set_trial_user_attr(claimed.trial_id, "runner", "")

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
        with self.store.errors(), _finished_elsewhere():
            for step, value in enumerate(curves.get(self.study.objective, ())):
                storage.set_trial_intermediate_value(trial_id, step + 1, value)
            for name, value in {**metrics, **cost}.items():
                storage.set_trial_user_attr(trial_id, name, value)
            storage.set_trial_user_attr(trial_id, "curves", curves_text(curves))
            self._set_env(trial_id, env)
            self._close(trial_id, TrialState.COMPLETE, metrics[self.study.objective])

    def fail(self, claimed: Claimed, reason: str, env: Mapping[str, str]) -> None:
        """Record that a trial failed, and why."""
        with self.store.errors(), _finished_elsewhere():
            self.store.storage.set_trial_user_attr(claimed.trial_id, "reason", reason)
            self._set_env(claimed.trial_id, env)
            self._close(claimed.trial_id, TrialState.FAIL, None)

    def withdraw(self) -> None:
        """Close what dead processes left running and this run has not wanted.

        Such trials count as never begun: other code, fewer seeds, a retry that was broken off.
        """
        with self.store.errors(), self.store.lock():
            for found in self._optuna.get_trials(deepcopy=False):
                if found.state == TrialState.RUNNING and not self._alive(found):
                    taken = self._take_over(found)
                    if taken is not None:
                        self._withdraw(taken, "its process died, and nobody wanted it any more")

    def others_running(self) -> bool:
        """Whether another process is training a trial of any study in this store."""
        storage = self.store.storage
        with self.store.errors():
            for each in storage.get_all_studies():
                identity = storage.get_study_id_from_name(each.study_name)
                running = storage.get_all_trials(
                    identity, deepcopy=False, states=(TrialState.RUNNING,)
                )
                if any(self._alive(trial, identity) for trial in running):
                    return True
        return False

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
            if "key" in trial.user_attrs and WITHDRAWN not in trial.user_attrs
        }

    def _alive(self, trial: FrozenTrial, study_id: int | None = None) -> bool:
        name = str(trial.user_attrs.get("runner", ""))
        if name == self._me:
            return False  # nobody asks for what it is running: its worker must have died
        where = self._id if study_id is None else study_id
        spoken = self.store.storage.get_study_user_attrs(where).get(f"runner/{name}", 0.0)
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
        params, distributions = parameters(self.study, trial)
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
        params, distributions = parameters(self.study, trial)
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

    def _take_over(self, found: FrozenTrial) -> int | None:
        """Make a trial this process's own; ``None`` where it has been finished meanwhile."""
        storage = self.store.storage
        trial_id = storage.get_trial_id_from_study_id_trial_number(self._id, found.number)
        with _finished_elsewhere():
            storage.set_trial_user_attr(trial_id, "runner", self._me)
            return trial_id
        return None

    def _mine(self, claimed: Claimed) -> bool:
        """Whether this is the first unfinished trial of its key; if not, withdraw it."""
        key = claimed.trial.key
        own = self.store.storage.get_trial(claimed.trial_id)
        rivals = [
            trial
            for trial in self._optuna.get_trials(deepcopy=False)
            if trial.user_attrs.get("key") == key
            and WITHDRAWN not in trial.user_attrs
            and trial.number < own.number
            and trial.state in {TrialState.COMPLETE, TrialState.RUNNING}
        ]
        if not rivals:
            return own.user_attrs.get("runner") == self._me
        self._withdraw(claimed.trial_id, "another process had claimed it")
        return False

    def _withdraw(self, trial_id: int, why: str) -> None:
        self.store.storage.set_trial_user_attr(trial_id, WITHDRAWN, why)
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
        values = None if value is None else [value]
        self.store.storage.set_trial_state_values(trial_id, state, values)


def _finished_elsewhere() -> contextlib.suppress:
    """Pass over a trial that another process took for abandoned, and has finished."""
    return contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError)


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
                found = str(trial.user_attrs.get("key", ""))
                if not found.startswith(key) or WITHDRAWN in trial.user_attrs:
                    continue
                record = record_of(trial, notes["harness_study"], notes["harness_scale"], notes)
                known = out.get(found)
                better = known is None or known[0].state != "complete"
                if record.state == "complete" or (record.state == "failed" and better):
                    out[found] = (record, str(notes.get("reference") or ""))
    return list(out.values())
