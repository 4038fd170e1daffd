"""Why a claim got its word, for a reader who is no statistician."""

from __future__ import annotations

import math

from harness.judging.more import more_text
from harness.judging.seen import Seen
from harness.judging.wording import Context
from harness.stats import FEWEST
from harness.study.claims import Best, Claim, Equivalent, NotWorse, Peak, Some, Sooner, Trend
from harness.study.formatting import effect_and_interval, format_difference, plural
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

UNPAIRED = "unpaired: the two sides share no seed, so differences between seeds are not taken out"
"""What is said of a claim that is judged without pairs."""

ENOUGH = 20
"""Seeds from which one interval holds its level for exponential and lognormal differences, too."""

_SAID = {FAILED.name: ("fails more often", "fails less often"), SOONER.name: ("sooner", "later")}


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
        did = "trained the same networks" if context.source == "build" else "gave the same"
        return (
            f"In each of {plural(seen.n, 'seed')} the arms {did}: every value "
            "of every curve and metric is the same to the last bit. What they differ in did "
            "nothing there, so there is nothing to estimate."
        )
    if seen.exact:
        exact = f"The {contrast} is {effect}, and would be again: it is no estimate."
        if not seen.effect:
            return f"There is no difference: the {contrast} is {effect}, and would be again."
        why = _why_exact(word, claim, seen)
        return f"{exact} {context.shown(why)}."
    replicate = context.replicate
    over = f"Over {plural(seen.n, replicate)}"
    if seen.unpaired:
        left = f"; {plural(pairs.missing, 'seed')} left out: {_causes(context)}" * bool(
            pairs.missing
        )
        over = f"Over {seen.count} seeds ({UNPAIRED}{left})"
    elif pairs.missing and metric.name != FAILED.name:
        over = (
            f"Over the {seen.n} of {seen.n + pairs.missing} {replicate}s in which every arm "
            f"finished ({plural(pairs.missing, replicate)} left out: {_causes(context)})"
        )
    mean = "difference of the means" if seen.unpaired else f"mean {contrast}"
    both = effect_and_interval(metric, seen.effect, seen.low, seen.high)
    if math.isfinite(seen.low) and math.isfinite(seen.high):
        both += f" ({100 * seen.level:.4g} % interval)"
    what = f"{over} the {mean} is {both}."
    return f"{what} {context.shown(_why(word, claim, context))}{_more(context)}.{_alike(context)}"


def why(word: str, claim: Claim, context: Context) -> str:
    """Say why this word, for where effect, interval and number of seeds stand beside it.

    What more seeds would do is left out as well: :func:`would_change` says it.

    Args:
        word: the verdict.
        claim: what was declared.
        context: the numbers.
    """
    seen = context.seen
    if word in {"not assessable", "identical"} or seen.identical:
        return reason(word, claim, context)
    if seen.exact and not seen.effect:
        return "There is no difference."
    if seen.exact:
        said = _why_exact(word, claim, seen)
        said = f"The effect{said[2:]}" if said.startswith("It ") else said
        return f"{context.shown(said)}."
    said = context.shown(_why(word, claim, context))
    return f"{said}.{_left_out(context)}{_alike(context)}"


def _left_out(context: Context) -> str:
    """Say what is no pair, and which seeds are missing and why."""
    missing, replicate = context.pairs.missing, context.replicate
    said = f" {UNPAIRED[0].upper()}{UNPAIRED[1:]}." * context.seen.unpaired
    if missing and context.metric.name != FAILED.name:
        said += f" Left out: {plural(missing, replicate)} ({_causes(context)})."
    return said


def _alike(context: Context) -> str:
    """Say what differences that are all or mostly the same do not tell."""
    seen = context.seen
    if seen.kind == "varied" or seen.exact or context.metric.name in COUNTED:
        return ""
    share = f"{100 * seen.share:.0f} %"
    if seen.unpaired and seen.kind == "constant":
        return (
            f" All values of each side are the same. That leaves up to {share} of seeds in which "
            "they may not be, by as much as the metric can differ, or has been seen to reach; the "
            "interval allows for those."
        )
    if seen.unpaired:
        return (
            f" More than half of the values of one side are the same, and those that are not may "
            f"be up to {share} of its seeds: the interval allows for as many, at least one step of "
            "the metric apart."
        )
    if seen.kind == "constant":
        return (
            f" All {seen.n} differences are the same. That leaves up to {share} of "
            f"{context.replicate}s in which they may not be, by as much as the metric can differ, "
            "or has been seen to reach; the interval allows for those."
        )
    return (
        f" More than half of the differences are the same, and those that are not may be up to "
        f"{share} of all {context.replicate}s: the interval allows for as many, at least one step "
        "of the metric apart."
    )


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
    figures = {figure.what: figure.value for figure in context.seen.beside}
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
    return f"; about {more_text(more)} more {context.more_of} would decide"


def _too_few(claim: Claim, context: Context) -> str:
    pairs, n = context.pairs, context.seen.n
    if context.wanted and context.wanted >= FEWEST:
        ended = len(pairs.ended)
        return (
            f"{plural(ended, context.replicate)} of {context.wanted} ended in every arm of the "
            "claim. There is no verdict before all have: looking in between would make it wrong "
            "more often than it says."
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
    causes = f": {_causes(context)}." if pairs.missing else "."
    if pairs.unshared:
        if pairs.sides is None:
            return (
                "No seed is in every arm of the claim. A claim of this kind compares the same "
                "seeds in all of them: it needs pairs."
            )
        return (
            f"Only {context.seen.count} seeds finished on the two sides, which share none: an "
            f"unpaired verdict needs at least {FEWEST} on each{causes}"
        )
    have = f"Only {plural(n, 'seed')}" if n else "No seed"
    text = f"{have} finished in every arm of the claim, and a verdict needs at least {FEWEST}"
    return text + causes


def _causes(context: Context) -> str:
    pairs = context.pairs
    causes = []
    if pairs.failed:
        causes.append(f"{pairs.failed} of {plural(pairs.trials, 'trial')} failed")
    if pairs.unfinished:
        causes.append(
            f"{plural(pairs.unfinished, context.replicate)} not run to the end in every arm"
        )
    return " and ".join(causes)


def cautions(word: str, context: Context) -> tuple[str, ...]:
    """Say what the verdict rests on that may not hold.

    Args:
        word: the verdict.
        context: the numbers.
    """
    seen = context.seen
    if word == "not assessable" or seen.exact or seen.identical:
        return ()
    return (*((_FOLDS,) if seen.overlap else ()), *_skewed(context))


_FOLDS = (
    "The seeds are folds of one data set, whose training sets overlap: the interval is widened for "
    "that, by an approximation (see Methods)."
)


def _skewed(context: Context) -> tuple[str, ...]:
    """Say that a few values lie far on one side; nothing where they do not."""
    seen = context.seen
    if not seen.skewed:
        return ()
    side = "high" if seen.skew > 0 else "low"
    what = (
        f"The {context.contrasts} are skewed: few {context.replicate}s lie far on the {side} side"
    )
    if seen.unpaired:
        pull = "up" if seen.skew > 0 else "down"
        what = f"The difference of the means is skewed: few seeds pull it {pull}"
    text = f"{what} (skewness {seen.skew:+.1f} standard errors). ".replace("-", "−")
    if seen.n < ENOUGH:
        text += (
            f"The interval is made longer on that side, which from so few {context.replicate}s may "
            f"not be enough: see Methods. {ENOUGH} {context.replicate}s or more, or a metric "
            "without such outliers, would settle it."
        )
    else:
        text += "The interval is made longer on that side."
    return (text,)


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
