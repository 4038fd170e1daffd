"""Rounds: each side in a fresh process, measured one after another, in an alternating order."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import harness.probe
from harness.gate.benchmarks import copied, measured_modules
from harness.gate.figures import Figure, Reading
from harness.gate.missing import check_measured, new_at_head, skips
from harness.gate.processes import Answer, LateError, Process, command
from harness.gate.sides import Seen, Side, check_apart, check_own, versions_apart
from harness.gate.what import CommandWhat, FunctionWhat, PytestWhat, StudyWhat, What
from harness.gate.what import command as read_command
from harness.messages.errors import HarnessError

Part = Literal["time", "exact", "quality", "instructions", "names"]


@dataclass(frozen=True)
class Measuring:
    """How benchmarks are measured.

    Attributes:
        seconds: about how long each is timed in one process; 0.3 at least.
        timeout: seconds that one process may take, to import and then to measure.
        threads: threads of a process; 0 leaves them as they are. One is steadier, and shows work.
        device: on which studies train.
        scale: the scale of studies; empty is their first.
    """

    seconds: float = 0.5
    timeout: float = 600.0
    threads: int = 1
    device: str = "cpu"
    scale: str = ""


@dataclass(frozen=True)
class Taken:
    """What one process of each side read.

    Attributes:
        readings: by the side's name; a benchmark that the base lacks is not among the base's.
        lacking: why the base lacks a benchmark, by its title: it is new, and not compared.
        notes: sentences on what else differed between sides.
    """

    readings: Mapping[str, tuple[Reading, ...]]
    lacking: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def order(names: Sequence[str], number: int) -> list[str]:
    """Return in which order the sides of a round are measured.

    A round with an odd number is the one before it, backwards, so each side is before each other
    one equally often. Two sides: ABBA.
    """
    turn = number // 2 % len(names)
    turned = [*names[turn:], *names[:turn]]
    return turned[::-1] if number % 2 else turned


def take_round(
    sides: Sequence[Side],
    whats: Sequence[What],
    number: int,
    folder: Path,
    measuring: Measuring = Measuring(),
) -> Taken:
    """Time every benchmark once, in a fresh process of each side.

    All processes are started together and import beside each other; then one measures at a time.

    Args:
        sides: base, head, and what is measured beside them.
        whats: what is measured.
        number: the round's number, from 0: it chooses the order.
        folder: a folder of this gate's own, kept from round to round.
        measuring: how it is measured.

    Raises:
        HarnessError: a process crashed, took too long or answered no whole reading; code came from
            the wrong tree; a benchmark of the base is gone at head, or skipped there.
    """
    return _taken(sides, whats, "time", number, folder, measuring)


def exact(
    sides: Sequence[Side],
    whats: Sequence[What],
    folder: Path,
    measuring: Measuring = Measuring(),
) -> Taken:
    """Count what every benchmark does, once, in a fresh process of each side.

    Of tests of pytest-benchmark it is the function that they time. An operator that one side calls
    and another does not counts 0 there. Arguments and errors are those of :func:`take_round`; notes
    say which packages differ.
    """
    counted = _taken(sides, whats, "exact", 0, folder, measuring)
    return replace(counted, readings=_with_zeros(counted.readings))


def _taken(
    sides: Sequence[Side], whats: Sequence[What], part: Part, number: int, folder: Path,
    measuring: Measuring,
) -> Taken:  # fmt: skip
    check_whats(whats)
    # of a command nothing can be counted
    commands = [what for what in whats if isinstance(what, CommandWhat) and part == "time"]
    inside = [what for what in whats if not isinstance(what, CommandWhat)]
    by_name = {side.name: side for side in sides}
    answers: dict[str, list[Answer]] = {side.name: [] for side in sides}
    with started(sides if inside else (), inside, part, folder, measuring) as processes:
        for name in order([side.name for side in sides], number):
            if name in processes:
                answers[name].append(_turn(processes, name, answers, measuring.timeout))
            for at, what in enumerate(commands):
                line = by_name[name].line
                words = read_command(line).words if line else what.words
                place = folder / name / f"command{at}"
                answers[name].append(
                    command(by_name[name], what, words, place,
                            threads=measuring.threads, timeout=measuring.timeout)
                )  # fmt: skip
    return taken(by_name, answers, inside)


_TRIED = 60.0
"""Seconds that the other side gets to show whether it fails, too."""


def _turn(
    processes: Mapping[str, Process], name: str, answers: Mapping[str, Sequence[Answer]],
    timeout: float,
) -> Answer:  # fmt: skip
    """Return what a process answers; of one that fails, say whether the other side does, too.

    Raises:
        HarnessError: it failed.
    """
    try:
        return processes[name].measure(timeout)
    except HarnessError as error:

        def run(other: Process) -> None:
            if not answers[other.side.name]:
                other.measure(min(timeout, _TRIED))

        raise _beside(error, name, processes, run, "runs") from None


def _beside(
    error: HarnessError, name: str, processes: Mapping[str, Process],
    run: Callable[[Process], None], well: str,
) -> HarnessError:  # fmt: skip
    """Return the error of a side with what the other of base and head does, as far as it is known.

    Args:
        error: of a side.
        name: the side's.
        processes: of all sides.
        run: lets the other one do the same.
        well: what it then does, in a word.
    """
    other = {"base": "head", "head": "base"}.get(name, "")
    if other not in processes:
        return error
    try:
        run(processes[other])
    except LateError:
        return error
    except HarnessError:
        return error.and_(f"On {other} it fails, too.")
    return error.and_(f"On {other} it {well}.")


def check_whats(whats: Sequence[What]) -> None:
    """Check that there is something to measure, each once.

    Raises:
        HarnessError: there is not.
    """
    if not whats or len({what.title for what in whats}) < len(whats):
        raise HarnessError(
            "a gate must be given what to measure, each once",
            ", ".join(what.title for what in whats) or "nothing",
            "Name a study, tests, a function or a command.",
        )


def taken(
    sides: Mapping[str, Side], answers: Mapping[str, Sequence[Answer]], whats: Sequence[What]
) -> Taken:
    """Return what processes answered, checked.

    Args:
        sides: by name.
        answers: of each side, by its name.
        whats: what was measured in processes that answer for themselves.

    Raises:
        HarnessError: as of :func:`take_round`.
    """
    notes = checked(sides, answers, whats)
    readings = {name: tuple(r for a in all_ for r in a.readings) for name, all_ in answers.items()}
    skipped, told = skips(readings, answers)
    if "head" in readings:
        check_measured(whats, readings["head"], answers["head"])
    return Taken(readings, new_at_head(readings, answers) | skipped, (*notes, *told))


@contextlib.contextmanager
def started(
    sides: Sequence[Side], whats: Sequence[What], part: Part, folder: Path, measuring: Measuring,
    more: Mapping[str, Any] | None = None, under: Sequence[str] = (),
) -> Iterator[dict[str, Process]]:  # fmt: skip
    """Give a process of every side that has imported all it needs; they are ended at the end.

    Args:
        sides: whose processes.
        whats: what they measure; no commands.
        part: what of it.
        folder: a folder of this gate's own.
        measuring: how it is measured.
        more: what else they are asked: of quality its ``seeds``, of instructions the ``library``.
        under: the program that runs them, and its options.

    Raises:
        HarnessError: one could not be started, ended, or took too long.
    """

    def starts(other: Process) -> None:
        other.wait_until_ready(min(measuring.timeout, _TRIED))

    modules = tuple(sorted({name for side in sides for name in side.modules}))
    with contextlib.ExitStack() as stack:
        processes: dict[str, Process] = {}
        for side in sides:
            own = measured_modules(whats, modules, side.benchmarks)
            place = _neutral(side, whats, own, folder)
            request = _request(side, whats, own, part, place / "benchmarks", measuring)
            request |= {"run": str(place / "run"), **(more or {})}
            _remove(place / "run")
            processes[side.name] = Process(side, request, place / "run",
                                           measuring.threads, under)  # fmt: skip
            stack.callback(processes[side.name].end)
        for name, process in processes.items():
            try:
                process.wait_until_ready(measuring.timeout)
            except HarnessError as error:
                raise _beside(error, name, processes, starts, "starts") from None
        yield processes


def measured_together(
    processes: Mapping[str, Process], timeout: float, at_once: int
) -> dict[str, list[Answer]]:
    """Give processes their turns, some of them at once; the first that fails ends all others.

    Returns:
        the answer of each, by the side's name.

    Raises:
        HarnessError: one crashed, took too long, or its answer is not whole.
    """
    with ThreadPoolExecutor(max(1, min(at_once, len(processes)))) as pool:
        turns = {name: pool.submit(each.measure, timeout) for name, each in processes.items()}
        try:
            done, _ = wait(turns.values(), return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes.values():
                process.end()
            raise
        return {name: [turn.result()] for name, turn in turns.items()}


def cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _neutral(side: Side, whats: Sequence[What], own: Sequence[str], folder: Path) -> Path:
    """Return a side's folder, with the probe and the benchmarks; made once."""
    place = folder / side.name
    if not (place / "benchmarks").is_dir():
        probe = Path(harness.probe.__file__).parent
        left = shutil.ignore_patterns("__pycache__")
        shutil.copytree(probe, place / "harness_probe", ignore=left, dirs_exist_ok=True)
        copied(whats, side.benchmarks, own, place / "benchmarks")
    return place


