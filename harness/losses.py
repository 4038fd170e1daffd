"""What training minimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy in nats, averaged over the batch.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1)
            (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567, section 7).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.label_smoothing, int | float) or not 0 <= self.label_smoothing < 1:
            raise HarnessError(
                "CrossEntropy(label_smoothing=...) must lie in [0, 1)",
                repr(self.label_smoothing),
                "Write label_smoothing=0.1, say.",
            )

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of logits ``[batch, classes]`` and labels ``[batch]``."""
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        return F.cross_entropy(logits, targets, label_smoothing=self.label_smoothing)
