"""Whether a setting is in use: asked before code branches on a float, so that trials can fuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def on(value: float | torch.Tensor) -> bool:
    """Whether a setting is in use: a float of exactly 0 means off, and is structure.

    If trials train together a float is a tensor, and code must not branch on it. One that is 0
    stays the number 0, so trials with and without a penalty, say, are different programs.
    """
    return not isinstance(value, int | float) or value != 0
