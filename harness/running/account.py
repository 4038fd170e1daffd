"""Where the time of a command went, part by part, and how much of it workers trained."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from harness.running.progress import Display, RunStatus
from harness.study.formatting import duration

START, WAITING = "start", "waiting"

ORDER = (START, WAITING, "profiles", "modes", "timing", "training", "report", "PDF")

PARTS = {
    "starting": START,
    "measuring cost": "profiles",
    "choosing modes": "modes",
    "timing arms side by side": "timing",
    "training": "training",
    "tuning and training": "training",
    "writing the report": "report",
}
"""What a part is called, by what is told while it goes on; all else is waiting for others."""


def age() -> float:
    """Return for how many seconds this process has run; 0 where the system does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - of this process, as proc(5) says
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, AttributeError, ValueError):
        return 0.0


class Account:
    """Wall time by part: each moment from the start of this process on is in exactly one.

    Args:
        clock: seconds of a clock that only goes on.
        before: seconds that had gone by when this was made.

    Attributes:
        parts: seconds by part, in the order in which they began; of those that are over.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, before: float = 0.0) -> None:
        self._clock = clock
        self._since = clock() - before
        self._part = START
        self._workers = 0
        self._took = 0.0
        self.parts: dict[str, float] = {}

    def begin(self, part: str) -> None:
        """End one part, and begin another."""
        now = self._clock()
        self.parts[self._part] = self.parts.get(self._part, 0.0) + now - self._since
        self._since, self._part = now, part

    def trained(self, workers: int, took: float) -> None:
        """Add what workers did.

        Args:
            workers: how many there were.
            took: seconds of all of them together in which they trained.
        """
        self._workers = max(self._workers, workers)
        self._took += took

    @property
    def share(self) -> float:
        """The part of all time so far in which the workers trained, from 0 to 1."""
        whole = sum(self.parts.values()) * self._workers
        return self._took / whole if whole else 0.0

    def line(self) -> str:
        """Return one line on all time so far."""
        self.begin(self._part)
        each = ", ".join(
            f"{part} {duration(seconds)}"
            for part, seconds in sorted(self.parts.items(), key=lambda each: ORDER.index(each[0]))
            if seconds >= 0.05  # what is printed as 0.0 s
        )
        many = f"{self._workers} workers" if self._workers > 1 else "the worker"
        said = f"{many} trained for {self.share:.0%} of it" if self._took else "nothing was trained"
        return f"{duration(sum(self.parts.values()))} in all: {each}; {said.replace('%', ' %')}"


class Accounting:
    """Passes on what is told, and enters it into an account."""

    def __init__(self, display: Display, account: Account) -> None:
        self._display = display
        self._account = account
        self._stage = ""
        account.begin(START)

    def show(self, status: RunStatus) -> None:
        """Pass it on, and enter the stage where it is a new one."""
        if status.stage != self._stage:
            self._stage = status.stage
            self._account.begin(PARTS.get(status.stage, WAITING))
        self._display.show(status)
