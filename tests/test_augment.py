"""Augmentations do what torchvision does to each image by itself, and mix labels as pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from harness.augment import (
    Brightness,
    Contrast,
    Cutmix,
    Cutout,
    Flip,
    Mixture,
    Mixup,
    Noise,
    RandomErasing,
    Rotate,
    Scale,
    Shift,
)
from harness.augment.base import PerImage
from harness.augment.erase import Box
from harness.augment.geometry import Placement, warp
from harness.augment.mixture import OPERATIONS
from harness.data import arrays
from harness.engines.prepared import make_ready
from harness.messages.errors import HarnessError
from harness.models import MLP
from harness.optim import SGD
from harness.randomness.counting import Draws
from harness.training import Augmentation, Training

PER_IMAGE: list[type[PerImage]] = [
    Shift, Rotate, Scale, Flip, Brightness, Contrast, Noise, Cutout, RandomErasing, Mixture,
]  # fmt: skip
ALL: list[Callable[..., Augmentation]] = [*PER_IMAGE, Mixup, Cutmix]
SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 9, 14)]
CPU = torch.device("cpu")
DRAWS = Draws(20_260_101, CPU)


def batch(shape=(3, 32, 32), count=16, dtype=torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with a dark half, so that a change shows wherever it falls, and labels as one-hot."""
    generator = torch.Generator().manual_seed(count)
    images = torch.rand(count, *shape, generator=generator, dtype=torch.float64)
    images[..., : shape[-1] // 2] *= 0.3
    targets = torch.nn.functional.one_hot(torch.arange(count) % 5, 5).float()
    return images.to(dtype), targets


@pytest.mark.parametrize("kind", ALL)
def test_off_returns_the_very_same_tensors(kind) -> None:
    images, targets = batch()
    for off in (0, 0.0, -0.0):
        result = kind(off)(images, targets, DRAWS)
        assert result[0] is images
        assert result[1] is targets


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ALL)
def test_shape_type_targets_and_inputs_are_kept(kind, shape) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        images, targets = batch(shape, dtype=dtype)
        before = images.clone(), targets.clone()
        new, mixed = kind(0.8)(images, targets, DRAWS)
        assert new.shape == images.shape
        assert new.dtype == dtype
        assert not torch.equal(new, images)
        assert torch.equal(images, before[0])
        assert torch.equal(targets, before[1])
        assert (mixed is targets) == (not kind.mixes)
        assert mixed.dtype == targets.dtype


@pytest.mark.parametrize("kind", ALL)
def test_same_draws_same_result_and_other_draws_another(kind) -> None:
    images, targets = batch()
    first, again = (kind(1.0)(images, targets, Draws(7, CPU)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], kind(1.0)(images, targets, Draws(8, CPU))[0])


@pytest.mark.parametrize("kind", ALL)
def test_stronger_changes_more(kind) -> None:
    images, targets = batch(count=512, shape=(1, 8, 8))
    distances = [
        float((kind(strength)(images, targets, DRAWS)[0] - images).abs().mean())
        for strength in (0.0, 0.1, 0.25, 0.5, 1.0)
    ]
    assert distances == sorted(set(distances))


@pytest.mark.parametrize("kind", [Brightness, Contrast, Noise, Cutout, Rotate, Scale, Shift])
def test_every_image_is_changed_in_its_own_way(kind) -> None:
    images, targets = batch(count=1)
    many = images.expand(64, -1, -1, -1)
    new, _ = kind(1.0)(many, targets.expand(64, -1), DRAWS)
    assert len({image.numpy().tobytes() for image in new}) >= 60


@pytest.mark.parametrize("kind", PER_IMAGE)
def test_an_image_does_not_depend_on_the_others(kind) -> None:
    images, targets = batch()
    others = images.flip(0).clone()
    others[3] = images[3]
    one, _ = kind(1.0)(images, targets, DRAWS)
    two, _ = kind(1.0)(others, targets, DRAWS)
    assert torch.equal(one[3], two[3])
    assert not torch.equal(one[4], two[4])


