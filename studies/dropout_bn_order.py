"""Do dropout and batch normalisation go together, and in which order?

Lecture notes 001 say that the two together are no better than the better one alone, and that, if
both are used, dropout belongs before batch normalisation. Li et al. 2018
(https://arxiv.org/abs/1801.05134) say the opposite of the order: where dropout comes first, batch
normalisation takes down in training a variance that its inputs no longer have in evaluation, when
nothing is dropped. That shift is measured, too. The learning rate is tuned anew in every arm.

That the two together are no better than the better one alone follows where they are no better than
batch normalisation: on average over rates, and at the best of them, which is claimed the other way
round, that some rate is better. At `quick` there are 200 of scikit-learn's
digits to train on, and arms err on 6 to 9 % of the test images.
"""

from dataclasses import replace

from harness import Arms, Factor, Higher, NotWorse, Scale, Some, Study, Training, Trend, Tuned
from harness.data import cifar10, digits, mnist
from harness.measures import VarianceShift
from harness.models import CNN, MLP
from harness.optim import SGD

PARTS = {
    "neither": {},
    "bn": {"normalisation": "batch"},
    "dropout": {},
    "bn, dropout": {"normalisation": "batch", "order": "norm, dropout"},
    "dropout, bn": {"normalisation": "batch", "order": "dropout, norm"},
}
DROPPING = ("dropout", "bn, dropout", "dropout, bn")
SHARES = (0.1, 0.3, 0.5)


def build(scale: Scale, parts: str, p: float, lr: float) -> Training:
    return Training(
        data=scale.data,
        model=replace(scale.model, dropout=p, **PARTS[parts]),
        optimizer=SGD(lr=lr, momentum=0.9),
        batch_size=scale.batch_size,
        epochs=scale.epochs,
    )


study = Study(
    name="dropout_bn_order",
    question="Do dropout and batch normalisation go together, and in which order?",
    factors=(Factor("parts", tuple(PARTS)), Factor("p", (0.0, *SHARES))),
    design=Arms({
        "neither": {}, "bn": {"parts": "bn"},
        **{f"{parts} {p:g}": {"parts": parts, "p": p} for parts in DROPPING for p in SHARES},
    }),
    tuned=(Tuned("lr", 0.003, 1.0, log=True, trials=8),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=200, validation=200, test=1000), model=MLP((64, 64)), batch_size=32,
            epochs=30, seeds=5, tuning=5,
        ),
        "standard": Scale(
            data=mnist(train=2000, validation=1000), model=CNN((8, 16)), batch_size=32, epochs=10,
            seeds=5, tuning=8,
        ),
        "full": Scale(
            data=cifar10(), model=CNN((32, 64, 128)), batch_size=128, epochs=40, seeds=10,
        ),
    },
    measures=(VarianceShift(),),
    claims=(
        NotWorse(
            "On average over rates, dropout after batch normalisation does not make it better.",
            metric="test_accuracy", arm={"parts": "bn"}, than={"parts": "bn, dropout"}, by=0.01,
            source="lecture notes 001",
        ),
        NotWorse(
            "On average over rates, dropout before batch normalisation does not make it better.",
            metric="test_accuracy", arm={"parts": "bn"}, than={"parts": "dropout, bn"}, by=0.01,
            source="lecture notes 001",
        ),
        Some(
            "At some rate, batch normalisation is better with dropout after it than alone.",
            metric="test_accuracy", by=0.01, over="p", among=SHARES,
            where={"parts": "bn, dropout"}, than={"parts": "bn"},
            source="lecture notes 001 say the opposite",
        ),
        Some(
            "At some rate, batch normalisation is better with dropout before it than alone.",
            metric="test_accuracy", by=0.01, over="p", among=SHARES,
            where={"parts": "dropout, bn"}, than={"parts": "bn"},
            source="lecture notes 001 say the opposite",
        ),
        Higher(
            "Dropout before batch normalisation is better than after it.",
            metric="test_accuracy", by=0.01, higher={"parts": "dropout, bn"},
            lower={"parts": "bn, dropout"},
            source="lecture notes 001; Li et al. 2018, section 5, say the opposite",
        ),
        Higher(
            "The variance shift is larger with dropout before batch normalisation than after it.",
            metric="variance_shift", by=0.1, higher={"parts": "dropout, bn"},
            lower={"parts": "bn, dropout"}, source="Li et al. 2018, section 4.1",
        ),
        Trend(
            "With dropout first, that shift grows with p.",
            metric="variance_shift", by=0.1, over="p", among=SHARES,
            where={"parts": "dropout, bn"}, source="Li et al. 2018, figure 4",
        ),
        Higher(
            "Batch normalisation alone is better than neither.",
            metric="test_accuracy", higher={"parts": "bn"}, lower={"parts": "neither"}, by=0.01,
            source="Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167",
        ),
        Some(
            "At some rate, dropout alone is better than neither.",
            metric="test_accuracy", over="p", among=SHARES, where={"parts": "dropout"},
            than={"parts": "neither"}, by=0.01, source="Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html",
        ),
        Higher(
            "Dropout narrows the gap between training and test loss.",
            metric="generalisation_gap", higher={"parts": "neither"}, lower={"parts": "dropout"},
            by=0.05, primary=False, source="Srivastava et al. 2014",
        ),
    ),
)  # fmt: skip
