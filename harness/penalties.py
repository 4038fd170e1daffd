"""Penalties on the size of parameters, in the loss or next to the optimizer's step.

One training step with a penalty, where ``rate`` is the learning rate times the schedule's factor::

    grads = gradient of (loss + penalty.loss(params, mask)) at params
    params = penalty.before(params, rate, mask)
    params, state = optimizer.update(grads, state, params, factor)
    params = penalty.after(params, rate, mask)

``params`` is the vector of all ``P`` parameters, and ``mask`` a vector that is 1 where the penalty
applies and 0 where it does not, or None where it applies everywhere. A strength of exactly 0 is
off: nothing is added, and the parameters are returned as they came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from harness.floats import on
from harness.messages import checks

if TYPE_CHECKING:
    import torch

Touches = Literal["weights", "all"]


@dataclass(frozen=True, kw_only=True)
class _Nothing:
    """A penalty that does nothing; each kind replaces what it does."""

    touches: Touches = "weights"

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return None: nothing is added to the loss."""
        del params, mask
        return None

    def before(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters as they came."""
        del rate, mask
        return params

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters as they came."""
        del rate, mask
        return params


@dataclass(frozen=True)
class L1(_Nothing):
    """The sum of absolute values times ``strength`` (the lasso, Tibshirani 1996).

    Attributes:
        strength: what the sum is multiplied by, at least 0.
        proximal: after each step move every parameter towards 0 by ``rate * strength``, and those
            nearer than that onto it (soft thresholding: Daubechies, Defrise & De Mol 2004,
            https://arxiv.org/abs/math/0307152; Parikh & Boyd 2014, sections 4.2 and 6.5.2). Only
            this way parameters become exactly 0. With plain SGD it is the proximal gradient method;
            with an adaptive optimizer the threshold is the same for all parameters, as decoupled
            weight decay is. If False, the sum is part of the loss, with the slope 0 at 0.
        touches: "weights", or "all" for biases and parameters of normalisation too.

    Raises:
        HarnessError: a field outside its range.

    Example:
        >>> import torch
        >>> from harness.penalties import L1
        >>> L1(0.1).after(torch.tensor([0.5, -0.02, 0.0]), rate=1.0, mask=None)
        tensor([0.4000, 0.0000, 0.0000])
        >>> L1(0.1, proximal=False).loss(torch.tensor([0.5, -0.5]), mask=None)
        tensor(0.1000)
    """

    strength: float
    proximal: bool = True

    def __post_init__(self) -> None:
        _check(self)
        checks.flag(self, "proximal", self.proximal)

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return ``strength * sum(|params|)``, or None where it is not in the loss."""
        if self.proximal or not on(self.strength):
            return None
        return _total(params.abs() * self.strength, mask)

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters, soft-thresholded where the penalty is proximal."""
        if not self.proximal or not on(self.strength):
            return params
        return _only(mask, soft_threshold(params, rate * self.strength), params)


@dataclass(frozen=True)
class L2(_Nothing):
    """Half the sum of squares times ``strength``, in the loss (ridge, Hoerl & Kennard 1970).

    Its gradient is that of an optimizer's ``weight_decay`` of the same number, AdamW's apart.

    Attributes:
        strength: what half the sum is multiplied by, at least 0.
        touches: "weights", or "all" for biases and parameters of normalisation too.

    Raises:
        HarnessError: a field outside its range.

    Example:
        >>> import torch
        >>> from harness.penalties import L2
        >>> L2(0.1).loss(torch.tensor([3.0, -4.0]), mask=None)
        tensor(1.2500)
    """

    strength: float

    def __post_init__(self) -> None:
        _check(self)

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return ``strength / 2 * sum(params**2)``."""
        if not on(self.strength):
            return None
        return _total(params * params * (self.strength / 2), mask)


@dataclass(frozen=True)
class ElasticNet(_Nothing):
    """A blend of both (Zou & Hastie 2005), in scikit-learn's form.

    The penalty is ``strength * (ratio * sum(|params|) + (1 - ratio) / 2 * sum(params**2))``.

    Attributes:
        strength: what the blend is multiplied by, at least 0; scikit-learn's ``alpha``.
        ratio: share of the absolute values in it, in [0, 1]; scikit-learn's ``l1_ratio``.
        proximal: whether the absolute values act after each step (see :class:`L1`); the squares
            are always part of the loss.
        touches: "weights", or "all" for biases and parameters of normalisation too.

    Raises:
        HarnessError: a field outside its range.

    Example:
        >>> import torch
        >>> from harness.penalties import ElasticNet
        >>> penalty, params = ElasticNet(0.1, ratio=0.5), torch.tensor([3.0, -4.0])
        >>> penalty.loss(params, mask=None)  # the squares
        tensor(0.6250)
        >>> penalty.after(params, rate=1.0, mask=None)  # the absolute values
        tensor([ 2.9500, -3.9500])
    """

    strength: float
    ratio: float
    proximal: bool = True

    def __post_init__(self) -> None:
        _check(self)
        checks.flag(self, "proximal", self.proximal)
        checks.share(self, "ratio", self.ratio, 0.5, ends="[]")

    def loss(self, params: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Return the squares' part, and that of the absolute values unless they act after."""
        if not on(self.strength):
            return None
        terms = params * params * ((1 - self.ratio) * self.strength / 2)
        if not self.proximal and on(self.ratio):
            terms = terms + params.abs() * (self.ratio * self.strength)
        return _total(terms, mask)

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters, soft-thresholded where the penalty is proximal."""
        if not self.proximal or not on(self.strength) or not on(self.ratio):
            return params
        return _only(mask, soft_threshold(params, rate * self.strength * self.ratio), params)


@dataclass(frozen=True)
class Decay(_Nothing):
    """Decoupled weight decay (Loshchilov & Hutter 2017, https://arxiv.org/abs/1711.05101).

    Each parameter loses the share ``rate * strength`` of itself before the step, so that with Adam
    it is AdamW, to the bit, and with plain SGD the same as :class:`L2` (their proposition 1).

    Attributes:
        strength: the share that is taken off per step, over the learning rate; at least 0.
        touches: "weights", or "all" for biases and parameters of normalisation too.

    Raises:
        HarnessError: a field outside its range.

    Example:
        >>> import torch
        >>> from harness.penalties import Decay
        >>> Decay(0.1).before(torch.tensor([3.0, -4.0]), rate=0.5, mask=None)
        tensor([ 2.8500, -3.8000])
    """

    strength: float

    def __post_init__(self) -> None:
        _check(self)

    def before(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters, each shrunk by the share ``rate * strength``."""
        if not on(self.strength):
            return params
        return _only(mask, params * (1 - rate * self.strength), params)


@dataclass(frozen=True)
class Clamp(_Nothing):
    """After each step every parameter is set within ``limit`` of 0.

    It bounds the slope of the critic of a Wasserstein GAN (Arjovsky, Chintala & Bottou 2017,
    https://arxiv.org/abs/1701.07875, algorithm 1).

    Attributes:
        limit: the largest absolute value, above 0; 0.01 in the paper.
        touches: "weights", or "all" for biases and parameters of normalisation too.

    Raises:
        HarnessError: a field outside its range.

    Example:
        >>> import torch
        >>> from harness.penalties import Clamp
        >>> Clamp(0.25).after(torch.tensor([0.5, -0.125]), rate=1.0, mask=None)
        tensor([ 0.2500, -0.1250])
    """

    limit: float
    touches: Touches = field(default="all", kw_only=True)

    def __post_init__(self) -> None:
        checks.positive(self, "limit", self.limit, 0.01)
        checks.one_of(self, "touches", self.touches, get_args(Touches))

    def after(
        self, params: torch.Tensor, rate: torch.Tensor | float, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the parameters, each between ``-limit`` and ``limit``."""
        del rate
        # under vmap torch.clamp with a float64 limit would return float64
        bound = params.new_zeros(params.shape) + self.limit
        return _only(mask, params.maximum(-bound).minimum(bound), params)


def soft_threshold(params: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
    """Return ``sign(w) * max(|w| - threshold, 0)`` of each parameter.

    Args:
        params: shape ``[P]``.
        threshold: at least 0; a tensor of no dimensions, or a number.

    Example:
        >>> import torch
        >>> from harness.penalties import soft_threshold
        >>> soft_threshold(torch.tensor([0.5, -0.02, -0.5]), 0.1)
        tensor([ 0.4000,  0.0000, -0.4000])
    """
    # One of the two is 0. F.softshrink takes no tensor as its threshold, and torch.clamp's result
    # with one is float64 under vmap.
    return (params - threshold).clamp(min=0) + (params + threshold).clamp(max=0)


def _only(mask: torch.Tensor | None, changed: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
    return changed if mask is None else changed.where(mask > 0, params)


def _total(terms: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    # Terms are scaled before they are summed: a sum, of no dimensions, would become float64 by a
    # strength that is a tensor.
    return (terms if mask is None else terms * mask).sum()


def _check(penalty: L1 | L2 | ElasticNet | Decay) -> None:
    checks.at_least(penalty, "strength", penalty.strength, 0.0001)
    checks.one_of(penalty, "touches", penalty.touches, get_args(Touches))
