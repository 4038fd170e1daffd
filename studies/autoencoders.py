"""What do noise, sparsity and chance in the code do for an autoencoder, at which width of the code?

An autoencoder squeezes its input through a code and rebuilds it; lecture notes 000 list those that
do more. A denoising one (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html) is shown
noisy inputs and is to rebuild the clean ones, which should make better features, most of all where
the code is wide enough to copy the input. A sparse one adds the mean absolute value of the code
(Goodfellow et al. 2016, https://www.deeplearningbook.org, section 14.2.1), and should keep only
what matters. A variational one (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114) draws its
code from a distribution, and should leave units idle that do not pay.

Each kind differs in one thing from what it is compared with. The denoising and the variational one
have a linear code, as the plain one has. A sparse code needs units that can be exactly 0, so the
sparse one has rectified units, and is compared with one that has them, too, and no penalty. A small
L2 on the weights keeps larger weights of the decoder from making up for a smaller code, in all
kinds. Strengths of noise and sparsity are fixed: tuned by the error of rebuilding, both would end
at 0. The variational one's decoder has a tenth of the inputs' variance, about what a code of eight
units leaves unexplained; with all of it, nearly every unit of a wide code stays idle. The learning
rate is tuned anew in every arm.

The width of a code is a share of the input's values: at 2 it is wider than what it stands for. At
`quick` there are 800 of scikit-learn's digits to train on, of 64 values, and codes of 8, 32 and 128
units. Its 500 steps are too few for a variational one with the widest code, which still gets better
after. Squared errors are of standardised inputs: a network that gives the mean has 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness import (
    Factor,
    Higher,
    Interaction,
    NotWorse,
    Reconstruction,
    Scale,
    Study,
    Training,
    Trend,
    Tuned,
)
from harness.data import cifar10, digits, mnist
from harness.measures import measured
from harness.models import AutoEncoder
from harness.optim import Adam
from harness.penalties import L2
from harness.tasks import EvidenceBound, RebuildingLoss
from harness.tasks.losses import Loss
from harness.trained import Trained

if TYPE_CHECKING:
    import torch

NOISE, SPARSITY, VARIANCE, WEIGHTS = 0.5, 0.1, 0.1, 1e-4
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

LOSSES: dict[str, Loss] = {
    "plain": RebuildingLoss(),
    "denoising": RebuildingLoss(noise=NOISE),
    "variational": EvidenceBound(beta=VARIANCE),
    "rectified": RebuildingLoss(),
    "sparse": RebuildingLoss(sparsity=SPARSITY),
}


def build(scale: Scale, kind: str, width: float, lr: float) -> Training:
    values = math.prod(scale.data.shape())
    # the bound is of half the sum over values, and the other losses of their mean
    keeping = WEIGHTS * (values / 2 if kind == "variational" else 1)
    return Training(
        data=scale.data,
        task=Reconstruction(),
        model=AutoEncoder(
            code=round(width * values),
            hidden=(scale.hidden,),
            variational=kind == "variational",
            code_activation="relu" if kind in {"rectified", "sparse"} else "none",
        ),
        loss=LOSSES[kind],
        penalty=L2(keeping),
        optimizer=Adam(lr=lr),
        batch_size=scale.batch_size,
        epochs=scale.epochs,
    )


# ---- what is measured ---------------------------------------------------------------------------


def codes_of(trained: Trained, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the codes of a part of the data, float64 ``[n, code]``, and its classes."""
    import torch

    from harness.measures.kept import batches

    network: Any = trained.network.module.eval()
    codes, classes = [], []
    with torch.no_grad():
        for batch in batches(trained, getattr(trained.member.splits, part)):
            code = network.encoder(batch.inputs)[:, : network.code]  # means, without variances
            codes.append(code.double())
            classes.append(batch.targets)
    return torch.cat(codes), torch.cat(classes)


def share_active(codes: torch.Tensor) -> float:
    """Return the share of values of codes ``[n, code]`` that are far from 0.

    Further than a quarter of the root mean square of the unit where that is largest: whatever the
    unit of the codes is, a unit is idle that says little beside others.
    """
    least = codes.square().mean(dim=0).max().sqrt() / 4
    return float((codes.abs() > least).double().mean())


