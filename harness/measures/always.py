"""What is measured on every network.

This module imports none of the measures that a study asks for by name. Keys rest on the code that
the trainer imports; a change to one of those measures must change only the trials that use it.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.measures.agreement import TeacherAgreement
from harness.measures.calibration import Calibration
from harness.measures.gradients import FirstBlockGradient
from harness.measures.weights import WeightNorm
from harness.messages.errors import HarnessError
from harness.trained import Measure
from harness.training import Training

ALWAYS: tuple[Measure, ...] = (FirstBlockGradient(), Calibration(), WeightNorm())
"""Cheap, and recorded of every network, those of classes only where there are classes."""


def default_measures(training: Training) -> tuple[Measure, ...]:
    """Return what is always recorded in addition to losses and accuracies."""
    fitting = tuple(each for each in ALWAYS if fits(each, training))
    same = any(getattr(each.loss, "same_targets", False) for each in training.every_update)
    return (*fitting, TeacherAgreement()) if same and "teacher" in training.asked() else fitting


def fits(measure: Measure, training: Training) -> bool:
    """Whether a measure can be taken of what a Training learns."""
    return getattr(measure, "made_for", training.task.kind) == training.task.kind


def check_measures(measures: Sequence[Measure], training: Training) -> None:
    """Check that measures can be taken of what a Training learns.

    Raises:
        HarnessError: one is made for other targets.
    """
    for each in measures:
        if not fits(each, training):
            raise HarnessError(
                f"{type(each).__name__} must be asked of a Training that learns classes",
                f"task={type(training.task).__name__}()",
                "Leave that measure out.",
            )
