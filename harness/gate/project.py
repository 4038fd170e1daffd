"""What a folder says of the project in it: modules, dependencies, whether it is compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.messages.errors import HarnessError

_NOT_MEASURED = re.compile(r"(bench\w*|tests?|test_\w+|\w+_test|conftest|setup|noxfile)$")
_COMPILING = ("maturin", "scikit_build_core", "mesonpy", "setuptools_rust", "nanobind", "pybind11")
_SOURCES = ("*.pyx", "*.c", "*.cpp", "*.cu", "*.rs", "*.f90")
_REQUIREMENTS = ("requirements.txt", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Project:
    """One revision's project, as its files declare it.

    Attributes:
        folder: the top folder.
        name: the distribution's name; empty where there is none.
        root: the folder that its modules are imported from: ``src`` or the top folder.
        modules: the packages and modules there that are the project's own: of these the file is
            checked. Folders and files of tests and benchmarks are none of them.
        dependencies: what it declares to need, in words that are equal where that is equal.
        compiled: why its code would have to be built; empty where it is Python alone.
        declared: whether there is a file that it can be installed by.
    """

    folder: Path
    name: str
    root: Path
    modules: tuple[str, ...]
    dependencies: tuple[str, ...]
    compiled: str
    declared: bool


def read(folder: Path, extras: Sequence[str] = ()) -> Project:
    """Read what the files of a folder say; none of them is run.

    Args:
        folder: the top folder.
        extras: the optional dependencies that count.

    Raises:
        HarnessError: ``pyproject.toml`` cannot be read, or declares no such extra.
    """
    told = _pyproject(folder)
    project: dict[str, Any] = told.get("project", {})
    optional = project.get("optional-dependencies", {})
    wrong = [extra for extra in extras if extra not in optional] if "project" in told else []
    if wrong and "optional-dependencies" not in project.get("dynamic", ()):
        raise HarnessError(
            f"an extra must be one that {folder / 'pyproject.toml'} declares",
            ", ".join(wrong),
            f"There are: {', '.join(optional)}." if optional else "There are none.",
        )
    root = folder / "src" if (folder / "src").is_dir() else folder
    build = told.get("build-system", {})
    return Project(
        folder,
        str(project.get("name", "")),
        root,
        _modules(root),
        (*_declared(folder, project, extras),),
        _compiled(folder, root, build),
        bool(told) or (folder / "setup.py").is_file(),
    )


def is_package(folder: Path) -> bool:
    """Whether a folder holds something that can be installed, and not only settings of tools."""
    told = _pyproject(folder)
    tool = told.get("tool")
    poetry = isinstance(tool, dict) and "poetry" in tool
    return (
        bool({"project", "build-system"} & told.keys()) or poetry or (folder / "setup.py").is_file()
    )


def uv_lock(folder: Path) -> Path | None:
    """Return the ``uv.lock`` that holds for a project: its own, or that of a workspace above it.

    It is looked for up to the top of the repository; outside of one, in the project's folder alone.
    """
    above = [folder, *folder.parents]
    tops = [at for at, each in enumerate(above) if (each / ".git").exists()]
    places = above[: tops[0] + 1] if tops else above[:1]
    return next((file for each in places if (file := each / "uv.lock").is_file()), None)


def _pyproject(folder: Path) -> dict[str, Any]:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HarnessError(f"{file} must be TOML", str(error), "Mend it.") from None


def _declared(folder: Path, project: dict[str, Any], extras: Sequence[str]) -> list[str]:
    wanted = [f"python {project.get('requires-python', '')}", *project.get("dependencies", ())]
    for extra in extras:
        wanted += project.get("optional-dependencies", {}).get(extra, ())
    lines = sorted("".join(each.split()) for each in wanted)
    dynamic = {"dependencies", "optional-dependencies"} & {*project.get("dynamic", ())}
    files = [folder / name for name in (_REQUIREMENTS if dynamic or not project else ())]
    lock = uv_lock(folder)
    for file in (*([lock] if lock else ()), *files):
        if file.is_file():
            lines.append(f"{file.name}: {file.read_text(encoding='utf-8', errors='replace')}")
    return lines


def _modules(root: Path) -> tuple[str, ...]:
    found = {file.parent.name for file in root.glob("*/__init__.py")}
    found |= {file.stem for file in root.glob("*.py") if file.stem.isidentifier()}
    return tuple(sorted(name for name in found if not _NOT_MEASURED.fullmatch(name)))


def _compiled(folder: Path, root: Path, build: dict[str, Any]) -> str:
    backend = str(build.get("build-backend", "")).partition(".")[0]
    if backend in _COMPILING:
        return f"its build backend is {backend}"
    setup = folder / "setup.py"
    if setup.is_file() and "ext_modules" in setup.read_text(encoding="utf-8", errors="replace"):
        return "setup.py names ext_modules"
    for name in _modules(root):
        for pattern in _SOURCES:
            if (file := next((root / name).rglob(pattern), None)) is not None:
                return f"{file.relative_to(folder)} is no Python"
    return ""
