"""Every claim of a study judged on its records: a verdict with its numbers and its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.judging.lacking import lacking
from harness.judging.looking import Evidence, Look, Standing, look_at
from harness.judging.more import more_needed
from harness.judging.pairing import evaluations, groups_of
from harness.judging.reasons import cautions, reason, told, why
from harness.judging.rounds import Costs
from harness.judging.seen import Seen
from harness.judging.wording import Context
from harness.judging.words import Word, reported_word
from harness.judging.would_change import would_change
from harness.stats import FEWEST, More, bonferroni, false_discovery
from harness.study.claims import Best, Claim, Peak, Some, Trend
from harness.study.declaration import Declaration
from harness.study.looks import Looks
from harness.study.metrics import FAILED, Metric
from harness.trials.records import Record


@dataclass(frozen=True)
class Verdict:
    """One claim, standing.

    Attributes:
        claim: what was declared.
        metric: what its effect and margin are in.
        word: the verdict.
        reason: two or three sentences: what was compared and seen, and why this word.
        why: why this word, for where effect, interval and number of seeds stand beside it.
        change: what would change it.
        seen: effect, interval at 1 - the look's α / (number of primary claims), p value at the
            look where the claim stands, and all else that was seen of it.
        by: the margin, on the scale of the effect.
        sides: names of what is added and of what is subtracted.
        averaged: factors that both are averaged over.
        p_adjusted: against no difference, adjusted for looks and for the number of claims; of an
            exploratory claim for false discoveries, and of one on a margin against that.
        p_margin: of a claim that a difference is within a margin, against that margin, two-sided
            and adjusted for looks and for the number of primary claims; NaN for others.
        told: direction and size, each by itself: "lower; by 2 pp or more: unclear"; empty where
            nothing is standing.
        cautions: sentences on what this verdict rests on that may not hold.
        seeds: the seeds used, ascending; of a time, the rounds; of an unpaired claim, those of the
            first side and then those of the second.
        failed: trials of the claim's arms that failed, or whose metric is not finite.
        missing: seeds left out because a trial of theirs failed or is missing.
        more_seeds: how many further seeds, or rounds, would make the interval narrow enough; None
            where its width is not in the way.
        looks: every look taken, in order; one where the number of seeds was fixed.
        awaits: with how many seeds the first look will be taken, where fewer have ended; else 0.
    """

    claim: Claim
    metric: Metric
    word: Word
    reason: str
    why: str
    change: str
    seen: Seen
    by: float
    sides: tuple[str, str]
    averaged: tuple[str, ...]
    p_adjusted: float
    p_margin: float
    told: str
    cautions: tuple[str, ...]
    seeds: tuple[int, ...]
    failed: int
    missing: int
    more_seeds: More | None
    looks: tuple[Look, ...]
    awaits: int = 0

    @property
    def skewed(self) -> bool:
        """Whether one of its cautions is that a few values lie far on one side."""
        return bool(self.cautions) and self.seen.skewed


def judge(
    declaration: Declaration,
    records: Iterable[Record],
    looks: Looks | None = None,
    costs: Costs | None = None,
    seeds: int | None = None,
) -> tuple[Verdict, ...]:
    """Judge every claim of a study on the records of one scale, in the order declared.

    A pure function of the evaluation records and costs, whatever the records' order: of several
    for one arm and seed, the last (by ``number``) counts. The contrast is taken within each seed
    in which every arm of the claim finished; of times, within each round.

    With looks, a claim is judged on the seeds of the first look that decides it, or of the last
    that is complete; before the first is, there is no verdict. Every word is read from the claim's
    interval at the look's level divided by the number m of primary claims (Bonferroni), of which
    those on exact costs, which no chance can turn, are none. Since all these intervals hold at once
    with 1 - α, the probability of any wrong word in a report, of whichever kind, is at most α.
    Exploratory claims get no verdict.

    Results of others are there at once: claims on them are looked at once, with the seeds that
    there are. Where two sides of a difference of means share no seed there, it is judged without
    pairs.

    Args:
        declaration: the study at one scale.
        records: may hold those of other studies, scales and roles, which are passed over.
        looks: when claims are looked at; once, where not given.
        costs: what claims on cost look at.
        seeds: where claims are looked at once, with how many seeds; with those there are, where
            not given.
    """
    if not declaration.claims:
        return ()
    if declaration.source == "results":
        looks, seeds = None, None
    trials = evaluations(declaration, records)
    evidence = Evidence(declaration, trials, costs or Costs(), seeds)
    primary = evidence.family()
    standings = [
        look_at(evidence, claim, looks, primary if claim.primary else 1)
        for claim in declaration.claims
    ]
    exploratory = [
        place
        for place, standing in enumerate(standings)
        if not standing.claim.primary and standing.metric.replicate
    ]
    discoveries = false_discovery([_lead(standings[place]) for place in exploratory])
    alpha = (looks or declaration.looks).alpha
    leads = {place for place, p in zip(exploratory, discoveries, strict=True) if p < alpha}
    adjusted = [
        (bonferroni(standing.p, primary), bonferroni(standing.p_margin, 2 * primary))
        for standing in standings
    ]
    for place, p in zip(exploratory, discoveries, strict=True):
        on_margin = not math.isnan(standings[place].p_margin)
        adjusted[place] = (math.nan, p) if on_margin else (p, math.nan)
    return tuple(
        _verdict(evidence, standing, adjusted[place], primary, leads=place in leads)
        for place, standing in enumerate(standings)
    )


def _lead(standing: Standing) -> float:
    """Return the p value by which an exploratory claim stands out: its margin's if it has one."""
    if standing.seen.n < FEWEST:
        return math.nan
    return standing.p if math.isnan(standing.p_margin) else standing.p_margin


