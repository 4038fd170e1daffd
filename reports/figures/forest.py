"""Forest plot: every claim's effect with its interval, all on one axis, in margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from harness.judging.verdicts import Verdict
from harness.judging.words import Word
from harness.study.claims import NotWorse
from harness.study.formatting import effect_and_interval, effect_text, number_text

from ..intervals import family_name, interval_name, is_exact
from ..palette import light
from ..words import APPEARANCES
from .canvas import COLUMN, TEXT, Picture, hint, paint, panel, plain
from .labels import LINE, inches, labels_apart, lines_within
from .margins import DASHED, margin_of
from .marks import axis_on_top, place_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ForestRow:
    """One claim, in margins: 1 is as far as the smallest difference that matters.

    Attributes:
        number: the claim's, from 1.
        text: the claim.
        word: its verdict.
        effect: above 0 speaks for the claim; of "not worse", for better.
        low: lower end of the interval; NaN where there is none.
        high: upper end.
        edges: at which ends of the band the claim is decided: 1, -1, or both.
        exact: whether it is no estimate.
        said: all of it in words, for who cannot see the figure.
    """

    number: int
    text: str
    word: Word
    effect: float
    low: float
    high: float
    edges: tuple[int, ...]
    exact: bool
    said: str


@dataclass(frozen=True)
class Forest:
    """All claims.

    Attributes:
        rows: top to bottom.
        interval: which interval they have, and over how many seeds; empty where none has one.
    """

    rows: tuple[ForestRow, ...]
    interval: str


def forest(verdicts: Sequence[Verdict]) -> Forest | None:
    """Return all claims in margins; ``None`` where nothing was measured for any."""
    rows = forest_rows(verdicts)
    if not any(math.isfinite(row.effect) for row in rows):
        return None
    return Forest(rows, interval_of(verdicts))


def forest_rows(verdicts: Sequence[Verdict]) -> tuple[ForestRow, ...]:
    """Return each claim in margins, those without an effect, too."""
    return tuple(_row(number, verdict) for number, verdict in enumerate(verdicts, 1))


def interval_of(verdicts: Sequence[Verdict]) -> str:
    """Name the interval that claims have; empty where none has one."""
    name = interval_name(verdicts)
    return name + family_name(verdicts, whole=True) if name else ""


def _row(number: int, verdict: Verdict) -> ForestRow:
    metric, seen = verdict.metric, verdict.seen
    # what is better, and what was claimed, is always on the right
    turned = isinstance(verdict.claim, NotWorse) and metric.better == "lower"
    scale = (-1.0 if turned else 1.0) / verdict.by
    ends = sorted((scale * seen.low, scale * seen.high))
    exact = is_exact(verdict)
    effect = (
        f"{effect_text(metric, seen.effect)} exact"
        if exact
        else effect_and_interval(metric, seen.effect, seen.low, seen.high)
    )
    edges = tuple(-edge if turned else edge for edge in margin_of(verdict).edges)
    return ForestRow(
        number, verdict.claim.text, verdict.word, scale * seen.effect, ends[0], ends[1], edges,
        exact, f"claim {number}, {verdict.word}, {effect}",
    )  # fmt: skip


LEFT, RIGHT, HEAD, FOOT = 0.1, 0.1, 0.48, 0.08
_AIR = 0.04  # between the axis and the first row
_GAP = 0.06  # between a text and the axis right of it
_TICKS = (1, 3, 10, 30, 100, 300, 1_000, 10_000, 100_000)


@dataclass(frozen=True)
class Density:
    """How much room a claim has: the more claims there are, the less.

    Attributes:
        row: height of a row in inches; less by a line where a text that stands above has but one.
        beside: share of the width for the claim's text, left of the axis; 0 where it stands above.
        lines: of that text, at most.
        points: size of that text.
        mark: size of the mark of an effect.
    """

    row: float
    beside: float
    lines: int
    points: float
    mark: float

    @property
    def wide(self) -> float:
        """How wide a line of that text may be, of the text's size."""
        inches_wide = (self.beside or 1.0) * (COLUMN - LEFT - RIGHT) - _GAP * bool(self.beside)
        return inches_wide * 72 / self.points


ROOMY = Density(0.6, 0.0, 2, TEXT, 8.0)
CLOSE = Density(0.36, 0.55, 2, TEXT, 7.0)
TIGHT = Density(0.2, 0.55, 1, TEXT, 6.0)


