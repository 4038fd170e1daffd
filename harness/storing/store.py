"""Open an Optuna storage, and a lock beside it where the storage is a file."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy
import sqlalchemy.exc
from filelock import FileLock
from optuna.storages import BaseStorage
from optuna.storages._rdb.models import SCHEMA_VERSION

from harness.messages.errors import HarnessError, one_line
from harness.messages.redact import clean, guard, is_server_misspelt, learn, scrub, shown
from harness.storing.artifacts import FolderOfArtifacts
from harness.storing.damage import Damage, Noticed
from harness.storing.journal import Journal, Lines, holding, read_line
from harness.storing.rows import TABLES, Rows
from harness.storing.server import ServerStorage, template

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

optuna.logging.set_verbosity(optuna.logging.ERROR)
guard("optuna")

BUSY_SECONDS = 60
"""How long a write waits for another process's write to an SQLite file."""


class Store:
    """An open storage.

    Attributes:
        url: what it was opened by, without secrets.
        storage: the Optuna storage.
        path: the file, where it is one.
        noticed: damaged rows that were left out, and what was lost.
        log_was_there: whether an SQLite file had its write-ahead log beside it when it was opened.
    """

    def __init__(
        self,
        url: str,
        storage: BaseStorage,
        path: Path | None,
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
        noticed: Noticed | None = None,
        lock: Path | None = None,
        *,
        log_was_there: bool = True,
    ) -> None:
        """Keep what belongs to an open storage.

        Args:
            url: what it was opened by.
            storage: the Optuna storage.
            path: the file, where it is one.
            together: what :meth:`together` returns.
            noticed: where damage is written down that was noticed.
            lock: the file whose lock :meth:`lock` takes; beside ``path``, where there is one.
            log_was_there: whether an SQLite file had its write-ahead log beside it.
        """
        self.url = shown(url)
        self.storage = storage
        self.path = path
        self.noticed = Noticed() if noticed is None else noticed
        self.log_was_there = log_was_there
        self._together = together
        self._file_lock = _lock(path) if path else FileLock(lock) if lock else None

    def lock(self, told: Callable[[], None] | None = None) -> AbstractContextManager[Any]:
        """Return what keeps other processes from claiming trials meanwhile.

        A file beside the storage's file is locked by the operating system, which lets go of it
        when a process dies. Whoever holds it may take it again within. For a database server it
        is a file of this machine: processes on others are not kept out, see ``Ledger.claim``.

        Args:
            told: called once where another process holds it for longer than it takes to claim.
        """
        return nullcontext() if self._file_lock is None else holding(self._file_lock, told)

    @property
    def since(self) -> float:
        """When a lost connection last came back, in seconds since 1970; 0 if none was lost."""
        return self.storage.since if isinstance(self.storage, ServerStorage) else 0.0

    def impatiently(self) -> AbstractContextManager[None]:
        """Return within which this thread does not wait for a lost connection to come back."""
        server = self.storage if isinstance(self.storage, ServerStorage) else None
        return server.impatiently() if server else nullcontext()

    def on_loss(self, told: Callable[[str], None]) -> None:
        """Have one line told when a connection is lost, and tried for again."""
        if isinstance(self.storage, ServerStorage):
            self.storage.told = told

    @property
    def artifacts(self) -> FolderOfArtifacts:
        """Where trained networks are kept that other trials learn from: a folder beside it."""
        if self.path is None:  # a database server keeps no files
            return FolderOfArtifacts(Path("harness-networks").resolve())
        return FolderOfArtifacts(self.path.with_name(f"{self.path.name}.networks"))

    def together(self) -> AbstractContextManager[None]:
        """Return within which writes reach the disk at the end, all in one go.

        Each is handed to the operating system at once, so a killed process loses none of them.
        May be nested. Only a journal file gains by it; elsewhere it does nothing.
        """
        return self._together()

    def notice(self, study: str, trial: int | None, part: str, wrong: str) -> None:
        """Write down that something was damaged, and left out.

        Args:
            study: the Optuna study's name.
            trial: the trial's number, or ``None``.
            part: which attribute, value or line.
            wrong: what is wrong with it.
        """
        self.noticed.damage[Damage(self.url, study, trial, part, one_line(clean(wrong)))] = None

    def close(self) -> None:
        """Let go of connections; nothing is lost by leaving it out."""
        if isinstance(self.storage, Rows):
            self.storage.remove_session()
            self.storage.engine.dispose()

    def checkpoint(self) -> None:
        """Work an SQLite file's write-ahead log into it, as far as nobody reads it meanwhile."""
        if self.path is not None and isinstance(self.storage, Rows):
            with self.errors(), self.storage.engine.connect() as connection:
                connection.execute(sqlalchemy.text("PRAGMA wal_checkpoint(PASSIVE)")).all()

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
        scrub(error)
        raise HarnessError(
            "the store must be readable and writable",
            f"{shown(url)}: {root_cause(error)}",
            "What was recorded is kept; `harness doctor --store` says more of a damaged one; or "
            "name another with --store.",
        ) from error


