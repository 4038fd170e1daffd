"""What would change a verdict: more seeds, another margin, a quieter machine, or other data."""

from __future__ import annotations

from harness.judging.more import more_text, out_of_reach
from harness.judging.wording import Context
from harness.stats import FEWEST
from harness.study.claims import Claim, Equivalent, NotWorse, Sooner
from harness.study.metrics import COSTS, COUNTED


def would_change(word: str, claim: Claim, context: Context) -> str:
    """Say what would change the verdict, from the interval's ends and the margin.

    Args:
        word: the verdict.
        claim: what was declared.
        context: the numbers.
    """
    seen = context.seen
    if word == "not assessable":
        return _to_assess(claim, context)
    if word in {"suggestive", "not suggestive"}:
        start = "Other data. A verdict" if word == "not suggestive" else "A verdict"
        return f"{start} takes a new study that declares it as primary, before its data are seen."
    if seen.identical or word == "identical":
        differ = "train" if context.source == "build" else "do"
        return (
            f"Arms that differ in what they {differ}: another level, or a setting under which it "
            "acts."
        )
    if seen.exact:
        other = "Another network" if context.source == "build" else "Another step"
        return (
            f"{other}, or another margin: the sides lie {context.size(seen.effect)} apart."
            if seen.effect
            else f"{other}: there is no difference at all."
        )
    if isinstance(claim, NotWorse) and word not in {"inconclusive", "direction only"}:
        if word == "refuted":
            near = seen.high if context.metric.better == "higher" else -seen.low
            return f"A margin above {context.size(near)}, where the interval begins, or other data."
        end = seen.low if context.metric.better == "higher" else -seen.high
        if end >= 0:
            return "Data in which the arm is worse; at present all of the interval is better."
        return f"A margin below {context.size(end)}, which is as far as the interval reaches."
    if isinstance(claim, Equivalent) and word == "refuted":
        near = seen.low if seen.effect > 0 else -seen.high
        return f"A margin above {context.size(near)}, where the interval begins, or other data."
    return _by_word(word, context)


def _by_word(word: str, context: Context) -> str:
    """Say it of a claim that a difference is as large as the margin."""
    seen, by, gap, replicate = context.seen, context.by, context.size, context.replicate
    match word:
        case "supported, material":
            return (
                f"Data that bring the lower end of the interval below δ; it is now "
                f"{gap(seen.low - by)} above. A margin larger than {gap(seen.low)} would also have "
                "left unclear whether the effect matters."
            )
        case "supported":
            return (
                f"More {replicate}s can tell whether the effect exceeds δ: the lower end of the "
                f"interval is {gap(by - seen.low)} short.{_spent(context)}"
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
            return f"Other data: more {replicate}s of the same can hardly undo what is this clear."
        case "reversed":
            if seen.high >= 0:
                return "Data in which the difference is less clear, or goes the way claimed."
            return (
                f"Data that bring the upper end of the interval above {context.zero}; it is now "
                f"{gap(seen.high)} below."
            )
    if seen.in_noise(by):
        return (
            f"A quieter machine: one on which an arm measured twice differs by less than {gap(by)}."
        )
    more = context.more_seeds
    if more is None and context.metric.name in COUNTED:
        return f"More {replicate}s.{_spent(context)}"
    if more is None:
        return f"Other data: the interval is narrow, and lies across the margin.{_spent(context)}"
    if more.within(seen.n):
        text = (
            f"More {context.more_of}, which narrow the interval: about {more_text(more)} more, by "
            "the spread and not by the effect seen."
        )
        return text + _spent(context)
    return out_of_reach(more, context.metric, context.more_of, folds=context.seen.overlap > 0)


def _spent(context: Context) -> str:
    if not context.spent:
        return ""
    return (
        " The looks declared are over: a later last look is to be chosen before a study's first "
        "run."
    )


def _to_assess(claim: Claim, context: Context) -> str:
    metric, n = context.metric, context.seen.n
    if isinstance(claim, Sooner) and context.source == "results":
        return "Runs of the study's own, which keep curves, or a claim on a metric's last value."
    if isinstance(claim, Sooner) and context.pairs.seeds and not n:
        return "A target that is easier to reach, or longer training."
    if metric.name in COSTS and context.source in {"command", "results"}:
        return "A metric of the study's own: what a step costs is not measured here."
    if metric.replicate == "":
        return "A profile of every arm, by a run without --no-profile; of 0 there is no ratio."
    if context.wanted >= FEWEST:
        return f"The rest of the {context.wanted} {context.replicate}s: run the same command again."
    if context.pairs.sides is not None:
        in_all = "" if all(context.pairs.sides) else ", which all arms of that side have"
        return (
            f"At least {FEWEST} seeds on each side{in_all}; there are {context.seen.count}. The "
            "same seeds on both sides tell more."
        )
    if context.pairs.unshared:
        return f"The same seeds in every arm of the claim, {FEWEST} at least."
    return (
        f"At least {FEWEST} {context.replicate}s in which every arm of the claim finishes; "
        f"there {'is' if n == 1 else 'are'} {n}."
    )
