"""Plan -> claim -> train -> record: runs what is missing, and never judges."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from harness.errors import HarnessError
from harness.ledger import Claimed, Ledger
from harness.plan import TUNING_SEED, Trial, defaults, make_trial
from harness.profiles import Profile
from harness.progress import Display
from harness.records import Record
from harness.runner import HEARTBEAT_SECONDS
from harness.search import Outlook, Planner
from harness.study import Study
from harness.training import canonical
from harness.workers import Answer, Executor, InProcess, Job, Worker, WorkerDiedError

POLL_SECONDS = 0.5
"""How often the store is read for what other processes have done."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        device: torch's name of the device.
        workers: number of worker processes; 0 chooses one per core on a CPU, one on others.
        seeds: evaluation seeds per arm, where not what the scale says.
        tune: whether tuned settings are searched; otherwise they stay at their defaults.
        profile: whether the cost of arms is measured.
        retry_failed: whether failed trials are run again.
        reference: how the study was named by whoever runs it, for the report.
    """

    device: str = "cpu"
    workers: int = 0
    seeds: int | None = None
    tune: bool = True
    profile: bool = True
    retry_failed: bool = False
    reference: str = ""


class InterruptedRunError(Exception):
    """Somebody pressed Ctrl-C; everything finished by then is recorded.

    Attributes:
        done: trials finished or failed.
        total: trials planned.
    """

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"{done} of {total} trials are done")
        self.done = done
        self.total = total


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes:
        trained: trials that this process trained.
        adopted: trials taken over from other studies in the same store.
        total: trials of the study at this scale.
        profiled: arms whose cost was measured.
    """

    trained: int
    adopted: int
    total: int
    profiled: int


def worker_count(options: Options) -> int:
    """Return how many worker processes to use."""
    if options.workers:
        return options.workers
    if torch.device(options.device).type != "cpu":
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def done_records(
    records: Iterable[Record], ignored: frozenset[int] = frozenset()
) -> dict[str, Record]:
    """Return the newest finished or failed record of each key, but for those ignored by number."""
    return {
        record.key: record
        for record in records
        if record.state != "running" and record.number not in ignored
    }


def run(
    ledger: Ledger, planner: Planner, reference: str | None, options: Options, display: Display
) -> Ran:
    """Run what is missing of a study at a scale.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        reference: the study's module or file, which worker processes load; ``None`` runs
            everything in this process.
        options: how to run.
        display: what is told meanwhile.

    Raises:
        HarnessError: the study is wrong, or the store or the data is not there.
        InterruptedRunError: Ctrl-C.
    """
    ignored = frozenset(
        record.number
        for record in ledger.records()
        if record.state == "failed" and options.retry_failed
    )
    profiled = trained = adopted = 0
    try:
        outlook = _look(ledger, planner, ignored)
        while count := ledger.adopt(outlook.ready):
            adopted += count  # adopted tuning may tell of trials that can be adopted too
            outlook = _look(ledger, planner, ignored)
        unmeasured = bool(options.profile and _unprofiled(ledger, planner, options))
        if outlook.ready or unmeasured:
            _prepare_data(planner)
            count = min(worker_count(options), len(outlook.ready)) if reference else 1
            with _executors(ledger.study, reference, options, count + unmeasured) as executors:
                display.show("starting", 0, outlook.total, None)
                _warm_up(executors, planner, profiler=unmeasured)
                if unmeasured:
                    profiled = _profile(ledger, planner, executors.pop(), options, display)
                if outlook.ready:
                    session = _Session(ledger, planner, options, display, ignored, executors)
                    trained = session.work(reference)
    except KeyboardInterrupt:
        done = done_records(ledger.records(), ignored)
        outlook = planner.outlook(done)
        finished = sum(trial.key in done for trial in outlook.planned)
        raise InterruptedRunError(finished, outlook.total) from None
    outlook = _look(ledger, planner, ignored)
    ledger.withdraw({trial.key for trial in outlook.planned})
    _write_plan(ledger, planner, outlook, options)
    return Ran(trained, adopted, outlook.total, profiled)


def _look(ledger: Ledger, planner: Planner, ignored: frozenset[int]) -> Outlook:
    return planner.outlook(done_records(ledger.records(), ignored))


def _prepare_data(planner: Planner) -> None:
    """See that every data set is there, before anything is trained."""
    trials = profile_trials(planner).values()
    for data in {json.dumps(canonical(t.training.data)): t.training.data for t in trials}.values():
        prepare = getattr(data, "prepare", None)
        if prepare is not None:
            prepare()


# -- cost ----------------------------------------------------------------------------------


