"""Factors: main effects, interaction, values by layer, and the means of all arms."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.study.formatting import level_text, spread_text
from harness.study.metrics import TESTED, Metric

from ..figures.canvas import Picture
from ..figures.crossed import crossed, draw_heat, draw_lines, has_lines
from ..figures.dots import arm_dots, draw_dots, level_dots
from ..figures.layers import draw_layers, layers_of
from ..table import Cell, Column, Table, row
from ..text import metric_of

MOST_METRICS = 3
"""Metrics that have figures; the tables of means hold all."""

MOST_COLUMNS = 6
"""Metrics that stand side by side in a table that fits the page."""


@dataclass(frozen=True)
class FactorsSection:
    """The means, each in one figure, and again in others and in tables, which are folded away.

    Attributes:
        figures: of each metric, the kind that tells most.
        again: of each metric, the same means in other ways.
        left_out: titles of metrics without figures.
        layers: values by layer.
        means: one row an arm, what matters most.
        more: the other metrics.
    """

    figures: tuple[Picture, ...]
    again: tuple[Picture, ...]
    left_out: tuple[str, ...]
    layers: tuple[Picture, ...]
    means: Table | None
    more: tuple[Table, ...]


def factors_section(results: Results) -> FactorsSection:
    """Work out the section: metrics of claims first, then test accuracy, or the first declared."""
    known = {each.metric for each in results.summaries if math.isfinite(each.mean)}
    wanted = [verdict.claim.metric for verdict in results.verdicts]
    if results.declaration.source != "build":
        # of metrics of one's own, no name says which matters: the first that is declared does
        wanted = wanted or [metric.name for metric in results.declaration.metrics][:1]
    elif not any(name.startswith("test_") for name in wanted):
        wanted += [name for name in TESTED if name in known][:1]
    shown = [
        metric_of(results.declaration, name) for name in dict.fromkeys(wanted) if name in known
    ]
    metrics = table_order(results)
    first = FIRST if results.declaration.source == "build" else DECLARED_FIRST
    parts = [metrics[at : at + MOST_COLUMNS] for at in range(0, len(metrics), MOST_COLUMNS)]
    tables = [
        _means(results, part, first if place == 0 and len(parts) > 1 else "")
        for place, part in enumerate(parts)
    ]
    if results.search is not None:
        shown = []  # its one factor tells settings apart, which have figures of their own
    drawn = [_figures(results, metric) for metric in shown[:MOST_METRICS]]
    return FactorsSection(
        tuple(picture for first, _ in drawn for picture in first),
        tuple(picture for _, others in drawn for picture in others),
        tuple(metric.title for metric in shown[MOST_METRICS:]),
        tuple(draw_layers(values) for values in layers_of(results)),
        tables[0] if tables else None,
        tuple(tables[1:]),
    )


def table_order(results: Results) -> list[Metric]:
    """Return what was recorded: what claims are about, what the study measures, the rest."""
    recorded = dict.fromkeys(each.metric for each in results.summaries)
    first = [
        *(verdict.claim.metric for verdict in results.verdicts),
        *(metric.name for metric in results.declaration.metrics),
        *(TESTED if results.declaration.source == "build" else ()),
    ]
    names = dict.fromkeys([*(name for name in first if name in recorded), *recorded])
    return [metric_of(results.declaration, name) for name in names]


def _figures(results: Results, metric: Metric) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """Draw the means of one metric in each way that there is; return the best, and the others.

    Lines of two factors show their interaction, a heat map more levels of them than lines can, and
    means of levels what each of many factors does.
    """
    several = len(results.declaration.factors) > 1
    kinds: list[tuple[Picture, ...]] = []
    if both := crossed(results, metric):
        kinds += [(draw_lines(both),)] * has_lines(both) + [(draw_heat(both),)]
    if several and (levels := level_dots(results, metric)):
        kinds.append((draw_dots(levels),))
    if not both and (arms := tuple(draw_dots(part) for part in arm_dots(results, metric))):
        kinds.append(arms)
    if not kinds:
        return (), ()
    return kinds[0], tuple(picture for kind in kinds[1:] for picture in kind)


FIRST = " Metrics of claims and of the study's own measures come first; the others stand below."
DECLARED_FIRST = " Metrics of claims come first; the others stand below."


def _means(results: Results, metrics: list[Metric], more: str) -> Table:
    summaries = {
        (summary.group, summary.metric): summary
        for summary in results.summaries
        if not summary.factor
    }
    rows = []
    for number, arm in enumerate(results.arms, 1):
        of_arm = [
            summaries[arm.name, metric.name]
            for metric in metrics
            if (arm.name, metric.name) in summaries
        ]
        n = max((summary.n for summary in of_arm), default=0)
        failed = max((summary.failed for summary in of_arm), default=0)
        rows.append(
            row(
                f"{number}. {arm.name}",
                *(_mean(summaries.get((arm.name, metric.name)), metric) for metric in metrics),
                str(n),
                Cell(str(failed), mark="×", tone="bad") if failed else "0",
            )
        )
    return Table(
        "Mean of each arm with its 95 % t interval over seeds, not corrected and cut at the "
        f"metric's range: for description. n: seeds that finished.{more}",
        (
            Column("Arm"),
            *(Column(metric.title, "number") for metric in metrics),
            Column("n", "number"),
            Column("failed", "number"),
        ),
        tuple(rows),
    )


def _mean(summary: ArmSummary | None, metric: Metric) -> Cell:
    if summary is None:
        return Cell("–")
    return Cell(
        level_text(metric, summary.mean), note=spread_text(metric, summary.low, summary.high)
    )
