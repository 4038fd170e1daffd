"""Who does the work of a Training: the harness's own trainer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.engines.modes import Mode
from harness.messages.blame import reason_of
from harness.messages.errors import HarnessError
from harness.running.named import Named
from harness.running.telling import Telling
from harness.running.workplace import Workplace, pruning_of
from harness.storing.artifacts import Artifacts
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import Trial

if TYPE_CHECKING:
    from harness.engines.network import Snapshot
    from harness.trainer.train import TrainingResult


def train(
    trials: Sequence[Trial], names: Sequence[Named], mode: Mode, at: Workplace
) -> tuple[Outcome, ...]:
    """Train trials of one program together; whatever one fails of is its outcome."""
    from harness.trainer.train import Request, train_together

    requests = [
        Request(
            trial.training,
            trial.seed,
            trial.measures,
            test=trial.role != "tune",
            taught_by=_teacher(trial, at.artifacts),
            keep=named.keep,
            pruning=pruning_of(named, at.study),
        )
        for trial, named in zip(trials, names, strict=True)
    ]
    named = {id(request): each for request, each in zip(requests, names, strict=True)}
    telling = None if at.tell is None else Telling(named, at.tell)
    results = train_together(requests, at.device, mode, telling)
    return tuple(_outcome(result, each, at) for result, each in zip(results, names, strict=True))


def check(trial: Trial, at: Workplace) -> None:  # noqa: ARG001 - as others need it
    """Check that a trial can be begun.

    Raises:
        HarnessError: it cannot; a network of the user's own may raise anything.
    """
    from harness.engines.prepared import check_ready

    try:
        check_ready(trial.training, trial.seed)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:  # a network's own
        what = "its network cannot be built and given two inputs"
        raise HarnessError.relayed(what, reason_of(error)) from error


def warm_up() -> None:
    """Load what measuring needs."""
    from harness.cost.measure import warm_up

    warm_up()


def profile(trial: Trial, at: Workplace) -> Profile:
    """Measure time, memory and FLOPs of a training step."""
    from harness.cost.measure import measure

    return measure(trial.training, at.device)


def step_seconds(trial: Trial, at: Workplace) -> float:
    """Time a training step."""
    from harness.cost.measure import step_seconds

    return step_seconds(trial.training, at.device)


# -- from the trainer to an outcome --------------------------------------------------------


def _outcome(result: TrainingResult | Exception, named: Named, at: Workplace) -> Outcome:
    """Return what became of a trial; its network is kept, where others learn from it."""
    if isinstance(result, Exception):
        return Outcome(reason=_failure(result), env=at.env)
    try:
        network = _keep(result.network, named.key, at.artifacts) if result.network else ""
    except OSError as error:
        return Outcome(reason=reason_of(error), env=at.env)
    return Outcome(
        result.metrics,
        result.curves,
        {"seconds": result.seconds, "steps": result.steps, "samples": result.samples},
        at.env,
        result.layers,
        mode=str(result.mode),
        note=result.note,
        network=network,
        pruned=result.pruned,
    )


def _failure(error: Exception) -> str:
    from harness.trainer.failures import DivergedError

    known = isinstance(error, HarnessError | DivergedError)
    return str(error) if known else reason_of(error)


def _keep(network: Snapshot, name: str, artifacts: Artifacts) -> str:
    """Keep a network under a name; return the name."""
    import torch

    content = io.BytesIO()
    held = {part: values.cpu() for part, values in network.held.items()}
    torch.save({"vector": network.vector.cpu(), "held": held}, content)
    content.seek(0)
    artifacts.put(name, content)
    return name


def _teacher(trial: Trial, artifacts: Artifacts) -> Snapshot | None:
    """Fetch the network of a trial's teacher by the teacher's key; ``None`` where there is none."""
    import torch

    from harness.engines.network import Snapshot

    if trial.teacher is None:
        return None
    try:
        content = artifacts.get(trial.teacher.key)
        if content is None:
            return None
        with content:
            kept = torch.load(content, map_location="cpu", weights_only=True)
        return Snapshot(kept["vector"], kept["held"])
    except Exception:  # damaged: the teacher is trained again, as where there is none
        return None
