"""Files that commands leave: each is whole, or it is not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from filelock import BaseFileLock

ELSEWHERE = "Name another with --out; the records are kept in the store."


def write_whole(path: Path, content: bytes, instead: str = ELSEWHERE) -> Path:
    """Write a file under another name, then give it its own: nobody ever sees half of it.

    Args:
        path: the file.
        content: all of it.
        instead: what to do where it cannot be written.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)
            return Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HarnessError(
            "the output folder must be writable", f"{path}: {error.strerror}", instead
        ) from error


def lock_of(path: Path) -> BaseFileLock:
    """Return the lock of a file that may lie in somebody's repository.

    It is kept in the folder for temporary files: beside the file, git would take it for a change.
    """
    from filelock import FileLock

    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    user = getattr(os, "getuid", int)()  # one user may not write to what another has made there
    return FileLock(Path(tempfile.gettempdir()) / f"harness-{user}-{place}.lock")


def utf8(text: str) -> bytes:
    """Return a text for a file; half a character, of a store of before, as Python writes it."""
    return text.encode("utf-8", "backslashreplace")
