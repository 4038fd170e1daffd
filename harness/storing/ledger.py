"""Records in and out of Optuna storage, which is the only ledger there is.

A harness study at one scale is one Optuna study of that name; a trial's factors, seed and tuned
settings are its parameters, the objective's learning curve its intermediate values, and the rest
user attributes, so that optuna-dashboard shows any run as it is. Should a factor's levels change,
Optuna cannot hold them in the same study, and a second one begins, named ``... (2)``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.storing.damage import spoils
from harness.storing.leases import Lease, Leases, finished_elsewhere
from harness.storing.notes import CODE, ENV, REFERENCE, WORKING, note_wrong
from harness.storing.optuna_studies import fitting, named
from harness.storing.owners import Runner
from harness.storing.store import Store
from harness.storing.tally import tell_losses, write_tally
from harness.storing.translation import (
    WITHDRAWN,
    artifact,
    columns,
    curve_points,
    described,
    parameters,
    parameters_of,
    record_of,
    written,
    wrong_with,
)
from harness.study.declaration import Declaration
from harness.study.study import Study
from harness.trials.outcome import Outcome
from harness.trials.records import Record
from harness.trials.trial import Trial


class Ledger(Leases):
    """The records of one study at one scale."""

    def __init__(
        self,
        store: Store,
        study: Study | Declaration,
        scale: str,
        name: str = "",
        owner: Runner | None = None,
    ) -> None:
        """Open what is recorded of a study at a scale; what is not there yet is made.

        Args:
            store: where it is recorded.
            study: the study, or what it declares at this scale.
            scale: the scale's name.
            name: the Optuna study's name, where it is known.
            owner: the process in whose name trials are leased; ``None`` is this one.
        """
        super().__init__(store, _at(study, scale), name, owner)
        self._tallied = 0
        self._others: dict[str, optuna.Study] = {}
        if self.made and tell_losses(store, f"{self.declaration.name}-{scale}", {self.name: self}):
            self.tally(anew=True)  # told once

    @classmethod
    def existing(cls, store: Store, study: Study | Declaration, scale: str) -> list[Ledger]:
        """Return what is recorded of a study at a scale, without making anything.

        There are several where levels were changed; the one whose levels are the study's now
        comes last.
        """
        with store.errors():
            names = [name for name, _ in named(store, study.name, scale)]
            current = fitting(store, _at(study, scale))
        names.sort(key=lambda name: name == current)
        ledgers = {name: cls(store, study, scale, name) for name in names}
        tell_losses(store, f"{study.name}-{scale}", ledgers)
        return list(ledgers.values())

    # -- reading ---------------------------------------------------------------------------

    def records(self) -> tuple[Record, ...]:
        """Return every record, in the order in which trials began."""
        return self.read().records()

    def done(self, ignored: frozenset[int] = frozenset()) -> Mapping[str, Record]:
        """Return the newest finished or failed record of each key, but for those ignored by number.

        It is a view, which changes when the ledger is next read. With thousands of trials this
        costs much less than going through :meth:`records`.
        """
        return self.read().done(ignored)

    # -- writing ---------------------------------------------------------------------------

    def finish(self, lease: Lease, outcome: Outcome) -> None:
        """Record what became of a trial.

        Args:
            lease: the trial.
            outcome: finished, with the study's objectives among its metrics, ended early, or
                failed.
        """
        storage, trial_id = self.store.storage, lease.trial_id
        objective, env = self.declaration.objective, outcome.recorded_env
        if outcome.reason:
            self.fail(lease, outcome.reason, env)
            return
        missing = 0.0 if lease.trial.role == "need" or outcome.pruned else math.nan
        values = {
            name: float(outcome.metrics.get(name, missing)) for name in self.declaration.objectives
        }
        for name, value in values.items():
            if math.isnan(value):  # SQL storages cannot keep it as a value
                self.fail(lease, f"diverged: {name} is nan", env)
                return
        state = TrialState.PRUNED if outcome.pruned else TrialState.COMPLETE
        with self.store.errors(), finished_elsewhere(), self.store.together():
            record = written(outcome, self._note_once(ENV, env))
            storage.set_trial_user_attr(trial_id, "record", record)
            if outcome.network:
                storage.set_trial_system_attr(trial_id, *artifact(outcome.network))
            for name, value in columns(self.declaration, outcome.metrics).items():
                storage.set_trial_user_attr(trial_id, name, value)
            for at, value in curve_points(outcome.curves, objective).items():
                storage.set_trial_intermediate_value(trial_id, at, value)
            known = not outcome.pruned or len(values) == 1  # of one ended early, only the first is
            self._close(trial_id, state, [*values.values()] if known else None)

    def fail(self, lease: Lease, reason: str, env: Mapping[str, str]) -> None:
        """Record that a trial failed, and why."""
        storage, trial_id = self.store.storage, lease.trial_id
        with self.store.errors(), finished_elsewhere(), self.store.together():
            record = written(Outcome(), self._note_once(ENV, env))
            storage.set_trial_user_attr(trial_id, "record", record)
            storage.set_trial_user_attr(trial_id, "reason", reason)
            self._close(trial_id, TrialState.FAIL)

    def enter(self, records: Iterable[Record]) -> int:
        """Write down results that others made, but for those that are here; return how many.

        Args:
            records: complete or failed; the same key says the same of the same trial.
        """
        storage = self.store.storage
        with self.store.errors(), self.store.lock(), self.store.together():
            book = self.read()
            new = [record for record in records if not book.trials(record.key)]
            code, env = self._note_once(CODE, {}), self._note_once(ENV, {})
            for record in new:
                params, distributions = parameters_of(self.declaration, record)
                failed = record.state == "failed"
                about = {
                    "key": record.key, "arm": record.arm, "role": record.role, "code": code,
                    "training": {},
                }  # fmt: skip
                attrs = {
                    **columns(self.declaration, record.metrics),
                    "trial": about,
                    "record": written(Outcome(metrics=record.metrics), env),
                    **({"reason": record.reason} if failed else {}),
                }
                value = record.metrics.get(self.declaration.objective)
                storage.create_new_trial(
                    self._id,
                    create_trial(
                        state=TrialState.FAIL if failed else TrialState.COMPLETE,
                        value=value,
                        params=params,
                        distributions=distributions,
                        user_attrs=attrs,
                    ),
                )
        return len(new)

    def adopt(self, trials: Sequence[Trial]) -> int:
        """Copy trials that another study of this store has finished; return how many."""
        storage = self.store.storage
        with self.store.errors(), self.store.lock(), self.store.together():
            book = self.read()
            wanted = {trial.key: trial for trial in trials if not book.trials(trial.key)}
            if not wanted:
                return 0
            count = 0
            for study in storage.get_all_studies():
                name = study.study_name
                if name == self._optuna.study_name:
                    continue
                if name not in self._others:
                    self._others[name] = optuna.load_study(storage=storage, study_name=name)
                for finished in self._others[name].get_trials(
                    deepcopy=False, states=(TrialState.COMPLETE,)
                ):
                    trial = wanted.get(described(finished).get("key", ""))
                    if trial is None or any(map(spoils, wrong_with(finished))):
                        continue
                    if self._copy(trial, finished, name, study.user_attrs):
                        del wanted[trial.key]
                        count += 1
        return count

    def _copy(
        self, trial: Trial, finished: FrozenTrial, source: str, notes: Mapping[str, Any]
    ) -> bool:
        """Copy a trial that another study has finished, if it has this one's objective."""
        record = finished.user_attrs.get("record", {})
        objectives = self.declaration.objectives
        if not record.get("metrics", {}).keys() >= {*objectives}:
            return False
        params, distributions = parameters(self.declaration, trial)
        env = notes.get(f"{ENV}{record['env']}", {})
        env = self._note_once(ENV, {} if note_wrong(ENV, env) else env)
        attrs = {
            **columns(self.declaration, record["metrics"]),
            "trial": self._description(trial),
            "record": {**record, "env": env},
            "adopted_from": source,
        }
        self.store.storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.COMPLETE,
                values=[record["metrics"][name] for name in objectives],
                params=params,
                distributions=distributions,
                user_attrs=attrs,
                intermediate_values=curve_points(record["curves"], objectives[0]),
            ),
        )
        return True

    # -- what a loss is told by ------------------------------------------------------------

    def begin_work(self) -> None:
        """Leave in the store's file itself that this process is at work on it."""
        self.write_note(f"{WORKING}{self._me}", time.time())
        self.store.checkpoint()

    def end_work(self) -> None:
        """Take that back, for this process and for those that were killed."""
        for name, since in self.notes(WORKING).items():
            if since and (name == self._me or not Runner.parse(name).alive(since, time.time())):
                self.write_note(f"{WORKING}{name}", 0.0)

    def tally(self, *, anew: bool = False) -> None:
        """Write down beside the store's file how many trials have ended.

        Args:
            anew: whether to write it down also where it is no more than was written before.
        """
        if self.store.path is not None and (anew or self._ended > self._tallied):
            write_tally(self.store.path, self.name, self._ended)
            self._tallied = self._ended


