"""What workers are asked to do, and what they answer: plain values that travel to any process.

A job names trials. Whoever does it has the study, makes the trials again from their names, and
checks that it arrives at the same keys.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.engines.modes import KINDS, PLAIN, Choice, Kind, Mode
from harness.messages.blame import reason_of
from harness.messages.calm import calm
from harness.messages.errors import HarnessError
from harness.own.saves import TrialFolder
from harness.own.watched import Watch
from harness.running.kinds import runner_of
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile


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
        trials = [at.trial(named) for named in self.trials]
        started = time.perf_counter()
        outcomes = runner_of(trials[0].work).train(trials, self.trials, self.mode, at)
        return Answer(outcomes=outcomes, env=outcomes[0].env, took=time.perf_counter() - started)


@dataclass(frozen=True)
class WatchJob:
    """Train a trial of a study that is checked, in the plain loop, and note what it does beside.

    Attributes:
        trial: the trial.
        notes: the file that notes are added to.
        kill: whether it is ended by SIGKILL on its way: a function right after its first save, a
            Training after its first epoch, a command as soon as its folder holds a file.
    """

    trial: Named
    notes: str
    kill: bool = False

    def do(self, at: Workplace) -> Answer:
        """Train it."""
        watch = Watch(Path(self.notes), self.kill)
        trial = at.trial(self.trial)
        at = replace(at, watch=watch)
        if self.kill and trial.work.kind == "Training":
            at = replace(at, tell=lambda _: watch.end())
        if self.kill and trial.work.kind == "command":
            watch.end_at_first_file(TrialFolder(at.folder, trial.key).files)
        return TrainJob((self.trial,)).do(at)


@dataclass(frozen=True)
class ProfileJob:
    """Measure what a trial's program costs.

    Attributes:
        trial: the trial.
    """

    trial: Named

    def do(self, at: Workplace) -> Answer:
        """Measure time, memory and FLOPs."""
        trial = at.trial(self.trial)
        return Answer(profile=runner_of(trial.work).profile(trial, at), env=at.env)


@dataclass(frozen=True)
class TimeJob:
    """Time a training step of a trial.

    Attributes:
        trial: the trial.
    """

    trial: Named

    def do(self, at: Workplace) -> Answer:
        """Time it once."""
        trial = at.trial(self.trial)
        return Answer(seconds=runner_of(trial.work).step_seconds(trial, at), env=at.env)


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
        trials = [at.trial(named) for named in self.trials]
        for trial in trials:
            try:
                runner_of(trial.work).check(trial, at)
            except HarnessError as error:
                place = f"arm {trial.arm.name}"
                return Answer(str(error), mistake=True, place=place, env=at.env_by_now)
        if self.measuring and trials:
            runner_of(trials[0].work).warm_up()
        return Answer(env=at.env_by_now)


Job = TrainJob | WatchJob | ProfileJob | TimeJob | CalibrateJob | WarmJob
"""What a worker can be asked to do."""


@calm()
def do(job: Job, at: Workplace) -> Answer:
    """Do a job in this process; what goes wrong in it becomes part of the answer."""
    try:
        return job.do(at)
    except HarnessError as error:
        # Found before any training, a mistake ends the run; what is found while a trial is
        # trained is the outcome of that trial alone.
        return Answer(str(error), mistake=True, env=at.env_by_now)
    except (Exception, SystemExit) as error:  # a study's code may end the program
        return Answer(reason_of(error), env=at.env_by_now)


def failed(answer: Answer, trials: Sequence[object]) -> tuple[Outcome, ...]:
    """Return a failed outcome for each trial of a job that failed as a whole."""
    return (Outcome(reason=answer.reason, env=answer.env),) * len(trials)
