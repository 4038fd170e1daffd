"""Simulate how often verdicts are wrong, and compare with the figures they were designed for.

Run from the repository: ``python tests/calibration/calibrate_verdicts.py [--replicates N]
[--out FILE]``. It prints one table and exits with 1 if any figure misses its target.

A target is a figure of the project's statistics text, which was itself simulated with 4,000
replicates. The tolerance is three Monte-Carlo standard errors of the figure and the target
together, and half a unit of the last digit that the target is printed with. Where the target is a
bound, the tolerance is three standard errors of the figure at that bound.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import math
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.judging.verdicts import Verdict, judge
from harness.judging.words import MARKS, UNDECIDED, Ends, verdict_word
from harness.stats import Mean, judged_interval, t_interval
from harness.study.claims import Higher
from harness.study.factors import Factor
from harness.study.looks import Looks
from harness.study.scales import Scale
from harness.study.study import Study
from harness.trials.records import Record
from tests.calibration.calibrate_kinds import autocorrelated, bounds, some, sooner, times
from tests.calibration.calibrate_samples import (
    collapsing,
    foretold,
    margins_of_skewed,
    procedures,
    skewed,
)
from tests.calibration.calibrate_unpaired import unpaired
from tests.calibration.figures import (
    REPLICATES,
    Row,
    at_least,
    at_most,
    mean_near,
    near,
    none_of,
    share_near,
    stream,
    told,
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]
Interval = Callable[[Floats, float], Mean]

ALPHA = 0.05
MARGIN = 0.5
METRIC = "train_loss"
BACK_LOADED = Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028))
SUPPORTED = frozenset({"supported, material", "supported"})
DENIED = frozenset({"real but negligible", "equivalent", "refuted", "reversed"})
DIRECTION = SUPPORTED | {"real but negligible", "reversed"}


# 1. Type I error of one test.


def diverging(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw differences of mean 0 in which one arm loses 12 of its sd in 5 % of its runs."""
    lost = 12.0 * ((rng.random(shape) < 0.05) - 0.05)
    return rng.normal(size=shape) - rng.normal(size=shape) - lost


