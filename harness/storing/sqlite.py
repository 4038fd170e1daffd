"""An SQLite file as a storage: found by its name, checked, made in a draft, and set up."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from filelock import FileLock

from harness.storing.faults import check_file, errors, no_store, not_a_store, root_cause
from harness.storing.rows import TABLES, Rows

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 60
"""How long a write waits for another process's write to an SQLite file."""


def sqlite_path(where: str) -> Path | None:
    """Return the SQLite file that ``--store`` names; ``None`` where it names something else.

    All that follows ``sqlite:///`` is the file's name, ``?``, ``#`` and ``%`` included.
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return Path(where)
    return Path(rest.removeprefix("/")) if scheme.partition("+")[0] == "sqlite" else None


def open_sqlite(path: Path, create: bool) -> tuple[Rows, bool]:
    """Open a file as a store; say whether its write-ahead log was beside it.

    Args:
        path: the file.
        create: whether a missing one is made.

    Raises:
        HarnessError: it is missing, not a store, read-only, or of a newer version.
    """
    check_file(path, create)
    log = path.with_name(f"{path.name}-wal")
    log_was_there = log.exists() and log.stat().st_size > 0
    if path.exists() and path.stat().st_size:
        _check_sqlite(path, create)
    try:
        with errors(str(path)):
            if not path.exists() or not path.stat().st_size:
                _new_sqlite(path)
            storage = sqlite_rows(path, skip_table_creation=not create)
            # The schema's own connections are dropped, so that all others are set up alike.
            sqlalchemy.event.listen(
                storage.engine, "connect", _on_connect if create else _on_connect_to_read
            )
            storage.engine.dispose()
            with storage.engine.connect():
                pass
    except RuntimeError as error:  # Optuna's word for a schema of another version
        raise not_a_store(str(path), root_cause(error)) from error
    return storage, log_was_there


def sqlite_rows(path: Path, *, skip_table_creation: bool = False) -> Rows:
    """Open an SQLite file, whatever its name: in a URL, ``?`` and ``%`` would mean something."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)

    return Rows(
        "sqlite:///file",  # which names the dialect, and no file
        engine_kwargs={"creator": connect},
        skip_table_creation=skip_table_creation,
    )


def _new_sqlite(path: Path) -> None:
    """Make the tables in a draft, then give it its name: a killed process leaves no half store."""
    with FileLock(f"{path}.lock"):
        if path.exists() and path.stat().st_size:
            return  # another process was first
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        storage = sqlite_rows(draft)
        storage.remove_session()
        storage.engine.dispose()
        draft.replace(path)


def _on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    """Let readers go on while one writes, and survive a killed process without a wait per write."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _on_connect_to_read(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    """Leave the file's own way of writing as it is: whoever reads makes and changes nothing."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _check_sqlite(path: Path, create: bool) -> None:
    try:
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise not_a_store(str(path), str(error)) from error
    if tables and not {"studies", "trials"} <= tables:
        raise not_a_store(str(path), "a database of something else")
    if not create and not tables >= TABLES:
        raise no_store(f"no tables of a store in {path}")
