"""Networks that give a class to each pixel: with a path back up, and without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.models.checks import check_images, check_normalised
from harness.models.initialisation import HeNormal, Initialisation

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class _Pixels:
    """What both networks have in common: the path down.

    Each level is two 3×3 convolutions that keep the size, each with normalisation and activation;
    2×2 pooling lies between levels, after which there are twice as many channels.
    """

    width: int = 16
    levels: int = 2
    activation: str = "relu"
    normalisation: str = "batch"
    initialisation: Initialisation = field(default_factory=HeNormal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.whole(self, "width", self.width, 16)
        checks.whole(self, "levels", self.levels, 2)
        check_normalised(self)


@dataclass(frozen=True)
class FCN(_Pixels):
    """A fully convolutional network: down to a small map of class scores, which is then enlarged.

    Long, Shelhamer & Darrell 2015, https://arxiv.org/abs/1411.4038, section 4.1, without skips
    (their FCN-32s): a 1×1 convolution gives scores on the smallest map, and fixed bilinear
    interpolation takes them back to the size of the image. The path down is that of UNet: levels of
    two 3×3 convolutions with 2×2 pooling between them.

    Images whose sides cannot be divided by ``2 ** levels`` get zeros at the right and below, and
    the outputs there are cut off.

    Attributes:
        width: channels of the first level; each next level has twice as many.
        levels: how often the map is halved.
        activation: one of ``harness.models.ACTIVATIONS``.
        normalisation: after each 3×3 convolution, as in CNN; a convolution before it has no bias.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers with the
            activation's gain. Biases begin at zero.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import FCN
        >>> FCN(width=8, levels=3).build((1, 30, 40), 4)(torch.zeros(2, 1, 30, 40)).shape
        torch.Size([2, 4, 30, 40])
    """

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module: images of ``shape``, (channels, height, width), to class logits.

        It gives ``[batch, classes, height, width]``.

        Raises:
            HarnessError: the inputs are not images.
        """
        check_images(self, shape)
        from harness.models.segmentation_module import Interpolated

        return Interpolated(self, shape, classes)


@dataclass(frozen=True)
class UNet(_Pixels):
    """A path down to small maps, and one back up that sees each map of the path down again.

    Ronneberger, Fischer & Brox 2015, https://arxiv.org/abs/1505.04597, section 2, smaller: two 3×3
    convolutions on each level, 2×2 pooling on the way down; on the way up a transposed 2×2
    convolution of stride 2, which halves the channels and doubles the sides, then the map of the
    path down beside it (a skip), and two convolutions more; at the end a 1×1 convolution. Other
    than in the paper convolutions keep the size, and there is normalisation.

    Images whose sides cannot be divided by ``2 ** levels`` get zeros at the right and below, and
    the outputs there are cut off.

    Attributes:
        width: channels of the first level; each next level has twice as many.
        levels: how often the map is halved; 4 in the paper.
        activation: one of ``harness.models.ACTIVATIONS``.
        normalisation: after each 3×3 convolution, as in CNN; a convolution before it has no bias.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers with the
            activation's gain. Biases begin at zero.
        skips: whether the path up sees the maps of the path down. Without, the first convolution
            of each level on the way up has half as many inputs.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import UNet
        >>> network = UNet(width=8, skips=False).build((1, 30, 40), 4)
        >>> network(torch.zeros(2, 1, 30, 40)).shape
        torch.Size([2, 4, 30, 40])
    """

    skips: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.flag(self, "skips", self.skips)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module: images of ``shape``, (channels, height, width), to class logits.

        It gives ``[batch, classes, height, width]``.

        Raises:
            HarnessError: the inputs are not images.
        """
        check_images(self, shape)
        from harness.models.segmentation_module import DownAndUp

        return DownAndUp(self, shape, classes)
