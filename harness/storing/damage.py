"""What is wrong with a row of a store: it is named and left out, and is no result.

A damaged row must cost one line, never a command. Whoever reads a store gives each trial to
:func:`trial_wrong`, each note to :func:`harness.storing.notes.note_wrong`, and what they find to
the store's :class:`Noticed`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from harness.messages.printable import quoted
from harness.study.converter import shortly
from harness.study.metrics import METRICS
from harness.trials.records import Role, role_named

BROKEN = "harness:broken"
"""The attribute under which a reader hands on the parts of a trial that it could not read."""

ASIDE = "damaged/"
"""What the names of attributes begin with under which damaged ones are kept."""

_NUMBERS = frozenset({int, float})
_NEAR = 1e-3
"""So far beyond the ends of a metric's range nothing is said: rounding does that."""


class Unreadable(str):
    """A text that stands where a value should, kept as it was found.

    Attributes:
        why: why it is no value.
    """

    why: str

    def __new__(cls, text: object, why: str) -> Unreadable:
        """Keep a text, and why it could not be read."""
        made = super().__new__(cls, "" if text is None else str(text))
        made.why = why
        return made


@dataclass(frozen=True)
class Damage:
    """One damaged row.

    Attributes:
        store: the store, without secrets.
        study: the Optuna study's name; empty where the damage is to the store as a whole.
        trial: the trial's number in it; ``None`` where the damage is to the study.
        part: which attribute or value, or line of a journal.
        wrong: what is wrong with it.
    """

    store: str
    study: str
    trial: int | None
    part: str
    wrong: str

    def __str__(self) -> str:
        study = f"study {self.study}" if self.study else ""
        trial = "" if self.trial is None else f"trial {self.trial}"
        return f"{', '.join(filter(None, (self.store, study, trial, self.part)))}: {self.wrong}"


@dataclass
class Noticed:
    """What was noticed of a store while it was read, each once.

    Attributes:
        damage: the rows that were left out.
        lost: sentences on finished trials that are gone.
        told: sentences that somebody has been told.
    """

    damage: dict[Damage, None] = field(default_factory=dict)
    lost: dict[str, None] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def untold(self) -> list[str]:
        """Return a sentence for all that was not told yet, and count it as told."""
        every = [
            *self.lost,
            *(
                f"damaged, and left out: {damage}; "
                f"`harness doctor --store {quoted(damage.store)} --mend` sets it aside"
                for damage in self.damage
            ),
        ]
        fresh = [each for each in every if each not in self.told]
        self.told.update(fresh)
        return fresh

    def sentences(self) -> list[str]:
        """Return a sentence for each damaged row."""
        return [f"A damaged row was left out: {each}." for each in self.damage]


class Row(Protocol):
    """A trial as a storage gives it."""

    user_attrs: dict[str, Any]
    params: dict[str, Any]
    distributions: dict[str, Any]
    values: Any


def trial_wrong(trial: Row, state: str) -> dict[str, str]:
    """Return what is wrong with a trial, by part; a trial without an entry here is whole.

    Args:
        trial: the trial, not a withdrawn one.
        state: ``"complete"``, ``"pruned"``, ``"failed"`` or ``"running"``.
    """
    attrs = trial.user_attrs
    wrong = {part: text.why for part, text in attrs.get(BROKEN, {}).items()}
    checks: list[tuple[str, Callable[[], str]]] = [
        ("attribute trial", lambda: _description(attrs.get("trial"), present="trial" in attrs)),
        ("attribute runner", lambda: runner_wrong(attrs.get("runner", ""))),
        ("parameters", lambda: _parameters(trial)),
    ]
    if state == "failed":
        checks.append(("attribute reason", lambda: _text(attrs.get("reason", ""))))
    if state != "running" and (state == "complete" or "record" in attrs):
        whole = state in {"complete", "pruned"}
        checks.append(("attribute record", lambda: _record(attrs, whole)))
    if state == "complete":
        checks.append(("value", lambda: _values(trial.values)))
    for part, check in checks:
        if part not in wrong and (why := check()):
            wrong[part] = why
    return wrong


def spoils(part: str) -> bool:
    """Whether damage to a part of a trial leaves nothing that could be a result.

    Columns for optuna-dashboard, points of a curve and attributes of others are shown, and count
    for nothing.
    """
    own = {"attribute trial", "attribute runner", "attribute record", "attribute reason",
           "parameters", "value", "state", "number"}  # fmt: skip
    return part in own or part.startswith("parameter ")


