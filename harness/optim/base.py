"""What the optimizers share: checks of their numbers, weight decay, running means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import HarnessError
from harness.floats import on

if TYPE_CHECKING:
    import torch

State: TypeAlias = "dict[str, torch.Tensor]"
Float: TypeAlias = "float | torch.Tensor"  # a tensor of no dimensions where trials train together


def check_above(owner: str, name: str, value: float, example: str) -> None:
    """Check that a number is above 0 and finite.

    Raises:
        HarnessError: it is not.
    """
    if not _number(value) or not 0 < value < math.inf:
        raise HarnessError(
            f"{owner}({name}=...) must be above 0 and finite",
            repr(value),
            f"Write {name}={example}, say.",
        )


def check_at_least_zero(owner: str, name: str, value: float, example: str) -> None:
    """Check that a number is at least 0 and finite.

    Raises:
        HarnessError: it is not.
    """
    if not _number(value) or not 0 <= value < math.inf:
        raise HarnessError(
            f"{owner}({name}=...) must be at least 0 and finite",
            repr(value),
            f"Write {name}={example}, say.",
        )


def check_share(owner: str, name: str, value: float, example: str) -> None:
    """Check that a number is at least 0 and below 1.

    Raises:
        HarnessError: it is not.
    """
    if not _number(value) or not 0 <= value < 1:
        raise HarnessError(
            f"{owner}({name}=...) must lie in [0, 1)", repr(value), f"Write {name}={example}, say."
        )


def check_flag(owner: str, name: str, value: bool) -> None:
    """Check that a value is True or False, which numbers are not.

    Raises:
        HarnessError: it is not.
    """
    if not isinstance(value, bool):
        raise HarnessError(
            f"{owner}({name}=...) must be True or False", repr(value), f"Write {name}=True, say."
        )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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

    It is written as torch.lerp writes it, whose weight may not be a tensor of another dtype.
    """
    return mean + (value - mean) * (1 - keep) if on(keep) else value


def count(params: torch.Tensor) -> torch.Tensor:
    """Return a count of 0, of no dimensions.

    It is float64, because ``1 - beta2 ** step`` loses digits in float32, and made from the
    parameters, so that it gets a value for each trial where they have one.
    """
    import torch

    return params.new_zeros((), dtype=torch.float64)
