"""Where the time of a step goes, and what is allocated in its course."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.judging.results import Results
from harness.study.formatting import bytes_text, join, plural, seconds_text
from harness.trials.profiles import STEP_PARTS, Profile, Timeline

from ..levels import Levels, levels_of
from ..palette import light
from .canvas import COLUMN, Picture, hint, paint, panel, plain, wrapped
from .labels import LINE, room_beside
from .marks import place_ticks, ticks
from .scales import tick_places

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = dict(zip(STEP_PARTS, ("series6", "series4", "series3", "series5"), strict=True))
"""What each part of a step is drawn in."""

MOST_BARS = 20
MOST_LINES = 4

_ROW = 0.26
_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))
_SECONDS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


@dataclass(frozen=True)
class Bars:
    """The parts of a step, by arm.

    Attributes:
        arms: name of each arm, and seconds by part, in the study's order.
        left_out: arms that are not drawn.
        levels: how arms look.
    """

    arms: tuple[tuple[str, Mapping[str, float]], ...]
    left_out: int
    levels: Levels


@dataclass(frozen=True)
class Lines:
    """What is allocated in a step, by arm.

    Attributes:
        arms: name of each arm, and its timeline.
        left_out: arms that have one and are not drawn.
        levels: how arms look.
    """

    arms: tuple[tuple[str, Timeline], ...]
    left_out: int
    levels: Levels


def bars_of(results: Results) -> Bars | None:
    """Work out the bars; ``None`` where no step was taken apart."""
    arms = [
        (name, {part: profile.split[part].median for part in STEP_PARTS})
        for name, profile in _profiled(results)
        if profile.split
    ]
    if not arms:
        return None
    return Bars(tuple(arms[:MOST_BARS]), len(arms[MOST_BARS:]), levels_of(results))


def lines_of(results: Results) -> Lines | None:
    """Work out the timelines, one for arms that share a program; ``None`` where there is none."""
    found: dict[tuple[int, ...], tuple[str, Timeline]] = {}
    for name, profile in _profiled(results):
        if profile.timeline is not None:
            found.setdefault(profile.timeline.bytes, (name, profile.timeline))
    arms = list(found.values())
    if not arms:
        return None
    return Lines(tuple(arms[:MOST_LINES]), len(arms[MOST_LINES:]), levels_of(results))


def _profiled(results: Results) -> list[tuple[str, Profile]]:
    return [
        (arm.name, results.profiles[arm.name])
        for arm in results.arms
        if arm.name in results.profiles
    ]


def draw_bars(values: Bars) -> Picture:
    """Draw a stacked bar for each arm."""
    said = join(
        f"{name} {', '.join(f'{part} {seconds_text(each[part])}' for part in STEP_PARTS)}"
        for name, each in values.arms
    )
    more = f" Not drawn: {plural(values.left_out, 'more arm')}." if values.left_out else ""
    names = [wrapped(plain(values.levels.short(name), 60), 26, 2) for name, _ in values.arms]
    row = _ROW + LINE / 72 * max(name.count("\n") for name in names)
    return paint(
        (COLUMN, 0.95 + row * len(values.arms)),
        lambda figure: _draw_bars(figure, values, names, row),
        alt=f"Time of a step in parts: {said}.",
        caption="Time of a training step in parts, each the median over steps: picking and "
        "preparing the batch (data), forward, backward, and the optimizer with penalty and "
        f"clipping. No interval; harness profile tells the quartiles.{more}",
        title="Time of a step in parts",
    )


def _draw_bars(figure: Figure, values: Bars, names: Sequence[str], row: float) -> None:
    longest = max(sum(each.values()) for _, each in values.arms)
    unit, size = _unit(longest, _SECONDS)
    left = 0.2 + 0.078 * max(len(line) for name in names for line in name.split("\n"))
    axes = panel(figure, left, 0.5, COLUMN - left - 0.15, row * len(values.arms))
    begin = [0.0] * len(values.arms)
    places = range(len(values.arms))
    for part in STEP_PARTS:
        widths = [each[part] / size for _, each in values.arms]
        axes.barh(
            places, widths, left=begin, height=0.66, color=light(COLOURS[part]), label=part,
            edgecolor=light("card"), linewidth=0.8,
        )  # fmt: skip
        for place, (name, each) in enumerate(values.arms):
            told = f"{values.levels.short(name)}: {part} {seconds_text(each[part])}"
            hint(axes, begin[place] + widths[place] / 2, place, told)
        begin = [at + width for at, width in zip(begin, widths, strict=True)]
    axes.set_ylim(len(values.arms) - 0.5, -0.5)
    axes.set_xlim(0, 1.04 * longest / size)
    place_ticks(axes.yaxis, places, names)
    ticks(axes.xaxis, 4, grid=True)
    axes.set_xlabel(f"Time of a step, {unit}")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.02, 1.0), ncols=4, borderaxespad=0.0,
        handlelength=1.0, handletextpad=0.4, columnspacing=1.0,
    )  # fmt: skip


def draw_lines(values: Lines) -> Picture:
    """Draw a panel for each timeline."""
    said = join(f"{name} up to {bytes_text(max(line.bytes))}" for name, line in values.arms)
    more = f" Not drawn: {plural(values.left_out, 'more program')}." if values.left_out else ""
    marked = any(line.begins for _, line in values.arms)
    parts = " Upright lines: where forward, backward and the optimizer begin." if marked else ""
    return paint(
        (COLUMN, 0.55 + 1.15 * len(values.arms)),
        lambda figure: _draw_lines(figure, values),
        alt=f"Memory in the course of a step: {said}.",
        caption="Memory in the course of one warm step, as torch allocates and frees it; each of "
        "200 stretches of time at its highest. The profiler slows the step, and not evenly, so "
        f"widths are not times.{parts} Arms that share a program are drawn once.{more}",
        title="Memory in the course of a step",
    )


_WORD = 0.22
"""The width of the longest word at an upright line, as a share of the panel's."""


