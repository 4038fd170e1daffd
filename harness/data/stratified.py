"""Stratified selections, the same as scikit-learn's, which takes seconds to import.

``train_test_split(rows, train_size=..., test_size=..., stratify=..., random_state=...)`` takes the
same rows in the same order (a test holds the two equal). Every process that trains draws splits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


def cut(labels: Rows, size: int, seed: int) -> tuple[Rows, Rows]:
    """Choose ``size`` of some examples at random, every class in proportion to within one.

    Args:
        labels: the class of each example, ``[n]``.
        size: how many to choose: at least as many as there are classes; as many must be left.
        seed: what is drawn from.

    Returns:
        Positions of those chosen and of all others, each in random order.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    random = np.random.RandomState(seed)
    wanted = _shares(counts, size, random)
    others = _shares(counts - wanted, len(labels) - size, random)
    chosen: list[Rows] = []
    left: list[Rows] = []
    for place, each in enumerate(members):
        mixed = each[random.permutation(counts[place])]
        chosen.append(mixed[: wanted[place]])
        left.append(mixed[wanted[place] : wanted[place] + others[place]])
    return random.permutation(np.concatenate(chosen)), random.permutation(np.concatenate(left))


def deal(labels: Rows, folds: int, seed: int) -> Rows:
    """Share examples out to folds at random; folds, and their shares of each class, are equal.

    Equal to within one. Classes are mixed, laid one after the other and dealt out like cards.

    Args:
        labels: the class of each example, ``[n]``.
        folds: how many folds there are, from 2 to n.
        seed: what is drawn from.

    Returns:
        The fold of each example, ``[n]``, from 0 to ``folds - 1``.
    """
    random = np.random.RandomState(seed)
    mixed = random.permutation(len(labels))
    laid = mixed[np.argsort(labels[mixed], kind="stable")]
    dealt = np.empty(len(labels), dtype=np.int64)
    # which folds get one example more is chance, too
    dealt[laid] = random.permutation(folds)[np.arange(len(labels)) % folds]
    return dealt


def _shares(counts: Rows, size: int, random: RandomState) -> Rows:
    """Share out ``size`` in proportion; what rounding leaves goes to the largest rests.

    Ties are broken at random.
    """
    exact = counts / counts.sum() * size
    whole = np.floor(exact)
    missing = int(size - whole.sum())
    rests = exact - whole
    for rest in np.unique(rests)[::-1]:
        if missing <= 0:
            break
        (tied,) = np.where(rests == rest)
        more = random.choice(tied, size=min(len(tied), missing), replace=False)
        whole[more] += 1
        missing -= len(more)
    shares: Rows = whole.astype(np.int64)
    return shares
