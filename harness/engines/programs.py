"""Floats fuse, everything else is structure: which of a Training's values are which.

Trials whose Trainings differ in floats alone share one *program* and can train together: each float
that a training step uses then comes as a tensor, with a value for each trial. A float of exactly 0
stays structure, because 0 stands for "off", and what is off is left out of the program. Initial
weights are no part of a program either, so networks may begin by different rules in one.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.floats import on
from harness.training import Training, canonical

if TYPE_CHECKING:
    import torch

Path = tuple[str | int, ...]
"""Where a value lies: names of fields, and positions in tuples."""

STEP_FIELDS = ("optimizer", "loss", "augment", "penalty", "clip")
"""The fields of a Training whose floats reach the training step."""

OUTSIDE_FIELDS = ("schedule", "stopping")
"""Those that work between steps, on each trial for itself: no part of the program."""

_FLOAT = "a float"


def program(training: Training) -> str:
    """Return, as text, what trials must have in common to train together."""
    return json.dumps(_structure_of(training), sort_keys=True)


def _structure_of(training: Training) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for item in dataclasses.fields(training):
        value = getattr(training, item.name)
        if item.name in STEP_FIELDS:
            out[item.name] = _erased(value)
        elif item.name == "model":
            # a user's module may have done anything with a float while it was built
            fuses = getattr(value, "floats_in_buffers", False)
            out[item.name] = _erased(value) if fuses else canonical(value)
            for name in getattr(value, "only_initial", ()):
                out[item.name].pop(name)
        elif item.name not in OUTSIDE_FIELDS:
            out[item.name] = canonical(value)
    return out


def _erased(value: Any) -> Any:
    """Write a value as :func:`harness.training.canonical` does, without its floats.

    Those in a mapping stay: :func:`bind` has no place there to put a tensor.
    """
    if isinstance(value, Training):  # a teacher: its weights are data, its network is structure
        return {"model": _structure_of(value)["model"], "data": canonical(value.data)}
    if isinstance(value, float) and on(value):
        return _FLOAT
    if isinstance(value, tuple | list):
        return [_erased(each) for each in value]
    if _fuses(value):
        fields = {name: _erased(each) for name, each in _fields(value)}
        return {"type": f"{type(value).__module__}.{type(value).__qualname__}", **fields}
    return canonical(value)


def _fuses(value: Any) -> bool:
    """Whether a value is a dataclass whose floats can become tensors.

    It is none where an object keeps something beside its fields: what ``__post_init__`` made of a
    float would not follow it. Cached properties are made anew for each copy.
    """
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    if callable(getattr(value, "fingerprint", None)):  # it holds data, and says what it is
        return False
    return all(
        isinstance(getattr(type(value), name, None), cached_property) for name in _beside(value)
    )


def _beside(value: Any) -> set[str]:
    """Return the names of what an object keeps beside its fields."""
    names = {item.name for item in dataclasses.fields(value)}
    return set(getattr(value, "__dict__", ())) - names


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield fields by name; whole numbers in fields declared as float become floats."""
    for item in dataclasses.fields(value):
        each = getattr(value, item.name)
        whole = isinstance(each, int) and not isinstance(each, bool)
        yield item.name, float(each) if whole and item.type in (float, "float") else each


def paths(training: Training) -> tuple[Path, ...]:
    """Return where the floats lie that reach the training step and are not off."""
    return tuple(
        path for name in STEP_FIELDS for path, _ in _floats(getattr(training, name), (name,))
    )


def _floats(value: Any, where: Path) -> Iterator[tuple[Path, float]]:
    if isinstance(value, float) and on(value):
        yield where, value
    elif isinstance(value, tuple | list):
        for index, each in enumerate(value):
            yield from _floats(each, (*where, index))
    elif _fuses(value) and not isinstance(value, Training):
        for name, each in _fields(value):
            yield from _floats(each, (*where, name))


def values(training: Training, where: Sequence[Path]) -> list[float]:
    """Return the floats at some places."""
    out = []
    for path in where:
        value: Any = training
        for name in path:
            value = value[name] if isinstance(name, int) else getattr(value, name)
        out.append(float(value))
    return out


def bind(training: Training, where: Sequence[Path], given: Sequence[torch.Tensor]) -> Training:
    """Return a copy of a Training with tensors in the place of floats.

    The copy is not checked: what was declared has been.

    Args:
        training: any Training of the program.
        where: the places.
        given: a tensor for each of them, of no dimensions.
    """
    bound: Training = _bound(training, list(zip(where, given, strict=True)), 0)
    return bound


def _bound(value: Any, rest: list[tuple[Path, torch.Tensor]], depth: int) -> Any:
    if len(rest) == 1 and len(rest[0][0]) == depth:
        return rest[0][1]
    groups: dict[str | int, list[tuple[Path, torch.Tensor]]] = {}
    for path, tensor in rest:
        groups.setdefault(path[depth], []).append((path, tensor))
    if isinstance(value, tuple | list):
        return tuple(
            _bound(each, groups[index], depth + 1) if index in groups else each
            for index, each in enumerate(value)
        )
    made = copy.copy(value)
    for cached in _beside(made):
        object.__delattr__(made, cached)
    for name, group in groups.items():
        assert isinstance(name, str)
        object.__setattr__(made, name, _bound(getattr(value, name), group, depth + 1))
    return made
