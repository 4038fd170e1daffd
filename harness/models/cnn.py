"""A plain convolutional network."""

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
class CNN:
    """Blocks of convolution, normalisation, activation and max pooling, then one linear layer.

    Like LeNet (LeCun et al. 1998, https://doi.org/10.1109/5.726791). Convolutions keep
    the size of the image (stride 1, zeros around it), pooling over 2×2 pixels halves it and drops
    an odd last row or column; what is left is flattened. So the default takes 28×28 images to 14×14
    and 7×7, and 1,568 features to the linear layer; 8×8 ones to 4×4 and 2×2, and 128 features. Each
    side must have at least 2 pixels for each halving: 4 with the default, 16 with four blocks. A
    convolution before a normalisation has no bias: the normalisation's shift does the same.

    Attributes:
        channels: of each block.
        activation: one of ``harness.models.ACTIVATIONS``.
        normalisation: ``"none"``, ``"batch"``, ``"layer"``, ``"instance"`` or ``"group"``
            (:func:`harness.models.normalisation.normalisation`).
        dropout: probability with which a value at the end of a block becomes zero in training
            (single values, not whole channels); 0 is off.
        order: ``"norm, dropout"`` is convolution, normalisation, activation, pooling, dropout;
            ``"dropout, norm"`` is convolution, dropout, normalisation, activation, pooling. Li et
            al. 2018, https://arxiv.org/abs/1801.05134, compare the two.
        initialisation: a rule of :mod:`harness.models.initialisation`, used for all layers, the
            last one too, with the activation's gain. Biases begin at zero.
        kernel: pixels on a side of each convolution's kernel, odd.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import CNN
        >>> network = CNN(channels=(8, 16), normalisation="batch").build((1, 28, 28), 10)
        >>> network(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    channels: tuple[int, ...] = (16, 32)
    activation: str = "relu"
    normalisation: str = "none"
    dropout: float = 0.0
    order: str = NORM_FIRST
    initialisation: Initialisation = field(default_factory=HeNormal)
    kernel: int = 3

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.wholes(self, "channels", self.channels, (16, 32))
        check_choices(self, images=True)
        checks.whole(self, "kernel", self.kernel, 3)
        if self.kernel % 2 == 0:
            raise HarnessError(
                "CNN(kernel=...) must be odd, so that images keep their size",
                repr(self.kernel),
                f"Write kernel={self.kernel + 1}, say.",
            )

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for images of ``shape``, (channels, height, width).

        Raises:
            HarnessError: the inputs are not images, or too small to be halved by every block.
        """
        check_images(self, shape)
        least = 2 ** len(self.channels)
        if min(shape[1:]) < least:
            raise HarnessError(
                f"CNN with {len(self.channels)} blocks must be given images of at least "
                f"{least}×{least} pixels, because each block halves them",
                f"{shape[1]}×{shape[2]}",
                "Write fewer channels=(...), or use ConvNet or MLP.",
            )
        from harness.models.cnn_module import Network

        return Network(self, shape, classes)
