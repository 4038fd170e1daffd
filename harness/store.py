"""Open an Optuna storage, and a lock beside it where the storage is a file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy
import sqlalchemy.exc
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from harness.errors import HarnessError, one_line

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

optuna.logging.set_verbosity(optuna.logging.ERROR)

BUSY_SECONDS = 60
"""How long a write waits for another process's write to an SQLite file."""


class Store:
    """An open storage.

    Attributes:
        url: what it was opened by.
        storage: the Optuna storage.
        path: the file, where it is one.
    """

    def __init__(self, url: str, storage: BaseStorage, path: Path | None) -> None:
        self.url = url
        self.storage = storage
        self.path = path

    def lock(self) -> AbstractContextManager[Any]:
        """Return what keeps other processes from claiming trials meanwhile.

        A file beside the storage's file is locked by the operating system, which lets go of it
        when a process dies. A database server needs none: see ``Ledger.claim``.
        """
        return nullcontext() if self.path is None else _lock(self.path)

    def errors(self) -> AbstractContextManager[None]:
        """Turn what a storage raises when it cannot be read or written into one clear line."""
        return _errors(self.url)


def _lock(path: Path) -> FileLock:
    return FileLock(f"{path}.lock")


@contextmanager
def _errors(url: str) -> Iterator[None]:
    try:
        yield
    except (
        optuna.exceptions.StorageInternalError,
        sqlalchemy.exc.SQLAlchemyError,
        sqlite3.Error,
        OSError,
    ) as error:
        raise HarnessError(
            "the store must be readable and writable",
            f"{url}: {root_cause(error)}",
            "What was recorded is kept; mend the store or name another with --store.",
        ) from error


def root_cause(error: BaseException) -> str:
    """Return the first line of the error that an error came from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(str(error).partition("\n")[0])


def open_store(where: str, *, create: bool = True) -> Store:
    """Open a storage.

    Args:
        where: a path of an SQLite file, ``sqlite:///FILE``, ``journal:///FILE``, or any database
            URL that Optuna takes (PostgreSQL, MySQL).
        create: whether a missing file is made.

    Raises:
        HarnessError: it is missing, not a store, read-only, or of a newer version.
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return _sqlite(Path(where), create)
    if scheme == "sqlite":
        return _sqlite(Path(rest.removeprefix("/")), create)
    if scheme == "journal":
        return _journal(Path(rest.removeprefix("/")), create)
    try:
        with _errors(where):
            return Store(where, _server(where), None)
    except (ImportError, RuntimeError, ValueError, sqlalchemy.exc.ArgumentError) as error:
        if isinstance(error, HarnessError):
            raise
        raise _not_a_store(where, root_cause(error)) from error


def _server(url: str) -> RDBStorage:
    """Connect to a database server.

    Two processes that make the tables of an empty database at the same moment get in each other's
    way; the one that fails finds them made when it tries again.
    """
    for pause in (0.5, 2.0):
        try:
            return RDBStorage(url)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):
            time.sleep(pause)
    return RDBStorage(url)


def _not_a_store(where: str, got: str) -> HarnessError:
    return HarnessError(
        "--store must name an SQLite file, journal:///FILE, or a database URL that Optuna opens",
        f"{where}: {got}",
        "Name another store, or leave --store out.",
    )


def _check_file(path: Path, create: bool) -> None:
    if path.is_dir():
        raise _not_a_store(str(path), "a folder")
    if not path.exists():
        if not create:
            raise HarnessError(
                "there must be a store to read",
                f"no file {path.resolve()}",
                "Run a study first, or name its store with --store or its folder with --out.",
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_a_store(str(path), str(error)) from error


def _sqlite(path: Path, create: bool) -> Store:
    _check_file(path, create)
    if path.exists() and path.stat().st_size:
        _check_sqlite(path)
    try:
        with _errors(str(path)):
            if not path.exists() or not path.stat().st_size:
                _new_sqlite(path)
            storage = RDBStorage(
                f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}}
            )
            # The schema's own connections are dropped, so that all others are set up alike.
            sqlalchemy.event.listen(storage.engine, "connect", _on_connect)
            storage.engine.dispose()
            with storage.engine.connect():
                pass
    except RuntimeError as error:  # Optuna's word for a schema of another version
        raise _not_a_store(str(path), root_cause(error)) from error
    return Store(str(path), storage, path)


def _new_sqlite(path: Path) -> None:
    """Make the tables in a draft, then give it its name: a killed process leaves no half store."""
    with _lock(path):
        if path.exists() and path.stat().st_size:
            return  # another process was first
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        storage = RDBStorage(f"sqlite:///{draft}")
        storage.remove_session()
        storage.engine.dispose()
        draft.replace(path)


def _on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    """Let readers go on while one writes, and survive a killed process without a wait per write."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _check_sqlite(path: Path) -> None:
    try:
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _not_a_store(str(path), str(error)) from error
    if tables and not {"studies", "trials"} <= tables:
        raise _not_a_store(str(path), "a database of something else")


def _journal(path: Path, create: bool) -> Store:
    _check_file(path, create)
    try:
        with _errors(f"journal:///{path}"):
            storage = JournalStorage(JournalFileBackend(str(path), lock_obj=_FileLock(path)))
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, HarnessError):
            raise
        raise _not_a_store(str(path), root_cause(error)) from error
    return Store(f"journal:///{path}", storage, path)


class _FileLock(JournalFileOpenLock):
    """A lock that the operating system releases when its holder dies.

    Optuna's own are files that outlive a killed process, and make the next one wait.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._lock = FileLock(f"{path}.write-lock")

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()
