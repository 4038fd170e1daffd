"""What stands along an axis, against matplotlib's own ticks."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from harness.reports.figures.canvas import hint, paint, panel
from harness.reports.figures.marks import place_ticks
from harness.reports.palette import light

TEXTS = re.compile(r"<text(?: [^>]*)?>([^<]*)</text>")
PLACE = re.compile(r'(?:translate\(| x=")(-?[\d.]+)(?:"[^>]*? y="| )(-?[\d.]+)')

Marked = Callable[[Any, Any, Any, bool], None]


def ours(axis: Any, places: Any, texts: Any, grid: bool) -> None:
    place_ticks(axis, places, texts, grid=grid)


def matplotlibs(axis: Any, places: Any, texts: Any, grid: bool) -> None:
    axis.set_ticks(places, texts)
    axis.set_ticks([], minor=True)
    axis.grid(grid)


def drawn(marked: Marked, places: Any, texts: Any, *, log: bool = False, grid: bool = False) -> str:
    def draw(figure: Any) -> None:
        axes = panel(figure, 0.9, 0.6, 3, 2)
        if log:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.set_xlim(places[0], places[-1] * 1.2)
        axes.set_ylim(places[0], places[-1] * 1.2)
        axes.set_xlabel("across")
        axes.set_ylabel("up")
        marked(axes.xaxis, places, texts, grid)
        marked(axes.yaxis, places, texts, grid)

    return paint((4.4, 3), draw, alt="a", caption="c", title="t").svg


def placed(svg: str) -> list[tuple[str, float, float]]:
    found = []
    for each in TEXTS.finditer(svg):
        place = PLACE.search(each[0])
        assert place is not None
        found.append((each[1], float(place[1]), float(place[2])))
    return sorted(found)


@pytest.mark.parametrize(("places", "texts", "log"), [
    ([0.0, 0.5, 1.0, 1.5], ["0", "0.5", "1.0", "1.5"], False),
    ([-1200.0, 0.0, 1200.0], ["−1,200", "0", "1,200"], False),
    ([0.01, 0.1, 1.0, 10.0], ["0.01", "0.1", "1", "10"], True),
    ([0.0, 1.0, 2.0], ["one\ntwo", "one\ntwo", "three\nfour"], False),
])  # fmt: skip
def test_texts_stand_where_matplotlibs_ticks_have_them(
    places: list[float], texts: list[str], log: bool
) -> None:
    wanted = placed(drawn(matplotlibs, places, texts, log=log))
    found = placed(drawn(ours, places, texts, log=log))
    assert [text for text, *_ in found] == [text for text, *_ in wanted]
    assert len(found) >= 2 * len(places) + 2
    for (text, *at), (_, *want) in zip(found, wanted, strict=True):
        # titles stand beyond the texts, whose width is guessed from their letters
        near = 6 if text in {"across", "up"} else 0.2
        assert at == pytest.approx(want, abs=near), text


def test_grid_lines_run_from_edge_to_edge_and_marks_stand_only_below() -> None:
    places = [0.0, 0.5, 1.0]
    svg = drawn(ours, places, ["0", "0.5", "1"], grid=True)
    lines = [each for each in re.findall(r"<path[^>]*>", svg) if light("grid") in each]
    assert len(lines) == 2, "those of an axis are one path"
    # the axes are 3 by 2 inches, and begin 0.9 inches from the left and 0.6 from below
    left, right, low, high = 64.8, 280.8, 172.8, 28.8
    upright = "".join(f"M{left + place / 1.2 * 216:g} {low} {left + place / 1.2 * 216:g} {high}"
                      for place in places)  # fmt: skip
    flat = "".join(f"M{left} {low - place / 1.2 * 144:g} {right} {low - place / 1.2 * 144:g}"
                   for place in places)  # fmt: skip
    assert [re.search(r' d="([^"]*)"', each)[1] for each in lines] == [upright, flat]
    assert svg.count("<use ") == 3
    assert drawn(ours, places, ["0", "0.5", "1"]).count(light("grid")) == 0


def test_a_figure_goes_once_it_is_drawn_with_all_that_was_told_of_it() -> None:
    drawn: list[weakref.ref[Any]] = []

    def draw(figure: Any) -> None:
        axes = panel(figure, 0.5, 0.5, 3, 2)
        axes.set_xlim(0, 1)
        place_ticks(axes.xaxis, [0.5], ["half"])
        hint(axes, 0.5, 0.5, "told")
        drawn.append(weakref.ref(figure))

    picture = paint((4, 3), draw, alt="a", caption="c", title="t")
    picture.png()
    assert "told" in picture.svg
    gc.collect()
    assert [each() for each in drawn] == [None, None]


def test_what_lies_beyond_the_limits_is_not_marked() -> None:
    def draw(figure: Any) -> None:
        axes = panel(figure, 0.5, 0.5, 3, 2)
        axes.set_xlim(0, 1)
        place_ticks(axes.xaxis, [-1.0, 0.5, 7.0], ["left", "within", "right"])

    svg = paint((4, 3), draw, alt="a", caption="c", title="t").svg
    assert "within" in svg
    assert "left" not in svg
    assert "right" not in svg
