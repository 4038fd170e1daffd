"""The index of a run: its reports, and all verdicts in one table, as plain values."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.judging.results import Results
from harness.judging.search_words import sentences
from harness.judging.words import MARKS
from harness.study.formatting import DASH, date_text, hours_text, plural

from .sections.opening import JUDGED_COLUMNS, judged_cells, ratios, replicates, warned
from .table import Cell, Column, Table, row
from .words import APPEARANCES


@dataclass(frozen=True)
class Index:
    """What the index page prints."""

    heading: str
    tally: tuple[Cell, ...]
    reports: Table | None
    verdicts: Table | None


def index_of(reports: Sequence[tuple[Results, Path]], folder: Path) -> Index:
    """Work the index out; links are relative to ``folder``."""
    links = [_link(each, folder) for _, each in reports]
    counts = Counter(verdict.word for results, _ in reports for verdict in results.verdicts)
    total = sum(counts.values())
    return Index(
        f"{plural(len(reports), 'study', 'studies')}, {plural(total, 'claim')} on trial",
        tuple(
            Cell(f"{counts[word]} {word}", mark=MARKS[word], tone=appearance.tone)
            for word, appearance in APPEARANCES.items()
            if counts[word]
        ),
        _reports([results for results, _ in reports], links) if reports else None,
        _verdicts([results for results, _ in reports], links) if total else None,
    )


def _link(report: Path, folder: Path) -> str:
    relative = os.path.relpath(report / "report.html", folder)
    # A leading ./ keeps a folder's name with a colon from being read as a protocol.
    return "./" + quote(Path(relative).as_posix())


def _reports(all_results: Sequence[Results], links: Sequence[str]) -> Table:
    rows = [
        row(
            Cell(
                results.declaration.question,
                note=_note(results),
                href=link,
            ),
            plural(len(results.verdicts), "claim"),
            f"{len(results.arms)} × {'up to ' if results.looks else ''}{len(results.seeds)}",
            str(sum(record.state == "failed" for record in results.records)),
            hours_text(results.provenance.hours)
            if results.declaration.source != "results"
            else DASH,
            date_text(results.provenance.date),
        )
        for results, link in zip(all_results, links, strict=True)
    ]
    return Table(
        "The reports of this run.",
        (
            Column("Question"),
            Column("Claims", "number"),
            Column("Arms × seeds", "number"),
            Column("Failed trials", "number"),
            Column("Device time", "number"),
            Column("Date"),
        ),
        tuple(rows),
        stack=True,
    )


def _note(results: Results) -> str:
    """Name a study and its scale; of a search also the settings to take."""
    note = f"{results.declaration.name}, {results.scale}"
    return note if results.search is None else f"{note}. {sentences(results.search)[0]}"


def _verdicts(all_results: Sequence[Results], links: Sequence[str]) -> Table:
    rows = [
        row(
            Cell(
                verdict.claim.text,
                note=f"{results.declaration.name}, {results.scale}: {verdict.metric.title}; "
                + warned(results.history.of(number - 1)),
                href=f"{link}#claim-{number}",
            ),
            *judged_cells(verdict),
        )
        for results, link in zip(all_results, links, strict=True)
        for number, verdict in enumerate(results.verdicts, 1)
    ]
    every = [verdict for results in all_results for verdict in results.verdicts]
    return Table(
        f"Every claim of every study. Effect: mean difference{ratios(every)}, with the interval "
        f"from which its report read the verdict. n: {replicates(every)}. Intervals and p are "
        "corrected for the claims of one study, not of all.",
        JUDGED_COLUMNS,
        tuple(rows),
        stack=True,
    )
