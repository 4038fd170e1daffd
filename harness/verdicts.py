"""Claims judged on records: every verdict with its numbers and its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.claims import Claim
from harness.metrics import Metric
from harness.pairs import evaluations, pair
from harness.reasons import reason
from harness.records import Record
from harness.stats import FEWEST, bonferroni, more_seeds, paired
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
}
"""The sign that stands before a word, so that nothing is told by colour alone."""


@dataclass(frozen=True)
class Verdict:
    """One claim, judged.

    Attributes:
        claim: what was declared.
        metric: what the claim is about.
        word: the verdict.
        reason: one or two sentences: what was seen and why this word.
        n: seeds in which every arm of the claim finished.
        effect: mean over seeds of the claim's contrast, in the metric's unit (NaN for n = 0).
        low: lower end of the interval of the mean, at ``level`` (NaN for n < 2).
        high: upper end.
        level: confidence level of the interval, 1 - alpha / (number of claims).
        p: two-sided p value against 0: the larger of paired t and, from n = 8, sign-flip
            permutation (NaN for n < 5).
        p_adjusted: p adjusted for the number of claims in the study (Bonferroni).
        p_t: the paired t test's p value (NaN for n < 2).
        p_permutation: the permutation test's; NaN below n = 8, and while its smallest p could
            not name a direction among so many claims.
        seeds: the seeds used, ascending.
        first: the added side of the contrast in each seed (higher arm; difference at ``at[0]``).
        second: the subtracted side in each seed; ``first - second`` is the effect per seed.
        sd: standard deviation of the differences (NaN for n < 2).
        median: median of the differences (NaN for n = 0).
        wins: seeds in which the difference is above 0.
        rho: Pearson correlation of the two sides over seeds (NaN where undefined).
        failed: trials of the claim's arms that failed, or whose metric is not finite.
        missing: seeds left out because a trial of theirs failed or is missing.
        more_seeds: about how many further seeds would decide; None unless inconclusive.
    """

    claim: Claim
    metric: Metric
    word: Word
    reason: str
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


def judge(
    study: Study, scale: str, records: Iterable[Record], alpha: float = 0.05
) -> tuple[Verdict, ...]:
    """Judge every claim of a study on the records of one scale, in the order declared.

    A pure function of the evaluation records, whatever their order: of several for one arm and
    seed, the last (by ``number``) counts. The difference is taken within each seed in which every
    arm of the claim finished. Intervals have level 1 - alpha / m and p values are multiplied by m
    for m claims (Bonferroni), so that each kind of false verdict has a family-wise error of at
    most ``alpha``.

    Args:
        study: what was declared.
        scale: the scale's name.
        records: may hold those of other studies, scales and roles, which are passed over.
        alpha: family-wise error rate.

    Raises:
        HarnessError: the study has no such scale.
    """
    scale, _ = study.scale(scale)
    if not study.claims:
        return ()
    trials = evaluations(study, scale, records)
    each_alpha = alpha / len(study.claims)
    data = [pair(study, scale, claim, trials) for claim in study.claims]
    seen = [paired(each.first, each.second, level=1 - each_alpha) for each in data]
    adjusted = bonferroni([each.p for each in seen])
    verdicts = []
    for claim, pairs, stats, p in zip(study.claims, data, seen, adjusted, strict=True):
        word = verdict_word(stats.n, stats.low, stats.high, claim.by, significant=p < alpha)
        more = (
            more_seeds(stats.sd, stats.n, claim.by, each_alpha) if word == "inconclusive" else None
        )
        metric = study.metric(claim.metric)
        verdicts.append(
            Verdict(
                claim=claim,
                metric=metric,
                word=word,
                reason=reason(
                    word,
                    metric,
                    claim.by,
                    stats,
                    pairs,
                    p_adjusted=p,
                    more_seeds=more,
                ),
                n=stats.n,
                effect=stats.effect,
                low=stats.low,
                high=stats.high,
                level=stats.level,
                p=stats.p,
                p_adjusted=p,
                p_t=stats.p_t,
                p_permutation=stats.p_permutation,
                seeds=pairs.seeds,
                first=pairs.first,
                second=pairs.second,
                sd=stats.sd,
                median=stats.median,
                wins=stats.wins,
                rho=stats.rho,
                failed=pairs.failed,
                missing=pairs.missing,
                more_seeds=more,
            )
        )
    return tuple(verdicts)


def verdict_word(n: int, low: float, high: float, by: float, *, significant: bool) -> Word:
    """Name the verdict on "higher by ``by``" from an interval of the difference.

    Words are tried from the strongest against the claim to the weakest for it; those that name a
    direction need the test as well as the interval, so that the permutation test can veto.

    Args:
        n: pairs behind the interval.
        low: lower end of the interval.
        high: upper end.
        by: the claim's margin, above 0.
        significant: whether the adjusted p value is below alpha.
    """
    if n < FEWEST:
        return "not assessable"
    tried: tuple[tuple[Word, bool], ...] = (
        ("reversed", significant and high < 0),
        ("real but negligible", significant and low > 0 and high < by),
        ("equivalent", -by < low and high < by),
        ("refuted", high < by),
        ("supported, material", significant and low > by),
        ("supported", significant and low > 0),
    )
    return next((word for word, holds in tried if holds), "inconclusive")
