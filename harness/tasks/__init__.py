"""What is learnt: the loss that training minimises, the scores that are kept, and the task of both.

In reading order: ``losses``, what is minimised; ``rebuilding``, the losses of autoencoders;
``scores``, numbers of a whole part of the data, summed batch by batch; ``task``, which says what a
network must put out and which scores it has.
"""

from harness.tasks.losses import (
    AbsoluteLoss,
    Batch,
    CrossEntropy,
    Distillation,
    Huber,
    Loss,
    Net,
    SquaredLoss,
)
from harness.tasks.rebuilding import EvidenceBound, RebuildingLoss
from harness.tasks.task import Classification, Reconstruction, Regression, Task

__all__ = [
    "AbsoluteLoss",
    "Batch",
    "Classification",
    "CrossEntropy",
    "Distillation",
    "EvidenceBound",
    "Huber",
    "Loss",
    "Net",
    "RebuildingLoss",
    "Reconstruction",
    "Regression",
    "SquaredLoss",
    "Task",
]
