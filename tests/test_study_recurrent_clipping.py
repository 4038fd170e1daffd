"""The study of recurrent networks and clipping: the data that it draws, and what it measures."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.data import digits
from harness.engines.modes import Mode
from harness.engines.prepared import make_ready
from harness.models import Recurrent
from harness.models.recurrent_module import Layer, Network
from harness.study.study import Study
from harness.tasks.scores import Score
from harness.trained import Trained
from harness.trainer.train import Request, TrainingResult, train_together
from harness.training import Training
from harness.trials.trial import defaults, make_trial

recurrent = importlib.import_module("harness.studies.recurrent_clipping")
STUDY: Study = recurrent.study
CPU = torch.device("cpu")


def training(cell: str, scale: str = "quick", **changed: object) -> Training:
    arm = next(each for each in STUDY.arms(scale) if each.name == f"{cell}, norm, orthogonal")
    made = make_trial(STUDY, scale, arm, 0, "evaluate", defaults(STUDY)).training
    return replace(made, precision="float64", **changed)


def untrained(cell: str, width: int = 16) -> tuple[Trained, Network, Layer]:
    member = make_ready(training(cell, model=Recurrent(cell, width=width)), 0, CPU)
    module = member.network.module
    assert isinstance(module, Network)
    (layer,) = module.layers
    assert isinstance(layer, Layer)
    return Trained(member), module, layer


# ---- the adding problem -------------------------------------------------------------------------


@pytest.mark.parametrize("length", [20, 21])
def test_each_sequence_has_one_mark_in_either_half_and_the_sum_of_what_is_marked(
    length: int,
) -> None:
    inputs, sums = recurrent.adding_problem(500, length)
    numbers, marks = inputs[:, 0], inputs[:, 1]
    assert inputs.shape == (500, 2, length)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert set(np.unique(marks)) == {0, 1}
    half = length // 2
    assert (marks[:, :half].sum(axis=1) == 1).all()
    assert (marks[:, half:].sum(axis=1) == 1).all()
    assert marks.any(axis=0).all(), "every position is marked at some time"
    for row in range(5):
        one, other = np.flatnonzero(marks[row])
        assert sums[row] == pytest.approx(numbers[row, one] + numbers[row, other])


def test_the_adding_problem_is_the_same_every_time() -> None:
    first, again = (recurrent.adding(20, 50, 10, 20) for _ in range(2))
    assert first.fingerprint() == again.fingerprint()
    assert first.splits(0).train.pool.inputs.shape == (80, 2, 20)


def test_who_always_says_one_has_the_error_of_the_paper() -> None:
    """The variance of a sum of two uniform numbers is 1/6 (Le et al. 2015, section 4.1)."""
    _, sums = recurrent.adding_problem(20_000, 20)
    assert ((sums - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.03)


# ---- how far the gradient reaches ---------------------------------------------------------------


def by_torch(trained: Trained, module: Network, layer: Layer) -> Tensor:
    """The same gradients, by torch's own cells, with a push of zero on each state."""
    kinds = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
    batch = trained.first_batch()
    width = layer.width
    cell = kinds[layer.cell](2, width, dtype=torch.float64)
    cell.load_state_dict(layer.state_dict())
    pushes = []
    hidden = memory = torch.zeros(len(batch.inputs), width, dtype=torch.float64)
    for inputs in batch.inputs.unbind(2):
        push = torch.zeros_like(hidden, requires_grad=True)
        if layer.cell == "LSTM":
            said, memory = cell(inputs, (hidden, memory))
            open_by = said / memory.tanh()
            memory = memory + push
            hidden = open_by * memory.tanh()
        else:
            hidden = cell(inputs, hidden) + push
        pushes.append(push)
    loss = (module.head(hidden) - batch.targets).square().mean()
    return torch.stack([each.norm(dim=1) for each in torch.autograd.grad(loss, pushes)])


