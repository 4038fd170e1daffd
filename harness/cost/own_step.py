"""Time, memory and counts of a training step that is the user's own."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import torch

from harness.cost.machine import hardware
from harness.cost.peak import measured_peak
from harness.cost.place import check_device, joules_of, times
from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.probe.counts import by_name, flops, operators, python_calls
from harness.probe.memory import Step, cpu_allocations, cuda_stats
from harness.trials.profiles import Profile, Spread, Timeline

Start = Callable[[], object]
"""Returns what takes one step, with a state of its own."""


@calm()
def measure_own(start: Start, device: torch.device, *, seconds: float = 0.5) -> Profile:
    """Measure a step as :func:`harness.cost.measure.measure` does that of a Training.

    Memory is what torch has allocated since ``start`` was called: ``held`` before a warm step, and
    ``step``, by which the step exceeds that at its peak. Numbers of parameters, of samples and of
    steps in a trial are not known, and are 0; nor is it known where parts of the step begin. The
    share of the device's peak is that of float32.

    Args:
        start: is called a few times, each for steps of their own.
        device: a CPU, a CUDA or an MPS device, on which the steps are.
        seconds: about how long to time steps; there are five blocks of steps at least.

    Raises:
        HarnessError: ``start`` returns nothing that can be called.
        NotImplementedError: the device is none of these.
    """
    check_device(device)
    counted = count_own(start, device)
    blocks, note = times(begun(start), device, seconds)
    step = Spread.of(blocks)
    return replace(
        counted,
        step_seconds=step.median,
        step_low=step.low,
        step_high=step.high,
        blocks=len(blocks),
        note="; ".join(filter(None, (note, counted.note))),
        step_p95=step.p95,
        peak_flops=measured_peak(device),
        joules_per_step=joules_of(begun(start), device),
    )


@calm()
def count_own(start: Start, device: torch.device) -> Profile:
    """Measure what is the same in every process: counts and memory. Times are 0.

    Arguments and errors are those of :func:`measure_own`.
    """
    check_device(device)
    shapes = operators(begun(start))
    parts, timeline, note = memory_of(start, device)
    return Profile(
        step_seconds=0.0,
        step_low=0.0,
        step_high=0.0,
        blocks=0,
        samples_per_second=0.0,
        peak_bytes=sum(parts[each] for each in ("held", "step") if each in parts),
        memory=parts,
        flops_per_step=flops(begun(start)),
        parameters=0,
        steps=0,
        samples=0,
        device=str(device),
        hardware=hardware(device),
        threads=torch.get_num_threads(),
        note=note,
        operators=by_name(shapes),
        python_calls=python_calls(begun(start)),
        timeline=timeline,
        shapes=shapes,
    )


@calm()
def own_step_seconds(start: Start, device: torch.device, *, seconds: float = 0.3) -> float:
    """Return the median time of a step, the one number that a process gives in a round.

    Args:
        start: returns what takes one step.
        device: a CPU, a CUDA or an MPS device.
        seconds: about how long to time steps; there are five blocks of steps at least.

    Raises:
        HarnessError: ``start`` returns nothing that can be called.
        NotImplementedError: the device is none of these.
    """
    return statistics.median(times(begun(start), device, seconds)[0])


def begun(start: Start) -> Step:
    """Return what takes one step.

    Raises:
        HarnessError: ``start`` returns nothing that can be called.
    """
    once = start()
    if not callable(once):
        raise HarnessError(
            "step must return a function of no arguments that takes one training step",
            "nothing" if once is None else repr(once),
            "Write return once, with def once(): ... within step.",
        )
    return once


def memory_of(start: Start, device: torch.device) -> tuple[dict[str, int], Timeline | None, str]:
    """Return bytes by part, the course of a step, and a note on what is not known."""
    if device.type == "mps":
        return {}, None, "MPS counts no peak memory"
    if device.type == "cuda":
        with torch.cuda.device(device):
            before, after = cuda_stats(lambda: begun(start))
        held = before["allocated_bytes.all.current"]
        parts = {
            "held": held,
            "step": after["allocated_bytes.all.peak"] - held,
            "reserved": after["reserved_bytes.all.peak"],
            "inactive_split": after["inactive_split_bytes.all.peak"],
        }
        return parts, None, f"no memory timeline: it is taken on a CPU alone, not on {device.type}"
    seen = cpu_allocations(lambda: begun(start))
    line = seen.timeline()
    parts = {"held": seen.held, "step": seen.growth}
    if not any(parts.values()):
        return parts, None, "a step that allocates no memory of torch: none is counted"
    return parts, Timeline(line), ""
