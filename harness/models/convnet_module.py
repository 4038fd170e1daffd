"""The module of :class:`harness.models.convnet.ConvNet`, apart from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.models.activations import activation
from harness.models.checks import DROPOUT_FIRST, NORM_FIRST, Choices
from harness.models.layers import dropout, initialise_all, with_bias
from harness.models.normalisation import normalisation

if TYPE_CHECKING:
    from harness.models.convnet import ConvNet


class Network(nn.Module):
    """Made by ``build`` of the declaration."""

    def __init__(self, spec: ConvNet, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.stem = _convolution(spec, channels, spec.width)
        self.norm = _norm(spec, spec.width, (height, width))
        self.activation = activation(spec.activation)
        blocks: list[nn.Module] = []
        before = spec.width
        for stage in range(3):
            after = spec.width * 2**stage
            for index in range((spec.depth - 2) // 6):
                stride = 2 if stage > 0 and index == 0 else 1
                height, width = (height - 1) // stride + 1, (width - 1) // stride + 1
                blocks.append(_Block(spec, before, after, stride, (height, width)))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)
        self.first_block = "blocks.0"
        initialise_all(self, spec)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, classes]`` of images ``[batch, channels, height, width]``."""
        features = self.activation(self.norm(self.stem(images)))
        logits: torch.Tensor = self.head(self.blocks(features).mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions, and a shortcut around them where asked for."""

    def __init__(
        self, spec: ConvNet, before: int, after: int, stride: int, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.conv1 = _convolution(spec, before, after, stride)
        self.norm1 = _norm(spec, after, size)
        self.conv2 = _convolution(spec, after, after)
        self.norm2 = _norm(spec, after, size)
        self.activation = activation(spec.activation)
        drop = dropout(spec)
        self.early = drop if spec.order == DROPOUT_FIRST else None
        self.late = drop if spec.order == NORM_FIRST else None
        self.stride = stride
        self.padding = after - before
        self.shortcut = spec.shortcut

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self.conv1(inputs)
        if self.early is not None:
            hidden = self.early(hidden)
        hidden = self.activation(self.norm1(hidden))
        if self.late is not None:
            hidden = self.late(hidden)
        outputs = self.norm2(self.conv2(hidden))
        if self.shortcut:
            around = inputs[:, :, :: self.stride, :: self.stride]
            if self.padding:
                around = F.pad(around, (0, 0, 0, 0, 0, self.padding))
            outputs = outputs + around
        activated: torch.Tensor = self.activation(outputs)
        return activated


def _convolution(choices: Choices, before: int, after: int, stride: int = 1) -> nn.Module:
    layer = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return with_bias(layer, choices)


def _norm(choices: Choices, width: int, size: tuple[int, int]) -> nn.Module:
    made = normalisation(choices.normalisation, width, size)
    return nn.Identity() if made is None else made
