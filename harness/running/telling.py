"""How far a worker's trials are, told now and then while they train."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.running.named import Named
from harness.trials.records import Role

if TYPE_CHECKING:
    from harness.trainer.train import Request

TELL_SECONDS = 0.5
"""Least seconds between two updates from one worker."""


@dataclass(frozen=True)
class Told:
    """How far the trials are that a worker trains together.

    Attributes:
        arm: the first trial's arm.
        seed: the first trial's seed.
        role: the first trial's role.
        trials: how many there are.
        epoch: epochs that are over, or how far it is by a count of its own.
        epochs: epochs in all; 0 where it is something else that is counted.
        loss: mean training loss of the last epoch, or the value of what ``shown`` names.
        seconds_left: estimated seconds until the last epoch is over.
        shown: what ``loss`` is.
    """

    arm: str
    seed: int
    role: Role
    trials: int
    epoch: int
    epochs: int
    loss: float
    seconds_left: float
    shown: str = "loss"


class Telling:
    """Tells now and then how far trials are.

    Args:
        named: trials by the identity of their requests.
        tell: receives it.
    """

    def __init__(self, named: Mapping[int, Named], tell: Callable[[Told], None]) -> None:
        self._named = named
        self._tell = tell
        self._first = (1, time.monotonic())  # the epoch after which it was first told, and when
        self._before = self._first[1]
        self._last = -math.inf

    def __call__(self, requests: Sequence[Request], epoch: int, loss: float) -> None:
        """Take what the trainer tells after each epoch."""
        now = time.monotonic()
        if epoch <= self._first[0]:  # others, or the same in another mode
            seconds, self._first = now - self._before, (epoch, now)
        else:  # the first epoch takes longer: it loads, and compiles
            seconds = (now - self._first[1]) / (epoch - self._first[0])
        self._before = now
        if now - self._last < TELL_SECONDS:
            return
        self._last = now
        first = self._named[id(requests[0])]
        epochs = requests[0].training.epochs
        left = seconds * (epochs - epoch)
        self._tell(
            Told(first.arm, first.seed, first.role, len(requests), epoch, epochs, loss, left)
        )
