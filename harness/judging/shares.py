"""How much of the variance of a search's values each setting explains, where the design tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shares:
    """Shares of the variance of the first objective over the space.

    Attributes:
        main: by setting, the share of its main effect.
        pairs: by two settings, the share of what both do together beyond their main effects.
        rest: the share of all else: what three or more settings do together, and chance.
        why: why there are none; empty where there are.
    """

    main: Mapping[str, float] = field(default_factory=dict)
    pairs: Mapping[tuple[str, str], float] = field(default_factory=dict)
    rest: float = 0.0
    why: str = "they were not worked out"
