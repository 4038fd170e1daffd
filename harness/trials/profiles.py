"""What a profile of one arm's program says, apart from any training (see harness.cost.measure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

STEP_PARTS = ("data", "forward", "backward", "optimizer")
"""What a training step is split into, in its order."""


@dataclass(frozen=True)
class Spread:
    """Seconds of what was timed many times in one process.

    Attributes:
        median: the median.
        low: 25th percentile.
        high: 75th percentile.
        p95: 95th percentile.
    """

    median: float
    low: float
    high: float
    p95: float

    @staticmethod
    def of(seconds: Sequence[float]) -> Spread:
        """Sum up what was timed, each in seconds."""
        low, median, high, p95 = (
            float(each) for each in np.quantile(seconds, (0.25, 0.5, 0.75, 0.95))
        )
        return Spread(median, low, high, p95)


@dataclass(frozen=True)
class Timeline:
    """What is allocated in the course of one warm step.

    Attributes:
        bytes: at even distances of time, the most since the one before; 200 at most.
        begins: where parts of the step begin, from 0 for the step's start to 1 for its end; empty
            for a step that is the user's own.
    """

    bytes: tuple[int, ...]
    begins: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """Cost of one program alone on one machine. Profiles of old stores lack what has a default.

    Attributes:
        step_seconds: median time of one training step, in seconds.
        step_low: 25th percentile over blocks of steps.
        step_high: 75th percentile over blocks of steps.
        blocks: number of timed blocks of steps.
        samples_per_second: batch size over ``step_seconds``.
        peak_bytes: peak memory of a warm training step: the allocator's peak on CUDA, the
            profiler's cumulative peak plus parameters, optimizer state and batch on a CPU; 0 where
            the device counts none.
        memory: bytes by name. ``parameters``, ``gradients``, ``optimizer_state``, ``buffers``,
            ``batch`` and ``activations`` (the rest of the peak) add up to ``peak_bytes``; on CUDA
            so with ``workspace``, whatever else is held between steps. Further figures of the
            device: ``vm_hwm`` on a CPU, the resident peak of the whole process with everything
            that it has loaded; ``reserved`` and ``inactive_split`` on CUDA.
        flops_per_step: floating-point operations of one training step.
        parameters: number of trainable parameters.
        steps: training steps of one trial.
        samples: training samples of one trial.
        device: what it was measured on, such as ``cpu`` or ``cuda:0``.
        hardware: name of the processor.
        threads: CPU threads used.
        note: what could not be measured, and why; empty where all was.
        step_p95: 95th percentile over blocks of steps; 0 where it was not measured.
        split: seconds of the step's parts, by the names of :data:`STEP_PARTS`. ``data`` is picking
            the batch out of memory and preparing it; ``step_seconds`` begins after the picking.
            Empty for a step that is the user's own.
        evaluation: seconds of evaluating one batch; ``None`` where it was not measured.
        validation_seconds: of evaluating the whole validation set, from that of a batch.
        peak_flops: floating-point operations a second that this device was measured to reach, in
            the precision of the training; 0 where it was not measured.
        operators: how often a step calls each operator of torch, by name.
        python_calls: calls of Python functions in a step; 0 where they were not counted.
        joules_per_step: energy of the whole device; ``None`` where nothing counts it.
        timeline: what is allocated in the course of a step; ``None`` where it was not measured.
        shapes: the operators once more, by name and shapes; not kept in a store.
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
    step_p95: float = 0.0
    split: Mapping[str, Spread] = field(default_factory=dict)
    evaluation: Spread | None = None
    validation_seconds: float = 0.0
    peak_flops: float = 0.0
    operators: Mapping[str, int] = field(default_factory=dict)
    python_calls: int = 0
    joules_per_step: float | None = None
    timeline: Timeline | None = None
    shapes: Mapping[str, int] = field(default_factory=dict)

    @property
    def peak_share(self) -> float:
        """What share of the device's measured peak a step reaches; 0 where that is not known."""
        if not self.peak_flops or not self.step_seconds:
            return 0.0
        return self.flops_per_step / self.step_seconds / self.peak_flops
