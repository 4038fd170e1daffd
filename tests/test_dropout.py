"""Dropout: what it keeps and by how much it scales, alone, together and compiled."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from harness.messages.errors import HarnessError
from harness.models import ChannelDropout, Dropout, number_dropouts, replace_dropout
from harness.randomness import counting as noise


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)  # for the inputs that the tests draw


def with_key(p: float, key: int, kind: type[Dropout] = Dropout) -> Dropout:
    layer = kind(p)
    layer.key.fill_(key)
    return layer


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_kept_share_and_mean(p):
    """Within five standard errors of a binomial count."""
    inputs = torch.ones(300, 500)
    outputs = with_key(p, 3)(inputs)
    kept = outputs != 0
    error = 5 * math.sqrt(p * (1 - p) / inputs.numel())
    assert abs(kept.double().mean() - (1 - p)) <= error
    assert abs(outputs.double().mean() - 1) <= error / (1 - p) + 1e-6
    assert torch.unique(outputs[kept]).tolist() == [pytest.approx(1 / (1 - p))]


def test_formula_to_the_bit():
    """Kept where the hash of key and position is at least p, and then divided by 1 - p."""
    inputs = torch.randn(7, 5, 3)
    for p, key in ((0.3, 11), (0.7, -5)):
        kept = noise.uniform(torch.tensor(key, dtype=torch.int32), (7, 5, 3)) >= p
        wanted = torch.where(kept, inputs / (1 - p), torch.zeros(()))
        assert torch.equal(with_key(p, key)(inputs), wanted)
        assert 0 < kept.sum() < kept.numel()


def test_evaluation_is_the_identity():
    layer = with_key(0.5, 1).eval()
    inputs = torch.randn(4, 6)
    assert layer(inputs) is inputs
    assert not torch.equal(layer.train()(inputs), inputs)


def test_masks_of_different_keys_are_independent():
    inputs = torch.ones(100, 1000)
    masks = [(with_key(0.4, key)(inputs) != 0).double().flatten() for key in (*range(6), -1, 2**30)]
    correlation = torch.corrcoef(torch.stack(masks))
    off = correlation - torch.eye(len(masks), dtype=torch.float64)
    assert off.abs().max() < 5 / math.sqrt(inputs.numel())
    for mask in masks:  # nor is a mask like itself, shifted
        for shift in (1, 2, 1000):
            both = torch.stack([mask[shift:], mask[:-shift]])
            assert abs(torch.corrcoef(both)[0, 1]) < 5 / math.sqrt(inputs.numel())


def test_the_same_key_gives_the_same_mask():
    inputs = torch.ones(4, 5)
    layer = with_key(0.5, 9)
    assert torch.equal(layer(inputs), layer(inputs))
    assert torch.equal(layer(inputs), with_key(0.5, 9)(inputs))
    assert not torch.equal(layer(inputs), with_key(0.5, 10)(inputs))


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1), (1, 10, 10, 10)])
def test_any_shape(shape):
    outputs = with_key(0.5, 2)(torch.ones(shape))
    assert outputs.shape == shape
    assert 400 < (outputs != 0).sum() < 600


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_inputs_keep_their_type(dtype):
    inputs = torch.randn(8, 9, dtype=torch.float64).to(dtype)
    layer = with_key(0.3, 4)
    outputs = layer(inputs)
    assert outputs.dtype == dtype
    kept = with_key(0.3, 4)(torch.ones(8, 9)) != 0
    assert torch.equal(outputs, torch.where(kept, inputs / (1 - 0.3), torch.zeros((), dtype=dtype)))
    stacked = vmap(lambda p: functional_call(layer, {"p": p}, (inputs,)))(layer.p.expand(2))
    assert stacked.dtype == dtype
    assert torch.equal(stacked[1], outputs)


def test_inputs_are_left_alone_and_gradients_go_where_values_did():
    inputs = torch.randn(6, 7, requires_grad=True)
    before = inputs.detach().clone()
    outputs = with_key(0.25, 8)(inputs)
    outputs.sum().backward()
    assert torch.equal(inputs.detach(), before)
    assert torch.equal(inputs.grad, (outputs != 0) / torch.tensor(0.75))


def test_nothing_of_dropout_is_saved_or_trained():
    layer = Dropout(0.5)
    assert not layer.state_dict()
    assert not list(layer.parameters())
    assert {name: buffer.dtype for name, buffer in layer.named_buffers()} == {
        "p": torch.float64, "key": torch.int32,
    }  # fmt: skip


P = torch.tensor([0.0, 0.2, 0.7], dtype=torch.float64)
KEYS = torch.tensor([5, -6, 7], dtype=torch.int32)


def stacked(layer, inputs, in_dims=(0, 0, 0)):
    def run(p, key, inputs):
        return functional_call(layer, {"p": p, "key": key}, (inputs,))

    return vmap(run, in_dims, randomness="error")(P, KEYS, inputs)


@pytest.mark.parametrize("kind", [Dropout, ChannelDropout])
def test_together_is_each_alone(kind):
    inputs = torch.randn(3, 4, 5, 6)
    together = stacked(kind(0.5), inputs)
    shared = stacked(kind(0.5), inputs[0], (0, 0, None))
    for index, (p, key) in enumerate(zip(P.tolist(), KEYS.tolist(), strict=True)):
        alone = with_key(p, key, kind)
        assert torch.equal(together[index], alone(inputs[index]))
        assert torch.equal(shared[index], alone(inputs[0]))
    assert len({(each == 0).sum().item() for each in together}) == 3


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 50, 3, 2), (40, 50, 3, 2, 2)])
def test_channels_go_whole(shape):
    outputs = with_key(0.3, 6, ChannelDropout)(torch.ones(shape))
    kept = (outputs != 0).flatten(2)
    assert torch.equal(kept.all(2), kept.any(2))
    assert torch.equal(kept[..., 0], with_key(0.3, 6)(torch.ones(40, 50)) != 0)
    assert abs(kept.double().mean() - 0.7) < 5 * math.sqrt(0.21 / 2000)


def test_channels_need_an_axis_after_them():
    with pytest.raises(HarnessError, match=r"shape \(4, 5\)"):
        ChannelDropout(0.5)(torch.ones(4, 5))


@pytest.mark.parametrize("kind", [Dropout, ChannelDropout])
@pytest.mark.parametrize("p", [1, 1.0, -0.1, math.nan, math.inf, True, "0.5", None])
def test_bad_p_is_told_in_one_line(kind, p):
    with pytest.raises(HarnessError) as caught:
        kind(p)
    assert f"{kind.__name__}(p=...) must lie in [0, 1); got {p!r}." in str(caught.value)
    assert "\n" not in str(caught.value)


class _Own(nn.Dropout):
    """A subclass, which may do anything."""


def test_torchs_dropout_is_replaced_wherever_it_stands():
    shared = nn.Dropout(0.2)
    module = nn.Sequential(
        nn.Dropout(0.1, inplace=True),
        nn.ModuleDict({"a": shared, "b": nn.Sequential(nn.Linear(2, 2), shared)}),
        nn.Dropout1d(0.3), nn.Dropout2d(0.4), nn.Dropout3d(0.5), nn.Dropout(0), nn.Dropout2d(0.0),
        nn.AlphaDropout(0.5), nn.FeatureAlphaDropout(0.5), _Own(0.5), Dropout(0.6),
    )  # fmt: skip
    module.eval()
    replace_dropout(module)
    kinds = [type(each) for each in module]
    assert kinds[0] is Dropout
    assert kinds[2:5] == [ChannelDropout] * 3
    assert kinds[5:7] == [nn.Identity] * 2
    assert kinds[7:] == [nn.AlphaDropout, nn.FeatureAlphaDropout, _Own, Dropout]
    assert type(module[1]["a"]) is Dropout
    assert module[1]["a"] is module[1]["b"][1]
    assert not any(each.training for each in module.modules())
    dropouts = number_dropouts(module)
    assert [each.p.item() for each in dropouts] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert [each.layer for each in dropouts] == list(range(6))
    replace_dropout(module)  # which finds nothing more to do
    assert number_dropouts(module) == dropouts
    assert len(module._forward_pre_hooks) == 1


def test_a_dropout_through_which_nothing_passes_is_refused_by_its_place():
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout2d(1.0)))
    with pytest.raises(HarnessError, match=r"Dropout2d at '1\.0' too; got p=1"):
        replace_dropout(module)


class _Reusing(nn.Module):
    """One layer of dropout for several places, as many modules have it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(6, 6)

    def forward(self, inputs):
        return self.last(self.drop(self.first(self.drop(inputs))))


