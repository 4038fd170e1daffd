"""What two runs declare, field by field, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.compared.matched import Claims
from harness.compared.sides import Side
from harness.judging.registrations import declared, looks_changed
from harness.study.converter import to_plain
from harness.study.declaration import Declaration
from harness.study.factors import Factor, Tuned
from harness.study.formatting import DASH, first_of
from harness.study.metrics import Metric

Area = Literal["declaration", "settings", "code", "data", "environment", "hardware", "revision"]

MOST_LEVELS = 6
"""Levels of a factor that are named."""


@dataclass(frozen=True)
class Difference:
    """One thing in which two runs differ.

    Attributes:
        area: what kind of thing it is.
        what: the thing, in words.
        base: what it is in the base; a dash where there is none.
        other: what it is in the other run.
        where: in which arms, where not in all.
    """

    area: Area
    what: str
    base: str
    other: str
    where: str = ""


@dataclass(frozen=True)
class Compared:
    """One thing that two runs were compared in.

    Attributes:
        what: the thing, in words.
        differences: how they differ in it; empty where they do not.
    """

    what: str
    differences: tuple[Difference, ...]


def compare_declarations(base: Side, other: Side, claims: Claims) -> list[Compared]:
    """Compare what two runs declare.

    Args:
        base: one run.
        other: the other one.
        claims: those of both, matched.
    """
    one, two = base.declaration, other.declaration
    found = [
        _field("study", one.name, two.name),
        _field("question", f"“{one.question}”", f"“{two.question}”"),
        _field("source of results", SOURCES[one.source], SOURCES[two.source]),
        _field("scale", one.scale, two.scale),
        Compared("settings of the scale", tuple(_settings(one.settings, two.settings))),
        _field("seeds", *(str(len(side.results.seeds)) for side in (base, other))),
        _field("when claims are looked at", _looked(base), _looked(other)),
        Compared("levels of looks", tuple(_looks(one, two))),
        Compared("factors and levels", tuple(_factors(one, two))),
        Compared("claims", tuple(_claims(claims))),
        _field("what settings are chosen by", ", ".join(one.objectives), ", ".join(two.objectives)),
    ]
    if one.metrics or two.metrics:
        found.append(Compared("metrics", tuple(_metrics(one, two))))
    if one.tuned or two.tuned:
        found.append(Compared("tuned settings", tuple(_tuned(one, two))))
        found.append(_field("tuning trials of each arm", str(one.budget), str(two.budget)))
    if one.search is not None or two.search is not None:
        found.append(Compared("search", tuple(_search(one, two))))
    return found


SOURCES = {
    "build": "the harness's trainer", "train": "a function of the user's own",
    "command": "a command", "results": "results that others made",
}  # fmt: skip
"""Where results come from, in words."""


def _field(what: str, base: str, other: str) -> Compared:
    return Compared(what, tuple(_of(what, base, other)))


def _of(what: str, base: str, other: str) -> Iterator[Difference]:
    if base != other:
        yield Difference("declaration", what, base or DASH, other or DASH)


def _settings(one: Mapping[str, str], two: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*one, *two)):
        yield from _of(f"setting {name} of the scale", one.get(name, ""), two.get(name, ""))


def _looked(side: Side) -> str:
    looks = side.results.looks
    if looks is None:
        return "once, with all seeds"
    return f"with {', '.join(map(str, looks.seeds))} seeds, until decided"


def _looks(one: Declaration, two: Declaration) -> Iterator[Difference]:
    before, after = (declared(each)["looks"] for each in (one, two))
    for each in looks_changed(before, after):
        yield Difference("declaration", each.what, each.before, each.after)


def _factors(one: Declaration, two: Declaration) -> Iterator[Difference]:
    before, after = ({each.name: each for each in side.factors} for side in (one, two))
    for name in dict.fromkeys((*before, *after)):
        old, new = (
            _levels(side, factors.get(name)) for side, factors in ((one, before), (two, after))
        )
        if set(old) != set(new) or not (old and new):
            yield from _of(f"levels of {name}", _named(old), _named(new))
        elif old != new:
            yield from _of(f"order of levels of {name}", _named(old), _named(new))
    orders = [[each.name for each in side.factors] for side in (one, two)]
    if orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
        yield from _of("order of factors", *(", ".join(order) for order in orders))


def _levels(declaration: Declaration, factor: Factor | None) -> list[str]:
    """Return the names of the levels that are run, baseline first."""
    if factor is None:
        return []
    return [level.name for level in declaration.levels(factor.name)]


def _named(levels: Sequence[str]) -> str:
    return first_of(levels, MOST_LEVELS) if levels else DASH


def _claims(claims: Claims) -> Iterator[Difference]:
    for each in sorted(claims.matched, key=lambda found: found.numbers):
        for change in (*each.changes, *each.reworded):
            yield Difference(
                "declaration",
                f"{change.what} of the claim “{each.base.claim.text}”",
                change.before,
                change.after,
            )
    for gone in claims.gone:
        yield Difference("declaration", "claim", gone.claim.text, DASH)
    for new in claims.new:
        yield Difference("declaration", "claim", DASH, new.claim.text)


def _metrics(one: Declaration, two: Declaration) -> Iterator[Difference]:
    before, after = ({each.name: each for each in side.metrics} for side in (one, two))
    for name in dict.fromkeys((*before, *after)):
        old, new = (_metric(side.get(name)) for side in (before, after))
        yield from _of(f"metric {name}", old, new)


def _metric(metric: Metric | None) -> str:
    if metric is None:
        return ""
    better = f"{metric.better} is better" if metric.better else "neither is better"
    return f"“{metric.title}”, in {metric.unit or 'no unit'}, {better}"


def _tuned(one: Declaration, two: Declaration) -> Iterator[Difference]:
    before, after = ({each.name: each for each in side.tuned} for side in (one, two))
    for name in dict.fromkeys((*before, *after)):
        yield from _of(f"space of {name}", _space(before.get(name)), _space(after.get(name)))


def _space(tuned: Tuned | None) -> str:
    if tuned is None:
        return ""
    return f"{tuned.low:g} to {tuned.high:g}" + (", logarithmic" if tuned.log else "")


def _search(one: Declaration, two: Declaration) -> Iterator[Difference]:
    before, after = (
        {} if each.search is None else flat(to_plain(each.search)) for each in (one, two)
    )
    for name in dict.fromkeys((*before, *after)):
        yield from _of(f"search: {name}", before.get(name, ""), after.get(name, ""))


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Return nested plain values as texts by path, such as ``optimizer.lr``."""
    if isinstance(value, Mapping) and value:
        out: dict[str, str] = {}
        for name, each in value.items():
            out |= flat(each, f"{path}.{name}" if path else str(name))
        return out
    return {path: "default" if value is None else str(value)}
