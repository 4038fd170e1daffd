"""The loop that keeps every worker busy: cohorts of trials out, results in."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait

from harness.engines.modes import PLAIN, Choice, Mode
from harness.messages.errors import HarnessError
from harness.planning.cohorts import Pace, divide, in_order, way_to_train
from harness.planning.datasets import written
from harness.planning.outlook import Outlook, Planner
from harness.running.costs import by_program, choices, machine, profiles, programs
from harness.running.executors import Options, Pool
from harness.running.jobs import Answer, TrainJob, failed
from harness.running.named import Named
from harness.running.progress import WAITING, Display, RunStatus, best_line
from harness.running.revision import revision_of
from harness.running.search_command import search_command
from harness.running.workers import Executor, WorkerDiedError
from harness.storing import notes
from harness.storing.kept import keep, manifest_of, older_manifests
from harness.storing.leases import Lease
from harness.storing.ledger import Ledger
from harness.storing.presence import Presence
from harness.trials.manifest import Manifest, Planned
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial

POLL_SECONDS = 0.5
"""How often, at least, the store is read for what other processes have done."""

SOON_SECONDS = 0.05
"""How often, at most, it is read by a process that has nothing to do."""

PATIENT_SECONDS = 5.0
"""After how long without anything to train it is said that others are waited for."""

PLAN_SECONDS = 5.0
"""How often, at most, it is written down which trials there are."""

SHOW_SECONDS = 0.2
"""Least seconds between two progress updates."""


class Session:
    """Trains what is ready until nothing is left.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        options: how to run.
        display: receives progress.
        ignored: numbers of failed trials that are to be run again.
        pool: where a worker comes from that takes the place of a dead one.
        started: the workers, of the pool; the caller stops them.
        presence: how many workers other processes have.

    Attributes:
        trained: trials that were trained.
        took: seconds of all workers together in which they were.
    """

    def __init__(
        self,
        ledger: Ledger,
        planner: Planner,
        options: Options,
        display: Display,
        ignored: frozenset[int],
        pool: Pool,
        started: list[Executor],
        presence: Presence,
    ) -> None:
        self.presence = presence
        self.ledger = ledger
        self.planner = planner
        self.options = options
        self.display = display
        self.ignored = ignored
        self.pool = pool
        self.executors = started
        self.running: dict[Future[Answer], tuple[list[Lease], Executor]] = {}
        self.unwritten: list[tuple[Lease, Outcome]] = []
        self.deaths: dict[str, int] = {}
        self.recorded: set[str] = set()
        self.choices: Mapping[str, Choice] = choices(ledger, options)
        self.profiled = {
            arm: profile.step_seconds * profile.steps
            for arm, profile in profiles(ledger, programs(planner))[0].items()
            if profile.steps
        }
        self.pace = Pace()
        self.trained = 0
        self.took = 0.0
        self.shown = self.planned = self.changed = -math.inf
        self.busy = time.monotonic()
        self.written = self.seen = -1
        self.known = (0, 0)

    def work(self) -> int:
        """Train until nothing is left; return how many trials this process trained."""
        self.ledger.begin_work()
        outlook = self.refresh()
        fresh = True  # whether workers have become idle since trials were last handed out
        while True:
            if not fresh:
                outlook = self.refresh()
            if fresh or (self.idle() and self.free(outlook)):
                outlook = self.hand_out()
            fresh = False
            if self.unwritten:
                self.write()  # while the workers train what they have just been given
                if self.idle():
                    fresh = True  # for which there may be something now
                    continue
            if not outlook.ready and not self.running:
                return self.trained
            pause = self.pause()
            finished, _ = wait(self.running, pause, FIRST_COMPLETED)
            if not self.running:
                time.sleep(pause)  # others are running all that is left
            for future in finished:
                self.collect(future)
                fresh = True

    def pause(self) -> float:
        """Return after how many seconds to look again, should no worker of ours end before.

        With idle workers that is soon after anything has changed, and later where nothing does.
        """
        if not self.idle():
            return POLL_SECONDS
        return min(POLL_SECONDS, max(SOON_SECONDS, (time.monotonic() - self.changed) / 5))

    def release(self) -> None:
        """Give back what is not finished, for a process that lives on after an interruption."""
        for future in [each for each in self.running if each.done() and not each.exception()]:
            if not future.result().mistake:
                self.collect(future)
        for leases, _ in self.running.values():
            for lease in leases:
                self.ledger.release(lease)
        self.running.clear()
        self.write()
        self.ledger.end_work()

    def refresh(self) -> Outlook:
        """Read what is done by now, and tell."""
        done = self.ledger.done(self.ignored)
        outlook = self.planner.outlook(done)
        now = time.monotonic()
        if len(done) != self.seen:
            self.seen, self.changed = len(done), now
        if len(outlook.planned) != self.written and now - self.planned > PLAN_SECONDS:
            write_plan(self.ledger, self.planner, outlook, self.options)
            self.written, self.planned = len(outlook.planned), now
        if now - self.shown < SHOW_SECONDS and outlook.ready:
            return outlook
        self.shown = now
        self.pace = Pace.of(outlook.planned, done, self.profiled)
        self.known = sum(trial.key in done for trial in outlook.planned), outlook.total
        told = [each for _, executor in self.running.values() if (each := executor.told)]
        best = list(map(best_line, outlook.best))
        left = self.left(outlook)
        self.display.show(RunStatus(self.stage(outlook), *self.known, left, told, best))
        return outlook

    def stage(self, outlook: Outlook) -> str:
        """Say what is going on."""
        if self.running or self.unwritten:
            self.busy = time.monotonic()
        elif outlook.ready and time.monotonic() - self.busy > PATIENT_SECONDS:
            return "waiting for other processes on this store"
        tuning = any(trial.role == "tune" for trial in outlook.ready)
        if outlook.search is not None:
            return "searching" if not outlook.search.ended else "confirming the best"
        return "tuning and training" if tuning else "training"

    def left(self, outlook: Outlook) -> float | None:
        """Estimate the seconds left, from what trials took so far and from profiles."""
        total = 0.0
        for arm, trials in outlook.expected.items():
            seconds = self.pace.seconds(arm)
            if seconds is None:
                return None
            total += (trials - self.pace.ended.get(arm, 0)) * seconds
        return total / (len(self.executors) + self.presence.others())

    # -- out -------------------------------------------------------------------------------

    def hand_out(self) -> Outlook:
        """Give idle workers what nobody is running; return what was read meanwhile."""
        with self.ledger.store.lock(self.wait_for_measuring):  # so that nobody leases in between
            outlook = self.refresh()
            jobs = self.assign(outlook)
        for job, leases, executor in jobs:  # without the lock: this process may train
            self.running[executor.submit(job)] = (leases, executor)
        return outlook

    def wait_for_measuring(self) -> None:
        """Say why nothing is begun."""
        self.display.show(RunStatus(WAITING, *self.known))

    def free(self, outlook: Outlook) -> list[Trial]:
        """Return the trials that can be begun: nobody has run them or is running them."""
        mine = {lease.trial.key for leases, _ in self.running.values() for lease in leases}
        mine |= {lease.trial.key for lease, _ in self.unwritten}
        for trial in outlook.ready:
            if trial.key in self.recorded:  # else it would be run without end
                raise HarnessError(
                    "what is written of a trial must be what is read of it",
                    f"{trial.arm.name}, seed {trial.seed}: written here, and not there or damaged",
                    "`harness doctor --store` says what is amiss.",
                )
        return self.ledger.free(
            [trial for trial in outlook.ready if trial.key not in mine], self.ignored
        )

    def assign(self, outlook: Outlook) -> list[tuple[TrainJob, list[Lease], Executor]]:
        """Lease a cohort for every idle worker; the store is locked, and ``outlook`` just read."""
        idle = self.idle()
        wanted = in_order(self.free(outlook), outlook.needed, self.pace) if idle else []
        if not wanted:
            return []
        workers = len(self.executors) + self.presence.others()
        cohorts = divide(wanted, len(idle), workers, self.choose_mode, self.deaths)
        trials = [trial for cohort in cohorts for trial in cohort.trials]
        leases = {
            lease.trial.key: lease
            for lease in self.ledger.lease(trials, len(trials), self.ignored, look=False)
        }
        jobs = []
        for cohort, executor in zip(cohorts, idle, strict=False):
            won = [leases[trial.key] for trial in cohort.trials if trial.key in leases]
            won = self.with_needs(won)
            if won:
                named = tuple(
                    Named.of(
                        lease.trial,
                        self.ledger.scale,
                        keep=lease.trial.key in outlook.needed,
                    )
                    for lease in won
                )
                jobs.append((TrainJob(named, cohort.mode), won, executor))
        return jobs

    def idle(self) -> list[Executor]:
        """Return the workers that have nothing to do."""
        busy = {executor for _, executor in self.running.values()}
        return [executor for executor in self.executors if executor not in busy]

    def choose_mode(self, trial: Trial, share: int) -> tuple[Mode, int]:
        """Return how to train, and how many at most, where ``share`` are there for one worker."""
        if trial.key in self.deaths:  # what a worker died of is found out by training each alone
            return PLAIN, 1
        choice = self.choices.get(trial.program) or self.default_choice(trial)
        seconds = None if trial.role == "need" else self.pace.seen.get(trial.arm.name)
        return way_to_train(choice, share, seconds, forced=self.options.mode is not None)

    def default_choice(self, trial: Trial) -> Choice:
        """Return how a program is trained that was not measured: in a search, as the default's."""
        for default in self.planner.at_defaults.values() if trial.searched and trial.trains else ():
            return self.choices.get(default.program, Choice(PLAIN))
        return Choice(PLAIN)

    def with_needs(self, leases: list[Lease]) -> list[Lease]:
        """Return the trials that can be trained; those have failed of which a need failed."""
        done = self.ledger.done(self.ignored)
        out = []
        for lease in leases:
            records = {name: done.get(need.key) for name, need in lease.trial.needs.items()}
            failed = {n: each for n, each in records.items() if each and each.state == "failed"}
            for name, record in failed.items():
                reason = f"its need {name!r} failed: {record.reason}"
                self.unwritten.append((lease, Outcome(reason=reason, env=record.env)))
                break
            else:
                out.append(lease)
        return out

    # -- in --------------------------------------------------------------------------------

    def collect(self, future: Future[Answer]) -> None:
        """Collect what a worker has done; it is idle again."""
        leases, executor = self.running.pop(future)
        try:
            answer = future.result()
        except WorkerDiedError as error:
            self.replace(executor)
            for lease in leases:
                key = lease.trial.key
                # together with others once counts as nothing: another may have been to blame
                self.deaths[key] = self.deaths.get(key, 0) + (1 if len(leases) == 1 else 0)
                if self.deaths[key] > 1:
                    self.unwritten.append((lease, Outcome(reason=f"{error}, twice")))
            return  # the others are still ours, and ready to be leased again
        self.took += answer.took
        if answer.mistake:  # no outcome: the next process takes the trial over
            raise HarnessError.relayed(f"arm {leases[0].trial.arm.name}", answer.reason)
        outcomes = failed(answer, leases) if answer.reason else answer.outcomes
        self.unwritten += zip(leases, outcomes, strict=True)

    def replace(self, executor: Executor) -> None:
        """Start another worker in the place of a dead one."""
        executor.stop()
        place = self.executors.index(executor)
        self.executors[place] = self.pool.executor(place)

    def write(self) -> None:
        """Write down what has become of trials, and hand on what was written."""
        keys = [lease.trial.key for lease, _ in self.unwritten]
        with self.ledger.store.together():
            while self.unwritten:
                self.ledger.finish(*self.unwritten[0])
                self.recorded.add(self.unwritten[0][0].trial.key)
                del self.unwritten[0]
                self.trained += 1
        self.ledger.tally()
        if self.options.log is not None and keys:
            done = self.ledger.done(self.ignored)
            self.options.log([done[key] for key in keys if key in done])


