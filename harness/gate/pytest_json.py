"""Files of pytest-benchmark: two sets of them judged, and our readings written as one.

Rounds within a process are no replicates: they share what one start of the process brought with it.
So each file counts as one run, with the median of each benchmark, and a side needs several files.
The sides are compared on logarithms by :func:`harness.stats.unpaired.unpaired`, which is Welch's
interval with two changes; the error rate is divided by the number of benchmarks.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.gate.exact import Compared
from harness.gate.figures import Reading
from harness.gate.kept import loaded
from harness.gate.outcome import Row
from harness.messages.errors import HarnessError
from harness.stats.slower import Rule
from harness.study.formatting import first_of, plural

FEWEST = 5
"""Files of a side."""

ALPHA = 0.01
"""How often all benchmarks together may fail when nothing changed."""

FAILS, PASSES = Rule.fails_from, Rule.passes_below
"""As in the gate: what is slower by less does not fail, and what may be slower by more no pass."""

INSTEAD = (
    "Run each side in at least 5 fresh processes, in turn, each with --benchmark-json=FILE, and "
    "give folders of files; or let `harness gate --base REV` do all that."
)


NOT_IN_TURN = (
    "All runs of one side came before those of the other: what changed on the machine in between "
    "looks like a change of the code. Run them in turn."
)


@dataclass(frozen=True)
class _Run:
    """One file: one process."""

    file: Path
    machine: Mapping[str, Any]
    time: str
    medians: Mapping[str, float]


def files_of(given: str) -> tuple[Path, ...]:
    """Return the files that a word names: a file, a folder, a pattern, or several with commas.

    Raises:
        HarnessError: it names none, or one twice.
    """
    out: list[Path] = []
    for part in filter(None, given.split(",")):
        path = Path(part)
        if path.is_dir():
            out += sorted(path.rglob("*.json"))
        elif path.exists() or not set(part) & set("*?["):
            out.append(path)
        else:
            root = Path(path.anchor) if path.is_absolute() else Path()
            out += sorted(root.glob(str(path.relative_to(path.anchor))))
    if not out:
        raise HarnessError("a side must name files of pytest-benchmark", repr(given), INSTEAD)
    if len({each.resolve() for each in out}) < len(out):
        raise HarnessError("a side must name each file once", repr(given), "A run counts once.")
    return tuple(out)


def compare_files(base: str, head: str) -> Compared:
    """Judge two sets of files of pytest-benchmark.

    Args:
        base: files of one side, as :func:`files_of` reads them.
        head: of the other.

    Raises:
        HarnessError: a side has fewer than 5, a file cannot be read or is on both sides, or they
            come from different machines.
    """
    sides = [files_of(base), files_of(head)]
    for name, files in zip(("old", "new"), sides, strict=True):
        if len(files) < FEWEST:
            raise HarnessError(
                f"the {name} side must have at least {FEWEST} files, a process each (rounds "
                "within one process are no replicates: all share the luck of its start)",
                plural(len(files), "file"),
                INSTEAD,
            )
    if both := {*sides[0]} & {*sides[1]}:
        raise HarnessError("a file must be on one side", str(min(both)), "Name others.")
    olds, news = ([_run(file) for file in files] for files in sides)
    _check_machines([*olds, *news])
    names = list(dict.fromkeys(name for run in (*olds, *news) for name in run.medians))
    rows, problems = [], []
    for name in names:
        values = [[run.medians[name] for run in runs if name in run.medians]
                  for runs in (olds, news)]  # fmt: skip
        counts = [len(each) for each in values]
        if counts[0] == 0:
            why = "The old files have no such benchmark: nothing to compare with."
            rows.append(Row(name, "median", "s", "time", "lower", "new",
                            head=statistics.median(values[1]), why=why))  # fmt: skip
        elif counts != [len(olds), len(news)]:
            problems.append(
                f"{name} is in {counts[0]} of {len(olds)} old files and in {counts[1]} of "
                f"{len(news)} new ones: it has vanished from the rest."
            )
        else:
            rows.append(_row(name, values[0], values[1], len(names)))
    return Compared(tuple(rows), tuple(problems), _notes(olds, news))


def _notes(olds: Sequence[_Run], news: Sequence[_Run]) -> tuple[str, ...]:
    times = [[run.time for run in runs] for runs in (olds, news)]
    apart = max(times[0]) < min(times[1]) or max(times[1]) < min(times[0])
    return (NOT_IN_TURN,) if apart else ()


def _row(name: str, old: Sequence[float], new: Sequence[float], family: int) -> Row:
    from harness.stats.unpaired import unpaired  # imports scipy

    alpha = ALPHA / family
    logs = [[math.log(each) for each in side] for side in (new, old)]
    seen = unpaired(logs[0], logs[1], 1 - 2 * alpha)
    change, low, high = (math.expm1(min(end, 700.0)) for end in (seen.effect, seen.low, seen.high))
    level = f"{100 * (1 - 2 * alpha):.4g} %"
    rule = f"{len(old)} and {len(new)} processes, unpaired, interval at {level}"
    if low > 0 and change >= FAILS:
        answer, why = "fail", f"Slower, and by {100 * FAILS:g} % or more"
    elif high < PASSES:
        answer, why = "pass", f"Slower by less than {100 * PASSES:g} %, if at all"
    else:
        answer, why = "inconclusive", f"It may be slower by {100 * PASSES:g} %, or not at all"
    return Row(
        name, "median", "s", "time", "lower", answer,  # type: ignore[arg-type]
        base=statistics.median(old), head=statistics.median(new), change=change, low=low,
        high=high, why=f"{why} ({rule}).",
    )  # fmt: skip


def _run(file: Path) -> _Run:
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = f"{file} ({type(error).__name__})"
        raise HarnessError("a side must be files that can be read", said, INSTEAD) from error
    value = loaded(content, file)
    parts = value if isinstance(value, dict) else {}
    machine, benchmarks = parts.get("machine_info"), parts.get("benchmarks")
    if not isinstance(machine, dict) or not isinstance(benchmarks, list) or not benchmarks:
        got = "no benchmark" if benchmarks == [] else "another file"
        raise HarnessError(f"{file} must be a file of pytest-benchmark", got, INSTEAD)
    medians: dict[str, float] = {}
    for each in benchmarks:
        name, number = _median(each)
        if not name or not 0 < number < math.inf or name in medians:
            got = f"{name or 'a benchmark without a name'} with median {number}"
            got = f"{name} twice" if name in medians else got
            raise HarnessError(f"{file} must hold a time of each benchmark", got, INSTEAD)
        medians[name] = number
    return _Run(file, machine, str(parts.get("datetime", "")), medians)


def _median(benchmark: object) -> tuple[str, float]:
    value = benchmark if isinstance(benchmark, dict) else {}
    stats = value.get("stats")
    number = stats.get("median") if isinstance(stats, dict) else None
    rounds = stats.get("rounds") if isinstance(stats, dict) else None
    right = isinstance(number, int | float) and not isinstance(number, bool) and bool(rounds)
    return str(value.get("fullname") or ""), float(number) if right and number else math.nan


def _check_machines(runs: Sequence[_Run]) -> None:
    """Refuse runs of several machines.

    The clock's rate at the moment is no part of a machine.
    """
    first = runs[0]
    for run in runs[1:]:
        one, other = _parts(first.machine), _parts(run.machine)
        differing = sorted(name for name in one.keys() | other.keys()
                           if one.get(name) != other.get(name))  # fmt: skip
        if differing:
            shown = [f"{name} ({str(one.get(name))[:40]} and {str(other.get(name))[:40]})"
                     for name in differing]  # fmt: skip
            raise HarnessError(
                "all files must come from one machine (times of two machines say nothing of code)",
                f"{first.file} and {run.file}, which differ in {first_of(shown, 3, '; ')}",
                INSTEAD,
            )


def _parts(machine: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: each for name, each in machine.items() if name != "cpu"}
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, dict) else {}
    return flat | {f"cpu {name}": each for name, each in cpu.items()
                   if not name.startswith("hz_actual")}  # fmt: skip


def write_pytest_json(
    readings: Sequence[Reading], machine: Mapping[str, str], *, commit: str = "", time: str = ""
) -> dict[str, Any]:
    """Return readings as pytest-benchmark writes them; a round is one process's number.

    Only figures in seconds that are judged by time are in it. Its mean and deviation are thus over
    processes, which is more than pytest-benchmark's own say.

    Args:
        readings: of any benchmarks, several of each.
        machine: what :func:`~harness.gate.fingerprints.here` returned.
        commit: what was measured.
        time: when, in ISO 8601.

    Raises:
        HarnessError: no figure is a time.
    """
    values: dict[tuple[str, str], list[float]] = {}
    for reading in readings:
        for each in reading.figures:
            if each.judged == "time" and each.unit == "s":
                values.setdefault((reading.benchmark, each.name), []).append(float(each.value))
    if not values:
        raise HarnessError("pytest-benchmark's JSON must hold a time", "none", "Measure one.")
    return {
        "machine_info": {
            "node": "", "processor": machine.get("cpu", ""), "release": "",
            "machine": machine.get("system", "").rpartition(" ")[2],
            "system": machine.get("system", "").partition(" ")[0],
            "python_implementation": "CPython",
            "python_implementation_version": machine.get("python", ""),
            "python_version": machine.get("python", ""), "python_compiler": "",
            "python_build": ["", ""],
            "cpu": {"brand_raw": machine.get("cpu", ""), "flags": machine.get("flags", "").split()},
            **{name: machine[name] for name in ("torch", "threads", "device", "gpu", "driver")
               if name in machine},
        },
        "commit_info": {
            "id": commit or "unversioned", "time": time or None, "author_time": None,
            "dirty": False, "project": "", "branch": "(unknown)",
        },
        "benchmarks": [_benchmark(*key, numbers) for key, numbers in values.items()],
        "datetime": time,
        "version": "5.3.1",
    }  # fmt: skip


def _benchmark(name: str, figure: str, values: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(values)
    q1, median, q3 = (
        statistics.quantiles(ordered, n=4, method="inclusive")
        if len(ordered) > 1
        else (ordered[0],) * 3
    )
    mean = statistics.fmean(ordered)
    stddev = statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    far = 1.5 * (q3 - q1)
    beyond = [each for each in ordered if each < q1 - far or each > q3 + far]
    inside = [each for each in ordered if each not in beyond]
    off = sum(abs(each - mean) > stddev for each in ordered)
    return {
        "group": figure, "name": f"{name}/{figure}", "fullname": f"{name}/{figure}",
        "params": None, "param": None, "extra_info": {"processes": len(ordered)},
        "options": {
            "disable_gc": False, "timer": "perf_counter", "min_rounds": len(ordered),
            "max_time": 0.0, "min_time": 0.0, "warmup": True,
        },
        "stats": {
            "min": ordered[0], "max": ordered[-1], "mean": mean, "stddev": stddev,
            "rounds": len(ordered), "median": median, "iqr": q3 - q1, "q1": q1, "q3": q3,
            "iqr_outliers": len(beyond), "stddev_outliers": off,
            "outliers": f"{off};{len(beyond)}", "ld15iqr": inside[0], "hd15iqr": inside[-1],
            "ops": 1 / mean, "total": math.fsum(ordered), "data": list(values), "iterations": 1,
        },
    }  # fmt: skip
