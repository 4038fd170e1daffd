"""A figure beside its target, and how far off it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REPLICATES = 4_000
"""Replicates that the targets were simulated with, and figures are unless told otherwise."""

SEED = 20_240


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        case: what was simulated.
        figure: what came out.
        target: what should have, as printed.
        tolerance: how far off it may be.
        ok: whether it is within.
    """

    case: str
    figure: float
    target: str
    tolerance: float
    ok: bool

    def line(self) -> str:
        """Return the row of a markdown table."""
        told = "ok" if self.ok else "**MISSED**"
        off = "" if math.isnan(self.tolerance) else f"{self.tolerance:.2g}"
        told = "" if math.isnan(self.tolerance) else told
        return f"| {self.case} | {self.figure:.4g} | {self.target} | {off} | {told} |"


def near(case: str, figure: float, target: str, sd: float, n: int, target_n: int) -> Row:
    """Compare a figure with a target that was printed with rounding.

    Args:
        case: what was simulated.
        figure: what came out.
        target: what should have, as printed.
        sd: standard deviation of one replicate's contribution.
        n: replicates of the figure.
        target_n: replicates of the target.
    """
    decimals = len(target.partition(".")[2])
    tolerance = 3 * sd * math.sqrt(1 / n + 1 / target_n) + 0.5 * 10.0**-decimals
    return Row(case, figure, target, tolerance, abs(figure - float(target)) <= tolerance)


def share_near(case: str, found: npt.ArrayLike, target: str) -> Row:
    """Compare the share of replicates in which something happened with a simulated target."""
    hits = np.asarray(found, dtype=bool)
    p = float(target)
    return near(case, float(hits.mean()), target, math.sqrt(p * (1 - p)), hits.size, REPLICATES)


def mean_near(case: str, values: npt.ArrayLike, target: str) -> Row:
    """Compare the mean of a number over replicates with a simulated target."""
    array = np.asarray(values, dtype=np.float64)
    return near(case, float(array.mean()), target, float(array.std()), array.size, REPLICATES)


def at_most(case: str, found: npt.ArrayLike, bound: float) -> Row:
    """Check that a share of replicates does not exceed a bound by more than chance."""
    hits = np.asarray(found, dtype=bool)
    tolerance = 3 * math.sqrt(bound * (1 - bound) / hits.size)
    figure = float(hits.mean())
    return Row(case, figure, f"at most {bound:g}", tolerance, figure <= bound + tolerance)


def told(case: str, found: npt.ArrayLike) -> Row:
    """Tell a share of replicates that nothing is promised of."""
    return Row(case, float(np.mean(found)), "told", math.nan, ok=True)


def at_least(case: str, figure: float, bound: float, n: int) -> Row:
    """Check that a share of n replicates does not fall below a bound by more than chance."""
    tolerance = 3 * math.sqrt(bound * (1 - bound) / n)
    return Row(case, figure, f"at least {bound:g}", tolerance, figure >= bound - tolerance)


def none_of(case: str, wrong: Iterable[bool]) -> Row:
    """Check that something never happens."""
    count = sum(wrong)
    return Row(case, count, "0", 0.0, count == 0)


def stream(case: int) -> np.random.Generator:
    """Return the random numbers of one case, so that no case depends on those before it."""
    return np.random.default_rng([SEED, case])
