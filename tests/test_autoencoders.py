"""Autoencoders and their losses, against principal components and against closed forms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes
from torch import nn

from harness.messages.errors import HarnessError
from harness.models import AutoEncoder, HeNormal, XavierNormal
from harness.randomness.counting import Draws
from harness.tasks import Batch, EvidenceBound, RebuildingLoss

CPU = torch.device("cpu")
WIDE = torch.float64


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # for so little, more would only wait for each other
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@dataclass
class Called:
    """A module as a loss calls it."""

    module: nn.Module

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.module(inputs)

    def part(self, name: str) -> Callable[..., torch.Tensor]:
        return self.module.get_submodule(name)


def batch_of(inputs: torch.Tensor, seed: int = 0) -> Batch:
    return Batch(inputs, inputs.new_zeros(len(inputs)), draw=lambda: Draws(seed, CPU, inputs.dtype))


def built(spec: AutoEncoder, shape: tuple[int, ...]) -> Any:
    return spec.build(shape, 10).double()


@pytest.mark.parametrize("shape", [(12,), (1, 8, 8), (2, 5)])
@pytest.mark.parametrize("variational", [False, True])
def test_what_is_rebuilt_has_the_inputs_shape(shape: tuple[int, ...], variational: bool) -> None:
    network = built(AutoEncoder(code=3, hidden=(7, 5), variational=variational), shape)
    inputs = torch.randn(4, *shape, dtype=WIDE)
    code = network.encoder(inputs)
    assert code.shape == (4, 6 if variational else 3)
    rebuilt = network(inputs)
    assert rebuilt.shape == inputs.shape
    assert torch.equal(rebuilt, network.decoder(code[:, :3])), "the means are decoded"
    size = math.prod(shape)
    wanted = [(7, size), (5, 7), (code.shape[1], 5), (5, 3), (7, 5), (size, 7)]
    layers = [each for each in network.modules() if isinstance(each, nn.Linear)]
    assert [tuple(each.weight.shape) for each in layers] == wanted


def test_activations_stand_between_layers_and_where_asked_after_the_code() -> None:
    inputs = torch.randn(50, 6, dtype=WIDE)
    for name in ("none", "relu"):
        network = built(AutoEncoder(2, (4,), activation="tanh", code_activation=name), (6,))
        first, second = (each for each in network.encoder if isinstance(each, nn.Linear))
        by_hand = second(first(inputs).tanh())
        by_hand = by_hand.relu() if name == "relu" else by_hand
        torch.testing.assert_close(network.encoder(inputs), by_hand)
        assert bool((network.encoder(inputs) == 0).any()) == (name == "relu")
        third, fourth = (each for each in network.decoder if isinstance(each, nn.Linear))
        torch.testing.assert_close(network(inputs), fourth(third(by_hand).tanh()))


def test_a_linear_autoencoder_reaches_the_error_of_principal_components() -> None:
    """Baldi & Hornik 1989: the least error is the sum of the eigenvalues that are left out."""
    inputs = torch.from_numpy(load_diabetes(scaled=False).data)
    inputs = (inputs - inputs.mean(dim=0)) / inputs.std(dim=0)
    spread = torch.linalg.eigvalsh(torch.cov(inputs.flatten(1).T, correction=0)).flip(0)
    losses = {}
    for code in (1, 4):
        network = built(AutoEncoder(code, (), initialisation=XavierNormal()), (10,))
        search = torch.optim.LBFGS(
            network.parameters(), max_iter=600, tolerance_grad=1e-8, tolerance_change=1e-13,
            line_search_fn="strong_wolfe",
        )  # fmt: skip
        loss, batch, net = RebuildingLoss(), batch_of(inputs), Called(network)
        before = loss(net, batch).item()

        def closure(search=search, loss=loss, net=net, batch=batch) -> torch.Tensor:
            search.zero_grad()
            value = loss(net, batch)
            value.backward()
            return value

        search.step(closure)
        losses[code] = loss(net, batch).item()
        assert losses[code] == pytest.approx(spread[code:].sum().item() / 10, rel=1e-6)
        assert before > 1.2 * losses[code]
    assert losses[4] < 0.8 * losses[1]


def test_losses_are_their_formulas() -> None:
    network = built(AutoEncoder(3, (5,), code_activation="tanh"), (6,))
    inputs = torch.randn(8, 6, dtype=WIDE)
    batch, net = batch_of(inputs), Called(network)
    plain = (network(inputs) - inputs).square().mean()
    torch.testing.assert_close(RebuildingLoss()(net, batch), plain)
    code = network.encoder(inputs).abs().sum() / (8 * 3)
    torch.testing.assert_close(RebuildingLoss(sparsity=0.7)(net, batch), plain + 0.7 * code)
    noise = Draws(0, CPU, WIDE).normal("noise", 8, 6)
    seen = network(inputs + 0.3 * noise)
    torch.testing.assert_close(
        RebuildingLoss(noise=0.3)(net, batch), (seen - inputs).square().mean()
    )
    both = RebuildingLoss(noise=0.3, sparsity=0.7)(net, batch)
    code = network.encoder(inputs + 0.3 * noise).abs().mean()
    torch.testing.assert_close(both, (seen - inputs).square().mean() + 0.7 * code)


def test_noise_is_drawn_anew_at_each_step() -> None:
    network = built(AutoEncoder(3, (5,)), (6,))
    inputs = torch.randn(8, 6, dtype=WIDE)
    for loss in (RebuildingLoss(noise=0.3), EvidenceBound()):
        if isinstance(loss, EvidenceBound):
            network = built(AutoEncoder(3, (5,), variational=True), (6,))
        one, again, other = (
            loss(Called(network), batch_of(inputs, seed)).item() for seed in (1, 1, 2)
        )
        assert one == again != other


@dataclass
class Corners:
    """The corners of a cube in the place of normal numbers: any square's mean is the same."""

    code: int

    def normal(self, name: str, *shape: int) -> torch.Tensor:
        corners = torch.tensor([*itertools.product((-1.0, 1.0), repeat=self.code)], dtype=WIDE)
        assert shape == corners.shape
        return corners


