"""The module of :class:`harness.models.cnn.CNN`, apart from its declaration."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.models.layers import after_layer, initialise_all, with_bias

if TYPE_CHECKING:
    from harness.models.cnn import CNN


class Network(nn.Module):
    """Made by ``build`` of the declaration."""

    def __init__(self, spec: CNN, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        height, width = shape[1:]
        blocks: list[nn.Module] = []
        for before, after in pairwise((shape[0], *spec.channels)):
            same = spec.kernel // 2
            layer = with_bias(nn.Conv2d(before, after, spec.kernel, padding=same, bias=False), spec)
            pool = nn.MaxPool2d(2)
            blocks.append(nn.Sequential(layer, *after_layer(spec, after, (height, width), pool)))
            height, width = height // 2, width // 2
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(spec.channels[-1] * height * width, classes)
        self.first_block = "blocks.0"
        initialise_all(self, spec)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, classes]`` of images ``[batch, channels, height, width]``."""
        logits: torch.Tensor = self.head(self.blocks(images).flatten(1))
        return logits
