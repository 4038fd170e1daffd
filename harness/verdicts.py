"""Claims judged on records: every verdict with its numbers and its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.claims import Best, Claim, Equivalent, NotWorse, Peak, Some, Trend
from harness.contrasts import Seen, see
from harness.looks import Looks
from harness.metrics import COUNTED, FAILED, Metric
from harness.pairs import Pairs, Trials, evaluations, groups_of, pair
from harness.reasons import Context, change, reason
from harness.records import Record
from harness.rounds import Costs, cost_pairs, rounds_of, timed_claims, twins
from harness.stats import FEWEST, false_discovery, holm, more_seeds
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

    Attributes:
        claim: what was declared.
        metric: what its effect and margin are in.
        word: the verdict.
        reason: two or three sentences: what was compared and seen, and why this word.
        change: what would change it.
        seen: effect, interval at 1 - the look's α / (number of primary claims), p value at the
            look where the claim stands, and all else that was seen of it.
        by: the margin, on the scale of the effect.
        sides: names of what is added and of what is subtracted.
        averaged: factors that both are averaged over.
        p_adjusted: adjusted for looks and for the number of claims: against no difference, by
            Holm's procedure; of a claim that a difference is within a margin, against the margin,
            by Bonferroni; of an exploratory claim, by Benjamini's and Hochberg's.
        seeds: the seeds used, ascending; of a time, the rounds.
        failed: trials of the claim's arms that failed, or whose metric is not finite.
        missing: seeds left out because a trial of theirs failed or is missing.
        more_seeds: about how many further seeds, or rounds, would decide; None unless
            inconclusive.
        looks: every look taken, in order; one where the number of seeds was fixed.
    """

    claim: Claim
    metric: Metric
    word: Word
    reason: str
    change: str
    seen: Seen
    by: float
    sides: tuple[str, str]
    averaged: tuple[str, ...]
    p_adjusted: float
    seeds: tuple[int, ...]
    failed: int
    missing: int
    more_seeds: int | None
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class _Judged:
    """A claim at the look where it stands.

    Attributes:
        claim: the claim.
        metric: what its effect is in.
        by: its margin, on the scale of the effect.
        pairs: its values there.
        seen: what was seen there.
        looks: the looks taken.
        p: of the direction, adjusted for the looks.
        p_margin: of the margin, adjusted for the looks, where the claim is within one.
        spent: whether there is a schedule of looks, and no look is left.
    """

    claim: Claim
    metric: Metric
    by: float
    pairs: Pairs
    seen: Seen
    looks: tuple[Look, ...]
    p: float
    p_margin: float
    spent: bool


def judge(
    study: Study,
    scale: str,
    records: Iterable[Record],
    looks: Looks | None = None,
    costs: Costs | None = None,
) -> tuple[Verdict, ...]:
    """Judge every claim of a study on the records of one scale, in the order declared.

    A pure function of the evaluation records and costs, whatever the records' order: of several
    for one arm and seed, the last (by ``number``) counts. The contrast is taken within each seed
    in which every arm of the claim finished; of times, within each round.

    With looks, a claim is judged on the seeds of the first look that decides it, or of the last
    that is complete. Directions of primary claims are those that Holm's procedure confirms at the
    study's α, from p values adjusted for the looks; margins are read from intervals at the look's
    level divided by the number m of primary claims (Bonferroni), of which those on exact costs,
    which no chance can turn, are none. So each kind of false verdict has a family-wise error rate
    of at most α. Exploratory claims get no verdict.

    Args:
        study: what was declared.
        scale: the scale's name.
        records: may hold those of other studies, scales and roles, which are passed over.
        looks: when claims are looked at; once, at all seeds there are, where not given.
        costs: what claims on cost look at.

    Raises:
        HarnessError: the study has no such scale.
    """
    scale, _ = study.scale(scale)
    if not study.claims:
        return ()
    evidence = _Evidence(study, scale, evaluations(study, scale, records), costs or Costs())
    primary = evidence.family()
    judged = [
        _judge(evidence, claim, looks, primary if claim.primary else 1) for claim in study.claims
    ]
    adjusted: dict[int, float] = {}
    for wanted, adjust in ((True, holm), (False, false_discovery)):
        places = [
            place
            for place, each in enumerate(judged)
            if each.claim.primary is wanted and each.metric.replicate
        ]
        values = adjust([judged[place].p if wanted else _lead(judged[place]) for place in places])
        adjusted |= dict(zip(places, values, strict=True))
    alpha = (looks or study.looks).alpha
    return tuple(
        _verdict(evidence, each, adjusted.get(place, math.nan), alpha, primary)
        for place, each in enumerate(judged)
    )


