"""The page of a comparison: its answer, what changed, and every effect with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.compared.comparison import Comparison, Group, Pair
from harness.compared.costs import ArmCosts
from harness.compared.declared import Difference
from harness.compared.effects import ArmEffect
from harness.compared.matched import Matched
from harness.compared.sides import Side
from harness.compared.words import (
    MARKS,
    TONES,
    alone_lines,
    answer,
    changes_line,
    corrected,
    cost_text,
    effect_of,
    headline,
    interval_of,
    rank,
    ratio_of,
    same_line,
    title,
)
from harness.judging.verdicts import Verdict
from harness.judging.words import MARKS as VERDICT_MARKS
from harness.study.formatting import DASH, date_text, level_text, plural
from harness.study.metrics import Metric
from harness.terminal.files import utf8, write_whole

from .figures.canvas import Picture
from .figures.compared import claims_picture, curves_picture, effects_picture
from .printing import Printing
from .render import Written, render
from .table import Cell, Column, Table, row, shortened
from .text import in_title
from .words import APPEARANCES

MOST_CURVES = 12
"""Figures of curves of a group; each arm has one for each metric."""

FEW_CHANGES = 12
"""Changes of one kind that are shown at once; more are folded away."""


@dataclass(frozen=True)
class Effects:
    """One metric in all arms that both runs have."""

    title: str
    picture: Picture | None
    table: Table


@dataclass(frozen=True)
class PairSection:
    """One run against its base.

    ``changes`` are tables of what differs, each with what it is called where it is folded away.
    """

    anchor: str
    title: str
    answer: str
    verdicts: Table | None
    claims: Picture | None
    changed: str
    changes: tuple[tuple[str, Table], ...]
    same: str
    unknown: tuple[str, ...]
    effects: tuple[Effects, ...]
    costs: Table | None
    cost_notes: tuple[str, ...]
    alone: tuple[str, ...]


@dataclass(frozen=True)
class CurvesPart:
    """Learning curves of the arms of a group."""

    title: str
    pictures: tuple[Picture, ...]
    left_out: int


@dataclass(frozen=True)
class ComparedPage:
    """Everything that the template prints, in the order printed."""

    title: str
    tally: tuple[Cell, ...]
    answer: str
    changed: str
    runs: Table
    pairs: tuple[PairSection, ...]
    curves: tuple[CurvesPart, ...]
    alone: tuple[str, ...]
    warnings: tuple[str, ...]
    methods: tuple[tuple[str, str], ...]


def write_comparison(comparison: Comparison, folder: Path, printing: Printing) -> Written:
    """Write ``compare.html``, and begin its PDF; wait for that by :meth:`Written.finished`.

    Args:
        comparison: what is reported.
        folder: where.
        printing: makes the PDF.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    page = compared_page(comparison)
    text = render("compare.html.j2", page=page)
    html = write_whole(folder / "compare.html", utf8(text))
    printed = shortened(page)
    printing.begin(text if printed is page else render("compare.html.j2", page=printed))
    return Written(html, None, printing=printing)


def render_comparison(comparison: Comparison) -> str:
    """Return the page as HTML that needs nothing else; the same comparison, the same text."""
    return render("compare.html.j2", page=compared_page(comparison))


def compared_page(comparison: Comparison) -> ComparedPage:
    """Work the page out; pure."""
    pairs = comparison.pairs
    one = len(pairs) == 1
    return ComparedPage(
        title(pairs[0]) if one else headline(comparison),
        _tally(pairs),
        _rest(answer(pairs[0]), title(pairs[0])) if one else "",
        changes_line(pairs[0]) if one else "",
        _runs(comparison),
        tuple(_pair(pair, number, comparison) for number, pair in enumerate(pairs, 1)),
        tuple(filter(None, (_curves(group) for group in comparison.groups))),
        tuple(f"In {label} alone: {what}." for label, what in comparison.alone),
        _warnings(comparison),
        _methods(comparison),
    )


def _rest(said: str, before: str) -> str:
    """Return what an answer says beyond its title."""
    rest = said.removeprefix(before).lstrip(":; ") if said.startswith(before) else said
    return rest[:1].upper() + rest[1:] if rest.strip(".") else ""


# ---- the top ------------------------------------------------------------------------------------


def _tally(pairs: Sequence[Pair]) -> tuple[Cell, ...]:
    claims = [each for pair in pairs for each in pair.claims.matched]
    effects = [each for pair in pairs for each in pair.effects]
    counts = (
        ("for the worse", sum(each.step < 0 for each in claims), "▼", "bad", "verdict"),
        ("for the better", sum(each.step > 0 for each in claims), "▲", "good", "verdict"),
        ("of another word", sum(each.changed and not each.step for each in claims), "◇", "open",
         "verdict"),
        ("the same", sum(not each.changed for each in claims), "=", "same", "verdict"),
        ("surely worse", sum(each.finding == "worse" for each in effects), "▼", "bad", "result"),
        ("surely better", sum(each.finding == "better" for each in effects), "▲", "good", "result"),
    )  # fmt: skip
    return tuple(
        Cell(f"{plural(count, noun)} {what}", mark=mark, tone=tone)
        for what, count, mark, tone, noun in counts
        if count
    )