def profile_trials(planner: Planner) -> dict[str, Trial]:
    """Return, by arm name, the trial whose program is profiled: settings at their defaults."""
    return {
        arm.name: make_trial(
            planner.study, planner.scale, arm, TUNING_SEED, "tune", defaults(planner.study)
        )
        for arm in planner.arms
    }


def profiles(ledger: Ledger, planner: Planner) -> tuple[dict[str, Profile], dict[str, str]]:
    """Return the cost of arms by arm name, and why it is missing where measuring it failed."""
    found: dict[str, Profile] = {}
    failed: dict[str, str] = {}
    notes = ledger.notes("profile/")
    for arm, trial in profile_trials(planner).items():
        for name, value in notes.items():
            if name.startswith(f"{trial.key}/"):
                if "reason" in value:
                    failed[arm] = value["reason"]
                else:
                    found[arm] = Profile(**value)
    return found, failed


def _unprofiled(ledger: Ledger, planner: Planner, options: Options) -> dict[str, Trial]:
    """Return, by the name that their profile will be kept under, what was not measured here."""
    from harness.environment import hardware

    machine = f"{options.device}/{hardware(torch.device(options.device))}"
    known = ledger.notes("profile/")
    names = {f"{trial.key}/{machine}": trial for trial in profile_trials(planner).values()}
    return {name: trial for name, trial in names.items() if name not in known}


def _profile(
    ledger: Ledger, planner: Planner, executor: Executor, options: Options, display: Display
) -> int:
    """Measure each arm that was not measured on this machine, in a process with nothing else."""
    count = 0
    try:
        # The lock keeps other processes of this store from training meanwhile.
        with ledger.store.lock():
            missing = _unprofiled(ledger, planner, options)
            for name, trial in missing.items():
                display.show("measuring cost", count, len(missing), None)
                try:
                    answer = executor.submit(Job.of("profile", ledger.scale, trial)).result()
                except WorkerDiedError as error:
                    raise HarnessError(
                        "a step of every arm must fit this machine",
                        f"{trial.arm.name}: {error}",
                        "Make the network or the batch smaller, or leave the profile out with "
                        "--no-profile.",
                    ) from error
                if answer.mistake:
                    raise HarnessError.relayed(f"arm {trial.arm.name}", answer.reason)
                profile = asdict(answer.profile) if answer.profile else {"reason": answer.reason}
                ledger.write_note(f"profile/{name}", profile)
                count += 1
    finally:
        executor.stop()
    return count


# -- training ------------------------------------------------------------------------------


def _warm_up(executors: list[Executor], planner: Planner, *, profiler: bool) -> None:
    """Let all processes import and load at once, so that nothing disturbs the profile later.

    Raises:
        HarnessError: a process cannot load the study or its data.
    """
    trial = next(iter(profile_trials(planner).values()))
    last = len(executors) - 1
    answers = [
        executor.submit(
            Job.of("warm profiler" if profiler and index == last else "warm", planner.scale, trial)
        )
        for index, executor in enumerate(executors)
    ]
    for answer in answers:
        try:
            said = answer.result()
        except WorkerDiedError as error:
            raise HarnessError(
                "worker processes must start", str(error), "`harness doctor` shows what is amiss."
            ) from error
        if said.mistake:
            raise HarnessError.relayed("starting", said.reason)


@contextmanager
def _executors(
    study: Study, reference: str | None, options: Options, count: int
) -> Iterator[list[Executor]]:
    made: list[Executor] = []
    try:
        made += (make_executor(study, reference, options) for _ in range(count))
        yield made
    finally:
        for executor in made:
            executor.stop()


def make_executor(study: Study, reference: str | None, options: Options) -> Executor:
    """Return what trains one trial at a time: a process of its own where a file holds the study."""
    if reference is None:
        return InProcess(study, options.device)
    # One thread each: on a CPU, processes beat threads, and sums always round alike.
    return Worker(reference, options.device, threads=1)


