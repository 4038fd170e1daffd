"""The sentences behind a verdict, for a reader who is no statistician."""

from __future__ import annotations

from harness.metrics import Metric
from harness.pairs import Pairs
from harness.stats import FEWEST, Paired

_WHY = {
    "supported, material": "All of the interval lies above the margin of {by}: even its lower end "
    "is a difference that matters",
    "supported": "All of the interval lies above 0, so the direction is clear, but it holds the "
    "margin of {by}, so the difference may be smaller than what matters",
    "real but negligible": "All of the interval lies above 0 and below the margin of {by}: there "
    "is a difference, but one too small to matter",
    "equivalent": "All of the interval lies between −{by} and +{by}: whatever difference there "
    "is, it is too small to matter either way",
    "refuted": "The interval ends below the margin of {by}, so a difference as large as claimed "
    "is ruled out; one as large the other way is not, so equivalence is not shown",
    "reversed": "All of the interval lies below 0: the difference goes the other way",
    "inconclusive": "The interval holds both 0 and the margin of {by}, so there may be no "
    "difference at all, or one that matters",
}


def reason(
    word: str,
    metric: Metric,
    by: float,
    seen: Paired,
    pairs: Pairs,
    *,
    p_adjusted: float,
    more_seeds: int | None,
) -> str:
    """Say in one or two sentences what was seen, and why that is this word and not the next one.

    Args:
        word: the verdict.
        metric: prints the numbers.
        by: the claim's margin, in the metric's unit.
        seen: the statistics of the differences.
        pairs: where they come from.
        p_adjusted: the p value behind the direction, adjusted for the number of claims.
        more_seeds: how many more would decide, where the verdict is inconclusive.
    """
    if word == "not assessable":
        return _too_few(pairs)
    margin = metric.format_difference(by, signed=False)
    over = f"Over {seen.n} seeds"
    if pairs.missing:
        over = (
            f"Over the {seen.n} of {seen.n + pairs.missing} seeds in which every arm finished "
            f"({_count(pairs.missing, 'pair')} left out: {_causes(pairs)})"
        )
    what = (
        f"{over} the mean difference is {metric.format_difference(seen.effect)}, with a "
        f"{100 * seen.level:.4g} % interval of {metric.format_interval(seen.low, seen.high)}."
    )
    why = _WHY[word].format(by=margin)
    leaves_out_zero = seen.low > 0 or seen.high < 0
    if leaves_out_zero and word in {"equivalent", "refuted", "inconclusive"}:
        # The one way to get here: the test that p_adjusted comes from has vetoed a direction.
        veto = (
            "the interval leaves out 0, but the sign-flip permutation test does not confirm a "
            f"direction (p = {p_adjusted:.2g})"
        )
        why = veto[0].upper() + veto[1:] if word == "inconclusive" else f"{why}; {veto}"
    if more_seeds is not None:
        why += f"; about {more_seeds:,} more {'seed' if more_seeds == 1 else 'seeds'} would decide"
    return f"{what} {why}."


def _too_few(pairs: Pairs) -> str:
    n = len(pairs.seeds)
    have = f"Only {_count(n, 'seed')}" if n else "No seed"
    text = f"{have} finished in every arm of the claim, and a verdict needs at least {FEWEST}"
    return text + (f": {_causes(pairs)}." if pairs.missing else ".")


def _causes(pairs: Pairs) -> str:
    causes = []
    if pairs.failed:
        causes.append(f"{pairs.failed} of {_count(pairs.trials, 'trial')} failed")
    if pairs.unfinished:
        causes.append(f"{_count(pairs.unfinished, 'seed')} not run to the end in every arm")
    return " and ".join(causes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
