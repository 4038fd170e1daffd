"""A multilayer perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.models.checks import NORM_FIRST, check_choices
from harness.models.initialisation import HeNormal, Initialisation

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class MLP:
    """Linear layers, each but the last followed by normalisation, activation and dropout.

    The default is He et al.'s initialisation (2015, https://arxiv.org/abs/1502.01852, equation 10)
    with ReLU. A layer before a normalisation has no bias: the normalisation's shift does the
    same.

    Attributes:
        hidden: width of each hidden layer.
        activation: one of ``harness.models.ACTIVATIONS``.
        normalisation: ``"none"``, ``"batch"``, ``"layer"`` or ``"group"``
            (:func:`harness.models.normalisation.normalisation`).
        dropout: probability with which a hidden value becomes zero in training; 0 is off.
        order: ``"norm, dropout"`` is layer, normalisation, activation, dropout;
            ``"dropout, norm"`` is layer, dropout, normalisation, activation. Li et al. 2018,
            https://arxiv.org/abs/1801.05134, compare the two.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers, the
            last one too, with the activation's gain. Biases begin at zero.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness.models import MLP
        >>> network = MLP(hidden=(64, 32), activation="tanh", dropout=0.1).build((1, 8, 8), 10)
        >>> sum(parameter.numel() for parameter in network.parameters())
        6570
    """

    hidden: tuple[int, ...] = (128,)
    activation: str = "relu"
    normalisation: str = "none"
    dropout: float = 0.0
    order: str = NORM_FIRST
    initialisation: Initialisation = field(default_factory=HeNormal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.wholes(self, "hidden", self.hidden, (128, 128))
        check_choices(self, images=False)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for inputs of ``shape``, flattened.

        Raises:
            HarnessError: a layer is too narrow for its normalisation.
        """
        from torch import nn

        from harness.models.layers import after_layer, initialise_all, with_bias

        widths = (math.prod(shape), *self.hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [with_bias(nn.Linear(before, after), self), *after_layer(self, after)]
        layers.append(nn.Linear(widths[-1], classes))
        network = nn.Sequential(*layers)
        initialise_all(network, self)
        return network