def _description(about: Any, *, present: bool) -> str:
    if not present:
        return "there is none"
    if not isinstance(about, dict):
        return f"no mapping, but {shortly(about)}"
    kinds = {"key": str, "arm": str, "role": str, "code": str, "training": dict}
    return (
        _lacks(about, kinds)
        or _kinds(about, kinds)
        or ("" if about["key"] else "an empty key")
        or (
            ""
            if role_named(about["role"]) in get_args(Role)
            else f"no role is {shortly(about['role'])}"
        )
    )


def runner_wrong(name: Any) -> str:
    """Return why a text names no process; empty where it does, or is empty."""
    whole = isinstance(name, str) and (not name or re.fullmatch(r"(?s).+/-?\d+/-?\d+", name))
    return "" if whole else f"no process is {shortly(name)}"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"no text, but {shortly(value)}"


def _parameters(trial: Row) -> str:
    seed = trial.params.get("seed")
    if type(seed) is not int or seed < 0:  # how large it may be, its distribution says
        return f"the seed is {shortly(seed)}"
    for name, value in trial.params.items():
        low = getattr(trial.distributions[name], "low", None)
        if low is None:
            continue  # one of several, which is looked up by its place
        high = trial.distributions[name].high
        if type(value) not in _NUMBERS or not low <= value <= high:
            return f"{name} is {shortly(value)}, and must lie between {low:g} and {high:g}"
    return ""


def _values(values: Any) -> str:
    whole = values and _NUMBERS.issuperset(map(type, values))
    return "" if whole else "there is none" if not values else f"no number is {shortly(values[0])}"


def _record(attrs: Mapping[str, Any], complete: bool) -> str:
    if "record" not in attrs:
        return "there is none"
    record = attrs["record"]
    if not isinstance(record, dict):
        return f"no mapping, but {shortly(record)}"
    kinds = {"metrics": dict, "curves": dict, "cost": dict, "env": str}
    wrong = _lacks(record, kinds) or _kinds(record, kinds)
    layers = record.get("layers", {})
    if not wrong and not isinstance(layers, dict):
        wrong = f"layers is no mapping, but {shortly(layers)}"
    if not wrong and complete and not record["metrics"]:
        wrong = "it has no metrics"
    if wrong:
        return wrong
    return (
        _scalars("metrics", record["metrics"])
        or _finite(record["metrics"])
        or (_in_range(record["metrics"]) if _trained(attrs) else "")
        or _scalars("cost", record["cost"])
        or next((f"cost {n} is {v}" for n, v in record["cost"].items() if not v >= 0), "")
        or _lists("curves", record["curves"])
        or _lists("layers", layers)
    )


def _trained(attrs: Mapping[str, Any]) -> bool:
    """Whether the harness's trainer gave the metrics: of others' it does not know the units."""
    about = attrs.get("trial")
    training = about.get("training") if isinstance(about, dict) else None
    return not isinstance(training, dict) or training.get("type") == "Training"


def _finite(metrics: Mapping[str, float]) -> str:
    return next((f"{n} is {v}" for n, v in metrics.items() if not math.isfinite(v)), "")


def _in_range(metrics: Mapping[str, float]) -> str:
    for name, value in metrics.items():
        known = METRICS.get(name)
        if known is None:
            continue
        high = 1.0 if known.unit == "fraction" else math.inf
        if not known.least - _NEAR <= value <= high + _NEAR:
            return f"{name} is {value:g}, and must lie between {known.least:g} and {high:g}"
    return ""


def _scalars(what: str, values: Mapping[str, Any]) -> str:
    if _NUMBERS.issuperset(map(type, values.values())):
        return ""
    name = next(name for name, value in values.items() if type(value) not in _NUMBERS)
    return f"{what} {name} is no number, but {shortly(values[name])}"


def _lists(what: str, lists: Mapping[str, Any]) -> str:
    for name, values in lists.items():
        if type(values) is not list or not _NUMBERS.issuperset(map(type, values)):
            return f"{what} {name} is no list of numbers"
    return ""


def _lacks(value: Mapping[str, Any], names: Iterable[str]) -> str:
    missing = [name for name in names if name not in value]
    return f"it lacks {', '.join(missing)}" if missing else ""


def _kinds(value: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]]) -> str:
    words = {dict: "mapping", list: "list", str: "text", int: "whole number", bool: "yes or no"}
    for name, kind in kinds.items():
        if name in value and not isinstance(value[name], kind):
            wanted = words[kind] if isinstance(kind, type) else "number"
            return f"{name} is no {wanted}, but {shortly(value[name])}"
    return ""
