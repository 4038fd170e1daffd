"""What is measured on every network.

This module imports none of the measures that a study asks for by name. Keys rest on the code that
the trainer imports; a change to one of those measures must change only the trials that use it.
"""

from __future__ import annotations

from harness.measures.agreement import TeacherAgreement
from harness.measures.calibration import Calibration
from harness.measures.gradients import FirstBlockGradient
from harness.measures.weights import WeightNorm
from harness.tasks.losses import teacher_of
from harness.trained import Measure
from harness.training import Training

ALWAYS: tuple[Measure, ...] = (FirstBlockGradient(), Calibration(), WeightNorm())
"""Cheap, and recorded of every network."""


def default_measures(training: Training) -> tuple[Measure, ...]:
    """Return what is always recorded in addition to losses and accuracies."""
    if teacher_of(training) is None:
        return ALWAYS
    return (*ALWAYS, TeacherAgreement())