def tied(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw differences of two arms whose values have an sd of .7 and are rounded to whole steps."""
    return np.round(rng.normal(0, 0.7, shape)) - np.round(rng.normal(0, 0.7, shape))


DIFFERENCES: dict[str, tuple[Draw, tuple[str, str, str]]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), (".049", ".053", ".050")),
    "t3": (lambda rng, shape: rng.standard_t(3, shape), (".039", ".039", ".043")),
    "rounded accuracies (steps of 1/.7 arm sd)": (tied, (".037", ".044", ".051")),
    "exponential differences": (
        lambda rng, shape: rng.exponential(size=shape) - 1,
        (".118", ".099", ".078"),
    ),
    "one arm diverging 5 % (by 12 arm sd, chosen to fit)": (diverging, (".086", ".136", ".158")),
}
SIZES = (5, 10, 20)


def type_one(replicates: int) -> list[Row]:
    """Return the type I error of the paired t test, and of a percentile bootstrap beside it."""
    rng = stream(1)
    rows = []
    for name, (draw, targets) in DIFFERENCES.items():
        for n, target in zip(SIZES, targets, strict=True):
            p = t_interval(draw(rng, (replicates, n)), 1 - ALPHA).p
            rows.append(share_near(f"type I, paired t, {name}, n={n}", p < ALPHA, target))
    for n, target in zip(SIZES, (".152", ".086", ".070"), strict=True):
        outside = bootstrap_rejects(rng, rng.normal(size=(replicates, n)))
        rows.append(share_near(f"type I, percentile bootstrap, normal, n={n}", outside, target))
    return rows


def bootstrap_rejects(rng: np.random.Generator, d: Floats, resamples: int = 2_000) -> Bools:
    """Return whether 0 is outside the 95 % percentile bootstrap interval of each row's mean."""
    n = d.shape[1]
    found = []
    for block in np.array_split(d, max(1, len(d) // 100)):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
        low, high = np.quantile(block @ weights.T, (ALPHA / 2, 1 - ALPHA / 2), axis=1)
        found.append((low > 0) | (high < 0))
    return np.concatenate(found)


# 2. Power.


def power(replicates: int) -> list[Row]:
    """Return the smallest effect that the paired t test finds in 80 % of replicates.

    An effect is found where the interval's lower end is above 0. The lower end moves with the
    effect, so the effect wanted is the 80 % quantile of minus the lower end at no effect.
    """
    rng = stream(2)
    rows = []
    for n, target in ((3, "3.3"), (5, "1.7"), (10, "1.0"), (20, ".66"), (40, ".45")):
        needed = -t_interval(rng.normal(size=(replicates, n)), 1 - ALPHA).low
        error = math.sqrt(0.8 * 0.2 / replicates)
        low, found, high = np.quantile(needed, (0.8 - error, 0.8, min(0.8 + error, 1)))
        sd = (high - low) / 2 * math.sqrt(replicates)
        case = f"smallest effect found 80 % of the time, sd, n={n}"
        rows.append(near(case, float(found), target, sd, replicates, REPLICATES))
    return rows


# 3. Stopping rules.


def stop_t(d: Floats, looks: Looks) -> tuple[Bools, npt.NDArray[np.int64]]:
    """Return whether the t test alone rejects at any look, and how many seeds that took."""
    n = np.full(len(d), looks.seeds[-1])
    found = np.zeros(len(d), dtype=bool)
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        now = ~found & (t_interval(d[:, :seeds], 1 - share).p < share)
        n[now] = seeds
        found |= now
    return found, n


def stopping(replicates: int) -> list[Row]:
    """Return size, power and mean number of seeds of the stopping rules."""
    rng = stream(3)
    rows = []
    each = Looks(tuple(range(3, 41)), (ALPHA,) * 38)
    found, _ = stop_t(rng.normal(size=(replicates, 40)), each)
    rows.append(share_near("stopping, a look after every seed from 3 (wrong), size", found, ".292"))
    rules = (
        ("4 looks, equal", Looks().upto(40), (".046", ".73", "14.5")),
        ("4 looks, back-loaded", BACK_LOADED, (".049", ".82", "16.6")),
        ("fixed 40", Looks.fixed(40), (".057", ".87", "40")),
    )
    for name, looks, (size, at_half, mean) in rules:
        found, _ = stop_t(rng.normal(0.0, 1, (replicates, 40)), looks)
        rows.append(share_near(f"stopping, {name}, size", found, size))
        if name.startswith("4"):
            rows.append(at_most(f"stopping, {name}, size", found, ALPHA))
        found, _ = stop_t(rng.normal(0.5, 1, (replicates, 40)), looks)
        rows.append(share_near(f"stopping, {name}, power at .5 sd", found, at_half))
        _, n = stop_t(rng.normal(1.0, 1, (replicates, 40)), looks)
        rows.append(mean_near(f"stopping, {name}, mean n at 1 sd", n, mean))
    return rows


# 4. Words.


@dataclass(frozen=True)
class Walk:
    """Where many claims stand after their looks.

    Attributes:
        words: the verdict words.
        n: seeds used.
    """

    words: npt.NDArray[np.str_]
    n: npt.NDArray[np.int64]

    def among(self, words: Iterable[str]) -> Bools:
        """Return which of the claims have one of these words."""
        return np.isin(self.words, sorted(words))


def walk(
    d: Floats,
    looks: Looks,
    by: float = MARGIN,
    claims: int = 1,
    interval: Interval = judged_interval,
) -> Walk:
    """Judge many claims "higher by ``by``" at once, as :mod:`harness.judging.verdicts` would.

    Args:
        d: shape (claims of all reports, seeds).
        looks: when claims are looked at.
        by: the margin.
        claims: primary claims in a report.
        interval: what intervals and p values come from.
    """
    rows = len(d)
    n = np.zeros(rows, int)
    words = np.full(rows, "inconclusive", dtype="<U24")
    going = np.arange(rows)
    for seeds, share in zip(looks.seeds, looks.alphas, strict=True):
        level = 1 - share / claims
        seen = interval(d[going, :seeds], level)
        n[going] = seeds
        words[going] = named(seen, by, seen.p < 1 - level)
        going = going[np.isin(words[going], sorted(UNDECIDED))]
    return Walk(words, n)


def named(seen: Mean, by: float, sure: Bools) -> npt.NDArray[np.str_]:
    """Return the verdict word of each of many intervals."""
    each = zip(
        seen.mean.tolist(), seen.low.tolist(), seen.high.tolist(), sure.tolist(), strict=True
    )
    found = [verdict_word(Ends(e, low, high, by), confirmed=c) for e, low, high, c in each]
    return np.array(found, dtype="<U24")


WORDS = (
    ("0", 0.0, (".021", ".73", ".25", "31")),
    (".25 sd", 0.25, (".21", ".21", ".58", "35")),
    (".5 sd", 0.5, (".73", ".019", ".25", "31")),
    ("1 sd", 1.0, (".999", ".001", "0.00", "15")),
)


def words(replicates: int) -> list[Row]:
    """Return the rates of the verdict words, with t alone and with the harness's interval."""
    rng = stream(4)
    looks = Looks().upto(40)
    rows = []
    for name, effect, targets in WORDS:
        d = rng.normal(effect, 1, (replicates, 40))
        found = walk(d, looks, interval=t_interval)
        case = f"words (t alone), effect {name}"
        rows += [
            share_near(f"{case}: supported", found.among(SUPPORTED), targets[0]),
            share_near(f"{case}: denied", found.among(DENIED), targets[1]),
            share_near(f"{case}: inconclusive", found.among({"inconclusive"}), targets[2]),
            mean_near(f"{case}: mean n", found.n, targets[3]),
            *wrong_words(case, effect, found),
        ]
        found = walk(d, looks)
        case = f"words, effect {name}"
        rows += wrong_words(case, effect, found)
        rows.append(told(f"{case}: supported", found.among(SUPPORTED)))
        rows.append(told(f"{case}: mean n", found.n))
        if effect >= MARGIN:  # within a tenth of t's power
            share = float(found.among(SUPPORTED).mean())
            rows.append(at_least(f"{case}: supported", share, 0.9 * float(targets[0]), replicates))
    return rows


def wrong_words(case: str, effect: float, found: Walk) -> list[Row]:
    """Check each kind of false verdict against the level."""
    rows = []
    if effect == 0:
        rows.append(at_most(f"{case}: any direction", found.among(DIRECTION), ALPHA))
    if effect >= MARGIN:
        rows.append(at_most(f"{case}: denied, falsely", found.among(DENIED), ALPHA))
    if effect <= MARGIN:
        material = found.among({"supported, material"})
        rows.append(at_most(f"{case}: material, falsely", material, ALPHA))
    return rows


# Made-up studies and records.


def study(claims: int, metric: str = METRIC, by: float = MARGIN) -> Study:
    """Return a study in which each of several new arms is claimed to be above the same old one."""

    def build(*_: object) -> Any:
        raise AssertionError("judging must not train")

    build.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("scale", "a")
    )
    arms = [f"new{place}" for place in range(claims)]
    return Study(
        name="toy",
        question="Does it?",
        factors=(Factor("a", ("old", *arms)),),
        build=build,
        scales={"quick": Scale(seeds=40)},
        claims=tuple(
            Higher(f"{arm} is higher.", metric=metric, by=by, higher={"a": arm}, lower={"a": "old"})
            for arm in arms
        ),
    )


def record(arm: str, seed: int, value: float, state: Any = "complete") -> Record:
    """Return one evaluation trial; a failed or running one has no metrics."""
    return Record(
        study="toy", scale="quick", arm=f"a={arm}", levels={}, seed=seed, role="evaluate", tuned={},
        key=f"{arm}/{seed}", state=state, number=seed,
        metrics={METRIC: float(value)} if state == "complete" else {},
        reason="diverged" if state == "failed" else "",
    )  # fmt: skip


def records(old: Floats, *new: Floats) -> list[Record]:
    """Return the trials of one old arm and several new ones, by seed."""
    arms = {"old": old} | {f"new{place}": values for place, values in enumerate(new)}
    return [
        record(arm, seed, value)
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def judge_words(asked: Study, given: Sequence[Record], looks: Looks | None = None) -> list[str]:
    """Return the words of one report, judged on records."""
    return [each.word for each in judge(asked.declaration("quick"), given, looks=looks)]


def same_as_judge(replicates: int) -> list[Row]:
    """Check that the fast path gives the words and seeds that judging records gives."""
    rng = stream(5)
    looks = Looks().upto(40)
    asked = study(1)
    count = max(5, replicates // 80)
    rows = []
    for name, effect, _ in WORDS:
        old = rng.normal(size=(count, 40))
        new = old + rng.normal(effect, 1, (count, 40))
        fast = walk(new - old, looks)
        slow = [
            judge(asked.declaration("quick"), records(*pair), looks=looks)[0]
            for pair in zip(old, new, strict=True)
        ]
        differ = [
            (one.word, one.seen.n) != (word, n)
            for one, word, n in zip(slow, fast.words.tolist(), fast.n.tolist(), strict=True)
        ]
        rows.append(none_of(f"fast path against judge, effect {name}, {count} studies", differ))
    return rows


# 5. Ten claims in a report.

TEN = 10


def ten_claims(rng: np.random.Generator, reports: int, effect: float) -> tuple[Floats, Floats]:
    """Draw an old arm and ten new ones: differences of sd 1, correlated .5 by the shared arm."""
    old = rng.normal(0, math.sqrt(0.5), (reports, 1, 40))
    return old, rng.normal(effect, math.sqrt(0.5), (reports, TEN, 40))


def family(replicates: int) -> list[Row]:
    """Return family-wise error rates of reports with ten claims."""
    rng = stream(6)
    rows = []
    rules = (("looks until 40", Looks().upto(40)), ("fixed 10", Looks.fixed(10)))
    for name, looks in rules:
        case = f"10 claims correlated .5, {name}"
        old, new = ten_claims(rng, replicates, 0.0)
        found = walk((new - old).reshape(-1, 40), looks, claims=TEN).among(DIRECTION)
        rows.append(at_most(f"{case}, no effects: any direction", by_report(found), ALPHA))
        old, new = ten_claims(rng, replicates, MARGIN)
        at_margin = walk((new - old).reshape(-1, 40), looks, claims=TEN)
        case = f"{case}, effects of the margin"
        rows += [
            at_most(f"{case}: any denied", by_report(at_margin.among(DENIED)), ALPHA),
            at_most(
                f"{case}: any material", by_report(at_margin.among({"supported, material"})), ALPHA
            ),
        ]
    return rows + family_through_judge(rng, max(2, replicates // 400))


def mixed(replicates: int) -> list[Row]:
    """Return how often a report has a wrong word of any kind, where truths differ.

    Five claims have no effect and five an effect of just the margin, 1 sd: a direction is wrong of
    the first, and of the second that it is denied or called material.
    """
    rng = stream(11)
    rows = []
    for n in (5, 10, 20):
        d = rng.normal(size=(replicates, TEN, n))
        d[:, 5:] += 1.0
        found = walk(d.reshape(-1, n), Looks.fixed(n), by=1.0, claims=TEN)
        wrong = found.among(DIRECTION).reshape(-1, TEN)
        wrong[:, 5:] = found.among(DENIED | {"supported, material"}).reshape(-1, TEN)[:, 5:]
        case = f"10 claims, half without effect and half at the margin, n={n}: any wrong word"
        rows.append(at_most(case, wrong.any(axis=1), ALPHA))
    return rows


def holm(replicates: int) -> list[Row]:
    """Return what Bonferroni in the place of Holm's procedure costs: directions found of ten."""
    from statsmodels.stats.multitest import multipletests

    gc.freeze()  # multipletests collects garbage at each call: 15 ms with all that is imported
    rng = stream(12)
    rows = []
    for n in (10, 20):
        p = judged_interval(rng.normal(1.0, 1, (replicates // 4, TEN, n)), 1 - ALPHA).p
        by_holm = [multipletests(each, ALPHA, "holm")[0] for each in p]
        case = f"10 claims, effects of 1 sd, n={n}: directions found"
        rows += [told(f"{case}", p < ALPHA / TEN), told(f"{case} by Holm's procedure", by_holm)]
    return rows


def peeking(replicates: int) -> list[Row]:
    """Check that a study stopped after any seed of an unfinished look has no verdict from it."""
    rng = stream(13)
    asked, looks = study(1), Looks((20, 40))
    early, late = [], []
    for _ in range(max(10, replicates // 100)):
        old, new = rng.normal(size=(2, 20))
        words = [judge_words(asked, records(old[:n], new[:n]), looks)[0] for n in range(5, 21)]
        early += [word != "not assessable" for word in words[:-1]]
        late.append(words[-1] in DIRECTION)
    return [
        none_of(f"looks at 20 and 40, stopped before: a verdict, {len(early)} studies", early),
        at_most("looks at 20 and 40, at the first: a direction", late, ALPHA / 2),
    ]


def by_report(found: Bools) -> Bools:
    """Return whether any claim of each report is among those found."""
    return found.reshape(-1, TEN).any(axis=1)


def family_through_judge(rng: np.random.Generator, reports: int) -> list[Row]:
    """Check that the fast path agrees with judge on reports with ten claims."""
    asked = study(TEN)
    rows = []
    for effect in (0.0, MARGIN):
        old, new = ten_claims(rng, reports, effect)
        differences = (new - old).reshape(-1, 40)
        fast = walk(differences, Looks().upto(40), claims=TEN).words.reshape(-1, TEN)
        differ = [
            judge_words(asked, records(old[place, 0], *new[place]), Looks().upto(40))
            != fast[place].tolist()
            for place in range(reports)
        ]
        case = f"fast path against judge, 10 claims, effects {effect:g}, {reports} reports"
        rows.append(none_of(case, differ))
    return rows


# 6. Values as they really come.

NAN = re.compile(r"\bnan\b", re.IGNORECASE)


def odd(verdict: Verdict) -> bool:
    """Whether a verdict has no known word, tells of a NaN, or judges too few seeds."""
    told = f"{verdict.word} {verdict.reason} {verdict.change}"
    few = (verdict.seen.n < 5) != (verdict.word == "not assessable")
    return verdict.word not in MARKS or NAN.search(told) is not None or few


def constant(_: int) -> list[Row]:
    """Check words on differences that do not vary, and on too few."""
    asked, every = study(1), frozenset(MARKS)
    cases = {
        "five equal differences: a direction": (5, 1.0, every - {"inconclusive"}),
        "eighty equal differences: no direction": (80, 1.0, every - DIRECTION),
        "five pairs of equal values: not inconclusive": (5, 0.0, every - {"inconclusive"}),
        "eleven pairs of equal values: not equivalent": (11, 0.0, every - {"equivalent"}),
        "four pairs: assessable": (4, 1.0, every - {"not assessable"}),
        "no pairs: assessable": (0, 1.0, every - {"not assessable"}),
    }  # fmt: skip
    rows = []
    for case, (n, effect, wrong) in cases.items():
        old = np.linspace(1, 2, n)
        found = judge(asked.declaration("quick"), records(old, old + effect))[0]
        rows.append(none_of(case, [found.word in wrong or odd(found)]))
    return rows


def spoiled(rng: np.random.Generator, given: Sequence[Record], share: float) -> list[Record]:
    """Return records of which a share has failed, is not finite, still runs, or is missing."""
    kept = []
    for one in given:
        what = int(rng.integers(4)) if rng.random() < share else -1
        if what == 0:
            kept.append(replace(one, state="failed", metrics={}))
        elif what == 1:
            kept.append(replace(one, metrics={METRIC: math.inf}))
        elif what == 2:
            kept.append(replace(one, state="running", metrics={}))
        elif what != 3:
            kept.append(one)
    return kept


def whole(given: Sequence[Record]) -> list[Record]:
    """Return the records of the seeds in which both arms have a finite value."""
    usable = [one for one in given if math.isfinite(one.metrics.get(METRIC, math.nan))]
    seeds = [one.seed for one in usable]
    return [one for one in usable if seeds.count(one.seed) == 2]


def missing(replicates: int) -> list[Row]:
    """Check verdicts where trials failed, are not finite, still run, or are missing."""
    rng = stream(7)
    asked = study(1)
    strange, differ = [], []
    for _ in range(max(20, replicates // 20)):
        n = int(rng.integers(2, 13))
        old = rng.normal(size=n)
        given = spoiled(rng, records(old, old + rng.normal(rng.choice([0, 1]), 1, n)), 0.15)
        found = judge(asked.declaration("quick"), given)[0]
        strange.append(
            odd(found) or odd(judge(asked.declaration("quick"), given, looks=Looks().upto(40))[0])
        )
        differ.append(found.word != judge(asked.declaration("quick"), whole(given))[0].word)
    return [
        none_of(f"failed and missing trials, {len(strange)} studies: odd verdicts", strange),
        none_of(f"failed and missing trials, {len(differ)} studies: not as without them", differ),
    ]


def messy(replicates: int) -> list[Row]:
    """Return error rates, through judge, of ties and of one arm that diverges, at ten seeds."""
    rng = stream(8)
    asked, failing = study(1), study(1, metric="failed", by=0.1)
    count = max(20, replicates // 10)
    ties: list[Verdict] = []
    apart: list[Verdict] = []
    rates: list[Verdict] = []
    for _ in range(count):
        old, new = np.round(rng.normal(0, 0.7, (2, 10)))
        ties += judge(asked.declaration("quick"), records(old, new))
        given = records(*rng.normal(size=(2, 10)))
        lost = [one.arm == "a=new0" and rng.random() < 0.05 for one in given]
        apart += judge(asked.declaration("quick"), diverged(given, lost))
        either = [rng.random() < 0.2 for _ in given]
        rates += judge(failing.declaration("quick"), diverged(given, either))
    cases = (
        ("ties", ties),
        ("one arm diverging 5 %, failures judged apart", apart),
        ("claim on failures, 20 % in both arms", rates),
    )
    rows = [
        at_most(f"judge, {case}, n=10: any direction", directions(found), ALPHA)
        for case, found in cases
    ]
    rows.append(none_of("judge, ties and diverging arms: odd verdicts", map(odd, ties + apart)))
    return rows


def directions(found: Sequence[Verdict]) -> list[bool]:
    """Return which verdicts name a direction."""
    return [one.word in DIRECTION for one in found]


def diverged(given: Sequence[Record], lost: Sequence[bool]) -> list[Record]:
    """Return the records, of which some have failed."""
    return [
        replace(one, state="failed", metrics={}, reason="diverged") if gone else one
        for one, gone in zip(given, lost, strict=True)
    ]


def begun(replicates: int) -> list[Row]:
    """Check that a look whose seeds have not all ended leaves the verdict where it stood."""
    rng = stream(9)
    asked = study(1)
    differ = []
    for _ in range(max(20, replicates // 40)):
        old = rng.normal(size=9)
        given = records(old, old + rng.normal(0.5, 1, 9))
        first = [one for one in given if one.seed < 5]
        looks = Looks().upto(40)
        differ.append(judge_words(asked, given, looks) != judge_words(asked, first, looks))
    return [none_of(f"a look just begun changes the word, {len(differ)} studies", differ)]


def earlier_sign(_: int) -> list[Row]:
    """Check that no direction word stands on a look at which the effect had the other sign.

    Of two claims the first is clear. The second is +1 at five seeds, not quite significant for
    two claims, and slightly below 0 at forty.
    """
    d = np.concatenate(
        [1 + 0.55 * np.array([-1, -0.5, 0, 0.5, 1]), np.tile([-3.25, 2.35], 18)[:35]]
    )
    old = np.linspace(1, 2, 40)
    given = records(old, old + 3 + 0.1 * np.cos(np.arange(40)), old + d)
    verdict = judge(study(2).declaration("quick"), given, looks=Looks().upto(40))[1]
    wrong = verdict.word in DIRECTION and verdict.seen.p >= ALPHA
    case = f"2 claims, +1 at n=5, -0.3 at n=40 with p = {verdict.seen.p:.2g}: a direction"
    return [none_of(case, [wrong])]


# The table.

PARTS: dict[str, tuple[Callable[[int], list[Row]], ...]] = {
    "tests": (type_one, power, stopping),
    "words": (words, same_as_judge, family, mixed, holm, peeking),
    "samples": (procedures, skewed, margins_of_skewed, collapsing, foretold),
    "records": (constant, earlier_sign, missing, messy, begun),
    "kinds": (autocorrelated, times, bounds, sooner, some),
    "unpaired": (unpaired,),
}
"""What can be run by itself, by the name that the command line knows it by."""


def table(rows: Iterable[Row]) -> str:
    """Return all rows as a markdown table."""
    head = "| case | figure | target | tolerance | |\n|---|---:|---:|---:|---|"
    return "\n".join([head, *(row.line() for row in rows)])


def report(rows: Sequence[Row], replicates: int, seconds: float) -> str:
    """Return the table with what it was made by."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "statsmodels"))
    missed = sum(not row.ok for row in rows)
    return (
        "# Calibration of the verdicts\n\n"
        f"`python tests/calibration/calibrate_verdicts.py --replicates {replicates}`, "
        f"{seconds:.0f} s; Python {platform.python_version()}, {packages}. "
        f"{len(rows)} figures, {missed} missed.\n\n"
        "Tolerance: three Monte-Carlo standard errors of figure and target (4,000 replicates), and "
        "half a unit of the target's last digit; of a bound, three standard errors at the bound. "
        'Where the target is "told", nothing is promised. '
        "Margin .5 sd. Denied: reversed, real but negligible, equivalent or refuted.\n\n"
        f"{table(rows)}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases; return the exit code."""
    parser = argparse.ArgumentParser(description="Calibrate verdicts by simulation.")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--part", choices=PARTS, help="run one part alone")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    rows = []
    cases = (
        PARTS[options.part] if options.part else [case for part in PARTS.values() for case in part]
    )
    for case in cases:
        begin = time.perf_counter()
        rows += case(options.replicates)
        name = case.__name__
        print(f"{name}: {time.perf_counter() - begin:.1f} s", file=sys.stderr)
    told = report(rows, options.replicates, time.perf_counter() - start)
    print(told)
    if options.out:
        options.out.write_text(told, encoding="utf-8")
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