class LinearGaussian:
    """x = W z + b + e with z and e standard normal, W with orthogonal columns.

    Then the posterior is normal with mean V^T (x - b), V = W / (1 + |w|^2) by columns, and
    variances 1 / (1 + |w|^2) (Bishop 2006, Pattern Recognition and Machine Learning, 12.2.1).
    """

    def __init__(self, size: int = 6, code: int = 2) -> None:
        scales = torch.tensor([1.5, 0.4], dtype=WIDE)[:code]
        self.weight = torch.linalg.qr(torch.randn(size, code, dtype=WIDE))[0] * scales
        self.shift = torch.randn(size, dtype=WIDE)
        self.precision = 1 + scales.square()
        cov = self.weight @ self.weight.T + torch.eye(size, dtype=WIDE)
        self.marginal = torch.distributions.MultivariateNormal(self.shift, cov)
        self.code = code

    def network(self, off: float = 0.0) -> nn.Module:
        """The autoencoder whose decoder is the model and whose encoder its posterior."""
        size = len(self.shift)
        made = built(AutoEncoder(self.code, (), variational=True), (size,))
        (encoder,) = (each for each in made.encoder if isinstance(each, nn.Linear))
        (decoder,) = (each for each in made.decoder if isinstance(each, nn.Linear))
        mean = (self.weight / self.precision).T
        with torch.no_grad():
            decoder.weight.copy_(self.weight)
            decoder.bias.copy_(self.shift)
            encoder.weight.copy_(torch.cat([mean, torch.zeros_like(mean)]))
            encoder.bias.copy_(torch.cat([-mean @ self.shift, -self.precision.log()]) + off)
        return made


def bound(network: nn.Module, one: torch.Tensor, code: int, beta: float = 1.0) -> float:
    """The loss at one input, with the mean over codes taken exactly."""
    inputs = one.expand(2**code, -1)
    batch = Batch(inputs, inputs[:, 0], draw=lambda: Corners(code))  # type: ignore[arg-type,return-value]
    return EvidenceBound(beta)(Called(network), batch).item()


