"""What is said of a comparison: its answer in a sentence or two, and numbers as printed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from harness.compared.comparison import Comparison, Pair
from harness.compared.costs import CostRatio
from harness.compared.effects import ArmEffect, Finding, hidden
from harness.compared.matched import Matched
from harness.judging.seen import Seen
from harness.stats import FEWEST
from harness.study.formatting import (
    DASH,
    bytes_text,
    count_text,
    effect_and_interval,
    effect_text,
    first_of,
    in_sentence,
    interval_text,
    join,
    margin_text,
    percent_text,
    plural,
    seconds_text,
)
from harness.study.metrics import Metric

MOST_NAMED = 2
"""Effects, and changes, that a sentence names."""

MARKS: dict[Finding, str] = {
    "same": "=", "better": "▲", "worse": "▼", "higher": "↑", "lower": "↓", "cannot tell": "◇",
    "not compared": "×",
}  # fmt: skip
"""The sign before a finding, so that nothing is told by colour alone."""

TONES: dict[Finding, str] = {
    "same": "same", "better": "good", "worse": "bad", "higher": "open", "lower": "open",
    "cannot tell": "none", "not compared": "none",
}  # fmt: skip
"""The tone of a finding, of the palette of reports."""


def rank(finding: Finding) -> int:
    """Return by what findings are sorted: the worse first, what was not compared last."""
    return ("worse", "better", "higher", "lower", "cannot tell", "same", "not compared").index(
        finding
    )


def headline(comparison: Comparison) -> str:
    """Return the first sentence of all: which results changed, or that none is shown to have."""
    pairs = comparison.pairs
    if len(pairs) == 1:
        return answer(pairs[0])
    changed = [pair for pair in pairs if moved(pair)]
    worse = sum(bool(pair.worse) for pair in pairs)
    if not changed:
        return f"No result is shown to have changed, in any of {len(pairs)} comparisons."
    said = f"In {len(changed)} of {len(pairs)} comparisons a verdict or a result changed"
    return f"{said}, in {worse or 'none'} for the worse."


def title(pair: Pair) -> str:
    """Return what came of one run against its base, as a title: the shortest that is true."""
    if not pair.something:
        return "Nothing could be judged" if _few(pair) else "Nothing could be compared"
    if not moved(pair):
        still = pair.whole and not any(each.changed for each in pair.claims.matched)
        return "No result changed" if still else "No result is shown to have changed"
    claims = pair.claims.matched
    changed = [each for each in claims if each.changed]
    worse = sum(each.finding == "worse" or each.vanished for each in pair.effects)
    effects = _count(len(pair.told), "changed", "changed") if pair.told else _shifted(claims)
    if worse:
        effects = _count(worse, "is surely worse", "are surely worse")
    if changed:
        return _verdicts(claims, changed)
    return f"{_verdicts(claims, changed)}, but {effects}" if claims else effects.capitalize()


def _count(count: int, one: str, many: str) -> str:
    return f"the result of one arm {one}" if count == 1 else f"{count} results of arms {many}"


def moved(pair: Pair) -> bool:
    """Whether anything changed that can be told: a verdict, or an effect on an arm."""
    return bool(
        pair.told
        or any(each.changed or each.told for each in pair.claims.matched)
        or any(each.vanished for each in pair.effects)
    )


def answer(pair: Pair) -> str:
    """Return what came of one run against its base, in a sentence or two."""
    if not pair.something and _few(pair):
        return (
            "Nothing could be judged: no claim is in both, and arms have fewer than "
            f"{FEWEST} seeds to compare."
        )
    if not pair.something:
        return "Nothing could be compared: no claim and no arm with results is in both."
    claims = pair.claims.matched
    changed = [each for each in claims if each.changed]
    if pair.whole and not changed:
        trials = sum(len(each.seeds) for each in pair.belongings)
        same = ", and the same verdicts" if claims else ""
        return f"No result changed: both have the same {plural(trials, 'trial')}{same}."
    if not moved(pair):
        return f"No result is shown to have changed: {_still(pair)}.{_may_hide(pair)}"
    parts = [_verdicts(claims, changed), _shifted(claims)] if claims else []
    parts += [_effects(pair)]
    return "; ".join(filter(None, parts)) + "."


def _few(pair: Pair) -> bool:
    """Whether an arm has results in both runs, of too few seeds."""
    return any(each.seen is not None for each in pair.effects)


def _still(pair: Pair) -> str:
    claims, effects = pair.claims.matched, _compared(pair)
    parts = []
    if claims:
        parts.append(_are_the_same(len(claims)))
    same = sum(each.finding == "same" for each in effects)
    open_ones = len(effects) - same
    if open_ones:
        parts.append(f"none of {plural(open_ones, 'result')} of arms can be told apart")
    if same:
        parts.append(_count(same, "is the same", "are the same"))
    return join(parts) or "no arm has results in both"


def _are_the_same(count: int) -> str:
    return "the verdict is the same" if count == 1 else f"{count} verdicts are the same"


def _compared(pair: Pair) -> list[ArmEffect]:
    return [each for each in pair.effects if each.finding != "not compared"]


def _may_hide(pair: Pair) -> str:
    reaches = [
        f"{margin_text(metric, reach)} in {in_sentence(metric.title)}"
        for metric, reach in hidden(pair.effects)
        if math.isfinite(reach)
    ]
    if not reaches:
        return ""
    return f" A difference may hide, of up to {join(reaches[:MOST_NAMED])}."


def _verdicts(claims: Sequence[Matched], changed: Sequence[Matched]) -> str:
    if not changed:
        return _are_the_same(len(claims)).capitalize()
    worse = sum(each.step < 0 for each in changed)
    better = sum(each.step > 0 for each in changed)
    ways = [f"{worse} for the worse"] * bool(worse) + [f"{better} for the better"] * bool(better)
    of = f"{len(changed)} of {plural(len(claims), 'verdict')} changed"
    if len(claims) == 1:
        of = f"the verdict changed, from {changed[0].base.word} to {changed[0].other.word}"
        ways = [each.removeprefix("1 ") for each in ways]
    said = of + (f", {join(ways)}" if ways else "") + _all_the_same(changed)
    return said[:1].upper() + said[1:]


def _all_the_same(changed: Sequence[Matched]) -> str:
    """Say so where verdicts changed, but no effect is shown to have: chance alone can do that."""
    if not all(each.tested and not each.told and not each.changes for each in changed):
        return ""
    if len(changed) == 1:
        return ", but both effects cannot be told apart"
    return ", but of none of them can the effects in both runs be told apart"


def _shifted(claims: Sequence[Matched]) -> str:
    """Say of how many claims the effects in both runs can be told apart; empty where of none."""
    told = [each for each in claims if each.told]
    if not told:
        return ""
    if len(told) == 1:
        metric, seen = told[0].base.metric, told[0].seen
        text = f"“{textwrap.shorten(told[0].base.claim.text.rstrip('.'), 60, placeholder='…')}”"
        one = "the claim's effect" if len(claims) == 1 else f"the effect of {text}"
        return f"{one} surely changed, by {effect_and_interval_of(metric, seen)}"
    return f"the effects of {len(told)} of {len(claims)} claims surely changed"


def _effects(pair: Pair) -> str:
    told = sorted(pair.told, key=_notable)
    gone = [each for each in pair.effects if each.vanished]
    arms = dict.fromkeys(each.arm for each in gone)
    parts = [f"in {pair.other.label} all trials of {first_of(list(arms), MOST_NAMED)} failed"]
    parts = parts if arms else []
    effects = _compared(pair)
    if told:
        named = "; ".join(_said(pair, each) for each in told[:MOST_NAMED])
        of = f"{len(told)} of {plural(len(effects), 'result')} of arms can be told apart"
        more = f"; and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
        parts.append(f"{of}: {named}{more}")
    elif effects:
        parts.append(f"none of {plural(len(effects), 'result')} of arms can be told apart")
    return "; ".join(parts)


def _notable(each: ArmEffect) -> tuple[bool, float]:
    """Return by what effects are sorted where only few are named: the worse, then the surest."""
    return each.finding != "worse", each.seen.p if each.seen is not None else 1.0


def _said(pair: Pair, each: ArmEffect) -> str:
    assert each.seen is not None
    return (
        f"{in_sentence(each.metric.title)} of {each.arm} is {each.finding} in {pair.other.label}, "
        f"by {effect_and_interval_of(each.metric, each.seen)}"
    )


def changes_line(pair: Pair) -> str:
    """Return in one sentence what differs between two runs in what was declared and run."""
    found = [each for each in pair.differences if each.area != "code"]
    parts = [
        f"{each.what} from {each.base} to {each.other}"
        + (f" in {each.where}" if each.where else "")
        for each in found[:MOST_NAMED]
    ]
    if more := len(found) - MOST_NAMED:
        parts += [plural(more, "other thing")] if more > 0 else []
    code = [each.what for each in pair.differences if each.area == "code"]
    if code:
        parts.append(f"{plural(len(code), 'part')} of the code ({first_of(code, MOST_NAMED)})")
    if not parts:
        return "What was declared and run is the same in both, as far as it is recorded."
    return f"What differs: {join(parts)}."


def same_line(pair: Pair) -> str:
    """Return in one line what is the same; empty where nothing is."""
    return f"The same in both: {join(pair.same)}." if pair.same else ""


def alone_lines(pair: Pair) -> list[str]:
    """Return sentences on what stands in one run alone."""
    out = []
    for side, arms, claims in (
        (pair.base, pair.arms_gone, pair.claims.gone),
        (pair.other, pair.arms_new, pair.claims.new),
    ):
        if arms:
            noun = "arm" if len(arms) == 1 else "arms"
            out.append(f"In {side.label} alone, {noun}: {'; '.join(arms)}.")
        if claims:
            noun = "claim" if len(claims) == 1 else "claims"
            named = "; ".join(f"“{each.claim.text}” ({each.word})" for each in claims)
            out.append(f"In {side.label} alone, {noun}: {named}.")
    return [
        *out,
        *(
            f"{name} has another unit or direction in either run, and is not compared."
            for name in pair.skipped
        ),
    ]


def corrected(comparison: Comparison) -> str:
    """Say what the intervals were corrected for."""
    if not comparison.tested:
        return "No interval was needed."
    if comparison.tested == 1:
        return f"One interval was taken, at {percent_text(comparison.level)}."
    return (
        f"Each interval has {percent_text(comparison.level)}, so that all {comparison.tested} of "
        "this comparison hold at once with 95 % (Bonferroni)."
    )


def effect_of(metric: Metric, seen: Seen | None) -> str:
    """Print an effect; a dash where there is none."""
    if seen is None or not math.isfinite(seen.effect):
        return DASH
    return effect_text(metric, seen.effect)


def difference_of(claim: Matched) -> str:
    """Print the difference of a claim's effects; 0 where both are the same by definition."""
    return "0" if claim.same else effect_of(claim.base.metric, claim.seen)


