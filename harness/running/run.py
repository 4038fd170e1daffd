"""Plan -> lease -> train -> record: runs what is missing, and never judges."""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.own.stopping import SIGNALS
from harness.planning.outlook import Outlook, Planner
from harness.running.costs import (
    choose_modes,
    measure_costs,
    programs,
    uncalibrated,
    unprofiled,
)
from harness.running.executors import Options, Pool
from harness.running.jobs import WarmJob
from harness.running.named import Named
from harness.running.progress import WAITING, Display, Remembering, RunStatus
from harness.running.registering import declare
from harness.running.session import Session, write_plan
from harness.running.timing import measure_times, untimed
from harness.running.workers import Executor, WorkerDiedError
from harness.storing.ledger import Ledger
from harness.storing.presence import Presence, present
from harness.study.work import with_needs


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
        workers: processes that trained.
        took: seconds of all of them together in which they did.
    """

    trained: int
    adopted: int
    total: int
    profiled: int
    workers: int = 0
    took: float = 0.0


def run(ledger: Ledger, planner: Planner, pool: Pool, options: Options, display: Display) -> Ran:
    """Run what is missing of a study at a scale.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        pool: where workers come from.
        options: how to run.
        display: receives progress.

    Raises:
        HarnessError: the study is wrong, or the store or the data is not there.
        InterruptedRunError: Ctrl-C.
    """
    ignored = frozenset(
        record.number
        for record in ledger.records()
        if record.state == "failed" and options.retry_failed
    )
    adopted = 0
    did = Ran(0, 0, 0, 0)
    display = Remembering(display)
    ledger.store.on_loss(display.again)
    planner.check_space()
    try:
        outlook = _look(ledger, planner, ignored)
        while count := ledger.adopt(outlook.ready):
            adopted += count  # adopted tuning may tell of trials that can be adopted too
            outlook = _look(ledger, planner, ignored)
        declare(ledger, partial(programs, planner))  # before anything is measured or trained
        if _anything(ledger, planner, options, pool, outlook):
            pool.prepare(measuring=options.profile or not options.plain)
            pool.share(data_sets(planner))
            # what judges is needed soon, and is best loaded while workers are not there yet
            importlib.import_module("harness.judging.adaptive")
            with stopped_by_signals(), present(ledger, pool.workers) as presence:
                did = _work(ledger, planner, pool, options, display, ignored, presence)
    except KeyboardInterrupt:
        done = ledger.done(ignored)
        outlook = planner.outlook(done)
        finished = sum(trial.key in done for trial in outlook.planned)
        raise InterruptedRunError(finished, outlook.total) from None
    outlook = _look(ledger, planner, ignored)
    ledger.withdraw()
    write_plan(ledger, planner, outlook, options)
    return replace(did, adopted=adopted, total=outlook.total)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within, a scheduler's signals do what Ctrl-C does."""
    before = {}

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        before = {each: signal.signal(each, interrupt) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _anything(
    ledger: Ledger, planner: Planner, options: Options, pool: Pool, outlook: Outlook
) -> bool:
    """Whether there is anything to train or to measure."""
    if outlook.ready or (options.profile and unprofiled(ledger, planner, options)):
        return True
    return bool(options.profile and pool.apart and untimed(ledger, planner, options))


def _work(
    ledger: Ledger,
    planner: Planner,
    pool: Pool,
    options: Options,
    display: Display,
    ignored: frozenset[int],
    presence: Presence,
) -> Ran:
    """Measure what is not known, train what is missing; return what was done here."""
    # Starting processes would disturb what another one measures, and may do for this one, too.
    with ledger.store.lock(partial(display.show, RunStatus(WAITING))):
        unmeasured = bool(options.profile and unprofiled(ledger, planner, options))
        done = ledger.done(ignored)
        outlook = planner.outlook(done)
        unknown = {}  # how to train it
        if outlook.ready and pool.apart:
            unknown = uncalibrated(ledger, planner, options, done)
    left = outlook.total - sum(trial.key in done for trial in outlook.planned)
    count = min(pool.workers, left)
    did = Ran(0, 0, 0, 0, workers=count)
    try:
        started = pool.start(count + unmeasured)
        display.show(RunStatus("starting", 0, outlook.total))
        _warm_up(started, planner, profiler=unmeasured)
        if unmeasured or unknown or (options.profile and untimed(ledger, planner, options)):
            options.settle()
        if unmeasured:
            did = replace(did, profiled=_profile(ledger, planner, pool, options, display, started))
        if unknown:
            choose_modes(ledger, planner, pool, options, display, unknown)
        if options.profile and pool.apart and untimed(ledger, planner, options):
            measure_times(ledger, planner, pool, options, display)
        if outlook.ready:
            session = Session(ledger, planner, options, display, ignored, pool, started, presence)
            try:
                session.work()
            except BaseException:
                pool.stop()  # before leases are given back: what is being saved is whole then
                raise
            finally:
                session.release()
            did = replace(did, trained=session.trained, took=session.took)
    finally:
        pool.stop()
    return did


def measure(
    ledger: Ledger, planner: Planner, pool: Pool, options: Options, display: Display
) -> int:
    """Measure what arms cost and choose how to train them, where that is not known; train nothing.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        pool: where processes come from.
        options: how it would be run.
        display: receives progress.

    Returns:
        how many programs were measured.

    Raises:
        HarnessError: the study is wrong, or the store or the data is not there.
    """
    planner.check_space()
    declare(ledger, partial(programs, planner))  # what steps cost is a result, of claims on costs
    unknown = uncalibrated(ledger, planner, options, ledger.done(frozenset()))
    if not unknown and not unprofiled(ledger, planner, options):
        return 0
    pool.prepare(measuring=True)
    pool.share(data_sets(planner))
    try:
        started = pool.start(1)
        display.show(RunStatus("starting", 0, len(unknown)))
        _warm_up(started, planner, profiler=True)
        profiled = 0
        if options.profile:
            profiled = _profile(ledger, planner, pool, options, display, started)
        if unknown:
            choose_modes(ledger, planner, pool, options, display, unknown)
    finally:
        pool.stop()
    return profiled


def _look(ledger: Ledger, planner: Planner, ignored: frozenset[int]) -> Outlook:
    return planner.outlook(ledger.done(ignored))


def data_sets(planner: Planner) -> list[Any]:
    """Return the declared data sets of all arms and of what those need, each once."""
    works = with_needs(trial.work for trial in planner.at_defaults.values())
    declared = [data for work in works for data in work.data_sets()]
    return list({json.dumps(canonical(data)): data for data in declared}.values())


def _warm_up(started: list[Executor], planner: Planner, *, profiler: bool) -> None:
    """Let all processes import and load at once, so that nothing disturbs the profile later.

    Each checks its share of the arms, so that mistakes are told before anything is trained.

    Raises:
        HarnessError: a process cannot load the study or its data, or an arm cannot be trained as
            it is declared.
    """
    trials = [Named.of(trial, planner.scale) for trial in planner.at_defaults.values()]
    last = len(started) - 1
    jobs = [
        WarmJob(
            tuple(trials[index :: len(started)]) or tuple(trials[:1]),
            measuring=profiler and index == last,
        )
        for index in range(len(started))
    ]
    for answer in [each.submit(job) for each, job in zip(started, jobs, strict=True)]:
        try:
            said = answer.result()
        except WorkerDiedError as error:
            raise HarnessError(
                "worker processes must start", str(error), "`harness doctor` shows what is amiss."
            ) from error
        if said.mistake:
            raise HarnessError.relayed(said.place or "starting", said.reason)


def _profile(
    ledger: Ledger,
    planner: Planner,
    pool: Pool,
    options: Options,
    display: Display,
    started: list[Executor],
) -> int:
    """Let the last process measure costs while the others wait; return how many it measured."""
    executor = started.pop()
    try:
        profiled, executor = measure_costs(ledger, planner, executor, pool, options, display)
    finally:
        executor.stop()
    return profiled
