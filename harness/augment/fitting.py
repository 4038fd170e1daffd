"""Whether augmentations can be used on a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from harness.data.facts import Known


def check_fits(augment: Sequence[object], known: Known) -> None:
    """Check that inputs can be augmented, and that their targets still fit them then.

    Args:
        augment: the augmentations of a Training.
        known: of its data.

    Raises:
        HarnessError: an augmentation is made for other inputs.
    """
    for each in augment:
        name = type(each).__name__
        if known.tokens:
            raise HarnessError(
                f"{name} must be given images or measured values",
                "token ids, between which there is nothing",
                "Leave augment= out.",
            )
        if getattr(each, "images_only", False) and len(known.shape) != 3:
            raise HarnessError(
                f"{name} must be given images of shape (channels, height, width)",
                f"inputs of shape {known.shape}",
                "Reshape the data, or leave that augmentation out.",
            )
        if known.padded and getattr(each, "mixes", False):
            raise HarnessError(
                f"{name} must be given inputs of one length, to mix two of them",
                "sequences of unequal length",
                "Leave it out, or cut all sequences to one length.",
            )
        moves = getattr(each, "moves", False) or getattr(each, "mixes", False)
        if known.targets.shape and moves:
            raise HarnessError(
                f"{name} must be given inputs without a class at each place, which it would move",
                str(known.targets),
                "Leave it out, or take one that changes values alone, such as Brightness.",
            )
