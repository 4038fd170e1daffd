"""Nothing in a figure is cut or meets another text, with usual values and with extreme ones."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from html import unescape
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

from harness import Choice, Float, Int
from harness.judging.results import Results
from harness.judging.searched import SearchResults
from harness.reports.figures.breakdown import Bars, draw_bars
from harness.reports.figures.canvas import Picture, dots, paint, panel
from harness.reports.figures.crossed import Cell, Crossed, draw_heat, draw_lines
from harness.reports.figures.curve_values import Curves, Group, curves_of
from harness.reports.figures.curves import draw_curves
from harness.reports.figures.dots import Dots, Row, draw_dots
from harness.reports.figures.forest import Forest, ForestRow, draw_forest, draw_forests, forest
from harness.reports.figures.labels import inches, lines_within
from harness.reports.figures.layers import draw_layers, layers_of
from harness.reports.figures.marks import place_ticks, ticks
from harness.reports.figures.paired import draw_paired, paired
from harness.reports.figures.scales import ems, ratio_texts, tick_places
from harness.reports.figures.search_axes import options_across, shortened
from harness.reports.figures.search_parallel import draw_pairs, draw_parallel
from harness.reports.figures.search_slices import draw_slices
from harness.reports.levels import NO_LEVELS, Look
from harness.reports.page import page_of
from harness.reports.parts import Part, parts_of
from harness.reports.sections.leaders import leaders_section
from harness.study.metrics import METRICS, Metric
from harness.trials.profiles import STEP_PARTS
from tests.example_results import cost_results, example_results
from tests.example_search import example_results as search_results
from tests.example_search import search as declared_search

SCORE = Metric("score", "Score", "tokens", "higher", "Tokens.")
LONG = ("normalisation=batch, activation=gelu, width=512", "normalisation=layer, width=64")

Box = tuple[str, float, float, float, float]


def boxes(picture: Picture) -> list[Box]:
    """Return each text of a figure with its left, lower, right and upper end in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    found: list[Box] = []

    def draw(figure: Any) -> None:
        picture.draw(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        for text in figure.findobj(Text):
            if not text.get_visible() or not text.get_text().strip():
                continue
            ends = text.get_window_extent(canvas.get_renderer()).extents / figure.dpi
            found.append((text.get_text(), *map(float, ends)))

    paint(picture.size, draw, alt="", caption="", title="")
    shown = drawn(picture)
    return [each for each in found if each[0] in shown]


def drawn(picture: Picture) -> set[str]:
    """Return the texts that the SVG holds, those of several lines as one, too."""
    root = ElementTree.fromstring(picture.svg)
    lines = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    return {*lines, *("\n".join(lines[a:b]) for a in range(len(lines)) for b in range(a, a + 5))}


def cut(picture: Picture) -> list[str]:
    """Return the texts that reach beyond the figure, by more than a line is wide."""
    wide, tall = picture.size
    return [
        text
        for text, left, low, right, high in boxes(picture)
        if left < -0.02 or low < -0.02 or right > wide + 0.02 or high > tall + 0.02
    ]


def meeting(picture: Picture) -> list[tuple[str, str]]:
    """Return the pairs of texts that overlap."""
    return [
        (one[0], other[0])
        for one, other in combinations(boxes(picture), 2)
        if one[1] < other[3] - 0.02 and other[1] < one[3] - 0.02
        and one[2] < other[4] - 0.02 and other[2] < one[4] - 0.02
    ]  # fmt: skip


def whole(picture: Picture) -> bool:
    return not cut(picture) and not meeting(picture)


def title(picture: Picture) -> str:
    found = re.search(r"<title[^>]*>([^<]*)</title>", picture.svg)
    assert found is not None
    return unescape(found[1])


@cache
def usual() -> Results:
    return example_results()


@cache
def pages() -> tuple[tuple[Part, ...], ...]:
    """Return the parts of the pages of a study, of one with costs, and of a search."""
    made = (usual(), cost_results(), search_results())
    return tuple(parts_of(page_of(results)) for results in made)


# ---- numbers along axes -------------------------------------------------------------------------


@pytest.mark.parametrize(("ends", "texts"), [
    ((-3e7, 3e7), ["−2e7", "0", "2e7"]),
    ((0.0, 1e38), ["0", "2e37", "4e37", "6e37", "8e37", "10e37"]),
    ((1.1e7, 1.32e7), ["1.10e7", "1.15e7", "1.20e7", "1.25e7", "1.30e7"]),
    ((1e7, 1.0002e7), ["10,000,000", "10,000,500", "10,001,000", "10,001,500", "10,002,000"]),
    ((3e-7, 9e-7), ["4e−7", "6e−7", "8e−7"]),
    ((0.0, 9e6), ["0", "2,000,000", "4,000,000", "6,000,000", "8,000,000"]),
])  # fmt: skip
def test_very_large_and_small_numbers_share_a_power_of_ten_or_are_written_out(
    ends: tuple[float, float], texts: list[str]
) -> None:
    assert tick_places(*ends, 5)[1] == texts


def test_two_powers_of_ten_far_apart_keep_their_decimals() -> None:
    assert ratio_texts([0.001, 1.0]) == ["0.001", "1"]
    assert ratio_texts([0.95, 1.0]) == ["0.95", "1.00"]


@pytest.mark.parametrize("ends", [(1.0, 1.0), (0.5, 1.5), (0.98, 2.02), (1.0, 3.0)])
def test_whole_ticks_of_a_short_axis_stand_once(ends: tuple[float, float]) -> None:
    places, texts = tick_places(*ends, 6, whole=True)
    assert texts == [str(each) for each in range(math.ceil(ends[0]), math.floor(ends[1]) + 1)]
    assert places == [float(text) for text in texts]


@pytest.mark.parametrize(("ends", "log", "whole_ones"), [
    ((0.0011, 0.0018), True, False), ((48.0, 96.0), True, True), ((0.3, 0.45), True, False),
    ((1e-5, 0.1), True, False), ((0.0, 2e7), False, True), ((0.0, 1.0), False, False),
])  # fmt: skip
@pytest.mark.parametrize("wide", [1.5, 2.6])
def test_numbers_across_do_not_meet_however_narrow_the_axis_is(
    ends: tuple[float, float], log: bool, whole_ones: bool, wide: float
) -> None:
    def draw(figure: Any) -> None:
        axes = panel(figure, 0.5, 0.5, wide, 1.0)
        if log:
            axes.set_xscale("log")
        axes.set_xlim(*ends)
        axes.set_yticks([])
        ticks(axes.xaxis, 5, log=log, whole=whole_ones)

    picture = paint((wide + 0.65, 2.0), draw, alt="", caption="", title="")
    assert len(boxes(picture)) >= 2
    assert whole(picture)


# ---- room at the left ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "shift"), [(1.0, 0.0), (1e7, 1.2345e7), (-1.2345e38, 0.0), (1e-12, 0.0), (1e-9, 1.0)]
)
def test_titles_of_axes_stay_within_figures_whatever_the_numbers_are(
    scale: float, shift: float
) -> None:
    verdict = usual().verdicts[0]
    values = paired(verdict, "an interval")
    curves = curves_of(usual(), verdict)
    layer = layers_of(usual())[0]
    assert values
    assert curves
    moved = replace(
        values, metric=METRICS["test_loss"],
        first=tuple(shift + scale * each for each in values.first),
        second=tuple(shift + scale * each for each in values.second),
        differences=tuple(scale * each for each in values.differences),
        effect=scale * values.effect, low=scale * values.low, high=scale * values.high,
    )  # fmt: skip
    groups = tuple(
        replace(
            group, curves=tuple(_moved(curve, shift, scale) for curve in group.curves),
            mean=_moved(group.mean, shift, scale),
        )
        for group in curves.groups
    )  # fmt: skip
    lines = tuple(
        replace(line, **{
            name: tuple(shift + scale * each for each in getattr(line, name))
            for name in ("mean", "low", "high")
        })
        for line in layer.lines
    )  # fmt: skip
    assert whole(draw_paired(moved, "an interval", 1))
    assert whole(draw_curves(replace(curves, groups=groups)))
    assert whole(draw_layers(replace(layer, lines=lines, log=False)))
    crossed = Crossed(
        SCORE, ("rate", ("a", "b")), ("norm", ("c", "d")),
        tuple(tuple(Cell(shift + scale * each, math.nan, math.nan, 5) for each in row)
              for row in ((1.0, 3.0), (2.0, -1.0))), NO_LEVELS,
    )  # fmt: skip
    assert whole(draw_lines(crossed))


