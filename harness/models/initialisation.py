"""Initial weights: how the weight of each layer is filled.

A rule is a frozen dataclass, or any callable of ``(weight, gain)`` that fills the weight in place
from torch's global generator, which the trainer has set from the trial's seed. A weight's first
axis is the layer's outputs, so fan-in is the product of all other axes, and fan-out that of all but
the second.

``gain`` is that of the network's activation (:func:`harness.models.activations.gain`), and is the
same for every layer, the last one too, although no activation follows that one: a factor on a
single layer matters little (He et al. 2015, https://arxiv.org/abs/1502.01852, section 2.2, who say
so of the first). Biases are zero.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.messages import checks
from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    import torch
    from torch import nn


@runtime_checkable
class Initialisation(Protocol):
    """What fills a weight.

    Example:
        >>> from dataclasses import dataclass
        >>> from harness.models import MLP, Initialisation
        >>> @dataclass(frozen=True)
        ... class Half:
        ...     def __call__(self, weight, gain):
        ...         weight.fill_(0.5)
        >>> isinstance(Half(), Initialisation)
        True
        >>> network = MLP(hidden=(2,), initialisation=Half()).build((1,), 2)
        >>> network[1].weight.tolist()
        [[0.5], [0.5]]
    """

    def __call__(self, weight: torch.Tensor, gain: float) -> None:
        """Fill a weight in place; ``gain`` is the activation's."""


def check_initialisation(owner: str, value: object) -> None:
    """Check that a class's ``initialisation`` can fill weights.

    Raises:
        HarnessError: it cannot.
    """
    if isinstance(value, type) or not callable(value):
        raise HarnessError(
            f"{owner}(initialisation=...) must be a rule of harness.models.initialisation, or "
            "a callable of (weight, gain)",
            repr(value),
            "Write initialisation=HeNormal(), say.",
        )


def initialise(module: nn.Module, rule: Initialisation, gain: float) -> None:
    """Fill the weights of all linear layers and convolutions, in module order; biases are zero.

    A transposed convolution of stride s is s² convolutions, each of which makes every s-th pixel in
    each direction of its output; each is filled on its own, so that fan-in is what one pixel sees.
    """
    import torch
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            with torch.no_grad():
                if isinstance(layer, nn.ConvTranspose2d):
                    _fill_transposed(layer, rule, gain)
                else:
                    rule(layer.weight, gain)
                if layer.bias is not None:
                    layer.bias.zero_()


def _fill_transposed(layer: nn.ConvTranspose2d, rule: Initialisation, gain: float) -> None:
    """Fill a weight ``[inputs, outputs, height, width]``."""
    down, right = layer.stride
    for row, column in itertools.product(range(down), range(right)):
        part = layer.weight[:, :, row::down, column::right]
        filled = part.transpose(0, 1).contiguous()
        rule(filled, gain)
        part.copy_(filled.transpose(0, 1))


@dataclass(frozen=True)
class Constant:
    """The same value everywhere, so that all units of a layer stay alike: a control.

    Attributes:
        value: of each weight; the gain does not count.

    Example:
        >>> import torch
        >>> from harness.models import Constant
        >>> weight = torch.empty(1000, 100)
        >>> Constant(0.1)(weight, gain=1.0)
        >>> weight.unique()
        tensor([0.1000])
    """

    value: float

    def __post_init__(self) -> None:
        checks.number(self, "value", self.value, 0.1)

    def __call__(self, weight: torch.Tensor, gain: float) -> None:  # noqa: ARG002 - by design
        """Fill ``weight`` in place."""
        from torch import nn

        nn.init.constant_(weight, self.value)


