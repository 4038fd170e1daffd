"""Where a study's results come from: ``build``, the user's function, a command, or elsewhere."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from harness.identity.canonical import definitions
from harness.messages import checks
from harness.messages.errors import HarnessError
from harness.messages.printable import check_name
from harness.study.command import Command
from harness.study.metrics import (
    BY_LAYER,
    COSTS,
    COUNTED,
    METRICS,
    STEP,
    Better,
    Metric,
    Source,
)
from harness.study.scales import Scale
from harness.study.searching import check_objectives
from harness.training import Training

if TYPE_CHECKING:
    from harness.study.study import Study


def source_of(study: Study) -> Source:
    """Return where a study's results come from."""
    if study.build is not None:
        return "build"
    if study.train is not None:
        return "train"
    return "results" if study.command is None else "command"


def scales_of(study: Study) -> dict[str, Scale]:
    """Return the scales of a study; results that there are have one, whatever their seeds."""
    if not study.scales and source_of(study) == "results":
        return {"results": Scale(seeds=5)}
    return dict(study.scales)


def check_source(study: Study) -> None:
    """Check what a study runs: that it is one thing, and takes what is varied.

    Raises:
        HarnessError: it is not.
    """
    names = study.parameters
    for name in names:
        if names.count(name) > 1:
            raise HarnessError(
                "factors and tuned settings must have different names",
                f"{name!r} twice",
                "Rename one of them.",
            )
    given = [name for name in ("build", "train", "command") if getattr(study, name) is not None]
    if len(given) > 1:
        raise HarnessError(
            "a study must have one of build=, train= and command=",
            " and ".join(f"{name}=" for name in given),
            "Leave out all but one.",
        )
    if study.build is not None:
        check_parameters("build", study.build, ["scale", *names], "-> Training")
    if study.train is not None:
        _check_function("train", study.train)
        check_parameters("train", study.train, ["context", *names], "-> dict[str, float]")
    if study.command is not None:
        if not isinstance(study.command, Command):
            raise HarnessError(
                "Study(command=...) must be a Command",
                repr(study.command),
                "Write command=Command('python train.py --lr {lr}', reads='metrics.json').",
            )
        study.command.check_names(names, study.scales)
    if study.step is not None:
        if study.train is None:
            raise HarnessError(
                "Study(step=...) must stand beside train=, a step of whose training it is",
                "step= without train=",
                "Leave it out: what build returns is measured anyway.",
            )
        _check_function("step", study.step)
        check_parameters("step", study.step, ["context", *names], "-> Callable[[], object]")
    _check_needs(study, names)
    if study.limit is not None:
        if study.build is not None:
            raise HarnessError(
                "Study(limit=...) must stand beside train= or command=",
                "limit= beside build=",
                "Leave it out: a Training says by its epochs when it ends.",
            )
        checks.positive("Study", "limit", study.limit, 3600)


def _check_needs(study: Study, names: Sequence[str]) -> None:
    """Check what is run before ``train``.

    Raises:
        HarnessError: it is no function that can be.
    """
    needs = study.needs
    if not isinstance(needs, Mapping) or len(needs) > 1 or (needs and study.train is None):
        raise HarnessError(
            "Study(needs=...) must stand beside train=, and name one function",
            repr(needs) if study.train is not None else "needs= without train=",
            "Write needs={'pretrained': pretrain}; let that function do all that is needed.",
        )
    object.__setattr__(study, "needs", dict(needs))
    for name, function in needs.items():
        _check_function("needs", function)
        has = list(inspect.signature(function).parameters) if callable(function) else []
        extra = [each for each in has if each not in ("context", *names)]
        if not str(name).isidentifier() or "context" not in has or extra:
            raise HarnessError(
                "a function in needs= must take the context and any of the factors and tuned "
                "settings, and have a Python name",
                f"{name!r}: {function!r}" + (f", with {', '.join(extra)}" if extra else ""),
                "Write def pretrain(context, width): ..., say.",
            )


def check_parameters(
    which: str, function: Callable[..., Any], wanted: Sequence[str], returns: str
) -> None:
    """Check that a function of the study takes what it is called with, and no more.

    Raises:
        HarnessError: it does not.
    """
    if not callable(function):
        raise HarnessError(
            f"{which} must be a function",
            repr(function),
            f"Write def {which}({wanted[0]}, ...): ...",
        )
    has = list(inspect.signature(function).parameters)
    if set(has) == set(wanted):
        return
    missing = [name for name in wanted if name not in has]
    extra = [name for name in has if name not in wanted]
    parts = [f"{name!r} is not a parameter of {which}" for name in missing]
    parts += [f"{which}'s {name!r} is no factor and no tuned setting" for name in extra]
    raise HarnessError(
        f"{which}'s parameters must be the {wanted[0]}, the factors and the tuned settings",
        ", ".join(parts),
        f"Write def {which}({', '.join(wanted)}) {returns}.",
    )


def _check_function(which: str, function: Any) -> None:
    """Check that worker processes find a function by its name.

    Raises:
        HarnessError: they do not.
    """
    if not callable(function):
        return  # told by check_parameters
    try:
        _ = [*definitions(function)]  # which refuses what its name does not tell
    except HarnessError as error:
        raise HarnessError(
            f"{which} must be a function at the top level of a file, where worker processes find "
            "it by its name",
            error.got,
            f"Write def {which}(context, ...): ... at the top level; what it needs beside, it "
            "imports or makes.",
        ) from error


