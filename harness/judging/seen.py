"""What was seen of a claim: effect, interval and tests, and what its kind adds to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.stats import LARGE_SKEW, Location, Paired, Unpaired, paired, unpaired

Floats = npt.NDArray[np.float64]
Shape = Literal["holds", "unclear", "fails"]
_AT = 1e-9  # relative to a margin: what lies this near to it is at it


@dataclass(frozen=True)
class Beside:
    """A figure that describes, and decides nothing.

    Attributes:
        what: what it is.
        value: the figure.
        kind: how it is printed: a p value, a share, a plain number, or in the effect's unit.
    """

    what: str
    value: float
    kind: Literal["p", "share", "number", "effect"] = "p"


@dataclass(frozen=True)
class Seen(Paired):
    """What was seen of a claim: the two sides over seeds, and what its kind adds to that.

    Of an unpaired claim it holds what :func:`harness.stats.unpaired` says of ``n`` and the like.

    Attributes:
        first: the added side in each seed.
        second: the subtracted side; ``first - second`` is the effect per seed.
        shape: of a trend: whether every step from dose to dose is shown to fall by less than the
            margin, may, or one is shown to fall by more; ``"holds"`` for other kinds.
        exact: whether it is no estimate: measuring again gives the same to the last digit.
        identical: whether in each seed all arms trained the same, to the last bit.
        floor: of a time: how far two measurements of the same arm may lie apart, by their
            interval; what is not beyond it may be the machine.
        nearest: of a claim on one level against several, which of its partial arms counts; of a
            trend, from which the weakest step goes.
        p_margin: of a claim that a difference is within a margin, the one-sided p value of the
            margin; NaN for others, and below n = 5.
        p_permutation: the sign-flip test's p value of the effect, which describes; NaN below n = 8
            and above 1,000.
        places: where the means lie whose intervals decide: of the effect, then of a trend that of
            the step that counts; of a claim on several levels those of all; empty for counts.
        beside: what describes.
        unpaired: whether the two sides share no seed, so that nothing is known of pairs.
    """

    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    shape: Shape = "holds"
    exact: bool = False
    identical: bool = False
    floor: float = 0.0
    nearest: int = 0
    p_margin: float = math.nan
    p_permutation: float = math.nan
    places: tuple[Location, ...] = ()
    beside: tuple[Beside, ...] = ()
    unpaired: bool = False

    @property
    def count(self) -> str:
        """How many seeds, or rounds, there are: of an unpaired claim on each side, as 5 + 6."""
        return f"{len(self.first)} + {len(self.second)}" if self.unpaired else str(self.n)

    @property
    def overlap(self) -> float:
        """What folds of data add to 1/n in the variance of a mean; 0 without folds."""
        return max((place.overlap for place in self.places), default=0.0)

    @property
    def skewed(self) -> bool:
        """Whether a few values lie far on one side."""
        return self.kind == "varied" and abs(self.skew) >= LARGE_SKEW

    def in_noise(self, by: float) -> bool:
        """Whether the machine cannot tell times apart as finely as a margin, nor as seen here."""
        return self.floor > by and max(self.low, -self.high) <= self.floor

    def off(self, by: float) -> float:
        """Return how far from a margin a number may lie that is at it but for rounding."""
        return 4 * self.rounding + _AT * by

    @property
    def clear(self) -> bool:
        """Whether the direction is shown: of estimates, whether the interval leaves out 0."""
        if self.exact:
            return self.effect != 0
        return self.p < 1 - self.level  # never of a NaN


def seen_from(
    first: Floats, second: Floats, level: float, place: Location, size: float = 0.0
) -> Seen:
    """Return what is seen of two columns of values, whose difference is the effect.

    Args:
        first: the added side, ``[n]``.
        second: the subtracted side, ``[n]``.
        level: confidence level of the interval.
        place: where the mean difference lies.
        size: the largest absolute value among all that were compared.
    """
    return Seen(
        **_fields(paired(first, second, level, size, place)),
        first=tuple(first.tolist()), second=tuple(second.tolist()), places=(place,),
    )  # fmt: skip


def seen_unpaired(
    first: Floats, second: Floats, level: float, place: Unpaired, size: float = 0.0
) -> Seen:
    """Return what is seen of two columns of values that share no seed.

    Args:
        first: the added side, ``[n]``.
        second: the subtracted side, ``[m]``.
        level: confidence level of the interval.
        place: where the difference of their means lies.
        size: as for :func:`seen_from`.
    """
    return Seen(
        **_fields(unpaired(first, second, level, size, place)),
        first=tuple(first.tolist()), second=tuple(second.tolist()), places=(place,), unpaired=True,
    )  # fmt: skip


def nothing_seen(level: float) -> Seen:
    """Return what is seen where there is no pair of values."""
    return Seen(**_fields(paired((), (), level)))


def _fields(pairs: Paired) -> dict[str, Any]:
    return {field.name: getattr(pairs, field.name) for field in fields(Paired)}