def _at(study: Study | Declaration, scale: str) -> Declaration:
    return study if isinstance(study, Declaration) else study.declaration(scale)


def find(store: Store, key: str) -> list[tuple[Record, str]]:
    """Return the finished records whose key begins with ``key``, and where their study lies.

    Args:
        store: where to look, in every study.
        key: a trial's key, or the beginning of one.
    """
    out: dict[str, tuple[Record, str]] = {}
    storage = store.storage
    with store.errors():
        for study in storage.get_all_studies():
            identity = storage.get_study_id_from_name(study.study_name)
            notes = storage.get_study_user_attrs(identity)
            for name, value in list(notes.items()):
                if why := note_wrong(name, value):
                    store.notice(study.study_name, None, f"attribute {name}", why)
                    del notes[name]
            if not {"harness_study", "harness_scale"} <= notes.keys():
                continue
            for trial in storage.get_all_trials(identity, deepcopy=False):
                own_key = str(described(trial).get("key", ""))
                if WITHDRAWN in trial.user_attrs:
                    continue
                wrong = wrong_with(trial)
                for part, what in wrong.items():
                    store.notice(study.study_name, trial.number, part, what)
                if not own_key.startswith(key) or not own_key or any(map(spoils, wrong)):
                    continue
                record = record_of(trial, notes["harness_study"], notes["harness_scale"], notes)
                known = out.get(own_key)
                better = known is None or known[0].state != "complete"
                ended = record.state in {"failed", "pruned"}
                if record.state == "complete" or (ended and better):
                    out[own_key] = (record, str(notes.get(REFERENCE) or ""))
    return list(out.values())