def _command(scale: str, planner: Planner, options: Options) -> str:
    """Return the command that comes to the same records on a new machine."""
    if planner.study.search is not None:
        return search_command(planner.study, scale, options)
    words = ["harness", "run", options.reference, "--scale", scale]
    if planner.looks:
        words += ["--until-decided", "--max-seeds", str(len(planner.seeds))]
    else:
        words += ["--seeds", str(len(planner.seeds))]
    if options.mode:
        words += ["--mode", options.mode]
    if planner.declaration.tuned and not planner.budget:
        words.append("--no-tuning")
    return shlex.join(words)


def manifest(
    planner: Planner, outlook: Outlook, asked: Iterable[int], command: str, machine: str,
    revision: str | None,
) -> Manifest:  # fmt: skip
    """Return which trials make up a run.

    Args:
        planner: what is to be run.
        outlook: what is known of it.
        asked: the fixed numbers of seeds that trials of the same code were run with.
        command: what comes to the same records.
        machine: the one preferred for costs.
        revision: git revision of the study's folder, where it is known.
    """
    return Manifest(
        seeds=planner.seeds,
        asked=tuple(sorted(set(asked))),
        looks=planner.looks,
        evaluations=outlook.evaluations,
        tuned=planner.budget > 0,
        command=command,
        trials=tuple(
            Planned(trial.owner, trial.seed, trial.key, trial.role) for trial in outlook.planned
        ),
        tuning=outlook.tuning,
        programs=programs(planner),
        machine=machine,
        data=tuple(written(planner.at_defaults.values())),
        modes={
            program: tuple(trial.arm.name for trial in trials)
            for program, trials in by_program(planner).items()
        },
        declaration=planner.declaration.digest,
        revision=revision,
        search=outlook.search,
        folds=planner.declaration.folds,
    )


def write_plan(ledger: Ledger, planner: Planner, outlook: Outlook, options: Options) -> None:
    """Keep which trials make up the newest run, so that it can be judged without its code."""
    keys = {trial.key for trial in outlook.planned}
    kept = [manifest_of(ledger), *older_manifests(ledger)]
    kin = [each for each in kept if each is not None and not keys.isdisjoint(each.keys)]
    asked = [count for each in kin for count in each.asked]
    made = manifest(
        planner, outlook, [*asked, *([] if planner.looks else [len(planner.seeds)])],
        _command(ledger.scale, planner, options), machine(options),
        revision_of(notes.reference(ledger)),
    )  # fmt: skip
    keep(ledger, made, planner.declaration)
