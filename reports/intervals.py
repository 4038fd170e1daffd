"""Which intervals verdicts were read from, and over what: for captions and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.judging.verdicts import Verdict
from harness.study.formatting import join, percent_text, plural
from harness.study.metrics import COUNTED

from .text import replicate_of


def is_counted(verdict: Verdict) -> bool:
    """Whether a claim is about what is so or not so in each seed: it has no mean and no t test."""
    return verdict.metric.name in COUNTED


def is_exact(verdict: Verdict) -> bool:
    """Whether a claim is about what measuring again would not change, measured or not."""
    return verdict.metric.replicate == ""


def interval_name(verdicts: Sequence[Verdict]) -> str:
    """Say which interval the verdicts were read from: level, kind, and over how many seeds.

    Exact costs have none, so that the name of theirs alone is empty.
    """
    kinds: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if not is_exact(verdict):
            kinds.setdefault(_kind(verdict), []).append(verdict)
    return " or ".join(_named(kind, own) for kind, own in kinds.items())


def _kind(verdict: Verdict) -> str:
    if is_counted(verdict):
        return "binomial"
    return "unpaired Welch t" if verdict.seen.unpaired else "t"


def _named(kind: str, verdicts: Sequence[Verdict]) -> str:
    levels = sorted({each.seen.level for each in verdicts if math.isfinite(each.seen.level)})
    counts: dict[str, list[int]] = {}
    either = list(dict.fromkeys(each.seen.count for each in verdicts if each.seen.unpaired))
    if either:
        return (
            f"{join(map(percent_text, levels))} {kind} interval over {join(either)} seeds".strip()
        )
    for verdict in verdicts:
        counts.setdefault(replicate_of(verdict.metric), []).append(verdict.seen.n)
    over = " or ".join(_span(replicate, numbers) for replicate, numbers in counts.items())
    return f"{join(map(percent_text, levels))} {kind} interval over {over}".strip()


def _span(replicate: str, counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return plural(low, replicate) if low == high else f"{low} to {plural(high, replicate)}"


def family_name(verdicts: Sequence[Verdict], *, whole: bool = False) -> str:
    """Say what the level of the intervals was corrected for: claims that chance can turn.

    Args:
        verdicts: of all claims.
        whole: whether it is said which claims do not count: exploratory ones, which get no
            verdict, and exact ones, which no chance can turn.
    """
    exploratory = sum(not verdict.claim.primary for verdict in verdicts)
    exact = sum(verdict.claim.primary and is_exact(verdict) for verdict in verdicts)
    claims = len(verdicts) - exploratory - exact
    if claims < 2:
        return ""
    kinds = [f"{exploratory} exploratory"] * bool(exploratory) + [f"{exact} exact"] * bool(exact)
    apart = f" ({join(kinds)} not counted)" if whole and kinds else ""
    return f", Bonferroni over {claims} claims{apart}"
