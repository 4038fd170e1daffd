"""A gate's result as ``gate.json`` holds it, and read back whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.gate.outcome import GateResult
from harness.messages.errors import HarnessError

FORMAT = 1
"""The version of ``gate.json``; it rises when a reader of before would misread it."""


def plain(result: GateResult) -> dict[str, Any]:
    """Return a result as JSON takes it: with its answer, and null for what is not a number."""
    whole = {
        "format": FORMAT,
        "answer": result.answer,
        "exit_code": result.exit_code,
        **dataclasses.asdict(result),
    }
    cleaned: dict[str, Any] = _without_nan(whole)
    return cleaned


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        # infinity, of a share of 0, is no JSON either, and is told by the values beside it
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value


def text(result: GateResult) -> str:
    """Return what ``gate.json`` holds."""
    return json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(file: Path) -> GateResult:
    """Read ``gate.json``.

    Raises:
        HarnessError: it is not there, is no JSON, is of another format, lacks something, holds
            something else, or its answer is not the one that its rows give.
    """
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(file, f"{type(error).__name__}: {error}") from error
    return of(loaded(content, file), file)


def loaded(content: str, file: Path) -> Any:
    """Read JSON, in which a number is a number.

    Raises:
        HarnessError: it is empty, cut off or no JSON, or holds NaN.
    """
    if not content.strip():
        raise _refused(file, "an empty file")
    try:
        return json.loads(content, parse_constant=_no_constant)
    except ValueError as error:
        raise _refused(file, f"no JSON ({error})") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def of(value: object, file: Path) -> GateResult:
    """Return the result that JSON's values are; see :func:`read`."""
    if not isinstance(value, dict):
        raise _refused(file, f"{type(value).__name__} in the place of a table")
    if value.get("format") != FORMAT:
        raise _refused(file, f"format {value.get('format')!r}, where this harness reads {FORMAT}")
    given = {name: each for name, each in value.items() if name not in {"format", *_WORKED_OUT}}
    try:
        result = _made(GateResult, given, "result")
    except ValueError as error:
        raise _refused(file, str(error)) from error
    for name in _WORKED_OUT:
        if value.get(name) != getattr(result, name):
            said = f"{name} {value.get(name)!r}, where its rows give {getattr(result, name)!r}"
            raise _refused(file, said)
    assert isinstance(result, GateResult)
    return result


_WORKED_OUT = ("answer", "exit_code")


def _refused(file: Path, got: str) -> HarnessError:
    return HarnessError(
        f"{file} must be what harness has written", got, "Nothing was read of it: run it again."
    )


def _made(kind: Any, value: Any, where: str) -> Any:
    """Make a value of a declared type from JSON's, converting nothing but null to NaN."""
    origin, inside = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _made_class(kind, value, where)
    if origin is Literal:
        return _one(value in inside and isinstance(value, str), value, where)
    if origin in {Union, types.UnionType}:
        return _one(any(value in get_args(each) for each in inside), value, where)
    if origin is tuple:
        _one(isinstance(value, list), value, where)
        return tuple(_made(inside[0], each, f"{where}[{at}]") for at, each in enumerate(value))
    if origin is Mapping:
        _one(isinstance(value, dict), value, where)
        return {name: _made(inside[1], each, f"{where}.{name}") for name, each in value.items()}
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return math.nan if value is None else float(_one(number, value, where))
    if kind is int:
        return _one(type(value) is int, value, where)
    return _one(isinstance(value, kind), value, where)


def _made_class(kind: Any, value: Any, where: str) -> Any:
    names = [each.name for each in dataclasses.fields(kind)]
    _one(isinstance(value, dict), value, where)
    for problem, found in (
        ("lacks", [name for name in names if name not in value]),
        ("holds also", [name for name in value if name not in names]),
    ):
        if found:
            raise ValueError(f"a {where} that {problem} {', '.join(found)}")
    hints = get_type_hints(kind)
    return kind(**{name: _made(hints[name], value[name], f"{where}.{name}") for name in names})


def _one(fits: bool, value: Any, where: str) -> Any:
    if not fits:
        raise ValueError(f"{where} {value!r}")
    return value
