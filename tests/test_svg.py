"""Figures as SVG: the same lines in fewer bytes, values told where they are, names of their own."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.reports.figures.canvas import Picture, hint, paint
from harness.reports.figures.svg import compact, short_path, without_hints
from harness.reports.palette import light

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def square(figure: Any) -> None:
    axes = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 1)
    axes.plot([0, 5, 10], [0.0, 1.0, 0.25], "o-", color=light("series1"), clip_on=False)
    hint(axes, 5, 1.0, "seed 3: <100 %> & more")
    hint(axes, 2, float("nan"), "nothing was measured")
    hint(axes, 99, 0.5, "beyond the figure")


def painted(draw: Any = square, **words: str) -> Picture:
    usual = {"alt": "Three values: up and down.", "caption": "c", "title": "Three values"}
    return paint((4, 2), draw, **(usual | words))


def drawn_points(path: str) -> list[tuple[float, ...]]:
    """All points of a path, whether or not a letter stands before each."""
    numbers = [float(each) for each in re.findall(r"-?[\d.]+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_a_line_keeps_its_points_to_a_tenth_of_a_point() -> None:
    rng = np.random.default_rng(0)
    points = np.cumsum(rng.uniform(0.3, 9, size=(50, 2)), axis=0)
    written = "M " + " \nL ".join(f"{x:.6f} {y:.6f}" for x, y in points)
    short = short_path(written, 1)
    assert len(short) < 0.6 * len(written)
    assert np.allclose(drawn_points(short), points, atol=0.0501)


def test_curves_and_closed_shapes_keep_their_letters() -> None:
    assert short_path("M 0 -2 \nC 1.5 -2 2 -1 2 0 \nC 2 1 1 2 0 2 \nL 1 1 \nz \n", 2) == (
        "M0 -2C1.5 -2 2 -1 2 0 2 1 1 2 0 2L1 1Z"
    )


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("M 0 0 L 1 0 L 2 0 L 3 0 L 3 5", "M0 0 3 0 3 5"),
        ("M 0 0 L 2 0 L 1 0", "M0 0 2 0 1 0"),  # it turns back: the far end must stay
        ("M 1 9 L 1 5 L 1 7", "M1 9 1 5 1 7"),
        ("M 4 4 L 4 4", "M4 4 4 4"),  # a dot
        ("M 0 0 L 1 1 L 2 2", "M0 0 1 1 2 2"),
    ],
)
def test_only_points_within_straight_runs_are_left_out(written: str, short: str) -> None:
    assert short_path(written, 1) == short


def test_a_value_is_told_where_it_is_drawn() -> None:
    root = ElementTree.fromstring(painted().svg)
    circles = [each for each in root.iter() if each.tag.endswith("circle")]
    (circle,) = circles
    # 4 by 2 inches of 72 points: the middle of the axes across, and their upper edge.
    assert float(circle.get("cx", "")) == pytest.approx(72 * 4 * 0.5, abs=0.1)
    assert float(circle.get("cy", "")) == pytest.approx(72 * 2 * 0.25, abs=0.1)
    assert [each.text for each in circle] == ["seed 3: <100 %> & more"]


def test_on_paper_and_in_a_file_no_value_is_told_and_all_else_is_there() -> None:
    svg = painted().svg
    bare = without_hints(svg)
    assert "seed 3" in svg
    assert "seed 3" not in bare
    root = ElementTree.fromstring(bare)
    assert len(list(root.iter())) == len(list(ElementTree.fromstring(svg).iter())) - 3
    assert without_hints(bare) == bare


def test_a_figure_says_what_it_is_and_what_it_shows() -> None:
    hostile = "</title><script>alert(1)</script> & \x00: 3 > 2."
    svg = painted(alt=hostile, title=hostile).svg
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    said = {each.get("id"): each.text for each in root if each.get("id")}
    assert said[root.get("aria-describedby")] == hostile.replace("\x00", "\\x00")
    assert said[root.get("aria-labelledby")] == hostile.replace("\x00", "\\x00")
    named = ElementTree.fromstring(painted(title="A title").svg)
    assert named[0].text == "A title"


def test_the_same_drawing_gives_the_same_bytes_and_another_has_other_names() -> None:
    def other(figure: Any) -> None:
        square(figure)
        figure.text(0.1, 0.9, "more")

    first, again, second = painted().svg, painted().svg, painted(other).svg
    assert first == again

    def names(svg: str) -> set[str]:
        return set(re.findall(r'id="([^"]+)"', svg))

    assert len(names(first)) > 3
    assert not names(first) & names(second)


def test_what_is_alike_in_a_row_is_said_once() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><g id="a">'
        + "".join(
            f'<path d="M 0 {at} L 9 {at}" style="fill: none; stroke: #112233; stroke-width: 2"/>'
            for at in range(4)
        )
        + '<path d="M 0 0 L 9 9" style="fill: none"/></g></svg>'
    )
    svg = compact(drawn, "t", "d")
    assert svg.count("#112233") == 1
    assert svg.count("<path") == 4, "what has neither an area nor a line is left out"


def test_what_is_clipped_alike_in_a_row_is_clipped_once() -> None:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><g id="a">'
        '<path d="M 0 1 L 9 1" clip-path="url(#c)" style="stroke: #112233"/>'
        '<path d="M 0 2 L 9 2" clip-path="url(#c)" style="stroke: #445566"/>'
        '<path d="M 0 3 L 9 3" clip-path="url(#c)" transform="scale(2)" style="stroke: #778899"/>'
        '<path d="M 0 4 L 9 4" style="stroke: #aabbcc"/></g>'
        '<defs><clipPath id="c"><rect width="5" height="5"/></clipPath></defs></svg>'
    )
    whole = ElementTree.fromstring(compact(drawn, "t", "d"))
    space = "{http://www.w3.org/2000/svg}"
    clips = {
        path.get("stroke"): [each.tag for each in (*parents, path) if each.get("clip-path")]
        for parents in ((whole,), *((whole, group) for group in whole.iter(f"{space}g")))
        for path in parents[-1].findall(f"{space}path")
    }
    assert clips == {
        "#112233": [f"{space}g"],
        "#445566": [f"{space}g"],
        "#778899": [f"{space}path"],
        "#aabbcc": [],
    }


def test_pixels_are_of_the_size_asked_for() -> None:
    image = painted().png(scale=1.5)
    assert image.startswith(SIGNATURE)
    width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (round(4 * 96 * 1.5), round(2 * 96 * 1.5))
    assert image == painted().png(scale=1.5)
    import matplotlib.image

    shown = matplotlib.image.imread(io.BytesIO(image))
    assert shown[0, 0, :3] == pytest.approx(1.0), "white where nothing is drawn"
    assert shown[..., :3].min() < 0.5, "and something is drawn"
