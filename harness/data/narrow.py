"""From wider floats to float32, which keeps seven digits of a number and not of its spread.

A unix time of today has ten digits, and perhaps only the last four vary. Inputs are standardised
before a network sees them, so an affine map of a whole column changes nothing for it. A column that
rounding would spoil is standardised in its own precision first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.messages.errors import HarnessError

NOTICEABLE = 1e-3
"""Rounding by more than this share of a column's standard deviation spoils it."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Between these, float32 has room for differences, squares' roots and quotients of values."""

_SAMPLE = 500
"""Values, or more, among which different ones are counted."""


@dataclass(frozen=True)
class Narrowed:
    """Inputs as float32.

    Attributes:
        rest: float32, in the shape that was given.
        official: the official test set's, mapped by the same numbers; ``None`` without one.
        columns: which columns, or channels, were standardised first.
    """

    rest: NDArray[np.float32]
    official: NDArray[np.float32] | None
    columns: tuple[int, ...]


def narrowed(name: str, rest: NDArray[Any], official: NDArray[Any] | None = None) -> Narrowed:
    """Return floating point inputs as float32 that keeps what tells them apart.

    Columns are places on axis 1: features, or the channels of sequences. What need not be
    standardised is only rounded, and what is float32 already stays as it is.

    Args:
        name: of the data set, as errors name it.
        rest: finite, ``[n, columns, ...]``.
        official: of the official test set, finite, in the same shape but for ``n``.

    Raises:
        HarnessError: a column has differences that float32 cannot keep, or those of images cannot
            be kept without moving what is black.
    """
    with np.errstate(over="ignore", under="ignore"):
        out = rest.astype(np.float32, copy=False)
        test = None if official is None else official.astype(np.float32, copy=False)
        spoilt = _spoilt(rest, official) if rest.dtype.itemsize >= 4 else []
        if not spoilt:
            return Narrowed(out, test, ())
        if rest.ndim == 4:
            _refuse_images(name, rest, spoilt[0])
        out = out.copy()
        test = None if test is None else test.copy()
        for column in spoilt:
            fit = _Standard.of(rest[:, column])
            out[:, column] = fit(rest[:, column])
            if official is not None and test is not None:
                test[:, column] = fit(official[:, column])
            _check_kept(name, column, rest[:, column], out[:, column])
    return Narrowed(out, test, tuple(spoilt))


@dataclass(frozen=True)
class _Standard:
    """An affine map in wide floats: no step of it rounds away what tells values apart.

    Attributes:
        size: a power of 2 near the largest value, which keeps all numbers in range.
        origin: one of the values, by that size; differences from it are exact where all are close.
        mean: of those differences.
        spread: their standard deviation; 1 where nothing varies.
    """

    size: Any
    origin: Any
    mean: Any
    spread: Any

    @classmethod
    def of(cls, values: NDArray[Any]) -> _Standard:
        wide = values.astype(_wide(values))
        _, power = np.frexp(np.abs(wide).max())
        size = np.ldexp(wide.dtype.type(1), power - 1)
        apart = wide / size
        origin = apart.flat[0]
        apart -= origin
        varies = apart.min() < apart.max()
        return cls(size, origin, apart.mean(), apart.std() if varies else 1)

    def __call__(self, values: NDArray[Any]) -> NDArray[Any]:
        mapped: NDArray[Any] = values.astype(_wide(values)) / self.size
        mapped -= self.origin
        mapped -= self.mean
        mapped /= self.spread
        return mapped


def _wide(values: NDArray[Any]) -> np.dtype[Any]:
    return np.promote_types(values.dtype, np.float64)


def _spoilt(rest: NDArray[Any], official: NDArray[Any] | None) -> list[int]:
    """Return which columns float32 would spoil."""
    low, high, size = _range(rest)
    everything = size if official is None else np.maximum(size, _range(official)[2])
    span = high.astype(_wide(high)) / 2 - low.astype(_wide(low)) / 2
    extreme = (everything > LARGEST) | ((size > 0) & (size < SMALLEST))
    # A spread of n values is at least their range by sqrt(2 n): most columns need no closer look.
    count = rest.size // rest.shape[1]
    suspect = (span > 0) & (everything * 2.0**-24 * np.sqrt(2 * count) > NOTICEABLE * 2 * span)
    if rest.dtype.itemsize > 4:
        suspect |= _collapses(_sample(rest))
    return [
        column
        for column in np.flatnonzero(suspect | extreme).tolist()
        if extreme[column]
        or _is_spoilt(rest[:, column], None if official is None else official[:, column])
    ]


def _range(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the smallest and the largest value of each column, and the largest size."""
    axes = (0, *range(2, values.ndim))
    low, high = values.min(axes), values.max(axes)
    return low, high, np.maximum(np.abs(low), np.abs(high))


def _is_spoilt(rest: NDArray[Any], official: NDArray[Any] | None) -> bool:
    """Whether float32 would round one column, or its mean, noticeably."""
    wide, fit = rest.astype(_wide(rest)), _Standard.of(rest)
    mean = (fit.origin + fit.mean) * fit.size
    error = max(_rounding(wide), abs(np.float32(mean) - mean))
    if official is not None:
        error = max(error, _rounding(official.astype(_wide(official))))
    if error / fit.size > NOTICEABLE * fit.spread:
        return True
    return rest.dtype.itemsize > 4 and bool(_collapses(_sample(wide.reshape(-1, 1)))[0])


def _rounding(wide: NDArray[Any]) -> float:
    """Return by how much float32 rounds a column at most."""
    return float(np.abs(wide.astype(np.float32) - wide).max())


def _sample(values: NDArray[Any]) -> NDArray[Any]:
    """Return some of the values of each column, ``[values, columns]``."""
    each = values[0, 0].size
    wanted = max(_SAMPLE // 10, _SAMPLE // each)
    places = np.unique(np.linspace(0, len(values) - 1, wanted).astype(np.int64))
    return np.moveaxis(values[places], 1, -1).reshape(-1, values.shape[1])


def _collapses(wide: NDArray[Any]) -> NDArray[np.bool_]:
    """Return in which columns fewer than half of the different values stay different."""
    lost: NDArray[np.bool_] = 2 * _different(wide.astype(np.float32)) <= _different(wide)
    return lost


def _different(values: NDArray[Any]) -> NDArray[np.int64]:
    ordered = np.sort(values, axis=0)
    count: NDArray[np.int64] = 1 + (ordered[1:] != ordered[:-1]).sum(0)
    return count


def _check_kept(name: str, column: int, given: NDArray[Any], kept: NDArray[Any]) -> None:
    """Check that standardising has kept different values apart."""
    before, after = (_different(_sample(each.reshape(-1, 1)))[0] for each in (given, kept))
    if 2 * after <= before:
        raise HarnessError(
            f"the inputs of {name!r} must keep their differences as float32",
            f"column {column}, in which {before} different values become {after}, as a few are "
            "far from all others",
            "Give what stands out, such as a number that means missing, a column of its own, and "
            "replace it here.",
        )


def _refuse_images(name: str, values: NDArray[Any], channel: int) -> None:
    """Refuse images that float32 would spoil: augmentation paints with 0, which must stay black."""
    fit = _Standard.of(values[:, channel])
    raise HarnessError(
        f"the inputs of {name!r} must keep their differences as float32",
        f"channel {channel} with values about {float((fit.origin + fit.mean) * fit.size):.7g} and "
        f"a standard deviation of {float(fit.spread * fit.size):.3g}",
        "Write (inputs - low) / (high - low) in float64, with low and high of each channel, "
        "the same for test images.",
    )
