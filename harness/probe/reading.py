"""A process that measures benchmarks, one after another, and writes what it read into a file.

It is started with the folder of this module copied beside it, and needs nothing but Python: torch,
pytest and the harness are imported where the benchmark's side has them, and where they are needed.

It imports what it needs, says so by a file, and then waits for a line on standard input: only one
process measures at a time. Standard input ends where the process that started it does.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
import traceback
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from .clock import cpu_times
from .counts import by_name, flops, operators, python_calls
from .instructions import counted

Json = dict[str, Any]
Measure = Callable[[], list[Json]]
"""Measures a benchmark that is ready; readings as plain values."""

PEAK_TOLERANCE = 0.01
"""By what share peak memory may rise: what is freed when depends a little on what ran before."""

CALLS_TOLERANCE = 0.005
"""By what share calls of Python may rise: caches fill, and what is collected when differs."""


class LackingError(Exception):
    """A benchmark, or what it measures, is not there on this side."""


def main(request: str, answer: str) -> None:
    """Measure what a request asks for, and write the answer, whole or not at all.

    Args:
        request: path of a JSON file: ``benchmarks`` (``kind``, ``title`` and what the kind needs),
            ``part`` (``time``, ``exact``, ``quality`` or ``instructions``), ``folder`` of
            benchmarks, ``paths`` for ``sys.path``, ``own`` modules, ``seconds``, ``device``,
            ``scale``, ``run``, a folder of its own; for quality also ``seeds``, for instructions
            the ``library`` that asks valgrind.
        answer: path of the file to write. Beside it ``ready`` is written before the turn is waited
            for, and ``doing`` names the benchmark in work.
    """
    turn = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # what a benchmark reads is not this process's turn
    _end_with_parent()
    asked: Json = json.loads(Path(request).read_text(encoding="utf-8"))
    place, process = Path(answer), os.getpid()
    sys.path[:] = [asked["folder"], *asked["paths"], *_others(asked)]
    told: Json = {"readings": [], "graded": [], "lacking": {}, "failed": None}
    ready: list[tuple[str, Measure]] = []
    for each in asked["benchmarks"]:
        found = _guarded(each["title"], place, asked, told, partial(_prepared, each, asked))
        _end_child(process)  # before it takes the turn, which is read once
        if found is not None:
            ready.append((each["title"], found))
    (place.parent / "ready").write_text("", encoding="utf-8")
    if not turn.readline():
        os._exit(0)  # nobody waits any more
    for title, measure in [] if told["failed"] else ready:
        read = _guarded(title, place, asked, told, measure)
        _end_child(process)
        told["graded" if asked["part"] == "quality" else "readings"] += read or []
        if told["failed"]:
            break
    told |= {"prefix": sys.prefix, "where": _where(asked["own"]), "versions": _versions(asked)}
    draft = place.with_suffix(".draft")
    draft.write_text(json.dumps(told), encoding="utf-8")
    draft.replace(place)


def _end_child(process: int) -> None:
    """End this process if it is not the given one: a benchmark's child, which came back from it."""
    if os.getpid() != process:
        os._exit(0)


def _others(asked: Json) -> list[str]:
    """Return what else is on ``sys.path``, without the folder that this process runs in."""
    named = {"", str(Path.cwd()), *asked["paths"]}
    return [each for each in sys.path if each not in named]


def _end_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def _guarded(title: str, place: Path, asked: Json, told: Json, do: Callable[[], Any]) -> Any:
    """Do something for a benchmark; note why it could not be done, and return ``None`` then."""
    (place.parent / "doing").write_text(title, encoding="utf-8")
    try:
        return do()
    except LackingError as error:
        told["lacking"][title] = str(error)
    except BaseException as error:  # also SystemExit: whatever it is, it is told
        if why := lacks(error, asked["own"]):
            told["lacking"][title] = why
        else:
            traceback.print_exc()
            told["failed"] = {"title": title, "why": f"{type(error).__name__}: {error}"}
    return None


