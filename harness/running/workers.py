"""Worker processes: each loads the study itself and trains what it is given, a cohort at a time."""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.engines.modes import KINDS, PLAIN, Choice, Kind, Mode
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.running import forks
from harness.study.study import Study
from harness.terminal.outlets import in_worker
from harness.trials.profiles import Profile
from harness.trials.records import Role

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    import torch

    from harness.data.draw import Whole
    from harness.engines.network import Snapshot
    from harness.trainer.train import Outcome, Request
    from harness.training import Training
    from harness.trials.trial import Trial


TELL_SECONDS = 0.5
"""How often, at most, a worker tells how far its trials are."""


@dataclass(frozen=True)
class Named:
    """A trial, named in plain values that travel to any process.

    Attributes:
        arm: the arm's name.
        seed: the trial's seed.
        role: the trial's role.
        tuned: values of the tuned settings.
        key: the trial's key, which the worker must arrive at too.
        teaches: 0 for the arm's own trial, 1 for its teacher, 2 for that one's teacher...
        network: file with the network of the trial's own teacher; empty where there is none.
        keep: whether its network is to be kept, for others to learn from.
    """

    arm: str
    seed: int
    role: Role
    tuned: Mapping[str, float]
    key: str
    teaches: int = 0
    network: str = ""
    keep: bool = False

    @staticmethod
    def of(trial: Trial, network: str = "", *, keep: bool = False) -> Named:
        """Name a trial."""
        return Named(
            trial.arm.name,
            trial.seed,
            trial.role,
            dict(trial.tuned),
            trial.key,
            trial.teaches,
            network,
            keep,
        )


@dataclass(frozen=True)
class Job:
    """What a worker is to do.

    Attributes:
        kind: ``"train"``, ``"profile"``, ``"time"``, ``"calibrate"``, or ``"warm"`` and
            ``"warm profiler"``, which import and load what the others will need, and check that
            trials can be begun.
        scale: the scale's name.
        trials: to train, trials of one program; to warm up, those to check; else one.
        mode: how to train them.
        count: to calibrate, how many trials the program has.
        workers: to calibrate, how many processes share them.
        kinds: to calibrate, the modes to choose from.
        peak: to calibrate, the bytes that one trial takes at most; 0 where nobody knows.
        compiling: to calibrate, the seconds that compiling took before; 0 where nobody knows.
        programs: to calibrate, how many programs are to be trained.
        networks: folder in which trained networks are left that others learn from.
    """

    kind: str
    scale: str
    trials: tuple[Named, ...]
    mode: Mode = PLAIN
    count: int = 0
    workers: int = 1
    kinds: tuple[Kind, ...] = KINDS
    peak: int = 0
    compiling: float = 0.0
    programs: int = 1
    networks: str = ""

    @staticmethod
    def of(kind: str, scale: str, trial: Trial) -> Job:
        """Describe a job on one trial."""
        return Job(kind, scale, (Named.of(trial),))


