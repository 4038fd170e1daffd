"""Looks at growing numbers of seeds: what each may cost of α, and p values that stay valid."""

from __future__ import annotations

import math
from dataclasses import dataclass

SEEDS = (5, 10, 20, 40)
"""Seeds at the looks: about twice as many each time."""


@dataclass(frozen=True)
class Looks:
    """When a claim is looked at, and at which level.

    At look k every claim is tested at ``alphas[k]`` divided by the number of claims, as if that
    were the only look. Whatever rule says when to stop, false verdicts then have a probability of
    at most ``sum(alphas)``, by the union bound over looks.

    Attributes:
        seeds: numbers of seeds, ascending.
        alphas: the level of each look.
    """

    seeds: tuple[int, ...]
    alphas: tuple[float, ...]

    @staticmethod
    def fixed(seeds: int, alpha: float = 0.05) -> Looks:
        """Return one look, at all seeds."""
        return Looks((seeds,), (alpha,))

    @staticmethod
    def until(most: int, alpha: float = 0.05) -> Looks:
        """Return looks at 5, 10, 20 and so on seeds up to ``most``, each with the same share of α.

        Args:
            most: seeds at the last look, at least 5.
            alpha: of all looks together.

        Raises:
            ValueError: there are too few seeds for any verdict.
        """
        if most < SEEDS[0]:
            raise ValueError(f"the last look must be at {SEEDS[0]} seeds at least, got {most}")
        seeds = [SEEDS[0]]
        while seeds[-1] * 2 < most:
            seeds.append(seeds[-1] * 2)
        if most > seeds[-1]:
            seeds.append(most)
        return Looks(tuple(seeds), (alpha / len(seeds),) * len(seeds))

    @property
    def alpha(self) -> float:
        """The level of all looks together."""
        return math.fsum(self.alphas)

    def adjusted(self, p: float, look: int) -> float:
        """Return a look's p value on the scale of all looks: min(1, p * alpha / alphas[look]).

        It is below ``alpha`` just where p is below the look's own level, so it may be read
        whenever one stops, and whichever look one stops at.

        Args:
            p: of one look; NaN, where nothing could be tested, stays NaN.
            look: its position.
        """
        return math.nan if math.isnan(p) else min(1.0, p * self.alpha / self.alphas[look])
