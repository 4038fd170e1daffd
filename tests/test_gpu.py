"""What only a CUDA device can show; skipped, saying so, where there is none."""

import dataclasses

import pytest
import torch

from harness.cost.calibrate import calibrate
from harness.engines.modes import PLAIN, Mode
from harness.randomness import counting as noise
from harness.tasks.losses import Distillation
from harness.trainer.train import Request, TrainingResult, train, train_together
from harness.training import Training
from harness.trials.trial import make_trial
from tests.gpu import GPU
from tests.tiny_study import study

pytestmark = GPU
CUDA = torch.device("cuda:0")


@pytest.fixture
def training() -> Training:
    trial = make_trial(study, "quick", study.arms("quick")[1], 0, "evaluate", {"lr": 0.05})
    return dataclasses.replace(trial.training, epochs=3)


def test_a_trial_on_cuda_is_the_same_twice(training: Training) -> None:
    first, second = (train(training, 0, CUDA) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.curves == second.curves


def test_a_trial_on_cuda_is_close_to_the_cpu(training: Training) -> None:
    cuda = train(training, 0, CUDA)
    cpu = train(training, 0, torch.device("cpu"))
    assert cuda.curves["train_loss"] == pytest.approx(cpu.curves["train_loss"], rel=1e-3)
    assert cpu.curves["train_loss"][-1] < 0.8 * cpu.curves["train_loss"][0]


def test_everything_random_is_the_same_on_both_devices(training: Training) -> None:
    """To rounding, with dropout, augmentation and a teacher: masks and shifts are hashes."""
    from harness.augment import Cutmix, Noise, Shift

    model = dataclasses.replace(training.model, dropout=0.3)
    full = dataclasses.replace(
        training,
        model=model,
        augment=(Shift(0.5), Noise(0.3), Cutmix(0.5)),
        loss=Distillation(training, weight=0.5),
        precision="float64",
    )
    cuda, cpu = (train(full, 0, device) for device in (CUDA, torch.device("cpu")))
    assert cuda.curves["train_loss"] == pytest.approx(cpu.curves["train_loss"], abs=1e-6)
    assert cuda.curves["validation_loss"] == pytest.approx(cpu.curves["validation_loss"], abs=1e-6)


def test_random_bits_are_the_same_on_both_devices() -> None:
    for key in (0, 5, 2**31, 2**32 - 1):
        for shape in ((1,), (1000, 37)):
            here = noise.bits(key, shape)
            assert torch.equal(noise.bits(key, shape, CUDA).cpu(), here)
            there = torch.tensor(noise.signed(key), dtype=torch.int32, device=CUDA)
            assert torch.equal(noise.bits(there, shape).cpu(), here)
            assert noise.mix(there, 7).cpu() == noise.signed(noise.mix(key, 7))


@pytest.mark.parametrize("kind", ["fused", pytest.param("compiled", marks=pytest.mark.slow)])
def test_many_at_a_time_are_as_one_by_one(training: Training, kind: str) -> None:
    double = dataclasses.replace(training, precision="float64")
    requests = [Request(double, seed) for seed in range(4)]
    plain = train_together(requests, CUDA, PLAIN)
    together = train_together(requests, CUDA, Mode(kind, 4))
    for one, other in zip(plain, together, strict=True):
        assert isinstance(one, TrainingResult)
        assert isinstance(other, TrainingResult)
        assert other.note == ""
        assert other.curves["train_loss"] == pytest.approx(one.curves["train_loss"], abs=1e-9)


def test_modes_are_measured_on_cuda(training: Training) -> None:
    choice = calibrate(training, CUDA, 8, kinds=("fused",))
    assert choice.mode == Mode("fused", 8), choice.note
    assert [each.mode for each in choice.timings] == [PLAIN, Mode("fused", 8)]
    assert all(each.seconds > 0 for each in choice.timings)


def test_the_environment_names_the_card() -> None:
    from harness.cost.machine import environment

    found = environment(CUDA)
    assert found["hardware"] == torch.cuda.get_device_name(0)
    assert found["driver"]
