"""Metrics on axes and in sentences, and texts as HTML holds them."""

from __future__ import annotations

import re

from harness.messages.errors import HarnessError
from harness.messages.printable import visible
from harness.study.declaration import Declaration
from harness.study.formatting import in_sentence, unit_of_change
from harness.study.metrics import Metric

_UNIT = re.compile(r"(?<=\d) (?=(?:%|pp|nats|[nµm]?s|min|h|[KMGT]?i?B|[kMGT])\b|%)")


def metric_of(declaration: Declaration, name: str) -> Metric:
    """Find a metric; records of another version may hold one that is not known here."""
    try:
        return declaration.metric(name)
    except HarnessError:
        return Metric(name, name.replace("_", " ").capitalize(), "", None, "Not described.")


def replicate_of(metric: Metric) -> str:
    """Name what a metric is measured anew in: a seed, or a round of timing."""
    return metric.replicate or "seed"


def factor_of(metric: Metric) -> float:
    """What values are multiplied by on an axis: fractions are drawn as per cent."""
    return 100.0 if metric.unit == "fraction" else 1.0


def unit_of(metric: Metric, *, difference: bool = False) -> str:
    """Name the unit on an axis; a difference of fractions is in percentage points.

    A ratio has none.
    """
    if metric.relative and difference:
        return ""
    if metric.unit == "fraction" and not difference:
        return "%"
    return unit_of_change(metric) if difference else metric.unit


def axis_title(metric: Metric, *, difference: bool = False) -> str:
    """Title an axis, unit included."""
    unit = unit_of(metric, difference=difference)
    change = "Ratio of" if metric.relative else "Difference in"
    start = f"{change} {in_sentence(metric.title)}" if difference else metric.title
    return f"{start} ({unit})" if unit else start


def part_text(number: int) -> str:
    """Name one of several pictures that show the same, in a title; 0 where there is one alone."""
    return f", part {number}" if number else ""


def bind(value: object) -> object:
    """Keep numbers and units on one line, and make visible what HTML cannot hold.

    Applied to every text that a template prints.
    """
    # Markup is a str too, but has been through here already, and must not lose its type.
    return _UNIT.sub("\u00a0", visible(value)) if type(value) is str else value
