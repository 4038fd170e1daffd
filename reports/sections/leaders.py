"""Arms at a glance: in the order of their means, with those that may be the best."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.leaders import Leader, Leaders, leaders
from harness.judging.results import Results
from harness.study.formatting import (
    DASH,
    effect_text,
    interval_text,
    level_text,
    percent_text,
    plural,
    spread_text,
)

from ..figures.canvas import Picture
from ..figures.leaders import draw_leaders, status
from ..levels import levels_of
from ..table import Cell, Column, Table, row


@dataclass(frozen=True)
class LeadersSection:
    """A figure of the first arms, and a table of all."""

    figure: Picture
    table: Table


def leaders_section(results: Results) -> LeadersSection | None:
    """Work the section out; ``None`` of a search, which has one of its own, and without means."""
    ranked = None if results.search is not None else leaders(results)
    if ranked is None or len(ranked.rows) < 2:
        return None
    return LeadersSection(draw_leaders(ranked, levels_of(results)), _table(ranked))


def _table(ranked: Leaders) -> Table:
    metric, sure = ranked.metric, percent_text(ranked.level)
    how = (
        f"May be the best: no other arm is shown to be better, by seed over "
        f"{plural(ranked.seeds, 'seed')}; the truly best of them is among these with {sure}. "
        "Behind: the difference to the arm with the best mean. Its interval is corrected for the "
        "arms of this table, so it is not the interval that a claim has of the same difference."
        if ranked.assessable
        else "Not compared: that takes two arms and 5 seeds at least."
    )
    return Table(
        f"Arms by {metric.title}, best first, with the mean's own 95 % t interval, not corrected. "
        f"{how} An arm with a trial that failed or is missing is not compared.",
        (
            Column("Arm"), Column(metric.title, "number"), Column("Behind", "number"),
            Column("Best?"), Column("n", "number"), Column("failed", "number"),
        ),
        tuple(_row(ranked, each) for each in ranked.rows),
        stack=True,
    )  # fmt: skip


def _row(ranked: Leaders, each: Leader) -> tuple[Cell, ...]:
    metric, own = ranked.metric, each.summary
    compared = each.compared and ranked.assessable
    behind = Cell(DASH)
    if compared and each is not ranked.rows[0]:
        ends = interval_text(metric, each.low, each.high, unit=False)
        behind = Cell(effect_text(metric, each.behind), ends)
    tone = ("good" if each.may_be_best else "none") if compared else "muted"
    mark = ("●" if each.may_be_best else "○") if compared else "·"
    return row(
        own.group,
        Cell(level_text(metric, own.mean), spread_text(metric, own.low, own.high)),
        behind,
        Cell(status(ranked, each), mark=mark, tone=tone),
        str(own.n),
        Cell(str(own.failed), mark="×", tone="bad") if own.failed else "0",
    )
