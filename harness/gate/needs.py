"""What an environment must hold: what the project declares, what a person names, and the tools.

Studies are run by this harness, and tests of benchmarks by pytest-benchmark. Where a project
declares neither, they are added, so that nobody has to name them.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import harness
from harness.gate.building import Builder
from harness.gate.project import read
from harness.messages.errors import HarnessError

HARNESS = "ablation-harness"
TESTS = "pytest-benchmark"


@dataclass(frozen=True)
class Wanted:
    """What goes into environments beside the project.

    Attributes:
        extras: the project's optional dependencies.
        packages: further packages, such as ``hypothesis``.
        tools: what benchmarks are run by: ``HARNESS``, ``TESTS``, both or none.
    """

    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


NOTHING = Wanted()


@dataclass(frozen=True)
class Locked:
    """What was resolved.

    Attributes:
        lock: one line for each package, with its version.
        added: the tools that were added, because nothing else asks for them.
    """

    lock: str
    added: tuple[str, ...] = ()


def locked(
    made: Builder, folder: Path, extras: Sequence[str], wanted: Wanted, scratch: Path, side: str
) -> Locked:
    """Resolve what a folder's project needs, with the tools that it does not ask for itself.

    Args:
        made: resolves.
        folder: the project's.
        extras: its optional dependencies that count.
        wanted: what goes in beside it.
        scratch: a folder for files.
        side: its name, for messages.

    Raises:
        HarnessError: it could not be resolved.
    """
    lock = made.lock(folder, extras, wanted.packages, scratch, side)
    there = {_plain(read(folder).name), *_names(lock, folder)}
    added = tuple(tool for tool in wanted.tools if tool not in there)
    if not added:
        return Locked(lock)
    more = [line for tool in added for line in (own_needs() if tool == HARNESS else (tool,))]
    packages = (*wanted.packages, *more)
    return Locked(made.lock(folder, extras, packages, scratch, side), added)


def told(added: Sequence[str]) -> list[str]:
    """Say which tools were added."""
    said = {
        HARNESS: f"The project does not declare {HARNESS}: both sides use the one that runs this "
        "gate.",
        TESTS: f"The project does not declare {TESTS}: it was added, in its newest version. "
        f"--with {TESTS}==VERSION fixes it.",
    }
    return [said[each] for each in added]


def own_needs() -> tuple[str, ...]:
    """Return what this harness needs, as it declares it; of no extra.

    Raises:
        HarnessError: it is not installed.

    A copy of its files goes with it (:func:`own_copy`): it need not be in any registry, nor the
    folder still be there that it was installed from.
    """
    try:
        lines = importlib.metadata.requires(HARNESS) or []
    except importlib.metadata.PackageNotFoundError:
        raise HarnessError(
            f"{HARNESS} must be installed, so that it is known what it needs",
            f"the files in {Path(harness.__file__).parent} alone",
            f"Install it, or write --with {HARNESS}.",
        ) from None
    return tuple(line for line in lines if "extra ==" not in line)


def own_copy(place: Path) -> Path:
    """Copy the files of this harness into a folder that can stand on ``sys.path``; return it."""
    there = Path(harness.__file__).parent
    left = shutil.ignore_patterns("__pycache__")
    shutil.copytree(there, place / "harness", dirs_exist_ok=True, ignore=left)
    for name in ("studies", "reports"):  # in a checkout they lie beside it, installed within it
        if not (there / name).is_dir():
            to = place / "harness" / name
            shutil.copytree(there.parent / name, to, dirs_exist_ok=True, ignore=left)
    version = harness.__version__
    told = place / f"ablation_harness-{version}.dist-info"
    told.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: {HARNESS}\nVersion: {version}\n"
    (told / "METADATA").write_text(text, encoding="utf-8")
    return place


_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]+")
_NAMED = re.compile(r"[\w.-]+(?:\[[^\]]*\])?\s*(==|@)\s*(.*)")
_SCHEME = re.compile(r"([A-Za-z][\w+.-]+):(?://)?(.*)")  # of two letters or more: C: is a drive


def local_path(line: str, folder: Path) -> Path | None:
    """Return the folder or file that a line of a lock names; ``None`` where that is none here.

    Args:
        line: such as ``numpy==2.0``, ``inner @ file:///x/inner``, ``-e ./inner`` or
            ``packages/inner``, as uv and pip write them.
        folder: the one that paths start from.
    """
    text = _EDITABLE.sub("", line.partition(" #")[0].partition(" ;")[0].strip(), count=1)
    named = _NAMED.fullmatch(text)
    if not text or text.startswith("-") or (named and named[1] == "=="):
        return None
    place = named[2] if named else text
    if scheme := _SCHEME.fullmatch(place):
        if scheme[1].lower() != "file":
            return None
        place = unquote(urlsplit(place).path)
    place = place.replace("${PROJECT_ROOT}", str(folder))
    if place.startswith("/"):
        place = f"/{place.lstrip('/')}"
    if not named and not scheme:
        place = re.sub(r"\[[^\]]*\]$", "", place)
        if not (set(place) & {"/", os.sep} or (folder / place).exists()):
            return None  # the name of a package
    return Path(os.path.realpath(folder / place))


def local_paths(lock: str, folder: Path) -> list[tuple[str, Path]]:
    """Return the lines of a lock that name a path, each with that path."""
    lines = map(str.strip, lock.splitlines())
    return [(line, path) for line in lines if (path := local_path(line, folder)) is not None]


def _names(lock: str, folder: Path) -> set[str]:
    """Return the names of all packages of a lock."""
    named = re.findall(r"^([A-Za-z0-9][\w.-]*)", lock, re.MULTILINE)
    return {_plain(each) for each in named} | {
        _plain(_name_in(path)) for _, path in local_paths(lock, folder)
    }


def _name_in(path: Path) -> str:
    """Return the name of the project in a folder, or of a file that holds one; empty if unknown."""
    if path.suffix == ".whl":
        return path.name.partition("-")[0]
    if path.name.endswith((".tar.gz", ".zip")):
        return re.sub(r"-\d.*", "", path.name)
    try:
        told = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    tool = told.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    tables = (told.get("project"), poetry)
    return next((str(each["name"]) for each in tables if isinstance(each, dict) and "name" in each),
                "")  # fmt: skip


def _plain(name: str) -> str:
    """Return a distribution's name as all its spellings are compared."""
    return re.sub(r"[-_.]+", "-", name).casefold()
