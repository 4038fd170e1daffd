"""Declared values as plain JSON types, and the classes and functions that they are made of."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from harness.messages.errors import HarnessError


def canonical(value: Any) -> Any:
    """Write a declared value as plain JSON types, the same on every machine and in every run.

    A dataclass becomes its class name and the fields that differ from their defaults, so a new
    field with a default changes no old value. Objects that hold data give their own digest by a
    method ``fingerprint``. A whole number in a field of type float is written as a float.

    Raises:
        HarnessError: the value cannot be written down (a lambda, a closure, an open file, NaN).
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise HarnessError("a setting must be finite", repr(value), "Write a finite number.")
        return value
    if isinstance(value, tuple | list):
        return [canonical(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): canonical(each) for key, each in sorted(value.items())}
    if callable(getattr(value, "fingerprint", None)):
        return {"type": type(value).__qualname__, "fingerprint": value.fingerprint()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        _check_class(type(value))
        given = {item.name: (item, _as_declared(item, value)) for item in dataclasses.fields(value)}
        fields = {
            name: canonical(one)
            for name, (item, one) in given.items()
            if not _is_default(item, one)
        }
        return {"type": type(value).__qualname__, **fields}
    _check_named(value)
    return {"name": value.__qualname__}


def _check_named(value: Any) -> None:
    """Check that a name says all about a value: a class, or a function that carries nothing.

    Raises:
        HarnessError: it does not.
    """
    name = getattr(value, "__qualname__", "<lambda>")
    owner = getattr(value, "__self__", None)
    if isinstance(value, functools.partial):
        kept = "a functools.partial"
    elif isinstance(owner, type | ModuleType):  # a class method, or a function written in C
        kept = ""
    elif owner is not None and callable(value):
        kept = "a method of an object"
    elif getattr(value, "__closure__", None) is not None and not _found_by_name(value):
        kept = "a function made within another, from whose variables it takes values"
    else:
        kept = ""
    if kept:
        raise HarnessError(
            "a function in a setting must carry no values of its own, which its name does not tell",
            f"{value!r}, {kept}",
            "Make it a frozen dataclass with __call__, whose fields say what it is.",
        )
    if not callable(value) or "<lambda>" in name:
        raise HarnessError(
            "a setting must be a plain value, a frozen dataclass, or a named function or class",
            repr(value),
            "Make it a frozen dataclass, whose fields say what it is.",
        )


def _check_class(kind: type) -> None:
    """Check that a dataclass takes no values from a function that it is made in.

    Raises:
        HarnessError: a method of it does.
    """
    for each in vars(kind).values():
        code = getattr(each, "__code__", None)
        # what dataclass itself adds was made elsewhere; super() takes the class from around it
        if not isinstance(code, CodeType):
            continue
        own = code.co_qualname.startswith(f"{kind.__qualname__}.")
        if own and set(code.co_freevars) - {"__class__"}:
            raise HarnessError(
                "a class in a Training must take no variables of a function that it stands in",
                f"{kind.__qualname__}, which takes {', '.join(code.co_freevars)}",
                "Make it a frozen dataclass at the top level, whose fields say what it is.",
            )


def _found_by_name(function: Any) -> bool:
    """Whether a function is what its module has under its name, as a decorated one is."""
    return getattr(sys.modules.get(function.__module__), function.__qualname__, None) is function


def _as_declared(item: dataclasses.Field[Any], owner: Any) -> Any:
    """Return a field's value; a whole number as a float where the field is declared as one."""
    value = getattr(owner, item.name)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if item.type in (float, "float") else value
    return value


def _is_default(item: dataclasses.Field[Any], value: Any) -> bool:
    if item.default is not dataclasses.MISSING:
        default = item.default
    elif item.default_factory is not dataclasses.MISSING:
        default = item.default_factory()
    else:
        return False
    return type(default) is type(value) and bool(default == value)


def definitions(value: Any) -> Iterator[type | Any]:
    """Yield every class and function that a declared value is made of, itself first.

    Raises:
        HarnessError: a function's name does not say what it is (a lambda, a closure).
    """
    if isinstance(value, tuple | list):
        for each in value:
            yield from definitions(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from definitions(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        _check_class(type(value))
        yield type(value)
        for item in dataclasses.fields(value):
            yield from definitions(getattr(value, item.name))
    elif isinstance(value, type):
        yield value
    elif callable(getattr(value, "fingerprint", None)):
        yield type(value)
    elif callable(value):
        _check_named(value)
        yield value
