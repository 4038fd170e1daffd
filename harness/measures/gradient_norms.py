"""How large the loss's gradient is at the start, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness.measures.gradients import first_gradients
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When


@dataclass(frozen=True)
class GradientNorms:
    """Euclidean norm of the first batch's loss gradient in each layer's weights.

    Biases and the parameters of normalisation are left out. Gives ``gradient_norm``, in the order
    in which the module lists its weights, and ``gradient_norm_ratio``, the first of them over the
    last: far below 1 where gradients vanish on their way back, far above 1 where they explode
    (Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, section 4.2). The ratio
    is infinite or NaN where the last layer has no gradient.
    """

    when: ClassVar[When] = "start"
    metrics: ClassVar[tuple[Metric, ...]] = defined("gradient_norm", "gradient_norm_ratio")

    def __call__(self, trained: Trained) -> Values:
        """Return norms and ratio.

        Raises:
            HarnessError: the network has no weights.
        """
        import torch

        network = trained.network
        masks = torch.split(network.weights, [param.numel() for param in network.params])
        grads = first_gradients(trained)
        norms = [
            grad.double().norm()
            for grad, mask in zip(grads, masks, strict=True)
            if mask.numel() and bool(mask[0] > 0)
        ]
        if not norms:
            raise HarnessError(
                "GradientNorms must be given a network with weights, parameters of two axes or "
                "more",
                f"{type(network.module).__name__} without any",
                "Leave the measure out.",
            )
        return {
            "gradient_norm": [float(each) for each in norms],
            "gradient_norm_ratio": float(norms[0] / norms[-1]),
        }
