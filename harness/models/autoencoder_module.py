"""The module of :class:`harness.models.autoencoder.AutoEncoder`, apart from its declaration."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.models.activations import activation
from harness.models.checks import check_width
from harness.models.layers import initialise_all

if TYPE_CHECKING:
    from harness.models.autoencoder import AutoEncoder


class Network(nn.Module):
    """Made by ``build`` of the declaration."""

    def __init__(self, spec: AutoEncoder, shape: tuple[int, ...]) -> None:
        super().__init__()
        size, code = math.prod(shape), spec.code
        last = code * 2 if spec.variational else code
        self.encoder = nn.Sequential(nn.Flatten(), *_layers((size, *spec.hidden, last), spec))
        if spec.code_activation != "none":
            self.encoder.append(activation(spec.code_activation))
        self.decoder = _Decoder(
            *_layers((code, *reversed(spec.hidden), size), spec), nn.Unflatten(1, shape)
        )
        self.decoder.code = code
        self.code = code
        initialise_all(self, spec)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return ``[batch, *shape]`` of inputs of that shape; variational ones decode the means."""
        rebuilt: torch.Tensor = self.decoder(self.encoder(inputs)[:, : self.code])
        return rebuilt


class _Decoder(nn.Sequential):
    """Layers that say what is wrong with codes of another width."""

    code: int

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        check_width(
            "the decoder of an AutoEncoder", "codes", tuple(codes.shape), self.code,
            "Write variational=True for EvidenceBound, and False for a loss with sparsity.",
        )  # fmt: skip
        for layer in self:
            codes = layer(codes)
        return codes


def _layers(widths: tuple[int, ...], spec: AutoEncoder) -> list[nn.Module]:
    """Return linear layers, with an activation between each two."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation(spec.activation)]
    return layers[:-1]
