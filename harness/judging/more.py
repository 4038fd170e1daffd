"""How many more seeds, or rounds, would decide a claim: as numbers, and in words."""

from __future__ import annotations

import math

from harness.judging.looking import Standing
from harness.judging.seen import Seen
from harness.judging.words import Word
from harness.stats import More, more_seeds, rounded
from harness.study.claims import Some, Trend
from harness.study.formatting import format_difference
from harness.study.metrics import COUNTED, Metric

KNOWN = "one with a known range (an accuracy, 0 to 1)"
"""What can be told apart by few seeds, even where none of its values differ."""


_FOLDS = (
    "training sets of folds overlap, so that more repetitions narrow the interval only so far; "
    "more examples would narrow it further"
)


def more_needed(standing: Standing, word: Word) -> More | None:
    """Return how many more seeds would decide; None where no interval's width is in the way."""
    seen, metric = standing.seen, standing.metric
    if word not in {"inconclusive", "direction only"} or metric.name in COUNTED or not seen.places:
        return None
    if seen.in_noise(standing.by):
        return None
    places = list(seen.places)
    if isinstance(standing.claim, Trend):
        effect, step = seen.places
        places = [effect] if word == "inconclusive" else []
        places += [step] if seen.shape == "unclear" else []
    # some level of several: that of the test of each
    tests = len(standing.pairs.values[0]) - 1 if isinstance(standing.claim, Some) else 1
    alpha = (1 - seen.level) / tests
    widest = max((max(place.reaches(alpha)) for place in places), default=0.0)
    if 2 * widest < standing.by:
        return None
    return more_seeds(places, standing.by, alpha, max(10 * seen.n, standing.last))


def more_text(more: More) -> str:
    """Write how many more as a range of round numbers."""
    low = rounded(more.low)
    if more.high is None:
        return f"{low:,} (in the hardest case no number is enough)"
    high = rounded(more.high)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def hardest(more: More) -> float:
    """Return how many more it takes in the hardest case: infinitely many where no number does."""
    return math.inf if more.high is None else more.high


def out_of_reach(more: More, metric: Metric, replicates: str, *, folds: bool = False) -> str:
    """Say what so many seeds can tell, where those that would decide are too many.

    Args:
        more: how many it would take.
        metric: what the effect is in.
        replicates: what there are many of, in the plural.
        folds: whether seeds are folds of one data set.
    """
    if more.tells == math.inf:
        return (
            "The values of this metric do not vary, or hardly do, so nothing says how much other "
            f"{replicates} may differ. Use a metric that varies, or {KNOWN}."
        )
    tells = format_difference(metric, more.tells, signed=False)
    if folds:
        return (
            f"Not within reach: {_FOLDS}. {more.reach:,} {replicates} would tell differences of "
            f"about {tells}."
        )
    return (
        f"Not within reach: {more.reach:,} {replicates} would tell differences of about {tells}. "
        "Declare a margin of that size, or measure something steadier."
    )


def unreachable(seen: Seen, more: More, metric: Metric) -> str:
    """Say why no number of seeds within reach decides a claim, and what is within reach instead.

    Args:
        seen: what was seen of the claim.
        more: how many seeds it would take.
        metric: what the effect is in.
    """
    replicates = f"{metric.replicate or 'seed'}s"
    what = "ratios" if metric.relative else "differences"
    match seen.kind:
        case "constant" if seen.unpaired:
            why = f"all values of each side are the same, which tells little of other {replicates}"
        case "tied" if seen.unpaired:
            why = "most values of a side are the same, which tells little of the others"
        case _ if seen.unpaired:
            why = "the values vary too much from one to the next for so small a margin"
        case "constant":
            why = (
                f"all {seen.n} {what} are the same, which tells little of {replicates} not yet run"
            )
        case "tied":
            why = f"most of the {seen.n} {what} are the same, which tells little of the others"
        case _ if seen.overlap:
            why = _FOLDS
        case _:
            why = f"the {what} vary too much from one to the next for so small a margin"
    if more.tells == math.inf:
        return f"{why}; only a metric that varies, or {KNOWN}, can tell more"
    tells = format_difference(metric, more.tells, signed=False)
    return f"{why}; within reach, with {more.reach:,} {replicates}, is a margin of about {tells}"
