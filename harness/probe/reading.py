"""A process that measures benchmarks, one after another, and writes what it read into a file.

It is started with the folder of this module copied beside it, and needs nothing but Python: torch,
pytest and the harness are imported where the benchmark's side has them, and where they are needed.

It imports what it needs, says so by a file, and then waits for a line on standard input: only one
process measures at a time. Standard input ends where the process that started it does.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from . import tested
from .clock import cpu_times
from .exact import Json, exact_figures, reading, timed
from .instructions import counted
from .waiting import Times, both_times

Measure = Callable[[], list[Json]]
"""Measures a benchmark that is ready; readings as plain values."""


class LackingError(Exception):
    """A benchmark, or what it measures, is not there on this side."""


def main(request: str, answer: str) -> None:
    """Measure what a request asks for, and write the answer, whole or not at all.

    Args:
        request: path of a JSON file: ``benchmarks`` (``kind``, ``title`` and what the kind needs),
            ``part`` (``time``, ``exact``, ``quality``, ``instructions``, or ``names``: what there
            is of arms and tests), ``folder`` of benchmarks, ``paths`` for ``sys.path``, ``own``
            modules, ``seconds``, ``device``, ``scale``, ``run``, a folder of its own; for quality
            also ``seeds``, for instructions the ``library`` that asks valgrind.
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
    told: Json = {
        "readings": [],
        "graded": [],
        "lacking": asked.setdefault("lacking", {}),
        "skipped": asked.setdefault("skipped", {}),
        "names": asked.setdefault("names", []),
        "failed": None,
    }
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
        if why := tested.lacks(error, asked["own"]):
            told["lacking"][title] = why
        else:
            traceback.print_exc()
            told["failed"] = {"title": title, "why": f"{type(error).__name__}: {error}"}
    return None


def _prepared(each: Json, asked: Json) -> Measure:
    """Import what a benchmark needs; return what measures it."""
    file = each["reference"] if each.get("in_file") else each.get("file")
    if file and not Path(asked["folder"], file).is_file():
        raise LackingError(f"there is no {file}")
    kinds = {"function": _function, "study": _study, "pytest": tested.prepared}
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
        return lambda: [reading(each["title"], exact_figures(once))]
    if asked["part"] == "instructions":
        return lambda: [reading(each["title"], counted(once, asked))]
    return lambda: [reading(each["title"], [_call(once, asked["seconds"])])]


def _call(once: Callable[[], object], seconds: float) -> Json:
    gc.collect()

    def step() -> None:
        once()

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        times = Times(tuple(cpu_times(step, seconds, wait=torch.cuda.synchronize)))
    else:
        times = both_times(step, seconds)
    return timed("call", times)


def _study(each: Json, asked: Json) -> Measure:
    # the harness of this side, which is not the one that this module was copied from
    find = importlib.import_module("harness.running.find").find
    load = importlib.import_module("harness.running.find").load
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
    if asked["part"] == "names":
        asked["names"] += arms
        return list
    name = "graded" if asked["part"] == "quality" else "gated"
    measuring = importlib.import_module(f"harness.running.{name}")

    if asked["part"] == "instructions":
        steps = measuring.steps_of  # a harness of before has none: told before it measures
        return lambda: [
            reading(_named(each["title"], arm, name), counted(once, asked))
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
