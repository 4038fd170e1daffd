"""Leases: which process runs which trial, and which processes are alive.

A trial that runs is leased to one process. It is inserted as RUNNING in that process's name, and
ends with a record, is given back, or is taken over once the process is dead.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.storing.notes import CODE, RUNNER, WORKERS
from harness.storing.opened import Opened
from harness.storing.owners import Runner
from harness.storing.store import Store
from harness.storing.translation import (
    WITHDRAWN,
    described,
    description,
    parameters,
    utc,
    wrong_with,
)
from harness.study.declaration import Declaration
from harness.trials.records import role_named
from harness.trials.trial import Trial

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Lease:
    """A trial that this process has undertaken to run.

    Attributes:
        trial: the trial.
        trial_id: its identity in the storage.
    """

    trial: Trial
    trial_id: int


@dataclass(frozen=True)
class Leased:
    """A trial that some process runs.

    Attributes:
        arm: the arm's name.
        seed: the trial's seed.
        role: what it is for.
        key: the trial's key.
        since: when it was begun, ISO 8601, UTC; empty where that is not known.
    """

    arm: str
    seed: int
    role: str
    key: str
    since: str


class Leases(Opened):
    """An Optuna study that several processes work on."""

    def __init__(
        self, store: Store, declared: Declaration, name: str = "", owner: Runner | None = None
    ) -> None:
        """Open an Optuna study; one that is not there yet is made.

        Args:
            store: where it lies.
            declared: what the study declares at one scale.
            name: the Optuna study's name, where it is known.
            owner: the process in whose name trials are leased; ``None`` is this one.
        """
        super().__init__(store, declared, name)
        self._me = str(owner or Runner.here())

    # -- trials ----------------------------------------------------------------------------

    def free(self, trials: Iterable[Trial], retry: Collection[int] = ()) -> list[Trial]:
        """Return the trials that nobody has run or is running, by what was last read.

        Args:
            trials: without those that this process is running.
            retry: numbers of failed trials that are to be run again.
        """
        is_free = self._is_free(retry)
        return [trial for trial in trials if is_free(self._book.newest(trial.key))]

    def lease(
        self,
        wanted: Sequence[Trial],
        count: int,
        retry: Collection[int] = (),
        *,
        look: bool = True,
    ) -> list[Lease]:
        """Undertake up to ``count`` of the trials that nobody has run or is running.

        A trial that a dead process left running is taken over. The store is locked meanwhile; on
        a database server, where that keeps out processes of this machine alone, others may insert
        the same trial at the same moment, and then all but the first withdraw.

        Args:
            wanted: trials, most urgent first, without those that this process is running.
            count: at most so many.
            retry: numbers of failed trials that are to be run again.
            look: whether the trials are read first. Who has read them, by :meth:`read` say, since
                it took ``store.lock()``, and holds that still, need not wait for it again.
        """
        leases: list[Lease] = []
        with self.store.errors(), self.store.lock(), self.store.together():
            book = self.read() if look else self._book
            is_free = self._is_free(retry)
            for trial in wanted:
                if len(leases) >= count:
                    break
                newest = book.newest(trial.key)
                if not is_free(newest):
                    continue
                if newest is not None and newest.state == TrialState.RUNNING:
                    taken = self._take_over(newest)
                    leases += [Lease(trial, taken)] if taken is not None else []
                else:
                    leases.append(Lease(trial, self._insert(trial)))
        if self.store.path is None and leases:
            leases = self._without_rivals(leases)
        return leases

    def release(self, lease: Lease) -> None:
        """Give a trial back: whoever wants it may take it over."""
        with self.store.errors(), finished_elsewhere():
            self.store.storage.set_trial_user_attr(lease.trial_id, "runner", "")

    def withdraw(self) -> None:
        """Close what dead processes left running and this run has not wanted.

        Such trials count as never begun: other code, fewer seeds, a retry that was broken off.
        """
        with self.store.errors(), self.store.lock(), self.store.together():
            book, alive = self.read(), self._living(self._read_notes)
            for trial in book.running():
                if not alive(trial):
                    taken = self._take_over(trial)
                    if taken is not None:
                        self._withdraw(taken, "its process died, and nobody wanted it any more")

    def others_running(self) -> bool:
        """Whether another process is training a trial of any study in this store."""
        storage = self.store.storage
        with self.store.errors():
            for study in storage.get_all_studies():
                identity = storage.get_study_id_from_name(study.study_name)
                alive = self._living(partial(dict, study.user_attrs))
                running = storage.get_all_trials(
                    identity, deepcopy=False, states=(TrialState.RUNNING,)
                )
                if any(alive(trial) for trial in running if not wrong_with(trial)):
                    return True
        return False

    def leased(self) -> list[Leased]:
        """Return the trials that living processes run, as they were last read."""
        alive = self._living(self._read_notes)
        return [
            Leased(about["arm"], trial.params["seed"], role_named(about["role"]), about["key"],
                   utc(trial.datetime_start))
            for trial in self._book.running()
            if alive(trial) and (about := described(trial))
        ]  # fmt: skip

    # -- processes -------------------------------------------------------------------------

    def heartbeat(self) -> None:
        """Record that this process is alive, for processes on other machines."""
        self.write_note(f"{RUNNER}{self._me}", time.time())

    def announce(self, workers: int) -> None:
        """Record how many workers of this process share the study's trials; 0 at the end."""
        self.heartbeat()
        self.write_note(f"{WORKERS}{self._me}", workers)

    def others_workers(self) -> int:
        """Return how many workers other processes that live have announced."""
        notes = self._read_notes()
        lives = self._lives(lambda: notes)
        announced = {
            name.removeprefix(WORKERS): count
            for name, count in notes.items()
            if name.startswith(WORKERS) and count
        }
        return sum(count for name, count in announced.items() if lives(name))

    # -- who is alive ----------------------------------------------------------------------

    def _is_free(self, retry: Collection[int]) -> Callable[[FrozenTrial | None], bool]:
        """Return what tells, of the newest trial of a key, whether the key is free to be run."""
        alive = self._living(self._read_notes, self._notes)

        def free(newest: FrozenTrial | None) -> bool:
            if newest is None:
                return True
            if newest.state == TrialState.RUNNING:
                return not alive(newest)
            return newest.state == TrialState.FAIL and newest.number in retry

        return free

    def _living(
        self, notes: Callable[[], Mapping[str, Any]], known: Mapping[str, Any] = NOTHING
    ) -> Callable[[FrozenTrial], bool]:
        """Return what tells whether a trial's process lives; each process is asked after once.

        Args:
            notes: gives what processes on other machines last said, where it is needed.
            known: what was read of that before, which does where it says that a process lives.
        """
        lives = self._lives(notes, known)
        return lambda trial: lives(str(trial.user_attrs.get("runner", "")))

    def _lives(
        self, notes: Callable[[], Mapping[str, Any]], known: Mapping[str, Any] = NOTHING
    ) -> Callable[[str], bool]:
        last_words = cache(notes)

        @cache
        def lives(name: str) -> bool:
            if name in {"", self._me}:
                return False  # nobody asks for what it is running: its worker must have died
            runner = Runner.parse(name)
            runs = runner.runs()
            if runs is not None:
                return runs

            def said(words: Mapping[str, Any]) -> bool:
                # while there was no connection to the store, nobody could say anything
                last = words.get(f"{RUNNER}{name}", 0.0)
                heard = last if isinstance(last, float | int) else 0.0
                return runner.alive(max(heard, self.store.since), time.time())

            return said(known) or said(last_words())

        return lives

    # -- the Optuna side -------------------------------------------------------------------

    def _insert(self, trial: Trial) -> int:
        params, distributions = parameters(self.declaration, trial)
        return self.store.storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=distributions,
                user_attrs={"trial": self._description(trial), "runner": self._me},
            ),
        )

    def _description(self, trial: Trial) -> dict[str, Any]:
        return description(trial, self._note_once(CODE, trial.code))

    def _take_over(self, trial: FrozenTrial) -> int | None:
        """Make a trial this process's own; ``None`` where it has been finished meanwhile."""
        trial_id = self._trial_id(trial)
        with finished_elsewhere():
            self.store.storage.set_trial_user_attr(trial_id, "runner", self._me)
            return trial_id
        return None

    def _without_rivals(self, leases: Sequence[Lease]) -> list[Lease]:
        """Return the leases that were first of their key, and withdraw the others."""
        book = self.read()
        mine: list[Lease] = []
        for lease in leases:
            unfailed = [
                trial
                for trial in book.trials(lease.trial.key)
                if trial.state in {TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING}
            ]
            if unfailed and lease.trial_id == self._trial_id(unfailed[0]):
                if unfailed[0].user_attrs.get("runner") == self._me:
                    mine.append(lease)
            else:
                with finished_elsewhere():
                    self._withdraw(lease.trial_id, "another process had leased it")
        return mine

    def _withdraw(self, trial_id: int, why: str) -> None:
        self.store.storage.set_trial_user_attr(trial_id, WITHDRAWN, why)
        self._close(trial_id, TrialState.FAIL)


def finished_elsewhere() -> contextlib.suppress:
    """Pass over a trial that another process took for abandoned, and has finished."""
    return contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError)
