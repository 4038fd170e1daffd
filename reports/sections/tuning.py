"""Tuning: what was searched in each arm, how much, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.results import ArmTuning, Results, on_edges
from harness.study.formatting import level_text, number_text, plural
from harness.study.metrics import Metric

from ..figures.canvas import Picture
from ..figures.tuning import draw_tried, tried
from ..table import Cell, Column, Table, row
from ..text import in_title, metric_of


@dataclass(frozen=True)
class TuningSection:
    """Warnings first, then the figure, then the table."""

    lead: str
    edges: tuple[str, ...]
    figures: tuple[Picture, ...]
    table: Table


def tuning_section(results: Results) -> TuningSection | None:
    """Work out the section; ``None`` where the study tunes nothing."""
    if not results.tuning:
        return None
    objective = metric_of(results.declaration, results.declaration.objective)
    lead = f"Chosen by {in_title(objective)}, on a seed that no verdict uses."
    if not any(each.tried for each in results.tuning):
        lead = "Nothing was tuned: every arm used what the study declares as default."
    return TuningSection(
        lead,
        tuple(on_edges(results.tuning)),
        tuple(draw_tried(each) for each in tried(results.tuning, objective)),
        _table(results.tuning, objective),
    )


def untuned(results: Results) -> str:
    """Say why there is no such section."""
    if not results.declaration.tuned:
        return "Nothing is tuned in this study."
    return (
        "No setting has been chosen: tuning has not ended in any arm, or no arm depends on what is "
        "tuned."
    )


def _table(tuning: tuple[ArmTuning, ...], metric: Metric) -> Table:
    rows = []
    for each in tuning:
        reached = dict(each.tried).get(each.chosen)
        tuned = each.how == "tuned"
        rows.append(
            row(
                each.arm,
                each.setting,
                f"{number_text(each.low)} to {number_text(each.high)}{', log' if each.log else ''}",
                plural(len(each.tried), "trial"),
                str(sum(value is None or not math.isfinite(value) for _, value in each.tried)),
                Cell(
                    number_text(each.chosen),
                    note=f"at the {each.edge} edge" if each.edge else "",
                    mark="⚠" if each.edge else "",
                    tone="open" if each.edge else "",
                ),
                level_text(metric, reached) if reached is not None else "–",
                Cell(each.how, mark="" if tuned else "⚠", tone="" if tuned else "open"),
            )
        )
    several = any(len(each.tried) > 1 for each in tuning)
    caption = (
        f" “{metric.title}” is what the chosen value reached in tuning: the best of several, so "
        "too good by construction."
        if several
        else ""
    )
    return Table(
        f"Spaces, budgets and choices.{caption}",
        (
            Column("Arm"),
            Column("Setting"),
            Column("Space"),
            Column("Budget", "number"),
            Column("Failed", "number"),
            Column("Chosen", "number"),
            Column(metric.title, "number"),
            Column("How"),
        ),
        tuple(rows),
    )
