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
import math
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.storing.damage import ASIDE, note_wrong, spoils
from harness.storing.optuna_studies import fitting, make, named
from harness.storing.owners import Runner
from harness.storing.rows import Rows
from harness.storing.store import Store
from harness.storing.tally import read_tally, write_tally
from harness.storing.translation import (
    WITHDRAWN,
    Book,
    artifact,
    columns,
    curve_points,
    described,
    description,
    parameters,
    record_of,
    written,
    wrong_with,
)
from harness.study.declaration import Declaration
from harness.study.study import Study
from harness.trials.outcome import Outcome
from harness.trials.records import Record
from harness.trials.trial import Trial

WORKING = "working/"
"""What the names of attributes begin with that say since when a process is at work."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


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
            owner: the process in whose name trials are claimed; ``None`` is this one.
        """
        self.store = store
        self.declaration = declared = _at(study, scale)
        self.scale = scale
        self._me = str(owner or Runner.here())
        with store.errors():
            made = not name
            name = name or fitting(store, declared) or make(store, declared)
            self._optuna = optuna.load_study(storage=store.storage, study_name=name)
            self._id = store.storage.get_study_id_from_name(name)
        self.name = name
        self._book = Book(declared.name, scale, self._shared, partial(store.notice, name))
        self._ended = self._tallied = 0
        self._notes: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._damaged: dict[str, Any] = {}
        self._others: dict[str, optuna.Study] = {}
        if made and _tell_losses(store, f"{declared.name}-{scale}", {name: self}):
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
        _tell_losses(store, f"{study.name}-{scale}", ledgers)
        return list(ledgers.values())

    # -- reading ---------------------------------------------------------------------------

    def records(self) -> tuple[Record, ...]:
        """Return every record, in the order in which trials began."""
        return self._look().records()

    def done(self, ignored: frozenset[int] = frozenset()) -> Mapping[str, Record]:
        """Return the newest finished or failed record of each key, but for those ignored by number.

        It is a view, which changes when the ledger is next read. With thousands of trials this
        costs much less than going through :meth:`records`.
        """
        return self._look().done(ignored)

    def note(self, name: str) -> Any:
        """Return what :meth:`write_note` kept under a name, ``None`` where there is nothing."""
        return self._read_notes().get(name)

    def notes(self, prefix: str) -> dict[str, Any]:
        """Return all notes whose name begins with ``prefix``, by the rest of their name."""
        return {
            name.removeprefix(prefix): value
            for name, value in self._read_notes().items()
            if name.startswith(prefix)
        }

    # -- writing ---------------------------------------------------------------------------

    def write_note(self, name: str, value: Any) -> None:
        """Keep a JSON value with the study; a damaged one of that name is kept, too."""
        with self.store.errors():
            if name in self._damaged:
                aside = ASIDE + name
                self.store.storage.set_study_user_attr(self._id, aside, self._damaged.pop(name))
            self.store.storage.set_study_user_attr(self._id, name, value)

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

    @property
    def ended(self) -> int:
        """How many trials have ended, as they were read last, and by this process since."""
        return self._ended

    def speak(self) -> None:
        """Say, to processes on other machines, that this one still runs."""
        self.write_note(f"runner/{self._me}", time.time())

    def announce(self, workers: int) -> None:
        """Say how many workers of this process share the study's trials; 0 at the end."""
        self.speak()
        self.write_note(f"workers/{self._me}", workers)

    def others_workers(self) -> int:
        """Return how many workers other processes that live have announced."""
        notes = self._read_notes()
        lives = self._lives(lambda: notes)
        announced = {
            name.removeprefix("workers/"): count
            for name, count in notes.items()
            if name.startswith("workers/") and count
        }
        return sum(count for name, count in announced.items() if lives(name))

    def free(self, trials: Iterable[Trial], retry: Collection[int] = ()) -> list[Trial]:
        """Return the trials that nobody has run or is running, by what was last read.

        Args:
            trials: without those that this process is running.
            retry: numbers of failed trials that are to be run again.
        """
        is_free = self._is_free(retry)
        return [trial for trial in trials if is_free(self._book.newest(trial.key))]

    def claim(
        self,
        wanted: Sequence[Trial],
        count: int,
        retry: Collection[int] = (),
        *,
        look: bool = True,
    ) -> list[Claimed]:
        """Undertake up to ``count`` of the trials that nobody has run or is running.

        A trial that a dead process left running is taken over. The store is locked meanwhile; on
        a database server, where that keeps out processes of this machine alone, others may insert
        the same trial at the same moment, and then all but the first withdraw.

        Args:
            wanted: trials, most urgent first, without those that this process is running.
            count: at most so many.
            retry: numbers of failed trials that are to be run again.
            look: whether the trials are read first. Who has read them, by :meth:`done` say, since
                it took ``store.lock()``, and holds that still, need not wait for it again.
        """
        claimed: list[Claimed] = []
        with self.store.errors(), self.store.lock(), self.store.together():
            book = self._look() if look else self._book
            is_free = self._is_free(retry)
            for trial in wanted:
                if len(claimed) >= count:
                    break
                found = book.newest(trial.key)
                if not is_free(found):
                    continue
                if found is not None and found.state == TrialState.RUNNING:
                    taken = self._take_over(found)
                    claimed += [Claimed(trial, taken)] if taken is not None else []
                else:
                    claimed.append(Claimed(trial, self._insert(trial)))
        if self.store.path is None and claimed:
            claimed = self._without_rivals(claimed)
        return claimed

    def release(self, claimed: Claimed) -> None:
        """Give a trial back: whoever wants it may take it over."""
        with self.store.errors(), _finished_elsewhere():
            self.store.storage.set_trial_user_attr(claimed.trial_id, "runner", "")

    def finish(self, claimed: Claimed, outcome: Outcome) -> None:
        """Record what became of a trial.

        Args:
            claimed: the trial.
            outcome: finished, with the study's objective among its metrics, or failed.
        """
        storage, trial_id = self.store.storage, claimed.trial_id
        objective, env = self.declaration.objective, outcome.recorded_env
        if outcome.reason:
            self.fail(claimed, outcome.reason, env)
            return
        if math.isnan(outcome.metrics[objective]):  # SQL storages cannot keep it as a value
            self.fail(claimed, f"diverged: {objective} is nan", env)
            return
        with self.store.errors(), _finished_elsewhere(), self.store.together():
            record = written(outcome, self._note_once("env", env))
            storage.set_trial_user_attr(trial_id, "record", record)
            if outcome.network:
                storage.set_trial_system_attr(trial_id, *artifact(outcome.network))
            for name, value in columns(self.declaration, outcome.metrics).items():
                storage.set_trial_user_attr(trial_id, name, value)
            for epoch, value in curve_points(outcome.curves.get(objective, ())).items():
                storage.set_trial_intermediate_value(trial_id, epoch, value)
            self._close(trial_id, TrialState.COMPLETE, float(outcome.metrics[objective]))

    def fail(self, claimed: Claimed, reason: str, env: Mapping[str, str]) -> None:
        """Record that a trial failed, and why."""
        storage, trial_id = self.store.storage, claimed.trial_id
        with self.store.errors(), _finished_elsewhere(), self.store.together():
            record = written(Outcome(), self._note_once("env", env))
            storage.set_trial_user_attr(trial_id, "record", record)
            storage.set_trial_user_attr(trial_id, "reason", reason)
            self._close(trial_id, TrialState.FAIL, None)

    def withdraw(self) -> None:
        """Close what dead processes left running and this run has not wanted.

        Such trials count as never begun: other code, fewer seeds, a retry that was broken off.
        """
        with self.store.errors(), self.store.lock(), self.store.together():
            book, alive = self._look(), self._living(self._read_notes)
            for found in book.running():
                if not alive(found):
                    taken = self._take_over(found)
                    if taken is not None:
                        self._withdraw(taken, "its process died, and nobody wanted it any more")

    def others_running(self) -> bool:
        """Whether another process is training a trial of any study in this store."""
        storage = self.store.storage
        with self.store.errors():
            for each in storage.get_all_studies():
                identity = storage.get_study_id_from_name(each.study_name)
                alive = self._living(partial(dict, each.user_attrs))
                running = storage.get_all_trials(
                    identity, deepcopy=False, states=(TrialState.RUNNING,)
                )
                if any(alive(trial) for trial in running if not wrong_with(trial)):
                    return True
        return False

    def adopt(self, trials: Sequence[Trial]) -> int:
        """Copy trials that another study of this store has finished; return how many."""
        storage = self.store.storage
        with self.store.errors(), self.store.lock(), self.store.together():
            book = self._look()
            wanted = {trial.key: trial for trial in trials if not book.trials(trial.key)}
            if not wanted:
                return 0
            count = 0
            for each in storage.get_all_studies():
                name = each.study_name
                if name == self._optuna.study_name:
                    continue
                if name not in self._others:
                    self._others[name] = optuna.load_study(storage=storage, study_name=name)
                for found in self._others[name].get_trials(
                    deepcopy=False, states=(TrialState.COMPLETE,)
                ):
                    trial = wanted.get(described(found).get("key", ""))
                    if trial is None or any(map(spoils, wrong_with(found))):
                        continue
                    if self._copy(trial, found, name, each.user_attrs):
                        del wanted[trial.key]
                        count += 1
        return count

    # -- the Optuna side -------------------------------------------------------------------

    def _look(self) -> Book:
        with self.store.errors():
            self._book.update(self._optuna.get_trials(deepcopy=False))
        self._ended = self._book.ended
        return self._book

    def _read_notes(self) -> dict[str, Any]:
        with self.store.errors():
            found = dict(self.store.storage.get_study_user_attrs(self._id))
        for name in list(found):
            if name in self._whole and self._whole[name] == found[name]:
                continue  # it was looked at before, which takes longer than to compare
            wrong = note_wrong(name, found[name])
            if not wrong:
                self._whole[name] = found[name]
            else:
                self.store.notice(self.name, None, f"attribute {name}", wrong)
                self._damaged[name] = found.pop(name)
        self._notes = found
        return self._notes

    def _shared(self, name: str) -> Any:
        """Return a note that is written once and never changed."""
        return self._notes[name] if name in self._notes else self._read_notes().get(name)

    def _is_free(self, retry: Collection[int]) -> Callable[[FrozenTrial | None], bool]:
        """Return what tells, of the newest trial of a key, whether the key is free to be run."""
        alive = self._living(self._read_notes, self._notes)

        def free(found: FrozenTrial | None) -> bool:
            if found is None:
                return True
            if found.state == TrialState.RUNNING:
                return not alive(found)
            return found.state == TrialState.FAIL and found.number in retry

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
                last = words.get(f"runner/{name}", 0.0)
                heard = last if isinstance(last, float | int) else 0.0
                return runner.alive(max(heard, self.store.since), time.time())

            return said(known) or said(last_words())

        return lives

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
        return description(trial, self._note_once("code", trial.code))

    def _copy(
        self, trial: Trial, found: FrozenTrial, source: str, notes: Mapping[str, Any]
    ) -> bool:
        record = found.user_attrs.get("record", {})
        objective = self.declaration.objective
        if objective not in record.get("metrics", {}):
            return False
        params, distributions = parameters(self.declaration, trial)
        env = notes.get(f"env/{record['env']}", {})
        env = self._note_once("env", {} if note_wrong("env/", env) else env)
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
                value=record["metrics"][objective],
                params=params,
                distributions=distributions,
                user_attrs=attrs,
                intermediate_values=curve_points(record["curves"].get(objective, ())),
            ),
        )
        return True

    def _trial_id(self, trial: FrozenTrial) -> int:
        return self.store.storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)

    def _take_over(self, found: FrozenTrial) -> int | None:
        """Make a trial this process's own; ``None`` where it has been finished meanwhile."""
        storage = self.store.storage
        trial_id = self._trial_id(found)
        with _finished_elsewhere():
            storage.set_trial_user_attr(trial_id, "runner", self._me)
            return trial_id
        return None

    def _without_rivals(self, claims: Sequence[Claimed]) -> list[Claimed]:
        """Return the claims that were first of their key, and withdraw the others."""
        book = self._look()
        mine: list[Claimed] = []
        for claimed in claims:
            unfailed = [
                trial
                for trial in book.trials(claimed.trial.key)
                if trial.state in {TrialState.COMPLETE, TrialState.RUNNING}
            ]
            if unfailed and claimed.trial_id == self._trial_id(unfailed[0]):
                if unfailed[0].user_attrs.get("runner") == self._me:
                    mine.append(claimed)
            else:
                with _finished_elsewhere():
                    self._withdraw(claimed.trial_id, "another process had claimed it")
        return mine

    def _withdraw(self, trial_id: int, why: str) -> None:
        self.store.storage.set_trial_user_attr(trial_id, WITHDRAWN, why)
        self._close(trial_id, TrialState.FAIL, None)

    def _note_once(self, kind: str, value: Mapping[str, Any]) -> str:
        """Keep a mapping that many trials share once with the study; return its short name."""
        text = json.dumps(dict(value), sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        if self._shared(f"{kind}/{name}") is None:
            self.store.storage.set_study_user_attr(self._id, f"{kind}/{name}", dict(value))
            self._notes[f"{kind}/{name}"] = dict(value)
        return name

    def _close(self, trial_id: int, state: TrialState, value: float | None) -> None:
        values = None if value is None else [value]
        self.store.storage.set_trial_state_values(trial_id, state, values)
        self._ended += 1


def _at(study: Study | Declaration, scale: str) -> Declaration:
    return study if isinstance(study, Declaration) else study.declaration(scale)


def _tell_losses(store: Store, base: str, ledgers: Mapping[str, Ledger]) -> bool:
    """Tell of finished trials that are in a store's file no more; return whether there are any.

    Args:
        store: the store.
        base: study and scale.
        ledgers: what is there of them, by the name of the Optuna study.
    """
    if store.path is None:
        return False
    tally = {
        name: count
        for name, count in read_tally(store.path).items()
        if re.fullmatch(rf"{re.escape(base)}(?: \(\d+\))?", name)
    }
    lost = store.noticed.lost
    with store.errors():
        there = {each.study_name for each in store.storage.get_all_studies()} if tally else set()
    log = f"{store.path.name}-wal"
    why = ""
    if isinstance(store.storage, Rows) and not store.log_was_there:
        why = f" (its log {log} was not there: it was deleted, say, or the file copied without it)"
    for name, count in tally.items():
        if name not in ledgers and name in there:
            continue  # of other levels, which nobody reads now
        found = ledgers[name]._look().ended if name in ledgers else 0
        if found < count:
            lost[
                f"{count - found} of {count} finished trials of {name} are not in {store.url} any "
                f"more{why}; `harness run` trains them again"
            ] = None
    for name, ledger in {} if tally or not why else ledgers.items():
        for runner, since in ledger.notes(WORKING).items():
            if since and not Runner.parse(runner).alive(since, time.time()):
                begun = datetime.fromtimestamp(since, UTC).isoformat(timespec="minutes")
                lost[
                    f"a run of {name} that began at {begun} was at work on {store.url} when this "
                    f"file lost its log {log}, or was copied without it: trials that it finished "
                    "may be missing, nobody can tell how many; `harness run` trains them again"
                ] = None
    return bool(lost)


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
            for name, value in list(notes.items()):
                if why := note_wrong(name, value):
                    store.notice(each.study_name, None, f"attribute {name}", why)
                    del notes[name]
            if not {"harness_study", "harness_scale"} <= notes.keys():
                continue
            for trial in storage.get_all_trials(identity, deepcopy=False):
                found = str(described(trial).get("key", ""))
                if WITHDRAWN in trial.user_attrs:
                    continue
                wrong = wrong_with(trial)
                for part, what in wrong.items():
                    store.notice(each.study_name, trial.number, part, what)
                if not found.startswith(key) or not found or any(map(spoils, wrong)):
                    continue
                record = record_of(trial, notes["harness_study"], notes["harness_scale"], notes)
                known = out.get(found)
                better = known is None or known[0].state != "complete"
                if record.state == "complete" or (record.state == "failed" and better):
                    out[found] = (record, str(notes.get("reference") or ""))
    return list(out.values())
