"""A multilayer perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from harness.errors import HarnessError


@dataclass(frozen=True)
class MLP:
    """Linear layers with ReLU between them; He-normal weights, zero biases.

    Initialisation: He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10.

    Attributes:
        hidden: width of each hidden layer.
    """

    hidden: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        if (
            not isinstance(self.hidden, tuple)
            or not self.hidden
            or any(not isinstance(w, int) or isinstance(w, bool) or w < 1 for w in self.hidden)
        ):
            raise HarnessError(
                "MLP(hidden=...) must be a tuple of whole numbers of at least 1",
                repr(self.hidden),
                "Write hidden=(128, 128), say.",
            )

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for inputs of ``shape``, flattened."""
        widths = (math.prod(shape), *self.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        layers.append(nn.Linear(widths[-1], classes))
        for layer in layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        return nn.Sequential(*layers)
