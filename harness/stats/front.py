"""Which of several results no other beats, by several numbers at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def front(losses: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which rows no other dominates: is as small in all columns, and smaller in one.

    Rows that are equal in all columns do not dominate each other.

    Args:
        losses: shape (n, d), finite, smaller is better.
    """
    array = np.asarray(losses, dtype=np.float64)
    if not array.size:
        return np.zeros(len(array), dtype=bool)
    # sorted by the first column, then the next: none is dominated by one that comes after it
    rows, which = np.unique(array, axis=0, return_inverse=True)
    kept = np.ones(len(rows), dtype=bool)
    for place in range(len(rows)):
        if kept[place]:
            kept[place + 1 :] &= ~(rows[place] <= rows[place + 1 :]).all(axis=1)
    return np.asarray(kept[which.reshape(-1)])
