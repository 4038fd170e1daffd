"""A journal file that survives killed processes, and is read where lines of it are damaged.

Optuna gives a trial its number, and its identity, by counting the lines that make trials. So a line
that cannot be read must not be passed over: what it may have made has a stand-in, or all that comes
after it would be taken for something else's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import BaseFileLock, FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from harness.storing.damage import BROKEN, Unreadable

TOLD_SECONDS = 2.0
"""After how long it is told that a lock is waited for."""

POLL_SECONDS = 0.01
"""How often a process that waits for a lock looks whether it is free."""

DAMAGED = (ValueError, TypeError, LookupError, AssertionError, AttributeError, OverflowError)
"""What a line raises that is no operation, or a damaged one."""

Log = dict[str, Any]

NOTHING: Log = {"op_code": int(JournalOperation.SET_TRIAL_USER_ATTR), "worker_id": "",
                "trial_id": -1, "user_attr": {"": ""}}  # fmt: skip
"""An operation that changes nothing: there is no such trial."""


_STUDY = frozenset({"worker_id", "study_id"})
_TRIAL = frozenset({"worker_id", "trial_id"})

NEEDED: dict[int, frozenset[str]] = {
    JournalOperation.CREATE_STUDY: frozenset({"worker_id", "study_name", "directions"}),
    JournalOperation.DELETE_STUDY: _STUDY,
    JournalOperation.SET_STUDY_USER_ATTR: _STUDY | {"user_attr"},
    JournalOperation.SET_STUDY_SYSTEM_ATTR: _STUDY | {"system_attr"},
    JournalOperation.CREATE_TRIAL: _STUDY | {"datetime_start"},
    JournalOperation.SET_TRIAL_PARAM: _TRIAL,
    JournalOperation.SET_TRIAL_STATE_VALUES: _TRIAL | {"state", "values"},
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE: _TRIAL | {"step", "intermediate_value"},
    JournalOperation.SET_TRIAL_USER_ATTR: _TRIAL | {"user_attr"},
    JournalOperation.SET_TRIAL_SYSTEM_ATTR: _TRIAL | {"system_attr"},
    10: frozenset(),  # DISCARD_TRIALS, which changes nothing here
}
"""What an operation needs, by its code."""


@contextmanager
def holding(lock: BaseFileLock, told: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock, asking for it often: it is mostly not held for long.

    Args:
        lock: the lock.
        told: called once where another process holds it for longer than :data:`TOLD_SECONDS`.
    """
    try:
        held = lock.acquire(poll_interval=POLL_SECONDS, timeout=TOLD_SECONDS if told else -1)
    except Timeout:
        assert told is not None
        told()
        held = lock.acquire(poll_interval=POLL_SECONDS)
    with held:
        yield


class Journal(JournalFileBackend):
    """A journal file that survives killed processes, and syncs many lines to the disk at once.

    Optuna's own locks are files that outlive a killed process and make the next one wait; this
    one the operating system releases when its holder dies.
    """

    def __init__(self, path: Path, notice: Callable[[int, str], None]) -> None:
        """Open a file, which is made where there is none.

        Args:
            path: the file.
            notice: told of a damaged line: its number, from 1, and what is wrong with it.
        """
        super().__init__(str(path))
        self.notice = notice
        self._path = path
        self._write_lock = FileLock(f"{path}.write-lock")
        self._depth = 0
        self._unsynced = False
        self._stand_ins: dict[int, list[Log]] = {}

    def read_logs(self, log_number_from: int) -> Iterator[Log]:  # type: ignore[override]
        """Yield the operations from a line on, with stand-ins for lines that cannot be read."""
        try:
            for log in super().read_logs(log_number_from):
                if _lacking(log):
                    raise ValueError
                log_number_from += 1
                yield log
        except ValueError:  # no JSON, no text, or no operation
            yield from self._damaged_logs(log_number_from)
            return
        # Optuna passes over a last line that is no JSON: somebody might still be writing it.
        offset = self._log_number_offset.get(log_number_from)
        if offset is not None and self._path.stat().st_size > offset:
            with self._path.open("rb") as file:
                file.seek(offset)
                line = file.readline()
            if line.endswith(b"\n") and read_line(line)[1]:
                yield from self._damaged_logs(log_number_from)

    def _damaged_logs(self, start: int) -> Iterator[Log]:
        lines = self._path.read_bytes().split(b"\n")[:-1]  # the last is not written to its end
        if any(start <= number and number not in self._stand_ins for number in broken(lines)):
            self._stand_ins = {**stand_ins(lines), **self._stand_ins}
        for number, line in enumerate(lines[start:], start):
            log, wrong = read_line(line)
            if not wrong:
                yield log
                continue
            self.notice(number + 1, wrong)
            yield {**NOTHING, STANDS_FOR: self._stand_ins[number]}

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines at the end of the file."""
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        with holding(self._write_lock), self._path.open("a+b") as file:
            _drop_torn_line(file)
            file.write("".join(lines).encode())
            file.flush()
            self._unsynced = self._depth > 0
            if not self._unsynced:
                os.fsync(file.fileno())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Sync what is written within to the disk at the end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._unsynced and not self._depth:
                self._unsynced = False
                with self._path.open("ab") as file:
                    os.fsync(file.fileno())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from writing meanwhile."""
        with holding(self._write_lock):
            yield


