"""Accuracy on test images that something has been done to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.augment.erase import Box, place
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric, defined
from harness.trained import Trained, Values, When

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws


class _Disturbed(ABC):
    """Accuracy on disturbed test images; every arm of a seed has the same ones."""

    made_for: ClassVar[str] = "classes"
    when: ClassVar[When] = "end"
    metrics: ClassVar[tuple[Metric, ...]]

    @abstractmethod
    def disturb(self, images: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return other images of the same shape, for images ``[n, *shape]``, bytes as 0 to 1."""

    def __call__(self, trained: Trained) -> Values:
        """Return the accuracy.

        Raises:
            HarnessError: the inputs cannot be disturbed in this way.
        """
        from harness.engines.evaluate import EVALUATION_BATCH
        from harness.measures.kept import kept

        (metric,) = self.metrics
        if trained.member.splits.padded:
            raise HarnessError(
                f"{type(self).__name__} must be given inputs of one length",
                "sequences of unequal length, which are padded",
                "Leave the measure out.",
            )
        inputs, targets = trained.member.splits.test.inputs, trained.member.splits.test.targets
        draws, right = trained.draws(metric.name), 0
        with kept(trained, metric.name):
            for index, start in enumerate(range(0, len(targets), EVALUATION_BATCH)):
                rows = slice(start, start + EVALUATION_BATCH)
                images = self.disturb(as_floats(inputs[rows]), draws.within(str(index)))
                predicted = trained.logits(images).argmax(dim=1)
                right += int((predicted == targets[rows]).sum())
        return {metric.name: right / len(targets)}


def as_floats(inputs: torch.Tensor) -> torch.Tensor:
    """Return bytes as numbers from 0 to 1, and what is floating point as it is.

    Raises:
        HarnessError: they are token ids, between which there is nothing.
    """
    import torch

    if inputs.dtype == torch.int64:
        raise HarnessError(
            "Occluded and Noisy must be given images or measured values",
            "token ids",
            "Leave the measure out.",
        )
    return inputs if inputs.is_floating_point() else inputs.float() / 255


@dataclass(frozen=True)
class Occluded(_Disturbed):
    """Accuracy on test images with a black square at a random place in each.

    The square lies within the image, at any place with the same probability, and is 0, which is
    black where images are from 0 to 1. Gives ``occluded_accuracy``, from 0 to 1.

    Attributes:
        side: of the square, as a share of the image's shorter side, in (0, 1]; rounded to whole
            pixels, and at least one.

    Raises:
        HarnessError: the side is outside its range.
    """

    side: float = 0.5

    metrics: ClassVar[tuple[Metric, ...]] = defined("occluded_accuracy")

    def __post_init__(self) -> None:
        checks.share(self, "side", self.side, 0.5, ends="(]")

    def disturb(self, images: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return images with squares.

        Raises:
            HarnessError: they are not images.
        """
        if images.ndim != 4:
            raise HarnessError(
                "Occluded must be given images of shape (channels, height, width)",
                f"inputs of shape {tuple(images.shape[1:])}",
                "Reshape the data, or leave the measure out.",
            )
        count, _, height, width = images.shape
        side = max(1, round(self.side * min(height, width)))
        top = place(draws.uniform("row", count), height - side + 1)
        left = place(draws.uniform("column", count), width - side + 1)
        box = Box(top, top + side, left, left + side)
        return images.masked_fill(box.mask(height, width), 0)


@dataclass(frozen=True)
class Noisy(_Disturbed):
    """Accuracy on test examples with normal noise, independent for every value.

    Bytes are divided by 255 first, floats taken as they are; sums are not cut off at 0 and 1, as
    Hendrycks & Dietterich do (2019, https://arxiv.org/abs/1903.12261), because not all inputs have
    such limits. Gives ``noisy_accuracy``, from 0 to 1.

    Attributes:
        std: of the noise, above 0, on the scale on which images are from 0 to 1.

    Raises:
        HarnessError: the standard deviation is outside its range.
    """

    std: float = 0.3

    metrics: ClassVar[tuple[Metric, ...]] = defined("noisy_accuracy")

    def __post_init__(self) -> None:
        checks.positive(self, "std", self.std, 0.3)

    def disturb(self, images: torch.Tensor, draws: Draws) -> torch.Tensor:
        """Return images with noise."""
        return images + self.std * draws.normal("noise", *images.shape)