@dataclass(frozen=True)
class _Evidence:
    """What claims are judged on.

    Attributes:
        study: what was declared.
        scale: the scale's name.
        trials: the record that counts, by arm name and seed.
        costs: what was measured apart from training.
    """

    study: Study
    scale: str
    trials: Trials
    costs: Costs

    def family(self) -> int:
        """Count the primary claims that chance can turn; 1 at least."""
        claims = (claim for claim in self.study.claims if claim.primary)
        return max(1, sum(self.study.metric(claim.metric).replicate != "" for claim in claims))

    def there(self, claim: Claim, metric: Metric) -> Sequence[int]:
        """Return the seeds, or the rounds, that there are for a claim."""
        if metric.replicate == "seed":
            return sorted({seed for _, seed in self.trials})
        if metric.replicate == "":
            return range(1)
        return range(len(rounds_of(groups_of(self.study, self.scale, claim), self.costs)))

    def pairs(self, claim: Claim, metric: Metric, among: Sequence[int]) -> Pairs:
        """Return what a claim looks at in these seeds, or in the first so many rounds."""
        if metric.replicate != "seed":
            groups = groups_of(self.study, self.scale, claim)
            return cost_pairs(groups, metric, self.costs, len(among))
        return pair(self.study, self.scale, claim, self.trials, among)


def _judge(evidence: _Evidence, claim: Claim, looks: Looks | None, claims: int) -> _Judged:
    """Take the looks of one claim until one decides it."""
    study = evidence.study
    metric = study.metric(claim.metric)
    shown = claim.effect_in(metric)
    by = shown.margin(claim.by)
    doses: Sequence[float] = ()
    if isinstance(claim, Trend):
        doses = claim.doses(lambda name: study.levels(name, evidence.scale))
    every = evidence.there(claim, metric)
    groups = groups_of(study, evidence.scale, claim)
    planned = looks is not None
    if looks is None or metric.replicate == "":
        looks = Looks.fixed(len(every), (looks or study.looks).alpha)
    taken: list[Look] = []
    judged: tuple[Pairs, Seen] | None = None
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        pairs = evidence.pairs(claim, metric, every[:seeds])
        # a look that has just begun is not taken, unless there is no other
        if judged is not None and len(pairs.ended) < seeds:
            break
        level = 1 - share / claims
        seen = see(claim, metric, pairs, doses, level, twins(groups, evidence.costs, seeds))
        sure = not math.isnan(seen.p) and seen.p < 1 - level
        word = word_of(claim, shown, seen, confirmed=sure)
        judged = pairs, seen
        taken.append(Look(seeds, seen.n, seen.effect, seen.low, seen.high, seen.p, word))
        if word not in OPEN:
            break
    assert judged is not None
    pairs, seen = judged
    # of the look where the claim stands, not the smallest of all: an earlier one, too weak to
    # stop at, may have pointed the other way
    last = len(taken) - 1
    p, p_margin = looks.adjusted(seen.p, last), looks.adjusted(seen.p_margin, last)
    spent = planned and len(taken) == len(looks.seeds)
    return _Judged(claim, shown, by, pairs, seen, tuple(taken), p, p_margin, spent)


def _lead(judged: _Judged) -> float:
    """Return the p value by which an exploratory claim stands out: its margin's if it has one."""
    if judged.seen.n < FEWEST:
        return math.nan
    return judged.p if math.isnan(judged.p_margin) else judged.p_margin


def _sides(evidence: _Evidence, claim: Claim, seen: Seen) -> tuple[tuple[str, str], list[str]]:
    """Name both sides, with the level that comes nearest, and what they are averaged over."""
    partials = evidence.study.partials(claim, evidence.scale)
    groups = groups_of(evidence.study, evidence.scale, claim)
    named = {factor for partial in partials for factor in partial}
    averaged = [
        factor.name
        for factor in evidence.study.factors
        if factor.name not in named
        and any(len({arm.levels[factor.name].name for arm in group}) > 1 for group in groups)
    ]
    return claim.sides(_level(evidence, claim, seen)), averaged


def _level(evidence: _Evidence, claim: Claim, seen: Seen) -> str:
    """Name the level that counts, of a claim on several; of a trend, both ends of a step."""
    if not isinstance(claim, Best | Peak | Some | Trend) or not seen.n:
        return ""
    factor = next(iter(claim.best)) if isinstance(claim, Best) else claim.over
    partials = evidence.study.partials(claim, evidence.scale)
    if isinstance(claim, Trend):
        return " to ".join(each[factor].name for each in partials[seen.nearest : seen.nearest + 2])
    return partials[seen.nearest][factor].name


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
    evidence = _Evidence(study, scale, trials, Costs())
    need = {arm.name: looks.seeds[0] for arm in study.arms(scale)}
    for claim in study.claims:
        if claim.primary and study.metric(claim.metric).replicate == "seed":
            seeds = _needed(evidence, claim, looks)
            for group in groups_of(study, scale, claim):
                for arm in group:
                    need[arm.name] = max(need[arm.name], seeds)
    return need