def lacks(error: BaseException | None, own: Sequence[str]) -> str:
    """Say what of the side's own modules is not there, where that is why something failed.

    Args:
        error: what was raised.
        own: names of the side's own modules, at the top.

    Returns:
        The error in words; empty where it is another one.
    """
    if isinstance(error, ImportError):
        name = error.name or ""
    elif isinstance(error, AttributeError) and isinstance(error.obj, type(os)):
        name = error.obj.__name__
    else:
        return ""
    return f"{type(error).__name__}: {error}" if name.partition(".")[0] in own else ""


def _prepared(each: Json, asked: Json) -> Measure:
    """Import what a benchmark needs; return what measures it."""
    kinds = {"function": _function, "study": _study, "pytest": _pytest}
    return kinds[each["kind"]](each, asked)


def _function(each: Json, asked: Json) -> Measure:
    name = each["module"]
    call: Any = importlib.import_module(name)
    for part in each["function"].split("."):
        if not hasattr(call, part):
            raise LackingError(f"{name} has no {each['function']}")
        call = getattr(call, part)
    if not callable(call):
        raise TypeError(f"{each['title']} is {type(call).__name__}, no function")
    made = call()
    once = made if callable(made) else call
    if asked["part"] == "exact":
        return lambda: [_reading(each["title"], exact_figures(once))]
    if asked["part"] == "instructions":
        return lambda: [_reading(each["title"], counted(once, asked))]
    return lambda: [_reading(each["title"], [_call(once, asked["seconds"])])]


def _call(once: Callable[[], object], seconds: float) -> Json:
    gc.collect()

    def step() -> None:
        once()

    blocks = cpu_times(step, seconds, _clock())
    return _figure("call", statistics.median(blocks), "s", "time")


def _clock() -> Callable[[], int]:
    """Return the clock; where CUDA is used, it waits for what was queued."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return time.perf_counter_ns

    def clock() -> int:
        torch.cuda.synchronize()
        return time.perf_counter_ns()

    return clock


def exact_figures(once: Callable[[], object]) -> list[Json]:
    """Return what one call does, counted: operators, FLOPs, calls of Python, peak memory.

    Args:
        once: is called some times.
    """
    counted = by_name(operators(once))
    named = [_figure(f"operators/{name}", count, "count") for name, count in counted.items()]
    gc.collect()
    calls = python_calls(once)
    return [
        *named,
        _figure("operators", sum(counted.values()), "count"),
        _figure("flops", flops(once), "count"),
        _figure("python_calls", calls, "count", tolerance=CALLS_TOLERANCE),
        _figure("peak", _peak(once), "bytes", tolerance=PEAK_TOLERANCE),
    ]


def _peak(once: Callable[[], object]) -> int:
    """Return the most bytes that a warm call has allocated: torch's where it uses torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return _python_peak(once)
    from .memory import cpu_growth, cuda_stats

    def step() -> None:
        once()

    def start() -> Callable[[], None]:
        return step

    if torch.cuda.is_initialized():
        return int(cuda_stats(start)[1]["allocated_bytes.all.peak"])
    return sum(cpu_growth(start))


