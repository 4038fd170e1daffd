"""Factors: main effects, interaction, and the means of all arms."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.results import Results
from harness.summary import ArmSummary
from reports.figures.canvas import Picture
from reports.figures.crossed import crossed, draw_heat, draw_lines, has_lines
from reports.figures.dots import arm_dots, draw_dots, level_dots
from reports.table import Cell, Column, Table, row
from reports.text import level_text, metric_of, spread_text

MOST_METRICS = 3
"""Metrics that have figures; the table of means holds all."""


@dataclass(frozen=True)
class FactorsSection:
    """Figures by metric, and the table of means."""

    figures: tuple[tuple[str, tuple[Picture, ...]], ...]
    means: Table | None
    left_out: tuple[str, ...]


def factors_section(results: Results) -> FactorsSection:
    """Work out the section: metrics of claims first, then test accuracy."""
    known = {each.metric for each in results.summaries if math.isfinite(each.mean)}
    wanted = [verdict.claim.metric for verdict in results.verdicts]
    if not any(name.startswith("test_") for name in wanted):
        wanted += [name for name in ("test_accuracy", "test_loss") if name in known][:1]
    shown = [name for name in dict.fromkeys(wanted) if name in known]
    return FactorsSection(
        tuple((metric_of(name).title, _figures(results, name)) for name in shown[:MOST_METRICS]),
        _means(results),
        tuple(metric_of(name).title for name in shown[MOST_METRICS:]),
    )


def _figures(results: Results, metric: str) -> tuple[Picture, ...]:
    out = []
    several = len(results.study.factors) > 1
    if several and (levels := level_dots(results, metric)):
        out.append(draw_dots(levels))
    both = crossed(results, metric)
    if both:
        out.append(draw_heat(both))
        if has_lines(both):
            out.append(draw_lines(both))
    elif arms := arm_dots(results, metric):
        out.append(draw_dots(arms))
    return tuple(out)


def _means(results: Results) -> Table | None:
    arms = [each for each in results.summaries if not each.factor]
    if not arms:
        return None
    metrics = list(dict.fromkeys(each.metric for each in arms))
    found = {(each.group, each.metric): each for each in arms}
    rows = []
    for number, arm in enumerate(results.arms, 1):
        of_arm = [found[arm.name, name] for name in metrics if (arm.name, name) in found]
        n = max((each.n for each in of_arm), default=0)
        failed = max((each.failed for each in of_arm), default=0)
        rows.append(
            row(
                f"{number}. {arm.name}",
                *(_mean(found.get((arm.name, name)), name) for name in metrics),
                str(n),
                Cell(str(failed), mark="×", tone="bad") if failed else "0",
            )
        )
    return Table(
        "Mean of each arm with its 95 % t interval over seeds, not corrected and cut at the "
        "metric's range: for description. n: seeds that finished.",
        (
            Column("Arm"),
            *(Column(metric_of(name).title, "number") for name in metrics),
            Column("n", "number"),
            Column("failed", "number"),
        ),
        tuple(rows),
    )


def _mean(summary: ArmSummary | None, name: str) -> Cell:
    metric = metric_of(name)
    if summary is None:
        return Cell("–")
    return Cell(
        level_text(metric, summary.mean), note=spread_text(metric, summary.low, summary.high)
    )
