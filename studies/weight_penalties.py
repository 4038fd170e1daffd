"""What do L1, L2 and elastic net do to weights, and does it help?

L1 makes weights exactly 0, L2 makes all of them smaller, and elastic net (Zou & Hastie 2005) lies
between; lecture notes 001 say that it helps more where features outnumber samples, so there are
two sizes of training set, one of either kind. L1 is applied by its proximal step, and once more
as a subgradient in the loss, which never arrives at 0. L2 in the loss and decoupled weight decay
are the same under plain SGD, and are not under Adam (Loshchilov & Hutter 2017,
https://arxiv.org/abs/1711.05101).

Each penalty has arms with fixed strengths, a factor of ten apart, which show what strength does,
and one whose strength is searched on a logarithmic axis along with the learning rate: there each
penalty is judged where it is best. The network is one linear layer (softmax regression); at
`quick`, digits have 64 features, and there are 400 or 40 of them to train on, where it errs on 6 %
and on 15 % of the test images.
"""

import math
from dataclasses import dataclass, replace

from torch import nn

from harness import (
    Arms,
    Equivalent,
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
from harness.measures import PrunedAccuracy
from harness.optim import SGD, Adam
from harness.penalties import L1, L2, Decay, ElasticNet
from harness.training import Penalty


@dataclass(frozen=True)
class Softmax:
    """One linear layer."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Make it for inputs of ``shape``, flattened."""
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes))


def penalty_named(name: str, strength: float) -> Penalty | None:
    match name:
        case "none":
            return None
        case "l1":
            return L1(strength)
        case "l1 subgradient":
            return L1(strength, proximal=False)
        case "l2":
            return L2(strength)
        case "decay":
            return Decay(strength)
    return ElasticNet(strength, ratio=float(name.removeprefix("elastic ")))


def build(
    scale: Scale,
    penalty: str,
    strength: float | str,
    data: str,
    optimizer: str,
    lr: float,
    searched: float,
) -> Training:
    train = scale.few if data == "few" else scale.data.train
    return Training(
        data=replace(scale.data, train=train),
        model=Softmax(),
        # Adam's usual rates are a tenth of SGD's
        optimizer=SGD(lr=lr) if optimizer == "sgd" else Adam(lr=lr / 10),
        penalty=penalty_named(penalty, searched if isinstance(strength, str) else strength),
        batch_size=40,
        epochs=round(scale.epochs * scale.data.train / train),  # as many steps for few as for many
    )


PENALTIES = ("l1", "l1 subgradient", "l2", "elastic 0.25", "elastic 0.5", "elastic 0.75", "decay")
STRENGTHS = (0.0001, 0.001, 0.01, 0.1)
TUNED_L1, TUNED_L2, TUNED_ELASTIC, TUNED_DECAY = (
    {"penalty": penalty, "strength": "tuned"} for penalty in ("l1", "l2", "elastic 0.5", "decay")
)

