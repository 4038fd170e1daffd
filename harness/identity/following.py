"""Finds all code that a class or function rests on, from the text of its files.

That is the statement that makes the class or function and, in turn, every statement and import that
it rests on, in that file and in others. An installed package counts by its version. The versions of
torch, numpy and Python do not count, because they are kept with each record.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import inspect
import linecache
import sys
import sysconfig
import tokenize
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from harness.identity.names import PACKAGE, STAR, Import
from harness.identity.statements import Source, parsed
from harness.identity.text import normalised
from harness.identity.words import without_words
from harness.messages.errors import HarnessError

_STUDIES = f"{PACKAGE}.studies"  # read like a user's own, although installed with the harness
_RECORDED = {"torch", "numpy"}
_HOME = Path(str(sys.modules[PACKAGE].__file__)).resolve().parent

SPEAKING = (f"{PACKAGE}.messages", f"{PACKAGE}.study.metrics", f"{PACKAGE}.own.context")
"""A room and two modules of the harness that only say, refuse or watch something. They change no
number: what they let through is part of what is written down, and the seeds that a Context gives
are counted by themselves. Nothing in them counts."""


def ours(module: str) -> bool:
    """Whether a module belongs to the harness, and is no study that ships with it."""
    return _within(PACKAGE, module) and not _within(_STUDIES, module)


def _within(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def short(text: str) -> str:
    """Return ten hexadecimal digits of a text's hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


class Followed:
    """What definitions rest on, found by following names and imports.

    Attributes:
        versions: of installed packages, as ``{"package timm": "1.0.3"}``.
    """

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self._sources: dict[Path, Source] = {}
        self._whole: set[Path] = set()
        self._used: dict[Path, set[int]] = {}
        self._seen: set[tuple[Path, str]] = set()

    def begin(self, definition: Any) -> None:
        """Add a class or function, and all that it rests on.

        Raises:
            HarnessError: it has no source text.
        """
        name = getattr(definition, "__module__", None)
        if name is None:  # a function written in C
            return
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        top, first = name.partition(".")[0], definition.__qualname__.partition(".")[0]
        if ours(name):
            self._follow(_own_file(name), first)
            return
        known = _versioned(name, Path(file)) if file else top in sys.stdlib_module_names
        if known and (top not in sys.stdlib_module_names or hasattr(module, first)):
            self._version(top)
            return
        for each in filter(None, (file, _code_file(definition))):
            path = Path(each)
            path = path.resolve() if path.is_file() else path
            if self._binds(path, first):
                self._follow(path, first)
                return
        raise HarnessError(
            "a class or function in a Training must be written in a file: its text makes the key",
            f"{name}.{definition.__qualname__}, which has no source text",
            "Write it at the top level of the study's file, or of a file that it imports.",
        )

    def begin_at(self, module: str, name: str | None) -> None:
        """Add a name in a module of the harness, and all that it rests on.

        Args:
            module: which, below the harness.
            name: which of its names; ``None`` is all that it imports.
        """
        file = _own_file(f"{PACKAGE}.{module}")
        if name is not None:
            self._follow(file, name)
        else:
            for each in self._source(file).imports:
                self._import(file, each)

    def hashes(self) -> dict[str, str]:
        """Return a short hash for each top-level name, and for each file that counts whole."""
        texts: dict[str, list[str]] = {}
        for path in self._whole:
            texts.setdefault(_stem(path), []).append(_normal_file(path))
        for path, used in self._used.items():
            pieces: dict[str, list[str]] = {}
            for index in sorted(used):  # in the file's order: the later may undo the earlier
                statement = self._source(path).statements[index]
                pieces.setdefault(statement.label, []).append(statement.text)
            for label, each in pieces.items():
                texts.setdefault(f"{_stem(path)}:{label}", []).append("\n".join(each))
        # sorted, because two files may share a name, and where they lie must not count
        return {name: short("\n\n".join(sorted(texts[name]))) for name in sorted(texts)}

    def _follow(self, path: Path, name: str) -> None:
        """Add all that a name of a file rests on."""
        source = self._source(path)
        waiting = [name, STAR]
        while waiting:
            current = waiting.pop()
            if (path, current) in self._seen:
                continue
            self._seen.add((path, current))
            imports = list(source.imported.get(current, ()))
            for index in source.binding.get(current, ()):
                if index not in self._used.setdefault(path, set()):
                    self._used[path].add(index)
                    waiting += source.statements[index].uses
                    imports += source.statements[index].imports
            for each in imports:
                self._import(path, each)

    def _import(self, path: Path, each: Import) -> None:
        """Add what an import in a file takes."""
        top = each.module.partition(".")[0]
        if each.level == 0 and _speaks(each):
            return
        if _is_own(path) and not ours(each.module):  # its packages are kept with each record
            return
        part = None if each.name in (None, STAR) else each.name
        file = _located(path, each.level, each.module)
        below = _located(path, each.level, f"{each.module}.{part}".strip(".")) if part else None
        if each.level == 0 and _versioned(each.module, file or below):
            self._version(top)
            return
        if below is not None:  # `from package import module`
            self._take(below)
        if file is None:
            return
        if part is not None and self._binds(file, part):
            self._follow(file, part)
        elif below is None:  # the module itself, or a name made in a way its text does not show
            self._take(file)

    def _take(self, path: Path) -> None:
        """Add a whole file and all that it imports."""
        if path not in self._whole:
            self._whole.add(path)
            for each in self._source(path).imports:
                self._import(path, each)

    def _source(self, path: Path) -> Source:
        """Return what a file's text says, read once for all that is followed here."""
        if path not in self._sources:
            self._sources[path] = _read(path)
        return self._sources[path]

    def _binds(self, path: Path, name: str) -> bool:
        source = self._source(path)
        return name in source.binding or name in source.imported

    def _version(self, top: str) -> None:
        if top not in _RECORDED:
            for name in _distributions().get(top, ()):
                self.versions[f"package {name}"] = importlib.metadata.version(name)


