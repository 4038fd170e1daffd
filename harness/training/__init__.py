"""A Training: everything that one training run depends on, written out.

In reading order: ``parts``, the protocols that data, networks, optimizers and what is done to
images and gradients follow; ``updates``, which optimizer moves which part of a network, by which
loss; ``training``, all of it together.
"""

from harness.training.parts import Augmentation, Clip, Data, Model, Optimizer, Penalty
from harness.training.training import (
    CURVES,
    METRICS,
    OUTSIDE_FIELDS,
    STEP_FIELDS,
    Precision,
    Training,
)
from harness.training.updates import Update

__all__ = [
    "CURVES",
    "METRICS",
    "OUTSIDE_FIELDS",
    "STEP_FIELDS",
    "Augmentation",
    "Clip",
    "Data",
    "Model",
    "Optimizer",
    "Penalty",
    "Precision",
    "Training",
    "Update",
]
