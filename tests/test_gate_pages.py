"""The page of all gates, and figures of a gate's page: what is drawn, what is told and what not."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.gate import history
from harness.gate.outcome import GateResult
from harness.reports import render_history
from harness.reports.figures.canvas import Picture, limits
from harness.reports.figures.changes import (
    Mark,
    draw_changes,
    draw_controls,
    marks_of,
)
from harness.reports.figures.labels import labels_apart
from harness.reports.figures.over_time import scale_of
from harness.reports.figures.scales import tick_places
from harness.reports.gate_history import HistoryPage, Machines, history_page
from tests.example_gate import FLOPS, PEAK, RATE, STEP, example

WAIT = "A figure needs 10 gates if it is measured (5 on either side of a change)."


def lines(steps: Sequence[float], peaks: Sequence[float] = (), **other: Any) -> list[Any]:
    """Return a history: a time, bytes that vary where they are given, and a count that does not."""
    found: list[GateResult] = []
    for at, step in enumerate(steps):
        peak = peaks[at] if peaks else 100.0
        rows = (replace(STEP, head=step), replace(PEAK, head=peak), FLOPS)
        time = f"2026-11-{1 + at // 24:02d}T{at % 24:02d}:00:00+00:00"
        found.append(example(rows=rows, time=time, **other))
    return [history._line(each) for each in found]


def alone(page: HistoryPage) -> Machines:
    (group,) = page.groups
    return group


def texts(picture: Picture) -> list[str]:
    """Return what is written in a picture."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture.svg)


def test_one_gate_has_no_chart_and_no_change_and_both_are_explained() -> None:
    page = history_page(lines([0.01]))
    group = alone(page)
    assert page.said == "Too few gates to show a change of level."
    assert page.enough == (
        "3 figures must wait. A figure needs 2 gates if it is the same in every process and "
        "10 gates if it is measured (5 on either side of a change)."
    )
    assert (group.figures, group.levels) == ((), None)
    assert group.undrawn.startswith("No chart of 3 figures: fewer than 3 gates measured them")
    assert group.folded == "3 figures, measured by one gate so far"
    assert group.steady is not None
    assert len(group.steady.rows) == 3
    assert '-steady" open>' in render_history(lines([0.01])), "or the page looks empty"


def test_what_varies_has_a_chart_from_three_gates_on() -> None:
    two, three = (alone(history_page(lines([0.01, 0.02, 0.03][:n]))) for n in (2, 3))
    assert two.levels is not None
    assert (len(two.figures), len(two.levels.rows)) == (0, 1)
    assert "No chart of 3 figures" in two.undrawn
    assert (len(three.figures), three.undrawn) == (1, "")
    assert "Too few gates to show a change of level: 10 are needed." in three.figures[0].caption


def test_what_never_varies_is_folded_and_has_no_chart() -> None:
    group = alone(history_page(lines([0.01 + at / 1000 for at in range(12)])))
    assert [each.caption.partition(":")[0] for each in group.figures] == ["bench"]
    assert group.levels is not None
    assert group.steady is not None
    assert [cells[0].text for cells in group.levels.rows] == ["step"]
    assert [cells[0].text for cells in group.steady.rows] == ["flops", "peak"]
    assert group.folded == "2 figures that were the same in all gates"
    page = render_history(lines([0.01] * 12))
    assert "<figure" not in page
    assert "3 figures that were the same in all gates" in page


def test_it_is_told_how_many_figures_could_show_a_change() -> None:
    nine, ten = (history_page(lines([0.01 + at % 3 / 1000 for at in range(n)])) for n in (9, 10))
    assert nine.said == "None of 2 figures with enough gates changed its level."
    assert nine.enough == (f"2 figures have enough gates to show a change, and 1 must wait. {WAIT}")
    assert ten.said == "None of 3 figures changed its level."
    assert ten.enough == "All figures have enough gates to show a change."
    assert "can be told in 1 gate" in {cells[4].text for cells in alone(nine).levels.rows}  # type: ignore[union-attr]
    moved = history_page(lines([0.01] * 4, [1, 1, 2, 2]))
    assert moved.said == "1 of 3 figures changed its level."
    assert history_page([]).said == "No gate has written a line yet."


