"""Who does the work of an Ensemble: its members are trained before, as trials of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.engines.modes import PLAIN, Mode
from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.running import trainings
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.study.ensemble import Ensemble
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import Trial


def train(
    trials: Sequence[Trial],
    names: Sequence[Named],  # noqa: ARG001 - as others need it
    mode: Mode,  # noqa: ARG001 - there is one way
    at: Workplace,
) -> tuple[Outcome, ...]:
    """Average the members of each trial; whatever it fails of is its outcome."""
    return tuple(_outcome(trial, at) for trial in trials)


@calm()
def _outcome(trial: Trial, at: Workplace) -> Outcome:
    from harness.trainer.ensembles import scores_of

    assert isinstance(trial.work, Ensemble)
    try:
        kept = {name: trainings.made(need, at) for name, need in trial.needs.items()}
        began = time.perf_counter()
        given = {name: each.learnt for name, each in kept.items()}
        test = trial.role != "tune"
        metrics = scores_of(trial.work, trial.seed, at.device, given, test=test)
    except Exception as error:  # whatever a network raises
        return Outcome(reason=trainings.failure(error), env=at.env)
    seconds = time.perf_counter() - began + sum(each.seconds for each in kept.values())
    return Outcome(metrics, {}, {"seconds": seconds}, at.env, mode=str(PLAIN))


def check(trial: Trial, at: Workplace) -> None:
    """Check that the members of a trial can be begun.

    Raises:
        HarnessError: one cannot.
    """
    for need in {need.program: need for need in trial.needs.values()}.values():
        trainings.check(need, at)


def warm_up() -> None:
    """Load nothing: an ensemble has no training step to measure."""


def profile(trial: Trial, at: Workplace) -> Profile:
    """Refuse: what is measured are the steps of its members.

    Raises:
        HarnessError: always.
    """
    raise _no_step(trial, at)


def step_seconds(trial: Trial, at: Workplace) -> float:
    """Refuse, as :func:`profile` does.

    Raises:
        HarnessError: always.
    """
    raise _no_step(trial, at)


def _no_step(trial: Trial, at: Workplace) -> HarnessError:  # noqa: ARG001 - as others need it
    return HarnessError(
        "what is measured must have a training step",
        f"{trial.arm.name}, an ensemble",
        "Name an arm that is one of its members.",
    )
