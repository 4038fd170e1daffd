"""The networks: sizes against the paper's table, shortcuts and weights by their formulas."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import ndtr
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.models import (
    ACTIVATIONS,
    CNN,
    MLP,
    NORMALISATIONS,
    ORDERS,
    ConvNet,
    Dropout,
    HeNormal,
    Orthogonal,
    number_dropouts,
)
from harness.models.activations import activation, gain
from harness.models.normalisation import groups, normalisation
from harness.training import Model

CIFAR = (3, 32, 32)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)  # for the inputs that the tests draw


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
        (MLP((8,), "gelu", "layer", 0.5), (13,)),
        (CNN(), (1, 8, 8)),
        (CNN(), (1, 28, 28)),
        (CNN((5, 6, 7), "tanh", "group", 0.5, kernel=5), (3, 9, 11)),
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


def test_plain_and_residual_networks_begin_with_the_same_weights():
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
    *[(ConvNet, {"shortcut": value}) for value in (1, None, "yes")],
    *[(CNN, {"channels": value}) for value in ((), (0,), (16, True), 16, [16], None)],
    *[(CNN, {"kernel": value}) for value in (0, -3, 2, 4, 3.0, "3", True, None)],
    *[
        (kind, {"dropout": value})
        for kind in (MLP, CNN, ConvNet)
        for value in (-0.1, 1.0, 1, 2.0, math.nan, math.inf, True, "0.5", None)
    ],
    *[
        (kind, {"initialisation": value})
        for kind in (MLP, CNN, ConvNet)
        for value in (HeNormal, None, "he", 1.0)
    ],
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


@pytest.mark.parametrize("spec", [ConvNet(8, 4), CNN((4,))])
@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 1, 8, 8)])
def test_conv_net_needs_images(spec, shape):
    with pytest.raises(HarnessError, match="MLP") as caught:
        spec.build(shape, 10)
    assert str(shape) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [MLP, CNN, ConvNet])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("activation", "rely", "Did you mean 'relu'"),
        (
            "activation",
            "cosine-of",
            "'sigmoid', 'tanh', 'relu', 'leaky_relu', 'gelu' or 'silu'; got",
        ),
        ("activation", None, "must be 'sigmoid', 'tanh'"),
        ("activation", nn.ReLU, "must be 'sigmoid', 'tanh'"),
        ("normalisation", "bach", "Did you mean 'batch'"),
        ("normalisation", True, "'none', 'batch', 'layer', 'instance' or 'group'; got"),
        ("order", "dropout,norm", "Did you mean 'dropout, norm'"),
        ("order", ("norm", "dropout"), "'norm, dropout'"),
    ],
)
def test_a_bad_name_is_answered_with_good_ones(kind, name, value, said):
    with pytest.raises(HarnessError) as caught:
        kind(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{kind.__name__}({name}=...) must")
    assert f"got {value!r}." in message
    assert said in message
    assert "\n" not in message


def test_instance_normalisation_needs_images():
    with pytest.raises(HarnessError, match="must be one that flat features can have"):
        MLP(normalisation="instance")


def test_defaults_leave_keys_as_they_were():
    assert canonical(MLP()) == {"type": "MLP"}
    assert canonical(ConvNet(8)) == {"type": "ConvNet", "depth": 8}
    assert canonical(MLP(initialisation=HeNormal(2.0))) == {
        "type": "MLP", "initialisation": {"type": "HeNormal", "gain": 2.0},
    }  # fmt: skip
    assert all(kind.floats_in_buffers is True for kind in (MLP, CNN, ConvNet))


def test_defaults_draw_as_before_there_was_a_choice():
    """Results that are recorded must stay those of the same Training: every bit of the weights."""

    def drawn(layers):
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        return [layer.weight for layer in layers]

    with torch.random.fork_rng():
        torch.manual_seed(2)
        flat = drawn([nn.Linear(64, 30), nn.Linear(30, 20), nn.Linear(20, 10)])
        torch.manual_seed(2)
        sizes = [(3, 4), (4, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16)]
        layers = [nn.Conv2d(before, after, 3, bias=False) for before, after in sizes]
        images = drawn([*layers, nn.Linear(16, 10)])
    for spec, shape, wanted, names in (
        (MLP((30, 20)), (64,), flat, ["1.weight", "1.bias", "3.weight", "3.bias"]),
        (ConvNet(8, 4), CIFAR, images, ["stem.weight", "norm.weight", "norm.bias"]),
    ):
        network = built(spec, shape, seed=2)
        weights = [param for param in network.parameters() if param.dim() > 1]
        assert len(weights) == len(wanted)
        assert all(map(torch.equal, weights, wanted))
        assert [name for name, _ in network.named_parameters()][: len(names)] == names
        # nothing but weights and running statistics is saved
        assert set(network.state_dict()) == {
            *dict(network.named_parameters()),
            *(name for name, _ in network.named_buffers() if "running" in name),
        }


def test_first_block_names_a_block():
    for spec in (CNN((2, 3)), ConvNet(8, 2)):
        network = built(spec, (1, 8, 8))
        assert network.first_block == "blocks.0"
        assert count(network.get_submodule(network.first_block)) > 0


FORMULAS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z / (1 + np.exp(-z)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name):
    values = torch.linspace(-5, 5, 101, dtype=torch.float64)
    wanted = torch.from_numpy(FORMULAS[name](values.numpy()))
    torch.testing.assert_close(activation(name)(values), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "gelu", "silu"])
def test_gains_keep_the_second_moment(name):
    """1/sqrt(E[f(z)^2]) by quadrature: for ReLU it is He et al.'s sqrt(2)."""

    def weighed(z):
        return FORMULAS[name](np.float64(z)) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    moment = sum(quad(weighed, *span, epsabs=1e-12)[0] for span in ((-12, 0), (0, 12)))
    assert gain(name) == pytest.approx(1 / math.sqrt(moment), rel=1e-9)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains_are_torchs_where_it_knows_one(name):
    assert gain(name) == torch.nn.init.calculate_gain(name)


