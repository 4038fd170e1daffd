"""How many more seeds would decide, or what so many can tell."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harness.stats.location import Location


@dataclass(frozen=True)
class More:
    """What would decide a claim whose interval is too wide.

    Attributes:
        low: about how many further seeds, if the true effect is easy to tell: a third of the
            margin beyond 0 or beyond the margin.
        high: if it is as hard to tell as can be: half way between 0 and the margin; ``None`` where
            no number is enough, as training sets of folds overlap.
        reach: seeds beyond which no promise is made.
        tells: half the width of the interval from that many seeds: differences of about this size
            could be told.
    """

    low: int
    high: int | None
    reach: int
    tells: float

    def within(self, n: int) -> bool:
        """Whether the fewest lie within reach.

        Args:
            n: seeds there are.
        """
        return n + self.low <= self.reach


def more_seeds(places: Sequence[Location], margin: float, alpha: float, reach: int) -> More:
    """Return about how many further seeds would make intervals narrow enough.

    An interval that reaches four thirds of the margin to either side no longer holds both 0 and
    the margin if the effect lies a third of it beyond either; one that reaches half of the margin
    does not, wherever the effect lies. These are the two ends; in simulations (tests/calibration)
    what it takes lies between them in four of five cases. The effect seen takes no part: planning
    on it would chase noise. The spread is taken to stay as it was seen.

    Args:
        places: what has to become narrower, all of it.
        margin: the smallest difference that matters, above 0.
        alpha: level of the intervals to come, of both sides together.
        reach: seeds beyond which no promise is made.
    """
    n = max(place.n for place in places)
    needed = [
        max(_needed(place, width, alpha) for place in places)
        for width in (margin * 4 / 3, margin / 2)
    ]
    tells = max(max(place.reaches(alpha, max(reach, 2))) for place in places)
    high = None if needed[1] >= _MOST else max(1, needed[1] - n)
    return More(max(1, needed[0] - n), high, reach, tells)


_MOST = 10**12
"""More seeds than anybody will ever train: an interval that is still too wide stays so."""


def _needed(place: Location, width: float, alpha: float) -> int:
    """Return the fewest seeds from which an interval reaches no further than a width."""

    def narrow(n: int) -> bool:
        return bool(max(place.reaches(alpha, n)) < width)

    return bisect_left(range(_MOST), True, lo=2, key=narrow)


def rounded(count: int) -> int:
    """Round a count to one digit, or to two where it begins with a 1, for sentences."""
    if count < 20:
        return count
    step = int(10 ** (len(str(count)) - (2 if str(count)[0] == "1" else 1)))
    return math.floor(count / step + 0.5) * step
