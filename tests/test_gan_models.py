"""Pairs of generator and discriminator: shapes, layers by the paper, and what classes change."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.messages.errors import HarnessError
from harness.models import DCGAN, GAN, HeNormal

PAIRS = [
    (GAN((6, 5), 3), (2,)),
    (GAN((6,), 3), (1, 4, 4)),
    (DCGAN(4, 2, 3), (1, 8, 8)),
    (DCGAN(4, 3, 3), (3, 28, 30)),
    (DCGAN(4, 1, 3, normalisation="none"), (2, 5, 7)),
]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("spec", "shape"), PAIRS)
def test_a_generator_makes_inputs_and_a_discriminator_judges_them(
    spec: GAN | DCGAN, shape: tuple[int, ...]
) -> None:
    pair = spec.build(shape, 10).eval()
    assert [name for name, _ in pair.named_children()] == ["generator", "discriminator"]
    made = pair.generator(torch.randn(5, 3))
    assert made.shape == (5, *shape)
    judged = pair.discriminator(made)
    assert judged.shape == (5, 1)
    assert torch.equal(pair(made), judged)
    assert len(set(judged.flatten().tolist())) == 5


def test_the_deep_pair_is_laid_out_as_in_the_paper() -> None:
    """Radford et al. 2016, figure 1: 100 numbers, 4×4×1024, then 512, 256 and 128 channels."""
    pair = DCGAN(width=128, levels=4, latent=100).build((3, 64, 64), 0)
    linear, *_ = pair.generator.layers
    assert (linear.in_features, linear.out_features) == (100, 1024 * 4 * 4)
    drawn = [each for each in pair.generator.modules() if isinstance(each, nn.ConvTranspose2d)]
    assert [each.out_channels for each in drawn] == [512, 256, 128, 3]
    judged = [each for each in pair.discriminator.modules() if isinstance(each, nn.Conv2d)]
    assert [each.out_channels for each in judged] == [128, 256, 512, 1024]
    for part, widths in (("generator", [1024, 512, 256, 128]), ("discriminator", [256, 512, 1024])):
        norms = pair.get_submodule(part).modules()
        assert [n.num_features for n in norms if isinstance(n, nn.BatchNorm2d)] == widths
    slopes = [e.negative_slope for e in pair.modules() if isinstance(e, nn.LeakyReLU)]
    assert slopes == [0.2] * 4
    weights = torch.cat([p.flatten() for p in pair.parameters() if p.ndim > 1])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    maps = []
    for layer in drawn:
        layer.register_forward_hook(lambda _, __, output: maps.append(output.shape[2]))
    pair.generator(torch.randn(2, 100))
    assert maps == [8, 16, 32, 64]


@pytest.mark.parametrize(
    ("spec", "shape"),
    [(GAN((6, 5), 3, conditional=True), (2,)), (DCGAN(4, 2, 3, conditional=True), (1, 9, 8))],
)
def test_both_parts_of_a_conditional_pair_are_told_the_class(
    spec: GAN | DCGAN, shape: tuple[int, ...]
) -> None:
    pair = spec.build(shape, 4).eval()
    latent, classes = torch.randn(3, 3), torch.tensor([0, 1, 3])
    for part, given in (
        (pair.generator, latent[:1].expand(3, -1)),
        (pair.discriminator, torch.randn(1, *shape).expand(3, *[-1] * len(shape))),
    ):
        found = part(given, classes)
        assert not torch.allclose(found[0], found[1])
        assert not torch.allclose(found[1], found[2])
        # each depends on its own class, and probabilities say what classes say
        torch.testing.assert_close(part(given[:1], classes[2:]), found[2:])
        ones = nn.functional.one_hot(classes, 4)
        torch.testing.assert_close(part(given, ones.float()), found)
        torch.testing.assert_close(part(given), part(given, torch.zeros(3, 4)))


def test_what_does_not_fit_is_told_in_one_line() -> None:
    pair = GAN((6,), 3).build((2,), 0)
    told = GAN((6,), 3, conditional=True).build((2,), 4)
    for make, said in (
        (lambda: pair.generator(torch.zeros(5, 4)), r"latent numbers of shape \(batch, 3\)"),
        (lambda: told.generator(torch.zeros(5, 3), torch.zeros(5)), "must be given classes"),
        (lambda: GAN(conditional=True).build((2,), 0), "must have data with classes"),
        (lambda: DCGAN(conditional=True).build((1, 8, 8), 1), "must have data with classes"),
        (lambda: DCGAN().build((64,), 10), "images of shape"),
        (lambda: GAN(hidden=()), r"GAN\(hidden=...\) must"),
        (lambda: GAN(latent=0), r"GAN\(latent=...\) must"),
        (lambda: GAN(activation="rely"), r"GAN\(activation=...\) must"),
        (lambda: DCGAN(levels=0), r"DCGAN\(levels=...\) must"),
        (lambda: DCGAN(width=1.5), r"DCGAN\(width=...\) must"),  # type: ignore[arg-type]
        (lambda: DCGAN(conditional=1), r"DCGAN\(conditional=...\) must"),  # type: ignore[arg-type]
        (lambda: DCGAN(normalisation="bach"), r"DCGAN\(normalisation=...\) must"),
        (lambda: DCGAN(initialisation=HeNormal), r"DCGAN\(initialisation=...\) must"),  # type: ignore[arg-type]
    ):
        with pytest.raises(HarnessError, match=said) as caught:
            make()
        assert "\n" not in str(caught.value)
