"""Plan -> claim -> train -> record: runs what is missing, and never judges."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from harness.costs import measure_costs, profile_trials, profiles, programs, unprofiled
from harness.errors import HarnessError
from harness.executors import Options, executors, make_executor, worker_count
from harness.ledger import Claimed, Ledger
from harness.progress import Display
from harness.records import Record
from harness.runner import HEARTBEAT_SECONDS
from harness.search import Outlook, Planner
from harness.training import canonical
from harness.workers import Answer, Executor, Job, WorkerDiedError

POLL_SECONDS = 0.5
"""How often the store is read for what other processes have done."""


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
        unmeasured = bool(options.profile and unprofiled(ledger, planner, options))
        if outlook.ready or unmeasured:
            _prepare_data(planner)
            done = done_records(ledger.records(), ignored)
            left = outlook.total - sum(trial.key in done for trial in outlook.planned)
            count = min(worker_count(options), left) if reference else 1
            with executors(ledger.study, reference, options, count + unmeasured) as started:
                display.show("starting", 0, outlook.total, None)
                _warm_up(started, planner, profiler=unmeasured)
                if unmeasured:
                    fresh = partial(make_executor, ledger.study, reference, options)
                    profiled = measure_costs(
                        ledger, planner, started.pop(), fresh, options, display
                    )
                if outlook.ready:
                    session = _Session(ledger, planner, options, display, ignored, started)
                    try:
                        trained = session.work(reference)
                    finally:
                        session.release()
    except KeyboardInterrupt:
        done = done_records(ledger.records(), ignored)
        outlook = planner.outlook(done)
        finished = sum(trial.key in done for trial in outlook.planned)
        raise InterruptedRunError(finished, outlook.total) from None
    outlook = _look(ledger, planner, ignored)
    ledger.withdraw()
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


def _warm_up(started: list[Executor], planner: Planner, *, profiler: bool) -> None:
    """Let all processes import and load at once, so that nothing disturbs the profile later.

    Raises:
        HarnessError: a process cannot load the study or its data.
    """
    trial = next(iter(profile_trials(planner).values()))
    last = len(started) - 1
    answers = [
        executor.submit(
            Job.of("warm profiler" if profiler and index == last else "warm", planner.scale, trial)
        )
        for index, executor in enumerate(started)
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


class _Session:
    """The loop that keeps every worker busy."""

    def __init__(
        self,
        ledger: Ledger,
        planner: Planner,
        options: Options,
        display: Display,
        ignored: frozenset[int],
        running: list[Executor],
    ) -> None:
        self.ledger = ledger
        self.planner = planner
        self.options = options
        self.display = display
        self.ignored = ignored
        self.executors = running  # the caller's list, which it stops: dead ones are replaced
        self.running: dict[Future[Answer], tuple[Claimed, Executor]] = {}
        self.deaths: dict[str, int] = {}
        self.seconds = {
            arm: profile.step_seconds * profile.steps
            for arm, profile in profiles(ledger, programs(planner))[0].items()
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
            claims = []
            if idle and wanted:
                claims = self.ledger.claim(wanted, len(idle), self.ignored)
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

    def release(self) -> None:
        """Give back what is not finished, for a process that lives on after an interruption."""
        for claimed, _ in self.running.values():
            self.ledger.release(claimed)
        self.running.clear()

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
        "programs": programs(planner),
    }
    if ledger.note("plan") != plan:
        ledger.write_note("plan", plan)
