"""What autoencoders minimise: how far the inputs are from what is rebuilt of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.floats import on
from harness.messages import checks

if TYPE_CHECKING:
    import torch

    from harness.tasks.losses import Batch, Net


@dataclass(frozen=True)
class RebuildingLoss:
    """Mean squared error between inputs and what a network rebuilds of them.

    Over examples and values, of inputs as the network sees them: standardised where the data are.

    With ``noise`` it is a denoising autoencoder's: the network sees noisy inputs and is to rebuild
    the clean ones (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.3).
    With ``sparsity`` the mean absolute value of the code is added, so that few units of a code are
    far from zero (Goodfellow, Bengio & Courville 2016, https://www.deeplearningbook.org, section
    14.2.1). A larger decoder can make up for a smaller code, so add a penalty such as L2 on the
    weights, which keeps it from that; and give the code an activation that can be zero.

    Attributes:
        noise: standard deviation of the normal noise, at least 0, in the units that the network
            sees.
        sparsity: factor on the mean absolute value of the code, over examples and units, at least
            0. It asks for parts ``encoder`` and ``decoder``, such as AutoEncoder has.

    Example:
        >>> import torch
        >>> from harness.tasks import Batch, RebuildingLoss
        >>> batch = Batch(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]))
        >>> RebuildingLoss()(lambda inputs: inputs / 2, batch).item()
        1.25
    """

    made_for: ClassVar[str] = "inputs"

    noise: float = 0.0
    sparsity: float = 0.0

    def __post_init__(self) -> None:
        checks.at_least(self, "noise", self.noise, 0.3)
        checks.at_least(self, "sparsity", self.sparsity, 0.01)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        seen = batch.inputs
        if on(self.noise):
            seen = seen + batch.draws.normal("noise", *seen.shape) * self.noise
        if not on(self.sparsity):
            return (net(seen, *batch.arguments[1:]) - batch.inputs).square().mean()
        code = net.part("encoder")(seen)
        rebuilt = net.part("decoder")(code)
        return (rebuilt - batch.inputs).square().mean() + code.abs().mean() * self.sparsity


@dataclass(frozen=True)
class EvidenceBound:
    """What a variational autoencoder minimises: the bound on the log evidence, with its sign taken.

    In nats, mean over examples, with one code drawn for each (Kingma & Welling 2014,
    https://arxiv.org/abs/1312.6114, equation 10 and appendix B): ``-log p(input | code) + beta D``,
    D being the divergence of the code's distribution from the standard normal one. Given a code,
    the values of an input are normal about what the decoder gives, with variance 1; the constant
    ``log(2 π) / 2`` of each value is kept. So with ``beta=1`` the mean of this loss is at least the
    inputs' negative log likelihood.

    Attributes:
        beta: factor on the divergence, above 0 (Higgins et al. 2017,
            https://openreview.net/forum?id=Sy2fzU9gl). A decoder with variance ``beta`` in the
            place of 1 has the same minimum.

    It asks for parts ``encoder``, which gives means and logarithms of variances side by side, and
    ``decoder``, such as ``AutoEncoder(variational=True)`` has.

    Example:
        >>> import torch
        >>> from harness.models import AutoEncoder
        >>> from harness.tasks import EvidenceBound
        >>> network = AutoEncoder(code=2, variational=True).build((8,), 0)
        >>> means, log_variances = network.encoder(torch.zeros(5, 8)).chunk(2, dim=1)
        >>> log_variances.shape, EvidenceBound().beta
        (torch.Size([5, 2]), 1.0)
    """

    made_for: ClassVar[str] = "inputs"

    beta: float = 1.0

    def __post_init__(self) -> None:
        checks.positive(self, "beta", self.beta, 1.0)

    def __call__(self, net: Net, batch: Batch) -> torch.Tensor:
        """Return the mean loss; see :class:`harness.tasks.losses.Loss`."""
        inputs = batch.inputs
        mean, log_variance = net.part("encoder")(inputs).chunk(2, dim=1)
        drawn = batch.draws.normal("code", *mean.shape)
        rebuilt = net.part("decoder")(mean + (log_variance / 2).exp() * drawn)
        error = (rebuilt - inputs).square().flatten(1) + math.log(2 * math.pi)
        divergence = mean.square() + log_variance.exp() - 1 - log_variance
        nats = error.sum(dim=1) + divergence.sum(dim=1) * self.beta
        return nats.mean() / 2
