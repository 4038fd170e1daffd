"""The axis of learning curves: what one value does to it that lies far from the rest."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

import pytest

from harness.compared.curves import ArmCurves, Line
from harness.reports.figures.compared import curves_picture
from harness.reports.figures.curve_axis import near
from harness.reports.figures.curve_values import Curve, Curves, Group
from harness.reports.figures.curves import draw_curves
from harness.reports.text import factor_of
from harness.study.metrics import METRICS, Metric
from tests.test_figures_whole import whole

LOSS, ACCURACY = METRICS["validation_loss"], METRICS["validation_accuracy"]
SCORE = Metric("score", "Score", "", "higher", "A score.")

TRIANGLE = re.compile(r'<path [^>]*d="M[\d.]+(?: [\d.]+){5}Z"')
"""A mark of three corners in a figure."""


def points(values: Sequence[float]) -> Curve:
    return tuple(enumerate(values, 1))


def curves(metric: Metric, *arms: Sequence[float]) -> Curves:
    """Return curves of arms of one seed each."""
    groups = tuple(
        Group(f"arm {at}", (points(values),), points(values)) for at, values in enumerate(arms)
    )
    return Curves(metric, None, groups, 1, None)


def share(values: Curves, low: float, high: float) -> float:
    """Return what part of the axis lies between two values."""
    axis, scale = values.axis, factor_of(values.metric)
    size = math.log if axis.log else float
    return (size(scale * high) - size(scale * low)) / (size(axis.high) - size(axis.low))


FALLING = (0.9, 0.7, 0.6, 0.54, 0.5, 0.47, 0.45, 0.44)


@pytest.mark.parametrize("first", [8.0, 15.0, 400.0])
def test_a_loss_that_begins_far_above_the_rest_is_drawn_by_ratios(first: float) -> None:
    values = curves(LOSS, (first, *FALLING), (first, *FALLING[1:], 0.43))
    assert values.axis.log
    assert share(values, 0.44, 0.9) > 0.1
    assert "on a logarithmic axis" in draw_curves(values).caption


def test_an_arm_that_diverges_leaves_room_for_the_others_and_is_drawn_whole() -> None:
    values = curves(LOSS, *(FALLING[:6] for _ in range(4)), (0.9, 1.5, 3.0, 5.0, 7.0, 8.0))
    assert values.axis.log
    assert not values.axis.cut
    assert share(values, 0.47, 0.9) > 0.15


def test_usual_curves_keep_an_even_axis_that_holds_all() -> None:
    for values in (
        curves(LOSS, (2.3, 1.2, 0.8, 0.6, 0.5, 0.45), (2.3, 1.4, 1.0, 0.8, 0.7, 0.66)),
        curves(ACCURACY, (0.1, 0.4, 0.7, 0.8, 0.85, 0.87), (0.1, 0.5, 0.8, 0.9, 0.92, 0.93)),
        curves(LOSS, (0.5,)),
        curves(LOSS, (0.5, 0.5, 0.5, 0.5, 0.5)),
    ):
        assert not values.axis.log
        assert not values.axis.cut
        assert "triangle" not in draw_curves(values).caption
        assert not TRIANGLE.findall(draw_curves(values).svg)


@pytest.mark.parametrize(
    ("metric", "far", "rest"),
    [
        (ACCURACY, 0.02, (0.93, 0.94, 0.945, 0.95, 0.953, 0.955, 0.957)),  # no share is by ratios
        (SCORE, -900.0, (-3.0, -1.0, 0.5, 1.0, 1.5, 1.8, 2.0)),  # nor what is below 0
        (LOSS, 1e12, (0.6, 0.5, 0.45, 0.42, 0.41, 0.405, 0.4)),
    ],
)
def test_a_value_too_far_away_for_any_axis_is_marked_at_the_edge(
    metric: Metric, far: float, rest: Sequence[float]
) -> None:
    values = curves(metric, (far, *rest), rest)
    assert values.axis.cut
    assert share(values, min(rest), max(rest)) > 0.2
    picture = draw_curves(values)
    assert picture.caption.endswith("A triangle at the edge: a value lies beyond.")
    assert whole(picture)
    assert len(TRIANGLE.findall(picture.svg)) == 1
    (arm,) = (each for each in values.groups if each.name == "arm 0")
    told = draw_curves(dataclasses.replace(values, groups=(arm,))).svg
    assert "at epoch 1, " in told  # the value is told where its triangle is


def test_where_a_curve_ends_is_never_beyond_the_axis() -> None:
    rest = (0.93, 0.94, 0.945, 0.95, 0.953, 0.955, 0.957)
    values = curves(ACCURACY, *(rest for _ in range(6)), (*rest[:6], 0.1))
    assert values.axis.low < 10


def test_where_a_mean_ends_is_never_beyond_the_axis() -> None:
    rest = (0.93, 0.94, 0.945, 0.95, 0.953, 0.955, 0.957)
    ends = points((*rest[:3], *[math.nan] * 4))
    falls = points((*rest[:2], 0.02, *rest[3:]))
    mean = points((*rest[:2], (0.02 + 0.945) / 2, *[math.nan] * 4))
    values = Curves(ACCURACY, None, (Group("an arm", (ends, falls), mean),), 2, None)
    assert values.axis.cut
    assert values.axis.low < 100 * mean[2][1] < values.axis.high


@pytest.mark.parametrize(("better", "kept"), [("lower", -1e6), ("higher", 1e6), (None, -1e6)])
def test_a_value_far_on_the_good_side_stays_and_one_on_the_bad_side_does_not(
    better: str | None, kept: float
) -> None:
    assert kept in near([kept, *range(20)], better)
    assert -kept not in near([-kept, *range(20)], better)


def test_curves_of_runs_are_drawn_on_the_same_kind_of_axis() -> None:
    rest = (0.93, 0.94, 0.945, 0.95, 0.953, 0.955, 0.957)
    picture = curves_picture(runs(ACCURACY, (0.02, *rest), (0.9, *rest)))
    assert picture.caption.endswith("A triangle at the edge: a value lies beyond.")
    assert len(TRIANGLE.findall(picture.svg)) == 1
    falling = curves_picture(runs(LOSS, (8.0, *FALLING), (8.0, *FALLING)))
    assert "on a logarithmic axis" in falling.caption


def runs(metric: Metric, *values: Sequence[float]) -> ArmCurves:
    lines = tuple(
        Line(label, (points(each),), points(each)) for label, each in zip("AB", values, strict=True)
    )
    return ArmCurves("an arm", metric, "epoch", lines)
