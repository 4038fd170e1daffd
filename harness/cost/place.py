"""How time, memory and energy of a step are measured on each kind of device."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from harness.probe.clock import Mark, cpu_times, cuda_part_times, cuda_times, part_times
from harness.probe.energy import joules, nvml_reader
from harness.probe.memory import Peak, Step, cpu_peak, cuda_peak

DEVICES = ("cpu", "cuda", "mps")


def check_device(device: torch.device) -> None:
    """Check that steps can be measured on a device.

    Raises:
        NotImplementedError: they cannot.
    """
    if device.type not in DEVICES:
        raise NotImplementedError(
            f"steps are measured on a CPU, a CUDA or an MPS device, not on {device}"
        )


def times(once: Step, device: torch.device, seconds: float) -> tuple[list[float], str]:
    """Return seconds per step of each block, and a note where the CPU holds the device up."""
    check_device(device)
    if device.type == "cuda":
        with torch.cuda.device(device):
            return cuda_times(once, seconds)
    if device.type == "mps":
        return cpu_times(once, seconds, wait=torch.mps.synchronize), ""
    return cpu_times(once, seconds), ""


def step_parts(
    once: Callable[[Mark], None], device: torch.device, seconds: float
) -> dict[str, list[float]]:
    """Return the seconds of each part of a step, one for every step."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return cuda_part_times(once, seconds)
    if device.type == "mps":
        return part_times(once, seconds, wait=torch.mps.synchronize)
    return part_times(once, seconds)


def peak_of(
    start: Callable[[], Step], device: torch.device, held: Mapping[str, int], gradients: int
) -> Peak:
    """Return peak memory, its parts, and a note on what of it is not known.

    Args:
        start: makes a step with optimizer state of its own.
        device: where it is.
        held: bytes that stay from step to step, by part.
        gradients: bytes of the gradients.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            return cuda_peak(start, held, gradients)
    if device.type == "mps":
        parts = {**held, "gradients": gradients}
        return 0, parts, "MPS counts no peak memory: activations are not known"
    return cpu_peak(start, held, gradients)


def joules_of(once: Step, device: torch.device) -> float | None:
    """Return the joules of a step, ``None`` where nothing counts them; it takes two seconds."""
    if device.type != "cuda":
        return None
    reader = nvml_reader(device.index or 0)
    return None if reader is None else joules(once, reader, torch.cuda.synchronize)
