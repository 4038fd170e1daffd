"""What a gate reads of a study, in one process: counts and bytes, or seconds, of each arm."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch

from harness.cost.breaks import graph_breaks
from harness.cost.measure import measure_exactly, prepared, split_of
from harness.cost.own_step import begun, count_own
from harness.cost.place import times
from harness.engines.network import global_generators
from harness.engines.plain import make_step
from harness.engines.prepared import make_ready, untrained
from harness.messages.calm import calm
from harness.probe.exact import timed
from harness.probe.waiting import Times, both_times
from harness.randomness.streams import torch_seed
from harness.running.find import find, load
from harness.running.functions import own_step
from harness.running.measured import measured_trials
from harness.running.workplace import Workplace
from harness.storing.artifacts import FolderOfArtifacts
from harness.study.study import Study
from harness.trainer.train import set_up
from harness.training import Training
from harness.trials.profiles import Profile
from harness.trials.trial import Trial

PEAK_TOLERANCE = 0.01
"""By what share peak memory may grow: allocators of two versions round blocks differently."""

LOSSES = 20
"""Training losses whose bits are compared."""

_NO_PART = {"vm_hwm"}  # of the whole process, and other each time

Figures = list[dict[str, Any]]
"""Figures in plain values, as :class:`harness.gate.figures.Figure` has them."""


@calm()
def figures_of(
    reference: str,
    arm: str | None,
    scale: str | None,
    *,
    part: Literal["exact", "time"],
    device: str = "cpu",
    seconds: float = 0.4,
) -> list[dict[str, Any]]:
    """Measure the step of each arm of a study or search in this process, with one thread.

    Args:
        reference: the study's name, module or file.
        arm: the arm's name; ``None`` is all of them, those that share a program once.
        scale: the scale's name; ``None`` is the first.
        part: ``exact`` for what is the same in every process, ``time`` for seconds.
        device: torch's name of the device.
        seconds: about how long to time steps.

    Returns:
        For each arm, in plain values, what :class:`harness.gate.figures.Reading` has: benchmark,
        figures, bits and note.

    Raises:
        HarnessError: there is no such study, scale or arm, or it has no step to measure.
    """
    study = load(find(reference))
    name, _ = study.scale(scale)
    trials = measured_trials(study, name, arm)
    place = torch.device(device)
    with _one_thread():
        return [
            {"benchmark": f"{study.name}:{each}", **_read(study, trial, part, place, seconds)}
            for each, trial in trials.items()
        ]


def steps_of(
    reference: str, arm: str | None, scale: str | None, *, device: str = "cpu"
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the step of each arm, by the benchmark's name: what :func:`figures_of` measures.

    Each is to be taken before the next is asked for, with one thread. Arguments and errors are
    those of :func:`figures_of`.
    """
    study = load(find(reference))
    name, _ = study.scale(scale)
    place = torch.device(device)
    with calm(), _one_thread():
        for each, trial in measured_trials(study, name, arm).items():
            with _stepping(study, trial, place) as once:
                yield f"{study.name}:{each}", once


@contextmanager
def _stepping(study: Study, trial: Trial, device: torch.device) -> Iterator[Callable[[], object]]:
    """Give what takes a step of a trial, of a Training or of the user's own."""
    if trial.trains:
        with prepared(trial.training, device, 0) as program:
            yield program.start()
        return
    with tempfile.TemporaryDirectory() as folder:
        at = Workplace(study, device, FolderOfArtifacts(Path(folder)), Path(folder))
        with own_step(trial, at) as start:
            yield begun(start)


def _read(
    study: Study, trial: Trial, part: Literal["exact", "time"], device: torch.device, seconds: float
) -> dict[str, Any]:
    if trial.trains:
        if part == "time":
            return _told(_times(trial.training, device, seconds))
        profile = measure_exactly(trial.training, device)
        breaks, said = _breaks(trial.training, device)
        note = " ".join(filter(None, (profile.note, said)))
        return _told([*_exact(profile), *breaks], _bits(trial.training, device), note)
    with tempfile.TemporaryDirectory() as folder:
        at = Workplace(study, device, FolderOfArtifacts(Path(folder)), Path(folder))
        with own_step(trial, at) as start:
            if part == "time":
                return _told([_time("step", begun(start), device, seconds)])
            profile = count_own(start, device)
            return _told(_exact(profile), note=profile.note)