@dataclass(frozen=True)
class Result:
    """What became of one trial.

    Attributes:
        reason: why it failed; empty where it did not.
        metrics: final values.
        curves: values per epoch.
        layers: values by layer.
        cost: seconds, steps and samples.
        env: where and how it ran.
        network: file with the trained network, where another trial learns from it.
    """

    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    layers: Mapping[str, list[float]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    network: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a job.

    Attributes:
        reason: why nothing came of it; empty where something did.
        mistake: whether the reason is a mistake in the study, not an outcome of a trial.
        place: the arm that the mistake is in; empty where it is in none.
        results: what became of each trial, in order.
        env: where it ran.
        profile: what was measured, where the job was to profile.
        choice: which mode is fastest, where the job was to calibrate.
        seconds: of a training step, where the job was to time it.
        took: seconds of work, where the job was to train.
    """

    reason: str = ""
    mistake: bool = False
    place: str = ""
    results: tuple[Result, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    profile: Profile | None = None
    choice: Choice | None = None
    seconds: float = math.nan
    took: float = 0.0


@dataclass(frozen=True)
class Told:
    """How far the trials are that a worker trains together.

    Attributes:
        arm: the first trial's arm.
        seed: the first trial's seed.
        role: the first trial's role.
        trials: how many there are.
        epoch: epochs that are over.
        epochs: epochs in all.
        loss: mean training loss of the last epoch.
        seconds_left: until the last epoch is over, should it go on like this.
    """

    arm: str
    seed: int
    role: Role
    trials: int
    epoch: int
    epochs: int
    loss: float
    seconds_left: float


class Executor(Protocol):
    """Whatever takes jobs and gives futures.

    Attributes:
        told: how far the job was when that was last told; ``None`` where nobody has told.
    """

    told: Told | None

    def submit(self, job: Job) -> Future[Answer]:
        """Take one job; the one before it must be over."""

    def stop(self) -> None:
        """End at once."""


class StudyChangedError(HarnessError):
    """The study's file is not what it was when the run began."""


class WorkerDiedError(RuntimeError):
    """The worker's process ended in the middle of a job."""


@calm()
def do(
    study: Study, job: Job, device_name: str, tell: Callable[[Told], None] | None = None
) -> Answer:
    """Do a job in this process; what goes wrong in it becomes part of the answer.

    Args:
        study: the study.
        job: the job.
        device_name: torch's name of the device.
        tell: is told now and then how far trials are.
    """
    import torch

    from harness.cost.machine import environment
    from harness.engines.prepared import check_ready

    env: dict[str, str] = {}
    place = ""
    try:
        device = torch.device(device_name)
        env = environment(device)
        trials = [_find(study, job.scale, named) for named in job.trials]
        if job.kind == "train":
            started = time.perf_counter()
            results = _train(trials, job, device, env, tell)
            return Answer(results=results, env=env, took=time.perf_counter() - started)
        training = trials[0].training
        if job.kind == "profile":
            from harness.cost.measure import measure

            return Answer(env=env, profile=measure(training, device))
        if job.kind == "time":
            from harness.cost.measure import step_seconds

            return Answer(env=env, seconds=step_seconds(training, device))
        if job.kind == "calibrate":
            return Answer(env=env, choice=_calibrate(training, job, device))
        for trial in trials:
            place = f"arm {trial.arm.name}"
            try:
                check_ready(trial.training, trial.seed)
            except HarnessError:
                raise
            except (Exception, SystemExit) as error:  # a network's own
                return Answer(
                    f"its network cannot be built and given two inputs: {reason_of(error)}",
                    mistake=True,
                    place=place,
                    env=env,
                )
        place = ""
        if job.kind == "warm profiler":
            from harness.cost.measure import warm_up

            warm_up()
    except HarnessError as error:
        # Found before any training, a mistake ends the run; what is found while a trial is
        # trained is the outcome of that trial alone, and so is what calibrating stumbles over.
        return Answer(str(error), mistake=job.kind != "calibrate", place=place, env=env)
    except (Exception, SystemExit) as error:  # somebody's code that ends the program
        return Answer(reason=reason_of(error), env=env)
    return Answer(env=env)


def _calibrate(training: Training, job: Job, device: torch.device) -> Choice:
    from harness.cost.calibrate import COMPILE_SECONDS, calibrate, most_at_once

    most = most_at_once(device, job.peak, job.workers)
    return calibrate(
        training,
        device,
        job.count,
        workers=job.workers,
        kinds=job.kinds,
        most=most,
        compiling=job.compiling or COMPILE_SECONDS,
        programs=job.programs,
    )


def _find(study: Study, scale: str, named: Named) -> Trial:
    """Return a trial by its name.

    Raises:
        StudyChangedError: the study is another than that of whoever named it.
    """
    from harness.trials.trial import make_trial

    arm = next(arm for arm in study.arms(scale) if arm.name == named.arm)
    trial = make_trial(study, scale, arm, named.seed, named.role, named.tuned)
    for _ in range(named.teaches):
        assert trial.teacher is not None
        trial = trial.teacher
    if named.key and trial.key != named.key:
        raise StudyChangedError(
            "a study must stay as it is while it runs",
            "other code or settings than when the run began",
            "Start the same command again.",
        )
    return trial


def _train(
    trials: Sequence[Trial],
    job: Job,
    device: torch.device,
    env: Mapping[str, str],
    tell: Callable[[Told], None] | None,
) -> tuple[Result, ...]:
    from harness.trainer.train import Request, train_together

    requests = [
        Request(
            trial.training,
            trial.seed,
            trial.measures,
            test=trial.role != "tune",
            taught_by=_load(named.network),
            keep=named.keep,
        )
        for trial, named in zip(trials, job.trials, strict=True)
    ]
    named = {id(request): each for request, each in zip(requests, job.trials, strict=True)}
    telling = None if tell is None else _Telling(named, tell)
    outcomes = train_together(requests, device, job.mode, telling)
    return tuple(
        Result(reason=_outcome_reason(outcome), env=env)
        if isinstance(outcome, Exception)
        else _result(outcome, env, job, named)
        for outcome, named in zip(outcomes, job.trials, strict=True)
    )


class _Telling:
    """Tells now and then how far trials are.

    Args:
        named: trials by the identity of their requests.
        tell: is told.
    """

    def __init__(self, named: Mapping[int, Named], tell: Callable[[Told], None]) -> None:
        self._named = named
        self._tell = tell
        self._first = (1, time.monotonic())  # the epoch after which it was first told, and when
        self._before = self._first[1]
        self._last = -math.inf

    def __call__(self, requests: Sequence[Request], epoch: int, loss: float) -> None:
        """Take what the trainer tells after each epoch."""
        now = time.monotonic()
        if epoch <= self._first[0]:  # others, or the same in another mode
            each, self._first = now - self._before, (epoch, now)
        else:  # the first epoch takes longer: it loads, and compiles
            each = (now - self._first[1]) / (epoch - self._first[0])
        self._before = now
        if now - self._last < TELL_SECONDS:
            return
        self._last = now
        first = self._named[id(requests[0])]
        epochs = requests[0].training.epochs
        left = each * (epochs - epoch)
        self._tell(
            Told(first.arm, first.seed, first.role, len(requests), epoch, epochs, loss, left)
        )


def _outcome_reason(error: Exception) -> str:
    from harness.trainer.train import DivergedError

    known = isinstance(error, HarnessError | DivergedError)
    return str(error) if known else reason_of(error)


def _result(outcome: Outcome, env: Mapping[str, str], job: Job, named: Named) -> Result:
    try:
        network = _save(outcome, Path(job.networks), named) if outcome.network else ""
    except OSError as error:
        return Result(reason=reason_of(error), env=env)
    how = {"mode": str(outcome.mode)} | ({"mode_note": outcome.note} if outcome.note else {})
    return Result(
        metrics=outcome.metrics,
        curves=outcome.curves,
        layers=outcome.layers,
        cost={"seconds": outcome.seconds, "steps": outcome.steps, "samples": outcome.samples},
        env={**env, **how},
        network=network,
    )


def _load(path: str) -> Snapshot | None:
    """Read a network; ``None`` where there is none, as after somebody cleared up."""
    import torch

    from harness.engines.network import Snapshot

    if not path or not Path(path).is_file():
        return None
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        return Snapshot(kept["vector"], kept["held"])
    except Exception:  # damaged: the teacher is trained again, as where there is none
        return None


def _save(outcome: Outcome, folder: Path, named: Named) -> str:
    """Write a network, all of it or nothing."""
    import torch

    assert outcome.network is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{named.key}.{os.getpid()}.part"
    held = {name: each.cpu() for name, each in outcome.network.held.items()}
    torch.save({"vector": outcome.network.vector.cpu(), "held": held}, path)
    return str(path)


def reason_of(error: BaseException) -> str:
    """Return an error as one line with the place it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(last[0].filename).name}:{last[0].lineno})" if last else ""
    return one_line(f"{type(error).__name__}: {error}")[:500] + place


class InProcess:
    """Does jobs in this process: for a study that no file holds."""

    def __init__(self, study: Study, device: str) -> None:
        self._study = study
        self._device = device
        self.told: Told | None = None

    def submit(self, job: Job) -> Future[Answer]:
        """Do the job before returning."""
        future: Future[Answer] = Future()
        future.set_result(do(self._study, job, self._device))
        return future

    def stop(self) -> None:
        """Nothing goes on in the background."""


class Worker:
    """One process of its own, started anew for each ``Worker``.

    Args:
        reference: the study's module name or file, which the process loads.
        device: where it trains.
        threads: CPU threads it uses.
        shared: data sets in shared memory, by the name of their source.
    """

    def __init__(
        self, reference: str, device: str, threads: int, shared: Mapping[str, Whole]
    ) -> None:
        import torch.multiprocessing  # noqa: F401 - teaches processes to hand on shared memory

        forks.begin(measuring=False)
        context = forks.context()
        self._connection, theirs = context.Pipe()
        wanted = forks.environment(threads)
        self._process = context.Process(
            target=_serve,
            args=(theirs, reference, device, threads, dict(shared), wanted),
            daemon=True,
        )
        with forks.surroundings(threads, {}):
            try:
                self._process.start()
            except (OSError, EOFError) as error:
                self._connection.close()
                theirs.close()
                raise HarnessError(
                    "worker processes must start",
                    f"{type(error).__name__}: {error}",
                    "Is there memory left? The same command goes on; --workers 1 needs least.",
                ) from error
        theirs.close()
        self.told: Told | None = None

    def submit(self, job: Job) -> Future[Answer]:
        """Send the job; the future raises WorkerDiedError should the process end."""
        self.told = None
        future: Future[Answer] = Future()
        threading.Thread(target=self._wait, args=(job, future), daemon=True).start()
        return future

    def _wait(self, job: Job, future: Future[Answer]) -> None:
        try:
            self._connection.send(job)
            while isinstance(said := self._connection.recv(), Told):
                self.told = said
            future.set_result(said)
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit {code}"
            future.set_exception(WorkerDiedError(f"the worker process died ({how})"))
        except Exception as error:  # what cannot be sent, or read
            future.set_exception(WorkerDiedError(f"the worker was not understood ({error})"))

    def stop(self) -> None:
        """Kill the process: what it was doing is done again by whoever comes next."""
        self._process.kill()
        self._process.join()
        self._connection.close()


@calm()
def _serve(
    connection: Connection,
    reference: str,
    device: str,
    threads: int,
    shared: Mapping[str, Whole],
    wanted: Mapping[str, str],
) -> None:
    """Answer jobs until the parent closes its end, or dies."""
    forks.settle(wanted)
    in_worker()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_die_with_parent, daemon=True).start()
    import torch

    from harness.data.shared import install
    from harness.running.find import load

    torch.set_num_threads(threads)
    install(shared)
    try:
        study = load(reference)
        mistake = ""
    except HarnessError as error:
        mistake = str(error)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        answer = (
            Answer(reason=mistake, mistake=True)
            if mistake
            else do(study, job, device, connection.send)
        )
        if any("AcceleratorError" in each.reason for each in answer.results):
            os._exit(1)  # whatever is done on the device from now on fails: a new process is needed
        connection.send(answer)


def _die_with_parent() -> None:
    """End this process when the parent does, even by SIGKILL: a run started again is alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
