"""What sentences on a verdict are made of: its numbers, each printed in the unit of its metric."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judging.pairing import Pairs
from harness.judging.seen import Seen
from harness.stats import More
from harness.study.formatting import format_difference
from harness.study.metrics import Metric, Source


@dataclass(frozen=True)
class Context:
    """The numbers of one verdict, for sentences on it.

    Attributes:
        metric: prints the numbers.
        by: the margin, in the unit of the effect.
        seen: the statistics of the contrast.
        pairs: where they come from.
        claims: primary claims that are judged together.
        more_seeds: what would make the interval narrow enough, where its width is in the way.
        spent: whether claims were looked at by a schedule, and no look is left.
        level: of a claim on several levels, the one that counts; of a trend, the weakest step.
        wanted: seeds of the first look, or all that are planned, where fewer have ended; else 0.
        source: where the study's results come from.
    """

    metric: Metric
    by: float
    seen: Seen
    pairs: Pairs
    claims: int
    more_seeds: More | None
    spent: bool = False
    level: str = ""
    wanted: int = 0
    source: Source = "build"

    @property
    def replicate(self) -> str:
        """What there are several of: a seed, or a round of timing."""
        return self.metric.replicate or "seed"

    @property
    def zero(self) -> str:
        """No difference, in the unit of the effect."""
        return "×1" if self.metric.relative else "0"

    @property
    def contrasts(self) -> str:
        """What is seen in each seed, in the plural."""
        return "ratios" if self.metric.relative else "differences"

    @property
    def more_of(self) -> str:
        """What more there could be of: seeds, of an unpaired claim on each side, or rounds."""
        return f"{self.replicate}s" + " on each side" * self.seen.unpaired

    def size(self, value: float) -> str:
        """Print how large a difference is."""
        shown = format_difference(self.metric, abs(value), signed=False)
        return shown.replace("×", "a factor of ") if self.metric.relative else shown

    def shown(self, text: str) -> str:
        """Fill in margins and the like."""
        metric, by = self.metric, self.by
        return text.format(
            by=format_difference(metric, by, signed=False),
            minus=format_difference(metric, -by),
            plus=format_difference(metric, by),
            zero=self.zero,
        )
