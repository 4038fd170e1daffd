"""A claim looked at, once or by a schedule, until a look decides it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.judging.contrasts import see
from harness.judging.pairing import Pairs, Trials, groups_of, pair
from harness.judging.rounds import Costs, cost_pairs, rounds_of, twins
from harness.judging.seen import Seen
from harness.judging.words import UNDECIDED, Word, word_of
from harness.stats import FEWEST
from harness.study.claims import Claim, Trend
from harness.study.declaration import Declaration
from harness.study.looks import Looks
from harness.study.metrics import Metric


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
class Standing:
    """A claim at the last look that was taken at it.

    Attributes:
        claim: the claim.
        metric: what its effect is in.
        by: its margin, on the scale of the effect.
        word: what it is called there.
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


@dataclass(frozen=True)
class Evidence:
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

    def replicates(self, claim: Claim, metric: Metric) -> Sequence[int]:
        """Return the seeds, or the numbers of the rounds, that there are for a claim."""
        if metric.replicate == "seed":
            if self.declaration.source != "results":
                return sorted({seed for _, seed in self.trials})
            # others need not have run every arm with every seed
            groups = groups_of(self.declaration, claim)
            named = {arm.name for group in groups for arm in group}
            return sorted({seed for arm, seed in self.trials if arm in named})
        if metric.replicate == "":
            return range(1)
        return range(len(rounds_of(groups_of(self.declaration, claim), self.costs)))

    def planned_at_once(self, metric: Metric) -> int:
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
        overlap = self.declaration.overlap
        return see(claim, metric, pairs, doses, level, same, overlap, describe=describe)

    def pairs(self, claim: Claim, metric: Metric, among: Sequence[int]) -> Pairs:
        """Return what a claim looks at in these seeds, or in the first so many rounds."""
        if metric.replicate != "seed":
            groups = groups_of(self.declaration, claim)
            return cost_pairs(groups, metric, self.costs, len(among))
        return pair(self.declaration, claim, self.trials, among)


def look_at(evidence: Evidence, claim: Claim, looks: Looks | None, claims: int) -> Standing:
    """Take the looks of one claim until one decides it.

    Args:
        evidence: what it is judged on.
        claim: the claim.
        looks: when claims are looked at; once, where not given.
        claims: primary claims that are judged together, by which the looks' levels are divided.
    """
    declaration = evidence.declaration
    metric = declaration.metric(claim.metric)
    shown = claim.effect_in(metric)
    by = shown.margin(claim.by)
    replicates = evidence.replicates(claim, metric)
    scheduled = looks is not None
    # without a number that was planned, whatever there is makes a look
    whole = metric.replicate != "" and (scheduled or evidence.planned is not None)
    if looks is None or metric.replicate == "":
        count = evidence.planned_at_once(metric) if whole else len(replicates)
        looks = Looks.fixed(count, (looks or declaration.looks).alpha)
    taken: list[Look] = []
    last_taken: tuple[Pairs, Seen, Word, int] | None = None
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        pairs = evidence.pairs(claim, metric, replicates[:seeds])
        wanted = seeds if whole and len(pairs.ended) < seeds else 0
        # a look that is not complete is not taken; if it is the first, there is no verdict yet
        if last_taken is not None and wanted:
            break
        seen = evidence.see(claim, metric, pairs, 1 - share / claims, seeds, describe=False)
        if wanted:
            seen = replace(seen, p=math.nan, p_margin=math.nan)
        word = word_of(claim, shown, seen, complete=not wanted)
        last_taken = pairs, seen, word, wanted
        taken.append(Look(seeds, seen.n, seen.effect, seen.low, seen.high, seen.p, word))
        if word not in UNDECIDED or wanted:
            break
    assert last_taken is not None
    pairs, seen, word, wanted = last_taken
    # of the look where the claim stands, not the smallest of all: an earlier one, too weak to
    # stop at, may have pointed the other way
    last = len(taken) - 1
    p, p_margin = looks.adjusted(seen.p, last), looks.adjusted(seen.p_margin, last)
    spent = scheduled and len(taken) == len(looks.seeds) and not wanted
    return Standing(
        claim, shown, by, word, pairs, seen, tuple(taken), p, p_margin, wanted, looks.seeds[-1],
        spent,
    )  # fmt: skip
