"""Learning curves of a claim's arms: every seed thin, the mean bold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.study.claims import Sooner
from harness.study.designs import Arm, comparable
from harness.study.formatting import join, level_text, plural
from harness.study.metrics import Metric
from harness.trials.records import Record

from ..palette import light
from ..text import axis_title, factor_of, metric_of
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    labelled,
    limits,
    log_limits,
    paint,
    panel,
    plain,
    series,
    strokes,
    ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAREST = {
    "test_loss": "validation_loss",
    "test_accuracy": "validation_accuracy",
    "train_accuracy": "train_loss",
}
"""The curve shown for a metric that is measured at the end only."""


@dataclass(frozen=True)
class Group:
    """One term of a claim: curves of its seeds, each averaged over the term's arms."""

    name: str
    curves: tuple[tuple[float, ...], ...]
    mean: tuple[float, ...]


@dataclass(frozen=True)
class Curves:
    """What the learning curves of a claim show; ``target`` is what a claim wants reached."""

    metric: Metric
    instead_of: Metric | None
    groups: tuple[Group, ...]
    log: bool
    seeds: int
    target: float | None


def curves_of(results: Results, verdict: Verdict) -> Curves | None:
    """Work out the curves; ``None`` where the metric has none or no trial finished."""
    wanted = verdict.claim.metric
    finished = [each for each in results.records if each.role == "evaluate" and each.curves]
    known = {name for record in finished for name in record.curves}
    name = wanted if wanted in known else NEAREST.get(wanted, "")
    if name not in known:
        return None
    done = {
        (record.arm, record.seed): record
        for record in finished
        if record.state == "complete" and name in record.curves
    }
    groups = []
    partials = results.declaration.partials(verdict.claim)
    for partial, arms in zip(partials, comparable(results.arms, partials), strict=True):
        label = ", ".join(f"{factor}={level.name}" for factor, level in partial.items())
        if group := _group(label, arms, done, name):
            groups.append(group)
    if not groups:
        return None
    values = [value for group in groups for curve in group.curves for value in curve]
    finite = [value for value in values if math.isfinite(value)]
    # A loss that falls a long way is told apart only on a logarithmic axis.
    log = bool(finite) and min(finite) > 0 and max(finite) > 20 * min(finite)
    metric = metric_of(results.declaration, name)
    log = log and metric.unit != "fraction"
    return Curves(
        metric, verdict.metric if wanted != name else None, tuple(groups), log,
        max(len(group.curves) for group in groups),
        verdict.claim.reaches if isinstance(verdict.claim, Sooner) else None,
    )  # fmt: skip


def _group(
    label: str, arms: Sequence[Arm], done: Mapping[tuple[str, int], Record], name: str
) -> Group | None:
    seeds = sorted({seed for _, seed in done})
    rows = []
    for seed in seeds:
        curves = [done[arm.name, seed].curves[name] for arm in arms if (arm.name, seed) in done]
        # As the claim does: a seed counts where every arm of the term finished.
        if curves and len(curves) == len(arms) and len({len(curve) for curve in curves}) == 1:
            rows.append(_average(curves))
    rows = [row for row in rows if row]
    if not rows:
        return None
    same = len({len(row) for row in rows}) == 1
    return Group(label, tuple(rows), _average(rows) if same else ())


def _average(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(values) / len(values) for values in zip(*curves, strict=True))


def draw_curves(values: Curves) -> Picture:
    """Draw them on one axis."""
    metric = values.metric
    ends = join(
        f"{group.name} ends at {level_text(metric, group.mean[-1])}"
        for group in values.groups
        if group.mean
    )
    instead = (
        f" {values.instead_of.title} itself is measured at the end only."
        if values.instead_of
        else ""
    )
    if metric.name == "train_loss":
        when = "by epoch"
        instead += (
            " The curve is the running mean over each epoch's batches while training; the metric "
            "itself is measured after the last step in evaluation mode, so the ends differ."
        )
    else:
        when = "after each epoch"
    axis = ", on a logarithmic axis" if values.log else ""
    if values.target is not None:
        instead += f" Dashed: the target, {level_text(metric, values.target)}."
    return paint(
        (COLUMN, 3.0),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} by epoch, mean over seeds: {ends or 'no common length'}.",
        caption=f"{metric.title} {when}{axis}. "
        "Thin: each seed in which every arm of a side finished after equally many epochs "
        f"({plural(values.seeds, 'seed')} at most); bold: their mean"
        f"{'' if all(group.mean for group in values.groups) else ', where all are as long'}; no "
        f"interval is drawn. Failed trials are not drawn, but counted below.{instead}",
    )


def _pieces(curve: Sequence[float], scale: float) -> list[list[tuple[float, float]]]:
    """Return a curve's points by epoch; in several pieces where it has gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for epoch, value in enumerate(curve, 1):
        if math.isfinite(value):
            pieces[-1].append((float(epoch), scale * value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]


def _draw(figure: Figure, values: Curves) -> None:
    metric = values.metric
    scale = factor_of(metric)
    room = 0.17 * len(values.groups)
    axes = panel(figure, 0.68, 0.5, 3.62, 2.4 - room)
    shown: list[float] = []
    length = 1
    for place, group in enumerate(values.groups):
        look = series(place)
        thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45}
        if len(group.curves) > MANY:
            pieces = [piece for curve in group.curves for piece in _pieces(curve, scale)]
            strokes(axes, pieces, edgecolor=look["color"], zorder=2, **thin)
        for curve in group.curves:
            epochs = range(1, len(curve) + 1)
            ordinates = [scale * value if math.isfinite(value) else math.nan for value in curve]
            if len(group.curves) <= MANY:
                axes.plot(epochs, ordinates, color=look["color"], **thin)
            shown += [value for value in ordinates if math.isfinite(value)]
            length = max(length, len(curve))
        means = [scale * v if math.isfinite(v) else math.nan for v in group.mean]
        every = max(1, len(means) // 6)
        axes.plot(
            range(1, len(means) + 1), means, linewidth=2.3, markersize=5,
            label=labelled(group.name),
            markevery=(min(place, max(len(means) - 1, 0)), every), **look,
        )  # fmt: skip
    if values.target is not None and not (values.log and values.target <= 0):
        target = scale * values.target
        axes.axhline(target, color=light("axis"), linewidth=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        shown.append(target)
    axes.set_xlim(1 - 0.02 * length, length * 1.02)
    if values.log:
        axes.set_yscale("log")
        axes.set_ylim(*log_limits(shown))
    else:
        axes.set_ylim(*limits(shown))
    ticks(axes.yaxis, 6, log=values.log)
    ticks(axes.xaxis, 6, whole=True)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(plain(axis_title(metric), 44))
    axes.grid(axis="y")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.0, labelspacing=0.25,
        handlelength=3.2,
    )  # fmt: skip
