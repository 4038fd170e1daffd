"""A network tried on two inputs before it is trained: the shape of what it says."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.engines.called import called
from harness.messages.errors import HarnessError
from harness.randomness.counting import Draws
from harness.tasks.losses import Batch
from harness.tasks.task import Task

if TYPE_CHECKING:
    from harness.data.facts import Known


def shape_said(
    task: Task, module: nn.Module, two: torch.Tensor, known: Known, dtype: torch.dtype
) -> tuple[int, ...]:
    """Return the shape of what a network says of two inputs.

    Args:
        task: what is learnt.
        module: the network, in evaluation mode.
        two: inputs, standardised, ``[2, *shape]``.
        known: of the data.
        dtype: of the network's parameters.

    Raises:
        HarnessError: it takes no mask, does not know a token id, or looks ahead where it must not.
    """
    targets, mask = known.targets, None
    if known.padded:
        mask = torch.ones(2, two.shape[-1], dtype=torch.bool, device=two.device)
        _check_takes_mask(module, two, mask)
    kind = torch.int64 if targets.classes else torch.float32
    width = targets.shape if targets.classes else (targets.quantities,)
    wanted = torch.zeros(2, *width, dtype=kind, device=two.device)
    net = called("float32", module, two.device)
    draws = Draws(0, two.device, dtype)
    batch = Batch(two, wanted, draw=lambda: draws, mask=mask)
    try:
        said, _ = task.says(net, batch)
        if (check := getattr(task, "check", None)) is not None:
            check(net, batch)
    except IndexError as error:  # of an embedding
        if not known.tokens:
            raise
        raise HarnessError(
            f"a network must know every token id of its data, 0 to {known.tokens - 1}",
            f"{type(module).__name__}, in which: {error}",
            f"Give its embedding {known.tokens} rows, by a field tokens={known.tokens}, say.",
        ) from error
    return tuple(said.shape)


def _check_takes_mask(module: nn.Module, inputs: torch.Tensor, mask: torch.Tensor) -> None:
    """Check that a network can be told where sequences have ended."""
    try:
        inspect.signature(module.forward).bind(inputs, mask)
    except TypeError:
        raise HarnessError(
            "a network of sequences of unequal length must take a mask, bool [batch, length], too: "
            "it is True where a sequence has not ended",
            f"{type(module).__name__}.forward{inspect.signature(module.forward)}",
            "Write def forward(self, inputs, mask), or cut all sequences to one length.",
        ) from None
