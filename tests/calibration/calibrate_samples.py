"""Samples that are not normal: skewed ones, rare collapses, and what so many more seeds do.

Candidates for intervals of skewed differences are compared here, so that what each costs can be
read off. All but the harness's own are written out below; none of them is used elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from harness.judging.verdicts import judge
from harness.stats import judged_interval, located, more_seeds, sign_flip, t_interval
from harness.study.claims import Claim, Equivalent, NotWorse
from tests.calibration.calibrate_kinds import NEW, OLD, record, study
from tests.calibration.figures import Row, at_least, at_most, stream, told

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
Rejects = Callable[[Floats, float], tuple[Bools, Bools]]

ALPHA = 0.05
TEN = 10
SIZES = (5, 10, 20, 40)
LIMIT = 0.08
"""What is aimed at for skewed differences from ten seeds on."""


def collapses(far: float, sd: float = 1.0, share: float = 0.05) -> Draw:
    """Return differences of mean 0 in which a share lies far below the others."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        return rng.normal(0, sd, shape) - far * ((rng.random(shape) < share) - share)

    return draw


SKEWED: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "lognormal": lambda rng, shape: rng.lognormal(size=shape) - math.exp(0.5),
    "5 % collapse by 5 sd": collapses(5.0),
    "5 % collapse by 8.5 sd": collapses(12.0, math.sqrt(2)),
}
"""Differences of mean 0."""

WITHIN = ("exponential", "lognormal", "5 % collapse by 5 sd")
"""Those for which the limit is promised. Of collapses that lie further it cannot be kept: in .95^n
of studies none is seen, and what is seen is normal, shifted by a twentieth of the distance."""


# Procedures compared.


def parts(d: Floats) -> tuple[Floats, Floats, Floats]:
    """Return t against 0, sample skewness, and the standard error."""
    n = d.shape[1]
    centred = d - d.mean(axis=1, keepdims=True)
    second = np.square(centred).mean(axis=1)
    error = np.sqrt(second / (n - 1))
    return d.mean(axis=1) / error, (centred**3).mean(axis=1) / second**1.5, error


def by_t(d: Floats, alpha: float) -> tuple[Bools, Bools]:
    """Student's t test."""
    seen = t_interval(d, 1 - alpha)
    return seen.low > 0, seen.high < 0


def by_harness(d: Floats, alpha: float) -> tuple[Bools, Bools]:
    """The harness's interval."""
    seen = judged_interval(d, 1 - alpha)
    return seen.low > 0, seen.high < 0


def with_flips(rejects: Rejects) -> Rejects:
    """Let the sign-flip test veto, where its smallest p is below alpha."""

    def both(d: Floats, alpha: float) -> tuple[Bools, Bools]:
        up, down = rejects(d, alpha)
        if 2.0 ** (1 - d.shape[1]) >= alpha:
            return up, down
        matters = np.flatnonzero(up | down)
        vetoed = np.zeros(len(d), dtype=bool)
        if matters.size:
            vetoed[matters] = sign_flip(d[matters]) >= alpha
        return up & ~vetoed, down & ~vetoed

    return both


def by_johnson(d: Floats, alpha: float) -> tuple[Bools, Bools]:
    """Johnson's modified t (1978, JASA 73, 536-544)."""
    n = d.shape[1]
    t, skew, _ = parts(d)
    changed = t + skew / (6 * math.sqrt(n)) + skew * t**2 / (3 * math.sqrt(n))
    bound = stats.t.ppf(1 - alpha / 2, n - 1)
    return changed > bound, changed < -bound


def by_chen(d: Floats, alpha: float) -> tuple[Bools, Bools]:
    """Chen's modified t (1995, JASA 90, 767-772), for either tail."""
    n = d.shape[1]
    t, skew, _ = parts(d)
    a = skew / (6 * math.sqrt(n))
    changed = t + a * (1 + 2 * t**2) + 4 * a**2 * (t + 2 * t**3)
    bound = stats.t.ppf(1 - alpha / 2, n - 1)
    return changed > bound, changed < -bound


