"""The kinds of claim."""

from harness.claims.arms import Equivalent, Higher, Interaction, NotWorse, Sooner
from harness.claims.base import Claim
from harness.claims.levels import Best, Peak, Some, Trend

__all__ = [
    "Best",
    "Claim",
    "Equivalent",
    "Higher",
    "Interaction",
    "NotWorse",
    "Peak",
    "Some",
    "Sooner",
    "Trend",
]
