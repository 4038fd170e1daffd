"""Stopping before the last epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.messages import checks
from harness.tasks.scores import BETTER

_SIGNS = {f"validation_{name}": 1 if way == "lower" else -1 for name, way in BETTER.items()}
"""What training may be stopped by; 1 where lower is better."""


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once the validation metric has not improved for some epochs; keep the best weights.

    The trial's final metrics are those of the epoch in which the metric was best, also where the
    last epoch was reached (Prechelt 1998, "Early stopping - but when?", in its simplest form).

    Attributes:
        patience: epochs without an improvement after which training stops, at least 1.
        metric: a score of the task on the validation split, such as ``"validation_loss"`` or
            ``"validation_accuracy"``, or of a regression ``"validation_r2"``.
        by: how much better counts as an improvement, in the metric's unit.

    Example:
        >>> from harness import EarlyStopping
        >>> stopping = EarlyStopping(patience=2)
        >>> stopping.best([0.9, 0.5, 0.6, 0.7])
        1
    """

    patience: int
    metric: str = "validation_loss"
    by: float = 0.0

    def __post_init__(self) -> None:
        checks.whole(self, "patience", self.patience, 5)
        checks.one_of(self, "metric", self.metric, tuple(_SIGNS))
        checks.at_least(self, "by", self.by, 0.001)

    def best(self, curve: list[float]) -> int:
        """Return the position of the best value of a learning curve: the first that counts."""
        sign = _SIGNS[self.metric]
        best = 0
        for position, value in enumerate(curve):
            unknown = math.isnan(curve[best]) and not math.isnan(value)
            if unknown or sign * value < sign * curve[best] - self.by:
                best = position
        return best


@dataclass(frozen=True)
class Bound:
    """What a trial must reach by some point of its curve, or it is ended.

    Attributes:
        point: which point of the curve, from 1 on: the epoch, or the number of the report.
        worst: the worst value with which it goes on.
        best_so_far: whether the best value up to there counts, and not the one there.
    """

    point: int
    worst: float
    best_so_far: bool = False


@dataclass(frozen=True)
class Pruning:
    """What ends a trial early that does badly beside others.

    Attributes:
        metric: the metric whose curve is looked at.
        better: which direction is better.
        bounds: what it must reach, by points that rise.

    Example:
        >>> from harness.stopping import Bound, Pruning
        >>> pruning = Pruning("validation_loss", "lower", (Bound(2, 0.5),))
        >>> pruning.ends([0.9]), pruning.ends([0.9, 0.6]), pruning.ends([0.9, 0.4])
        (False, True, False)
    """

    metric: str
    better: Literal["higher", "lower"]
    bounds: tuple[Bound, ...]

    def looks_at(self, point: int) -> bool:
        """Whether anything is asked at a point of a curve, from 1 on."""
        return any(bound.point == point for bound in self.bounds)

    def ends(self, curve: Sequence[float]) -> bool:
        """Whether a trial is ended at the last point of its curve."""
        sign = 1 if self.better == "lower" else -1
        for bound in self.bounds:
            if bound.point == len(curve):
                seen = curve if bound.best_so_far else curve[-1:]
                known = [sign * value for value in seen if not math.isnan(value)]
                return not known or min(known) > sign * bound.worst  # no number is the worst
        return False
