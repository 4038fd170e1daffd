"""The harness's own trainer."""

from harness import Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD
from tests.four_ways.question import CLAIMS, FACTORS, QUESTION, SCALES


def build(scale: Scale, width: int, lr: float) -> Training:
    """Return the Training of one arm."""
    return Training(
        data=digits(train=300, validation=200, test=400),
        model=MLP(hidden=(width,)),
        optimizer=SGD(lr=lr),
        batch_size=20,
        epochs=scale.epochs,
    )


study = Study(
    name="by_build", question=QUESTION, factors=FACTORS, build=build, scales=SCALES, claims=CLAIMS
)
