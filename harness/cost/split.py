"""A training step in parts: data, forward, backward, optimizer, each with its own time.

It does what :func:`harness.engines.plain.make_step` does, in the same order and with the same
functions, and says where each part begins; a test holds the weights after several steps equal bit
for bit. The trainer itself has no such marks, so that measuring costs it nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from harness.engines.prepared import Member
from harness.engines.step import called, loss_of, prepare, update
from harness.probe.clock import END, Mark

Split = Callable[[torch.Tensor, float, int, Mark], torch.Tensor]
"""``(rows, factor, number, mark) -> loss``: one training step, which says where its parts begin."""


def make_split(member: Member) -> Split:
    """Return the training step in parts; it updates network and optimizer state in place.

    Its arguments are which training examples it trains on, int64 ``[batch]``, the schedule's
    factor, the number of the step, and what is told when a part begins.
    """
    training, network, frame = member.training, member.network, member.frame
    state = training.optimizer.init(network.vector)

    def step(rows: torch.Tensor, factor: float, number: int, mark: Mark) -> torch.Tensor:
        nonlocal state
        mark("data")
        picked, labels = member.splits.train.pick(rows)
        inputs, targets = prepare(training, frame, picked, labels, lambda: member.draws(number))
        mark("forward")
        batch = member.batch(inputs, targets, number, rows)
        member.set_dropout(number)
        loss = loss_of(training, called(training, network), batch)
        mark("backward")
        with torch.no_grad():
            grads = torch.cat([grad.reshape(-1) for grad in network.gradients(loss)])
        loss = loss.detach()
        mark("optimizer")
        with torch.no_grad():
            vector, state = update(training, grads, state, network.vector, factor, network.weights)
            network.vector.copy_(vector)
        mark(END)
        return loss

    return step
