"""From a drawing function to a picture for the page: one SVG for a light and a dark page.

matplotlib's object interface is used throughout: no pyplot, no global state that stays behind.
Mathematical markup is switched off, so that a ``$`` in somebody's name is a ``$``.

Text stays text in the SVG, for four reasons: a report is less than half as large, its PDF takes
two thirds of the time, words in the PDF's figures can be searched, and the reader's own fonts show
scripts that matplotlib's lack. It is laid out with DejaVu Sans, which comes with matplotlib and is
wider than what it is shown in, so that nothing overlaps and the bytes are the same everywhere.
"""

from __future__ import annotations

import base64
import contextlib
import io
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.messages.calm import calm
from harness.study.formatting import PER_CENT

from ..palette import light
from .svg import FONTS, PRINTED, Hint, compact, without_hints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN = 4.4
"""Width of a figure in inches: half the page on a screen or on paper, the whole of a phone."""

TEXT = 9.6
"""The size of all text in figures, in points as drawn, and none is smaller: 10 px on a page 390 px
wide, 7 pt where two figures stand side by side on paper."""

DASHES: tuple[Any, ...] = (
    "solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)),
    (0, (9, 3)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P")

_LARGEST, _MOST_DECADES = 1e300, 130.0
# The ends of axes: with differences and ratios of larger numbers matplotlib cannot work.

_DPI = 96


@dataclass(frozen=True)
class Picture:
    """A figure as it stands on the page.

    Attributes:
        alt: what it shows, in a sentence, for who cannot see it.
        caption: what is drawn, which interval, and over how many seeds.
        svg: the figure, in the colours of the light scheme, which a page's style sheet replaces.
        width: in CSS pixels.
        height: in CSS pixels.
        size: in inches.
        draw: draws it on an empty figure.
    """

    alt: str
    caption: str
    svg: str
    width: int
    height: int
    size: tuple[float, float] = field(repr=False, compare=False)
    draw: Callable[[Figure], None] = field(repr=False, compare=False)

    @property
    def uri(self) -> str:
        """The figure as a data URI, for ``<img>`` on paper, in the fonts of the PDF."""
        content = (
            without_hints(self.svg).replace(FONTS, PRINTED, 1).encode("utf-8", "surrogatepass")
        )
        return "data:image/svg+xml;base64," + base64.b64encode(content).decode()

    def png(self, scale: float = 2.0) -> bytes:
        """Draw the figure again, as pixels on white, ``scale`` of them for each CSS pixel."""
        out = io.BytesIO()
        with _drawn(self.size, self.draw) as (figure, _):
            figure.savefig(
                out, format="png", dpi=scale * _DPI, facecolor="white",
                metadata={"Software": None},
            )  # fmt: skip
        return out.getvalue()


def paint(
    size: tuple[float, float],
    draw: Callable[[Figure], None],
    *,
    alt: str,
    caption: str,
    title: str,
) -> Picture:
    """Draw a figure of ``size`` inches; the same drawing gives the same bytes each time.

    Args:
        size: width and height.
        draw: draws on an empty figure.
        alt: what the figure shows, in a sentence that states the finding.
        caption: what is drawn.
        title: what it is, in a few words that no other figure of the page has: the name of its
            file, and of its menu.
    """
    out = io.StringIO()
    with _drawn(size, draw) as (figure, told):
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
        hints = _placed(figure, told)
    svg = compact(out.getvalue(), title, alt, hints)
    width, height = (round(_DPI * each) for each in size)
    return Picture(alt, caption, svg, width, height, size, draw)


@contextlib.contextmanager
def _drawn(
    size: tuple[float, float], draw: Callable[[Figure], None]
) -> Iterator[tuple[Figure, Sequence[Told]]]:
    """Within, the figure as drawn stands, to be saved, and what was told of it."""
    # Warnings say nothing to a reader, and which glyphs DejaVu Sans lacks does not matter: the
    # reader's fonts draw the text.
    with calm(silent=True), _own_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        with _told() as hints:
            draw(figure)
        yield figure, hints


def hint(axes: Axes, across: float, up: float, text: str) -> None:
    """Tell a value where it is drawn: on a page it is shown when one points at it.

    Args:
        axes: where, in the axes' own units.
        across: its place from left to right; one that is not finite is not told.
        up: its place from bottom to top.
        text: what it says, such as ``"seed 3: 91.2 %"``.
    """
    if math.isfinite(across) and math.isfinite(up):
        _TOLD.get([]).append((axes, across, up, text))


Told = tuple["Axes", float, float, str]
"""Axes, a place on them in their own units, and what is said there."""

_TOLD: ContextVar[list[Told]] = ContextVar("told")
"""What was told of the figure that is being drawn."""


@contextlib.contextmanager
def _told() -> Iterator[list[Told]]:
    """Within, keep what is told of a figure, and let go of it afterwards: it holds the figure."""
    token = _TOLD.set([])
    try:
        yield _TOLD.get()
    finally:
        _TOLD.reset(token)


def _placed(figure: Figure, told: Sequence[Told]) -> list[Hint]:
    """Return what was told of a figure, in points from its upper left corner."""
    height = figure.get_figheight()
    found = []
    for axes, across, up, text in told:
        from_left, from_bottom = axes.transData.transform((across, up)) / figure.dpi
        if 0 <= from_left <= figure.get_figwidth() and 0 <= from_bottom <= height:
            found.append((72 * from_left, 72 * (height - from_bottom), text))
    return found


@contextlib.contextmanager
def _own_style() -> Iterator[None]:
    """Within, matplotlib draws as it does for everybody, and then as we say.

    A person's ``matplotlibrc``, the style that a study sets, and the backend of the notebook that a
    command was started from change nothing.
    """
    backend = os.environ.pop("MPLBACKEND", None)  # one that is not here cannot even be imported
    try:
        import matplotlib as mpl
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    with mpl.rc_context():
        defaults: Any = mpl.rcParamsDefault
        own: dict[Any, Any] = {key: defaults[key] for key in defaults if key != "backend"}
        dict.update(mpl.rcParams, own)  # which were checked when matplotlib was imported
        mpl.rcParams.update(_style())
        yield


@cache
def _style() -> dict[Any, Any]:
    ink, muted, axis = light("ink"), light("muted"), light("axis")
    return {
        "font.family": ["DejaVu Sans"],
        "font.size": TEXT,
        "text.parse_math": False,
        "text.usetex": False,
        "text.color": ink,
        "svg.fonttype": "none",
        "svg.hashsalt": "ablation report",
        "svg.id": None,
        "axes.unicode_minus": True,
        "axes.formatter.use_mathtext": False,
        "axes.edgecolor": axis,
        "axes.labelcolor": muted,
        "axes.labelsize": TEXT,
        "axes.titlesize": TEXT,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        # of matplotlib's own ticks, with which tests compare ours
        "grid.color": light("grid"),
        "grid.linewidth": 0.8,
        "xtick.color": axis,
        "ytick.color": axis,
        "xtick.labelcolor": muted,
        "ytick.labelcolor": muted,
        "xtick.labelsize": TEXT,
        "ytick.labelsize": TEXT,
        "xtick.major.size": 3.0,
        "ytick.major.size": 0.0,
        "xtick.minor.size": 0.0,
        "ytick.minor.size": 0.0,
        "legend.frameon": False,
        "legend.fontsize": TEXT,
        "legend.handlelength": 2.6,
        "lines.solid_capstyle": "butt",
    }


def plain(text: str, limit: int = 60) -> str:
    """Make somebody's text fit to draw: one line of printable characters, at most ``limit``."""
    kept = "".join(char for char in " ".join(text.split()) if char.isprintable())
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def wrapped(text: str, width: int, most: int = 3) -> str:
    """Break a name into lines: at spaces, and within words that are too long.

    Such words are broken after ``=``, ``/``, ``_`` and commas; only pieces that are still too
    long are broken anywhere.
    """
    lines = [""]
    for word in text.split():
        pieces = [word]
        if len(word) > width:
            pieces = [
                part[at : at + width]
                for part in re.findall(r"[^=/,_]+[=/,_]*|[=/,_]+", word)
                for at in range(0, len(part), width)
            ]
        for place, piece in enumerate(pieces):
            gap = " " if place == 0 and lines[-1] else ""
            if lines[-1] and len(lines[-1] + gap + piece) > width:
                lines.append(piece)
            else:
                lines[-1] += gap + piece
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: width - 1].rstrip() + "…"]
    return "\n".join(lines)


