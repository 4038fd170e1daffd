"""One run against its base, as plain values: verdicts, what differs, arms, and costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compared.comparison import Comparison, Pair
from harness.compared.costs import ArmCosts
from harness.compared.declared import Difference
from harness.compared.effects import ArmEffect
from harness.compared.matched import Matched
from harness.compared.words import (
    MARKS,
    TONES,
    alone_lines,
    answer,
    changes_line,
    corrected,
    cost_text,
    difference_of,
    effect_of,
    interval_of,
    rank,
    ratio_of,
    same_line,
)
from harness.judging.verdicts import Verdict
from harness.judging.words import MARKS as VERDICT_MARKS
from harness.study.formatting import DASH, level_text, plural
from harness.study.metrics import Metric

from ..figures.canvas import Picture
from ..figures.compared import claims_picture, effects_picture
from ..table import Cell, Column, Table, row
from ..words import APPEARANCES

FEW_CHANGES = 12
"""Changes of one kind that are shown at once; more are folded away."""


@dataclass(frozen=True)
class Effects:
    """One metric in all arms that both runs have; folded away where no arm can be told apart."""

    title: str
    picture: Picture | None
    table: Table
    folded: bool


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


def pair_section(pair: Pair, number: int, comparison: Comparison) -> PairSection:
    """Work out what is printed of one run against its base.

    Args:
        pair: both runs.
        number: which pair of the comparison it is, from 1.
        comparison: all of it.
    """
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
            difference_of(each),
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
        note=f"{effect} {interval}; n\u00a0=\u00a0{verdict.seen.count}" if verdict.seen.n else "",
    )


def _changes(pair: Pair) -> tuple[tuple[str, Table], ...]:
    """Return tables of what differs: all but code, and code; long ones are folded away."""
    code = [each for each in pair.differences if each.area == "code"]
    rest = [each for each in pair.differences if each.area != "code"]
    out = []
    if rest:
        out.append(("" if len(rest) <= FEW_CHANGES else f"All {len(rest)} differences",
                    _change_table("What was declared and run.", rest, pair)))  # fmt: skip
    if code:
        out.append(
            (f"{plural(len(code), 'part')} of the code differ{'s' * (len(code) == 1)}",
             _change_table(
                 "Parts of the code that keys rest on, each with a short hash of its text.", code,
                 pair))
        )  # fmt: skip
    return tuple(out)


def _change_table(caption: str, rows: Sequence[Difference], pair: Pair) -> Table:
    return Table(
        caption,
        (Column("What differs"), Column(f"In {pair.base.label}"), Column(f"In {pair.other.label}")),
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
    picture = effects_picture(pair, metric, comparison.level)
    told = any(each in pair.told or each.vanished for each in rows)
    return Effects(
        metric.title,
        picture,
        Table(
            f"{metric.title}, {what}: mean of each arm over the seeds that finished, and the "
            f"difference {other} − {base}, with its interval. Changed arms come first.",
            (Column("Arm"), Column("Finding"), Column(f"In {base}", "number"),
             Column(f"In {other}", "number"), Column(f"{other} − {base}", "number"),
             Column("How compared")),
            tuple(_effect(each) for each in sorted(rows, key=lambda one: rank(one.finding))),
            stack=True,
        ),
        picture is not None and not told,
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
                note=f"n\u00a0=\u00a0{count}" + (f", {failed} failed" if failed else ""),
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
