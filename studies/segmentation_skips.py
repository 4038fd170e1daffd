"""Do skips draw sharper borders, and does a U-Net need fewer images?

Long et al. 2015 (https://arxiv.org/abs/1411.4038) made a classifier tell the class of each pixel:
down to a small map of scores, which is then enlarged. Borders come out coarse. Ronneberger et al.
2015 (https://arxiv.org/abs/1505.04597) built a path back up that sees the maps of the path down
again (skips), and trained it on 30 images; lecture notes 000 say that a U-Net does well on little
data. Here an FCN without skips stands beside a U-Net with and without them. The path down is the
same in all three, and so is the number of steps, however many images there are. Skips widen the
first convolution of each level on the way up, so that the U-Net with them has more parameters, too.
The learning rate is tuned anew in every arm. Claims that name no number of images are on the
average of all.

The images are drawn here, with a fixed seed: discs, squares and triangles, tilted by up to 14
degrees, in noise. All have the same areas and greys, so that a class can be told by the outline
alone; a pixel belongs to a shape if its centre lies within. Every seed draws its own test,
validation and training images from one pool; test images are the same for all arms of a seed.

At `quick` there is one shape in 24×24 pixels, and 16, 64 or 256 images to train on. Each network
is trained for 320 steps of four images.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness import (
    Cosine,
    Factor,
    Higher,
    Interaction,
    NotWorse,
    Scale,
    Segmentation,
    Study,
    Training,
    Trend,
    Tuned,
)
from harness.data import arrays
from harness.data.own import Arrays
from harness.measures import measured
from harness.models import FCN, UNet
from harness.optim import Adam
from harness.trained import Trained
from harness.training import Model

SIDES = (0, 4, 3)
"""Sides of the shapes of classes 1, 2 and 3, 0 for a disc. Class 0 is the background."""

Floats = NDArray[np.float64]


def inner_radius(sides: int, area: Floats) -> Floats:
    """Return the radius of the largest circle within a regular polygon, or of a disc."""
    return np.sqrt(area / (sides * math.tan(math.pi / sides) if sides else math.pi))


def outer_radius(sides: int, area: Floats) -> Floats:
    """Return the radius of the smallest circle around it."""
    return inner_radius(sides, area) / (math.cos(math.pi / sides) if sides else 1)


def places(
    random: np.random.Generator, side: int, radii: Floats, gap: float = 2.0
) -> tuple[Floats, Floats]:
    """Return centres at random, so that circles lie within the image and apart from each other.

    Args:
        random: where numbers come from.
        side: of the image, in pixels.
        radii: of the circles, ``[images, shapes]``.
        gap: the least distance between two circles, in pixels.

    Returns:
        x and y, ``[images, shapes]`` both.
    """
    x, y = np.empty_like(radii), np.empty_like(radii)
    left = np.arange(len(radii))
    while len(left):
        size = radii[left]
        x[left], y[left] = size + random.random((2, *size.shape)) * (side - 2 * size)
        near = np.hypot(*(each[left, :, None] - each[left, None] for each in (x, y)))
        least = size[:, :, None] + size[:, None] + gap
        near[:, np.arange(size.shape[1]), np.arange(size.shape[1])] = np.inf
        left = left[(near < least).any(axis=(1, 2))]
    return x, y


def draw(
    images: int,
    side: int,
    shapes: int,
    noise: float = 0.1,
    tilt: float = 0.25,
    seed: int = 0,
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw shapes that do not touch on a background, both in noise.

    An area is 10 % to 20 % of that of the image, divided by the number of shapes. Greys are 0.5 to
    1 above the background. Areas, greys, angles and classes are independent.

    Args:
        images: how many.
        side: of each image, in pixels.
        shapes: in each image.
        noise: standard deviation of what is added to each pixel.
        tilt: the largest angle by which a shape is turned, in radians.
        seed: of everything drawn.

    Returns:
        Images ``[images, 1, side, side]``, and the class of each pixel ``[images, side, side]``.
    """
    random = np.random.default_rng(seed)
    each = (images, shapes)
    classes = random.integers(1, 1 + len(SIDES), each)
    area = random.uniform(0.1, 0.2, each) * side**2 / shapes
    grey, angle = random.uniform(0.5, 1, each), random.uniform(-tilt, tilt, each)
    radii = np.stack([outer_radius(sides, area) for sides in SIDES])
    x, y = places(random, side, np.take_along_axis(radii, classes[None] - 1, axis=0)[0])
    clean, wanted = np.zeros((images, side, side)), np.zeros((images, side, side), np.int64)
    middle = np.arange(side) + 0.5
    for kind, sides in enumerate(SIDES, start=1):
        for place in range(shapes):
            (rows,) = np.nonzero(classes[:, place] == kind)
            across, down, turned, size = (
                values[rows, place, None, None] for values in (x, y, angle, area)
            )
            inside = within(middle - across, middle[:, None] - down, turned, sides, size)
            wanted[rows] += kind * inside
            clean[rows] += inside * grey[rows, place, None, None]
    return (clean + noise * random.standard_normal(clean.shape))[:, None], wanted


