"""What moves pixels: shift, rotate, scale, flip.

The first three are one affine map about the image's centre, sampled bilinearly, with 0 (black)
outside the image: torchvision's ``affine`` with ``fill=None``, for each image with its own numbers.
Coordinates are pixels, x to the right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.augment.base import PerImage, signed

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws

MAX_SHIFT = 0.3
MAX_ANGLE = 30.0
MAX_ZOOM = 1.6


@dataclass(frozen=True)
class Placement:
    """Where each image's contents go; every field is ``[batch]``.

    Attributes:
        right: pixels to the right.
        down: pixels down.
        angle: degrees, clockwise.
        zoom: factor of size, above 0.
    """

    right: torch.Tensor
    down: torch.Tensor
    angle: torch.Tensor
    zoom: torch.Tensor


def warp(images: torch.Tensor, placement: Placement) -> torch.Tensor:
    """Return images ``[batch, channels, height, width]`` turned and scaled, then shifted."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

    height, width = images.shape[-2:]
    # half precision cannot tell a hundredth of a pixel; float64 images keep all their digits
    dtype = torch.promote_types(images.dtype, torch.float32)
    device = images.device
    turn = placement.angle.to(dtype) * (math.pi / 180)
    zoom = placement.zoom.to(dtype)
    cosine, sine = (torch.cos(turn) / zoom)[:, None], (torch.sin(turn) / zoom)[:, None]
    # an output pixel's place about the centre, before the shift
    x = torch.arange(width, dtype=dtype, device=device) - (width - 1) / 2
    y = torch.arange(height, dtype=dtype, device=device) - (height - 1) / 2
    x = x - placement.right.to(dtype)[:, None]
    y = y - placement.down.to(dtype)[:, None]
    # and the place that it is taken from, where the image's edges are -1 and 1
    column = (cosine * x * (2 / width))[:, None, :] + (sine * y * (2 / width))[:, :, None]
    row = (cosine * y * (2 / height))[:, :, None] - (sine * x * (2 / height))[:, None, :]
    grid = torch.stack((column, row), dim=-1)
    sampled = F.grid_sample(
        images.to(dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return sampled.to(images.dtype)


@dataclass(frozen=True)
class Shift(PerImage[Placement]):
    """Shift along both axes, each uniformly up to 0.3 × strength of that side, with black behind.

    Fractions of a pixel are interpolated. 0.3 is FixMatch's range for translations (Sohn et al.
    2020, https://arxiv.org/abs/2001.07685, appendix).

    Example:
        >>> import torch
        >>> from harness.augment import Shift
        >>> from harness.randomness.counting import Draws
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> shifted, same = Shift(0.5)(images, targets, draws)
        >>> shifted.shape
        torch.Size([2, 1, 8, 8])
        >>> bool((shifted < 1).any())
        True
    """

    moves: ClassVar[bool] = True

    def sample(self, draws: Draws, shape: torch.Size) -> Placement:
        """Return the pixels each image moves by."""
        import torch

        across, along = signed(draws, "shift", 2, shape[0])
        right = across * self.strength * (MAX_SHIFT * shape[-1])
        down = along * self.strength * (MAX_SHIFT * shape[-2])
        zero = torch.zeros_like(right)
        return Placement(right, down, zero, zero + 1)

    def apply(self, images: torch.Tensor, parameters: Placement) -> torch.Tensor:
        """Return shifted images."""
        return warp(images, parameters)


@dataclass(frozen=True)
class Rotate(PerImage[Placement]):
    """Turn about the centre, uniformly up to 30 × strength degrees either way, with black behind.

    30 degrees are AutoAugment's and RandAugment's most (Cubuk et al. 2018,
    https://arxiv.org/abs/1805.09501, list of operations).

    Example:
        >>> import torch
        >>> from harness.augment import Rotate
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> turned, same = Rotate(1.0)(images, targets, draws)
        >>> bool(turned[0, 0, 0, 0] < turned[0, 0, 4, 4])  # a corner is darker than the middle
        True
    """

    moves: ClassVar[bool] = True

    def sample(self, draws: Draws, shape: torch.Size) -> Placement:
        """Return the degrees each image turns by."""
        import torch

        angle = signed(draws, "angle", shape[0]) * self.strength * MAX_ANGLE
        zero = torch.zeros_like(angle)
        return Placement(zero, zero, angle, zero + 1)

    def apply(self, images: torch.Tensor, parameters: Placement) -> torch.Tensor:
        """Return turned images."""
        return warp(images, parameters)


@dataclass(frozen=True)
class Scale(PerImage[Placement]):
    """Zoom about the centre by a factor from 1.6^-strength to 1.6^strength, with black around.

    The logarithm of the factor is uniform, so shrinking is as likely as growing. 1.6 was used to
    win a contest on 30,000 small pictures (Dieleman et al. 2015,
    https://benanne.github.io/2015/03/17/plankton.html).

    Example:
        >>> import torch
        >>> from harness.augment import Scale
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.ones(2, 1, 8, 8), torch.tensor([0, 1])
        >>> zoomed, same = Scale(1.0)(images, targets, draws)
        >>> zoomed.mean(dim=(1, 2, 3))  # the first shrank, with black around
        tensor([0.8933, 1.0000])
    """

    moves: ClassVar[bool] = True

    def sample(self, draws: Draws, shape: torch.Size) -> Placement:
        """Return the factor each image's size is multiplied by."""
        import torch

        zoom = torch.exp(signed(draws, "zoom", shape[0]) * self.strength * math.log(MAX_ZOOM))
        zero = torch.zeros_like(zoom)
        return Placement(zero, zero, zero, zoom)

    def apply(self, images: torch.Tensor, parameters: Placement) -> torch.Tensor:
        """Return zoomed images."""
        return warp(images, parameters)


@dataclass(frozen=True)
class Flip(PerImage["torch.Tensor"]):
    """Swap left and right, with probability strength / 2.

    At strength 1 every second image is flipped, as in He et al. 2015
    (https://arxiv.org/abs/1512.03385, section 4.2); more would be less random again.

    Example:
        >>> import torch
        >>> from harness.augment import Flip
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.tensor([0.0, 1.0]).expand(4, 1, 1, 2), torch.zeros(4)
        >>> flipped, same = Flip(1.0)(images, targets, draws)
        >>> flipped.flatten(1).tolist()
        [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    """

    moves: ClassVar[bool] = True

    def sample(self, draws: Draws, shape: torch.Size) -> torch.Tensor:
        """Return whether each image is flipped, bool ``[batch]``."""
        return draws.uniform("flip", shape[0]) < self.strength / 2

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """Return images, some of them flipped."""
        import torch

        return torch.where(parameters[:, None, None, None], images.flip(-1), images)
