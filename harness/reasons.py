"""The sentences behind a verdict, for a reader who is no statistician."""

from __future__ import annotations

from dataclasses import dataclass

from harness.claims import Best, Claim, Equivalent, Peak, Trend
from harness.contrasts import Seen
from harness.metrics import Metric
from harness.pairs import Pairs
from harness.stats import FEWEST

_WHY = {
    "supported, material": "All of the interval lies above the margin of {by}: even its lower end "
    "is a difference that matters",
    "supported": "The direction is clear, but the interval holds the margin of {by}, so the "
    "difference may be smaller than what matters",
    "real but negligible": "The direction is clear, but all of the interval lies below the margin "
    "of {by}: there is a difference, but one too small to matter",
    "equivalent": "All of the interval lies between −{by} and +{by}: whatever difference there "
    "is, it is too small to matter either way",
    "refuted": "The interval ends below the margin of {by}, so a difference as large as claimed "
    "is ruled out; one as large the other way is not, so equivalence is not shown",
    "reversed": "The difference goes the other way",
    "inconclusive": "The interval holds both 0 and the margin of {by}, so there may be no "
    "difference at all, or one that matters",
    "suggestive": "The claim was declared as exploratory: this is a lead for a study of its own, "
    "and no verdict",
    "not suggestive": "The claim was declared as exploratory, and nothing stands out in its favour",
}


@dataclass(frozen=True)
class Context:
    """What a reason is made of.

    Attributes:
        metric: prints the numbers.
        by: the margin, in the unit of the effect.
        seen: the statistics of the contrast.
        pairs: where they come from.
        p: the p value behind the direction, adjusted for looks and claims.
        claims: primary claims that are judged together.
        more_seeds: how many more would decide, where the verdict is inconclusive.
    """

    metric: Metric
    by: float
    seen: Seen
    pairs: Pairs
    p: float
    claims: int
    more_seeds: int | None


def reason(word: str, claim: Claim, context: Context) -> str:
    """Say in two or three sentences what was compared and seen, and why this word.

    Args:
        word: the verdict.
        claim: what was declared.
        context: the numbers.
    """
    metric, seen, pairs = context.metric, context.seen, context.pairs
    if word == "not assessable":
        return _too_few(context)
    by = metric.format_difference(context.by, signed=False)
    over = f"Over {seen.n} seeds"
    if pairs.missing and metric.name != "failed":
        over = (
            f"Over the {seen.n} of {seen.n + pairs.missing} seeds in which every arm finished "
            f"({_count(pairs.missing, 'pair')} left out: {_causes(pairs)})"
        )
    what = (
        f"{over} the mean {claim.contrast} is {metric.format_difference(seen.effect)}, with a "
        f"{100 * seen.level:.4g} % interval of {metric.format_interval(seen.low, seen.high)}."
    )
    return f"{what} {_why(word, claim, context).format(by=by)}{_more(context.more_seeds)}."


def _why(word: str, claim: Claim, context: Context) -> str:
    seen, by = context.seen, context.by
    if isinstance(claim, Equivalent) and word == "refuted":
        return "All of the interval lies beyond the margin of {by}: the arms differ by more"
    if isinstance(claim, Equivalent) and word == "inconclusive":
        return "The interval reaches beyond the margin of {by}, so the arms may differ by more"
    if isinstance(claim, Trend) and seen.high >= by:
        if word == "refuted":
            return (
                "From one dose to the next it falls by more than the margin of {by}, so there is "
                "no steady rise, whatever the line through all doses does"
            )
        if word == "inconclusive" and seen.shape == "open" and seen.low > 0:
            return (
                "The line rises, but some step from one dose to the next may fall by the margin of "
                "{by} or more"
            )
    why = _WHY[word]
    if word in {"supported", "reversed"} and seen.low <= 0 <= seen.high:
        why = (
            f"The interval, made wider to hold for all {context.claims} claims at once, reaches 0, "
            f"but the test confirms the direction (p = {context.p:.2g}, adjusted by Holm's "
            "procedure)"
        )
        if word == "reversed":
            why += ", which is the other one than claimed"
    leaves_out_zero = seen.low > 0 or seen.high < 0
    if leaves_out_zero and word in {"equivalent", "refuted", "inconclusive"}:
        # The one way to get here: the test that p comes from has vetoed a direction.
        veto = (
            "the interval leaves out 0, but the sign-flip permutation test does not confirm a "
            f"direction (p = {context.p:.2g})"
        )
        why = veto[0].upper() + veto[1:] if word == "inconclusive" else f"{why}; {veto}"
    if isinstance(claim, Best | Peak) and word.startswith("supported"):
        why += "; it beats every other that it is compared with, and this one by least"
    return why


def _more(seeds: int | None) -> str:
    if seeds is None:
        return ""
    return f"; about {seeds:,} more {'seed' if seeds == 1 else 'seeds'} would decide"


def change(word: str, context: Context) -> str:
    """Say what would change the verdict, from the interval's ends and the margin.

    Args:
        word: the verdict.
        context: the numbers.
    """
    metric, seen, by = context.metric, context.seen, context.by

    def gap(value: float) -> str:
        return metric.format_difference(abs(value), signed=False)

    match word:
        case "supported, material":
            return (
                f"Data that bring the lower end of the interval below δ; it is now "
                f"{gap(seen.low - by)} above. A margin larger than {gap(seen.low)} would also have "
                "left open whether the effect matters."
            )
        case "supported":
            return (
                "More seeds can tell whether the effect exceeds δ: the lower end of the interval "
                f"is {gap(by - seen.low)} short."
            )
        case "real but negligible":
            return (
                f"A smaller margin: the effect counts as negligible because even the upper end of "
                f"the interval, {gap(seen.high)}, is below δ = {gap(by)}."
            )
        case "equivalent":
            reach = max(abs(seen.low), abs(seen.high))
            return (
                f"A margin below {gap(reach)}, which is as far as the interval reaches: "
                "equivalence is always equivalence up to δ."
            )
        case "refuted":
            if seen.high < by:
                return (
                    "Data that bring the upper end of the interval above δ; it is now "
                    f"{gap(by - seen.high)} below."
                )
            return "Other data: more seeds of the same can hardly undo what is this clear."
        case "reversed":
            if seen.high >= 0:
                return "Data in which the difference is less clear, or goes the way claimed."
            return (
                "Data that bring the upper end of the interval above 0; it is now "
                f"{gap(seen.high)} below."
            )
        case "inconclusive":
            return (
                f"More seeds, which narrow the interval: about {context.more_seeds:,} more, "
                "judging by the spread and not by the effect seen."
                if context.more_seeds
                else "More seeds, or a less noisy metric."
            )
        case "suggestive" | "not suggestive":
            return "Declaring it as primary in a new study, before its data are seen."
    return f"At least {FEWEST} seeds in which every arm of the claim finishes; there are {seen.n}."


def _too_few(context: Context) -> str:
    pairs, n = context.pairs, context.seen.n
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
