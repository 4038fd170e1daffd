"""The optimizers take torch.optim's steps, on one vector of all parameters."""

from __future__ import annotations

import copy
import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from torch.func import vmap

from harness.messages.errors import HarnessError
from harness.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
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


def weights_only(dtype: torch.dtype) -> torch.Tensor:
    """1 for the two layers' weights, 0 for their biases."""
    return torch.cat([torch.full((math.prod(s),), float(len(s) == 2)) for s in SHAPES]).to(dtype)


def constant(step: int) -> float:
    return 1.0


def changing(step: int) -> float:
    """Up and down, and 0 at step 7."""
    return abs(math.sin(step * math.pi / 7)) if step % 7 else 0.0 if step == 7 else 0.5


def ours(optimizer: Optimizer, dtype: torch.dtype, factor=constant, decays=None):
    params = start(dtype)
    state = optimizer.init(params)
    path = [params]
    for step in range(STEPS):
        leaf = params.clone().requires_grad_()
        (grads,) = torch.autograd.grad(loss_of(unflatten(leaf)), leaf)
        params, state = optimizer.update(grads, state, params, factor(step), decays)
        path.append(params)
    return path


RENAMED = {"initial": "initial_accumulator_value"}


def torchs(optimizer: Optimizer, dtype: torch.dtype, factor=constant, *, weights=False):
    """The steps of torch's optimizer of the same name; ``weights``: no decay of the biases."""
    parts = [torch.nn.Parameter(part.clone()) for part in unflatten(start(dtype))]
    options = dataclasses.asdict(optimizer)
    if "beta1" in options:
        options["betas"] = options.pop("beta1"), options.pop("beta2")
    options = {RENAMED.get(name, name): value for name, value in options.items()}
    groups = [
        {"params": [p for p in parts if p.ndim == 2]},
        {"params": [p for p in parts if p.ndim != 2]} | ({"weight_decay": 0.0} if weights else {}),
    ]
    reference = getattr(torch.optim, type(optimizer).__name__)(groups, **options)
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
    SGD(0.1, weight_decay=0.02),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, weight_decay=0.02),
    SGD(0.1, momentum=0.9, dampening=0.5),
    SGD(0.1, momentum=0.5, dampening=0.3, weight_decay=0.02),
    SGD(0.1, momentum=0.9, nesterov=True),
    SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.02),
    Adagrad(0.3),
    Adagrad(0.3, lr_decay=0.1),
    Adagrad(0.3, eps=0.1),
    Adagrad(0.3, initial=0.5),
    Adagrad(0.3, weight_decay=0.05),
    Adagrad(0.3, lr_decay=0.05, eps=0.01, initial=0.1, weight_decay=0.02),
    Adadelta(eps=1e-4),
    Adadelta(5.0),
    Adadelta(5.0, weight_decay=0.05),
    Adadelta(2.0, rho=0.8, eps=1e-3, weight_decay=0.05),
    Adadelta(rho=0.0, eps=1e-3),
    RMSprop(0.01),
    RMSprop(0.01, alpha=0.9),
    RMSprop(0.01, alpha=0.0, eps=0.1),
    RMSprop(0.02, eps=0.1),
    RMSprop(0.01, momentum=0.5),
    RMSprop(0.01, weight_decay=0.05),
    RMSprop(0.01, alpha=0.9, eps=1e-2, centered=True),
    RMSprop(0.02, alpha=0.8, eps=0.1, momentum=0.5, centered=True, weight_decay=0.02),
    Adam(0.05),
    Adam(0.05, weight_decay=0.05),
    Adam(0.02, beta1=0.0, beta2=0.99),
    Adam(0.05, beta1=0.5, beta2=0.5, amsgrad=True),
    Adam(0.05, beta1=0.5, beta2=0.9, eps=0.1, amsgrad=True, weight_decay=0.05),
    AdamW(0.05),
    AdamW(0.05, weight_decay=0.5),
    AdamW(0.02, beta1=0.0, beta2=0.99),
    AdamW(0.05, beta1=0.5, beta2=0.9),
    AdamW(0.05, beta1=0.5, beta2=0.0, eps=1.0),
    AdamW(0.05, beta1=0.8, beta2=0.99, eps=1e-2, weight_decay=0.1),
    AdamW(0.05, beta1=0.5, beta2=0.5, weight_decay=0.5, amsgrad=True),
]
DECAYING = [optimizer for optimizer in CASES if optimizer.weight_decay]
# the path of a float32 run drifts by rounding: at most so much of the largest parameter
PRECISIONS = [(torch.float64, 1e-12), (torch.float32, 1e-5)]


