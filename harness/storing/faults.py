"""What can be wrong with a store as a whole, in one clear line each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import sqlalchemy.exc

from harness.messages.errors import HarnessError, one_line
from harness.messages.redact import clean, scrub, shown


class NoStoreError(HarnessError):
    """There is no store yet where one was to be read."""


@contextmanager
def errors(url: str) -> Iterator[None]:
    """Turn what a storage raises when it cannot be read or written into one clear line."""
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


def no_store(got: str) -> NoStoreError:
    """Return that there is no store yet."""
    return NoStoreError(
        "there must be a store to read",
        got,
        "Run a study first, or name its store with --store or its folder with --out.",
    )


def not_a_store(
    where: str, got: str, instead: str = "Name another store, or leave --store out."
) -> HarnessError:
    """Return that something is no store."""
    return HarnessError(
        "--store must name an SQLite file, journal:///FILE, or a database URL that Optuna opens",
        f"{shown(where)}: {got}",
        instead,
    )


def check_file(path: Path, create: bool) -> None:
    """Check that a store's file is there, or that it can be made.

    Args:
        path: the file.
        create: whether a missing one is made; its folder is, then.

    Raises:
        HarnessError: it is not there, or cannot be made.
    """
    try:
        is_folder, is_there = path.is_dir(), path.exists()
        is_empty = is_there and not path.stat().st_size
    except OSError as error:  # a name too long, or a folder that may not be read
        raise not_a_store(str(path), error.strerror or str(error)) from error
    if is_folder:
        raise not_a_store(str(path), "a folder")
    if not create and (is_empty or not is_there):
        raise no_store(f"{'an empty' if is_there else 'no'} file {path.resolve()}")
    if not is_there:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_a_store(str(path), str(error)) from error