def density(claims: int) -> Density:
    """Return how much room each of so many claims has, over all figures that stand together."""
    return ROOMY if claims <= 12 else CLOSE if claims <= 40 else TIGHT


def draw_forest(shown: Forest) -> Picture:
    """Draw all claims on one axis."""
    room, ends = density(len(shown.rows)), _ends(shown.rows)
    return _painted(shown.rows, room, ends, _caption(shown), "All claims")


def draw_forests(groups: Sequence[tuple[str, Sequence[ForestRow]]]) -> tuple[Picture, ...]:
    """Draw claims group by group, a figure each, all with the same axis.

    Args:
        groups: what each group is called, which is its caption, and its claims: at least one.
    """
    every = [row for _, rows in groups for row in rows]
    room, ends = density(len(every)), _ends(every)
    return tuple(
        _painted(rows, room, ends, f"{name}.", f"Claims of {name}") for name, rows in groups
    )


def _painted(
    rows: Sequence[ForestRow],
    room: Density,
    ends: tuple[float, float],
    caption: str,
    title: str,
) -> Picture:
    low, high = span = _span(ends, room)
    beyond = any(math.isfinite(row.effect) and not low <= place(row.effect) <= high for row in rows)
    said = "; ".join(row.said for row in rows)
    return paint(
        (COLUMN, HEAD + _AIR + sum(_heights(rows, room)) + FOOT),
        lambda figure: _draw(figure, rows, room, span),
        alt=f"All claims, in units of the smallest difference that matters: {said}.",
        caption=caption + (" A triangle at the edge: it lies beyond." if beyond else ""),
        title=title,
    )


def axis_text() -> str:
    """Say what the axis is, and what the marks on it are."""
    return (
        "Every claim on one axis: its effect in units of δ, the smallest difference that matters "
        "to it. Right: what was claimed. For claims of “not worse”, right is better."
    )


def band_and_scale() -> str:
    """Say what the band is, and where the axis is not even."""
    return (
        "Grey band: −δ to +δ; the claim is decided at its solid edge. Beyond the band the axis is "
        "logarithmic."
    )


def _caption(shown: Forest) -> str:
    exact = all(row.exact for row in shown.rows)
    mark = "Mark: the effect"
    if not exact:
        mark += f"; bar: {shown.interval}"
        mark += "; a mark alone is exact" if any(row.exact for row in shown.rows) else ""
    return f"{axis_text()} {mark}. {band_and_scale()}"


def _ends(rows: Sequence[ForestRow]) -> tuple[float, float]:
    """Return the ends of the axis: round numbers, from -1 to 1 at least."""
    values = [end for row in rows for end in (row.effect, row.low, row.high) if math.isfinite(end)]
    return -_round(-min([-1.0, *values])), _round(max([1.0, *values]))


def _round(reach: float) -> float:
    return float(next((each for each in _TICKS if each >= 0.97 * reach), _TICKS[-1])) * 1.15


def place(value: float) -> float:
    """Return where a number of margins stands: evenly within one, by its logarithm beyond."""
    size = abs(value)
    return math.copysign(size if size <= 1 else 1 + math.log(size, _STRETCH), value)


_STRETCH = 4.0  # beyond the first margin, so many times as far is one margin further on the axis


def _left(room: Density) -> float:
    return LEFT + room.beside * (COLUMN - LEFT - RIGHT)


def _draw(
    figure: Figure, rows: Sequence[ForestRow], room: Density, span: tuple[float, float]
) -> None:
    left, heights = _left(room), _heights(rows, room)
    ends = list(accumulate(heights))
    axes = panel(figure, left, FOOT, COLUMN - RIGHT - left, _AIR + ends[-1])
    low, high = span
    axes.set_xlim(low, high)
    axes.autoscale(enable=False)
    axes.set_ylim(ends[-1], -_AIR)  # inches
    place_ticks(axes.yaxis, [])
    axes.spines["left"].set_visible(False)
    axis_on_top(axes)
    numbers = _numbers((low, high))
    order = sorted(numbers, key=lambda each: _weight(each, numbers))
    named = labels_apart(
        [(place(each), _tick(each)) for each in order], (high - low) / (COLUMN - RIGHT - left)
    )
    place_ticks(axes.xaxis, [at for at, _ in named], [text for _, text in named])
    axes.set_xlabel("Effect ÷ δ")
    for end, height, row in zip(ends, heights, rows, strict=True):
        _draw_row(axes, end, height, row, room)


