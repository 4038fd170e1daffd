"""Pairs of networks that are trained against each other: one makes inputs, one judges them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.models.checks import check_filled, check_images
from harness.models.initialisation import HeNormal, Initialisation, Normal, check_initialisation
from harness.models.normalisation import NORMALISATIONS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GAN:
    """A generator and a discriminator of linear layers, for points or other small inputs.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661. The parts are ``generator``, which
    makes ``[batch, *shape]`` of latent numbers ``[batch, latent]``, and ``discriminator``, which
    gives one logit ``[batch, 1]`` for each input: high where it looks real. In a critic it is a
    score. The network itself is the discriminator.

    A conditional pair (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784) is given classes,
    int64 ``[batch]``, as a second argument of both parts: they stand as 0s and a 1 beside what goes
    in.

    Attributes:
        hidden: width of each hidden layer of the discriminator; the generator's are the same in
            reverse.
        latent: how many numbers the generator is given.
        conditional: whether both are told the class; the data must have classes.
        activation: of the hidden layers: one of ``harness.models.ACTIVATIONS``.
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
        >>> from harness.models import GAN
        >>> pair = GAN(hidden=(32, 32), latent=4, conditional=True).build((2,), 8)
        >>> points = pair.generator(torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 7]))
        >>> points.shape, pair.discriminator(points, torch.zeros(5, dtype=torch.int64)).shape
        (torch.Size([5, 2]), torch.Size([5, 1]))
    """

    hidden: tuple[int, ...] = (128, 128)
    latent: int = 8
    conditional: bool = False
    activation: str = "relu"
    initialisation: Initialisation = field(default_factory=HeNormal)

    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.wholes(self, "hidden", self.hidden, (128, 128))
        checks.whole(self, "latent", self.latent, 8)
        checks.flag(self, "conditional", self.conditional)
        check_filled(self)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for inputs of ``shape``.

        Args:
            shape: of one input.
            classes: how many there are; only a conditional pair asks.

        Raises:
            HarnessError: the pair is conditional, and there are no classes.
        """
        from harness.models.gan_module import flat_pair

        return flat_pair(self, shape, _conditions(self, classes))


@dataclass(frozen=True)
class DCGAN:
    """A generator and a discriminator of convolutions, for images.

    Radford, Metz & Chintala 2016, https://arxiv.org/abs/1511.06434, section 3. The parts are those
    of :class:`GAN`. The generator is a linear layer to a small map, then transposed 4×4
    convolutions of stride 2, with ReLU between them; the discriminator 4×4 convolutions of stride
    2, each followed by leaky ReLU with slope 0.2, then a linear layer. The first layer of the
    discriminator and the last of the generator have no normalisation. Other than in the paper
    images are not squeezed through tanh, because standardised pixels are not within ±1.

    Images whose sides cannot be divided by ``2 ** levels``: the generator makes larger ones and
    cuts them, the discriminator adds zeros at the right and below.

    Attributes:
        width: channels of the discriminator's first layer and of the generator's last hidden one;
            the number doubles from there towards the small map. 64 in the paper.
        levels: how often the sides are halved; 4 in the paper, for images of 64×64.
        latent: how many numbers the generator is given; 100 in the paper.
        conditional: whether both are told the class; the data must have classes. The
            discriminator sees it as maps of 0s and 1s beside the image.
        normalisation: as in CNN, of both; the paper's is ``"batch"``. A critic with a gradient
            penalty must not have it across the batch: its gradient would then not be of one image.
        initialisation: a rule of :mod:`harness.models.initialisation`, with ReLU's gain; the
            paper's is normal with 0.02. Biases begin at zero.
        floats_in_buffers: every float reaches the module as initial weights or as a buffer, so
            networks that differ in floats alone may share one program.
        only_initial: fields that say nothing but which weights it begins with: so may networks
            that differ in these.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> import torch
        >>> from harness.models import DCGAN
        >>> pair = DCGAN(width=8, latent=16).build((1, 28, 28), 10)
        >>> images = pair.generator(torch.randn(5, 16))
        >>> images.shape, pair.discriminator(images).shape
        (torch.Size([5, 1, 28, 28]), torch.Size([5, 1]))
    """

    width: int = 32
    levels: int = 2
    latent: int = 64
    conditional: bool = False
    normalisation: str = "batch"
    initialisation: Initialisation = field(default_factory=lambda: Normal(0.02))

    activation: ClassVar[str] = "relu"
    floats_in_buffers: ClassVar[bool] = True
    only_initial: ClassVar[tuple[str, ...]] = ("initialisation",)

    def __post_init__(self) -> None:
        checks.whole(self, "width", self.width, 32)
        checks.whole(self, "levels", self.levels, 2)
        checks.whole(self, "latent", self.latent, 64)
        checks.flag(self, "conditional", self.conditional)
        checks.one_of(self, "normalisation", self.normalisation, NORMALISATIONS)
        check_initialisation("DCGAN", self.initialisation)

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for images of ``shape``, (channels, height, width).

        Args:
            shape: of one image.
            classes: how many there are; only a conditional pair asks.

        Raises:
            HarnessError: the inputs are not images; or the pair is conditional, and there are no
                classes.
        """
        check_images(self, shape)
        from harness.models.gan_module import image_pair

        return image_pair(self, shape, _conditions(self, classes))


def _conditions(spec: GAN | DCGAN, classes: int) -> int:
    """Return how many classes both parts are told of."""
    if spec.conditional and classes < 2:
        raise HarnessError(
            f"{type(spec).__name__}(conditional=True) must have data with classes",
            f"{classes} of them",
            "Write conditional=False, or use data with classes.",
        )
    return classes if spec.conditional else 0
