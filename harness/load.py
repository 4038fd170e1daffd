"""Find a study by name, module or file, and load it; list studies without running them."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType

from harness.errors import HarnessError, near
from harness.foreign import check_torch
from harness.study import Study

BUILT_IN = "studies"
"""The package that holds the studies shipped with the harness."""


@dataclass(frozen=True)
class Listed:
    """A study as ``harness list`` shows it, read from its file without running it.

    Attributes:
        name: what to write after ``harness run``.
        summary: first line of the file's docstring.
    """

    name: str
    summary: str


def listed(folder: Path) -> list[Listed]:
    """List the built-in studies, and those in the files of ``folder``."""
    built_in = [(file.stem, file) for file in _built_in_files()]
    own = [(str(file.name), file) for file in sorted(folder.glob("*.py"))]
    return [
        Listed(name, summary)
        for name, file in [*built_in, *own]
        if (summary := _summary(file)) is not None
    ]


def built_in() -> list[str]:
    """Return the names of the studies shipped with the harness."""
    return [file.stem for file in _built_in_files() if _summary(file) is not None]


def _built_in_files() -> list[Path]:
    spec = importlib.util.find_spec(BUILT_IN)
    places = list(spec.submodule_search_locations or []) if spec else []
    files = [file for place in places for file in sorted(Path(place).glob("*.py"))]
    return [file for file in files if not file.stem.startswith("_")]


def _summary(file: Path) -> str | None:
    """Return the first line of a study file's docstring, ``None`` where it is no study."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(each, ast.Name) and each.id == "study" for each in targets):
            return (ast.get_docstring(tree) or "").partition("\n")[0]
    return None


def find(reference: str) -> str:
    """Resolve what a person wrote to a module name or an absolute file path.

    Raises:
        HarnessError: there is no such study.
    """
    if reference.endswith(".py") or "/" in reference:
        file = Path(reference)
        if not file.is_file():
            raise HarnessError(
                "STUDY must be a name, a module, or a file that exists",
                f"{reference!r} (looked for {file.resolve()})",
                "`harness list` shows the studies here.",
            )
        return str(file.resolve())
    if reference in {file.stem for file in _built_in_files()}:
        return f"{BUILT_IN}.{reference}"
    if all(part.isidentifier() for part in reference.split(".")) and _module_exists(reference):
        return reference
    raise HarnessError(
        "STUDY must be a name that `harness list` shows, a module, or a .py file",
        repr(reference),
        near(reference, built_in()),
    )


def _module_exists(name: str) -> bool:
    with _here_importable():
        try:
            return importlib.util.find_spec(name) is not None
        except (ModuleNotFoundError, ValueError):
            return False


class _here_importable:  # noqa: N801 - reads as a phrase in `with`
    """The current folder on sys.path, where an installed command does not have it."""

    def __enter__(self) -> None:
        self.here = str(Path.cwd())
        self.added = self.here not in sys.path and "" not in sys.path
        if self.added:
            sys.path.append(self.here)

    def __exit__(self, *_: object) -> None:
        if self.added and self.here in sys.path:
            sys.path.remove(self.here)


def load(found: str) -> Study:
    """Load the study of a module or file that :func:`find` returned.

    Raises:
        HarnessError: the file cannot be run, or it exports no ``study``.
    """
    try:
        with _here_importable():
            module = _load_file(Path(found)) if found.endswith(".py") else _load_module(found)
    except HarnessError:
        raise
    except SyntaxError as error:
        raise HarnessError(
            "a study file must be Python",
            f"{error.msg} at {error.filename}:{error.lineno}",
            "Mend that line.",
        ) from error
    except Exception as error:
        raise HarnessError(
            "a study file must run when imported",
            f"{type(error).__name__}: {error} at {_place(error, found)}",
            "Mend that line.",
        ) from error
    check_torch()
    study = getattr(module, "study", None)
    if not isinstance(study, Study):
        raise HarnessError(
            f"{found} must export a Study under the name `study`",
            "nothing of that name" if study is None else repr(study),
            "Write study = Study(name=..., ...) at the top level.",
        )
    return study


def _load_module(name: str) -> ModuleType:
    return importlib.import_module(name)


def _load_file(file: Path) -> ModuleType:
    """Load a file as a module named by its stem, so that worker processes find its classes."""
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = f"study_{name}"  # the stem is some other module's name
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))  # a study file may import what lies beside it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(file.parent))
    return module


def _place(error: BaseException, found: str) -> str:
    """Name the last line of the study's own file that the error came through."""
    lines = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in _frames(error)
        if frame.f_code.co_filename.endswith(Path(found).name.replace(".", "/"))
        or frame.f_code.co_filename == found
    ]
    return lines[-1] if lines else found


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
