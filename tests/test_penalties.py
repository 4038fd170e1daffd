"""The penalties lead where closed forms say, in the loss and beside the optimizer's step."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from sklearn import linear_model
from torch.func import grad_and_value, vmap

from harness.messages.errors import HarnessError
from harness.optim import SGD, Adam, AdamW
from harness.penalties import L1, L2, Decay, ElasticNet, soft_threshold
from harness.training import Optimizer, Penalty

EXAMPLES, COUNT = 60, 12


def make_design(*, orthonormal: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets of a linear problem with large, small and zero coefficients."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(EXAMPLES, COUNT, generator=generator, dtype=torch.float64)
    if orthonormal:  # columns' squares sum to the number of examples
        inputs = torch.linalg.qr(inputs).Q * math.sqrt(EXAMPLES)
    else:
        inputs = inputs + 0.5 * inputs.roll(1, 1)  # neighbours correlate
    truth = torch.tensor([3, -2, 1, -0.5, 0.2, -0.1, *[0] * 6], dtype=torch.float64)
    noise = torch.randn(EXAMPLES, generator=generator, dtype=torch.float64)
    return inputs, inputs @ truth + 0.3 * noise


def squared(params: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """scikit-learn's loss of ElasticNet: half the mean squared residual."""
    return ((inputs @ params - targets) ** 2).mean() / 2


def one_step(penalty: Penalty, optimizer: Optimizer, loss, params, state, factor=1.0, mask=None):
    """A training step as the trainer takes it."""

    def whole(params: torch.Tensor) -> torch.Tensor:
        added = penalty.loss(params, mask)
        return loss(params) if added is None else loss(params) + added

    grads, value = grad_and_value(whole)(params)
    rate = optimizer.lr * factor
    params = penalty.before(params, rate, mask)
    params, state = optimizer.update(grads, state, params, factor, None)
    return penalty.after(params, rate, mask), state, value


def descend(penalty, optimizer, loss, params, steps, mask=None, factor=lambda step: 1.0):
    state = optimizer.init(params)
    for step in range(steps):
        params, state, _ = one_step(penalty, optimizer, loss, params, state, factor(step), mask)
    return params


