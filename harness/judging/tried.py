"""Settings that a search tried: what became of each, the best so far, and what lies on an edge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.floats import mean_of
from harness.judging.shares import axis
from harness.study.searching import Searching
from harness.study.settings import Choice, Settings
from harness.trials.records import Record
from harness.trials.searched import TriedSettings

TriedState = Literal["complete", "failed", "pruned", "running"]

NEAR = 0.05
"""How near to an end of its space a value counts as on the edge: a twentieth of the axis."""


@dataclass(frozen=True)
class Tried:
    """Settings that the search tried.

    Attributes:
        place: in the order asked for, from 0; the default comes first.
        batch: which cohort they were asked for in, from 0.
        settings: values of those in use.
        values: of each objective, the mean over the trials that gave one; NaN where none did. Of
            settings that were stopped early, the last that were seen.
        state: ``"complete"`` where every trial of theirs is, ``"failed"`` where one failed,
            ``"pruned"`` where they were stopped early, else ``"running"``.
        broken: the constraints that they break, of complete ones.
        reason: why they failed; empty otherwise.
        trials: trials of theirs that have ended.
        metrics: of each metric that a constraint is on, what values are of objectives.
        key: of their first trial.
    """

    place: int
    batch: int
    settings: Settings
    values: tuple[float, ...]
    state: TriedState
    broken: tuple[str, ...] = ()
    reason: str = ""
    trials: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    key: str = ""

    @property
    def number(self) -> int:
        """Its number for people, from 1."""
        return self.place + 1

    @property
    def fits(self) -> bool:
        """Whether they can be taken: every trial is complete, and constraints hold."""
        return self.state == "complete" and not self.broken

    @property
    def value(self) -> float:
        """The first objective."""
        return self.values[0]


@dataclass(frozen=True)
class Edge:
    """A setting whose best value may lie beyond what was tried.

    Attributes:
        name: of the setting.
        side: on which side, ``"smallest"`` or ``"largest"``.
        extreme: whether no smaller (larger) value was tried.
        near: whether it lies within a twentieth of that end of its space.
    """

    name: str
    side: Literal["smallest", "largest"]
    extreme: bool
    near: bool


def tried_settings(
    searching: Searching,
    place: int,
    batch: int,
    kept: TriedSettings,
    wanted: Sequence[str],
    by_key: Mapping[str, Record],
    *,
    over: bool,
) -> Tried:
    """Say what became of settings.

    Args:
        searching: how they were searched.
        place: in the order asked for.
        batch: which cohort they were asked for in.
        kept: what is kept of them.
        wanted: the keys of those of their trials that are run: not all seeds, where they were found
            worse than the best before.
        by_key: what has ended.
        over: whether no more of their trials are asked for.
    """
    ended = [by_key[key] for key in wanted if key in by_key]
    failed = [record for record in ended if record.state == "failed"]
    state: TriedState = "complete"
    if failed:
        state = "failed"
    elif any(record.state == "pruned" for record in ended):
        state = "pruned"
    elif len(ended) < len(wanted) or not ended:
        state = "running"
    elif len(wanted) < len(kept.keys):
        state = "pruned" if over else "running"
    given = [record for record in ended if record.state in ("complete", "pruned")]
    means = {name: _mean(given, name) for name in searching.wanted}
    values = tuple(means[name] for name in searching.objectives)
    reason = failed[0].reason if failed else ""
    if state == "complete" and not all(map(math.isfinite, values)):
        state, reason = "failed", "an objective was not finite"
    broken: tuple[str, ...] = ()
    if state == "complete":
        excesses = zip(searching.constraints, searching.excesses(means), strict=True)
        broken = tuple(each.text for each, excess in excesses if not excess <= 0)
    return Tried(
        place,
        batch,
        kept.settings,
        values,
        state,
        broken,
        reason,
        len(ended),
        {each.metric: means[each.metric] for each in searching.constraints},
        kept.keys[0] if kept.keys else "",
    )


def _mean(records: Sequence[Record], metric: str) -> float:
    values = [record.metrics.get(metric, _last(record, metric)) for record in records]
    return mean_of(value for value in values if math.isfinite(value))


def _last(record: Record, metric: str) -> float:
    """Return the last value of a metric's curve, of a trial that was ended early."""
    curve = record.curves.get(metric, ()) if record.state == "pruned" else ()
    return next((value for value in reversed(curve) if math.isfinite(value)), math.nan)


def best_so_far(tried: Sequence[Tried], *, lower: bool) -> tuple[int | None, ...]:
    """Return after each of the settings the place of the best so far; ``None`` before one fits."""
    sign = 1.0 if lower else -1.0
    best: Tried | None = None
    out: list[int | None] = []
    for each in tried:
        if each.fits and (best is None or sign * each.value < sign * best.value):
            best = each
        out.append(best.place if best else None)
    return tuple(out)


def edges(searching: Searching, tried: Sequence[Tried], settings: Settings) -> tuple[Edge, ...]:
    """Return which settings lie on an edge of what was tried, or of their space.

    Args:
        searching: how settings were searched.
        tried: all that were tried.
        settings: those that are looked at.
    """
    out = []
    for setting in searching.space:
        if isinstance(setting, Choice) or setting.name not in settings:
            continue
        own = float(settings[setting.name])
        values = {float(each.settings[setting.name]) for each in tried
                  if setting.name in each.settings}  # fmt: skip
        at = axis(setting, own)
        sides: tuple[tuple[Literal["smallest", "largest"], bool, bool], ...] = (
            ("smallest", own <= min(values), at <= NEAR),
            ("largest", own >= max(values), at >= 1 - NEAR),
        )
        out += [
            Edge(setting.name, side, extreme and len(values) > 1, near)
            for side, extreme, near in sides
            if near or (extreme and len(values) > 1)
        ]
    return tuple(out)
