"""What workers are asked to do, and what they answer: plain values that travel to any process.

A job names trials. Whoever does it has the study, makes the trials again from their names, and
checks that it arrives at the same keys.
"""

from __future__ import annotations

import io
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engines.modes import KINDS, PLAIN, Choice, Kind, Mode
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.running.named import Named
from harness.running.telling import Telling, Told
from harness.storing.artifacts import Artifacts
from harness.study.study import Study
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import Trial, make_trial

if TYPE_CHECKING:
    import torch

    from harness.engines.network import Snapshot
    from harness.trainer.train import TrainingResult


@dataclass(frozen=True)
class Workplace:
    """Where a job is done.

    Attributes:
        study: the study.
        device: where tensors are.
        env: versions, device, threads.
        artifacts: where networks are kept that others learn from.
        tell: receives, now and then, how far trials are.
    """

    study: Study
    device: torch.device
    env: Mapping[str, str]
    artifacts: Artifacts
    tell: Callable[[Told], None] | None = None

    def trial(self, named: Named) -> Trial:
        """Make a trial from its name.

        Raises:
            HarnessError: the study is not what it was when the trial was named.
        """
        trial = self._of_now(named)
        if trial is None or (named.key and trial.key != named.key):
            raise HarnessError(
                "a study must stay as it is while it runs",
                "other code or settings than when the run began",
                "Start the same command again.",
            )
        return trial

    def _of_now(self, named: Named) -> Trial | None:
        """Return the trial that has this name now; ``None`` where there is none any more."""
        arms = self.study.arms(named.scale) if named.scale in self.study.scales else ()
        arm = next((arm for arm in arms if arm.name == named.arm), None)
        if arm is None:
            return None
        trial: Trial | None
        trial = make_trial(self.study, named.scale, arm, named.seed, named.role, named.tuned)
        for _ in range(named.teaches):
            trial = trial.teacher if trial is not None else None
        return trial


@dataclass(frozen=True)
class Answer:
    """What came of a job.

    Attributes:
        reason: why nothing came of it; empty where something did.
        mistake: whether the reason is a mistake in the study, not an outcome of a trial.
        place: the arm that the mistake is in; empty where it is in none.
        env: where it was done.
        outcomes: of :class:`TrainJob`, what became of each trial, in order.
        profile: of :class:`ProfileJob`, what was measured.
        choice: of :class:`CalibrateJob`, which mode is fastest.
        seconds: of :class:`TimeJob`, how long a training step takes.
        took: of :class:`TrainJob`, seconds of work.
    """

    reason: str = ""
    mistake: bool = False
    place: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    profile: Profile | None = None
    choice: Choice | None = None
    seconds: float = math.nan
    took: float = 0.0


@dataclass(frozen=True)
class TrainJob:
    """Train trials of one program.

    Attributes:
        trials: the trials.
        mode: how to train them.
    """

    trials: tuple[Named, ...]
    mode: Mode = PLAIN

    def do(self, at: Workplace) -> Answer:
        """Train; whatever a trial fails of is its outcome."""
        from harness.trainer.train import Request, train_together

        trials = [at.trial(named) for named in self.trials]
        started = time.perf_counter()
        requests = [
            Request(
                trial.training,
                trial.seed,
                trial.measures,
                test=trial.role != "tune",
                taught_by=_teacher(trial, at.artifacts),
                keep=named.keep,
            )
            for trial, named in zip(trials, self.trials, strict=True)
        ]
        named = {id(request): each for request, each in zip(requests, self.trials, strict=True)}
        telling = None if at.tell is None else Telling(named, at.tell)
        results = train_together(requests, at.device, self.mode, telling)
        outcomes = tuple(
            _outcome(result, each, at) for result, each in zip(results, self.trials, strict=True)
        )
        return Answer(outcomes=outcomes, env=at.env, took=time.perf_counter() - started)


@dataclass(frozen=True)
class ProfileJob:
    """Measure what a trial's program costs.

    Attributes:
        trial: the trial.
    """

    trial: Named

    def do(self, at: Workplace) -> Answer:
        """Measure time, memory and FLOPs."""
        from harness.cost.measure import measure

        return Answer(env=at.env, profile=measure(at.trial(self.trial).training, at.device))


