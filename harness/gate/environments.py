"""Environments of both sides from one resolution, and sides made of what is given in their place.

Packages that a project needs are installed once, in one environment that both sides use and that
the next gate finds again. Each side's own code is built from its tree and installed, not editable,
into a folder of its own, which stands first on that side's ``sys.path``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from harness.gate.building import Builder, builder, must, python_of, run
from harness.gate.project import Project, read
from harness.gate.revisions import Tree
from harness.gate.sides import Side
from harness.messages.errors import HarnessError

WHOLE = "whole"
"""The file that is written into an environment when all of it is there."""


@dataclass(frozen=True)
class Wanted:
    """What goes into environments beside the project.

    Attributes:
        extras: the project's optional dependencies.
        packages: further packages, such as ``pytest-benchmark``.
    """

    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """The sides, ready to be measured.

    Attributes:
        base: the base's code with the head's dependencies.
        head: the head.
        deps: the base's code with the base's own dependencies, where these differ: base against
            head is then the code's effect, deps against base that of dependencies.
        notes: sentences on what a reader should know of them.
        distribution: the project's name, whose version may differ.
    """

    base: Side
    head: Side
    deps: Side | None = None
    notes: tuple[str, ...] = ()
    distribution: str = ""

    @property
    def sides(self) -> tuple[Side, ...]:
        """All of them."""
        return (self.base, self.head, *((self.deps,) if self.deps else ()))


def cache_folder() -> Path:
    """Return the folder that keeps environments from gate to gate."""
    below = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(below).expanduser() / "ablation-harness" / "gate"


def build(
    base: Tree,
    head: Tree,
    folder: Path,
    wanted: Wanted = Wanted(),
    *,
    with_: Builder | None = None,
    cache: Path | None = None,
) -> Built:
    """Build both sides, before anything is measured.

    Args:
        base: the base's files.
        head: the head's.
        folder: an empty folder for what is built.
        wanted: what goes into environments beside the project.
        with_: what builds; ``None`` is uv, or pip where there is no uv.
        cache: where environments are kept; ``None`` is :func:`cache_folder`.

    Raises:
        HarnessError: something could not be resolved, built or installed.
    """
    made, kept = with_ or builder(Path(sys.executable)), cache or cache_folder()
    before, after = _lenient(base.folder, wanted.extras), read(head.folder, wanted.extras)
    differ = before.dependencies != after.dependencies
    folder.mkdir(parents=True, exist_ok=True)
    locks = {"head": made.lock(head.folder, wanted.extras, wanted.packages, folder, "head")}
    notes = [said] if (said := made.copies(kept)) else []
    if differ:
        extras = tuple(e for e in wanted.extras if e in _extras(before, wanted.extras))
        locks["base"] = made.lock(base.folder, extras, wanted.packages, folder, "base")
        differ = locks["base"].split() != locks["head"].split()
        if differ:
            notes.append(
                "Dependencies differ: code is compared with the head's on both sides, and base's "
                "code with its own dependencies is measured beside it."
            )
    shared = _environment(made, locks["head"], kept, head.folder)
    own = _environment(made, locks["base"], kept, base.folder) if differ else None
    sides = {}
    for name, tree, place in (("base", base, shared), ("head", head, shared), ("deps", base, own)):
        if place is not None:
            target = folder / name
            made.project(place, tree.folder, target, name)
            sides[name] = Side(name, tree.told, target, python_of(place), tree.folder, (target,),
                               _installed(target), head.folder)  # fmt: skip
    return Built(sides["base"], sides["head"], sides.get("deps"), tuple(notes), after.name)


def here(base: Tree, head: Tree, extras: Sequence[str] = ()) -> Built:
    """Return sides that use this interpreter and its packages, each with its own code first.

    Raises:
        HarnessError: the code would have to be built, or the two need other packages.
    """
    before, after = read(base.folder), read(head.folder, extras)
    for name, project in (("base", before), ("head", after)):
        if project.compiled:
            raise HarnessError(
                f"--here needs code that is Python alone; {name}'s has to be built",
                project.compiled,
                "Leave --here out: both sides are then built.",
            )
    if before.dependencies != read(head.folder).dependencies:
        raise HarnessError(
            "--here needs base and head to declare the same dependencies",
            _difference(before.dependencies, read(head.folder).dependencies),
            "Leave --here out: both sides then get what they declare.",
        )
    python = Path(sys.executable)
    modules = tuple(sorted({*before.modules, *after.modules}))
    sides = [
        Side(
            name, tree.told, tree.folder, python, tree.folder, (project.root,), modules, head.folder
        )
        for name, tree, project in (("base", base, before), ("head", head, after))
    ]
    return Built(sides[0], sides[1], None, (), after.name)


def environments(base: Path, head: Path, folder: Path) -> Built:
    """Return sides of two environments that are there: folders, or their interpreters.

    Args:
        base: one of them.
        head: the other.
        folder: the project whose benchmarks are run, and whose modules are checked.

    Raises:
        HarnessError: one is no environment, or both are the same.
    """
    project = read(folder)
    places = {name: _environment_at(given) for name, given in (("base", base), ("head", head))}
    if places["base"] == places["head"]:
        raise HarnessError("two environments must differ", f"{base} twice", "Give another.")
    sides = [
        Side(name, f"the environment {place}", place, python_of(place), folder, (), project.modules,
             folder)
        for name, place in places.items()
    ]  # fmt: skip
    return Built(sides[0], sides[1], None, (), project.name)


def commands(base: str, head: str, folder: Path) -> Built:
    """Return sides of two commands, which run in one folder.

    Raises:
        HarnessError: both are the same.
    """
    if base.split() == head.split():
        raise HarnessError("two commands must differ", f"{base!r} twice", "Give another.")
    python = Path(sys.executable)
    sides = [
        Side(name, f"`{line}`", folder, python, folder, (), (), folder, line=line)
        for name, line in (("base", base), ("head", head))
    ]
    return Built(sides[0], sides[1])


def folders(base: Path, head: Path, place: Path) -> tuple[Tree, Tree]:
    """Return two folders in the place of two revisions, by names whose paths are of equal length.

    Args:
        base: one of them.
        head: the other.
        place: an empty folder for these names.

    Raises:
        HarnessError: one is no folder, or both are the same.
    """
    for each in (base, head):
        if not each.is_dir():
            raise HarnessError("a side must be a folder that exists", str(each), "Give its path.")
    if base.resolve() == head.resolve():
        raise HarnessError("two folders must differ", f"{base} twice", "Give another.")
    place.mkdir(parents=True, exist_ok=True)
    trees = []
    for name, each in (("base", base), ("head", head)):
        (place / name).symlink_to(each.resolve(), target_is_directory=True)
        trees.append(Tree(place / name, "", f"the folder {each}"))
    return trees[0], trees[1]


def _environment(made: Builder, lock: str, cache: Path, folder: Path) -> Path:
    """Return the environment of a lock: the one that is kept, or a new one.

    One gate builds it, and others of the same lock wait. Without the file that is written last it
    is not whole, and is built anew.
    """
    parts = (lock, made.name, sys.version, platform.platform(), str(made.python))
    place = cache / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not (place / WHOLE).is_file():
            shutil.rmtree(place, ignore_errors=True)
            with _half_made(place):
                file = cache / f"{place.name}.txt"
                file.write_text(lock, encoding="utf-8")
                made.environment(place, file, folder)
                (place / WHOLE).write_text(lock, encoding="utf-8")
    return place


@contextlib.contextmanager
def _half_made(place: Path) -> Iterator[None]:
    """Remove what was made so far, where it is not finished."""
    try:
        yield
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _installed(target: Path) -> tuple[str, ...]:
    """Return the modules that were installed into a folder, at the top."""
    found = [each.name for each in target.iterdir() if each.is_dir() and each.name.isidentifier()]
    found += [
        each.name.partition(".")[0] for each in target.iterdir() if each.suffix in {".py", ".so"}
    ]
    return tuple(sorted({*found} - {"bin", "__pycache__", "share", "include"}))


def _lenient(folder: Path, extras: Sequence[str]) -> Project:
    """Read the base's project; an extra that is new at head is none of it."""
    there = read(folder)
    return read(folder, _extras(there, extras))


