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
    clipping; by the loss of the update that moves the parameter, and 0 where none does.
    """
    import torch

    from harness.engines.called import called
    from harness.engines.step import loss_of
    from harness.measures.kept import kept

    with kept(trained, "first batch"):
        network, training = trained.network, trained.member.training
        network.module.train()
        batch = trained.first_batch()
        net = called(training.precision, network.module, network.vector.device)
        updates, spans = training.every_update, trained.member.spans
        if len(spans[0].params) == len(network.params):
            return network.gradients(loss_of(updates[0].loss, net, batch))
        found = [torch.zeros_like(each) for each in network.params]
        for update, where in zip(updates, spans, strict=True):
            grads = network.gradients(loss_of(update.loss, net, batch), where)
            for at, grad in zip(where.params, grads, strict=True):
                found[at] = grad
        return tuple(found)


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
