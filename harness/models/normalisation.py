"""Normalisation by name, for features ``[batch, width]`` and images ``[batch, width, h, w]``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError

if TYPE_CHECKING:
    from torch import nn

NORMALISATIONS = ("none", "batch", "layer", "instance", "group")

GROUPS = 8
"""The most groups of group normalisation; see :func:`groups`."""


def groups(width: int) -> int:
    """Return how many groups a width is cut into.

    It is the largest divisor of the width that is at most 8 and leaves four channels in each group,
    or 1. (A group of one flat feature would become 0, one of two their order, 1 and -1.)
    """
    fitting = [n for n in range(1, GROUPS + 1) if width % n == 0 and width // n >= 4]
    return max(fitting, default=1)


def normalisation(name: str, width: int, size: tuple[int, int] | None) -> nn.Module | None:
    """Make the module of a normalisation.

    All have a factor and a shift for each channel, 1 and 0 at first. ``"batch"`` is Ioffe & Szegedy
    2015, https://arxiv.org/abs/1502.03167; ``"layer"`` Ba et al. 2016,
    https://arxiv.org/abs/1607.06450, and on images group normalisation with one group, which is
    what Wu & He 2018, https://arxiv.org/abs/1803.08494, section 3, call layer normalisation;
    ``"instance"`` Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022, without running
    statistics; ``"group"`` Wu & He 2018, with the number of groups that :func:`groups` says.

    Args:
        name: one of ``NORMALISATIONS``.
        width: features, or channels.
        size: height and width of images in pixels; None for flat features.

    Returns:
        The module, or None for ``"none"``.

    Raises:
        HarnessError: each value would be normalised by itself, which always gives 0.
    """
    from torch import nn

    parts = {"layer": 1, "instance": width, "group": groups(width)}
    if name in parts and width // parts[name] * math.prod(size or ()) < 2:
        raise HarnessError(
            f"normalisation={name!r} must be over at least two values",
            f"a layer of {width} channels on a map of {size[0]}×{size[1]}"
            if size
            else f"a layer of width {width}",
            "Write normalisation='batch', use larger images, or make the layer wider.",
        )
    if name == "batch":
        batch = nn.BatchNorm1d(width) if size is None else nn.BatchNorm2d(width)
        # The count of batches matters only if momentum is None. torch.func.vmap cannot have it:
        # it is an integer of one network that is changed in place.
        batch.num_batches_tracked = None
        return batch
    if name == "instance":
        return nn.InstanceNorm2d(width, affine=True)
    if name == "layer" and size is None:
        return nn.LayerNorm(width)
    return None if name == "none" else nn.GroupNorm(parts[name], width)
