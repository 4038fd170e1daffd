"""Which initialisation, for which activation?

Glorot & Bengio 2010 (https://proceedings.mlr.press/v9/glorot10a.html) chose the size of initial
weights so that signals keep their variance through layers that are linear around 0; He et al.
2015 (https://arxiv.org/abs/1502.01852) doubled it for ReLUs, which drop half of it. The network
here is deep and has no normalisation, which would hide the difference: ten hidden layers. So many
sigmoids learn nothing from any of these weights, whatever the rate, and there is nothing to compare
but their signals: so sigmoids are tried with three hidden layers, too. Nor can weights be worse
than small ones there, from which nothing is learnt either; constant ones are compared with the
rest. What signals and gradients
do is measured before the first step: in decades, because both ratios range from 1e-30 to 1. The
learning rate is tuned anew in every arm.

At `quick` there are 300 of scikit-learn's digits to train on, of which the networks that learn miss
between a tenth and a third of the test images.
"""

import math

from harness import Arms, Best, Factor, Higher, Interaction, Scale, Study, Training, Tuned
from harness.data import cifar10, digits, mnist
from harness.measures import ActivationVariance, DeadUnits, GradientNorms, measured
from harness.models import (
    MLP,
    Constant,
    HeNormal,
    Initialisation,
    Normal,
    Orthogonal,
    XavierNormal,
)
from harness.optim import SGD
from harness.trained import Trained, Values


def build(scale: Scale, init: Initialisation, activation: str, layers: int, lr: float) -> Training:
    return Training(
        data=scale.data,
        model=MLP(hidden=(scale.width,) * layers, activation=activation, initialisation=init),
        optimizer=SGD(lr=lr, momentum=0.9),
        batch_size=32,
        epochs=scale.epochs,
    )


def decades(ratio: float) -> float:
    """The logarithm to base 10, not below that of 1e-30."""
    return math.log10(max(ratio, 1e-30)) if math.isfinite(ratio) else -30.0


def ratio(values: Values, name: str) -> float:
    found = values.get(name, 0.0)  # missing where the denominator is 0
    return found if isinstance(found, float) else 0.0


def signal_decades(trained: Trained) -> float:
    return decades(ratio(ActivationVariance()(trained), "activation_variance_ratio"))


def gradient_decades(trained: Trained) -> float:
    return abs(decades(ratio(GradientNorms()(trained), "gradient_norm_ratio")))


def learned(trained: Trained) -> float:
    right = sum(int((logits.argmax(dim=1) == y).sum()) for logits, y in trained.test_outputs)
    return float(right / len(trained.test_logits) > 0.2)


def unit_spread(trained: Trained) -> float:
    """The largest distance of a weight of the second layer from its mean over the layer's units."""
    weight = dict(trained.network.module.named_parameters())["3.weight"].detach()
    return float((weight - weight.mean(dim=0)).abs().max())


INITS = {
    "constant": Constant(0.05),
    "small": Normal(0.01),
    "xavier": XavierNormal(gain=1.0),
    "he": HeNormal(gain=2**0.5),
    "orthogonal": Orthogonal(),
}
ACTIVATIONS = ("sigmoid", "tanh", "relu", "gelu")
SHALLOW = {"activation": "sigmoid", "layers": 3}

