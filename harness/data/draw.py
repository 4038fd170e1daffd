"""Drawing the splits of one seed: stratified, and each independent of the sizes of the next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from harness.data.scaling import Scaling, count_tokens
from harness.data.sizes import Counts, Sizes, Targets, shares_of
from harness.data.splits import Part, Splits, targets_of
from harness.data.stratified import cut, deal
from harness.randomness.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Whole:
    """A data set as loaded, before it is split.

    Attributes:
        rest: what training and validation images are drawn from; the test images too, where
            there is no official test set.
        test: the official test set.
        classes: how many classes there are; 0 where there are none.
        validation: the validation set that the data comes with, if it does.
        unlabelled: inputs without targets, beside all others.
    """

    rest: Part
    test: Part | None
    classes: int
    validation: Part | None = None
    unlabelled: Part | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts there are."""
        parts = (self.rest, self.validation, self.test, self.unlabelled)
        return tuple(each for each in parts if each is not None)

    @property
    def targets(self) -> Targets:
        """What there is to be told of each input."""
        return targets_of(self.rest.pool, self.classes)

    @cached_property
    def tokens(self) -> int:
        """How many token ids there are; 0 where inputs are no token ids."""
        return max(count_tokens(part.pool.inputs) for part in self.parts)

    def counts(self) -> Counts:
        """Return how many examples of each class there are; in all where each has not one."""
        stratified = self.targets.stratified
        classes = self.classes if stratified else 1
        rest, validation, test = (
            None if part is None else tuple(np.bincount(_strata(part), minlength=classes).tolist())
            for part in (self.rest, self.validation, self.test)
        )
        assert rest is not None
        return Counts(rest, validation, test, stratified)


def draw(whole: Whole, sizes: Sizes, seed: int, scaling: Scaling = "standardised") -> Splits:
    """Split a data set for one seed.

    The test split is drawn first, then validation, then the training subset, each from a stream
    of its own: arms that vary the training share are tested on the same images. With k folds the
    test split of seed s is fold s mod k of repetition s // k, which is dealt out from a stream of
    that number; all folds leave as many examples to train on.

    Raises:
        HarnessError: a size does not fit the data set, or a class is too small to be split.
    """
    planned = shares_of(whole.counts(), sizes)
    pool = _strata(whole.rest)
    rows = np.arange(len(pool))
    if sizes.folds is not None:
        in_test = _folded(pool, sizes.folds, seed)
        rows = np.flatnonzero(~in_test)
        test = _at(whole.rest, np.flatnonzero(in_test))
    elif whole.test is None:
        taken, rows = _cut(pool, rows, planned.test, seed, "test")
        test = _at(whole.rest, taken)
    else:
        test = _some(whole.test, planned.test, seed, "test")
    if whole.validation is None:
        taken, rows = _cut(pool, rows, planned.validation, seed, "validation")
        validation = _at(whole.rest, taken)
    else:
        validation = _some(whole.validation, planned.validation, seed, "validation")
    if planned.train != len(rows):
        rows, _ = _cut(pool, rows, planned.train, seed, "train")
    train = _at(whole.rest, rows)
    return Splits.of(
        train, validation, test, whole.classes, scaling, whole.tokens, whole.unlabelled
    )


def _strata(part: Part) -> Rows:
    """Return what each example must be drawn in proportion to: its class, where it has just one."""
    if part.targets.ndim == 1:
        return part.targets.numpy()
    return np.zeros(len(part), dtype=np.int64)


def _at(part: Part, rows: Rows) -> Part:
    import torch

    return part.at(torch.from_numpy(rows))


def _some(part: Part, size: int, seed: int, name: str) -> Part:
    """Return a set that the data comes with, or some of it."""
    if size == len(part):
        return part
    taken, _ = _cut(_strata(part), np.arange(len(part)), size, seed, name)
    return _at(part, taken)


def _folded(targets: Rows, folds: int, seed: int) -> NDArray[np.bool_]:
    """Return which examples are in the fold of a seed."""
    repetition, fold = divmod(seed, folds)
    drawn = int(stream(repetition, "folds").generate_state(1)[0])
    return np.asarray(deal(targets, folds, drawn) == fold)


def _cut(targets: Rows, rows: Rows, size: int, seed: int, name: str) -> tuple[Rows, Rows]:
    """Take ``size`` of ``rows``, every class in proportion to within one image; return the rest."""
    drawn = int(stream(seed, "split", _ORDER.index(name)).generate_state(1)[0])
    taken, left = cut(targets[rows], size, drawn)
    return rows[taken], rows[left]


_ORDER = ("test", "validation", "train")
