"""A section for each claim: what was said, what was seen, and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.claims import Equivalent, Higher, Interaction
from harness.pairs import comparable
from harness.profiles import Profile
from harness.results import Results
from harness.verdicts import MARKS, Verdict
from reports.figures.canvas import Picture
from reports.figures.curves import curves_of, draw_curves
from reports.figures.paired import draw_paired, paired
from reports.sections.opening import family_name, interval_name, verdict_cell
from reports.table import Cell, Column, Table, row
from reports.text import (
    DASH,
    effect_text,
    interval_text,
    join,
    level_text,
    margin_text,
    p_text,
    percent_text,
    plural,
    rho_text,
)
from reports.words import LOOKS


@dataclass(frozen=True)
class ClaimSection:
    """One claim as printed."""

    number: int
    anchor: str
    kind: str
    metric: str
    text: str
    source: str
    sides: tuple[str, str]
    verdict: Cell
    facts: tuple[tuple[str, str, str], ...]
    reason: str
    change: str
    figures: tuple[Picture, ...]
    checks: Table
    looks: Table | None
    numbers: Table | None


def claim_sections(results: Results) -> tuple[ClaimSection, ...]:
    """Work out the section of every claim."""
    return tuple(
        _section(results, number, verdict) for number, verdict in enumerate(results.verdicts, 1)
    )


def _section(results: Results, number: int, verdict: Verdict) -> ClaimSection:
    metric = verdict.metric
    family = results.verdicts if verdict.claim.primary else ()
    interval = interval_name([verdict]) + family_name(family)
    figures = []
    if values := paired(verdict, interval):
        figures.append(draw_paired(values, interval))
    if curves := curves_of(results, verdict):
        figures.append(draw_curves(curves))
    facts = (
        ("Effect", effect_text(metric, verdict.effect), "mean over seeds"),
        ("Interval", interval_text(metric, verdict.low, verdict.high), interval),
        ("Margin δ", margin_text(metric, verdict.claim.by), "declared beforehand"),
        ("p, adjusted", p_text(verdict.p_adjusted), "against no difference"),
        ("Wins", f"{verdict.wins} of {verdict.n}", "seeds with a difference above 0"),
    )
    return ClaimSection(
        number, f"claim-{number}", verdict.claim.kind, metric.title, verdict.claim.text,
        verdict.claim.source, verdict.claim.sides(), verdict_cell(verdict), facts, verdict.reason,
        verdict.change, tuple(figures), _checks(results, verdict), _looks(verdict),
        _numbers(verdict),
    )  # fmt: skip


def _checks(results: Results, verdict: Verdict) -> Table:
    metric = verdict.metric
    rho = verdict.rho
    pairing = (
        "undefined here"
        if not math.isfinite(rho)
        else "above 0: what seeds share cancels in the differences"
        if rho > 0
        else "not above 0: nothing that seeds share cancels in the differences"
    )
    agree = _agreement(verdict)
    rows = [
        row("Correlation of the two sides, ρ", rho_text(rho), pairing),
        row("Paired t test, p", p_text(verdict.p_t), "assumes roughly normal differences"),
        row("Sign-flip permutation test, p", p_text(verdict.p_permutation), agree),
        row("Larger of the two, p", p_text(verdict.p), "the one that counts, before adjustment"),
        row(
            "Standard deviation of the differences",
            margin_text(metric, verdict.sd) if math.isfinite(verdict.sd) else DASH,
            "over seeds",
        ),
        row("Median difference", effect_text(metric, verdict.median), _skew(verdict)),
        row(
            "Failed trials in these arms",
            Cell(str(verdict.failed), mark="×", tone="bad") if verdict.failed else "0",
            "an outcome of its own; never turned into a number",
        ),
        row(
            "Seeds left out",
            Cell(str(verdict.missing), mark="×", tone="bad") if verdict.missing else "0",
            "because a trial failed or is missing",
        ),
    ]
    rows += [
        row(
            name[0].upper() + name[1:],
            percent_text(value) if verdict.metric.name == "failed" else p_text(value),
            "describes, and decides nothing",
        )
        for name, value in verdict.beside.items()
    ]
    if confound := confounds(results, verdict):
        rows.append(row("Sides differ also in", Cell(confound, mark="≠", tone="open"), "see Cost"))
    return Table(
        "Assumptions and outcomes behind the verdict.",
        (Column("Check"), Column("Value", "number"), Column("Reading")),
        tuple(rows),
        stack=True,
    )


def _looks(verdict: Verdict) -> Table | None:
    """One row a look; ``None`` where there was one alone."""
    if len(verdict.looks) < 2:
        return None
    metric = verdict.metric
    return Table(
        "Each look at its own level, with the verdict were it the only one; the claim stopped at "
        "the last.",
        (
            Column("Look"),
            Column("Effect", "number"),
            Column("Interval", "number"),
            Column("Verdict"),
        ),
        tuple(
            row(
                plural(look.n, "seed"),
                effect_text(metric, look.effect),
                interval_text(metric, look.low, look.high),
                Cell(look.word, mark=MARKS[look.word], tone=LOOKS[look.word].tone),
            )
            for look in verdict.looks
        ),
        stack=True,
    )


def _agreement(verdict: Verdict) -> str:
    if not math.isfinite(verdict.p_permutation):
        return "used from 8 seeds on"
    if not math.isfinite(verdict.p_t):
        return "makes no assumption of normality"
    both = (verdict.p_t < 0.05) == (verdict.p_permutation < 0.05)
    return "no normality assumed; " + (
        "agrees with t at 5 %" if both else "disagrees with t at 5 %"
    )


def _skew(verdict: Verdict) -> str:
    if not (math.isfinite(verdict.median) and math.isfinite(verdict.effect)):
        return ""
    same = verdict.median * verdict.effect >= 0
    return "same sign as the mean" if same else "of the other sign than the mean: outliers decide"


def confounds(results: Results, verdict: Verdict) -> str:
    """Name the costs in which the two sides of a comparison differ, where profiles tell."""
    if not isinstance(verdict.claim, Higher | Equivalent):
        return ""
    partials = results.study.partials(verdict.claim, results.scale)
    groups = comparable(results.arms, partials)
    if not all(arm.name in results.profiles for group in groups for arm in group):
        return ""
    sides = [[results.profiles[arm.name] for arm in group] for group in groups]
    return join(
        name
        for name, field in (
            ("parameters", "parameters"),
            ("FLOPs per step", "flops_per_step"),
            ("steps", "steps"),
            ("samples", "samples"),
        )
        if _values(sides[0], field) != _values(sides[1], field)
    )


def _values(profiles: Sequence[Profile], field: str) -> list[int]:
    return sorted(getattr(profile, field) for profile in profiles)


def _numbers(verdict: Verdict) -> Table | None:
    if not verdict.seeds:
        return None
    metric = verdict.metric
    first, second = verdict.claim.sides()
    level = effect_text if isinstance(verdict.claim, Interaction) else level_text
    rows = [
        row(str(seed), level(metric, a), level(metric, b), effect_text(metric, a - b))
        for seed, a, b in zip(verdict.seeds, verdict.first, verdict.second, strict=False)
    ]
    rows.append(row("mean", DASH, DASH, effect_text(metric, verdict.effect)))
    return Table(
        f"{metric.title} in each of {plural(len(verdict.seeds), 'seed')}.",
        (
            Column("Seed"),
            Column(first, "number"),
            Column(second, "number"),
            Column("difference", "number"),
        ),
        tuple(rows),
    )
