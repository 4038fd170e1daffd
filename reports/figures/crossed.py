"""Two factors against each other: the interaction plot, and the heat map of arm means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.study.formatting import alike, cut, in_sentence, level_text, spread_text
from harness.study.metrics import Metric

from ..levels import Levels, Look, levels_of
from ..palette import light
from ..text import axis_title, factor_of, unit_of
from .canvas import (
    COLUMN,
    Picture,
    hint,
    limits,
    paint,
    panel,
    plain,
    wrapped,
)
from .labels import End, label_ends, longest, room_beside, room_for
from .marks import place_ticks, ticks
from .multiples import FEWEST_PANELS, Grid
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 12
TALL = 4.0
"""Inches; about as tall as the two figures that stand beside it."""


@dataclass(frozen=True)
class Cell:
    """One arm's mean, in the unit of the axis."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Crossed:
    """Means over two factors; ``None`` where no such arm was run.

    Attributes:
        metric: what is averaged.
        across: the factor with more levels, and their names.
        lines: the other factor, and the names of its levels.
        cells: a row for each level of ``lines``, a column for each of ``across``.
        levels: how they look.
    """

    metric: Metric
    across: tuple[str, tuple[str, ...]]
    lines: tuple[str, tuple[str, ...]]
    cells: tuple[tuple[Cell | None, ...], ...]
    levels: Levels


def crossed(results: Results, metric: Metric) -> Crossed | None:
    """Work out the means; ``None`` unless the study has two factors, both of several levels."""
    if len(results.declaration.factors) != 2:
        return None
    first, second = results.declaration.factors
    run = {
        factor.name: tuple(dict.fromkeys(arm.levels[factor.name].name for arm in results.arms))
        for factor in (first, second)
    }
    lines, across = sorted((first.name, second.name), key=lambda name: len(run[name]))
    if len(run[lines]) < 2:
        return None
    means = {
        summary.group: summary
        for summary in results.summaries
        if not summary.factor and summary.metric == metric.name
    }
    arms = {(arm.levels[lines].name, arm.levels[across].name): arm.name for arm in results.arms}
    cells = tuple(
        tuple(_cell(means.get(arms.get((row, column), "")), metric) for column in run[across])
        for row in run[lines]
    )
    if not any(cell for row in cells for cell in row):
        return None
    return Crossed(metric, (across, run[across]), (lines, run[lines]), cells, levels_of(results))


def _cell(summary: ArmSummary | None, metric: Metric) -> Cell | None:
    if summary is None or not math.isfinite(summary.mean):
        return None
    scale = factor_of(metric)
    low, high = cut(metric, summary.low, summary.high)
    return Cell(scale * summary.mean, scale * low, scale * high, summary.n)


def has_lines(values: Crossed) -> bool:
    """Whether an interaction plot shows anything: few enough lines, one with two points."""
    return len(values.cells) <= MOST_LINES and any(
        sum(cell is not None for cell in row) > 1 for row in values.cells
    )


def _said(values: Crossed) -> str:
    metric = values.metric
    scale = factor_of(metric)
    return "; ".join(
        f"{values.lines[0]}={row_name}: "
        + ", ".join(
            f"{level_text(metric, cell.mean / scale)} at {values.across[0]}={column}"
            for column, cell in zip(values.across[1], row, strict=True)
            if cell
        )
        for row_name, row in zip(values.lines[1], values.cells, strict=True)
    )


def draw_lines(values: Crossed) -> Picture:
    """Draw a line for each level of one factor over the levels of the other."""
    metric = values.metric
    return paint(
        (COLUMN, _lines_height(values)),
        lambda figure: _draw_lines(figure, values),
        alt=f"Interaction of {values.lines[0]} and {values.across[0]} in mean "
        f"{in_sentence(metric.title)}. {_said(values)}.",
        caption=f"{metric.title}: mean of each arm with its 95 % t interval over seeds, not "
        "corrected and cut at the metric's range. Lines that do not run parallel are what an "
        "interaction looks like.",
        title=f"{metric.title} by {values.across[0]} and {values.lines[0]}",
    )


def _draw_lines(figure: Figure, values: Crossed) -> None:
    names, aslant = _names(values)
    tall = max((len(name.split("\n")) for name in names), default=1)
    bottom = 0.4 + (aslant or 0.16 * tall)
    titles = [f"{values.lines[0]}={name}" for name in values.lines[1]]
    if len(values.cells) >= FEWEST_PANELS:
        grid = Grid(figure, len(values.cells), _left(values, Grid.ticks[0]), _lines_height(values))
        for place, title in enumerate(titles):
            axes = grid.panel(place, title, _look(values, place).color)
            for other in range(len(titles)):
                if other != place:
                    _draw_line(axes, values, other, 0.0, faint=True)
            _draw_line(axes, values, place, 0.0)
            beside, below = grid.at_edge(place)
            _scale(axes, values, names if below and not aslant else [], grid.ticks[0], left=beside)
        grid.titles(values.across[0], axis_title(values.metric))
        return
    left, right = _left(values, 5), room_for(titles)
    axes = panel(figure, left, bottom, COLUMN - left - 0.04 - right, TALL - 0.12 - bottom)
    for place in range(len(titles)):
        # Sideways steps keep the intervals of neighbouring lines from hiding one another.
        _draw_line(axes, values, place, 0.07 * (place - (len(titles) - 1) / 2))
    _scale(axes, values, names, 5, **(_SLANTED if aslant else {}))
    axes.set_xlabel(plain(values.across[0]))
    axes.set_ylabel(plain(axis_title(values.metric), 44))
    ends = []
    for place, (title, row) in enumerate(zip(titles, values.cells, strict=True)):
        last = max((at for at, cell in enumerate(row) if cell), default=-1)
        if last >= 0 and (cell := row[last]):
            ends.append(End(last, cell.mean, title, _look(values, place).color))
    label_ends(axes, ends)


