"""What a network says of examples, in evaluation mode, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch

from harness.engines.network import Network
from harness.engines.step import Frame

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
    network.module.eval()
    with torch.no_grad():
        size = evaluation_batch(part.pool.inputs)
        for start in range(0, len(part), size):
            inputs, targets = part.pick(slice(start, start + size))
            yield frame.told(network.module(frame.standardize(inputs))), targets


def evaluate(network: Network, frame: Frame, part: Part, task: Task) -> dict[str, float]:
    """Return a task's scores of a part by name, in evaluation mode."""
    return score(task, logits_of(network, frame, part), frame.mean.device)


def score(
    task: Task, outputs: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device
) -> dict[str, float]:
    """Return a task's scores by name, of what :func:`logits_of` yields on a device."""
    states = [each.init(device) for each in task.scores]
    for said, targets in outputs:
        pairs = zip(task.scores, states, strict=True)
        states = [each.update(state, said, targets) for each, state in pairs]
    pairs = zip(task.scores, states, strict=True)
    return {each.name: float(each.value(state)) for each, state in pairs}
