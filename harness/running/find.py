"""Find a study by name, module or file, and load it; list studies without running them."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import signal
import sys
import threading
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from harness.adapters.extras import EXTRAS, installing
from harness.identity.statements import imports_of
from harness.messages.blame import as_a_script, named, place
from harness.messages.errors import HarnessError, closest, meant, near
from harness.messages.foreign import check_torch
from harness.running.neighbours import check_apart, welcome
from harness.study.search import Search, over
from harness.study.study import Study

BUILT_IN = "harness.studies"
"""The package that holds the studies shipped with the harness."""

TO_COPY = ("examples", "searches")
"""Folders in it, of short studies and of short searches."""

_BEFORE = "studies"  # what it was called, as stores of before name it

OVER = "#over="
"""Between a study and the names of what is searched of it: ``depth#over=lr,width``."""

SEARCH = "#search"
"""Behind a file or module that has a study, too: its search is meant."""

GUARD = "if __name__ == '__main__':"


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


def _built_in_files(below: str = "") -> list[Path]:
    spec = importlib.util.find_spec(BUILT_IN)
    places = list(spec.submodule_search_locations or []) if spec else []
    files = [file for place in places for file in sorted((Path(place) / below).glob("*.py"))]
    return [file for file in files if not file.stem.startswith("_")]


def _to_copy() -> dict[str, str]:
    """Return the modules of short studies and searches that are found as ``examples.NAME``.

    What they import may not be installed.
    """
    return {
        f"{folder}.{file.stem}": f"{BUILT_IN}.{folder}.{file.stem}"
        for folder in TO_COPY
        for file in _built_in_files(folder)
    }


