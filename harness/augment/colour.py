"""What changes values where they are: brightness, contrast, noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.augment.base import PerImage, per_image, signed

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws

MAX_CHANGE = 0.9
MAX_SD = 0.5

LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in a pixel's grey, those of torchvision (ITU-R BT.601)."""


def mean_grey(images: torch.Tensor) -> torch.Tensor:
    """Return the mean grey of each image, ``[batch, 1, 1, 1]``.

    Three channels are taken as red, green and blue; any other number counts alike.
    """
    means = images.mean(dim=(2, 3), keepdim=True)
    if images.shape[1] == 3:
        red, green, blue = (means[:, channel : channel + 1] for channel in range(3))
        return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return means.mean(dim=1, keepdim=True)


def amplify(
    images: torch.Tensor, factor: torch.Tensor, middle: torch.Tensor | float
) -> torch.Tensor:
    """Multiply the distance from ``middle`` by each image's factor ``[batch]``, within [0, 1]."""
    factor = per_image(factor, images)
    return (images * factor + (1 - factor) * middle).clamp(0, 1)


@dataclass(frozen=True)
class Brightness(PerImage["torch.Tensor"]):
    """Multiply each image by a factor uniform in 1 ± 0.9 × strength, and clamp to [0, 1].

    The range is AutoAugment's and RandAugment's (Cubuk et al. 2018,
    https://arxiv.org/abs/1805.09501, list of operations); the rest is torchvision's
    ``adjust_brightness``.

    Example:
        >>> import torch
        >>> from harness.augment import Brightness
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.full((2, 1, 8, 8), 0.5), torch.tensor([0, 1])
        >>> brighter, same = Brightness(0.5)(images, targets, draws)
        >>> brighter[:, 0, 0, 0]
        tensor([0.5877, 0.6034])
    """

    def sample(self, draws: Draws, shape: torch.Size) -> torch.Tensor:
        """Return each image's factor, ``[batch]``."""
        return 1 + signed(draws, "brightness", shape[0]) * self.strength * MAX_CHANGE

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """Return brighter and darker images."""
        return (images * per_image(parameters, images)).clamp(0, 1)


@dataclass(frozen=True)
class Contrast(PerImage["torch.Tensor"]):
    """Multiply distances from the image's mean grey by a factor uniform in 1 ± 0.9 × strength.

    The result is clamped to [0, 1]. The range is AutoAugment's and RandAugment's (Cubuk et al.
    2018, https://arxiv.org/abs/1805.09501, list of operations); the rest is torchvision's
    ``adjust_contrast``, which takes 1 or 3 channels: here the grey of any other number is their
    plain mean.

    Example:
        >>> import torch
        >>> from harness.augment import Contrast
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.tensor([0.4, 0.6]).expand(2, 1, 1, 2), torch.tensor([0, 1])
        >>> changed, same = Contrast(0.5)(images, targets, draws)
        >>> changed.flatten(1)
        tensor([[0.4056, 0.5944],
                [0.4365, 0.5635]])
    """

    def sample(self, draws: Draws, shape: torch.Size) -> torch.Tensor:
        """Return each image's factor, ``[batch]``."""
        return 1 + signed(draws, "contrast", shape[0]) * self.strength * MAX_CHANGE

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """Return images of more and less contrast."""
        return amplify(images, parameters, mean_grey(images))


@dataclass(frozen=True)
class Noise(PerImage["torch.Tensor"]):
    """Add independent Gaussian noise of standard deviation 0.5 × strength to every value.

    0.5 is what Rusak et al. 2020 chose on ImageNet, with images in [0, 1]
    (https://arxiv.org/abs/2001.06057). The result is not clamped, so that the noise has mean 0
    everywhere, and inputs need not be images.

    Example:
        >>> import torch
        >>> from harness.augment import Noise
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=1, device=torch.device("cpu"))
        >>> images, targets = torch.zeros(100, 1, 8, 8), torch.zeros(100)
        >>> noisy, same = Noise(0.2)(images, targets, draws)
        >>> round(noisy.std().item(), 2)
        0.1
    """

    images_only: ClassVar[bool] = False

    def sample(self, draws: Draws, shape: torch.Size) -> torch.Tensor:
        """Return the noise, of the images' ``shape``."""
        return draws.normal("noise", *shape) * self.strength * MAX_SD

    def apply(self, images: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        """Return noisy images."""
        return images + parameters.to(images.dtype)
