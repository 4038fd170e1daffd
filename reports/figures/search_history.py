"""What a search found one after another, and what fewer settings would have found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judging.searched import SearchResults
from harness.study.formatting import cut, in_sentence, level_text, percent_text

from ..palette import light
from .canvas import COLUMN, Picture, hint, limits, paint, panel, plain
from .labels import along, room_beside
from .marks import ticks
from .scales import tick_places
from .search_axes import (
    MARKS,
    MOST_HINTS,
    ObjectiveAxis,
    best_text,
    crosses,
    diamond,
    is_many,
    kind_of,
    marks_said,
    objective_axis,
    scatter,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.6


def draw_history(search: SearchResults) -> Picture | None:
    """Draw the value of every setting in the order tried, the best so far, and what was confirmed.

    ``None`` where no setting has a value.
    """
    if not any(map(kind_of, search.tried)):
        return None
    ends = [
        end
        for arm in search.arms
        if arm.values
        for end in (arm.mean.value, *cut(search.metric, arm.mean.low, arm.mean.high))
    ]
    axis = objective_axis(search, more=ends)
    metric = search.metric
    best = search.best[-1]
    alt = f"{metric.title} of {len(search.tried)} settings in the order tried"
    alt += f"; the best: {best_text(search, best)}." if best is not None else "."
    confirmed = (
        " Diamonds: mean on fresh seeds of those that were run again, with the interval that "
        f"holds for all of them at once ({percent_text(search.level)})."
        if any(arm.values for arm in search.arms)
        else ""
    )
    return paint(
        (WIDTH, 3.1),
        lambda figure: _draw_history(figure, search, axis),
        alt=alt,
        caption=f"{metric.title} of each setting, in the order tried; the line is the best so "
        f"far.{marks_said(search)}{axis.said}{confirmed}",
        title=f"{metric.title} in the order tried",
    )


def _draw_history(figure: Figure, search: SearchResults, axis: ObjectiveAxis) -> None:
    left = axis.room(5, 0.68)
    axes = panel(figure, left, 0.5, WIDTH - 0.27 - left, 2.48)
    axis.set(axes)
    axes.set_xlim(0, len(search.tried) + 1)
    for kind in MARKS:
        points = [
            (float(each.number), axis.at(each.value))
            for each in search.tried
            if kind_of(each) == kind
        ]
        scatter(axes, points, kind, 4.2, many=is_many(search))
    crosses(axes, [each.number for each in search.tried if each.state == "failed"])
    steps = [
        (place + 1.0, axis.at(search.tried[best].value))
        for place, best in enumerate(search.best)
        if best is not None
    ]
    if steps:
        axes.plot(
            *zip(*steps, strict=True), color=light("series2"), linewidth=1.6, zorder=2,
            drawstyle="steps-post",
        )  # fmt: skip
    for arm in search.arms:
        if arm.values:
            x = arm.place + 1.0
            if arm.mean.known:
                ends = [axis.at(end) for end in cut(search.metric, arm.mean.low, arm.mean.high)]
                axes.plot([x, x], ends, color=light("series3"), linewidth=1.4, zorder=3)
            axes.plot(
                [x], [axis.at(arm.mean.value)], "D", color=light("series3"), markersize=5.5,
                zorder=3.5, markeredgecolor=light("card"), markeredgewidth=0.8,
            )  # fmt: skip
    _tell(axes, search, axis)
    if steps:
        axes.annotate(
            "best so far", steps[-1], (-2, -4), textcoords="offset points", ha="right", va="top",
            color=light("series2"),
        )  # fmt: skip
    ticks(axes.xaxis, 9, whole=True)
    ticks(axes.yaxis, 5, log=axis.log, grid=True)
    axes.set_xlabel("Setting, in the order tried")
    axes.set_ylabel(plain(axis.title, 44))


def _tell(axes: Axes, search: SearchResults, axis: ObjectiveAxis) -> None:
    """Tell settings where they are: those that were the best so far, then the others in order."""
    best = dict.fromkeys(place for place in search.best if place is not None)
    places = list(dict.fromkeys([*best, *range(len(search.tried))]))
    drawn = [place for place in places if kind_of(search.tried[place])]
    for place in sorted(drawn[:MOST_HINTS]):
        each = search.tried[place]
        hint(
            axes, each.number, axis.at(each.value),
            f"setting {each.number}: {level_text(search.metric, each.value)}",
        )  # fmt: skip


def draw_best_of_k(search: SearchResults) -> Picture | None:
    """Draw the expected best of k settings; ``None`` of fewer than two, or several objectives."""
    curve = search.of_k
    if len(curve.ks) < 2:
        return None
    metric = search.metric
    n = curve.ks[-1]
    half = min(zip(curve.ks, curve.expected, strict=True), key=lambda each: abs(2 * each[0] - n))[1]
    default = search.tried[0]
    line = (
        " The dotted line is the default's value in the search."
        if default.state == "complete"
        else ""
    )
    return paint(
        (COLUMN, 3.2),
        lambda figure: _draw_best_of_k(figure, search),
        alt=f"Expected best {in_sentence(metric.title)} of k settings drawn at random from those "
        f"tried: {level_text(metric, curve.expected[0])} of one, {level_text(metric, half)} of "
        f"half of them, {level_text(metric, curve.expected[-1])} of all {n}.",
        caption=f"Expected best {in_sentence(metric.title)} of k settings drawn at random, "
        "without order, from those tried: exact, nothing is simulated. Where it is flat, fewer "
        f"settings would have done.{_assumes(search)}{line}",
        title=f"Expected best {in_sentence(metric.title)} of k settings",
    )


def _assumes(search: SearchResults) -> str:
    """Say what the curve assumes."""
    if search.sampler in ("random", "qmc"):
        return " The settings were drawn at random, as this assumes."
    if search.sampler == "grid":
        return " It takes the settings of the grid in random order."
    return (
        f" It takes the settings as if in random order; sampler {search.sampler!r} tried better "
        "ones later, so a shorter search of its kind would have found less than this shows."
    )


def _draw_best_of_k(figure: Figure, search: SearchResults) -> None:
    axis = objective_axis(search)
    factor = axis.factor
    values = [factor * value for value in search.of_k.expected]
    shown = list(values)
    default = search.tried[0]
    if default.state == "complete" and abs(factor * default.value - values[-1]) < 1.5 * abs(
        values[0] - values[-1]
    ):
        shown.append(factor * default.value)
    low, high = limits(shown, 0.08)
    left = room_beside(tick_places(low, high, 5)[1], 0.68)
    axes = panel(figure, left, 0.5, COLUMN - 0.1 - left, 2.58)
    if len(shown) > len(values):
        axes.axhline(
            factor * default.value, color=light("series6"), linewidth=1.3,
            linestyle=(0, (1.5, 1.5)), zorder=1.5,
        )  # fmt: skip
        axes.annotate(
            "the default", (1.0, factor * default.value), (-2, 3), textcoords="offset points",
            xycoords=axes.get_yaxis_transform(), ha="right", va="bottom", color=light("muted"),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(0.94, search.of_k.ks[-1] * 1.15)
    axes.set_ylim(low, high)
    axes.plot(search.of_k.ks, values, color=light("series1"), linewidth=1.8, zorder=2)
    diamond(axes, search.of_k.ks[-1], values[-1])
    drawn = list(zip(search.of_k.ks, values, search.of_k.expected, strict=True))
    for k, value, mean in along(drawn):
        hint(axes, k, value, f"k = {k}: {level_text(search.metric, mean)}")
    ticks(axes.xaxis, 6, log=True)
    ticks(axes.yaxis, 5, grid=True)
    axes.set_xlabel("k, settings drawn")
    axes.set_ylabel(plain(f"Expected best: {axis.title}", 44))
