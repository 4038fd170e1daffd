"""Who does the work of a Training: the harness's own trainer."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines.modes import PLAIN, Mode
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
    from harness.engines.network import Learnt
    from harness.trainer.train import TrainingResult


def train(
    trials: Sequence[Trial], names: Sequence[Named], mode: Mode, at: Workplace
) -> tuple[Outcome, ...]:
    """Train trials of one program together; whatever one fails of is its outcome."""
    from harness.trainer.train import Request, train_together

    begun = [_given_or_why_not(trial, at) for trial in trials]
    named: dict[int, Named] = {}
    requests = []
    for trial, name, given in zip(trials, names, begun, strict=True):
        if not isinstance(given, Exception):
            request = Request(
                trial.training,
                trial.seed,
                trial.measures,
                test=trial.role != "tune",
                given=given,
                keep=name.keep,
                pruning=pruning_of(name, at.study),
            )
            requests.append(request)
            named[id(request)] = name
    telling = None if at.tell is None else Telling(named, at.tell)
    trained = iter(train_together(requests, at.device, mode, telling) if requests else ())
    results = [each if isinstance(each, Exception) else next(trained) for each in begun]
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
    """Return what became of a trial; its network is kept, where others need it."""
    if isinstance(result, Exception):
        return Outcome(reason=failure(result), env=at.env)
    try:
        kept = Kept(result.learnt, result.seconds) if result.learnt is not None else None
        network = keep(kept, named.key, at.artifacts) if kept is not None else ""
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


def failure(error: Exception) -> str:
    """Return why a trial failed, in one line."""
    from harness.trainer.failures import DivergedError

    known = isinstance(error, HarnessError | DivergedError)
    return str(error) if known else reason_of(error)


# -- networks that others need -------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What is kept of a trial for others that need it.

    Attributes:
        learnt: the parameters and buffers of its network, by name.
        seconds: how long it trained.
    """

    learnt: Learnt
    seconds: float


def keep(kept: Kept, name: str, artifacts: Artifacts) -> str:
    """Keep a network under a name; return the name."""
    import torch

    content = io.BytesIO()
    learnt = {part: values.cpu() for part, values in kept.learnt.items()}
    torch.save({"learnt": learnt, "seconds": kept.seconds}, content)
    content.seek(0)
    artifacts.put(name, content)
    return name


def fetch(name: str, artifacts: Artifacts) -> Kept | None:
    """Fetch a network by its name; ``None`` where there is none, or a damaged one."""
    import torch

    try:
        content = artifacts.get(name)
        if content is None:
            return None
        with content:
            found = torch.load(content, map_location="cpu", weights_only=True)
        return Kept(dict(found["learnt"]), float(found["seconds"]))
    except Exception:  # damaged: it is trained again, as where there is none
        return None


def made(need: Trial, at: Workplace) -> Kept:
    """Return what a trial needs, trained again where somebody cleared it away, and kept.

    Raises:
        DivergedError: its loss stopped being finite.
        HarnessError: it cannot be trained.
    """
    from harness.trainer.train import Request, train_together

    kept = fetch(need.key, at.artifacts)
    if kept is not None:
        return kept
    request = Request(need.training, need.seed, given=given_to(need, at), test=False, keep=True)
    (result,) = train_together([request], at.device, PLAIN)
    if isinstance(result, Exception):
        raise result
    assert result.learnt is not None
    kept = Kept(result.learnt, result.seconds)
    with contextlib.suppress(OSError):  # whoever needs it next trains it again
        keep(kept, need.key, at.artifacts)
    return kept


def given_to(trial: Trial, at: Workplace) -> dict[str, Learnt]:
    """Return what the networks have learnt that a trial needs, by name."""
    return {name: made(need, at).learnt for name, need in trial.needs.items()}


def _given_or_why_not(trial: Trial, at: Workplace) -> dict[str, Learnt] | Exception:
    try:
        return given_to(trial, at)
    except Exception as error:  # of this trial; its neighbours go on
        return error
