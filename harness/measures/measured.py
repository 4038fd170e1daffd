"""Makes a measure of a user's function."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from harness.identity.canonical import canonical
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.study.metrics import BY_LAYER, METRICS, Metric
from harness.trained import Trained, Values, When

Unit = Literal["nats", "fraction", ""]
Better = Literal["higher", "lower"] | None


@dataclass(frozen=True)
class Measured:
    """A function of a study as a measure; :func:`measured` makes one.

    The network and the global generators are restored after each call of the function.

    Attributes:
        name: of its one metric, in records and claims.
        function: takes the :class:`harness.trained.Trained` and returns a finite number.
        title: the name on an axis.
        unit: ``"nats"``, ``"fraction"`` (0 to 1, printed as per cent) or ``""``.
        better: which direction is good: ``"higher"``, ``"lower"`` or ``None``.
        meaning: one sentence for the glossary.
        when: ``"start"``, before the first step, or ``"end"``, after the last.

    Raises:
        HarnessError: a field is wrong.
    """

    name: str
    function: Callable[[Trained], float]
    title: str
    unit: Unit
    better: Better
    meaning: str
    when: When

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_function(self.function)
        if not isinstance(self.title, str) or not self.title.strip():
            raise HarnessError(
                "measured(title=...) must be a name for an axis",
                repr(self.title),
                f"Write title={self.name.replace('_', ' ').capitalize()!r}, or leave it out.",
            )
        for name, kinds in (("unit", get_args(Unit)), ("better", ("higher", "lower", None))):
            checks.one_of(self, name, getattr(self, name), kinds)
        if not isinstance(self.meaning, str) or not self.meaning.strip():
            raise HarnessError(
                "measured(meaning=...) must say what is measured, in one sentence for the report",
                repr(self.meaning),
                "Write meaning='Share of ... on ...'.",
            )
        checks.one_of(self, "when", self.when, get_args(When))

    def _called(self, name: str) -> str:
        return f"measured({name}=...)"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The one metric that it gives."""
        return (Metric(self.name, self.title, self.unit, self.better, self.meaning),)

    def __call__(self, trained: Trained) -> Values:
        """Return the function's value.

        Raises:
            HarnessError: the function failed, or returned no finite number.
        """
        import torch

        from harness.measures.kept import kept

        where = f"measure {self.name!r}, seed {trained.member.seed}"
        try:
            with kept(trained, self.name):
                value: object = self.function(trained)
        except (HarnessError, MemoryError, torch.OutOfMemoryError):
            raise  # what is too large alone may fit when fewer train together
        except Exception as error:
            raise HarnessError(
                f"{where}: its function must return a number",
                f"{type(error).__name__}: {error}",
                "Mend the function.",
            ) from error
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise HarnessError(
                f"{where}: its function must return a number",
                repr(value),
                "Return float(...) of one.",
            )
        if not math.isfinite(value):
            raise HarnessError(
                f"{where}: its function must return a finite number",
                repr(value),
                "Mend the function.",
            )
        return {self.name: float(value)}


def measured(
    name: str,
    function: Callable[[Trained], float],
    *,
    title: str = "",
    unit: Unit = "",
    better: Better = None,
    meaning: str,
    when: When = "end",
) -> Measured:
    """Make a measure of a function that the study defines.

    What the function returns is recorded for each trial, and claims may be about it. The function
    is given a :class:`harness.trained.Trained`; everything random in it should come from
    ``trained.draws(...)``, so that it is the same in every arm.

    Args:
        name: of the metric: small letters, digits and underscores, a letter first; none of the
            harness's own.
        function: a function at the top level of a file, or a frozen dataclass with ``__call__``.
        title: the name on an axis; made of ``name`` by default.
        unit: see :class:`Measured`.
        better: see :class:`Measured`.
        meaning: one sentence for the glossary.
        when: see :class:`Measured`.

    Raises:
        HarnessError: an argument is wrong.

    Example:
        >>> from harness.measures import measured
        >>> def largest_weight(trained):
        ...     return float(trained.network.vector.abs().max())
        >>> measure = measured("largest_weight", largest_weight, meaning="The largest weight.")
        >>> measure.metrics[0].title, measure.when
        ('Largest weight', 'end')
    """
    if title == "" and isinstance(name, str):
        title = name.replace("_", " ").capitalize()
    return Measured(name, function, title, unit, better, meaning, when)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise HarnessError(
            "measured(name=...) must be small letters, digits and underscores, a letter first",
            repr(name),
            "Write measured('margin', ...), say.",
        )
    if name in METRICS or name in BY_LAYER:
        raise HarnessError(
            "measured(name=...) must be none of the harness's own metrics",
            repr(name),
            f"Write measured('my_{name}', ...), say.",
        )


def _check_function(function: object) -> None:
    if not callable(function) or isinstance(function, type):
        raise HarnessError(
            "measured(function=...) must be a function of the trained network",
            repr(function),
            "Define it with def at the top level of the study's file, and give it without calling.",
        )
    canonical(function)
