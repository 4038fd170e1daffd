"""Figures speak one language: looks of levels, names at lines, sizes of text, ticks, shades."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from harness import Factor, Higher
from harness.judging.results import Results
from harness.judging.search_words import settings_text, value_text
from harness.reports.figures.canvas import TEXT, Picture, limits, log_limits
from harness.reports.figures.changes import Mark, draw_changes
from harness.reports.figures.crossed import SHADES, crossed, draw_heat, shade_of
from harness.reports.figures.curve_values import arm_curves
from harness.reports.figures.curves import draw_curves
from harness.reports.figures.dots import TOGETHER, arm_dots
from harness.reports.figures.labels import TOLD, along, apart
from harness.reports.figures.scales import tick_places
from harness.reports.figures.search_axes import MOST_HINTS
from harness.reports.figures.search_parallel import draw_parallel
from harness.reports.figures.search_slices import draw_slices
from harness.reports.levels import NEUTRAL, levels_of
from harness.reports.page import page_of
from harness.reports.palette import ALL
from harness.reports.parts import parts_of
from harness.reports.render import render_html
from harness.study.formatting import level_text
from harness.study.metrics import METRICS
from tests.example_results import cost_results, example_results, residual_study
from tests.example_search import example_results as search_results

HINT = re.compile(r"<circle[^>]*><title>([^<]*)</title>")
SIZE = re.compile(r'font-size="([\d.]+)"')


def build(scale: object, shortcut: bool, depth: int, width: int) -> None:
    raise AssertionError("nothing is trained here")


@cache
def forty() -> Results:
    """40 arms of three factors, of which a claim is about the first."""
    claim = Higher(
        "Shortcuts help.", metric="test_accuracy", by=0.01,
        higher={"shortcut": True}, lower={"shortcut": False},
    )  # fmt: skip
    factors = (
        Factor("shortcut", (False, True)),
        Factor("depth", (8, 20, 56, 110)),
        Factor("width", (8, 16, 32, 64, 128)),
    )
    study = residual_study(
        name="forty", factors=factors, build=build, claims=(claim,), tuned=(), measures=()
    )
    return example_results(study, tuning=False, seeds=3, failed=())


@pytest.mark.parametrize("made", [example_results, cost_results, forty, search_results])
def test_no_text_of_a_figure_is_smaller_than_can_be_read(made):
    sizes = [float(each) for each in SIZE.findall(render_html(made()))]
    assert sizes
    assert min(sizes) >= TEXT


def test_text_is_9_px_on_a_phone_and_7_pt_on_paper():
    figure = 4.4 * 72  # points as drawn
    phone = 390 - 2 * 16 - 2 * 8 - 2  # margins of page and canvas, and its rule
    paper = 0.485 * 174 / 25.4 * 72 - 2 * 0.35 * 9.5 - 1.5
    assert TEXT / figure * phone >= 9
    assert TEXT / figure * paper >= 7


def test_arms_that_share_a_level_share_its_colour_or_its_dash_and_marker():
    results = example_results()
    levels = levels_of(results)
    arms = {tuple(level.name for level in arm.levels.values()): arm for arm in results.arms}
    looks = {names: levels.of_arm(arm.name) for names, arm in arms.items()}
    assert len(set(looks.values())) == 6
    for (shortcut, depth), look in looks.items():
        for (other, other_depth), theirs in looks.items():
            assert (look.color == theirs.color) == (shortcut == other)
            assert (look.marker == theirs.marker) == (depth == other_depth)
            assert (look.linestyle == theirs.linestyle) == (depth == other_depth)


def test_a_side_that_is_one_level_looks_as_its_arms_do_and_a_mixed_one_is_neutral():
    results = example_results()
    levels = levels_of(results)
    arm = levels.named["shortcut=yes, depth=56"]
    assert levels.look(arm.levels) == levels.of_arm(arm.name)
    assert levels.look({"shortcut": "yes"}).color == levels.of_arm(arm.name).color
    assert levels.look({"depth": "56"}).marker == levels.of_arm(arm.name).marker
    assert levels.look({"depth": "56"}).color == NEUTRAL.color
    assert levels.look({}) == NEUTRAL


def test_the_factor_that_most_claims_are_about_has_the_colours():
    about_depth = Higher(
        "Depth helps.", metric="test_accuracy", by=0.01, higher={"depth": 56}, lower={"depth": 8}
    )
    levels = levels_of(example_results(residual_study(claims=(about_depth,))))
    assert [name for name, _ in levels.factors] == ["depth", "shortcut"]


def test_names_at_lines_do_not_meet_and_keep_their_order():
    wanted = [50.0, 51.0, 52.0, 10.0, -40.0, 99.0]
    heights = [12.0, 24.0, 12.0, 12.0, 12.0, 12.0]
    found = apart(wanted, heights, 100.0)
    order = sorted(range(6), key=lambda at: wanted[at])
    assert order == sorted(range(6), key=lambda at: found[at])
    for below, above in pairwise(order):
        assert found[above] - found[below] >= (heights[above] + heights[below]) / 2 - 1e-9
    assert min(place - tall / 2 for place, tall in zip(found, heights, strict=True)) >= -1e-9
    assert max(place + tall / 2 for place, tall in zip(found, heights, strict=True)) <= 100 + 1e-9


def test_names_that_do_not_meet_stay_where_their_lines_end():
    assert apart([20.0, 60.0], [12.0, 12.0], 100.0) == [20.0, 60.0]


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-1.2, 2.4), (0.9985, 1.0012), (88.7, 91.3)])
def test_ticks_of_an_axis_have_as_many_decimals(ends):
    places, texts = tick_places(*ends, 5)
    assert len(places) >= 2
    assert len({len(text.partition(".")[2]) for text in texts}) == 1
    assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(places)


@pytest.mark.parametrize("most", [1.0, 9e6, 1e7, 123_456_789.0, 1e12, 1e300])
@pytest.mark.parametrize("part", [1.0, 1e-3, 1e-6, 1e-9])
def test_no_two_ticks_of_an_axis_have_the_same_text(most, part):
    _, texts = tick_places(most * (1 - part), most)
    assert len(texts) > 1
    assert len(set(texts)) == len(texts)


LARGEST_FLOAT, SMALLEST_FLOAT = sys.float_info.max, sys.float_info.min


@pytest.mark.parametrize("values", [
    (-LARGEST_FLOAT, LARGEST_FLOAT), (1e308,), (0.0, 1e308), (0.0,), (-1e308, -1e307), (),
])  # fmt: skip
def test_an_axis_of_the_largest_numbers_ends_at_numbers(values):
    low, high = limits(values)
    assert low < high
    assert math.isfinite(high - low)
    assert len(tick_places(low, high)[0]) > 1


@pytest.mark.parametrize("values", [
    (SMALLEST_FLOAT, LARGEST_FLOAT), (1e308,), (SMALLEST_FLOAT,), (1.0, 1e308), (),
])  # fmt: skip
def test_a_logarithmic_axis_of_the_largest_numbers_ends_at_numbers(values):
    low, high = log_limits(values)
    assert 0 < low < high < math.inf
    assert math.isfinite(high / low)


@pytest.mark.parametrize(("better", "best"), [("lower", 1.0), ("higher", 3.0), (None, 3.0)])
def test_the_strongest_shade_is_the_best(better, best):
    shades = {value: shade_of(value, 1.0, 3.0, better) for value in (1.0, 2.0, 3.0)}
    assert shades[best] == len(SHADES) - 1
    assert sorted(shades.values()) == [0, 2, 4]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_on_shades_and_names_of_lines_reach_the_contrast_of_text(scheme):
    pairs = [(name, "ink" if place < 3 else "card") for place, name in enumerate(SHADES)]
    pairs += [(f"series{number}", "card") for number in range(1, 7)]
    for name, other in pairs:
        low, high = sorted(luminance(getattr(ALL[each], scheme)) for each in (name, other))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (name, other)


def test_forty_arms_stand_in_groups_each_once_and_nothing_is_cut():
    results = forty()
    parts = arm_dots(results, METRICS["test_accuracy"])
    groups = [group for part in parts for group in part.groups]
    named = Counter(
        f"{heading.removesuffix(' (more)')}, {row.label}"
        for heading, rows in groups
        for row in rows
    )
    assert named == Counter(arm.name for arm in results.arms)
    best = [max(row.mean for row in rows) for _, rows in groups]
    assert best == sorted(best, reverse=True)
    for part in parts:
        assert sum(len(rows) + 1 for _, rows in part.groups) <= TOGETHER + 1


def hints(picture: Picture) -> list[str]:
    return HINT.findall(picture.svg)


def test_a_search_tells_its_best_settings_in_every_panel():
    search = search_results().search
    best = search.rank(each for each in search.tried if each.fits)[0]
    wanted = f"setting {best.number}: {level_text(search.metric, best.value)}, "
    (slices,), parallel = draw_slices(search), draw_parallel(search)
    for name, value in best.settings.items():
        assert f"{wanted}{name} = {value_text(value)}" in hints(slices)
    assert f"{wanted}{settings_text(best.settings)}" in hints(parallel)
    assert 0 < len(hints(slices)) <= MOST_HINTS


def test_a_mean_tells_its_values_along_its_line():
    curves = arm_curves(example_results(), "train_loss")
    told = [each for each in hints(draw_curves(curves)) if each.startswith("shortcut=no, depth=8:")]
    mean = dict(curves.groups[0].mean)
    epochs = [int(re.search(r"at epoch (\d+)", each)[1]) for each in told]
    assert 5 <= len(epochs) <= TOLD
    assert epochs[-1] == max(mean)
    for epoch, text in zip(epochs, told, strict=True):
        assert f" {level_text(METRICS['train_loss'], mean[epoch])} at epoch" in text


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 100])
def test_of_a_line_a_few_points_are_told_and_always_its_end(count):
    told = along(range(count))
    assert len(told) == min(count, TOLD) or TOLD / 2 < len(told) < TOLD
    assert list(told[-1:]) == list(range(count))[-1:]


def test_a_cell_of_a_heat_map_tells_its_interval_and_its_count():
    values = crossed(example_results(), METRICS["test_accuracy"])
    cell = values.cells[0][0]
    told = f"{cell.mean:.1f} % [{cell.low:.1f}, {cell.high:.1f}], n = {cell.n}"
    assert f"{values.lines[1][0]}, {values.across[1][0]}: {told}" in hints(draw_heat(values))


def test_a_gate_tells_what_came_of_each_figure():
    marks = [Mark("bench · step", 0.128, 0.091, 0.166, "fail")]
    assert hints(draw_changes(marks, "Head against base")) == [
        "bench · step, fail, +12.8 % [+9.1, +16.6] %"
    ]


def test_an_effect_and_its_interval_have_their_unit_once() -> None:
    results = example_results(seeds=6, profiles=False)
    page = page_of(results)
    pictures = [each.content for each in parts_of(page) if isinstance(each.content, Picture)]
    told = [f"{each.alt} {each.svg}" for each in pictures]
    both = re.compile(r"(nats|pp),? \[[^\]]*\] (nats|pp)|(nats|pp), .{0,30}interval of \[")
    texts = [*told, *(verdict.reason for verdict in results.verdicts)]
    assert sum("] pp" in text for text in texts) >= 5, "there are such texts"
    assert [found[0] for text in texts if (found := both.search(text))] == []
