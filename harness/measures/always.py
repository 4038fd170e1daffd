"""What is measured on every network.

This module imports nothing of the measures that a study asks for by name: trials rest on the code
of what the trainer imports, and a change to one of those is to concern the trials that use it.
"""

from __future__ import annotations

from harness.losses import teacher_of
from harness.measures.agreement import TeacherAgreement
from harness.measures.calibration import Calibration
from harness.measures.gradients import FirstBlockGradient
from harness.measures.weights import WeightNorm
from harness.trained import Measure
from harness.training import Training

ALWAYS: tuple[Measure, ...] = (FirstBlockGradient(), Calibration(), WeightNorm())
"""Cheap, and recorded whatever a study asks for."""


def default_measures(training: Training) -> tuple[Measure, ...]:
    """Return what is recorded without being asked for, beside losses and accuracies."""
    if teacher_of(training) is None:
        return ALWAYS
    return (*ALWAYS, TeacherAgreement())
