"""Floats fuse: where a Training's floats lie, and how tensors take their place.

Trials whose Trainings differ in floats alone share one *program* and can train together: each float
that a training step uses then comes as a tensor, with a value for each trial. A float of exactly 0
stays structure, because 0 stands for "off", and what is off is left out of the program. Initial
weights are no part of a program either, so networks may begin by different rules in one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.floats import on
from harness.identity.structure import beside, fields_of, fuses
from harness.training import Training

if TYPE_CHECKING:
    import torch

Path = tuple[str | int, ...]
"""Where a value lies: names of fields, and positions in tuples."""


def paths(training: Training) -> tuple[Path, ...]:
    """Return where the floats lie that reach the training step and are not off."""
    return tuple(path for name in _OF_STEP for path, _ in _floats(getattr(training, name), (name,)))


_OF_STEP = ("every_update", "augment")
"""What of a Training a step asks for."""


def _floats(value: Any, where: Path) -> Iterator[tuple[Path, float]]:
    if isinstance(value, float) and on(value):
        yield where, value
    elif isinstance(value, tuple | list):
        for index, each in enumerate(value):
            yield from _floats(each, (*where, index))
    elif fuses(value) and not isinstance(value, Training):
        for name, each in fields_of(value):
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
    for cached in beside(made):
        object.__delattr__(made, cached)
    for name, group in groups.items():
        assert isinstance(name, str)
        object.__setattr__(made, name, _bound(getattr(value, name), group, depth + 1))
    return made