def root_cause(error: BaseException) -> str:
    """Return the first line of the error that an error came from, without secrets."""
    while error.__cause__ is not None:
        error = error.__cause__
    return one_line(clean(str(error).partition("\n")[0]))


def open_store(where: str, *, create: bool = True, noticed: Noticed | None = None) -> Store:
    """Open a storage.

    Args:
        where: a path of an SQLite file, ``sqlite:///FILE``, ``journal:///FILE``, or any database
            URL that Optuna takes (PostgreSQL, MySQL).
        create: whether a missing file is made, and tables in an empty database.
        noticed: where damage is written down that is noticed.

    Raises:
        HarnessError: it is missing, not a store, read-only, or of a newer version.
    """
    noticed = Noticed() if noticed is None else noticed
    learn(where)
    if is_server_misspelt(where):
        raise _not_a_store(where, "no path, and no URL, for want of ://", SPELLING)
    if (path := sqlite_path(where)) is not None:
        return _sqlite(path, create, noticed)
    scheme, _, rest = where.partition("://")
    if scheme == "journal":
        return _journal(Path(rest.removeprefix("/")), create, noticed)
    _check_spelling(where)
    try:
        with _errors(where):
            lock = _lock_of_server(where)
            return Store(where, _server(where, create), None, noticed=noticed, lock=lock)
    except HarnessError:
        raise
    except (ImportError, RuntimeError, ValueError, LookupError, TypeError) as error:
        scrub(error)
        raise _not_a_store(where, root_cause(error)) from error
    except sqlalchemy.exc.ArgumentError as error:
        scrub(error)
        raise _not_a_store(where, root_cause(error)) from error