def _verdict(
    evidence: Evidence,
    standing: Standing,
    p: tuple[float, float],
    claims: int,
    *,
    leads: bool,
) -> Verdict:
    """Say all that there is to say of a claim.

    Args:
        evidence: what it is judged on.
        standing: the claim at the last look taken at it.
        p: against no difference and against the margin, both adjusted.
        claims: primary claims that are judged together.
        leads: whether it is exploratory, and stands out among those.
    """
    claim, metric, seen, pairs = standing.claim, standing.metric, standing.seen, standing.pairs
    word = reported_word(claim, standing.word, seen, standing.by, leads=leads)
    if seen.n and not standing.wanted:  # once more, with what only describes
        of = evidence.declaration.metric(claim.metric)
        seen = evidence.see(claim, of, pairs, seen.level, standing.looks[-1].seeds, describe=True)
    level = _level(evidence, claim, seen)
    more = more_needed(standing, word)
    context = Context(
        metric, standing.by, seen, pairs, claims, more, standing.spent, level, standing.wanted,
        evidence.declaration.source,
    )  # fmt: skip
    sides, averaged = _sides(evidence, claim, seen)
    lacks = ""
    if word == "not assessable" and evidence.declaration.source == "results":
        lacks = lacking(evidence.declaration, claim, evidence.trials, pairs)
    return Verdict(
        claim=claim,
        metric=metric,
        word=word,
        reason=lacks or reason(word, claim, context),
        why=lacks or why(word, claim, context),
        change=would_change(word, claim, context),
        seen=seen,
        by=standing.by,
        sides=sides,
        averaged=tuple(averaged),
        p_adjusted=p[0],
        p_margin=p[1],
        told=told(word, claim, context),
        cautions=cautions(word, context),
        seeds=pairs.ended if metric.name == FAILED.name else pairs.seeds,
        failed=pairs.failed,
        missing=pairs.missing,
        more_seeds=more,
        looks=standing.looks,
        awaits=standing.wanted,
    )


def _sides(evidence: Evidence, claim: Claim, seen: Seen) -> tuple[tuple[str, str], list[str]]:
    """Name both sides, with the level that comes nearest, and what they are averaged over."""
    partials = evidence.declaration.partials(claim)
    groups = groups_of(evidence.declaration, claim)
    named = {factor for partial in partials for factor in partial}
    averaged = [
        factor.name
        for factor in evidence.declaration.factors
        if factor.name not in named
        and any(len({arm.levels[factor.name].name for arm in group}) > 1 for group in groups)
    ]
    return claim.sides(_level(evidence, claim, seen)), averaged


def _level(evidence: Evidence, claim: Claim, seen: Seen) -> str:
    """Name the level that counts, of a claim on several; of a trend, both ends of a step."""
    if not isinstance(claim, Best | Peak | Some | Trend) or not seen.n:
        return ""
    factor = next(iter(claim.best)) if isinstance(claim, Best) else claim.over
    partials = evidence.declaration.partials(claim)
    if isinstance(claim, Trend):
        ends = partials[seen.nearest : seen.nearest + 2]
        return " to ".join(end[factor].name for end in ends)
    return partials[seen.nearest][factor].name
