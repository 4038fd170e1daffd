"""What learning curves show: for each side of a claim, or each arm, its seeds and their mean."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.messages.levels import Level
from harness.study.claims import Sooner
from harness.study.designs import Arm, comparable
from harness.study.metrics import Metric
from harness.tasks.scores import BETTER
from harness.trials.records import Record

from ..levels import NEUTRAL, Look, levels_of
from ..text import factor_of, metric_of
from .curve_axis import CurveAxis, curve_axis

NEAREST = {
    "train_accuracy": "train_loss",
    **{f"test_{score}": f"validation_{score}" for score in BETTER},
}
"""The curve shown for a metric that is measured at the end only."""

MOST_ARMS = 12
"""Arms whose curves are drawn together."""


Curve = tuple[tuple[int, float], ...]
"""Where its points are, as epochs or steps, and their values; NaN is a gap."""


@dataclass(frozen=True)
class Group:
    """One term of a claim: curves of its seeds, each averaged over the term's arms.

    Attributes:
        name: the term.
        curves: a curve for each seed: where its points are, and their values.
        mean: the mean of all, where they have the same points; else empty.
        look: of the term's levels.
        short: its name beside the line.
    """

    name: str
    curves: tuple[Curve, ...]
    mean: Curve
    look: Look = NEUTRAL
    short: str = ""


@dataclass(frozen=True)
class Curves:
    """What the learning curves of a claim show.

    Attributes:
        metric: of the curves.
        instead_of: the claim's metric, where that has no curve.
        groups: the terms.
        seeds: the most that a term has.
        target: what a claim wants reached.
        counted: what points are counted by, ``"epoch"`` or ``"step"``.
        of_arms: how many arms there are, where each group is an arm; 0 where groups are terms.
    """

    metric: Metric
    instead_of: Metric | None
    groups: tuple[Group, ...]
    seeds: int
    target: float | None
    counted: str = "epoch"
    of_arms: int = 0

    @cached_property
    def axis(self) -> CurveAxis:
        """The axis that they are drawn on."""
        lines = [[value for _, value in curve] for group in self.groups for curve in group.curves]
        means = [[value for _, value in group.mean] for group in self.groups]
        return curve_axis(lines, self.metric, factor_of(self.metric), means, self.target)


def curves_of(results: Results, verdict: Verdict) -> Curves | None:
    """Work out the curves; ``None`` where the metric has none or no trial finished."""
    wanted = verdict.claim.metric
    name = _shown_for(results, wanted)
    if not name:
        return None
    partials = results.declaration.partials(verdict.claim)
    looks = levels_of(results)
    terms = [
        _Term(_named(partial), arms, looks.look(partial), _named(_apart(partial, partials)))
        for partial, arms in zip(partials, comparable(results.arms, partials), strict=True)
    ]
    found = _curves(results, name, terms)
    if found is None:
        return None
    reaches = verdict.claim.reaches if isinstance(verdict.claim, Sooner) else None
    return replace(found, instead_of=verdict.metric if wanted != name else None, target=reaches)


def arm_curves(results: Results, name: str) -> Curves | None:
    """Work out one curve of each arm, of the first few; ``None`` where no trial finished."""
    looks = levels_of(results)
    arms = [
        _Term(arm.name, (arm,), looks.of_arm(arm.name), looks.short(arm.name))
        for arm in results.arms[:MOST_ARMS]
    ]
    found = _curves(results, name, arms)
    return found and replace(found, of_arms=len(results.arms))


def curve_names(results: Results) -> list[str]:
    """Return the names of all curves: those of metrics first, as declared, then what else is."""
    finished = (each for each in results.records if each.role == "evaluate")
    known = dict.fromkeys(name for record in finished for name in record.metric_curves)
    declared = (metric.name for metric in results.declaration.metrics)
    return list(dict.fromkeys([*(name for name in declared if name in known), *known]))


def _shown_for(results: Results, wanted: str) -> str:
    """Return the curve that is shown for a metric; empty where there is none."""
    known = curve_names(results)
    return next((name for name in (wanted, NEAREST.get(wanted)) if name in known), "") or ""


@dataclass(frozen=True)
class _Term:
    name: str
    arms: Sequence[Arm]
    look: Look
    short: str


def _named(partial: Mapping[str, Level]) -> str:
    return ", ".join(f"{factor}={level.name}" for factor, level in partial.items())


def _apart(
    partial: Mapping[str, Level], partials: Sequence[Mapping[str, Level]]
) -> Mapping[str, Level]:
    """Leave out what a claim's terms share."""
    return {
        factor: level
        for factor, level in partial.items()
        if any(other.get(factor) != level for other in partials)
    }


def _curves(results: Results, name: str, terms: Sequence[_Term]) -> Curves | None:
    """Work out the curves of terms, each with the arms that it is averaged over."""
    done = {
        (record.arm, record.seed): record
        for record in results.records
        if record.role == "evaluate" and record.state == "complete" and name in record.curves
    }
    seen = _seen(done.values(), name)
    each_curve = {place: _curve(record, name, seen) for place, record in done.items()}
    groups = [group for term in terms if (group := _group(term, each_curve))]
    if not groups:
        return None
    return Curves(
        metric_of(results.declaration, name), None, tuple(groups),
        max(len(group.curves) for group in groups),
        None,
        "step" if any(record.counted == "step" for record in done.values()) else "epoch",
    )  # fmt: skip


def _seen(records: Iterable[Record], name: str) -> frozenset[int]:
    """Return the points at which some trial has a value.

    At others nobody reported the metric: those are no gaps, which is what a NaN is where others
    have a value.
    """
    return frozenset(
        at
        for record in records
        for at, value in zip(record.points, record.curves[name], strict=False)
        if math.isfinite(value)
    )


def _curve(record: Record, name: str, seen: Container[int]) -> Curve:
    points = zip(record.points, record.curves[name], strict=False)
    return tuple((at, value) for at, value in points if at in seen)


def _group(term: _Term, done: Mapping[tuple[str, int], Curve]) -> Group | None:
    seeds = sorted({seed for _, seed in done})
    rows = []
    for seed in seeds:
        curves = [done[arm.name, seed] for arm in term.arms if (arm.name, seed) in done]
        # As the claim does: a seed counts where every arm of the term finished.
        if curves and len(curves) == len(term.arms) and _alike(curves):
            rows.append(_average(curves))
    rows = [row for row in rows if row]
    if not rows:
        return None
    mean = _average(rows) if _alike(rows) else ()
    return Group(term.name, tuple(rows), mean, term.look, term.short)


def _alike(curves: Sequence[Curve]) -> bool:
    """Whether curves have the same points."""
    return len({tuple(at for at, _ in curve) for curve in curves}) == 1


def _average(curves: Sequence[Curve]) -> Curve:
    return tuple(
        (points[0][0], sum(value for _, value in points) / len(points))
        for points in zip(*curves, strict=True)
    )