def test_gates_that_ended_in_an_error_are_counted_apart() -> None:
    every = lines([0.01] * 3) + lines([0.01] * 2, problems=("It crashed.",))
    assert history_page(every).title == "5 gates, 2 of them errors · 1 kind of machine"
    assert history_page(every[:4]).title == "4 gates, 1 of them an error · 1 kind of machine"
    none = lines([float("nan")], [float("nan")], problems=("It crashed.",))
    none[0]["figures"] = []
    assert history_page(none).said == "No gate could measure a figure."


def test_many_changes_of_one_figure_are_told_in_short() -> None:
    group = alone(history_page(lines([0.01] * 40, [at % 2 for at in range(40)])))
    (picture,) = group.figures
    assert "changed at gate 40 (2 November 2026), gate 39" in picture.caption
    assert picture.caption.endswith("and 36 times before.")
    assert group.levels is not None
    assert group.levels.rows[0][4].note == "2026-11-02, 38 before"


@pytest.mark.parametrize(
    ("values", "unit", "name", "wanted"),
    [
        ([541_065_216, 541_065_217], "count", "Count", ["541,065,216", "541,065,217"]),
        ([2, 3, 3], "count", "Count", ["2", "3"]),
        ([5e6, 9e6], "count", "M", ["6", "8"]),
        ([4 * 2**20, 4 * 2**20 + 8192], "bytes", "KiB", ["4,096", "4,098", "4,100", "4,102",
                                                          "4,104"]),
        ([1000, 1003], "bytes", "Bytes", ["1,000", "1,001", "1,002", "1,003"]),
        ([0.0101, 0.0102], "s", "ms", ["10.10", "10.15", "10.20"]),
        ([0.91, 0.93], "fraction", "%", ["91", "92", "93"]),
        ([-1.5, 0.5], "points", "points", ["−1", "0"]),
    ],
)  # fmt: skip
def test_ticks_of_counts_are_whole_and_no_two_are_the_same(
    values: list[float], unit: str, name: str, wanted: list[str]
) -> None:
    size, found, whole = scale_of(values, unit)
    places, told = tick_places(*limits([each / size for each in values], 0.12), whole=whole)
    assert (found, told) == (name, wanted)
    assert len(set(told)) == len(told) == len(places)
    assert whole is (unit in {"count", "bytes"})


def test_the_control_has_a_scale_of_its_own_which_its_caption_says() -> None:
    calm = [Mark("bench · step", 0.001, -0.004, 0.006, "pass")]
    control = draw_controls(calm, "The base against itself")
    numbers = [float(each.replace("−", "-")) for each in texts(control)
               if re.fullmatch(r"[−\d.]+", each)]  # fmt: skip
    assert len(numbers) > 3
    assert max(map(abs, numbers)) <= 1, "per cent"
    assert "5 %" not in texts(control), "it lies beyond"
    assert "The scale is its own, not that of head against base" in control.caption
    assert "bench · step, no difference, " in control.alt
    head = draw_changes(calm, "Head against base")
    assert {"0", "5 %", "10 %"} <= set(texts(head))


def test_labels_that_would_meet_are_left_out() -> None:
    wide = [Mark("bench · step", 0.84, 0.8, 0.9, "fail")]
    assert "10 %" in texts(draw_changes(wide, "Head against base"))
    assert "5 %" not in texts(draw_changes(wide, "Head against base"))
    both_ways = [*wide, Mark("bench · call", -0.97, -0.99, -0.95, "pass")]
    assert not {"5 %", "10 %"} & set(texts(draw_changes(both_ways, "Head against base")))
    named = [(0.0, "0"), (10.0, "10 %"), (5.0, "5 %")]
    assert len(labels_apart(named, 5.0)) == 3
    assert labels_apart(named, 20.0) == ((0.0, "0"), (10.0, "10 %"))
    assert labels_apart(named, 100.0) == ((0.0, "0"),)


def test_the_figure_is_read_however_long_its_benchmark_is() -> None:
    (mark,) = marks_of([replace(RATE, benchmark="tests/" + 80 * "a")])
    assert mark.text.endswith("a… · throughput")
    assert len(mark.text) == 58