STANDS_FOR = "harness:stands_for"
"""What a line is taken for that cannot be read: operations, none or several."""


class Lines(JournalStorage):
    """Optuna's storage on a journal, which names the lines that it cannot follow."""

    def __init__(self, journal: Journal) -> None:
        """Read a journal."""
        self._journal = journal
        super().__init__(journal)

    def _sync_with_backend(self) -> None:
        """Take in what is new, line by line, so that a damaged one costs itself alone."""
        result = self._replay_result
        for log in self._journal.read_logs(result.log_number_read):
            trials, studies = len(result._trials), result._next_study_id
            try:
                result.apply_logs([log])
            except DAMAGED as error:
                if isinstance(log, dict) and log.get("worker_id") == result.worker_id:
                    raise  # it is this process's own, and the answer to what it asked for
                line = result.log_number_read
                self._journal.notice(line, f"{type(error).__name__}: {error}")
                if len(result._trials) == trials and result._next_study_id == studies:
                    self._stand_in(stand_in(log, known_studies(result)))
            if isinstance(log, dict) and STANDS_FOR in log:
                self._stand_in(log[STANDS_FOR])

    def _stand_in(self, logs: list[Log]) -> None:
        result = self._replay_result
        line = result.log_number_read
        for log in logs:
            result.apply_logs([log])
        result.log_number_read = line


def known_studies(result: Any) -> int:
    """Return how many studies a journal has made so far."""
    return int(result._next_study_id)


def read_line(line: bytes) -> tuple[Log, str]:
    """Return the operation of a line, and what is wrong with it, empty where nothing is."""
    try:
        log = json.loads(line.decode())
    except ValueError as error:
        return {}, f"it is no JSON ({error})"
    wrong = _lacking(log)
    return ({}, wrong) if wrong else (log, "")


def _lacking(log: Any) -> str:
    """Return what a line that is JSON lacks of an operation; empty where it lacks nothing."""
    if not isinstance(log, dict):
        return f"it is no mapping, but {str(log)[:40]!r}"
    kind = log.get("op_code")
    if type(kind) is not int or kind not in NEEDED:
        return f"no operation is {kind!r}"
    if not log.keys() >= NEEDED[kind]:
        return f"it lacks {', '.join(sorted(NEEDED[kind] - log.keys()))}"
    return ""


def broken(lines: list[bytes]) -> list[int]:
    """Return the numbers, from 0, of lines that are no operation."""
    return [number for number, line in enumerate(lines) if read_line(line)[1]]


def stand_in(log: Any, studies: int) -> list[Log]:
    """Return what a line that can be read, and not followed, is taken for."""
    log = log if isinstance(log, dict) else {}
    if log.get("op_code") == JournalOperation.CREATE_STUDY:
        return [_study(str(log.get("study_name", "")) or f"damaged-{studies}")]
    if log.get("op_code") == JournalOperation.CREATE_TRIAL:
        study = log.get("study_id")
        return [_trial(study if type(study) is int and 0 <= study < studies else 0, str(log))]
    return []


