"""Whether trials may share the network of one of them: they differ in parameters and buffers alone.

Under ``torch.func.vmap`` the module of the first trial stands for all, and runs once for all. So
what a module keeps beside parameters and buffers must be the same in all trials, and must stay so.
"""

from __future__ import annotations

import copy
import random
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.engines.network import Network
from harness.engines.prepared import Member


class NotFusableError(RuntimeError):
    """Trials cannot train together; the message says why, in a line."""


class watching:  # noqa: N801 - a context manager
    """Refuses what changes more than tensors: once for all trials, or in another order.

    That is a network that draws from a global generator (vmap itself refuses some of torch's random
    operations, and not all), or that changes its own attributes.
    """

    def __init__(self, module: nn.Module, *, active: bool) -> None:
        self._module = module
        self._active = active

    def __enter__(self) -> None:
        if self._active:
            self._before = _states(), _beside(self._module)

    def __exit__(self, kind: object, *_: object) -> None:
        if not self._active or kind is not None:
            return
        states, kept = self._before
        if _states() != states:
            raise NotFusableError("its network draws from a global random generator")
        for name, value in _beside(self._module).items():
            if name not in kept or not _alike(kept[name], value):
                raise NotFusableError(f"its network changes its own {name}")


def _states() -> tuple[object, ...]:
    numbers = np.random.get_state()  # noqa: NPY002
    torchs = [torch.get_rng_state()]
    if torch.cuda.is_available():
        torchs += torch.cuda.get_rng_state_all()
    return (
        random.getstate(),
        numbers[1].tobytes(),  # type: ignore[index]
        numbers[2],  # type: ignore[index]
        *(each.numpy().tobytes() for each in torchs),
    )


def check_same(one: Network, other: Network) -> None:
    """Check that two networks differ in parameters and buffers alone.

    Raises:
        NotFusableError: they do not.
    """
    shapes = [
        [(n, p.shape) for n, p in zip(each.names, each.params, strict=True)]
        for each in (one, other)
    ]
    held = [{n: (t.shape, t.dtype) for n, t in each.held().items()} for each in (one, other)]
    if shapes[0] != shapes[1] or held[0] != held[1]:
        raise NotFusableError("their networks differ in shape")
    if not torch.equal(one.weights, other.weights):
        raise NotFusableError("their networks differ in which parameters are weights")
    pairs = zip(one.module.named_modules(), other.module.named_modules(), strict=True)
    for (name, mine), (_, theirs) in pairs:
        if type(mine) is not type(theirs):
            raise NotFusableError(f"their networks differ in the kind of {name or 'module'}")
        if isinstance(mine, nn.RNNBase):
            raise NotFusableError(
                f"{name or 'its network'} is an nn.{type(mine).__name__}: networks with recurrent "
                "layers train one at a time"
            )
        # what a module keeps beside parameters and buffers would be the first one's for all
        for key in vars(mine).keys() | vars(theirs).keys():
            if key in _TORCHS_OWN or key == "calls":
                continue
            if not _alike(vars(mine).get(key), vars(theirs).get(key)):
                where = f"{name}.{key}" if name else key
                raise NotFusableError(f"their networks differ in {where}")


def check_same_asked(one: Member, other: Member) -> None:
    """Check as :func:`check_same` does the networks that are asked at every step."""
    for name, each in one.asked.items():
        if each.outputs is None:
            check_same(each.network, other.asked[name].network)


_TORCHS_OWN = frozenset(vars(nn.Module())) - {"training"}


def _alike(one: Any, other: Any, depth: int = 0) -> bool:
    """Whether two values are known to be the same; what cannot be looked into is not."""
    if one is other:
        # nothing is shared by accident but what is constant; a generator would be drawn from twice
        return not isinstance(one, torch.Generator | np.random.Generator | random.Random)
    if type(one) is not type(other) or depth > _DEEPEST:
        return False
    if isinstance(one, torch.Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, list | tuple):
        same = len(one) == len(other)
        return same and all(_alike(x, y, depth + 1) for x, y in zip(one, other, strict=True))
    if isinstance(one, dict):
        same = one.keys() == other.keys()
        return same and all(_alike(each, other[key], depth + 1) for key, each in one.items())
    if isinstance(one, nn.Module):
        return True  # a part of the network, compared by itself
    if isinstance(one, FunctionType):
        cells = [[c.cell_contents for c in f.__closure__ or ()] for f in (one, other)]
        return one.__code__ is other.__code__ and _alike(
            [one.__defaults__, one.__kwdefaults__, cells[0]],
            [other.__defaults__, other.__kwdefaults__, cells[1]],
            depth + 1,
        )
    if type(one).__eq__ is not _IDENTITY:
        try:
            return bool(one == other)
        except Exception:
            return False
    plain = getattr(one, "__dict__", None)
    return plain is not None and _alike(plain, vars(other), depth + 1)


_IDENTITY: object = object.__eq__
_DEEPEST = 8


def _beside(module: nn.Module) -> dict[str, Any]:
    """Return what a network keeps beside parameters and buffers, copied."""
    kept: dict[str, Any] = {}
    for name, part in module.named_modules():
        for key, value in vars(part).items():
            if key not in _TORCHS_OWN and key != "calls" and not isinstance(value, nn.Module):
                kept[f"{name}.{key}" if name else key] = value
    try:
        return copy.deepcopy(kept)
    except Exception as error:
        raise NotFusableError(f"its network keeps what cannot be copied: {error}") from error
