"""What differs between a trial that was run and the same trial as it would be run now: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.identity.code import KEYS
from harness.trials.trial import Trial


def changes(before: Mapping[str, Any], after: Mapping[str, Any], where: str = "") -> list[str]:
    """Name what differs between two mappings of plain values, such as ``optimizer.lr: 0.1 → 0.2``.

    Args:
        before: the older one, nested.
        after: the newer one.
        where: the path to both.
    """
    out: list[str] = []
    for name in sorted({*before, *after}):
        path = f"{where}.{name}" if where else str(name)
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            out += changes(old, new, path)
        elif old != new:
            out.append(f"{path}: {_shown(old)} → {_shown(new)}")
    return out


def why_other(code: Mapping[str, str], written: Mapping[str, Any], now: Trial) -> list[str]:
    """Name what differs between a trial that was run and the same trial as it would be run now.

    Args:
        code: short hash per piece of code that gave it its meaning.
        written: its Training in plain values.
        now: the trial now.
    """
    return [*other_code(code, now.code), *changes(written, now.written)]


OTHER_KEYS = "keys of version"
"""How the reason begins where trials have keys of another version."""


def other_code(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name the code that differs, such as ``sgd:SGD changed``.

    Keys of two versions rest on code in different ways, so that nothing can be said but that.

    Args:
        before: short hash per piece of code, of a trial that was run.
        after: the same of a trial as it would be run now.
    """
    if before.get(KEYS, "1") != after.get(KEYS, "1"):
        return [f"{OTHER_KEYS} {before.get(KEYS, '1')}; now {after.get(KEYS, '1')}"]
    return [
        f"{name} changed" if name in before and name in after
        else f"{name} is new" if name in after
        else f"{name} is gone"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]  # fmt: skip


def _shown(value: Any) -> str:
    return "default" if value is None else str(value)
