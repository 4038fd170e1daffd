"""Files that commands leave: each is whole, or it is not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.messages.errors import HarnessError

TAKE_AWAY = "take-away"
"""The folder beside a report that has its tables and figures as files."""

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


def utf8(text: str) -> bytes:
    """Return a text for a file; half a character, of a store of before, as Python writes it."""
    return text.encode("utf-8", "backslashreplace")
