"""What the networks have in common to declare, and its checks; torch is not needed for that."""

from __future__ import annotations

from typing import Protocol

from harness.errors import HarnessError, near
from harness.models.activations import check_activation
from harness.models.initialisation import Initialisation, check_initialisation
from harness.models.normalisation import check_normalisation

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


def check_dropout(owner: str, name: str, p: float) -> None:
    """Check a probability of dropout.

    Raises:
        HarnessError: it is not a number in [0, 1).
    """
    if not isinstance(p, int | float) or isinstance(p, bool) or not 0 <= p < 1:
        raise HarnessError(
            f"{owner}({name}=...) must lie in [0, 1)", repr(p), f"Write {name}=0.5, say."
        )