def test_each_use_of_a_layer_has_a_mask_of_its_own():
    module = _Reusing()
    replace_dropout(module)
    (layer,) = number_dropouts(module)
    layer.key.fill_(77)
    masks = []
    layer.register_forward_hook(lambda _, __, output: masks.append(output != 0))
    inputs = torch.rand(200, 6) + 1
    first, again = module(inputs), module(inputs)
    assert torch.equal(first, again)  # each pass begins anew
    assert torch.equal(masks[0], masks[2])
    assert torch.equal(masks[1], masks[3])
    assert torch.equal(masks[0], with_key(0.5, 77)(inputs) != 0)
    agree = (masks[0] == masks[1]).double().mean()
    assert abs(agree - 0.5) < 5 * 0.5 / math.sqrt(inputs.numel())
    other = copy.deepcopy(module)
    assert torch.equal(other(inputs), first)
    other.drop.key.fill_(78)
    assert not torch.equal(other(inputs), first)
    assert torch.equal(module(inputs), first)


def test_networks_with_reused_layers_run_together():
    modules = []
    for key in (1, 2, 3):
        modules.append(_Reusing())
        replace_dropout(modules[-1])
        number_dropouts(modules[-1])[0].key.fill_(key)
    states = [dict(each.named_parameters()) | dict(each.named_buffers()) for each in modules]
    state = {name: torch.stack([each[name].detach() for each in states]) for name in states[0]}
    inputs = torch.randn(5, 6)
    outputs = vmap(lambda state: functional_call(modules[0], state, (inputs,)))(state)
    for output, module in zip(outputs, modules, strict=True):
        torch.testing.assert_close(output, module(inputs), rtol=1e-5, atol=1e-6)


def test_torchs_own_modules_train_with_it():
    """A transformer's layer, in evaluation the same as before, in training without a generator."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    layer.self_attn.dropout = 0.0  # attention draws by a function, which nobody can replace
    inputs = torch.randn(2, 5, 8)
    with torch.no_grad():
        before = layer.eval()(inputs)
        replace_dropout(layer)
        assert len(number_dropouts(layer)) == 3
        torch.testing.assert_close(layer.eval()(inputs), before)
    state = torch.random.get_rng_state()
    outputs = layer.train()(inputs)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.allclose(outputs, before)
