"""Claims judged on records: every verdict with its numbers and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.claims import Claim

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


@dataclass(frozen=True)
class Verdict:
    """One claim, judged.

    Attributes:
        claim: what was declared.
        word: the verdict.
        reason: one or two sentences: what was seen and why this word.
        n: seeds in which every arm of the claim finished.
        effect: mean over seeds of the claim's contrast, in the metric's unit (NaN for n = 0).
        low: lower end of the interval of the mean, at ``level`` (NaN for n < 2).
        high: upper end.
        level: confidence level of the interval, 1 - alpha / (number of claims).
        p: two-sided p value against 0: the larger of paired t and, from n = 8, sign-flip
            permutation (NaN for n < 5).
        p_adjusted: p adjusted for the number of claims in the report.
        p_t: the paired t test's p value.
        p_permutation: the permutation test's, NaN below n = 8.
        seeds: the seeds used, ascending.
        first: the added side of the contrast in each seed (higher arm; difference at ``at[0]``).
        second: the subtracted side in each seed; ``first - second`` is the effect per seed.
        sd: standard deviation of the differences (NaN for n < 2).
        median: median of the differences (NaN for n = 0).
        wins: seeds in which the difference is above 0.
        rho: Pearson correlation of the two sides over seeds (NaN where undefined).
        failed: trials of the claim's arms that failed.
        missing: seeds left out because a trial of theirs failed or is missing.
        more_seeds: about how many further seeds would decide; None unless inconclusive.
    """

    claim: Claim
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