@pytest.mark.parametrize("cell", ["RNN", "LSTM", "GRU"])
def test_the_gradient_of_each_state_is_that_of_torchs_own_cells(cell: str) -> None:
    trained, module, layer = untrained(cell)
    found = recurrent.state_gradients(trained)
    expected = by_torch(trained, module, layer)
    assert found.shape == (20, 20)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)
    first, last = expected[0].detach().numpy(), expected[-1].detach().numpy()
    assert recurrent.gradient_reach(trained) == pytest.approx(np.log10(first / last).mean())


def test_orthogonal_weights_keep_the_gradients_norm_where_tanh_is_a_straight_line() -> None:
    trained, _, layer = untrained("RNN")
    with torch.no_grad():
        layer.weight_ih.zero_()  # all states are 0 then, where tanh has slope 1
    # weights are drawn in float32
    assert recurrent.gradient_reach(trained) == pytest.approx(0, abs=1e-6)


def test_an_lstms_gradient_shrinks_where_its_gates_are_half_open() -> None:
    """At states of 0 a memory is half kept, and comes back by a quarter through the cell's gate."""
    trained, module, layer = untrained("LSTM")
    with torch.no_grad():
        layer.weight_ih.zero_()
    gate = layer.weight_hh.detach().split(16)[2]
    step = 0.5 * torch.eye(16, dtype=torch.float64) + 0.25 * gate
    last = 0.5 * module.head.weight.detach()[0]
    first = last @ torch.linalg.matrix_power(step, 19)
    expected = math.log10(first.norm() / last.norm())
    assert expected < -1
    assert recurrent.gradient_reach(trained) == pytest.approx(expected, abs=1e-9)


def test_examples_without_an_error_say_nothing_of_the_gradient() -> None:
    trained, module, _ = untrained("RNN")
    with torch.no_grad():
        module.head.weight.zero_()  # no gradient comes to any state
    assert recurrent.gradient_reach(trained) == -30


# ---- digits -------------------------------------------------------------------------------------


def scored(score: Score, logits: Tensor, classes: Tensor) -> float:
    state = score.init(CPU)
    for part in (slice(0, 3), slice(3, None)):
        state = score.update(state, logits[part], classes[part])
    return float(score.value(state))


def test_probabilities_are_scored_against_one_for_the_true_class() -> None:
    torch.manual_seed(0)
    logits = torch.randn(9, 3, dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 2, 1, 0, 0, 2, 1])
    told = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    right = np.eye(3)[classes]
    wrong = ((told - right) ** 2).sum(axis=0)
    spread = ((right - right.mean(axis=0)) ** 2).sum(axis=0)
    assert scored(recurrent.BrierScore(), logits, classes) == pytest.approx(wrong.sum() / 27)
    r2 = scored(recurrent.BrierR2(), logits, classes)
    assert r2 == pytest.approx((1 - wrong / spread).mean())


def test_the_shares_of_the_classes_explain_nothing() -> None:
    classes = torch.tensor([0, 0, 0, 1, 1, 2])
    shares = torch.tensor([3 / 6, 2 / 6, 1 / 6], dtype=torch.float64)
    assert scored(recurrent.BrierR2(), shares.log().expand(6, 3), classes) == pytest.approx(0)


def test_digits_are_read_pixel_by_pixel_and_scored_as_the_adding_problem_is() -> None:
    few = digits(train=40, validation=40, test=40)
    wanted = training("RNN", "standard", data=few, epochs=1)
    results = []
    for mode in (Mode(), Mode("fused", 2)):
        done = train_together([Request(wanted, s, STUDY.measures) for s in (0, 1)], CPU, mode)
        for each in done:
            assert isinstance(each, TrainingResult), each
            assert each.metrics.keys() >= {
                "test_loss", "test_accuracy", "test_squared_error", "test_r2",
                "gradient_reach_start", "gradient_reach_end",
            }  # fmt: skip
            assert 0 < each.metrics["test_squared_error"] < 2 / 10
        results.append(done[0].metrics)  # type: ignore[union-attr]
    assert results[0] == pytest.approx(results[1], rel=1e-6)
