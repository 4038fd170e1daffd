"""Intervals and tests on plain arrays; knows nothing of studies."""

from harness.stats.doses import omnibus, page, rises
from harness.stats.equivalence import noninferior, tost
from harness.stats.failures import Discordance, Rate, discordance, rate
from harness.stats.joint import Least, least
from harness.stats.multiple import false_discovery, holm
from harness.stats.paired import (
    FEWEST,
    FEWEST_PERMUTED,
    Mean,
    Paired,
    paired,
    sign_flip,
    t_interval,
)
from harness.stats.planning import more_seeds, sd_upper

__all__ = [
    "FEWEST",
    "FEWEST_PERMUTED",
    "Discordance",
    "Least",
    "Mean",
    "Paired",
    "Rate",
    "discordance",
    "false_discovery",
    "holm",
    "least",
    "more_seeds",
    "noninferior",
    "omnibus",
    "page",
    "paired",
    "rate",
    "rises",
    "sd_upper",
    "sign_flip",
    "t_interval",
    "tost",
]
