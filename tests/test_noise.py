"""Random numbers by counting: the hash itself, in every form, and what its numbers look like."""

from __future__ import annotations

import itertools
import math

import pytest
import scipy.stats
import torch
from torch.func import vmap

from harness.randomness.counting import Draws, Key, bits, mix, named, signed, trial_key, uniform

CPU = torch.device("cpu")
KEYS = [0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xDEADBEEF, 0xFFFFFFFF, trial_key(0, "dropout")]
MASK = 0xFFFFFFFF
SHAPES = [(1,), (7,), (4097,), (3, 5), (2, 3, 4, 5), (100_003,)]


def tensor(key: int) -> torch.Tensor:
    return torch.tensor(signed(key), dtype=torch.int32)


def unsigned(key: Key) -> int:
    return int(key) & MASK


def lowbias32(value: int) -> int:
    """As printed at https://nullprogram.com/blog/2018/07/31/, in C's uint32_t."""
    value ^= value >> 16
    value = value * 0x7FEB352D & MASK
    value ^= value >> 15
    value = value * 0x846CA68B & MASK
    value ^= value >> 16
    return value


def by_hand(key: int, position: int) -> int:
    """``bits`` of one position: a round of the hash, the key's second word, another round."""
    second = lowbias32(key ^ 0x9E3779B9)
    value = position * 0x9E3779B9 & MASK ^ key
    value = (value ^ value >> 16) * 0x7FEB352D & MASK
    value = value + second & MASK
    value = (value ^ value >> 15) * 0x846CA68B & MASK
    return value ^ value >> 16


def numbers(key: int, count: int) -> torch.Tensor:
    return uniform(key, (count,)).double()


# ---- keys


@pytest.mark.parametrize("key", KEYS)
def test_signed_is_the_same_bits(key):
    assert -(2**31) <= signed(key) < 2**31
    assert signed(key) & MASK == key


@pytest.mark.parametrize("key", KEYS)
def test_keys_mix_alike_as_numbers_and_as_tensors(key):
    for label in (0, 1, 2, 1000, 2**31 - 1):
        wanted = mix(key, label)
        assert wanted == lowbias32(key ^ (label * 0x9E3779B9 & MASK))
        count = torch.tensor(label, dtype=torch.int32)
        for one, other in itertools.product((key, tensor(key)), (label, count)):
            assert unsigned(mix(one, other)) == wanted
    large = mix(key, 0xFEDCBA98)  # a label of 32 bits, such as a name's
    assert unsigned(mix(tensor(key), 0xFEDCBA98)) == large
    assert unsigned(named(tensor(key), "angle")) == named(key, "angle")
    assert named(key, "angle") == mix(key, fnv1a("angle"))


