"""How many examples each split has: worked out from counts alone, before anything is loaded.

Drawing follows it, and ``harness plan`` asks it, so that both refuse the same sizes in the same
words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Targets:
    """What there is to be told of each input: classes, measured quantities, or nothing.

    Attributes:
        classes: how many classes there are; 0 where there are none.
        quantities: how many quantities are measured of each input; 0 where there are none.
        shape: of the classes of one input: ``()`` is one class, ``(height, width)`` a class for
            each pixel of an image, ``(length,)`` one for each position of a sequence.

    Example:
        >>> from harness.data.sizes import Targets
        >>> str(Targets(5, shape=(64, 48))), Targets(5, shape=(64, 48)).stratified
        ('5 classes for each of 64 × 48 pixels', False)
    """

    classes: int = 0
    quantities: int = 0
    shape: tuple[int, ...] = ()

    @property
    def stratified(self) -> bool:
        """Whether examples are drawn in proportion to their classes: where each is of one class."""
        return self.classes > 0 and not self.shape

    def __str__(self) -> str:
        if self.classes and self.shape:
            places = "pixels" if len(self.shape) == 2 else "positions"
            shape = " × ".join(map(str, self.shape))
            return f"{self.classes} classes for each of {shape} {places}"
        if self.classes:
            return f"{self.classes} classes"
        if not self.quantities:
            return "no targets"
        return f"{self.quantities} measured {'quantity' if self.quantities == 1 else 'quantities'}"


@dataclass(frozen=True)
class Counts:
    """How many examples of each class a data set has, by class number.

    Attributes:
        rest: what training and validation examples are drawn from; the test examples too, where
            there is no official test set.
        validation: the validation set that the data set comes with, if it does.
        test: the official test set, if there is one.
        stratified: whether each example is of one class, so that splits are drawn in proportion to
            classes; where it is not, all examples count as one class.
    """

    rest: tuple[int, ...]
    validation: tuple[int, ...] | None = None
    test: tuple[int, ...] | None = None
    stratified: bool = True

    @property
    def total(self) -> int:
        """All examples."""
        return sum(sum(each) for each in (self.rest, self.validation, self.test) if each)


@dataclass(frozen=True)
class Sizes:
    """How many examples each split is to have.

    Attributes:
        owner: the declaration that asks, as errors name it.
        train: ``None`` is all that is left.
        validation: ``None`` is the whole validation set that the data comes with, or a fifth of
            what the test split leaves.
        test: ``None`` is the whole official test set, or a fifth if there is none.
        folds: how many folds there are, each of which is the test set in turn; ``None`` where test
            sets are drawn by themselves.
    """

    owner: str
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    folds: int | None = None


@dataclass(frozen=True)
class Shares:
    """How many examples each split has; of folds, a test set may have one fewer than this."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class _Stock:
    """What there is to draw from.

    Attributes:
        total: examples, exactly.
        least: of each class that is there, at least; which of two classes gives one example more
            is chance where their shares are equal.
        classes: the numbers of those classes.
        stratified: as that of :class:`Counts`.
    """

    total: int
    least: tuple[int, ...]
    classes: tuple[int, ...]
    stratified: bool

    @classmethod
    def of(cls, counts: Sequence[int], *, stratified: bool) -> _Stock:
        there = [(number, count) for number, count in enumerate(counts) if count]
        least, classes = tuple(count for _, count in there), tuple(number for number, _ in there)
        return cls(sum(counts), least, classes, stratified)


def shares_of(counts: Counts, sizes: Sizes) -> Shares:
    """Return the size of each split, the same for every seed.

    Raises:
        HarnessError: a size does not fit the data set, or a class is too small to be split.
    """
    stock, classes = _Stock.of(counts.rest, stratified=counts.stratified), len(counts.rest)
    if sizes.folds is not None:
        test, stock = _fold(counts, stock, sizes.owner, sizes.folds)
    elif counts.test is None:
        test = _fifth(stock.total, classes) if sizes.test is None else sizes.test
        stock = _without(stock, test, sizes.owner, "test")
    else:
        given = _Stock.of(counts.test, stratified=counts.stratified)
        test = _of_given(given, sizes.test, sizes.owner, "test")
    if counts.validation is None:
        asked = sizes.validation
        validation = _fifth(stock.total, classes) if asked is None else asked
        stock = _without(stock, validation, sizes.owner, "validation")
    else:
        given = _Stock.of(counts.validation, stratified=counts.stratified)
        validation = _of_given(given, sizes.validation, sizes.owner, "validation")
    train = stock.total if sizes.train is None else sizes.train
    if train != stock.total:
        _without(stock, train, sizes.owner, "train", or_all=True)
    return Shares(train, validation, test)


