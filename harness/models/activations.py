"""Activations by name, and the gain by which initial weights make up for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

LEAK = 0.01
"""The leaky ReLU's slope below zero: torch's, and Maas et al.'s (2013)."""

_MODULES = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "gelu": "GELU",
    "silu": "SiLU",
}

# E[f(z)^2] for standard normal z. GELU is z Phi(z), whose moment is E[Phi^2] + E[phi^2] (by parts,
# twice). SiLU's was integrated numerically, as a test does with both.
_SECOND_MOMENTS = {
    "gelu": 1 / 3 + 1 / (2 * math.pi * math.sqrt(3)),
    "silu": 0.35577551981735217,
}

ACTIVATIONS = tuple(_MODULES)


def activation(name: str) -> nn.Module:
    """Make the module of an activation: one of ``ACTIVATIONS``."""
    from torch import nn

    made: nn.Module = getattr(nn, _MODULES[name])(*([LEAK] if name == "leaky_relu" else []))
    return made


def gain(name: str) -> float:
    """Return the factor on a layer's initial weights that suits an activation.

    It is ``torch.nn.init.calculate_gain``'s where that knows the name (1 for sigmoid, 5/3 for tanh,
    √2 for ReLU, √(2 / (1 + 0.01²)) for leaky ReLU). For GELU and SiLU it is 1/√E[f(z)²] with z
    standard normal, which keeps the second moment from layer to layer, as He et al.'s √2 does for
    ReLU (2015, https://arxiv.org/abs/1502.01852, section 2.2).
    """
    from torch import nn

    if name in _SECOND_MOMENTS:
        return 1 / math.sqrt(_SECOND_MOMENTS[name])
    return float(nn.init.calculate_gain(name, LEAK if name == "leaky_relu" else None))  # type: ignore[arg-type]
