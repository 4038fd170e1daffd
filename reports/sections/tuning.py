"""Tuning: what was searched in each arm, how much, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.optimism import Optimism, how_chosen, marked, on_edges
from harness.judging.results import ArmTuning, Results
from harness.study.formatting import (
    effect_text,
    in_sentence,
    level_text,
    margin_text,
    number_text,
    plural,
)
from harness.study.metrics import Metric
from harness.study.searching import PLACES

from ..figures.canvas import Picture
from ..figures.tuning import draw_tried, tried
from ..levels import levels_of
from ..table import Cell, Column, Table, row
from ..text import metric_of


@dataclass(frozen=True)
class TuningSection:
    """Warnings first, then figures, then tables: what was chosen, and how far to trust it."""

    lead: str
    edges: tuple[str, ...]
    figures: tuple[Picture, ...]
    table: Table
    trust: Table | None


def tuning_section(results: Results) -> TuningSection | None:
    """Work out the section; ``None`` where the study tunes nothing."""
    if not results.tuning:
        return None
    objective = metric_of(results.declaration, results.declaration.objective)
    lead = f"Chosen by {in_sentence(objective.title)}, on a seed that no verdict uses."
    if any(each.confirmed for each in results.tuning):
        lead = (
            f"Chosen by {in_sentence(objective.title)}, on seeds that no verdict uses: "
            f"{how_chosen(results.tuning)}."
        )
    if not any(each.tried for each in results.tuning):
        lead = "Nothing was tuned: every arm used what the study declares as default."
    return TuningSection(
        lead,
        tuple(on_edges(results.tuning)),
        tuple(draw_tried(each) for each in tried(results.tuning, objective, levels_of(results))),
        _table(results.tuning),
        _trust(results, objective),
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


def _table(tuning: tuple[ArmTuning, ...]) -> Table:
    rows = []
    for tuned_arm in tuning:
        at_end = marked(tuned_arm)
        tuned = tuned_arm.how == "tuned"
        again = [value for _, reached in tuned_arm.confirmed for value in reached]
        failed = [value for _, value in tuned_arm.tried] + again
        rows.append(
            row(
                tuned_arm.arm,
                tuned_arm.setting,
                f"{number_text(tuned_arm.low)} to {number_text(tuned_arm.high)}"
                + (", log" if tuned_arm.log else ""),
                Cell(
                    plural(len(tuned_arm.tried) + len(again), "trial"),
                    note=f"{len(again)} of them to confirm" if again else "",
                ),
                str(sum(value is None or not math.isfinite(value) for value in failed)),
                Cell(
                    number_text(tuned_arm.chosen),
                    note=at_end,
                    mark="⚠" if at_end else "",
                    tone="open" if at_end else "",
                ),
                Cell(tuned_arm.how, mark="" if tuned else "⚠", tone="" if tuned else "open"),
            )
        )
    return Table(
        "Spaces, budgets and choices.",
        (
            Column("Arm"),
            Column("Setting"),
            Column("Space"),
            Column("Budget", "number"),
            Column("Failed", "number"),
            Column("Chosen", "number"),
            Column("How"),
        ),
        tuple(rows),
    )


def _trust(results: Results, metric: Metric) -> Table | None:
    """Set what tuning promised beside what came; ``None`` where nothing was chosen by tuning."""
    found = results.optimism
    if not found:
        return None
    marks: dict[str, list[str]] = {}
    for chosen in results.tuning:
        if at_end := marked(chosen):
            marks.setdefault(chosen.arm, []).append(f"{chosen.setting}: {at_end}")
    fresh = max(len(own[1]) for one in results.tuning for own in one.confirmed or ((0, ()),))
    rows = []
    for each in found:
        at_ends = marks.get(each.arm, [])
        cells = [
            Cell(each.arm),
            Cell(_level(metric, each.tuned)),
            Cell(_level(metric, each.confirmed)),
            Cell(_level(metric, each.evaluated), note=_sd(metric, each)),
            Cell(
                _apart(metric, each.too_good),
                note=f"confirmed: {_apart(metric, each.confirmed_too_good)}"
                if math.isfinite(each.confirmed_too_good)
                else "",
            ),
            Cell(
                _apart(metric, each.spread, signed=False),
                note=f"{each.among} only" if 1 < each.among < len(PLACES) else "",
            ),
            Cell(
                "; ".join(at_ends) or "–",
                mark="⚠" if at_ends else "",
                tone="open" if at_ends else "",
            ),
        ]
        rows.append(tuple(cells if fresh else cells[:2] + cells[3:]))
    columns = [
        Column("Arm"),
        Column("Tuned", "number"),
        Column("Confirmed", "number"),
        Column("Evaluated", "number"),
        Column("Too good by", "number"),
        Column(f"Best {len(PLACES)} within", "number"),
        Column("At an end"),
    ]
    several = any(len(each.tried) > 1 for each in results.tuning)
    lucky = ", too good on average because they were among its best" if several else ""
    confirmed = f"“Confirmed” their mean on {plural(fresh, 'fresh seed')}, " if fresh else ""
    return Table(
        f"How far tuning can be trusted: {in_sentence(metric.title)}. “Tuned” is what the chosen "
        f"settings reached in the search{lucky}; {confirmed}“Evaluated” the mean of the arm's "
        "evaluation trials, with its standard deviation (sd) over seeds; “Too good by” is tuned "
        "against evaluated, positive where tuning promised too much. Where the best "
        f"{len(PLACES)} lie within less than the sd, which of them was chosen may be chance.",
        tuple(columns if fresh else columns[:2] + columns[3:]),
        tuple(rows),
    )


def _level(metric: Metric, value: float) -> str:
    return level_text(metric, value) if math.isfinite(value) else "–"


def _apart(metric: Metric, value: float, *, signed: bool = True) -> str:
    if not math.isfinite(value):
        return "–"
    return effect_text(metric, value) if signed else margin_text(metric, value)


def _sd(metric: Metric, each: Optimism) -> str:
    if not math.isfinite(each.sd):
        return ""
    printed = level_text if metric.relative else margin_text
    return f"sd {printed(metric, each.sd)}"
