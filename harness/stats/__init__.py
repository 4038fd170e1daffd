"""Intervals and tests on plain arrays; knows nothing of studies.

Of a gate: :mod:`~harness.stats.signed_rank`, the test; :mod:`~harness.stats.slower`, the rule;
:mod:`~harness.stats.operating`, what it does in simulated gates.
"""

from harness.stats.best import Behind, among_best
from harness.stats.changes import change_points
from harness.stats.doses import omnibus, page, rises
from harness.stats.failures import Discordance, Rate, discordance, rate
from harness.stats.front import front
from harness.stats.joint import Least, least
from harness.stats.location import LARGE_SKEW, Location
from harness.stats.multiple import bonferroni, false_discovery
from harness.stats.operating import Operating, centred, decide_many, detectable, operating
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
from harness.stats.signed_rank import NotFiniteError, signed_rank, signed_rank_interval
from harness.stats.slower import (
    Decision,
    Rule,
    as_figure,
    as_times,
    decide,
    interquartile_mean,
    spread,
)
from harness.stats.unpaired import Unpaired, located_unpaired, unpaired

__all__ = [
    "FEWEST",
    "FEWEST_PERMUTED",
    "LARGE_SKEW",
    "MOST_PERMUTED",
    "Behind",
    "Decision",
    "Discordance",
    "Least",
    "Location",
    "Mean",
    "More",
    "NotFiniteError",
    "Operating",
    "Paired",
    "Rate",
    "Rule",
    "Unpaired",
    "among_best",
    "as_figure",
    "as_times",
    "bonferroni",
    "centred",
    "change_points",
    "decide",
    "decide_many",
    "detectable",
    "discordance",
    "false_discovery",
    "front",
    "interquartile_mean",
    "judged_interval",
    "least",
    "located",
    "located_unpaired",
    "more_seeds",
    "omnibus",
    "operating",
    "page",
    "paired",
    "rate",
    "rises",
    "rounded",
    "sign_flip",
    "signed_rank",
    "signed_rank_interval",
    "spread",
    "t_interval",
    "unpaired",
]
