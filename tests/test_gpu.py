"""What only a CUDA device can show; skipped, saying so, where there is none."""

import dataclasses

import pytest
import torch

from harness.plan import make_trial
from harness.train import train
from tests.tiny_study import study

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]


@pytest.fixture
def training():
    trial = make_trial(study, "quick", study.arms("quick")[1], 0, "evaluate", {"lr": 0.05})
    return dataclasses.replace(trial.training, epochs=3)


def test_a_trial_on_cuda_is_the_same_twice(training) -> None:
    first, second = (train(training, 0, torch.device("cuda:0")) for _ in range(2))
    assert first.metrics == second.metrics
    assert first.curves == second.curves


def test_a_trial_on_cuda_is_close_to_the_cpu(training) -> None:
    cuda = train(training, 0, torch.device("cuda:0"))
    cpu = train(training, 0, torch.device("cpu"))
    assert cuda.curves["train_loss"] == pytest.approx(cpu.curves["train_loss"], rel=1e-3)
    assert cpu.curves["train_loss"][-1] < 0.8 * cpu.curves["train_loss"][0]


def test_the_environment_names_the_card() -> None:
    from harness.environment import environment

    found = environment(torch.device("cuda:0"))
    assert found["hardware"] == torch.cuda.get_device_name(0)
    assert found["driver"]
