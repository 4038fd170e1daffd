"""The best settings on fresh seeds, beside what the search had shown of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.confirmed import Confirmed
from harness.judging.search_words import estimate_text, name_of
from harness.judging.searched import SearchResults
from harness.study.formatting import cut, in_sentence, level_text, percent_text

from ..palette import light
from .canvas import COLUMN, Picture, dots, hint, limits, paint, panel, plain
from .marks import place_ticks, ticks
from .search_axes import objective_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Again:
    """Settings that were run again, and whether to take them."""

    arm: Confirmed
    name: str
    taken: bool


def draw_confirmed(search: SearchResults) -> Picture | None:
    """Draw means, intervals and seeds of what was confirmed; ``None`` where nothing was."""
    rows = [
        Again(arm, name_of(arm.place), arm.place == search.taken and search.confirmed)
        for arm in search.arms
        if arm.values
    ]
    if not rows:
        return None
    metric = search.metric
    said = "; ".join(f"{row.name} {estimate_text(search, row.arm.mean)}" for row in rows)
    interval = (
        f", with the interval that holds for all of them at once ({percent_text(search.level)}), "
        "cut at the metric's range"
        if any(row.arm.mean.known for row in rows)
        else ""
    )
    return paint(
        (COLUMN, 0.9 + 0.52 * len(rows)),
        lambda figure: _draw(figure, search, rows),
        alt=f"{metric.title} on fresh seeds: {said}.",
        caption=f"{metric.title} on fresh seeds: mean{interval}, and each seed as a small dot. "
        f"Open circles: what the search had shown. Where these are better, the search made "
        "them look better than they are. The diamond is the one to take, by its mean "
        f"{in_sentence(search.metric.title)}.",
        title=f"{metric.title} on fresh seeds",
    )


def _draw(figure: Figure, search: SearchResults, rows: list[Again]) -> None:
    axes = panel(figure, 1.02, 0.5, COLUMN - 1.14, 0.34 + 0.52 * len(rows))
    axis = objective_axis(search)
    factor = axis.factor
    every: list[float] = []
    for place, row in enumerate(rows):
        y = -float(place)
        arm = row.arm
        values = [factor * value for value in arm.values.values()]
        mean = factor * arm.mean.value
        color = light("series2" if row.taken else "series3")
        both = cut(search.metric, arm.mean.low, arm.mean.high)
        ends = [factor * end for end in both if math.isfinite(end)]
        if ends:
            axes.plot(ends, [y, y], color=color, linewidth=1.8, zorder=2)
        dots(axes, [(value, y - 0.2) for value in values], 3.6, 2, edgecolor=light("series6"))
        axes.plot(
            [mean], [y], "D" if row.taken else "o", color=color, markersize=6.5, zorder=3,
            markeredgecolor=light("card"), markeredgewidth=0.8,
        )  # fmt: skip
        hint(axes, mean, y, f"{row.name} on fresh seeds: {estimate_text(search, arm.mean)}")
        every += [*values, *ends, mean]
        if math.isfinite(arm.searched):
            axes.plot(
                [factor * arm.searched], [y + 0.2], "o", color=light("series1"), markersize=5.5,
                markerfacecolor=light("card"), markeredgewidth=1.3, zorder=3,
            )  # fmt: skip
            seen = level_text(search.metric, arm.searched)
            hint(axes, factor * arm.searched, y + 0.2, f"{row.name} in the search: {seen}")
            every.append(factor * arm.searched)
    axes.set_xlim(*limits(every, 0.07))
    axes.set_ylim(-len(rows) + 0.45, 0.55)
    names = [plain(row.name.capitalize(), 16) for row in rows]
    place_ticks(axes.yaxis, [-float(place) for place in range(len(rows))], names)
    ticks(axes.xaxis, 5, grid=True)
    axes.set_xlabel(plain(axis.title, 44))
