"""What a device reaches at its best: a large matrix product, timed."""

from __future__ import annotations

import time
from functools import lru_cache

import torch

_SECONDS = 0.1
_SIZES = {
    "cpu": 1024,
    "cuda": 8192,
    "mps": 2048,
}  # on a CPU 20 ms or so, on a GPU enough to fill it
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


def measured_peak(device: torch.device, precision: str = "float32") -> float:
    """Return the most floating-point operations a second of a square matrix product.

    It is measured once in a process for each precision and number of threads, for a tenth of a
    second. It is what this device was seen to reach now, not what its maker says.

    Args:
        device: what is measured.
        precision: ``float32``, ``bfloat16`` or ``float64``, as ``Training.precision`` has it.
    """
    return _measured(device, precision, torch.get_num_threads())


@lru_cache
def _measured(device: torch.device, precision: str, threads: int) -> float:
    del threads
    size = _SIZES.get(device.type, 1024)
    left = torch.ones(size, size, device=device, dtype=_TYPES[precision])
    right = torch.ones_like(left)
    torch.mm(left, right)  # what the first product makes is not timed
    _wait(device)
    best, began = 0.0, time.perf_counter()
    while not best or time.perf_counter() - began < _SECONDS:
        started = time.perf_counter()
        torch.mm(left, right)
        _wait(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
