"""Read what can be read of an SQLite file that cannot be read whole into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from filelock import FileLock
from optuna.storages._rdb import models

from harness.storing.aside import beside, free_name
from harness.storing.sqlite import sqlite_rows


def salvage(path: Path) -> str:
    """Read all rows that can be read into a new file, which takes the place of the old one."""
    with FileLock(f"{path}.lock"):
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        storage = sqlite_rows(draft)
        storage.remove_session()
        storage.engine.dispose()
        new, old = sqlite3.connect(draft), sqlite3.connect(path)
        old.text_factory = lambda raw: raw.decode(errors="replace")
        count = 0
        try:
            for table in models.BaseModel.metadata.sorted_tables:
                if table.name not in {"version_info", "trial_heartbeats"}:
                    count += _copy(old, new, table)
            _name_studies(new)
            new.commit()
        finally:
            new.close()
            old.close()
        kept = beside(path)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(kept.with_name(kept.name + suffix))
        draft.replace(path)
    return f"{count} rows that could be read are in a new {path}; the old file is kept as {kept}"


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: sqlalchemy.Table) -> int:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    count = 0
    for row in _readable(old, table.name, columns):
        count += new.execute(
            f'INSERT OR IGNORE INTO "{table.name}" ({columns}) VALUES ({marks})', row
        ).rowcount
    return count


def _readable(old: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that can be read: what lies on a damaged page is passed over."""
    query = f'SELECT rowid, {columns} FROM "{table}" NOT INDEXED WHERE rowid >= ? ORDER BY rowid'

    def reads_from(start: int) -> bool:
        try:
            old.execute(f"{query} LIMIT 1", (start,)).fetchone()
        except sqlite3.Error:
            return False
        return True

    start = 0
    while True:
        try:
            for number, *row in old.execute(query, (start,)):
                yield tuple(row)
                start = number + 1
        except sqlite3.Error:
            step = 1
            while not reads_from(start + step):
                step *= 2
                if step > 2**40:
                    return  # nothing after it can be read
            bad, good = start + step // 2, start + step
            while good - bad > 1:
                middle = (bad + good) // 2
                bad, good = (bad, middle) if reads_from(middle) else (middle, good)
            start = good
        else:
            return


def _name_studies(new: sqlite3.Connection) -> None:
    """Make the rows of studies whose own row could not be read, from their attributes."""
    known = {row[0] for row in new.execute("SELECT study_id FROM studies")}
    named = {row[0] for row in new.execute("SELECT study_name FROM studies")}
    referred = new.execute(
        "SELECT study_id FROM study_user_attributes UNION SELECT study_id FROM trials"
    ).fetchall()
    for (identity,) in referred:
        if identity in known or identity is None:
            continue
        attrs = dict(new.execute(
            "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", (identity,)
        ))  # fmt: skip
        of = ("harness_study", "harness_scale")
        name = free_name("-".join(attrs.get(part, '"damaged"').strip('"') for part in of), named)
        named.add(name)
        new.execute("INSERT INTO studies (study_id, study_name) VALUES (?, ?)", (identity, name))
        of_study = "SELECT 1 FROM study_directions WHERE study_id = ?"
        if new.execute(of_study, (identity,)).fetchone() is None:
            new.execute(
                "INSERT INTO study_directions (direction, study_id, objective) "
                "VALUES ('MINIMIZE', ?, 0)", (identity,),
            )  # fmt: skip
