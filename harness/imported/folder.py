"""A folder of tables, one for each method, task or run: read as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.imported.sheet import Row, Sheet, columns_of, named
from harness.messages.errors import HarnessError


def tables_in(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """Return the files below a folder, at any depth, that are tables by their name."""
    known = frozenset(suffixes)
    return sorted(
        file for file in root.rglob("*") if file.suffix.lower() in known and file.is_file()
    )


def read_folder(root: Path, readers: Mapping[str, Callable[[Path], Sheet]]) -> Sheet:
    """Read all tables below a folder as one; what a file's path tells of its rows are columns, too.

    Args:
        root: the folder.
        readers: who reads a file, by the end of its name.

    Raises:
        HarnessError: there is none, or one cannot be read.
    """
    files = tables_in(root, readers)
    if not files:
        raise HarnessError(
            "a folder of results must hold tables",
            f"none below {root} whose name ends with {', '.join(sorted(readers))}",
            "Name another.",
        )
    sheets = {file: readers[file.suffix.lower()](file) for file in files}
    rows = tuple(
        Row(
            f"{row.where} of {name}",
            {**named(name), **row.cells},
            row.state,
            row.reason,
            row.decimal_comma,
        )
        for file, sheet in sheets.items()
        for name in [file.relative_to(root).with_suffix("").as_posix()]
        for row in sheet.rows
    )
    kinds = sorted({sheet.kind for sheet in sheets.values()})
    sampled = [sheet.sampled for sheet in sheets.values() if sheet.sampled is not None]
    return Sheet(
        str(root),
        f"{len(files)} files, {' and '.join(kinds)}",
        columns_of(iter(rows)),
        rows,
        typed=all(sheet.typed for sheet in sheets.values()),
        sampled=tuple(dict.fromkeys(name for each in sampled for name in each))
        if sampled
        else None,
        notes=tuple(dict.fromkeys(note for sheet in sheets.values() for note in sheet.notes)),
    )
