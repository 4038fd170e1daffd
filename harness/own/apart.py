"""Something done in a process of its own, which may die of it, or be ended when time is up.

The process is a fork of this one: it has all modules that this one has loaded, and begins in some
hundredths of a second. What it does to itself (its folder, its environment, memory that it never
gives back) ends with it.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from harness.own.processes import adopt_orphans, at_end_of_parent, kill_started, started
from harness.own.stopping import SIGNALS, STOPPED, Stopping
from harness.terminal import outlets

GRACE_SECONDS = 30.0
"""How long a worker that is asked to stop has at most; its trial has less (:data:`TRIAL_GRACE`)."""

TRIAL_GRACE = GRACE_SECONDS - 5
"""How long a trial that is asked to stop has for its last save."""

leaving: list[bool] = []
"""Not empty where this process was asked to stop while a trial finished: it has one more answer."""

LOOK_SECONDS = 1.0
"""How often, at least, it is looked at whether this process was asked to stop."""

possible = sys.platform == "linux"
"""Whether a process can be forked here, and ends with the one that it is forked from."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        said: what it returned, in plain JSON values; ``None`` where it returned nothing.
        reason: why it returned nothing; empty where it did.
        stopped: whether it ended because it was asked to stop.
        cpu_seconds: processor time of it and of processes that it started and waited for.
        peak_bytes: the most memory that it had resident, with all that it shares with others.
    """

    said: Any = None
    reason: str = ""
    stopped: bool = False
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def apart(do: Callable[[Stopping], Any], log: Path, limit: float | None = None) -> Ended:
    """Do something in a fork of this process, and wait for it.

    A signal that asks this process to stop is passed on, and this process ends after that one.

    Args:
        do: returns plain JSON values; is given what tells that it is to stop.
        log: the file to which all is added that is printed meanwhile.
        limit: seconds after which the process is killed; ``None`` is never.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()  # what cannot be written is told here
    reading, writing = os.pipe()
    outlets.flush()
    adopt_orphans()  # whatever the fork leaves behind is this process's to end
    parent, before = os.getpid(), started()
    with warnings.catch_warnings():
        # Python 3.12 warns of other threads, whose locks a fork may find locked for ever. The one
        # other thread here waits for the end of the parent, and holds none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _be_child(do, log, reading, writing, parent)
    os.close(writing)
    with contextlib.suppress(OSError):  # whoever comes first makes it a group
        os.setpgid(child, child)
    passed_on = _pass_on_to(child)
    try:
        text, timely = _read(reading, child, limit, passed_on)
        if not timely:
            _kill(child)
        _, status, used = os.wait4(child, 0)
    finally:
        passed_on.undo()
        os.close(reading)
    _kill(child)  # whatever it has started and left, in its group and out of it
    kill_started(before)
    code = os.waitstatus_to_exitcode(status)
    if passed_on.came:
        if not text or code != 0:
            os._exit(STOPPED)
        leaving.append(True)  # it had finished all the same
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    if not timely:
        return Ended(reason=f"it took longer than its limit of {limit:g} s", cpu_seconds=cpu,
                     peak_bytes=peak)  # fmt: skip
    if code == STOPPED:
        return Ended(stopped=True, cpu_seconds=cpu, peak_bytes=peak)
    if code != 0 or not text:
        return Ended(reason=_died(code), cpu_seconds=cpu, peak_bytes=peak)
    return Ended(json.loads(text), cpu_seconds=cpu, peak_bytes=peak)


def _read(
    reading: int, child: int, limit: float | None, passed_on: _PassedOn
) -> tuple[bytes, bool]:
    """Return all that is written until the other end closes, and whether that was in time.

    A process that the child has started, and that outlives it, may hold the other end open.
    """
    end = math.inf if limit is None else time.monotonic() + limit
    parts: list[bytes] = []
    while True:
        left = min(end, passed_on.end) - time.monotonic()
        if left <= 0:
            return b"".join(parts), False
        ready, _, _ = select.select([reading], [], [], min(left, LOOK_SECONDS))
        if ready:
            part = os.read(reading, 1 << 20)
            if not part:
                return b"".join(parts), True
            parts.append(part)
        elif os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            os.set_blocking(reading, False)
            with contextlib.suppress(BlockingIOError):
                while part := os.read(reading, 1 << 20):  # written since it was looked at
                    parts.append(part)
            return b"".join(parts), True


def _died(code: int) -> str:
    """Say how a process ended that returned nothing."""
    if code < 0:
        return f"its process was ended by {signal_name(-code)}"
    return f"its process ended with exit status {code} before it had returned anything"


def signal_name(number: int) -> str:
    """Return the name of a signal, with what it may mean where it ended a process."""
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return name + (", as it is where memory runs out" if number == signal.SIGKILL else "")


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


@dataclass
class _PassedOn:
    """Signals that this process was sent meanwhile."""

    before: dict[int, Any]
    end: float = math.inf  # when the grace is over

    @property
    def came(self) -> bool:
        return self.end < math.inf

    def undo(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _pass_on_to(child: int) -> _PassedOn:
    """Pass signals that ask this process to stop on to another, which has a while to do so."""
    passed = _PassedOn({})
    if threading.current_thread() is not threading.main_thread():
        return passed

    def hand_on(_number: int, _frame: Any) -> None:
        passed.end = min(passed.end, time.monotonic() + TRIAL_GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    for each in SIGNALS:
        passed.before[each] = signal.signal(each, hand_on)
    return passed


def _be_child(
    do: Callable[[Stopping], Any], log: Path, reading: int, writing: int, parent: int
) -> NoReturn:
    """Be the forked process: do what is asked for, say what came of it, and end."""
    code = 1
    try:
        os.close(reading)
        _settle(log, parent)
        stopping = Stopping()
        stopping.listen()
        said = do(stopping)
        if said is None and stopping.came:
            code = STOPPED
        else:
            with os.fdopen(writing, "wb") as file:
                file.write(json.dumps(said).encode())
            code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        outlets.flush()
        os._exit(code)


def _settle(log: Path, parent: int) -> None:
    """Make this process one of its own: its group, its end, its streams."""
    os.setpgid(0, 0)
    _end_with_parent(parent)
    adopt_orphans()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    outlets.into(log)
    multiprocessing.current_process().daemon = False  # so that it may have workers that load data


def _end_with_parent(parent: int) -> None:
    at_end_of_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)
