"""The metrics a trial records: name, unit, direction, and how to print them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from harness.errors import HarnessError, near


@dataclass(frozen=True)
class Metric:
    """One number measured on one trained model.

    Attributes:
        name: the key in records and claims.
        title: the name on an axis.
        unit: ``"nats"``, ``"fraction"`` (0 to 1, printed as per cent) or ``""``.
        better: which direction is good; ``None`` where neither is.
        meaning: one sentence for the glossary.
    """

    name: str
    title: str
    unit: Literal["nats", "fraction", ""]
    better: Literal["higher", "lower"] | None
    meaning: str

    def format(self, value: float) -> str:
        """Print a level of this metric, with its unit."""
        if self.unit == "fraction":
            return f"{100 * value:.1f} %"
        return f"{value:.3g}" + (f" {self.unit}" if self.unit else "")

    def format_difference(self, value: float, *, signed: bool = True, unit: bool = True) -> str:
        """Print a difference of this metric; percentage points for fractions."""
        sign = "+" if signed else ""
        if self.unit == "fraction":
            return f"{100 * value:{sign}.1f}".replace("-", "−") + (" pp" if unit else "")
        suffix = f" {self.unit}" if self.unit and unit else ""
        return f"{value:{sign}.3g}".replace("-", "−") + suffix

    def format_interval(self, low: float, high: float) -> str:
        """Print an interval of differences, such as ``[+0.8, +1.2] nats``."""
        if self.unit == "fraction":
            ends = [self.format_difference(end, unit=False) for end in (low, high)]
        else:  # the same decimals at both ends: three digits of the larger one
            largest = max(abs(low), abs(high))
            whole = math.floor(math.log10(largest)) if 0 < largest < math.inf else 0
            ends = [f"{end:+.{max(0, 2 - whole)}f}".replace("-", "−") for end in (low, high)]
        unit = "pp" if self.unit == "fraction" else self.unit
        return f"[{', '.join(ends)}]" + (f" {unit}" if unit else "")


def _split_metrics() -> list[Metric]:
    splits = {
        "train": "the examples trained on, in evaluation mode, after the last step",
        "validation": "examples held out of training, drawn anew for each seed",
        "test": "test examples, which the training of this seed has not seen",
    }
    out = []
    for split, where in splits.items():
        title = split.capitalize()
        out += [
            Metric(f"{split}_loss", f"{title} loss", "nats", "lower",
                   f"Mean cross-entropy on {where}."),
            Metric(f"{split}_accuracy", f"{title} accuracy", "fraction", "higher",
                   f"Share classified correctly of {where}."),
        ]  # fmt: skip
    return out


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in [
        *_split_metrics(),
        Metric(
            "gradient_norm_first_block",
            "Gradient norm, first block",
            "",
            None,
            "Euclidean norm, at the start, of the first batch's loss gradient with respect to "
            "the parameters of the network's first block.",
        ),
    ]
}
"""Every metric that training records, by name."""


def metric_named(name: str) -> Metric:
    """Look a metric up.

    Raises:
        HarnessError: nobody records a metric of this name.
    """
    if name not in METRICS:
        raise HarnessError(
            "a metric must be one that trials record", repr(name), near(name, METRICS)
        )
    return METRICS[name]
