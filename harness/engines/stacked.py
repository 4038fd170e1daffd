"""Tensors of many trials, stacked along a first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from harness.data.splits import Part
from harness.engines.fusable import NotFusableError

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


def rows_of(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return some rows of each trial's table, ``[trials, n, ...]``; they are ``[trials, m]``."""
    wanted = rows.reshape(*rows.shape, *[1] * (table.ndim - 2))
    return table.gather(1, wanted.expand(-1, -1, *table.shape[2:]))
