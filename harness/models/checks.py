"""The fields that all networks have, and their checks; torch is not needed for that."""

from __future__ import annotations

from typing import Protocol

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.models.activations import ACTIVATIONS
from harness.models.initialisation import Initialisation, check_initialisation
from harness.models.normalisation import NORMALISATIONS

NORM_FIRST = "norm, dropout"
DROPOUT_FIRST = "dropout, norm"
ORDERS = (NORM_FIRST, DROPOUT_FIRST)

SAYS = ("once", "at each position")
"""What a network of sequences gives outputs for: all of a sequence, or each position."""


class Filled(Protocol):
    """The fields that say what initial weights are."""

    @property
    def activation(self) -> str:
        """Name of the activation."""

    @property
    def initialisation(self) -> Initialisation:
        """What fills the weights."""


class Normalised(Filled, Protocol):
    """Those, and what normalises."""

    @property
    def normalisation(self) -> str:
        """Name of the normalisation."""


class Choices(Normalised, Protocol):
    """The fields that networks of classes have."""

    @property
    def dropout(self) -> float:
        """Probability of dropout."""

    @property
    def order(self) -> str:
        """Which comes first after a layer."""


def check_filled(owner: Filled) -> None:
    """Check the activation and what fills the weights.

    Raises:
        HarnessError: one of them is wrong.
    """
    checks.one_of(owner, "activation", owner.activation, ACTIVATIONS)
    check_initialisation(type(owner).__name__, owner.initialisation)


def check_normalised(owner: Normalised) -> None:
    """Do as :func:`check_filled`, and check the normalisation, which is of images.

    Raises:
        HarnessError: one of them is wrong.
    """
    check_filled(owner)
    checks.one_of(owner, "normalisation", owner.normalisation, NORMALISATIONS)


def check_choices(choices: Choices, *, images: bool) -> None:
    """Check the fields that the networks have in common.

    Raises:
        HarnessError: one of them is wrong.
    """
    for name, names in (
        ("activation", ACTIVATIONS),
        ("normalisation", NORMALISATIONS),
        ("order", ORDERS),
    ):
        checks.one_of(choices, name, getattr(choices, name), names)
    if choices.normalisation == "instance" and not images:
        raise HarnessError(
            f"{type(choices).__name__}(normalisation=...) must be one that flat features can have",
            "'instance', which is over the pixels of one channel of one image",
            "Write normalisation='layer', or use CNN.",
        )
    checks.share(choices, "dropout", choices.dropout, 0.5)
    check_initialisation(type(choices).__name__, choices.initialisation)


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


def check_sequences(owner: object, shape: tuple[int, ...], tokens: int) -> None:
    """Check that inputs are sequences: those of token ids have one axis alone.

    Raises:
        HarnessError: they are not.
    """
    if tokens and len(shape) != 1:
        raise HarnessError(
            f"{type(owner).__name__}(tokens={tokens}) must be given token ids of shape (length,)",
            f"inputs of shape {shape}",
            "Leave tokens= out: then inputs are (channels, length), or images.",
        )


def check_width(owner: str, what: str, given: tuple[int, ...], width: int, instead: str) -> None:
    """Check what a part of a network is given: ``[batch, width]``.

    Raises:
        HarnessError: it has another shape.
    """
    if len(given) != 2 or given[1] != width:
        raise HarnessError(
            f"{owner} must be given {what} of shape (batch, {width})", f"shape {given}", instead
        )
