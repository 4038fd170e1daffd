"""A study: what is declared, checked as a whole when it is made."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.messages.errors import HarnessError
from harness.messages.levels import Level
from harness.study.checks import (
    check_arms,
    check_claims,
    check_metrics,
    check_scales,
    check_words,
)
from harness.study.claims import Claim
from harness.study.command import Command
from harness.study.declaration import (
    Declaration,
    Measurement,
    about,
    find_factor,
    find_metric,
    find_partials,
    find_scale,
    plain_claim,
    plain_factor,
    value_text,
)
from harness.study.designs import (
    Arm,
    Arms,
    Design,
    Factorial,
    OneAtATime,
    arm_name,
)
from harness.study.factors import Factor, Labels, Tuned
from harness.study.looks import Looks
from harness.study.metrics import Metric, Source
from harness.study.scales import Scale
from harness.study.searching import SEARCHED, Searching
from harness.study.settings import Settings
from harness.study.sources import (
    check_objective,
    check_own_metrics,
    check_source,
    scales_of,
    source_of,
)
from harness.study.work import Work

if TYPE_CHECKING:
    from harness.trained import Measure


@dataclass(frozen=True)
class Study:
    """A question: factors, what is run for them, scales and claims.

    What is run is one of three: ``build``, ``train`` or ``command``. A study with none of them is
    judged on results that others made (``harness judge``).

    Attributes:
        name: lower-case letters, digits, ``_`` and ``-``; the name of its folder and its store.
        question: one sentence, printed as the report's title.
        factors: what is varied.
        build: ``build(scale, <each factor>, <each tuned setting>) -> Training``.
        scales: by name, smallest first; the first is the default. Without any, a study of results
            that there are has one, ``"results"``.
        claims: sentences to be judged.
        tuned: settings searched anew in every arm.
        design: which combinations of levels are run.
        objective: the validation metric by which settings are chosen.
        measures: what is measured on each network in addition to what always is (see
            :mod:`harness.measures`), but for those that are trained to choose tuned settings.
        looks: when claims are looked at with ``--until-decided``, and the family-wise error rate
            α of all verdicts.
        train: ``train(context, <each factor>, <each tuned setting>) -> dict[str, float]``: the
            user's own training, for any task; returns metrics by name (see
            :class:`harness.own.context.Context`).
        command: a command line to run in its place.
        metrics: what ``train`` or ``command`` gives.
        step: ``step(context, ...)``, with the parameters of ``train``; returns a function of no
            arguments that takes one training step, whose time, memory and FLOPs are measured.
        limit: seconds after which a trial of ``train`` or ``command`` is ended, and has failed.
        needs: a function that is run before ``train``, once for each seed, by name; it takes the
            context and any of the factors and tuned settings, and ``train`` finds its folder in
            ``context.given``.
        search: how settings are searched, of a study that runs a
            :class:`~harness.study.search.Search`, which makes it.
        module: name of the module that it stands in; empty where nothing tells.

    Raises:
        HarnessError: a part of it is wrong, or does not fit the others.

    Example:
        >>> from harness import Factor, Higher, Scale, Study, Training, Tuned
        >>> from harness.data import digits
        >>> from harness.models import MLP
        >>> from harness.optim import SGD
        >>> def build(scale: Scale, width: int, lr: float) -> Training:
        ...     return Training(
        ...         data=digits(train=300),
        ...         model=MLP(hidden=(width,)),
        ...         optimizer=SGD(lr=lr, momentum=0.9),
        ...         batch_size=32,
        ...         epochs=scale.epochs,
        ...     )
        >>> study = Study(
        ...     name="width",
        ...     question="Does width help a small network on digits?",
        ...     factors=(Factor("width", (16, 64)),),
        ...     tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=8),),
        ...     build=build,
        ...     scales={"quick": Scale(epochs=10, seeds=5)},
        ...     claims=(
        ...         Higher(
        ...             "64 beats 16.",
        ...             metric="test_accuracy",
        ...             higher={"width": 64},
        ...             lower={"width": 16},
        ...             by=0.01,
        ...         ),
        ...     ),
        ... )
        >>> [arm.name for arm in study.arms("quick")]
        ['width=16', 'width=64']
    """

    name: str
    question: str
    factors: Sequence[Factor]
    build: Callable[..., Work] | None = None
    scales: Mapping[str, Scale] = field(default_factory=dict)
    claims: Sequence[Claim] = ()
    tuned: Sequence[Tuned] = ()
    design: Design = field(default_factory=Factorial)
    objective: str = "validation_loss"
    measures: Sequence[Measure] = ()
    looks: Looks = field(default_factory=Looks)
    train: Callable[..., Mapping[str, float]] | None = None
    command: Command | None = None
    metrics: Sequence[Metric] = ()
    step: Callable[..., Callable[[], object]] | None = None
    limit: float | None = None
    needs: Mapping[str, Callable[..., Mapping[str, float]]] = field(default_factory=dict)
    search: Searching | None = None
    module: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        function = self.build or self.train
        object.__setattr__(self, "module", getattr(function, "__module__", None) or "")
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
        object.__setattr__(self, "scales", scales_of(self))
        check_words(self)
        check_source(self)
        check_own_metrics(self)
        self._set_measures()
        check_objective(self)
        check_scales(self)
        check_arms(self)
        check_claims(self)

    def _set_measures(self) -> None:
        if not isinstance(self.measures, tuple | list):
            raise HarnessError(
                "Study(measures=...) must be a tuple, each of it a measure",
                repr(self.measures),
                "Write measures=(Sharpness(),) from harness.measures, with the comma.",
            )
        object.__setattr__(self, "measures", tuple(self.measures))
        check_metrics(self)

    def metric(self, name: str) -> Metric:
        """Find a metric by name: the study's own, or one that the harness records.

        Raises:
            HarnessError: no metric of this name is recorded.
        """
        given = [metric for measure in self.measures for metric in measure.metrics]
        return find_metric(name, [*given, *self.metrics], self.source)

    @property
    def parameters(self) -> list[str]:
        """The names of what its function is given of each arm and setting."""
        named = [each.name for each in self.factors if not isinstance(each, Labels)]
        searched = self.search.parameters if self.search is not None else ()
        return [*named, *(each.name for each in self.tuned), *searched]

    def arm(self, name: str, scale: str) -> Arm | None:
        """Return the arm of a name, also what a search tries settings under, if there is one."""
        if self.search is not None and name == SEARCHED.name:
            return SEARCHED
        return next((arm for arm in self.arms(scale) if arm.name == name), None)

    def arguments(self, arm: Arm, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what its function is given of an arm and of settings that were chosen.

        Args:
            arm: the arm.
            settings: values of tuned settings, or of those that are searched and in use.
        """
        if self.search is not None:
            return self.search.arguments(settings)
        return {**{name: level.value for name, level in arm.levels.items()}, **settings}

    def written(self, settings: Settings) -> dict[str, Any]:
        """Return settings as a command's line has them, with those that a search holds fixed."""
        return {**(self.search.fixed if self.search is not None else {}), **settings}

    def place_in(self, module: str) -> None:
        """Say in which module it stands, where no function of its own tells."""
        if not self.module:
            object.__setattr__(self, "module", module)

    @property
    def folder(self) -> Path:
        """The folder that its file lies in; the current one where it stands in no file."""
        file = getattr(sys.modules.get(self.module), "__file__", None)
        return Path(file).resolve().parent if file else Path.cwd()

    @property
    def source(self) -> Source:
        """Where its results come from."""
        return source_of(self)

    def factor(self, name: str) -> Factor:
        """Find a factor by name.

        Raises:
            HarnessError: the study has no such factor.
        """
        return find_factor(name, self.factors, self.name)

    def scale(self, name: str | None) -> tuple[str, Scale]:
        """Find a scale by name; ``None`` is the first.

        Raises:
            HarnessError: the study has no such scale.
        """
        name = find_scale(name, list(self.scales), self.name)
        return name, self.scales[name]

    def budget(self, scale: str) -> int:
        """Return how many trials the tuning of each arm has; 0 if nothing is tuned."""
        if not self.tuned:
            return 0
        return self.scales[scale].tuning or self.tuned[0].trials

    def partials(self, claim: Claim, scale: str) -> list[dict[str, Level]]:
        """Return the partial arms that a claim looks at, in the order its kind defines.

        Raises:
            HarnessError: the levels that the scale keeps do not suffice for it.
        """
        return find_partials(claim, self.factor, lambda name: self.levels(name, scale), scale)

    def levels(self, factor: str, scale: str) -> tuple[Level, ...]:
        """Return the levels of a factor that a scale keeps, baseline first."""
        declared, kept = self.factor(factor), self.scales[scale].levels
        if factor in kept:
            return tuple(declared.level(each) for each in kept[factor])
        return declared.named

    def declaration(self, scale: str) -> Declaration:
        """Return what is declared at one scale as plain data, which is what judges are given.

        Raises:
            HarnessError: the study has no such scale.
        """
        scale, size = self.scale(scale)
        if scale not in self._declarations:
            searching = self.searching(scale)
            self._declarations[scale] = Declaration(
                name=self.name,
                question=self.question,
                about=about(self.module),
                scale=scale,
                scales=tuple(self.scales),
                settings={name: value_text(value) for name, value in size.settings.items()},
                seeds=size.seeds,
                factors=tuple(map(plain_factor, self.factors)),
                kept={
                    factor: tuple(str(level.name) for level in self.levels(factor, scale))
                    for factor in size.levels
                },
                combinations={
                    arm.name: tuple(str(level.name) for level in arm.levels.values())
                    for arm in self.arms(scale)
                },
                claims=tuple(plain_claim(claim, self.factor) for claim in self.claims),
                tuned=tuple(self.tuned),
                budget=self.budget(scale),
                objective=self.objective,
                measures=tuple(map(_measurement, self.measures)),
                looks=self.looks,
                own=tuple(self.metrics),
                source=self.source,
                search=searching.plain if searching is not None else None,
            )
        return self._declarations[scale]

    def searching(self, scale: str) -> Searching | None:
        """Return how settings are searched at a scale; ``None`` where none are."""
        tuning = self.scales[scale].tuning
        if self.search is None or tuning is None:
            return self.search
        return replace(self.search, trials=tuning)

    @cached_property
    def _declarations(self) -> dict[str, Declaration]:
        """The declaration of each scale that was asked for; every judge asks."""
        return {}

    def arms(self, scale: str) -> tuple[Arm, ...]:
        """Return the arms of one scale, baseline first."""
        if scale not in self._arms:
            self._arms[scale] = self._make_arms(scale)
        return self._arms[scale]

    @cached_property
    def _arms(self) -> dict[str, tuple[Arm, ...]]:
        """The arms of each scale that was asked for; every claim asks."""
        return {}

    def _make_arms(self, scale: str) -> tuple[Arm, ...]:
        levels = {factor.name: self.levels(factor.name, scale) for factor in self.factors}
        baseline = {name: options[0] for name, options in levels.items()}
        if isinstance(self.design, Arms):
            named = {
                name: baseline
                | {key: self.factor(key).level(each) for key, each in partial.items()}
                for name, partial in self.design.named.items()
            }
            return tuple(
                Arm(name, row)
                for name, row in named.items()
                if all(level in levels[factor] for factor, level in row.items())
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


def _measurement(measure: Measure) -> Measurement:
    """Return what a measure records, as plain data."""
    function = getattr(measure, "function", None)
    by = f"the study's function {value_text(function)}" if function else value_text(measure)
    return Measurement(tuple(measure.metrics), by, measure.when)
