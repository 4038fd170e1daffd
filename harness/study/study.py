"""A study: what is declared, checked as a whole when it is made."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError
from harness.messages.levels import Level
from harness.messages.printable import check_name
from harness.study.chosen import check_measures
from harness.study.claims import KINDS, Claim, Equivalent, Higher, NotWorse, Sooner
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
    comparable,
    matching,
)
from harness.study.factors import Factor, Tuned
from harness.study.looks import Looks
from harness.study.metrics import BY_LAYER, COSTS, FAILED, GIVEN_BY, Metric, metric_named
from harness.study.scales import Scale
from harness.training import Training

if TYPE_CHECKING:
    from harness.trained import Measure

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

UNASKED = frozenset({
    "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss",
    "test_accuracy", "generalisation_gap", "gradient_norm_first_block", "test_calibration_error",
    "weight_norm", "zero_weights", "teacher_agreement", "teacher_divergence",
})  # fmt: skip
"""Metrics recorded without being asked for, the last two where there is a teacher.

They are listed here by name, so that listing studies does not wait for harness.measures. A test
compares them with what the trainer records.
"""


CURVES = frozenset({"train_loss", "validation_loss", "validation_accuracy"})
"""Metrics with a value after each epoch."""


FEWEST_SEEDS = 5
"""Fewest seeds for a verdict: ``harness.stats.FEWEST``, copied so that listing studies is fast."""


@dataclass(frozen=True)
class Study:
    """A question: factors, a ``build`` function, scales and claims.

    Attributes:
        name: lower-case letters, digits, ``_`` and ``-``; the name of its folder and its store.
        question: one sentence, printed as the report's title.
        factors: what is varied.
        build: ``build(scale, <each factor>, <each tuned setting>) -> Training``.
        scales: by name, smallest first; the first is the default.
        claims: sentences to be judged.
        tuned: settings searched anew in every arm.
        design: which combinations of levels are run.
        objective: the validation metric by which settings are chosen.
        measures: what is measured on each network in addition to what always is (see
            :mod:`harness.measures`).
        looks: when claims are looked at with ``--until-decided``, and the family-wise error rate
            α of all verdicts.

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
    build: Callable[..., Training]
    scales: Mapping[str, Scale]
    claims: Sequence[Claim] = ()
    tuned: Sequence[Tuned] = ()
    design: Design = field(default_factory=Factorial)
    objective: str = "validation_loss"
    measures: Sequence[Measure] = ()
    looks: Looks = field(default_factory=Looks)

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
        self._check_measures()
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
        instead = "Write question='Does ... help?'; what is longer goes into the file's docstring."
        check_name("a study's question", self.question, instead)
        if not self.factors:
            raise HarnessError("a study must vary something", "no factors", "Add a Factor.")
        looks = self.looks
        if not isinstance(looks, Looks) or not looks.alpha < 1 or looks.seeds[-1] < FEWEST_SEEDS:
            raise HarnessError(
                "Study(looks=...) must be Looks, whose α add up to less than 1, the last of them "
                f"at {FEWEST_SEEDS} seeds at least",
                repr(looks),
                "Write looks=Looks((5, 10, 20, 40)).",
            )
        if not metric_named(self.objective).name.startswith("validation_"):
            raise HarnessError(
                "settings must be chosen on the validation split",
                f"objective={self.objective!r}",
                "Write objective='validation_loss' or 'validation_accuracy'.",
            )

    def _check_measures(self) -> None:
        if not isinstance(self.measures, tuple | list):
            raise HarnessError(
                "Study(measures=...) must be a tuple, each of it a measure",
                repr(self.measures),
                "Write measures=(Sharpness(),) from harness.measures, with the comma.",
            )
        object.__setattr__(self, "measures", tuple(self.measures))
        if not self.measures:
            return
        check_measures(self.measures)
        for measure in self.measures:
            for metric in measure.metrics:
                for what in ("name", "title", "meaning"):
                    instead = f"Write another {what}= in {type(measure).__name__}."
                    check_name(f"a metric's {what}", getattr(metric, what), instead)
                if metric.name in UNASKED | COSTS.keys():
                    raise HarnessError(
                        "Study(measures=...) must give metrics beside those always recorded",
                        f"{measure!r}, which gives {metric.name!r}",
                        "Leave it out, or give its metric another name.",
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
            counts = Counter(arm_name(arm.levels) for arm in arms)
            for name, count in counts.items():
                if count > 1:
                    raise HarnessError(
                        f"the arms of scale {scale!r} must differ",
                        f"{name} twice",
                        "Leave one out.",
                    )

    def _check_claims(self) -> None:
        for claim in self.claims:
            if type(claim) not in KINDS:
                raise HarnessError(
                    "a claim must be of a kind that can be judged",
                    claim.kind,
                    f"Write {', '.join(kind.__name__ for kind in KINDS)}.",
                )
            self._check_measured(claim)
            if self.metric(claim.metric).unit == "fraction" and claim.by >= 1:
                raise HarnessError(
                    f"the margin of a claim on {claim.metric} must be below 1, which is 100 points",
                    f"by={claim.by!r}",
                    f"Write by={claim.by / 100:g} for {claim.by:g} percentage points.",
                )
            factor, chosen = claim.chosen()
            for each in chosen:
                self.factor(factor).level(each)  # one that is not declared is an error
            for scale in self.scales:
                partials, arms = self.partials(claim, scale), self.arms(scale)
                different = {
                    frozenset((name, level.name) for name, level in partial.items())
                    for partial in partials
                }
                if len(different) < len(partials):
                    raise HarnessError(
                        f"the claim {claim.text!r} must compare two different arms",
                        " and ".join(arm_name(partial) for partial in partials),
                        "Name the levels in which they differ.",
                    )
                for partial, own in zip(partials, matching(arms, partials), strict=True):
                    if not own:
                        levels = ", ".join(f"{key}={level.name}" for key, level in partial.items())
                        raise HarnessError(
                            f"the claim {claim.text!r} must compare arms that are run",
                            f"{levels}, which no arm of scale {scale!r} has",
                            "Change the claim, the design, or the levels that the scale keeps.",
                        )
                self._check_apart(claim, scale)
                self._check_single(claim, scale)

    def _check_apart(self, claim: Claim, scale: str) -> None:
        """Check that no arm is on two sides of a claim."""
        partials = self.partials(claim, scale)
        seen: dict[str, str] = {}
        for partial, arms in zip(partials, comparable(self.arms(scale), partials), strict=True):
            for arm in arms:
                if arm.name in seen:
                    raise HarnessError(
                        f"the sides of the claim {claim.text!r} must have no arm in common",
                        f"{arm.name}, which belongs to {seen[arm.name]} and to {arm_name(partial)}",
                        "Name levels of the same factor on both sides.",
                    )
                seen[arm.name] = arm_name(partial)

    def _check_single(self, claim: Claim, scale: str) -> None:
        """Check that a claim on times to a target compares single arms: there is no mean time."""
        if not isinstance(claim, Sooner):
            return
        for partial in self.partials(claim, scale):
            matching = [arm.name for arm in self.arms(scale) if arm.matches(partial)]
            if len(matching) > 1:
                raise HarnessError(
                    f"the claim {claim.text!r} must compare two single arms",
                    f"{arm_name(partial)}, which scale {scale!r} has {len(matching)} arms of",
                    f"Name all factors, as in {matching[0]}.",
                )

    def _check_measured(self, claim: Claim) -> None:
        """Check that a claim is about a number that every trial records, or about a cost."""
        metric = self.metric(claim.metric)
        name = metric.name
        if isinstance(claim, NotWorse) and metric.better is None:
            raise HarnessError(
                f"the claim {claim.text!r} must be about a metric of which one direction is worse",
                repr(name),
                "Write Higher(...) or Equivalent(...).",
            )
        if isinstance(claim, Sooner) and name not in CURVES:
            raise HarnessError(
                f"the claim {claim.text!r} must be about a metric with a learning curve",
                repr(name),
                f"Write metric='validation_accuracy', or one of {', '.join(sorted(CURVES))}.",
            )
        if isinstance(claim, Sooner):
            most = 1.0 if metric.unit == "fraction" else math.inf
            if not 0 < claim.reaches <= most:
                raise HarnessError(
                    f"reaches= in the claim {claim.text!r} must be a value that {name} can have",
                    repr(claim.reaches),
                    "Write reaches=0.9 for an accuracy of 90 %, say.",
                )
        if name in COSTS:
            return
        if name == FAILED.name:
            if not isinstance(claim, Higher | Equivalent):
                raise HarnessError(
                    f"the claim {claim.text!r} on failed runs must compare two arms",
                    claim.kind,
                    "Write Higher(..., metric='failed', higher={...}, lower={...}, by=0.1).",
                )
            return
        given = {metric.name for measure in self.measures for metric in measure.metrics}
        if name in UNASKED or (name in given and name not in BY_LAYER):
            return
        kind = GIVEN_BY[name]
        if name in BY_LAYER:
            given_by = (each for each, giver in GIVEN_BY.items() if giver == kind)
            single = next(each for each in given_by if each not in BY_LAYER)
            raise HarnessError(
                f"the claim {claim.text!r} must be about a metric that is one number",
                f"{name!r}, which has a value for each layer",
                f"Write metric={single!r}.",
            )
        raise HarnessError(
            f"the claim {claim.text!r} must be about a metric that the study measures",
            repr(name),
            f"Add measures=({kind}(),) from harness.measures.",
        )

    def metric(self, name: str) -> Metric:
        """Find a metric by name: one that a measure of this study gives, or the harness's own.

        Raises:
            HarnessError: no metric of this name is recorded.
        """
        given = [metric for measure in self.measures for metric in measure.metrics]
        return find_metric(name, given)

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
        """Return how many settings are tried in each arm; 0 if nothing is tuned."""
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
            self._declarations[scale] = Declaration(
                name=self.name,
                question=self.question,
                about=about(self.build),
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
            )
        return self._declarations[scale]

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