@pytest.mark.parametrize("spec", [MLP((64,)), CNN((16,)), ConvNet(8, 8)])
def test_weights_take_the_activations_gain(spec):
    """The last layer too; and a rule's own gain takes its place."""
    for name, own in ((name, own) for name in ACTIVATIONS for own in (None, 3.0)):
        network = built(replace(spec, activation=name, initialisation=Orthogonal(own)), (1, 8, 8))
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
                assert largest == pytest.approx(own or gain(name), rel=1e-4)


AXES = {
    ("batch", 2): (0,), ("layer", 2): (1,),
    ("batch", 4): (0, 2, 3), ("layer", 4): (1, 2, 3), ("instance", 4): (2, 3),
}  # fmt: skip


@pytest.mark.parametrize(("name", "dims"), AXES)
def test_normalisations_are_over_their_axes(name, dims):
    shape = (7, 12) if dims == 2 else (7, 12, 5, 3)
    inputs = torch.randn(shape, dtype=torch.float64) * 3 + 2
    module = normalisation(name, 12, None if dims == 2 else (5, 3)).double()
    axes = AXES[name, dims]
    var, mean = torch.var_mean(inputs, axes, correction=0, keepdim=True)
    torch.testing.assert_close(module(inputs), (inputs - mean) / (var + 1e-5).sqrt())
    assert [tuple(param.shape) for param in module.parameters()] == [(12,), (12,)]


@pytest.mark.parametrize(("width", "wanted"), [
    (1, 1), (3, 1), (4, 1), (7, 1), (8, 2), (12, 3), (16, 4), (20, 5), (30, 6), (32, 8),
    (33, 3), (64, 8), (128, 8), (13, 1), (49, 7),
])  # fmt: skip
def test_group_normalisation_has_up_to_eight_groups(width, wanted):
    assert groups(width) == wanted
    if width == 12:
        inputs = torch.randn(4, 12, 5, 3)
        parts = inputs.view(4, 3, 4 * 5 * 3)
        var, mean = torch.var_mean(parts, 2, correction=0, keepdim=True)
        by_hand = ((parts - mean) / (var + 1e-5).sqrt()).view(4, 12, 5, 3)
        torch.testing.assert_close(normalisation("group", 12, (5, 3))(inputs), by_hand)


