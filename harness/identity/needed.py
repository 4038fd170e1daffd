"""Work that a declared value holds in its fields: what must be run before it can be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def held_in(value: Any, kind: type[T], where: str = "") -> Iterator[tuple[str, T]]:
    """Yield what a value holds of one class, each with the names of the fields that lead to it.

    It looks into frozen dataclasses, tuples, lists and mappings, and not into what it yields.

    Args:
        value: a declared value.
        kind: the class.
        where: the names of the fields that lead to the value, with dots; empty at the beginning.

    Example:
        >>> from dataclasses import dataclass
        >>> from harness.identity.needed import held_in
        >>> @dataclass(frozen=True)
        ... class Both:
        ...     left: object
        ...     right: object
        >>> dict(held_in(Both("one", (1, "two")), str))
        {'left': 'one', 'right.1': 'two'}
    """
    if isinstance(value, kind):
        yield where, value
        return
    for name, each in _parts(value):
        yield from held_in(each, kind, f"{where}.{name}" if where else name)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, tuple | list):
        yield from ((str(place), each) for place, each in enumerate(value))
    elif isinstance(value, Mapping):
        yield from ((str(name), each) for name, each in value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            yield item.name, getattr(value, item.name)
