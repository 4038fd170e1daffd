"""Dataclasses to plain JSON values and back: how all that a store keeps is written and read.

Reading is strict. A value of another kind, a missing field and a field too many are errors of one
line. Nothing is converted silently, so that what is read is what was written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from harness.study.claims import AnyClaim
from harness.study.searching import Constraint
from harness.study.settings import Setting, Value

if TYPE_CHECKING:  # takes a tenth of a second to import, too long for listing studies
    from cattrs import Converter

T = TypeVar("T")

LATER: Mapping[str, frozenset[str]] = {
    "ArmTuning": frozenset({"confirmed"}),
    "Choice": frozenset({"note"}), "Declaration": frozenset({"own", "source", "search", "folds"}),
    "Mode": frozenset({"models", "channels_last"}),
    "Manifest": frozenset({"notes", "search", "folds"}),
    "Metric": frozenset({"least"}),
    "Profile": frozenset({
        "note", "step_p95", "split", "evaluation", "validation_seconds", "peak_flops", "operators",
        "python_calls", "joules_per_step", "timeline", "shapes",
    }),
    "Timing": frozenset({"loading"}),
}  # fmt: skip
"""Fields that may be absent, by class: they came later, or are not written at their default."""

AT_DEFAULT: Mapping[str, frozenset[str]] = {
    "ArmTuning": frozenset({"confirmed"}),
    "Declaration": frozenset({"own", "source", "search", "folds"}),
    "Manifest": frozenset({"notes", "search", "folds"}),
    "Metric": frozenset({"least"}),
    "Profile": frozenset({"shapes"}),
}  # fmt: skip
"""Those that are not written at their default: minus infinity is no JSON, and what came later is
not to change what is written of studies that do not use it."""


_BY_ONE = threading.Lock()  # `cache` lets two threads make one each


class UnreadableError(ValueError):
    """Plain values are not those of the dataclass that they are read as; says why in one line."""


def to_plain(value: Any, kind: Any = None) -> Any:
    """Return a dataclass, or a collection of them, as plain JSON values.

    Args:
        value: what is written.
        kind: what it is declared as, where that is not its class.
    """
    return _converter().unstructure(value, unstructure_as=kind)


def from_plain(kind: type[T], value: Any) -> T:
    """Read what :func:`to_plain` wrote.

    Args:
        kind: the dataclass.
        value: plain JSON values.

    Raises:
        UnreadableError: they are not those of such a dataclass.
    """
    from cattrs import transform_error

    try:
        return _converter().structure(value, kind)
    except Exception as error:  # of any kind: a group of cattrs, or a refusal of the dataclass
        what, _, where = transform_error(error, format_exception=_reason)[0].rpartition(" @ $")
        raise UnreadableError(f"{where.lstrip('.')}: {what}" if where else what) from error


def tag(union: Any) -> None:
    """Let a value of one of several dataclasses be written with its class as ``kind``, and read.

    Args:
        union: the dataclasses, as in ``A | B``; none of them has a field ``kind``.
    """
    from cattrs.strategies import configure_tagged_union

    configure_tagged_union(union, _converter(), tag_name="kind")


def _reason(error: BaseException, _kind: type | None) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r}"
    return " ".join(str(error).split()) or type(error).__name__


def _converter() -> Converter:
    with _BY_ONE:
        return _made()


@cache
def _made() -> Converter:
    from cattrs import Converter
    from cattrs.cols import is_mapping
    from cattrs.gen import make_dict_unstructure_fn, override
    from cattrs.strategies import configure_tagged_union, use_class_methods

    made = Converter(
        forbid_extra_keys=True, unstruct_collection_overrides={tuple: list, Sequence: list}
    )
    made.register_structure_hook_factory(is_dataclass, _whole)
    made.register_structure_hook_factory(is_mapping, _mapping)
    for kind in (str, int, bool):
        made.register_structure_hook(kind, _only(kind))
    made.register_structure_hook(float, _only(float, int))  # a whole number stays one
    made.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
    made.register_structure_hook_func(lambda kind: kind == Sequence[float], _numbers)
    # levels are of any plain kind, and are kept by name
    made.register_structure_hook_func(
        lambda kind: kind == Sequence[Any] | Mapping[str, Any], _only(dict)
    )
    use_class_methods(made, "of_row", "row")  # of what there are thousands
    made.register_structure_hook_func(lambda kind: kind == Value, _only(bool, int, float, str))
    for union in (AnyClaim, Setting, Constraint):
        configure_tagged_union(union, made, tag_name="kind")
    made.register_unstructure_hook_factory(
        lambda kind: getattr(kind, "__name__", "") in AT_DEFAULT,
        lambda kind: make_dict_unstructure_fn(
            kind,
            made,
            **{name: override(omit_if_default=True) for name in AT_DEFAULT[kind.__name__]},  # type: ignore[arg-type]
        ),
    )
    return made


def _whole(kind: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    """Return what reads a dataclass from just its fields, also those that have a default."""
    from cattrs.gen import make_dict_structure_fn

    read = make_dict_structure_fn(kind, converter)
    names = [item.name for item in fields(kind)]
    later = LATER.get(kind.__name__, frozenset())

    def structure(value: Any, _kind: Any) -> Any:
        if type(value) is not dict:
            raise TypeError(f"no mapping, but {shortly(value)}")
        if lacking := [name for name in names if name not in value and name not in later]:
            raise TypeError(f"it lacks {', '.join(lacking)}")
        if more := [str(name) for name in value if name not in names]:
            raise TypeError(f"it has {', '.join(more)}, which is no part of it")
        return read(value, kind)

    return structure


def _mapping(kind: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    """Return what reads a mapping from a mapping alone."""
    from cattrs.cols import mapping_structure_factory

    read = mapping_structure_factory(kind, converter)

    def structure(value: Any, _kind: Any) -> Any:
        if type(value) is not dict:
            raise TypeError(f"no mapping, but {shortly(value)}")
        return read(value, kind)

    return structure


def _only(*kinds: type) -> Callable[[Any, Any], Any]:
    """Return what reads values of just these kinds: True is no 1, and "1" no number."""

    def read(value: Any, _kind: Any) -> Any:
        if type(value) not in kinds:
            what = "plain value" if len(kinds) > 2 else _WORDS[kinds[0]]
            raise TypeError(f"no {what}, but {shortly(value)}")
        return value

    return read


_WORDS: Mapping[type, str] = {
    str: "text", int: "whole number", bool: "yes or no", float: "number", dict: "mapping",
}  # fmt: skip


def _texts(value: Any, _kind: Any) -> tuple[str, ...]:
    if type(value) not in {list, tuple} or not all(type(each) is str for each in value):
        raise TypeError(f"no list of texts, but {shortly(value)}")
    return tuple(value)


def _numbers(value: Any, _kind: Any) -> list[float]:
    """Read a curve at once: one by one, thousands of points take ten times as long."""
    if type(value) is not list or not set(map(type, value)) <= {float, int}:
        raise TypeError(f"no list of numbers, but {shortly(value)}")
    return list(value)


def shortly(value: Any) -> str:
    """Return how a value is written in Python, in 60 characters at most."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
