"""A function of the user's own."""

from harness import Context, Study
from tests.four_ways.loop import trained
from tests.four_ways.question import CLAIMS, FACTORS, METRICS, QUESTION, SCALES


def train(context: Context, width: int, lr: float) -> dict[str, float]:
    """Train one network."""

    def tell(epoch: int, values: dict[str, float]) -> None:
        context.report(epoch, **values)

    return trained(context.seed, context.scale.epochs, width, lr, tell)


study = Study(
    name="by_train", question=QUESTION, factors=FACTORS, train=train, metrics=METRICS,
    scales=SCALES, claims=CLAIMS,
)  # fmt: skip