def _summary(file: Path) -> str | None:
    """Return the first line of a study file's docstring, ``None`` where it is no study."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return None
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(each, ast.Name) and each.id in {"study", "search"} for each in targets):
            return (ast.get_docstring(tree) or "").partition("\n")[0]
    return None


def find(reference: str) -> str:
    """Resolve what a person wrote to a module name or an absolute file path.

    What stands behind a ``#`` stays: it says what is searched.

    Raises:
        HarnessError: there is no such study.
    """
    base, mark, rest = reference.partition("#")
    return f"{_find(base)}{mark}{rest}"


def _find(reference: str) -> str:
    if reference.endswith(".py") or "/" in reference:
        file = Path(reference)
        if not file.is_file():
            raise HarnessError(
                "STUDY must be a name, a module, or a file that exists",
                f"{reference!r} (looked for {file.resolve()})",
                _near_file(file) or "`harness list` shows the studies here.",
            )
        return str(file.resolve())
    shipped = {file.stem: file for file in _built_in_files()}
    if reference in shipped:
        return f"{BUILT_IN}.{reference}"
    dotted = all(part.isidentifier() for part in reference.split("."))
    spec = _spec(reference) if dotted else None
    package, _, name = reference.rpartition(".")
    if package in {BUILT_IN, _BEFORE} and name in shipped:
        origin = spec.origin if spec is not None else None
        if origin is None or Path(origin).resolve() == shipped[name].resolve():
            return f"{BUILT_IN}.{name}"
    if spec is not None:
        return reference
    to_copy = _to_copy()
    if reference in to_copy:
        return to_copy[reference]
    raise HarnessError(
        "STUDY must be a name that `harness list` shows, a module, or a .py file",
        repr(reference),
        near(reference, [*(each.name for each in listed(Path())), *to_copy]),
    )


def _near_file(missing: Path) -> str:
    """Ask whether a study with a name much like that of a missing file was meant; else nothing."""
    files = [file for file in missing.parent.glob("*.py") if _summary(file) is not None]
    stems = {file.stem: str(file) for file in files}
    close = closest(missing.stem, stems)  # without what is the same in all names
    return meant(stems[stem] for stem in close) if close else ""


def _spec(name: str) -> ModuleSpec | None:
    """Return where a module is, in this folder or installed; the packages it is in are run."""
    if name.partition(".")[0] != "harness":
        welcome(Path.cwd())
    try:
        with _running(name):
            return importlib.util.find_spec(name)
    except HarnessError:  # is a ValueError, too
        raise
    except (ModuleNotFoundError, ValueError):
        return None


def load(found: str) -> Study:
    """Load the study of a module or file that :func:`find` returned, or what runs its search.

    Raises:
        HarnessError: the file cannot be run, or it exports no ``study`` and no ``search``.
    """
    base, mark, names = found.partition(OVER)
    module = _load(base.removesuffix(SEARCH))
    study, search = getattr(module, "study", None), getattr(module, "search", None)
    if isinstance(search, Search) and (study is None or base.endswith(SEARCH)):
        study = search.study
    elif base.endswith(SEARCH):
        raise HarnessError(
            f"{base.removesuffix(SEARCH)} must export a Search under the name `search`",
            "nothing of that name" if search is None else repr(search),
            "Write search = Search(name=..., ...) at the top level.",
        )
    if not isinstance(study, Study):
        raise HarnessError(
            f"{base} must export a Study under the name `study`, or a Search under `search`",
            "nothing of that name" if study is None else repr(study),
            "Write study = Study(name=..., ...) at the top level.",
        )
    study.place_in(module.__name__)
    return over(study, names.split(",")) if mark else study


def has_search(found: str) -> bool:
    """Whether a module or file exports a search beside a study, so that a word must tell them."""
    module = _load(found.partition("#")[0])
    both = isinstance(getattr(module, "search", None), Search), getattr(module, "study", None)
    return both[0] and both[1] is not None


def _load(found: str) -> ModuleType:
    """Load a module or file."""
    try:
        with _running(found):
            module = _load_file(Path(found)) if found.endswith(".py") else _load_module(found)
    except HarnessError:
        raise
    except (ModuleNotFoundError, ValueError) as error:
        extra = EXTRAS.get(error.name or "") if isinstance(error, ImportError) else None
        instead = installing(extra) if extra else "Mend that line."
        raise _does_not_run(error, named(error), instead) from error
    check_torch()
    return module


def _load_module(name: str) -> ModuleType:
    if name.partition(".")[0] != "harness":
        welcome(Path.cwd())
    return importlib.import_module(name)


def _load_file(file: Path) -> ModuleType:
    """Load a file as a module named by its stem, so that worker processes find its classes."""
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = f"study_{name}"  # the stem is some other module's name
    with contextlib.suppress(SyntaxError, UnicodeDecodeError), tokenize.open(file) as text:
        imported = imports_of(text.read())  # what is no Python is told when it is run
        names = {each.module.partition(".")[0] for each in imported if not each.level}
        check_apart(file.parent, names)
    welcome(file.parent)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


# ---- running somebody's file --------------------------------------------------------------------


class _EndedError(SystemExit):
    """A file has called ``os._exit``."""


@contextlib.contextmanager
def _running(found: str) -> Iterator[None]:
    """Within, a study's file is run; what ends it, or all of Python, becomes one line.

    ``ModuleNotFoundError`` and ``ValueError`` are passed on: to whoever looks for a module, they
    say that there is none.

    Raises:
        HarnessError: it cannot be run.
    """
    with _pressed() as pressed, _no_hard_exit(), as_a_script(found):
        try:
            yield
        except (HarnessError, ModuleNotFoundError, ValueError):
            raise
        except SyntaxError as error:
            raise HarnessError(
                "a study file must be Python",
                f"{error.msg} at {error.filename}:{error.lineno}",
                "Mend that line.",
            ) from error
        except SystemExit as error:
            what = str(error) if isinstance(error, _EndedError) else f"SystemExit: {error.code}"
            instead = f"Put what ends a program, or reads its arguments, below {GUARD}"
            raise _does_not_run(error, what, instead) from error
        except KeyboardInterrupt as error:
            if pressed:
                raise
            instead = f"Put what ends a program below {GUARD}"
            raise _does_not_run(error, named(error), instead) from error
        except Exception as error:
            instead = "Mend that line."
            if "start a new process before" in str(error):  # multiprocessing's own paragraph
                instead = f"Put what starts processes below {GUARD}"
            raise _does_not_run(error, named(error), instead) from error


def _does_not_run(error: BaseException, what: str, instead: str) -> HarnessError:
    return HarnessError("a study file must run when imported", f"{what} at {place(error)}", instead)


@contextlib.contextmanager
def _pressed() -> Iterator[list[bool]]:
    """Give a list that is empty until somebody presses Ctrl-C."""
    seen: list[bool] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield seen
        return

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(True)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _no_hard_exit() -> Iterator[None]:
    """Within, ``os._exit`` in this thread of this process is an error."""
    real = os._exit
    here = os.getpid(), threading.get_ident()
    running = True

    def refuse(status: int) -> NoReturn:
        if running and here == (os.getpid(), threading.get_ident()):
            raise _EndedError(f"os._exit({status})")
        real(status)

    os._exit = refuse
    try:
        yield
    finally:
        running = False
        os._exit = real