def _told(figures: Figures, bits: str = "", note: str = "") -> dict[str, Any]:
    return {"figures": figures, "bits": bits, "note": note}


def _exact(profile: Profile) -> Figures:
    """Return the figures that are the same in every process; of an own step, those that it has."""
    figures = [_figure("flops", profile.flops_per_step, "count", "exact")]
    if profile.parameters:
        figures += [
            _figure("parameters", profile.parameters, "count", "exact"),
            _figure("steps", profile.steps, "count", "exact"),
        ]
    figures.append(_figure("operators", sum(profile.operators.values()), "count", "exact"))
    figures += [
        _figure(f"operators/{name}", count, "count", "exact")
        for name, count in profile.operators.items()
    ]
    figures.append(_figure("python_calls", profile.python_calls, "count", "shown"))
    if profile.peak_bytes or profile.device == "cpu":
        figures.append(_figure("peak", profile.peak_bytes, "bytes", "exact", PEAK_TOLERANCE))
    figures += [
        _figure(f"memory/{part}", size, "bytes", "shown")
        for part, size in profile.memory.items()
        if part not in _NO_PART
    ]
    return figures


def _times(training: Training, device: torch.device, seconds: float) -> Figures:
    with prepared(training, device, 0) as program:
        figures = [_time("step", program.start(), device, seconds)]
        try:
            figures.append(_time("evaluation", program.start_evaluation(), device, seconds / 2))
        finally:
            program.member.network.module.train()
        parts = split_of(program, device, seconds / 2)
    figures += [_figure(name, each.median, "s", "shown") for name, each in parts.items()]
    return figures


def _time(
    name: str, once: Callable[[], None], device: torch.device, seconds: float
) -> dict[str, Any]:
    """Return the time of a call; on a CPU by both clocks."""
    if device.type == "cpu":
        return timed(name, both_times(once, seconds))
    return timed(name, Times(tuple(times(once, device, seconds)[0])))


def _figure(
    name: str,
    value: float,
    unit: str,
    judged: Literal["exact", "time", "shown"],
    tolerance: float = 0.0,
) -> dict[str, Any]:
    return {
        "name": name, "value": value, "unit": unit, "judged": judged, "better": "lower",
        "tolerance": tolerance,
    }  # fmt: skip


def _breaks(training: Training, device: torch.device) -> tuple[Figures, str]:
    """Return the graph breaks of a forward pass in training; none where it cannot be traced."""
    set_up(device)
    member = make_ready(training, 0, device, untrained(training, 0))
    arguments = member.first_batch().arguments
    with global_generators(torch_seed(0, "noise"), device):
        member.network.module.train()
        try:
            count = graph_breaks(member.network.module, *arguments)
        except Exception as error:  # whatever tracing makes of a user's own network
            first = (str(error).strip().splitlines() or [""])[0]
            return [], f"Graph breaks cannot be counted: {type(error).__name__}: {first}"
    return [_figure("graph_breaks", count, "count", "exact")], ""


def _bits(training: Training, device: torch.device) -> str:
    """Return a hash of the first losses of the plain loop with seed 0."""
    set_up(device)
    member = make_ready(training, 0, device, untrained(training, 0))
    step = make_step(member)
    hashed = hashlib.sha256()
    with global_generators(torch_seed(0, "noise"), device):
        member.network.module.train()
        batches = (rows for epoch in range(training.epochs) for rows in member.order(epoch))
        for number, rows in enumerate(itertools.islice(batches, LOSSES)):
            more = member.unlabelled_order(number // member.steps)
            more = None if more is None else more[number % member.steps]
            for loss in step(member.picked(rows, more), float(member.factors[number]), number):
                hashed.update(float(loss).hex().encode())
    return hashed.hexdigest()[:16]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread, as workers do, so that sums round alike."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
