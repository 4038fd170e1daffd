"""Checks the measures that a study asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, get_args

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.metrics import Metric
from harness.tasks.scores import BETTER, PARTS
from harness.trained import Measure, When

RECORDED = frozenset(f"{part}_{score}" for part in PARTS for score in BETTER) | {
    "generalisation_gap"
}
"""What the trainer records by itself, of one task or another."""


def check_measures(measures: Iterable[object]) -> None:
    """Check that things are measures, and that no two give a metric of the same name.

    Two of a kind, such as ``Occluded(0.3)`` and ``Occluded(0.5)``, would record different things
    under one name, so a study can have only one of them.

    Args:
        measures: all that are taken of one network.

    Raises:
        HarnessError: one of them is no measure, or two give the same metric.
    """
    if not isinstance(measures, Iterable) or isinstance(measures, str):
        raise HarnessError(
            "measures=... must be a tuple of measures",
            repr(measures),
            "Write measures=(Sharpness(),) from harness.measures, with the comma.",
        )
    owners: dict[str, Measure] = {}
    for each in measures:
        for metric in _checked(each).metrics:
            if metric.name in RECORDED:
                raise HarnessError(
                    "a measure must give metrics other than those that are always recorded",
                    f"{each!r}, which gives {metric.name!r}",
                    "Give its metric another name.",
                )
            if metric.name in owners:
                raise HarnessError(
                    "no two measures may give the same metric",
                    f"{owners[metric.name]!r} and {each!r}, which both give {metric.name!r}",
                    "Leave one of them out, or measure the other in a study of its own.",
                )
            owners[metric.name] = each  # type: ignore[assignment]


def _checked(given: Any) -> Measure:
    """Return what was given, as a measure.

    Raises:
        HarnessError: it is no measure.
    """
    declared = dataclasses.is_dataclass(given) and not isinstance(given, type)
    if not declared or not isinstance(given, Measure):
        raise HarnessError(
            "a measure must be a frozen dataclass with when, metrics and __call__",
            repr(given),
            f"Write {given.__name__}(), with the parentheses."
            if isinstance(given, type)
            else "Take one from harness.measures, or make one of a function with measured(...).",
        )
    checks.one_of(type(given).__name__, "when", given.when, get_args(When))
    metrics = given.metrics
    if not isinstance(metrics, tuple) or not all(isinstance(each, Metric) for each in metrics):
        raise HarnessError(
            f"{type(given).__name__}.metrics must be a tuple of harness.study.metrics.Metric",
            repr(metrics),
            "Write one Metric for each number that it returns.",
        )
    return given
