"""The modules of :mod:`harness.models.gan`, apart from their declarations."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from harness.messages.errors import HarnessError
from harness.models.activations import activation
from harness.models.checks import check_width
from harness.models.layers import initialise_all, with_bias
from harness.models.normalisation import normalisation
from harness.models.segmentation_module import padded

if TYPE_CHECKING:
    from harness.models.gan import DCGAN, GAN

SLOPE = 0.2
"""Of the discriminator's leaky ReLU, below zero."""


class Pair(nn.Module):
    """A generator and a discriminator; called, it is the discriminator."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module, spec: GAN | DCGAN) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        initialise_all(self, spec)

    def forward(self, inputs: torch.Tensor, classes: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits ``[batch, 1]``; without classes no class is said."""
        logits: torch.Tensor = self.discriminator(inputs, classes)
        return logits


class _Generator(nn.Module):
    """Latent numbers ``[batch, latent]`` to inputs ``[batch, *shape]``."""

    def __init__(self, layers: nn.Module, shape: tuple[int, ...], latent: int, told: int) -> None:
        super().__init__()
        self.layers = layers
        self.shape = shape
        self.latent = latent
        self.told = told

    def forward(self, latent: torch.Tensor, classes: torch.Tensor | None = None) -> torch.Tensor:
        check_width(
            "the generator of a pair", "latent numbers", tuple(latent.shape), self.latent,
            f"Draw {self.latent} numbers for each, or change latent= of the model.",
        )  # fmt: skip
        if self.told:
            latent = torch.cat([latent, _ones(classes, latent, self.told)], dim=1)
        made: torch.Tensor = self.layers(latent)
        return made[:, :, : self.shape[1], : self.shape[2]] if len(self.shape) == 3 else made


class _Discriminator(nn.Module):
    """Inputs ``[batch, *shape]`` to logits ``[batch, 1]``."""

    def __init__(self, layers: nn.Module, fold: int, told: int) -> None:
        super().__init__()
        self.layers = layers
        self.fold = fold
        self.told = told

    def forward(self, inputs: torch.Tensor, classes: torch.Tensor | None = None) -> torch.Tensor:
        inputs = padded(inputs, self.fold) if self.fold else inputs.flatten(1)
        if self.told:
            ones = _ones(classes, inputs, self.told)
            ones = ones.view(*ones.shape, *[1] * (inputs.ndim - 2))
            ones = ones.expand(-1, -1, *inputs.shape[2:])
            inputs = torch.cat([inputs, ones], dim=1)
        logits: torch.Tensor = self.layers(inputs)
        return logits


def _ones(classes: torch.Tensor | None, like: torch.Tensor, count: int) -> torch.Tensor:
    """Return a 1 at the class of each example, ``[batch, count]``; probabilities as they are."""
    if classes is None:
        return like.new_zeros(len(like), count)
    if classes.ndim == 2:
        return classes.to(like.dtype)
    if classes.is_floating_point():
        raise HarnessError(
            "a conditional pair must be given classes, whole numbers",
            str(classes.dtype).removeprefix("torch."),
            "Hand on batch.targets of data with classes.",
        )
    return (classes[:, None] == torch.arange(count, device=like.device)).to(like.dtype)


def flat_pair(spec: GAN, shape: tuple[int, ...], told: int) -> Pair:
    """Make a pair of linear layers; ``told`` is how many classes both are told of."""
    size, upwards = math.prod(shape), (*reversed(spec.hidden),)
    made = nn.Sequential(*_linear((spec.latent + told, *upwards, size), spec))
    if len(shape) != 1:
        made.append(nn.Unflatten(1, shape))
    judged = nn.Sequential(*_linear((size + told, *spec.hidden, 1), spec))
    generator = _Generator(made, shape, spec.latent, told)
    return Pair(generator, _Discriminator(judged, 0, told), spec)


def _linear(widths: tuple[int, ...], spec: GAN) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation(spec.activation)]
    return layers[:-1]


def image_pair(spec: DCGAN, shape: tuple[int, ...], told: int) -> Pair:
    """Make a pair of convolutions; ``told`` is how many classes both are told of."""
    fold = 2**spec.levels
    height, width = ((side + -side % fold) // fold for side in shape[1:])
    small = (spec.width * fold // 2, height, width)
    generator = _Generator(_drawing(spec, shape[0], small, told), shape, spec.latent, told)
    judged = _judging(spec, shape[0] + told, small)
    return Pair(generator, _Discriminator(judged, fold, told), spec)


def _drawing(spec: DCGAN, channels: int, small: tuple[int, int, int], told: int) -> nn.Sequential:
    """Return what makes images of latent numbers, by way of a small map."""
    first, height, width = small
    norm = _norm(spec, first, (height, width))
    layers = [nn.Linear(spec.latent + told, math.prod(small)), nn.Unflatten(1, small), *norm]
    layers.append(nn.ReLU())
    for level in range(1, spec.levels):
        before, size = first // 2 ** (level - 1), (height * 2**level, width * 2**level)
        layer = nn.ConvTranspose2d(before, before // 2, 4, stride=2, padding=1)
        layers += [with_bias(layer, spec), *_norm(spec, before // 2, size), nn.ReLU()]
    layers.append(nn.ConvTranspose2d(spec.width, channels, 4, stride=2, padding=1))
    return nn.Sequential(*layers)


def _judging(spec: DCGAN, channels: int, small: tuple[int, int, int]) -> nn.Sequential:
    """Return what makes one logit of images, by way of a small map."""
    last, height, width = small
    layers = [nn.Conv2d(channels, spec.width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    for level in range(1, spec.levels):
        after, fold = spec.width * 2**level, 2 ** (spec.levels - 1 - level)
        layer = nn.Conv2d(after // 2, after, 4, stride=2, padding=1)
        norm = _norm(spec, after, (height * fold, width * fold))
        layers += [with_bias(layer, spec), *norm, nn.LeakyReLU(SLOPE)]
    layers += [nn.Flatten(), nn.Linear(last * height * width, 1)]
    return nn.Sequential(*layers)


def _norm(spec: DCGAN, width: int, size: tuple[int, int]) -> list[nn.Module]:
    norm = normalisation(spec.normalisation, width, size)
    return [] if norm is None else [norm]
