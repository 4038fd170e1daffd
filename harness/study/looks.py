"""Looks at growing numbers of seeds: what each may cost of α, and p values that stay valid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.levels import own

ALPHA = 0.05
"""Family-wise error rate of a study's verdicts, unless it declares another."""


@dataclass(frozen=True)
class Looks:
    """When claims are looked at, and at which level.

    At look k every claim is tested at ``alphas[k]`` divided by the number of claims, as if that
    were the only look. Then false verdicts have a probability of at most ``sum(alphas)``, by the
    union bound over looks, however one decides when to stop.

    ``Looks((5, 10, 20, 40))`` gives each look a quarter of .05. A schedule that spends more of it
    late, such as ``Looks((5, 10, 20, 40), (.001, .006, .015, .028))``, finds small effects more
    often and stops later where effects are large.

    Attributes:
        seeds: numbers of seeds, ascending.
        alphas: the level of each look; by default each has the same share of .05.

    Raises:
        HarnessError: the numbers do not increase, or a level is not between 0 and 1.

    Example:
        >>> from harness import Looks
        >>> Looks((5, 10, 20, 40)).alphas
        (0.0125, 0.0125, 0.0125, 0.0125)
        >>> late = Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028))
        >>> round(late.alpha, 3)
        0.05
    """

    seeds: tuple[int, ...] = (5, 10, 20, 40)
    alphas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", own(self.seeds))
        object.__setattr__(self, "alphas", own(self.alphas))
        seeds = self.seeds
        if (
            not isinstance(seeds, tuple | list)
            or not seeds
            or not all(checks.is_whole(n, 0) for n in seeds)
            or not all(one < other for one, other in pairwise(seeds))
        ):
            raise HarnessError(
                "looks must be at whole numbers of seeds that increase",
                repr(seeds),
                "Write Looks((5, 10, 20, 40)).",
            )
        alphas = self.alphas
        if not isinstance(alphas, tuple | list) or not all(
            isinstance(each, float) and 0 < each < 1 for each in alphas
        ):
            raise HarnessError(
                "α of looks must be between 0 and 1",
                repr(self.alphas),
                "Write Looks((5, 10, 20, 40)), which shares out 0.05 equally.",
            )
        if alphas and len(alphas) != len(seeds):
            raise HarnessError(
                "there must be one α for each look",
                f"{len(alphas)} for {len(seeds)} looks",
                "Write Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028)), say.",
            )
        object.__setattr__(self, "seeds", tuple(seeds))
        object.__setattr__(self, "alphas", tuple(alphas) or (ALPHA / len(seeds),) * len(seeds))

    @staticmethod
    def fixed(seeds: int, alpha: float = ALPHA) -> Looks:
        """Return one look, at all seeds."""
        return Looks((seeds,), (alpha,))

    def upto(self, most: int) -> Looks:
        """Return looks up to ``most`` seeds, with the same α in all.

        Later looks are dropped. If ``most`` is beyond the last look, looks are added, each at
        twice as many seeds as the one before. The shares of α stay in proportion.

        Args:
            most: seeds at the last look, at least those at the first.

        Raises:
            HarnessError: it is less.
        """
        if most < self.seeds[0]:
            raise HarnessError(
                f"the last look must be at {self.seeds[0]} seeds or more, like the first",
                str(most),
                f"Write --max-seeds {self.seeds[0]}.",
            )
        seeds = [each for each in self.seeds if each < most]
        while seeds and seeds[-1] >= self.seeds[-1] and seeds[-1] * 2 < most:
            seeds.append(seeds[-1] * 2)
        seeds.append(most)
        last = len(self.seeds) - 1
        shares = [self.alphas[min(place, last)] for place in range(len(seeds))]
        whole = self.alpha / math.fsum(shares)
        return Looks(tuple(seeds), tuple(share * whole for share in shares))

    @property
    def alpha(self) -> float:
        """The level of all looks together."""
        return math.fsum(self.alphas)

    def adjusted(self, p: float, look: int) -> float:
        """Return a look's p value on the scale of all looks: min(1, p * alpha / alphas[look]).

        It is below ``alpha`` exactly if p is below the look's own level, so it can be read at any
        look at which one stops.

        Args:
            p: of one look; NaN (nothing could be tested) stays NaN.
            look: its position.
        """
        return math.nan if math.isnan(p) else min(1.0, p * self.alpha / self.alphas[look])
