"""The kinds of claim."""

from typing import get_args

from harness.study.claims.arms import Equivalent, Higher, Interaction, NotWorse, Sooner
from harness.study.claims.base import Claim
from harness.study.claims.levels import Best, Peak, Some, Trend

AnyClaim = (
    Higher | Equivalent | NotWorse | Sooner | Interaction | Best | Some | Trend | Peak
)  # fmt: skip
"""A claim of one of the kinds that can be judged, and kept."""

KINDS = get_args(AnyClaim)

__all__ = [
    "KINDS",
    "AnyClaim",
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