def panel(
    figure: Figure, left: float, bottom: float, width: float, height: float, **kwargs: Any
) -> Axes:
    """Add axes at a place in inches from the lower left corner: no layout engine, no surprise."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up), **kwargs)


def is_log(values: Sequence[float], unit: str) -> bool:
    """Whether values are told apart on a logarithmic axis alone; of shares none is.

    Args:
        values: all that is drawn; those that are not finite do not count.
        unit: of their metric.
    """
    finite = [value for value in values if math.isfinite(value)]
    wide = bool(finite) and min(finite) > 0 and max(finite) > 20 * min(finite)
    return wide and unit not in PER_CENT


def limits(values: Sequence[float], pad: float = 0.06) -> tuple[float, float]:
    """Return axis limits around finite values, never of zero width."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low, high = (min(max(each, -_LARGEST), _LARGEST) for each in (low, high))
    room = pad * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


def log_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return limits of a logarithmic axis around positive values."""
    low, high = (min(values), max(values)) if values else (0.1, 1.0)
    ends = 10**-_MOST_DECADES, 10**_MOST_DECADES
    low, high = (min(max(each, ends[0]), ends[1]) for each in (low, high))
    room = (high / low) ** 0.06 if high > low else 1.5
    return low / room, high * room


_UNSEEN = 1e-9

MANY = 40
"""Marks of one kind beyond which they are drawn so many at a time: the seeds of the last look."""


def strokes(axes: Axes, lines: Sequence[Sequence[tuple[float, float]]], **look: Any) -> None:
    """Draw many lines, or many dots, which are lines from a point to itself, as few paths.

    Each mark of its own would be an element of the SVG, for which a PDF takes a millisecond.

    Args:
        axes: where, in the axes' own units.
        lines: each with two or more points.
        look: colour, line width and so on, in the words of matplotlib's patches.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for start in range(0, len(lines), MANY):
        part = lines[start : start + MANY]
        points = [point for line in part for point in line]
        codes = [Path.LINETO if at else Path.MOVETO for line in part for at in range(len(line))]
        path = Path(points, codes)
        path.should_simplify = False  # it would drop the dots
        axes.add_patch(PathPatch(path, fill=False, capstyle="round", **look))


def dots(
    axes: Axes, points: Sequence[tuple[float, float]], size: float, zorder: float, **look: Any
) -> None:
    """Draw round dots, ``size`` points wide."""
    # In pixels nothing is drawn of a line without length: each end is moved, unseen.
    step = [_UNSEEN * (max(map(abs, way)) or 1.0) for way in zip(*points, strict=True)]
    lines = [((x, y), (x + step[0], y + step[1])) for x, y in points]
    strokes(axes, lines, linewidth=size, zorder=zorder, snap=False, **look)


def series(index: int) -> dict[str, Any]:
    """Return colour, dash and marker of the ``index``-th series; no two of 36 are alike."""
    shift = index // len(MARKERS)
    return {
        "color": light(f"series{index % 6 + 1}"),
        "linestyle": DASHES[(index + shift) % len(DASHES)],
        "marker": MARKERS[(index + shift) % len(MARKERS)],
    }
