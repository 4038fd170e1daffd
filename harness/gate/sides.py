"""The sides of a gate, and the check that each ran its own code and nothing else differed."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.gate.building import own_variables
from harness.gate.figures import Reading
from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Side:
    """One of what is compared: some code, and the interpreter and packages that run it.

    Attributes:
        name: ``base``, ``head``, ``twin`` (the base once more) or ``deps`` (the base's code with
            the base's own dependencies): all of four letters, so that paths are of equal length.
        told: what it is, in words.
        root: the folder that its own modules must be imported from.
        python: its interpreter.
        tree: its files; commands run there.
        paths: folders that stand first on its ``sys.path``.
        modules: names of its own modules, at the top.
        benchmarks: the folder that benchmarks are copied from: the head's on every side.
        line: the command that this side runs, where two commands are compared.
        variables: environment variables, the same on every side.
        distribution: the name of the project that is measured, whose version may differ.
    """

    name: str
    told: str
    root: Path
    python: Path
    tree: Path
    paths: tuple[Path, ...]
    modules: tuple[str, ...]
    benchmarks: Path
    line: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    distribution: str = ""


def twin(base: Side) -> Side:
    """Return the control: the base once more."""
    return replace(base, name="twin", told=f"{base.told}, once more")


def variables_of(side: Side, threads: int) -> dict[str, str]:
    """Return all environment variables of a side's processes.

    Only paths differ between sides.

    Args:
        side: whose they are.
        threads: threads of one process; 0 leaves them as they are.
    """
    told = own_variables(os.environ)
    programs = [each / "bin" for each in side.paths] + [side.python.parent]
    told["PATH"] = os.pathsep.join([*map(str, programs), told.get("PATH", os.defpath)])
    told["PYTHONPATH"] = os.pathsep.join(map(str, side.paths))
    told["PYTHONHASHSEED"] = "0"
    if threads:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            told[name] = str(threads)
    return {**told, **side.variables}


def unlike(sides: Sequence[Side]) -> list[str]:
    """Say what of environment variables and paths differs in length between sides.

    Both move what a process has on its stack, and with that its times by some per cent.
    """
    sizes = {
        side.name: sum(len(name) + len(value) for name, value in variables_of(side, 1).items())
        for side in sides
    }
    if len(set(sizes.values())) < 2:
        return []
    told = ", ".join(f"{name} {size}" for name, size in sizes.items())
    why = "because paths do: times may differ by that"
    return [f"Environment variables differ in length ({told} characters), {why}."]


@dataclass(frozen=True)
class Seen:
    """What a measured process said of itself.

    Attributes:
        prefix: where its environment is.
        where: the file of each of its own modules that it imported, by name.
        versions: of Python and of all packages that it can import.
    """

    prefix: str
    where: Mapping[str, str]
    versions: Mapping[str, str]


def check_own(side: Side, seen: Seen, benchmark: str) -> None:
    """Check that a process ran the code of its own side.

    Raises:
        HarnessError: a module came from elsewhere, or none of the side's own was imported.
    """
    for name, file in seen.where.items():
        if not _below(file, side.root):
            raise HarnessError(
                f"{side.name} must import {name} from {side.root}",
                f"the wrong tree: {file}",
                "An editable install or a .pth file leads there: remove it from that environment.",
            )
    if side.modules and not seen.where:
        raise HarnessError(
            f"{benchmark} must import code of the project ({_some(side.modules)})",
            f"none on {side.name}: head's benchmarks run on both sides, so nothing would differ",
            "Move what is measured out of the benchmark's file into the project.",
        )


def check_apart(seen: Mapping[str, Seen], same: Collection[str] = ("base", "twin", "deps")) -> None:
    """Check that base and head imported each module from a file of its own.

    Args:
        seen: what processes said of themselves, by the side's name.
        same: names of sides that may have the base's files.

    Raises:
        HarnessError: one file served base and head.
    """
    head = seen.get("head")
    for name in (each for each in seen if each in same and head is not None):
        for module, file in seen[name].where.items():
            if head is not None and os.path.realpath(file) == _real(head.where.get(module)):
                raise HarnessError(
                    f"{name} and head must import {module} from files of their own",
                    f"{file} on both",
                    "The change was not measured: remove the editable install that leads there.",
                )


def versions_apart(base: Seen, other: Seen, own: str = "") -> list[str]:
    """Say which packages have another version on the other side.

    Args:
        base: one side.
        other: the other.
        own: the distribution that is measured, whose version may differ.
    """
    names = sorted(base.versions.keys() | other.versions.keys(), key=str.casefold)
    return [
        f"{name} {base.versions.get(name, 'missing')} at base, "
        f"{other.versions.get(name, 'missing')} there"
        for name in names
        if base.versions.get(name) != other.versions.get(name) and name.casefold() != own.casefold()
    ]


def with_seen(reading: Reading, seen: Seen) -> Reading:
    """Return a reading with where its modules came from, and with versions."""
    return replace(reading, where=dict(seen.where), versions=dict(seen.versions))


def _below(file: str, root: Path) -> bool:
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))


def _real(file: str | None) -> str:
    return os.path.realpath(file) if file else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
