"""What a study declares at one scale, as plain data: all that judging and reports use of it.

It is kept with the trials of a run, so that judging them later needs neither the study's file nor
what that file imports. It leaves out what only training needs: ``build``, and the values of levels
that are objects. Such a level is given by its name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.messages.errors import HarnessError, near
from harness.messages.levels import PLAIN, Level, level_name, own
from harness.messages.printable import is_printable
from harness.study.claims import AnyClaim, Claim, Peak
from harness.study.designs import Arm
from harness.study.factors import Factor, Tuned
from harness.study.folds import Folds
from harness.study.looks import Looks
from harness.study.metrics import BY_LAYER, COSTS, FAILED, METRICS, Metric, Source
from harness.study.searching import Searching

LONGEST = 120
"""The most characters of a value that are shown."""


@dataclass(frozen=True)
class Measurement:
    """What one measure of a study records.

    Attributes:
        metrics: each number that it gives.
        by: the measure, as a report names it.
        when: ``"start"``, before the first step, or ``"end"``, after the last.
    """

    metrics: tuple[Metric, ...]
    by: str
    when: str


@dataclass(frozen=True)
class Declaration:
    """A study at one scale, without what only training needs.

    Attributes:
        name: the study's name.
        question: what it asks.
        about: paragraphs of its file's docstring, after the first line.
        scale: the scale's name.
        scales: the names of all its scales, smallest first.
        settings: the scale's other settings, by name, as a report shows them.
        seeds: evaluation seeds per arm that the scale declares.
        factors: what is varied, each with all levels that are declared, baseline first; a level
            that is an object is given by its name.
        kept: names of the levels of a factor that are run at this scale, if not all are.
        combinations: for each arm, by its name, the name of its level of each factor, in the
            factors' order; baseline first.
        claims: sentences on trial, in the order declared.
        tuned: settings searched anew in every arm.
        budget: how many trials the tuning of each arm has; 0 if nothing is tuned.
        objective: the validation metric by which settings are chosen.
        measures: what is measured on each network in addition to what always is.
        looks: when claims are looked at, and the family-wise error rate.
        own: the metrics that the study's own function, command or results give.
        source: where the results come from.
        search: how settings are searched, where that is what the study does.
        folds: how the data is folded, as far as a run has found out; ``None`` where it is not.

    Raises:
        HarnessError: an arm lacks a level, or a claim cannot be judged on folds.
    """

    name: str
    question: str
    about: tuple[str, ...]
    scale: str
    scales: tuple[str, ...]
    settings: Mapping[str, str]
    seeds: int
    factors: tuple[Factor, ...]
    kept: Mapping[str, tuple[str, ...]]
    combinations: Mapping[str, tuple[str, ...]]
    claims: tuple[AnyClaim, ...]
    tuned: tuple[Tuned, ...]
    budget: int
    objective: str
    measures: tuple[Measurement, ...]
    looks: Looks
    own: tuple[Metric, ...] = ()
    source: Source = "build"
    search: Searching | None = None
    folds: Folds | None = None

    def __post_init__(self) -> None:
        if any(len(names) != len(self.factors) for names in self.combinations.values()):
            raise HarnessError(
                "an arm must have a level of every factor",
                repr(self.combinations),
                "Write a level's name for each factor, in the order of the factors.",
            )
        _ = self.arms, [self.levels(factor) for factor in self.kept]  # whose levels there must be
        if self.folds is not None:
            searched = self.objectives if self.search is not None else ()
            self.folds.check(self.claims, searched, self.metric)
            if self.search is not None:
                self.folds.check_pruner(self.search.pruner)

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """The arms, baseline first."""
        return tuple(
            Arm(
                name,
                {
                    factor.name: named_level(factor, level)
                    for factor, level in zip(self.factors, levels, strict=True)
                },
            )
            for name, levels in self.combinations.items()
        )

    @property
    def overlap(self) -> float:
        """What folds add to 1/n in the variance of a mean over n seeds; 0 without."""
        return self.folds.overlap if self.folds is not None else 0.0

    @property
    def objectives(self) -> tuple[str, ...]:
        """The metrics by which settings are chosen: one, but for a search of several."""
        return self.search.objectives if self.search is not None else (self.objective,)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the study's own, in the order declared."""
        return (*(metric for measure in self.measures for metric in measure.metrics), *self.own)

    def metric(self, name: str) -> Metric:
        """Find a metric by name: the study's own, or one that the harness records.

        Raises:
            HarnessError: no metric of this name is recorded.
        """
        return find_metric(name, self.metrics, self.source)

    def factor(self, name: str) -> Factor:
        """Find a factor by name.

        Raises:
            HarnessError: the study has no such factor.
        """
        return find_factor(name, self.factors, self.name)

    def levels(self, factor: str) -> tuple[Level, ...]:
        """Return the levels of a factor that are run, baseline first."""
        declared = self.factor(factor)
        if factor in self.kept:
            return tuple(named_level(declared, name) for name in self.kept[factor])
        return declared.named

    def left_out(self, factor: str) -> tuple[Level, ...]:
        """Return the levels of a factor that this scale leaves out."""
        run = self.levels(factor)
        return tuple(level for level in self.factor(factor).named if level not in run)

    def partials(self, claim: Claim) -> list[dict[str, Level]]:
        """Return the partial arms that a claim looks at, in the order its kind defines."""
        return find_partials(claim, self.factor, self.levels, self.scale)

    @cached_property
    def digest(self) -> str:
        """A hash of all of it; the order of levels, and of all else that is listed, counts."""
        return digest_of(self.plain)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The same as plain JSON values, as :meth:`of` reads them."""
        from harness.study.converter import to_plain

        return dict(to_plain(self))

    @staticmethod
    def of(plain: Any) -> Declaration:
        """Read what :attr:`plain` wrote.

        Raises:
            UnreadableError: it is damaged.
        """
        from harness.study.converter import from_plain

        return from_plain(Declaration, plain)


def digest_of(plain: Any) -> str:
    """Return a short hash of plain JSON values, in their order."""
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:16]


def find_metric(name: str, given: Iterable[Metric], source: Source) -> Metric:
    """Find a metric by name among those of a study's own and those that the harness records.

    Args:
        name: its name.
        given: the study's own.
        source: where its results come from: only of a Training does the harness know the metrics.

    Raises:
        HarnessError: no metric of this name is recorded.
    """
    own = {metric.name: metric for metric in given}
    trained = METRICS | BY_LAYER if source == "build" else {}
    known = trained | COSTS | {FAILED.name: FAILED} | own
    if name not in known:
        instead = (
            f"{near(name, METRICS | COSTS | own)} One of your own: Study(measures=("
            f"measured({name!r}, function, meaning='...'),)), from harness.measures."
            if source == "build"
            else f"{near(name, own)} Or add Metric({name!r}, better='higher') to the study's "
            "metrics=."
        )
        raise HarnessError("a metric must be one that trials record", repr(name), instead)
    return known[name]


def find_factor(name: str, factors: Iterable[Factor], study: str) -> Factor:
    """Find a factor by name.

    Raises:
        HarnessError: the study has no such factor.
    """
    for factor in factors:
        if factor.name == name:
            return factor
    raise HarnessError(
        f"study {study!r} must have the factor that is named",
        repr(name),
        near(name, [factor.name for factor in factors]),
    )


def find_scale(name: str | None, scales: Sequence[str], study: str) -> str:
    """Return the name of a scale that there is; ``None`` is the first.

    Raises:
        HarnessError: the study has no such scale.
    """
    if name is None:
        return scales[0]
    if name not in scales:
        raise HarnessError(
            f"study {study!r} must have the scale asked for", repr(name), near(name, scales)
        )
    return name


def find_partials(
    claim: Claim,
    factor: Callable[[str], Factor],
    levels: Callable[[str], Sequence[Level]],
    scale: str,
) -> list[dict[str, Level]]:
    """Return the partial arms that a claim looks at, in the order its kind defines.

    Args:
        claim: the claim.
        factor: finds a factor by name.
        levels: gives the levels of a factor that are run.
        scale: the scale's name.

    Raises:
        HarnessError: the levels that the scale keeps do not suffice for it.
    """
    try:
        partials = claim.partials(levels)
    except HarnessError as error:
        raise HarnessError.relayed(f"scale {scale!r}", str(error)) from error
    return [
        {name: factor(name).level(value) for name, value in partial.items()} for partial in partials
    ]


def named_level(factor: Factor, name: str) -> Level:
    """Find a level by its name alone, which may be the value of another.

    Raises:
        HarnessError: the factor has no such level.
    """
    for level in factor.named:
        if level.name == name:
            return level
    return factor.level(name)  # which says what there is


# ---- of a study ----------------------------------------------------------------------------------


def plain_factor(factor: Factor) -> Factor:
    """Return a factor whose levels are plain values; an object becomes its name."""
    return Factor(factor.name, {str(level.name): _builtin(level.plain) for level in factor.named})


def plain_claim(claim: Claim, factor: Callable[[str], Factor]) -> AnyClaim:
    """Return a claim whose levels are plain values, as those of :func:`plain_factor` are.

    Args:
        claim: as declared.
        factor: finds a factor as declared by name.
    """
    over, among = claim.chosen()

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: _plain(factor(name), each) for name, each in value.items()}
        if isinstance(value, tuple | list):
            return tuple(plain(each) for each in value)
        return value

    changed = {
        item.name: plain(getattr(claim, item.name))
        for item in dataclasses.fields(claim)
        if isinstance(getattr(claim, item.name), Mapping | tuple | list)
    }
    if among:
        changed["among"] = tuple(_plain(factor(over), each) for each in among)
    if isinstance(claim, Peak):
        changed["at"] = _plain(factor(over), claim.at)
    made: AnyClaim = dataclasses.replace(claim, **changed)  # type: ignore[assignment]
    return made


def _plain(factor: Factor, value: Any) -> Any:
    """Return what a claim writes for a level: a plain value as it is, an object's name."""
    if isinstance(value, PLAIN) and not (isinstance(value, str) and not is_printable(value)):
        return _builtin(value)
    return _builtin(factor.level(value).plain)


def _builtin(value: Any) -> Any:
    """Return Python's own bool, int, float or text for one of a subclass, such as an enum's."""
    if isinstance(value, str):
        return str.__str__(value)
    return next((kind(value) for kind in (bool, int, float) if isinstance(value, kind)), value)


def value_text(value: Any) -> str:
    """Name any value without a memory address, so that reports stay the same."""
    try:
        text = level_name(own(value))
    except HarnessError:
        text = type(value).__name__
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def about(module_name: str) -> tuple[str, ...]:
    """Return the paragraphs of the docstring of a study's file, after its first line."""
    module = sys.modules.get(module_name)
    text = inspect.cleandoc((module.__doc__ if module is not None else None) or "")
    _, _, rest = text.partition("\n")
    parts = (" ".join(part.split()).replace("`", "") for part in rest.split("\n\n"))
    return tuple(part for part in parts if part)