def fnv1a(name: str) -> int:
    """http://www.isthe.com/chongo/tech/comp/fnv/, 32 bits; "" is 0x811c9dc5, "a" 0xe40c292c."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & MASK
    return value


def test_the_published_hash_of_names():
    assert (fnv1a("a"), fnv1a("foobar")) == (0xE40C292C, 0xBF9CF968)


def test_steps_of_64_bits_mix_as_steps_of_32():
    step = torch.tensor(12345)
    assert step.dtype == torch.int64
    assert unsigned(mix(7, step)) == mix(7, 12345)


def test_keys_of_seeds_purposes_steps_and_names_all_differ():
    start = [trial_key(s, p) for s in range(200) for p in ("dropout", "augmentation")]
    assert all(0 <= key <= MASK for key in start)
    assert len(set(start)) == 400
    # 32 bits: of n keys about n²/2³³ pairs coincide by chance, here 0.3
    steps = {mix(trial_key(0, "dropout"), step) for step in range(50_000)}
    assert len(steps) >= 50_000 - 5
    # within one key nothing coincides, as a bijection has no choice
    assert len({mix(3, label) for label in range(50_000)}) == 50_000


# ---- bits


@pytest.mark.parametrize("key", KEYS)
def test_bits_by_hand(key):
    seen = [each & MASK for each in bits(key, (50,)).tolist()]
    assert seen == [by_hand(key, position) for position in range(50)]
    far = bits(key, (100_000,))[-1].item() & MASK
    assert far == by_hand(key, 99_999)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", KEYS[:6])
def test_bits_are_the_same_for_tensor_keys_and_in_every_shape(key, shape):
    plain = bits(key, shape)
    assert plain.dtype == torch.int32
    assert plain.shape == shape
    assert torch.equal(bits(tensor(key), shape), plain)
    assert torch.equal(plain.flatten(), bits(key, (math.prod(shape),)))


@pytest.mark.parametrize("shape", SHAPES)
def test_vmap_over_keys_is_each_key_alone(shape):
    keys = torch.stack([tensor(key) for key in KEYS])
    together = vmap(lambda key: uniform(mix(key, 3), shape))(keys)
    for row, key in zip(together, KEYS, strict=True):
        assert torch.equal(row, uniform(mix(key, 3), shape))
    assert len({row.flatten()[0].item() for row in together}) == len(KEYS)


@pytest.mark.slow
def test_compiled_is_plain_to_the_bit():
    """Several sizes, because compiled code has loops of its own for each."""
    shapes = [(1,), (3, 5), (100_003,)]

    def all_of(key: torch.Tensor, step: torch.Tensor) -> list[torch.Tensor]:
        draws = Draws(mix(key, step), CPU)
        found = [draws.within("1").uniform("a", *shape) for shape in shapes]
        return [*found, *(bits(named(key, "b"), shape) for shape in shapes)]

    keys = torch.stack([tensor(key) for key in KEYS[:4]])
    step = torch.tensor(41, dtype=torch.int32)
    torch._dynamo.reset()
    together = torch.compile(vmap(all_of, in_dims=(0, None)), fullgraph=True)(keys, step)
    for row, key in enumerate(KEYS[:4]):
        draws = Draws(mix(key, 41), CPU)
        wanted = [draws.within("1").uniform("a", *shape) for shape in shapes]
        wanted += [bits(named(key, "b"), shape) for shape in shapes]
        for seen, one in zip(together, wanted, strict=True):
            assert torch.equal(seen[row], one)


# ---- what the numbers look like: all bounds are p-values of 1e-6 or five standard errors


@pytest.mark.parametrize("key", KEYS)
def test_uniform_numbers_are_uniform(key):
    sample = uniform(key, (100_000,))
    assert sample.dtype == torch.float32
    assert sample.min() >= 0
    assert sample.max() < 1
    assert torch.equal(sample * 2**24, (sample * 2**24).round())
    assert scipy.stats.kstest(sample.double().numpy(), "uniform").pvalue > 1e-6
    counts = torch.histc(sample, 256, 0, 1)
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 1e-6


def test_float64_numbers_are_the_same_ones():
    wide = uniform(5, (1000,), dtype=torch.float64)
    assert wide.dtype == torch.float64
    assert torch.equal(wide.float(), uniform(5, (1000,)))
    assert Draws(5, CPU, torch.float64).normal("a", 3).dtype == torch.float64


@pytest.mark.parametrize("key", KEYS[:6])
def test_each_bit_is_a_fair_coin_and_none_tells_of_another(key):
    words = bits(key, (60_000,))
    coins = torch.stack([(words >> place & 1).double() for place in range(32)])
    limit = 5 / math.sqrt(60_000)
    assert (coins.mean(1) - 0.5).abs().max() < limit / 2
    correlation = torch.corrcoef(coins) - torch.eye(32, dtype=torch.float64)
    assert correlation.abs().max() < limit


def test_neighbouring_positions_are_independent():
    for key in KEYS:
        sample = numbers(key, 100_000)
        for distance in (1, 2, 3, 10, 64, 1000):
            pair = torch.stack([sample[:-distance], sample[distance:]])
            assert abs(torch.corrcoef(pair)[0, 1]) < 5 / math.sqrt(100_000 - distance)
        cells = (sample[0::2] * 16).long() * 16 + (sample[1::2] * 16).long()
        assert scipy.stats.chisquare(torch.bincount(cells, minlength=256).numpy()).pvalue > 1e-6


def test_streams_of_near_keys_are_independent():
    """Neighbouring steps, layers and seeds: no correlation, and no stream a shifted other."""
    dropout = trial_key(0, "dropout")
    keys = [mix(dropout, step) for step in range(8)]
    keys += [mix(mix(dropout, 0), layer) for layer in range(4)]
    keys += [trial_key(seed, "dropout") for seed in range(1, 4)]
    keys += [named(dropout, name) for name in ("0", "1", "angle")]
    keys += list(range(8))  # keys that differ in a bit or two, which nobody has hashed
    streams = torch.stack([numbers(key, 20_000) for key in keys])
    correlation = torch.corrcoef(streams) - torch.eye(len(keys), dtype=torch.float64)
    assert correlation.abs().max() < 5.5 / math.sqrt(20_000)
    for one, other in itertools.combinations(range(len(keys)), 2):
        common = set(streams[one, :2000].tolist()) & set(streams[other, :2000].tolist())
        assert len(common) <= 6  # of 24 bits; by chance 0.24


def test_names_and_nesting_give_streams_of_their_own():
    draws = Draws(trial_key(0, "augmentation"), CPU)
    sources = {
        "a": draws.uniform("a", 50),
        "b": draws.uniform("b", 50),
        "0/a": draws.within("0").uniform("a", 50),
        "1/a": draws.within("1").uniform("a", 50),
        "1/0/a": draws.within("1").within("0").uniform("a", 50),
        "0/1/a": draws.within("0").within("1").uniform("a", 50),
    }
    for one, other in itertools.combinations(sources.values(), 2):
        assert not torch.equal(one, other)
    assert torch.equal(draws.uniform("a", 50), sources["a"])  # asked again: the same
    assert torch.equal(draws.uniform("a", 5, 10), sources["a"].view(5, 10))


@pytest.mark.parametrize("key", KEYS[:6])
def test_normal_numbers_are_normal(key):
    sample = Draws(key, CPU).normal("noise", 100_000).double()
    assert sample.isfinite().all()
    count = len(sample)
    moments = [sample.mean(), sample.square().mean(), (sample**3).mean(), (sample**4).mean()]
    # the moments of a standard normal, and the variances of their estimates (15 = E[x^6], ...)
    for seen, wanted, variance in zip(moments, (0, 1, 0, 3), (1, 2, 15, 96), strict=True):
        assert abs(seen - wanted) < 5 * math.sqrt(variance / count)
    assert scipy.stats.kstest(sample.numpy(), "norm").pvalue > 1e-6
    # 1 - 2**-24 is the largest of the numbers that the logarithm is taken of
    assert sample.abs().max() <= math.sqrt(-2 * math.log(2**-24)) + 1e-6


def test_normal_numbers_are_alike_for_tensor_keys():
    alone = Draws(9, CPU).normal("a", 4, 5)
    assert torch.equal(Draws(tensor(9), CPU).normal("a", 4, 5), alone)
    keys = torch.stack([tensor(key) for key in KEYS])
    together = vmap(lambda key: Draws(key, CPU).normal("a", 4, 5))(keys)
    for row, key in zip(together, KEYS, strict=True):
        assert torch.allclose(row, Draws(key, CPU).normal("a", 4, 5), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_a_permutation_has_every_position_once(count):
    for key in KEYS:
        order = Draws(key, CPU).permutation("rows", count)
        assert order.dtype == torch.int64
        assert sorted(order.tolist()) == list(range(count))
        assert torch.equal(order, Draws(tensor(key), CPU).permutation("rows", count))


def test_permutations_are_uniform():
    """Each of the 24 orders of four is as likely as the others."""
    keys = torch.tensor([signed(mix(1, step)) for step in range(24_000)], dtype=torch.int32)
    orders = vmap(lambda key: Draws(key, CPU).permutation("rows", 4))(keys)
    which = (orders * torch.tensor([64, 16, 4, 1])).sum(1)
    counts = which.unique(return_counts=True)[1]
    assert len(counts) == 24
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 1e-6
    assert torch.equal(orders[7], Draws(mix(1, 7), CPU).permutation("rows", 4))
