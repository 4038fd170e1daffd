"""Open an Optuna storage, and a lock beside it where the storage is a file."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import optuna
import sqlalchemy
import sqlalchemy.exc
from filelock import BaseFileLock, FileLock
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from harness.database import Database
from harness.errors import HarnessError, one_line

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

optuna.logging.set_verbosity(optuna.logging.ERROR)

POLL_SECONDS = 0.01
"""How often a process that waits for a lock looks whether it is free."""

BUSY_SECONDS = 60
"""How long a write waits for another process's write to an SQLite file."""


class Store:
    """An open storage.

    Attributes:
        url: what it was opened by.
        storage: the Optuna storage.
        path: the file, where it is one.
    """

    def __init__(
        self,
        url: str,
        storage: BaseStorage,
        path: Path | None,
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Keep what belongs to an open storage.

        Args:
            url: what it was opened by.
            storage: the Optuna storage.
            path: the file, where it is one.
            together: what :meth:`together` returns.
        """
        self.url = url
        self.storage = storage
        self.path = path
        self._together = together
        self._file_lock = None if path is None else _lock(path)

    def lock(self) -> AbstractContextManager[Any]:
        """Return what keeps other processes from claiming trials meanwhile.

        A file beside the storage's file is locked by the operating system, which lets go of it
        when a process dies. Whoever holds it may take it again within. A database server needs
        none: see ``Ledger.claim``.
        """
        return nullcontext() if self._file_lock is None else _holding(self._file_lock)

    @property
    def networks(self) -> Path:
        """The folder of trained networks that other trials learn from."""
        if self.path is None:  # a database server keeps no files
            return Path("harness-networks").resolve()
        return self.path.with_name(f"{self.path.name}.networks")

    def together(self) -> AbstractContextManager[None]:
        """Return within which writes reach the disk at the end, all in one go.

        Each is handed to the operating system at once, so a killed process loses none of them.
        May be nested. Only a journal file gains by it; elsewhere it does nothing.
        """
        return self._together()

    def errors(self) -> AbstractContextManager[None]:
        """Turn what a storage raises when it cannot be read or written into one clear line."""
        return _errors(self.url)


def _lock(path: Path) -> FileLock:
    return FileLock(f"{path}.lock")


@contextmanager
def _holding(lock: BaseFileLock) -> Iterator[None]:
    with lock.acquire(poll_interval=POLL_SECONDS):
        yield


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


def _server(url: str) -> Database:
    """Connect to a database server.

    Two processes that make the tables of an empty database at the same moment get in each other's
    way; the one that fails finds them made when it tries again.
    """
    for pause in (0.5, 2.0):
        try:
            return Database(url)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):
            time.sleep(pause)
    return Database(url)


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
            storage = Database(
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
        storage = Database(f"sqlite:///{draft}")
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
            backend = _Journal(path)
            storage = JournalStorage(backend)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, HarnessError):
            raise
        raise _not_a_store(str(path), root_cause(error)) from error
    return Store(f"journal:///{path}", storage, path, backend.together)


class _Journal(JournalFileBackend):
    """A journal file that survives killed processes, and syncs many lines to the disk at once.

    Optuna's own locks are files that outlive a killed process and make the next one wait; this
    one the operating system releases when its holder dies.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._write_lock = FileLock(f"{path}.write-lock")
        self._depth = 0
        self._unsynced = False

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines at the end of the file."""
        lines = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
        with _holding(self._write_lock), self._path.open("a+b") as file:
            _drop_torn_line(file)
            file.write("".join(lines).encode())
            file.flush()
            self._unsynced = self._depth > 0
            if not self._unsynced:
                os.fsync(file.fileno())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Sync what is written within to the disk at the end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._unsynced and not self._depth:
                self._unsynced = False
                with self._path.open("ab") as file:
                    os.fsync(file.fileno())


def _drop_torn_line(file: BinaryIO) -> None:
    """Cut off the half line that a process left which was killed while it wrote.

    Nobody else writes meanwhile, and whatever came after it would make the file unreadable.
    """
    end = start = file.seek(0, os.SEEK_END)
    tail = b""
    if end:
        file.seek(end - 1)
        tail = file.read()
    if tail in {b"", b"\n"}:
        return
    while start and b"\n" not in tail:
        start = max(0, start - 65536)
        file.seek(start)
        tail = file.read(end - start)
    file.truncate(start + tail.rfind(b"\n") + 1)
