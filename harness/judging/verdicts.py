"""Claims judged on records: every verdict with its numbers and its reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.judging.contrasts import Seen, see
from harness.judging.pairing import Pairs, Trials, evaluations, groups_of, pair
from harness.judging.reasons import Context, cautions, change, reason, told
from harness.judging.rounds import Costs, cost_pairs, rounds_of, timed_claims, twins
from harness.stats import FEWEST, More, bonferroni, false_discovery, more_seeds
from harness.study.claims import Best, Claim, Equivalent, NotWorse, Peak, Some, Trend
from harness.study.declaration import Declaration
from harness.study.looks import Looks
from harness.study.metrics import COUNTED, FAILED, Metric
from harness.trials.records import Record

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


@dataclass(frozen=True)
class Look:
    """One look at a claim.

    Attributes:
        seeds: how many it was planned with.
        n: seeds behind it.
        effect: as in :class:`Verdict`.
        low: lower end of the interval at this look's level.
        high: upper end.
        p: two-sided p value against no difference, not adjusted.
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
        p_adjusted: against no difference, adjusted for looks and for the number of claims; of an
            exploratory claim for false discoveries, and of one on a margin against that.
        p_margin: of a claim that a difference is within a margin, against that margin, two-sided
            and adjusted for looks and for the number of primary claims; NaN for others.
        told: direction and size, each by itself: "lower; by 2 pp or more: unclear"; empty where
            nothing is judged.
        cautions: sentences on what this verdict rests on that may not hold.
        seeds: the seeds used, ascending; of a time, the rounds.
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


@dataclass(frozen=True)
class _Judged:
    """A claim at the look where it stands.

    Attributes:
        claim: the claim.
        metric: what its effect is in.
        by: its margin, on the scale of the effect.
        word: what it is called.
        pairs: its values there.
        seen: what was seen there.
        looks: the looks taken.
        p: against no difference, adjusted for the looks; NaN where it is not assessable.
        p_margin: of the margin, likewise, where the claim is within one.
        wanted: of a first look that is not complete, how many seeds it is to be taken with; else 0.
        last: seeds of the last look there will be.
        spent: whether there is a schedule of looks, and no look is left.
    """

    claim: Claim
    metric: Metric
    by: float
    word: Word
    pairs: Pairs
    seen: Seen
    looks: tuple[Look, ...]
    p: float
    p_margin: float
    wanted: int
    last: int
    spent: bool


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
    trials = evaluations(declaration, records)
    evidence = _Evidence(declaration, trials, costs or Costs(), seeds)
    primary = evidence.family()
    judged = [
        _judge(evidence, claim, looks, primary if claim.primary else 1)
        for claim in declaration.claims
    ]
    leads = [
        place
        for place, each in enumerate(judged)
        if not each.claim.primary and each.metric.replicate
    ]
    found = false_discovery([_lead(judged[place]) for place in leads])
    alpha = (looks or declaration.looks).alpha
    stand_out = {place for place, p in zip(leads, found, strict=True) if p < alpha}
    adjusted = [(bonferroni(each.p, primary), bonferroni(each.p_margin, 2 * primary))
                for each in judged]  # fmt: skip
    for place, p in zip(leads, found, strict=True):
        margin = not math.isnan(judged[place].p_margin)
        adjusted[place] = (math.nan, p) if margin else (p, math.nan)
    return tuple(
        _verdict(evidence, each, adjusted[place], primary, leads=place in stand_out)
        for place, each in enumerate(judged)
    )


@dataclass(frozen=True)
class _Evidence:
    """What claims are judged on.

    Attributes:
        declaration: the study at one scale.
        trials: the record that counts, by arm name and seed.
        costs: what was measured apart from training.
        planned: seeds that are to be judged at once, where there are no looks and it is known.
    """

    declaration: Declaration
    trials: Trials
    costs: Costs
    planned: int | None = None

    def family(self) -> int:
        """Count the primary claims that chance can turn; 1 at least."""
        claims = (claim for claim in self.declaration.claims if claim.primary)
        metrics = (self.declaration.metric(claim.metric) for claim in claims)
        return max(1, sum(metric.replicate != "" for metric in metrics))

    def there(self, claim: Claim, metric: Metric) -> Sequence[int]:
        """Return the seeds, or the rounds, that there are for a claim."""
        if metric.replicate == "seed":
            return sorted({seed for _, seed in self.trials})
        if metric.replicate == "":
            return range(1)
        return range(len(rounds_of(groups_of(self.declaration, claim), self.costs)))

    def once(self, metric: Metric) -> int:
        """Return how many seeds, or rounds, are planned where there is one look alone."""
        planned = self.planned or 0
        return max(FEWEST, planned) if metric.replicate == "round" else planned

    def see(
        self,
        claim: Claim,
        metric: Metric,
        pairs: Pairs,
        level: float,
        seeds: int,
        *,
        describe: bool,
    ) -> Seen:
        """Return what is seen of a claim at a level, with the twins of so many rounds."""
        doses: Sequence[float] = ()
        if isinstance(claim, Trend):
            doses = claim.doses(self.declaration.levels)
        same: Sequence[tuple[float, float]] = ()
        if metric.replicate == "round":
            same = twins(groups_of(self.declaration, claim), self.costs, seeds)
        return see(claim, metric, pairs, doses, level, same, describe=describe)

    def pairs(self, claim: Claim, metric: Metric, among: Sequence[int]) -> Pairs:
        """Return what a claim looks at in these seeds, or in the first so many rounds."""
        if metric.replicate != "seed":
            groups = groups_of(self.declaration, claim)
            return cost_pairs(groups, metric, self.costs, len(among))
        return pair(self.declaration, claim, self.trials, among)


