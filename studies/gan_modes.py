"""Do generative adversarial networks forget modes, and does a Wasserstein critic mend it?

A generator that is trained against a discriminator may make only a few kinds of what is in the
data. Lecture notes 000 call this collapse, and name WGAN as a mend. Metz et al. 2017
(https://arxiv.org/abs/1611.02163, section 3.1) show it on a ring of eight Gaussians; Srivastava et
al. 2017 (https://arxiv.org/abs/1705.07761, section 4.1) count the modes that samples come within 3
standard deviations of. Four methods are compared: a GAN, a GAN that is told the class, which is the
mode, and two WGANs, whose critic's slope is bounded by clipping (Arjovsky et al. 2017) or by a
penalty (Gulrajani et al. 2017). Each is trained with one and with five steps of the discriminator
for each step of the generator.

All arms have the same number of generator steps, as these papers count. Every step of the
discriminator takes a batch of its own, so arms with five have five times as many epochs, and see
five times as many examples: the second level is not cheaper for the same result. Claims that name
no number of steps are on the average of both. The learning rate, one for both networks, is tuned
anew in every arm by the Fréchet distance on validation examples. On the ring that distance is of
means and covariances of the points alone, which a circle without modes has as well, so modes are
counted apart. The limit of clipping and the factor of the penalty are not tuned.

A class is found if at least a fifth of its fair share of 2000 made samples is near it: nearer to
its mean than to any other, and no farther than 98.9 % of its own training examples, which on the
ring is 3 standard deviations. Images near the mean of their class may still be blurred.

At `quick` the ring has radius 2 and a standard deviation of 0.1, five times that of Metz et al.,
and there are 600 generator steps where they have 25,000, so that a run takes minutes. The
standard deviation, the number of steps and Adam without momentum were chosen after pilot trainings
of three seeds without the harness, in which GANs mostly kept one to four modes; with a standard
deviation of 0.2, or with momentum, methods differed less or none found many. So at `quick` that a
GAN collapses was seen before the claims were written. `standard` and `full` are on digits and on
MNIST, with convolutions; nothing was trained there before.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness import (
    Arms,
    Factor,
    GANLoss,
    Generation,
    Higher,
    Interaction,
    Scale,
    Study,
    Training,
    Tuned,
    Update,
    WassersteinLoss,
)
from harness.data import arrays, digits, mnist
from harness.data.own import Arrays
from harness.measures import measured
from harness.models import DCGAN, GAN
from harness.optim import Adam
from harness.penalties import Clamp
from harness.tasks.losses import Loss
from harness.trained import Trained

if TYPE_CHECKING:
    import torch

MADE, SHARE, NEAR = 2000, 0.2, 1 - math.exp(-4.5)
"""Samples made; the part of its fair share that finds a class; the part of a normal distribution
in the plane that lies within 3 standard deviations."""


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.1, each: int = 1000) -> Arrays:
    """Return points ``[modes * each, 2]`` around places on a circle; the class is the place."""
    classes = np.repeat(np.arange(modes), each)
    angles = 2 * math.pi * classes / modes
    middles = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = middles + std * np.random.default_rng(0).normal(size=middles.shape)
    return arrays(
        points.astype("float32"), classes, f"ring of {modes}", 800,
        train=6400, validation=800, scaling="as they are",
    )  # fmt: skip


def make(trained: Trained) -> torch.Tensor:
    """Return samples ``[MADE, *shape]``, standardised; as many of each class where told one."""
    import torch

    member, draws = trained.member, trained.draws("made")
    task = member.training.task
    assert isinstance(task, Generation)
    noise = draws.normal("latent", MADE, task.latent).to(member.frame.mean.dtype)
    classes = torch.arange(MADE, device=noise.device) % member.splits.classes
    generator = member.network.module.eval().get_submodule(task.part)
    with torch.no_grad():
        pieces = zip(torch.split(noise, 500), torch.split(classes, 500), strict=True)
        made = [generator(z, k) if task.conditional else generator(z) for z, k in pieces]
    return torch.cat(made)


def shares(made: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return which share of samples is near each class, float64 ``[classes]``.

    Args:
        made: ``[n, *shape]``.
        inputs: training examples, ``[m, *shape]``, of which each class has some.
        targets: their classes, int64 ``[m]``.
    """
    import torch

    made, inputs = made.flatten(1).double(), inputs.flatten(1).double()
    groups = [inputs[targets == each] for each in range(int(targets.max()) + 1)]
    means = torch.stack([group.mean(dim=0) for group in groups])
    pairs = zip(groups, means, strict=True)
    limits = torch.stack([(group - mean).norm(dim=1).quantile(NEAR) for group, mean in pairs])
    distance, nearest = torch.cdist(made, means).min(dim=1)
    near = nearest[distance <= limits[nearest]]
    return torch.bincount(near, minlength=len(means)).double() / len(made)


def shares_of(trained: Trained) -> torch.Tensor:
    splits = trained.member.splits
    part = splits.train
    return shares(make(trained), splits.standardize(part.inputs), part.targets)


def modes_found(trained: Trained) -> float:
    found = shares_of(trained)
    return float((found >= SHARE / len(found)).double().mean())


