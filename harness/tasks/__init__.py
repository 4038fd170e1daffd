"""What is learnt: the loss that training minimises, the scores that are kept, and the task of both.

In reading order: ``losses``, what is minimised; ``rebuilding``, of autoencoders; ``adversarial``,
of two networks against each other; ``scores``, numbers of a whole part of the data, summed batch by
batch; ``place_scores``, those of a class for each place; ``places``, tasks of such classes;
``task``, what a task says of itself, and the first three; ``making``, the task of making more such
inputs.
"""

from harness.tasks.adversarial import GANLoss, WassersteinLoss
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
from harness.tasks.making import FrechetDistance, Generation
from harness.tasks.places import Segmentation, SegmentationLoss, Sequence, SequenceLoss
from harness.tasks.rebuilding import EvidenceBound, RebuildingLoss
from harness.tasks.task import Classification, Reconstruction, Regression, Task

__all__ = [
    "AbsoluteLoss",
    "Batch",
    "Classification",
    "CrossEntropy",
    "Distillation",
    "EvidenceBound",
    "FrechetDistance",
    "GANLoss",
    "Generation",
    "Huber",
    "Loss",
    "Net",
    "RebuildingLoss",
    "Reconstruction",
    "Regression",
    "Segmentation",
    "SegmentationLoss",
    "Sequence",
    "SequenceLoss",
    "SquaredLoss",
    "Task",
    "WassersteinLoss",
]
