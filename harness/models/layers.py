"""What follows a layer with weights: the same choices in every network here."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from harness.floats import on
from harness.models.activations import activation, gain
from harness.models.checks import DROPOUT_FIRST, NORM_FIRST, Choices, Filled, Normalised
from harness.models.dropout import Dropout
from harness.models.initialisation import initialise
from harness.models.normalisation import normalisation

_Layer = TypeVar("_Layer", nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def after_layer(
    choices: Choices, width: int, size: tuple[int, int] | None = None, pool: nn.Module | None = None
) -> list[nn.Module]:
    """Make what follows a layer with weights, in order; what is off is left out.

    Args:
        choices: the network.
        width: features, or channels, of the layer's output.
        size: height and width of its output; None for flat features.
        pool: what follows the activation, if anything does.
    """
    drop = dropout(choices)
    steps = [
        drop if choices.order == DROPOUT_FIRST else None,
        normalisation(choices.normalisation, width, size),
        activation(choices.activation),
        pool,
        drop if choices.order == NORM_FIRST else None,
    ]
    return [each for each in steps if each is not None]


def dropout(choices: Choices) -> Dropout | None:
    """Make a dropout layer, or None if it is off."""
    return Dropout(choices.dropout) if on(choices.dropout) else None


def with_bias(layer: _Layer, choices: Normalised) -> _Layer:
    """Give a layer a bias if no normalisation follows; a normalisation's shift does the same.

    It does not matter whether the layer had one before. So layers are made, and their weights
    drawn, in the same way in arms with and without normalisation, which are then paired.
    """
    wanted = choices.normalisation == "none"
    if wanted != (layer.bias is not None):
        outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        zeros = torch.zeros(outputs)
        layer.register_parameter("bias", nn.Parameter(zeros) if wanted else None)
    return layer


def initialise_all(module: nn.Module, choices: Filled) -> None:
    """Draw the initial weights of a whole network."""
    initialise(module, choices.initialisation, gain(choices.activation))
