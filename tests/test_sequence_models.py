"""Recurrent networks and the Transformer against torch's own, with the same weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.messages.errors import HarnessError
from harness.models import HeNormal, Orthogonal, Recurrent, Transformer, XavierUniform
from harness.models.transformer_module import waves

WIDE = torch.float64
CELLS = ("RNN", "LSTM", "GRU")
EXACT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def shaken(network: nn.Module) -> nn.Module:
    """In float64, with no parameter left at 0 or 1."""
    network.double()
    with torch.no_grad():
        for param in network.parameters():
            param.add_(torch.randn_like(param) * 0.3)
    return network


def torchs_rnn(network: nn.Module, cell: str) -> nn.RNNBase:
    layers = network.layers
    made = getattr(nn, cell)(layers[0].weight_ih.shape[1], layers[0].width, len(layers),
                             batch_first=True).double()  # fmt: skip
    with torch.no_grad():
        for index, layer in enumerate(layers):
            for name, mine in layer.named_parameters():
                getattr(made, f"{name}_l{index}").copy_(mine)
    return made


@pytest.mark.parametrize(("cell", "layers"), [*product(CELLS, (1, 3))])
def test_cells_are_torchs_with_the_same_weights(cell: str, layers: int) -> None:
    network = shaken(Recurrent(cell, 6, layers, "at each position").build((3, 11), 4))
    inputs = torch.randn(5, 3, 11, dtype=WIDE)
    theirs = torchs_rnn(network, cell)
    states, _ = theirs(inputs.transpose(1, 2))
    assert sum(p.numel() for p in theirs.parameters()) == sum(
        p.numel() for p in network.layers.parameters()
    )
    outputs = network(inputs)
    assert outputs.shape == (5, 4, 11)
    torch.testing.assert_close(outputs, network.head(states).transpose(1, 2), **EXACT)
    network.once = True
    torch.testing.assert_close(network(inputs), network.head(states[:, -1]), **EXACT)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_cells_are_torchs(cell: str) -> None:
    network = shaken(Recurrent(cell, 6, 2).build((3, 7), 4))
    inputs = torch.randn(5, 3, 7, dtype=WIDE)
    theirs = torchs_rnn(network, cell)
    network(inputs).sin().sum().backward()
    network.head(theirs(inputs.transpose(1, 2))[0][:, -1]).sin().sum().backward()
    for index, layer in enumerate(network.layers):
        for name, mine in layer.named_parameters():
            wanted = getattr(theirs, f"{name}_l{index}").grad
            assert wanted.abs().max() > 1e-3
            torch.testing.assert_close(mine.grad, wanted, rtol=1e-10, atol=1e-12)


LENGTHS = torch.tensor([4, 9, 1, 7])
MASK = torch.arange(9) < LENGTHS[:, None]


@pytest.mark.parametrize("cell", CELLS)
def test_masks_give_what_packed_sequences_give(cell: str) -> None:
    network = shaken(Recurrent(cell, 6, 2, "at each position").build((3, 9), 4))
    inputs = torch.randn(4, 3, 9, dtype=WIDE)
    theirs = torchs_rnn(network, cell)
    packed = pack_padded_sequence(
        inputs.transpose(1, 2), LENGTHS, batch_first=True, enforce_sorted=False
    )
    states, last = theirs(packed)
    states = network.head(pad_packed_sequence(states, batch_first=True)[0]).transpose(1, 2)
    outputs = network(inputs, MASK)
    for each in range(4):
        kept = LENGTHS[each]
        torch.testing.assert_close(outputs[each, :, :kept], states[each, :, :kept], **EXACT)
    network.once = True
    last = (last[0] if cell == "LSTM" else last)[-1]
    torch.testing.assert_close(network(inputs, MASK), network.head(last), **EXACT)
    assert not torch.allclose(network(inputs), network(inputs, MASK)), "the mask matters"


@pytest.mark.parametrize(
    "spec", [Recurrent("GRU", 6), Transformer(8, 2, 2, 6), Transformer(8, 2, 2, 6, causal=True)]
)
def test_what_follows_the_end_of_a_sequence_changes_nothing(spec: Recurrent | Transformer) -> None:
    network = shaken(spec.build((3, 9), 4))
    inputs = torch.randn(4, 3, 9, dtype=WIDE)
    other = torch.where(MASK[:, None], inputs, torch.randn_like(inputs))
    torch.testing.assert_close(network(inputs, MASK), network(other, MASK), **EXACT)
    for each in range(4):  # as if it had been alone, and no longer
        alone = network(inputs[each : each + 1, :, : LENGTHS[each]])
        torch.testing.assert_close(network(inputs, MASK)[each], alone[0], **EXACT)


@pytest.mark.parametrize("spec", [Recurrent("LSTM", 6, 2), Transformer(8, 2, 2, 6)])
def test_flat_features_and_images_are_read_one_after_another(spec: Recurrent | Transformer) -> None:
    flat = shaken(spec.build((12,), 4))
    inputs = torch.randn(5, 12, dtype=WIDE)
    torch.testing.assert_close(flat(inputs), flat(inputs[:, None]), **EXACT)
    deep = shaken(spec.build((2, 3, 4), 4))
    images = torch.randn(5, 2, 3, 4, dtype=WIDE)
    rows = torch.cat([images[:, :, row] for row in range(3)], dim=2)
    torch.testing.assert_close(deep(images), deep(rows), **EXACT)


@pytest.mark.parametrize("spec", [Recurrent("GRU", 6, tokens=9), Transformer(6, 2, 1, 6, tokens=9)])
def test_tokens_are_read_by_their_vectors(spec: Recurrent | Transformer) -> None:
    network = shaken(spec.build((5,), 4))
    ids = torch.randint(0, 9, (3, 5))
    assert network.reader.embedding.weight.shape == (9, 6)
    wanted = network.reader.embedding.weight[ids]
    torch.testing.assert_close(network.reader(ids), wanted)
    with torch.no_grad():
        network.reader.embedding.weight[ids[0, 2]] += 1
    assert not torch.equal(network.reader(ids), wanted)
    assert network(ids).shape == (3, 4)
    with pytest.raises(HarnessError, match="must be given token ids"):
        network(torch.zeros(3, 5))
    with pytest.raises(HarnessError, match="must be given token ids of shape"):
        spec.build((1, 5), 4)


def test_each_gate_of_a_cell_is_filled_by_itself() -> None:
    for cell, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3)):
        network = Recurrent(cell, 16, 2).build((3, 9), 4)
        for layer in network.layers:
            for weight in (layer.weight_ih, layer.weight_hh):
                parts = weight.split(16)
                assert len(parts) == gates
                for part in parts:
                    width = part.shape[1]
                    found = part.T @ part
                    torch.testing.assert_close(found, torch.eye(width), rtol=0, atol=1e-5)
            assert torch.count_nonzero(layer.bias_ih) + torch.count_nonzero(layer.bias_hh) == 0
    wide = Recurrent("LSTM", 200, initialisation=XavierUniform()).build((3, 9), 4)
    assert wide.layers[0].weight_hh.abs().max() <= math.sqrt(6 / 400)
    # Glorot & Bengio 2010: variance 2 / (fan-in + fan-out) of each gate; five standard errors
    assert wide.layers[0].weight_hh.var().item() * 200 == pytest.approx(1, abs=5 * 0.9 / 400)


# ---- the Transformer -----------------------------------------------------------------------------


def torchs_layer(layer: nn.Module, width: int, hidden: int, activation: str) -> nn.Module:
    made = nn.TransformerEncoderLayer(
        width, layer.heads, hidden, 0.0, activation, batch_first=True, norm_first=True
    ).double()
    pairs = {
        "self_attn.in_proj_weight": layer.projections.weight,
        "self_attn.in_proj_bias": layer.projections.bias,
        "self_attn.out_proj.weight": layer.out.weight,
        "self_attn.out_proj.bias": layer.out.bias,
    }
    for name in ("norm1", "norm2", "linear1", "linear2"):
        for kind in ("weight", "bias"):
            pairs[f"{name}.{kind}"] = getattr(getattr(layer, name), kind)
    with torch.no_grad():
        for name, param in made.named_parameters():
            param.copy_(pairs.pop(name))
    assert not pairs
    return made


@pytest.mark.parametrize(("causal", "masked"), [*product((False, True), (False, True))])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_layers_are_torchs_with_the_same_weights(
    causal: bool, masked: bool, activation: str
) -> None:
    spec = Transformer(12, 3, 2, 10, causal, "at each position", activation=activation)
    network = shaken(spec.build((3, 9), 4))
    inputs = torch.randn(4, 3, 9, dtype=WIDE)
    values = network.enter(inputs.transpose(1, 2)) + network.positions
    hidden = torch.triu(torch.ones(9, 9, dtype=torch.bool), 1) if causal else None
    for layer in network.layers:
        values = torchs_layer(layer, 12, 10, activation)(values, hidden, ~MASK if masked else None)
    wanted = network.head(network.norm(values)).transpose(1, 2)
    outputs = network(inputs, MASK if masked else None)
    kept = MASK[:, None].expand(-1, 4, -1) if masked else torch.ones_like(outputs).bool()
    torch.testing.assert_close(outputs[kept], wanted[kept], **EXACT)
    network.once = True
    there = MASK if masked else torch.ones_like(MASK)
    mean = [network.norm(values)[each, there[each]].mean(dim=0) for each in range(4)]
    found = network(inputs, MASK if masked else None)
    torch.testing.assert_close(found, network.head(torch.stack(mean)), **EXACT)


@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_transformer_sees_no_later_position_and_each_earlier_one(causal: bool) -> None:
    spec = Transformer(8, 2, 2, 6, causal, "at each position")
    network = shaken(spec.build((1, 6), 2))
    inputs = torch.randn(6, dtype=WIDE)
    seen = torch.autograd.functional.jacobian(
        lambda each: network(each[None, None])[0].sum(dim=0), inputs
    )
    wanted = torch.ones(6, 6, dtype=torch.bool)
    assert torch.equal(seen != 0, wanted.tril() if causal else wanted)


def test_positions_are_the_waves_of_the_paper() -> None:
    """PE(pos, 2i) = sin(pos / 10000^(2i / width)), and the cosine beside it."""
    found = waves(50, 8)
    assert found.shape == (50, 8)
    for position, index in ((0, 0), (7, 0), (13, 2), (49, 3)):
        angle = position / 10000 ** (2 * index / 8)
        assert found[position, 2 * index].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert found[position, 2 * index + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_order_matters_to_a_transformer_by_positions_alone() -> None:
    network = shaken(Transformer(8, 2, 2, 6).build((3, 9), 4))
    inputs = torch.randn(4, 3, 9, dtype=WIDE)
    assert not torch.allclose(network(inputs), network(inputs.flip(2)))
    network.positions.zero_()
    torch.testing.assert_close(network(inputs), network(inputs.flip(2)), **EXACT)


def test_queries_keys_and_values_are_filled_each_by_itself() -> None:
    spec = Transformer(16, 4, 1, 8, initialisation=Orthogonal())
    for part in spec.build((3, 9), 4).layers[0].projections.weight.split(16):
        torch.testing.assert_close(part @ part.T, torch.eye(16), rtol=0, atol=1e-5)


def test_dropout_is_of_training_alone() -> None:
    network = Transformer(8, 2, 2, 6, dropout=0.5).build((3, 9), 4)
    inputs = torch.randn(4, 3, 9)
    trained = network(inputs)
    network.eval()
    assert not torch.allclose(trained, network(inputs))
    same = Transformer(8, 2, 2, 6).build((3, 9), 4)
    same.load_state_dict(network.state_dict())
    assert torch.equal(network(inputs), same(inputs))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Recurrent, {"cell": "lstm"}), (Recurrent, {"width": 0}), (Recurrent, {"layers": 0}),
        (Recurrent, {"says": "always"}), (Recurrent, {"tokens": -1}),
        (Recurrent, {"initialisation": HeNormal}),
        (Transformer, {"width": 6}), (Transformer, {"width": 9, "heads": 3}),
        (Transformer, {"heads": 0}), (Transformer, {"layers": 1.5}), (Transformer, {"hidden": 0}),
        (Transformer, {"causal": 1}), (Transformer, {"says": None}), (Transformer, {"tokens": 2.0}),
        (Transformer, {"activation": "rely"}), (Transformer, {"dropout": 1.0}),
        (Transformer, {"initialisation": None}),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(kind: type, options: dict[str, object]) -> None:
    with pytest.raises(HarnessError) as caught:
        kind(**options)
    assert str(caught.value).startswith(f"{kind.__name__}({next(iter(options))}=...) must")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", [Recurrent(width=4), Transformer(4, 2, 1, 4)])
def test_a_mask_of_another_length_is_refused(spec: Recurrent | Transformer) -> None:
    network = spec.build((3, 9), 4)
    for mask in (torch.ones(4, 8).bool(), torch.ones(9).bool()):
        with pytest.raises(HarnessError, match=r"one value for each position, \(batch, 9\)"):
            network(torch.randn(4, 3, 9), mask)
