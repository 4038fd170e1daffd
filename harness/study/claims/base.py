"""What every claim has: a sentence to be judged, with the margin that matters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.levels import Level, level_name, own
from harness.messages.printable import check_name
from harness.study.metrics import Metric

Partial = Mapping[str, Any]
"""An arm, or part of one: the other factors are averaged over within each seed."""

LevelsOf = Callable[[str], Sequence[Level]]
"""The levels of a factor that are run, in the order declared, by the factor's name."""


@dataclass(frozen=True)
class Claim:
    """What every claim has.

    Attributes:
        text: the sentence, as the report will print it.
        metric: which metric it speaks of.
        by: the margin, in the metric's unit: the smallest difference that matters. For costs it
            is relative: 0.05 is five per cent more.
        source: who says so.
        primary: whether it gets a verdict; verdicts are corrected for the number of primary claims.
            An exploratory claim (``primary=False``) is at most a lead.

    Example:
        >>> from harness import Claim, Higher
        >>> claim = Higher(
        ...     "64 beats 16.",
        ...     metric="test_accuracy",
        ...     higher={"width": 64},
        ...     lower={"width": 16},
        ...     by=0.01,
        ...     source="He et al. 2015",
        ...     primary=False,
        ... )
        >>> isinstance(claim, Claim), claim.kind
        (True, 'Higher')
    """

    text: str
    metric: str
    by: float = math.nan
    source: str = ""
    primary: bool = True

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, own(getattr(self, item.name)))
        if not isinstance(self.text, str) or not self.text.strip():
            raise HarnessError(
                "a claim must be a sentence", repr(self.text), "Write Higher('A beats B.', ...)."
            )
        check_name("the sentence of a claim", self.text, "Write Higher('A beats B.', ...).")
        check_name("the source of a claim", self.source, "Write source='He et al. 2016', say.")
        if not checks.is_number(self.by) or not 0 < self.by < math.inf:
            raise HarnessError(
                f"the margin of the claim {self.text!r} must be above 0, in the unit of its metric",
                "none, or nan" if _is_nan(self.by) else repr(self.by),
                "Write by=0.01, say: the smallest difference that would matter.",
            )
        checks.flag(self, "primary", self.primary)

    def _called(self, name: str) -> str:
        return f"{name}= in the claim {self.text!r}"

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference"

    @property
    def kind(self) -> str:
        """The name of the kind, as in ``verdicts.json``."""
        return type(self).__name__

    def partials(self, levels_of: LevelsOf) -> list[Partial]:
        """Return the partial arms that the claim looks at, in the order its kind defines.

        Raises:
            HarnessError: the levels that are run are not enough for it.
        """
        raise NotImplementedError

    def chosen(self) -> tuple[str, Sequence[Any]]:
        """Return a factor and the levels of it that ``among`` names; empty if all take part."""
        return "", ()

    def sides(self, level: str = "") -> tuple[str, str]:
        """Name both sides for axes and sentences; the effect is the first less the second.

        Args:
            level: for a claim on one level against several: the one that counts, once it is known.
        """
        raise NotImplementedError

    def effect_in(self, metric: Metric) -> Metric:
        """Return the metric of its effect and margin; mostly the claim's own."""
        return metric


def differ(first: Any, second: Any) -> bool:
    """Whether both are partial arms that name something, and not the same."""
    if not all(isinstance(each, Mapping) and each for each in (first, second)):
        return False
    # by name, because True == 1
    names = [{key: level_name(value) for key, value in each.items()} for each in (first, second)]
    return names[0] != names[1]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def named(partial: Partial) -> str:
    """Write a partial arm for sentences."""
    return ", ".join(f"{factor}={level_name(value)}" for factor, value in partial.items())
