"""The ring that `gan_modes` draws, and how it counts modes."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from types import ModuleType

import pytest
import torch

from harness.engines.prepared import make_ready, steps_per_epoch
from harness.study.study import Study
from harness.trained import Trained
from harness.training import Training

STUDY: ModuleType = importlib.import_module("harness.studies.gan_modes")
study: Study = STUDY.study
CPU = torch.device("cpu")


def training(method: str, critic_steps: int = 1, scale: str = "quick") -> Training:
    _, size = study.scale(scale)
    made: Training = STUDY.build(size, method, critic_steps, lr=0.003)
    return made


def points_at(modes: list[int], each: int = 100) -> torch.Tensor:
    """Return points in the middle of modes of the ring, ``[len(modes) * each, 2]``."""
    angles = 2 * math.pi * torch.tensor(modes).repeat_interleave(each) / 8
    return 2 * torch.stack([angles.cos(), angles.sin()], dim=1)


def test_the_ring_is_eight_gaussians_of_equal_size() -> None:
    part = STUDY.ring().load().rest
    for mode in range(8):
        points = part.inputs[part.targets == mode].double()
        assert len(points) == 1000
        # mean of 1000: its standard error is 0.1 / sqrt(1000), and five of these are 0.016
        assert points.mean(dim=0) == pytest.approx(points_at([mode], 1)[0].double(), abs=0.016)
        assert points.std(dim=0).tolist() == pytest.approx([0.1, 0.1], rel=0.12)
        # of two independent coordinates, 1 - exp(-4.5) lie within 3 standard deviations
        inside = ((points - points_at([mode], 1)).norm(dim=1) < 0.3).double().mean()
        assert float(inside) == pytest.approx(1 - math.exp(-4.5), abs=0.02)


def test_all_data_has_the_same_ring() -> None:
    assert STUDY.ring().fingerprint() == STUDY.ring().fingerprint()


def shares(made: torch.Tensor) -> list[float]:
    part = STUDY.ring().splits(0).train
    found: list[float] = STUDY.shares(made, part.inputs, part.targets).tolist()
    return found


def test_a_sample_counts_for_the_mode_that_it_is_near() -> None:
    made = torch.cat([points_at([0, 3]), points_at([3]), torch.zeros(100, 2)])
    assert shares(made) == [0.25, 0, 0, 0.5, 0, 0, 0, 0]


def test_near_is_within_three_standard_deviations_on_the_ring() -> None:
    outwards = points_at([2], 1) / 2
    assert shares(outwards * (2 + 0.27))[2] == 1
    assert shares(outwards * (2 - 0.27))[2] == 1
    assert sum(shares(outwards * (2 + 0.33))) == 0
    assert sum(shares(outwards * (2 - 0.33))) == 0


def test_real_points_are_near_their_modes_but_for_the_share_that_is_left_out() -> None:
    part = STUDY.ring().splits(0).test
    assert sum(shares(part.inputs)) == pytest.approx(STUDY.NEAR, abs=0.015)
    assert shares(part.inputs) == pytest.approx([1 / 8] * 8, abs=0.005)


@pytest.mark.parametrize(
    ("made", "found", "near"),
    [
        (points_at([5], 2000), 1 / 8, 1.0),
        (points_at(list(range(8)), 250), 1.0, 1.0),
        # a fifth of the fair share is 50 of 2000
        (torch.cat([points_at([0], 1901), points_at([1], 50), points_at([2], 49)]), 2 / 8, 1.0),
        (torch.cat([points_at([0], 1000), torch.zeros(1000, 2)]), 1 / 8, 0.5),
        (torch.zeros(2000, 2), 0.0, 0.0),
    ],
)
def test_modes_are_counted_of_what_the_generator_makes(
    monkeypatch: pytest.MonkeyPatch, made: torch.Tensor, found: float, near: float
) -> None:
    monkeypatch.setattr(STUDY, "make", lambda _: made)
    trained = Trained(make_ready(training("gan"), 0, CPU))
    assert STUDY.modes_found(trained) == found
    assert STUDY.near_samples(trained) == near


def test_a_conditional_generator_is_asked_for_every_class_as_often() -> None:
    told = []
    trained = Trained(make_ready(training("conditional gan"), 0, CPU))
    generator = trained.network.module.get_submodule("generator")
    generator.register_forward_pre_hook(lambda _, given: told.append(given[1]))
    assert STUDY.make(trained).shape == (2000, 2)
    assert torch.bincount(torch.cat(told)).tolist() == [250] * 8


def test_made_samples_are_the_same_in_every_arm_of_a_seed_that_begins_alike() -> None:
    one, other = (Trained(make_ready(training(each), 3, CPU)) for each in ("gan", "wgan, penalty"))
    assert torch.equal(STUDY.make(one), STUDY.make(other))


@pytest.mark.parametrize("scale", ["quick", "standard", "full"])
def test_the_generator_has_as_many_steps_however_many_the_discriminator_has(scale: str) -> None:
    _, size = study.scale(scale)
    steps = set()
    for critic_steps in (1, 5):
        each = training("gan", critic_steps, scale)
        assert size.data.train % each.step_size == 0
        steps.add(size.data.train // each.step_size * each.epochs)
    assert len(steps) == 1


def test_steps_are_counted_as_the_trainer_counts_them() -> None:
    one, five = (training("gan", times) for times in (1, 5))
    splits = one.data.splits(0)
    assert steps_per_epoch(one, splits) * one.epochs == 600
    assert steps_per_epoch(five, splits) * five.epochs == 600


def test_only_the_critic_of_clipping_is_clamped_and_only_that_of_a_penalty_pays() -> None:
    for method in STUDY.METHODS:
        critic, generator = training(method).updates
        assert (critic.penalty is not None) == (method == "wgan, clipping")
        assert generator.penalty is None
        assert getattr(critic.loss, "penalty", 0) == (1.0 if method == "wgan, penalty" else 0)
        assert replace(critic.optimizer) == generator.optimizer