def _extras(project: Project, extras: Sequence[str]) -> tuple[str, ...]:
    found = []
    for extra in extras:
        with contextlib.suppress(HarnessError):
            read(project.folder, (extra,))
            found.append(extra)
    return tuple(found)


def _difference(before: Sequence[str], after: Sequence[str]) -> str:
    def first(lines: set[str]) -> str:
        return ", ".join(sorted(line.splitlines()[0][:60] for line in lines)[:3]) or "nothing"

    return (
        f"{first({*before} - {*after})} at base alone, {first({*after} - {*before})} at head alone"
    )


def _environment_at(given: Path) -> Path:
    """Return the folder of an environment, given that or its interpreter."""
    place = given if given.is_dir() else given.parent.parent
    if not python_of(place).is_file():
        raise HarnessError(
            "an environment must be a folder with bin/python, or the path of that",
            str(given),
            "`python -m venv FOLDER` makes one.",
        )
    words = [str(python_of(place)), "-c", "import sys; print(sys.prefix)"]
    return Path(must(run, words, place, f"{given} must run").strip()).resolve()


def with_own_benchmarks(built: Built) -> Built:
    """Return sides each of which runs the benchmarks in its own tree.

    For a study that is all in one file, which is then what is compared.
    """
    deps = built.deps and replace(built.deps, benchmarks=built.deps.tree)
    return replace(
        built,
        base=replace(built.base, benchmarks=built.base.tree),
        head=replace(built.head, benchmarks=built.head.tree),
        deps=deps,
    )