def stand_ins(lines: list[bytes]) -> dict[int, list[Log]]:
    """Return, by number of line, what lines that cannot be read are taken for.

    Such a line may still show what it was. Where it does not, what it made shows in what comes
    after it: an operation on a trial, or a study, that no line has made. The last line before it
    that shows nothing is then taken for the one that made it.
    """
    out: dict[int, list[Log]] = {}
    unknown: list[int] = []
    trials = studies = latest = 0
    for number, line in enumerate(lines):
        log, wrong = read_line(line)
        text = line.decode(errors="replace")
        if wrong:
            kind, study = _number("op_code", text), _number("study_id", text)
            out[number] = []
            if kind is None or kind not in NEEDED:
                unknown.append(number)
            elif kind == JournalOperation.CREATE_STUDY:
                named = re.search(r'"study_name"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
                name = named.group(1) if named else _name_of(studies, lines[number:])
                out[number] = [_study(name or f"damaged-{studies}")]
                studies += 1
            elif kind == JournalOperation.CREATE_TRIAL:
                out[number] = [_trial(latest if study is None else study, text)]
                trials += 1
            continue
        if log["op_code"] == JournalOperation.CREATE_STUDY:
            studies += 1
            continue
        study, trial = log.get("study_id"), log.get("trial_id")
        if type(study) is int:
            while unknown and study >= studies:
                name = _name_of(study, lines[number:]) or f"damaged-{studies}"
                out[unknown[-1]].append(_study(name))
                studies += 1
            latest = study
        if type(trial) is int:
            while unknown and trial >= trials:
                text = lines[unknown[-1]].decode(errors="replace")
                out[unknown[-1]].append(_trial(latest, text))
                trials += 1
        if log["op_code"] == JournalOperation.CREATE_TRIAL:
            trials += 1
    return out


def _name_of(study: int, lines: list[bytes]) -> str:
    """Return the name of a harness's study, which two of its attributes make up."""
    attrs: dict[str, str] = {}
    for line in lines:
        log, _ = read_line(line)
        if log.get("op_code") == JournalOperation.SET_STUDY_USER_ATTR and log["study_id"] == study:
            attr: Mapping[str, Any] = log.get("user_attr", {})
            attrs |= {name: str(value) for name, value in attr.items()}
        if {"harness_study", "harness_scale"} <= attrs.keys():
            return f"{attrs['harness_study']}-{attrs['harness_scale']}"
    return ""


def _number(name: str, text: str) -> int | None:
    found = re.search(rf'"{name}"\s*:\s*(\d+)', text)
    return int(found.group(1)) if found else None


def _study(name: str) -> Log:
    return {"op_code": int(JournalOperation.CREATE_STUDY), "worker_id": "", "study_name": name,
            "directions": [1]}  # fmt: skip


def _trial(study: int, text: str) -> Log:
    """Return what makes a trial that counts for nothing: the text of its line is all it has."""
    why = Unreadable(text, "the line that made it cannot be read")
    return {
        "op_code": int(JournalOperation.CREATE_TRIAL), "worker_id": "", "study_id": study,
        "state": int(TrialState.RUNNING), "datetime_start": None,
        "user_attrs": {BROKEN: {"attribute trial": why}},
    }  # fmt: skip


def _drop_torn_line(file: BinaryIO) -> None:
    """Cut off the half line that a process left which was killed while it wrote.

    Nobody else writes meanwhile, and whatever came after it would make the file unreadable.
    """
    end = start = file.seek(0, os.SEEK_END)
    tail = b""
    if end:
        file.seek(end - 1)
        tail = file.read()
    if tail in {b"", b"\n"}:
        return
    while start and b"\n" not in tail:
        start = max(0, start - 65536)
        file.seek(start)
        tail = file.read(end - start)
    file.truncate(start + tail.rfind(b"\n") + 1)