study = Study(
    name="init_activation",
    question="Which initialisation, for which activation?",
    factors=(
        Factor("init", INITS), Factor("activation", ACTIVATIONS), Factor("layers", (10, 3)),
    ),
    design=Arms({
        **{f"{init}, {activation}": {"init": init, "activation": activation}
           for activation in ACTIVATIONS for init in INITS},
        **{f"{init}, sigmoid, 3 layers": {"init": init, **SHALLOW} for init in INITS},
    }),
    tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=8),),
    build=build,
    scales={
        "quick": Scale(
            data=digits(train=300, validation=200, test=1000), width=32, epochs=15, seeds=5,
            tuning=5,
        ),
        "standard": Scale(
            data=mnist(train=2000, validation=1000), width=64, epochs=12, seeds=5,
        ),
        "full": Scale(data=cifar10(), width=256, epochs=20, seeds=10),
    },
    measures=(
        ActivationVariance(), GradientNorms(), DeadUnits(),
        measured("signal_decades", signal_decades, when="start",
                 meaning="Logarithm to base 10 of the activation variance of the last hidden layer "
                         "over that of the first, before the first step."),
        measured("gradient_decades", gradient_decades, when="start", better="lower",
                 meaning="Distance from 0 of the logarithm to base 10 of the gradient norm of the "
                         "first layer over that of the last, before the first step."),
        measured("learned", learned, unit="fraction", better="higher",
                 meaning="Whether the network classifies more than a fifth of the test images "
                         "correctly, twice as many as by chance."),
        measured("unit_spread", unit_spread,
                 meaning="Largest distance of a weight of the second layer from its mean over the "
                         "layer's units, after training; 0 where all units are equal."),
    ),
    claims=(
        Best(
            "Constant weights learn worse than Xavier's, He's and orthogonal ones.",
            metric="test_accuracy", best={"init": "constant"}, where={"layers": 10}, lowest=True,
            among=("xavier", "he", "orthogonal"), by=0.05,
            source="lecture notes 001: symmetry is never broken",
        ),
        Higher(
            "Small random weights lose the signal on its way through the layers.",
            metric="signal_decades", by=1.0, higher={"init": "xavier", "layers": 10},
            lower={"init": "small", "layers": 10},
            source="Glorot & Bengio 2010, section 4.2",
        ),
        Higher(
            "Under tanh, Xavier's weights classify better than He's.",
            metric="test_accuracy", by=0.01, higher={"init": "xavier", "activation": "tanh"},
            lower={"init": "he", "activation": "tanh"}, source="Glorot & Bengio 2010, section 4.2",
        ),
        Higher(
            "Under sigmoid, in three layers, Xavier's weights classify better than He's.",
            metric="test_accuracy", by=0.01, higher=SHALLOW | {"init": "xavier"},
            lower=SHALLOW | {"init": "he"}, source="lecture notes 001",
        ),
        Higher(
            "Under ReLU, He's weights classify better than Xavier's.",
            metric="test_accuracy", by=0.01, higher={"init": "he", "activation": "relu"},
            lower={"init": "xavier", "activation": "relu"}, source="He et al. 2015, figure 3",
        ),
        Interaction(
            "He's weights gain more on Xavier's under ReLU than under tanh.",
            metric="test_accuracy", by=0.01, of=({"init": "he"}, {"init": "xavier"}),
            at=({"activation": "relu"}, {"activation": "tanh"}),
            source="He et al. 2015, section 2.2",
        ),
        Best(
            "Orthogonal weights keep gradient norms nearest to equal.",
            metric="gradient_decades", best={"init": "orthogonal"}, where={"layers": 10},
            lowest=True, by=0.1,
            source="Saxe et al. 2013, https://arxiv.org/abs/1312.6120, section 3.2",
        ),
        Higher(
            "He's weights learn at all more often than constant ones under ReLU.",
            metric="learned", by=0.2, higher={"init": "he", "activation": "relu"},
            lower={"init": "constant", "activation": "relu"}, primary=False,
        ),
        Higher(
            "Random weights tell the units of a layer apart, and constant ones do not.",
            metric="unit_spread", by=0.01, higher={"init": "xavier", "layers": 10},
            lower={"init": "constant", "layers": 10}, primary=False,
            source="mathematics: equal units have equal gradients",
        ),
        Higher(
            "Under ReLU, more units are dead with constant weights than with He's.",
            metric="dead_units", by=0.05, higher={"init": "constant", "activation": "relu"},
            lower={"init": "he", "activation": "relu"}, primary=False,
        ),
    ),
)  # fmt: skip
