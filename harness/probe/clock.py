"""Seconds of a step: in blocks of steps, after warm-up, by the clock of the device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_WARM_STEPS = 3  # lazy state, oneDNN's primitive caches and cuDNN's choices come with the first
_BLOCKS = 20  # aimed at: blocks of 50 ms of a second, where the clock's 0.1 µs is nothing
_LEAST_BLOCKS = 5


def _nothing() -> None:
    """A CPU is done when a call returns."""


def cpu_times(
    once: Callable[[], None],
    seconds: float,
    clock: Callable[[], int] = time.perf_counter_ns,
    wait: Callable[[], None] = _nothing,
    sizing: Callable[[], int] | None = None,
) -> list[float]:
    """Return seconds per step of each block, by the clock on the wall.

    Args:
        once: takes one step.
        seconds: about how long to time steps; there are five blocks of steps at least.
        clock: the nanoseconds since some moment.
        wait: waits until all is done, where the device is no CPU.
        sizing: the clock by which single steps are timed, to know how many make a block; the same
            where none is given.
    """
    size = _block_size(once, seconds, wait, sizing or clock)
    blocks: list[float] = []
    spent = 0.0
    while len(blocks) < _LEAST_BLOCKS or spent < seconds:
        started = clock()
        for _ in range(size):
            once()
        wait()
        spent += (taken := (clock() - started) / 1e9)
        blocks.append(taken / size)
    return blocks


Mark = Callable[[str], None]
"""Is told when a part of a step begins, by its name, and when the last one ends: ``end``."""


def part_times(
    once: Callable[[Mark], None],
    seconds: float,
    clock: Callable[[], int] = time.perf_counter_ns,
    wait: Callable[[], None] = _nothing,
) -> dict[str, list[float]]:
    """Return the seconds of each part of a step, one for every step, by the clock on the wall.

    Arguments are those of :func:`cpu_times`, but that ``once`` says when its parts begin.
    """
    marks: list[tuple[str, int]] = []

    def mark(part: str) -> None:
        wait()
        marks.append((part, clock()))

    for _ in range(_WARM_STEPS):
        once(mark)
    marks.clear()
    began = clock()
    steps = 0
    while steps < _LEAST_BLOCKS or clock() - began < 1e9 * seconds:
        once(mark)
        steps += 1
    return _by_part([(part, after - at) for (part, at), (_, after) in pairwise(marks)], 1e9)


def _by_part(spans: Sequence[tuple[str, float]], per_second: float) -> dict[str, list[float]]:
    """Return the seconds of each part, one for every step; parts that come again are added."""
    out: dict[str, list[float]] = {}
    of_step: dict[str, float] = {}
    for part, span in [*spans, (END, 0.0)]:
        if part != END:
            of_step[part] = of_step.get(part, 0.0) + span / per_second
            continue
        for name, seconds in of_step.items():
            out.setdefault(name, []).append(seconds)
        of_step = {}
    return out


END = "end"
"""What a step says when its last part has ended."""

_QUEUED = 20  # steps whose events are read together


def cuda_part_times(once: Callable[[Mark], None], seconds: float) -> dict[str, list[float]]:
    """Return the device's seconds of each part of a step, one for every step."""
    import torch

    out: dict[str, list[float]] = {}
    for _ in range(_WARM_STEPS):
        once(lambda _: None)
    began = time.perf_counter()
    while not out or time.perf_counter() - began < seconds:
        marks: list[tuple[str, torch.cuda.Event]] = []

        def mark(part: str, marks: list[tuple[str, torch.cuda.Event]] = marks) -> None:
            event = _event()
            event.record()
            marks.append((part, event))

        torch.cuda.synchronize()
        for _ in range(_QUEUED):
            once(mark)
        torch.cuda.synchronize()
        spans = [(part, one.elapsed_time(two)) for (part, one), (_, two) in pairwise(marks)]
        for part, seconds_of in _by_part(spans, 1e3).items():
            out.setdefault(part, []).extend(seconds_of)
    return out


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