def _remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)


def _request(
    side: Side, whats: Sequence[What], own: Sequence[str], part: Part, benchmarks: Path,
    measuring: Measuring,
) -> dict[str, Any]:  # fmt: skip
    return {
        "benchmarks": [_plain(what) for what in whats],
        "part": part,
        "folder": str(benchmarks),
        "paths": [str(each) for each in side.paths],
        "own": list(own),
        "seconds": max(measuring.seconds, 0.3),
        "device": measuring.device,
        "scale": measuring.scale,
    }


def _plain(what: What) -> dict[str, Any]:
    kinds = {StudyWhat: "study", PytestWhat: "pytest", FunctionWhat: "function"}
    return {"kind": kinds[type(what)], **vars(what)}


def checked(
    sides: Mapping[str, Side], answers: Mapping[str, Sequence[Answer]], whats: Sequence[What]
) -> list[str]:
    """Check whose code each process ran; say which packages differ.

    Raises:
        HarnessError: code came from the wrong tree, or none of the side's own was used.
    """
    seen: dict[str, Seen] = {}
    trees = {side.tree for side in sides.values()}
    # each side's own benchmarks, which may then be all there is of its own
    own_files = len(trees) > 1 and all(side.benchmarks == side.tree for side in sides.values())
    for name, all_ in answers.items():
        for answer in all_:
            if answer.seen is None:
                continue
            seen[name] = answer.seen
            none = {*answer.lacking, *answer.skipped}
            titles = [what.title for what in whats if what.title not in none]
            if titles:
                side = replace(sides[name], modules=()) if own_files else sides[name]
                check_own(side, answer.seen, titles[0])
    check_apart(seen)
    if "base" not in seen:
        return []
    return [
        f"Another version at {name}: {said}."
        for name in ("head", "twin")
        if name in seen
        for said in versions_apart(seen["base"], seen[name], sides[name].distribution)
    ]


def _with_zeros(readings: Mapping[str, tuple[Reading, ...]]) -> dict[str, tuple[Reading, ...]]:
    """Give each side a count of 0 for the operators that only another side calls."""
    called: dict[str, set[str]] = {}
    for reading in (each for all_ in readings.values() for each in all_):
        found = {one.name for one in reading.figures if one.name.startswith("operators/")}
        called.setdefault(reading.benchmark, set()).update(found)

    def whole(reading: Reading) -> Reading:
        missing = called[reading.benchmark] - {one.name for one in reading.figures}
        zeros = (Figure(name, 0, "count", "exact") for name in sorted(missing))
        return replace(reading, figures=(*reading.figures, *zeros))

    return {name: tuple(map(whole, all_)) for name, all_ in readings.items()}