def check_own_metrics(study: Study) -> None:
    """Check the metrics that a study declares of its own.

    Raises:
        HarnessError: one of them is wrong, or they stand where the trainer says what is recorded.
    """
    metrics = study.metrics
    if not isinstance(metrics, tuple | list) or not all(isinstance(x, Metric) for x in metrics):
        raise HarnessError(
            "Study(metrics=...) must be a tuple, each of it a Metric",
            repr(metrics),
            "Write metrics=(Metric('test_error', unit='pp', better='lower'),), with the comma.",
        )
    object.__setattr__(study, "metrics", tuple(metrics))
    if study.build is not None:
        if metrics:
            raise HarnessError(
                "Study(metrics=...) must stand beside train= or command=, or alone",
                "metrics= beside build=, which records its own",
                "Write measures=(measured('name', function, meaning='...'),), from "
                "harness.measures.",
            )
        return
    if not metrics:
        raise HarnessError(
            "a study must declare the metrics that its trials give",
            "no metrics",
            "Write metrics=(Metric('test_error', unit='pp', better='lower'),).",
        )
    if study.measures:
        raise HarnessError(
            "Study(measures=...) must stand beside build=, whose networks they measure",
            "measures= without build=",
            "Let the function return what it measures, and declare it in metrics=.",
        )
    seen: set[str] = set()
    for metric in metrics:
        _check_metric(metric)
        if metric.name in seen:
            raise HarnessError(
                "the metrics of a study must have different names",
                f"{metric.name!r} twice",
                "Rename one of them.",
            )
        seen.add(metric.name)


def _check_metric(metric: Metric) -> None:
    name = metric.name
    if not isinstance(name, str) or not name.isidentifier() or name in {*COSTS, *COUNTED, STEP}:
        raise HarnessError(
            f"the name of a Metric must be a Python name that no cost has, other than {STEP!r}",
            repr(name),
            "Write Metric('test_error', ...), say.",
        )
    for what in ("title", "unit", "meaning"):
        instead = f"Write another {what}= in Metric({name!r}, ...)."
        check_name(f"a metric's {what}", getattr(metric, what), instead)
    checks.one_of(metric, "better", metric.better, (*get_args(Better), None))
    checks.one_of(metric, "replicate", metric.replicate, ("seed",))
    least = metric.least
    if not checks.is_number(least) or math.isnan(least) or least == math.inf:
        raise HarnessError(
            f"Metric({name!r}, least=...) must be the smallest value that it can have",
            repr(least),
            "Write least=0, or leave it out.",
        )


def recorded(study: Study) -> frozenset[str]:
    """Return the names of metrics that trials record, apart from what measures add."""
    if study.build is not None:
        return Training.metrics
    return frozenset(metric.name for metric in study.metrics)


def with_curves(study: Study) -> frozenset[str]:
    """Return the names of metrics of which there is, or may be, a value after each epoch."""
    return Training.curves if study.build is not None else recorded(study)


def check_objective(study: Study) -> None:
    """Check that settings are chosen by what is recorded apart from the test examples.

    Raises:
        HarnessError: they are not; of measures, trials of a search alone take any.
    """
    name = study.objective
    if study.search is not None:
        check_objectives(study.search, may_choose(study))
        by_curve = study.search.pruner in ("median", "hyperband")
        if by_curve and study.build is not None and name not in Training.curves:
            raise HarnessError(
                f"pruner {study.search.pruner!r} must have an objective with a curve",
                f"objective={name!r}, which is measured at the end",
                "Write objective='validation_loss', or pruner='none'.",
            )
        return
    if study.build is None:
        names = [metric.name for metric in study.metrics]
        chosen = study.tuned and source_of(study) != "results"  # others have chosen theirs
        if not chosen and name not in names:  # then it is only what a store shows first
            object.__setattr__(study, "objective", names[0])
        if not chosen or (name in names and not name.startswith("test_")):
            _check_direction(study)
            return
        raise HarnessError(
            "settings must be chosen by one of the study's metrics that is no test metric",
            f"objective={name!r}" + (", the default" if name == "validation_loss" else ""),
            _objective(each for each in names if not each.startswith("test_")),
        )
    if not study.metric(name).name.startswith("validation_") or name not in Training.metrics:
        raise HarnessError(
            "settings must be chosen on the validation split",
            f"objective={name!r}",
            "Write objective='validation_loss', or another score of the task, such as "
            "'validation_accuracy' or 'validation_squared_error'.",
        )


def may_choose(study: Study) -> dict[str, Metric]:
    """Return what settings may be searched by: what trials give apart from test examples."""
    if study.build is None:
        return {x.name: x for x in study.metrics if not x.name.startswith("test_")}
    given = [metric for measure in study.measures for metric in measure.metrics]
    validation = [x for name, x in METRICS.items() if name.startswith("validation_")]
    return {
        metric.name: metric
        for metric in (*validation, *given)
        if metric.name not in BY_LAYER and not metric.name.startswith("test_")
    }


def _objective(names: Iterable[str]) -> str:
    known = list(names)
    if known:
        return f"Write objective={known[0]!r}, say."
    return (
        "Write metrics=(Metric('validation_loss', better='lower'), ...), and let the function "
        "report or return it."
    )


def _check_direction(study: Study) -> None:
    if (
        study.tuned
        and source_of(study) != "results"
        and study.metric(study.objective).better is None
    ):
        raise HarnessError(
            "the metric by which settings are chosen must have a better direction",
            f"objective={study.objective!r}, whose Metric has none",
            f"Write Metric({study.objective!r}, better='lower'), say.",
        )
