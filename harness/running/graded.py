"""What trainings of a study end with, seed by seed: what a gate compares between two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.planning.folding import folds_of
from harness.running.find import find, load
from harness.running.jobs import TrainJob, do
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.storing.artifacts import FolderOfArtifacts
from harness.study.claims import Equivalent, NotWorse
from harness.study.designs import Arm
from harness.study.metrics import COUNTED, Metric
from harness.study.study import Study
from harness.study.work import with_needs
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial, defaults, evaluation_seeds, make_trial

_TIMES = frozenset({"s", "per s"})
"""Units of metrics that differ from run to run, whatever the code is."""


@calm()
def graded_by_seed(
    reference: str,
    arm: str | None,
    scale: str | None,
    *,
    seeds: int | None,
    device: str,
    folder: Path,
) -> dict[str, Any]:
    """Train each arm of a study on its seeds in this process, tuned settings at their defaults.

    All is trained in the plain loop, one trial after the other, so that two processes with the same
    code come to the same bits. A limit of the study's is not kept: this process may take as long
    as it needs.

    Args:
        reference: the study's name, module or file.
        arm: the arm's name; ``None`` is all of them.
        scale: the scale's name; ``None`` is the first.
        seeds: seeds of each arm; ``None`` for what the scale says.
        device: torch's name of the device.
        folder: where each trial has a folder.

    Returns:
        In plain values: ``none``, why a search has no quality, or empty; ``seeds``; ``arms``;
        ``metrics``, those that are judged (:func:`judged_metrics`), each with name, unit, direction
        and the margin of the study's claims, or null; ``trials``, each with arm, seed, ``failed``
        (the reason, or empty), metrics by name, and ``bits``: a hash of all that was recorded of
        it, but for times.

    Raises:
        HarnessError: there is no such study, scale or arm, it cannot be trained as it is declared,
            or it is one that this process does not train.
    """
    study = load(find(reference))
    name, _ = study.scale(scale)
    if study.searching(name) is not None:
        return {"none": "it is a search, which has no arms to train again"}
    _check_source(study)
    arms = [each for each in study.arms(name) if arm in {None, each.name}]
    wanted = judged_metrics(study)
    numbers = evaluation_seeds(study, name, seeds)
    at = Workplace(study, torch.device(device), FolderOfArtifacts(folder), folder)
    trials = [_trial(study, name, each, seed) for each in arms for seed in numbers]
    _check_folds(trials, study)
    _fetch_data(trials)
    return {
        "none": "",
        "seeds": len(numbers),
        "arms": [each.name for each in arms],
        "metrics": [
            {"name": each.name, "unit": each.unit, "better": each.better,
             "margin": margin_of(study, each)}
            for each in wanted
        ],
        "trials": [_told(trial, _trained(trial, name, at), study) for trial in trials],
    }  # fmt: skip


def judged_metrics(study: Study) -> tuple[Metric, ...]:
    """Return the metrics by which a study's quality is judged, in the order that it names them.

    They are those that its claims speak of: that is what the study is about. Without such claims it
    is one: of a Training the test metric that belongs to the objective, of the user's own code the
    first of its metrics. Each must have a direction and differ by seed: costs have tiers of their
    own, and runs that fail are told in any case. More metrics would make each harder to decide, as
    they share one level.

    Raises:
        HarnessError: there is none.
    """
    claimed = [study.metric(claim.metric) for claim in study.claims]
    found = tuple(dict.fromkeys(each for each in claimed if _can_be_judged(each)))
    if found:
        return found
    main = [*study.metrics]
    if study.build is not None:
        main = [study.metric(study.objective.replace("validation_", "test_"))]
    main = [each for each in main if _can_be_judged(each)]
    if not main:
        raise HarnessError(
            f"{study.name} must have a metric with a direction, for its quality to be judged",
            ", ".join(each.name for each in study.metrics) or "no metric",
            "Write Metric('test_error', better='lower'), say.",
        )
    return tuple(main[:1])


def _can_be_judged(metric: Metric) -> bool:
    varies = metric.replicate == "seed" and not metric.relative
    return varies and metric.better is not None and metric.name not in COUNTED


def margin_of(study: Study, metric: Metric) -> float | None:
    """Return the smallest margin of the study's claims that something is as good or the same."""
    margins = [
        claim.by
        for claim in study.claims
        if claim.metric == metric.name and isinstance(claim, NotWorse | Equivalent)
    ]
    return min(margins, default=None)


def _check_source(study: Study) -> None:
    if study.build is not None or study.train is not None:
        return
    raise HarnessError(
        f"{study.name} must have build= or train=, for its quality to be compared",
        "a command, of which nobody can tell which code it ran"
        if study.command is not None
        else "neither: it judges results of others",
        "Call the code from train=, or leave --quality out.",
    )


def _trial(study: Study, scale: str, arm: Arm, seed: int) -> Trial:
    return make_trial(study, scale, arm, seed, "evaluate", defaults(study))


def _check_folds(trials: Sequence[Trial], study: Study) -> None:
    folds = folds_of(trial.work for trial in trials)
    if folds is not None:
        raise HarnessError(
            "--quality must have independent seeds, as a gate promises how rarely it is wrong, and "
            "training sets of folds overlap",
            f"{folds.named} in study {study.name}",
            "Leave folds= out of the data, or leave --quality out.",
        )


def _fetch_data(trials: Sequence[Trial]) -> None:
    """Let declared data sets be there, or say that they are not, before anything is trained."""
    for work in with_needs(trial.work for trial in trials):
        for data in work.data_sets():
            if (prepare := getattr(data, "prepare", None)) is not None:
                prepare()


def _trained(trial: Trial, scale: str, at: Workplace) -> Outcome:
    answer = do(TrainJob((Named.of(trial, scale),)), at)
    if answer.mistake:
        raise HarnessError.relayed(f"arm {trial.arm.name}", answer.reason)
    return answer.outcomes[0] if answer.outcomes else Outcome(reason=answer.reason)


def _told(trial: Trial, outcome: Outcome, study: Study) -> dict[str, Any]:
    times = {each.name for each in study.metrics if each.unit in _TIMES}
    kept = [
        sorted((name, value) for name, value in each.items() if name not in times)
        for each in (outcome.metrics, {name: [*curve] for name, curve in outcome.curves.items()})
    ]
    return {
        "arm": trial.arm.name,
        "seed": trial.seed,
        "failed": outcome.reason,
        "metrics": {name: float(value) for name, value in outcome.metrics.items()},
        "bits": hashlib.sha256(repr(kept).encode()).hexdigest()[:16],  # repr: every bit of a float
    }
