"""Open an Optuna storage, and a lock beside it where the storage is a file."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

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
from harness.storing.faults import check_file, errors, no_store, not_a_store, root_cause
from harness.storing.journal import Journal, Lines, holding, read_line
from harness.storing.rows import TABLES, Rows
from harness.storing.server import ServerStorage, template
from harness.storing.sqlite import open_sqlite, sqlite_path

optuna.logging.set_verbosity(optuna.logging.ERROR)
guard("optuna")


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
        self._file_lock = FileLock(f"{path}.lock") if path else FileLock(lock) if lock else None

    def lock(self, told: Callable[[], None] | None = None) -> AbstractContextManager[Any]:
        """Return what keeps other processes from leasing trials meanwhile.

        A file beside the storage's file is locked by the operating system, which lets go of it
        when a process dies. Whoever holds it may take it again within. For a database server it
        is a file of this machine: processes on others are not kept out, see ``Ledger.lease``.

        Args:
            told: called once where another process holds it for longer than leasing takes.
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

    def trials(self, study: str, scale: str) -> Path:
        """Return where each trial of the user's own code has a folder: beside it, on each machine.

        Nobody else runs a trial of this study and scale whom a lease of this store was given; the
        same trial in another study may be run at the same time, and has another folder.
        """
        if self.path is None:
            short = hashlib.sha256(self.url.encode()).hexdigest()[:8]
            whole = Path(f"harness-trials-{short}").resolve()
        else:
            whole = self.path.with_name(f"{self.path.name}.trials")
        return whole / f"{study}-{scale}"

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
        return errors(self.url)


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
        raise not_a_store(where, "no path, and no URL, for want of ://", SPELLING)
    if (path := sqlite_path(where)) is not None:
        rows, log_was_there = open_sqlite(path, create)
        return Store(str(path), rows, path, noticed=noticed, log_was_there=log_was_there)
    scheme, _, rest = where.partition("://")
    if scheme == "journal":
        return _journal(Path(rest.removeprefix("/")), create, noticed)
    _check_spelling(where)
    try:
        with errors(where):
            lock = _lock_of_server(where)
            return Store(where, _server(where, create), None, noticed=noticed, lock=lock)
    except HarnessError:
        raise
    except (ImportError, RuntimeError, ValueError, LookupError, TypeError) as error:
        scrub(error)
        raise not_a_store(where, root_cause(error)) from error
    except sqlalchemy.exc.ArgumentError as error:
        scrub(error)
        raise not_a_store(where, root_cause(error)) from error


SPELLING = (
    "Write postgresql+psycopg://USER:PASSWORD@HOST/NAME, with each @ : / ? # % of the password as "
    "%40 %3A %2F %3F %23 %25."
)


def _check_spelling(url: str) -> None:
    """Refuse a URL of which a driver would take, and print, parts of the password for others.

    Raises:
        HarnessError: it is such a one.
    """
    parts = re.match(r"(?s)[\w+]+://(?:[^:/]*(?::[^@]*)?@)?([^?]*)", url)
    host = parts.group(1) if parts is not None else ""
    if "@" in host:
        raise not_a_store(url, "more than one @ before the name of the database", SPELLING)
    if re.match(r"(?:\[[^\]]*\]|[^:/]*):(?!\d*(?:/|$))", host):
        raise not_a_store(url, "no number where the port stands", SPELLING)


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


def _check_tables(url: str, filled: str) -> None:
    engine = sqlalchemy.create_engine(filled)
    try:
        tables = set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()
    if not tables >= TABLES:
        raise no_store(f"no tables of a store in {shown(url)}")


def _journal(path: Path, create: bool, noticed: Noticed) -> Store:
    check_file(path, create)
    url = f"journal:///{path}"
    with errors(url):
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
        raise not_a_store(str(path), "no line of it is one of a journal")
