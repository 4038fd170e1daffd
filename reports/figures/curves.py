"""Learning curves of a claim's arms, or of each arm: every seed thin, the mean bold."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.messages.levels import Level
from harness.study.claims import Sooner
from harness.study.designs import Arm, comparable
from harness.study.formatting import join, level_text, plural
from harness.study.metrics import METRICS, Metric
from harness.trials.records import Record

from ..levels import NEUTRAL, Look, levels_of
from ..palette import light
from ..text import axis_title, factor_of, metric_of
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    hint,
    limits,
    log_limits,
    paint,
    panel,
    plain,
    strokes,
    ticks,
)
from .labels import End, along, label_ends, room_for
from .multiples import FEWEST_PANELS, Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEAREST = {
    "test_loss": "validation_loss",
    "test_accuracy": "validation_accuracy",
    "train_accuracy": "train_loss",
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
        log: whether on a logarithmic axis.
        seeds: the most that a term has.
        target: what a claim wants reached.
        counted: what points are counted by, ``"epoch"`` or ``"step"``.
        of_arms: how many arms there are, where each group is an arm; 0 where groups are terms.
    """

    metric: Metric
    instead_of: Metric | None
    groups: tuple[Group, ...]
    log: bool
    seeds: int
    target: float | None
    counted: str = "epoch"
    of_arms: int = 0


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
    values = [value for group in groups for curve in group.curves for _, value in curve]
    finite = [value for value in values if math.isfinite(value)]
    # A loss that falls a long way is told apart only on a logarithmic axis.
    log = bool(finite) and min(finite) > 0 and max(finite) > 20 * min(finite)
    metric = metric_of(results.declaration, name)
    log = log and metric.unit != "fraction"
    return Curves(
        metric, None, tuple(groups), log,
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


def draw_curves(values: Curves) -> Picture:
    """Draw them on one axis."""
    metric = values.metric
    ends = join(
        f"{group.name} ends at {level_text(metric, group.mean[-1][1])}"
        for group in values.groups
        if group.mean
    )
    instead = ""
    if values.instead_of:
        ours = METRICS.get(values.instead_of.name) == values.instead_of
        why = "is measured at the end only" if ours else "has no curve"
        instead = f" {values.instead_of.title} itself {why}."
    if metric == METRICS["train_loss"]:
        when = "by epoch"
        instead += (
            " The curve is the running mean over an epoch's batches while training; the metric is "
            "measured after the last step in evaluation mode, so their ends differ."
        )
    else:
        when = "after each epoch" if values.counted == "epoch" else "by the steps reported"
    equally = "after equally many epochs" if values.counted == "epoch" else "with the same steps"
    axis = ", on a logarithmic axis" if values.log else ""
    if values.target is not None:
        instead += f" Dashed: the target, {level_text(metric, values.target)}."
    thin = f"each seed in which every arm of a side finished {equally}"
    failed = ""
    if values.of_arms:
        thin, failed = "each seed that finished", " Failed trials are not drawn."
        if values.of_arms > MOST_ARMS:
            failed += f" The first {MOST_ARMS} of {values.of_arms:,} arms are drawn."
    return paint(
        (COLUMN, _tall(values)),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} by {values.counted}, mean over seeds: {ends or 'no common length'}.",
        caption=f"{metric.title} {when}{axis}. "
        f"Thin: {thin} "
        f"({plural(values.seeds, 'seed')} at most); bold: their mean"
        f"{'' if all(group.mean for group in values.groups) else ', where all are as long'}; no "
        f"interval is drawn.{failed}{instead}",
    )


def _pieces(curve: Curve, scale: float) -> list[list[tuple[float, float]]]:
    """Return a curve's points; in several pieces where it has gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in curve:
        if math.isfinite(value):
            pieces[-1].append((float(at), scale * value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]


def _line(curve: Curve, scale: float) -> tuple[list[int], list[float]]:
    """Return a curve's points as two lists, with NaN for all that cannot be drawn."""
    values = [scale * value if math.isfinite(value) else math.nan for _, value in curve]
    return [at for at, _ in curve], values


