"""Checks of declared values; numbers of numpy and torch become Python's.

Each check is called as ``(owner, name, value, example)``: the object with the field, or the name of
what is called; the name of the field; its value; and a value that could be written instead. It
returns the value as Python's own, and replaces numpy's or torch's in the owner's field by it.

A class whose fields are not called ``Class(name=...)`` in messages has a method ``_called(name)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, TypeVar

from harness.messages.errors import HarnessError, near
from harness.messages.levels import own

_Value = TypeVar("_Value")

Ends = Literal["[)", "[]", "(]", "()"]
_BETWEEN = {"[)": "[0, 1)", "[]": "[0, 1]", "(]": "(0, 1]", "()": "(0, 1)"}


def is_number(value: Any) -> bool:
    """Whether a value is a number, which True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any, least: float = -math.inf) -> bool:
    """Whether a value is a whole number of at least ``least``, which True and False are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def number(owner: object, name: str, value: Any, example: object) -> float:
    """Take a finite number.

    Raises:
        HarnessError: it is no finite number.
    """
    return _between(owner, name, value, example, "be a finite number")


def positive(owner: object, name: str, value: Any, example: object) -> float:
    """Take a finite number above 0.

    Raises:
        HarnessError: it is no such number.
    """
    return _between(owner, name, value, example, "be above 0 and finite", low=0, low_in=False)


def at_least(owner: object, name: str, value: Any, example: object, *, least: float = 0) -> float:
    """Take a finite number of at least ``least``.

    Raises:
        HarnessError: it is no such number.
    """
    return _between(owner, name, value, example, f"be at least {least:g} and finite", low=least)


def share(owner: object, name: str, value: Any, example: object, *, ends: Ends = "[)") -> float:
    """Take a number between 0 and 1; ``ends`` says whether 0 and 1 are allowed.

    Raises:
        HarnessError: it is no such number.
    """
    return _between(
        owner, name, value, example, f"lie in {_BETWEEN[ends]}",
        low=0, low_in=ends[0] == "[", high=1, high_in=ends[1] == "]",
    )  # fmt: skip


def _between(
    owner: object, name: str, value: Any, example: object, must: str, *,
    low: float = -math.inf, low_in: bool = True, high: float = math.inf, high_in: bool = True,
) -> float:  # fmt: skip
    plain: float = own(value)
    # NaN is neither above nor below anything, so it is refused as well
    if (
        not is_number(plain)
        or not low <= plain <= high
        or abs(plain) == math.inf
        or (plain == low and not low_in)
        or (plain == high and not high_in)
    ):
        _refuse(owner, name, plain, must, f"Write {name}={example}, say.")
    return _keep(owner, name, value, plain)


def whole(owner: object, name: str, value: Any, example: object, *, least: int = 1) -> int:
    """Take a whole number of at least ``least``.

    Raises:
        HarnessError: it is no such number.
    """
    plain: int = own(value)
    if not is_whole(plain, least):
        must = f"be a whole number of at least {least}"
        _refuse(owner, name, plain, must, f"Write {name}={example}, say.")
    return _keep(owner, name, value, plain)


def wholes(
    owner: object, name: str, value: Any, example: object, *, least: int = 1, empty: bool = False
) -> tuple[int, ...]:
    """Take a tuple of whole numbers of at least ``least``, not empty unless ``empty`` allows it.

    Raises:
        HarnessError: it is no such tuple.
    """
    plain: tuple[int, ...] = own(value)
    some = isinstance(plain, tuple) and (empty or bool(plain))
    if not some or not all(is_whole(n, least) for n in plain):
        must = f"be a tuple of whole numbers of at least {least}"
        _refuse(owner, name, plain, must, f"Write {name}={example}, say.")
    return _keep(owner, name, value, plain)


def names(owner: object, name: str, value: Any, example: tuple[str, ...]) -> tuple[str, ...]:
    """Take a tuple of names, which may be empty.

    Raises:
        HarnessError: it is no such tuple.
    """
    plain: tuple[str, ...] = own(value)
    if not isinstance(plain, tuple) or not all(isinstance(n, str) and n for n in plain):
        _refuse(owner, name, plain, "be a tuple of names", f"Write {name}={example}, say.")
    return _keep(owner, name, value, plain)


def flag(owner: object, name: str, value: Any, example: bool = True) -> bool:
    """Take True or False, which numbers are not.

    Raises:
        HarnessError: it is neither.
    """
    plain: bool = own(value)
    if not isinstance(plain, bool):
        _refuse(owner, name, plain, "be True or False", f"Write {name}={example}, say.")
    return _keep(owner, name, value, plain)


def one_of(owner: object, name: str, value: Any, choices: Sequence[str | None]) -> Any:
    """Take one of a few values, mostly names; ``choices`` are all of them, at least two.

    Raises:
        HarnessError: it is none of these values.
    """
    plain = own(value)
    if not isinstance(plain, str | None) or plain not in choices:
        *most, last = names = [repr(each) for each in choices]
        close = near(str(plain), names)
        instead = close if close.startswith("Did") else f"Write {name}={names[0]}, say."
        _refuse(owner, name, plain, f"be {', '.join(most)} or {last}", instead)
    return _keep(owner, name, value, plain)


def called(owner: object, name: str) -> str:
    """Return what a field is called in a message, such as ``SGD(lr=...)``."""
    if isinstance(owner, str):
        return f"{owner}({name}=...)"
    own_word = getattr(owner, "_called", None)
    return own_word(name) if own_word is not None else f"{type(owner).__name__}({name}=...)"


def _refuse(owner: object, name: str, value: Any, must: str, instead: str) -> NoReturn:
    raise HarnessError(f"{called(owner, name)} must {must}", repr(value), instead)


def _keep(owner: object, name: str, given: Any, plain: _Value) -> _Value:
    if plain is not given and not isinstance(owner, str):
        object.__setattr__(owner, name, plain)
    return plain
