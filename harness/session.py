"""The loop that keeps every worker busy: cohorts of trials out, results in."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from typing import Any

from harness.costs import by_program, choices, machine, profiles, programs
from harness.errors import HarnessError
from harness.executors import Options, make_executor
from harness.ledger import Claimed, Ledger
from harness.modes import PLAIN, Choice, Mode
from harness.plan import Trial
from harness.progress import Display
from harness.records import Record
from harness.runner import HEARTBEAT_SECONDS
from harness.search import Outlook, Planner
from harness.workers import Answer, Executor, Job, Named, Result, WorkerDiedError

POLL_SECONDS = 0.5
"""How often the store is read for what other processes have done."""

PLAN_SECONDS = 5.0
"""How often, at most, it is written down which trials there are."""

SHOW_SECONDS = 0.2
"""How often, at most, somebody is told how far it is."""

BULK_SECONDS = 1.0
"""Short trials are handed out together up to so much work, which a kill may cost."""

MOST_AT_ONCE = 64


@dataclass(frozen=True)
class _Cohort:
    """Trials that one worker is given at a time.

    Attributes:
        trials: trials of one program.
        mode: how they are trained.
    """

    trials: tuple[Trial, ...]
    mode: Mode


class Session:
    """Trains what is ready until nothing is left.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        options: how to run.
        display: what is told meanwhile.
        ignored: numbers of failed trials that are to be run again.
        started: the workers; the caller stops them, and dead ones are replaced in this list.
    """

    def __init__(
        self,
        ledger: Ledger,
        planner: Planner,
        options: Options,
        display: Display,
        ignored: frozenset[int],
        started: list[Executor],
    ) -> None:
        self.ledger = ledger
        self.planner = planner
        self.options = options
        self.display = display
        self.ignored = ignored
        self.executors = started
        self.running: dict[Future[Answer], tuple[list[Claimed], Executor]] = {}
        self.unwritten: list[tuple[Claimed, Result]] = []
        self.deaths: dict[str, int] = {}
        self.choices: Mapping[str, Choice] = choices(ledger, options)
        self.seconds = {
            arm: profile.step_seconds * profile.steps
            for arm, profile in profiles(ledger, programs(planner))[0].items()
        }
        self.trained = 0
        self.spoken = 0.0
        self.shown = self.planned = -math.inf
        self.known = -1

    def work(self, reference: str | None) -> int:
        """Train until nothing is left; return how many trials this process trained."""
        self.ledger.begin_work()
        while True:
            self.speak()
            if self.idle():
                with self.ledger.store.lock():  # so that nobody claims in between
                    outlook = self.refresh()
                    jobs = self.assign(outlook)
                for job, claims, executor in jobs:  # without the lock: this process may train
                    self.running[executor.submit(job)] = (claims, executor)
            else:
                outlook = self.refresh()
            if self.unwritten:
                self.write()  # while the workers train what they have just been given
                if self.idle():
                    continue  # for which there may be something now
            if not outlook.ready and not self.running:
                return self.trained
            finished, _ = wait(self.running, POLL_SECONDS, FIRST_COMPLETED)
            if not self.running:
                time.sleep(POLL_SECONDS)  # others have claimed all that is ready
            for future in finished:
                self.take(future, reference)

    def release(self) -> None:
        """Give back what is not finished, for a process that lives on after an interruption."""
        for future in [each for each in self.running if each.done() and not each.exception()]:
            if not future.result().mistake:
                self.take(future, None)
        for claims, _ in self.running.values():
            for claimed in claims:
                self.ledger.release(claimed)
        self.running.clear()
        self.write()
        self.ledger.end_work()

    def speak(self) -> None:
        """Let other machines know that this process is alive."""
        if time.monotonic() - self.spoken > HEARTBEAT_SECONDS or not self.spoken:
            self.ledger.speak()
            self.spoken = time.monotonic()

    def refresh(self) -> Outlook:
        """Read what is done by now, and tell."""
        done = self.ledger.done(self.ignored)
        outlook = self.planner.outlook(done)
        now = time.monotonic()
        if len(outlook.planned) != self.known and now - self.planned > PLAN_SECONDS:
            write_plan(self.ledger, self.planner, outlook, self.options)
            self.known, self.planned = len(outlook.planned), now
        if now - self.shown < SHOW_SECONDS and outlook.ready:
            return outlook
        self.shown = now
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
        finished: dict[str, int] = {}
        took = expected = 0.0
        for trial in outlook.planned:
            record = done.get(trial.key)
            if record is not None and trial.role != "teach":
                finished[trial.arm.name] = finished.get(trial.arm.name, 0) + 1
                took += record.cost.get("seconds", 0.0)
                expected += (known[trial.arm.name] or 0.0) if "seconds" in record.cost else 0.0
        left = sum(
            (self.planner.trials(arm) - finished.get(arm, 0)) * (seconds or 0.0)
            for arm, seconds in known.items()
        )
        return left * (took / expected if expected else 1.3) / len(self.executors)

    # -- out -------------------------------------------------------------------------------

    def assign(self, outlook: Outlook) -> list[tuple[Job, list[Claimed], Executor]]:
        """Claim a cohort for every idle worker; the store is locked, and ``outlook`` just read."""
        idle = self.idle()
        mine = {claimed.trial.key for claims, _ in self.running.values() for claimed in claims}
        mine |= {claimed.trial.key for claimed, _ in self.unwritten}
        wanted = [trial for trial in outlook.ready if trial.key not in mine]
        if not idle or not wanted:
            return []
        # teachers first, for whom others wait; then what takes longest
        wanted.sort(
            key=lambda trial: (
                trial.key not in outlook.teachers,
                -self.seconds.get(trial.arm.name, 0.0),
            )
        )
        cohorts = self.cohorts(wanted, len(idle))
        trials = [trial for cohort in cohorts for trial in cohort.trials]
        claims = {
            claimed.trial.key: claimed
            for claimed in self.ledger.claim(trials, len(trials), self.ignored, look=False)
        }
        jobs = []
        for cohort, executor in zip(cohorts, idle, strict=False):
            won = [claims[trial.key] for trial in cohort.trials if trial.key in claims]
            won = self.with_teachers(won)
            if won:
                job = Job(
                    "train",
                    self.ledger.scale,
                    tuple(
                        Named.of(
                            each.trial,
                            self.network(each.trial),
                            keep=each.trial.key in outlook.teachers,
                        )
                        for each in won
                    ),
                    cohort.mode,
                    networks=str(self.ledger.store.networks),
                )
                jobs.append((job, won, executor))
        return jobs

    def idle(self) -> list[Executor]:
        """Return the workers that have nothing to do."""
        busy = {executor for _, executor in self.running.values()}
        return [executor for executor in self.executors if executor not in busy]

    def cohorts(self, wanted: list[Trial], idle: int) -> list[_Cohort]:
        """Divide trials among idle workers."""
        groups: dict[str, list[Trial]] = {}
        for trial in wanted:
            # what a worker died of is found out by training each of its trials alone
            group = f"{trial.program} {trial.key}" if trial.key in self.deaths else trial.program
            groups.setdefault(group, []).append(trial)
        # a program need not be divided among all where there is as much other work for the others
        fair = -(-len(wanted) // len(self.executors))
        shares = {name: min(len(each), fair) for name, each in groups.items()}
        out: list[_Cohort] = []
        while groups and len(out) < idle:
            name = next(iter(groups))
            trials = groups[name]
            mode, size = self.way(trials[0], min(shares[name], len(trials)))
            out.append(_Cohort(tuple(trials[:size]), mode))
            groups[name] = trials[size:]
            if not groups[name]:
                del groups[name]
        return out

    def way(self, trial: Trial, share: int) -> tuple[Mode, int]:
        """Return how to train, and how many at most, where ``share`` are there for one worker."""
        if trial.key in self.deaths:
            return PLAIN, 1
        choice = self.choices.get(trial.program, Choice(PLAIN))
        mode = choice.at(share, forced=self.options.mode is not None)
        if mode.kind != "plain":
            return mode, min(share, mode.models)
        seconds = self.seconds.get(trial.arm.name)
        bulk = min(int(BULK_SECONDS / seconds), MOST_AT_ONCE) if seconds else 1
        return mode, max(1, min(share, bulk))

    def with_teachers(self, claims: list[Claimed]) -> list[Claimed]:
        """Return the trials that can be trained; those whose teacher failed have failed."""
        done = self.ledger.done(self.ignored)
        out = []
        for claimed in claims:
            teacher = claimed.trial.teacher
            record = done.get(teacher.key) if teacher is not None else None
            if record is not None and record.state == "failed":
                reason = f"its teacher failed: {record.reason}"
                self.unwritten.append((claimed, Result(reason=reason, env=record.env)))
            else:
                out.append(claimed)
        return out

    def network(self, trial: Trial) -> str:
        """Return the file with the network of a trial's teacher."""
        return "" if trial.teacher is None else self.ledger.network(trial.teacher.key)

    # -- in --------------------------------------------------------------------------------

    def take(self, future: Future[Answer], reference: str | None) -> None:
        """Take what a worker has done; it is idle again."""
        claims, executor = self.running.pop(future)
        try:
            answer = future.result()
        except WorkerDiedError as error:
            self.replace(executor, reference)
            for claimed in claims:
                key = claimed.trial.key
                # together with others once counts as nothing: another may have been to blame
                self.deaths[key] = self.deaths.get(key, 0) + (1 if len(claims) == 1 else 0)
                if self.deaths[key] > 1:
                    self.unwritten.append((claimed, Result(reason=f"{error}, twice")))
            return  # the others are still ours, and ready to be claimed again
        if answer.mistake:  # no outcome of the trial, which whoever comes next takes over
            raise HarnessError.relayed(f"arm {claims[0].trial.arm.name}", answer.reason)
        results: Iterable[Result] = answer.results
        if answer.reason:
            results = [Result(reason=answer.reason, env=answer.env)] * len(claims)
        self.unwritten += zip(claims, results, strict=True)

    def replace(self, executor: Executor, reference: str | None) -> None:
        """Start another worker in the place of a dead one."""
        executor.stop()
        place = self.executors.index(executor)
        fresh = make_executor(self.ledger.study, reference, self.options, place)
        self.executors[place] = fresh

    def write(self) -> None:
        """Write down what has become of trials."""
        with self.ledger.store.together():
            while self.unwritten:
                claimed, result = self.unwritten[0]
                if result.reason:
                    self.ledger.fail(claimed, result.reason, result.env)
                else:
                    self.ledger.finish(
                        claimed,
                        result.metrics,
                        result.curves,
                        result.cost,
                        result.env,
                        result.layers,
                        result.network,
                    )
                del self.unwritten[0]
                self.trained += 1
        self.ledger.tally()


