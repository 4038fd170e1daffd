"""What stays of a declared value without its floats: trials that agree in it can train together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from harness.floats import on
from harness.identity.canonical import canonical

_FLOAT = "a float"


def structure_of(value: Any) -> Any:
    """Write a value as :func:`harness.identity.canonical.canonical` does, without its floats.

    What other work needs says itself what stays of it, in ``structure_when_needed``.

    Floats in a mapping stay: :func:`harness.engines.programs.bind` cannot put a tensor there.
    """
    if callable(getattr(value, "structure_when_needed", None)):
        return value.structure_when_needed()
    if isinstance(value, float) and on(value):
        return _FLOAT
    if isinstance(value, tuple | list):
        return [structure_of(each) for each in value]
    if fuses(value):
        fields = {name: structure_of(each) for name, each in fields_of(value)}
        return {"type": f"{type(value).__module__}.{type(value).__qualname__}", **fields}
    return canonical(value)


def fuses(value: Any) -> bool:
    """Whether a value is a dataclass whose floats can become tensors.

    It is none where an object keeps something beside its fields: what ``__post_init__`` made of a
    float would not follow it. Cached properties are made anew for each copy.
    """
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return False
    if callable(getattr(value, "fingerprint", None)):  # it holds data, and says what it is
        return False
    return all(
        isinstance(getattr(type(value), name, None), cached_property) for name in beside(value)
    )


def beside(value: Any) -> set[str]:
    """Return the names of what an object keeps beside its fields."""
    names = {item.name for item in dataclasses.fields(value)}
    return set(getattr(value, "__dict__", ())) - names


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield fields by name; whole numbers in fields declared as float become floats."""
    for item in dataclasses.fields(value):
        each = getattr(value, item.name)
        whole = isinstance(each, int) and not isinstance(each, bool)
        yield item.name, float(each) if whole and item.type in (float, "float") else each
