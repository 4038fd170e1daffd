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
    if results.declaration.source == "results":
        return "These are results of others: how their settings were chosen was not seen."
    if not results.declaration.tuned:
        return "Nothing is tuned in this study."
    if results.declaration.source != "build":
        return "No setting has been chosen: tuning has not ended in any arm."
    return (
        "No setting has been chosen: tuning has not ended in any arm, or no arm depends on what is "
        "tuned."
    )


def _table(tuning: tuple[ArmTuning, ...], metric: Metric) -> Table:
    rows = []
    for tuned_arm in tuning:
        reached = dict(tuned_arm.tried).get(tuned_arm.chosen)
        tuned = tuned_arm.how == "tuned"
        rows.append(
            row(
                tuned_arm.arm,
                tuned_arm.setting,
                f"{number_text(tuned_arm.low)} to {number_text(tuned_arm.high)}"
                + (", log" if tuned_arm.log else ""),
                plural(len(tuned_arm.tried), "trial"),
                str(sum(value is None or not math.isfinite(value) for _, value in tuned_arm.tried)),
                Cell(
                    number_text(tuned_arm.chosen),
                    note=f"at the {tuned_arm.edge} edge" if tuned_arm.edge else "",
                    mark="⚠" if tuned_arm.edge else "",
                    tone="open" if tuned_arm.edge else "",
                ),
                level_text(metric, reached) if reached is not None else "–",
                Cell(tuned_arm.how, mark="" if tuned else "⚠", tone="" if tuned else "open"),
            )
        )
    several = any(len(tuned_arm.tried) > 1 for tuned_arm in tuning)
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
