"""CSV files, JSON lines, and files with a list of JSON objects."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.imported.sheet import Row, Sheet, columns_of, flat, state_in
from harness.messages.errors import HarnessError

DELIMITERS = (",", ";", "\t", "|")

RECORDS = frozenset({"study", "scale", "arm", "seed", "role", "key", "state"})
"""Columns by which a table of the harness's own records is known."""


def read_csv(path: Path) -> Sheet:
    """Read a CSV file: a line of names, then a line for each run.

    Raises:
        HarnessError: it cannot be read, or a line has more or fewer cells than there are names.
    """
    text, digest = text_of(path)
    # notes before the names, which some write, count as lines, and hold nothing
    text = re.sub(r"(?m)\A(#.*\n)+", lambda notes: "\n" * notes[0].count("\n"), text)
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = "\t" if path.suffix == ".tsv" else max(DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(filter(None, lines), [])]
        _check_names(path, names)
        rows = []
        for cells in lines:
            where = f"line {lines.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise HarnessError(
                    f"every line of {path} must have {len(names)} cells, as the first has",
                    f"{len(cells)} in {where}",
                    "Mend that line; a cell that holds the separator stands in double quotes.",
                )
            named = dict(zip(names, cells, strict=True))
            rows.append(Row(where, named, decimal_comma=delimiter == ";"))
    except csv.Error as error:
        raise HarnessError(
            f"{path} must be a CSV file", f"{error} at line {lines.line_num}", "Mend that line."
        ) from error
    return told(Sheet(str(path), "CSV", tuple(names), tuple(rows), typed=False, digest=digest))


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if not any(names):
        raise HarnessError(
            f"{path} must have a first line with the names of columns", "none",
            "Write one, such as width,seed,test_error.",
        )  # fmt: skip
    if twice:
        raise HarnessError(
            f"the columns of {path} must have different names",
            f"{', '.join(twice)} twice",
            "Rename one of them.",
        )


def read_json(path: Path) -> Sheet:
    """Read a JSON object a line, or one list of objects; what is nested gets a path with dots.

    Raises:
        HarnessError: it cannot be read.
    """
    text, digest = text_of(path)
    try:
        rows = tuple(
            Row(where, flat({name: _opened(name, each) for name, each in value.items()}))
            for where, value in _objects(path, text)
        )
    except RecursionError as error:
        raise HarnessError(
            f"{path} must hold JSON that can be read",
            "objects or lists nested hundreds deep",
            "Write a flat object for each run.",
        ) from error
    return told(Sheet(str(path), "JSON", columns_of(iter(rows)), rows, digest=digest))


def _objects(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    whole = _whole(text)
    if whole is not None:
        found = [("the file", whole)]
    elif text.lstrip().startswith("["):
        listed = _parsed(path, text, "the file")
        found = [(f"item {number}", each) for number, each in enumerate(listed, 1)]
    else:
        lines = enumerate(text.split("\n"), 1)  # others end lines within texts, too
        found = [
            (f"line {number}", _parsed(path, line, f"line {number}"))
            for number, line in lines
            if line.strip()
        ]
    for where, value in found:
        if not isinstance(value, Mapping):
            raise HarnessError(
                f"every line of {path} must be a JSON object",
                f"{json.dumps(value)[:80]} in {where}",
                'Write {"width": 16, "seed": 0, "test_error": 0.1}, say.',
            )
        yield where, value


def _whole(text: str) -> Any:
    """Return the object that a file is as a whole; ``None`` where it has one a line, or none."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _parsed(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise HarnessError(
            f"{path} must hold JSON, an object a line or a list of them",
            f"{error} in {where}",
            "Mend that line, or say what it is: --format csv.",
        ) from error


def _opened(name: str, value: Any) -> Any:
    """Return the mapping in a text, where W&B writes a run's settings or summary as such a text."""
    if name in {"config", "summary", "summaryMetrics", "summary_metrics"} and isinstance(
        value, str
    ):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def text_of(path: Path) -> tuple[str, str]:
    """Return the text of a file, and a short hash of it.

    Raises:
        HarnessError: it cannot be read, or is no UTF-8.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()[:12]
    except OSError as error:
        raise HarnessError(
            "RESULTS must be a file that can be read", f"{path}: {error.strerror or error}",
            "Name another.",
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        raise HarnessError(
            f"{path} must be text in UTF-8", f"byte {error.start} is none",
            "Save it as UTF-8; what it is otherwise, --format says.",
        ) from error  # fmt: skip


def told(sheet: Sheet) -> Sheet:
    """Return a sheet that says how each run ended, where a column tells."""
    names = {name.lower(): name for name in sheet.columns}
    rows, notes, kind = sheet.rows, [], sheet.kind
    column = names.get("state") or names.get("status")
    if column is not None:
        reason = names.get("reason", "")
        rows = tuple(
            replace(row, state=state_in(row.cells.get(column)),
                    reason=str(row.cells.get(reason) or ""))
            for row in rows
        )  # fmt: skip
    if names.keys() >= RECORDS:
        kind = f"records of the harness, {kind}"
        own = tuple(row for row in rows if _role(row, names["role"]) == "evaluate")
        if len(own) < len(rows):
            notes.append(
                f"{len(rows) - len(own)} rows that chose settings or taught others were left out."
            )
        rows = own
    return replace(sheet, kind=kind, rows=rows, sampled=_sampled(sheet, names), notes=tuple(notes))


def _role(row: Row, column: str) -> str:
    role = str(row.cells.get(column) or "")
    if not role:
        raise HarnessError(
            "every record of the harness must have a role", f"none in {row.where}",
            "Write evaluate, where it is a result.",
        )  # fmt: skip
    return role


def _sampled(sheet: Sheet, names: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return what a sampler chose: of Optuna's table of trials, and of a sweep of W&B's."""
    chosen = tuple(name for name in sheet.columns if name.startswith("params_"))
    if chosen and {"number", "state"} <= names.keys():
        return chosen
    sweep = next((names[each] for each in ("sweep", "sweep_id", "sweepname") if each in names), "")
    return () if any(row.cells.get(sweep) for row in sheet.rows) else None
