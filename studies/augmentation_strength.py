"""How strong should augmentation be?

Lecture notes 001 say that augmentation helps, and that too much of it destroys the features; it is
used most where there is little data (Shorten & Khoshgoftaar 2019). So each policy has strengths
from 0 to 1, and is tried on all of a training set and on a tenth of it, for the same number of
steps; claims that name no share are on the average of both. DeVries & Taylor 2017
(https://arxiv.org/abs/1708.04552) hide squares, so that networks do not rely on one part. Whether
such networks see occluded images better is measured with a black square, which is what cutout
itself puts there, while random erasing fills it with noise; accuracy with noise stands beside it.
The learning rate is tuned anew in every arm.

At `quick` there are 300 and 30 of scikit-learn's digits, five policies, and a network with one
hidden layer that errs on about 6 % of the test images without augmentation, and on 22 %; it is
trained long enough to fit images at half strength, too.
"""

from dataclasses import replace

from harness import (
    Arms,
    Best,
    Factor,
    Higher,
    Interaction,
    Scale,
    Some,
    Study,
    Training,
    Tuned,
)
from harness.augment import (
    Cutmix,
    Cutout,
    Mixture,
    Mixup,
    Noise,
    RandomErasing,
    Rotate,
    Shift,
)
from harness.data import cifar10, digits, mnist
from harness.measures import Noisy, Occluded
from harness.models import CNN, MLP, ConvNet
from harness.optim import SGD
from harness.training import Augmentation


def policy_named(name: str, strength: float) -> tuple[Augmentation, ...]:
    match name:
        case "none":
            return ()
        case "shift, rotate":
            return (Shift(strength), Rotate(strength))
        case "cutout":
            return (Cutout(strength),)
        case "erasing":
            return (RandomErasing(strength),)
        case "mixup":
            return (Mixup(strength),)
        case "cutmix":
            return (Cutmix(strength),)
        case "mixture":
            return (Mixture(strength),)
    return (Noise(strength),)


def build(scale: Scale, policy: str, strength: float, share: float, lr: float) -> Training:
    train = round(share * scale.data.train)
    return Training(
        data=replace(scale.data, train=train),
        model=scale.model,
        optimizer=SGD(lr=lr, momentum=0.9),
        augment=policy_named(policy, strength),
        batch_size=scale.batch_size,
        epochs=round(scale.epochs / share),  # as many steps, whatever the share
    )


POLICIES = ("shift, rotate", "cutout", "erasing", "mixup", "cutmix", "mixture", "noise")
SHOWING = ("none", "shift, rotate", "mixup", "noise")
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
NONE, MODERATE = {"policy": "none"}, {"policy": "shift, rotate", "strength": 0.5}

study = Study(
    name="augmentation_strength",
    question="How strong should augmentation be?",
    factors=(
        Factor("policy", ("none", *POLICIES)),
        Factor("strength", (0.0, *STRENGTHS)),
        Factor("share", (1.0, 0.1)),
    ),
    design=Arms({
        f"{policy} {strength:g}, {100 * share:g} %":
            {"policy": policy, "strength": strength, "share": share}
        for share in (1.0, 0.1)
        for policy, strength in (
            ("none", 0.0), *((policy, each) for policy in POLICIES for each in STRENGTHS),
        )
    }),
    tuned=(Tuned("lr", 0.003, 0.3, log=True, trials=6),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=300, validation=200, test=1000), model=MLP((64,)), batch_size=30,
            epochs=40, seeds=5, tuning=3,
            levels={"policy": ("none", "shift, rotate", "cutout", "erasing", "mixup", "cutmix"),
                    "strength": (0.0, 0.25, 0.5, 1.0)},
        ),
        "standard": Scale(
            data=mnist(train=1000, validation=300, test=2000), model=CNN((8, 16)), batch_size=50,
            epochs=16, seeds=5, tuning=3,
        ),
        "full": Scale(
            data=cifar10(train=40_000, validation=10_000), model=ConvNet(depth=20, width=16),
            batch_size=125, epochs=40, seeds=10,
        ),
    },
    measures=(Occluded(0.5), Noisy(0.3)),
    claims=(
        Some(
            "At some strength, shifting and rotating is better than nothing.",
            metric="test_accuracy", over="strength", among=STRENGTHS,
            where={"policy": "shift, rotate"}, than=NONE, by=0.01, source="lecture notes 001",
        ),
        Some(
            "Averaged over policies, some weaker strength is better than full.",
            metric="test_accuracy", over="strength", among=(0.25, 0.5, 0.75),
            than={"strength": 1.0}, by=0.01,
            source="lecture notes 001: too much destroys the features",
        ),
        Interaction(
            "Shifting and rotating helps more with a tenth of the data.",
            metric="test_accuracy", by=0.01, of=(MODERATE, NONE),
            at=({"share": 0.1}, {"share": 1.0}),
            source="Shorten & Khoshgoftaar 2019, https://doi.org/10.1186/s40537-019-0197-0",
        ),
        Best(
            "Cutout sees occluded images better than any policy does that hides nothing.",
            metric="occluded_accuracy", by=0.01, best={"policy": "cutout"},
            among=SHOWING, source="DeVries & Taylor 2017; lecture notes 001",
        ),
        Best(
            "Random erasing sees occluded images better than any policy does that hides nothing.",
            metric="occluded_accuracy", by=0.01, best={"policy": "erasing"},
            among=SHOWING,
            source="Zhong et al. 2017, https://arxiv.org/abs/1708.04896; lecture notes 001",
        ),
        Higher(
            "Cutmix is better than mixup.",
            metric="test_accuracy", higher={"policy": "cutmix"}, lower={"policy": "mixup"},
            by=0.01, source="Yun et al. 2019, https://arxiv.org/abs/1905.04899, table 5",
        ),
        Higher(
            "Mixup is better calibrated than no augmentation.",
            metric="test_calibration_error", higher=NONE,
            lower={"policy": "mixup", "strength": 0.5}, by=0.01, primary=False,
            source="Thulasidasan et al. 2019, https://arxiv.org/abs/1905.11001",
        ),
        Higher(
            "Shifting and rotating narrows the gap between training and test loss.",
            metric="generalisation_gap", higher=NONE, lower=MODERATE, by=0.05, primary=False,
            source="lecture notes 001",
        ),
        Higher(
            "Cutout sees noisy images better than no augmentation does.",
            metric="noisy_accuracy", by=0.01, higher={"policy": "cutout"}, lower=NONE,
            primary=False,
        ),
    ),
)  # fmt: skip
