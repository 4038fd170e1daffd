"""The index of a folder: its reports, all claims on one axis and in one table, as plain values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from harness.gate.words import MARKS as GATE_MARKS
from harness.judging.words import MARKS, Word
from harness.study.formatting import DASH, date_text, hours_text, number_text, plural

from .entries import Found, Shelf
from .entry import ClaimEntry, Entry, Kind
from .figures.canvas import Picture
from .figures.forest import ForestRow, axis_text, band_and_scale, draw_forests
from .gate import TONES as GATE_TONES
from .table import Cell
from .words import APPEARANCES

KINDS: Mapping[Kind, tuple[str, str]] = {
    "study": ("study", "studies"),
    "search": ("search", "searches"),
    "gate": ("gate", "gates"),
    "comparison": ("comparison", "comparisons"),
}
"""One of each kind of report, and several."""

OPEN_FOREST = 60
"""Claims beyond which the figures are folded away."""


@dataclass(frozen=True)
class Choice:
    """One value of a filter: its identifier on the page, and what it is called."""

    key: str
    label: Cell


@dataclass(frozen=True)
class ReportRow:
    """One report.

    Attributes:
        keys: of its studies, by which it is filtered, with spaces between; empty where none has
            claims.
        kind: what was done.
        title: what was asked, with a link to the page; below it what was found.
        name: of study and scale, or of what was compared.
        provisional: why its verdicts may change; empty where they stand.
        tally: its verdicts, counted.
        cost: device time and trials.
        date: of the newest record.
        links: to its files.
    """

    keys: str
    kind: Kind
    title: Cell
    name: str
    provisional: str
    tally: tuple[Cell, ...]
    cost: Cell
    date: str
    links: tuple[Cell, ...]


@dataclass(frozen=True)
class ClaimRow:
    """One claim: by which verdict it is filtered, and its cells."""

    key: str
    claim: Cell
    verdict: Cell
    effect: Cell
    margin: str
    n: str
    p: str


@dataclass(frozen=True)
class Group:
    """The claims of one report."""

    key: str
    title: Cell
    rows: tuple[ClaimRow, ...]


@dataclass(frozen=True)
class Index:
    """What the index page prints.

    Attributes:
        heading: how much there is.
        tally: verdicts of all studies, counted.
        totals: what all of it cost, by name.
        verdicts: values of the filter by verdict; empty where there is nothing to choose.
        studies: values of the filter by study; empty where there is nothing to choose.
        reports: newest first.
        figures: claims on one axis, by the key of their study.
        figures_open: whether they are shown at once.
        axis: what the figures show.
        groups: claims of each report.
        unread: a line for each file that could not be read.
    """

    heading: str
    tally: tuple[Cell, ...]
    totals: tuple[tuple[str, str], ...]
    verdicts: tuple[Choice, ...]
    studies: tuple[Choice, ...]
    reports: tuple[ReportRow, ...]
    figures: tuple[tuple[str, Picture], ...]
    figures_open: bool
    axis: str
    groups: tuple[Group, ...]
    unread: tuple[str, ...]


def index_of(shelf: Shelf, *, drawn: bool = True) -> Index:
    """Work the index out; links are relative to the folder.

    Args:
        shelf: what lies there.
        drawn: whether its claims are drawn, which takes a while.
    """
    keys = {
        place: f"s{place}" if found.entry.claims else "" for place, found in enumerate(shelf.found)
    }
    named = [(keys[place], found) for place, found in enumerate(shelf.found)]
    judged = [(key, found) for key, found in named if key]
    counts = Counter(claim.word for _, found in judged for claim in found.entry.claims)
    words = [*(word for word in APPEARANCES if counts[word]),
             *sorted(word for word in counts if word not in APPEARANCES)]  # fmt: skip
    words_keys = {word: f"v{place}" for place, word in enumerate(words)}
    figures = _figures(judged) if drawn else ()
    claims = sum(counts.values())
    return Index(
        _heading([found for _, found in named], claims),
        tuple(_word(word, f"{counts[word]} {word or 'no verdict'}") for word in words),
        _totals([found.entry for _, found in named]),
        tuple(
            Choice(words_keys[word], _word(word, f"{counts[word]} {word or 'no verdict'}"))
            for word in words
        )
        if len(words) > 1
        else (),
        tuple(Choice(key, Cell(_name(found.entry))) for key, found in judged)
        if len(judged) > 1
        else (),
        tuple(_report(" ".join(_studies(key, found, judged)), found) for key, found in named),
        figures,
        claims <= OPEN_FOREST,
        _axis([found.entry for _, found in judged]),
        tuple(_group(key, found, words_keys) for key, found in judged),
        shelf.unread,
    )


def _heading(found: Sequence[Found], claims: int) -> str:
    counts = Counter(each.entry.kind for each in found)
    parts = [plural(counts[kind], *names) for kind, names in KINDS.items() if counts[kind]]
    if not parts:
        return "No reports yet"
    parts += [plural(claims, "claim")] if claims else []
    return ", ".join(parts)


def _totals(entries: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    hours = [each.hours for each in entries if each.hours is not None]
    trials = [each.trials for each in entries if each.trials is not None]
    joules = [each.joules for each in entries if each.joules is not None]
    failed = sum(each.failed for each in entries)
    unknown = sum(each.hours is None for each in entries if each.kind in {"study", "search"})
    out = []
    if hours:
        without = f"; not known of {plural(unknown, 'report')}" if unknown else ""
        out.append(("Device time", hours_text(math.fsum(hours)) + without))
    if trials:
        out.append(("Trials", f"{sum(trials):,}" + (f", {failed:,} failed" if failed else "")))
    if joules:
        some = "" if len(joules) == len(hours) else f", of {plural(len(joules), 'report')}"
        out.append(("Energy", f"about {_energy(math.fsum(joules))}{some}"))
    provisional = sum(bool(each.provisional) for each in entries)
    if provisional:
        out.append(("Provisional", f"{provisional} of {plural(len(entries), 'report')}"))
    return tuple(out)


def _energy(joules: float) -> str:
    return f"{number_text(joules / 3.6e6)} kWh" if joules >= 3.6e5 else f"{number_text(joules)} J"


def _name(entry: Entry) -> str:
    return f"{entry.name}, {entry.scale}" if entry.scale else entry.name


def _word(word: str, text: str = "") -> Cell:
    known = cast(Word, word) in APPEARANCES
    tone = APPEARANCES[cast(Word, word)].tone if known else "none"
    mark = MARKS[cast(Word, word)] if known else "·"
    return Cell(text or word or "no verdict", mark=mark, tone=tone)


# ---- reports ------------------------------------------------------------------------------------


def _href(found: Found, file: str) -> str:
    # A leading ./ keeps a folder's name with a colon from being read as a protocol.
    return "./" + quote(f"{found.folder}/{file}" if found.folder else file)


def _page(found: Found) -> str:
    """Return where a report is read: its page, or else its PDF; empty where neither is there."""
    files = dict(found.files)
    best = files.get("HTML") or files.get("PDF")
    return _href(found, best) if best else ""


def _studies(key: str, found: Found, judged: Sequence[tuple[str, Found]]) -> list[str]:
    """Return the keys of the studies that a report is of: of a comparison all whose runs it has."""
    if found.entry.kind != "comparison":
        return [key] if key else []
    return [each for each, one in judged if (one.entry.name, one.entry.scale) in found.studies]


def _report(keys: str, found: Found) -> ReportRow:
    entry = found.entry
    name = _name(entry)
    title = entry.question.strip() or name  # other programs may leave the question empty
    return ReportRow(
        keys,
        entry.kind,
        Cell(title, note=entry.said[0] if entry.said else "", href=_page(found)),
        name if title not in {entry.name, name} else "",  # all that is known of one of before
        "; ".join(entry.provisional),
        _tally(found),
        _cost(entry),
        date_text(entry.date) if entry.date else "",
        tuple(Cell(word, href=_href(found, file)) for word, file in found.files),
    )


def _tally(found: Found) -> tuple[Cell, ...]:
    if found.entry.kind == "gate":
        return tuple(
            Cell(word, mark=GATE_MARKS.get(word, "·"), tone=GATE_TONES.get(word, "none"))
            for word in found.tally
        )
    if found.entry.kind == "comparison":
        tones = {"for the worse": ("▼", "bad"), "for the better": ("▲", "good")}
        cells = []
        for told in found.tally:
            mark, tone = tones.get(told.partition(" ")[2], ("", ""))
            cells.append(Cell(told, mark=mark, tone=tone))
        return tuple(cells)
    counts = Counter(claim.word for claim in found.entry.claims)
    known = [word for word in APPEARANCES if counts[word]]
    others = sorted(word for word in counts if word not in APPEARANCES)
    return tuple(
        _word(word, f"{counts[word]} {word or 'no verdict'}") for word in [*known, *others]
    )


def _cost(entry: Entry) -> Cell:
    if entry.trials is None:
        return Cell("")
    failed = f", {entry.failed:,} failed" if entry.failed else ""
    trials = f"{plural(entry.trials, 'trial')}{failed}"
    return Cell(trials) if entry.hours is None else Cell(hours_text(entry.hours), note=trials)


# ---- claims -------------------------------------------------------------------------------------


def _group(key: str, found: Found, words: Mapping[str, str]) -> Group:
    page = _page(found)
    anchors = page.endswith(".html")
    rows = tuple(
        ClaimRow(
            words[claim.word],
            Cell(
                f"{claim.number}. {claim.text}",
                note=claim.about + ("" if claim.primary else "; exploratory"),
                href=f"{page}#claim-{claim.number}" if anchors else page,
            ),
            _with_note(_word(claim.word), claim.told),
            Cell(claim.effect, note="" if claim.interval == DASH else claim.interval),
            claim.margin,
            claim.n,
            claim.p,
        )
        for claim in found.entry.claims
    )
    return Group(key, Cell(_name(found.entry), href=page), rows)


def _with_note(cell: Cell, note: str) -> Cell:
    return Cell(cell.text, note=note, mark=cell.mark, tone=cell.tone)


def _figures(judged: Sequence[tuple[str, Found]]) -> tuple[tuple[str, Picture], ...]:
    """Draw the claims of each report on one axis; those of before have no numbers of margins."""
    drawn = [
        (key, _name(found.entry), rows)
        for key, found in judged
        if (rows := [_row(claim) for claim in found.entry.claims if claim.word in APPEARANCES])
        and any(
            claim.word in APPEARANCES and claim.edges and claim.at is not None
            for claim in found.entry.claims
        )
    ]
    pictures = draw_forests([(name, rows) for _, name, rows in drawn]) if drawn else ()
    return tuple((key, picture) for (key, _, _), picture in zip(drawn, pictures, strict=True))


def _row(claim: ClaimEntry) -> ForestRow:
    at, low, high = (
        math.nan if each is None else each for each in (claim.at, claim.low, claim.high)
    )
    return ForestRow(
        claim.number, claim.text, cast(Word, claim.word), at, low, high, claim.edges,
        claim.interval == "exact",
        f"claim {claim.number}, {claim.word}, {claim.effect} {claim.interval}",
    )  # fmt: skip


def _axis(entries: Sequence[Entry]) -> str:
    intervals = dict.fromkeys(each.interval for each in entries if each.interval)
    bar = ""
    if len(intervals) == 1:
        bar = f"; bar: {next(iter(intervals))}"
    elif intervals:
        bar = "; bar: the interval from which each report read its verdicts"
    return f"{axis_text()} Mark: the effect{bar}. {band_and_scale()}"