def _command(scale: str, planner: Planner, options: Options) -> str:
    """Return the command that comes to the same records on a new machine."""
    words = ["harness", "run", options.reference, "--scale", scale]
    if planner.looks:
        words += ["--until-decided", "--max-seeds", str(len(planner.seeds))]
    else:
        words += ["--seeds", str(len(planner.seeds))]
    if options.mode:
        words += ["--mode", options.mode]
    if planner.study.tuned and not planner.budget:
        words.append("--no-tuning")
    return shlex.join(words)


def plan_of(
    planner: Planner, outlook: Outlook, asked: Iterable[int], command: str, machine: str
) -> dict[str, Any]:
    """Return which trials make up a run, as plain values.

    Args:
        planner: what is to be run.
        outlook: what is known of it.
        asked: the fixed numbers of seeds that trials of the same code were run with.
        command: what comes to the same records.
        machine: the one preferred for costs.
    """
    return {
        "seeds": list(planner.seeds),
        "asked": sorted(set(asked)),
        "looks": asdict(planner.looks) if planner.looks else None,
        "evaluations": sum(planner.need.values()),
        "tuned": planner.budget > 0,
        "command": command,
        "trials": [[trial.owner, trial.seed, trial.key] for trial in outlook.planned],
        "tuning": [asdict(each) for each in outlook.tuning],
        "programs": programs(planner),
        "machine": machine,
        "modes": {
            program: [trial.arm.name for trial in trials]
            for program, trials in by_program(planner).items()
        },
    }