def ridge(
    codes: torch.Tensor, wanted: torch.Tensor, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights ``[code, outputs]`` and biases of ridge regression, in closed form.

    Args:
        codes: ``[n, code]``.
        wanted: ``[n, outputs]``.
        strength: of the penalty, as a share of the mean variance of a unit.
    """
    import torch

    middle, mean = codes.mean(dim=0), wanted.mean(dim=0)
    centred = codes - middle
    spread = centred.T @ centred
    spread.diagonal().add_(strength * spread.diagonal().mean().clamp(min=1e-12))  # all may be 0
    weights = torch.linalg.solve(spread, centred.T @ (wanted - mean))
    return weights, mean - middle @ weights


def active_units(trained: Trained) -> float:
    codes, _ = codes_of(trained, "test")
    return share_active(codes)


def probe_accuracy(trained: Trained) -> float:
    import torch

    parts = {part: codes_of(trained, part) for part in ("train", "validation", "test")}
    codes, classes = parts["train"]
    wanted = torch.nn.functional.one_hot(classes, trained.member.splits.classes).double()
    probes = [ridge(codes, wanted, strength) for strength in RIDGES]

    def right(part: str, weights: torch.Tensor, bias: torch.Tensor) -> float:
        codes, classes = parts[part]
        return float(((codes @ weights + bias).argmax(dim=1) == classes).double().mean())

    return right("test", *max(probes, key=lambda probe: right("validation", *probe)))


def noisy_error(trained: Trained) -> float:
    import torch

    from harness.measures.kept import batches

    network, draws = trained.network.module.eval(), trained.draws("noisy_error")
    errors = []
    with torch.no_grad():
        for number, batch in enumerate(batches(trained, trained.member.splits.test)):
            noise = draws.within(str(number)).normal("noise", *batch.inputs.shape)
            error = network(batch.inputs + NOISE * noise) - batch.inputs
            errors.append(error.double().square().flatten(1).mean(dim=1))
    return float(torch.cat(errors).mean())


# ---- what is claimed ----------------------------------------------------------------------------

WIDTHS = (1 / 32, 1 / 8, 1 / 2, 2.0)
PLAIN, DENOISING, VARIATIONAL, RECTIFIED, SPARSE = (
    {"kind": kind} for kind in ("plain", "denoising", "variational", "rectified", "sparse")
)

study = Study(
    name="autoencoders",
    question="What do noise, sparsity and chance in the code do for an autoencoder?",
    factors=(Factor("kind", tuple(LOSSES)), Factor("width", WIDTHS)),
    tuned=(Tuned("lr", 0.001, 0.02, log=True, trials=4),),
    build=build,
    objective="validation_squared_error",
    measures=(
        measured(
            "probe_accuracy", probe_accuracy, unit="fraction", better="higher",
            meaning="Share of test examples that a linear classifier of codes has right: ridge "
            "regression on the training part's codes, its strength chosen on the validation part.",
        ),
        measured(
            "active_units", active_units, unit="fraction",
            meaning="Share of the code's units that are further from 0 than a quarter of the root "
            "mean square of the unit where that is largest, mean over test examples.",
        ),
        measured(
            "noisy_squared_error", noisy_error, better="lower",
            meaning="Mean squared error between clean test inputs and what is rebuilt of them with "
            "normal noise of half a standard deviation added.",
        ),
    ),
    scales={
        "quick": Scale(
            data=digits(train=800, validation=200, test=797), hidden=64, batch_size=40, epochs=25,
            seeds=5, tuning=3, levels={"width": WIDTHS[1:]},
        ),
        "standard": Scale(
            data=mnist(train=4000, validation=1000), hidden=256, batch_size=50, epochs=20, seeds=5,
        ),
        "full": Scale(
            data=cifar10(train=40_000, validation=10_000), hidden=1024, batch_size=125, epochs=40,
            seeds=10,
        ),
    },
    claims=(
        Higher(
            "Denoising makes better features: a linear classifier of the code is right more often.",
            metric="probe_accuracy", higher=DENOISING, lower=PLAIN, by=0.01,
            source="Vincent et al. 2010, sections 2.3 and 6.6",
        ),
        Interaction(
            "Denoising improves features more where the code is wider than the input.",
            metric="probe_accuracy", by=0.01, of=(DENOISING, PLAIN),
            at=({"width": 2.0}, {"width": 1 / 8}), source="Vincent et al. 2010, section 2.3",
        ),
        Higher(
            "Denoising rebuilds noisy inputs better.",
            metric="noisy_squared_error", higher=PLAIN, lower=DENOISING, by=0.01,
            source="Vincent et al. 2010, section 3; lecture notes 000",
        ),
        Higher(
            "Denoising rebuilds clean inputs better, too.",
            metric="test_squared_error", higher=PLAIN, lower=DENOISING, by=0.01,
            source="lecture notes 000: learning to take noise off improves rebuilding",
        ),
        Higher(
            "A sparse code has fewer active units than a rectified one.",
            metric="active_units", higher=RECTIFIED, lower=SPARSE, by=0.1,
            source="Goodfellow et al. 2016, section 14.2.1; lecture notes 000",
        ),
        NotWorse(
            "A sparse code keeps what matters: a linear classifier of it is not worse.",
            metric="probe_accuracy", arm=SPARSE, than=RECTIFIED, by=0.02,
            source="lecture notes 000: it learns the important features alone",
        ),
        Trend(
            "The wider the code, the smaller the share of it that a variational one uses.",
            metric="active_units", over="width", axis="log", falls=True, where=VARIATIONAL, by=0.1,
            source="Burda et al. 2015, https://arxiv.org/abs/1509.00519, section 5",
        ),
        Higher(
            "A variational one rebuilds worse than a plain one.",
            metric="test_squared_error", higher=VARIATIONAL, lower=PLAIN, by=0.01,
            source="Kingma & Welling 2014, section 2.3: the divergence regularises",
        ),
        Trend(
            "The wider the code, the better a plain one rebuilds.",
            metric="test_squared_error", over="width", axis="log", falls=True, where=PLAIN, by=0.01,
            source="Baldi & Hornik 1989, https://doi.org/10.1016/0893-6080(89)90014-2",
        ),
        Higher(
            "On noisy inputs, a variational one rebuilds better than a plain one.",
            metric="noisy_squared_error", higher=PLAIN, lower=VARIATIONAL, by=0.01, primary=False,
        ),
        Higher(
            "On noisy inputs, a sparse one rebuilds better than a rectified one.",
            metric="noisy_squared_error", higher=RECTIFIED, lower=SPARSE, by=0.01, primary=False,
        ),
        Higher(
            "A sparse one rebuilds clean inputs worse than a rectified one.",
            metric="test_squared_error", higher=SPARSE, lower=RECTIFIED, by=0.01, primary=False,
        ),
        Higher(
            "In a code wider than the input, sparsity makes better features.",
            metric="probe_accuracy", higher=SPARSE | {"width": 2.0},
            lower=RECTIFIED | {"width": 2.0}, by=0.01, primary=False,
        ),
    ),
)  # fmt: skip
