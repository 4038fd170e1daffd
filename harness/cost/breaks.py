"""Graph breaks: places at which ``torch.compile`` has to go back to Python."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def graph_breaks(module: nn.Module, *arguments: torch.Tensor) -> int:
    """Return into how many graphs, less one, ``torch.compile`` would cut a forward pass.

    It is traced as ``torch._dynamo.explain`` does, and nothing is compiled. Between two graphs
    Python runs, which waits for the device and keeps operators from being fused.

    Args:
        module: the network, in the mode that is of interest.
        arguments: what it is called with: a batch, and its mask where there is one.

    Raises:
        RuntimeError: it cannot be traced.
    """
    import torch._dynamo  # takes a second

    torch._dynamo.reset()
    with _quiet("torch._dynamo"):
        explained = torch._dynamo.explain(module)(*arguments)
    torch._dynamo.reset()
    return int(explained.graph_break_count)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a logger from telling each break."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
