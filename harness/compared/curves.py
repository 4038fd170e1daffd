"""Learning curves of an arm in several runs, as means over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.compared.sides import Side
from harness.floats import mean_of
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric
from harness.tasks.scores import BETTER
from harness.trials.records import Record

MOST_CURVES = 2
"""Metrics whose curves are compared: what settings are chosen by, and what the first claims with a
curve are about."""

NEAREST = {
    "train_accuracy": "train_loss",
    **{f"test_{score}": f"validation_{score}" for score in BETTER},
}
"""The curve that is shown for a metric that is measured at the end only."""

Points = tuple[tuple[float, float], ...]
"""Epochs or steps, and the values there, all of them finite."""


@dataclass(frozen=True)
class Line:
    """The curves of one arm in one run.

    Attributes:
        label: the run's letter.
        seeds: a curve for each seed that finished.
        mean: their mean, where they have the same points; else empty.
    """

    label: str
    seeds: tuple[Points, ...]
    mean: Points


@dataclass(frozen=True)
class ArmCurves:
    """One metric's curves of one arm, in all runs that have them.

    Attributes:
        arm: its name.
        metric: the metric.
        counted: what points are counted by, ``"epoch"`` or ``"step"``.
        lines: one for each run, the base first.
    """

    arm: str
    metric: Metric
    counted: str
    lines: tuple[Line, ...]


def arm_curves(sides: Sequence[Side], arms: Sequence[str]) -> tuple[ArmCurves, ...]:
    """Return the curves of arms that two runs or more have, metric by metric.

    Args:
        sides: the runs, the base first.
        arms: the names of arms, in order.
    """
    out = []
    for name in _names(sides):
        metric = next(found for side in sides if (found := _metric(side, name)) is not None)
        for arm in arms:
            lines = tuple(filter(None, (_line(side, arm, name) for side in sides)))
            if len(lines) > 1:
                out.append(ArmCurves(arm, metric, _counted(sides, arm), lines))
    return tuple(out)


def _names(sides: Sequence[Side]) -> list[str]:
    """Return the names of the curves to show: those that mean the same in all runs."""
    wanted = [
        name
        for side in sides
        for name in (
            *side.declaration.objectives,
            *(claim.metric for claim in side.declaration.claims),
        )
    ]
    known = {
        name for side in sides for record in side.trials.values() for name in record.metric_curves
    }
    shown = dict.fromkeys(name if name in known else NEAREST.get(name, "") for name in wanted)
    return [name for name in shown if name in known and _alike(sides, name)][:MOST_CURVES]


def _alike(sides: Sequence[Side], name: str) -> bool:
    metrics = [_metric(side, name) for side in sides]
    return len({(each.unit, each.better) for each in metrics if each is not None}) == 1


def _metric(side: Side, name: str) -> Metric | None:
    try:
        return side.declaration.metric(name)
    except HarnessError:
        return None


def _counted(sides: Sequence[Side], arm: str) -> str:
    records = [record for side in sides for record in side.by_arm.get(arm, {}).values()]
    return "step" if any(record.counted == "step" for record in records) else "epoch"


def _line(side: Side, arm: str, name: str) -> Line | None:
    done = [each for each in side.by_arm.get(arm, {}).values() if each.state == "complete"]
    curves = tuple(filter(None, (_points(record, name) for record in done)))
    if not curves:
        return None
    same = len({tuple(at for at, _ in curve) for curve in curves}) == 1
    mean: Points = ()
    if same:
        mean = tuple(
            (column[0][0], mean_of(value for _, value in column))
            for column in zip(*curves, strict=True)
        )
    return Line(side.label, curves, mean)


def _points(record: Record, name: str) -> Points:
    pairs = zip(record.points, record.curves.get(name, ()), strict=False)
    return tuple((float(at), value) for at, value in pairs if math.isfinite(value))
