"""Which word a claim gets: the one module that chooses it, from its interval, 0 and the margin.

:func:`word_of` chooses what a claim is called at one look, :func:`reported_word` what is reported
of it after the last: the same, but for exploratory claims. "Higher by the margin" is a table in
:func:`verdict_word`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.judging.seen import Seen
from harness.stats import FEWEST
from harness.study.claims import Claim, Equivalent, NotWorse
from harness.study.metrics import Metric

Word = Literal[
    "supported, material",
    "supported",
    "real but negligible",
    "equivalent",
    "refuted",
    "reversed",
    "identical",
    "direction only",
    "inconclusive",
    "not assessable",
    "suggestive",
    "not suggestive",
]

MARKS: Mapping[Word, str] = {
    "supported, material": "▲",
    "supported": "△",
    "real but negligible": "○",
    "equivalent": "●",
    "refuted": "▽",
    "reversed": "▼",
    "identical": "=",
    "direction only": "◈",
    "inconclusive": "◇",
    "not assessable": "×",
    "suggestive": "+",
    "not suggestive": "·",
}
"""The sign that stands before a word, so that nothing is told by colour alone."""

UNDECIDED: frozenset[Word] = frozenset({"direction only", "inconclusive", "not assessable"})
"""Words that more seeds may change; a claim stops at its first other one."""


def word_of(claim: Claim, metric: Metric, seen: Seen, *, complete: bool) -> Word:
    """Name the verdict on a claim at one look, as if it were primary.

    Args:
        claim: the claim.
        metric: what its effect is in.
        seen: what was seen of it.
        complete: whether all replicates have ended that the look is to be taken with.
    """
    by = metric.margin(claim.by)
    few = seen.n < FEWEST and not seen.exact  # what is exact needs no replicates
    if few or not complete:
        return "not assessable"
    if seen.identical:
        return "identical"
    if seen.in_noise(by):
        return "inconclusive"
    confirmed = seen.clear
    ends = Ends(seen.effect, seen.low, seen.high, by, seen.off(by))
    if isinstance(claim, Equivalent):
        return equivalence_word(ends, confirmed=confirmed)
    if isinstance(claim, NotWorse):
        return not_worse_word(ends.turned() if metric.better == "lower" else ends,
                              confirmed=confirmed)  # fmt: skip
    word = verdict_word(ends, confirmed=confirmed)
    if seen.shape == "fails" and word not in {"reversed", "refuted"}:
        return "refuted"
    if word.startswith("supported") and seen.shape == "unclear":
        return "direction only"
    return word


@dataclass(frozen=True)
class Ends:
    """An effect with its interval, beside a margin.

    Attributes:
        effect: the mean difference.
        low: lower end of the interval.
        high: upper end.
        by: the margin, above 0.
        off: how far apart two numbers may lie that are the same but for rounding. What is at the
            margin is neither above nor below it.
    """

    effect: float
    low: float
    high: float
    by: float
    off: float = 0.0

    def above(self, bound: float) -> bool:
        """Whether all of the interval lies above a bound."""
        return self.low > bound + self.off

    def below(self, bound: float) -> bool:
        """Whether all of the interval lies below a bound."""
        return self.high < bound - self.off

    def turned(self) -> Ends:
        """Return the same of the negated effect."""
        return replace(self, effect=-self.effect, low=-self.high, high=-self.low)


def verdict_word(ends: Ends, *, confirmed: bool) -> Word:
    """Name the verdict on "higher by the margin".

    Words are tried from the strongest against the claim to the weakest for it. Those that name a
    direction need it confirmed; those that name a size are read from the interval.

    Args:
        ends: what was seen.
        confirmed: whether the direction is.
    """
    by = ends.by
    up, down = confirmed and ends.effect > 0, confirmed and ends.effect < 0
    tried: tuple[tuple[Word, bool], ...] = (
        ("reversed", down),
        ("real but negligible", up and ends.below(by)),
        ("equivalent", ends.above(-by) and ends.below(by)),
        ("refuted", ends.below(by)),
        ("supported, material", up and ends.above(by)),
        ("supported", up),
    )
    return next((word for word, holds in tried if holds), "inconclusive")


def equivalence_word(ends: Ends, *, confirmed: bool) -> Word:
    """Name the verdict on "the same within the margin"; arguments as of :func:`verdict_word`."""
    by = ends.by
    if ends.above(-by) and ends.below(by):
        return "equivalent"
    if not confirmed:
        return "inconclusive"
    return "refuted" if ends.above(by) or ends.below(-by) else "direction only"


def not_worse_word(ends: Ends, *, confirmed: bool) -> Word:
    """Name the verdict on "not worse by the margin"; ``ends`` are of how much better."""
    by = ends.by
    if ends.above(-by):
        return "supported"
    if ends.below(-by) and confirmed:
        return "refuted"
    return "direction only" if confirmed and ends.effect < 0 else "inconclusive"


def reported_word(claim: Claim, word: Word, seen: Seen, by: float, *, leads: bool) -> Word:
    """Name what is reported of a claim: its verdict, or what an exploratory claim gets instead.

    Args:
        claim: the claim.
        word: what it is called at its last look, as if it were primary.
        seen: what was seen of it.
        by: its margin, on the scale of the effect.
        leads: whether it is exploratory, and its p value stands out among those of all that are.
    """
    if claim.primary or word == "not assessable":
        return word
    on_margin = isinstance(claim, Equivalent | NotWorse)
    if seen.identical:
        return "suggestive" if on_margin else "not suggestive"
    if seen.exact:
        stands_out = word in {"supported", "supported, material"} or (
            word == "equivalent" and isinstance(claim, Equivalent)
        )
    else:
        denied = word in {"real but negligible", "refuted"} and not on_margin
        stands_out = leads and (seen.effect > 0 or not math.isnan(seen.p_margin)) and not denied
        stands_out = stands_out and not seen.in_noise(by)
    return "suggestive" if stands_out else "not suggestive"
