"""Measured quantities as targets: kept whole as float32, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_EXAMPLES = 5
"""Fewer cannot be split into a training, a validation and a test part that say anything."""

_MOST_LOST = 1e-3
"""Rounding, in standard deviations, above which a quantity is refused."""


def quantities(what: str, given: NDArray[Any], least: int = LEAST_EXAMPLES) -> NDArray[np.float32]:
    """Return measured quantities as float32 ``[n, quantities]``, rounded by next to nothing.

    Args:
        what: what errors call them.
        given: floating point, ``[n]`` or ``[n, quantities]``.
        least: how many examples there must be.

    Raises:
        HarnessError: they are not finite, too few, or float32 would lose their differences.
    """
    bad = ~np.isfinite(given)
    if bad.any():
        raise HarnessError(
            f"{what} must be finite",
            f"{int(bad.sum())} values that are NaN or infinite",
            "Leave those rows out.",
        )
    if given.ndim == 2 and given.shape[1] == 0:
        raise HarnessError(
            f"{what} must have a quantity at least", f"shape {list(given.shape)}", "Add a column."
        )
    if len(given) < least:
        raise HarnessError(
            f"{what} must be those of at least {least} examples",
            str(len(given)),
            "Add some.",
        )
    whole = given.astype(np.float64).reshape(len(given), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        kept = whole.astype(np.float32)
        spread = whole.std(axis=0)
        lost = np.abs(kept - whole).max(axis=0) > _MOST_LOST * spread
        usable = np.isfinite(kept).all() and np.isfinite(kept.std(axis=0)).all()
    if not usable or (lost & (np.ptp(whole / 2, axis=0) > 0)).any():
        raise HarnessError(
            f"{what} must be numbers that float32 can tell apart",
            f"values from {whole.min():.9g} to {whole.max():.9g}",
            "Take off an offset, or use a larger unit.",
        )
    return kept