def _moved(curve: Any, shift: float, scale: float) -> Any:
    return tuple((at, shift + scale * value) for at, value in curve)


def test_the_figures_of_usual_studies_and_searches_are_whole() -> None:
    for part in (each for page in pages() for each in page):
        if isinstance(part.content, Picture):
            assert cut(part.content) == [], part.name


# ---- curves -------------------------------------------------------------------------------------


def test_curves_of_one_epoch_have_names_seeds_and_one_tick() -> None:
    seeds = (((1, 2.0),), ((1, 3.0),))
    group = Group("a", seeds, ((1, 2.5),), Look("#123456", "solid", "o"), "one side")
    picture = draw_curves(Curves(METRICS["test_loss"], None, (group,), 2, None))
    texts = [text for text, *_ in boxes(picture)]
    assert texts.count("1") == 1
    assert "one side" in texts
    (seen,) = re.findall(r'<path d="([^"]*)"[^>]*opacity="0.5"[^>]*stroke-width="3.4"', picture.svg)
    assert seen.count("M") == 2


def test_a_side_without_a_finite_mean_has_its_name_and_the_caption_says_why() -> None:
    seeds = (((1, 2.0), (2, 1.0)), ((1, math.inf), (2, math.inf)))
    mean = ((1, math.inf), (2, math.inf))
    lost = Group("a", seeds, mean, Look("#123456", "solid", "o"), "lost side")
    kept = replace(lost, curves=seeds[:1], mean=seeds[0], short="other side")
    values = Curves(METRICS["test_loss"], None, (lost, kept), 2, None)
    picture = draw_curves(values)
    assert {"lost side", "other side"} <= drawn(picture)
    assert "none where a seed's value is not finite" in picture.caption
    assert "not finite" not in draw_curves(replace(values, groups=(kept,))).caption