def distance(first: list[torch.Tensor], second: list[torch.Tensor]) -> float:
    """The largest difference at any step, over the largest parameter."""
    pairs = list(zip(first, second, strict=True))
    size = max(float(a.abs().max()) for a, _ in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / size


@pytest.mark.parametrize("factor", [constant, changing])
@pytest.mark.parametrize("optimizer", CASES, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_every_step_is_torchs(optimizer, dtype, tolerance, factor):
    path = ours(optimizer, dtype, factor)
    assert distance(path, torchs(optimizer, dtype, factor)) < tolerance
    assert path[-1].dtype == dtype
    # it trains, so the paths are no fixed point
    losses = [float(loss_of(unflatten(params))) for params in path]
    assert losses[-1] < 0.8 * losses[0]
    still = [bool((after == before).all()) for before, after in pairwise(path)]
    assert still == [factor(step) == 0.0 for step in range(STEPS)]


def test_every_option_of_every_rule_is_among_the_cases():
    for kind in {type(optimizer) for optimizer in CASES}:
        fields = dataclasses.fields(kind)
        of_kind = [optimizer for optimizer in CASES if type(optimizer) is kind]
        varied = {f.name for f in fields if len({getattr(o, f.name) for o in of_kind}) > 1}
        assert varied | {"lr"} == {f.name for f in fields}


@pytest.mark.parametrize("optimizer", DECAYING, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
def test_a_mask_of_decays_is_torchs_parameter_groups(optimizer, dtype, tolerance):
    masked = ours(optimizer, dtype, changing, weights_only(dtype))
    assert distance(masked, torchs(optimizer, dtype, changing, weights=True)) < tolerance
    everywhere = ours(optimizer, dtype, changing)
    assert distance(masked, everywhere) > 1e-3
    ones = ours(optimizer, dtype, changing, torch.ones_like(start(dtype)))
    assert all(torch.equal(one, other) for one, other in zip(ones, everywhere, strict=True))


@pytest.mark.parametrize("optimizer", DECAYING, ids=repr)
def test_decay_is_off_where_the_mask_is_zero_to_the_bit(optimizer):
    without = dataclasses.replace(optimizer, weight_decay=0.0)
    nowhere = ours(optimizer, torch.float32, changing, torch.zeros(sum(SIZES)))
    plain = ours(without, torch.float32, changing, torch.ones(sum(SIZES)))
    assert all(torch.equal(one, other) for one, other in zip(nowhere, plain, strict=True))


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
    numbers = ours(optimizer, torch.float32, changing)
    tensors = ours(
        optimizer, torch.float32, lambda step: torch.tensor(changing(step), dtype=torch.float64)
    )
    assert all(torch.equal(one, other) for one, other in zip(numbers, tensors, strict=True))


@pytest.mark.parametrize("optimizer", CASES, ids=repr)
def test_update_changes_nothing_that_it_was_given(optimizer):
    params = start(torch.float64)
    grads = torch.ones_like(params)
    decays = torch.ones_like(params)
    _, state = optimizer.update(grads, optimizer.init(params), params, 1.0, decays)
    given = {"params": params, "grads": grads, "decays": decays, **state}
    before = {name: value.clone() for name, value in given.items()}
    new, _ = optimizer.update(grads, state, params, 1.0, decays)
    assert all(torch.equal(given[name], value) for name, value in before.items())
    assert not torch.equal(new, params)


def test_an_optimizer_setting_that_is_off_has_no_state():
    params = start(torch.float32)
    assert SGD(0.1).init(params) == {}
    assert set(SGD(0.1, momentum=0.9).init(params)) == {"velocity"}
    assert set(SGD(0.1, momentum=0.9, dampening=0.1).init(params)) == {"velocity", "begun"}
    assert set(Adagrad(0.1).init(params)) == {"total"}
    assert set(Adagrad(0.1, lr_decay=0.1).init(params)) == {"total", "step"}
    assert set(RMSprop(0.1).init(params)) == {"square"}
    assert set(RMSprop(0.1, momentum=0.5, centered=True).init(params)) == {
        "square", "mean", "velocity",
    }  # fmt: skip
    assert set(Adam(0.1).init(params)) == {"step", "mean", "square"}
    assert set(AdamW(0.1, amsgrad=True).init(params)) == {"step", "mean", "square", "largest"}


# ---- many trials at once ------------------------------------------------------------------------

# every float in use, so that each of them varies
FUSED = [
    SGD(0.1, weight_decay=0.02),
    SGD(0.1, momentum=0.8, dampening=0.5, weight_decay=0.02),
    SGD(0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
    Adagrad(0.3, lr_decay=0.05, eps=0.01, initial=0.1, weight_decay=0.02),
    Adadelta(5.0, rho=0.8, eps=1e-4, weight_decay=0.05),
    RMSprop(0.02, alpha=0.8, eps=0.01, momentum=0.5, weight_decay=0.02),
    RMSprop(0.02, alpha=0.8, eps=0.1, momentum=0.5, centered=True, weight_decay=0.02),
    Adam(0.05, beta1=0.8, beta2=0.9, eps=0.01, amsgrad=True, weight_decay=0.05),
    AdamW(0.05, beta1=0.8, beta2=0.9, eps=0.01, weight_decay=0.1),
    AdamW(0.05, beta1=0.8, beta2=0.9, eps=0.01, weight_decay=0.1, amsgrad=True),
]
SHARES = (1.0, 0.7, 0.4)  # of the values above
COUNT = 37


def in_use(optimizer: Optimizer) -> list[str]:
    values = vars(optimizer)
    return [name for name, value in values.items() if isinstance(value, float) and value]


def with_floats(optimizer: Optimizer, values: dict[str, torch.Tensor]) -> Optimizer:
    """A copy with tensors for floats, past the checks, as where trials train together."""
    copied = copy.copy(optimizer)
    vars(copied).update(values)
    return copied


def begin(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.linspace(-1.5, 2, COUNT, dtype=dtype)


def descend(optimizer: Optimizer, params: torch.Tensor) -> torch.Tensor:
    """Ten steps downhill on an elementwise surface, whose gradients are the same in any batch."""
    decays = (torch.arange(COUNT) % 3 > 0).to(params.dtype)
    state = optimizer.init(params)
    for step in range(10):
        grads = params * params * params - 2 * params + step / 10
        params, state = optimizer.update(grads, state, params, 0.5 + step / 20, decays)
    return params


def fused(optimizer: Optimizer, names: list[str], dtype: torch.dtype):
    """A function of all trials' parameters and numbers, and the three trials one by one."""
    values = {n: torch.tensor([getattr(optimizer, n) * s for s in SHARES]).double() for n in names}

    def run(params: torch.Tensor, values: dict[str, torch.Tensor]) -> torch.Tensor:
        return descend(with_floats(optimizer, values), params)

    singles = [
        descend(
            dataclasses.replace(optimizer, **{n: float(each[i]) for n, each in values.items()}),
            begin(dtype),
        )
        for i in range(len(SHARES))
    ]
    return vmap(run), (begin(dtype).expand(len(SHARES), -1), values), singles


def check_apart(runs: list[torch.Tensor]) -> None:
    """No two runs agree, and all have moved."""
    for index, one in enumerate(runs):
        assert float((one - begin(one.dtype)).abs().max()) > 1e-2
        for other in runs[:index]:
            assert float((one - other).abs().max()) > 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("optimizer", FUSED, ids=repr)
def test_three_trials_at_once_are_three_trials(optimizer, dtype):
    run, inputs, singles = fused(optimizer, in_use(optimizer), dtype)
    check_apart(singles)
    together = run(*inputs)
    assert together.dtype == dtype
    assert torch.equal(together, torch.stack(singles))


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [(optimizer, name) for optimizer in FUSED for name in in_use(optimizer)],
    ids=str,
)
def test_each_number_may_differ_alone(optimizer, name):
    run, inputs, singles = fused(optimizer, [name], torch.float32)
    check_apart(singles)
    assert torch.equal(run(*inputs), torch.stack(singles))


@pytest.mark.parametrize("optimizer", FUSED, ids=repr)
def test_numbers_that_are_tensors_give_the_same_bits(optimizer):
    values = {name: torch.tensor(getattr(optimizer, name)).double() for name in in_use(optimizer)}
    plain = dataclasses.replace(optimizer, **{n: float(value) for n, value in values.items()})
    given = descend(with_floats(optimizer, values), begin())
    assert given.dtype == torch.float32
    assert torch.equal(given, descend(plain, begin()))


def test_the_state_of_many_trials_stacks():
    for optimizer in FUSED:
        states = vmap(optimizer.init)(begin().expand(3, -1))
        assert all(len(value) == 3 for value in states.values())


# ---- bad input ----------------------------------------------------------------------------------

NOT_RATES = (0, -0.1, math.nan, math.inf, "0.1", None, True)
NOT_SHARES = (-0.1, 1.0, math.nan, "0.9", None, True, (0.9, 0.99))
NEGATIVE = (-1e-4, math.nan, math.inf, "0", None, True)
MOMENTS = [
    (kind, {"lr": 0.1, name: value})
    for kind in (Adam, AdamW)
    for name, values in (
        ("beta1", NOT_SHARES), ("beta2", NOT_SHARES), ("eps", NOT_RATES), ("amsgrad", (1, None)),
        ("weight_decay", NEGATIVE),
    )
    for value in values
]  # fmt: skip
BAD = [
    *[
        (kind, {"lr": value})
        for kind in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW)
        for value in NOT_RATES
    ],
    *[(SGD, {"lr": 0.1, "momentum": value}) for value in NOT_SHARES],
    *[(SGD, {"lr": 0.1, "momentum": 0.9, "dampening": value}) for value in NOT_SHARES],
    *[(SGD, {"lr": 0.1, "weight_decay": value}) for value in NEGATIVE],
    *[(SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": value}) for value in (1, 0.5, "yes", None)],
    (SGD, {"lr": 0.1, "nesterov": True}),
    (SGD, {"lr": 0.1, "dampening": 0.1}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "dampening": 0.1}),
    *[(Adagrad, {"lr": 0.1, "lr_decay": value}) for value in NEGATIVE],
    *[(Adagrad, {"lr": 0.1, "eps": value}) for value in NOT_RATES],
    *[(Adagrad, {"lr": 0.1, "initial": value}) for value in NEGATIVE],
    *[(Adagrad, {"lr": 0.1, "weight_decay": value}) for value in NEGATIVE],
    *[(Adadelta, {"rho": value}) for value in NOT_SHARES],
    *[(Adadelta, {"eps": value}) for value in NOT_RATES],
    *[(Adadelta, {"weight_decay": value}) for value in NEGATIVE],
    *[(RMSprop, {"lr": 0.1, "alpha": value}) for value in NOT_SHARES],
    *[(RMSprop, {"lr": 0.1, "eps": value}) for value in NOT_RATES],
    *[(RMSprop, {"lr": 0.1, "momentum": value}) for value in NOT_SHARES],
    *[(RMSprop, {"lr": 0.1, "centered": value}) for value in (1, 0.0, "yes")],
    *[(RMSprop, {"lr": 0.1, "weight_decay": value}) for value in NEGATIVE],
    *MOMENTS,
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