def _draw(figure: Figure, values: Curves) -> None:
    groups = values.groups
    names = [group.short or group.name for group in groups]
    if len(groups) >= FEWEST_PANELS:
        grid = Grid(figure, len(groups), _LEFT, _tall(values))
        for place, group in enumerate(groups):
            axes = grid.panel(place, names[place], group.look.color)
            for other in groups:
                if other is not group:
                    _draw_mean(axes, values, other, faint=True)
            _draw_group(axes, values, group)
            _scale(axes, values, grid.ticks)
            grid.edge(axes, place)
        grid.titles(values.counted.capitalize(), axis_title(values.metric))
        return
    right = room_for(names)
    axes = panel(figure, _LEFT, 0.5, COLUMN - _LEFT - right - 0.04, _tall(values) - 0.62)
    for group in groups:
        _draw_group(axes, values, group)
    _scale(axes, values, (6, 5))
    axes.set_xlabel(values.counted.capitalize())
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    ends = []
    for group, name in zip(groups, names, strict=True):
        line = group.mean or max(group.curves, key=len)
        pieces = _pieces(line, factor_of(values.metric))
        if pieces and not (values.log and pieces[-1][-1][1] <= 0):
            ends.append(End(*pieces[-1][-1], name, group.look.color))
    label_ends(axes, ends)


_LEFT = 0.74


def _tall(values: Curves) -> float:
    count = len(values.groups)
    return Grid.height(count) if count >= FEWEST_PANELS else 2.75


def _draw_group(axes: Axes, values: Curves, group: Group) -> None:
    """Draw the curves of all seeds, and their mean."""
    scale, look = factor_of(values.metric), group.look
    thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45}
    if len(group.curves) > MANY:
        pieces = [piece for curve in group.curves for piece in _pieces(curve, scale)]
        strokes(axes, pieces, edgecolor=look.color, zorder=2, **thin)
    else:
        for curve in group.curves:
            axes.plot(*_line(curve, scale), color=look.color, **thin)
    _draw_mean(axes, values, group, faint=False)


def _draw_mean(axes: Axes, values: Curves, group: Group, *, faint: bool) -> None:
    points, means = _line(group.mean, factor_of(values.metric))
    if faint:
        axes.plot(points, means, color=light("rule"), linewidth=1.0, zorder=1)
        return
    every = max(1, len(means) // 6)
    axes.plot(
        points, means, linewidth=2.2, markersize=5,
        markevery=(max(len(means) - 1, 0) % every, every), **group.look.line,
    )  # fmt: skip
    metric = values.metric
    for at, value in along(group.mean):
        hint(
            axes, at, factor_of(metric) * value,
            f"{group.short or group.name}: {level_text(metric, value)} at {values.counted} {at:,}, "
            f"mean of {plural(len(group.curves), 'seed')}",
        )  # fmt: skip


def _scale(axes: Axes, values: Curves, counts: tuple[int, int]) -> None:
    """Set limits and ticks, which hold all that is drawn anywhere."""
    scale = factor_of(values.metric)
    curves = [curve for group in values.groups for curve in group.curves]
    shown = [scale * value for curve in curves for _, value in curve if math.isfinite(value)]
    if values.target is not None and not (values.log and values.target <= 0):
        target = scale * values.target
        axes.axhline(target, color=light("axis"), linewidth=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        shown.append(target)
    first = min(1, *(curve[0][0] for curve in curves))
    last = max(1, *(curve[-1][0] for curve in curves))
    beside = 0.02 * last
    axes.set_xlim(first - beside, last + beside)
    if values.log:
        axes.set_yscale("log")
        axes.set_ylim(*log_limits(shown))
    else:
        axes.set_ylim(*limits(shown))
    ticks(axes.yaxis, counts[0], log=values.log)
    ticks(axes.xaxis, counts[1], whole=True)
    axes.grid(axis="y")
