"""The modules of :mod:`harness.models.segmentation`, apart from their declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation
from torch import nn

from harness.models.activations import activation
from harness.models.layers import initialise_all, with_bias
from harness.models.normalisation import normalisation

if TYPE_CHECKING:
    from harness.models.checks import Normalised
    from harness.models.segmentation import FCN, UNet


class Interpolated(nn.Module):
    """Made by ``build`` of FCN."""

    def __init__(self, spec: FCN, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.fold = 2**spec.levels
        sizes = _sizes(shape, spec.levels)
        widths = [spec.width * 2**level for level in range(spec.levels + 1)]
        before = [shape[0], *widths]
        self.blocks = nn.ModuleList(
            _block(spec, before[level], widths[level], sizes[level])
            for level in range(spec.levels + 1)
        )
        self.head = nn.Conv2d(widths[-1], classes, 1)
        self.first_block = "blocks.0"
        initialise_all(self, spec)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, classes, height, width]`` of images of that size."""
        maps = padded(images, self.fold)
        whole = maps.shape[2:]
        for level, block in enumerate(self.blocks):
            maps = block(F.max_pool2d(maps, 2) if level else maps)
        large = F.interpolate(self.head(maps), whole, mode="bilinear", align_corners=False)
        return large[:, :, : images.shape[2], : images.shape[3]]


class DownAndUp(nn.Module):
    """Made by ``build`` of UNet."""

    def __init__(self, spec: UNet, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.fold = 2**spec.levels
        self.skips = spec.skips
        sizes = _sizes(shape, spec.levels)
        widths = [spec.width * 2**level for level in range(spec.levels + 1)]
        before = [shape[0], *widths]
        self.blocks = nn.ModuleList(
            _block(spec, before[level], widths[level], sizes[level])
            for level in range(spec.levels + 1)
        )
        upwards = list(reversed(range(spec.levels)))
        self.enlarge = nn.ModuleList(
            nn.ConvTranspose2d(widths[level + 1], widths[level], 2, stride=2) for level in upwards
        )
        self.back = nn.ModuleList(
            _block(spec, widths[level] * (2 if spec.skips else 1), widths[level], sizes[level])
            for level in upwards
        )
        self.head = nn.Conv2d(spec.width, classes, 1)
        self.first_block = "blocks.0"
        initialise_all(self, spec)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits ``[batch, classes, height, width]`` of images of that size."""
        maps = padded(images, self.fold)
        passed: list[torch.Tensor] = []
        for level, block in enumerate(self.blocks):
            maps = block(F.max_pool2d(maps, 2) if level else maps)
            passed.append(maps)
        passed.pop()
        for enlarge, back in zip(self.enlarge, self.back, strict=True):
            maps, same = enlarge(maps), passed.pop()
            maps = back(torch.cat([same, maps], dim=1) if self.skips else maps)
        logits: torch.Tensor = self.head(maps)
        return logits[:, :, : images.shape[2], : images.shape[3]]


def padded(images: torch.Tensor, fold: int) -> torch.Tensor:
    """Return images with zeros at the right and below, so that sides are multiples of ``fold``."""
    below, right = (-side % fold for side in images.shape[2:])
    return F.pad(images, (0, right, 0, below)) if below or right else images


def _sizes(shape: tuple[int, ...], levels: int) -> list[tuple[int, int]]:
    """Return height and width of the maps on each level, of padded images."""
    fold = 2**levels
    height, width = (side + -side % fold for side in shape[1:])
    return [(height // 2**level, width // 2**level) for level in range(levels + 1)]


def _block(spec: Normalised, before: int, after: int, size: tuple[int, int]) -> nn.Sequential:
    """Return two convolutions, each with what follows it."""
    layers: list[nn.Module] = []
    for inputs in (before, after):
        norm = normalisation(spec.normalisation, after, size)
        layers.append(with_bias(nn.Conv2d(inputs, after, 3, padding=1, bias=False), spec))
        layers += [] if norm is None else [norm]
        layers.append(activation(spec.activation))
    return nn.Sequential(*layers)
