"""Who does the work of a function of the user's own: each trial in a process of its own."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from filelock import FileLock

from harness.engines.modes import PLAIN, Mode
from harness.messages.errors import HarnessError
from harness.own import apart
from harness.own.calling import Called, call
from harness.own.context import Context
from harness.own.processes import thread_names
from harness.own.saves import TrialFolder
from harness.own.seeds import seeded
from harness.own.stopping import STOPPED, Stopping
from harness.running.named import Named
from harness.running.telling import TELL_SECONDS, Told
from harness.running.workplace import Workplace, pruning_of
from harness.study.function import Function
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import TUNING_SEED, Trial

if TYPE_CHECKING:
    from harness.study.study import Study


AUTOGRAD = "pt_autograd"
"""How the names of threads begin by which torch computes gradients; without a GPU it has none."""


def train(
    trials: Sequence[Trial], names: Sequence[Named], mode: Mode, at: Workplace
) -> tuple[Outcome, ...]:
    """Call the function of each trial; whatever it fails of is its outcome.

    Raises:
        HarnessError: trials cannot use the device (:func:`check`).
    """
    del mode  # a function is called as it is
    for trial in trials:
        check(trial, at)
    return tuple(
        outcome(trial, named, at, _call, at.study.limit)
        for trial, named in zip(trials, names, strict=True)
    )


def check(trial: Trial, at: Workplace) -> None:  # noqa: ARG001 - as others need it
    """Check that a fork of this process can compute; what else a trial needs, its function says.

    Raises:
        HarnessError: it cannot, as this one uses the device already, or computes gradients.
    """
    if not at.apart:
        return
    does = ""
    if at.device.type == "cuda" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        does = "uses it"
    elif any(name.startswith(AUTOGRAD) for name in thread_names()):
        does = "computes gradients"
    if does:
        raise HarnessError(
            "on a machine with a GPU a study's file must neither use it nor compute gradients when "
            "it is imported, as each trial is a fork of the process that imports it",
            f"one that {does} (it, or a file that it imports)",
            "Move that into train. To ask torch.cuda.is_available() is harmless.",
        )


def warm_up() -> None:
    """Load what measuring needs."""
    from harness.cost.measure import warm_up

    warm_up()


def profile(trial: Trial, at: Workplace) -> Profile:
    """Measure time, memory and FLOPs of the step that the study's own function gives."""
    from harness.cost.own_step import measure_own

    with own_step(trial, at) as start:
        return measure_own(start, at.device)


def step_seconds(trial: Trial, at: Workplace) -> float:
    """Time that step."""
    from harness.cost.own_step import own_step_seconds

    with own_step(trial, at) as start:
        return own_step_seconds(start, at.device)


@contextmanager
def own_step(trial: Trial, at: Workplace) -> Iterator[Callable[[], object]]:
    """Give what begins steps of a trial, with seeds and a folder that leave no trace."""
    work, step = trial.work, trial.what.step
    assert isinstance(work, Function)
    assert step is not None
    # a process that has measured may have used the device, or where there is one begun threads that
    # compute gradients, and then nothing can be forked from it
    forkable = at.device.type == "cpu" and not torch.cuda.device_count()
    here = replace(at, apart=at.apart and forkable)
    if missing := _make_given(trial, Named.of(trial, ""), here):
        raise RuntimeError(missing)
    folder = TrialFolder(at.folder, f"step-{os.getpid()}")  # beside what is cached for all trials
    context = Context(
        trial.seed, str(at.device), work.scale, choosing=False, folder=folder,
        given=_given(trial, at),
    )  # fmt: skip
    try:
        with seeded(trial.seed):
            yield lambda: step(context=context, **work.arguments)
    finally:
        folder.tidy(finished=True, keep=False)


def wanted(study: Study, trial: Trial) -> tuple[str, ...]:
    """Return the metrics that a trial must give: one that helps to choose, only what chooses."""
    if trial.role == "need":
        return ()
    if trial.role == "tune":
        return study.search.wanted if study.search is not None else (study.objective,)
    return tuple(metric.name for metric in study.metrics)


Call = Callable[[Trial, Named, Workplace, TrialFolder, Stopping], Called]
"""Does a trial in this process."""


