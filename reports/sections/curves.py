"""Curves that training code of the user's own reported and no claim draws: an arm a line."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.results import Results

from ..figures.canvas import Picture
from ..figures.curve_values import arm_curves, curve_names, curves_of
from ..figures.curves import draw_curves

MOST_CURVES = 6
"""Curves that are drawn; ``harness export --curves`` has all."""


@dataclass(frozen=True)
class CurvesSection:
    """A figure for each curve, and the titles of those that are not drawn."""

    figures: tuple[Picture, ...]
    left_out: tuple[str, ...]


def curves_section(results: Results) -> CurvesSection | None:
    """Work out the section; ``None`` where nothing is left that claims do not draw.

    Of Trainings the curves are always the same few, and stand with the claims that they explain.
    """
    if results.declaration.source == "build":
        return None
    drawn = {
        curves.metric.name for each in results.verdicts if (curves := curves_of(results, each))
    }
    left = [
        curves
        for name in curve_names(results)
        if name not in drawn and (curves := arm_curves(results, name))
    ]
    if not left:
        return None
    return CurvesSection(
        tuple(draw_curves(each) for each in left[:MOST_CURVES]),
        tuple(each.metric.title for each in left[MOST_CURVES:]),
    )
