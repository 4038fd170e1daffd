"""Initial weights: each rule's moments, bounds and matrices against its formula."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
from torch import nn

from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.models import (
    Constant,
    HeNormal,
    HeUniform,
    Initialisation,
    Normal,
    Orthogonal,
    XavierNormal,
    XavierUniform,
)
from harness.models.initialisation import initialise

GAIN = 1.7
SHAPES = {"linear": (300, 200), "convolution": (80, 60, 5, 3)}
FANS = {"linear": (200, 300), "convolution": (60 * 15, 80 * 15)}
SCALED = [XavierUniform, XavierNormal, HeUniform, HeNormal, Orthogonal]


def filled(rule: Initialisation, shape: tuple[int, ...], gain: float = GAIN, seed: int = 0):
    weight = torch.full(shape, math.nan)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        rule(weight, gain)
    return weight


def variance(kind: type, layer: str, gain: float) -> float:
    """Glorot & Bengio 2010, equations 12 and 16; He et al. 2015, equation 10."""
    fan_in, fan_out = FANS[layer]
    if kind in (XavierUniform, XavierNormal):
        return gain**2 * 2 / (fan_in + fan_out)
    return gain**2 / fan_in


@pytest.mark.parametrize("own", [None, 0.3])
@pytest.mark.parametrize("layer", SHAPES)
@pytest.mark.parametrize("kind", [XavierUniform, XavierNormal, HeUniform, HeNormal])
def test_moments_and_bounds(kind, layer, own):
    """Within five standard errors; the fourth moment over s^4 is 1.8 if uniform, 3 if normal."""
    values = filled(kind(own), SHAPES[layer]).double().flatten()
    n, std = len(values), math.sqrt(variance(kind, layer, own or GAIN))
    scaled = values / std
    uniform = kind in (XavierUniform, HeUniform)
    fourth, spread = (1.8, 0.8) if uniform else (3, 2)
    assert abs(scaled.mean()) < 5 / math.sqrt(n)
    assert abs(scaled.square().mean() - 1) < 5 * math.sqrt(spread / n)
    assert abs((scaled**4).mean() - fourth) < 5 * math.sqrt(96 / n)
    if uniform:
        assert math.sqrt(3) * 0.999 < scaled.abs().max() <= math.sqrt(3) * (1 + 1e-6)
    else:
        assert 3.8 < scaled.abs().max() < 6
    assert abs((scaled[1:] * scaled[:-1]).mean()) < 5 / math.sqrt(n)


@pytest.mark.parametrize("layer", SHAPES)
def test_normal_and_constant_look_at_no_size(layer):
    scaled = filled(Normal(0.02), SHAPES[layer]).double().flatten() / 0.02
    n = len(scaled)
    assert abs(scaled.mean()) < 5 / math.sqrt(n)
    assert abs(scaled.square().mean() - 1) < 5 * math.sqrt(2 / n)
    assert abs((scaled**4).mean() - 3) < 5 * math.sqrt(96 / n)
    assert (filled(Constant(-0.5), SHAPES[layer]) == -0.5).all()
    assert (filled(Constant(0), SHAPES[layer]) == 0).all()


@pytest.mark.parametrize("own", [None, 0.3])
@pytest.mark.parametrize("shape", [(50, 70), (70, 50), (20, 5, 3, 3), (64, 4, 3, 3), (1, 9)])
def test_orthogonal_is_orthogonal(shape, own):
    weight = filled(Orthogonal(own), shape).double().flatten(1)
    rows, columns = weight.shape
    product = weight @ weight.T if rows <= columns else weight.T @ weight
    wanted = (own or GAIN) ** 2 * torch.eye(min(rows, columns), dtype=torch.float64)
    torch.testing.assert_close(product, wanted, rtol=0, atol=1e-5)
    other = filled(Orthogonal(own), shape, seed=1).double().flatten(1)
    assert not torch.allclose(weight, other, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "torchs"),
    [
        (XavierUniform, lambda weight: nn.init.xavier_uniform_(weight, math.sqrt(2))),
        (XavierNormal, lambda weight: nn.init.xavier_normal_(weight, math.sqrt(2))),
        (HeUniform, lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="relu")),
        (HeNormal, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu")),
        (Orthogonal, lambda weight: nn.init.orthogonal_(weight, math.sqrt(2))),
    ],
)
@pytest.mark.parametrize("shape", [(30, 20), (8, 6, 3, 3)])
def test_bits_are_torchs(kind, torchs, shape):
    ours = filled(kind(), shape, math.sqrt(2.0))
    assert torch.equal(ours, filled(lambda weight, _: torchs(weight), shape))
    assert torch.equal(ours, filled(kind(math.sqrt(2.0)), shape, 9.0))
    assert not torch.equal(ours, filled(kind(), shape, 1.0))


def test_every_layer_is_filled_and_biases_are_zero():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3, bias=False)
    )
    nn.init.ones_(network[0].bias)
    nn.init.constant_(network[1].bias, 0.5)
    initialise(network, lambda weight, gain: weight.fill_(gain), 0.25)
    assert (network[0].weight == 0.25).all()
    assert (network[3].weight == 0.25).all()
    assert (network[0].bias == 0).all()
    assert (network[1].bias == 0.5).all()  # a normalisation has initial values of its own
    assert all(param.requires_grad for param in network.parameters())


def test_rules_are_values():
    """Two and 2.0 are one rule with one key; rules can be sent to another process."""
    for kind in SCALED:
        assert canonical(kind(2)) == canonical(kind(2.0)) == {"type": kind.__name__, "gain": 2.0}
        assert kind(2) == kind(2.0) != kind()
        assert pickle.loads(pickle.dumps(kind(2))) == kind(2.0)
        assert isinstance(kind(), Initialisation)
    assert canonical(Normal(1)) == {"type": "Normal", "std": 1.0}


BAD = [
    *[(kind, "gain", value) for kind in SCALED for value in (0, -1.0, math.nan, math.inf, True)],
    *[(kind, "gain", value) for kind in SCALED for value in ("2", [2.0])],
    *[(Normal, "std", value) for value in (0, -1.0, math.nan, math.inf, True, "1", None)],
    *[(Constant, "value", value) for value in (math.nan, -math.inf, False, "1", None)],
]


@pytest.mark.parametrize(("kind", "name", "value"), BAD)
def test_bad_input_is_told_in_one_line(kind, name, value):
    with pytest.raises(HarnessError) as caught:
        kind(**{name: value})
    message = str(caught.value)
    must = "a finite number" if kind is Constant else "above 0 and finite"
    assert message.startswith(f"{kind.__name__}({name}=...) must be {must}; got")
    assert f"got {value!r}. Write {name}=" in message
    assert "\n" not in message