def _left(values: Crossed, count: int) -> float:
    return room_beside(tick_places(*_limits(values), count)[1], 0.74)


def _limits(values: Crossed) -> tuple[float, float]:
    """Return the ends of the axis, which hold all that is drawn anywhere."""
    cells = [cell for row in values.cells for cell in row if cell]
    ends = [end for cell in cells for end in (cell.mean, cell.low, cell.high)]
    return limits([end for end in ends if math.isfinite(end)])


def _lines_height(values: Crossed) -> float:
    count = len(values.cells)
    return Grid.height(count) if count >= FEWEST_PANELS else TALL


def _look(values: Crossed, row: int) -> Look:
    """Return how a line looks: as the level that all of its arms share."""
    return values.levels.look({values.lines[0]: values.lines[1][row]})


def _draw_line(axes: Axes, values: Crossed, row: int, step: float, *, faint: bool = False) -> None:
    """Draw a line, and on it each arm with the look of that arm."""
    found = [(at, cell) for at, cell in enumerate(values.cells[row]) if cell]
    line, name = _look(values, row), values.lines[1][row]
    places, means = [at + step for at, _ in found], [cell.mean for _, cell in found]
    if faint:
        axes.plot(places, means, color=light("rule"), linewidth=1.0, zorder=1)
        return
    axes.plot(
        places, means, linewidth=1.8, color=line.color, linestyle=line.linestyle, zorder=3
    )  # fmt: skip
    scale = factor_of(values.metric)
    for at, cell in found:
        levels = {values.lines[0]: name, values.across[0]: values.across[1][at]}
        look, x = values.levels.look(levels), at + step
        axes.plot(
            [x], [cell.mean], color=look.color, marker=look.marker, markersize=5.8, zorder=4
        )  # fmt: skip
        bounded = math.isfinite(cell.low) and math.isfinite(cell.high)
        if bounded:
            axes.plot([x, x], [cell.low, cell.high], color=look.color, linewidth=1.4)
        spread = spread_text(values.metric, cell.low / scale, cell.high / scale) if bounded else ""
        hint(
            axes, x, cell.mean,
            f"{', '.join(f'{factor}={level}' for factor, level in levels.items())}: "
            f"{level_text(values.metric, cell.mean / scale)} {spread}, n = {cell.n}",
        )  # fmt: skip


def _scale(
    axes: Axes, values: Crossed, names: Sequence[str], count: int, *, left: bool = True, **look: Any
) -> None:
    """Set limits and ticks, with numbers at the left or without."""
    levels = len(values.across[1])
    axes.set_xlim(-0.4, levels - 0.6)
    place_ticks(axes.xaxis, range(levels), names, **look)
    axes.set_ylim(*_limits(values))
    ticks(axes.yaxis, count, grid=True, bare=not left)