def outcome(trial: Trial, named: Named, at: Workplace, call: Call, limit: float | None) -> Outcome:
    """Do a trial, in a process of its own where that can be.

    Args:
        trial: the trial.
        named: its name.
        at: where.
        call: does it; costs that it gives count before those of the process that it is done in.
        limit: seconds after which that process is killed; ``None`` is never.
    """
    folder = TrialFolder(at.folder, trial.key)
    if missing := _make_given(trial, named, at):
        return Outcome(reason=missing, env=at.env_by_now)
    if trial.role == "need":
        folder.begin()
    if not at.apart:
        called, env = call(trial, named, at, folder, Stopping()), at.env
        cost = called.cost
    else:

        def do(stopping: Stopping) -> object:
            called = call(trial, named, at, folder, stopping)
            return None if called.stopped else [asdict(called), dict(at.env)]

        _ = at.env_by_now  # once for all trials, where asking is harmless
        ended = apart.apart(do, folder.log, limit)
        if ended.stopped:
            os._exit(STOPPED)  # nothing came of it, and the next process goes on from what it saved
        if ended.said is None:
            called, env = Called(reason=ended.reason), at.env_by_now
        else:
            called, env = Called(**ended.said[0]), ended.said[1]
        cost = {
            "process_cpu_seconds": ended.cpu_seconds,
            "process_peak_bytes": ended.peak_bytes,
            **called.cost,
        }
    folder.tidy(finished=not called.reason, keep=trial.role != "tune")
    if trial.role == "need" and not called.reason:
        folder.make_whole()
    if called.reason:
        return Outcome(reason=called.reason, env=env)
    return Outcome(called.metrics, called.curves, cost, env, mode=str(PLAIN), pruned=called.pruned)


def _make_given(trial: Trial, named: Named, at: Workplace) -> str:
    """Make the folders that a trial is given, where they are not here; return why that failed.

    They were made by whoever ran those trials, which may have been on another machine.
    """
    for name, need in trial.needs.items():
        if reason := _make_need(name, need, named, at):
            return f"what it needs failed: {reason}"
    return ""


def _make_need(name: str, need: Trial, named: Named, at: Workplace) -> str:
    folder = TrialFolder(at.folder, need.key)
    if folder.is_whole:
        return ""
    at.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(at.folder / f"{need.key}.lock"):
        if TrialFolder(at.folder, need.key).is_whole:  # made meanwhile
            return ""
        theirs = replace(named, role="need", key=need.key, path=(*named.path, name), bounds=())
        unwatched = at if at.watch is None else replace(at, watch=None)  # it is not what is checked
        return outcome(need, theirs, unwatched, _call, at.study.limit).reason


def _call(
    trial: Trial, named: Named, at: Workplace, folder: TrialFolder, stopping: Stopping
) -> Called:
    work = trial.work
    assert isinstance(work, Function)
    context = Context(
        trial.seed,
        str(at.device),
        work.scale,
        # so what a trial needs that helps to choose
        choosing=trial.role == "tune" or (trial.role == "need" and trial.seed >= TUNING_SEED),
        folder=folder,
        given=_given(trial, at),
        stopping=stopping,
        told=telling(named, at, work.scale.get("epochs")) if at.tell is not None else None,
        watch=at.watch,
        pruning=pruning_of(named, at.study),
    )
    if at.watch is not None:
        work = replace(work, function=at.watch.over(work.function))
    return call(work, context, wanted(at.study, trial))


def _given(trial: Trial, at: Workplace) -> dict[str, Path]:
    """Return the folders of what a trial needs, by name."""
    return {name: TrialFolder(at.folder, need.key).made() for name, need in trial.needs.items()}


def telling(
    named: Named, at: Workplace, epochs: object
) -> Callable[[int, Mapping[str, float]], None]:
    """Return what tells now and then how far a trial is, from what it reports.

    Args:
        named: the trial.
        at: where; somebody is to be told there.
        epochs: how many there are, where it is a whole number.
    """
    assert at.tell is not None
    tell, objective = at.tell, at.study.objective
    total = epochs if isinstance(epochs, int) else 0
    began, last = time.monotonic(), -math.inf
    first = -1

    def told(epoch: int, values: Mapping[str, float]) -> None:
        nonlocal last, first
        now = time.monotonic()
        if first < 0:
            first = epoch
        if now - last < TELL_SECONDS or not values:
            return
        last = now
        shown = objective if objective in values else next(iter(values))
        done = epoch + 1
        left = (now - began) / (done - first) * (total - done) if done < total else 0.0
        # beyond the number of epochs it is steps that are counted, or something else
        counted = (done, total) if done <= total else (epoch, 0)
        tell(Told(named.arm, named.seed, named.role, 1, *counted, values[shown], left, shown))

    return told
