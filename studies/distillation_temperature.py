"""Does a student learn more from a teacher's soft predictions, and at which temperature?

Hinton et al. 2015 (https://arxiv.org/abs/1503.02531) train a small network on the predictions of
a large one, softened by a temperature, as well as on labels. Lecture notes 002 say that the
student imitates better the higher the temperature. Whether it classifies better is another
question: two students without a teacher stand beside, one on labels and one on smoothed labels,
and all are trained on the whole training set and on a tenth of it (the share), for the same number
of steps. Claims that name no share are on the average of both; those that name no weight, on that
of both weights of the soft part. There is one teacher a seed, trained on the whole set. The
learning rate is tuned anew in every arm.

At `quick` the student has eight hidden units, and 300 and 30 of scikit-learn's digits: on labels
alone it errs on about 17 % of the test images, and on 40 %.
"""

from dataclasses import replace

from harness import (
    Arms,
    CrossEntropy,
    Distillation,
    Factor,
    Higher,
    Interaction,
    Scale,
    Some,
    Study,
    Training,
    Trend,
    Tuned,
)
from harness.data import cifar10, digits, mnist
from harness.models import CNN, MLP, ConvNet
from harness.optim import SGD
from harness.tasks.losses import Loss


def teacher(scale: Scale) -> Training:
    return Training(
        data=scale.data,
        model=scale.teacher,
        optimizer=SGD(lr=scale.teacher_lr, momentum=0.9),
        batch_size=scale.batch_size,
        epochs=scale.epochs,
    )


def build(
    scale: Scale, labels: str, temperature: float, weight: float, share: float, lr: float
) -> Training:
    loss: Loss = CrossEntropy(label_smoothing=0.1 if labels == "smoothed" else 0.0)
    if labels == "distilled":
        loss = Distillation(teacher(scale), temperature, weight)
    return Training(
        data=replace(scale.data, train=round(share * scale.data.train)),
        model=scale.student,
        optimizer=SGD(lr=lr, momentum=0.9),
        loss=loss,
        batch_size=scale.batch_size,
        epochs=round(scale.epochs / share),  # as many steps, whatever the share
    )


TEMPERATURES, WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0), (0.9, 0.5)
DISTILLED = {"labels": "distilled", "temperature": 4.0, "weight": 0.9}

study = Study(
    name="distillation_temperature",
    question="Does a student learn more from soft predictions, and at which temperature?",
    factors=(
        Factor("labels", ("hard", "smoothed", "distilled")),
        Factor("temperature", TEMPERATURES),
        Factor("weight", WEIGHTS),
        Factor("share", (1.0, 0.1)),
    ),
    design=Arms({
        **{f"{labels}, {100 * share:g} %": {"labels": labels, "share": share}
           for share in (1.0, 0.1) for labels in ("hard", "smoothed")},
        **{f"T = {t:g}, weight {w:g}, {100 * share:g} %":
               {"labels": "distilled", "temperature": t, "weight": w, "share": share}
           for share in (1.0, 0.1) for w in WEIGHTS for t in TEMPERATURES},
    }),
    tuned=(Tuned("lr", 0.0001, 0.3, log=True, trials=6),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=300, validation=200, test=1000), student=MLP((8,)),
            teacher=MLP((128, 128)), teacher_lr=0.03, batch_size=30, epochs=20, seeds=5, tuning=4,
        ),
        "standard": Scale(
            data=mnist(train=4000, validation=1000), student=MLP((16,)), teacher=CNN((16, 32)),
            teacher_lr=0.03, batch_size=50, epochs=10, seeds=5,
        ),
        "full": Scale(
            data=cifar10(train=40_000, validation=10_000), student=ConvNet(depth=8, width=16),
            teacher=ConvNet(depth=32, width=32), teacher_lr=0.1, batch_size=125, epochs=40,
            seeds=10,
        ),
    },
    claims=(
        Higher(
            "Distilled at temperature 4, the student is better than on labels alone.",
            metric="test_accuracy", higher=DISTILLED, lower={"labels": "hard"}, by=0.01,
            source="Hinton et al. 2015, section 3",
        ),
        Some(
            "Some temperature above 1 is better than 1.",
            metric="test_accuracy", over="temperature", than={"temperature": 1.0},
            where={"labels": "distilled"}, by=0.01, source="Hinton et al. 2015, section 3",
        ),
        Trend(
            "The student agrees with its teacher the more, the higher the temperature.",
            metric="teacher_agreement", by=0.01, over="temperature", axis="log",
            where={"labels": "distilled"}, source="lecture notes 002",
        ),
        Interaction(
            "Distilling helps more with a tenth of the data.",
            metric="test_accuracy", by=0.01,
            of=(DISTILLED, {"labels": "hard", "temperature": 1.0, "weight": 0.9}),
            at=({"share": 0.1}, {"share": 1.0}), source="Hinton et al. 2015, section 6",
        ),
        Higher(
            "Distilled at temperature 4, the student is better than on smoothed labels.",
            metric="test_accuracy", higher=DISTILLED, lower={"labels": "smoothed"}, by=0.01,
            source="Müller et al. 2019, https://arxiv.org/abs/1906.02629, section 4",
        ),
        Higher(
            "At temperature 4, a weight of 0.9 on the soft part is better than 0.5.",
            metric="test_accuracy", higher=DISTILLED, lower=DISTILLED | {"weight": 0.5}, by=0.01,
            primary=False, source="Hinton et al. 2015, section 2",
        ),
        Higher(
            "Distilled, the student is better calibrated than on labels alone.",
            metric="test_calibration_error", higher={"labels": "hard"}, lower=DISTILLED, by=0.01,
            primary=False,
        ),
    ),
)  # fmt: skip
