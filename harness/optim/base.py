"""What the optimizers share: weight decay, running means."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from harness.floats import on

if TYPE_CHECKING:
    import torch

State: TypeAlias = "dict[str, torch.Tensor]"
Float: TypeAlias = "float | torch.Tensor"  # a tensor of no dimensions where trials train together


def with_decay(
    grads: torch.Tensor, params: torch.Tensor, weight_decay: Float, decays: torch.Tensor | None
) -> torch.Tensor:
    """Add the gradient of the penalty ``weight_decay / 2 * sum(params**2)``, where it applies."""
    if not on(weight_decay):
        return grads
    if decays is None:
        return grads + params * weight_decay
    return grads + params * decays * weight_decay


def running_mean(mean: torch.Tensor, value: torch.Tensor, keep: Float) -> torch.Tensor:
    """Return ``keep * mean + (1 - keep) * value``.

    Written like torch.lerp, which refuses a weight that is a tensor of another dtype.
    """
    return mean + (value - mean) * (1 - keep) if on(keep) else value


def count(params: torch.Tensor) -> torch.Tensor:
    """Return a count of 0, of no dimensions.

    It is float64, because ``1 - beta2 ** step`` loses digits in float32, and made from the
    parameters, so that it gets a value for each trial where they have one.
    """
    import torch

    return params.new_zeros((), dtype=torch.float64)