def affine(image: torch.Tensor, right=0.0, down=0.0, angle=0.0, zoom=1.0) -> torch.Tensor:
    # fill=None is 0 outside; fill=0 would multiply the edge's pixels by their cover twice
    return tv.affine(
        image, angle=angle, translate=[right, down], scale=zoom, shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR, fill=None,
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_warp_is_torchvisions_affine(shape, dtype) -> None:
    images, _ = batch(shape, dtype=dtype)
    right, down, angle, zoom = torch.rand(
        4, len(images), generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    placement = Placement(
        (right - 0.5) * shape[2], (down - 0.5) * shape[1], angle * 360 - 180, zoom + 0.4
    )
    expected = torch.stack(
        [
            affine(image, float(a), float(b), float(c), float(d))
            for image, a, b, c, d in zip(
                images, placement.right, placement.down, placement.angle, placement.zoom,
                strict=True,
            )
        ]
    )  # fmt: skip
    assert (expected - images).abs().mean() > 0.1
    close = {"atol": 2e-5, "rtol": 0} if dtype is torch.float32 else {"atol": 1e-12, "rtol": 0}
    torch.testing.assert_close(warp(images, placement), expected, **close)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Shift, Rotate, Scale])
def test_geometry_is_torchvisions_with_the_sampled_numbers(kind, shape) -> None:
    images, targets = batch(shape)
    each = kind(0.9)
    placement = each.sample(DRAWS, images.shape)
    new, _ = each(images, targets, DRAWS)
    for index, image in enumerate(images):
        numbers = {
            name: float(getattr(placement, name)[index])
            for name in ("right", "down", "angle", "zoom")
        }
        torch.testing.assert_close(new[index], affine(image, **numbers), atol=1e-5, rtol=0)


def test_a_shift_by_whole_pixels_moves_them_right_and_down() -> None:
    images, _ = batch((1, 8, 8), count=1)
    two, three, zero = torch.tensor([2.0]), torch.tensor([3.0]), torch.zeros(1)
    new = warp(images, Placement(two, three, zero, zero + 1))
    torch.testing.assert_close(new[0, 0, 3:, 2:], images[0, 0, :-3, :-2], atol=1e-6, rtol=0)
    assert not new[0, 0, :3].any()
    assert not new[0, 0, :, :2].any()


def test_flip_is_torchvisions_in_half_of_the_images() -> None:
    images, targets = batch(count=64)
    flipped = Flip(1.0).sample(DRAWS, images.shape)
    assert 20 < int(flipped.sum()) < 44
    new, _ = Flip(1.0)(images, targets, DRAWS)
    for image, result, chosen in zip(images, new, flipped, strict=True):
        assert torch.equal(result, tv.horizontal_flip(image) if chosen else image)


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize(
    ("kind", "reference"), [(Brightness, tv.adjust_brightness), (Contrast, tv.adjust_contrast)]
)
def test_colour_is_torchvisions(kind, reference, shape) -> None:
    images, targets = batch(shape, dtype=torch.float64)
    factors = kind(1.0).sample(DRAWS, images.shape)
    new, _ = kind(1.0)(images, targets, DRAWS)
    for image, result, factor in zip(images, new, factors, strict=True):
        torch.testing.assert_close(result, reference(image, float(factor)), atol=1e-12, rtol=0)
    assert (new == 1).any()  # some were clamped


def test_grey_of_other_channels_is_their_mean() -> None:
    images, targets = batch((2, 9, 14), dtype=torch.float64)
    factors = Contrast(0.5).sample(DRAWS, images.shape).double()[:, None, None, None]
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    expected = (middle + factors * (images - middle)).clamp(0, 1)
    torch.testing.assert_close(Contrast(0.5)(images, targets, DRAWS)[0], expected)


