"""The shapes of `segmentation_skips`, by geometry, and its measure, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from harness.studies import segmentation_skips as study

KINDS = (1, 2, 3)


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """3000 images of one shape each, without noise."""
    images, classes = study.draw(3000, 24, 1, noise=0.0)
    return images[:, 0], classes


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_has_the_area_that_was_asked_for(kind: int) -> None:
    """On a fine grid; its corners, where it has some, lie on the outer circle."""
    sides, area = study.SIDES[kind - 1], np.array(2.0)
    fine = (np.arange(1500) + 0.5) / 1500 * 6 - 3
    inside = study.within(fine, fine[:, None], np.array(0.7), sides, area)
    assert inside.mean() * 36 == pytest.approx(2.0, rel=1e-3)
    distance = np.hypot(fine, fine[:, None])
    assert distance[inside].max() == pytest.approx(study.outer_radius(sides, area), abs=0.01)
    assert distance[~inside].min() == pytest.approx(study.inner_radius(sides, area), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_of_a_class_are_as_many_as_its_area(kind: int, many) -> None:  # type: ignore[no-untyped-def]
    """Areas are 57.6 to 115.2 pixels, 86.4 on average; four standard errors."""
    _, classes = many
    sizes = (classes == kind).sum(axis=(1, 2))
    sizes = sizes[sizes > 0]
    assert len(sizes) == pytest.approx(1000, abs=120)
    assert sizes.mean() == pytest.approx(86.4, abs=4 * 0.2 * 24**2 / 2 / 3 / math.sqrt(len(sizes)))
    assert 57.6 - 12 < sizes.min() < sizes.max() < 115.2 + 12


def test_borders_are_exact_and_greys_do_not_tell_the_class(many) -> None:  # type: ignore[no-untyped-def]
    images, classes = many
    assert (images[classes == 0] == 0).all()
    assert ((images >= 0.5) == (classes > 0)).all()
    assert images.max() <= 1
    for kind in KINDS:
        greys = (images * (classes == kind)).max(axis=(1, 2))
        greys = greys[greys > 0]
        error = 0.5 / math.sqrt(12 * len(greys))  # of a mean of uniform numbers from 0.5 to 1
        assert greys.mean() == pytest.approx(0.75, abs=4 * error)
        assert np.quantile(greys, [0.05, 0.95]) == pytest.approx([0.525, 0.975], abs=0.02)


@pytest.mark.parametrize("scale", ["quick", "standard", "full"])
def test_shapes_are_whole_and_do_not_touch(scale: str) -> None:
    """As many pieces as shapes, diagonal neighbours counted as touching, each of one class."""
    _, made = study.study.scale(scale)
    _, classes = study.draw(60, made.side, made.shapes)
    for each in classes:
        pieces, count = ndimage.label(each > 0, structure=np.ones((3, 3)))
        assert count == made.shapes
        for piece in range(1, count + 1):
            assert len(set(each[pieces == piece])) == 1
    edges = [classes[:, 0], classes[:, -1], classes[:, :, 0], classes[:, :, -1]]
    assert np.mean([np.mean(edge > 0) for edge in edges]) < 0.02, "they may touch the edge"


def test_centres_keep_circles_apart() -> None:
    radii = np.random.default_rng(1).uniform(3, 6, (200, 3))
    x, y = study.places(np.random.default_rng(2), 48, radii, gap=2.0)
    assert ((x >= radii) & (x <= 48 - radii) & (y >= radii) & (y <= 48 - radii)).all()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        distance = np.hypot(x[:, one] - x[:, other], y[:, one] - y[:, other])
        assert (distance >= radii[:, one] + radii[:, other] + 2).all()


def test_noise_is_normal_and_the_seed_is_all() -> None:
    clean, noisy = (study.draw(300, 24, 1, noise=noise)[0] for noise in (0.0, 0.1))
    assert (noisy - clean).std() == pytest.approx(0.1, rel=0.01)
    assert (study.draw(20, 24, 1)[0] == study.draw(20, 24, 1)[0]).all()
    assert (study.draw(20, 24, 1, seed=1)[0] != study.draw(20, 24, 1)[0]).any()


def told(classes: torch.Tensor, wanted: torch.Tensor) -> Any:
    logits = torch.nn.functional.one_hot(classes, 4).movedim(-1, 1).float()
    return SimpleNamespace(test_outputs=[(logits, wanted)])


def test_what_is_lost_at_borders_by_hand() -> None:
    """A square of 3×3 in an image of 7×7: its 8 outer pixels and 16 around them are at a border."""
    wanted = torch.zeros(1, 7, 7, dtype=torch.int64)
    wanted[0, 2:5, 2:5] = 2
    assert study.border_gap(told(wanted, wanted)) == 0
    nothing = torch.zeros_like(wanted)
    # of 25 away from borders only the centre is missed; of 24 at one, the 8 of the square
    assert study.border_gap(told(nothing, wanted)) == pytest.approx(24 / 25 - 16 / 24)
