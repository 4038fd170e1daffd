"""Plan -> lease -> train -> record: runs what is missing, and never judges."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from harness.data.shared import load_shared
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.planning.outlook import Outlook, Planner
from harness.running import forks
from harness.running.costs import (
    choose_modes,
    measure_costs,
    programs,
    uncalibrated,
    unprofiled,
)
from harness.running.declare import declare
from harness.running.executors import Options, executors, make_executor, worker_count
from harness.running.progress import WAITING, Display, Remembering, RunStatus
from harness.running.session import Session, write_plan
from harness.running.timing import measure_times, untimed
from harness.running.workers import Executor, Job, Named, WorkerDiedError
from harness.storing.ledger import Ledger
from harness.storing.presence import Presence, present
from harness.study.work import with_needs

if TYPE_CHECKING:
    from harness.data.draw import Whole


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
        if _anything(ledger, planner, options, reference, outlook):
            if reference:  # it loads while this process does
                forks.begin(measuring=options.profile or not options.plain)
            options = replace(options, shared=load_data(planner))
            # what judges is needed soon, and is best loaded while workers are not there yet
            importlib.import_module("harness.judging.adaptive")
            workers = worker_count(options) if reference else 1
            with present(ledger, workers) as presence:
                did = _work(ledger, planner, reference, options, display, ignored, presence)
    except KeyboardInterrupt:
        done = ledger.done(ignored)
        outlook = planner.outlook(done)
        finished = sum(trial.key in done for trial in outlook.planned)
        raise InterruptedRunError(finished, outlook.total) from None
    outlook = _look(ledger, planner, ignored)
    ledger.withdraw()
    write_plan(ledger, planner, outlook, options)
    return replace(did, adopted=adopted, total=outlook.total)


def _anything(
    ledger: Ledger, planner: Planner, options: Options, reference: str | None, outlook: Outlook
) -> bool:
    """Whether there is anything to train or to measure."""
    if outlook.ready or (options.profile and unprofiled(ledger, planner, options)):
        return True
    return bool(options.profile and reference and untimed(ledger, planner, options))


def _work(
    ledger: Ledger,
    planner: Planner,
    reference: str | None,
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
        if outlook.ready and reference:
            unknown = uncalibrated(ledger, planner, options, done)
    left = outlook.total - sum(trial.key in done for trial in outlook.planned)
    count = min(worker_count(options), left) if reference else 1
    did = Ran(0, 0, 0, 0, workers=count)
    fresh = partial(make_executor, planner.study, reference, options)
    with executors(planner.study, reference, options, count + unmeasured) as started:
        display.show(RunStatus("starting", 0, outlook.total))
        _warm_up(started, planner, profiler=unmeasured)
        if unmeasured or unknown or (options.profile and untimed(ledger, planner, options)):
            options.settle()
        if unmeasured:
            did = replace(did, profiled=_profile(ledger, planner, fresh, options, display, started))
        if unknown:
            choose_modes(ledger, planner, fresh, options, display, unknown)
        if options.profile and reference and untimed(ledger, planner, options):
            measure_times(ledger, planner, fresh, options, display)
        if outlook.ready:
            session = Session(ledger, planner, options, display, ignored, started, presence)
            try:
                session.work(reference)
            finally:
                session.release()
            did = replace(did, trained=session.trained, took=session.took)
    return did


def measure(
    ledger: Ledger, planner: Planner, reference: str, options: Options, display: Display
) -> int:
    """Measure what arms cost and choose how to train them, where that is not known; train nothing.

    Args:
        ledger: where it is recorded.
        planner: what is to be run.
        reference: the study's module or file, which worker processes load.
        options: how it would be run.
        display: what is told meanwhile.

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
    forks.begin(measuring=True)
    options = replace(options, shared=load_data(planner))
    fresh = partial(make_executor, planner.study, reference, options)
    with executors(planner.study, reference, options, 1) as started:
        display.show(RunStatus("starting", 0, len(unknown)))
        _warm_up(started, planner, profiler=True)
        profiled = 0
        if options.profile:
            profiled = _profile(ledger, planner, fresh, options, display, started)
        if unknown:
            choose_modes(ledger, planner, fresh, options, display, unknown)
    return profiled


def _look(ledger: Ledger, planner: Planner, ignored: frozenset[int]) -> Outlook:
    return planner.outlook(ledger.done(ignored))


def load_data(planner: Planner) -> dict[str, Whole]:
    """Load every data set before anything is trained, once for all processes.

    Raises:
        HarnessError: one is missing, and could not be downloaded, or is damaged.
    """
    works = with_needs(trial.work for trial in planner.at_defaults.values())
    data_sets = [data for work in works for data in work.data_sets()]
    declared = {json.dumps(canonical(data)): data for data in data_sets}
    for data in declared.values():
        prepare = getattr(data, "prepare", None)
        if prepare is not None:
            prepare()
    return load_shared(declared.values())


def _warm_up(started: list[Executor], planner: Planner, *, profiler: bool) -> None:
    """Let all processes import and load at once, so that nothing disturbs the profile later.

    Each checks its share of the arms, so that mistakes are told before anything is trained.

    Raises:
        HarnessError: a process cannot load the study or its data, or an arm cannot be trained as
            it is declared.
    """
    trials = [Named.of(trial) for trial in planner.at_defaults.values()]
    last = len(started) - 1
    jobs = [
        Job(
            "warm profiler" if profiler and index == last else "warm",
            planner.scale,
            tuple(trials[index :: len(started)]) or tuple(trials[:1]),
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
    fresh: Callable[[], Executor],
    options: Options,
    display: Display,
    started: list[Executor],
) -> int:
    """Let the last process measure costs while the others wait; return how many it measured."""
    executor = started.pop()
    try:
        profiled, executor = measure_costs(ledger, planner, executor, fresh, options, display)
    finally:
        executor.stop()
    return profiled
