"""Methods: procedures by name, environment, the command that reproduces it, and the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.engines.kinds import ENGINES
from harness.judging.results import Results
from harness.judging.words import MARKS
from harness.study.claims import (
    Best,
    Claim,
    Equivalent,
    Interaction,
    NotWorse,
    Peak,
    Some,
    Sooner,
    Trend,
)
from harness.study.formatting import percent_text
from harness.study.looks import Looks

from ..table import Cell, Column, Table, row
from ..text import metric_of
from ..words import APPEARANCES
from .factors import table_order
from .procedures import Procedure, recorded, taught

MOST_ENVIRONMENTS = 3


@dataclass(frozen=True)
class MethodsSection:
    """All that is needed to check the report or to do it again."""

    procedures: tuple[Procedure, ...]
    environments: tuple[Table, ...]
    more_environments: int
    command: str
    words: Table
    metrics: Table


COMMON = (
    Procedure(
        "Replicate",
        "A training run with a seed of its own. Arms share seeds: for one seed, split, order, "
        "initial weights and all other randomness come from the same streams, so that "
        "differences are paired.",
        "Bouthillier et al. 2021, arXiv:2103.03098",
    ),
    Procedure(
        "Interval",
        "Student's t interval of the mean difference over seeds, at level 1 − α/m for m primary "
        "claims (Bonferroni). Its end on the side of the longer tail is moved out where "
        "differences are skewed: there the half-width is multiplied by 1 + min(20/n, 2 (z − 1)), z "
        "being the sample skewness in standard errors of normal samples, if that is above 1.",
        "Student 1908; Bonferroni's inequality; Dror et al. 2017, arXiv:1709.09500",
    ),
    Procedure(
        "Differences that hardly vary",
        "Where all n differences are the same, a share of up to 1 − α^(1/n) of other seeds may "
        "still differ: by as much as a share of examples can, and of other metrics by as much as "
        "the largest value seen; the interval reaches as far as those could move the mean. Where "
        "more than half are the same, the standard deviation is at least that of as large a share "
        "of others as may exist (Clopper & Pearson), as far "
        "away as one was seen, as one step of the metric, or as its noise on so many examples. "
        "Arms that trained the same networks to the last bit are called identical instead.",
        "Clopper & Pearson 1934",
    ),
    Procedure(
        "Verdict",
        "Read from the interval against 0 and the margin δ; at least 5 pairs are needed, and all "
        "that were planned for the look. A word that names a direction needs the interval to leave "
        "out 0; one that names a size needs it to lie on one side of δ. The words "
        "stand in the glossary; they are tried in the order reversed, real but negligible, "
        "equivalent, refuted, supported and material, supported, inconclusive.",
        "Benavoli et al. 2017, arXiv:1606.04316",
    ),
    Procedure(
        "What is promised",
        "If differences are normal, the probability that any verdict of this report is wrong, by a "
        "direction or by a size, is at most α; with symmetric heavy tails as well. Skewed ones "
        "break this promise. In simulations of differences with mean 0, at a nominal 5 %, one "
        "claim named a direction wrongly in 9 % (exponential) and 14 % (lognormal) of studies with "
        "5 seeds, in 5 and 8 % with 10, in 2 and 4 % with 20; any of ten claims in 25 and 41 %, 17 "
        "and 32 %, 5 and 11 %. The mark ⚠ stands where skewness is large. And no procedure sees "
        "what did not happen: an outcome that comes in one run of twenty, such as a collapse, "
        "is missing from 77 % of studies with 5 seeds, from 60 % with 10, from 36 % with 20.",
        "tests/calibration/RESULT.md in the harness's repository",
    ),
    Procedure(
        "p value",
        "Two-sided, against no difference: the level at which the interval just reaches it; times "
        "the number of primary claims. Of claims that a difference is within δ, the same against "
        "δ, in a column of its own. Exploratory claims get no verdict: theirs are adjusted for the "
        "false discovery rate among them (Benjamini & Hochberg).",
        "scipy.stats.false_discovery_control",
    ),
    Procedure(
        "Failures",
        "A failed, diverged or missing run is an outcome with a reason. It never becomes a "
        "number; its seed leaves every claim but those on failures, and both are counted beside "
        "it.",
    ),
    Procedure(
        "Partial arms",
        "A claim that names some factors only averages over the other factors within each seed, "
        "before any comparison, over arms that are alike on both sides.",
    ),
)
KINDS: dict[type[Claim], Procedure] = {
    Interaction: Procedure(
        "Interaction",
        "For each seed the difference of differences; then as any other claim. It takes far more "
        "seeds than a main effect of the same size.",
    ),
    Best: Procedure(
        "Best",
        "Against every other level; the effect is the smallest difference. That all are above 0 is "
        "shown where each is, so its p is the largest of theirs, uncorrected (intersection-union); "
        "that one is below 0, and the upper end of the interval, are corrected for their number.",
        "Berger 1982, Technometrics 24",
    ),
    Some: Procedure(
        "Some level",
        "Every level against the reference; the effect is the largest difference. That one of them "
        "is above 0, and the lower end of the interval, are corrected for their number (union-"
        "intersection); that all are below 0 or below δ is shown where each is, uncorrected. The "
        "best of several looks better than it is: read the interval.",
        "Roy 1953, Ann. Math. Statist. 24; Berger 1982, Technometrics 24",
    ),
    Peak: Procedure(
        "Peak",
        "An inner dose against both neighbours, as for Best: the effect is the smaller difference.",
        "Berger 1982, Technometrics 24",
    ),
    Trend: Procedure(
        "Trend",
        "For each seed the rise of the least-squares line from the lowest dose to the highest; "
        "then as any other claim. Supported only where every step from dose to dose is shown to "
        "fall by less than δ. Page's test stands beside it and decides nothing.",
        "scipy.stats.page_trend_test",
    ),
    Equivalent: Procedure(
        "Equivalence",
        "The interval must lie within ±δ, which is stricter than two one-sided tests at α; that no "
        "difference was found is no evidence. Refuted where it lies beyond δ, direction only where "
        "it leaves out 0 and reaches across δ.",
        "Schuirmann 1987, doi.org/10.1007/BF01068419",
    ),
    NotWorse: Procedure(
        "Non-inferiority",
        "Whether one arm is not worse than another by as much as δ; which direction is worse, the "
        "metric says. Supported where the interval ends before δ on the worse side, refuted where "
        "all of it lies beyond, direction only where it is worse and by how much is unclear, "
        "inconclusive elsewhere; that no difference was found is no evidence. The one-sided test "
        "of the margin stands beside it.",
        "Piaggio et al. 2012, doi.org/10.1001/jama.2012.87802",
    ),
    Sooner: Procedure(
        "Time to a target",
        "Which arm comes first, in the share of seeds in which the one does less that in which the "
        "other does; the first epoch counts whose value is at least as good as the target. A "
        "target that is not reached has an infinite time, so there are no means; arms that never "
        "come, or come at once, are a tie. The direction comes from the exact sign test on the "
        "seeds in which one is first, the size from an interval that joins two exact binomial "
        "ones, which is wider.",
        "Clopper & Pearson 1934",
    ),
}
FAILURE_RATE = Procedure(
    "Failure rates",
    "Exact McNemar test on the seeds in which one side alone failed; a side fails in a seed where "
    "one of its arms does. The direction comes from this test; the size from an interval of the "
    "difference that joins two exact binomial ones: it holds its level whatever the number of "
    "seeds is, and is wider than the test.",
    "McNemar 1947; Clopper & Pearson 1934",
)
UNPAIRED = Procedure(
    "Unpaired",
    "Where results of others have no seed on both sides of a claim, the two means are compared as "
    "those of independent samples: Welch's t interval, with at least 5 values on each side. Level, "
    "margin and words are those of pairs. Differences between seeds are not taken out, so it takes "
    "more seeds to tell as much. Its end on the side of the longer tail is moved out as that of "
    "pairs is, by the skewness of the difference of the means and n = 1 + Welch's degrees of "
    "freedom. Values of a side that are all or mostly the same are allowed for as such "
    "differences are. Some seeds in common count as pairs, and the others are left "
    "out; claims of other kinds need pairs. Welch's level is approximate: with 5 normal values "
    "against 20, the interval at 99.5 % left out the true difference in .7 % of simulations.",
    "Welch 1947, Biometrika 34",
)
EXACT = Procedure(
    "Exact costs",
    "Parameters, FLOPs and peak memory come out the same however often they are measured: their "
    "ratio is compared with the margin as it is, without interval or test, and it does not count "
    "among the claims that intervals and p values are corrected for.",
)
TIMES = Procedure(
    "Times",
    "In rounds, and not in seeds: in each round every arm that a claim on time looks at is timed "
    "once, in a fresh process of its own, and the next round takes the arms in the opposite "
    "order, so that a machine that grows slower favours none. Compared are logarithms, so that "
    "effects are ratios. One arm is timed twice in each round, as if it were two (A/A): where "
    "the interval of its ratio to itself reaches beyond δ, nothing within that reach is given a "
    "direction or a size.",
)
TUNING = Procedure(
    "Tuning",
    "One search in every arm that depends on a setting, with the same space and budget, by the "
    "objective on a validation split; its seed is no evaluation seed, and its trials measure no "
    "test examples. The best trial's value is never a result: the chosen setting is trained "
    "again on fresh seeds. Where the data has no test set of its own, every seed draws one from "
    "the same examples, so an evaluation's test examples may have been among those tuned on.",
    "Choi et al. 2019, arXiv:1910.05446",
)
COST = Procedure(
    "Cost",
    "From a profile of each arm's program alone: median over blocks of steps after warm-up; FLOPs "
    "counted on the eager program; memory from a warm step.",
)
DECLARED = Procedure(
    "Declarations",
    "What a study claims is kept in its store whenever it is run, reported or explained and "
    "claims something else than before: with the time, and how many results of each claim's arms "
    "there were in that store. Margin, metric, arms, kind, direction, standing and looks count; "
    "another sentence for the same is noted, and no more. What was seen elsewhere, the store "
    "cannot know.",
)
MODES = Procedure(
    "Modes",
    "A trial means what the plain loop says. Where that was measured to be faster, or was asked "
    "for, trials of one program are trained many at a time: "
    + ", or ".join(f"{name}, {kind.words}" for name, kind in ENGINES.items() if kind.words)
    + ". Every trial keeps its own random numbers, so a mode changes how sums are rounded and "
    "nothing else.",
)
DESCRIPTION = Procedure(
    "Description",
    "Means of arms and of levels have 95 % t intervals over seeds, not corrected. They describe; "
    "whether two of them overlap is no test.",
)


def methods_section(results: Results) -> MethodsSection:
    """Work out the section, with the procedures that this report used."""
    procedures = [COMMON[0], *recorded(results), *taught(results), *COMMON[1:]]
    kinds = {type(verdict.claim) for verdict in results.verdicts}
    procedures += [procedure for kind, procedure in KINDS.items() if kind in kinds]
    if results.verdicts or results.history.removed:
        procedures.append(DECLARED)
    if any(verdict.metric.name == "failed" for verdict in results.verdicts):
        procedures.append(FAILURE_RATE)
    if any(verdict.seen.unpaired for verdict in results.verdicts):
        procedures.append(UNPAIRED)
    replicates = {verdict.metric.replicate for verdict in results.verdicts}
    if "" in replicates:
        procedures.append(EXACT)
    if "round" in replicates:
        procedures.append(TIMES)
    if results.looks:
        procedures.append(_looks(results.looks))
    if any(each.tried for each in results.tuning):
        procedures.append(TUNING)
    if results.profiles:
        procedures.append(COST)
    if results.programs or any(record.env.get("mode") for record in results.records):
        procedures.append(MODES)
    if results.summaries:
        procedures.append(DESCRIPTION)
    environments = results.provenance.environments
    return MethodsSection(
        tuple(procedures),
        tuple(
            _environment(environment, place, len(environments))
            for place, environment in enumerate(environments[:MOST_ENVIRONMENTS], 1)
        ),
        max(0, len(environments) - MOST_ENVIRONMENTS),
        results.provenance.command,
        _words(not kinds.isdisjoint((Equivalent, NotWorse))),
        _metrics(results),
    )


def _looks(looks: Looks) -> Procedure:
    seeds = ", ".join(map(str, looks.seeds))
    alphas = ", ".join(f"{100 * alpha:.3g}" for alpha in looks.alphas)
    return Procedure(
        "Looks",
        f"Claims were looked at with {seeds} seeds, or rounds of timing, each look at a level of "
        f"its own ({alphas} %), together α = {percent_text(looks.alpha)}, divided by the number of "
        "primary claims. A claim stops at the first look that decides it, and its arms get no more "
        "seeds for it. A look that is not complete is not taken. By the union bound over looks "
        "this holds whatever the rule to stop is; a p value is that of the look where the claim "
        "stands, over the look's share of α.",
        "Bonferroni's inequality",
    )


def _environment(env: Mapping[str, str], place: int, count: int) -> Table:
    return Table(
        "Environment" + (f" {place} of {count}, most frequent first" if count > 1 else ""),
        (Column("Name"), Column("Value", "code")),
        tuple(row(str(name), str(value)) for name, value in env.items()),
    )


def _words(has_others: bool) -> Table:
    others = "; what they mean of equivalence or non-inferiority stands above" * has_others
    return Table(
        f"Verdict words, for a claim that an effect is at least δ{others}.",
        (Column("Word"), Column("Meaning")),
        tuple(
            row(Cell(word, mark=MARKS[word], tone=appearance.tone), appearance.meaning)
            for word, appearance in APPEARANCES.items()
        ),
        stack=True,
    )


def _metrics(results: Results) -> Table:
    by_layer = dict.fromkeys(name for record in results.records for name in record.layers)
    metrics = dict.fromkeys(
        [
            *(verdict.metric for verdict in results.verdicts),
            *(metric_of(results.declaration, verdict.claim.metric) for verdict in results.verdicts),
            *table_order(results),
            metric_of(results.declaration, results.declaration.objective),
            *(metric_of(results.declaration, name) for name in by_layer),
        ]
    )
    rows = []
    for metric in metrics:
        unit = {"fraction": "per cent; differences in percentage points (pp)"}.get(
            metric.unit, metric.unit or "no unit"
        ) + ("; compared by ratio" if metric.relative else "")
        better = f"{metric.better} is better" if metric.better else "neither direction is better"
        rows.append(row(metric.title, metric.meaning, unit, better))
    return Table(
        "Metrics.",
        (Column("Metric"), Column("Meaning"), Column("Unit"), Column("Direction")),
        tuple(rows),
        stack=True,
    )