def start(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.linspace(-2, 2, COUNT, dtype=dtype)


def problem(*, orthonormal: bool = False):
    inputs, targets = make_design(orthonormal=orthonormal)
    return inputs, targets, lambda params: squared(params, inputs, targets)


# ---- closed forms -------------------------------------------------------------------------------


def test_soft_threshold_by_hand():
    params = torch.tensor([-3.0, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5])
    wanted = [-2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]
    assert soft_threshold(params, 1.0).tolist() == wanted
    assert torch.equal(soft_threshold(params, 0.0), params)
    torch.testing.assert_close(
        soft_threshold(params, 0.3), torch.nn.functional.softshrink(params, 0.3), rtol=0, atol=0
    )
    assert soft_threshold(torch.tensor([math.nan]), 1.0).isnan().all()


@pytest.mark.parametrize("strength", [0.05, 0.4, 1.5])
@pytest.mark.parametrize("lr", [1.0, 0.3])
def test_lasso_on_an_orthonormal_design_is_soft_thresholded_least_squares(strength, lr):
    inputs, targets, loss = problem(orthonormal=True)
    least = inputs.T @ targets / EXAMPLES
    wanted = torch.sign(least) * torch.clamp(least.abs() - strength, min=0)
    zeros = int((wanted == 0).sum())
    assert 3 <= zeros < COUNT
    steps = 1 if lr == 1 else 150  # at rate 1 one step solves it
    seen = descend(L1(strength), SGD(lr), loss, start(), steps)
    torch.testing.assert_close(seen, wanted, rtol=0, atol=1e-12)
    assert int((seen == 0).sum()) == zeros  # exactly


def test_in_the_loss_the_lasso_comes_near_but_has_no_exact_zeros():
    _, _, loss = problem(orthonormal=True)
    exact = descend(L1(0.4), SGD(0.02), loss, start(), 700)
    near = descend(L1(0.4, proximal=False), SGD(0.02), loss, start(), 700)
    assert int((exact == 0).sum()) >= 6
    assert int((near == 0).sum()) == 0
    # it goes to and fro around 0, by a step of rate times strength
    torch.testing.assert_close(near, exact, rtol=0, atol=2 * 0.02 * 0.4)
    assert float((near - exact).abs().max()) > 1e-5


def test_the_slope_of_the_absolute_value_at_zero_is_zero():
    params = torch.tensor([0.0, -0.0, 2.0, -3.0])
    for penalty in (L1(0.5, proximal=False), ElasticNet(0.5, 1.0, proximal=False)):
        slope = torch.func.grad(lambda params, p=penalty: p.loss(params, None))(params)
        assert slope.tolist() == [0.0, 0.0, 0.5, -0.5]


@pytest.mark.parametrize("strength", [0.01, 0.3, 2.0])
def test_ridge_is_the_closed_form(strength):
    inputs, targets, loss = problem()
    system = inputs.T @ inputs / EXAMPLES + strength * torch.eye(COUNT, dtype=torch.float64)
    wanted = torch.linalg.solve(system, inputs.T @ targets / EXAMPLES)
    least = torch.linalg.lstsq(inputs, targets[:, None]).solution[:, 0]
    assert float((wanted - least).abs().max()) > 1e-3
    seen = descend(L2(strength), SGD(0.1, momentum=0.9), loss, start(), 600)
    torch.testing.assert_close(seen, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("strength", [0.05, 0.5])
def test_elastic_net_is_scikit_learns(strength, ratio):
    inputs, targets, loss = problem()
    seen = descend(ElasticNet(strength, ratio), SGD(0.2), loss, start(), 1200).numpy()
    if ratio:
        reference = linear_model.ElasticNet(
            alpha=strength, l1_ratio=ratio, fit_intercept=False, tol=1e-14, max_iter=100_000
        )
    else:  # there scikit-learn's own advice
        reference = linear_model.Ridge(alpha=strength * EXAMPLES, fit_intercept=False, tol=1e-12)
    wanted = reference.fit(inputs.numpy(), targets.numpy()).coef_
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=1e-6)
    assert ((seen == 0) == (wanted == 0)).all()
    assert (seen == 0).any() == (ratio > 0)
    assert np.abs(wanted).max() > 0.5


@pytest.mark.parametrize("proximal", [True, False])
def test_the_elastic_nets_ends_are_the_lasso_and_ridge(proximal):
    _, _, loss = problem()

    def end(penalty: Penalty) -> torch.Tensor:
        return descend(penalty, SGD(0.05), loss, start(), 20)

    lasso, ridge = end(L1(0.3, proximal)), end(L2(0.3))
    assert float((lasso - ridge).abs().max()) > 1e-2
    torch.testing.assert_close(end(ElasticNet(0.3, 1.0, proximal)), lasso, rtol=0, atol=1e-14)
    torch.testing.assert_close(end(ElasticNet(0.3, 0.0, proximal)), ridge, rtol=0, atol=1e-14)


def test_the_penalty_added_to_the_loss_by_hand():
    params = torch.tensor([1.0, -2.0, 3.0])
    mask = torch.tensor([1.0, 1.0, 0.0])
    assert float(L2(0.5).loss(params, None)) == pytest.approx(0.25 * 14)
    assert float(L2(0.5).loss(params, mask)) == pytest.approx(0.25 * 5)
    assert float(L1(0.5, proximal=False).loss(params, None)) == pytest.approx(3)
    assert float(L1(0.5, proximal=False).loss(params, mask)) == pytest.approx(1.5)
    net = ElasticNet(0.5, 0.2)
    assert float(net.loss(params, mask)) == pytest.approx(0.5 * 0.8 / 2 * 5)
    net = ElasticNet(0.5, 0.2, proximal=False)
    assert float(net.loss(params, mask)) == pytest.approx(0.5 * (0.2 * 3 + 0.8 / 2 * 5))
    assert L1(0.5).loss(params, None) is None
    assert Decay(0.5).loss(params, None) is None


# ---- three ways to decay weights ----------------------------------------------------------------


def changing(step: int) -> float:
    return 1.0 - step / 60


def test_under_plain_sgd_a_penalty_of_squares_weight_decay_and_decoupled_decay_are_one():
    """Loshchilov & Hutter's proposition 1, at a learning rate that changes."""
    _, _, loss = problem()
    none = L2(0.0)
    without = descend(none, SGD(0.1), loss, start(), 50, factor=changing)
    inside = descend(L2(0.2), SGD(0.1), loss, start(), 50, factor=changing)
    option = descend(none, SGD(0.1, weight_decay=0.2), loss, start(), 50, factor=changing)
    beside = descend(Decay(0.2), SGD(0.1), loss, start(), 50, factor=changing)
    torch.testing.assert_close(inside, option, rtol=0, atol=1e-13)
    torch.testing.assert_close(beside, option, rtol=0, atol=1e-13)
    assert float((without - option).abs().max()) > 1e-2


def test_under_adam_they_are_two():
    _, _, loss = problem()
    none = L2(0.0)
    inside = descend(L2(0.2), Adam(0.05), loss, start(), 50, factor=changing)
    option = descend(none, Adam(0.05, weight_decay=0.2), loss, start(), 50, factor=changing)
    beside = descend(Decay(0.2), Adam(0.05), loss, start(), 50, factor=changing)
    torch.testing.assert_close(inside, option, rtol=0, atol=1e-12)
    assert float((beside - inside).abs().max()) > 1e-2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adam_with_decoupled_decay_is_adamw_to_the_bit(dtype):
    inputs, targets = (each.to(dtype) for each in make_design(orthonormal=False))

    def loss(params: torch.Tensor) -> torch.Tensor:
        return squared(params, inputs, targets)

    adamw = AdamW(0.05, weight_decay=0.2)
    wanted = descend(L2(0.0), adamw, loss, start(dtype), 50, factor=changing)
    seen = descend(Decay(0.2), Adam(0.05), loss, start(dtype), 50, factor=changing)
    assert torch.equal(seen, wanted)
    assert not torch.equal(seen, descend(L2(0.0), Adam(0.05), loss, start(dtype), 50))


# ---- masks, and off -----------------------------------------------------------------------------

ALL = [
    L1(0.3),
    L1(0.3, proximal=False),
    L2(0.3),
    ElasticNet(0.3, 0.4),
    ElasticNet(0.3, 0.4, proximal=False),
    Decay(0.3),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_a_mask_is_respected_to_the_bit(penalty, dtype):
    """On a loss that treats each parameter apart, those left out train as without a penalty."""

    def loss(params: torch.Tensor) -> torch.Tensor:
        return ((params - 1) ** 4).sum() / 40

    mask = (torch.arange(COUNT) % 3 > 0).to(dtype)
    seen = descend(penalty, SGD(0.1), loss, start(dtype), 10, mask=mask)
    without = descend(L2(0.0), SGD(0.1), loss, start(dtype), 10)
    everywhere = descend(penalty, SGD(0.1), loss, start(dtype), 10)
    assert torch.equal(seen[mask == 0], without[mask == 0])
    assert torch.equal(seen[mask == 1], everywhere[mask == 1])
    assert not bool((seen == without)[mask == 1].any())
    ones = descend(penalty, SGD(0.1), loss, start(dtype), 10, mask=torch.ones_like(mask))
    assert torch.equal(ones, everywhere)
    assert seen.dtype == dtype


@pytest.mark.parametrize(
    "penalty",
    [L1(0.0), L1(0, proximal=False), L2(0.0), ElasticNet(0.0, 0.5), ElasticNet(0.0, 0.5, False),
     Decay(0.0)],
    ids=repr,
)  # fmt: skip
def test_off_does_nothing(penalty):
    params = start()
    mask = torch.ones_like(params)
    assert penalty.loss(params, mask) is None
    assert penalty.before(params, 0.1, mask) is params
    assert penalty.after(params, 0.1, mask) is params


def test_a_penalty_acts_in_one_place_only():
    params = start()
    for penalty in (L1(0.3, proximal=False), L2(0.3), ElasticNet(0.3, 0.5, proximal=False)):
        assert penalty.before(params, 0.1, None) is params
        assert penalty.after(params, 0.1, None) is params
    assert L1(0.3).before(params, 0.1, None) is params
    assert ElasticNet(0.3, 0.5).before(params, 0.1, None) is params
    assert ElasticNet(0.3, 0.0).after(params, 0.1, None) is params
    assert Decay(0.3).after(params, 0.1, None) is params


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_the_parameters_that_were_given_are_left_alone(penalty):
    params = start()
    before = params.clone()
    moved = penalty.after(penalty.before(params, 0.1, None), 0.1, None)
    penalty.loss(params, None)
    assert torch.equal(params, before)
    acts = isinstance(penalty, Decay) or getattr(penalty, "proximal", False)
    assert torch.equal(moved, before) != acts


# ---- many trials at once ------------------------------------------------------------------------

STRENGTHS = (0.05, 0.3, 0.9)


def with_floats(penalty: Penalty, values: dict[str, torch.Tensor]) -> Penalty:
    """A copy with tensors for floats, past the checks, as where trials train together."""
    copied = copy.copy(penalty)
    vars(copied).update(values)
    return copied


def elementwise(params: torch.Tensor) -> torch.Tensor:
    """A loss whose gradients are the same in any batch."""
    return ((params - 0.5) ** 4).sum() / 40


def ten_steps(penalty: Penalty, rate: torch.Tensor | float, dtype: torch.dtype) -> torch.Tensor:
    mask = (torch.arange(COUNT) % 3 > 0).to(dtype)
    return descend(penalty, SGD(1.0), elementwise, start(dtype), 10, mask, lambda step: rate)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_three_trials_at_once_are_three_trials(penalty, dtype):
    values = {"strength": torch.tensor(STRENGTHS, dtype=torch.float64)}
    if isinstance(penalty, ElasticNet):
        values["ratio"] = torch.tensor([0.9, 0.5, 0.2], dtype=torch.float64)
    rates = torch.tensor([0.1, 0.2, 0.15], dtype=torch.float64)
    together = vmap(lambda v, rate: ten_steps(with_floats(penalty, v), rate, dtype))(values, rates)
    assert together.dtype == dtype
    singles = []
    for index in range(len(STRENGTHS)):
        numbers = {name: float(each[index]) for name, each in values.items()}
        tensors = {name: each[index] for name, each in values.items()}
        singles.append(ten_steps(with_floats(penalty, numbers), float(rates[index]), dtype))
        alone = ten_steps(with_floats(penalty, tensors), rates[index], dtype)
        assert alone.dtype == dtype
        assert torch.equal(alone, singles[-1])
    assert torch.equal(together, torch.stack(singles))
    for index, one in enumerate(singles):
        assert not torch.equal(one, ten_steps(L2(0.0), float(rates[index]), dtype))
        assert all(float((one - other).abs().max()) > 1e-2 for other in singles[:index])


@pytest.mark.parametrize(
    "penalty", [each for each in ALL if each.loss(start(), None) is not None], ids=repr
)
def test_the_loss_of_three_trials_at_once(penalty):
    values = torch.tensor(STRENGTHS, dtype=torch.float64)
    params = start(torch.float32)
    together = vmap(lambda s: with_floats(penalty, {"strength": s}).loss(params, None))(values)
    singles = [with_floats(penalty, {"strength": s}).loss(params, None) for s in STRENGTHS]
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, torch.stack(singles), rtol=1e-6, atol=0)
    assert len(set(together.tolist())) == 3


# ---- bad input ----------------------------------------------------------------------------------

NEGATIVE = (-1e-4, math.nan, math.inf, "0", None, True)
BAD = [
    *[(kind, {"strength": value}) for kind in (L1, L2, Decay) for value in NEGATIVE],
    *[(ElasticNet, {"ratio": 0.5, "strength": value}) for value in NEGATIVE],
    *[
        (ElasticNet, {"strength": 0.1, "ratio": value})
        for value in (-0.1, 1.1, math.nan, "0.5", None, True)
    ],
    *[(L1, {"strength": 0.1, "proximal": value}) for value in (1, "yes", None)],
    *[(ElasticNet, {"strength": 0.1, "ratio": 0.5, "proximal": value}) for value in (0, None)],
    *[
        (kind, {"strength": 0.1, "touches": value})
        for kind in (L1, L2, Decay)
        for value in ("weight", "biases", None, 1, ["all"])
    ],
]


@pytest.mark.parametrize(("kind", "options"), BAD, ids=lambda each: getattr(each, "__name__", each))
def test_bad_input_is_told_in_one_line(kind, options):
    with pytest.raises(HarnessError) as caught:
        kind(**options)
    message = str(caught.value)
    assert "\n" not in message
    name, value = list(options.items())[-1]
    assert f"{kind.__name__}({name}=...) must" in message
    assert f"got {value!r}." in message
    assert message.endswith((".", "?"))


def test_all_are_what_a_training_takes():
    for penalty in ALL:
        assert isinstance(penalty, Penalty)
        assert penalty.touches == "weights"
    assert L2(0.1, touches="all").touches == "all"
    assert hash(L2(0.1)) != hash(L2(0.1, touches="all"))