def test_the_bound_is_the_evidence_at_the_true_posterior_and_above_it_elsewhere() -> None:
    truth = LinearGaussian()
    exact, off = truth.network(), truth.network(off=0.3)
    for one in truth.marginal.sample((5,)):
        wanted = -truth.marginal.log_prob(one).item()
        assert bound(exact, one, truth.code) == pytest.approx(wanted, rel=1e-12)
        assert bound(off, one, truth.code) > wanted + 1e-3


def test_the_gap_of_the_bound_is_the_divergence_from_the_posterior() -> None:
    """Kingma & Welling 2014, equation 1, for two normal distributions that differ in all."""
    truth = LinearGaussian()
    network, one = truth.network(off=0.3), truth.marginal.sample()
    # means and logarithms of variances are all 0.3 too high
    std = truth.precision.rsqrt()
    mine = torch.distributions.Normal(torch.full((2,), 0.3, dtype=WIDE), std * math.exp(0.15))
    theirs = torch.distributions.Normal(torch.zeros(2, dtype=WIDE), std)
    gap = torch.distributions.kl_divergence(mine, theirs).sum().item()
    evidence = truth.marginal.log_prob(one).item()
    assert bound(network, one, 2) == pytest.approx(gap - evidence, rel=1e-12)


def test_beta_weighs_the_divergence_from_the_prior() -> None:
    truth = LinearGaussian()
    network, one = truth.network(), truth.marginal.sample()
    mean, log_variance = network.encoder(one[None]).chunk(2, dim=1)
    mine = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(1, 2, dtype=WIDE), 1.0)
    divergence = torch.distributions.kl_divergence(mine, prior).sum().item()
    more = bound(network, one, 2, beta=3.0) - bound(network, one, 2)
    assert more == pytest.approx(2 * divergence, rel=1e-10)


def test_one_code_an_example_gives_the_bound_in_the_mean() -> None:
    """Within five standard errors, with the numbers that training draws."""
    truth = LinearGaussian()
    network, one = truth.network(), truth.marginal.sample()
    count = 20_000
    found = [
        EvidenceBound()(Called(network), batch_of(one.expand(1000, -1), seed)).item()
        for seed in range(count // 1000)
    ]
    error = torch.tensor(found).std().item() / math.sqrt(len(found))
    assert sum(found) / len(found) == pytest.approx(
        -truth.marginal.log_prob(one).item(), abs=5 * error
    )
    assert 0 < error < 0.05


def test_codes_carry_the_gradient_to_means_and_variances() -> None:
    network = built(AutoEncoder(2, (), variational=True), (6,))
    inputs = torch.randn(9, 6, dtype=WIDE)
    EvidenceBound()(Called(network), batch_of(inputs)).backward()
    grads = network.encoder[1].weight.grad
    assert bool((grads.abs() > 1e-6).all())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: AutoEncoder(code=0), "code"),
        (lambda: AutoEncoder(code=2.0), "code"),
        (lambda: AutoEncoder(hidden=(0,)), "hidden"),
        (lambda: AutoEncoder(hidden=[3]), "hidden"),
        (lambda: AutoEncoder(variational=1), "variational"),
        (lambda: AutoEncoder(activation="rely"), "activation"),
        (lambda: AutoEncoder(initialisation=HeNormal), "initialisation"),
        (lambda: AutoEncoder(code_activation="rely"), "code_activation"),
        (lambda: AutoEncoder(variational=True, code_activation="relu"), "code_activation"),
        (lambda: RebuildingLoss(noise=-0.1), "noise"),
        (lambda: RebuildingLoss(sparsity=math.nan), "sparsity"),
        (lambda: EvidenceBound(beta=0.0), "beta"),
    ],
)
def test_bad_input_is_told_in_one_line(make: Callable[[], object], said: str) -> None:
    with pytest.raises(HarnessError) as caught:
        make()
    assert f"({said}=...) must" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_for_the_other_kind_of_autoencoder_says_so() -> None:
    inputs = torch.randn(4, 6, dtype=WIDE)
    spec = AutoEncoder(4, (5,))
    for one, loss in (
        (spec, EvidenceBound()),
        (replace(spec, variational=True), RebuildingLoss(sparsity=0.1)),
    ):
        with pytest.raises(HarnessError, match="must be given codes") as caught:
            loss(Called(built(one, (6,))), batch_of(inputs))
        assert "variational=True for EvidenceBound" in str(caught.value)
