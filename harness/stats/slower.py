"""Whether one side is slower than another: a rule on pairs, with looks and stated error rates.

A pair is two fresh processes, one of each side, measured one after the other; what counts is the
logarithm of head's time over base's. The rule looks at numbers of pairs that are fixed beforehand.

- FAIL: the signed-rank test says that head is slower, **and** the interquartile mean of the ratios
  is at least ``fails_from`` above 1.
- PASS: the test says that head is slower by less than ``passes_below``.
- Otherwise more pairs are taken; after the last look the answer is inconclusive.

What it promises, if base and head are exchangeable within a pair: nothing slower, it fails at most
1 % of runs, over all figures and looks together (the levels add up to that, so it holds whatever
the noise and its drift). A figure that is slower by ``passes_below`` or more passes in at most
3.2 % (4 % from two figures on) of gates; that is about one figure, and is not divided among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.stats.signed_rank import (
    Floats,
    checked,
    signed_rank,
    signed_rank_interval,
    significant,
)

Judgement = Literal["pass", "fail", "more", "inconclusive"]

FALSE_ALARMS = 0.01
"""Of runs in which nothing is slower, the largest share that fails, over all figures."""

SHARES = (0.4, 0.1, 0.15, 0.35)
"""How false alarms are divided among the looks at which a figure can fail."""

PASS_LEVEL = 0.008
"""Level of a look for PASS: 2 ** -8 and twice that can be attained with 8 pairs."""

FIRST = 8
"""Pairs at the first look: with fewer, no p value is small enough."""

CAP = 2 / 3
"""Share of pairs up to which ranks grow: see the README of this room."""

_ONE = (8, 12, 20, 30)
_SEVERAL = 12  # pairs at the first look at which one of several figures can fail
_GROWTH = (1, 5 / 3, 5 / 2, 10 / 3)
_NORMAL = 1.4826  # standard deviations of normal noise in a median absolute deviation


@dataclass(frozen=True)
class Rule:
    """When a figure fails, and when it passes.

    Attributes:
        looks: numbers of pairs at which it is judged, rising.
        levels: for each look, the largest p value that fails, already divided among the figures; 0
            where a look can only pass.
        pass_levels: for each look, the largest p value that passes.
        fails_from: by what share head must be slower at least, as estimated, to fail.
        passes_below: by what share head must be slower at most to pass.
        metrics: how many figures share the run's false alarms.
        cap: the share of pairs up to which ranks grow; 1 for Wilcoxon's test.

    Raises:
        ValueError: looks do not rise, a level cannot be attained with so many pairs, the levels
            of all figures add up to more than 1 %, or the two bounds are the wrong way round.
    """

    looks: tuple[int, ...]
    levels: tuple[float, ...]
    pass_levels: tuple[float, ...]
    fails_from: float = 0.05
    passes_below: float = 0.10
    metrics: int = 1
    cap: float = CAP

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.looks, self.looks[1:], strict=False))
        if not self.looks or not rising or self.looks[0] < 1:
            raise ValueError(f"looks must rise from 1 pair on; got {self.looks}")
        if not len(self.looks) == len(self.levels) == len(self.pass_levels):
            raise ValueError("each look must have a level to fail and one to pass")
        if self.metrics < 1 or not 0 < self.cap <= 1:
            raise ValueError("metrics must be 1 or more, and cap above 0 and at most 1")
        if not 0 <= self.fails_from < self.passes_below < math.inf:
            raise ValueError(
                "fails_from must be 0 or more and below passes_below; got "
                f"{self.fails_from} and {self.passes_below}"
            )
        for pairs, *both in zip(self.looks, self.levels, self.pass_levels, strict=True):
            for level in both:
                if not (level == 0 or significant(2.0**-pairs, level)) or not level < 0.5:
                    raise ValueError(
                        f"with {pairs} pairs the smallest p value is {2.0**-pairs:.2g}, so a level "
                        f"of {level:.2g} can never be attained"
                    )
        if not self.levels[-1] or not self.pass_levels[-1]:
            raise ValueError("at the last look a figure must be able to fail and to pass")
        if not significant(sum(self.levels) * self.metrics, FALSE_ALARMS):
            raise ValueError(
                f"the levels of {self.metrics} figures must add up to {FALSE_ALARMS:g} at most; "
                f"got {sum(self.levels) * self.metrics:.3g}"
            )

    @classmethod
    def for_metrics(
        cls, count: int, *, fails_from: float = 0.05, passes_below: float = 0.10
    ) -> Rule:
        """Return the rule for so many figures in a run.

        One figure has looks at 8, 12, 20 and 30 pairs. Of several, each can pass at 8 pairs, and
        fail from the first number of pairs on at which its part of the error rate can be attained:
        12, 20, 30 and 40 up to 16 figures; more pairs in the same proportions beyond that.

        Args:
            count: figures that are judged by time.
            fails_from: see :class:`Rule`.
            passes_below: see :class:`Rule`.

        Raises:
            ValueError: ``count`` is below 1, or the bounds are the wrong way round.
        """
        if count < 1:
            raise ValueError(f"at least one figure must be judged; got {count}")
        fails = tuple(share * FALSE_ALARMS / count for share in SHARES)
        bounds = {"fails_from": fails_from, "passes_below": passes_below, "metrics": count}
        if count == 1:
            return cls(_ONE, fails, (PASS_LEVEL,) * 4, **bounds)  # type: ignore[arg-type]
        first = max(_SEVERAL, math.ceil(-math.log2(fails[0]) - 1e-9))
        while not all(
            significant(2.0 ** -round(first * growth), level)
            for growth, level in zip(_GROWTH, fails, strict=True)
        ):
            first += 1
        later = tuple(round(first * growth) for growth in _GROWTH)
        return cls((FIRST, *later), (0.0, *fails), (PASS_LEVEL,) * 5, **bounds)  # type: ignore[arg-type]

    @property
    def most(self) -> int:
        """Pairs at the last look."""
        return self.looks[-1]

    def next_look(self, pairs: int) -> int | None:
        """Return the pairs of the next look after so many; ``None`` after the last one."""
        return next((look for look in self.looks if look > pairs), None)

    def within(self, pairs: int) -> Rule | None:
        """Return the rule without looks that more pairs would be needed for; ``None`` if none is.

        A look at which a figure can only pass is none by itself.
        """
        count = sum(look <= pairs for look in self.looks)
        if not any(self.levels[:count]):
            return None
        return Rule(
            self.looks[:count], self.levels[:count], self.pass_levels[:count],
            self.fails_from, self.passes_below, self.metrics, self.cap,
        )  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """What the rule says of one figure.

    Attributes:
        answer: ``more`` where further pairs are wanted.
        pairs: how many pairs it rests on: those up to the look that decided, else all.
        change: interquartile mean of the ratios, less 1: 0.1 where head takes a tenth longer.
        low: lower end of the change's interval, exact by the same test: above 0 just where the
            test says that head is slower. Its error rate is the level of the latest look to fail,
            or the smallest that so many pairs can attain, where that is larger.
        high: upper end, in the same way by the level to pass: below ``passes_below`` just where
            the test says that head is slower by less.
        level: the interval's confidence at this number of pairs. As levels of looks add up to 1 %
            divided among the figures, and to 4 %, the intervals of all looks together hold the
            change in 95 % of gates.
        p_slower: p value against head being as fast or faster.
        p_not_below: p value against head being slower by ``passes_below`` or more.
        spread: standard deviation of the log ratios, by their median absolute deviation: 0.03 for
            three per cent.
        next_look: the number of pairs at which it is judged again; ``None`` where it is not.
        reason: why, in one sentence.
    """

    answer: Judgement
    pairs: int
    change: float
    low: float
    high: float
    level: float
    p_slower: float
    p_not_below: float
    spread: float
    next_look: int | None
    reason: str


def decide(log_ratios: npt.ArrayLike, rule: Rule, *, last: bool = False) -> Decision:
    """Judge one figure by the pairs that there are.

    The planned looks are gone through in order, each with the pairs that it had, and the first that
    decides gives the answer. So the answer does not depend on when it is asked for, and no look is
    made at a number of pairs that the rule does not name.

    Args:
        log_ratios: shape (n,): the logarithm of head's time over base's, of each pair in the order
            in which they were measured. Of a figure that is better when higher, see
            :func:`as_times`.
        rule: the rule.
        last: whether there will be no more pairs, such as at the end of a budget: then what no
            planned look has decided is inconclusive.

    Raises:
        NotFiniteError: a log ratio is NaN or infinite.
        ValueError: there is no pair.
    """
    ratios = checked(log_ratios)
    for index, pairs in enumerate(rule.looks):
        if pairs > ratios.size:
            break
        seen = ratios[:pairs]
        slower = significant(_p_slower(seen, rule), rule.levels[index])
        if slower and interquartile_mean(np.exp(seen)) - 1 >= rule.fails_from:
            return _decision("fail", seen, rule)
        if significant(_p_not_below(seen, rule), rule.pass_levels[index]):
            return _decision("pass", seen, rule)
    ended = last or rule.next_look(ratios.size) is None
    return _decision("inconclusive" if ended else "more", ratios, rule)


def _p_slower(seen: Floats, rule: Rule) -> float:
    return signed_rank(seen, cap=rule.cap)


def _p_not_below(seen: Floats, rule: Rule) -> float:
    return signed_rank(-seen, -math.log1p(rule.passes_below), cap=rule.cap)


def _decision(answer: Judgement, seen: Floats, rule: Rule) -> Decision:
    pairs = seen.size
    low_level = _level(rule, rule.levels, pairs)
    high_level = _level(rule, rule.pass_levels, pairs)
    low, high = signed_rank_interval(seen, low_level, high_level, cap=rule.cap)
    change = interquartile_mean(np.exp(seen)) - 1
    next_look = rule.next_look(pairs) if answer == "more" else None
    return Decision(
        answer,
        pairs,
        change,
        math.expm1(low),
        math.expm1(high),
        1 - low_level - high_level,
        _p_slower(seen, rule),
        _p_not_below(seen, rule),
        spread(seen),
        next_look,
        _reason(answer, pairs, change, (math.expm1(low), math.expm1(high)), rule),
    )


def _level(rule: Rule, levels: tuple[float, ...], pairs: int) -> float:
    """Return the level of the latest look, or the smallest that so many pairs can attain."""
    latest = [
        level for look, level in zip(rule.looks, levels, strict=True) if look <= pairs and level
    ]
    return max([2.0**-pairs, *latest[-1:]])


def _reason(
    answer: Judgement, pairs: int, change: float, ends: tuple[float, float], rule: Rule
) -> str:
    below, least = _percent(rule.passes_below), _percent(rule.fails_from)
    low, high = map(_percent, ends)
    few = pairs < rule.looks[0]
    told = f"{_slower(change)} in {pairs} pair{'s' if pairs > 1 else ''}"
    if few and answer == "inconclusive":
        return f"{told}; it ended before the first look, at {rule.looks[0]} pairs."
    told += "" if few else f" (from {low} to {high})"
    if answer == "fail":
        return f"{told}: surely slower, and by {least} or more, from where on it fails."
    if answer == "pass":
        if ends[0] > 0:
            return f"{told}: surely slower, and surely by less than {below}, which passes."
        return f"{told}: surely not slower{'' if ends[1] < 0 else f' by {below} or more'}."
    if ends[0] > 0 and change < rule.fails_from:
        open_end = f"surely slower, but estimated below {least}, and not surely below {below}"
    elif ends[0] > 0:
        open_end = f"slower, as far as {pairs} pairs tell, but no planned look has decided"
    else:
        open_end = f"it may be no slower, and it may be slower by {below} or more"
    if answer == "more":
        return f"{told}: {open_end}; judged again at {rule.next_look(pairs)} pairs."
    if pairs < rule.most:
        return f"{told}: {open_end}; it ended before the look at {rule.next_look(pairs)} pairs."
    return f"{told}: {open_end}, after the last look."


def _slower(change: float) -> str:
    if abs(change) < 0.0005:
        return "As fast"
    return f"{_percent(abs(change))} {'slower' if change > 0 else 'faster'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if abs(share) >= 0.001 else f"{100 * share:.1f} %"


def as_times(
    log_ratios: npt.ArrayLike, better: Literal["lower", "higher"]
) -> npt.NDArray[np.float64]:
    """Return log ratios so that above 0 is worse, as :func:`decide` takes them.

    Args:
        log_ratios: of head's figure over base's.
        better: which direction is better; of a throughput, which is better when higher, the sign
            is turned: a tenth more time for each example is a fall to 1 / 1.1.
    """
    given = np.asarray(log_ratios, dtype=np.float64)
    return -given if better == "higher" else given


def as_figure(change: float, better: Literal["lower", "higher"]) -> float:
    """Return by what share the figure itself changed, from :class:`Decision`'s change of time.

    Args:
        change: such as 0.1. The ends of an interval change places where higher is better.
        better: which direction is better.
    """
    return 1 / (1 + change) - 1 if better == "higher" else change


def interquartile_mean(values: npt.ArrayLike) -> float:
    """Return the mean of the middle half; values at its ends count in part.

    Args:
        values: shape (..., n); the mean is over all of the last axis, which must be all there is.
    """
    return float(interquartile_means(np.asarray(values, dtype=np.float64)[None])[0])


def interquartile_means(values: Floats) -> Floats:
    """Return the mean of the middle half of each row; shape (rows, n) becomes (rows,)."""
    n = values.shape[1]
    place = np.arange(n)
    weights = np.clip(np.minimum(place + 1, n - n / 4) - np.maximum(place, n / 4), 0, 1)
    means: Floats = np.sort(values, axis=1) @ (weights / weights.sum())
    return means


def spread(log_ratios: npt.ArrayLike) -> float:
    """Return the standard deviation by the median absolute deviation; outliers do not count."""
    given = np.asarray(log_ratios, dtype=np.float64)
    return float(_NORMAL * np.median(np.abs(given - np.median(given))))
