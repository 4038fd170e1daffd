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
from harness.study.formatting import PER_CENT, percent_text
from harness.study.looks import Looks
from harness.study.metrics import Source

from ..table import Cell, Column, Table, row
from ..text import metric_of
from ..words import APPEARANCES
from .factors import table_order
from .procedures import Procedure, confirming, folded, recorded, taught
from .searched import search_procedures
from .sourced import COST, IDENTICAL, REPLICATE, TUNING, exact, hardly_vary, meaning, until

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
        "Interval",
        "Student's t interval of the mean difference over seeds, at level 1 − α/m for m primary "
        "claims (Bonferroni). Its end on the side of the longer tail is moved out where "
        "differences are skewed: there the half-width is multiplied by 1 + min(20/n, 2 (z − 1)), z "
        "being the sample skewness in standard errors of normal samples, if that is above 1.",
        "Student 1908; Bonferroni's inequality; Dror et al. 2017, arXiv:1709.09500",
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
TIMES = Procedure(
    "Times",
    "In rounds, and not in seeds: in each round every arm that a claim on time looks at is timed "
    "once, in a fresh process of its own, and the next round takes the arms in the opposite "
    "order, so that a machine that grows slower favours none. Compared are logarithms, so that "
    "effects are ratios. One arm is timed twice in each round, as if it were two (A/A): where "
    "the interval of its ratio to itself reaches beyond δ, nothing within that reach is given a "
    "direction or a size.",
)
DECLARED = Procedure(
    "Declarations",
    "What a study claims is kept in its store whenever it is run, reported or explained and "
    "claims something else than before: with the time, and how many results of each claim's arms "
    "there were in that store. Margin, metric, arms, kind, direction, standing and looks count; "
    "another sentence for the same is noted, and no more. What was seen elsewhere, the store "
    "cannot know.",
)
UNKNOWN_WHEN = Procedure(
    "Declarations",
    "Nothing was kept of when these claims were declared, so that it cannot be told whether "
    "results were known by then.",
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
    source = results.declaration.source
    procedures = [
        REPLICATE[source], *recorded(results), *taught(results), COMMON[0], hardly_vary(source),
        *COMMON[1:],
    ]  # fmt: skip
    kinds = {type(verdict.claim) for verdict in results.verdicts}
    procedures += [procedure for kind, procedure in KINDS.items() if kind in kinds]
    if Sooner in kinds:
        procedures.append(until(source))
    if results.verdicts or results.history.removed:
        procedures.append(DECLARED if _kept(results) else UNKNOWN_WHEN)
    if any(verdict.metric.name == "failed" for verdict in results.verdicts):
        procedures.append(FAILURE_RATE)
    if any(verdict.seen.unpaired for verdict in results.verdicts):
        procedures.append(UNPAIRED)
    replicates = {verdict.metric.replicate for verdict in results.verdicts}
    if "" in replicates:
        procedures.append(exact(source))
    if "round" in replicates:
        procedures.append(TIMES)
    procedures += folded(results)
    if results.looks:
        procedures.append(_looks(results.looks))
    if source in TUNING and any(each.tried for each in results.tuning):
        procedures += [TUNING[source], *confirming(results)]
    if results.search is not None:
        procedures = [procedures[0], *search_procedures(results.search), *procedures[1:]]
    if results.profiles:
        procedures.append(COST[source])
    modes = results.programs or any(record.env.get("mode") for record in results.records)
    if source == "build" and modes:
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
        _words(source, not kinds.isdisjoint((Equivalent, NotWorse))),
        _metrics(results),
    )


def _kept(results: Results) -> bool:
    """Whether a store keeps when claims are declared; of results of others, where it tells so."""
    return results.declaration.source != "results" or any(
        results.history.of(place).events for place in range(len(results.verdicts))
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


def _words(source: Source, has_others: bool) -> Table:
    others = "; what they mean of equivalence or non-inferiority stands above" * has_others
    return Table(
        f"Verdict words, for a claim that an effect is at least δ{others}.",
        (Column("Word"), Column("Meaning")),
        tuple(
            row(
                Cell(word, mark=MARKS[word], tone=appearance.tone),
                IDENTICAL[source] if word == "identical" else appearance.meaning,
            )
            for word, appearance in APPEARANCES.items()
            if word != "identical" or source in IDENTICAL
        ),
        stack=True,
    )


def _metrics(results: Results) -> Table:
    by_layer = dict.fromkeys(name for record in results.records for name in record.layers)
    study = results.declaration
    chooses = [metric_of(study, study.objective)] * (study.source == "build" or bool(study.tuned))
    metrics = dict.fromkeys(
        [
            *(verdict.metric for verdict in results.verdicts),
            *(metric_of(results.declaration, verdict.claim.metric) for verdict in results.verdicts),
            *table_order(results),
            *chooses,
            *(metric_of(results.declaration, name) for name in by_layer),
        ]
    )
    rows = []
    for metric in metrics:
        unit = metric.unit or "no unit"
        if metric.unit in PER_CENT:
            unit = "per cent; differences in percentage points (pp)"
        unit += "; compared by ratio" if metric.relative else ""
        better = f"{metric.better} is better" if metric.better else "neither direction is better"
        rows.append(row(metric.title, meaning(results, metric), unit, better))
    return Table(
        "Metrics.",
        (Column("Metric"), Column("Meaning"), Column("Unit"), Column("Direction")),
        tuple(rows),
        stack=True,
    )
