"""Seconds, bytes and FLOPs of one arm's training step, in a process that does nothing else.

What is measured is the step of :func:`harness.engines.plain.make_step` (augmentation,
standardising, forward, backward, optimizer) on one batch that is already in memory, after warm-up;
picking the batch out of the data set is no part of it.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from harness.cost.machine import hardware
from harness.cost.peak import measured_peak
from harness.cost.place import check_device, joules_of, peak_of, step_parts, times
from harness.cost.split import make_split
from harness.data import Part
from harness.engines.evaluate import evaluate, evaluation_batch, scoring_key
from harness.engines.plain import make_step
from harness.engines.prepared import Member, ready_with, steps_per_epoch, untrained
from harness.engines.step import Rows, initial_states
from harness.messages.calm import calm
from harness.probe.clock import Mark
from harness.probe.counts import by_name, flops, operators, python_calls
from harness.probe.memory import cpu_allocations, mark
from harness.randomness.streams import torch_seed
from harness.trainer.train import set_up
from harness.training import Training
from harness.trials.profiles import STEP_PARTS, Profile, Spread, Timeline


@dataclass(frozen=True, eq=False)
class Program:
    """One arm's network and the batch it is trained on, both on the device.

    Attributes:
        member: the network, with a data set that is this batch.
        rows: the batch, as the data set has it.
        steps: of a whole trial.
        evaluated: what is evaluated at a time, off the device.
        validation: examples in the whole validation set.
    """

    member: Member
    rows: Rows
    steps: int
    evaluated: Part
    validation: int

    def start(self) -> Callable[[], None]:
        """Return a function that takes one training step, with optimizer state of its own."""
        step = make_step(self.member)

        def once() -> None:
            # A learning rate of zero is the same arithmetic, but the network stays as initialised:
            # trained on one batch it could diverge, or come to subnormal numbers, which are slow.
            step(self.rows, 0.0, 0)

        return once

    def start_split(self) -> Callable[[Mark], None]:
        """Return a function that takes one step and says where its parts begin."""
        step = make_split(self.member)
        rows = torch.arange(len(self.rows.targets), device=self.rows.targets.device)

        def once(mark: Mark) -> None:
            step(rows, 0.0, 0, mark)

        return once

    def start_evaluation(self) -> Callable[[], None]:
        """Return a function that evaluates one batch."""
        member, part = self.member, _alone(self.evaluated).to(self.member.device)
        task, key = member.training.task, scoring_key(member.seed, "validation")
        return lambda: void(evaluate(member.network, member.frame, part, task, key))


def _alone(part: Part) -> Part:
    """Return a part without the rest of its pool."""
    return Part(part.inputs, part.targets, part.lengths_at(slice(None)))


def void(_: object) -> None:
    """Take a value, and give none."""


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

    Counts come first, then time, then memory, each from steps of their own (see
    :mod:`harness.probe`). FLOPs are those of matrix products and convolutions, a multiplication
    and an addition counting as two (``torch.utils.flop_counter``).

    Args:
        training: what the arm trains.
        device: a CPU, a CUDA or an MPS device; CPU threads are as ``torch.set_num_threads`` left
            them.
        seconds: about how long to time steps, parts of steps for half as long, and evaluation for
            a fifth; there are five blocks at least.
        seed: what the data split and the initial weights are drawn from.

    Raises:
        HarnessError: the Training cannot be trained.
        NotImplementedError: the device is none of these.
    """
    with prepared(training, device, seed) as program:
        counted = _counted(program, device)
        blocks, time_note = times(program.start(), device, seconds)
        split = split_of(program, device, seconds / 2)
        evaluation = evaluation_of(program, device, seconds / 5)
        remembered = _remembered(program, device, counted)
        timeline, line_note = _timeline(program, device, remembered.memory)
        energy = joules_of(program.start(), device)
    step = Spread.of(blocks)
    return replace(
        remembered,
        step_seconds=step.median,
        step_low=step.low,
        step_high=step.high,
        blocks=len(blocks),
        samples_per_second=training.step_size / step.median,
        note="; ".join(filter(None, (time_note, remembered.note, line_note))),
        step_p95=step.p95,
        split=split,
        evaluation=evaluation,
        validation_seconds=evaluation.median * program.validation / len(program.evaluated),
        peak_flops=measured_peak(device, training.precision),
        joules_per_step=energy,
        timeline=timeline,
    )


@calm()
def measure_exactly(training: Training, device: torch.device, *, seed: int = 0) -> Profile:
    """Measure what is the same in every process: counts and memory. Times are 0.

    Arguments and errors are those of :func:`measure`.
    """
    with prepared(training, device, seed) as program:
        return _remembered(program, device, _counted(program, device))


