"""Learning-rate schedules: a factor for every step, computed before the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from harness.messages import checks

if TYPE_CHECKING:  # numpy would double the start-up of a command that only lists studies
    import numpy as np
    from numpy.typing import NDArray

    Factors: TypeAlias = NDArray[np.float64]


@runtime_checkable
class Schedule(Protocol):
    """What multiplies the optimizer's learning rate.

    Example:
        >>> from harness.schedules import Cosine, Schedule
        >>> isinstance(Cosine(), Schedule)
        True
    """

    def factors(self, steps: int) -> Factors:
        """Return one factor per step, shape ``[steps]``."""


def _warm(factors: Factors, warmup: float) -> Factors:
    """Ramp linearly over the first ``warmup`` share of steps (Goyal et al. 2017, 1706.02677)."""
    import numpy as np

    warm = round(warmup * len(factors))
    ramp = np.minimum(1.0, (np.arange(len(factors)) + 1) / (warm + 1))
    return factors * ramp


@dataclass(frozen=True)
class Constant:
    """The same learning rate throughout, after a linear warm-up.

    Attributes:
        warmup: share of all steps, in [0, 1), over which the rate rises linearly to its value.

    Example:
        >>> from harness import Constant
        >>> Constant(warmup=0.5).factors(4).round(2).tolist()
        [0.33, 0.67, 1.0, 1.0]
    """

    warmup: float = 0.0

    def __post_init__(self) -> None:
        checks.share(self, "warmup", self.warmup, 0.05)

    def factors(self, steps: int) -> Factors:
        """Return one factor per step, shape ``[steps]``."""
        import numpy as np

        return _warm(np.ones(steps), self.warmup)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2016, 1608.03983, equation 5).

    Attributes:
        warmup: share of all steps, in [0, 1), over which the rate first rises linearly.

    Example:
        >>> from harness import Cosine
        >>> Cosine().factors(4).round(2).tolist()
        [1.0, 0.85, 0.5, 0.15]
    """

    warmup: float = 0.0

    def __post_init__(self) -> None:
        checks.share(self, "warmup", self.warmup, 0.05)

    def factors(self, steps: int) -> Factors:
        """Return one factor per step, shape ``[steps]``."""
        import numpy as np

        warm = round(self.warmup * steps)
        done = np.maximum(np.arange(steps) - warm, 0) / max(steps - warm, 1)
        return _warm(0.5 * (1 + np.cos(np.pi * done)), self.warmup)


@dataclass(frozen=True)
class Step:
    """Multiplied by ``factor`` after each share ``every`` of training, as torch's ``StepLR``.

    The shares are counted from the first step, warm-up included, as Goyal et al. 2017 (1706.02677,
    section 5.1) count their epochs. Where a share is no whole number of steps, each drop comes at
    the nearest step; where it is less than one, at every step.

    Attributes:
        every: share of all steps, in (0, 1), between two drops.
        factor: what each drop multiplies the rate by, in (0, 1].
        warmup: share of all steps, in [0, 1), over which the rate first rises linearly.

    Example:
        >>> from harness import Step
        >>> Step(every=0.5, factor=0.1).factors(4).round(2).tolist()
        [1.0, 1.0, 0.1, 0.1]
    """

    every: float
    factor: float = 0.1
    warmup: float = 0.0

    def __post_init__(self) -> None:
        checks.share(self, "every", self.every, 0.3, ends="()")
        checks.share(self, "factor", self.factor, 0.1, ends="(]")
        checks.share(self, "warmup", self.warmup, 0.05)

    def factors(self, steps: int) -> Factors:
        """Return one factor per step, shape ``[steps]``."""
        import numpy as np

        # half a step added: drop k comes at step round(k * every * steps)
        drops = np.floor((np.arange(steps) + 0.5) / max(self.every * steps, 1.0))
        return _warm(self.factor**drops, self.warmup)


@dataclass(frozen=True)
class OneCycle:
    """Up from ``1 / start`` to 1 and down again, both along half a cosine.

    Smith & Topin 2017 (1708.07120), in the form and with the defaults of torch's ``OneCycleLR``;
    the warm-up is the rising part.

    Attributes:
        warmup: share of all steps, in (0, 1), spent rising.
        start: the peak over the first rate, at least 1.
        end: the first rate over the last, at least 1.

    Example:
        >>> from harness import OneCycle
        >>> OneCycle(warmup=0.4).factors(6).round(2).tolist()
        [0.04, 0.82, 0.93, 0.59, 0.18, 0.0]
    """

    warmup: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        checks.share(self, "warmup", self.warmup, 0.3, ends="()")
        checks.at_least(self, "start", self.start, 25.0, least=1)
        checks.at_least(self, "end", self.end, 1e4, least=1)

    def factors(self, steps: int) -> Factors:
        """Return one factor per step, shape ``[steps]``."""
        import numpy as np

        peak = self.warmup * steps - 1
        last = steps - 1
        step = np.arange(steps, dtype=float)
        low, floor = 1 / self.start, 1 / (self.start * self.end)
        rising = step <= peak
        share = np.where(rising, step / max(peak, 1e-12), (step - peak) / max(last - peak, 1e-12))
        begin, goal = np.where(rising, low, 1.0), np.where(rising, 1.0, floor)
        curve: Factors = goal + (begin - goal) / 2 * (1 + np.cos(np.pi * np.clip(share, 0, 1)))
        return curve
