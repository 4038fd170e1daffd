"""Intervals and tests on plain arrays; knows nothing of studies."""

from harness.stats.best import Behind, among_best
from harness.stats.changes import change_points
from harness.stats.doses import omnibus, page, rises
from harness.stats.failures import Discordance, Rate, discordance, rate
from harness.stats.front import front
from harness.stats.joint import Least, least
from harness.stats.location import LARGE_SKEW, Location
from harness.stats.multiple import bonferroni, false_discovery
from harness.stats.paired import (
    FEWEST,
    FEWEST_PERMUTED,
    MOST_PERMUTED,
    Mean,
    Paired,
    judged_interval,
    located,
    paired,
    sign_flip,
    t_interval,
)
from harness.stats.sample_size import More, more_seeds, rounded
from harness.stats.unpaired import Unpaired, located_unpaired, unpaired

__all__ = [
    "FEWEST",
    "FEWEST_PERMUTED",
    "LARGE_SKEW",
    "MOST_PERMUTED",
    "Behind",
    "Discordance",
    "Least",
    "Location",
    "Mean",
    "More",
    "Paired",
    "Rate",
    "Unpaired",
    "among_best",
    "bonferroni",
    "change_points",
    "discordance",
    "false_discovery",
    "front",
    "judged_interval",
    "least",
    "located",
    "located_unpaired",
    "more_seeds",
    "omnibus",
    "page",
    "paired",
    "rate",
    "rises",
    "rounded",
    "sign_flip",
    "t_interval",
    "unpaired",
]
