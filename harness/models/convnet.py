"""He et al.'s networks for CIFAR, residual and plain.

He, Zhang, Ren & Sun 2015, https://arxiv.org/abs/1512.03385, section 4.2: a 3×3 convolution, three
stages of 2n such layers with 1, 2 and 4 times the width, global average pooling and a linear layer:
6n + 2 layers. The second and third stage begin with stride 2. A shortcut goes around every two
layers. Where the shape changes it takes every second pixel and pads channels with zeros (option A),
so that it has no parameters. Dropout, if asked for, comes between the two convolutions of each
block, as in Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146, section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.models.checks import NORM_FIRST, check_choices, check_images
from harness.models.initialisation import HeNormal, Initialisation

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ConvNet:
    """A residual or plain network of He et al.'s CIFAR layout.

    A convolution before a normalisation has no bias: the normalisation's shift does the same.

    Attributes:
        depth: number of layers with weights, 6n + 2.
        width: channels of the first stage; 16 in the paper (0.27 M parameters at 20 layers and
            0.85 M at 56, table 6).
        shortcut: whether a shortcut goes around every two layers.
        activation: one of ``harness.models.ACTIVATIONS``; the paper's is ReLU.
        normalisation: ``"none"``, ``"batch"`` (the paper's), ``"layer"``, ``"instance"`` or
            ``"group"`` (:func:`harness.models.normalisation.normalisation`).
        dropout: probability with which a value between the two convolutions of a block becomes
            zero in training (single values, not whole channels); 0 is off.
        order: ``"norm, dropout"`` is convolution, normalisation, activation, dropout,
            convolution; ``"dropout, norm"`` is convolution, dropout, normalisation, activation,
            convolution. Li et al. 2018, https://arxiv.org/abs/1801.05134, compare the two.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers, the
            last one too, with the activation's gain. Biases begin at zero.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness.models import ConvNet
        >>> network = ConvNet(depth=20, shortcut=False).build((3, 32, 32), 10)
        >>> sum(parameter.numel() for parameter in network.parameters())
        269722
    """

    depth: int = 20
    width: int = 16
    shortcut: bool = True
    activation: str = "relu"
    normalisation: str = "batch"
    dropout: float = 0.0
    order: str = NORM_FIRST
    initialisation: Initialisation = field(default_factory=HeNormal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        if checks.whole(self, "depth", self.depth, 20) < 8 or (self.depth - 2) % 6:
            raise HarnessError(
                "ConvNet(depth=...) must be 6n + 2 with n at least 1",
                repr(self.depth),
                "Write 8, 14, 20, 32, 44, 56 or 110, say.",
            )
        checks.whole(self, "width", self.width, 16)
        checks.flag(self, "shortcut", self.shortcut)
        check_choices(self, images=True)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for images of ``shape``, (channels, height, width).

        Raises:
            HarnessError: the inputs are not images, or too small for the normalisation.
        """
        check_images(self, shape)
        from harness.models.convnet_module import Network

        return Network(self, shape, classes)
