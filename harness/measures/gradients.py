"""The loss's gradient before the first step, and how large it is in the first block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch


def first_gradients(trained: Trained) -> tuple[torch.Tensor, ...]:
    """Return the first batch's loss gradient for each parameter, as the first step sees it.

    That is with augmentation, dropout and the batch's own statistics, and without penalties and
    clipping.
    """
    from harness.engines.step import called, loss_of
    from harness.measures.kept import kept

    with kept(trained, "first batch"):
        network, training = trained.network, trained.member.training
        network.module.train()
        batch = trained.first_batch()
        return network.gradients(loss_of(training, called(training, network), batch))


@dataclass(frozen=True)
class FirstBlockGradient:
    """Euclidean norm of the first batch's loss gradient in the first block's parameters.

    The block is the one that the network names so, or its first layer. Gives
    ``gradient_norm_first_block``.
    """

    when: ClassVar[When] = "start"
    metrics: ClassVar[tuple[Metric, ...]] = defined("gradient_norm_first_block")

    def __call__(self, trained: Trained) -> Values:
        """Return the norm."""
        import torch

        grads = first_gradients(trained)
        block = torch.cat([grads[each].reshape(-1) for each in trained.network.first_block()])
        return {"gradient_norm_first_block": float(block.norm())}