def _judge(evidence: _Evidence, claim: Claim, looks: Looks | None, claims: int) -> _Judged:
    """Take the looks of one claim until one decides it."""
    declaration = evidence.declaration
    metric = declaration.metric(claim.metric)
    shown = claim.effect_in(metric)
    by = shown.margin(claim.by)
    every = evidence.there(claim, metric)
    scheduled = looks is not None
    # without a number that was planned, whatever there is makes a look
    whole = metric.replicate != "" and (scheduled or evidence.planned is not None)
    if looks is None or metric.replicate == "":
        once = evidence.once(metric) if whole else len(every)
        looks = Looks.fixed(once, (looks or declaration.looks).alpha)
    taken: list[Look] = []
    judged: tuple[Pairs, Seen, Word, int] | None = None
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        pairs = evidence.pairs(claim, metric, every[:seeds])
        wanted = seeds if whole and len(pairs.ended) < seeds else 0
        # a look that is not complete is not taken; if it is the first, there is no verdict yet
        if judged is not None and wanted:
            break
        seen = evidence.see(claim, metric, pairs, 1 - share / claims, seeds, describe=False)
        if wanted:
            seen = replace(seen, p=math.nan, p_margin=math.nan)
        word: Word = "not assessable" if wanted else word_of(claim, shown, seen)
        judged = pairs, seen, word, wanted
        taken.append(Look(seeds, seen.n, seen.effect, seen.low, seen.high, seen.p, word))
        if word not in UNDECIDED or wanted:
            break
    assert judged is not None
    pairs, seen, word, wanted = judged
    # of the look where the claim stands, not the smallest of all: an earlier one, too weak to
    # stop at, may have pointed the other way
    last = len(taken) - 1
    p, p_margin = looks.adjusted(seen.p, last), looks.adjusted(seen.p_margin, last)
    spent = scheduled and len(taken) == len(looks.seeds) and not wanted
    return _Judged(
        claim, shown, by, word, pairs, seen, tuple(taken), p, p_margin, wanted, looks.seeds[-1],
        spent,
    )  # fmt: skip


def _lead(judged: _Judged) -> float:
    """Return the p value by which an exploratory claim stands out: its margin's if it has one."""
    if judged.seen.n < FEWEST:
        return math.nan
    return judged.p if math.isnan(judged.p_margin) else judged.p_margin


def _sides(evidence: _Evidence, claim: Claim, seen: Seen) -> tuple[tuple[str, str], list[str]]:
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


def _level(evidence: _Evidence, claim: Claim, seen: Seen) -> str:
    """Name the level that counts, of a claim on several; of a trend, both ends of a step."""
    if not isinstance(claim, Best | Peak | Some | Trend) or not seen.n:
        return ""
    factor = next(iter(claim.best)) if isinstance(claim, Best) else claim.over
    partials = evidence.declaration.partials(claim)
    if isinstance(claim, Trend):
        return " to ".join(each[factor].name for each in partials[seen.nearest : seen.nearest + 2])
    return partials[seen.nearest][factor].name


def seeds_needed(declaration: Declaration, trials: Trials, looks: Looks) -> dict[str, int]:
    """Return how many seeds each arm is to be run with, by the arm's name.

    An arm in a primary claim that its last complete look left undecided gets those of the next
    look; others stay where they are. Exploratory claims get no more than the first look.

    Args:
        declaration: the study at one scale.
        trials: the record that counts, by arm name and seed.
        looks: when claims are looked at.
    """
    evidence = _Evidence(declaration, trials, Costs())
    need = {arm.name: looks.seeds[0] for arm in declaration.arms}
    for claim in declaration.claims:
        if claim.primary and declaration.metric(claim.metric).replicate == "seed":
            seeds = _needed(evidence, claim, looks)
            for group in groups_of(declaration, claim):
                for arm in group:
                    need[arm.name] = max(need[arm.name], seeds)
    return need


