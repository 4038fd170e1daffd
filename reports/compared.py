"""The page of a comparison: its answer, what changed, and every effect with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.compared.comparison import Comparison, Group, Pair
from harness.compared.sides import Side
from harness.compared.words import answer, changes_line, corrected, headline, title
from harness.study.formatting import DASH, date_text, in_sentence, plural

from .about import AUTHOR, About
from .figures.canvas import Picture
from .figures.compared import curves_picture
from .printing import Printing
from .render import Source
from .sections.compared import PairSection, pair_section
from .table import Cell, Column, Table, row
from .written import Written, print_page, write_page

MOST_CURVES = 12
"""Figures of curves of a group; each arm has one for each metric."""


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


def write_comparison(
    comparison: Comparison,
    folder: Path,
    printing: Printing,
    *,
    texts: Mapping[str, str] | None = None,
    attached: Mapping[str, str] | None = None,
) -> Written:
    """Write ``compare.html``, and begin its PDF; wait for that by :meth:`Written.finished`.

    Args:
        comparison: what is reported.
        folder: where.
        printing: makes the PDF.
        texts: files of the folder ``take-away/`` beside tables and figures, by name.
        attached: names and contents of CSV and JSON files that the PDF carries with it.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    source = replace(_source(comparison), texts=texts or {}, attached=attached or {})
    return print_page(write_page(source, folder / "compare.html"), source, printing)


def render_comparison(comparison: Comparison) -> str:
    """Return the page as HTML that needs nothing else; the same comparison, the same text."""
    return _source(comparison).html()


def _source(comparison: Comparison) -> Source:
    page = compared_page(comparison)
    name = "Comparison of " + " and ".join(named for _, named in comparison.named)
    return Source("compare.html.j2", page, name, _about(comparison, page))


def _about(comparison: Comparison, page: ComparedPage) -> About:
    known = [side.results.provenance for group in comparison.groups for side in group.sides]
    return About(
        " ".join([AUTHOR, *[each.harness for each in known[:1]]]),
        page.answer or page.title,
        ("comparison of runs",),
        max((each.date for each in known), default=""),
    )


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
        tuple(pair_section(pair, number, comparison) for number, pair in enumerate(pairs, 1)),
        tuple(filter(None, (_curves(group) for group in comparison.groups))),
        tuple(f"In {label} alone: {what}." for label, what in comparison.alone),
        _warnings(comparison),
        _methods(comparison),
    )


def _rest(said: str, before: str) -> str:
    """Return what an answer says beyond its title, which begins with its first part."""
    first = min((said + ";").find(";"), (said + ":").find(":"))
    if not before.startswith(said[:first].rstrip(".")):
        return said
    rest = said[first:].lstrip(":; ")
    return rest[:1].upper() + rest[1:]


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


# ---- curves and methods -------------------------------------------------------------------------


def _curves(group: Group) -> CurvesPart | None:
    shown = group.curves[:MOST_CURVES]
    if not shown:
        return None
    titles = dict.fromkeys(in_sentence(each.metric.title) for each in shown)
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
