"""The networks: sizes against the paper's table, shortcuts and weights by their formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from harness.errors import HarnessError
from harness.models import MLP, ConvNet
from harness.training import Model

CIFAR = (3, 32, 32)


def built(spec: Model, shape: tuple[int, ...] = CIFAR, classes: int = 10, seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return spec.build(shape, classes)


def count(module: nn.Module) -> int:
    return sum(param.numel() for param in module.parameters())


def by_hand(depth: int, width: int, channels: int = 3, classes: int = 10) -> int:
    """Parameters of a network as section 4.2 of He et al. 2015 lays it out, with option A."""
    n = (depth - 2) // 6
    one, two, four = width, 2 * width, 4 * width
    convolutions = 9 * (
        channels * one
        + 2 * n * one * one
        + one * two + (2 * n - 1) * two * two
        + two * four + (2 * n - 1) * four * four
    )  # fmt: skip
    norms = 2 * (one + 2 * n * (one + two + four))
    return convolutions + norms + four * classes + classes


@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize(
    ("depth", "millions"), [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7")]
)
def test_parameters_are_those_of_table_6(depth, millions, shortcut):
    """He et al. 2015, https://arxiv.org/abs/1512.03385, table 6."""
    seen = count(built(ConvNet(depth=depth, width=16, shortcut=shortcut)))
    digits = len(millions) - 2
    assert f"{seen / 1e6:.{digits}f}" == millions
    assert seen == by_hand(depth, 16)


@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize(("depth", "width", "shape"), [(8, 3, (1, 8, 8)), (14, 5, (2, 9, 7))])
def test_parameters_at_other_sizes(depth, width, shape, shortcut):
    seen = count(built(ConvNet(depth, width, shortcut), shape, classes=7))
    assert seen == by_hand(depth, width, shape[0], 7)


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_depth_counts_layers_with_weights(depth):
    network = built(ConvNet(depth=depth, width=4))
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


