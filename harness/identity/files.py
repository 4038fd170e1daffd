"""Files whose contents give a command its meaning, as a short hash for each."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import posixpath
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
    found: dict[str, Path] = {}
    for pattern in patterns:
        matched = list(_matching(folder, PurePosixPath(pattern).parts, frozenset()))
        if not matched:
            raise HarnessError(
                "each pattern in Command(code=...) must match a file",
                f"{pattern!r}, which matches none in {folder}",
                "Patterns begin in the folder of the study's file; mend or leave out this one.",
            )
        found.update((_name(folder, file), file) for file in matched)
    for word in named:
        file = folder / word
        below = not Path(word).is_absolute() or file.is_relative_to(folder)
        if word and below and os.path.isfile(file):  # noqa: PTH113 - takes names of any length
            found[_name(folder, file)] = file
    return {name: _hash(found[name]) for name in sorted(found)}


def _name(folder: Path, file: Path) -> str:
    name = posixpath.normpath(os.path.relpath(file, folder))
    return name if name != KEYS else f"./{name}"


def _matching(folder: Path, parts: Sequence[str], above: frozenset[Path]) -> Iterator[Path]:
    """Yield the files that a pattern matches in a folder, part by part."""
    first, rest = (parts[0], parts[1:]) if parts else (_ANY, ())
    if first == _ANY:
        here = folder.resolve()
        if here in above:  # a link back to where it lies
            return
        if rest:
            yield from _matching(folder, rest, above)
        for each in _entries(folder):
            if each.is_dir():
                yield from _matching(each, (_ANY, *rest), above | {here})
            elif not rest and each.is_file():
                yield each
        return
    for each in _named(folder, first):
        if each.is_dir() and (rest or not _is_wild(first)):
            yield from _matching(each, rest, above)
        elif not rest and each.is_file():
            yield each


def _named(folder: Path, part: str) -> list[Path]:
    if not _is_wild(part):
        return [folder / part]
    return [each for each in _entries(folder) if fnmatch.fnmatchcase(each.name, part)]


def _is_wild(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, but for what is hidden or left behind.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208
    except OSError as error:
        raise _unreadable(folder, error) from error
    return [folder / name for name in names if name[0] != "." and name != _LEFT_OUT]


def _hash(file: Path) -> str:
    """Return a short hash of a file's contents, which are read once as long as it is not touched.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        seen = file.stat()
        return _read(file, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    except OSError as error:
        raise _unreadable(file, error) from error


@lru_cache(maxsize=1 << 16)
def _read(file: Path, *_seen: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _unreadable(path: Path, error: OSError) -> HarnessError:
    return HarnessError(
        "files that Command(code=...) matches, or its line names, must be readable",
        f"{path} ({error.strerror})",
        "Give yourself the right to read it, or match others.",
    )