class _Session:
    """The loop that keeps every worker busy."""

    def __init__(
        self,
        ledger: Ledger,
        planner: Planner,
        options: Options,
        display: Display,
        ignored: frozenset[int],
        executors: list[Executor],
    ) -> None:
        self.ledger = ledger
        self.planner = planner
        self.options = options
        self.display = display
        self.ignored = ignored
        self.executors = executors  # the caller's list, which it stops: dead ones are replaced
        self.running: dict[Future[Answer], tuple[Claimed, Executor]] = {}
        self.deaths: dict[str, int] = {}
        self.seconds = {
            arm: profile.step_seconds * profile.steps
            for arm, profile in profiles(ledger, planner)[0].items()
        }
        self.trained = 0
        self.spoken = 0.0
        self.known = -1

    def work(self, reference: str | None) -> int:
        """Train until nothing is left; return how many trials this process trained."""
        outlook = self.refresh()
        while outlook.ready or self.running:
            self.speak()
            busy = {executor for _, executor in self.running.values()}
            idle = [executor for executor in self.executors if executor not in busy]
            mine = {claimed.trial.key for claimed, _ in self.running.values()}
            wanted = [trial for trial in outlook.ready if trial.key not in mine]
            wanted.sort(key=lambda trial: -self.seconds.get(trial.arm.name, 0.0))
            retry = frozenset(trial.key for trial in wanted) if self.ignored else frozenset()
            claims = self.ledger.claim(wanted, len(idle), retry) if idle and wanted else []
            for claimed, executor in zip(claims, idle, strict=False):
                job = Job.of("train", self.ledger.scale, claimed.trial)
                self.running[executor.submit(job)] = (claimed, executor)
            finished, _ = wait(self.running, POLL_SECONDS, FIRST_COMPLETED)
            if not self.running:
                time.sleep(POLL_SECONDS)  # others have claimed all that is ready
            for future in finished:
                self.record(future, reference)
            outlook = self.refresh()
        return self.trained

    def speak(self) -> None:
        """Let other machines know that this process is alive."""
        if time.monotonic() - self.spoken > HEARTBEAT_SECONDS or not self.spoken:
            self.ledger.speak()
            self.spoken = time.monotonic()

    def refresh(self) -> Outlook:
        """Read what is done by now, and tell."""
        done = done_records(self.ledger.records(), self.ignored)
        outlook = self.planner.outlook(done)
        if len(outlook.planned) != self.known:
            _write_plan(self.ledger, self.planner, outlook, self.options)
            self.known = len(outlook.planned)
        tuning = any(trial.role == "tune" for trial in outlook.ready)
        stage = "tuning and training" if tuning else "training"
        count = sum(trial.key in done for trial in outlook.planned)
        self.display.show(stage, count, outlook.total, self.left(outlook, done))
        return outlook

    def left(self, outlook: Outlook, done: Mapping[str, Record]) -> float | None:
        """Estimate the seconds left from profiles, and from what trials took so far."""
        known = {arm.name: self.seconds.get(arm.name) for arm in self.planner.arms}
        if any(seconds is None for seconds in known.values()):
            return None
        each = self.planner.budget + len(self.planner.seeds)
        finished: dict[str, int] = {}
        took = expected = 0.0
        for trial in outlook.planned:
            record = done.get(trial.key)
            if record is not None:
                finished[trial.arm.name] = finished.get(trial.arm.name, 0) + 1
                took += record.cost.get("seconds", 0.0)
                expected += (known[trial.arm.name] or 0.0) if "seconds" in record.cost else 0.0
        left = sum(
            (each - finished.get(arm, 0)) * (seconds or 0.0) for arm, seconds in known.items()
        )
        return left * (took / expected if expected else 1.3) / len(self.executors)

    def record(self, future: Future[Answer], reference: str | None) -> None:
        """Write down what became of a trial."""
        claimed, executor = self.running.pop(future)
        try:
            answer = future.result()
        except WorkerDiedError as error:
            executor.stop()
            self.executors.remove(executor)
            self.executors.append(make_executor(self.ledger.study, reference, self.options))
            key = claimed.trial.key
            self.deaths[key] = self.deaths.get(key, 0) + 1
            if self.deaths[key] > 1:
                self.ledger.fail(claimed, f"{error}, twice", {})
            return  # otherwise it is still ours, and ready to be claimed again
        if answer.mistake:  # no outcome of the trial, which whoever comes next takes over
            raise HarnessError.relayed(f"arm {claimed.trial.arm.name}", answer.reason)
        if answer.reason:
            self.ledger.fail(claimed, answer.reason, answer.env)
        else:
            self.ledger.finish(claimed, answer.metrics, answer.curves, answer.cost, answer.env)
        self.trained += 1


def _command(scale: str, planner: Planner, options: Options) -> str:
    """Return the command that comes to the same records on a new machine."""
    words = ["harness", "run", options.reference, "--scale", scale]
    words += ["--seeds", str(len(planner.seeds))]
    if planner.study.tuned and not planner.budget:
        words.append("--no-tuning")
    return shlex.join(words)


def _write_plan(ledger: Ledger, planner: Planner, outlook: Outlook, options: Options) -> None:
    """Keep which trials make up the newest run, so that it can be judged without its code."""
    plan: dict[str, Any] = {
        "seeds": list(planner.seeds),
        "tuned": planner.budget > 0,
        "command": _command(ledger.scale, planner, options),
        "trials": [[trial.arm.name, trial.seed, trial.key] for trial in outlook.planned],
        "tuning": [asdict(each) for each in outlook.tuning],
    }
    if ledger.note("plan") != plan:
        ledger.write_note("plan", plan)