def rounds_missing(study: Study, scale: str, costs: Costs, looks: Looks | None, fixed: int) -> int:
    """Return how many more rounds of timing are wanted.

    Args:
        study: what was declared.
        scale: the scale's name.
        costs: what was measured so far.
        looks: when claims are looked at; then those of the next look of claims that are open.
        fixed: how many are wanted without looks.
    """
    evidence = _Evidence(study, scale, {}, costs)
    missing = [0]
    for claim in timed_claims(study):
        there = len(evidence.there(claim, study.metric(claim.metric)))
        wanted = fixed
        if looks is not None:
            wanted = _needed(evidence, claim, looks) if claim.primary else looks.seeds[0]
        missing.append(wanted - there)
    return max(missing)


def _needed(evidence: _Evidence, claim: Claim, looks: Looks) -> int:
    judged = _judge(evidence, claim, looks, evidence.family())
    last, taken = judged.looks[-1], len(judged.looks)
    over = last.word in OPEN and len(judged.pairs.ended) == last.seeds
    return looks.seeds[taken] if over and taken < len(looks.seeds) else last.seeds


def _verdict(evidence: _Evidence, judged: _Judged, p: float, alpha: float, claims: int) -> Verdict:
    claim, metric, seen, pairs = judged.claim, judged.metric, judged.seen, judged.pairs
    confirmed = not math.isnan(p) and p < alpha
    word = word_of(claim, metric, seen, confirmed=confirmed)
    if not claim.primary and word != "not assessable":
        if seen.exact:
            stands_out = word in {"supported", "supported, material"} or (
                word == "equivalent" and isinstance(claim, Equivalent)
            )
        else:
            stands_out = confirmed and (seen.effect > 0 or not math.isnan(seen.p_margin))
            stands_out = stands_out and not seen.in_noise(judged.by)
        word = "suggestive" if stands_out else "not suggestive"
    more = None
    if word == "inconclusive" and metric.name not in COUNTED and not seen.in_noise(judged.by):
        # some level of several: that of the test of each
        tests = len(pairs.values[0]) - 1 if isinstance(claim, Some) else 1
        more = more_seeds(seen.sd, seen.n, judged.by, (1 - seen.level) / tests)
    level = _level(evidence, claim, seen)
    context = Context(metric, judged.by, seen, pairs, p, claims, more, judged.spent, level)
    sides, averaged = _sides(evidence, claim, seen)
    if claim.primary and not math.isnan(judged.p_margin):
        p = min(1.0, 2 * claims * judged.p_margin)  # one-sided: twice for a level of α
    return Verdict(
        claim=claim,
        metric=metric,
        word=word,
        reason=reason(word, claim, context),
        change=change(word, claim, context),
        seen=seen,
        by=judged.by,
        sides=sides,
        averaged=tuple(averaged),
        p_adjusted=p,
        seeds=pairs.ended if metric.name == FAILED.name else pairs.seeds,
        failed=pairs.failed,
        missing=pairs.missing,
        more_seeds=more,
        looks=judged.looks,
    )


def word_of(claim: Claim, metric: Metric, seen: Seen, *, confirmed: bool) -> Word:
    """Name the verdict on a claim.

    Args:
        claim: the claim.
        metric: what its effect is in.
        seen: what was seen of it.
        confirmed: whether the p value, adjusted, is below alpha.
    """
    n, by = seen.n, metric.margin(claim.by)
    if seen.exact:  # needs neither replicates nor a test
        n, confirmed = FEWEST, seen.effect != 0
    if n >= FEWEST and seen.in_noise(by):
        return "inconclusive"
    if isinstance(claim, Equivalent):
        return equivalence_word(n, seen.low, seen.high, by, confirmed=confirmed)
    if isinstance(claim, NotWorse):
        better = (seen.low, seen.high)
        if metric.better == "lower":
            better = (-seen.high, -seen.low)
        word = not_worse_word(n, *better, by)
        # where all differences are equal the interval has no width, and says nothing alone
        unsure = seen.sd == 0 and not seen.exact and not confirmed
        return "inconclusive" if word == "refuted" and unsure else word
    word = verdict_word(n, seen.effect, seen.low, seen.high, by, confirmed=confirmed)
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


def not_worse_word(n: int, low: float, high: float, by: float) -> Word:
    """Name the verdict on "not worse by ``by``"; ``low`` and ``high`` are of how much better."""
    if n < FEWEST:
        return "not assessable"
    return "supported" if low > -by else "refuted" if high < -by else "inconclusive"
