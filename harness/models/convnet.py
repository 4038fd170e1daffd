"""He et al.'s networks for CIFAR, residual and plain.

He, Zhang, Ren & Sun 2015, https://arxiv.org/abs/1512.03385, section 4.2: a 3×3 convolution, three
stages of 2n such layers with 1, 2 and 4 times the width, of which the second and third begin with
stride 2, global average pooling and a linear layer: 6n + 2 layers. A shortcut goes around every two
layers; where the shape changes it takes every second pixel and pads channels with zeros (option A),
so that it has no parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.errors import HarnessError


@dataclass(frozen=True)
class ConvNet:
    """A residual or plain network of He et al.'s CIFAR layout.

    Attributes:
        depth: number of layers with weights, 6n + 2.
        width: channels of the first stage; 16 in the paper (0.27 M parameters at 20 layers and
            0.85 M at 56, table 6).
        shortcut: whether a shortcut goes around every two layers.
    """

    depth: int = 20
    width: int = 16
    shortcut: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.depth, int) or self.depth < 8 or (self.depth - 2) % 6:
            raise HarnessError(
                "ConvNet(depth=...) must be 6n + 2 with n at least 1",
                repr(self.depth),
                "Write 8, 14, 20, 32, 44, 56 or 110, say.",
            )
        if not isinstance(self.width, int) or isinstance(self.width, bool) or self.width < 1:
            raise HarnessError(
                "ConvNet(width=...) must be a whole number of at least 1",
                repr(self.width),
                "Write width=16, as in the paper.",
            )

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make the module for images of ``shape``, (channels, height, width).

        Raises:
            HarnessError: the inputs are not images.
        """
        if len(shape) != 3:
            raise HarnessError(
                "ConvNet must be given images of shape (channels, height, width)",
                f"inputs of shape {shape}",
                "Reshape the data, or use MLP.",
            )
        return _Network(self, shape[0], classes)


class _Network(nn.Module):
    def __init__(self, spec: ConvNet, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, spec.width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(spec.width)
        blocks: list[nn.Module] = []
        before = spec.width
        for stage in range(3):
            after = spec.width * 2**stage
            for index in range((spec.depth - 2) // 6):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(_Block(before, after, stride, spec.shortcut))
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)
        self.first_block = "blocks.0"
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, classes]`` of images ``[batch, channels, height, width]``."""
        features = F.relu(self.norm(self.stem(images)))
        logits: torch.Tensor = self.head(self.blocks(features).mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    """Two convolutions, and a shortcut around them where asked for."""

    def __init__(self, before: int, after: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.stride = stride
        self.padding = after - before
        self.shortcut = shortcut

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(inputs)))))
        if self.shortcut:
            around = inputs[:, :, :: self.stride, :: self.stride]
            if self.padding:
                around = F.pad(around, (0, 0, 0, 0, 0, self.padding))
            outputs = outputs + around
        return F.relu(outputs)
