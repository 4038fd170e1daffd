"""Whether all that a study declares fits together: checked when it is made."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError
from harness.messages.printable import check_name
from harness.study.chosen import check_measures
from harness.study.claims import KINDS, Claim, Equivalent, Higher, NotWorse, Sooner
from harness.study.designs import arm_name, comparable, matching
from harness.study.looks import Looks
from harness.study.metrics import BY_LAYER, COSTS, FAILED, GIVEN_BY
from harness.study.scales import Scale
from harness.study.sources import recorded, with_curves
from harness.training import Training

if TYPE_CHECKING:
    from harness.study.study import Study

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

OF_A_STEP = ("step_seconds", "peak_bytes", "flops_per_step")
"""The costs that a study's own ``step`` gives."""

FEWEST_SEEDS = 5
"""Fewest seeds for a verdict: ``harness.stats.FEWEST``, copied so that listing studies is fast."""


def check_words(study: Study) -> None:
    """Check a study's name, question and looks.

    Raises:
        HarnessError: one of them cannot be used.
    """
    if not isinstance(study.name, str) or not _NAME.fullmatch(study.name):
        raise HarnessError(
            "a study's name must be lower-case letters, digits, _ and - (it names a folder)",
            repr(study.name),
            "Write name='my_study', say.",
        )
    if not isinstance(study.question, str) or not study.question.strip():
        raise HarnessError(
            "a study must ask a question",
            repr(study.question),
            "Write question='Does ... help?'",
        )
    instead = "Write question='Does ... help?'; what is longer goes into the file's docstring."
    check_name("a study's question", study.question, instead)
    if not study.factors:
        raise HarnessError("a study must vary something", "no factors", "Add a Factor.")
    looks = study.looks
    if not isinstance(looks, Looks) or not looks.alpha < 1 or looks.seeds[-1] < FEWEST_SEEDS:
        raise HarnessError(
            "Study(looks=...) must be Looks, whose α add up to less than 1, the last of them "
            f"at {FEWEST_SEEDS} seeds at least",
            repr(looks),
            "Write looks=Looks((5, 10, 20, 40)).",
        )


def check_metrics(study: Study) -> None:
    """Check what the measures of a study record.

    Raises:
        HarnessError: two record the same, or what is recorded anyway.
    """
    if not study.measures:
        return
    check_measures(study.measures)
    for measure in study.measures:
        for metric in measure.metrics:
            for what in ("name", "title", "meaning"):
                instead = f"Write another {what}= in {type(measure).__name__}."
                check_name(f"a metric's {what}", getattr(metric, what), instead)
            if metric.name in Training.metrics | COSTS.keys():
                raise HarnessError(
                    "Study(measures=...) must give metrics beside those always recorded",
                    f"{measure!r}, which gives {metric.name!r}",
                    "Leave it out, or give its metric another name.",
                )


def check_scales(study: Study) -> None:
    """Check names, levels and tuning budgets of scales.

    Raises:
        HarnessError: one of them cannot be used.
    """
    if not study.scales:
        raise HarnessError(
            "a study must have a scale", "none", "Write scales={'quick': Scale(seeds=5, ...)}."
        )
    for name, scale in study.scales.items():
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
                study.factor(factor).level(level)
        budgets = {each.trials for each in study.tuned}
        if len(budgets) > 1 and scale.tuning is None:
            raise HarnessError(
                "settings tuned together must have one budget",
                " and ".join(f"{each.name}: {each.trials}" for each in study.tuned),
                "Give every Tuned the same trials, or the Scale a tuning=...",
            )


def check_arms(study: Study) -> None:
    """Check that there are arms at every scale, and that they differ.

    Raises:
        HarnessError: they do not.
    """
    for scale in study.scales:
        arms = study.arms(scale)
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


