"""Who works on a trial, and whether they are still alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT_SECONDS = 30.0
"""How often a running process says so in the store."""

SILENT_SECONDS = 150.0
"""After how long without a word a process on another machine counts as dead."""


@dataclass(frozen=True)
class Runner:
    """One process that claims trials.

    Attributes:
        host: the machine's name.
        pid: the process.
        start: when the process started, in the kernel's ticks, so that a number used again is
            not taken for it; 0 where the system does not tell.
    """

    host: str
    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.start}"

    @staticmethod
    def here() -> Runner:
        """Return this process."""
        return Runner(socket.gethostname(), os.getpid(), _start(os.getpid()) or 0)

    @staticmethod
    def parse(text: str) -> Runner:
        """Read what ``str`` wrote."""
        host, pid, start = text.rsplit("/", 2)
        return Runner(host, int(pid), int(start))

    def alive(self, last_word: float, now: float) -> bool:
        """Whether the process still runs.

        Args:
            last_word: when it last said so in the store, seconds since 1970.
            now: seconds since 1970.
        """
        if self.host != socket.gethostname():
            return now - last_word < SILENT_SECONDS
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is somebody else's, and alive
        start = _start(self.pid)
        return start is None or self.start in (0, start)


def _start(pid: int) -> int | None:
    """Return the 22nd field of /proc/PID/stat (proc(5)), ``None`` where there is no such file."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    # A zombie has ended, although its number is still taken.
    return -1 if fields[0] == "Z" else int(fields[19])