def test_noise_is_gaussian_and_takes_any_inputs() -> None:
    for shape in ((100, 1, 28, 28), (2000, 40)):
        noise = Noise(0.4)(torch.zeros(shape), torch.zeros(shape[0]).long(), DRAWS)[0]
        assert abs(float(noise.mean())) < 0.004
        assert float(noise.std()) == pytest.approx(0.5 * 0.4, rel=0.02)
        fourth = float((noise / noise.std()).pow(4).mean())
        assert fourth == pytest.approx(3, rel=0.06)


def boxes(box: Box) -> list[tuple[int, int, int, int]]:
    """Top, left, height and width of each image's."""
    height, width = box.bottom - box.top, box.right - box.left
    return list(zip(*(each.tolist() for each in (box.top, box.left, height, width)), strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout_is_torchvisions_erase_of_a_square(shape) -> None:
    images, targets = batch(shape, count=200)
    images = images + 0.01  # so that every pixel painted black shows
    new, _ = Cutout(1.0)(images, targets, DRAWS)
    found = boxes(Cutout(1.0).sample(DRAWS, images.shape))
    for image, result, (top, left, height, width) in zip(images, new, found, strict=True):
        black = torch.zeros(1, 1, 1)
        assert torch.equal(result, tv.erase(image, top, left, height, width, black))
    half = min(shape[1:]) / 2
    whole = [math.floor(half), math.ceil(half)]
    assert all(height <= whole[-1] and width <= whole[-1] for _, _, height, width in found)
    inside = [each for each in found if each[2] in whole and each[2] == each[3]]
    assert 0 < len(inside) < len(found)  # the others hang over the edge


@pytest.mark.parametrize("strength", [0.1, 0.3, 0.77])
def test_a_cutouts_side_is_exact_on_average(strength) -> None:
    shape = torch.Size((4000, 1, 64, 8))
    box = Cutout(strength).sample(DRAWS, shape)
    # along the long side few hang over the edge
    far = (box.top > 4) & (box.bottom < 60)
    sides = (box.bottom - box.top)[far].float()
    assert float(sides.mean()) == pytest.approx(4 * strength, abs=0.04)
    assert sides.unique().numel() <= 2


def test_cutouts_are_centred_on_every_pixel_alike() -> None:
    shape = torch.Size((20_000, 1, 12, 8))
    covered = Cutout(1.0).sample(DRAWS, shape).mask(12, 8).double().mean(dim=0)[0]

    def share(size: int) -> torch.Tensor:
        """How often each of ``size`` pixels lies in 4 about any of them."""
        centres, pixels = torch.arange(size)[:, None], torch.arange(size)
        return ((pixels >= centres - 2) & (pixels < centres + 2)).double().mean(dim=0)

    expected = share(12)[:, None] * share(8)
    assert expected.max() > 2 * expected.min()
    torch.testing.assert_close(covered, expected, atol=0.012, rtol=0)


def test_erased_rectangles_lie_anywhere_inside() -> None:
    box = RandomErasing(1.0).sample(DRAWS, torch.Size((4000, 1, 64, 96))).box
    erased = box.bottom > box.top
    for first, after, size in ((box.top, box.bottom, 64), (box.left, box.right, 96)):
        room = size - (after - first) + 1
        place = ((first + 0.5) / room)[erased & (room > 20)].double().sort().values
        gap = (place - torch.linspace(0, 1, len(place), dtype=torch.float64)).abs().max()
        assert float(gap) < 0.05
        assert len(place) > 1200
        assert (first[erased] == 0).any()
        assert (after[erased] == size).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_erasing_is_torchvisions_erase_inside_the_image(shape) -> None:
    images, targets = batch(shape, count=300)
    erasure = RandomErasing(1.0).sample(DRAWS, images.shape)
    new, _ = RandomErasing(1.0)(images, targets, DRAWS)
    found = boxes(erasure.box)
    for index, (top, left, height, width) in enumerate(found):
        assert 0 <= top <= top + height <= shape[1]
        assert 0 <= left <= left + width <= shape[2]
        fill = erasure.fill[index][:, top : top + height, left : left + width]
        assert torch.equal(new[index], tv.erase(images[index], top, left, height, width, fill))
    erased = [each for each in found if each[2]]
    assert 115 < len(erased) < 185
    assert len(set(erased)) > 20


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_erased_areas_and_aspects_are_the_papers(strength) -> None:
    shape = torch.Size((4000, 1, 64, 96))
    box = RandomErasing(strength).sample(DRAWS, shape).box
    every = torch.stack((box.bottom - box.top, box.right - box.left), dim=1).double()
    erased = every[every[:, 0] > 0]
    assert len(erased) / len(every) == pytest.approx(0.5, abs=0.03)
    areas = erased.prod(dim=1) / (64 * 96 * strength)
    assert float(areas.mean()) == pytest.approx(0.21, rel=0.03)
    middle = ((areas > 0.115) & (areas < 0.305)).double().mean()  # half of 0.02 to 0.4
    assert float(middle) == pytest.approx(0.5, abs=0.04)
    aspects = (erased[:, 0] / erased[:, 1])[areas * strength > 0.05]
    assert 0.25 < float(aspects.min()) < 0.35
    assert 2.2 < float(aspects.max()) < 4
    fill = RandomErasing(1.0).sample(DRAWS, torch.Size((50, 1, 28, 28))).fill
    assert float(fill.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(fill.var()) == pytest.approx(1 / 12, rel=0.03)


@pytest.mark.parametrize(
    ("read", "low", "high"),
    [
        (lambda s, shape: Shift(s).sample(DRAWS, shape).right / (0.3 * 14), -1, 1),
        (lambda s, shape: Shift(s).sample(DRAWS, shape).down / (0.3 * 9), -1, 1),
        (lambda s, shape: Rotate(s).sample(DRAWS, shape).angle / 30, -1, 1),
        (lambda s, shape: Scale(s).sample(DRAWS, shape).zoom.log() / math.log(1.6), -1, 1),
        (lambda s, shape: (Brightness(s).sample(DRAWS, shape) - 1) / 0.9, -1, 1),
        (lambda s, shape: (Contrast(s).sample(DRAWS, shape) - 1) / 0.9, -1, 1),
        (lambda s, shape: Mixup(s).sample(DRAWS, shape).share, 0, 1),
    ],
)
@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_sampled_parameters_are_uniform_up_to_the_strength(read, low, high, strength) -> None:
    values = read(strength, torch.Size((4000, 3, 9, 14))).double() / strength
    assert float(values.min()) == pytest.approx(low, abs=0.01)
    assert float(values.max()) == pytest.approx(high, abs=0.01)
    assert low - 1e-5 <= float(values.min()) <= float(values.max()) <= high + 1e-5
    expected = torch.linspace(low, high, 4000, dtype=torch.float64)
    # Kolmogorov and Smirnov's distance; 1.95 / sqrt(n) is passed once in a thousand
    gap = (values.sort().values - expected).abs().max() / (high - low)
    assert float(gap) < 1.95 / math.sqrt(4000)


def test_flips_share_follows_the_strength() -> None:
    for strength in (0.2, 0.6, 1.0):
        flipped = Flip(strength).sample(DRAWS, torch.Size((8000, 1, 8, 8)))
        assert float(flipped.double().mean()) == pytest.approx(strength / 2, abs=0.02)


def test_mixup_averages_images_and_targets_alike() -> None:
    images, targets = batch(dtype=torch.float64)
    targets = targets.double()
    blend = Mixup(1.0).sample(DRAWS, images.shape)
    new, mixed = Mixup(1.0)(images, targets, DRAWS)
    assert sorted(blend.partner.tolist()) == list(range(len(images)))
    assert blend.partner.tolist() != list(range(len(images)))
    for index, (partner, share) in enumerate(
        zip(blend.partner.tolist(), blend.share.tolist(), strict=True)
    ):
        torch.testing.assert_close(new[index], torch.lerp(images[index], images[partner], share))
        torch.testing.assert_close(
            mixed[index], torch.lerp(targets[index], targets[partner], share)
        )
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(len(images), dtype=torch.float64))
    # linear: what is done to a sum is the sum of what is done
    both = Mixup(1.0)(images + 2 * images.flip(1), targets, DRAWS)[0]
    parts = [Mixup(1.0)(each, targets, DRAWS)[0] for each in (images, images.flip(1))]
    torch.testing.assert_close(both, parts[0] + 2 * parts[1])


def test_mixup_takes_any_inputs() -> None:
    inputs, targets = torch.randn(20, 7, generator=torch.Generator().manual_seed(0)), batch()[1]
    targets = torch.cat((targets, targets))[:20]
    new, mixed = Mixup(0.6)(inputs, targets, DRAWS)
    blend = Mixup(0.6).sample(DRAWS, inputs.shape)
    share = blend.share[:, None]
    torch.testing.assert_close(new, (1 - share) * inputs + share * inputs[blend.partner])
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(20))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_cutmix_weighs_labels_by_pixels_counted(shape, strength) -> None:
    count = 200
    # every image is one number, and its class the same number
    images = torch.arange(count, dtype=torch.float32)[:, None, None, None].expand(-1, *shape)
    targets = torch.eye(count)
    new, mixed = Cutmix(strength)(images, targets, DRAWS)
    pixels = shape[1] * shape[2]
    partial = 0
    for index, image in enumerate(new):
        assert (image == image[0]).all()  # all channels alike
        expected = torch.bincount(image[0].flatten().long(), minlength=count) / pixels
        torch.testing.assert_close(mixed[index], expected, atol=1e-6, rtol=0)
        partial += 0 < float(expected[index]) < 1
    assert partial > count / 2
    assert torch.allclose(mixed.sum(dim=1), torch.ones(count))


def test_cutmix_takes_rectangles_of_the_share_drawn() -> None:
    shape = torch.Size((8000, 1, 60, 40))
    for strength in (0.3, 1.0):
        box = Cutmix(strength).sample(DRAWS, shape).box
        whole = (box.top > 0) & (box.bottom < 60) & (box.left > 0) & (box.right < 40)
        height, width = (box.bottom - box.top)[whole], (box.right - box.left)[whole]
        assert float((height / 60 - width / 40).abs().max()) <= 1 / 60 + 1 / 40
        # a box of sides s hangs over with probability 1 - (1 - s) ** 2, so its area is on average
        # that of s ** 2 uniform up to the strength, times (1 - s / 4) ** 2
        sides = torch.linspace(0, strength, 2001, dtype=torch.float64).sqrt()
        expected = float((sides * (1 - sides / 4)).pow(2).mean())
        assert float(box.area().double().mean()) / 2400 == pytest.approx(expected, rel=0.03)


def operated(image: torch.Tensor, operation: str, size: float) -> torch.Tensor:
    """One of Mixture's operations, as torchvision does it."""
    height, width = image.shape[1:]
    done: dict[str, Callable[[], torch.Tensor]] = {
        "identity": lambda: image,
        "right": lambda: affine(image, right=0.3 * size * width),
        "down": lambda: affine(image, down=0.3 * size * height),
        "rotate": lambda: affine(image, angle=30 * size),
        "scale": lambda: affine(image, zoom=1.6**size),
        "brightness": lambda: tv.adjust_brightness(image, 1 + 0.9 * size),
        "contrast": lambda: tv.adjust_contrast(image, 1 + 0.9 * size),
    }
    return done[operation]()


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_mixture_is_torchvisions_operations_one_after_the_other(shape) -> None:
    images, targets = batch(shape, count=60)
    mixture = Mixture(0.8, operations=3)
    chosen = mixture.sample(DRAWS, images.shape)
    assert set(chosen.kind.flatten().tolist()) == set(range(len(OPERATIONS)))
    assert set(chosen.size.flatten().tolist()) == {float(torch.tensor(s)) for s in (-0.8, 0.8)}
    new, _ = mixture(images, targets, DRAWS)
    for index, image in enumerate(images):
        expected = image
        for row in range(3):
            operation = OPERATIONS[int(chosen.kind[row, index])]
            expected = operated(expected, operation, float(chosen.size[row, index]))
        torch.testing.assert_close(new[index], expected, atol=3e-5, rtol=0)


def test_identity_in_a_mixture_keeps_the_bits() -> None:
    images, targets = batch((1, 8, 8), count=600)
    kept = (Mixture(0.8).sample(DRAWS, images.shape).kind == 0).all(dim=0)
    new, _ = Mixture(0.8)(images, targets, DRAWS)
    assert kept.any()
    assert torch.equal(new[kept], images[kept])


def test_mixture_chooses_evenly_and_independently() -> None:
    chosen = Mixture(0.5).sample(DRAWS, torch.Size((7000, 1, 8, 8)))
    counts = torch.bincount(chosen.kind.flatten(), minlength=7)
    expected = torch.full((7,), 2000.0)
    assert float(((counts - expected) ** 2 / expected).sum()) < 22.5  # chi-square, p = 0.001
    pairs = torch.bincount(chosen.kind[0] * 7 + chosen.kind[1], minlength=49)
    assert float(((pairs - 7000 / 49) ** 2 / (7000 / 49)).sum()) < 84
    assert float((chosen.size > 0).double().mean()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "wrong", [-0.1, 1.01, math.nan, math.inf, True, "0.5", None, torch.tensor([0.5])]
)
def test_a_bad_strength_is_one_clear_line(kind, wrong) -> None:
    with pytest.raises(HarnessError, match=r"strength=\.\.\.\) must lie in \[0, 1\]; got") as error:
        kind(wrong)
    assert repr(wrong) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_bad_operations_are_one_clear_line(wrong) -> None:
    with pytest.raises(HarnessError, match=r"Mixture\(operations=...\) must be a whole number"):
        Mixture(0.5, operations=wrong)


def test_images_only_augmentations_refuse_other_inputs() -> None:
    targets = torch.arange(60) % 3
    images = Training(arrays(torch.rand(60, 3, 8, 8), targets, "images"), MLP(), SGD(lr=0.1), 10, 1)
    rows = replace(images, data=arrays(torch.rand(60, 40), targets, "rows"))
    make_ready(replace(images, augment=tuple(kind(0.5) for kind in ALL)), 0, CPU)
    make_ready(replace(rows, augment=(Noise(0.5), Mixup(0.5))), 0, CPU)
    for kind in ALL:
        if kind not in {Noise, Mixup}:
            with pytest.raises(HarnessError, match=rf"{kind.__name__} must be given images") as e:
                make_ready(replace(rows, augment=(Noise(0.1), kind(0.5))), 0, CPU)
            assert "\n" not in str(e.value)
            assert "(40,)" in str(e.value)


@pytest.mark.parametrize("kind", [Mixup, Cutmix])
def test_labels_cannot_be_mixed(kind) -> None:
    images, _ = batch()
    with pytest.raises(HarnessError, match="must be given targets as probabilities"):
        kind(0.5)(images, torch.arange(16) % 5, DRAWS)


def test_all_are_augmentations() -> None:
    assert all(isinstance(kind(0.5), Augmentation) for kind in ALL)
    assert {kind for kind in ALL if kind.mixes} == {Mixup, Cutmix}
    assert not isinstance(object(), Augmentation)
