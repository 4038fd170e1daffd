"""A command of the user's own, run once: started, watched, and ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.own.apart import TRIAL_GRACE
from harness.own.processes import at_end_of_parent, family, kill_started
from harness.own.stopping import Stopping

LOOK_SECONDS = 0.5
"""Least seconds between two looks at what a command has written."""

INEXACT = 0.05
"""By how much two figures of one process's memory may differ: Linux counts on each core apart."""

LONGEST_PAUSE = 0.1
"""Seconds after which it is seen at the latest that a command has ended, or has to be."""


@dataclass(frozen=True)
class Launched:
    """How a command ended.

    Attributes:
        code: its exit status; of one that was ended by a signal, the signal's number below 0.
        timely: whether it ended within its limit.
        stopped: whether it was asked to stop before.
        seconds: from its start to its end.
        cpu_seconds: processor time of it and of processes that it started and waited for.
        peak_bytes: the most memory that one of its processes had resident, as far as was seen.
    """

    code: int
    timely: bool
    stopped: bool
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def launch(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    *,
    limit: float | None,
    stopping: Stopping,
    look: Callable[[], None],
    deserted: Callable[[], bool],
) -> Launched:
    """Run a command, and wait for it; whatever it has started and left is ended with it.

    It is a group of processes of its own. Where this process is asked to stop, that group is, and
    has a while to do so.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        environment: all variables that it has.
        log: the file to which all is added that it prints.
        limit: seconds after which it is ended; ``None`` is never.
        stopping: tells whether this process has been asked to stop.
        look: called now and then while it runs.
        deserted: whether nobody waits for this process any more, so that both are to end.

    Raises:
        OSError: there is no such program or folder, or it cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("ab") as printed:
        process = subprocess.Popen(
            list(words), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=printed, stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
    # A process has at its start what its parent has resident, so only more than that is its own.
    image = (1 + INEXACT) * _bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    watch = _Watch(process.pid, began, limit, stopping, look, deserted)
    try:
        status, used = watch.wait()
    finally:
        _signal(process.pid, signal.SIGKILL)
    process.returncode = os.waitstatus_to_exitcode(status)
    most = _bytes(used.ru_maxrss)
    return Launched(
        process.returncode,
        watch.timely,
        watch.stopped,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        max(watch.peak, most if most > image else 0),
    )


@dataclass
class _Watch:
    """Watches a group of processes until its first one has ended."""

    group: int
    began: float
    limit: float | None
    stopping: Stopping
    look: Callable[[], None]
    deserted: Callable[[], bool]
    timely: bool = True
    stopped: bool = False
    peak: int = 0

    def wait(self) -> tuple[int, resource.struct_rusage]:
        """Wait for its end; return its status, and what it used."""
        with _waiting(self.group) as wait:
            return self._wait(wait)

    def _wait(self, wait: Callable[[float], object]) -> tuple[int, resource.struct_rusage]:
        pause, looked, asked = 0.005, self.began, 0.0
        while True:
            ended, status, used = os.wait4(self.group, os.WNOHANG)
            if ended:
                if self.stopped:
                    self._wait_for_others(asked + TRIAL_GRACE)
                return status, used
            now = time.monotonic()
            self._end_if_deserted()
            if self.limit is not None and self.timely and now - self.began > self.limit:
                self.timely = False
                _signal(self.group, signal.SIGKILL)
            if self.stopping.asked and not self.stopped:
                self.stopped, asked = True, now
                _signal(self.group, signal.SIGTERM)
            if self.stopped and now - asked > TRIAL_GRACE:
                _signal(self.group, signal.SIGKILL)
            if now - looked > LOOK_SECONDS:
                looked = now
                self.look()
            self.peak = max(self.peak, _peak_bytes(self.group))
            wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _wait_for_others(self, end: float) -> None:
        """Wait for what it has started, which may take longer to stop: a shell ends at once."""
        with contextlib.suppress(ChildProcessError):  # nothing is left
            while time.monotonic() < end:
                self._end_if_deserted()
                if os.waitpid(-self.group, os.WNOHANG) == (0, 0):
                    time.sleep(LONGEST_PAUSE / 5)

    def _end_if_deserted(self) -> None:
        if self.deserted():
            _signal(self.group, signal.SIGKILL)
            kill_started()  # also what has left the group
            os._exit(1)


@contextlib.contextmanager
def _waiting(process: int) -> Iterator[Callable[[float], object]]:
    """Give what waits some seconds, or less where a process ends and the system tells."""
    if not hasattr(os, "pidfd_open"):
        yield time.sleep
        return
    end = os.pidfd_open(process)
    try:
        yield lambda seconds: select.select([end], [], [], seconds)
    finally:
        os.close(end)


@contextlib.contextmanager
def outliving_parent() -> Iterator[Callable[[], bool]]:
    """Give what tells, in a process that is apart, whether its parent has ended.

    Such a process ends at once with its parent, and would leave what it has started behind. Within,
    it does not, but has to look. Processes whose own parent has ended become its children.
    """
    parent = os.getppid()
    at_end_of_parent(0)
    try:
        yield lambda: os.getppid() != parent
    finally:
        at_end_of_parent(signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _peak_bytes(process: int) -> int:
    """Return the most memory that a process, or one that it has started, had resident so far."""
    return max((_high_water(each) for each in family(process)), default=0)


def _high_water(process: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0


def _bytes(most: int) -> int:
    """Return the bytes of what the system calls ``ru_maxrss``."""
    return most if sys.platform == "darwin" else 1024 * most
