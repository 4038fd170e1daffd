"""The head's benchmarks, copied to a neutral folder: both sides run these."""

from __future__ import annotations

import ast
import os
import shutil
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path

from harness.gate.what import CommandWhat, FunctionWhat, PytestWhat, StudyWhat, What

LARGEST = 20 * 2**20
"""Bytes of a file that is copied beside a benchmark, at most: larger ones are data."""

_SETTINGS = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg", "conftest.py")


def copied(whats: Sequence[What], source: Path, own: Collection[str], place: Path) -> None:
    """Copy the files that benchmarks are in, with what lies beside them, but no measured module.

    Args:
        whats: what is measured.
        source: the folder that benchmarks come from: the head's files.
        own: the names of measured modules, at the top.
        place: the neutral folder.
    """
    place.mkdir(parents=True, exist_ok=True)
    for name in _SETTINGS:
        if (source / name).is_file():
            shutil.copyfile(source / name, place / name)
    for what in whats:
        file = benchmark_file(what, source, own)
        if file is None or not file.is_file():  # a side may lack it, which it tells
            continue
        inside = file.relative_to(source)
        if len(inside.parts) == 1:
            beside = {*source.glob("conftest.py"), *reached(file, source)}
            for each in beside:
                if each.stem not in own and each.parent == source:
                    shutil.copyfile(each, place / each.name)
        elif inside.parts[0] not in own:
            shutil.copytree(
                file.parent, place / inside.parent, ignore=_left_out, dirs_exist_ok=True
            )
            for above in list(inside.parents)[1:-1]:
                for name in ("__init__.py", "conftest.py"):
                    if (source / above / name).is_file():
                        shutil.copyfile(source / above / name, place / above / name)
        (place / inside.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place / inside)


def benchmark_file(what: What, source: Path, own: Collection[str]) -> Path | None:
    """Return the file of a benchmark that is the head's on all sides; ``None`` where none is."""
    match what:
        case StudyWhat(reference=reference, in_file=True):
            return source / reference
        case PytestWhat(file=file):
            return source / file
        case FunctionWhat(module=module) if module.partition(".")[0] not in own:
            below = source.joinpath(*module.split("."))
            places = (below.with_suffix(".py"), below / "__init__.py")
            return next((each for each in places if each.is_file()), None)
        case FunctionWhat() | StudyWhat() | CommandWhat():
            return None


def uses_own(what: What, source: Path, own: Collection[str]) -> bool:
    """Whether a benchmark imports a measured module, as far as its text tells.

    One that imports none is compared with itself where both sides run the head's. What it imports
    from files beside it, or from the top folder, counts with it.

    Args:
        what: what is measured.
        source: the folder that benchmarks come from: the head's files.
        own: the names of measured modules, at the top.
    """
    if isinstance(what, CommandWhat):
        return True  # it runs in each side's own files
    file = benchmark_file(what, source, own)
    if file is None:
        inside = what.module if isinstance(what, FunctionWhat) else getattr(what, "reference", "")
        built_in = "." not in inside and isinstance(what, StudyWhat)
        return (BUILT_IN if built_in else inside.partition(".")[0]) in own
    files = reached(file, source)
    for conftest in file.parent.glob("conftest.py"):
        files |= reached(conftest, source)
    return any(_imports(each) & {*own} for each in files)


def defined_tests(file: Path) -> set[str]:
    """Return the names of tests that a file defines; none where it is not there."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    return {each.name for each in functions if each.name.startswith("test")}


def reached(file: Path, source: Path) -> set[Path]:
    """Return a file, and those beside it or in the top folder that it imports, and they do."""
    seen: set[Path] = set()
    left = [file]
    while left:
        seen.add(one := left.pop())
        places = (
            folder / f"{name}.py" for name in _imports(one) for folder in (file.parent, source)
        )
        left += [each for each in places if each not in seen and each.is_file()]
    return seen


def same_files(
    what: StudyWhat | PytestWhat, one: Path, other: Path, own: Collection[str] = ()
) -> bool:
    """Whether two folders have the same file of a benchmark, with all that is copied beside it.

    Of tests, also the same ``conftest.py`` and settings.

    Args:
        what: a benchmark in a file.
        one: a folder that benchmarks come from.
        other: another one.
        own: the names of measured modules, at the top, which may differ.
    """
    return _texts(what, one, own) == _texts(what, other, own)


def _texts(
    what: StudyWhat | PytestWhat, source: Path, own: Collection[str]
) -> dict[Path, bytes | str]:
    """Return what the files say that tell which arms or tests there are, by their paths."""
    file = benchmark_file(what, source, own)
    if file is None or not file.is_file():
        return {}
    files = reached(file, source)
    if len(file.relative_to(source).parts) > 1:
        files |= _beside(file.parent)  # data too: tests and arms may be made of it
    if isinstance(what, PytestWhat):
        above = [source / each for each in file.relative_to(source).parents]
        settings = [folder / name for folder in above for name in _SETTINGS]
        for each in filter(Path.is_file, settings):
            files |= reached(each, source) if each.suffix == ".py" else {each}
    return {
        each.relative_to(source): _of_pytest(each) if each.suffix == ".toml" else each.read_bytes()
        for each in files
        if each == file or each.stem not in own or each.parent != source
    }


def _beside(folder: Path) -> set[Path]:
    """Return all files of a folder that are copied with a benchmark in it."""
    found: set[Path] = set()
    for place, folders, names in os.walk(folder):
        out = _left_out(place, [*folders, *names])
        folders[:] = [each for each in folders if each not in out]
        found |= {Path(place, each) for each in names if each not in out}
    return found


def _of_pytest(file: Path) -> str:
    """Return what a file of TOML says of pytest; all of it where it is none."""
    text = file.read_text(encoding="utf-8", errors="replace")
    try:
        tool = tomllib.loads(text).get("tool")
        return repr(tool.get("pytest")) if isinstance(tool, dict) else text
    except tomllib.TOMLDecodeError:
        return text


BUILT_IN = "harness"
"""The package that studies with a short name come from."""


def _imports(file: Path) -> set[str]:
    """Return the modules that a file imports anywhere in it, at the top."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
    return {name.partition(".")[0] for name in names}


def measured_modules(
    whats: Sequence[What], modules: Sequence[str], source: Path
) -> tuple[str, ...]:
    """Return the names of measured modules: those of the project, without files of benchmarks."""
    files = {
        file.stem
        for what in whats
        if isinstance(what, StudyWhat | PytestWhat)
        and (file := benchmark_file(what, source, ())) is not None
        and file.parent == source
    }
    return tuple(name for name in modules if name not in files)


def _left_out(folder: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name.startswith(".") or name == "__pycache__" or not _small(Path(folder, name))
    }


def _small(file: Path) -> bool:
    return file.is_dir() or (file.is_file() and file.stat().st_size <= LARGEST)