OLDER = "plan/"
"""What the names begin with under which plans of runs of other code or settings are kept."""


def write_plan(ledger: Ledger, planner: Planner, outlook: Outlook, options: Options) -> None:
    """Keep which trials make up the newest run, so that it can be judged without its code.

    The plan before is kept, too, where it has no trial in common with this one: it was of other
    code or settings, and the seeds asked for then say nothing of these trials.
    """
    before = ledger.note("plan") or {}
    older = ledger.notes(OLDER)
    keys = _keys(outlook.planned)
    kin = [each for each in (before, *older.values()) if not keys.isdisjoint(_kept_keys(each))]
    asked = [count for each in kin for count in each.get("asked", ())]
    plan = plan_of(
        planner, outlook, [*asked, *([] if planner.looks else [len(planner.seeds)])],
        _command(ledger.scale, planner, options), machine(options),
    )  # fmt: skip
    if before == plan:
        return
    if before.get("trials") and keys and keys.isdisjoint(_kept_keys(before)):
        text = json.dumps(before["trials"])
        name = f"{OLDER}{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        ledger.write_note(name, before)
    ledger.write_note("plan", plan)


def _keys(trials: Iterable[Trial]) -> set[str]:
    return {trial.key for trial in trials}


def _kept_keys(plan: Mapping[str, Any]) -> set[str]:
    return {key for _, _, key in plan.get("trials", ())}
