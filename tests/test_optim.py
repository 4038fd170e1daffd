"""The optimizers take torch.optim's steps, on one vector of all parameters."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from harness.errors import HarnessError
from harness.optim import SGD, AdamW
from harness.training import Optimizer

STEPS = 50
SHAPES = [(6, 3), (6,), (1, 6), ()]  # two layers' weights and biases, the last one a scalar
SIZES = [math.prod(shape) for shape in SHAPES]


def unflatten(vector: torch.Tensor) -> list[torch.Tensor]:
    return [
        part.view(shape) for part, shape in zip(vector.split(SIZES), SHAPES, strict=True)
    ]  # views, so gradients reach the vector


def loss_of(parts: list[torch.Tensor]) -> torch.Tensor:
    """A sine wave fitted by a small network: not convex in its weights."""
    weight, bias, head, shift = parts
    inputs = torch.linspace(-1, 1, 36, dtype=weight.dtype).view(12, 3)
    outputs = torch.tanh(inputs @ weight.T + bias) @ head.T + shift
    return ((outputs[:, 0] - torch.sin(4 * inputs[:, 1])) ** 2).mean()


def start(dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(sum(SIZES), generator=generator, dtype=dtype)


def constant(step: int) -> float:
    return 1.0


def changing(step: int) -> float:
    """Up and down, and 0 at step 7."""
    return abs(math.sin(step * math.pi / 7)) if step % 7 else 0.0 if step == 7 else 0.5


def ours(optimizer: Optimizer, dtype: torch.dtype, factor=constant) -> list[torch.Tensor]:
    params = start(dtype)
    state = optimizer.init(params)
    path = [params]
    for step in range(STEPS):
        leaf = params.clone().requires_grad_()
        (grads,) = torch.autograd.grad(loss_of(unflatten(leaf)), leaf)
        params, state = optimizer.update(grads, state, params, factor(step))
        path.append(params)
    return path


def torchs(optimizer: Optimizer, dtype: torch.dtype, factor=constant) -> list[torch.Tensor]:
    parts = [torch.nn.Parameter(part.clone()) for part in unflatten(start(dtype))]
    if isinstance(optimizer, SGD):
        reference: torch.optim.Optimizer = torch.optim.SGD(
            parts,
            lr=optimizer.lr,
            momentum=optimizer.momentum,
            nesterov=optimizer.nesterov,
            weight_decay=optimizer.weight_decay,
        )
    else:
        reference = torch.optim.AdamW(
            parts,
            lr=optimizer.lr,
            betas=(optimizer.beta1, optimizer.beta2),
            eps=optimizer.eps,
            weight_decay=optimizer.weight_decay,
        )
    schedule = torch.optim.lr_scheduler.LambdaLR(reference, factor)
    path = [start(dtype)]
    for _ in range(STEPS):
        reference.zero_grad()
        loss_of(parts).backward()
        reference.step()
        schedule.step()
        path.append(torch.cat([part.detach().reshape(-1) for part in parts]))
    return path


CASES = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.5, nesterov=True),
    SGD(0.1, weight_decay=0.02),
    SGD(0.1, momentum=0.9, weight_decay=0.02),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.02),
    AdamW(0.05),
    AdamW(0.05, weight_decay=0.0),
    AdamW(0.05, weight_decay=0.5),
    AdamW(0.02, beta1=0.0, beta2=0.99),
    AdamW(0.05, beta1=0.5, beta2=0.9),
    AdamW(0.05, beta1=0.5, beta2=0.0, eps=1.0),
    AdamW(0.05, beta1=0.8, beta2=0.99, eps=1e-2, weight_decay=0.1),
]


def distance(first: list[torch.Tensor], second: list[torch.Tensor]) -> float:
    """The largest difference at any step, over the largest parameter."""
    pairs = list(zip(first, second, strict=True))
    size = max(float(a.abs().max()) for a, _ in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / size


@pytest.mark.parametrize("factor", [constant, changing])
@pytest.mark.parametrize("optimizer", CASES, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_every_step_is_torchs(optimizer, dtype, tolerance, factor):
    path = ours(optimizer, dtype, factor)
    assert distance(path, torchs(optimizer, dtype, factor)) < tolerance
    assert path[-1].dtype == dtype
    # it trains, so the paths are no fixed point
    losses = [float(loss_of(unflatten(params))) for params in path]
    assert losses[-1] < 0.8 * losses[0]
    still = [bool((after == before).all()) for before, after in pairwise(path)]
    assert still == [factor(step) == 0.0 for step in range(STEPS)]


def test_the_problem_is_not_convex():
    generator = torch.Generator().manual_seed(1)
    middle_is_higher = []
    for _ in range(50):
        one, other = torch.randn(2, sum(SIZES), generator=generator, dtype=torch.float64)
        ends = (loss_of(unflatten(one)) + loss_of(unflatten(other))) / 2
        middle_is_higher.append(bool(loss_of(unflatten((one + other) / 2)) > ends))
    assert any(middle_is_higher)


def test_each_setting_matters():
    """No two cases take the same path, by far more than the tolerances above."""
    ends = [ours(optimizer, torch.float64)[-1] for optimizer in CASES]
    for index, one in enumerate(ends):
        for other in ends[:index]:
            assert float((one - other).abs().max()) > 1e-3


@pytest.mark.parametrize("optimizer", CASES, ids=repr)
def test_a_factor_may_be_a_tensor(optimizer):
    numbers = ours(optimizer, torch.float64, changing)
    tensors = ours(
        optimizer, torch.float64, lambda step: torch.tensor(changing(step), dtype=torch.float64)
    )
    assert distance(numbers, tensors) < 1e-12


@pytest.mark.parametrize("optimizer", CASES, ids=repr)
def test_update_changes_nothing_that_it_was_given(optimizer):
    params = start(torch.float64)
    grads = torch.ones_like(params)
    _, state = optimizer.update(grads, optimizer.init(params), params, 1.0)
    given = {"params": params, "grads": grads, **state}
    before = {name: value.clone() for name, value in given.items()}
    new, _ = optimizer.update(grads, state, params, 1.0)
    assert all(torch.equal(given[name], value) for name, value in before.items())
    assert not torch.equal(new, params)


BAD = [
    *[(SGD, {"lr": value}) for value in (0, -0.1, math.nan, math.inf, "0.1", None)],
    *[(SGD, {"lr": 0.1, "momentum": value}) for value in (-0.1, 1.0, math.nan, "0.9", None)],
    *[(SGD, {"lr": 0.1, "weight_decay": value}) for value in (-1e-4, math.nan, math.inf, "0")],
    (SGD, {"lr": 0.1, "nesterov": True}),
    *[(AdamW, {"lr": value}) for value in (0, -0.1, math.nan, math.inf, "0.1", None)],
    *[(AdamW, {"lr": 0.1, "beta1": value}) for value in (-0.1, 1.0, math.nan, (0.9, 0.99))],
    *[(AdamW, {"lr": 0.1, "beta2": value}) for value in (-0.1, 1.0, math.nan, "0.99")],
    *[(AdamW, {"lr": 0.1, "eps": value}) for value in (0.0, -1e-8, math.nan)],
    *[(AdamW, {"lr": 0.1, "weight_decay": value}) for value in (-0.1, math.inf)],
]


@pytest.mark.parametrize(("kind", "options"), BAD, ids=lambda each: getattr(each, "__name__", each))
def test_bad_input_is_told_in_one_line(kind, options):
    with pytest.raises(HarnessError) as caught:
        kind(**options)
    message = str(caught.value)
    assert "\n" not in message
    name = list(options)[-1]
    assert f"{kind.__name__}({name}=" in message
    assert "must" in message
    assert "got" in message
    assert "Write" in message
