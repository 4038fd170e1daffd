"""What stands around the layers with weights, and is the same choice in every network here."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from harness.errors import HarnessError, near
from harness.floats import on
from harness.models.activations import activation, check_activation, gain
from harness.models.dropout import Dropout, check_dropout
from harness.models.initialisation import Initialisation, check_initialisation, initialise
from harness.models.normalisation import check_normalisation, normalisation

NORM_FIRST = "norm, dropout"
DROPOUT_FIRST = "dropout, norm"
ORDERS = (NORM_FIRST, DROPOUT_FIRST)


class Choices(Protocol):
    """What the networks have in common, beside their sizes."""

    @property
    def activation(self) -> str:
        """Name of the activation."""

    @property
    def normalisation(self) -> str:
        """Name of the normalisation."""

    @property
    def dropout(self) -> float:
        """Probability of dropout."""

    @property
    def order(self) -> str:
        """Which comes first after a layer."""

    @property
    def initialisation(self) -> Initialisation:
        """What fills the weights."""


def check_choices(choices: Choices, *, images: bool) -> None:
    """Check the fields that the networks have in common.

    Raises:
        HarnessError: one of them is wrong.
    """
    owner = type(choices).__name__
    check_activation(owner, choices.activation)
    check_normalisation(owner, choices.normalisation, images=images)
    check_dropout(owner, "dropout", choices.dropout)
    if not isinstance(choices.order, str) or choices.order not in ORDERS:
        raise HarnessError(
            f"{owner}(order=...) must say what follows a layer first",
            repr(choices.order),
            near(choices.order, [repr(each) for each in ORDERS]),
        )
    check_initialisation(owner, choices.initialisation)


def check_count(owner: object, name: str, value: int, example: int) -> None:
    """Check that a field is a whole number of at least 1.

    Raises:
        HarnessError: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise HarnessError(
            f"{type(owner).__name__}({name}=...) must be a whole number of at least 1",
            repr(value),
            f"Write {name}={example}, say.",
        )


def check_counts(owner: object, name: str, value: tuple[int, ...], example: str) -> None:
    """Check that a field is a tuple of whole numbers of at least 1, and not empty.

    Raises:
        HarnessError: it is not.
    """
    if (
        not isinstance(value, tuple)
        or not value
        or any(not isinstance(each, int) or isinstance(each, bool) or each < 1 for each in value)
    ):
        raise HarnessError(
            f"{type(owner).__name__}({name}=...) must be a tuple of whole numbers of at least 1",
            repr(value),
            f"Write {name}={example}, say.",
        )


def check_images(owner: object, shape: tuple[int, ...]) -> None:
    """Check that inputs are images.

    Raises:
        HarnessError: they are not.
    """
    if len(shape) != 3:
        raise HarnessError(
            f"{type(owner).__name__} must be given images of shape (channels, height, width)",
            f"inputs of shape {shape}",
            "Reshape the data, or use MLP, or a module of your own.",
        )


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


def with_bias(layer: nn.Conv2d | nn.Linear, choices: Choices) -> nn.Conv2d | nn.Linear:
    """Give a layer a bias where no normalisation follows, whose shift would stand in for it.

    Whether the layer had one is no matter. So the layer can be made, and its weights drawn, alike
    in arms with and without normalisation, which are then paired.
    """
    wanted = choices.normalisation == "none"
    if wanted != (layer.bias is not None):
        zeros = torch.zeros(len(layer.weight))
        layer.bias = nn.Parameter(zeros) if wanted else None
    return layer


def initialise_all(module: nn.Module, choices: Choices) -> None:
    """Draw the initial weights of a whole network."""
    initialise(module, choices.initialisation, gain(choices.activation))
