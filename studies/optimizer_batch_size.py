"""Which optimizer, at which batch size?

Lecture notes say that Adam "mostly gives the best results" and that Adagrad's rate dies away;
Keskar et al. 2016 (https://arxiv.org/abs/1609.04836) that large batches end in sharp minima,
which generalise worse. All arms see the same number of samples. The learning rate is tuned anew
in every arm, because the space it is searched in may decide the ranking (Choi et al. 2019,
https://arxiv.org/abs/1910.05446): as a factor, between 1/100 and 100, on a rate that is usual for
the optimizer. Sharpness depends on how it is measured (Andriushchenko et al. 2023,
https://arxiv.org/abs/2302.07011), so it is measured twice.

At `quick` there are 300 of scikit-learn's digits to train on, five optimizers and three sizes:
few enough images that arms err on 6 to 9 % of the test images, and can differ either way.
"""

import math

from harness import Best, Factor, Higher, Scale, Sooner, Study, Training, Tuned
from harness.data import cifar10, digits, mnist
from harness.measures import GradientNoise, Sharpness, measured
from harness.models import CNN, MLP
from harness.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
from harness.trained import Trained
from harness.training import Optimizer


def optimizer_named(name: str, factor: float) -> Optimizer:
    match name:
        case "sgd":
            return SGD(lr=0.1 * factor)
        case "momentum":
            return SGD(lr=0.03 * factor, momentum=0.9)
        case "nesterov":
            return SGD(lr=0.03 * factor, momentum=0.9, nesterov=True)
        case "adagrad":
            return Adagrad(lr=0.01 * factor)
        case "adadelta":
            return Adadelta(lr=1.0 * factor)
        case "rmsprop":
            return RMSprop(lr=0.001 * factor)
        case "adam":
            return Adam(lr=0.001 * factor)
    return AdamW(lr=0.001 * factor)


def build(scale: Scale, optimizer: str, batch: int | str, factor: float) -> Training:
    return Training(
        data=scale.data,
        model=scale.model,
        optimizer=optimizer_named(optimizer, factor),
        batch_size=batch if isinstance(batch, int) else scale.data.train,
        epochs=scale.epochs,
    )


def late_progress(trained: Trained) -> float:
    """Factor by which the training loss falls over the second half of training, as a logarithm."""
    curve = trained.curves["train_loss"]
    return math.log(max(curve[len(curve) // 2 - 1], 1e-6) / max(curve[-1], 1e-6))


study = Study(
    name="optimizer_batch_size",
    question="Which optimizer, at which batch size?",
    factors=(
        Factor("optimizer", (
            "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw",
        )),
        Factor("batch", (16, 64, 256, "all")),
    ),
    tuned=(Tuned("factor", 0.01, 100.0, log=True, trials=8),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=300, validation=200, test=1000), model=MLP((64,)), epochs=20,
            levels={"optimizer": ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
                    "batch": (16, 64, "all")},
            seeds=5, tuning=6,
        ),
        "standard": Scale(
            data=mnist(train=2000, validation=1000), model=MLP((128,)), epochs=15, seeds=5,
            tuning=6,
        ),
        "full": Scale(
            data=cifar10(train=40_000, validation=10_000), model=CNN((32, 64, 128)), epochs=30,
            seeds=10,
        ),
    },
    measures=(
        Sharpness(), GradientNoise(),
        measured("late_progress", late_progress, unit="nats", better="higher",
                 meaning="Logarithm of the factor by which the training loss falls over the second "
                         "half of training."),
    ),
    claims=(
        Higher(
            "Averaged over batch sizes, Adam classifies better than plain SGD.",
            metric="test_accuracy", higher={"optimizer": "adam"}, lower={"optimizer": "sgd"},
            by=0.01, source="lecture notes 003: Adam mostly gives the best results",
        ),
        Higher(
            "Late in training, RMSprop still makes progress where Adagrad stalls.",
            metric="late_progress", higher={"optimizer": "rmsprop"},
            lower={"optimizer": "adagrad"}, by=0.1, source="lecture notes 003",
        ),
        Higher(
            "Batches of 16 generalise better than the whole training set at once.",
            metric="test_accuracy", higher={"batch": 16}, lower={"batch": "all"}, by=0.01,
            source="Keskar et al. 2016, table 2",
        ),
        Higher(
            "Whole batches end in sharper minima than batches of 16: worst case.",
            metric="sharpness_worst", higher={"batch": "all"}, lower={"batch": 16}, by=0.05,
            source="Keskar et al. 2016, section 2.2.2",
        ),
        Higher(
            "Whole batches end in sharper minima than batches of 16: at random.",
            metric="sharpness_random", higher={"batch": "all"}, lower={"batch": 16}, by=0.02,
            source="Keskar et al. 2016, section 2.2.2",
        ),
        Best(
            "Whole batches make the least progress for each sample.",
            metric="train_loss", best={"batch": "all"}, by=0.05,
            source="lecture notes 003",
        ),
        Higher(
            "Batches of 64 pass half as many samples again in a second as batches of 16.",
            metric="samples_per_second", by=0.5, higher={"optimizer": "sgd", "batch": 64},
            lower={"optimizer": "sgd", "batch": 16}, source="Keskar et al. 2016, section 1",
        ),
        Sooner(
            "Momentum comes to 80 % of validation images in fewer epochs than plain SGD.",
            metric="validation_accuracy", reaches=0.8, by=0.2, clock="epochs", primary=False,
            sooner={"optimizer": "momentum", "batch": 64}, later={"optimizer": "sgd", "batch": 64},
            source="lecture notes 001",
        ),
        Sooner(
            "Batches of 64 come to 80 % of validation images in fewer steps than batches of 16.",
            metric="validation_accuracy", reaches=0.8, by=0.2, clock="steps", primary=False,
            sooner={"optimizer": "sgd", "batch": 64}, later={"optimizer": "sgd", "batch": 16},
            source="Keskar et al. 2016",
        ),
        Higher(
            "Whole batches leave a wider gap between training and test loss than batches of 16.",
            metric="generalisation_gap", higher={"batch": "all"}, lower={"batch": 16}, by=0.05,
            primary=False, source="Keskar et al. 2016",
        ),
        Higher(
            "The gradient is noisier where Adam ends than where plain SGD does.",
            metric="gradient_noise_scale", higher={"optimizer": "adam"},
            lower={"optimizer": "sgd"}, by=10.0, primary=False,
        ),
    ),
)  # fmt: skip
