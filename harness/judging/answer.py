"""What a study found, in a few sentences: what holds, what to take, how sure, what is open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.floats import mean_of
from harness.judging.leaders import Leaders, leaders
from harness.judging.more import hardest, more_text
from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.judging.words import UNDECIDED
from harness.messages.errors import one_line
from harness.stats import FEWEST
from harness.study.claims import Equivalent, NotWorse
from harness.study.formatting import (
    effect_and_interval,
    effect_text,
    first_of,
    in_sentence,
    join,
    level_text,
    margin_text,
    percent_text,
    plural,
)
from harness.trials.records import Record

_NAMED = 3
"""Arms and claims that are named in a sentence."""


@dataclass(frozen=True)
class Answer:
    """The answer to a study's question, as far as there is one.

    Attributes:
        found: how many claims hold, and the clearest of them.
        take: which arm to take, and which cannot be told from it; empty where none is compared.
        sure: how sure it is, and what is open.
    """

    found: str
    take: str
    sure: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(filter(None, (self.found, self.take, self.sure)))


def answer(results: Results) -> Answer:
    """Say what a study found; of a search, what is said of its settings comes in its place."""
    ranked = None if results.search is not None else leaders(results)
    primary = [each for each in results.verdicts if each.claim.primary]
    trials = [each for each in results.records if each.role == "evaluate"]
    if results.search is None and trials and all(each.state == "failed" for each in trials):
        return Answer(_all_failed(trials), "", "")
    undecided = [each for each in primary if each.word in UNDECIDED]
    take = _take(ranked, beside_open=bool(undecided))
    return Answer(_found(results.verdicts, primary), take, _sure(results, primary, undecided))


_APART = (
    " Arms are compared by themselves, corrected for their own number, so a claim on the same arms "
    "may still be open."
)


def _all_failed(trials: Sequence[Record]) -> str:
    """Say that nothing can be judged, and why."""
    count = plural(len(trials), "evaluation trial")
    reason = one_line(trials[0].reason).rstrip(".")
    return f"Nothing can be judged: {count} failed, the first by: {reason}."


def holds(verdict: Verdict) -> bool:
    """Whether what was claimed is shown."""
    same = isinstance(verdict.claim, Equivalent | NotWorse)
    return verdict.word in {"supported, material", "supported"} or (
        same and verdict.word in {"equivalent", "identical"}
    )


def _found(verdicts: Sequence[Verdict], primary: Sequence[Verdict]) -> str:
    if not primary:
        if not verdicts:
            return ""
        leads = [each for each in verdicts if each.word == "suggestive"]
        told = f"{len(leads)} of {plural(len(verdicts), 'exploratory claim')} stand out"
        return f"{told}: leads, and no verdicts."
    held = [each for each in primary if holds(each)]
    undecided = [each for each in primary if each.word in UNDECIDED]
    denied = [each for each in primary if each not in held and each not in undecided]
    total = len(primary)
    if len(held) == total:
        said = f"{_every(total)} {'holds' if total == 1 else 'hold'}"
    elif len(undecided) == total:
        said = f"{_every(total)} {'is' if total == 1 else 'are'} open"
    elif len(denied) == total:
        said = {1: "The claim does not hold", 2: "Neither claim holds"}.get(
            total, f"None of {total} claims holds"
        )
    else:
        parts = [(len(held), "hold", "holds"), (len(denied), "do not hold", "does not hold"),
                 (len(undecided), "are open", "is open")]  # fmt: skip
        counted = [f"{count} {one if count == 1 else several}" for count, several, one in parts
                if count]  # fmt: skip
        said = f"Of {total} claims {join(counted)}"
    decided = [each for each in (*held, *denied) if math.isfinite(each.seen.effect)]
    if not decided:
        return f"{said}."
    clearest = max(decided, key=_clearness)
    sign = "" if holds(clearest) else "Not so: "
    text = clearest.claim.text.rstrip(".")
    return (
        f"{said}. {'Clearest: ' if total > 1 and not sign else sign}{text} "
        f"({numbers(clearest)}; {_matters(clearest)})."
    )


def _every(total: int) -> str:
    return {1: "The claim", 2: "Both claims"}.get(total, f"All {total} claims")


def _matters(verdict: Verdict) -> str:
    """Say how large a difference would matter, and where it is unclear, that it is."""
    margin = margin_text(verdict.metric, verdict.by)
    if verdict.word == "supported":
        return f"whether by {margin}, which would matter, is unclear"
    return f"{margin} would matter"


def _open(verdict: Verdict) -> str:
    """Name a claim that is open, and say which way its effect points."""
    text = f"“{verdict.claim.text.rstrip('.')}”"
    if not math.isfinite(verdict.seen.effect):
        return text
    seen = verdict.seen
    shown = effect_and_interval(verdict.metric, seen.effect, seen.low, seen.high)
    side, _, size = verdict.told.partition("; ")
    if seen.clear and size:
        return f"{text} ({side}, {shown}; {size})"
    return f"{text} ({shown})"


def _clearness(verdict: Verdict) -> float:
    """Return how far the near end of the interval lies from 0, in margins."""
    near = min(abs(verdict.seen.low), abs(verdict.seen.high))
    if not math.isfinite(near):
        near = abs(verdict.seen.effect)
    return near / verdict.by if verdict.by > 0 else near


def numbers(verdict: Verdict) -> str:
    """Print an effect: both means, the difference and its interval."""
    metric, seen = verdict.metric, verdict.seen
    shown = effect_text(metric, seen.effect)
    if not seen.exact:
        shown = effect_and_interval(metric, seen.effect, seen.low, seen.high)
    means = both_means(verdict)
    return f"{means}: {shown}" if means else shown


def both_means(verdict: Verdict) -> str:
    """Print the means of both sides, as ``2.18 against 0.17 nats``; empty where there are none."""
    seen = verdict.seen
    if not seen.first or not seen.second or verdict.metric.relative:
        return ""
    means = [mean_of(side) for side in (seen.first, seen.second)]
    if not all(map(math.isfinite, means)):
        return ""
    first, second = (level_text(verdict.metric, mean) for mean in means)
    unit = second.partition(" ")[2]
    if unit and first.endswith(f" {unit}"):
        first = first.removesuffix(f" {unit}")
    return f"{first} against {second}"


def _take(ranked: Leaders | None, *, beside_open: bool) -> str:
    if ranked is None or not ranked.assessable:
        return ""
    compared = [row for row in ranked.rows if row.compared]
    first, others = compared[0], [row.summary.group for row in ranked.best[1:]]
    title = in_sentence(ranked.metric.title)
    mean = f"{title} {level_text(ranked.metric, first.summary.mean)}"
    if len(others) == len(compared) - 1:
        return (
            f"No arm is shown to be the best by {title}. The best mean has {first.summary.group}."
        )
    if not others:
        others_named = "all other arms" if len(compared) > 2 else "the other arm"
        apart = _APART if beside_open else ""
        return f"Take {first.summary.group}: {mean}, surely better than {others_named}.{apart}"
    # Names of arms hold commas of their own: "shortcut=no, depth=8".
    behind = first_of(others, _NAMED, "; " if any("," in name for name in others) else ", ")
    return f"Take {first.summary.group}: {mean}. These may be as good: {behind}."


def _sure(results: Results, primary: Sequence[Verdict], undecided: Sequence[Verdict]) -> str:
    most = len(results.seeds)
    if primary and 0 < most < FEWEST and results.declaration.source != "results":
        return f"With {plural(most, 'seed')} nothing can be judged: {FEWEST} are needed."
    judged = [each for each in primary if each.seen.n and not each.seen.exact]
    said = ""
    if judged:
        sure = percent_text(1 - results.alpha)
        said = (
            f"All intervals together are right with {sure} confidence, on {plural(most, 'seed')}."
        )
    if not undecided:
        return said
    texts = first_of([_open(each) for each in undecided], 2)
    more = [each.more_seeds for each in undecided
            if each.more_seeds is not None and each.more_seeds.within(each.seen.n)]  # fmt: skip
    needs = ""
    if more:
        widest = more_text(max(more, key=hardest))
        settled = "it" if len(undecided) == 1 else "them"
        if len(more) < len(undecided):
            settled = f"{len(more)} of them"
        needs = f" About {widest} more seeds would settle {settled}."
    return f"{said} Open: {texts}.{needs}".strip()