def _wrapped(name: str, count: int) -> str:
    width = max(4, 48 // max(count, 1))
    return wrapped(plain(name, 60), width)


def draw_heat(values: Crossed) -> Picture:
    """Draw the means as a table of shades, each with its number and n."""
    metric = values.metric
    rows = len(values.cells)
    height = 0.6 + _BAR + _names(values)[1] + max(0.5, min(0.62, 6 / rows)) * rows
    ends = "better" if metric.better in {"lower", "higher"} else "higher"
    return paint(
        (COLUMN, height),
        lambda figure: _draw_heat(figure, values, height),
        alt=f"Table of mean {in_sentence(metric.title)}. {_said(values)}.",
        caption=f"{axis_title(metric)}: mean of each arm over n seeds; the stronger the shade, the "
        f"{ends}. Blank: not run, or no trial finished.",
        title=f"Table of {in_sentence(metric.title)} by {values.across[0]} and {values.lines[0]}",
    )


SHADES = ("heat1", "heat2", "heat3", "heat4", "heat5")
"""From the worst, or the lowest, to the best: names of the palette."""

_BAR = 0.42  # inches that the bar of shades takes
_PALE = 3  # shades on which ink is read; on the others it is the colour of the card


def shade_of(value: float, low: float, high: float, better: str | None) -> int:
    """Return which of the shades a value has, from 0: the last is the best, or the highest.

    Args:
        value: within the range.
        low: the least that is shown.
        high: the most.
        better: ``"lower"``, ``"higher"``, or nothing.
    """
    share = (value - low) / (high - low) if high > low else 0.5
    share = 1 - share if better == "lower" else share
    return min(int(share * len(SHADES)), len(SHADES) - 1)


def _draw_heat(figure: Figure, values: Crossed, height: float) -> None:
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    rows, columns = len(values.cells), len(values.across[1])
    left = min(0.56 + longest(values.lines[1]), 1.6)
    names, room = _names(values)
    bottom = 0.5 + room
    axes = panel(figure, left, bottom, COLUMN - left - 0.1, height - 0.1 - _BAR - bottom)
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    wide = (COLUMN - left - 0.1) / columns
    means = [cell.mean for row in values.cells for cell in row if cell]
    notes, small = iter(_notes(values, wide)), columns > 6
    low, high, better = min(means), max(means), values.metric.better
    _tell_cells(axes, values)
    shades = [
        [math.nan if cell is None else shade_of(cell.mean, low, high, better) for cell in row]
        for row in values.cells
    ]
    sns.heatmap(
        shades, ax=axes, cmap=ListedColormap([light(shade) for shade in SHADES]), vmin=-0.5,
        vmax=len(SHADES) - 0.5, cbar=False, linewidths=2.0, linecolor=light("card"),
        xticklabels=False, yticklabels=False,
    )  # fmt: skip
    for down, row in enumerate(shades):
        for across, shade in enumerate(row):
            if math.isnan(shade):
                continue
            axes.text(
                across + 0.5, down + 0.5, next(notes), ha="center", va="center", linespacing=1.25,
                color=light("ink" if shade < _PALE else "card"), rotation=90 if small else 0,
            )  # fmt: skip
    slanted = _SLANTED if room else {}
    place_ticks(axes.xaxis, [at + 0.5 for at in range(columns)], names, length=0, **slanted)
    place_ticks(
        axes.yaxis, [at + 0.5 for at in range(rows)],
        [wrapped(plain(name, 40), 14, 2) for name in values.lines[1]],
    )  # fmt: skip
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(plain(values.across[0]))
    axes.set_ylabel(plain(values.lines[0]))
    _draw_bar(panel(figure, 0.1, height - 0.3, COLUMN - 0.2, 0.24), values, (low, high))


def _tell_cells(axes: Axes, values: Crossed) -> None:
    """Tell what a cell has no room for: its interval."""
    scale = factor_of(values.metric)
    for down, (name, row) in enumerate(zip(values.lines[1], values.cells, strict=True)):
        for across, (other, cell) in enumerate(zip(values.across[1], row, strict=True)):
            if cell is not None:
                bounded = math.isfinite(cell.low) and math.isfinite(cell.high)
                ends = (cell.low / scale, cell.high / scale)
                spread = f" {spread_text(values.metric, *ends)}" if bounded else ""
                told = f"{level_text(values.metric, cell.mean / scale)}{spread}, n = {cell.n}"
                hint(axes, across + 0.5, down + 0.5, f"{name}, {other}: {told}")


def _draw_bar(axes: Axes, values: Crossed, span: tuple[float, float]) -> None:
    """Draw the shades in a row, with what is at its ends: the worst at the left."""
    from matplotlib.patches import Rectangle

    metric, scale = values.metric, factor_of(values.metric)
    unit = f" {unit_of(metric)}"  # the caption has it, as there is no room for a long one
    ends = [level_text(metric, each / scale).removesuffix(unit) for each in span]
    words = ["lower", "higher"]
    if metric.better in {"lower", "higher"}:
        words = ["worse", "better"]
        ends = ends[::-1] if metric.better == "lower" else ends
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    for place, shade in enumerate(SHADES):
        axes.add_patch(
            Rectangle((0.35 + 0.06 * place, 0.15), 0.06, 0.6, facecolor=light(shade), linewidth=0)
        )
    look: dict[str, Any] = {"va": "center", "color": light("muted")}
    axes.text(0.335, 0.45, f"{words[0]}, {ends[0]}", ha="right", **look)
    axes.text(0.665, 0.45, f"{words[1]}, {ends[1]}", ha="left", **look)


def _names(values: Crossed) -> tuple[list[str], float]:
    """Return the names across, and the height, in inches, that they need aslant; 0 for upright.

    Upright, they are broken between words; names of which a word is too long are set aslant.
    """
    count = max(1, len(values.across[1]))
    words = [word for name in values.across[1] for word in plain(name, 60).split()]
    if max(map(len, words), default=0) * 0.068 <= (COLUMN - 1.0) / count:
        return [_wrapped(name, count) for name in values.across[1]], 0.0
    names = [plain(name, 14) for name in values.across[1]]
    return names, 0.045 * max(map(len, names)) + 0.15


_SLANTED: Mapping[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}


def _notes(values: Crossed, wide: float) -> list[str]:
    """Return what stands in each cell that is not blank, with n where there is room."""
    cells = [cell for row in values.cells for cell in row if cell]
    texts = alike([cell.mean for cell in cells], fraction=values.metric.unit == "fraction")
    has_room = wide > 0.55
    return [
        text + (f"\nn = {cell.n}" if has_room else "")
        for text, cell in zip(texts, cells, strict=True)
    ]
