"""How settings are searched: the space, what is to be best, the budget and how it is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from harness.messages import checks
from harness.messages.errors import HarnessError, near
from harness.messages.levels import Level, level_name, own
from harness.study.designs import Arm
from harness.study.metrics import Metric
from harness.study.settings import Choice, Setting, Settings, Value, several
from harness.study.space import Space

LABEL = "setting"
"""The factor whose levels are the settings that are compared at the end."""

DEFAULT = "default"
"""The arm that runs the default settings, the control."""

PLACES = ("1st", "2nd", "3rd")
"""The arms that run the best settings again, in the order in which the search found them."""

SEARCHED = Arm("search", {})
"""What settings are tried under: no arm that is compared."""

SAMPLERS = ("tpe", "gp", "cmaes", "random", "qmc", "grid", "nsga2", "auto")
"""Names of samplers; ``module:Class`` is another one."""

Pruner = Literal["none", "median", "hyperband", "wilcoxon"]
PRUNERS: tuple[Pruner, ...] = ("none", "median", "hyperband", "wilcoxon")


@dataclass(frozen=True)
class _Limit:
    """What both constraints have: a metric, and the value up to which it holds."""

    metric: str
    value: float

    def __post_init__(self) -> None:
        checks.number(self, "value", self.value, 1.0)


@dataclass(frozen=True)
class AtMost(_Limit):
    """A constraint: a metric must be at most so much.

    Attributes:
        metric: its name.
        value: the largest that is taken, in the metric's unit.

    Example:
        >>> from harness import AtMost
        >>> AtMost("model_bytes", 1e6).excess(1.5e6)
        500000.0
    """

    def excess(self, found: float) -> float:
        """Return by how much a value breaks it; 0 or less where it holds."""
        return found - self.value

    @property
    def text(self) -> str:
        """What must hold, in signs."""
        return f"{self.metric} ≤ {self.value:g}"


@dataclass(frozen=True)
class AtLeast(_Limit):
    """A constraint: a metric must be at least so much.

    Attributes:
        metric: its name.
        value: the smallest that is taken, in the metric's unit.

    Example:
        >>> from harness import AtLeast
        >>> AtLeast("validation_accuracy", 0.5).excess(0.75)
        -0.25
    """

    def excess(self, found: float) -> float:
        """Return by how much a value breaks it; 0 or less where it holds."""
        return self.value - found

    @property
    def text(self) -> str:
        """What must hold, in signs."""
        return f"{self.metric} ≥ {self.value:g}"


Constraint = AtMost | AtLeast


@dataclass(frozen=True)
class Searching:
    """How settings are searched, in plain values but for the options of choices.

    Attributes:
        settings: the space, as declared.
        objectives: names of the metrics that are to be best.
        constraints: what must hold of a setting to be taken.
        trials: trials in all, those that confirm the best among them.
        sampler: how the next settings are found.
        pruner: what ends trials early.
        rungs: epochs after which hyperband compares; empty for powers of 3.
        seeds: on how many seeds each setting is tried.
        batch: how many settings are asked for at a time; ``None`` chooses by the budget.
        confirm: on how many fresh seeds the best are run again; ``None`` chooses by the budget.
        patience: after how many settings without a better one the search ends.
        enqueue: settings that are tried right after the default, each whole.
        fixed: what the function is given beside the settings that are searched.
        objects: in plain values, by the name of a choice or of what is fixed, the names that stand
            for objects.
    """

    settings: tuple[Setting, ...]
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...] = ()
    trials: int = 64
    sampler: str = "tpe"
    pruner: Pruner = "none"
    rungs: tuple[int, ...] = ()
    seeds: int = 1
    batch: int | None = None
    confirm: int | None = None
    patience: int | None = None
    enqueue: tuple[Settings, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """The space, those that others depend on first."""
        return Space(self.settings)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The metrics that a trial must give: the objectives, and those of the constraints."""
        return tuple(dict.fromkeys((*self.objectives, *(x.metric for x in self.constraints))))

    @property
    def at_a_time(self) -> int:
        """How many settings are asked for at a time: the same on every machine."""
        settings = self.trials // self.seeds
        return self.batch or max(1, min(4, settings // 4), min(16, settings // 8))

    @property
    def plain(self) -> Searching:
        """The same with options and fixed values as plain ones or ``None``, an object by its name.

        A plain one of a plain one is itself.
        """
        levels = {each.name: each.named for each in self.settings if isinstance(each, Choice)}
        fixed = {name: Level(level_name(own(x)), own(x)) for name, x in self.fixed.items()}
        levels |= {name: (level,) for name, level in fixed.items()}
        objects = {
            name: tuple(level.name for level in own_levels if _plain(level) is not level.value)
            for name, own_levels in levels.items()
        }
        return replace(
            self,
            settings=tuple(map(self._plain, self.settings)),
            fixed={name: _plain(level) for name, level in fixed.items()},
            objects={name: names for name, names in objects.items() if names} or self.objects,
        )

    def _plain(self, setting: Setting) -> Setting:
        when = {
            name: tuple(self.space.taken(name, value) for value in several(wanted))
            for name, wanted in setting.when.items()
        }
        if not isinstance(setting, Choice):
            return replace(setting, when=when)
        options = {level.name: _plain(level) for level in setting.named}
        return replace(setting, options=options, default=setting.start, when=when)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the user's function is given."""
        return (*(each.name for each in self.settings), *self.fixed)

    def arguments(self, settings: Settings) -> dict[str, Any]:
        """Return what the user's function is given; ``None`` for what is not in use."""
        return {**self.fixed, **self.space.arguments(settings)}

    def excesses(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Return by how much metrics break each constraint; 0 or less where it holds."""
        return tuple(
            each.excess(metrics[each.metric]) if each.metric in metrics else math.inf
            for each in self.constraints
        )


def _plain(level: Level) -> Value | None:
    """Return a plain value or ``None`` as it is, and an object by its name."""
    return None if level.value is None else level.plain


def check_searching(searching: Searching) -> None:
    """Check what can be checked of a search without what its trials give.

    Raises:
        HarnessError: it cannot be done.
    """
    if not searching.settings:
        raise HarnessError(
            "a search must have a space",
            "no settings",
            "Write space=(Float('lr', 0.001, 1.0, log=True),).",
        )
    _ = searching.space
    if not searching.objectives or len(set(searching.objectives)) < len(searching.objectives):
        raise HarnessError(
            "Search(objective=...) must name a metric, or several that differ",
            repr(searching.objectives),
            "Write objective='validation_loss', say.",
        )
    _check_budget(searching)
    _check_pruner(searching)
    for settings in searching.enqueue:
        searching.space.completed(settings)


def check_objectives(searching: Searching, metrics: Mapping[str, Metric]) -> None:
    """Check that trials give what settings are chosen by.

    Args:
        searching: how settings are searched.
        metrics: what its trials give that settings may be chosen by, by name.

    Raises:
        HarnessError: they do not.
    """
    for name in searching.objectives:
        _check_recorded("an objective", name, metrics)
        if metrics[name].better is None:
            raise HarnessError(
                "an objective must be a metric that has a better direction",
                f"{name!r}, whose Metric has none",
                f"Write Metric({name!r}, better='lower'), say.",
            )
    for each in searching.constraints:
        _check_recorded("the metric of a constraint", each.metric, metrics)


def _check_recorded(what: str, name: str, metrics: Mapping[str, Metric]) -> None:
    if name not in metrics:
        raise HarnessError(
            f"{what} must be a metric that every trial of the search gives, and no test metric",
            repr(name),
            near(name, metrics),
        )


def _check_budget(searching: Searching) -> None:
    least = {"trials": 1, "seeds": 1, "batch": 1, "confirm": 0, "patience": 1}
    for name, low in least.items():
        value = getattr(searching, name)
        if value is not None:
            checks.whole("Search", name, value, 64 if name == "trials" else 5, least=low)
    if searching.trials < searching.seeds:
        raise HarnessError(
            "a search must have trials for one setting at least",
            f"trials={searching.trials} with seeds={searching.seeds}",
            f"Write trials={20 * searching.seeds}, say.",
        )


def _check_pruner(searching: Searching) -> None:
    if searching.pruner not in PRUNERS:
        raise HarnessError(
            f"the pruner must be one of {', '.join(PRUNERS)}",
            repr(searching.pruner),
            near(str(searching.pruner), PRUNERS),
        )
    if searching.pruner in ("median", "hyperband") and searching.seeds > 1:
        raise HarnessError(
            f"pruner {searching.pruner!r} must have one seed for each setting, whose curve it sees",
            f"seeds={searching.seeds}",
            "Write pruner='wilcoxon', which compares over seeds, or seeds=1.",
        )
    if searching.pruner == "wilcoxon" and searching.seeds < 5:  # with 4, p can just be below 0.1
        raise HarnessError(
            "pruner 'wilcoxon' must have five seeds or more for each setting, which it compares",
            f"seeds={searching.seeds}",
            "Write seeds=5, or pruner='median', which compares curves.",
        )
    if searching.rungs and searching.pruner != "hyperband":
        raise HarnessError(
            "Search(rungs=...) must stand beside pruner='hyperband'",
            f"pruner={searching.pruner!r}",
            "Leave it out.",
        )
    if searching.rungs:
        checks.wholes("Search", "rungs", searching.rungs, (1, 3, 9))
        if list(searching.rungs) != sorted(set(searching.rungs)):
            raise HarnessError(
                "Search(rungs=...) must be epochs that rise",
                repr(searching.rungs),
                "Write rungs=(1, 3, 9), say.",
            )
