"""An ablation harness for PyTorch: declare a study, run it, read a verdict one can trust.

Everything that a study file needs is here and in :mod:`harness.data`, :mod:`harness.models`,
:mod:`harness.optim`, :mod:`harness.schedules`, :mod:`harness.augment`, :mod:`harness.penalties`,
:mod:`harness.clipping` and :mod:`harness.measures`.
"""

from harness.messages.errors import HarnessError
from harness.own.context import Context
from harness.running.checkout import beside
from harness.schedules import Constant, Cosine, OneCycle, Step
from harness.stopping import EarlyStopping
from harness.study.claims import (
    Best,
    Claim,
    Equivalent,
    Higher,
    Interaction,
    NotWorse,
    Peak,
    Some,
    Sooner,
    Trend,
)
from harness.study.command import Command
from harness.study.designs import Arms, Factorial, OneAtATime
from harness.study.ensemble import Ensemble
from harness.study.factors import Factor, Tuned
from harness.study.looks import Looks
from harness.study.metrics import Metric
from harness.study.scales import Scale
from harness.study.search import Search
from harness.study.searching import AtLeast, AtMost
from harness.study.settings import Choice, Float, Int
from harness.study.study import Study
from harness.tasks.adversarial import GANLoss, WassersteinLoss
from harness.tasks.losses import (
    AbsoluteLoss,
    Batch,
    CrossEntropy,
    Distillation,
    Huber,
    SquaredLoss,
)
from harness.tasks.making import Generation
from harness.tasks.places import Segmentation, Sequence
from harness.tasks.rebuilding import EvidenceBound, RebuildingLoss
from harness.tasks.task import Classification, Reconstruction, Regression
from harness.training import Training, Update

__version__ = "0.1.0"

# In a checkout `reports` and `studies` lie beside this package; a wheel has them within it.
__path__ += beside(__path__[0])

__all__ = [
    "AbsoluteLoss",
    "Arms",
    "AtLeast",
    "AtMost",
    "Batch",
    "Best",
    "Choice",
    "Claim",
    "Classification",
    "Command",
    "Constant",
    "Context",
    "Cosine",
    "CrossEntropy",
    "Distillation",
    "EarlyStopping",
    "Ensemble",
    "Equivalent",
    "EvidenceBound",
    "Factor",
    "Factorial",
    "Float",
    "GANLoss",
    "Generation",
    "HarnessError",
    "Higher",
    "Huber",
    "Int",
    "Interaction",
    "Looks",
    "Metric",
    "NotWorse",
    "OneAtATime",
    "OneCycle",
    "Peak",
    "RebuildingLoss",
    "Reconstruction",
    "Regression",
    "Scale",
    "Search",
    "Segmentation",
    "Sequence",
    "Some",
    "Sooner",
    "SquaredLoss",
    "Step",
    "Study",
    "Training",
    "Trend",
    "Tuned",
    "Update",
    "WassersteinLoss",
    "__version__",
]
