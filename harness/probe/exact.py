"""What one call of a function does, counted: figures that are the same in every process."""

from __future__ import annotations

import gc
import statistics
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from .counts import Around, by_name, flops, operators, python_calls
from .waiting import Times

Json = dict[str, Any]

PEAK_TOLERANCE = 0.01
"""By what share peak memory may rise: what is freed when depends a little on what ran before."""

CALLS_TOLERANCE = 0.005
"""By what share calls of Python may rise: caches fill, and what is collected when differs."""


def exact_figures(once: Callable[[], object], around: Around = nullcontext) -> list[Json]:
    """Return what one call does, counted: operators, FLOPs, calls of Python, peak memory.

    Args:
        once: is called some times.
        around: what belongs to each call, and is not counted. What it leaves allocated is part of
            the peak; where CUDA is used, its own peak is, too.
    """
    counted = by_name(operators(once, around))
    named = [figure(f"operators/{name}", count, "count") for name, count in counted.items()]
    gc.collect()
    calls = python_calls(once, around)
    return [
        *named,
        figure("operators", sum(counted.values()), "count"),
        figure("flops", flops(once, around), "count"),
        figure("python_calls", calls, "count", tolerance=CALLS_TOLERANCE),
        *_peaks(once, around),
    ]


def _peaks(once: Callable[[], object], around: Around) -> list[Json]:
    """Return the most bytes that a warm call has allocated: Python's, and torch's, if it is there.

    They are two figures: what only Python allocates, torch does not see.
    """
    peaks = {"peak_python": _python_peak(once, around)}
    if "torch" in sys.modules:
        peaks["peak"] = _torch_peak(once, around)
    return [figure(name, size, "bytes", tolerance=PEAK_TOLERANCE) for name, size in peaks.items()]


def _torch_peak(once: Callable[[], object], around: Around) -> int:
    torch = sys.modules["torch"]
    from .memory import cpu_growth, cuda_stats

    def step() -> None:
        once()

    def whole() -> None:
        with around():
            once()

    if torch.cuda.is_initialized():
        return int(cuda_stats(lambda: whole)[1]["allocated_bytes.all.peak"])
    return sum(cpu_growth(lambda: step, around))


def _python_peak(once: Callable[[], object], around: Around) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        with around():
            once()
        before = tracemalloc.get_traced_memory()[0]
        with around():
            tracemalloc.reset_peak()
            once()
            return max(tracemalloc.get_traced_memory()[1] - before, 0)
    finally:
        tracemalloc.stop()


def reading(benchmark: str, figures: list[Json]) -> Json:
    """Return what was read of a benchmark, as plain values."""
    return {"benchmark": benchmark, "figures": figures}


def timed(name: str, times: Times) -> Json:
    """Return a time as plain values: the median of blocks, by both clocks where both tell it."""
    steady = statistics.median(times.steady) if times.steady else None
    return figure(name, statistics.median(times.wall), "s", "time") | {"steady": steady}


def figure(
    name: str,
    value: float,
    unit: str,
    judged: str = "exact",
    *,
    better: str = "lower",
    tolerance: float = 0.0,
) -> Json:
    """Return one number as plain values; those of ``Figure`` of the gate."""
    return {"name": name, "value": value, "unit": unit, "judged": judged, "better": better,
            "tolerance": tolerance}  # fmt: skip
