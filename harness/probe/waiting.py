"""Times without what a process waited for a processor, where others keep it busy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .clock import cpu_times

_CLOSE = 50_000  # nanoseconds between two looks at the clock that count as one moment
_TRIES = 20
_OTHERS = 0.02
"""By what share of the time threads and children of this process may compute beside it."""


@dataclass(frozen=True)
class Times:
    """Seconds per step of each block.

    Attributes:
        wall: by the clock on the wall.
        steady: without what this thread waited for a processor; empty where that cannot be told.
    """

    wall: tuple[float, ...]
    steady: tuple[float, ...] = ()


def both_times(once: Callable[[], None], seconds: float) -> Times:
    """Return seconds per step of each block, by two clocks.

    One of them stands still while this thread is ready and waits for a processor, so that other
    processes on a shared machine cost no noise. Waiting for anything else (a file, a lock, a
    device, a child) counts. Where threads or children of this process compute, they may be what
    keeps the processor busy: then there is the clock on the wall alone, as where the system does
    not tell.

    Arguments are those of :func:`~harness.probe.clock.cpu_times`.
    """
    with _Waited() as waited:
        if not waited.told:
            return Times(tuple(cpu_times(once, seconds)))
        moments: list[tuple[int, int]] = []

        def clock() -> int:
            moments.append(waited.now())
            return moments[-1][0]

        before = _computed_beside()
        blocks = cpu_times(once, seconds, clock, sizing=time.perf_counter_ns)
        beside = _computed_beside() - before
    if beside > _OTHERS * (moments[-1][0] - moments[0][0]) / 1e9 or _has_children():
        return Times(tuple(blocks))
    shares = [
        1 - (end[1] - start[1]) / (end[0] - start[0])
        for start, end in zip(moments[::2], moments[1::2], strict=True)
    ]
    return Times(tuple(blocks), tuple(x * ran for x, ran in zip(blocks, shares, strict=True)))


def _computed_beside() -> float:
    """Return the seconds that other threads and ended children of this process have computed."""
    told = os.times()
    ended = told.children_user + told.children_system
    return time.process_time() - time.thread_time() + ended


def _has_children() -> bool:
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
        with suppress(OSError, ValueError, IndexError):
            place = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._file = os.open(place, os.O_RDONLY)
            self.told = self._nanoseconds() >= 0
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    def _nanoseconds(self) -> int:
        return int(os.pread(self._file, 100, 0).split()[1])

    def now(self) -> tuple[int, int]:
        """Return nanoseconds since some moment, and those of waiting.

        Both are read as of one moment: the thread may have to wait between the two.
        """
        for _ in range(_TRIES):
            before = time.perf_counter_ns()
            waited = self._nanoseconds()
            after = time.perf_counter_ns()
            if after - before < _CLOSE:
                break
        return after, waited