def within(x: Floats, y: Floats, angle: Floats, sides: int, area: Floats) -> NDArray[np.bool_]:
    """Tell which points lie in a shape around the origin; arguments are broadcast."""
    radius = inner_radius(sides, area)
    if not sides:
        return np.hypot(x, y) <= radius
    inside = np.ones(np.broadcast_shapes(x.shape, y.shape, angle.shape), bool)
    for turn in 2 * math.pi / sides * np.arange(sides):
        inside &= x * np.cos(angle + turn) + y * np.sin(angle + turn) <= radius
    return inside


@lru_cache
def drawn(scale: Scale) -> Arrays:
    """Return the data set of a scale, drawn once a process; every seed draws its parts from it."""
    return arrays(
        *draw(scale.pool, scale.side, scale.shapes), "shapes",
        validation=scale.validation, test=scale.test,
    )  # fmt: skip


def build(scale: Scale, network: str, images: int, lr: float) -> Training:
    networks: dict[str, Model] = {
        "FCN": FCN(scale.width, scale.levels_down),
        "U-Net without skips": UNet(scale.width, scale.levels_down, skips=False),
        "U-Net": UNet(scale.width, scale.levels_down),
    }
    return Training(
        data=replace(drawn(scale), train=images),
        model=networks[network],
        optimizer=Adam(lr=lr),
        schedule=Cosine(),
        task=Segmentation(),
        batch_size=scale.batch_size,
        epochs=scale.steps * scale.batch_size // images,  # as many steps, however many images
    )


def border_gap(trained: Trained) -> float:
    """Return accuracy away from borders less that within a pixel of one, on test images."""
    import torch.nn.functional as F  # noqa: N812 - torch's own abbreviation

    right, count = [0, 0], [0, 0]
    for logits, wanted in trained.test_outputs:
        values = F.pad(wanted[:, None].float(), (1, 1, 1, 1), mode="replicate")
        highest, lowest = (F.max_pool2d(each, 3, stride=1)[:, 0] for each in (values, -values))
        border, hit = highest != -lowest, logits.argmax(dim=1) == wanted
        for place, here in enumerate((~border, border)):
            right[place] += int((hit & here).sum())
            count[place] += int(here.sum())
    return right[0] / count[0] - right[1] / count[1]


study = Study(
    name="segmentation_skips",
    question="Do skips draw sharper borders, and does a U-Net need fewer images?",
    factors=(
        Factor("network", ("FCN", "U-Net without skips", "U-Net")),
        Factor("images", (16, 64, 256, 1024)),
    ),
    tuned=(Tuned("lr", 0.002, 0.05, log=True, trials=6),),
    objective="validation_iou",
    build=build,
    measures=(
        measured(
            "border_gap", border_gap, title="Accuracy lost at borders", unit="fraction",
            better="lower", meaning="Accuracy on test pixels away from borders less that on those "
            "within one of a border.",
        ),
    ),
    scales={
        "quick": Scale(
            pool=1000, side=24, shapes=1, validation=32, test=150, width=6, levels_down=2,
            batch_size=4, steps=320, seeds=5, tuning=3, levels={"images": (16, 64, 256)},
        ),
        "standard": Scale(
            pool=6000, side=48, shapes=3, validation=200, test=1000, width=16, levels_down=3,
            batch_size=16, steps=2048, seeds=5,
        ),
        "full": Scale(
            pool=6000, side=64, shapes=4, validation=400, test=2000, width=32, levels_down=4,
            batch_size=16, steps=8192, seeds=10,
        ),
    },
    claims=(
        Higher(
            "At borders, a U-Net is better with skips than without.",
            metric="test_border_iou", higher={"network": "U-Net"},
            lower={"network": "U-Net without skips"}, by=0.02,
            source="Ronneberger et al. 2015, section 1",
        ),
        Higher(
            "With skips, a U-Net tells shapes better than an FCN.",
            metric="test_iou", higher={"network": "U-Net"}, lower={"network": "FCN"}, by=0.02,
            source="Ronneberger et al. 2015, section 1; lecture notes 000",
        ),
        Higher(
            "An FCN loses more at borders than a U-Net with skips.",
            metric="border_gap", higher={"network": "FCN"}, lower={"network": "U-Net"}, by=0.02,
            source="Long et al. 2015, section 4.2",
        ),
        Interaction(
            "With few images, a U-Net is further ahead of an FCN.",
            metric="test_iou", of=({"network": "U-Net"}, {"network": "FCN"}),
            at=({"images": 16}, {"images": 256}), by=0.02,
            source="Ronneberger et al. 2015, abstract; lecture notes 000",
        ),
        NotWorse(
            "A U-Net on a quarter of the images is not worse than an FCN on all of them.",
            metric="test_iou", arm={"network": "U-Net", "images": 64},
            than={"network": "FCN", "images": 256}, by=0.02,
            source="Ronneberger et al. 2015, abstract; lecture notes 000",
        ),
        Trend(
            "The more images there are, the better a U-Net tells shapes.",
            metric="test_iou", over="images", axis="log", where={"network": "U-Net"}, by=0.02,
            source="lecture notes 000",
        ),
        Higher(
            "Without skips a U-Net is better at borders than an FCN.",
            metric="test_border_iou", higher={"network": "U-Net without skips"},
            lower={"network": "FCN"}, by=0.02, primary=False,
        ),
        Interaction(
            "Skips help a U-Net more with few images.",
            metric="test_iou", primary=False, by=0.02,
            of=({"network": "U-Net"}, {"network": "U-Net without skips"}),
            at=({"images": 16}, {"images": 256}),
        ),
    ),
)  # fmt: skip
