"""``harness new``: the file that it writes, a study that runs as it is, to be changed."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from harness.commands.files import write_whole
from harness.messages.errors import HarnessError

TEMPLATE = '''"""Does width help a small network?

Say here, in a paragraph, what is asked and why, with the paper that claims it.
"""

from harness import Factor, Higher, Scale, Study, Training, Tuned
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

# Data of your own, as numpy arrays or torch tensors: inputs [n, features] or [n, channels, height,
# width], targets [n] from 0. It is split anew for every seed, stratified by class.
#
#     from harness.data import arrays
#     DATA = arrays(inputs, targets, "my data")
DATA = digits(train=300)

# A network of your own: a frozen dataclass, whose fields say what it is.
#
#     @dataclass(frozen=True)
#     class MyNet:
#         hidden: int = 64
#
#         def build(self, shape, classes):  # shape of one input, number of classes
#             return nn.Sequential(nn.Flatten(), nn.Linear(shape[0], self.hidden), ...)


def build(scale: Scale, width: int, lr: float) -> Training:
    """All that one training depends on: its parameters are what varies, the rest is fixed."""
    return Training(
        data=DATA,
        model=MLP(hidden=(width,)),
        optimizer=SGD(lr=lr, momentum=0.9),
        batch_size=32,
        epochs=scale.epochs,
    )


study = Study(
    name="{name}",
    question="Does width help a small network?",
    # What is varied; the first level is the baseline.
    factors=(Factor("width", (4, 16, 64)),),
    # What is searched anew in every arm, so that none is favoured. Tried first: default=.
    tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=6),),
    build=build,
    # How big to run it. `seeds` trainings an arm; all but seeds=, levels= and tuning= is yours.
    scales={{
        "quick": Scale(epochs=10, seeds=5),
        "long": Scale(epochs=50, seeds=10),
    }},
    # What is on trial. by: the smallest difference that would change what you do, in the unit of
    # the metric (0.01 is one percentage point). Choose it before you run.
    claims=(
        Higher(
            "64 units classify better than 4.",
            metric="test_accuracy", higher={{"width": 64}}, lower={{"width": 4}}, by=0.01,
        ),
        Higher(
            "64 units classify better than 16.",
            metric="test_accuracy", higher={{"width": 64}}, lower={{"width": 16}}, by=0.01,
        ),
        Higher(
            "64 units take longer for a step than 4.",
            metric="step_seconds", higher={{"width": 64}}, lower={{"width": 4}}, by=0.05,
            primary=False,  # exploratory: a lead, no verdict
        ),
    ),
)
'''


def write_study(path: Path) -> Path:
    """Write the start of a study.

    Args:
        path: a Python file that is not there yet; its name becomes the study's.

    Raises:
        HarnessError: the name is none for a study, or the file is there.
    """
    name = path.stem
    fits = re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) and not keyword.iskeyword(name)
    if path.suffix != ".py" or not fits:
        raise HarnessError(
            "a new study must be a file of small letters, digits and _ that ends in .py",
            repr(str(path)),
            "Write `harness new my_study.py`.",
        )
    if path.exists():
        raise HarnessError(
            "a new study must not replace a file", repr(str(path)), "Take another name."
        )
    return write_whole(path, TEMPLATE.format(name=name).encode())
