"""Operations chosen at random for each image, in the way of RandAugment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.augment.base import PerImage, per_image
from harness.augment.colour import MAX_CHANGE, amplify, mean_grey
from harness.augment.erase import place
from harness.augment.geometry import MAX_ANGLE, MAX_SHIFT, MAX_ZOOM, Placement, warp
from harness.messages import checks

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws

OPERATIONS = ("identity", "right", "down", "rotate", "scale", "brightness", "contrast")
"""In this order: what leaves the image as it is, what moves pixels, what changes their values."""

_RIGHT, _DOWN, _ROTATE, _SCALE, _BRIGHTNESS, _CONTRAST = range(1, len(OPERATIONS))


@dataclass(frozen=True)
class Chosen:
    """What is done to each image, one row after the other.

    Attributes:
        kind: positions in ``OPERATIONS``, int64 ``[operations, batch]``.
        size: how much of it, strength or its negative, ``[operations, batch]``.
    """

    kind: torch.Tensor
    size: torch.Tensor


@dataclass(frozen=True)
class Mixture(PerImage[Chosen]):
    """To each image apply a few operations, chosen uniformly and with replacement.

    They are nothing, a shift along one axis, rotation, scaling, brightness and contrast, each by
    exactly ``strength`` of the most that its own augmentation allows (a shift by 0.3 × strength
    of the side, say), in a direction chosen at random (RandAugment, Cubuk et al. 2019,
    https://arxiv.org/abs/1909.13719, section 3; these are some of its operations, and scaling).
    Nothing flips or adds noise: add Flip or Noise to the Training for that.

    Attributes:
        operations: how many in a row; the paper's N.

    Raises:
        HarnessError: the strength lies outside [0, 1], or ``operations`` is no whole number of at
            least 1.

    Example:
        >>> import torch
        >>> from harness.augment import Mixture
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> changed, same = Mixture(0.5, operations=3)(images, targets, draws)
        >>> changed.shape
        torch.Size([2, 1, 8, 8])
        >>> bool((changed < 1).any())
        True
    """

    operations: int = 2

    moves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.whole(self, "operations", self.operations, 2)

    def sample(self, draws: Draws, shape: torch.Size) -> Chosen:
        """Return what is done to each image."""
        several = (self.operations, shape[0])
        kind = place(draws.uniform("kind", *several), len(OPERATIONS))
        direction = 2 * (draws.uniform("direction", *several) < 0.5) - 1
        return Chosen(kind, direction.float() * self.strength)

    def apply(self, images: torch.Tensor, parameters: Chosen) -> torch.Tensor:
        """Return images after all their operations."""
        for row in range(self.operations):
            images = _operate(images, parameters.kind[row], parameters.size[row])
        return images


def _operate(images: torch.Tensor, kind: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
    """Do one operation to each image.

    An image's own may be any, so every image goes through one map and one change of values, with
    numbers that do nothing where another operation was chosen; ``torch.where`` then keeps what was
    to stay, to the bit.
    """
    import torch

    placement = Placement(
        right=(kind == _RIGHT) * size * (MAX_SHIFT * images.shape[-1]),
        down=(kind == _DOWN) * size * (MAX_SHIFT * images.shape[-2]),
        angle=(kind == _ROTATE) * size * MAX_ANGLE,
        zoom=torch.exp((kind == _SCALE) * size * math.log(MAX_ZOOM)),
    )
    moves = (kind >= _RIGHT) & (kind <= _SCALE)
    images = torch.where(moves[:, None, None, None], warp(images, placement), images)
    middle = per_image(kind == _CONTRAST, images) * mean_grey(images)
    changed = amplify(images, 1 + size * MAX_CHANGE, middle)
    return torch.where((kind >= _BRIGHTNESS)[:, None, None, None], changed, images)
