"""Augmentations of many trials at once are those of each trial alone."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from harness.augment import (
    Brightness,
    Contrast,
    Cutmix,
    Cutout,
    Flip,
    Mixture,
    Mixup,
    Noise,
    RandomErasing,
    Rotate,
    Scale,
    Shift,
)
from harness.randomness.counting import Draws, signed
from harness.training import Augmentation

ALL: list[Callable[..., Augmentation]] = [
    Shift, Rotate, Scale, Flip, Brightness, Contrast, Noise, Cutout, RandomErasing, Mixup, Cutmix,
    Mixture,
]  # fmt: skip
CPU = torch.device("cpu")
KEYS = [5, 2**31 + 9, 4_000_000_123]
STRENGTHS = [0.2, 0.7, 1.0]


def replaced(augmentation: Augmentation, strength: torch.Tensor) -> Augmentation:
    """A copy whose strength is a tensor, as where trials train together."""
    made = copy.copy(augmentation)
    object.__setattr__(made, "strength", strength)
    return made


def batches(shape) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(3, 12, *shape, generator=generator)
    targets = torch.softmax(torch.randn(3, 12, 10, generator=generator), dim=2)
    return images, targets


def fused(kind) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def one(images, targets, key, strength):
        return replaced(kind(0.5), strength)(images, targets, Draws(key, CPU))

    return torch.func.vmap(one)


def stacked() -> tuple[torch.Tensor, torch.Tensor]:
    keys = torch.tensor([signed(key) for key in KEYS], dtype=torch.int32)
    return keys, torch.tensor(STRENGTHS, dtype=torch.float64)


@pytest.mark.parametrize("kind", ALL)
def test_a_tensor_as_strength_gives_the_same_bits(kind) -> None:
    images, targets = batches((3, 11, 14))
    for strength in STRENGTHS:
        draws = Draws(KEYS[2], CPU)
        plain = kind(strength)(images[0], targets[0], draws)
        tensor = torch.tensor(strength, dtype=torch.float64)
        other = replaced(kind(0.5), tensor)(images[0], targets[0], draws)
        for ours, theirs in zip(plain, other, strict=True):
            assert ours.dtype == theirs.dtype == torch.float32
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 14)])
@pytest.mark.parametrize("kind", ALL)
def test_three_keys_and_strengths_at_once_are_three_runs(kind, shape) -> None:
    images, targets = batches(shape)
    together = fused(kind)(images, targets, *stacked())
    assert not torch.equal(together[0], images)
    for index, (key, strength) in enumerate(zip(KEYS, STRENGTHS, strict=True)):
        alone = kind(strength)(images[index], targets[index], Draws(key, CPU))
        for ours, theirs in zip(alone, together, strict=True):
            assert ours.dtype == theirs.dtype
            torch.testing.assert_close(theirs[index], ours, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [Noise, Mixup])
def test_features_fuse_as_well(kind) -> None:
    images, targets = batches((7,))
    together = fused(kind)(images, targets, *stacked())
    for index, (key, strength) in enumerate(zip(KEYS, STRENGTHS, strict=True)):
        alone = kind(strength)(images[index], targets[index], Draws(key, CPU))
        torch.testing.assert_close(together[0][index], alone[0], atol=1e-6, rtol=0)
