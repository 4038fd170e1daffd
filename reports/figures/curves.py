"""Learning curves of a claim's arms, or of each arm: every seed thin, the mean bold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.study.formatting import in_sentence, join, level_text, plural
from harness.study.metrics import METRICS

from ..palette import light
from ..text import axis_title, factor_of
from .canvas import (
    COLUMN,
    MANY,
    Picture,
    dots,
    hint,
    paint,
    panel,
    plain,
    strokes,
)
from .curve_values import MOST_ARMS, Curve, Curves, Group
from .labels import End, along, label_ends, room_beside, room_for
from .marks import ticks
from .multiples import FEWEST_PANELS, Grid
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_curves(values: Curves, claim: int = 0) -> Picture:
    """Draw them on one axis; ``claim`` is the number of theirs, 0 for curves of arms."""
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
    axis = ", on a logarithmic axis" if values.axis.log else ""
    if values.target is not None:
        instead += f" Dashed: the target, {level_text(metric, values.target)}."
    thin = f"each seed in which every arm of a side finished {equally}"
    failed = ""
    if values.of_arms:
        thin, failed = "each seed that finished", " Failed trials are not drawn."
        if values.of_arms > MOST_ARMS:
            failed += f" The first {MOST_ARMS} of {values.of_arms:,} arms are drawn."
    long = all(group.mean for group in values.groups)
    mean = "their mean" if long else "their mean, where all are as long"
    title = f"{metric.title} by {values.counted}"
    return paint(
        (COLUMN, _tall(values)),
        lambda figure: _draw(figure, values),
        alt=f"{metric.title} by {values.counted}, mean over seeds: {ends or 'no common length'}.",
        caption=f"{metric.title} {when}{axis}. "
        f"Thin: {thin} "
        f"({plural(values.seeds, 'seed')} at most); bold: {mean}{_unmeant(values)}; no "
        f"interval is drawn.{failed}{instead}{values.axis.said}",
        title=f"Claim {claim}: {in_sentence(metric.title)} by {values.counted}" if claim else title,
    )


def _unmeant(values: Curves) -> str:
    """Say where there is no mean, though some seeds have values."""
    lost = any(
        not math.isfinite(mean) and math.isfinite(value)
        for group in values.groups
        for curve in group.curves
        for (_, mean), (_, value) in zip(group.mean, curve, strict=False)
    )
    return ", but none where a seed's value is not finite" if lost else ""


def _pieces(curve: Curve, scale: float) -> list[list[tuple[float, float]]]:
    """Return a curve's points; in several pieces where it has gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in curve:
        if math.isfinite(value):
            pieces[-1].append((float(at), scale * value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _line(curve: Curve, scale: float) -> tuple[list[int], list[float]]:
    """Return a curve's points as two lists, with NaN for all that cannot be drawn."""
    values = [scale * value if math.isfinite(value) else math.nan for _, value in curve]
    return [at for at, _ in curve], values


def _draw(figure: Figure, values: Curves) -> None:
    groups = values.groups
    names = [group.short or group.name for group in groups]
    axis = values.axis
    steps = Grid.ticks if len(groups) >= FEWEST_PANELS else Grid.alone
    left = room_beside(tick_places(axis.low, axis.high, steps[0], log=axis.log)[1], _LEFT)
    if len(groups) >= FEWEST_PANELS:
        grid = Grid(figure, len(groups), left, _tall(values))
        for place, group in enumerate(groups):
            axes = grid.panel(place, names[place], group.look.color)
            for other in groups:
                if other is not group:
                    _draw_mean(axes, values, other, faint=True)
            _draw_group(axes, values, group)
            _scale(axes, values, steps, grid.at_edge(place))
        grid.titles(values.counted.capitalize(), axis_title(values.metric))
        return
    right = room_for(names)
    axes = panel(figure, left, 0.5, COLUMN - left - right - 0.04, _tall(values) - 0.62)
    for group in groups:
        _draw_group(axes, values, group)
    _scale(axes, values, steps)
    axes.set_xlabel(values.counted.capitalize())
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    label_ends(
        axes,
        [
            End(*at, name, group.look.color)
            for group, name in zip(groups, names, strict=True)
            if (at := _end(values, group))
        ],
    )


_LEFT = 0.74


def _end(values: Curves, group: Group) -> tuple[float, float] | None:
    """Return where a name is written: where the mean ends, or the longest curve that is drawn."""
    for line in (group.mean, *sorted(group.curves, key=len, reverse=True)):
        pieces = _pieces(line, factor_of(values.metric))
        if pieces and not (values.axis.log and pieces[-1][-1][1] <= 0):
            return pieces[-1][-1]
    return None


def _tall(values: Curves) -> float:
    count = len(values.groups)
    return Grid.height(count) if count >= FEWEST_PANELS else 2.75


def _draw_group(axes: Axes, values: Curves, group: Group) -> None:
    """Draw the curves of all seeds, and their mean."""
    scale, look = factor_of(values.metric), group.look
    thin: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.45}
    if not _pieces(group.mean, scale):  # its dashes tell it from a side of the same colour
        thin["linestyle"] = look.linestyle
    pieces = [piece for curve in group.curves for piece in _pieces(curve, scale)]
    lines = [piece for piece in pieces if len(piece) > 1]
    if len(group.curves) > MANY:
        strokes(axes, lines, edgecolor=look.color, zorder=2, **thin)
    else:
        for curve in group.curves:
            axes.plot(*_line(curve, scale), color=look.color, **thin)
    alone = [piece[0] for piece in pieces if len(piece) == 1]
    dots(axes, alone, 3.4, 2, edgecolor=look.color, alpha=0.45)
    values.axis.mark(axes, pieces, look.color)
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
            axes, at, values.axis.at(factor_of(metric) * value),
            f"{group.short or group.name}: {level_text(metric, value)} at {values.counted} {at:,}, "
            f"mean of {plural(len(group.curves), 'seed')}",
        )  # fmt: skip


def _target(values: Curves) -> list[float]:
    """Return the target, on the axis: nothing where there is none, or it cannot be drawn."""
    if values.target is None or (values.axis.log and values.target <= 0):
        return []
    return [factor_of(values.metric) * values.target]


def _scale(
    axes: Axes,
    values: Curves,
    counts: tuple[int, int],
    numbered: tuple[bool, bool] = (True, True),
) -> None:
    """Set limits and ticks."""
    for target in _target(values):
        axes.axhline(target, color=light("axis"), linewidth=1.2, linestyle=(0, (4, 3)), zorder=1.5)
    curves = [curve for group in values.groups for curve in group.curves]
    first = min(1, *(curve[0][0] for curve in curves))
    last = max(1, *(curve[-1][0] for curve in curves))
    beside = max(0.02 * last, 0.5 if first == last else 0.0)
    axes.set_xlim(first - beside, last + beside)
    values.axis.set(axes)
    ticks(axes.yaxis, counts[0], log=values.axis.log, grid=True, bare=not numbered[0])
    ticks(axes.xaxis, counts[1], whole=True, bare=not numbered[1])
