"""Several objectives: the settings that no other dominates."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

from harness.judging.searched import SearchResults
from harness.study.formatting import in_sentence, join, level_text, plural

from ..palette import light
from .canvas import COLUMN, Picture, hint, paint, panel, plain
from .marks import ticks
from .search_axes import MOST_HINTS, objective_axis, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_fronts(search: SearchResults) -> tuple[Picture, ...]:
    """Draw each two objectives; nothing of one, or where nothing can be taken."""
    if not search.front:
        return ()
    return tuple(
        _picture(search, one, other)
        for one, other in combinations(range(len(search.objectives)), 2)
    )


def _picture(search: SearchResults, one: int, other: int) -> Picture:
    first, second = search.objectives[one], search.objectives[other]
    ends = [search.tried[search.front[0]], search.tried[search.front[-1]]]
    said = join(
        dict.fromkeys(
            f"{level_text(first, each.values[one])} with {level_text(second, each.values[other])}"
            for each in ends
        )
    )
    limits = [
        each.text
        for each in search.searching.constraints
        if each.metric in (first.name, second.name)
    ]
    line = f" Dotted: {join(limits)}." if limits else ""
    broken = " Open squares break a constraint." if any(x.broken for x in search.tried) else ""
    several = " in all objectives" if len(search.objectives) > 2 else ""
    again = " Diamonds: means on fresh seeds." if any(arm.values for arm in search.arms) else ""
    return paint(
        (COLUMN, 3.2),
        lambda figure: _draw(figure, search, one, other),
        alt=f"{second.title} against {first.title}; the front of "
        f"{plural(len(search.front), 'setting')} goes from {said}.",
        caption=f"{second.title} against {in_sentence(first.title)} in the search. Filled and "
        f"joined: settings that no other dominates{several}.{broken}{line}{again}",
        title=f"{second.title} against {in_sentence(first.title)}",
    )


def _draw(figure: Figure, search: SearchResults, one: int, other: int) -> None:
    means = [arm.means for arm in search.arms if arm.means and math.isfinite(arm.means[one])]
    across = objective_axis(search, one, [each[one] for each in means])
    up = objective_axis(search, other, [each[other] for each in means])
    left = up.room(5, 0.74)
    axes = panel(figure, left, 0.5, COLUMN - 0.1 - left, 2.58)
    across.set(axes, across=True)
    up.set(axes)
    done = [each for each in search.tried if each.state == "complete"]
    broken = [(across.at(x.values[one]), up.at(x.values[other])) for x in done if x.broken]
    rest = [
        (across.at(x.values[one]), up.at(x.values[other]))
        for x in done
        if x.fits and x.place not in search.front
    ]
    scatter(axes, broken, "broken", 4.2, many=False)
    if rest:
        axes.plot(
            *zip(*rest, strict=True), "o", color=light("series6"), markersize=4.2, zorder=2,
            markerfacecolor=light("card"),
        )  # fmt: skip
    inside = sorted(
        (across.at(search.tried[place].values[one]), up.at(search.tried[place].values[other]))
        for place in search.front
    )
    axes.plot(
        *zip(*inside, strict=True), "o", color=light("series3"), markersize=5.5, zorder=3,
        linestyle=(0, (4, 2)) if len(search.objectives) == 2 else "none", linewidth=1.2,
    )  # fmt: skip
    for each in means:
        axes.plot(
            [across.at(each[one])], [up.at(each[other])], "D", color=light("series2"),
            markersize=5.5, zorder=4, markeredgecolor=light("card"), markeredgewidth=0.8,
        )  # fmt: skip
    metrics = [search.objectives[at] for at in (one, other)]
    found = sorted(done, key=lambda each: each.place not in search.front)[:MOST_HINTS]
    again = [(f"setting {arm.place + 1} on fresh seeds", arm.means) for arm in search.arms]
    for name, values in [*((f"setting {each.number}", each.values) for each in found), *again]:
        if values and math.isfinite(values[one]):
            pair = [values[at] for at in (one, other)]
            said = ", ".join(level_text(*each) for each in zip(metrics, pair, strict=True))
            hint(axes, across.at(pair[0]), up.at(pair[1]), f"{name}: {said}")
    for constraint in search.searching.constraints:
        value = constraint.value
        look: dict[str, Any] = {
            "color": light("series5"),
            "linewidth": 1.3,
            "linestyle": (0, (1.5, 1.5)),
        }
        if constraint.metric == search.objectives[one].name:
            axes.axvline(across.factor * value, **look)
        if constraint.metric == search.objectives[other].name:
            axes.axhline(up.factor * value, **look)
    ticks(axes.xaxis, 5, log=across.log, grid=True)
    ticks(axes.yaxis, 5, log=up.log, grid=True)
    axes.set_xlabel(plain(across.title, 44))
    axes.set_ylabel(plain(up.title, 44))