def sqlite_path(where: str) -> Path | None:
    """Return the SQLite file that ``--store`` names; ``None`` where it names something else.

    All that follows ``sqlite:///`` is the file's name, ``?``, ``#`` and ``%`` included.
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return Path(where)
    return Path(rest.removeprefix("/")) if scheme.partition("+")[0] == "sqlite" else None


SPELLING = (
    "Write postgresql+psycopg://USER:PASSWORD@HOST/NAME, with each @ : / ? # % of the password as "
    "%40 %3A %2F %3F %23 %25."
)


def _check_spelling(url: str) -> None:
    """Refuse a URL of which a driver would take, and print, parts of the password for others.

    Raises:
        HarnessError: it is such a one.
    """
    found = re.match(r"(?s)[\w+]+://(?:[^:/]*(?::[^@]*)?@)?([^?]*)", url)
    host = found.group(1) if found is not None else ""
    if "@" in host:
        raise _not_a_store(url, "more than one @ before the name of the database", SPELLING)
    if re.match(r"(?:\[[^\]]*\]|[^:/]*):(?!\d*(?:/|$))", host):
        raise _not_a_store(url, "no number where the port stands", SPELLING)


def _lock_of_server(url: str) -> Path | None:
    """Return the file that processes of this user and machine lock for a database, if any can be.

    Its name tells neither the server nor a password.
    """
    place = sqlalchemy.make_url(url).set(password=None, drivername="server")
    name = hashlib.sha256(str(place).encode()).hexdigest()[:16]
    user = getattr(os, "getuid", lambda: "user")()
    folder = Path(tempfile.gettempdir()) / f"ablation-harness-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return folder / f"{name}.lock" if os.access(folder, os.W_OK) else None


def _server(url: str, create: bool) -> ServerStorage:
    """Connect to a database server.

    Two processes that make the tables of an empty database at the same moment get in each other's
    way; the one that fails finds them made when it tries again.

    Raises:
        HarnessError: there are no tables, and none are to be made.
    """
    if not create:
        _check_tables(url, template(url).format(SCHEMA_VERSION=SCHEMA_VERSION))
        return ServerStorage(url, make_tables=False)
    for pause in (0.5, 2.0):
        try:
            return ServerStorage(url)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError) as error:
            if error.statement is None:
                raise  # it did not come to any table: the URL is wrong
            time.sleep(pause)
    return ServerStorage(url)


class NoStoreError(HarnessError):
    """There is no store yet where one was to be read."""


def _check_tables(url: str, filled: str) -> None:
    engine = sqlalchemy.create_engine(filled)
    try:
        there = set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    if not there >= TABLES:
        raise _no_store(f"no tables of a store in {shown(url)}")


def _no_store(got: str) -> NoStoreError:
    return NoStoreError(
        "there must be a store to read",
        got,
        "Run a study first, or name its store with --store or its folder with --out.",
    )


def _not_a_store(
    where: str, got: str, instead: str = "Name another store, or leave --store out."
) -> HarnessError:
    return HarnessError(
        "--store must name an SQLite file, journal:///FILE, or a database URL that Optuna opens",
        f"{shown(where)}: {got}",
        instead,
    )


def _check_file(path: Path, create: bool) -> None:
    if path.is_dir():
        raise _not_a_store(str(path), "a folder")
    if not create and not (path.exists() and path.stat().st_size):
        raise _no_store(f"{'an empty' if path.exists() else 'no'} file {path.resolve()}")
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_a_store(str(path), str(error)) from error


def _sqlite(path: Path, create: bool, noticed: Noticed) -> Store:
    _check_file(path, create)
    log = path.with_name(f"{path.name}-wal")
    log_was_there = log.exists() and log.stat().st_size > 0
    if path.exists() and path.stat().st_size:
        _check_sqlite(path, create)
    try:
        with _errors(str(path)):
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
        raise _not_a_store(str(path), root_cause(error)) from error
    return Store(str(path), storage, path, noticed=noticed, log_was_there=log_was_there)


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
    with _lock(path):
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
        raise _not_a_store(str(path), str(error)) from error
    if tables and not {"studies", "trials"} <= tables:
        raise _not_a_store(str(path), "a database of something else")
    if not create and not tables >= TABLES:
        raise _no_store(f"no tables of a store in {path}")


def _journal(path: Path, create: bool, noticed: Noticed) -> Store:
    _check_file(path, create)
    url = f"journal:///{path}"
    with _errors(url):
        _check_journal(path)

        def notice(line: int, wrong: str) -> None:
            noticed.damage[Damage(url, "", None, f"line {line}", one_line(wrong))] = None

        backend = Journal(path, notice)
        return Store(url, Lines(backend), path, backend.together, noticed)


def _check_journal(path: Path) -> None:
    """Refuse a file of which no line at the beginning is one of a journal.

    Raises:
        HarnessError: it is such a one.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        lines = [line for line, _ in zip(file, range(100), strict=False)]
    whole = [line for line in lines if line.endswith(b"\n")]
    if lines and all(read_line(line)[1] for line in whole or lines):
        raise _not_a_store(str(path), "no line of it is one of a journal")