# ---- files --------------------------------------------------------------------------------------


def _text(path: Path) -> str:
    """Return what counts of a file: all but words for people, where it is the harness's own."""
    if path.suffix != ".py" and path.is_file():  # a compiled module
        return repr(short(path.read_bytes().hex()))
    if path.is_file():
        with tokenize.open(path) as file:
            text = file.read()
        return without_words(text) if _is_own(path) else text
    return "".join(linecache.getlines(str(path)))  # a notebook's cell has lines but no file


def _own_file(module: str) -> Path:
    """Return the file of a module of the harness, which is not imported for that."""
    file = _below(_HOME, tuple(module.split(".")[1:]))
    assert file is not None, module
    return file


def _is_own(path: Path) -> bool:
    return path.is_relative_to(_HOME) and not path.is_relative_to(_HOME / "studies")


def _speaks(each: Import) -> bool:
    """Whether an import takes something from the harness that changes no number."""
    names = (each.module, f"{each.module}.{each.name}")
    return any(_within(speaking, name) for speaking in SPEAKING for name in names)


def _read(path: Path) -> Source:
    try:
        return parsed(_text(path))
    except SyntaxError as error:
        raise HarnessError(
            "a file that a study imports must be Python",
            f"{error.msg} at {path}:{error.lineno}",
            "Mend that line.",
        ) from error


def _normal_file(path: Path) -> str:
    return normalised(_text(path)) or "empty"


def _stem(path: Path) -> str:
    if not path.is_file():
        return "__main__"  # a cell's number changes when it is run again
    stem = path.parent.name if path.stem == "__init__" else path.stem
    return f"{PACKAGE}.{stem}" if _is_own(path) else stem


def _code_file(definition: Any) -> str | None:
    """Return where the code of a function, or of a class's methods, says that it was written."""
    parts = vars(definition).values() if isinstance(definition, type) else [definition]
    for each in map(inspect.unwrap, parts):
        code = getattr(each, "__code__", None)
        # what dataclass writes into a class says <string>
        if isinstance(code, CodeType) and code.co_filename != "<string>":
            return code.co_filename
    return None


def _located(beside: Path, level: int, name: str) -> Path | None:
    """Return the file of a module that ``beside`` imports, without importing it."""
    parts = tuple(name.split(".")) if name else ()
    if level:
        return _below(beside.parents[level - 1], parts)
    if ours(name):
        return _below(_HOME, parts[1:])
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
        return Path(file).resolve() if file else None
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:  # the folder of a study's file is searched only while it is loaded
        return _below(beside.parent, parts)
    if len(parts) == 1:
        return Path(spec.origin).resolve() if spec.has_location and spec.origin else None
    found = (_below(Path(each), parts[1:]) for each in spec.submodule_search_locations or ())
    return next((each for each in found if each is not None), None)


@cache
def _below(folder: Path, parts: tuple[str, ...]) -> Path | None:
    place = folder.joinpath(*parts)
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file.resolve() for file in files if file.is_file()), None)


def _versioned(module: str, path: Path | None) -> bool:
    """Whether a module belongs to Python or to an installed package, which have versions."""
    if _within(_STUDIES, module):
        return False
    top = module.partition(".")[0]
    if path is None:
        return top in sys.stdlib_module_names or top in _distributions()
    if {"site-packages", "dist-packages"} & set(path.parts):
        return top in _distributions()
    return path.resolve().is_relative_to(_stdlib())


@cache
def _distributions() -> Mapping[str, list[str]]:
    found = importlib.metadata.packages_distributions()
    return {top: sorted(set(names)) for top, names in found.items()}


@cache
def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib")).resolve()
