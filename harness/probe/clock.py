"""Seconds of a step: in blocks of steps, after warm-up, by the clock of the device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_WARM_STEPS = 3  # lazy state, oneDNN's primitive caches and cuDNN's choices come with the first
_BLOCKS = 20  # aimed at: blocks of 50 ms of a second, where the clock's 0.1 µs is nothing
_LEAST_BLOCKS = 5


def cpu_times(
    once: Callable[[], None], seconds: float, clock: Callable[[], int] = time.perf_counter_ns
) -> list[float]:
    """Return seconds per step of each block, on a CPU.

    Args:
        once: takes one step.
        seconds: about how long to time steps; there are five blocks of steps at least.
        clock: the nanoseconds since some moment.
    """
    size = _block_size(once, seconds, lambda: None, clock)
    blocks: list[float] = []
    spent = 0.0
    while len(blocks) < _LEAST_BLOCKS or spent < seconds:
        started = clock()
        for _ in range(size):
            once()
        spent += (taken := (clock() - started) / 1e9)
        blocks.append(taken / size)
    return blocks


def cuda_times(once: Callable[[], None], seconds: float) -> tuple[list[float], str]:
    """Return the device's seconds per step of each block, and a note where the CPU holds it up."""
    import torch

    size = _block_size(once, seconds, torch.cuda.synchronize)
    pairs = [(_event(), _event()) for _ in range(size)]
    blocks: list[float] = []
    walls: list[float] = []
    waits: list[float] = []
    while len(blocks) < _LEAST_BLOCKS or sum(walls) * size < seconds:
        torch.cuda.synchronize()
        started = time.perf_counter_ns()
        for before, after in pairs:
            before.record()
            once()
            after.record()
        queued = time.perf_counter_ns()
        torch.cuda.synchronize()
        done = time.perf_counter_ns()
        blocks.append(sum(before.elapsed_time(after) for before, after in pairs) / size / 1e3)
        walls.append((done - started) / size / 1e9)
        waits.append((done - queued) / 1e9)
    median = statistics.median
    return blocks, bottleneck(median(blocks), median(walls), median(waits))


def _event() -> torch.cuda.Event:
    import torch

    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def _block_size(
    once: Callable[[], None],
    seconds: float,
    wait: Callable[[], None],
    clock: Callable[[], int] = time.perf_counter_ns,
) -> int:
    """Warm up for a tenth of ``seconds``, three steps at least; return the steps in a block."""
    steps: list[float] = []
    while len(steps) < _WARM_STEPS or sum(steps) < seconds / 10:
        started = clock()
        once()
        wait()
        steps.append((clock() - started) / 1e9)
    return max(1, round(seconds / _BLOCKS / min(steps)))


def bottleneck(step: float, wall: float, wait: float) -> str:
    """Return a note where the CPU is the bottleneck, else nothing.

    Args:
        step: seconds per step between its two events.
        wall: seconds per step by the clock on the wall, synchronised.
        wait: seconds the CPU waited for the device after the last step of a block was queued. A
            device that waits for the CPU inside a step, where events see no gap, is done at once.
    """
    if wall <= 1.1 * step and wait >= 0.1 * step:
        return ""
    return (
        f"the CPU is the bottleneck: {1e3 * step:.3g} ms a step on the device, {1e3 * wall:.3g} ms "
        f"by the clock, and {1e3 * wait:.3g} ms left to wait once all steps were queued"
    )
