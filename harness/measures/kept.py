"""What measures have in common: a network left as it was, and the examples that they look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from harness.data.splits import Part
from harness.engines.called import called
from harness.engines.evaluate import evaluation_batch, standardized
from harness.engines.network import Snapshot, global_generators
from harness.engines.step import loss_of
from harness.randomness.streams import torch_seed
from harness.tasks.losses import Batch
from harness.trained import Trained


@contextmanager
def kept(trained: Trained, purpose: str) -> Iterator[None]:
    """Restore the network and the global generators afterwards.

    Parameters, buffers, frozen parameters and the mode of each submodule are restored. Within it
    the global generators are set from the trial's seed, so that what a module draws from them does
    not depend on what was measured before.

    Args:
        trained: whose network.
        purpose: names the numbers that are drawn.
    """
    member = trained.member
    before = Snapshot.of(member.network)
    modes = [(each, each.training) for each in member.network.module.modules()]
    seed = torch_seed(member.seed, f"measure {purpose}")
    try:
        with global_generators(seed, member.device):
            yield
    finally:
        member.network.load(before.vector, before.held)
        for module, mode in modes:
            module.training = mode


def some_training(trained: Trained, count: int) -> torch.Tensor:
    """Return which training examples to look at: ``count`` random ones, or all if there are fewer.

    The same ones in every arm of a seed, whose training splits are the same, and for every measure:
    a smaller count takes the first of them. int64 ``[n]``.
    """
    rows = trained.draws("examples").permutation("rows", len(trained.member.splits.train))
    return rows[:count]


def batches(trained: Trained, part: Part) -> Iterator[Batch]:
    """Yield a part, inputs standardised, as many examples at a time as in any evaluation.

    A network is called with ``*batch.arguments``. Its mode stays as it is.
    """
    size = evaluation_batch(part.pool.inputs)
    for start in range(0, len(part), size):
        rows = slice(start, start + size)
        inputs, targets = part.pick(rows)
        yield standardized(trained.member.frame, inputs, targets, part.lengths_at(rows))


def loss_on(trained: Trained, rows: torch.Tensor) -> torch.Tensor:
    """Return the Training's own loss on training examples; the network's mode stays as it is.

    There are no augmentation and no penalty.

    Args:
        trained: the network.
        rows: which examples, int64 ``[n]``.
    """
    member, training = trained.member, trained.member.training
    net = called(training.precision, member.network.module, member.device)
    more = member.unlabelled_order(0)
    more = None if more is None else more.flatten()[: len(rows)]
    picked = replace(member.picked(rows, more), given={})
    return loss_of(training.every_update[0].loss, net, member.batch(picked, augmented=False))