def _counted(program: Program, device: torch.device) -> Profile:
    """Count what a step does."""
    shapes = operators(program.start())
    return Profile(
        step_seconds=0.0,
        step_low=0.0,
        step_high=0.0,
        blocks=0,
        samples_per_second=0.0,
        peak_bytes=0,
        memory={},
        flops_per_step=flops(program.start()),
        parameters=program.member.network.vector.numel(),
        steps=program.steps,
        samples=program.steps * program.member.training.step_size,
        device=str(device),
        hardware=hardware(device),
        threads=torch.get_num_threads(),
        operators=by_name(shapes),
        python_calls=python_calls(program.start()),
        shapes=shapes,
    )


def _remembered(program: Program, device: torch.device, counted: Profile) -> Profile:
    """Add the peak memory of a step, from steps of its own."""
    held, gradients = _held(program), program.member.network.vector.nbytes
    peak, parts, note = peak_of(program.start, device, held, gradients)
    return replace(counted, peak_bytes=peak, memory=parts, note=note)


def split_of(program: Program, device: torch.device, seconds: float) -> dict[str, Spread]:
    """Time the parts of a step, for about so many seconds."""
    parts = step_parts(program.start_split(), device, seconds)
    return {name: Spread.of(parts[name]) for name in STEP_PARTS}


def evaluation_of(program: Program, device: torch.device, seconds: float) -> Spread:
    """Time the evaluation of one batch, for about so many seconds."""
    try:
        return Spread.of(times(program.start_evaluation(), device, seconds)[0])
    finally:
        program.member.network.module.train()


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
    with prepared(training, device, seed) as program:
        return statistics.median(times(program.start(), device, seconds)[0])


@contextlib.contextmanager
def prepared(training: Training, device: torch.device, seed: int) -> Iterator[Program]:
    """Give what is measured, with random numbers that leave no trace."""
    check_device(device)
    set_up(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(torch_seed(seed, "noise"))
        yield _build(training, device, seed)


def _timeline(
    program: Program, device: torch.device, memory: Mapping[str, int]
) -> tuple[Timeline | None, str]:
    """Return what is allocated in the course of a step, or why that is not known."""
    if device.type != "cpu":
        return None, f"no memory timeline: it is taken on a CPU alone, not on {device.type}"

    def start() -> Callable[[], None]:
        once = program.start_split()
        return lambda: once(mark)

    seen = cpu_allocations(start)
    # the batch that is held beside a step is picked within this one
    beside = memory["parameters"] + memory["buffers"] + memory["optimizer_state"] - seen.held
    begins = {part: seen.begins[part] for part in STEP_PARTS}
    return Timeline(tuple(size + beside for size in seen.timeline()), begins), ""


def _build(training: Training, device: torch.device, seed: int) -> Program:
    splits = training.data.splits(seed)
    steps = steps_per_epoch(training, splits) * training.epochs
    # Only the batch goes to the device: a data set kept there would be counted in the peak.
    # `build` looks at two inputs, also where the batch is a single one.
    size = min(max(training.step_size, 2), len(splits.train))
    validation = len(splits.validation)
    one = splits.validation.pool.inputs[:1].to(device)
    count = min(evaluation_batch(one), validation)
    evaluated = splits.validation.at(torch.arange(count))
    few = splits.train.at(torch.arange(size))
    few, more = _alone(few), splits.unlabelled
    if more is not None:
        more = _alone(more.at(torch.arange(min(size, len(more)))))
    splits = replace(splits, train=few, validation=few, test=few, unlabelled=more)
    member = ready_with(training, seed, splits, device, untrained(training, seed))
    member.network.module.train()
    order, unlabelled = torch.arange(training.step_size, device=device), member.unlabelled_order(0)
    rows = member.picked(order, None if unlabelled is None else unlabelled[0])
    return Program(member, rows, steps, evaluated, validation)


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _held(program: Program) -> dict[str, int]:
    """Return the bytes that stay from step to step, by part."""
    network = program.member.network
    rows = program.rows
    held = (rows.inputs, rows.targets, rows.lengths, rows.unlabelled, *rows.given.values())
    asked = 0  # of other networks their outputs are held, or those that are asked at every step
    for each in program.member.asked.values():
        if each.outputs is None:
            module = each.network.module
            asked += _bytes((*module.parameters(), *module.buffers()))
            asked += each.network.weights.nbytes
    frozen = (p for p in network.module.parameters() if not p.requires_grad)
    return {
        "parameters": network.vector.nbytes + _bytes(frozen),
        "optimizer_state": _bytes(
            tensor
            for state in initial_states(program.member.training, network)
            for tensor in state.values()
        ),
        "buffers": _bytes(network.module.buffers()) + network.weights.nbytes + asked,
        "batch": _bytes(each for each in held if each is not None),
    }
