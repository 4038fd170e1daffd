"""What keeps gradients small: clipping, before the optimizer sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.messages import checks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ClipNorm:
    """Shorten a gradient that is longer than ``limit``, all parameters as one vector.

    Pascanu, Mikolov & Bengio 2013 (https://arxiv.org/abs/1211.5063), algorithm 1, in the form of
    torch's ``clip_grad_norm_``: a shortened gradient is below the limit by the share 1e-6 over its
    norm.

    Attributes:
        limit: the Euclidean norm that is not exceeded.

    Raises:
        HarnessError: the limit is not above 0 and finite.

    Example:
        >>> import torch
        >>> from harness.clipping import ClipNorm
        >>> ClipNorm(1.0)(torch.tensor([3.0, 4.0]))
        tensor([0.6000, 0.8000])
    """

    limit: float

    def __post_init__(self) -> None:
        checks.positive(self, "limit", self.limit, 1.0)

    def __call__(self, grads: torch.Tensor) -> torch.Tensor:
        """Return gradients ``[P]``, of norm ``limit`` at most."""
        # A limit is float64 where trials train together: so is the share, to round alike.
        norm: torch.Tensor = grads.norm().double()
        share = self.limit * (norm + 1e-6).reciprocal()
        return grads * share.clamp(max=1.0)


@dataclass(frozen=True)
class ClipValue:
    """Set each component of the gradient beyond ``limit`` to it, as torch's ``clip_grad_value_``.

    Attributes:
        limit: the absolute value that is not exceeded.

    Raises:
        HarnessError: the limit is not above 0 and finite.

    Example:
        >>> import torch
        >>> from harness.clipping import ClipValue
        >>> ClipValue(3.5)(torch.tensor([3.0, -4.0]))
        tensor([ 3.0000, -3.5000])
    """

    limit: float

    def __post_init__(self) -> None:
        checks.positive(self, "limit", self.limit, 1.0)

    def __call__(self, grads: torch.Tensor) -> torch.Tensor:
        """Return gradients ``[P]``, each between ``-limit`` and ``limit``."""
        # Under vmap torch.clamp with a float64 limit would return float64.
        bound = grads.new_zeros(grads.shape) + self.limit
        return grads.maximum(-bound).minimum(bound)