def test_feature_maps_shrink_from_32_to_8_as_channels_grow():
    """Section 4.2: 2n layers each on maps of 32, 16 and 8 pixels, 16, 32 and 64 channels."""
    network = built(ConvNet(depth=20))
    maps = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, output: maps.append(tuple(output.shape[1:])))
    logits = network(torch.randn(2, *CIFAR))
    assert logits.shape == (2, 10)
    assert maps == [(16, 32, 32)] * 7 + [(32, 16, 16)] * 6 + [(64, 8, 8)] * 6


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (ConvNet(8, 4), (1, 8, 8)),
        (ConvNet(8, 4), (1, 28, 28)),
        (ConvNet(8, 4, shortcut=False), (3, 9, 7)),
        (ConvNet(14, 8), (2, 1, 1)),
        (MLP(), (1, 8, 8)),
        (MLP(hidden=(5, 6)), (13,)),
    ],
)
@pytest.mark.parametrize("classes", [2, 100])
def test_one_logit_per_class_whatever_the_input(spec, shape, classes):
    assert isinstance(spec, Model)
    network = built(spec, shape, classes).eval()
    inputs = torch.randn(3, *shape)
    logits = network(inputs)
    assert logits.shape == (3, classes)
    # one input's logits depend on it alone, and do depend on it
    torch.testing.assert_close(network(inputs[1:2]), logits[1:2], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(logits[0], logits[1])


def silent_blocks(shortcut: bool) -> list[nn.Module]:
    """Blocks whose convolutions give 0, so that only what goes around them is left."""
    network = built(ConvNet(depth=14, width=4, shortcut=shortcut)).eval()
    blocks = list(network.blocks)
    for block in blocks:
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.zeros_(layer.weight)
    return blocks


def test_shortcuts_are_the_identity_or_every_second_pixel_with_zero_channels():
    """Option A of section 3.3 and 4.2: no parameters."""
    blocks = silent_blocks(shortcut=True)
    inputs = torch.randn(2, 4, 8, 8)  # of both signs, so that the ReLU shows
    assert torch.equal(blocks[0](inputs), inputs.relu())
    assert torch.equal(blocks[1](inputs), inputs.relu())
    narrowed = blocks[2](inputs)
    assert narrowed.shape == (2, 8, 4, 4)
    assert torch.equal(narrowed[:, :4], inputs[:, :, ::2, ::2].relu())
    assert torch.count_nonzero(narrowed[:, 4:]) == 0
    assert torch.count_nonzero(narrowed[:, :4]) > 0
    assert torch.equal(blocks[3](narrowed), narrowed)
    odd = torch.randn(1, 4, 7, 5)
    assert torch.equal(blocks[2](odd)[:, :4], odd[:, :, ::2, ::2].relu())


def test_without_shortcuts_nothing_goes_around():
    inputs = torch.randn(2, 4, 8, 8)
    for block in silent_blocks(shortcut=False)[:2]:
        assert torch.count_nonzero(block(inputs)) == 0


def test_a_block_is_two_convolutions_and_a_sum():
    """Section 3.1: y = relu(F(x) + x), with a norm after each convolution and ReLU between."""
    block = built(ConvNet(depth=8, width=4)).blocks[0].eval()
    for norm in (block.norm1, block.norm2):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
    inputs = torch.randn(2, 4, 8, 8)

    def norm(values, layer):
        # running mean 0 and variance 1, as before training
        scaled = values / math.sqrt(1 + layer.eps)
        return scaled * layer.weight.view(-1, 1, 1) + layer.bias.view(-1, 1, 1)

    inner = norm(nn.functional.conv2d(inputs, block.conv1.weight, padding=1), block.norm1).relu()
    outer = norm(nn.functional.conv2d(inner, block.conv2.weight, padding=1), block.norm2)
    torch.testing.assert_close(block(inputs), (outer + inputs).relu(), rtol=1e-4, atol=1e-5)
    assert (outer.abs().mean() > 0.1).item()


def test_both_kinds_begin_with_the_same_weights():
    """So that the two arms of one seed are paired."""
    plain, residual = (built(ConvNet(20, 8, shortcut), seed=3) for shortcut in (False, True))
    other = built(ConvNet(20, 8), seed=4)
    states = [network.state_dict() for network in (plain, residual, other)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[1]["stem.weight"], states[2]["stem.weight"])


def normal_of_he(weight: torch.Tensor) -> None:
    """He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10: variance 2 / fan-in.

    Bounds are five standard errors: of a mean, s / sqrt(n); of a variance, s^2 sqrt(2 / n); of the
    fourth moment over s^4, sqrt(96 / n) about 3 (it is 1.8 in a uniform distribution).
    """
    n, fan_in = weight.numel(), weight[0].numel()
    values = weight.detach().double().flatten() / math.sqrt(2 / fan_in)
    assert abs(values.mean()) < 5 / math.sqrt(n)
    assert abs((values**2).mean() - 1) < 5 * math.sqrt(2 / n)
    if n > 10_000:
        assert abs((values**4).mean() - 3) < 5 * math.sqrt(96 / n)


def test_initial_weights_of_conv_net():
    network = built(ConvNet(depth=20, width=16), seed=5)
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    assert max(layer.weight.numel() for layer in layers) > 10_000
    for layer in layers:
        normal_of_he(layer.weight)
        assert layer.bias is None or torch.count_nonzero(layer.bias) == 0
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert (norm.weight == 1).all()
            assert (norm.bias == 0).all()


def test_mlp_is_its_formula():
    spec = MLP(hidden=(300, 200))
    network = built(spec, (1, 8, 8), 10, seed=6)
    linear = [each for each in network.modules() if isinstance(each, nn.Linear)]
    assert [tuple(each.weight.shape) for each in linear] == [(300, 64), (200, 300), (10, 200)]
    assert count(network) == 64 * 300 + 300 + 300 * 200 + 200 + 200 * 10 + 10
    for layer in linear:
        normal_of_he(layer.weight)
        assert torch.count_nonzero(layer.bias) == 0
        nn.init.normal_(layer.bias)  # so that the formula below shows where it stands
    inputs = torch.randn(5, 1, 8, 8)
    values = inputs.reshape(5, 64)
    for layer in linear[:-1]:
        values = (values @ layer.weight.T + layer.bias).clamp(min=0)
    wanted = values @ linear[-1].weight.T + linear[-1].bias
    torch.testing.assert_close(network(inputs), wanted, rtol=1e-4, atol=1e-4)


BAD = [
    *[(ConvNet, {"depth": value}) for value in (2, 7, 9, 21, 20.0, "20", True, None)],
    *[(ConvNet, {"width": value}) for value in (0, -1, 16.0, "16", True, None)],
    *[(MLP, {"hidden": value}) for value in ((), (0,), (128, -1), (1.5,), ("8",), (True,))],
    *[(MLP, {"hidden": value}) for value in (128, None, "128", [128])],
]


@pytest.mark.parametrize(("kind", "options"), BAD, ids=lambda each: getattr(each, "__name__", each))
def test_bad_input_is_told_in_one_line(kind, options):
    with pytest.raises(HarnessError) as caught:
        kind(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{kind.__name__}({next(iter(options))}=...) must" in message
    assert f"got {next(iter(options.values()))!r}." in message
    assert "Write" in message


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 1, 8, 8)])
def test_conv_net_needs_images(shape):
    with pytest.raises(HarnessError, match="MLP") as caught:
        ConvNet(8, 4).build(shape, 10)
    assert str(shape) in str(caught.value)
    assert "\n" not in str(caught.value)
