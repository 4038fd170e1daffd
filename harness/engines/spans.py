"""Where the parameters of some parts of a network lie in the vector of all."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Spans:
    """Where the parameters of some parts lie in the vector of all.

    Attributes:
        total: how many parameters there are in all.
        runs: where each of their stretches begins and ends, in order.
        params: their positions among the network's parameters.
    """

    total: int
    runs: tuple[tuple[int, int], ...]
    params: tuple[int, ...]

    def of(self, vector: torch.Tensor) -> torch.Tensor:
        """Return their values: of a vector of all, ``[P]``, those ``[p]`` of the parts."""
        if self.runs == ((0, self.total),):
            return vector
        return torch.cat([vector[start:stop] for start, stop in self.runs])

    def put(self, vector: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        """Return a vector of all, ``[P]``, with other values of the parts, ``[p]``."""
        if self.runs == ((0, self.total),):
            return part
        pieces, at, taken = [], 0, 0
        for start, stop in self.runs:
            pieces += [vector[at:start], part[taken : taken + stop - start]]
            at, taken = stop, taken + stop - start
        return torch.cat([*pieces, vector[at:]])