def _draw_lines(figure: Figure, values: Lines) -> None:
    unit, size = _unit(max(max(line.bytes) for _, line in values.arms), _UNITS)
    highest = max(max(line.bytes) for _, line in values.arms) / size
    left = room_beside(tick_places(0, 1.25 * highest, 3)[1], 0.68)
    count = len(values.arms)
    for place, (name, line) in enumerate(values.arms):
        color = values.levels.of_arm(name).color
        axes = panel(figure, left, 0.5 + 1.15 * (count - 1 - place), COLUMN - left - 0.12, 0.78)
        at = [(index + 0.5) / len(line.bytes) for index in range(len(line.bytes))]
        heights = [each / size for each in line.bytes]
        axes.fill_between(at, 0, heights, color=color, alpha=0.16, linewidth=0)
        axes.plot(at, heights, color=color, linewidth=1.4)
        top = line.bytes.index(max(line.bytes))
        hint(axes, at[top], heights[top], f"{name}: up to {bytes_text(line.bytes[top])}")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.25 * highest)
        axes.set_title(plain(values.levels.short(name), 50), pad=3)
        taken = 0.0  # up to where the upper row of words is taken
        for part, begins in line.begins.items():
            if part == STEP_PARTS[0] or not math.isfinite(begins):
                continue
            axes.axvline(begins, color=light("axis"), linewidth=0.8, linestyle=(0, (2, 2)))
            late = begins > 0.78  # where the word would not fit beside the line
            start = begins - _WORD if late else begins
            lower = 10 if start < taken else 0  # a second row, where words would meet
            taken = taken if lower else start + _WORD
            axes.annotate(
                part, (begins, 1.23 * highest), xytext=(-3 if late else 3, -lower),
                textcoords="offset points", ha="right" if late else "left", va="top",
                color=light("muted"),
            )  # fmt: skip
        ticks(axes.yaxis, 3)
        axes.set_ylabel(unit)
        place_ticks(axes.xaxis, [0, 0.5, 1], [] if place < count - 1 else ["start", "", "end"])
    axes.set_xlabel("One step")


def _unit(value: float, units: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """Return the largest unit that a value reaches, and its size."""
    return next((each for each in units if value >= each[1]), units[-1])