def _python_peak(once: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        once()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        once()
        return max(tracemalloc.get_traced_memory()[1] - before, 0)
    finally:
        tracemalloc.stop()


def _study(each: Json, asked: Json) -> Measure:
    # the harness of this side, which is not the one that this module was copied from
    find = importlib.import_module("harness.running.find").find
    load = importlib.import_module("harness.running.find").load
    name = "graded" if asked["part"] == "quality" else "gated"
    measuring = importlib.import_module(f"harness.running.{name}")
    file, arm = each["reference"], each["arm"]
    reference = str(Path(asked["folder"], file)) if each["in_file"] else file
    if not each["in_file"] and "harness" in asked["own"]:
        try:
            find(reference)
        except ValueError as error:
            raise LackingError(str(error)) from error
    study, scale = load(find(reference)), asked["scale"] or None
    arms = [one.name for one in study.arms(study.scale(scale)[0])]
    if arm and arm not in arms:
        raise LackingError(f"{reference} has no arm {arm!r}; arms: {', '.join(arms)}")

    if asked["part"] == "instructions":
        steps = measuring.steps_of  # a harness of before has none: told before it measures
        return lambda: [
            _reading(_named(each["title"], arm, name), counted(once, asked))
            for name, once in steps(reference, arm or None, scale, device=asked["device"])
        ]

    def grade() -> list[Json]:
        read = measuring.graded_by_seed(
            reference, arm or None, scale, seeds=asked["seeds"], device=asked["device"],
            folder=Path(asked["run"], "trials"),
        )  # fmt: skip
        return [{"title": each["title"], **read}]

    def measure() -> list[Json]:
        gc.collect()
        read = measuring.figures_of(
            reference, arm or None, scale, part=asked["part"], device=asked["device"],
            seconds=asked["seconds"],
        )  # fmt: skip
        # the file lies elsewhere on each side, the benchmark's name does not
        return [one | {"benchmark": _named(each["title"], arm, one["benchmark"])} for one in read]

    return grade if asked["part"] == "quality" else measure


def _named(title: str, arm: str, benchmark: str) -> str:
    behind = benchmark.partition(":")[2]
    return title if arm or not behind else f"{title}#{behind}"


def _pytest(each: Json, asked: Json) -> Measure:
    if asked["part"] == "exact":
        return list  # there is nothing exact in it
    pytest = importlib.import_module("pytest")
    importlib.import_module("pytest_benchmark")
    file = Path(asked["folder"], each["file"])
    for name in _imports(file):  # now, beside other processes, not while this one measures
        with suppress(Exception):
            importlib.import_module(name)
    node = f"{file}::{each['node']}" if each["node"] else str(file)
    written = Path.cwd() / "pytest-benchmark.json"

    def measure() -> list[Json]:
        written.unlink(missing_ok=True)
        watch = _Watch()
        code = pytest.main(
            [node, "--benchmark-only", f"--benchmark-json={written}", "-p", "no:cacheprovider",
             f"--rootdir={asked['folder']}", f"--benchmark-max-time={asked['seconds']}", "-q",
             "-o", "addopts="],
            plugins=[watch],
        )  # fmt: skip
        if code in {2, 4, 5} and (why := lacks(watch.error, asked["own"])):
            raise LackingError(why)
        if code:
            raise RuntimeError(
                f"pytest ended with {int(code)}: {watch.error or 'see what it says'}"
            )
        return _medians(written)

    return measure


class _Watch:
    """A plugin of pytest that keeps the first error."""

    error: BaseException | None = None

    def pytest_exception_interact(self, call: Any) -> None:
        """Keep what was raised; of an error of collecting, what it came from."""
        found = call.excinfo.value
        self.error = self.error or found.__cause__ or found


def _medians(written: Path) -> list[Json]:
    text = written.read_text(encoding="utf-8") if written.is_file() else ""
    found = json.loads(text)["benchmarks"] if text.strip() else []
    if not found:
        raise RuntimeError("no benchmark was run: no test there uses the fixture `benchmark`")
    return [
        _reading(
            one["fullname"],
            [
                _figure("median", one["stats"]["median"], "s", "time"),
                _figure("rounds", one["stats"]["rounds"], "count", "shown", better="higher"),
            ],
        )
        for one in found
    ]


def _imports(file: Path) -> list[str]:
    """Return the modules that a file imports at its top level."""
    names: list[str] = []
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names


def _reading(benchmark: str, figures: list[Json]) -> Json:
    return {"benchmark": benchmark, "figures": figures}


def _figure(
    name: str,
    value: float,
    unit: str,
    judged: str = "exact",
    *,
    better: str = "lower",
    tolerance: float = 0.0,
) -> Json:
    return {"name": name, "value": value, "unit": unit, "judged": judged, "better": better,
            "tolerance": tolerance}  # fmt: skip


def _where(own: Sequence[str]) -> dict[str, str]:
    """Return the file of each of the side's own modules that was imported."""
    found = {}
    for name in own:
        module = sys.modules.get(name)
        if module is not None:
            places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
            found[name] = str(next(filter(None, places), "no file"))
    return found


def _versions(asked: Json) -> dict[str, str]:
    """Return versions of Python and of all packages; where times are read, of Python alone."""
    found = {"Python": platform.python_version()}
    if asked["part"] == "exact":
        for each in importlib.metadata.distributions():
            with suppress(KeyError, TypeError):
                found.setdefault(each.metadata["Name"], each.version)
    return found
