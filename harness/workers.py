"""Worker processes: each loads the study itself and trains one trial at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import HarnessError, one_line
from harness.profiles import Profile
from harness.records import Role
from harness.study import Study

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from harness.plan import Trial


@dataclass(frozen=True)
class Job:
    """One trial to train, or one arm to profile, in plain values that travel to any process.

    Attributes:
        kind: ``"train"``, ``"profile"``, or ``"warm"`` and ``"warm profiler"``, which import and
            load what the others will need.
        scale: the scale's name.
        arm: the arm's name.
        seed: the trial's seed.
        role: the trial's role.
        tuned: values of the tuned settings.
        key: the trial's key, which the worker must arrive at too.
    """

    kind: str
    scale: str
    arm: str
    seed: int
    role: Role
    tuned: Mapping[str, float]
    key: str

    @staticmethod
    def of(kind: str, scale: str, trial: Trial) -> Job:
        """Describe a trial."""
        return Job(
            kind, scale, trial.arm.name, trial.seed, trial.role, dict(trial.tuned), trial.key
        )


@dataclass(frozen=True)
class Answer:
    """What became of a job.

    Attributes:
        reason: why it failed; empty where it did not.
        mistake: whether the reason is a mistake in the study, not an outcome of the trial.
        metrics: final values.
        curves: values per epoch.
        cost: seconds, steps and samples.
        env: where it ran.
        profile: what was measured, where the job was to profile.
    """

    reason: str = ""
    mistake: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    profile: Profile | None = None


class Executor(Protocol):
    """Whatever takes jobs and gives futures."""

    def submit(self, job: Job) -> Future[Answer]:
        """Take one job; the one before it must be over."""

    def stop(self) -> None:
        """End at once."""


class StudyChangedError(HarnessError):
    """The study's file is not what it was when the run began."""


class WorkerDiedError(RuntimeError):
    """The worker's process ended in the middle of a job."""


def do(study: Study, job: Job, device_name: str) -> Answer:
    """Do a job in this process; what goes wrong in it becomes part of the answer."""
    import torch

    from harness.environment import environment
    from harness.plan import make_trial
    from harness.train import DivergedError, train

    env: dict[str, str] = {}
    try:
        device = torch.device(device_name)
        env = environment(device)
        arm = next(arm for arm in study.arms(job.scale) if arm.name == job.arm)
        trial = make_trial(study, job.scale, arm, job.seed, job.role, job.tuned)
        if job.key and trial.key != job.key:
            raise StudyChangedError(
                "a study must stay as it is while it runs",
                "other code or settings than when the run began",
                "Start the same command again.",
            )
        if job.kind.startswith("warm"):
            trial.training.data.splits(job.seed)
        if job.kind == "warm profiler":
            from harness.profile import warm_up

            warm_up()
        if job.kind.startswith("warm"):
            return Answer(env=env)
        if job.kind == "profile":
            from harness.profile import measure

            return Answer(env=env, profile=measure(trial.training, device))
        outcome = train(trial.training, job.seed, device, test=job.role == "evaluate")
    except DivergedError as error:
        return Answer(reason=str(error), env=env)
    except HarnessError as error:
        # Found before any training, a mistake ends the run; found later, it is the outcome of
        # this trial alone, and does not stop the others.
        mistake = job.kind != "train" or isinstance(error, StudyChangedError)
        return Answer(reason=str(error), mistake=mistake, env=env)
    except Exception as error:
        return Answer(reason=reason_of(error), env=env)
    cost = {"seconds": outcome.seconds, "steps": outcome.steps, "samples": outcome.samples}
    return Answer(metrics=outcome.metrics, curves=outcome.curves, cost=cost, env=env)


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
    """

    def __init__(self, reference: str, device: str, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, reference, device, threads), daemon=True
        )
        # Numerical libraries read these when they are first imported, before any code of ours.
        with _environment({"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}):
            self._process.start()
        theirs.close()

    def submit(self, job: Job) -> Future[Answer]:
        """Send the job; the future raises WorkerDiedError should the process end."""
        future: Future[Answer] = Future()
        threading.Thread(target=self._wait, args=(job, future), daemon=True).start()
        return future

    def _wait(self, job: Job, future: Future[Answer]) -> None:
        try:
            self._connection.send(job)
            future.set_result(self._connection.recv())
        except (EOFError, OSError):
            self._process.join(5)
            code = self._process.exitcode
            how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit {code}"
            future.set_exception(WorkerDiedError(f"the worker process died ({how})"))

    def stop(self) -> None:
        """Kill the process: what it was doing is done again by whoever comes next."""
        self._process.kill()
        self._process.join()
        self._connection.close()


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Any:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, reference: str, device: str, threads: int) -> None:
    """Answer jobs until the parent closes its end, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_die_with_parent, daemon=True).start()
    import torch

    from harness.load import load

    torch.set_num_threads(threads)
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
        answer = Answer(reason=mistake, mistake=True) if mistake else do(study, job, device)
        connection.send(answer)


def _die_with_parent() -> None:
    """End this process when the parent does, even by SIGKILL: a run started again is alone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
