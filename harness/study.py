"""The vocabulary of a study file: Study, Factor, Tuned, Scale; each checks itself when made."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from harness.claims import Claim
from harness.errors import HarnessError, near
from harness.levels import Level, level_name
from harness.metrics import metric_named
from harness.training import Training

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_RESERVED = {
    "study", "scale", "arm", "seed", "role", "key", "state", "reason", "lambda", "number",
}  # fmt: skip


@dataclass(frozen=True)
class Factor:
    """A thing the study varies, and every level it takes; the first level is the baseline.

    Attributes:
        name: a parameter of the study's ``build``.
        levels: plain values or objects; a mapping gives objects names of their own choosing.
    """

    name: str
    levels: Sequence[Any] | Mapping[str, Any]

    def __post_init__(self) -> None:
        _check_parameter("Factor", self.name)
        if isinstance(self.levels, str) or not isinstance(self.levels, Sequence | Mapping):
            raise HarnessError(
                f"the levels of factor {self.name!r} must be a tuple or a mapping",
                repr(self.levels),
                f"Write Factor({self.name!r}, (first, second)).",
            )
        if not self.levels:
            raise HarnessError(
                f"factor {self.name!r} must have levels",
                "none",
                f"Write Factor({self.name!r}, (first, second)).",
            )
        seen: set[str] = set()
        for level in self.named:
            if level.name in seen:
                raise HarnessError(
                    f"the levels of factor {self.name!r} must differ",
                    f"{level.name!r} twice",
                    "Leave one out, or name them apart: {'first': ..., 'second': ...}.",
                )
            seen.add(level.name)

    @cached_property
    def named(self) -> tuple[Level, ...]:
        """The levels with their names, baseline first."""
        if isinstance(self.levels, Mapping):
            return tuple(Level(str(name), value) for name, value in self.levels.items())
        return tuple(Level(level_name(value), value) for value in self.levels)

    def level(self, wanted: Any) -> Level:
        """Find a level by its value or its name.

        Raises:
            HarnessError: the factor has no such level.
        """
        for level in self.named:
            if (_kind(level.value) is _kind(wanted) and level.value == wanted) or (
                isinstance(wanted, str) and level.name == wanted
            ):
                return level
        raise HarnessError(
            f"a level of factor {self.name!r} must be one of those declared",
            repr(wanted),
            near(str(wanted), [level.name for level in self.named]),
        )


@dataclass(frozen=True)
class Tuned:
    """A nuisance setting, searched anew in every arm with the same space and budget.

    Attributes:
        name: a parameter of the study's ``build``.
        low: the smallest value tried.
        high: the largest value tried.
        log: whether the space is searched on a logarithmic axis.
        trials: settings tried in each arm; the first is the default.
        default: what ``--no-tuning`` uses; the middle of the space unless given.
    """

    name: str
    low: float
    high: float
    log: bool = False
    trials: int = 8
    default: float | None = None

    def __post_init__(self) -> None:
        _check_parameter("Tuned", self.name)
        ends = (self.low, self.high)
        numbers = all(isinstance(end, int | float) and math.isfinite(end) for end in ends)
        if not numbers or not self.low < self.high or (self.log and self.low <= 0):
            raise HarnessError(
                f"the space of {self.name!r} must be finite with low < high"
                + (", and above 0 on a log axis" if self.log else ""),
                f"{self.low!r} to {self.high!r}",
                f"Write Tuned({self.name!r}, 0.01, 1.0, log=True), say.",
            )
        if not isinstance(self.trials, int) or isinstance(self.trials, bool) or self.trials < 1:
            raise HarnessError(
                f"Tuned({self.name!r}, trials=...) must be a whole number of at least 1",
                repr(self.trials),
                "Write trials=8, say.",
            )
        number = self.default is None or isinstance(self.default, int | float)
        if not number or (self.default is not None and not self.low <= self.default <= self.high):
            raise HarnessError(
                f"the default of {self.name!r} must lie in its space, {self.low} to {self.high}",
                repr(self.default),
                "Move the default, or widen the space.",
            )

    @property
    def start(self) -> float:
        """The declared default, or the middle of the space."""
        return self.at(0.5) if self.default is None else float(self.default)

    def at(self, share: float) -> float:
        """Return the value at a share of the way from ``low`` to ``high`` on the space's axis.

        Six digits are kept: more would only make equal settings differ between machines.
        """
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            value = 10 ** (low + share * (high - low))
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.6g}"), self.low), self.high)


class Scale:
    """How big to run a study; whatever else ``build`` needs to know of the scale is named freely.

    ``Scale(data=digits(), width=8, epochs=15, seeds=5)`` has the attributes ``data``, ``width``
    and ``epochs`` beside those below.

    Attributes:
        seeds: evaluation seeds per arm.
        levels: which levels of a factor to keep at this scale, where not all.
        tuning: settings tried per arm at this scale, where not what ``Tuned`` says.
        settings: everything named freely.
    """

    __slots__ = ("levels", "seeds", "settings", "tuning")

    seeds: int
    levels: Mapping[str, tuple[Any, ...]]
    tuning: int | None
    settings: Mapping[str, Any]

    def __init__(
        self,
        *,
        seeds: int,
        levels: Mapping[str, Sequence[Any]] | None = None,
        tuning: int | None = None,
        **settings: Any,
    ) -> None:
        for name, count in (("seeds", seeds), ("tuning", tuning)):
            if name == "tuning" and count is None:
                continue
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise HarnessError(
                    f"Scale({name}=...) must be a whole number of at least 1",
                    repr(count),
                    f"Write Scale({name}=5), say.",
                )
        for name, values in (levels or {}).items():
            if not isinstance(values, tuple | list) or not values:
                raise HarnessError(
                    "Scale(levels=...) must keep at least one level of each factor that it names",
                    f"{name!r}: {values!r}",
                    f"Write levels={{{name!r}: (first, second)}}.",
                )
        kept = {name: tuple(values) for name, values in (levels or {}).items()}
        for name, value in (
            ("seeds", seeds), ("levels", kept), ("tuning", tuning), ("settings", settings),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to {name!r} of a Scale")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in Scale.__slots__:
            raise AttributeError(name)
        if name not in self.settings:
            raise HarnessError(
                "build must use settings that every Scale gives",
                f"scale.{name}",
                f"Write Scale({name}=..., ...). " + near(name, self.settings),
            )
        return self.settings[name]

    def __reduce__(self) -> tuple[Any, tuple[()]]:  # copies and pickles are made, not assigned to
        given: dict[str, Any] = {"seeds": self.seeds, "levels": self.levels, "tuning": self.tuning}
        return functools.partial(Scale, **(given | dict(self.settings))), ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"Scale(seeds={self.seeds}, {shown})"


@dataclass(frozen=True)
class Factorial:
    """Every combination of levels."""


@dataclass(frozen=True)
class OneAtATime:
    """The baseline, and each other level with all other factors at their baseline."""


@dataclass(frozen=True)
class Arms:
    """A list of named arms; a factor that an arm leaves out stays at its baseline.

    Attributes:
        named: arm name to the levels that it sets.
    """

    named: Mapping[str, Mapping[str, Any]]


Design = Factorial | OneAtATime | Arms


@dataclass(frozen=True)
class Arm:
    """One combination of levels.

    Attributes:
        name: what tables and plots call it.
        levels: a level for every factor, in the factors' order.
    """

    name: str
    levels: Mapping[str, Level]

    def matches(self, partial: Mapping[str, Level]) -> bool:
        """Whether this arm has all the levels that ``partial`` names."""
        return all(self.levels[factor] == level for factor, level in partial.items())


@dataclass(frozen=True)
class Study:
    """A question: factors, a ``build`` function, scales and claims.

    Attributes:
        name: lower-case letters, digits, ``_`` and ``-``; the name of its folder and its store.
        question: one sentence, printed as the report's title.
        factors: what is varied.
        build: ``build(scale, <each factor>, <each tuned setting>) -> Training``.
        scales: by name, smallest first; the first is the default.
        claims: sentences on trial.
        tuned: settings searched anew in every arm.
        design: which combinations of levels are run.
        objective: the validation metric by which settings are chosen.

    Raises:
        HarnessError: anything in it does not fit the rest.
    """

    name: str
    question: str
    factors: Sequence[Factor]
    build: Callable[..., Training]
    scales: Mapping[str, Scale]
    claims: Sequence[Claim] = ()
    tuned: Sequence[Tuned] = ()
    design: Design = field(default_factory=Factorial)
    objective: str = "validation_loss"

    def __post_init__(self) -> None:
        for name, kind in (("factors", Factor), ("claims", Claim), ("tuned", Tuned)):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or not all(isinstance(x, kind) for x in value):
                raise HarnessError(
                    f"Study({name}=...) must be a tuple, each of it a {kind.__name__}",
                    repr(value),
                    f"Write {name}=({kind.__name__}(...),), with the comma.",
                )
            object.__setattr__(self, name, tuple(value))
        if not isinstance(self.scales, Mapping):
            raise HarnessError(
                "Study(scales=...) must be a mapping from names to scales",
                repr(self.scales),
                "Write scales={'quick': Scale(seeds=5, ...)}.",
            )
        object.__setattr__(self, "scales", dict(self.scales))
        self._check_names()
        self._check_build()
        self._check_scales()
        self._check_arms()
        self._check_claims()

    def _check_names(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise HarnessError(
                "a study's name must be lower-case letters, digits, _ and - (it names a folder)",
                repr(self.name),
                "Write name='my_study', say.",
            )
        if not isinstance(self.question, str) or not self.question.strip():
            raise HarnessError(
                "a study must ask a question",
                repr(self.question),
                "Write question='Does ... help?'",
            )
        if not self.factors:
            raise HarnessError("a study must vary something", "no factors", "Add a Factor.")
        if not metric_named(self.objective).name.startswith("validation_"):
            raise HarnessError(
                "settings must be chosen on the validation split",
                f"objective={self.objective!r}",
                "Write objective='validation_loss' or 'validation_accuracy'.",
            )

    def _check_build(self) -> None:
        names = [each.name for each in self.factors] + [each.name for each in self.tuned]
        for name in names:
            if names.count(name) > 1:
                raise HarnessError(
                    "factors and tuned settings must have different names",
                    f"{name!r} twice",
                    "Rename one of them.",
                )
        if not callable(self.build):
            raise HarnessError(
                "build must be a function", repr(self.build), "Write def build(scale, ...): ..."
            )
        wanted = ["scale", *names]
        has = list(inspect.signature(self.build).parameters)
        if set(has) != set(wanted):
            missing = [name for name in wanted if name not in has]
            extra = [name for name in has if name not in wanted]
            parts = [f"{name!r} is not a parameter of build" for name in missing]
            parts += [f"build's {name!r} is no factor and no tuned setting" for name in extra]
            raise HarnessError(
                "build's parameters must be the scale, the factors and the tuned settings",
                ", ".join(parts),
                f"Write def build({', '.join(wanted)}) -> Training.",
            )

    def _check_scales(self) -> None:
        if not self.scales:
            raise HarnessError(
                "a study must have a scale", "none", "Write scales={'quick': Scale(seeds=5, ...)}."
            )
        for name, scale in self.scales.items():
            if not isinstance(scale, Scale):
                raise HarnessError(
                    f"scale {name!r} must be a Scale", repr(scale), "Write Scale(seeds=5, ...)."
                )
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise HarnessError(
                    "a scale's name must be lower-case letters, digits, _ and -",
                    repr(name),
                    "Write 'quick', 'standard' or 'full', say.",
                )
            for factor, levels in scale.levels.items():
                for level in levels:
                    self.factor(factor).level(level)
            budgets = {each.trials for each in self.tuned}
            if len(budgets) > 1 and scale.tuning is None:
                raise HarnessError(
                    "settings tuned together must have one budget",
                    " and ".join(f"{each.name}: {each.trials}" for each in self.tuned),
                    "Give every Tuned the same trials, or the Scale a tuning=...",
                )

    def _check_arms(self) -> None:
        for scale in self.scales:
            arms = self.arms(scale)
            if not arms:
                raise HarnessError(
                    "a study must have arms", "none", "Write Arms({'plain': {...}, ...})."
                )
            names = [arm_name(arm.levels) for arm in arms]
            for name in names:
                if names.count(name) > 1:
                    raise HarnessError(
                        f"the arms of scale {scale!r} must differ",
                        f"{name} twice",
                        "Leave one out.",
                    )

    def _check_claims(self) -> None:
        for claim in self.claims:
            metric_named(claim.metric)
            partials = [partial for _, partial in self.terms(claim)]
            if any(partials.count(partial) > 1 for partial in partials):
                raise HarnessError(
                    f"the claim {claim.text!r} must compare two different arms",
                    " and ".join(arm_name(partial) for partial in partials),
                    "Name the levels in which they differ.",
                )
            for scale in self.scales:
                arms = self.arms(scale)
                for _, partial in self.terms(claim):
                    if not any(arm.matches(partial) for arm in arms):
                        levels = ", ".join(f"{key}={level.name}" for key, level in partial.items())
                        raise HarnessError(
                            f"the claim {claim.text!r} must compare arms that are run",
                            f"{levels}, which no arm of scale {scale!r} has",
                            "Change the claim, the design, or the levels that the scale keeps.",
                        )

    def factor(self, name: str) -> Factor:
        """Find a factor by name.

        Raises:
            HarnessError: the study has no such factor.
        """
        for factor in self.factors:
            if factor.name == name:
                return factor
        raise HarnessError(
            f"study {self.name!r} must have the factor that is named",
            repr(name),
            near(name, [factor.name for factor in self.factors]),
        )

    def scale(self, name: str | None) -> tuple[str, Scale]:
        """Find a scale by name; ``None`` is the first.

        Raises:
            HarnessError: the study has no such scale.
        """
        name = next(iter(self.scales)) if name is None else name
        if name not in self.scales:
            raise HarnessError(
                f"study {self.name!r} must have the scale asked for",
                repr(name),
                near(name, self.scales),
            )
        return name, self.scales[name]

    def budget(self, scale: str) -> int:
        """Return how many settings are tried in each arm; 0 where nothing is tuned."""
        if not self.tuned:
            return 0
        return self.scales[scale].tuning or self.tuned[0].trials

    def terms(self, claim: Claim) -> list[tuple[float, dict[str, Level]]]:
        """Return a claim's contrast: a weight and a partial arm for each of its terms."""
        return [
            (weight, {name: self.factor(name).level(value) for name, value in partial.items()})
            for weight, partial in claim.terms()
        ]

    def arms(self, scale: str) -> tuple[Arm, ...]:
        """Return the arms of one scale, baseline first."""
        kept = self.scales[scale].levels
        levels = {
            factor.name: tuple(factor.level(each) for each in kept[factor.name])
            if factor.name in kept
            else factor.named
            for factor in self.factors
        }
        baseline = {name: options[0] for name, options in levels.items()}
        if isinstance(self.design, Arms):
            return tuple(
                Arm(
                    name,
                    baseline | {key: self.factor(key).level(each) for key, each in partial.items()},
                )
                for name, partial in self.design.named.items()
            )
        if isinstance(self.design, OneAtATime):
            rows = [baseline] + [
                baseline | {name: option}
                for name, options in levels.items()
                for option in options[1:]
            ]
        else:
            rows = [
                dict(zip(levels, combination, strict=True))
                for combination in itertools.product(*levels.values())
            ]
        return tuple(Arm(arm_name(row), row) for row in rows)


def _kind(value: Any) -> type:
    """Tell True from 1, but not 1 from 1.0."""
    return float if type(value) is int else type(value)


def arm_name(levels: Mapping[str, Level]) -> str:
    """Name an arm by its levels, such as ``shortcut=no, depth=56``."""
    return ", ".join(f"{name}={level.name}" for name, level in levels.items())


def _check_parameter(kind: Literal["Factor", "Tuned"], name: Any) -> None:
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or name in _RESERVED
        or name.startswith(("metric_", "cost_", "env_", "tuned_"))
    ):
        raise HarnessError(
            f"a {kind}'s name must be a Python name that no column of the records has",
            repr(name),
            "Choose another, such as 'depth'.",
        )
