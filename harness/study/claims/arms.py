"""Claims that compare arms: two of them, or two differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.claims.base import Claim, LevelsOf, Partial, differ, named
from harness.study.metrics import SOONER, Metric


@dataclass(frozen=True, kw_only=True)
class Higher(Claim):
    """The metric of one arm is higher than another's by at least the margin.

    Attributes:
        higher: the arm claimed to have the higher value; may name some factors only.
        lower: the arm claimed to have the lower value.

    Example:
        >>> from harness import Higher
        >>> claim = Higher(
        ...     "Batch normalisation gives at least a point of accuracy.",
        ...     metric="test_accuracy",
        ...     higher={"normalisation": "batch"},
        ...     lower={"normalisation": "none"},
        ...     by=0.01,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('normalisation=batch', 'normalisation=none')
    """

    higher: Partial
    lower: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.higher, self.lower)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the higher arm, then the lower."""
        return [self.higher, self.lower]

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name the arm claimed higher and the arm claimed lower."""
        return named(self.higher), named(self.lower)


@dataclass(frozen=True, kw_only=True)
class Equivalent(Claim):
    """The metric of two arms differs by less than the margin, in either direction.

    To find no difference is no evidence for this; an interval within the margins is
    (Schuirmann 1987, https://doi.org/10.1007/BF01068419).

    Attributes:
        first: one arm; may name some factors only.
        second: the other.

    Example:
        >>> from harness import Equivalent
        >>> claim = Equivalent(
        ...     "Whether dropout or normalisation comes first makes no difference.",
        ...     metric="test_accuracy",
        ...     first={"order": "norm, dropout"},
        ...     second={"order": "dropout, norm"},
        ...     by=0.01,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('order=norm, dropout', 'order=dropout, norm')
    """

    first: Partial
    second: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.first, self.second)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return both arms."""
        return [self.first, self.second]

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name both arms."""
        return named(self.first), named(self.second)


@dataclass(frozen=True, kw_only=True)
class NotWorse(Claim):
    """The metric of one arm is not worse than another's by as much as the margin.

    The metric says which direction is worse. To find no difference is no evidence for this; an
    interval that ends before the margin is (non-inferiority: Piaggio et al. 2012,
    https://doi.org/10.1001/jama.2012.87802).

    Attributes:
        arm: the arm claimed to be as good; may name some factors only.
        than: the arm to compare it with.

    Example:
        >>> from harness import NotWorse
        >>> claim = NotWorse(
        ...     "The cheaper optimizer is as good.",
        ...     metric="test_loss",
        ...     arm={"optimizer": "sgd"},
        ...     than={"optimizer": "adamw"},
        ...     by=0.05,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('optimizer=sgd', 'optimizer=adamw')
    """

    arm: Partial
    than: Partial

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.arm, self.than)

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the arm, then the other."""
        return [self.arm, self.than]

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name both arms."""
        return named(self.arm), named(self.than)


Clock = Literal["epochs", "steps"]
CLOCKS: tuple[Clock, ...] = ("epochs", "steps")


@dataclass(frozen=True, kw_only=True)
class Sooner(Claim):
    """One arm reaches a target before another, in more seeds than the other way round.

    If an arm never reaches it, its time is infinite, so there are no means. The effect is the share
    of seeds in which the first arm comes first, less the share in which the second does. The margin
    is a difference of such shares.

    Attributes:
        sooner: the arm claimed to come first; all factors, or all that vary, must be named.
        later: the arm claimed to come second.
        reaches: the target. The first epoch counts after which the metric is at least that good; it
            must be a metric with a learning curve.
        clock: what is counted until then: ``"epochs"`` (samples seen) or ``"steps"``; of a training
            of the user's own, what that counts when it reports.

    Example:
        >>> from harness import Sooner
        >>> claim = Sooner(
        ...     "With normalisation 90 % is reached sooner.",
        ...     metric="validation_accuracy",
        ...     reaches=0.9,
        ...     sooner={"normalisation": "batch"},
        ...     later={"normalisation": "none"},
        ...     by=0.2,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('normalisation=batch first', 'normalisation=none first')
    """

    sooner: Partial
    later: Partial
    reaches: float
    clock: Clock = "steps"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_two_arms(self, self.sooner, self.later)
        if self.by >= 1:
            raise HarnessError(
                f"the margin of the claim {self.text!r} must be below 1, which is all seeds",
                repr(self.by),
                "Write by=0.2, say: first in a fifth of the seeds more than the other.",
            )
        checks.number(self, "reaches", self.reaches, 0.9)
        checks.one_of(self, "clock", self.clock, CLOCKS)

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference of the shares of seeds in which each side is first"

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return the arm claimed to come first, then the other."""
        return [self.sooner, self.later]

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name which side is first."""
        return f"{named(self.sooner)} first", f"{named(self.later)} first"

    def effect_in(self, _metric: Metric) -> Metric:
        """Return shares of seeds."""
        return SOONER


@dataclass(frozen=True, kw_only=True)
class Interaction(Claim):
    """The difference that one factor makes is larger at one level of another factor.

    The value per seed is ``[m(of[0], at[0]) - m(of[1], at[0])] - [m(of[0], at[1]) - m(of[1],
    at[1])]``: how much more ``of`` changes the metric at ``at[0]`` than at ``at[1]``.

    Attributes:
        of: two partial arms: the claim is about the difference between them.
        at: two partial arms: the two places at which that difference is taken.

    Example:
        >>> from harness import Interaction
        >>> claim = Interaction(
        ...     "Shortcuts help deep networks more than shallow ones.",
        ...     metric="test_accuracy",
        ...     of=({"shortcut": True}, {"shortcut": False}),
        ...     at=({"depth": 56}, {"depth": 20}),
        ...     by=0.02,
        ... )
        >>> claim.sides()  # the effect is the first less the second
        ('(shortcut=yes − shortcut=no) at depth=56', 'the same at depth=20')
    """

    of: tuple[Partial, Partial]
    at: tuple[Partial, Partial]

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("of", "at"):
            pair = getattr(self, name)
            if not isinstance(pair, tuple | list) or len(pair) != 2 or not differ(*pair):
                raise HarnessError(
                    f"{name}= in the claim {self.text!r} must be two different partial arms",
                    repr(pair),
                    f"Write {name}=({{'depth': 56}}, {{'depth': 20}}), say.",
                )
        shared = set(self.of[0]) | set(self.of[1])
        if shared & (set(self.at[0]) | set(self.at[1])):
            raise HarnessError(
                f"of= and at= in the claim {self.text!r} must name different factors",
                f"of={self.of!r} at={self.at!r}",
                "Name one factor in each.",
            )

    @property
    def contrast(self) -> str:
        """What its effect is, for sentences."""
        return "difference of differences"

    def partials(self, _levels_of: LevelsOf) -> list[Partial]:
        """Return both of ``of`` at the first of ``at``, then at the second."""
        return [{**of, **at} for at in self.at for of in self.of]

    def sides(self, _level: str = "") -> tuple[str, str]:
        """Name the two places at which the difference is taken."""
        change = f"{named(self.of[0])} − {named(self.of[1])}"
        return f"({change}) at {named(self.at[0])}", f"the same at {named(self.at[1])}"


def _check_two_arms(claim: Claim, first: Any, second: Any) -> None:
    if not differ(first, second):
        raise HarnessError(
            f"the claim {claim.text!r} must compare two different arms",
            f"{first!r} and {second!r}",
            "Name the levels in which they differ.",
        )
