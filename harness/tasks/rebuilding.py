"""Losses of networks that rebuild their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import torch

    from harness.tasks.losses import Batch, Net


@dataclass(frozen=True)
class RebuildingLoss:
    """Mean squared error of inputs that a network rebuilds, over examples and their numbers.

    Example:
        >>> import torch
        >>> from harness.tasks import Batch, RebuildingLoss
        >>> batch = Batch(torch.tensor([[1.0, 3.0]]), torch.tensor([0]))
        >>> RebuildingLoss()(torch.nn.ReLU(), batch).item()
        0.0
    """

    made_for: ClassVar[str] = "inputs"

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        return (net(batch.inputs) - batch.inputs).square().mean()
