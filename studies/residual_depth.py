"""Do shortcuts let a convolutional network gain from depth?

He et al. 2015 (https://arxiv.org/abs/1512.03385) saw that a plain network of 56 layers fits the
training set worse than one of 20, although it could copy it and leave the rest idle, and that
shortcuts around every two layers undo this. The networks here have their CIFAR layout (section
4.2); the learning rate is tuned anew in every arm, because depth changes which rates work.

At `quick` there are 300 of scikit-learn's digits (8×8 pixels) to train on: few enough that the
shallow networks still err on more than one test image in twenty, so that a difference can show
either way.
"""

from harness import (
    Cosine,
    Equivalent,
    Factor,
    Higher,
    Interaction,
    NotWorse,
    Scale,
    Study,
    Training,
    Tuned,
)
from harness.data import cifar10, digits, mnist
from harness.models import ConvNet
from harness.optim import SGD


def build(scale: Scale, shortcut: bool, depth: int, lr: float) -> Training:
    return Training(
        data=scale.data,
        model=ConvNet(depth=depth, width=scale.width, shortcut=shortcut),
        optimizer=SGD(lr=lr, momentum=0.9, weight_decay=1e-4),
        schedule=Cosine(warmup=0.1),
        batch_size=scale.batch_size,
        epochs=scale.epochs,
    )


PLAIN_56, PLAIN_20 = {"shortcut": False, "depth": 56}, {"shortcut": False, "depth": 20}
RESIDUAL_56, RESIDUAL_20 = {"shortcut": True, "depth": 56}, {"shortcut": True, "depth": 20}

study = Study(
    name="residual_depth",
    question="Do shortcuts let a convolutional network gain from depth?",
    factors=(Factor("shortcut", (False, True)), Factor("depth", (8, 20, 32, 44, 56, 110))),
    tuned=(Tuned("lr", 0.003, 1.0, log=True, trials=8),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=300, validation=200, test=1000), width=8, batch_size=32, epochs=12,
            levels={"depth": (8, 20, 56)}, seeds=5, tuning=3,
        ),
        "standard": Scale(
            data=mnist(train=2000, validation=500, test=5000), width=8, batch_size=32, epochs=6,
            levels={"depth": (8, 20, 56)}, seeds=5, tuning=5,
        ),
        "full": Scale(
            data=cifar10(), width=16, batch_size=128, epochs=60,
            levels={"depth": (20, 32, 44, 56, 110)}, seeds=10,
        ),
    },
    claims=(
        Higher(
            "Without shortcuts, 56 layers fit the training set worse than 20.",
            metric="train_loss", higher=PLAIN_56, lower=PLAIN_20, by=0.1,
            source="He et al. 2015, section 4.2 and figure 6, left",
        ),
        NotWorse(
            "With shortcuts, 56 layers are not worse than 20 on test images.",
            metric="test_accuracy", arm=RESIDUAL_56, than=RESIDUAL_20, by=0.02,
            source="He et al. 2015, table 6: 91.25 % at 20, 93.03 % at 56",
        ),
        Interaction(
            "Going from 20 to 56 layers raises the training loss more without shortcuts.",
            metric="train_loss", by=0.1,
            of=({"depth": 56}, {"depth": 20}), at=({"shortcut": False}, {"shortcut": True}),
            source="He et al. 2015, figure 6, left against middle",
        ),
        Higher(
            "At 56 layers, shortcuts raise test accuracy.",
            metric="test_accuracy", higher=RESIDUAL_56, lower=PLAIN_56, by=0.02,
            source="He et al. 2015, section 4.2",
        ),
        NotWorse(
            "At 56 layers, shortcuts cost less than 5 % of the time of a step.",
            metric="step_seconds", arm=RESIDUAL_56, than=PLAIN_56, by=0.05,
            source="He et al. 2015, section 3.2: no extra computation but the addition",
        ),
        Equivalent(
            "Shortcuts add no parameters.",
            metric="parameters", first={"shortcut": True}, second={"shortcut": False}, by=0.001,
            source="He et al. 2015, section 3.2",
        ),
    ),
)  # fmt: skip
