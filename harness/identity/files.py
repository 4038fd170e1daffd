"""Files whose contents give a command its meaning, as a short hash for each."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from harness.identity.code import KEYS
from harness.messages.errors import HarnessError

_ANY = "**"
_LEFT_OUT = "__pycache__"


def check_pattern(pattern: Any) -> None:
    """Check that a pattern names files from a folder on.

    Raises:
        HarnessError: it does not.
    """
    parts = PurePosixPath(pattern).parts if isinstance(pattern, str) else ()
    if not parts or parts[0] == "/" or "\0" in pattern:
        raise HarnessError(
            "a pattern in Command(code=...) must begin in the folder of the study's file",
            repr(pattern),
            "Write code=('src/**', '../shared/*.py'), say.",
        )


def hashes_of(folder: Path, patterns: Sequence[str], named: Iterable[str]) -> dict[str, str]:
    """Return a short hash of the contents of each file, by its path from a folder on.

    Args:
        folder: where patterns begin.
        patterns: each must match some file; ``**`` is folders of any depth, and a folder is all
            that lies in it. What begins with a dot, and what Python leaves behind, a pattern
            matches only where it names it. Links are followed.
        named: what may be names of files, of which those count that are: all but absolute paths
            that lead out of the folder.

    Raises:
        HarnessError: a pattern matches nothing, or a file cannot be read.
    """
    home = str(folder)
    found: dict[str, str] = {}
    for pattern in patterns:
        matched = list(_matching(home, PurePosixPath(pattern).parts, frozenset()))
        if not matched:
            raise HarnessError(
                "each pattern in Command(code=...) must match a file",
                f"{pattern!r}, which matches none in {folder}",
                "Patterns begin in the folder of the study's file; mend or leave out this one.",
            )
        found.update((_name(home, file), file) for file in matched)
    for word in named:
        file = os.path.join(home, word)  # noqa: PTH118 - texts: there may be thousands of files
        below = not Path(word).is_absolute() or Path(word).is_relative_to(folder)
        if word and below and os.path.isfile(file):  # noqa: PTH113 - takes names of any length
            found[_name(home, file)] = file
    return {name: _hash(found[name]) for name in sorted(found)}


def _name(home: str, file: str) -> str:
    name = os.path.relpath(file, home)
    return name if name != KEYS else f"./{name}"


def _matching(folder: str, parts: Sequence[str], above: frozenset[str]) -> Iterator[str]:
    """Yield the files that a pattern matches in a folder, part by part.

    Args:
        folder: the folder.
        parts: those parts of the pattern that are left.
        above: the folders that ``**`` has come through.
    """
    first, rest = (parts[0], parts[1:]) if parts else (_ANY, ())
    if first == _ANY:
        here = os.path.realpath(folder)
        if here in above:  # a link back to where it lies
            return
        if rest:
            yield from _matching(folder, rest, above)
        for path, is_folder in _entries(folder):
            if is_folder:
                yield from _matching(path, (_ANY, *rest), above | {here})
            elif not rest and os.path.isfile(path):  # noqa: PTH113
                yield path
        return
    wild = any(sign in first for sign in "*?[")
    for path, is_folder in _entries(folder, first) if wild else [_entry(folder, first)]:
        if is_folder and (rest or not wild):
            yield from _matching(path, rest, above)
        elif not rest and os.path.isfile(path):  # noqa: PTH113
            yield path


def _entry(folder: str, name: str) -> tuple[str, bool]:
    path = os.path.join(folder, name)  # noqa: PTH118
    return path, os.path.isdir(path)  # noqa: PTH112


def _entries(folder: str, pattern: str = "*") -> list[tuple[str, bool]]:
    """Return what lies in a folder, and whether it is one: nothing hidden or left behind.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(
                (each.path, each.is_dir())
                for each in found
                if each.name[0] != "."
                and each.name != _LEFT_OUT
                and fnmatch.fnmatchcase(each.name, pattern)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _hash(file: str) -> str:
    """Return a short hash of a file's contents, which are read once as long as it is not touched.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        seen = os.stat(file)  # noqa: PTH116
        return _read(file, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    except OSError as error:
        raise _unreadable(file, error) from error


@lru_cache(maxsize=1 << 16)
def _read(file: str, *_seen: int) -> str:
    with Path(file).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _unreadable(path: str, error: OSError) -> HarnessError:
    return HarnessError(
        "files that Command(code=...) matches, or its line names, must be readable",
        f"{path} ({error.strerror})",
        "Give yourself the right to read it, or match others.",
    )