@pytest.mark.parametrize(
    ("spec", "shape", "said"),
    [
        (MLP((8, 1), normalisation="layer"), (3,), "width 1"),
        (MLP((1,), normalisation="group"), (3,), "width 1"),
        (ConvNet(8, 4, normalisation="instance"), (1, 4, 4), "16 channels on a map of 1×1"),
        (ConvNet(8, 1, normalisation="layer"), (1, 1, 1), "1 channels on a map of 1×1"),
    ],
)
def test_a_normalisation_of_single_values_is_refused(spec, shape, said):
    with pytest.raises(HarnessError, match=said) as caught:
        spec.build(shape, 3)
    assert "\n" not in str(caught.value)


def test_cnn_is_its_formula():
    spec = CNN((5, 6), "tanh", kernel=5)
    network = built(spec, (2, 9, 11), classes=3, seed=7)
    first, second = (each for each in network.modules() if isinstance(each, nn.Conv2d))
    assert count(network) == 5 * (25 * 2 + 1) + 6 * (25 * 5 + 1) + 3 * (6 * 2 * 2 + 1)
    for layer in (first, second, network.head):
        assert torch.count_nonzero(layer.bias) == 0
        nn.init.normal_(layer.bias)
    inputs = torch.randn(4, 2, 9, 11)
    maps = F.max_pool2d(F.conv2d(inputs, first.weight, first.bias, padding=2).tanh(), 2)
    maps = F.max_pool2d(F.conv2d(maps, second.weight, second.bias, padding=2).tanh(), 2)
    assert maps.shape == (4, 6, 2, 2)
    wanted = maps.reshape(4, -1) @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(inputs), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("side", "features"), [(28, 32 * 49), (8, 32 * 4), (4, 32)])
def test_default_cnn_on_usual_sizes(side, features):
    assert built(CNN(), (1, side, side)).head.in_features == features


@pytest.mark.parametrize(("channels", "shape"), [((4, 4), (1, 3, 28)), ((2,) * 5, (1, 28, 28))])
def test_cnn_says_when_images_are_too_small(channels, shape):
    with pytest.raises(HarnessError, match=f"{2 ** len(channels)}×{2 ** len(channels)} pixels"):
        CNN(channels).build(shape, 10)


@pytest.mark.parametrize("order", ORDERS)
def test_order_of_what_follows_a_layer(order):
    early = order == "dropout, norm"
    drop = [Dropout]
    norm = [nn.BatchNorm1d, nn.GELU]
    kinds = [type(each) for each in built(MLP((4, 5), "gelu", "batch", 0.5, order), (3,))]
    block = [nn.Linear, *(drop + norm if early else norm + drop)]
    assert kinds == [nn.Flatten, *block, *block, nn.Linear]
    norm = [nn.BatchNorm2d, nn.GELU, nn.MaxPool2d]
    network = built(CNN((4, 5), "gelu", "batch", 0.5, order), (1, 8, 8))
    for block in network.blocks:
        assert [type(each) for each in block] == [
            nn.Conv2d, *(drop + norm if early else norm + drop),
        ]  # fmt: skip
    network = built(ConvNet(14, 4, True, "gelu", "batch", 0.5, order), (1, 8, 8))
    seen = []
    for name, each in network.blocks[1].named_children():
        each.register_forward_hook(lambda *_, name=name: seen.append(name))
    network(torch.randn(2, 1, 8, 8))
    first = ["early", "norm1", "activation"] if early else ["norm1", "activation", "late"]
    assert seen == ["conv1", *first, "conv2", "norm2", "activation"]
    assert len(number_dropouts(network)) == 6  # one in each block


