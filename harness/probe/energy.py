"""Energy of a step on a GPU, where NVML counts it.

NVML's counter is updated every 20 to 100 ms, so only windows of seconds mean something.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable

Reader = Callable[[], float]
"""Returns the joules that a device has used since some moment."""

LEAST_SECONDS = 2.0
"""The shortest window over which the counter is read."""


def nvml_reader(index: int) -> Reader | None:
    """Return what reads a GPU's counter; ``None`` without pynvml, a driver or a counter.

    Args:
        index: the device's number, as NVML counts.
    """
    try:
        pynvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3


def joules(
    once: Callable[[], object],
    reader: Reader,
    wait: Callable[[], object],
    seconds: float = LEAST_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the joules of one step: what the whole device used over a window, by its steps.

    Args:
        once: takes one step.
        reader: reads the device's counter.
        wait: waits until the device has done all that it was given.
        seconds: the window; ``LEAST_SECONDS`` at least.
        clock: the seconds since some moment.
    """
    once()
    wait()
    steps, started, before = 0, clock(), reader()
    while clock() - started < max(seconds, LEAST_SECONDS):
        once()
        wait()  # else the queue would grow, and the window with it
        steps += 1
    return (reader() - before) / steps
