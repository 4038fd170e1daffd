"""Augmentation of a batch of training images, on their device, sampled anew for every image.

Each is a frozen dataclass with a ``strength`` from 0 (off) to 1 (the strongest that its source
uses), called as ``augmentation(images, targets, draws)``. Images are floating point in [0, 1],
before they are standardised.

In reading order: ``base``, what all of them share; ``geometry``, what moves pixels; ``colour``,
what changes values where they are; ``erase``, what paints a rectangle over; ``blend``, what mixes
two images and their targets; ``mixture``, a few of these chosen at random; ``fitting``, which
inputs each can be used on.
"""

from harness.augment.blend import Cutmix, Mixup
from harness.augment.colour import Brightness, Contrast, Noise
from harness.augment.erase import Cutout, RandomErasing
from harness.augment.geometry import Flip, Rotate, Scale, Shift
from harness.augment.mixture import Mixture

__all__ = [
    "Brightness",
    "Contrast",
    "Cutmix",
    "Cutout",
    "Flip",
    "Mixture",
    "Mixup",
    "Noise",
    "RandomErasing",
    "Rotate",
    "Scale",
    "Shift",
]