@pytest.mark.parametrize("spec", [MLP((4,)), CNN((4,)), ConvNet(8, 4)])
def test_dropout_of_zero_is_no_module(spec):
    for off in (0.0, 0):
        assert not number_dropouts(built(replace(spec, dropout=off), (1, 8, 8)))
    assert number_dropouts(built(replace(spec, dropout=1e-9), (1, 8, 8)))


@pytest.mark.parametrize("kind", [MLP, CNN, ConvNet])
def test_arms_of_one_seed_begin_with_the_same_weights(kind):
    """Whatever normalisation and dropout, so that they are paired; and a norm needs no bias."""
    plain = built(kind(normalisation="none"), (1, 8, 8))
    biases = {name for name, _ in plain.named_parameters() if name.endswith("bias")}
    for norm, drop in (("batch", 0.0), ("layer", 0.5), ("group", 0.0)):
        other = built(kind(normalisation=norm, dropout=drop), (1, 8, 8))
        weights = [
            [param for param in each.parameters() if param.dim() > 1] for each in (plain, other)
        ]
        assert len(weights[0]) == len(weights[1]) == len(biases)
        assert all(map(torch.equal, *weights))
        layers = [each for each in other.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
        assert [each.bias is not None for each in layers] == [False] * (len(layers) - 1) + [True]


@pytest.mark.parametrize("spec", [MLP((4,), "silu", "batch", 0.5), ConvNet(8, 2, dropout=0.5)])
def test_networks_can_be_copied_and_pickled(spec):
    network = built(spec, (1, 8, 8))
    number_dropouts(network)
    inputs = torch.randn(3, 1, 8, 8)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(inputs), copy.deepcopy(network)(inputs))


def together(networks, inputs):
    """Outputs and buffers of networks that run as one under vmap."""
    params = [dict(each.named_parameters()) for each in networks]
    buffers = [dict(each.named_buffers()) for each in networks]
    stacked = [
        {name: torch.stack([each[name].detach().clone() for each in states]) for name in states[0]}
        for states in (params, buffers)
    ]

    def run(params, buffers, inputs):
        return functional_call(networks[0], (params, buffers), (inputs,)), buffers

    return vmap(run, randomness="error")(*stacked, inputs)


@pytest.mark.parametrize(("act", "norm"), [*itertools.product(ACTIVATIONS, NORMALISATIONS)])
@pytest.mark.parametrize("training", [True, False])
def test_networks_that_run_together_give_what_each_gives(act, norm, training):
    """float64, so that nothing but a wrong rule makes a difference; running statistics too."""
    specs = [(CNN((8,), act, norm, 0.3, ORDERS[1]), (2, 6, 6))]
    if norm != "instance":
        specs.append((MLP((16,), act, norm, 0.3), (5,)))
    if act in ("relu", "gelu"):
        specs.append((ConvNet(8, 4, True, act, norm, 0.3), (2, 8, 8)))
    for spec, shape in specs:
        networks = [built(spec, shape, 3, seed).double().train(training) for seed in range(3)]
        for index, network in enumerate(networks):
            for drop in number_dropouts(network):
                drop.p.fill_(0.2 + 0.2 * index)
                drop.key.fill_(10 * index + drop.layer)
            for name, buffer in network.named_buffers():
                if "running" in name:
                    buffer.uniform_(0.5, 2).sub_(1 if "mean" in name else 0)
        inputs = torch.randn(3, 5, *shape, dtype=torch.float64)
        outputs, buffers = together(networks, inputs)
        for index, network in enumerate(networks):
            before = {name: buffer.clone() for name, buffer in network.named_buffers()}
            alone = network(inputs[index])
            assert alone.std() > 0
            torch.testing.assert_close(outputs[index], alone, rtol=1e-8, atol=1e-8)
            for name, buffer in network.named_buffers():
                torch.testing.assert_close(buffers[name][index], buffer, rtol=1e-12, atol=1e-12)
                if "running" in name:
                    assert torch.equal(before[name], buffer) != training