# ---- effects ------------------------------------------------------------------------------------


def row(number: int, effect: float, low: float = math.nan, high: float = math.nan) -> ForestRow:
    return ForestRow(
        number, f"Claim {number} is about arms.", "supported, material", effect, low, high, (1,),
        False, "said",
    )  # fmt: skip


@pytest.mark.parametrize("count", [2, 14])
@pytest.mark.parametrize("reach", [0.5, 40.0, 600.0, 5e4, 1e9])
def test_numbers_above_effects_are_whole_and_the_outermost_are_named(
    count: int, reach: float
) -> None:
    rows = tuple(row(at, reach if at % 2 else -reach) for at in range(1, count + 1))
    picture = draw_forest(Forest(rows, "an interval"))
    assert cut(picture) == []
    assert meeting(picture) == []
    outer = next((each for each in (1, 3, 10, 30, 100, 300, 1e3, 1e4, 1e5) if each >= reach), 1e5)
    assert {"0", f"+{outer:,.0f}", f"−{outer:,.0f}"} <= drawn(picture)


def test_the_axis_of_effects_and_of_arms_stands_above_all_rows() -> None:
    leaders = leaders_section(usual())
    found = forest(usual().verdicts)
    assert found is not None
    assert leaders is not None
    for picture, axis in (
        (draw_forest(found), "Effect ÷ δ"),
        (leaders.figure, "Test accuracy (%)"),
    ):
        (end,) = (each[2] for each in boxes(picture) if each[0] == axis)
        assert all(upper <= end for text, _, _, _, upper in boxes(picture) if text != axis)


def test_a_claim_of_one_line_takes_less_height_than_one_of_two() -> None:
    short = row(1, 1.0)
    long = replace(short, text="A claim of so many words that it takes two lines of the figure.")
    assert draw_forest(Forest((short,), "")).size[1] < draw_forest(Forest((long,), "")).size[1]


@pytest.mark.parametrize("count", [1, 14, 41])
@pytest.mark.parametrize(
    "text",
    [
        "WIDE LETTERS MAKE WIDE LINES, WHATEVER SOMEBODY SHOUTS ABOUT NORMALISATION, AND MORE" * 2,
        "W" * 200,
        "a_name_without_spaces=" * 8,
    ],
)
def test_texts_of_claims_are_whole_in_any_letters(text: str, count: int) -> None:
    rows = tuple(replace(row(at, 1.0), text=text) for at in range(1, count + 1))
    picture = draw_forest(Forest(rows, "an interval"))
    assert cut(picture) == []
    assert meeting(picture) == []
    assert any("…" in each for each in drawn(picture))


