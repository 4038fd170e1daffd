"""A clock that stands still while a process waits for a processor, where others keep it busy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .clock import cpu_times

_CLOSE = 50_000  # nanoseconds between two looks at the clock that count as one moment
_TRIES = 20


def steady_times(once: Callable[[], None], seconds: float) -> list[float]:
    """Return seconds per step of each block, without what this thread waited for a processor.

    Other processes on a shared machine so cost no noise. Waiting for anything else (a file, a lock,
    a device, a child) counts. Where this process has children, which may keep the processor busy
    themselves, and where the system does not tell, it is the clock on the wall.

    Arguments are those of :func:`~harness.probe.clock.cpu_times`.
    """
    with _Waited() as waited:
        if waited.told:
            blocks = cpu_times(once, seconds, waited.now)
            if not has_children():
                return blocks
    return cpu_times(once, seconds)


def has_children() -> bool:
    """Whether this process has children, or the system does not tell."""
    try:
        tasks = [*Path("/proc/self/task").iterdir()]
        return any((each / "children").read_text(encoding="ascii").strip() for each in tasks)
    except OSError:
        return True


class _Waited:
    """What Linux tells of this thread: nanoseconds in which it was ready, and did not run."""

    def __init__(self) -> None:
        self._file = -1
        self.told = False

    def __enter__(self) -> _Waited:
        try:
            place = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._file = os.open(place, os.O_RDONLY)
            self.told = self._nanoseconds() >= 0
        except (OSError, ValueError, IndexError):
            self.told = False
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    def _nanoseconds(self) -> int:
        return int(os.pread(self._file, 100, 0).split()[1])

    def now(self) -> int:
        """Return nanoseconds since some moment, less those of waiting.

        Both are read as of one moment: the thread may have to wait between the two.
        """
        for _ in range(_TRIES):
            before = time.perf_counter_ns()
            waited = self._nanoseconds()
            after = time.perf_counter_ns()
            if after - before < _CLOSE:
                break
        return after - waited