def _runs(comparison: Comparison) -> Table:
    sides = {
        (side.label, side.study): (side, number == 0)
        for group in comparison.groups
        for number, side in enumerate(group.sides)
    }
    rows = [_run(side, base=base) for side, base in sides.values()]
    return Table(
        "What is compared. The base comes first; every effect is the other run less the base.",
        (Column("Run"), Column("Study and scale"), Column("Arms × seeds", "number"),
         Column("Failed trials", "number"), Column("Revision"), Column("Date")),
        tuple(rows),
        stack=True,
    )  # fmt: skip


def _run(side: Side, *, base: bool) -> tuple[Cell, ...]:
    results = side.results
    failed = sum(record.state == "failed" for record in side.trials.values())
    made = results.provenance
    return row(
        Cell(f"{side.label}{', the base' if base else ''}", note=side.named),
        Cell(f"{side.declaration.name}, {side.declaration.scale}",
             note=side.declaration.question),
        f"{len(results.arms)} × {'up to ' if results.looks else ''}{len(results.seeds)}",
        str(failed),
        made.revision or DASH,
        date_text(made.date) if made.date else DASH,
    )  # fmt: skip


def _warnings(comparison: Comparison) -> tuple[str, ...]:
    sides = {(side.label, side.study): side for group in comparison.groups for side in group.sides}
    every: dict[str, list[str]] = {}
    for side in sides.values():
        for said in side.results.warnings:
            every.setdefault(said, []).append(side.label)
    return tuple(f"{' and '.join(dict.fromkeys(labels))}: {said}" for said, labels in every.items())


# ---- one run against its base -------------------------------------------------------------------


def _pair(pair: Pair, number: int, comparison: Comparison) -> PairSection:
    metrics = {each.metric.name: each.metric for each in pair.effects}
    names = dict.fromkeys(f"{name}, {scale}" for name, scale in (pair.base.study, pair.other.study))
    return PairSection(
        f"pair-{number}",
        f"{pair.other.label} against {pair.base.label}: {' and '.join(names)}",
        answer(pair),
        _verdicts(pair, comparison) if pair.claims.matched else None,
        claims_picture(pair),
        changes_line(pair),
        _changes(pair),
        same_line(pair),
        pair.unknown,
        tuple(_effects(pair, metric, comparison) for metric in metrics.values()),
        _costs(pair) if pair.costs.arms else None,
        pair.costs.notes,
        tuple(alone_lines(pair)),
    )


def _verdicts(pair: Pair, comparison: Comparison) -> Table:
    base, other = pair.base.label, pair.other.label
    return Table(
        f"Every claim that both runs have, changed verdicts first. Effects have the interval that "
        f"their verdict was read from. {other} − {base}: the difference of both effects. "
        f"{corrected(comparison)}",
        (Column("Claim"), Column("Became"), Column(f"In {base}"), Column(f"In {other}"),
         Column(f"{other} − {base}", "number")),
        tuple(_claim(each) for each in pair.claims.matched),
        stack=True,
    )  # fmt: skip


def _claim(each: Matched) -> tuple[Cell, ...]:
    told = "; ".join(
        f"{one.what}: {one.before} → {one.after}" for one in (*each.changes, *each.reworded)
    )
    interval = interval_of(each.base.metric, each.seen)
    return row(
        Cell(each.base.claim.text, note=f"changed: {told}" if told else ""),
        _became(each),
        _verdict(each.base),
        _verdict(each.other),
        Cell(
            effect_of(each.base.metric, each.seen),
            note="; ".join(filter(None, (interval, each.why))),
        ),
    )


def _became(each: Matched) -> Cell:
    if each.step < 0:
        return Cell("worse", mark="▼", tone="bad")
    if each.step > 0:
        return Cell("better", mark="▲", tone="good")
    if each.changed:
        return Cell("another word", mark="◇", tone="open")
    return Cell("the same", mark="=", tone="same")


def _verdict(verdict: Verdict) -> Cell:
    effect = effect_of(verdict.metric, verdict.seen)
    interval = interval_of(verdict.metric, verdict.seen)
    return Cell(
        verdict.word,
        mark=VERDICT_MARKS[verdict.word],
        tone=APPEARANCES[verdict.word].tone,
        note=f"{effect} {interval}; n = {verdict.seen.count}" if verdict.seen.n else "",
    )


def _changes(pair: Pair) -> tuple[tuple[str, Table], ...]:
    """Return tables of what changed: all but code, and code; long ones are folded away."""
    code = [each for each in pair.differences if each.area == "code"]
    rest = [each for each in pair.differences if each.area != "code"]
    out = []
    if rest:
        out.append(("" if len(rest) <= FEW_CHANGES else f"All {len(rest)} changes",
                    _change_table("What was declared and run.", rest, pair)))  # fmt: skip
    if code:
        out.append(
            (plural(len(code), "part") + " of the code changed",
             _change_table(
                 "Parts of the code that keys rest on, each with a short hash of its text.", code,
                 pair))
        )  # fmt: skip
    return tuple(out)


