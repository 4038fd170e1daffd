"""What blends each image, and its target, with another one of the batch: mixup and cutmix.

Partners are a random permutation of the batch: every image is the partner of one image. On average
one image in a batch is its own partner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.augment.base import Strength, check_probabilities, per_image
from harness.augment.erase import Box, centred, whole
from harness.floats import on

if TYPE_CHECKING:
    import torch

    from harness.randomness.counting import Draws


@dataclass(frozen=True)
class Blend:
    """Which image each image is mixed with, and how much.

    Attributes:
        partner: positions in the batch, int64 ``[batch]``.
        share: the partner's share, ``[batch]``.
    """

    partner: torch.Tensor
    share: torch.Tensor


@dataclass(frozen=True)
class Mixup(Strength):
    """Average each input, and its target, with a partner's (Zhang et al. 2017).

    The partner's weight is uniform in [0, strength), drawn for each image. At strength 1 the
    image's own weight is therefore uniform, which is the paper's λ ~ Beta(α, α) with α = 1, its
    setting for CIFAR-10 (https://arxiv.org/abs/1710.09412, sections 2 and 3.2). Inputs need not be
    images.

    Example:
        >>> import torch
        >>> from harness.augment import Mixup
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=2, device=torch.device("cpu"))
        >>> inputs, targets = torch.tensor([[0.0], [1.0]]), torch.eye(2)
        >>> mixed, shares = Mixup(1.0)(inputs, targets, draws)
        >>> mixed
        tensor([[0.4620],
                [0.0624]])
        >>> shares
        tensor([[0.5380, 0.4620],
                [0.9376, 0.0624]])
    """

    mixes: ClassVar[bool] = True
    images_only: ClassVar[bool] = False

    def sample(self, draws: Draws, shape: torch.Size) -> Blend:
        """Return each image's partner and its share."""
        share = draws.uniform("share", shape[0]) * self.strength
        return Blend(draws.permutation("partner", shape[0]), share)

    def apply(
        self, images: torch.Tensor, targets: torch.Tensor, parameters: Blend
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the averages."""
        return mixed(images, parameters), mixed(targets, parameters)

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, draws: Draws
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return new images and probabilities; at strength 0 those given.

        Raises:
            HarnessError: targets are not probabilities ``[batch, classes]``.
        """
        if not on(self.strength):
            return images, targets
        check_probabilities(self, targets)
        return self.apply(images, targets, self.sample(draws, images.shape))


@dataclass(frozen=True)
class Paste:
    """What each image takes, and from which image.

    Attributes:
        partner: positions in the batch, int64 ``[batch]``.
        box: the pixels that are the partner's.
    """

    partner: torch.Tensor
    box: Box


@dataclass(frozen=True)
class Cutmix(Strength):
    """Take a rectangle from a partner, at the same place (Yun et al. 2019).

    Its area is uniform in [0, strength) of the image's, and its shape the image's; it is centred
    on any pixel and cut off at the edges, and sides are rounded to whole pixels at random, up or
    down. The target's weight is the exact share of pixels that were taken. Strength 1 is the
    paper's λ ~ Beta(1, 1) (https://arxiv.org/abs/1905.04899, section 3), drawn for each image.

    Example:
        >>> import torch
        >>> from harness.augment import Cutmix
        >>> from harness.randomness.counting import Draws
        >>> draws = Draws(key=2, device=torch.device("cpu"))
        >>> images = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)])
        >>> pasted, shares = Cutmix(1.0)(images, torch.eye(2), draws)
        >>> pasted.mean(dim=(1, 2, 3))  # how much of each is white
        tensor([0.3750, 0.9844])
        >>> shares
        tensor([[0.6250, 0.3750],
                [0.0156, 0.9844]])
    """

    mixes: ClassVar[bool] = True

    def sample(self, draws: Draws, shape: torch.Size) -> Paste:
        """Return each image's partner, and the rectangle that is taken from it."""
        count, height, width = shape[0], shape[-2], shape[-1]
        drawn = draws.uniform("rectangle", 5, count)
        side = (drawn[0] * self.strength).sqrt()
        rows = whole(side * height, drawn[1]).clamp(max=height)
        columns = whole(side * width, drawn[2]).clamp(max=width)
        box = centred(drawn[3:], rows, columns, height, width)
        return Paste(draws.permutation("partner", count), box)

    def apply(
        self, images: torch.Tensor, targets: torch.Tensor, parameters: Paste
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images with a rectangle of another, and probabilities by area."""
        import torch

        height, width = images.shape[-2:]
        partner, box = parameters.partner, parameters.box
        share = box.area().to(targets.dtype) / (height * width)
        pasted = torch.where(box.mask(height, width), images[partner], images)
        return pasted, mixed(targets, Blend(partner, share))

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor, draws: Draws
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return new images and probabilities; at strength 0 those given.

        Raises:
            HarnessError: targets are not probabilities ``[batch, classes]``.
        """
        if not on(self.strength):
            return images, targets
        check_probabilities(self, targets)
        return self.apply(images, targets, self.sample(draws, images.shape))


def mixed(values: torch.Tensor, blend: Blend) -> torch.Tensor:
    """Return averages of ``values``, ``[batch, ...]``, with their partners'."""
    share = per_image(blend.share, values)
    return (1 - share) * values + share * values[blend.partner]
