"""Tensors of many trials, stacked along a first axis, and a network called with those of one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.utils import _pytree as pytree

from harness.data.splits import Part
from harness.engines.called import Called
from harness.engines.fusable import NotFusableError
from harness.engines.network import Network
from harness.training import Precision

Tensors = dict[str, Any]
"""One trial's tensors by name, nested; or those of many, stacked."""


@dataclass(frozen=True, eq=False)
class StackedRows:
    """The same part of many trials: rows of one pool.

    Attributes:
        inputs: of the pool, which is shared where all trials draw from one data set.
        targets: of the pool.
        rows: int64 ``[trials, n]``.
        lengths: of the pool, where sequences are padded.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor
    lengths: torch.Tensor | None = None

    def at(self, which: torch.Tensor) -> Tensors:
        """Return examples of the pool by name, for rows int64 ``[trials, k]``."""
        found = {"inputs": self.inputs[which], "targets": self.targets[which]}
        return found if self.lengths is None else {**found, "lengths": self.lengths[which]}

    def of_pool(self, order: torch.Tensor) -> torch.Tensor:
        """Return which rows of the pool an order of the part's examples stands for, in its shape.

        Args:
            order: int64 ``[trials, ...]``.
        """
        return self.rows.gather(1, order.flatten(1)).view(order.shape)

    @staticmethod
    def of(parts: Sequence[Part]) -> StackedRows:
        """Return the parts of some trials, one each.

        Raises:
            NotFusableError: they differ in size.
        """
        if len({len(part) for part in parts}) > 1:
            raise NotFusableError("their data sets differ in size")
        device = parts[0].pool.inputs.device
        first = parts[0].pool
        if all(part.pool is first for part in parts):
            every = torch.arange(len(first.targets), device=device)
            each = [every if part.rows is None else part.rows for part in parts]
            return StackedRows(first.inputs, first.targets, torch.stack(each), first.lengths)
        count = len(parts[0])
        rows = torch.arange(len(parts) * count, device=device).view(len(parts), count)
        inputs = torch.cat([part.inputs for part in parts])
        lengths = [part.lengths_at(slice(None)) for part in parts]
        known = [each for each in lengths if each is not None]
        return StackedRows(
            inputs,
            torch.cat([part.targets for part in parts]),
            rows,
            torch.cat(known) if known else None,
        )


def stack(tensors: Sequence[Any]) -> Any:
    """Stack the tensors of some trials, place by place."""
    stacked: Any = pytree.tree_map(lambda *each: torch.stack(each), *tensors)
    return stacked


def single(function: Callable[..., Any], trials: Tensors, shared: Any) -> Any:
    """Call a function of one trial on stacks of one, without vmap."""
    alone = function(pytree.tree_map(lambda each: each[0], trials), shared)
    return pytree.tree_map(lambda each: each[None], alone)


def called_with(
    precision: Precision, network: Network, tensors: Mapping[str, torch.Tensor]
) -> Called:
    """Return a network with one trial's tensors in the place of its own, as a loss calls it."""

    def find(name: str) -> Callable[..., torch.Tensor]:
        part, names = network.part(name)
        own = {n: tensors[known] for n, known in names.items() if known in tensors}
        return functools.partial(_call, part, own)

    whole = functools.partial(_call, network.module, tensors)
    return Called(precision, network.vector.device, whole, find)


def _call(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], *inputs: torch.Tensor
) -> torch.Tensor:
    outputs: torch.Tensor = functional_call(module, dict(tensors), inputs)
    return outputs


def params_of(network: Network, vector: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return views of a vector of all parameters, by name, in the shapes that a network has."""
    shapes = [each.shape for each in network.params]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    named = zip(network.names, parts, shapes, strict=True)
    return {name: part.view(shape) for name, part, shape in named}


_compiled_last = ""


def forget_other_programs(program: str) -> None:
    """Drop compiled code of another program: torch compiles a function a few times only."""
    global _compiled_last  # noqa: PLW0603 - as global as torch's own cache
    if program != _compiled_last:
        torch.compiler.reset()
        _compiled_last = program
