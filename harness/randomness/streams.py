"""Random numbers: from one seed, a stream of its own for every purpose.

Two arms with the same seed share every stream, so their differences are paired; a change in how
one purpose draws (augmentation, say) leaves the others as they were. Streams come from numpy's
SeedSequence (O'Neill 2015; numpy's documentation, "Parallel random number generation").
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, purpose: str, index: int = 0) -> np.random.SeedSequence:
    """Return the seed sequence of one purpose (``"split"``, ``"order"``, ``"weights"``...).

    Args:
        seed: the trial's seed, at least 0.
        purpose: any name; the same name always gives the same stream.
        index: a position within the stream, such as the epoch.
    """
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), index))


def torch_seed(seed: int, purpose: str, index: int = 0) -> int:
    """Return a 63-bit seed for a ``torch.Generator`` of this purpose."""
    return int(stream(seed, purpose, index).generate_state(1, np.uint64)[0] >> np.uint64(1))