def rounds_missing(declaration: Declaration, costs: Costs, looks: Looks | None, fixed: int) -> int:
    """Return how many more rounds of timing are wanted.

    Args:
        declaration: the study at one scale.
        costs: what was measured so far.
        looks: when claims are looked at; then those of the next look of claims that are undecided.
        fixed: how many are wanted without looks.
    """
    evidence = _Evidence(declaration, {}, costs)
    missing = [0]
    for claim in timed_claims(declaration):
        there = len(evidence.there(claim, declaration.metric(claim.metric)))
        wanted = fixed
        if looks is not None:
            wanted = _needed(evidence, claim, looks) if claim.primary else looks.seeds[0]
        missing.append(wanted - there)
    return max(missing)


def _needed(evidence: _Evidence, claim: Claim, looks: Looks) -> int:
    judged = _judge(evidence, claim, looks, evidence.family())
    last, taken = judged.looks[-1], len(judged.looks)
    over = last.word in UNDECIDED and len(judged.pairs.ended) == last.seeds
    return looks.seeds[taken] if over and taken < len(looks.seeds) else last.seeds


def _verdict(
    evidence: _Evidence,
    judged: _Judged,
    p: tuple[float, float],
    claims: int,
    *,
    leads: bool,
) -> Verdict:
    """Say all that there is to say of a claim.

    Args:
        evidence: what it is judged on.
        judged: the claim at the look where it stands.
        p: against no difference and against the margin, both adjusted.
        claims: primary claims that are judged together.
        leads: whether it is exploratory, and stands out among those.
    """
    claim, metric, seen, pairs = judged.claim, judged.metric, judged.seen, judged.pairs
    word = judged.word
    if not claim.primary and word != "not assessable":
        word = _exploratory(judged, leads=leads)
    if seen.n and not judged.wanted:  # once more, with what only describes
        of = evidence.declaration.metric(claim.metric)
        seen = evidence.see(claim, of, pairs, seen.level, judged.looks[-1].seeds, describe=True)
    level = _level(evidence, claim, seen)
    more = _more(judged, word)
    context = Context(
        metric, judged.by, seen, pairs, claims, more, judged.spent, level, judged.wanted
    )
    sides, averaged = _sides(evidence, claim, seen)
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
        p_adjusted=p[0],
        p_margin=p[1],
        told=told(word, claim, context),
        cautions=cautions(word, context),
        seeds=pairs.ended if metric.name == FAILED.name else pairs.seeds,
        failed=pairs.failed,
        missing=pairs.missing,
        more_seeds=more,
        looks=judged.looks,
        awaits=judged.wanted,
    )


def _exploratory(judged: _Judged, *, leads: bool) -> Word:
    seen = judged.seen
    if seen.identical:
        alike = isinstance(judged.claim, Equivalent | NotWorse)
        return "suggestive" if alike else "not suggestive"
    if seen.exact:
        stands_out = judged.word in {"supported", "supported, material"} or (
            judged.word == "equivalent" and isinstance(judged.claim, Equivalent)
        )
    else:
        denied = judged.word in {"real but negligible", "refuted"} and not isinstance(
            judged.claim, Equivalent | NotWorse
        )
        stands_out = leads and (seen.effect > 0 or not math.isnan(seen.p_margin)) and not denied
        stands_out = stands_out and not seen.in_noise(judged.by)
    return "suggestive" if stands_out else "not suggestive"


def _more(judged: _Judged, word: Word) -> More | None:
    """Return how many more seeds would decide; None where no interval's width is in the way."""
    seen, metric = judged.seen, judged.metric
    if word not in {"inconclusive", "direction only"} or metric.name in COUNTED or not seen.places:
        return None
    if seen.in_noise(judged.by):
        return None
    places = list(seen.places)
    if isinstance(judged.claim, Trend):
        effect, step = seen.places
        places = [effect] if word == "inconclusive" else []
        places += [step] if seen.shape == "unclear" else []
    # some level of several: that of the test of each
    tests = len(judged.pairs.values[0]) - 1 if isinstance(judged.claim, Some) else 1
    alpha = (1 - seen.level) / tests
    widest = max((max(place.reaches(alpha)) for place in places), default=0.0)
    if 2 * widest < judged.by:
        return None
    return more_seeds(places, judged.by, alpha, max(10 * seen.n, judged.last))


def word_of(claim: Claim, metric: Metric, seen: Seen) -> Word:
    """Name the verdict on a claim.

    Args:
        claim: the claim.
        metric: what its effect is in.
        seen: what was seen of it.
    """
    by = metric.margin(claim.by)
    if seen.n < FEWEST and not seen.exact:  # what is exact needs no replicates
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
