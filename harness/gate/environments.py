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
from harness.gate.needs import HARNESS, NOTHING, Wanted, local_paths, locked, own_copy, told
from harness.gate.project import Project, read
from harness.gate.revisions import Tree
from harness.gate.sides import Side
from harness.messages.errors import HarnessError

WHOLE = "whole"
"""The file that is written into an environment when all of it is there."""


@dataclass(frozen=True)
class Built:
    """The sides, ready to be measured.

    Attributes:
        base: the base's code with the head's dependencies.
        head: the head.
        deps: the base's code with the base's own dependencies, where these differ: base against
            head is then the code's effect, deps against base that of dependencies.
        notes: sentences on what a reader should know of them.
    """

    base: Side
    head: Side
    deps: Side | None = None
    notes: tuple[str, ...] = ()

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
    wanted: Wanted = NOTHING,
    *,
    with_: Builder | None = None,
    cache: Path | None = None,
    apart: Sequence[Path] = (),
) -> Built:
    """Build both sides, before anything is measured.

    Args:
        base: the base's files.
        head: the head's.
        folder: an empty folder for what is built.
        wanted: what goes into environments beside the project.
        with_: what builds; ``None`` is uv, or pip where there is no uv.
        cache: where environments are kept; ``None`` is :func:`cache_folder`.
        apart: where both sides came from: nothing that is needed may lie there, either.

    Raises:
        HarnessError: something could not be resolved, built or installed.
    """
    made, kept = with_ or builder(Path(sys.executable)), cache or cache_folder()
    before, after = _lenient(base.folder, wanted.extras), read(head.folder, wanted.extras)
    differ = before.dependencies != after.dependencies
    folder.mkdir(parents=True, exist_ok=True)
    locks = {"head": locked(made, head.folder, wanted.extras, wanted, folder, "head")}
    notes = [said] if (said := made.copies(kept)) else []
    notes += told(locks["head"].added)
    if differ:
        extras = tuple(e for e in wanted.extras if e in _extras(before, wanted.extras))
        locks["base"] = locked(made, base.folder, extras, wanted, folder, "base")
        differ = locks["base"].lock.split() != locks["head"].lock.split()
        if differ:
            notes.append(
                "Dependencies differ: code is compared with the head's on both sides, and base's "
                "code with its own dependencies is measured beside it."
            )
    for name, tree in (("head", head), ("base", base)):
        if name in locks:
            kept = _where_kept(locks[name].lock, tree.folder, kept, folder, apart)
    shared = _environment(made, locks["head"].lock, kept, head.folder)
    own = _environment(made, locks["base"].lock, kept, base.folder) if differ else None
    copy = (own_copy(folder / "tool"),) if any(HARNESS in e.added for e in locks.values()) else ()
    sides = {}
    for name, tree, place in (("base", base, shared), ("head", head, shared), ("deps", base, own)):
        if place is not None:
            target, modules = _installed_in(made, place, tree, folder / name, name)
            more = copy if HARNESS in locks["base" if name == "deps" else "head"].added else ()
            sides[name] = Side(name, tree.told, target, python_of(place), tree.folder,
                               (target, *more), modules, head.folder,
                               distribution=after.name)  # fmt: skip
    return Built(sides["base"], sides["head"], sides.get("deps"), tuple(notes))


def _where_kept(lock: str, tree: Path, kept: Path, folder: Path, apart: Sequence[Path]) -> Path:
    """Return where an environment is kept: with packages from local paths only for this gate.

    Raises:
        HarnessError: such a path lies within the project: its code would be the same on both sides.
    """
    whole = next((each for each in (tree, *tree.parents) if (each / ".git").exists()), tree)
    for line, place in local_paths(lock, tree):
        if any(place.is_relative_to(os.path.realpath(each)) for each in (whole, *apart)):
            raise HarnessError(
                "what the project needs must not lie within its own repository (both sides share "
                "one installation of it, so a change of it would not be seen)",
                line,
                "Gate that folder by itself: two folders in the place of --base.",
            )
        kept = folder / "environments"  # what lies there may be another thing tomorrow
    return kept


def _installed_in(
    made: Builder, environment: Path, tree: Tree, target: Path, name: str
) -> tuple[Path, tuple[str, ...]]:
    """Install a side's code; return the folder that it is imported from, and its modules.

    Where nothing says how it is installed (``requirements.txt`` alone), that is its own folder.
    """
    project = read(tree.folder)
    if not project.declared:
        return project.root, project.modules
    made.project(environment, tree.folder, target, name)
    return target, _installed(target)


def here(
    base: Tree, head: Tree, extras: Sequence[str] = (), instead: str = "Leave --here out: both "
    "sides are then built.",
) -> Built:  # fmt: skip
    """Return sides that use this interpreter and its packages, each with its own code first.

    Args:
        base: the base's files.
        head: the head's.
        extras: the project's optional dependencies.
        instead: what to do where code would have to be built.

    Raises:
        HarnessError: the code would have to be built, or the two need other packages.
    """
    before, after = read(base.folder), read(head.folder, extras)
    for name, project in (("base", before), ("head", after)):
        if project.compiled:
            raise HarnessError(
                "this interpreter's packages suffice only for code that is Python alone; "
                f"{name}'s has to be built",
                project.compiled,
                instead,
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
            name,
            tree.told,
            tree.folder,
            python,
            tree.folder,
            (project.root,),
            modules,
            head.folder,
            distribution=after.name,
        )
        for name, tree, project in (("base", base, before), ("head", head, after))
    ]
    return Built(sides[0], sides[1])


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
    found = {name: _environment_at(given) for name, given in (("base", base), ("head", head))}
    apart = {(place, python.resolve()) for place, python in found.values()}
    if len(apart) < len(found):
        raise HarnessError("two environments must differ", f"{base} twice", "Give another.")
    sides = [
        Side(
            name,
            f"the environment {given}",
            place,
            python,
            folder,
            (),
            project.modules,
            folder,
            distribution=project.name,
        )
        for (name, (place, python)), given in zip(found.items(), (base, head), strict=True)
    ]
    return Built(sides[0], sides[1])


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


_NO_CODE = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "__pycache__", "node_modules", "venv"
)  # of earlier builds, of which a build would take old files, and what is none of the project's


def folders(base: Path, head: Path, place: Path, *, copies: bool = False) -> tuple[Tree, Tree]:
    """Return two folders in the place of two revisions, by names whose paths are of equal length.

    Args:
        base: one of them.
        head: the other.
        place: an empty folder for these names.
        copies: whether they are copied, because building writes into a folder.

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
        if copies:
            shutil.copytree(each.resolve(), place / name, ignore=_NO_CODE, symlinks=True)
        else:
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


def _environment_at(given: Path) -> tuple[Path, Path]:
    """Return an environment's folder and its interpreter, given either."""
    python = (python_of(given) if given.is_dir() else given).absolute()
    if not python.is_file():
        raise HarnessError(
            "an environment must be a folder with bin/python, or the path of that",
            str(given),
            "`python -m venv FOLDER` makes one.",
        )
    words = [str(python), "-c", "import sys; print(sys.prefix)"]
    told = must(run, words, python.parent, f"{given} must run")
    return Path(told.strip()).resolve(), python


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
