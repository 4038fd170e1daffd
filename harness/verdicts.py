"""Claims judged on records: every verdict with its numbers and its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.claims import Claim, Equivalent, Trend
from harness.contrasts import Seen, see
from harness.metrics import Metric
from harness.pairs import Pairs, Trials, evaluations, groups_of, pair
from harness.reasons import Context, change, reason
from harness.records import Record
from harness.stats import FEWEST, Looks, false_discovery, holm, more_seeds
from harness.study import Study

Word = Literal[
    "supported, material",
    "supported",
    "real but negligible",
    "equivalent",
    "refuted",
    "reversed",
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
    "inconclusive": "◇",
    "not assessable": "×",
    "suggestive": "+",
    "not suggestive": "·",
}
"""The sign that stands before a word, so that nothing is told by colour alone."""

OPEN: frozenset[Word] = frozenset({"inconclusive", "not assessable"})
"""Words that more seeds may change; a claim stops at its first other one."""


@dataclass(frozen=True)
class Look:
    """One look at a claim.

    Attributes:
        seeds: how many it was planned with.
        n: seeds behind it.
        effect: as in :class:`Verdict`.
        low: lower end of the interval at this look's level.
        high: upper end.
        p: two-sided p value, not adjusted.
        word: what the claim would be called if this were the only look.
    """

    seeds: int
    n: int
    effect: float
    low: float
    high: float
    p: float
    word: Word


@dataclass(frozen=True)
class Verdict:
    """One claim, judged.

    Effects and intervals are in the metric's unit.

    Attributes:
        claim: what was declared.
        metric: what the claim is about.
        word: the verdict.
        reason: two or three sentences: what was compared and seen, and why this word.
        change: what would change it.
        n: seeds in which every arm of the claim finished.
        effect: mean over seeds of the claim's contrast (NaN for n = 0).
        low: lower end of its interval, at ``level`` (NaN for n < 2).
        high: upper end.
        level: confidence level of the interval: 1 - the look's α / (number of primary claims).
        p: two-sided p value against 0 at the look where the claim stands.
        p_adjusted: adjusted for looks and for the number of claims: Holm for primary claims,
            Benjamini-Hochberg for exploratory ones.
        p_t: the paired t test's p value (NaN for n < 2).
        p_permutation: the permutation test's; NaN below n = 8, and while its smallest p could
            not name a direction among so many claims.
        seeds: the seeds used, ascending.
        first: the added side of the contrast in each seed.
        second: the subtracted side in each seed; ``first - second`` is the effect per seed.
        sd: standard deviation of the differences (NaN for n < 2).
        median: median of the differences (NaN for n = 0).
        wins: seeds in which the difference is above 0.
        rho: Pearson correlation of the two sides over seeds (NaN where undefined).
        failed: trials of the claim's arms that failed, or whose metric is not finite.
        missing: seeds left out because a trial of theirs failed or is missing.
        more_seeds: about how many further seeds would decide; None unless inconclusive.
        looks: every look taken, in order; one where the number of seeds was fixed.
        beside: p values and rates that describe and decide nothing, by what they are.
    """

    claim: Claim
    metric: Metric
    word: Word
    reason: str
    change: str
    n: int
    effect: float
    low: float
    high: float
    level: float
    p: float
    p_adjusted: float
    p_t: float
    p_permutation: float
    seeds: tuple[int, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    sd: float
    median: float
    wins: int
    rho: float
    failed: int
    missing: int
    more_seeds: int | None
    looks: tuple[Look, ...] = ()
    beside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Judged:
    """A claim at the look where it stands.

    Attributes:
        claim: the claim.
        metric: what it is about.
        pairs: its values there.
        seen: what was seen there.
        looks: the looks taken.
        p: adjusted for the looks.
        alpha: two-sided level of the interval.
    """

    claim: Claim
    metric: Metric
    pairs: Pairs
    seen: Seen
    looks: tuple[Look, ...]
    p: float
    alpha: float


def judge(
    study: Study,
    scale: str,
    records: Iterable[Record],
    looks: Looks | None = None,
    alpha: float = 0.05,
) -> tuple[Verdict, ...]:
    """Judge every claim of a study on the records of one scale, in the order declared.

    A pure function of the evaluation records, whatever their order: of several for one arm and
    seed, the last (by ``number``) counts. The contrast is taken within each seed in which every
    arm of the claim finished.

    With looks, a claim is judged on the seeds of the first look that decides it, or of the last
    that is complete. Directions of primary claims are those that Holm's procedure confirms at
    ``alpha``, from p values adjusted for the looks; margins are read from intervals at the look's
    level divided by the number m of primary claims (Bonferroni). So each kind of false verdict has
    a family-wise error rate of at most ``alpha``. Exploratory claims get no verdict.

    Args:
        study: what was declared.
        scale: the scale's name.
        records: may hold those of other studies, scales and roles, which are passed over.
        looks: when claims are looked at; once, at all seeds there are, where not given.
        alpha: family-wise error rate, where ``looks`` is not given.

    Raises:
        HarnessError: the study has no such scale.
    """
    scale, _ = study.scale(scale)
    if not study.claims:
        return ()
    trials = evaluations(study, scale, records)
    if looks is None:
        looks = Looks.fixed(len({seed for _, seed in trials}), alpha)
    primary = sum(claim.primary for claim in study.claims)
    judged = [
        _judge(study, scale, claim, trials, looks, primary if claim.primary else 1)
        for claim in study.claims
    ]
    adjusted: dict[int, float] = {}
    for wanted, adjust in ((True, holm), (False, false_discovery)):
        places = [place for place, each in enumerate(judged) if each.claim.primary is wanted]
        values = adjust([judged[place].p for place in places])
        adjusted |= dict(zip(places, values, strict=True))
    return tuple(
        _verdict(each, adjusted[place], looks.alpha, primary) for place, each in enumerate(judged)
    )


def _judge(
    study: Study, scale: str, claim: Claim, trials: Trials, looks: Looks, claims: int
) -> _Judged:
    """Take the looks of one claim until one decides it."""
    metric = study.metric(claim.metric)
    doses: Sequence[float] = ()
    if isinstance(claim, Trend):
        doses = claim.doses(lambda name: study.levels(name, scale))
    every = sorted({seed for _, seed in trials})
    taken: list[Look] = []
    judged: tuple[Pairs, Seen, float] | None = None
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        pairs = pair(study, scale, claim, trials, every[:seeds])
        # a look that has just begun is not taken, unless there is no other
        if judged is not None and len(pairs.ended) < seeds:
            break
        level = 1 - share / claims
        seen = see(claim, metric, pairs, doses, level)
        sure = not math.isnan(seen.p) and seen.p < 1 - level
        word = word_of(claim, seen, confirmed=sure)
        judged = pairs, seen, level
        taken.append(Look(seeds, seen.n, seen.effect, seen.low, seen.high, seen.p, word))
        if word not in OPEN:
            break
    assert judged is not None
    pairs, seen, level = judged
    # of the look where the claim stands, not the smallest of all: an earlier one, too weak to
    # stop at, may have pointed the other way
    p = looks.adjusted(seen.p, len(taken) - 1)
    return _Judged(claim, metric, pairs, seen, tuple(taken), p, 1 - level)


def seeds_needed(study: Study, scale: str, trials: Trials, looks: Looks) -> dict[str, int]:
    """Return how many seeds each arm is to be run with, by the arm's name.

    An arm in a primary claim that its last complete look left open gets those of the next look;
    others stay where they are. Exploratory claims get no more than the first look.

    Args:
        study: what was declared.
        scale: the scale's name.
        trials: the record that counts, by arm name and seed.
        looks: when claims are looked at.
    """
    primary = [claim for claim in study.claims if claim.primary]
    need = {arm.name: looks.seeds[0] for arm in study.arms(scale)}
    for claim in primary:
        judged = _judge(study, scale, claim, trials, looks, len(primary))
        last, taken = judged.looks[-1], len(judged.looks)
        over = last.word in OPEN and len(judged.pairs.ended) == last.seeds
        seeds = looks.seeds[taken] if over and taken < len(looks.seeds) else last.seeds
        for group in groups_of(study, scale, claim):
            for arm in group:
                need[arm.name] = max(need[arm.name], seeds)
    return need


def _verdict(judged: _Judged, p: float, alpha: float, claims: int) -> Verdict:
    claim, metric, seen, pairs = judged.claim, judged.metric, judged.seen, judged.pairs
    confirmed = not math.isnan(p) and p < alpha
    word = word_of(claim, seen, confirmed=confirmed)
    if not claim.primary and word != "not assessable":
        word = "suggestive" if confirmed and seen.effect > 0 else "not suggestive"
    more = None
    if word == "inconclusive" and metric.name != "failed":
        more = more_seeds(seen.sd, seen.n, claim.by, judged.alpha)
    context = Context(metric, claim.by, seen, pairs, p, claims, more)
    return Verdict(
        claim=claim,
        metric=metric,
        word=word,
        reason=reason(word, claim, context),
        change=change(word, context),
        n=seen.n,
        effect=seen.effect,
        low=seen.low,
        high=seen.high,
        level=seen.level,
        p=seen.p,
        p_adjusted=p,
        p_t=seen.p_t,
        p_permutation=seen.p_permutation,
        seeds=pairs.ended if metric.name == "failed" else pairs.seeds,
        first=seen.first,
        second=seen.second,
        sd=seen.sd,
        median=seen.median,
        wins=seen.wins,
        rho=seen.rho,
        failed=pairs.failed,
        missing=pairs.missing,
        more_seeds=more,
        looks=judged.looks,
        beside=seen.beside,
    )


def word_of(claim: Claim, seen: Seen, *, confirmed: bool) -> Word:
    """Name the verdict on a claim.

    Args:
        claim: the claim.
        seen: what was seen of it.
        confirmed: whether the p value, adjusted, is below alpha.
    """
    if isinstance(claim, Equivalent):
        return equivalence_word(seen.n, seen.low, seen.high, claim.by, confirmed=confirmed)
    word = verdict_word(seen.n, seen.effect, seen.low, seen.high, claim.by, confirmed=confirmed)
    if word.startswith("supported") and seen.shape != "holds":
        return "refuted" if seen.shape == "fails" else "inconclusive"
    return word


def verdict_word(
    n: int, effect: float, low: float, high: float, by: float, *, confirmed: bool
) -> Word:
    """Name the verdict on "higher by ``by``" from an interval of the difference.

    Words are tried from the strongest against the claim to the weakest for it. Those that name a
    direction need the test, which a permutation test may veto and Holm's procedure may confirm
    where the interval, at Bonferroni's level, just reaches 0; those that name a size are read from
    the interval.

    Args:
        n: pairs behind the interval.
        effect: the mean difference.
        low: lower end of the interval.
        high: upper end.
        by: the claim's margin, above 0.
        confirmed: whether the adjusted p value is below alpha.
    """
    if n < FEWEST:
        return "not assessable"
    up, down = confirmed and effect > 0, confirmed and effect < 0
    tried: tuple[tuple[Word, bool], ...] = (
        ("reversed", down),
        ("real but negligible", up and high < by),
        ("equivalent", -by < low and high < by),
        ("refuted", high < by),
        ("supported, material", up and low > by),
        ("supported", up),
    )
    return next((word for word, holds in tried if holds), "inconclusive")


def equivalence_word(n: int, low: float, high: float, by: float, *, confirmed: bool) -> Word:
    """Name the verdict on "the same within ``by``"; arguments as for :func:`verdict_word`."""
    if n < FEWEST:
        return "not assessable"
    if -by < low and high < by:
        return "equivalent"
    return "refuted" if confirmed and (low > by or high < -by) else "inconclusive"
