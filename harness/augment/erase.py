"""What paints a rectangle over: cutout and random erasing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.augment.base import PerImage

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws

LEAST_AREA, MOST_AREA = 0.02, 0.4
MOST_ASPECT = 1 / 0.3
ERASED = 0.5


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels in each image, within its edges; every field is int64 ``[batch]``.

    Attributes:
        top: first row.
        bottom: the row after the last one.
        left: first column.
        right: the column after the last one.
    """

    top: torch.Tensor
    bottom: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor

    def area(self) -> torch.Tensor:
        """Return the number of pixels inside, int64 ``[batch]``."""
        return (self.bottom - self.top) * (self.right - self.left)

    def mask(self, height: int, width: int) -> torch.Tensor:
        """Return which pixels lie inside, bool ``[batch, 1, height, width]``."""
        import torch

        rows = torch.arange(height, device=self.top.device)
        columns = torch.arange(width, device=self.top.device)
        down = (rows >= self.top[:, None]) & (rows < self.bottom[:, None])
        across = (columns >= self.left[:, None]) & (columns < self.right[:, None])
        return (down[:, :, None] & across[:, None, :])[:, None]


def whole(length: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """Round lengths down or up by ``chance``, uniform in [0, 1), so that their mean is kept.

    To the nearest would make strengths alike that differ by less than a pixel: on 8 × 8 images
    half of all cutouts.
    """
    return (length + chance).floor().long()


def place(position: torch.Tensor, choices: int | torch.Tensor) -> torch.Tensor:
    """Turn numbers uniform in [0, 1) into whole ones from 0 to ``choices - 1``."""
    return (position * choices).floor().long()


def centred(
    centre: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, height: int, width: int
) -> Box:
    """Return boxes of ``rows`` × ``columns`` about a pixel, cut off at the edges.

    ``centre`` is ``[2, batch]``, down and across, uniform in [0, 1).
    """
    # halved by a shift: Inductor's integer division corrupts memory in this place (torch 2.15, CPU)
    top = place(centre[0], height) - (rows >> 1)
    left = place(centre[1], width) - (columns >> 1)
    return Box(
        top.clamp(min=0), (top + rows).clamp(max=height),
        left.clamp(min=0), (left + columns).clamp(max=width),
    )  # fmt: skip


@dataclass(frozen=True)
class Cutout(PerImage[Box]):
    """Paint a square black, centred on any pixel, so that it may hang over the edge.

    Its side is strength / 2 of the image's shorter one, rounded to whole pixels at random, up or
    down, so that its mean is exact. Strength 1 is DeVries & Taylor's setting for CIFAR-10, 16 of
    32 pixels (2017, https://arxiv.org/abs/1708.04552, section 4). They erase after images are
    standardised, which paints in the mean colour.

    Example:
        >>> import torch
        >>> from harness.augment import Cutout
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> cut, same = Cutout(1.0)(images, targets, draws)
        >>> (cut == 0).sum(dim=(1, 2, 3))  # the second square hangs over the edge
        tensor([16,  8])
    """

    def sample(self, draws: Draws, shape: torch.Size) -> Box:
        """Return each image's square, as far as it lies inside."""
        import torch

        height, width = shape[-2:]
        drawn = draws.uniform("square", 3, shape[0])
        side = torch.ones_like(drawn[0]) * self.strength * (min(height, width) / 2)
        side = whole(side, drawn[0])
        return centred(drawn[1:], side, side, height, width)

    def apply(self, images: torch.Tensor, parameters: Box) -> torch.Tensor:
        """Return images with black squares."""
        return images.masked_fill(parameters.mask(*images.shape[-2:]), 0)


@dataclass(frozen=True)
class Erasure:
    """What random erasing does to each image.

    Attributes:
        box: where; empty in images that are spared.
        fill: with what, of the images' shape.
    """

    box: Box
    fill: torch.Tensor


@dataclass(frozen=True)
class RandomErasing(PerImage[Erasure]):
    """In every second image paint a rectangle inside it with random values (Zhong et al. 2017).

    Probability 0.5, area uniform in 0.02 to 0.4 of the image's, height over width between 0.3
    and 1 / 0.3, each value uniform in [0, 1): https://arxiv.org/abs/1708.04896, sections 3 and
    4. Strength multiplies the area. Where the paper draws area and aspect until the rectangle
    fits, here the logarithm of the aspect is uniform over those that fit, so nothing is drawn
    twice and large areas keep their share. Sides are rounded at random, up or down.

    Example:
        >>> import torch
        >>> from harness.augment import RandomErasing
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> erased, same = RandomErasing(1.0)(images, targets, draws)
        >>> (erased < 1).sum(dim=(1, 2, 3))  # the second image was spared
        tensor([12,  0])
    """

    def sample(self, draws: Draws, shape: torch.Size) -> Erasure:
        """Return each image's rectangle and what it is filled with."""
        import torch

        count, height, width = shape[0], shape[-2], shape[-1]
        # one call for all seven, because each hashes its key
        drawn = draws.uniform("rectangle", 7, count)
        area = LEAST_AREA + (MOST_AREA - LEAST_AREA) * drawn[0]
        area = area * self.strength * (height * width)
        # rows ** 2 = area * aspect must not pass height ** 2, nor columns ** 2 pass width ** 2
        highest = torch.log(height**2 / area)
        lowest = torch.log(area / width**2).clamp(min=-math.log(MOST_ASPECT)).minimum(highest)
        highest = highest.clamp(max=math.log(MOST_ASPECT)).maximum(lowest)
        aspect = torch.exp(lowest + (highest - lowest) * drawn[1])
        rows = whole((area * aspect).sqrt(), drawn[2]).clamp(max=height)
        columns = whole((area / aspect).sqrt(), drawn[3]).clamp(max=width)
        rows = rows * (drawn[4] < ERASED)
        top = place(drawn[5], height - rows + 1)
        left = place(drawn[6], width - columns + 1)
        box = Box(top, top + rows, left, left + columns)
        return Erasure(box, draws.uniform("fill", *shape))

    def apply(self, images: torch.Tensor, parameters: Erasure) -> torch.Tensor:
        """Return images with rectangles of random values."""
        import torch

        inside = parameters.box.mask(*images.shape[-2:])
        return torch.where(inside, parameters.fill.to(images.dtype), images)
