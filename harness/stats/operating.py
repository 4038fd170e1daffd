"""What a rule on pairs does: simulated gates, with noise of any shape or a runner's own.

:func:`harness.stats.decide` judges one gate; here twenty thousand are judged in a tenth of a
second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.signed_rank import Floats, checked, critical, signed_rank_interval
from harness.stats.slower import Rule, interquartile_means

Noise = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Draws log ratios of equal code: shape (gates, pairs)."""

GATES = 20_000
"""Simulated gates, unless told otherwise."""

DETECTED = 0.9
"""The share of gates that must fail for a slowdown to count as detected."""

_MOST = 3.0  # slowdowns above 300 % are not looked for
_STEPS = 12  # halvings: 300 % / 2 ** 12 is less than a tenth of a per cent


@dataclass(frozen=True)
class Operating:
    """How often a rule gives each answer.

    Attributes:
        slowdown: by what share head was slower in truth.
        fails: share of gates that failed; where nothing is slower, the false alarms.
        passes: share that passed.
        inconclusive: share that stayed open.
        pairs: pairs taken on average.
        gates: gates simulated.
    """

    slowdown: float
    fails: float
    passes: float
    inconclusive: float
    pairs: float
    gates: int


def operating(
    noise: npt.ArrayLike | Noise, rule: Rule, slowdown: float, gates: int = GATES, *, seed: int
) -> Operating:
    """Simulate gates of one figure.

    Args:
        noise: residuals, shape (n,), which are drawn from with replacement (see :func:`centred`);
            or what draws them.
        rule: the rule.
        slowdown: by what share head is slower, such as 0.1.
        gates: how many.
        seed: of the random numbers.

    Raises:
        NotFiniteError: a residual is NaN or infinite.
        ValueError: there is no residual.
    """
    drawn = _drawing(noise)(np.random.default_rng(seed), (gates, rule.most))
    answers, pairs = decide_many(drawn + math.log1p(slowdown), rule)
    fails, passes = float((answers == 1).mean()), float((answers == 2).mean())
    still = float((answers == 0).mean())
    return Operating(slowdown, fails, passes, still, float(pairs.mean()), gates)


def detectable(
    residuals: npt.ArrayLike | Noise,
    rule: Rule,
    pairs_possible: int,
    *,
    seed: int,
    gates: int = 4_000,
    share: float = DETECTED,
) -> float:
    """Return the smallest slowdown that fails in nine of ten simulated gates.

    Args:
        residuals: as for :func:`operating`.
        rule: the rule.
        pairs_possible: how many pairs there is time for; looks beyond that are not made.
        seed: of the random numbers.
        gates: how many are simulated for each slowdown.
        share: what counts as detected.

    Returns:
        the slowdown to a tenth of a per cent, such as 0.08; infinite where none of up to 300 % is
        detected, or no look at which a figure can fail is possible.

    Raises:
        NotFiniteError: a residual is NaN or infinite.
        ValueError: there is no residual.
    """
    drawing = _drawing(residuals)
    possible = rule.within(pairs_possible)
    if possible is None:
        return math.inf
    noise = drawing(np.random.default_rng(seed), (gates, possible.most))

    def detects(slowdown: float) -> bool:
        answers, _ = decide_many(noise + math.log1p(slowdown), possible)
        return bool((answers == 1).mean() >= share)

    low, high = 0.0, _MOST
    if not detects(high):
        return math.inf
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if detects(middle) else (middle, high)
    return high


def centred(log_ratios: npt.ArrayLike, *, symmetric: bool = False) -> Floats:
    """Return residuals: log ratios less their centre, spread as those of further pairs will be.

    Args:
        log_ratios: shape (n,), of pairs of one figure.
        symmetric: whether both sides ran the same code in alternating order; each residual then
            stands for its opposite, too, and the centre is known to be 0.

    Returns:
        shape (n,), or (2 n,) where symmetric. The centre is the median of Walsh averages, to which
        the signed-rank test belongs; as it is estimated from the same values, residuals are
        stretched by sqrt(n / (n - 1)).

    Raises:
        NotFiniteError: a value is NaN or infinite.
        ValueError: there are fewer than two.
    """
    given = checked(log_ratios)
    if symmetric:
        return np.concatenate([given, -given])
    if given.size < 2:
        raise ValueError("residuals need two pairs at least")
    low, high = signed_rank_interval(given, 0.5, 0.5)
    stretch = math.sqrt(given.size / (given.size - 1))
    residuals: Floats = (given - (low + high) / 2) * stretch
    return residuals


def _drawing(noise: npt.ArrayLike | Noise) -> Noise:
    if callable(noise):
        return noise
    residuals = checked(noise)
    return lambda rng, shape: rng.choice(residuals, shape)


def decide_many(
    log_ratios: Floats, rule: Rule
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Judge many simulated gates by the rule at once; of untied ratios, as :func:`decide` does.

    Equal ratios are ranked in their order, which for :func:`decide` share their mean rank.

    Args:
        log_ratios: shape (gates, pairs), as many pairs as the last look has, or more.
        rule: the rule.

    Returns:
        for each gate 1 where it failed, 2 where it passed and 0 where it stays open, and the
        pairs that it took.
    """
    gates = log_ratios.shape[0]
    answers = np.zeros(gates, dtype=np.int8)
    pairs = np.full(gates, rule.most, dtype=np.int64)
    bound = math.log1p(rule.passes_below)
    for look, level, pass_level in zip(rule.looks, rule.levels, rule.pass_levels, strict=True):
        still = np.flatnonzero(answers == 0)
        seen = log_ratios[still, :look]
        fails = np.zeros(still.size, dtype=bool)
        if level:
            slower = np.flatnonzero(_sums_above(seen, rule.cap) >= critical(look, level, rule.cap))
            fails[slower] = interquartile_means(np.exp(seen[slower])) - 1 >= rule.fails_from
        passes = np.zeros(still.size, dtype=bool)
        if pass_level:
            passes = _sums_above(bound - seen, rule.cap) >= critical(look, pass_level, rule.cap)
        answers[still[passes]] = 2
        answers[still[fails]] = 1
        pairs[still[fails | passes]] = look
    return answers, pairs


def _sums_above(values: Floats, cap: float) -> npt.NDArray[np.int64]:
    """Return for each row the doubled sum of capped ranks of values above 0."""
    n = values.shape[1]
    order = np.argsort(np.abs(values), axis=1)
    ranks = np.minimum(np.arange(1, n + 1), math.ceil(cap * n - 1e-9))
    sums: npt.NDArray[np.int64] = 2 * ((np.take_along_axis(values, order, 1) > 0) @ ranks)
    return sums