def _heights(rows: Sequence[ForestRow], room: Density) -> list[float]:
    """Return how many inches each row is high."""
    if room.beside:
        return [room.row] * len(rows)
    return [room.row - (room.lines - len(_lines(row, room))) * LINE / 72 for row in rows]


def _weight(tick: float, ticks: Sequence[float]) -> tuple[bool, bool, float]:
    """Order ticks by what is named first: 0, the outermost, the band's edges, powers of ten."""
    outermost = tick in (0, min(ticks), max(ticks))
    power = math.log10(abs(tick)) if tick else 0.0
    return not outermost, not power.is_integer(), power


def _numbers(span: tuple[float, float]) -> list[float]:
    """Return the numbers that ticks may stand at, between two places."""
    both = [0.0, *(sign * each for each in _TICKS for sign in (1.0, -1.0))]
    return [each for each in both if span[0] <= place(each) <= span[1]]


def _span(ends: tuple[float, float], room: Density) -> tuple[float, float]:
    """Return the ends of the axis, as places, between which no number of a tick is cut.

    Args:
        ends: of what is drawn.
        room: which tells how wide the axis is.
    """
    low, high = map(place, ends)
    numbers = _numbers((low, high))
    outer, wide = (min(numbers), max(numbers)), COLUMN - RIGHT - _left(room)
    over = [max(inches(_tick(each)) / 2 + 0.03 - RIGHT, 0.0) / wide for each in outer]
    whole = (place(outer[1]) - place(outer[0])) / (1 - sum(over))
    return (
        min(low, place(outer[0]) - over[0] * whole), max(high, place(outer[1]) + over[1] * whole)
    )  # fmt: skip


def _tick(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{number_text(abs(value))}"


def _draw_row(axes: Axes, end: float, height: float, row: ForestRow, room: Density) -> None:
    """Draw a row, ``height`` inches high, that ends so many inches below the axis."""
    look = APPEARANCES[row.word]
    tone = light(look.tone)
    half = 0.34 * height if room.beside else 0.105
    at = end - height / 2 if room.beside else end - 0.03 - half
    low, high = axes.get_xlim()
    axes.fill_between((-1, 1), at - half, at + half, color=light("band"), linewidth=0)
    axes.plot([0, 0], [at - half, at + half], color=light("axis"), linewidth=1.2, zorder=1.5)
    for edge in (-1, 1):
        axes.plot(
            [edge, edge], [at - half, at + half], color=light("axis"), linewidth=0.9,
            linestyle="solid" if edge in row.edges else DASHED,
        )  # fmt: skip
    _write(axes, at if room.beside else at - half - 0.03, row, room)
    if not row.exact and math.isfinite(row.low) and math.isfinite(row.high):
        ends = [min(max(place(end), low), high) for end in (row.low, row.high)]
        axes.plot(ends, [at, at], color=tone, linewidth=2.2, zorder=3)
    if math.isfinite(row.effect):
        x = min(max(place(row.effect), low), high)
        marker = look.marker if x == place(row.effect) else "<" if x == low else ">"
        axes.plot(
            [x], [at], marker=marker, color=tone, markersize=room.mark, zorder=4,
            markerfacecolor=tone if look.filled else light("card"),
            markeredgewidth=1.6, clip_on=False,
        )  # fmt: skip
        hint(axes, x, at, row.said)
    else:
        short = "no interval" if not row.exact else "not measured"
        axes.text(
            0.5, at, short if room.beside or row.exact else "no interval: not assessable",
            transform=axes.get_yaxis_transform(), va="center", ha="center",
            color=light("muted"), style="italic", fontsize=room.points,
        )  # fmt: skip


def _lines(row: ForestRow, room: Density) -> list[str]:
    """Break a claim's number and text into the lines that are written."""
    text = plain(f"{row.number}  {row.text}", 400)
    return lines_within(text, room.wide, room.lines)


def _write(axes: Axes, at: float, row: ForestRow, room: Density) -> None:
    """Write a claim's number and text: above ``at``, or left of the axis and level with it."""
    beside = room.beside > 0
    axes.text(
        -room.beside / (1 - room.beside) if beside else 0.0, at,
        "\n".join(_lines(row, room)), transform=axes.get_yaxis_transform(),
        va="center" if beside else "bottom", ha="left", fontsize=room.points, linespacing=1.1,
        zorder=2,
    )  # fmt: skip