study = Study(
    name="weight_penalties",
    question="What do L1, L2 and elastic net do to weights, and does it help?",
    factors=(
        Factor("penalty", ("none", *PENALTIES)),
        Factor("strength", ("tuned", *STRENGTHS)),
        Factor("data", ("many", "few")),
        Factor("optimizer", ("sgd", "adam")),
    ),
    design=Arms({
        **{f"{penalty}, {data}": {"penalty": penalty, "data": data}
           for data in ("many", "few") for penalty in ("none", *PENALTIES)},
        **{f"{penalty}, many, adam": {"penalty": penalty, "optimizer": "adam"}
           for penalty in ("none", "l2", "decay")},
        **{f"{penalty} {strength:g}, {data}":
               {"penalty": penalty, "strength": strength, "data": data}
           for data in ("many", "few") for penalty in PENALTIES for strength in STRENGTHS},
    }),
    tuned=(
        Tuned("lr", 0.003, 3.0, log=True, trials=12),
        Tuned("searched", 1e-5, 0.1, log=True, trials=12, default=0.003),
    ),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=400, validation=300, test=1000), few=40, epochs=30, seeds=5,
            tuning=6,
            levels={"penalty": ("none", "l1", "l1 subgradient", "l2", "elastic 0.5", "decay"),
                    "strength": ("tuned", 0.001, 0.01, 0.1)},
        ),
        "standard": Scale(
            data=mnist(train=4000, validation=500), few=400, epochs=10, seeds=5, tuning=8,
        ),
        "full": Scale(
            data=cifar10(train=40_000, validation=10_000), few=1000, epochs=40, seeds=10,
        ),
    },
    measures=(PrunedAccuracy(0.8),),
    claims=(
        Higher(
            "L1 leaves more weights at exactly 0 than L2, each at the strength tuned for it.",
            metric="zero_weights", higher=TUNED_L1, lower=TUNED_L2, by=0.05,
            source="Tibshirani 1996; lecture notes 001",
        ),
        Higher(
            "L2 leaves smaller weights than L1, each at the strength tuned for it.",
            metric="weight_norm", higher=TUNED_L1, lower=TUNED_L2, by=0.2,
            source="lecture notes 001",
        ),
        Higher(
            "L1 leaves more weights at 0 than elastic net of equal parts.",
            metric="zero_weights", higher=TUNED_L1, lower=TUNED_ELASTIC, by=0.05,
            source="Zou & Hastie 2005",
        ),
        Higher(
            "Elastic net of equal parts leaves more weights at 0 than L2.",
            metric="zero_weights", higher=TUNED_ELASTIC, lower=TUNED_L2, by=0.05,
            source="Zou & Hastie 2005",
        ),
        Interaction(
            "Elastic net helps more where features outnumber samples.",
            metric="test_accuracy", by=0.01,
            of=(TUNED_ELASTIC | {"optimizer": "sgd"}, {"penalty": "none", "optimizer": "sgd"}),
            at=({"data": "few"}, {"data": "many"}), source="lecture notes 001",
        ),
        Equivalent(
            "Under SGD, L2 in the loss and decoupled decay classify equally well.",
            metric="test_accuracy", by=0.01,
            first=TUNED_L2 | {"data": "many", "optimizer": "sgd"},
            second=TUNED_DECAY | {"data": "many", "optimizer": "sgd"},
            source="Loshchilov & Hutter 2017, proposition 1",
        ),
        Higher(
            "Under Adam, decoupled decay classifies better than L2 in the loss.",
            metric="test_accuracy", by=0.01,
            higher=TUNED_DECAY | {"optimizer": "adam"}, lower=TUNED_L2 | {"optimizer": "adam"},
            source="Loshchilov & Hutter 2017, section 4",
        ),
        Equivalent(
            "As a subgradient, L1 leaves no more weights at exactly 0 than no penalty does.",
            metric="zero_weights", first={"penalty": "l1 subgradient", "strength": "tuned"},
            second={"penalty": "none"}, by=0.01,
            source="mathematics: a step lands on 0 by chance alone",
        ),
        Trend(
            "The stronger L1 is, the more weights are exactly 0.",
            metric="zero_weights", over="strength", among=STRENGTHS, axis="log",
            where={"penalty": "l1"}, by=0.05, source="Tibshirani 1996, section 2",
        ),
        Trend(
            "The stronger L2 is, the smaller the weights are.",
            metric="weight_norm", over="strength", among=STRENGTHS, axis="log", falls=True,
            where={"penalty": "l2"}, by=0.2, source="Hoerl & Kennard 1970; lecture notes 001",
        ),
        Some(
            "At some strength, elastic net classifies better than no penalty.",
            metric="test_accuracy", over="strength", among=STRENGTHS,
            where={"penalty": "elastic 0.5"}, than={"penalty": "none"}, by=0.01, primary=False,
        ),
        Higher(
            "Without the smallest four fifths of weights, L1's networks lose less than L2's.",
            metric="pruned_accuracy", higher=TUNED_L1, lower=TUNED_L2, by=0.02, primary=False,
        ),
    ),
)  # fmt: skip
