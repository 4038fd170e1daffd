"""Whether a network is as often right as it is sure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch

BINS = 15
"""Guo et al.'s number."""


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error on test examples, :func:`calibration_error`.

    Gives ``test_calibration_error``, from 0 to 1.
    """

    made_for: ClassVar[str] = "classes"
    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]] = defined("test_calibration_error")

    def __call__(self, trained: Trained) -> Values:
        """Return the error."""
        targets = trained.member.splits.test.targets
        return {"test_calibration_error": calibration_error(trained.test_logits, targets)}


def calibration_error(logits: torch.Tensor, targets: torch.Tensor, bins: int = BINS) -> float:
    """Return the expected calibration error, from 0 to 1; NaN where a logit is not finite.

    Examples are sorted by confidence (the largest of the predicted probabilities) into bins of
    equal width; each bin includes its upper end. The error is the distance between accuracy and
    mean confidence in a bin, averaged with each bin's share of the examples as weight (Guo et al.
    2017, https://arxiv.org/abs/1706.04599, section 2).

    Args:
        logits: ``[n, classes]``.
        targets: int64 ``[n]``.
        bins: how many.
    """
    import torch

    # on the CPU, where sums into bins are taken in the same order every time
    logits, targets = logits.cpu().double(), targets.cpu()
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    if not bool(confidence.isfinite().all()):
        return math.nan
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1
    excess = (predicted == targets).double() - confidence
    sums = torch.zeros(bins, dtype=torch.float64).index_add_(0, which, excess)
    return float(sums.abs().sum()) / len(targets)
