"""Seeds of a function of the user's own: its global generators, and one for each purpose.

All that a trial's result may rest on in this room stands here: what changes here makes such trials
anew.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

WORD = 2**32
"""Seeds of a purpose are below this: numpy, Lightning and others take no larger ones."""


def seed_for(seed: int, purpose: str) -> int:
    """Return a seed for one purpose, the same in all arms.

    Args:
        seed: the trial's seed, at least 0.
        purpose: any name; another name gives a seed that has nothing to do with it.
    """
    from harness.randomness.streams import torch_seed  # with numpy, which listing studies need not

    return torch_seed(seed, f"own {purpose}") % WORD


def short_seed_for(seed: int, purpose: str) -> int:
    """Return such a seed below 2³¹, for programs in other languages.

    Many keep a seed in a signed word: R refuses a larger one, and mawk takes the largest that it
    knows in its place, without a word, so that half of all trials would be one.

    Args:
        seed: the trial's seed, at least 0.
        purpose: any name.
    """
    return seed_for(seed, purpose) >> 1


@contextmanager
def seeded(seed: int, *, devices: bool = True) -> Iterator[None]:
    """Within, the global generators of random, numpy and torch begin at a trial's seed.

    Afterwards those of the CPU are where they were before.

    Args:
        seed: the trial's seed.
        devices: whether those of CUDA devices begin there, too, without being used for that.
    """
    import numpy as np
    import torch

    numbers = np.random.get_state()  # noqa: NPY002
    before = random.getstate(), torch.random.get_rng_state()
    random.seed(seed_for(seed, "random"))
    np.random.seed(seed_for(seed, "numpy"))  # noqa: NPY002 - what most code draws from
    if devices:
        torch.manual_seed(seed_for(seed, "torch"))
    else:
        torch.default_generator.manual_seed(seed_for(seed, "torch"))
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(numbers)  # noqa: NPY002
        torch.random.set_rng_state(before[1])
