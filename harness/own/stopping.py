"""Whether a trial has been asked to stop, by a signal."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
"""What asks a trial to stop: a scheduler's signals, and a run that is being stopped."""

STOPPED = 75
"""The exit status of a process that has stopped before its trial was finished."""


class StoppedError(BaseException):
    """Raised within a trial to end it, where it was asked to stop and has saved what it needs.

    No ``except Exception`` of the trial's own takes it.
    """


class PrunedError(BaseException):
    """Raised within a trial to end it, because it does badly beside others.

    No ``except Exception`` of the trial's own takes it.
    """


class Stopping:
    """Notes that a signal came, for a trial that asks; one that never asks ends at once."""

    def __init__(self) -> None:
        self._asked = False
        self._looked = False

    @property
    def asked(self) -> bool:
        """Whether the trial is to stop."""
        self._looked = True
        return self._asked

    @property
    def came(self) -> bool:
        """Whether a signal has come; reading this is no sign that the trial asks."""
        return self._asked

    def listen(self) -> None:
        """Take signals from now on; in the main thread only."""
        for each in SIGNALS:
            signal.signal(each, self._take)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if not self._looked:
            _end()


def _end() -> NoReturn:
    os._exit(STOPPED)
