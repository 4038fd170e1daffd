"""What a study claims, as plain values that a store keeps, and how two such declarations differ.

:mod:`harness.running.registering` keeps each declaration with its time and the number of results
that there were; :mod:`harness.judging.history` says of each claim whether it was declared before
any. A claim that is made, or changed, when its results are known can be fitted to them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.judging.pairing import groups_of
from harness.messages.levels import level_name
from harness.study.claims import Best, Claim, Equivalent, Some
from harness.study.converter import to_plain
from harness.study.declaration import Declaration
from harness.study.designs import arm_name
from harness.study.formatting import format_difference

_TOLD = {
    "text", "source", "metric", "by", "primary", "higher", "lower", "first", "second", "arm",
    "than", "sooner", "later", "of", "at", "best", "where", "among",
}  # fmt: skip
"""Fields of claims that stand in a declaration by other names: levels stand as its sides."""

NOUNS = {"seed": "result", "round": "round of timing", "": "profile"}
"""What there is of a claim's arms, by what its metric is measured anew in."""


def declared(declaration: Declaration) -> dict[str, Any]:
    """Return what a study claims at one scale, as plain values: its claims, and its looks.

    Sides are the levels that each partial arm names; ``arms`` counts the arms that each stands for,
    and ``among`` is a hash of them, since a level that is dropped changes what is averaged over.
    """
    return {
        "looks": to_plain(declaration.looks),
        "claims": [_plain(declaration, claim) for claim in declaration.claims],
    }


def _plain(declaration: Declaration, claim: Claim) -> dict[str, Any]:
    metric = claim.effect_in(declaration.metric(claim.metric))
    groups = [
        sorted(arm_name(arm.levels) for arm in group) for group in groups_of(declaration, claim)
    ]
    sides = [
        {factor: level.name for factor, level in partial.items()}
        for partial in declaration.partials(claim)
    ]
    # of these kinds the order of some sides, or of all, says nothing
    first = 1 if isinstance(claim, Best | Some) else 0 if isinstance(claim, Equivalent) else None
    if first is not None:
        order = sorted(range(first, len(sides)), key=lambda place: sorted(sides[place].items()))
        places = [*range(first), *order]
        sides, groups = [sides[place] for place in places], [groups[place] for place in places]
    return {
        "text": claim.text,
        "source": claim.source,
        "kind": claim.kind,
        "metric": claim.metric,
        "by": float(claim.by),
        "margin": format_difference(metric, metric.margin(claim.by), signed=False),
        "primary": claim.primary,
        "options": {
            item.name: getattr(claim, item.name)
            for item in dataclasses.fields(claim)
            if item.name not in _TOLD
        },
        "sides": sides,
        "arms": [len(group) for group in groups],
        "among": _hash(groups),
        "of": NOUNS[declaration.metric(claim.metric).replicate],
    }


def content(claim: Mapping[str, Any]) -> str:
    """Return a hash of what a claim says, its sentence and its source aside."""
    names = ("kind", "metric", "by", "primary", "options", "sides", "among")
    return _hash([claim[name] for name in names])


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Registration:
    """The claims and looks of a study as they were declared at one time.

    Attributes:
        time: that moment, ISO 8601, UTC.
        claims: its claims as :func:`declared` gives them, each with ``results``: how many results
            of its arms there were.
        looks: when claims are looked at, and the level of each look.
        results: finished evaluation trials that there were in all.
        before: by :func:`content`, results at that moment of claims declared until then.
        trials: rows of the store's study then: whatever has a lower number may have been seen.
        here: whether it was declared of the same Optuna study as is judged.
    """

    time: str
    claims: tuple[Mapping[str, Any], ...]
    looks: Mapping[str, Any]
    results: int
    before: Mapping[str, int]
    trials: int
    here: bool = True


@dataclass(frozen=True)
class Change:
    """One thing that was changed, as it was before and as it is, in words."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what} from {self.before} to {self.after}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return how two versions of a claim differ, their sentences aside."""
    if content(before) == content(after):
        return ()
    out = [
        Change(name, str(before[name]), str(after[name]))
        for name in ("kind", "metric")
        if before[name] != after[name]
    ]
    if before["by"] != after["by"]:
        texts = before["margin"], after["margin"]
        if texts[0] == texts[1]:
            texts = f"{before['by']:g}", f"{after['by']:g}"
        out.append(Change("margin", *texts))
    if before["primary"] != after["primary"]:
        names = {True: "primary", False: "exploratory"}
        out.append(Change("standing", names[before["primary"]], names[after["primary"]]))
    if before["sides"] != after["sides"]:
        out.append(Change("arms", _sides(before["sides"]), _sides(after["sides"])))
    elif before["among"] != after["among"]:
        counts = [" and ".join(map(str, each["arms"])) for each in (before, after)]
        if counts[0] == counts[1]:
            counts = ["some", "others"]
        out.append(Change("arms averaged over", *counts))
    options = dict.fromkeys([*before["options"], *after["options"]])
    if before["kind"] == after["kind"]:
        out += [
            Change(name, _shown(before["options"].get(name)), _shown(after["options"].get(name)))
            for name in options
            if before["options"].get(name) != after["options"].get(name)
            and not (name == "over" and before["sides"] != after["sides"])
        ]
    return tuple(out)


def reworded(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return how the sentences and sources of two versions of a claim differ."""
    return tuple(
        Change(what, f"“{before[name]}”", f"“{after[name]}”")
        for what, name in (("sentence", "text"), ("source", "source"))
        if before[name] != after[name]
    )


def _shown(value: Any) -> str:
    return level_name(value) if isinstance(value, bool | int | float | str) else str(value)


def _sides(sides: Sequence[Mapping[str, str]], most: int = 4) -> str:
    names = [", ".join(f"{factor}={level}" for factor, level in side.items()) for side in sides]
    rest = "; ".join(names[1:most]) + (f" and {len(names) - most} more" * (len(names) > most))
    return f"({names[0]} against {rest})"


def looks_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return how two declarations of looks differ."""

    def alpha(looks: Mapping[str, Any]) -> str:
        return f"{100 * sum(looks['alphas']):.4g} %"

    out = []
    if alpha(before) != alpha(after):
        out.append(Change("α", alpha(before), alpha(after)))
    if before["seeds"] != after["seeds"]:
        out.append(
            Change("looks", *(_numbers(each["seeds"]) + " seeds" for each in (before, after)))
        )
    elif before["alphas"] != after["alphas"] and not out:
        shares = ([100 * share for share in each["alphas"]] for each in (before, after))
        out.append(Change("levels of looks", *(_numbers(each) + " %" for each in shares)))
    return tuple(out)


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
