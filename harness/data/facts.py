"""What is known of a data set without training on it: files, examples, classes, shape, splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.data.sizes import Counts, Shares, Targets


class Known(Protocol):
    """Splits, or what is known of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""

    @property
    def targets(self) -> Targets:
        """What there is to be told of each input."""

    @property
    def tokens(self) -> int:
        """How many token ids there are; 0 where inputs are no token ids."""

    @property
    def padded(self) -> bool:
        """Whether inputs are sequences of unequal length, padded at the end."""


@dataclass(frozen=True)
class Facts:
    """What a declared data set consists of.

    Attributes:
        name: what it is called.
        counts: how many examples of each class there are.
        shares: how many examples each split has.
        shape: of one input.
        targets: what there is to be told of each input.
        dtype: what inputs are kept as: ``"uint8"``, ``"float32"``, or ``"int64"``, token ids.
        validation_drawn: whether the validation split is drawn from the training data.
        test_drawn: whether the test split is drawn, rather than an official one.
        names: of the classes, if they have any.
        files: how many files were read; 0 without files.
        notes: sentences on what was done to the data, and what was left out.
        tokens: how many token ids there are; 0 where inputs are no token ids.
        padded: whether inputs are sequences of unequal length, padded at the end.
        folds: how many folds take turns as the test split; 0 where it is no fold.
    """

    name: str
    counts: Counts
    shares: Shares
    shape: tuple[int, ...]
    targets: Targets
    dtype: str
    validation_drawn: bool
    test_drawn: bool
    names: tuple[str, ...] = ()
    files: int = 0
    notes: tuple[str, ...] = ()
    tokens: int = 0
    padded: bool = False
    folds: int = 0

    def plain_values(self) -> Mapping[str, Any]:
        """Return the same in plain JSON types."""
        return {
            "name": self.name,
            "files": self.files,
            "examples": self.counts.total,
            "classes": self.targets.classes,
            "quantities": self.targets.quantities,
            "target_shape": list(self.targets.shape),
            "class_names": list(self.names),
            "shape": list(self.shape),
            "dtype": self.dtype,
            "tokens": self.tokens,
            "padded": self.padded,
            "train": self.shares.train,
            "validation": self.shares.validation,
            "test": self.shares.test,
            "validation_drawn": self.validation_drawn,
            "test_drawn": self.test_drawn,
            "notes": list(self.notes),
            **({"folds": self.folds} if self.folds else {}),
        }
