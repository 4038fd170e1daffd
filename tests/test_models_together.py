"""Networks for other tasks than classes: together they give what each gives, outputs and gradients.

Under ``torch.func.vmap`` the module of the first stands for all, as the fused engine has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from harness.engines.fusable import check_same, watching
from harness.engines.network import Network
from harness.models import DCGAN, FCN, GAN, AutoEncoder, Recurrent, Transformer, UNet
from harness.training import Model

WIDE = torch.float64
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """A network, its inputs, and which of its parts are called on what."""

    model: Model
    shape: tuple[int, ...]
    inputs: Callable[[], tuple[torch.Tensor, ...]]
    part: str = ""


def images() -> tuple[torch.Tensor, ...]:
    return (torch.randn(4, 2, 7, 6, dtype=WIDE),)


def points() -> tuple[torch.Tensor, ...]:
    return (torch.randn(4, 5, dtype=WIDE),)


def sequences() -> tuple[torch.Tensor, ...]:
    return torch.randn(4, 2, 6, dtype=WIDE), torch.arange(6) < torch.randint(1, 7, (4, 1))


def words() -> tuple[torch.Tensor, ...]:
    return (torch.stack([torch.randperm(6) for _ in range(4)]),)


def latent() -> tuple[torch.Tensor, ...]:
    return torch.randn(4, 3, dtype=WIDE), torch.randint(0, 3, (4,))


def told() -> tuple[torch.Tensor, ...]:
    return *images(), torch.randint(0, 3, (4,))


CASES = {
    "autoencoder": Case(AutoEncoder(3, (6,), activation="tanh"), (2, 7, 6), images),
    "variational encoder": Case(AutoEncoder(3, (6,), variational=True), (5,), points, "encoder"),
    "fcn": Case(FCN(4, 2), (2, 7, 6), images),
    "fcn, layer norm": Case(FCN(4, 1, "gelu", "layer"), (2, 7, 6), images),
    "u-net": Case(UNet(4, 2), (2, 7, 6), images),
    "u-net without skips": Case(UNet(4, 1, normalisation="none", skips=False), (2, 7, 6), images),
    "flat generator": Case(GAN((6, 5), 3, conditional=True), (5,), latent, "generator"),
    "flat discriminator": Case(GAN((6, 5), 3), (5,), points, "discriminator"),
    "generator": Case(DCGAN(4, 2, 3, conditional=True), (2, 7, 6), latent, "generator"),
    "discriminator": Case(DCGAN(4, 2, 3, conditional=True), (2, 7, 6), told, "discriminator"),
    "rnn": Case(Recurrent("RNN", 5), (2, 6), sequences),
    "lstm of tokens, at each position": Case(
        Recurrent("LSTM", 5, 2, "at each position", 6), (6,), words),
    "gru": Case(Recurrent("GRU", 5, 2), (2, 6), sequences),
    "transformer": Case(Transformer(8, 2, 2, 7, activation="gelu"), (2, 6), sequences),
    "causal transformer of tokens": Case(
        Transformer(8, 2, 1, 7, True, "at each position", 6, dropout=0.3), (6,), words),
}  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def built(case: Case, seed: int) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = case.model.build(case.shape, 3)
    return Network(module, CPU, WIDE)


def called(
    network: Network, case: Case, tensors: dict[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    part, names = network.part(case.part)
    return functional_call(part, {own: tensors[known] for own, known in names.items()}, inputs)


def objective(network: Network, case: Case) -> Callable[..., torch.Tensor]:
    def loss(params, held, inputs):
        outputs = called(network, case, {**params, **held}, inputs)
        return (outputs * torch.arange(1, outputs.shape[1] + 1).view(
            1, -1, *[1] * (outputs.ndim - 2))).sin().square().mean()  # fmt: skip

    return loss


@EVERY
def test_gradients_of_networks_that_run_together_are_those_of_each(case: Case) -> None:
    networks = [built(case, seed) for seed in range(3)]
    inputs = [case.inputs() for _ in networks]
    for other in networks[1:]:
        check_same(networks[0], other)
    params = [dict(zip(each.names, each.params, strict=True)) for each in networks]
    params = [{name: p.detach().clone() for name, p in each.items()} for each in params]
    held = [{name: t.clone() for name, t in each.held().items()} for each in networks]
    stacked = [
        {name: torch.stack([each[name] for each in states]) for name in states[0]}
        for states in (params, held)
    ]
    together = tuple(torch.stack(each) for each in zip(*inputs, strict=True))
    with watching(networks[0].module, active=True):
        grads, losses = vmap(grad_and_value(objective(networks[0], case)), randomness="error")(
            *stacked, together
        )
    assert len(set(losses.tolist())) == 3
    for place, (mine, kept, given) in enumerate(zip(params, held, inputs, strict=True)):
        alone, loss = grad_and_value(objective(networks[place], case))(mine, kept, given)
        assert losses[place].item() == pytest.approx(loss.item(), rel=1e-12)
        for name, wanted in alone.items():
            torch.testing.assert_close(grads[name][place], wanted, rtol=1e-9, atol=1e-12)
        moved = [name for name, wanted in alone.items() if wanted.abs().max() > 0]
        own = [name for name in alone if name.startswith(case.part)]
        assert set(moved) == set(own), "every weight of what is called matters, and no other"


@EVERY
def test_initial_weights_follow_from_the_global_generator_alone(case: Case) -> None:
    one, again, other = built(case, 1), built(case, 1), built(case, 2)
    assert torch.equal(one.vector, again.vector)
    assert not torch.equal(one.vector, other.vector)
    biases = 1 - one.weights
    norms = [
        name for name, each in one.module.named_modules()
        if isinstance(each, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm)
    ]  # fmt: skip
    for name, param in zip(one.names, one.params, strict=True):
        if param.ndim == 1 and name.rpartition(".")[0] not in norms:
            assert torch.count_nonzero(param) == 0, name
    assert biases.sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["u-net", "fcn", "generator", "discriminator", "rnn"])
def test_compiled_networks_give_what_they_give(name: str) -> None:
    """Those of which no Training stands in the list of :mod:`tests.test_modes`."""
    case = CASES[name]
    network = built(case, 0)
    part, _ = network.part(case.part)
    inputs = case.inputs()
    plain = part(*inputs)
    compiled = torch.compile(part, dynamic=False)(*inputs)
    torch.testing.assert_close(compiled, plain, rtol=1e-10, atol=1e-12)
