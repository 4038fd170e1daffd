"""Rounds of timing, taken: every arm in a process of its own, side by side.

Processes are started a few rounds at a time, all at once, and wait while one of them measures: most
of the time goes into importing, which they can do beside each other.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from harness.judging.rounds import Costs, Round, timed_arms
from harness.messages.errors import HarnessError
from harness.planning.outlook import Planner
from harness.running.costs import machine, profiles, programs
from harness.running.executors import Options, Pool
from harness.running.jobs import TimeJob, WarmJob
from harness.running.named import Named
from harness.running.progress import WAITING, Display, RunStatus
from harness.running.workers import Executor, WorkerDiedError
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.notes import TimedArm, TimedRound, Untimed
from harness.study.checks import FEWEST_SEEDS
from harness.trials.trial import Trial

AT_ONCE = 8
"""Processes that are alive at a time, at most, unless a round has more arms."""


class _UntimedError(Exception):
    """A step could not be timed."""


def costs_of(
    ledger: Ledger, programs: Mapping[str, str], machine: str = ""
) -> tuple[Costs, list[str]]:
    """Return what was measured of arms, and sentences on what went wrong in it.

    A round counts where the code of all its arms is what it was; rounds of one machine do.

    Args:
        ledger: where it is kept.
        programs: key of each arm's program by arm name.
        machine: the one preferred; else the one with most rounds, or most profiles.
    """
    known, reasons = profiles(ledger, programs, machine)
    machines = {
        where: current
        for where, numbered in notes.rounds(ledger).items()
        if (current := [taken for taken in numbered.values() if taken.is_current(programs)])
    }
    if machine not in machines:
        machine = max(machines, key=lambda name: (len(machines[name]), name), default=machine)
    rounds = machines.get(machine, [])
    wrong = [f"The cost of {arm} could not be measured: {why}" for arm, why in reasons.items()]
    failed = notes.untimed(ledger, machine)
    if failed is not None and failed.is_current(programs):
        wrong.append(f"Arms could not be timed side by side: {failed.reason}")
    busy = sum(taken.busy for taken in rounds)
    if busy:
        wrong.append(
            f"Other trainings ran while arms were timed ({busy} of {len(rounds)} rounds), so times "
            "vary more than they need."
        )
    return Costs(known, tuple(map(_round, rounds))), wrong


def _round(taken: TimedRound) -> Round:
    return Round(
        {name: arm.seconds for name, arm in taken.arms.items()},
        {name: arm.samples for name, arm in taken.arms.items()},
        taken.twin,
        taken.again,
    )


def _missing(ledger: Ledger, planner: Planner, options: Options) -> int:
    """Return how many more rounds are wanted of this machine."""
    from harness.judging.adaptive import rounds_missing  # imports scipy, a second or more

    costs, _ = costs_of(ledger, programs(planner), machine(options))
    fixed = max(FEWEST_SEEDS, len(planner.seeds))
    return rounds_missing(planner.declaration, costs, planner.looks, fixed)


def untimed(ledger: Ledger, planner: Planner, options: Options) -> bool:
    """Whether rounds of timing are to be taken on this machine."""
    if not timed_arms(planner.declaration):
        return False
    failed = notes.untimed(ledger, machine(options))
    if failed is not None and failed.is_current(programs(planner)) and not options.retry_failed:
        return False
    return _missing(ledger, planner, options) > 0


def measure_times(
    ledger: Ledger,
    planner: Planner,
    pool: Pool,
    options: Options,
    display: Display,
) -> None:
    """Take the rounds that are missing on this machine; more, while looks leave claims undecided.

    Args:
        ledger: where they are kept.
        planner: what is measured, and when it is looked at.
        pool: where processes come from.
        options: on which device.
        display: receives progress.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
    """
    arms = [arm.name for arm in timed_arms(planner.declaration)]
    trials = {name: trial for name, trial in planner.at_defaults.items() if name in arms}
    keys = {name: key for name, key in programs(planner).items() if name in arms}
    # The lock keeps other processes of this store from beginning a trial meanwhile.
    with ledger.store.lock(partial(display.show, RunStatus(WAITING))):
        taken = 0
        while missing := _missing(ledger, planner, options):
            display.show(RunStatus("timing arms side by side", taken, taken + missing))
            batch = max(1, min(AT_ONCE // (len(arms) + 1), missing))
            numbers = _free(ledger, options, batch)
            try:
                _take(ledger, planner.scale, trials, keys, pool, options, numbers)
            except (WorkerDiedError, _UntimedError) as error:
                # claims on time are not assessable then, and the report says why
                notes.write_untimed(ledger, machine(options), Untimed(str(error), keys))
                return
            notes.write_untimed(ledger, machine(options), None)
            taken += batch


def _free(ledger: Ledger, options: Options, count: int) -> range:
    """Return numbers for rounds to come; those of earlier code keep theirs."""
    taken = notes.rounds(ledger).get(machine(options), {})
    start = max(taken, default=-1) + 1
    return range(start, start + count)


def _order(arms: Sequence[str], number: int) -> list[str]:
    """Return the arms, the first of them at both ends, in the order of one round."""
    there = [*arms, arms[0]]
    return there if number % 2 == 0 else there[::-1]


def _take(
    ledger: Ledger,
    scale: str,
    trials: Mapping[str, Trial],
    keys: Mapping[str, str],
    pool: Pool,
    options: Options,
    numbers: range,
) -> None:
    """Take some rounds, and keep each with the keys of the arms' programs.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
        WorkerDiedError: a process ended.
        _UntimedError: a step could not be timed.
    """
    arms = list(keys)
    orders = {number: _order(arms, number) for number in numbers}
    named = {arm: Named.of(trials[arm], scale) for arm in arms}
    with _processes(pool, sum(map(len, orders.values()))) as started:
        waiting = iter(started)
        placed = {number: [(arm, next(waiting)) for arm in orders[number]] for number in numbers}
        everyone = [pair for pairs in placed.values() for pair in pairs]
        for answer in [process.submit(WarmJob((named[arm],))) for arm, process in everyone]:
            if (said := answer.result()).mistake:
                raise HarnessError.relayed(said.place or "timing", said.reason)
        for number, pairs in placed.items():
            busy = ledger.others_running()
            taken = [(arm, _seconds(process, named[arm])) for arm, process in pairs]
            # of the arm at both ends, the first counts, and backwards the last
            counts = dict(taken if number % 2 else taken[::-1])
            timed = {arm: TimedArm(keys[arm], counts[arm], _batch(trials[arm])) for arm in arms}
            again = taken[-1 if number % 2 == 0 else 0][1]
            kept = TimedRound(timed, busy, arms[0], again)
            notes.write_round(ledger, number, machine(options), kept)


def _batch(trial: Trial) -> int:
    """Return the samples of a step; a step of the user's own counts as one."""
    return trial.training.step_size if trial.trains else 1


def _seconds(process: Executor, named: Named) -> float:
    answer = process.submit(TimeJob(named)).result()
    process.stop()
    if math.isnan(answer.seconds):
        raise _UntimedError(f"arm {named.arm}: {answer.reason}")
    return answer.seconds


@contextlib.contextmanager
def _processes(pool: Pool, count: int) -> Iterator[list[Executor]]:
    """Give started processes, which end with this."""
    started: list[Executor] = []
    try:
        started += (pool.executor() for _ in range(count))
        yield started
    finally:
        for process in started:
            process.stop()
