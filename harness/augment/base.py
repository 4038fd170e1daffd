"""What every augmentation has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from harness.floats import on
from harness.messages import checks
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws

Parameters = TypeVar("Parameters")


@dataclass(frozen=True)
class Strength:
    """A strength from 0 to 1, and what the trainer asks of an augmentation.

    Attributes:
        strength: how strong, from 0 (off) to 1.
        mixes: whether images and targets of a batch are blended, so that targets must be given as
            probabilities ``[batch, classes]``.
        images_only: whether inputs must be ``[batch, channels, height, width]``.
        moves: whether pixels change their place, so that a map of classes would no longer fit.

    Raises:
        HarnessError: it is not such a number.
    """

    strength: float
    mixes: ClassVar[bool] = False
    images_only: ClassVar[bool] = True
    moves: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.share(self, "strength", self.strength, 0.5, ends="[]")


@dataclass(frozen=True)
class PerImage(Strength, ABC, Generic[Parameters]):
    """An augmentation of each image by itself: parameters are sampled, then applied."""

    @abstractmethod
    def sample(self, draws: Draws, shape: torch.Size) -> Parameters:
        """Return the parameters of every image of a batch of ``shape``."""

    @abstractmethod
    def apply(self, images: torch.Tensor, parameters: Parameters) -> torch.Tensor:
        """Return new images, of the same shape and type."""

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, draws: Draws
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return new images, and the targets as they are; at strength 0 the images as well."""
        if not on(self.strength):
            return images, targets
        return self.apply(images, self.sample(draws, images.shape)), targets


def per_image(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Shape values ``[batch]`` to be multiplied with ``like``, ``[batch, ...]``, in its type."""
    return values.to(like.dtype).view(-1, *(1,) * (like.ndim - 1))


def signed(draws: Draws, name: str, *shape: int) -> torch.Tensor:
    """Return numbers in [-1, 1), float32 of ``shape``."""
    return 2 * draws.uniform(name, *shape) - 1


def check_probabilities(owner: object, targets: torch.Tensor) -> None:
    """Check that targets can be blended.

    Raises:
        HarnessError: they are not probabilities ``[batch, classes]``.
    """
    if targets.ndim != 2 or not targets.is_floating_point():
        raise HarnessError(
            f"{type(owner).__name__} must be given targets as probabilities [batch, classes]",
            f"{targets.dtype} of shape {tuple(targets.shape)}",
            "Encode labels with torch.nn.functional.one_hot first.",
        )
