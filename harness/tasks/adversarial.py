"""Losses of two networks against each other: one makes inputs, one tells them from those there are.

Each is one of two updates of a training step::

    updates=(
        Update("discriminator", GANLoss("discriminator", latent=8), Adam(lr=1e-3, beta1=0.5)),
        Update("generator", GANLoss("generator", latent=8), Adam(lr=1e-3, beta1=0.5)),
    )

The network has parts ``generator``, which makes ``[batch, *shape]`` of noise ``[batch, latent]``,
and ``discriminator``, which gives ``[batch, 1]``; conditional ones take classes int64 ``[batch]``
as a second argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.floats import on
from harness.messages import checks
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from harness.tasks.losses import Batch, Net

Of = Literal["discriminator", "generator"]


@dataclass(frozen=True)
class GANLoss:
    """The loss of a generative adversarial network (Goodfellow et al. 2014).

    Of the discriminator it is the cross-entropy of real and made, section 3 of
    https://arxiv.org/abs/1406.2661; of the generator the negative logarithm of the share that it is
    believed, the form without saturation that the section recommends.

    Attributes:
        of: whose loss it is.
        latent: how many standard normal numbers the generator is given.
        conditional: whether both parts are given classes (Mirza & Osindero 2014,
            https://arxiv.org/abs/1411.1784).

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness.tasks import GANLoss
        >>> GANLoss("generator", latent=8).conditional
        False
    """

    made_for: ClassVar[str] = "samples"

    of: Of
    latent: int
    conditional: bool = False

    def __post_init__(self) -> None:
        _check(self)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

        made, judge = _made(self, net, batch), _judge(self, net, batch)
        if self.of == "generator":
            return F.softplus(-judge(made)).mean()
        return F.softplus(-judge(batch.inputs)).mean() + F.softplus(judge(made.detach())).mean()


@dataclass(frozen=True)
class WassersteinLoss:
    """The loss of a Wasserstein GAN, whose discriminator is a critic.

    The critic is to give higher scores to what is real: ``mean(score of made) - mean(score of
    real)`` (Arjovsky, Chintala & Bottou 2017, https://arxiv.org/abs/1701.07875, algorithm 1); the
    generator to be scored high. The critic's slope must be bounded: by :class:`Clamp` as the
    penalty of its update, which the paper does, or by ``penalty``, mean ``(slope - 1)²`` between
    real and made (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1).

    Attributes:
        of: whose loss it is.
        latent: how many standard normal numbers the generator is given.
        conditional: whether both parts are given classes.
        penalty: factor of the penalty on the critic's slope, 10 in the paper; 0 is none.

    Raises:
        HarnessError: a field is wrong.

    Example:
        >>> from harness.tasks import WassersteinLoss
        >>> WassersteinLoss("discriminator", latent=8, penalty=10.0).of
        'discriminator'
    """

    made_for: ClassVar[str] = "samples"

    of: Of
    latent: int
    conditional: bool = False
    penalty: float = 0.0

    def __post_init__(self) -> None:
        _check(self)
        checks.at_least(self, "penalty", self.penalty, 10.0)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        made, judge = _made(self, net, batch), _judge(self, net, batch)
        if self.of == "generator":
            return -judge(made).mean()
        made = made.detach()
        loss = judge(made).mean() - judge(batch.inputs).mean()
        if not on(self.penalty):
            return loss
        return loss + self._of_slope(judge, batch, made) * self.penalty

    def check(self, module: nn.Module) -> None:
        """Check that the critic says of each input alone what it says of it, where slopes count.

        Raises:
            HarnessError: it normalises across the batch.
        """
        from torch.nn.modules.batchnorm import _BatchNorm

        if not on(self.penalty) or self.of == "generator":
            return
        for name, each in module.get_submodule("discriminator").named_modules():
            if isinstance(each, _BatchNorm):
                raise HarnessError(
                    "a critic with a penalty on its slope must not normalise across the batch",
                    f"discriminator.{name}, a {type(each).__name__}",
                    "Write normalisation='layer', or penalty=0.0 and a Clamp.",
                )

    def _of_slope(self, judge: _Judge, batch: Batch, made: torch.Tensor) -> torch.Tensor:
        """Return the mean of (slope - 1)² at points between real and made."""
        import torch

        ones = (1,) * (made.ndim - 1)
        share = batch.draws.uniform("between", len(made)).view(-1, *ones)
        between = batch.inputs * share + made * (1 - share)
        # scores of a batch do not mix its examples, so the sum has each one's own gradient
        slopes = torch.func.grad(lambda points: judge(points).sum())(between)
        lengths = (slopes.square().flatten(1).sum(dim=1) + 1e-12).sqrt()
        penalty: torch.Tensor = (lengths - 1).square().mean()
        return penalty


class _Judge:
    """The discriminator, told the classes where it is conditional."""

    def __init__(self, net: Net, classes: tuple[torch.Tensor, ...]) -> None:
        self._part = net.part("discriminator")
        self._classes = classes

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._part(inputs, *self._classes)


def _judge(loss: GANLoss | WassersteinLoss, net: Net, batch: Batch) -> _Judge:
    return _Judge(net, (batch.targets,) if loss.conditional else ())


def _made(loss: GANLoss | WassersteinLoss, net: Net, batch: Batch) -> torch.Tensor:
    """Return as many made inputs as there are real ones, of the same classes."""
    noise = batch.draws.normal("latent", len(batch.inputs), loss.latent)
    classes = (batch.targets,) if loss.conditional else ()
    return net.part("generator")(noise, *classes)


def _check(loss: GANLoss | WassersteinLoss) -> None:
    checks.one_of(loss, "of", loss.of, ("discriminator", "generator"))
    checks.whole(loss, "latent", loss.latent, 8)
    checks.flag(loss, "conditional", loss.conditional)