@dataclass(frozen=True)
class TimeJob:
    """Time a training step of a trial.

    Attributes:
        trial: the trial.
    """

    trial: Named

    def do(self, at: Workplace) -> Answer:
        """Time it once."""
        from harness.cost.measure import step_seconds

        return Answer(env=at.env, seconds=step_seconds(at.trial(self.trial).training, at.device))


@dataclass(frozen=True)
class CalibrateJob:
    """Measure in which mode a program is trained fastest.

    Attributes:
        trial: one trial of the program.
        count: how many trials the program has.
        workers: how many processes share them.
        kinds: the modes to choose from.
        peak: bytes that one trial takes at most; 0 where that is not known.
        compiling: seconds that compiling took before; 0 where that is not known.
        programs: how many programs are to be trained.
    """

    trial: Named
    count: int
    workers: int = 1
    kinds: tuple[Kind, ...] = KINDS
    peak: int = 0
    compiling: float = 0.0
    programs: int = 1

    def do(self, at: Workplace) -> Answer:
        """Measure; what goes wrong here is told again where a trial is trained."""
        from harness.cost.calibrate import COMPILE_SECONDS, calibrate, most_at_once

        try:
            choice = calibrate(
                at.trial(self.trial).training,
                at.device,
                self.count,
                workers=self.workers,
                kinds=self.kinds,
                most=most_at_once(at.device, self.peak, self.workers),
                compiling=self.compiling or COMPILE_SECONDS,
                programs=self.programs,
            )
        except HarnessError as error:
            return Answer(str(error), env=at.env)
        return Answer(env=at.env, choice=choice)


@dataclass(frozen=True)
class WarmJob:
    """Import and load what later jobs need, and check that trials can be begun.

    Attributes:
        trials: those to check.
        measuring: whether costs are measured next.
    """

    trials: tuple[Named, ...]
    measuring: bool = False

    def do(self, at: Workplace) -> Answer:
        """Check each trial; the first that cannot be begun is a mistake in the study."""
        from harness.engines.prepared import check_ready

        for trial in [at.trial(named) for named in self.trials]:
            place = f"arm {trial.arm.name}"
            try:
                check_ready(trial.training, trial.seed)
            except HarnessError as error:
                return Answer(str(error), mistake=True, place=place, env=at.env)
            except (Exception, SystemExit) as error:  # a network's own
                reason = f"its network cannot be built and given two inputs: {reason_of(error)}"
                return Answer(reason, mistake=True, place=place, env=at.env)
        if self.measuring:
            from harness.cost.measure import warm_up

            warm_up()
        return Answer(env=at.env)


Job = TrainJob | ProfileJob | TimeJob | CalibrateJob | WarmJob
"""What a worker can be asked to do."""


@calm()
def do(
    study: Study,
    job: Job,
    device_name: str,
    artifacts: Artifacts,
    tell: Callable[[Told], None] | None = None,
) -> Answer:
    """Do a job in this process; what goes wrong in it becomes part of the answer.

    Args:
        study: the study.
        job: the job.
        device_name: torch's name of the device.
        artifacts: where networks are kept that others learn from.
        tell: receives, now and then, how far trials are.
    """
    import torch

    from harness.cost.machine import environment

    env: dict[str, str] = {}
    try:
        device = torch.device(device_name)
        env = environment(device)
        return job.do(Workplace(study, device, env, artifacts, tell))
    except HarnessError as error:
        # Found before any training, a mistake ends the run; what is found while a trial is
        # trained is the outcome of that trial alone.
        return Answer(str(error), mistake=True, env=env)
    except (Exception, SystemExit) as error:  # a study's code may end the program
        return Answer(reason_of(error), env=env)


def reason_of(error: BaseException) -> str:
    """Return an error as one line with the place it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(last[0].filename).name}:{last[0].lineno})" if last else ""
    return one_line(f"{type(error).__name__}: {error}")[:500] + place


def failed(answer: Answer, trials: Sequence[object]) -> tuple[Outcome, ...]:
    """Return a failed outcome for each trial of a job that failed as a whole."""
    return (Outcome(reason=answer.reason, env=answer.env),) * len(trials)


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
    )


def _failure(error: Exception) -> str:
    from harness.trainer.train import DivergedError

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
