"""The sentences behind a verdict, for a reader who is no statistician."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.contrasts import Seen
from harness.judging.pairing import Pairs
from harness.stats import FEWEST, LARGE_SKEW, More, rounded
from harness.study.claims import Best, Claim, Equivalent, NotWorse, Peak, Some, Sooner, Trend
from harness.study.formatting import format_difference, format_interval, plural
from harness.study.metrics import COUNTED, FAILED, SOONER, Metric

_WHY = {
    "supported, material": "All of the interval lies above the margin of {by}: even its lower end "
    "is a difference that matters",
    "supported": "The direction is clear, but the interval holds the margin of {by}, so the "
    "difference may be smaller than what matters",
    "real but negligible": "The direction is clear, but all of the interval lies below the margin "
    "of {by}: there is a difference, but one too small to matter",
    "equivalent": "All of the interval lies between {minus} and {plus}: whatever difference there "
    "is, it is too small to matter either way",
    "refuted": "The interval ends below the margin of {by}, so a difference as large as claimed "
    "is ruled out; one as large the other way is not, so equivalence is not shown",
    "reversed": "The difference goes the other way",
    "direction only": "The direction is clear, but the interval holds the margin of {by}, so the "
    "difference may be larger or smaller than what matters",
    "inconclusive": "The interval holds both {zero} and the margin of {by}, so there may be no "
    "difference at all, or one that matters",
    "suggestive": "The claim was declared as exploratory: this is a lead for a study of its own, "
    "and no verdict",
    "not suggestive": "The claim was declared as exploratory, and nothing stands out in its favour",
}

_EXACT = {
    "supported, material": "It is above the margin of {by}",
    "supported": "It is the margin of {by} itself",
    "real but negligible": "It is below the margin of {by}: there is a difference, but one too "
    "small to matter",
    "equivalent": "It lies between {minus} and {plus}, too small to matter either way",
    "refuted": "It is below the margin of {by}",
    "reversed": "The difference goes the other way",
}


@dataclass(frozen=True)
class Context:
    """What a reason is made of.

    Attributes:
        metric: prints the numbers.
        by: the margin, in the unit of the effect.
        seen: the statistics of the contrast.
        pairs: where they come from.
        claims: primary claims that are judged together.
        more_seeds: what would make the interval narrow enough, where its width is in the way.
        spent: whether claims were looked at by a schedule, and no look is left.
        level: of a claim on several levels, the one that counts; of a trend, the weakest step.
        wanted: seeds of the first look, or all that are planned, where fewer have ended; else 0.
    """

    metric: Metric
    by: float
    seen: Seen
    pairs: Pairs
    claims: int
    more_seeds: More | None
    spent: bool = False
    level: str = ""
    wanted: int = 0

    @property
    def each(self) -> str:
        """What there are several of: seeds, or rounds of timing."""
        return self.metric.replicate or "seed"

    @property
    def zero(self) -> str:
        """No difference, in the unit of the effect."""
        return "×1" if self.metric.relative else "0"

    @property
    def contrasts(self) -> str:
        """What is seen in each seed, in the plural."""
        return "ratios" if self.metric.relative else "differences"

    def size(self, value: float) -> str:
        """Print how large a difference is."""
        shown = format_difference(self.metric, abs(value), signed=False)
        return shown.replace("×", "a factor of ") if self.metric.relative else shown

    def shown(self, text: str) -> str:
        """Fill in margins and the like."""
        metric, by = self.metric, self.by
        return text.format(
            by=format_difference(metric, by, signed=False),
            minus=format_difference(metric, -by),
            plus=format_difference(metric, by),
            zero=self.zero,
        )


def contrast_of(claim: Claim, metric: Metric) -> str:
    """Name what the effect of a claim is."""
    if metric.name == FAILED.name:
        return "difference of the shares of seeds in which an arm of each side failed"
    if not metric.relative:
        return claim.contrast
    return claim.contrast.replace("differences", "ratios").replace("difference", "ratio")


def reason(word: str, claim: Claim, context: Context) -> str:
    """Say in two or three sentences what was compared and seen, and why this word.

    Args:
        word: the verdict.
        claim: what was declared.
        context: the numbers.
    """
    metric, seen, pairs = context.metric, context.seen, context.pairs
    if word == "not assessable":
        return _too_few(claim, context)
    contrast, effect = contrast_of(claim, metric), format_difference(metric, seen.effect)
    if seen.identical or word == "identical":
        return (
            f"In each of {plural(seen.n, 'seed')} the arms trained the same networks: every value "
            "of every curve and metric is the same to the last bit. What they differ in did "
            "nothing there, so there is nothing to estimate."
        )
    if seen.exact:
        exact = f"The {contrast} is {effect}, and would be again: it is no estimate."
        if not seen.effect:
            return f"There is no difference: the {contrast} is {effect}, and would be again."
        why = _why_exact(word, claim, seen)
        return f"{exact} {context.shown(why)}."
    each = context.each
    over = f"Over {plural(seen.n, each)}"
    if pairs.missing and metric.name != FAILED.name:
        over = (
            f"Over the {seen.n} of {seen.n + pairs.missing} {each}s in which every arm finished "
            f"({plural(pairs.missing, each)} left out: {_causes(context)})"
        )
    what = (
        f"{over} the mean {contrast} is {effect}, with a {100 * seen.level:.4g} % interval of "
        f"{format_interval(metric, seen.low, seen.high)}."
    )
    return f"{what} {context.shown(_why(word, claim, context))}{_more(context)}.{_alike(context)}"


def _alike(context: Context) -> str:
    """Say what differences that are all or mostly the same do not tell."""
    seen = context.seen
    if seen.kind == "varied" or seen.exact or context.metric.name in COUNTED:
        return ""
    share = f"{100 * seen.share:.0f} %"
    if seen.kind == "constant":
        return (
            f" All {seen.n} differences are the same. That leaves up to {share} of {context.each}s "
            "in which they may not be, by as much as the metric can differ, or has been seen to "
            "reach; the interval allows for those."
        )
    return (
        f" More than half of the differences are the same, and those that are not may be up to "
        f"{share} of all {context.each}s: the interval allows for as many, at least one step of "
        "the metric apart."
    )


def cautions(word: str, context: Context) -> tuple[str, ...]:
    """Say what the verdict rests on that may not hold.

    Args:
        word: the verdict.
        context: the numbers.
    """
    seen = context.seen
    skewed = seen.kind == "varied" and abs(seen.skew) >= LARGE_SKEW
    if word == "not assessable" or seen.exact or seen.identical or not skewed:
        return ()
    side = "high" if seen.skew > 0 else "low"
    text = (
        f"The {context.contrasts} are skewed: few {context.each}s lie far on the {side} side "
        f"(skewness {seen.skew:+.1f} standard errors). ".replace("-", "−")
    )
    if seen.n < ENOUGH:
        text += (
            f"The interval is made longer on that side, which from so few {context.each}s may not "
            f"be enough: see Methods. {ENOUGH} {context.each}s or more, or a metric without such "
            "outliers, would settle it."
        )
    else:
        text += "The interval is made longer on that side."
    return (text,)


ENOUGH = 20
"""Seeds from which one interval holds its level for exponential and lognormal differences, too."""

_SAID = {FAILED.name: ("fails more often", "fails less often"), SOONER.name: ("sooner", "later")}


def told(word: str, claim: Claim, context: Context) -> str:
    """Tell direction and size, each by itself; empty where nothing is judged.

    Args:
        word: the verdict.
        claim: what was declared.
        context: the numbers.
    """
    seen, by, metric = context.seen, context.by, context.metric
    if word in {"not assessable", "suggestive", "not suggestive", "identical"}:
        return ""
    up, down = _SAID.get(metric.name, ("higher", "lower"))
    if isinstance(claim, NotWorse):
        up, down = ("better", "worse") if metric.better == "higher" else ("worse", "better")
    if isinstance(claim, Trend):
        up, down = ("falls", "rises") if claim.falls else ("rises", "falls")
    if isinstance(claim, Best | Some | Peak) and claim.lowest:
        up, down = down, up  # what is positive is how far the named one lies below the others
    size = format_difference(metric, by, signed=False)
    off = seen.off(by)
    if seen.in_noise(by):
        return "direction and size unclear"
    if seen.exact and seen.effect == 0:
        return "no difference"
    if not seen.clear:
        if -by + off < seen.low and seen.high < by - off:
            return f"direction unclear; by {size} or more: ruled out either way"
        sides = [name for name, no in ((up, seen.high < by - off), (down, seen.low > -by + off))
                 if no]  # fmt: skip
        ruled = f"by {size} or more: unclear"
        if sides:
            ruled = f"{sides[0]} by {size} or more: ruled out"
        return f"direction unclear; {ruled}"
    side, near, far = up, seen.low, seen.high
    if seen.effect < 0:
        side, near, far = down, -seen.high, -seen.low
    state = "shown" if near > by + off else "ruled out" if far < by - off else "unclear"
    if seen.exact and state == "unclear":
        state = "just that"
    text = f"{side}; by {size} or more: {state}"
    if isinstance(claim, Trend) and seen.shape != "holds":
        fails = seen.shape == "fails"
        text += "; a step goes the other way" if fails else "; every step: unclear"
    return text


def _why_exact(word: str, claim: Claim, seen: Seen) -> str:
    if isinstance(claim, Trend) and seen.shape != "holds" and word in {"refuted", "direction only"}:
        return (
            "From one dose to the next it falls by more than the margin of {by}"
            if seen.shape == "fails"
            else "From one dose to the next it falls by the margin of {by} itself"
        )
    if isinstance(claim, NotWorse):
        return {
            "supported": "It is not worse by as much as the margin of {by}",
            "refuted": "It is worse by more than the margin of {by}",
            "direction only": "It is worse by the margin of {by} itself",
        }.get(word, _WHY.get(word, ""))
    if isinstance(claim, Equivalent) and word != "equivalent":
        if word == "direction only":
            return "It is the margin of {by} itself"
        return "It is beyond the margin of {by}" if word == "refuted" else _WHY[word]
    return _EXACT.get(word, _WHY[word])


def _why(word: str, claim: Claim, context: Context) -> str:
    seen, by = context.seen, context.by
    if word == "inconclusive" and seen.in_noise(by):
        return (
            "One arm measured twice seems to differ by up to "
            + context.size(seen.floor)
            + ", more than the margin of {by}: this machine, as busy as it was, cannot tell such "
            "times apart"
        )
    if isinstance(claim, NotWorse):
        return {
            "supported": "The interval ends before the margin of {by} on the worse side: a loss as "
            "large as that is ruled out",
            "refuted": "All of the interval lies beyond the margin of {by} on the worse side",
            "direction only": "It is worse, but the interval holds the margin of {by} on the worse "
            "side: whether the loss is as large as that is unclear",
            "inconclusive": "The interval reaches across the margin of {by} on the worse side: a "
            "loss that matters is not ruled out",
        }.get(word, _WHY.get(word, ""))
    if isinstance(claim, Equivalent) and word == "refuted":
        return "All of the interval lies beyond the margin of {by}: the arms differ by more"
    if isinstance(claim, Equivalent) and word == "direction only":
        return "The arms differ, but whether by the margin of {by} or more is unclear"
    if isinstance(claim, Equivalent) and word == "inconclusive":
        return "The interval reaches beyond the margin of {by}, so the arms may differ by more"
    if isinstance(claim, Trend):
        if word == "refuted" and seen.shape == "fails":
            return (
                "From one dose to the next it falls by more than the margin of {by}, so there is "
                "no steady rise, whatever the line through all doses does" + _step(claim, context)
            )
        if word == "direction only":
            return (
                "The line rises, but some step from one dose to the next may fall by the margin of "
                "{by} or more" + _step(claim, context)
            )
    why = _WHY[word]
    if isinstance(claim, Best | Peak) and word.startswith("supported"):
        over = next(iter(claim.best)) if isinstance(claim, Best) else claim.over
        why += (
            f"; it beats every other that it is compared with, and {over}={context.level} by the "
            "least"
        )
    if isinstance(claim, Some):
        why += (
            f"; {claim.over}={context.level} came out best of those tried, and the best of several "
            "looks better than it is, which the interval allows for"
        )
    return why


def _step(claim: Trend, context: Context) -> str:
    """Say what was seen of the step that rises least."""
    figures = {each.what: each.value for each in context.seen.beside}
    mean = figures["weakest step from dose to dose, mean"]
    low = figures["weakest step, lower end of its interval"]
    metric, what = context.metric, "fall" if claim.falls else "rise"
    return (
        f" (from {claim.over}={context.level} it {what}s by {format_difference(metric, mean)}; the "
        f"interval of that begins at {format_difference(metric, low)})"
    )


def _more(context: Context) -> str:
    more = context.more_seeds
    if more is None:
        return ""
    if not more.within(context.seen.n):
        return ""
    return f"; about {more_text(more)} more {context.each}s would decide"


def more_text(more: More) -> str:
    """Write how many more as a range of round numbers."""
    low, high = rounded(more.low), rounded(more.high)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def change(word: str, claim: Claim, context: Context) -> str:
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
        return (
            "Arms that differ in what they train: another level, or a setting under which it acts."
        )
    if seen.exact:
        return (
            f"Another network, or another margin: the sides lie {context.size(seen.effect)} apart."
            if seen.effect
            else "Another network: there is no difference at all."
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
    return _change(word, context)


def _change(word: str, context: Context) -> str:
    seen, by, gap, each = context.seen, context.by, context.size, context.each
    match word:
        case "supported, material":
            return (
                f"Data that bring the lower end of the interval below δ; it is now "
                f"{gap(seen.low - by)} above. A margin larger than {gap(seen.low)} would also have "
                "left unclear whether the effect matters."
            )
        case "supported":
            return (
                f"More {each}s can tell whether the effect exceeds δ: the lower end of the "
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
            return f"Other data: more {each}s of the same can hardly undo what is this clear."
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
        return f"More {each}s.{_spent(context)}"
    if more is None:
        return f"Other data: the interval is narrow, and lies across the margin.{_spent(context)}"
    if more.within(seen.n):
        text = (
            f"More {each}s, which narrow the interval: about {more_text(more)} more, by the spread "
            "and not by the effect seen."
        )
        return text + _spent(context)
    return out_of_reach(more, context.metric, each)


def out_of_reach(more: More, metric: Metric, each: str) -> str:
    """Say what so many seeds can tell, where those that would decide are too many."""
    if more.tells == math.inf:
        return (
            "A metric that varies: from one that was 0 in every run nobody can tell how far others "
            "may lie."
        )
    tells = format_difference(metric, more.tells, signed=False)
    return (
        f"Not within reach: {more.reach:,} {each}s would tell differences of about {tells}. "
        "Declare a margin of that size, or measure something steadier."
    )


def unreachable(seen: Seen, more: More, metric: Metric) -> str:
    """Say why no number of seeds within reach decides a claim, and what is within reach instead.

    Args:
        seen: what was seen of the claim.
        more: how many seeds it would take.
        metric: what the effect is in.
    """
    each = f"{metric.replicate or 'seed'}s"
    what = "ratios" if metric.relative else "differences"
    match seen.kind:
        case "constant":
            why = f"all {seen.n} {what} are the same, which tells little of {each} not yet run"
        case "tied":
            why = f"most of the {seen.n} {what} are the same, which tells little of the others"
        case _:
            why = f"the {what} vary too much from one to the next for so small a margin"
    if more.tells == math.inf:
        return f"{why}; only a metric that varies can tell more, as this one was 0 in every run"
    tells = format_difference(metric, more.tells, signed=False)
    return f"{why}; within reach, with {more.reach:,} {each}, is a margin of about {tells}"


def _spent(context: Context) -> str:
    if not context.spent:
        return ""
    return (
        " The looks declared are over: a later last look is to be chosen before a study's first "
        "run."
    )


def _to_assess(claim: Claim, context: Context) -> str:
    metric, n = context.metric, context.seen.n
    if isinstance(claim, Sooner) and context.pairs.seeds and not n:
        return "A target that is easier to reach, or longer training."
    if metric.replicate == "":
        return "A profile of every arm, by a run without --no-profile; of 0 there is no ratio."
    if context.wanted >= FEWEST:
        return f"The rest of the {context.wanted} {context.each}s: run the same command again."
    return (
        f"At least {FEWEST} {context.each}s in which every arm of the claim finishes; "
        f"there {'is' if n == 1 else 'are'} {n}."
    )


def _too_few(claim: Claim, context: Context) -> str:
    pairs, n = context.pairs, context.seen.n
    if context.wanted and context.wanted >= FEWEST:
        ended = len(pairs.ended)
        return (
            f"{plural(ended, context.each)} of {context.wanted} ended in every arm of the claim. "
            "There is no verdict before all have: looking in between would make it wrong more "
            "often than it says."
        )
    if isinstance(claim, Sooner) and pairs.seeds and not n:
        return (
            f"No arm of the claim ever reached the target, in {plural(len(pairs.seeds), 'seed')}."
        )
    if context.metric.replicate == "":
        return "What it costs was not measured in every arm of the claim, or is 0 in one."
    if context.metric.replicate == "round":
        have = f"Only {plural(n, 'round')}" if n else "No round"
        return f"{have} of timing has every arm of the claim, and a verdict needs {FEWEST}."
    have = f"Only {plural(n, 'seed')}" if n else "No seed"
    text = f"{have} finished in every arm of the claim, and a verdict needs at least {FEWEST}"
    return text + (f": {_causes(context)}." if pairs.missing else ".")


def _causes(context: Context) -> str:
    pairs = context.pairs
    causes = []
    if pairs.failed:
        causes.append(f"{pairs.failed} of {plural(pairs.trials, 'trial')} failed")
    if pairs.unfinished:
        causes.append(f"{plural(pairs.unfinished, context.each)} not run to the end in every arm")
    return " and ".join(causes)
