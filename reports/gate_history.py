"""The page of all gates over time: charts of what varies, and a table of what never did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.gate.history import Series, series_of
from harness.gate.words import pair_text, value_text
from harness.study.formatting import DASH, plural

from .figures.canvas import Picture
from .figures.over_time import draw_series
from .render import render
from .table import Cell, Column, Table, row

MOST_SERIES = 60
"""Charts of a page; the rest is in its tables."""

FEWEST_POINTS = 3
"""Gates of a figure from which on it has a chart: one or two values are read from a table."""


@dataclass(frozen=True)
class Machines:
    """What the page prints of one kind of machine.

    Attributes:
        title: its name.
        figures: charts of what varies.
        undrawn: why figures that vary have none; empty where all have.
        levels: what varies; ``None`` where nothing does.
        steady: what never varied, if only as it was measured once; ``None`` where all varies.
        folded: what stands above that table, which is folded away.
    """

    title: str
    figures: tuple[Picture, ...]
    undrawn: str
    levels: Table | None
    steady: Table | None
    folded: str


@dataclass(frozen=True)
class HistoryPage:
    """What the page of a history prints."""

    title: str
    said: str
    enough: str
    unread: tuple[str, ...]
    groups: tuple[Machines, ...]


def render_history(lines: Sequence[dict[str, Any]], unread: Sequence[str] = ()) -> str:
    """Return the page of a history as HTML that needs nothing else.

    Args:
        lines: what :func:`harness.gate.history.read` returned first.
        unread: what it returned second.
    """
    return render("history.html.j2", page=history_page(lines, unread))


def history_page(lines: Sequence[dict[str, Any]], unread: Sequence[str] = ()) -> HistoryPage:
    """Work the page of a history out: one part for each kind of machine."""
    every = series_of(lines)
    groups, room = [], MOST_SERIES
    for name in dict.fromkeys(each.fingerprint for each in every):
        own = sorted((each for each in every if each.fingerprint == name), key=_place)
        groups.append(_machines(own, room))
        room -= len(groups[-1].figures)
    return HistoryPage(
        _title(lines, len(groups)), _said(lines, every), _enough(every), tuple(unread),
        tuple(groups),
    )  # fmt: skip


def _title(lines: Sequence[dict[str, Any]], machines: int) -> str:
    errors = sum(line["answer"] == "error" for line in lines)
    failed = f", {errors} of them {'an error' if errors == 1 else 'errors'}" if errors else ""
    kinds = plural(machines, "kind of machine", "kinds of machines")
    return f"{plural(len(lines), 'gate')}{failed} · {kinds}"


def _said(lines: Sequence[dict[str, Any]], every: Sequence[Series]) -> str:
    moved = sum(bool(each.changes) for each in every)
    enough = sum(not each.lacking for each in every)
    if not lines:
        return "No gate has written a line yet."
    if not every:
        return "No gate could measure a figure."
    if moved:
        whose = "its level" if moved == 1 else "their levels"
        return f"{moved} of {plural(len(every), 'figure')} changed {whose}."
    if not enough:
        return "Too few gates to show a change of level."
    told = "with enough gates " if enough < len(every) else ""
    return f"None of {plural(enough, 'figure')} {told}changed its level."


def _enough(every: Sequence[Series]) -> str:
    """Say how many figures could show a change by now, and how many must wait."""
    waiting = [each for each in every if each.lacking]
    if not every:
        return ""
    if not waiting:
        return "All figures have enough gates to show a change."
    needs = sorted({(each.needed, each.basis == "exact") for each in waiting})
    told = " and ".join(
        f"{count} gates if it is the same in every process"
        if exact
        else f"{count} gates if it is measured ({count // 2} on either side of a change)"
        for count, exact in needs
    )
    enough = len(every) - len(waiting)
    have = f"{plural(enough, 'figure has', 'figures have')} enough gates to show a change, and "
    must = f"{len(waiting)} must wait" if enough else f"{plural(len(waiting), 'figure')} must wait"
    return f"{have if enough else ''}{must}. A figure needs {told}."


def _place(series: Series) -> tuple[bool, str, str]:
    """Put what changed first."""
    return not series.changes, series.benchmark, series.figure


def _machines(own: Sequence[Series], room: int) -> Machines:
    varies = [each for each in own if each.varies]
    steady = [each for each in own if not each.varies]
    drawable = [each for each in varies if len(each.points) >= FEWEST_POINTS]
    few = sum(len(each.points) < FEWEST_POINTS for each in own)
    drawn = drawable[: max(0, room)]
    return Machines(
        f"{own[0].machine or 'A machine'}, {own[0].fingerprint}",
        tuple(map(draw_series, drawn)),
        _undrawn(few, len(drawable) - len(drawn)),
        _levels(varies) if varies else None,
        _steady(steady) if steady else None,
        _folded(steady),
    )


def _undrawn(few: int, many: int) -> str:
    said = []
    if few:
        said.append(
            f"No chart of {plural(few, 'figure')}: fewer than {FEWEST_POINTS} gates measured "
            f"{'it' if few == 1 else 'them'}, and a table has all there is."
        )
    if many:
        said.append(f"No chart of {plural(many, 'further figure')}, which the table has.")
    return " ".join(said)


def _levels(every: Sequence[Series]) -> Table:
    return Table(
        "First and newest value, and where the level changed last, and how often before (p ≤ "
        "0.001; of what is the same in every process, each difference).",
        (Column("Figure"), Column("Gates", "number"), Column("First", "number"),
         Column("Newest", "number"), Column("Changed at")),
        tuple(
            row(
                Cell(each.figure, note=each.benchmark),
                str(len(each.points)),
                *pair_text(each.points[0].value, each.points[-1].value, each.unit),
                _changed(each),
            )
            for each in every
        ),
        stack=True,
    )  # fmt: skip


def _changed(series: Series) -> Cell:
    if series.lacking:
        return Cell(f"can be told in {plural(series.lacking, 'gate')}", tone="muted")
    if not series.changes:
        return Cell(DASH)
    newest = series.points[series.changes[-1]]
    before = len(series.changes) - 1
    return Cell(
        newest.commit[:7] or "unnamed", mark="⚠", tone="open",
        note=newest.time[:10] + (f", {before} before" if before else ""),
    )  # fmt: skip


def _folded(every: Sequence[Series]) -> str:
    if all(len(each.points) == 1 for each in every):
        return f"{plural(len(every), 'figure')}, measured by one gate so far"
    were = "that was" if len(every) == 1 else "that were"
    return f"{plural(len(every), 'figure')} {were} the same in all gates"


def _steady(every: Sequence[Series]) -> Table:
    return Table(
        "The same number in all gates that measured it.",
        (Column("Figure"), Column("Gates", "number"), Column("Value", "number")),
        tuple(
            row(
                Cell(each.figure, note=each.benchmark),
                str(len(each.points)),
                value_text(each.points[0].value, each.unit),
            )
            for each in every
        ),
        stack=True,
    )
