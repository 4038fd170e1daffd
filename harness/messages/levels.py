"""Levels of factors and the names they go by."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from harness.messages.errors import HarnessError
from harness.messages.printable import check_name, is_printable

PLAIN = bool | int | float | str
"""The kinds of value that are their own name."""


@dataclass(frozen=True)
class Level:
    """One value of a factor, and the name it goes by in tables, plots and claims."""

    name: str
    value: Any

    @property
    def plain(self) -> bool | int | float | str:
        """The value where it is plain, else its name: what is written in records."""
        if isinstance(self.value, str) and not is_printable(self.value):
            return self.name
        return self.value if isinstance(self.value, PLAIN) else self.name


def own(value: Any) -> Any:
    """Return Python's number, text or truth for one of numpy's or torch's; the rest as it is.

    A number of half or single precision becomes the number that it prints as: 0.1, and not
    0.10000000149011612. Values in tuples, lists and mappings are replaced, too.

    Args:
        value: any declared value.
    """
    if type(value) in (tuple, list):
        return type(value)(own(each) for each in value)
    if isinstance(value, dict):
        return {own(name): own(each) for name, each in value.items()}
    kind = type(value).__module__
    if kind != "numpy" and not kind.startswith("torch"):
        return value
    if getattr(value, "shape", None) != ():
        return value
    if kind != "numpy":
        return _of_tensor(value)
    if type(value).__name__ == "ndarray":  # of no dimensions, which is a number, too
        value = value[()]
    plain = value.item()
    if isinstance(plain, float) and value.dtype.itemsize < 8:
        return float(str(value))
    return float(plain) if type(plain).__name__ == "longdouble" else plain


def _of_tensor(value: Any) -> Any:
    try:
        return own(value.detach().cpu().numpy())
    except TypeError:  # a kind that numpy does not have, such as bfloat16
        return value.item()


def check_level(factor: str, level: Level) -> None:
    """Check that a level's name can be shown.

    Raises:
        HarnessError: it cannot.
    """
    instead = f"Give it a name: Factor({factor!r}, {{'first': ..., 'second': ...}})."
    check_name(f"the name of a level of factor {factor!r}", level.name, instead)


def level_name(value: Any) -> str:
    """Name a level: plain values as they read, objects by class and what differs from defaults.

    Raises:
        HarnessError: the value has no stable name (a lambda, a list, a plain object).
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [
            f"{item.name}={level_name(getattr(value, item.name))}"
            for item in dataclasses.fields(value)
            if getattr(value, item.name) != _default(item)
        ]
        return type(value).__name__ + (f"({', '.join(shown)})" if shown else "")
    if isinstance(value, tuple):
        return f"({', '.join(level_name(each) for each in value)})"
    name = getattr(value, "__name__", "<lambda>")
    if name == "<lambda>":
        raise HarnessError(
            "a level must be a plain value, a frozen dataclass, or a named class or function",
            repr(value),
            "Give it a name: Factor('optimizer', {'adam': make_adam, 'sgd': make_sgd}).",
        )
    return str(name)


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default
