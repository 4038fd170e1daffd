"""Drawing the splits of one seed: stratified, and each independent of the sizes of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.data.splits import Part, Splits
from harness.data.stratified import cut
from harness.errors import HarnessError
from harness.streams import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Whole:
    """A data set as loaded, before it is split.

    Attributes:
        rest: what validation and training images are drawn from; the test images too, where
            there is no official test set.
        test: the official test set.
        classes: how many classes there are.
    """

    rest: Part
    test: Part | None
    classes: int


@dataclass(frozen=True)
class Sizes:
    """How many images each split has.

    Attributes:
        owner: the declaration that asks, as errors name it.
        train: ``None`` is all that is left.
        validation: ``None`` is a fifth of what the test split leaves.
        test: ``None`` is the whole official test set, or a fifth where there is none.
    """

    owner: str
    train: int | None
    validation: int | None
    test: int | None


def draw(whole: Whole, sizes: Sizes, seed: int) -> Splits:
    """Split a data set for one seed.

    The test split is drawn first, then validation, then the training subset, each from a stream
    of its own: arms that vary the training share are tested on the same images.

    Raises:
        HarnessError: a size does not fit the data set, or a class is too small to be split.
    """
    import torch

    pool = whole.rest.targets.numpy()
    rows = np.arange(len(pool))
    if whole.test is None:
        size = _share(len(rows), whole.classes) if sizes.test is None else sizes.test
        test_rows, rows = _cut(pool, rows, size, seed, owner=sizes.owner, name="test")
        test = whole.rest.at(torch.from_numpy(test_rows))
    elif sizes.test is None or sizes.test == len(whole.test):
        test = whole.test
    else:
        official = whole.test.targets.numpy()
        everything = np.arange(len(official))
        test_rows, _ = _cut(official, everything, sizes.test, seed, owner=sizes.owner, name="test")
        test = whole.test.at(torch.from_numpy(test_rows))

    size = _share(len(rows), whole.classes) if sizes.validation is None else sizes.validation
    validation_rows, rows = _cut(pool, rows, size, seed, owner=sizes.owner, name="validation")
    if sizes.train is not None and sizes.train != len(rows):
        rows, _ = _cut(pool, rows, sizes.train, seed, owner=sizes.owner, name="train")
    return Splits.of(
        whole.rest.at(torch.from_numpy(rows)),
        whole.rest.at(torch.from_numpy(validation_rows)),
        test,
        whole.classes,
    )


def _share(available: int, classes: int) -> int:
    return max(available // 5, classes)


def _cut(
    targets: Rows, rows: Rows, size: int, seed: int, *, owner: str, name: str
) -> tuple[Rows, Rows]:
    """Take ``size`` of ``rows``, every class in proportion to within one image; return the rest."""
    labels, counts = np.unique(targets[rows], return_counts=True)
    # What train_test_split asks for: room for every class on both sides of the cut.
    low, high = len(labels), len(rows) - len(labels)
    if counts.min() < 2 or high < low:
        raise HarnessError(
            f"every class must have images enough to draw {owner}({name}=...) from",
            f"{counts.min()} left of class {labels[counts.argmin()]}, {len(rows)} in all",
            "Add images of that class, leave it out, or make the other splits smaller.",
        )
    if not low <= size <= high:
        all_of_it = f", or all {len(rows)}" if name == "train" else ""
        raise HarnessError(
            f"{owner}({name}=...) must be {low} to {high}{all_of_it}, as {len(rows)} images of "
            f"{len(labels)} classes are there to draw it from",
            str(size),
            f"Write {name}={min(max(size, low), high)}, say.",
        )
    seed = int(stream(seed, "split", _ORDER.index(name)).generate_state(1)[0])
    taken, left = cut(targets[rows], size, seed)
    return rows[taken], rows[left]


_ORDER = ("test", "validation", "train")
