"""What a profile of one arm's program says, apart from any training (see harness.cost.measure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """Cost of one program alone on one machine.

    Attributes:
        step_seconds: median time of one training step, in seconds.
        step_low: 25th percentile over blocks of steps.
        step_high: 75th percentile over blocks of steps.
        blocks: number of timed blocks of steps.
        samples_per_second: batch size over ``step_seconds``.
        peak_bytes: peak memory of a warm training step: the allocator's peak on CUDA, the
            profiler's cumulative peak plus parameters, optimizer state and batch on a CPU.
        memory: bytes by name. ``parameters``, ``gradients``, ``optimizer_state``, ``buffers``,
            ``batch`` and ``activations`` (the rest of the peak) add up to ``peak_bytes``; on CUDA
            so with ``workspace``, whatever else is held between steps. Further figures of the
            device: ``vm_hwm`` on a CPU, the resident peak of the whole process with everything
            that it has loaded; ``reserved`` and ``inactive_split`` on CUDA.
        flops_per_step: floating-point operations of one training step's forward and backward.
        parameters: number of trainable parameters.
        steps: training steps of one trial.
        samples: training samples of one trial.
        device: what it was measured on, such as ``cpu`` or ``cuda:0``.
        hardware: name of the processor.
        threads: CPU threads used.
        note: what could not be measured, and why; empty where all was.
    """

    step_seconds: float
    step_low: float
    step_high: float
    blocks: int
    samples_per_second: float
    peak_bytes: int
    memory: Mapping[str, int]
    flops_per_step: int
    parameters: int
    steps: int
    samples: int
    device: str
    hardware: str
    threads: int
    note: str = ""
