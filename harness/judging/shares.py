"""How much of the variance of a search's values each setting explains, where the design tells.

Two designs tell. On a complete grid an analysis of variance splits it exactly. Of settings drawn at
random, or spread evenly, a curve through each setting estimates its main effect. Where a sampler
went to where it was good, the settings tried say nothing of the space as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.study.settings import Choice, Setting, Settings
from harness.study.space import Space

Floats = npt.NDArray[np.float64]

AT_RANDOM = frozenset({"random", "qmc"})
"""Samplers whose settings do not depend on what was found."""

DEGREES = (3, 2)
"""Degrees of the curve through a setting; the first for which there are settings enough."""

FEWEST = 6
"""Settings for each coefficient of the curves, at least."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Share:
    """A share of the variance; its interval has no width where it is exact."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Shares:
    """Shares of the variance of the first objective over the space.

    Attributes:
        main: by setting, the share of its main effect.
        pairs: by two settings, the share of what both do together beyond their main effects;
            empty where that is not told.
        rest: the share of all else, chance included.
        exact: whether they are exact shares of the values on a complete grid.
        degree: of the curves, where they are not.
        count: settings that they rest on.
        why: why there are none; empty where there are.
    """

    main: Mapping[str, Share] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], Share] = field(default_factory=dict)
    rest: float = math.nan
    exact: bool = False
    degree: int = 0
    count: int = 0
    why: str = ""


def on_grid(settings: Sequence[Settings], values: Sequence[float]) -> Shares | None:
    """Split the variance over a complete grid exactly; ``None`` where it is none.

    An analysis of variance with equal weight for every combination: the mean over all others at
    each value, and at each two values. One value for each combination leaves chance in all shares.

    Args:
        settings: those tried, all with the same names.
        values: of the first objective, finite.
    """
    names = list(settings[0]) if settings else []
    levels = {name: list(dict.fromkeys(each[name] for each in settings)) for name in names}
    shape = tuple(len(of_one) for of_one in levels.values())
    cells = {tuple(each.values()): value for each, value in zip(settings, values, strict=True)}
    if len(names) < 2 or min(shape) < 2 or len(cells) != math.prod(shape):
        return None
    table = np.empty(shape)
    for combination, value in cells.items():
        at = tuple(levels[name].index(one) for name, one in zip(names, combination, strict=True))
        table[at] = value
    total = float(table.var())
    if total <= 0:
        return Shares(why="all settings gave the same value")

    def explained(kept: tuple[int, ...]) -> float:
        others = tuple(axis for axis in range(len(names)) if axis not in kept)
        return float(table.mean(axis=others).var()) / total

    main = [explained((place,)) for place in range(len(names))]
    pairs = {
        (one, other): explained((one, other)) - main[one] - main[other]
        for one, other in combinations(range(len(names)), 2)
        if len(names) > 2
    }
    return Shares(
        {names[place]: Share(share, share, share) for place, share in enumerate(main)},
        {(names[a], names[b]): Share(share, share, share) for (a, b), share in pairs.items()},
        rest=max(0.0, 1 - sum(main) - sum(pairs.values())),
        exact=True,
        count=len(cells),
    )


def at_random(space: Space, settings: Sequence[Settings], values: Sequence[float]) -> Shares:
    """Estimate the share of each setting's main effect from settings that were drawn at random.

    First-order Sobol shares by least squares: a polynomial in each number, on its axis, and a mean
    for each option (Sudret 2008, Reliability Engineering & System Safety 93, 964-979). What chance
    adds to the variance of a fitted curve is taken off. Intervals are of the bootstrap.

    Args:
        space: what they were drawn from; without conditions.
        settings: those drawn.
        values: of the first objective, finite.
    """
    y = np.asarray(values, dtype=np.float64)
    n = len(y)
    if n and not np.ptp(y) > 0:
        return Shares(why="all settings gave the same value")
    need = [FEWEST * sum(_width(setting, degree) for setting in space) for degree in DEGREES]
    if n < need[-1]:
        return Shares(why=f"{n} settings drawn at random are too few: about {need[-1]} would tell")
    degree = next(each for each, fewest in zip(DEGREES, need, strict=True) if n >= fewest)
    blocks = [_columns(setting, settings, degree) for setting in space]
    owner = np.repeat(np.arange(len(blocks)), [each.shape[1] for each in blocks]).astype(np.int64)
    x = np.column_stack([np.ones(n), *blocks])
    every = np.ones((1, n))
    raw, noise = _explained(x, y, every, owner)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    again, noise_again = _explained(x, y, counts.astype(np.float64), owner)
    found = raw[0] - noise[0]
    # a resampled curve varies once more by chance, which is taken off once more
    spread = again - 2 * noise_again
    low, high = np.nanquantile(spread, (0.025, 0.975), axis=0)
    main = {
        setting.name: Share(*(float(min(max(end, 0.0), 1.0)) for end in (value, down, up)))
        for setting, value, down, up in zip(space, found, low, high, strict=True)
    }
    rest = max(0.0, 1 - sum(share.value for share in main.values()))
    return Shares(main, rest=rest, degree=degree, count=n)


def _width(setting: Setting, degree: int) -> int:
    return len(setting.plain) - 1 if isinstance(setting, Choice) else degree


def _columns(setting: Setting, settings: Sequence[Settings], degree: int) -> Floats:
    """Return the columns that stand for a setting, each of mean 0, shape (n, width)."""
    if isinstance(setting, Choice):
        seen = [each[setting.name] for each in settings]
        made = np.array(
            [[value == one for one in setting.plain[1:]] for value in seen], dtype=float
        )
    else:
        at = np.array([axis(setting, float(each[setting.name])) for each in settings])
        made = np.polynomial.legendre.legvander(2 * at - 1, degree)[:, 1:]
    return np.asarray(made - made.mean(axis=0))


def _explained(
    x: Floats, y: Floats, weights: Floats, owner: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return what each setting's curve explains of the variance, and what chance adds to that.

    Args:
        x: shape (n, 1 + columns), a column of ones first.
        y: shape (n,).
        weights: shape (samples, n): how often each setting is in a sample.
        owner: shape (columns,): the number of the setting that a column belongs to.

    Returns:
        Two arrays of shape (samples, settings), shares of the variance of y in each sample.
    """
    size = weights.sum(axis=1)
    gram = np.einsum("bn,np,nq->bpq", weights, x, x, optimize=True)
    inverse = np.linalg.pinv(gram, hermitian=True)
    beta = np.einsum("bpq,bn,n,nq->bp", inverse, weights, y, x, optimize=True)
    residual = y - beta @ x.T
    mean = (weights @ y) / size
    total = np.einsum("bn,bn->b", weights, (y - mean[:, None]) ** 2) / size
    noise = np.einsum("bn,bn->b", weights, residual**2) / (size - x.shape[1])
    share, chance = [], []
    for number in range(int(owner.max()) + 1):
        own = 1 + np.flatnonzero(owner == number)
        curve = beta[:, own] @ x[:, own].T
        middle = np.einsum("bn,bn->b", weights, curve) / size
        varies = np.einsum("bn,bn->b", weights, (curve - middle[:, None]) ** 2) / size
        share.append(varies / total)
        chance.append(len(own) * noise / size / total)
    return np.stack(share, axis=1), np.stack(chance, axis=1)


def axis(setting: Setting, value: float) -> float:
    """Return where a number lies in its space, from 0 to 1 on the axis that was searched.

    Raises:
        TypeError: the setting is a Choice, whose options lie on no axis.
    """
    if isinstance(setting, Choice):
        raise TypeError(f"{setting.name!r} is a Choice, whose options lie on no axis")
    if setting.log:
        return math.log(value / setting.low) / math.log(setting.high / setting.low)
    return (value - setting.low) / (setting.high - setting.low)