@dataclass(frozen=True)
class Normal:
    """Normal with mean 0 and the same standard deviation for all layers, large or small.

    Attributes:
        std: the standard deviation, above 0; the gain does not count.

    Example:
        >>> import torch
        >>> from harness.models import Normal
        >>> weight = torch.empty(1000, 100)
        >>> Normal(0.02)(weight, gain=1.0)
        >>> round(weight.std().item(), 3)
        0.02
    """

    std: float

    def __post_init__(self) -> None:
        checks.positive(self, "std", self.std, 0.1)

    def __call__(self, weight: torch.Tensor, gain: float) -> None:  # noqa: ARG002 - by design
        """Fill ``weight`` in place."""
        from torch import nn

        nn.init.normal_(weight, 0.0, self.std)


@dataclass(frozen=True)
class _Scaled:
    """A rule whose scale is a gain over a function of the layer's size.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.
    """

    gain: float | None = None

    def __post_init__(self) -> None:
        if self.gain is not None:
            # 2 and 2.0 are one rule and must have one key
            gain = float(checks.positive(self, "gain", self.gain, 1.0))
            object.__setattr__(self, "gain", gain)

    def __call__(self, weight: torch.Tensor, gain: float) -> None:
        """Fill ``weight`` in place."""
        self._fill(weight, gain if self.gain is None else self.gain)

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class XavierUniform(_Scaled):
    """Uniform within ±gain √(6 / (fan-in + fan-out)).

    Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, equation 16.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.

    Example:
        >>> import torch
        >>> from harness.models import XavierUniform
        >>> weight = torch.empty(1000, 100)
        >>> XavierUniform()(weight, gain=1.0)
        >>> round(weight.max().item(), 2)  # the square root of 6 / 1100
        0.07
    """

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        from torch import nn

        nn.init.xavier_uniform_(weight, gain)


@dataclass(frozen=True)
class XavierNormal(_Scaled):
    """Normal with standard deviation gain √(2 / (fan-in + fan-out)).

    Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, equation 12.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.

    Example:
        >>> import torch
        >>> from harness.models import XavierNormal
        >>> weight = torch.empty(1000, 1000)
        >>> XavierNormal()(weight, gain=1.0)
        >>> round(weight.std().item(), 3)  # the square root of 2 / 2000
        0.032
    """

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        from torch import nn

        nn.init.xavier_normal_(weight, gain)


@dataclass(frozen=True)
class HeUniform(_Scaled):
    """Uniform within ±gain √(3 / fan-in), whose variance is :class:`HeNormal`'s.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.

    Example:
        >>> import torch
        >>> from harness.models import HeUniform
        >>> weight = torch.empty(1000, 100)
        >>> HeUniform()(weight, gain=1.0)
        >>> round(weight.max().item(), 2)  # the square root of 3 / 100
        0.17
    """

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        from torch import nn

        bound = math.sqrt(3.0) * (gain / math.sqrt(weight[0].numel()))
        nn.init.uniform_(weight, -bound, bound)


@dataclass(frozen=True)
class HeNormal(_Scaled):
    """Normal with standard deviation gain / √fan-in.

    He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10, where the gain is ReLU's √2.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.

    Example:
        >>> import torch
        >>> from harness.models import HeNormal
        >>> weight = torch.empty(1000, 100)
        >>> HeNormal()(weight, gain=1.0)
        >>> round(weight.std().item(), 2)  # the square root of 1 / 100
        0.1
    """

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        from torch import nn

        nn.init.normal_(weight, 0.0, gain / math.sqrt(weight[0].numel()))


@dataclass(frozen=True)
class Orthogonal(_Scaled):
    """Random with orthonormal rows, or columns if there are fewer of them, times the gain.

    A convolution's weight counts as a matrix of outputs by fan-in. Saxe et al. 2013,
    https://arxiv.org/abs/1312.6120, section 3.

    Attributes:
        gain: factor on the weights, above 0; None takes the activation's.

    Example:
        >>> import torch
        >>> from harness.models import Orthogonal
        >>> weight = torch.empty(1000, 100)
        >>> Orthogonal()(weight, gain=1.0)
        >>> bool(torch.allclose(weight.T @ weight, torch.eye(100), atol=1e-5))
        True
    """

    def _fill(self, weight: torch.Tensor, gain: float) -> None:
        from torch import nn

        nn.init.orthogonal_(weight, gain)
