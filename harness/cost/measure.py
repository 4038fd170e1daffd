"""Seconds, bytes and FLOPs of one arm's training step, in a process that does nothing else.

What is measured is the step of :func:`harness.engines.plain.make_step` (augmentation,
standardising, forward, backward, optimizer) on one batch that is already in memory, after warm-up;
picking the batch out of the data set is no part of it.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.cost.machine import hardware
from harness.data import Part
from harness.engines.plain import make_step
from harness.engines.prepared import (
    Member,
    ready_with,
    steps_per_epoch,
    untrained_teacher,
)
from harness.engines.step import Rows, loss_of, prepare
from harness.messages.calm import calm
from harness.probe.clock import cpu_times, cuda_times
from harness.probe.memory import cpu_peak, cuda_peak
from harness.randomness.streams import torch_seed
from harness.trainer.train import set_up
from harness.training import Training
from harness.trials.profiles import Profile


@dataclass(frozen=True, eq=False)
class _Program:
    """One arm's network and the batch it is trained on, both on the device."""

    member: Member
    inputs: torch.Tensor
    targets: torch.Tensor

    def start(self) -> Callable[[], None]:
        """Return a function that takes one training step, with optimizer state of its own."""
        step = make_step(self.member)
        rows = Rows(self.inputs, self.targets, self.taught())

        def once() -> None:
            # A learning rate of zero is the same arithmetic, but the network stays as initialised:
            # trained on one batch it could diverge, or come to subnormal numbers, which are slow.
            step(rows, 0.0, 0)

        return once

    def taught(self) -> torch.Tensor | None:
        """Return the teacher's logits for the batch, where they are known beforehand."""
        teacher = self.member.teacher
        if teacher is None or teacher.logits is None:
            return None
        return teacher.logits[: len(self.targets)]


@calm()
def warm_up() -> None:
    """Import what counting FLOPs imports when it begins (torch._dynamo: seconds, once)."""
    with FlopCounterMode(display=False):
        pass


@calm()
def measure(
    training: Training, device: torch.device, *, seconds: float = 0.5, seed: int = 0
) -> Profile:
    """Measure the training step of one arm, apart from any training.

    Time comes first, then memory, from steps of their own (see :mod:`harness.probe.memory`). FLOPs
    are those of matrix products and convolutions in forward and backward, a multiplication and an
    addition counting as two (``torch.utils.flop_counter``).

    Args:
        training: what the arm trains.
        device: a CPU or a CUDA device; CPU threads are as ``torch.set_num_threads`` left them.
        seconds: about how long to time steps; there are five blocks of steps at least.
        seed: what the data split and the initial weights are drawn from.

    Raises:
        HarnessError: the Training cannot be trained.
        NotImplementedError: the device is neither a CPU nor a CUDA device.
    """
    with _prepared(training, device, seed) as (program, steps):
        flops = _flops(program)
        network = program.member.network
        held, gradients = _held(program), network.vector.nbytes
        blocks, time_note = _time(program, device, seconds)
        if device.type == "cpu":
            peak, parts, memory_note = cpu_peak(program.start, held, gradients)
        else:
            with torch.cuda.device(device):
                peak, parts, memory_note = cuda_peak(program.start, held, gradients)
    low, median, high = (float(each) for each in np.quantile(blocks, (0.25, 0.5, 0.75)))
    return Profile(
        step_seconds=median,
        step_low=low,
        step_high=high,
        blocks=len(blocks),
        samples_per_second=training.batch_size / median,
        peak_bytes=peak,
        memory=parts,
        flops_per_step=flops,
        parameters=network.vector.numel(),
        steps=steps,
        samples=steps * training.batch_size,
        device=str(device),
        hardware=hardware(device),
        threads=torch.get_num_threads(),
        note="; ".join(filter(None, (time_note, memory_note))),
    )


@calm()
def step_seconds(
    training: Training, device: torch.device, *, seconds: float = 0.3, seed: int = 0
) -> float:
    """Return the median time of a training step, the one number that a process gives in a round.

    Args:
        training: what the arm trains.
        device: a CPU or a CUDA device.
        seconds: about how long to time steps; there are five blocks of steps at least.
        seed: what the data split and the initial weights are drawn from.

    Raises:
        HarnessError: the Training cannot be trained.
        NotImplementedError: the device is neither a CPU nor a CUDA device.
    """
    with _prepared(training, device, seed) as (program, _):
        return statistics.median(_time(program, device, seconds)[0])


@contextlib.contextmanager
def _prepared(
    training: Training, device: torch.device, seed: int
) -> Iterator[tuple[_Program, int]]:
    """Give the program and the steps of a trial, with random numbers that leave no trace."""
    if device.type not in ("cpu", "cuda"):
        raise NotImplementedError(f"profiles are taken on a CPU or a CUDA device, not on {device}")
    set_up(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(torch_seed(seed, "noise"))
        yield _build(training, device, seed)


def _time(program: _Program, device: torch.device, seconds: float) -> tuple[list[float], str]:
    """Return seconds per step of each block, and a note where the CPU holds the device up."""
    if device.type == "cpu":
        return cpu_times(program.start(), seconds), ""
    with torch.cuda.device(device):
        return cuda_times(program.start(), seconds)


def _build(training: Training, device: torch.device, seed: int) -> tuple[_Program, int]:
    """Return the program, and the number of steps of one whole trial."""
    splits = training.data.splits(seed)
    steps = steps_per_epoch(training, splits) * training.epochs
    # Only the batch goes to the device: a data set kept there would be counted in the peak.
    # `build` looks at two inputs, also where the batch is a single one.
    size = min(max(training.batch_size, 2), len(splits.train))
    few = splits.train.at(torch.arange(size))
    few = Part(few.inputs, few.targets)
    splits = replace(splits, train=few, validation=few, test=few)
    member = ready_with(training, seed, splits, device, untrained_teacher(training, seed))
    member.network.module.train()
    part = member.splits.train
    inputs = part.inputs[: training.batch_size].clone()
    return _Program(member, inputs, part.targets[: training.batch_size].clone()), steps


def _flops(program: _Program) -> int:
    member, training = program.member, program.member.training
    inputs, targets = prepare(
        training, member.frame, program.inputs, program.targets, lambda: member.draws(0)
    )
    member.set_dropout(0)
    with FlopCounterMode(display=False) as counter:
        taught = program.taught()
        if taught is None and member.teacher is not None:
            taught = member.ask(inputs)
        loss = loss_of(training, member.network.module, inputs, targets, taught)
        member.network.gradients(loss)
    return int(counter.get_total_flops())


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _held(program: _Program) -> dict[str, int]:
    """Return the bytes that stay from step to step, by part."""
    network = program.member.network
    teacher = program.member.teacher
    taught = 0  # a teacher is held as well: its logits, or the network where it is asked
    if teacher is not None and teacher.logits is None:
        module = teacher.network.module
        taught = _bytes((*module.parameters(), *module.buffers())) + teacher.network.weights.nbytes
    frozen = (p for p in network.module.parameters() if not p.requires_grad)
    return {
        "parameters": network.vector.nbytes + _bytes(frozen),
        "optimizer_state": _bytes(program.member.training.optimizer.init(network.vector).values()),
        "buffers": _bytes(network.module.buffers()) + network.weights.nbytes + taught,
        "batch": _bytes((program.inputs, program.targets)),
    }
