"""The data set that needs no file: scikit-learn's digits."""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.data.declared import Declared
from harness.data.draw import Whole
from harness.data.sizes import Counts
from harness.data.splits import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray


_TEST = int("400")  # an object of its own, so that test=400 can be told from the default


@dataclass(frozen=True, kw_only=True)
class Digits(Declared):
    """1,797 handwritten digits of 8 x 8 pixels, float32 ``[1, 8, 8]`` from 0 to 1, 10 classes.

    From scikit-learn: a copy of the test set of "Optical Recognition of Handwritten Digits"
    (Alpaydin and Kaynak 1998, https://archive.ics.uci.edu/dataset/80). It has no official test
    set, so all splits are drawn anew for every seed: by default 1,037 / 360 / 400 images. With
    ``folds=5`` a fifth of them is tested on in the place of 400.

    Example:
        >>> from harness.data import digits
        >>> splits = digits(train=300).splits(seed=0)
        >>> len(splits.train), len(splits.validation), len(splits.test)
        (300, 360, 400)
        >>> splits.shape, splits.classes
        ((1, 8, 8), 10)
    """

    validation: int = 360
    test: int | None = _TEST

    def __post_init__(self) -> None:
        if self.folds is not None and self.test is _TEST:  # which nobody needs to write down
            object.__setattr__(self, "test", None)
        super().__post_init__()

    @property
    def source(self) -> str:
        """What it is loaded from."""
        return "digits"

    @property
    def dtype(self) -> str:
        """What inputs are kept as."""
        return "float32"

    def counts(self) -> Counts:
        """Return how many examples of each class there are, which is known."""
        return Counts(_MEMBERS)

    def shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return 1, 8, 8

    def load(self) -> Whole:
        """Return everything there is, loaded once per process."""
        return _load()


_MEMBERS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)


@lru_cache(maxsize=1)
def _load() -> Whole:
    import torch

    pixels, targets = table()
    inputs = torch.from_numpy(pixels).float().view(-1, 1, 8, 8) / 16  # 16 is the darkest ink
    return Whole(Part(inputs, torch.from_numpy(targets).long()), None, 10)


def table() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return pixels from 0 to 16, ``[1797, 64]``, and digits.

    They are read from scikit-learn's own file, because importing it takes seconds.
    """
    spec = importlib.util.find_spec("sklearn")
    file = (
        Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if spec and spec.origin
        else None
    )
    if file is None or not file.is_file():  # another layout, or none: it knows itself
        from sklearn.datasets import load_digits

        pixels, digits = load_digits(return_X_y=True)
        return pixels, digits
    with gzip.open(file, "rt", encoding="utf-8") as text:
        table = np.loadtxt(text, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)