def _change_table(caption: str, rows: Sequence[Difference], pair: Pair) -> Table:
    return Table(
        caption,
        (Column("What changed"), Column(f"In {pair.base.label}"), Column(f"In {pair.other.label}")),
        tuple(row(Cell(each.what, note=_where(each)), each.base, each.other) for each in rows),
        stack=True,
    )


def _where(each: Difference) -> str:
    return each.area + (f", in {each.where}" if each.where else "")


def _effects(pair: Pair, metric: Metric, comparison: Comparison) -> Effects:
    base, other = pair.base.label, pair.other.label
    rows = [each for each in pair.effects if each.metric.name == metric.name]
    chosen = metric.name in pair.base.declaration.objectives
    what = "what settings are chosen by" if chosen else "what a claim is about"
    return Effects(
        metric.title,
        effects_picture(pair, metric, comparison.level),
        Table(
            f"{metric.title}, {what}: mean of each arm over the seeds that finished, and the "
            f"difference {other} − {base}, with its interval. Changed arms come first.",
            (Column("Arm"), Column("Finding"), Column(f"In {base}", "number"),
             Column(f"In {other}", "number"), Column(f"{other} − {base}", "number"),
             Column("How compared")),
            tuple(_effect(each) for each in sorted(rows, key=lambda one: rank(one.finding))),
            stack=True,
        ),
    )  # fmt: skip


def _effect(each: ArmEffect) -> tuple[Cell, ...]:
    same = each.finding == "same"
    return row(
        each.arm,
        Cell(
            "all failed" if each.vanished else each.finding,
            mark="▼" if each.vanished else MARKS[each.finding],
            tone="bad" if each.vanished else TONES[each.finding],
        ),
        *(
            Cell(
                level_text(each.metric, mean) if math.isfinite(mean) else DASH,
                note=f"n = {count}" + (f", {failed} failed" if failed else ""),
            )
            for mean, count, failed in zip(each.means, each.counts, each.failed, strict=True)
        ),
        Cell("0" if same else effect_of(each.metric, each.seen),
             note="" if same else interval_of(each.metric, each.seen)),
        each.why,
    )  # fmt: skip


def _costs(pair: Pair) -> Table:
    titles = [ratio.metric.title for ratio in pair.costs.arms[0].ratios]
    return Table(
        f"What each arm costs in {pair.other.label}, over what it costs in {pair.base.label}. "
        "Counts are the same however often they are taken. A time is one profile of each run, "
        "taken on different days: a ratio near 1 says nothing, and harness gate measures both in "
        "turns.",
        (Column("Arm"), *(Column(each, "number") for each in titles)),
        tuple(_cost_row(each) for each in pair.costs.arms),
        stack=True,
    )


def _cost_row(each: ArmCosts) -> tuple[Cell, ...]:
    return row(
        each.arm,
        *(
            Cell(
                ratio_of(ratio),
                note=f"{cost_text(ratio.metric, ratio.base)} → "
                f"{cost_text(ratio.metric, ratio.other)}",
            )
            for ratio in each.ratios
        ),
    )


# ---- curves and methods -------------------------------------------------------------------------


def _curves(group: Group) -> CurvesPart | None:
    shown = group.curves[:MOST_CURVES]
    if not shown:
        return None
    titles = dict.fromkeys(in_title(each.metric) for each in shown)
    return CurvesPart(
        f"{group.sides[0].declaration.name}, {group.sides[0].declaration.scale}: "
        + " and ".join(titles),
        tuple(map(curves_picture, shown)),
        len(group.curves) - len(shown),
    )


PAIRS = (
    "Where both runs have trials of an arm with the same seeds, on the same data, the differences "
    "by seed are judged. Where the data differ, or no seed is shared, both are independent samples "
    "(Welch). That is decided by which trials there are, not by what came of them. Of code of the "
    "user's own the data are not recorded: there seeds are paired, which stays valid if they share "
    "nothing."
)
SAME = (
    "A trial with the same key and the same numbers in both runs is one trial: its difference is "
    "none by definition, and not estimated. So it is where other code gave the same curves to the "
    "last bit."
)
INTERVALS = (
    "They are those of claims: Student's or Welch's, wider where differences are skewed, tied or "
    "constant. Below five seeds there is none."
)
CLAIMS = (
    "A claim is found again by what it tests and says, then by either alone, then by what it tests "
    "but for its margin. For the worse: it held, and is open or does not hold now; or it was open, "
    "and does not hold now."
)
JUDGED = (
    "Each run is judged as it was declared when it was run, on what its store keeps; no study's "
    "file is read."
)


def _methods(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    return (
        ("Pairs", PAIRS), ("The same", SAME),
        ("Intervals", f"{corrected(comparison)} {INTERVALS}"),
        ("Claims", CLAIMS), ("Judged", JUDGED),
    )  # fmt: skip
