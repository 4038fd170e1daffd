"""What is measured on a network, before its first step or after its last, beside loss and accuracy.

A measure is a frozen dataclass: called on a :class:`harness.trained.Trained` it returns a number
for each of its metrics, or a list where there is one for each layer. ``ALWAYS`` is
measured on every network; a study asks for others by name, and :func:`measured` makes one of a
function. All leave parameters, buffers and global generators as they are, and depend only on the
seed.

In reading order: ``kept``, what they have in common; ``always``, what is measured on every network;
``measured``, a measure made of a user's function.

Of predictions: ``calibration``; ``agreement``, with a teacher; ``disturbed``, on changed images. Of
gradients: ``gradients``, ``gradient_norms``, ``gradient_noise``. Of the network: ``weights``,
``pruning``, ``sharpness``, ``activations``, and ``shift``, of their variance.
"""

from harness.measures.activations import ActivationVariance, DeadUnits
from harness.measures.agreement import TeacherAgreement
from harness.measures.always import ALWAYS, default_measures
from harness.measures.calibration import Calibration, calibration_error
from harness.measures.disturbed import Noisy, Occluded
from harness.measures.gradient_noise import GradientNoise
from harness.measures.gradient_norms import GradientNorms
from harness.measures.gradients import FirstBlockGradient
from harness.measures.measured import Measured, measured
from harness.measures.pruning import PrunedAccuracy
from harness.measures.sharpness import Sharpness
from harness.measures.shift import VarianceShift
from harness.measures.weights import WeightNorm

__all__ = [
    "ALWAYS",
    "ActivationVariance",
    "Calibration",
    "DeadUnits",
    "FirstBlockGradient",
    "GradientNoise",
    "GradientNorms",
    "Measured",
    "Noisy",
    "Occluded",
    "PrunedAccuracy",
    "Sharpness",
    "TeacherAgreement",
    "VarianceShift",
    "WeightNorm",
    "calibration_error",
    "default_measures",
    "measured",
]