def interval_of(metric: Metric, seen: Seen | None) -> str:
    """Print the interval of an effect that stands beside it with its unit; empty without one."""
    if seen is None or seen.exact or not (math.isfinite(seen.low) and math.isfinite(seen.high)):
        return ""
    return interval_text(metric, seen.low, seen.high, unit=False)


def effect_and_interval_of(metric: Metric, seen: Seen | None) -> str:
    """Print an effect and its interval with their unit once; a dash where there is no effect."""
    if seen is None or not interval_of(metric, seen):
        return effect_of(metric, seen)
    return effect_and_interval(metric, seen.effect, seen.low, seen.high)


def cost_text(metric: Metric, value: float) -> str:
    """Print a cost; a dash where it was not measured."""
    if not value > 0:
        return DASH
    printed = {"step_seconds": seconds_text, "peak_bytes": bytes_text}
    return printed.get(metric.name, count_text)(value)


def ratio_of(cost: CostRatio) -> str:
    """Print a ratio of costs; a dash where they are not compared."""
    if not math.isfinite(cost.ratio):
        return DASH
    off = abs(cost.ratio - 1)
    if off < 1e-9:
        return "×1"
    decimals = 2 if off >= 0.1 else max(3, -math.floor(math.log10(off) + 1e-5))  # enough to see it
    return f"×{cost.ratio:,.{decimals}f}"
