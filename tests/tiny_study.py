"""Does width help a small network?"""

from harness import Factor, Higher, Scale, Study, Training, Tuned
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


def build(scale: Scale, width: int, lr: float) -> Training:
    return Training(
        data=digits(train=200, validation=100, test=200),
        model=MLP(hidden=(width,)),
        optimizer=SGD(lr=lr, momentum=0.9),
        batch_size=20,
        epochs=scale.epochs,
    )


study = Study(
    name="tiny",
    question="Does width help a small network?",
    factors=(Factor("width", (4, 32)),),
    tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=4),),
    build=build,
    scales={"quick": Scale(epochs=3, seeds=5), "longer": Scale(epochs=120, seeds=5)},
    claims=(
        Higher(
            "32 hidden units classify better than 4.",
            metric="test_accuracy",
            higher={"width": 32},
            lower={"width": 4},
            by=0.01,
        ),
    ),
)
