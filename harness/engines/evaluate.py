"""What a network says of examples, in evaluation mode, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from harness.engines.called import called
from harness.engines.network import Network
from harness.engines.step import Frame
from harness.randomness.counting import Draws, Key, mix, trial_key
from harness.tasks.losses import Batch

if TYPE_CHECKING:
    from harness.data import Part
    from harness.tasks.task import Task

EVALUATION_BATCH = 500
"""Inputs per forward pass in evaluation, at most."""

_CPU_VALUES, _CPU_LEAST = 100_000, 50


def evaluation_batch(inputs: torch.Tensor) -> int:
    """Return how many inputs go through a network at a time in evaluation.

    The same on every machine with such a device, as sums in another order round otherwise. On a CPU
    fewer where they are large: activations that fit into its cache cost half the time.

    Args:
        inputs: ``[n, *shape]``.
    """
    if inputs.device.type != "cpu":
        return EVALUATION_BATCH
    values = math.prod(inputs.shape[1:])
    return min(EVALUATION_BATCH, max(_CPU_LEAST, _CPU_VALUES // max(values, 1)))


def logits_of(
    network: Network, frame: Frame, part: Part
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield a network's outputs and the targets of a part, batch by batch, in evaluation mode."""
    for _, batch in batches(network, frame, part):
        with torch.no_grad():
            yield frame.told(network.module(*batch.arguments)), batch.targets


def scoring_key(seed: int, part: str) -> int:
    """Return the key of all that a trial's scores of a part of its data draw."""
    return trial_key(seed, f"scores {part}")


def said_of(
    task: Task, network: Network, frame: Frame, part: Part, key: Key
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield what a task compares of a part, batch by batch, in evaluation mode.

    Args:
        task: what is learnt.
        network: what has learnt it.
        frame: what its inputs are standardised by.
        part: of the data.
        key: of the random numbers.
    """
    # without autocast: in the type that parameters have
    net = called("float32", network.module, frame.mean.device)
    for number, batch in batches(network, frame, part):
        with torch.no_grad():
            outputs, wanted = task.says(net, to_score(frame, batch, key, number))
            yield frame.told(outputs), wanted


def to_score(frame: Frame, batch: Batch, key: Key, number: int) -> Batch:
    """Return a batch as a task sees it, with the random numbers of its own."""

    def draw() -> Draws:
        return Draws(mix(key, number), batch.inputs.device, frame.mean.dtype)

    return replace(batch, draw=draw)


def batches(network: Network, frame: Frame, part: Part) -> Iterator[tuple[int, Batch]]:
    """Yield a part in batches, inputs standardised, each with its number, in evaluation mode."""
    network.module.eval()
    size = evaluation_batch(part.pool.inputs)
    for number, start in enumerate(range(0, len(part), size)):
        rows = slice(start, start + size)
        inputs, targets = part.pick(rows)
        yield number, standardized(frame, inputs, targets, part.lengths_at(rows))


def standardized(
    frame: Frame,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    lengths: torch.Tensor | None,
) -> Batch:
    """Return examples of a part as a network is given them; see :class:`harness.data.Part`."""
    inputs, mask = frame.given(inputs, lengths)
    return Batch(inputs, targets, mask=mask)


def evaluate(network: Network, frame: Frame, part: Part, task: Task, key: Key) -> dict[str, float]:
    """Return a task's scores of a part by name, in evaluation mode; see :func:`said_of`."""
    return score(task, said_of(task, network, frame, part, key), frame.mean.device)


def score(
    task: Task, outputs: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device
) -> dict[str, float]:
    """Return a task's scores by name, of what :func:`said_of` yields on a device."""
    states = [each.init(device) for each in task.scores]
    for said, targets in outputs:
        pairs = zip(task.scores, states, strict=True)
        states = [each.update(state, said, targets) for each, state in pairs]
    pairs = zip(task.scores, states, strict=True)
    return {each.name: float(each.value(state)) for each, state in pairs}
