"""What the index knows of a report: one small file beside it, written with it and read again.

A study and a search leave ``entry.json``. A gate and a comparison leave ``gate.json`` and
``compare.json``, which say all that the index shows. Folders of before have none of these: their
``verdicts.json`` is read, for as much as it tells.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.judging.answer import answer
from harness.judging.history import Declared
from harness.judging.results import Results
from harness.judging.search_words import sentences
from harness.judging.verdicts import Verdict
from harness.study.converter import from_plain, to_plain
from harness.terminal.files import utf8, write_whole

from .figures.forest import ForestRow, forest_rows, interval_of
from .provisional import provisional
from .sections.opening import judged_cells, measured, warned

FORMAT = 1
"""Of what is written here, raised when a reader of before would misread it."""

NAME = "entry.json"

Kind = Literal["study", "search", "gate", "comparison"]


@dataclass(frozen=True)
class ClaimEntry:
    """One claim with its verdict: as the report prints it, and as numbers of margins.

    Attributes:
        number: the claim's, from 1.
        text: the claim.
        about: what was measured, with both means; and when the claim was declared, where there
            were results by then.
        word: its verdict.
        primary: whether it is one of those that are judged.
        told: direction and size; may be empty.
        effect: with its unit.
        interval: of the effect; ``"exact"`` where it is no estimate.
        margin: the smallest difference that matters.
        n: what it was judged on, with what is counted.
        p: against no difference, and against the margin where that was tested.
        at: the effect in margins, above 0 for the claim; ``None`` where there is none.
        low: lower end of its interval in margins; ``None`` where there is none.
        high: upper end.
        edges: at which ends of the band it is decided: 1, -1 or both; none where it is not known.
    """

    number: int
    text: str
    about: str
    word: str
    primary: bool
    told: str
    effect: str
    interval: str
    margin: str
    n: str
    p: str
    at: float | None
    low: float | None
    high: float | None
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """What the index shows of one report.

    Attributes:
        format: of this file.
        kind: what was done.
        name: of the study; of a gate and a comparison, what was compared.
        scale: the study's scale; empty where there is none.
        question: what was asked.
        said: the answer, a sentence each.
        provisional: why verdicts may change, a reason each; empty where nothing is to come.
        date: when the newest record was written, ISO 8601; empty where that is not known.
        hours: device time; ``None`` where it is not known.
        trials: how many there are; ``None`` where none are counted.
        failed: how many of them failed.
        joules: energy of training, from what a step was measured to take; ``None`` where nothing
            counted it.
        interval: which interval claims have, and over how many seeds.
        claims: in the order declared.
    """

    format: int
    kind: Kind
    name: str
    scale: str
    question: str
    said: tuple[str, ...]
    provisional: tuple[str, ...]
    date: str
    hours: float | None
    trials: int | None
    failed: int
    joules: float | None
    interval: str
    claims: tuple[ClaimEntry, ...]


def write_entry(results: Results, folder: Path) -> Path:
    """Write what the index shows of a study or a search, whole or not at all.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    plain = to_plain(entry_of(results))
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    return write_whole(folder / NAME, utf8(f"{text}\n"))


def entry_of(results: Results) -> Entry:
    """Return what the index shows of a study or a search."""
    declared, search = results.declaration, results.search
    others = declared.source == "results"
    states = {record.key: record.state for record in results.records}
    rows = forest_rows(results.verdicts)
    return Entry(
        FORMAT,
        "study" if search is None else "search",
        declared.name,
        results.scale,
        declared.question,
        tuple(answer(results).sentences if search is None else sentences(search)),
        provisional(results),
        results.provenance.date,
        None if others else results.provenance.hours,
        len(states),
        sum(state == "failed" for state in states.values()),
        _joules(results),
        interval_of(results.verdicts),
        tuple(
            _claim(verdict, row, results.history.of(place))
            for place, (verdict, row) in enumerate(zip(results.verdicts, rows, strict=True))
        ),
    )


def _claim(verdict: Verdict, row: ForestRow, declared: Declared) -> ClaimEntry:
    word, effect, margin, n, p, p_margin = judged_cells(verdict)
    against = f"{p_margin.text} of δ" if math.isfinite(verdict.p_margin) else ""
    own = p.text if math.isfinite(verdict.p_adjusted) or not against else ""
    late = f"; {warned(declared)}" if declared.late else ""
    return ClaimEntry(
        row.number, row.text, measured(verdict) + late, verdict.word,
        verdict.claim.primary, word.note, effect.text, effect.note, margin.text,
        f"{n.text} {n.note}".strip(), ", ".join(filter(None, (own, against))),
        _number(row.effect), _number(row.low), _number(row.high), row.edges,
    )  # fmt: skip


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _joules(results: Results) -> float | None:
    """Multiply what a step takes by the steps that were trained; ``None`` where one is missing."""
    total = 0.0
    for record in {record.key: record for record in results.records}.values():
        profile = results.profiles.get(record.arm)
        each = profile.joules_per_step if profile is not None else None
        steps = record.cost.get("steps")
        if record.state == "complete" and (each is None or steps is None):
            return None
        total += (each or 0.0) * (steps or 0.0)
    return total or None


def read_entry(content: bytes) -> Entry:
    """Read what :func:`write_entry` wrote.

    Raises:
        ValueError: it is something else, or of another format; says why.
    """
    plain = json.loads(content)
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        found = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        raise ValueError(f"format {found!r}, where this harness reads {FORMAT}")
    return from_plain(Entry, plain)


def entry_of_verdicts(content: bytes, name: str) -> Entry:
    """Return what ``verdicts.json`` of a folder of before tells.

    Args:
        content: of the file.
        name: the folder's, which is that of study and scale.

    Raises:
        ValueError: it is no list of verdicts.
    """
    rows = json.loads(content)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("no list of verdicts")
    judged = [row for row in rows if row.get("word") != "removed"]
    return Entry(
        FORMAT, "study", name, "", name, (), (), "", None, None, 0, None, "",
        tuple(_of_row(number, row) for number, row in enumerate(judged, 1)),
    )  # fmt: skip


def _of_row(number: int, row: Mapping[str, Any]) -> ClaimEntry:
    unit = _text(row, "unit")
    shown = "" if unit in {"", "ratio", "fraction"} else f" {unit}"
    low, high = _shown(row, "low"), _shown(row, "high")
    return ClaimEntry(
        number, _text(row, "claim"), _text(row, "metric"), _text(row, "word"),
        row.get("primary") is not False, _text(row, "direction_and_size"),
        f"{_shown(row, 'effect')}{shown}" if _shown(row, "effect") else "–",
        f"[{low}, {high}]" if low and high else "–",
        f"{_shown(row, 'margin')}{shown}", _shown(row, "n"), _shown(row, "p_adjusted") or "–",
        None, None, None, (),
    )  # fmt: skip


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _shown(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.3g}" if fits else ""