def _fifth(available: int, classes: int) -> int:
    return max(available // 5, classes)


def _fold(counts: Counts, stock: _Stock, owner: str, folds: int) -> tuple[int, _Stock]:
    """Return the size of the largest fold, and what is left without it."""
    if counts.test is not None:
        raise no_folds(f"{owner}(folds={folds})")
    if folds > min(stock.least):
        what = (
            f"examples of class {stock.classes[stock.least.index(min(stock.least))]}"
            if len(stock.least) > 1
            else "examples"
        )
        raise HarnessError(
            f"{owner}(folds=...) must be no more than there are examples of every class, so that "
            "each fold can be tested on"
            if len(stock.least) > 1
            else f"{owner}(folds=...) must be no more than there are examples",
            f"{folds} folds, and {min(stock.least)} {what}",
            f"Write folds={min(stock.least)} or fewer, or add examples.",
        )
    largest = math.ceil(stock.total / folds)
    least = tuple(count - math.ceil(count / folds) for count in stock.least)
    return largest, _Stock(stock.total - largest, least, stock.classes, stock.stratified)


def no_folds(owner: str) -> HarnessError:
    """Return the error of folds of data with an official test set.

    Args:
        owner: what asks for them, as the error names it.
    """
    return HarnessError(
        "data with an official test set must be tested on that, and not on folds",
        owner,
        "Leave folds= out; or give all examples together to arrays(inputs, targets, name, "
        "folds=...).",
    )


def _of_given(given: _Stock, asked: int | None, owner: str, name: str) -> int:
    """Return how many examples are taken of a set that the data comes with."""
    if asked is None or asked == given.total:
        return given.total
    _without(given, asked, owner, name, or_all=True)
    return asked


def _without(stock: _Stock, size: int, owner: str, name: str, *, or_all: bool = False) -> _Stock:
    """Return what is left when ``size`` examples are taken, of every class in proportion."""
    total, classes = stock.total, len(stock.least)
    # Stratified drawing needs room for every class on both sides of the cut.
    low, high = classes, total - classes
    if not stock.stratified and not low <= size <= high:
        raise HarnessError(
            f"{owner}({name}=...) must be {low} to {high}, as {total} examples are there to draw "
            "it from",
            str(size),
            f"Write {name}={min(max(size, low), max(low, high))}, say.",
        )
    if min(stock.least) < 2 or high < low:
        raise HarnessError(
            f"every class must have enough images to draw {owner}({name}=...) from",
            f"{min(stock.least)} left of class "
            f"{stock.classes[stock.least.index(min(stock.least))]}, {total} in all",
            "Add images of that class, leave it out, or make the other splits smaller.",
        )
    if not low <= size <= high:
        all_of_it = f", or all {total}" if or_all else ""
        raise HarnessError(
            f"{owner}({name}=...) must be {low} to {high}{all_of_it}, as {total} images of "
            f"{classes} classes are there to draw it from",
            str(size),
            f"Write {name}={min(max(size, low), high)}, say.",
        )
    # Each class gives the whole part of its share; those with the largest fractions one more.
    fractions = [count * size % total for count in stock.least]
    more = size - sum(count * size // total for count in stock.least)
    ranked = sorted(fractions, reverse=True)
    bar = ranked[more - 1] if 0 < more <= classes else (1 if more > 0 else total)
    if sum(stock.least) < total:
        bar = 1  # the fractions themselves are known to within an example
    least = tuple(
        count - count * size // total - (fraction > 0 and fraction >= bar)
        for count, fraction in zip(stock.least, fractions, strict=True)
    )
    return _Stock(total - size, least, stock.classes, stock.stratified)
