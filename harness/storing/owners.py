"""Who works on a trial, and whether they are still alive."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass

import psutil

HEARTBEAT_SECONDS = 30.0
"""How often a running process says so in the store."""

SILENT_SECONDS = 150.0
"""After how long without a word a process counts as dead, where only its word tells."""

_SLACK = 0 if sys.platform == "linux" else 100
"""By how much two readings of one start may differ: a time of day is corrected now and then."""


@dataclass(frozen=True)
class Runner:
    """One process that leases trials.

    Attributes:
        host: the machine's name.
        pid: the process.
        start: when the process started, in hundredths of a second, so that a number used again is
            not taken for it: since the system's start on Linux (the ticks of proc(5), which no
            change of the clock moves), since 1970 elsewhere; 0 where nobody can tell, as versions
            of before wrote outside Linux.
    """

    host: str
    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.start}"

    @staticmethod
    def of(pid: int) -> Runner:
        """Return a process of this machine."""
        return Runner(socket.gethostname(), pid, _start(pid) or 0)

    @staticmethod
    def here() -> Runner:
        """Return this process."""
        return Runner.of(os.getpid())

    @staticmethod
    def parse(text: str) -> Runner:
        """Read what ``str`` wrote."""
        host, pid, start = text.rsplit("/", 2)
        return Runner(host, int(pid), int(start))

    def runs(self) -> bool | None:
        """Whether the process still runs, as this machine knows; None where only its word tells.

        That is so on another machine, and where the start of the process is not known or may not be
        read, but its number is taken.
        """
        if self.host != socket.gethostname():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is somebody else's, and alive
        start = _start(self.pid)
        if start == _ENDED:
            return False
        return None if start is None or not self.start else abs(self.start - start) <= _SLACK

    def alive(self, last_word: float, now: float) -> bool:
        """Whether the process still runs.

        Args:
            last_word: when it last said so in the store, seconds since 1970.
            now: seconds since 1970.
        """
        runs = self.runs()
        return now - last_word < SILENT_SECONDS if runs is None else runs


_ENDED = -1
"""The start of a process that has ended, although its number is still taken: a zombie."""


def _start(pid: int) -> int | None:
    """Return when a process started, ``None`` where nobody may know."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return _ENDED
        # psutil adds the time of day at which Linux started, and that moves when the clock is set
        since = psutil.boot_time() if sys.platform == "linux" else 0.0
        return round(100 * (process.create_time() - since))
    except psutil.Error:
        return None
