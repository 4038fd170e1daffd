"""Levels of factors and the names they go by."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError

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
        return self.value if isinstance(self.value, PLAIN) else self.name


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