@pytest.mark.parametrize("count", [1, 14])
def test_claims_in_chinese_are_broken_by_their_width(count: int) -> None:
    text = "批量归一化之后，更深的网络 (of 56 layers) 训练得更好，在这个数据集上也是如此，" * 3
    rows = tuple(replace(row(at, 1.0), text=text) for at in range(1, count + 1))
    picture = draw_forest(Forest(rows, "an interval"))
    root = ElementTree.fromstring(picture.svg)
    texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    lines = [each for each in texts if "批" in each or "网络" in each]
    # by estimate: the fonts that tests draw with have no such letters
    room = picture.size[0] - 0.2 if count == 1 else 0.55 * (picture.size[0] - 0.2)
    assert len(lines) >= count
    assert all(0.7 * room < inches(line) <= room for line in lines)


def test_lines_break_at_spaces_and_hold_as_much_as_fits() -> None:
    assert lines_within("Deeper is better.", 20, 2) == ["Deeper is better."]
    assert lines_within("Deeper is better.", 5.5, 2) == ["Deeper is", "better."]
    assert lines_within("Deeper is much better.", 5.5, 2) == ["Deeper is", "much …"]
    assert lines_within("更深的网络，更好", 5.3, 3) == ["更深的网", "络，更好"]
    assert lines_within("", 5.0, 2) == []
    for line in lines_within("abcdefghij" * 4, 8.0, 9):
        assert 6.0 < ems(line) <= 8.0 or line.endswith("j")


def test_an_effect_beyond_the_axis_is_told_in_mark_and_caption() -> None:
    beyond, within = Forest((row(1, 1e9),), ""), Forest((row(1, 5e4),), "")
    sentence = " A triangle at the edge: it lies beyond."
    assert draw_forest(beyond).caption.endswith(sentence)
    assert sentence not in draw_forest(within).caption
    (group,) = draw_forests([("a", beyond.rows)])
    assert group.caption == f"a.{sentence}"


def test_there_is_no_figure_of_effects_where_none_was_measured() -> None:
    failed = example_results(seeds=2, failed=[(arm, seed) for arm in range(6) for seed in range(2)])
    assert not any(math.isfinite(each.seen.effect) for each in failed.verdicts)
    assert forest(failed.verdicts) is None
    assert forest(usual().verdicts) is not None


# ---- names --------------------------------------------------------------------------------------


def test_long_names_of_arms_are_whole() -> None:
    parts = dict(zip(STEP_PARTS, (0.001, 0.01, 0.02, 0.003), strict=True))
    assert whole(draw_bars(Bars(tuple((name, parts) for name in LONG), 0, NO_LEVELS)))
    for names in (
        LONG,
        ("optimizer=MOMENTUM_ADAMW_WW", "W" * 60),
        ("批量归一化与丢弃的先后顺序如何影响", "b"),
    ):
        rows = tuple(Row(name, 1e5, 9e4, 1.1e5, 5) for name in names)
        assert whole(draw_dots(Dots(SCORE, (("", rows),), "arm"))), names


def test_both_ends_of_the_bar_of_shades_are_whole_and_the_caption_has_the_unit() -> None:
    cells = ((Cell(-345678, 1, 2, 5), Cell(234567, 1, 2, 5)), (Cell(1, 1, 2, 5), None))
    values = Crossed(SCORE, ("rate", ("a", "b")), ("norm", ("batch", "layer")), cells, NO_LEVELS)
    picture = draw_heat(values)
    assert whole(picture)
    assert {"worse, −345,678", "better, 234,567"} <= drawn(picture)
    assert picture.caption.startswith("Score (tokens): ")


OPTIMIZERS = ("sgd_nesterov", "adamw", "rmsprop", "adagrad", "lion", "shampoo_v2", "lamb",
              "novograd", "adafactor", "muon")  # fmt: skip


@cache
def crowded() -> SearchResults:
    """A search over nine settings with long names, many options and narrow logarithmic ranges."""
    space = (
        *(Float(name, 0.0, 1.0) for name in ("learning_rate", "warmup_steps", "dropout_rate")),
        *(Float(name, 0.0011, 0.0018, log=True) for name in ("weight_decay", "embedding_dim")),
        Float("label_smoothing", 0.0, 0.1), Choice("optimizer_name", OPTIMIZERS),
        Int("width", 48, 96, log=True), Choice("batch_size", tuple(2**k for k in range(4, 14))),
    )  # fmt: skip

    def train(
        context: Any, learning_rate: float, warmup_steps: float, dropout_rate: float,
        weight_decay: float, embedding_dim: float, label_smoothing: float, optimizer_name: str,
        width: int, batch_size: int,
    ) -> Any:  # fmt: skip
        raise AssertionError("nothing is trained here")

    def values(place: int, settings: Mapping[str, Any], seed: int) -> Mapping[str, float]:
        share = ((place + seed) * 0.618034) % 1
        return {"validation_error": 0.1 + 0.5 * share, "model_bytes": 1e5, "test_error": 0.2}

    found = search_results(declared_search(space=space, train=train), 60, values).search
    assert found is not None
    return found


