"""Time, memory and FLOPs of a training step that is the user's own."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.cost.machine import hardware
from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.probe.clock import cpu_times, cuda_times
from harness.probe.memory import Step, cpu_growth, cuda_stats
from harness.trials.profiles import Profile

Start = Callable[[], object]
"""Returns what takes one step, with a state of its own."""


@calm()
def measure_own(start: Start, device: torch.device, *, seconds: float = 0.5) -> Profile:
    """Measure a step as :func:`harness.cost.measure.measure` does that of a Training.

    Memory is what torch has allocated since ``start`` was called: ``held`` before a warm step, and
    ``step``, by which the step exceeds that at its peak. Numbers of parameters, of samples and of
    steps in a trial are not known, and are 0.

    Args:
        start: is called a few times, each for steps of their own.
        device: a CPU or a CUDA device, on which the steps are.
        seconds: about how long to time steps; there are five blocks of steps at least.

    Raises:
        HarnessError: ``start`` returns nothing that can be called.
        NotImplementedError: the device is neither a CPU nor a CUDA device.
    """
    flops = _flops(_begin(start))
    blocks, note = _times(_begin(start), device, seconds)
    if device.type == "cpu":
        held, step = cpu_growth(lambda: _begin(start))
    else:
        with torch.cuda.device(device):
            before, after = cuda_stats(lambda: _begin(start))
        held = before["allocated_bytes.all.current"]
        step = after["allocated_bytes.all.peak"] - held
    low, median, high = (float(each) for each in np.quantile(blocks, (0.25, 0.5, 0.75)))
    without = "" if held or step else "a step that allocates no memory of torch: none is counted"
    return Profile(
        step_seconds=median,
        step_low=low,
        step_high=high,
        blocks=len(blocks),
        samples_per_second=0.0,
        peak_bytes=held + step,
        memory={"held": held, "step": step},
        flops_per_step=flops,
        parameters=0,
        steps=0,
        samples=0,
        device=str(device),
        hardware=hardware(device),
        threads=torch.get_num_threads(),
        note="; ".join(filter(None, (note, without))),
    )


@calm()
def own_step_seconds(start: Start, device: torch.device, *, seconds: float = 0.3) -> float:
    """Return the median time of a step, the one number that a process gives in a round.

    Args:
        start: returns what takes one step.
        device: a CPU or a CUDA device.
        seconds: about how long to time steps; there are five blocks of steps at least.

    Raises:
        HarnessError: ``start`` returns nothing that can be called.
        NotImplementedError: the device is neither a CPU nor a CUDA device.
    """
    return statistics.median(_times(_begin(start), device, seconds)[0])


def _begin(start: Start) -> Step:
    once = start()
    if not callable(once):
        raise HarnessError(
            "step must return a function of no arguments that takes one training step",
            "nothing" if once is None else repr(once),
            "Write return once, with def once(): ... within step.",
        )
    return once


def _times(once: Step, device: torch.device, seconds: float) -> tuple[list[float], str]:
    if device.type == "cpu":
        return cpu_times(once, seconds), ""
    if device.type != "cuda":
        raise NotImplementedError(f"steps are measured on a CPU or a CUDA device, not on {device}")
    with torch.cuda.device(device):
        return cuda_times(once, seconds)


def _flops(once: Step) -> int:
    once()  # what the first step makes once is not counted
    with FlopCounterMode(display=False) as counter:
        once()
    return int(counter.get_total_flops())