def by_hall(d: Floats, alpha: float) -> tuple[Bools, Bools]:
    """Student's interval joined with Hall's transformation (1992, JRSS B 54, 221-228)."""
    n = d.shape[1]
    t, skew, _ = parts(d)
    b = skew * math.sqrt(n * (n - 1)) / (n - 2) / math.sqrt(n)
    b = np.where(np.abs(b) < 1e-9, 1e-9, b)
    bound = stats.t.ppf(1 - alpha / 2, n - 1)

    def critical(q: float) -> Floats:
        return 3 / b * (np.cbrt(1 + b * (q - b / 6)) - 1)

    return t > np.maximum(bound, critical(bound)), t < np.minimum(-bound, critical(-bound))


def by_bootstrap(d: Floats, alpha: float, resamples: int = 3_999) -> tuple[Bools, Bools]:
    """Bootstrap-t (Efron 1982): t of resamples about the sample's mean, for its quantiles."""
    n = d.shape[1]
    t, _, _ = parts(d)
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples) / n
    rank = int((resamples + 1) * alpha / 2)
    up, down = [], []
    for block in np.array_split(np.arange(len(d)), max(1, len(d) // 100)):
        centred = d[block] - d[block].mean(axis=1, keepdims=True)
        mean, square = centred @ weights.T, np.square(centred) @ weights.T
        variance = square - mean**2
        flat = variance <= 1e-12 * square  # one value n times: as far out as can be
        of = mean / np.sqrt(np.where(flat, 1.0, variance / (n - 1)))
        of = np.where(flat, np.copysign(1e300, mean), of)
        of.sort(axis=1)
        up.append(t[block] > of[:, resamples - rank])
        down.append(t[block] < of[:, rank - 1])
    return np.concatenate(up), np.concatenate(down)


PROCEDURES: dict[str, tuple[Rejects, int]] = {
    "t": (by_t, 1),
    "the harness": (by_harness, 1),
    "t, vetoed by sign flips": (with_flips(by_t), 10),
    "the harness, vetoed by sign flips": (with_flips(by_harness), 10),
    "Johnson": (by_johnson, 1),
    "Chen": (by_chen, 1),
    "t joined with Hall": (by_hall, 1),
    "bootstrap-t": (by_bootstrap, 5),
}
"""What is compared, and how many times fewer replicates it gets."""


def procedures(replicates: int) -> list[Row]:
    """Compare procedures: directions of samples of mean 0, and power where t's is .8."""
    rows = []
    for n, alpha in ((10, ALPHA), (10, ALPHA / TEN), (20, ALPHA), (20, ALPHA / TEN)):
        for name, (rejects, fewer) in PROCEDURES.items():
            rng = stream(30)
            shape = (max(200, 5 * replicates // fewer), n)
            case = f"{name}, n={n}, α={alpha:g}"
            effect = detectable(n, alpha)
            up, _ = rejects(rng.normal(effect, 1, shape), alpha)
            rows.append(told(f"{case}: power, normal, where t has .8", up))
            for of in ("exponential", "lognormal"):
                up, down = rejects(SKEWED[of](rng, shape), alpha)
                rows.append(told(f"{case}: a direction, {of}", up | down))
    return rows


def detectable(n: int, alpha: float) -> float:
    """Return the effect in sd that Student's test finds in 80 % of samples."""
    bound = stats.t.ppf(1 - alpha / 2, n - 1)
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        found = 1 - special.nctdtr(n - 1, middle * math.sqrt(n), bound)
        low, high = (middle, high) if found < 0.8 else (low, middle)
    return low


def skewed(replicates: int) -> list[Row]:
    """Return how often one claim, or any of ten, names a direction where means are 0."""
    rng = stream(31)
    rows = []
    for name, draw in SKEWED.items():
        for n in SIZES:
            for claims in (1, TEN):
                count = 5 * replicates if claims == 1 else replicates
                d = draw(rng, (count, claims, n)).reshape(-1, n)
                up, down = by_harness(d, ALPHA / claims)
                found = (up | down).reshape(-1, claims).any(axis=1)
                what = "one claim" if claims == 1 else "any of 10 claims"
                case = f"{name} differences of mean 0, n={n}: {what} names a direction"
                bound = ALPHA if name == "normal" else LIMIT
                promised = name == "normal" or (claims == 1 and n >= 10 and name in WITHIN)
                rows.append(at_most(case, found, bound) if promised else told(case, found))
    for n in (5, 10, 20):
        effect = detectable(n, ALPHA)
        up, _ = by_harness(rng.normal(effect, 1, (5 * replicates, n)), ALPHA)
        case = f"power on normal differences where t has .8, n={n}"
        rows.append(at_least(case, float(up.mean()), 0.72, 5 * replicates))
    return rows


def margins_of_skewed(replicates: int) -> list[Row]:
    """Return how often a margin is wrongly told of skewed differences that lie just at it."""
    rng = stream(32)
    rows = []
    for name in ("normal", "exponential", "lognormal"):
        for n in (5, 10, 20):
            d = SKEWED[name](rng, (5 * replicates, n))
            seen = judged_interval(d, 1 - ALPHA)
            case = f"{name} differences just at the margin, n={n}"
            sides = (("beyond it", seen.high < 0), ("within it", seen.low > 0))
            for what, found in sides:
                told_of = f"{case}: {what}"
                promised = name == "normal"
                rows.append(
                    at_most(told_of, found, ALPHA / 2) if promised else told(told_of, found)
                )
    return rows


# Rare collapses.


def collapsing(replicates: int) -> list[Row]:
    """Return how often an arm that sometimes collapses is called as good as one that never does.

    Both are right about every example, but for the collapsed ones, which are at chance: the true
    difference is -9 or -18 points, and the margin is 1.
    """
    rng = stream(33)
    claims: dict[str, tuple[Claim, Sequence[str]]] = {
        "equivalent": (
            Equivalent("E.", "test_accuracy", 0.01, first=NEW, second=OLD), ("equivalent",),
        ),
        "not worse": (NotWorse("N.", "test_accuracy", 0.01, arm=NEW, than=OLD), ("supported",)),
    }  # fmt: skip
    rows = []
    for share in (0.1, 0.2):
        for n in (5, 10, 20):
            given: list[list[Any]] = []
            for _ in range(max(50, replicates // 20)):
                lost = rng.random(n) < share
                new = np.where(lost, 0.1, 1.0)
                given.append(
                    [
                        record(arm, seed, metrics={"test_accuracy": float(value)})
                        for arm, values in (("a=old", np.ones(n)), ("a=new", new))
                        for seed, value in enumerate(values)
                    ]
                )
            for name, (claim, wrong) in claims.items():
                made = study(claim)
                found = [judge(made.declaration("quick"), one)[0].word in wrong for one in given]
                case = f"collapses in {100 * share:g} % of seeds, n={n}: called {name}"
                rows.append(at_most(case, found, ALPHA))
    return rows


# How many more.


def foretold(replicates: int) -> list[Row]:
    """Return how often the seeds that it takes lie in the range that is told.

    Normal differences, a margin of 1, true effects anywhere from 0 to it; seeds are added one by
    one at one level until the interval leaves out 0 or the margin.
    """
    rng = stream(34)
    rows = []
    for n in (5, 10, 20):
        inside, ratios = [], []
        for _ in range(max(100, replicates // 8)):
            d = rng.normal(rng.uniform(0, 1), 0.15 * n**0.9, 600)
            place = located(d[:n], np.zeros(n))
            low, high = place.ends(1 - ALPHA)
            if not (low <= 0 and high >= 1):
                continue
            more = more_seeds([place], 1.0, ALPHA, 600)
            taken = _until(d, n)
            inside.append(more.low <= taken <= more.high)
            ratios.append(math.sqrt(more.low * more.high) / taken)
        case = f"more seeds, told after {n}"
        rows += [
            at_least(f"{case}: within the range", float(np.mean(inside)), 0.75, len(inside)),
            told(f"{case}: middle of the range over what it took, median", [np.median(ratios)]),
        ]
    return rows


def _until(d: Floats, n: int) -> int:
    """Return how many seeds after the first n decide, all of them if none does."""
    for more in range(1, len(d) - n + 1):
        seen = judged_interval(d[: n + more], 1 - ALPHA)
        if seen.low > 0 or seen.high < 1:
            return more
    return len(d) - n
