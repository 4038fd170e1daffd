"""Random numbers by counting: every value is a hash of a key and its position.

A generator with state gives numbers in the order of the calls, so trials that train together would
take each other's. Here a value depends only on the trial's key, the step, the purpose and its
position. It is the same in every mode, whichever trials run at the same time (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"). The hash is Wellons's ``lowbias32`` (2018,
https://nullprogram.com/blog/2018/07/31/), whose output bits depend on each input bit nearly evenly.

Keys are 32 bits: Python ints from 0 to 2**32 - 1, or int32 tensors of no dimensions, which mean the
same in two's complement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from harness.randomness.streams import torch_seed

Key = int | torch.Tensor

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # 2**32 over the golden ratio: multiples of it are spread evenly
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B


def signed(key: int) -> int:
    """Return 32 bits as the int32 of the same bits."""
    return key - 2**32 if key >= 2**31 else key


def _constant(value: int) -> torch.Tensor:
    return torch.tensor(signed(value), dtype=torch.int32)


# As tensors, because torch 2.15 rounds a Python factor of an int32 tensor to float32 where vmap is
# compiled. Without dimensions, they are welcome on every device.
_GOLDEN_FACTOR, _FIRST_FACTOR, _SECOND_FACTOR = map(_constant, (_GOLDEN, _FIRST, _SECOND))


def trial_key(seed: int, purpose: str) -> int:
    """Return the key of one purpose (``"dropout"``, ``"augmentation"``...) of a trial's seed."""
    return torch_seed(seed, purpose) & _MASK


def mix(key: Key, label: Key) -> Key:
    """Return the key of one of many streams within a stream.

    Args:
        key: the stream's key.
        label: which of them, such as the step.
    """
    if isinstance(key, int) and isinstance(label, int):
        return _hash_int(key ^ (label * _GOLDEN & _MASK))
    if isinstance(label, torch.Tensor):
        spread = label.to(torch.int32) * _GOLDEN_FACTOR
        return _hash(spread ^ (signed(key) if isinstance(key, int) else key), 0)
    assert isinstance(key, torch.Tensor)
    return _hash(key ^ signed(label * _GOLDEN & _MASK), 0)


def named(key: Key, name: str) -> Key:
    """Return the key of a stream named by a word (its FNV-1a hash, which torch can compile)."""
    label = 0x811C9DC5
    for letter in name:
        label = (label ^ ord(letter)) * 0x01000193 & _MASK
    return mix(key, label)


def _hash_int(value: int) -> int:
    value = (value ^ value >> 16) * _FIRST & _MASK
    value = (value ^ value >> 15) * _SECOND & _MASK
    return value ^ value >> 16


def _hash(value: torch.Tensor, inner: torch.Tensor | int) -> torch.Tensor:
    """Hash int32; ``inner`` is added half-way, and 0 gives ``lowbias32`` itself."""
    # int32 shifts keep the sign, which the masks take off
    value = (value ^ (value >> 16 & 0xFFFF)) * _FIRST_FACTOR
    value = value + inner
    value = (value ^ (value >> 15 & 0x1FFFF)) * _SECOND_FACTOR
    return value ^ (value >> 16 & 0xFFFF)


def bits(key: Key, shape: Sequence[int], device: torch.device | None = None) -> torch.Tensor:
    """Return 32 random bits for each position, int32 of ``shape``."""
    if isinstance(key, int):
        start: torch.Tensor | int = signed(key)
        inner: torch.Tensor | int = signed(_hash_int(key ^ _GOLDEN))
    else:
        start, inner, device = key, _hash(key ^ signed(_GOLDEN), 0), key.device
    position = torch.arange(math.prod(shape), dtype=torch.int32, device=device)
    # The second word keeps the streams of two keys from being shifted copies of one another.
    return _hash(position * _GOLDEN_FACTOR ^ start, inner).view(*shape)


def uniform(
    key: Key,
    shape: Sequence[int],
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Return numbers in [0, 1) in steps of 2**-24, of ``shape``."""
    return (bits(key, shape, device) >> 8 & 0xFFFFFF).to(dtype) * 2.0**-24


@dataclass(frozen=True)
class Draws:
    """The random numbers of one purpose at one step of one trial, by name.

    Attributes:
        key: the stream's key; tensors of no dimensions under ``torch.func.vmap``.
        device: where the numbers are made.
        dtype: their type.
    """

    key: Key
    device: torch.device
    dtype: torch.dtype = torch.float32

    def within(self, name: str) -> Draws:
        """Return draws that share nothing with those of another name."""
        return replace(self, key=named(self.key, name))

    def uniform(self, name: str, *shape: int) -> torch.Tensor:
        """Return numbers in [0, 1) of ``shape``; the same name gives the same ones."""
        return self._uniform(named(self.key, name), shape)

    def normal(self, name: str, *shape: int) -> torch.Tensor:
        """Return standard normal numbers of ``shape`` (Box & Muller 1958)."""
        key = named(self.key, name)
        radius = (-2 * torch.log1p(-self._uniform(mix(key, 1), shape))).sqrt()
        return radius * torch.cos(2 * math.pi * self._uniform(mix(key, 2), shape))

    def permutation(self, name: str, count: int) -> torch.Tensor:
        """Return the numbers from 0 to ``count - 1`` in random order, int64 ``[count]``."""
        return torch.argsort(bits(named(self.key, name), (count,), self.device), stable=True)

    def _uniform(self, key: Key, shape: Sequence[int]) -> torch.Tensor:
        return uniform(key, shape, self.device, self.dtype)