def chosen(*names: str) -> SearchResults:
    """The same search, as if it were over some of its settings."""
    searching = crowded().searching
    kept = tuple(each for each in searching.settings if each.name in names)
    return replace(crowded(), searching=replace(searching, settings=kept))


def pictures_of_settings() -> Iterator[Picture]:
    for made in (
        draw_parallel(chosen("optimizer_name", "label_smoothing")),
        draw_parallel(crowded()), draw_pairs(crowded()), *draw_slices(crowded()),
        draw_pairs(chosen("weight_decay", "optimizer_name", "width", "batch_size")),
    ):  # fmt: skip
        assert made is not None
        yield made


def test_names_of_settings_and_options_neither_meet_nor_are_cut() -> None:
    for picture in pictures_of_settings():
        assert meeting(picture) == [], title(picture)
        assert cut(picture) == [], title(picture)


def test_a_range_of_real_numbers_whose_ends_are_whole_has_numbers_within() -> None:
    searching = chosen("label_smoothing").searching
    (setting,) = searching.settings
    whole_ends = replace(searching, settings=(replace(setting, low=0, high=1),))
    (picture,) = draw_slices(replace(crowded(), searching=whole_ends))
    assert {"0.25", "0.50", "0.75"} <= drawn(picture)


def test_a_number_that_would_be_cut_at_the_left_is_not_written() -> None:
    def draw(figure: Any) -> None:
        axes = panel(figure, 0.1, 0.5, 4.0, 1.0)
        axes.set_xlim(-10_044, 500)
        place_ticks(axes.yaxis, [])
        ticks(axes.xaxis, 6)

    picture = paint((4.4, 2.0), draw, alt="", caption="", title="")
    assert "−10,000" not in drawn(picture)
    assert "−8,000" in drawn(picture)
    assert whole(picture)


def test_options_are_told_apart_below_an_axis() -> None:
    named = options_across(OPTIMIZERS, 2.6)
    assert named.upright
    assert named.texts == OPTIMIZERS
    assert not options_across(("sgd", "adam", "rmsprop"), 2.6).upright
    alike = [f"resnet_{depth}_pretrained" for depth in (18, 34)]
    assert options_across(("batch norm", "layer norm", "none"), 2.2).foot > 0.3  # in two lines
    assert shortened(alike[0], 12) == "resnet…ained"
    assert len({shortened(f"optimizer_of_kind_{kind}", 12) for kind in "abc"}) == 3


# ---- titles -------------------------------------------------------------------------------------


def test_titles_of_the_figures_of_a_page_are_short_and_no_two_are_alike() -> None:
    for parts in pages():
        titles = [title(each.content) for each in parts if isinstance(each.content, Picture)]
        assert len(set(titles)) == len(titles)
        for each in titles:
            assert len(each) <= 80, each
            assert not re.search(r"[.;]", each), each


def test_a_colon_in_a_name_does_not_cut_the_title_of_a_figure() -> None:
    values = Crossed(
        SCORE, ("rate", ("http://a", "b")), ("from", ("http://c", "d")),
        ((Cell(1, 1, 2, 5), Cell(2, 1, 2, 5)), (Cell(3, 1, 2, 5), None)), NO_LEVELS,
    )  # fmt: skip
    assert title(draw_lines(values)) == "Score by rate and from"
    assert title(draw_heat(values)) == "Table of score by rate and from"


def test_a_file_names_its_claim_once() -> None:
    names = [each.name for each in pages()[0] if "claim-2" in each.name]
    assert names
    for name in names:
        assert name.count("claim-2") == 1


# ---- pixels -------------------------------------------------------------------------------------


def test_dots_are_drawn_in_pixels_too() -> None:
    def picture(points: list[tuple[float, float]]) -> Picture:
        def draw(figure: Any) -> None:
            axes = panel(figure, 0.1, 0.1, 0.8, 0.8)
            axes.set_axis_off()
            axes.set_xlim(0, 4)
            axes.set_ylim(0, 4)
            dots(axes, points, 6.0, 2, edgecolor="#000000")

        return paint((1, 1), draw, alt="", caption="", title="")

    none, one, two = (picture([(1.0, 1.0), (1.0, 3.0)][:count]).png() for count in range(3))
    assert len({none, one, two}) == 3
