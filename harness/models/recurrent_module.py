"""The module of :class:`harness.models.recurrent.Recurrent`, apart from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.models.sequences import Reader, at_each, check_mask

if TYPE_CHECKING:
    from harness.models.initialisation import Initialisation
    from harness.models.recurrent import Recurrent

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


class Network(nn.Module):
    """Made by ``build`` of the declaration."""

    def __init__(self, spec: Recurrent, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.reader = Reader(shape, spec.tokens, spec.width)
        widths = [self.reader.width, *[spec.width] * (spec.layers - 1)]
        layers = [Layer(spec.cell, width, spec.width) for width in widths]
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(spec.width, outputs)
        self.once = spec.says == "once"
        for layer in layers:
            layer.initialise(spec.initialisation)
        with torch.no_grad():
            spec.initialisation(self.head.weight, 1.0)
            self.head.bias.zero_()

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return outputs of sequences, ``[batch, outputs]`` or ``[batch, outputs, length]``."""
        states = self.reader(inputs)
        check_mask(mask, states.shape[1])
        for layer in self.layers:
            states = layer(states, mask)
        if self.once:
            last: Tensor = self.head(states[:, -1])
            return last
        return at_each(self.head, states)


class Layer(nn.Module):
    """One layer, with the parameters of ``torch.nn``'s and its order of gates.

    LSTM: input, forget, cell and output gate; GRU: reset, update and new.
    """

    def __init__(self, cell: str, before: int, width: int) -> None:
        super().__init__()
        self.cell = cell
        self.width = width
        rows = GATES[cell] * width
        self.weight_ih = nn.Parameter(torch.empty(rows, before))
        self.weight_hh = nn.Parameter(torch.empty(rows, width))
        self.bias_ih = nn.Parameter(torch.zeros(rows))
        self.bias_hh = nn.Parameter(torch.zeros(rows))

    def initialise(self, rule: Initialisation) -> None:
        """Fill each gate's matrix by itself."""
        with torch.no_grad():
            for weight in (self.weight_ih, self.weight_hh):
                for gate in torch.split(weight, self.width):
                    rule(gate, 1.0)

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the states ``[batch, length, width]`` of inputs ``[batch, length, before]``."""
        states, _ = self.walk(inputs, mask)
        return torch.stack(states, dim=1)

    def walk(self, inputs: Tensor, mask: Tensor | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """Return the state after each position, ``[batch, width]``, and an LSTM's memory.

        Each is what the next position is computed from: the gradient of a loss with respect to one
        is how much that position counts, through all that follow. The list of memories is empty
        where the cell has none.
        """
        # the inputs' part of all positions at once: the loop is left with the states' alone
        bias = self.bias_ih if self.cell == "GRU" else self.bias_ih + self.bias_hh
        given = nn.functional.linear(inputs, self.weight_ih, bias).unbind(1)
        hidden = torch.zeros_like(given[0][:, : self.width])
        memory = hidden if self.cell == "LSTM" else None
        goes_on = None if mask is None else mask[:, :, None].unbind(1)
        states, memories = [], []
        for position, each in enumerate(given):
            following, kept = self._step(each, hidden, memory)
            if goes_on is not None:
                following = torch.where(goes_on[position], following, hidden)
                if memory is not None and kept is not None:
                    kept = torch.where(goes_on[position], kept, memory)
            hidden, memory = following, kept
            states.append(hidden)
            if memory is not None:
                memories.append(memory)
        return states, memories

    def _step(
        self, given: Tensor, hidden: Tensor, memory: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the state, and the memory of an LSTM, after one position."""
        if memory is not None:
            gates = (given + hidden @ self.weight_hh.T).chunk(4, dim=1)
            enter, forget, new, leave = gates
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            return leave.sigmoid() * memory.tanh(), memory
        own = hidden @ self.weight_hh.T
        if self.cell == "RNN":
            return (given + own).tanh(), None
        theirs, mine = given.chunk(3, dim=1), (own + self.bias_hh).chunk(3, dim=1)
        reset, update = ((theirs[gate] + mine[gate]).sigmoid() for gate in (0, 1))
        new = (theirs[2] + reset * mine[2]).tanh()
        return new + update * (hidden - new), None