def check_claims(study: Study) -> None:
    """Check that every claim is about a metric that is recorded, and about arms that are run.

    Raises:
        HarnessError: one is not.
    """
    for claim in study.claims:
        if type(claim) not in KINDS:
            raise HarnessError(
                "a claim must be of a kind that can be judged",
                claim.kind,
                f"Write {', '.join(kind.__name__ for kind in KINDS)}.",
            )
        _check_measured(study, claim)
        if study.metric(claim.metric).unit == "fraction" and claim.by >= 1:
            raise HarnessError(
                f"the margin of a claim on {claim.metric} must be below 1, which is 100 points",
                f"by={claim.by!r}",
                f"Write by={claim.by / 100:g} for {claim.by:g} percentage points.",
            )
        factor, chosen = claim.chosen()
        for each in chosen:
            study.factor(factor).level(each)  # one that is not declared is an error
        for scale in study.scales:
            partials, arms = study.partials(claim, scale), study.arms(scale)
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
            _check_apart(study, claim, scale)
            _check_single(study, claim, scale)


def _check_apart(study: Study, claim: Claim, scale: str) -> None:
    """Check that no arm is on two sides of a claim."""
    partials = study.partials(claim, scale)
    seen: dict[str, str] = {}
    for partial, arms in zip(partials, comparable(study.arms(scale), partials), strict=True):
        for arm in arms:
            if arm.name in seen:
                raise HarnessError(
                    f"the sides of the claim {claim.text!r} must have no arm in common",
                    f"{arm.name}, which belongs to {seen[arm.name]} and to {arm_name(partial)}",
                    "Name levels of the same factor on both sides.",
                )
            seen[arm.name] = arm_name(partial)


def _check_single(study: Study, claim: Claim, scale: str) -> None:
    """Check that a claim on times to a target compares single arms: there is no mean time."""
    if not isinstance(claim, Sooner):
        return
    for partial in study.partials(claim, scale):
        matching = [arm.name for arm in study.arms(scale) if arm.matches(partial)]
        if len(matching) > 1:
            raise HarnessError(
                f"the claim {claim.text!r} must compare two single arms",
                f"{arm_name(partial)}, which scale {scale!r} has {len(matching)} arms of",
                f"Name all factors, as in {matching[0]}.",
            )


def _check_measured(study: Study, claim: Claim) -> None:
    """Check that a claim is about a number that every trial records, or about a cost."""
    metric = study.metric(claim.metric)
    name = metric.name
    if isinstance(claim, NotWorse) and metric.better is None:
        raise HarnessError(
            f"the claim {claim.text!r} must be about a metric of which one direction is worse",
            repr(name),
            "Write Higher(...) or Equivalent(...).",
        )
    curves = with_curves(study)
    if isinstance(claim, Sooner) and name not in curves:
        instead = "validation_accuracy" if "validation_accuracy" in curves else min(curves)
        raise HarnessError(
            f"the claim {claim.text!r} must be about a metric with a learning curve",
            repr(name),
            f"Write metric={instead!r}, or one of {', '.join(sorted(curves))}.",
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
        _check_cost(study, claim, name)
        return
    if name == FAILED.name:
        if not isinstance(claim, Higher | Equivalent):
            raise HarnessError(
                f"the claim {claim.text!r} on failed runs must compare two arms",
                claim.kind,
                "Write Higher(..., metric='failed', higher={...}, lower={...}, by=0.1).",
            )
        return
    given = {metric.name for measure in study.measures for metric in measure.metrics}
    if name in recorded(study) or (name in given and name not in BY_LAYER):
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


def _check_cost(study: Study, claim: Claim, name: str) -> None:
    """Check that a cost that a claim is about is measured.

    Raises:
        HarnessError: it is not.
    """
    if study.build is not None or (study.step is not None and name in OF_A_STEP):
        return
    if study.step is not None or study.train is not None:
        step = "" if study.step is not None else ", which needs a step to be measured"
        raise HarnessError(
            f"the claim {claim.text!r} must be about a cost that is measured",
            f"{name!r}{step}",
            "Add step=step, with def step(context, ...) returning a function that takes one "
            f"training step: it gives {', '.join(OF_A_STEP)}."
            if study.step is None and name in OF_A_STEP
            else f"Let train return it under another name, such as own_{name}, with a Metric.",
        )
    raise HarnessError(
        f"the claim {claim.text!r} must be about a metric of the study's own",
        f"{name!r}, which is measured only of what the harness runs step by step",
        f"Declare it under another name, such as Metric('own_{name}', better='lower').",
    )
