"""The best of k settings, drawn from those tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

POINTS = 100
"""Points of a curve, at most."""


@dataclass(frozen=True)
class BestOfK:
    """What the best of k settings is expected to be.

    Attributes:
        ks: how many settings, ascending.
        expected: the expected best value of each.
    """

    ks: tuple[int, ...] = ()
    expected: tuple[float, ...] = ()


def best_of_k(values: Sequence[float], others: int, *, lower: bool) -> BestOfK:
    """Return the expected best of k settings drawn at random, without order, from those tried.

    It is exact, and nothing is drawn: of n settings, the i-th best is the best of k in
    C(n - i, k - 1) of the C(n, k) draws. Settings that gave no value are drawn, too, and are never
    the best; what is expected is given that one of the k gave a value.

    Args:
        values: of the settings that may be taken, finite.
        others: how many more were tried: failed, stopped early, or against a constraint.
        lower: whether the smallest is the best.
    """
    if not values:
        return BestOfK()
    ascending = np.sort(np.asarray(values, dtype=np.float64))
    best_first = ascending if lower else ascending[::-1]
    n = len(values) + others
    every = np.arange(1, n + 1)
    ks = every if n <= POINTS else np.unique(np.round(np.geomspace(1, n, POINTS)).astype(np.int64))
    left = n - 1 - np.arange(len(values))  # settings that are worse than each
    logs = _log_choose(left[None, :], ks[:, None] - 1)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    expected = weights @ best_first / weights.sum(axis=1)
    return BestOfK(tuple(map(int, ks)), tuple(map(float, expected)))


def _log_choose(n: npt.NDArray[np.int64], k: npt.NDArray[np.int64]) -> Floats:
    """Return the logarithm of n over k; minus infinity where k is more than n."""
    inside = np.maximum(n - k, 0)
    logs = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(inside + 1)
    return np.where(k <= n, logs, -np.inf)
