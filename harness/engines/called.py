"""A network as losses and tasks call it: in the precision of its Training, whole or in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils import _pytree as pytree

from harness.messages.errors import HarnessError
from harness.tasks.losses import Net
from harness.training import Precision

Apply = Callable[..., torch.Tensor]
"""A network: standardised inputs ``[batch, *shape]`` to logits, or quantities, ``[batch, n]``."""


@dataclass(frozen=True, eq=False)
class Called:
    """A network as a loss calls it: its precision is the Training's.

    Attributes:
        precision: of the Training whose network it is.
        device: where it is.
        apply: the network.
        find: gives a part of it by name; raises ``AttributeError`` where there is none.
    """

    precision: Precision
    device: torch.device
    apply: Apply
    find: Callable[[str], Callable[..., torch.Tensor]]

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return its outputs, float32 where the network computes in bfloat16."""
        return self._precisely(self.apply, *inputs)

    def part(self, name: str) -> Callable[..., torch.Tensor]:
        """Return a part of the network, called alone; see :class:`harness.tasks.losses.Net`."""
        try:
            found = self.find(name)
        except AttributeError:
            raise HarnessError(
                "a loss, a task and an update must ask for parts that the network has",
                repr(name),
                "Write the name of a submodule, as module.named_modules() gives it.",
            ) from None
        return lambda *inputs: self._precisely(found, *inputs)

    def _precisely(self, apply: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        with autocast(self.precision, self.device):
            outputs = apply(*inputs)
        if self.precision != "bfloat16":
            return outputs
        whole: torch.Tensor = pytree.tree_map_only(torch.Tensor, _widened, outputs)
        return whole


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def called(precision: Precision, module: nn.Module, device: torch.device) -> Net:
    """Return a network whose parameters are its own, as a loss calls it."""
    return Called(precision, device, module, module.get_submodule)


def autocast(
    precision: Precision, device: torch.device
) -> contextlib.AbstractContextManager[object]:
    """Return the context that a network runs in."""
    if precision != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
