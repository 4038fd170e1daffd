"""What training fails of: whether memory was short, and the reason in one line."""

from __future__ import annotations

import torch

from harness.engines.fusable import NotFusableError


def out_of_memory(error: BaseException) -> bool:
    """Whether a device, or this machine, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "DefaultCPUAllocator" in str(error)  # which raises a plain RuntimeError
    )


def reason(error: BaseException) -> str:
    """Return why a faster mode was not taken."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    if "randomness" in text and "vmap" in text:
        return "its network draws from a global random generator while it trains"
    return text if isinstance(error, NotFusableError) else f"{type(error).__name__}: {text}"[:300]


class DivergedError(RuntimeError):
    """The loss stopped being a finite number: an outcome of the trial, not a fault of the code."""