def near_samples(trained: Trained) -> float:
    return float(shares_of(trained).sum())


def losses(method: str, latent: int, penalty: float) -> tuple[Loss, Loss]:
    """Return the discriminator's loss, and the generator's."""
    if method.startswith("wgan"):
        factor = penalty if method == "wgan, penalty" else 0.0
        critic = WassersteinLoss("discriminator", latent, penalty=factor)
        return critic, WassersteinLoss("generator", latent)
    told = method == "conditional gan"
    return GANLoss("discriminator", latent, told), GANLoss("generator", latent, told)


def build(scale: Scale, method: str, critic_steps: int, lr: float) -> Training:
    conditional, latent = method == "conditional gan", scale.model.latent
    discriminator, generator = losses(method, latent, scale.penalty)
    clamp = Clamp(scale.limit) if method == "wgan, clipping" else None
    # no momentum, as for the critics of Gulrajani et al.: what is learnt against changes
    adam = Adam(lr=lr, beta1=0.0)
    return Training(
        data=scale.data,
        model=replace(scale.model, conditional=conditional),
        task=Generation(latent, conditional=conditional),
        updates=(
            Update("discriminator", discriminator, adam, critic_steps, penalty=clamp),
            Update("generator", generator, adam),
        ),
        batch_size=scale.batch_size,
        epochs=scale.epochs * critic_steps,  # as many generator steps, however many the critic's
    )


METHODS = ("gan", "wgan, clipping", "wgan, penalty", "conditional gan")
PLAIN, CLIPPED, PENALISED, TOLD = ({"method": method} for method in METHODS)

study = Study(
    name="gan_modes",
    question="Do adversarial networks forget modes, and does a Wasserstein critic mend it?",
    factors=(Factor("method", METHODS), Factor("critic_steps", (1, 5))),
    design=Arms({
        f"{method}, {steps} to 1": {"method": method, "critic_steps": steps}
        for method in METHODS for steps in (1, 5)
    }),
    tuned=(Tuned("lr", 0.0001, 0.1, log=True, trials=8),),
    objective="validation_frechet_distance",
    build=build,
    scales={
        # every number of examples is a multiple of five batches, so that no step is lost
        "quick": Scale(
            data=ring(), model=GAN((64, 64), latent=8), limit=0.1, penalty=1.0, batch_size=64,
            epochs=6, seeds=5, tuning=3,
        ),
        "standard": Scale(
            data=digits(train=1200, validation=200, test=397),
            model=DCGAN(width=16, latent=16, normalisation="layer"), limit=0.01, penalty=10.0,
            batch_size=40, epochs=50, seeds=5, tuning=6,
        ),
        "full": Scale(
            data=mnist(train=48_000, validation=12_000),
            model=DCGAN(width=32, latent=64, normalisation="layer"), limit=0.01, penalty=10.0,
            batch_size=64, epochs=20, seeds=10,
        ),
    },
    measures=(
        measured(
            "modes_found", modes_found, unit="fraction", better="higher",
            meaning="Share of classes that at least a fifth of their fair share of made samples "
            "is near.",
        ),
        measured(
            "near_samples", near_samples, unit="fraction", better="higher",
            meaning="Share of made samples that are as near to the mean of a class as all but 1.1 "
            "% of its training examples.",
        ),
    ),
    claims=(
        Higher(
            "A WGAN with clipping finds more modes than a GAN.",
            metric="modes_found", higher=CLIPPED, lower=PLAIN, by=0.1,
            source="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, section 4.3; "
            "lecture notes 000",
        ),
        Higher(
            "A WGAN with a penalty finds more modes than a GAN.",
            metric="modes_found", higher=PENALISED, lower=PLAIN, by=0.1,
            source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028; lecture notes 000",
        ),
        Higher(
            "With clipping, the Fréchet distance is larger than with a penalty.",
            metric="test_frechet_distance", higher=CLIPPED, lower=PENALISED, by=0.1,
            source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 3",
        ),
        Higher(
            "The Fréchet distance of a GAN is larger than that of a WGAN with a penalty.",
            metric="test_frechet_distance", higher=PLAIN, lower=PENALISED, by=0.1,
            source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 5.1",
        ),
        Higher(
            "A GAN that is told the class finds more modes than one that is not.",
            metric="modes_found", higher=TOLD, lower=PLAIN, by=0.1,
            source="Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784; lecture notes 000",
        ),
        Interaction(
            "Five steps of the critic help a WGAN with clipping more than a GAN.",
            metric="modes_found", of=(CLIPPED, PLAIN),
            at=({"critic_steps": 5}, {"critic_steps": 1}), by=0.1,
            source="Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, section 3",
        ),
        Higher(
            "More of what a GAN makes is near a mode than of what a WGAN with a penalty makes.",
            metric="near_samples", higher=PLAIN, lower=PENALISED, by=0.1, primary=False,
        ),
        Higher(
            "A GAN fails more often than a WGAN with a penalty.",
            metric="failed", higher=PLAIN, lower=PENALISED, by=0.2, primary=False,
        ),
    ),
)  # fmt: skip
