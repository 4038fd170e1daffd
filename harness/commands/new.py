"""``harness new``: the files that it writes, studies that run as they are, to be changed."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from harness.messages.errors import HarnessError
from harness.terminal.files import write_whole

OWN = '''"""Does dropout help a small network?

Say here, in a paragraph, what is asked and why, with the paper that claims it.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from harness import Context, Factor, Higher, Metric, Scale, Study, Tuned


def train(context: Context, dropout: float, lr: float) -> dict[str, float]:
    """Your own training code, in whatever framework. Its parameters are what varies.

    The generators of random, numpy and torch are seeded already: context.seed is the same in all
    arms. Move things to context.device. Every parameter but the context is a factor or a setting.
    """
    x, y = map(torch.as_tensor, load_digits(return_X_y=True))
    x, x_test, y, y_test = train_test_split(x.float() / 16, y, random_state=context.seed)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(dropout), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    # 0, or after a kill the epoch to go on from
    for epoch in range(context.restore(model=model, optimizer=optimizer), context.scale.epochs):
        model.train()
        for rows in torch.randperm(300).split(32):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        right = model(x[300:]).argmax(1) == y[300:]
        context.report(epoch, validation_accuracy=right.float().mean().item())
        context.save(epoch + 1, model=model, optimizer=optimizer)
    if context.choosing:  # settings are being chosen, by the objective: no test examples
        return {{}}
    model.eval()  # here, too: after a kill the loop may have nothing left to do
    return {{"test_accuracy": (model(x_test).argmax(1) == y_test).float().mean().item()}}


study = Study(
    name="{name}",
    question="Does dropout help a small network?",
    train=train,
    # What is varied; the first level is the baseline.
    factors=(Factor("dropout", (0.0, 0.2, 0.5)),),
    # What is searched anew in every arm, so that none is favoured. Tried first: default=.
    tuned=(Tuned("lr", 0.0001, 0.1, log=True, trials=6),),
    objective="validation_accuracy",
    # What train returns or reports. unit="fraction" is printed as per cent; any other as it is.
    metrics=(
        Metric("validation_accuracy", unit="fraction", better="higher"),
        Metric("test_accuracy", unit="fraction", better="higher"),
    ),
    # How big to run it. `seeds` trials an arm; all but seeds=, levels= and tuning= is yours.
    scales={{
        "quick": Scale(epochs=20, seeds=5),
        "long": Scale(epochs=100, seeds=10),
    }},
    # What is on trial. by: the smallest difference that would change what you do, in the unit of
    # the metric (0.01 is one percentage point). Choose it before you run.
    claims=(
        Higher(
            "Half dropped is better than none.",
            metric="test_accuracy", higher={{"dropout": 0.5}}, lower={{"dropout": 0.0}}, by=0.01,
        ),
        Higher(
            "Half dropped is better than a fifth.",
            metric="test_accuracy", higher={{"dropout": 0.5}}, lower={{"dropout": 0.2}}, by=0.01,
            primary=False,  # exploratory: a lead, no verdict
        ),
    ),
)
'''

TRAINER = '''"""Does width help a small network?

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


SEARCH = '''"""Which settings suit a small network on digits?

Say here, in a paragraph, what is searched and why.
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from harness import Choice, Context, Float, Int, Metric, Scale, Search


def train(
    context: Context, way: str, lr: float, momentum: float | None, width: int
) -> dict[str, float]:
    """Your own training code. Its parameters are the settings of the space.

    The generators of random, numpy and torch are seeded already. Move things to context.device.
    """
    x, y = map(torch.as_tensor, load_digits(return_X_y=True))
    x, x_test, y, y_test = train_test_split(x.float() / 16, y, random_state=context.seed)
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    if way == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    for epoch in range(context.scale.epochs):
        for rows in torch.randperm(300).split(32):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(model(x[300:]), y[300:])
        context.report(epoch, validation_loss=loss.item())  # a pruner may end a bad trial here
    if context.choosing:  # settings are being chosen, by the objective: no test examples
        return {{}}
    return {{"test_accuracy": (model(x_test).argmax(1) == y_test).float().mean().item()}}


search = Search(
    name="{name}",
    question="Which settings suit a small network on digits?",
    train=train,
    # What is searched. The first settings tried are the defaults: default=, or the middle.
    space=(
        Choice("way", ("adam", "sgd")),
        Float("lr", 0.0001, 1.0, log=True),
        Float("momentum", 0.0, 0.99, when={{"way": "sgd"}}),  # elsewhere it is None
        Int("width", 16, 256, log=True),
    ),
    # What is to be best; no test metric.
    objective="validation_loss",
    metrics=(
        Metric("validation_loss", unit="nats", better="lower"),
        Metric("test_accuracy", unit="fraction", better="higher"),
    ),
    # The smallest difference to the defaults that would change what you do: gives a verdict.
    by=0.01,
    scales={{"quick": Scale(epochs=10)}},
    # Trials in all. A part of them runs the best three, and the defaults, on fresh seeds.
    trials=64,
)
'''


def write_study(path: Path, *, trainer: bool = False, search: bool = False) -> Path:
    """Write the start of a study or a search.

    Args:
        path: a Python file that is not there yet; its name becomes the study's.
        trainer: whether the harness's own trainer trains; else a function in the file does.
        search: whether it is a search.

    Raises:
        HarnessError: the name is none for a study, the file is there, or both kinds are wanted.
    """
    if trainer and search:
        raise HarnessError(
            "a new file must be a study of the harness's trainer, or a search",
            "--trainer and --search",
            "Leave one out.",
        )
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
    text = TRAINER if trainer else SEARCH if search else OWN
    return write_whole(path, text.format(name=name).encode())
