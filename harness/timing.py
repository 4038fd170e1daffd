"""Rounds of timing, taken: every arm in a process of its own, side by side.

Processes are started a few rounds at a time, all at once, and wait while one of them measures: most
of the time goes into importing, which they can do beside each other.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.costs import machine, profile_trials, profiles, programs
from harness.errors import HarnessError
from harness.executors import Options
from harness.ledger import Ledger
from harness.plan import Trial
from harness.progress import Display
from harness.rounds import Costs, Round, timed_arms
from harness.search import Planner
from harness.stats import FEWEST
from harness.verdicts import rounds_needed
from harness.workers import Executor, Job, WorkerDiedError

AT_ONCE = 8
"""Processes that are alive at a time, at most, unless a round has more arms."""


class _UntimedError(Exception):
    """A step could not be timed."""


def costs_of(
    ledger: Ledger, programs: Mapping[str, str], machine: str | None = None
) -> tuple[Costs, list[str]]:
    """Return what was measured of arms, and sentences on what could not be.

    Rounds are those of one machine that have all arms as their code is now.

    Args:
        ledger: where it is kept.
        programs: key of each arm's program by arm name.
        machine: the one that counts; the one with most rounds, where not given.
    """
    known, reasons = profiles(ledger, programs)
    machines: dict[str, dict[int, Round]] = {}
    for name, value in ledger.notes("round/").items():
        number, _, where = name.partition("/")
        if one := _round(value, programs):
            machines.setdefault(where, {})[int(number)] = one
    if machine is None:
        machine = max(machines, key=lambda each: (len(machines[each]), each), default="")
    rounds = machines.get(machine, {})
    unmeasured = [f"The cost of {arm} could not be measured: {why}" for arm, why in reasons.items()]
    unmeasured += [
        f"Arms could not be timed side by side: {why}"
        for name, why in ledger.notes("untimed/").items()
        if name == machine or not machine
    ]
    return Costs(known, tuple(rounds[number] for number in sorted(rounds))), unmeasured


def _round(kept: Mapping[str, Any], programs: Mapping[str, str]) -> Round | None:
    """Return a round by arm name; ``None`` where it was of other code, or of fewer arms."""
    arms = {arm: kept["arms"][arm] for arm in kept["arms"] if arm in programs}
    if any(programs[arm] != each["key"] for arm, each in arms.items()) or not arms:
        return None
    twin = kept["twin"]
    if twin not in arms:
        return None
    return Round({arm: each["seconds"] for arm, each in arms.items()}, twin, kept["again"])


def rounds_wanted(planner: Planner, costs: Costs) -> int:
    """Return in how many rounds arms are to be timed, by what is known so far."""
    if not timed_arms(planner.study, planner.scale):
        return 0
    if planner.looks is None:
        return max(FEWEST, len(planner.seeds))
    return rounds_needed(planner.study, planner.scale, costs, planner.looks)


def untimed(ledger: Ledger, planner: Planner, options: Options) -> bool:
    """Whether rounds of timing are to be taken on this machine."""
    costs = _here(ledger, planner, options)
    if ledger.note(f"untimed/{machine(options)}") and not options.retry_failed:
        return False
    return len(costs.rounds) < rounds_wanted(planner, costs)


def _here(ledger: Ledger, planner: Planner, options: Options) -> Costs:
    """Return the costs measured on this machine, with the rounds that have every arm timed."""
    costs, _ = costs_of(ledger, programs(planner), machine(options))
    names = [arm.name for arm in timed_arms(planner.study, planner.scale)]
    whole = tuple(each for each in costs.rounds if set(names) <= set(each.seconds))
    return Costs(costs.profiles, whole)


def measure_times(
    ledger: Ledger,
    planner: Planner,
    fresh: Callable[[], Executor],
    options: Options,
    display: Display,
) -> None:
    """Take the rounds that are missing on this machine; more, while looks leave claims open.

    Args:
        ledger: where they are kept.
        planner: what is measured, and when it is looked at.
        fresh: starts a process.
        options: on which device.
        display: what is told meanwhile.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
    """
    arms = [arm.name for arm in timed_arms(planner.study, planner.scale)]
    trials = {name: trial for name, trial in profile_trials(planner).items() if name in arms}
    # The lock keeps other processes of this store from beginning a trial meanwhile.
    with ledger.store.lock():
        while True:
            costs = _here(ledger, planner, options)
            there, wanted = len(costs.rounds), rounds_wanted(planner, costs)
            if there >= wanted:
                return
            display.show("timing arms side by side", there, wanted, None)
            batch = max(1, min(AT_ONCE // (len(arms) + 1), wanted - there))
            numbers = _free(ledger, options, batch)
            try:
                _take(ledger, planner.scale, trials, arms, fresh, options, numbers)
            except (WorkerDiedError, _UntimedError) as error:
                # claims on time are not assessable then, and the report says why
                ledger.write_note(f"untimed/{machine(options)}", str(error))
                return


def _free(ledger: Ledger, options: Options, count: int) -> range:
    """Return numbers for rounds to come; those of earlier code keep theirs."""
    suffix = f"/{machine(options)}"
    taken = [
        int(name.removesuffix(suffix)) for name in ledger.notes("round/") if name.endswith(suffix)
    ]
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
    arms: Sequence[str],
    fresh: Callable[[], Executor],
    options: Options,
    numbers: range,
) -> None:
    """Take some rounds, and keep each.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
        WorkerDiedError: a process ended.
        _UntimedError: a step could not be timed.
    """
    orders = {number: _order(arms, number) for number in numbers}
    jobs = {arm: Job.of("warm", scale, trials[arm]) for arm in arms}
    with _processes(fresh, sum(map(len, orders.values()))) as started:
        waiting = iter(started)
        placed = {number: [(arm, next(waiting)) for arm in orders[number]] for number in numbers}
        everyone = [pair for pairs in placed.values() for pair in pairs]
        for answer in [process.submit(jobs[arm]) for arm, process in everyone]:
            if (said := answer.result()).mistake:
                raise HarnessError.relayed(said.place or "timing", said.reason)
        for number, pairs in placed.items():
            taken = [(arm, _seconds(process, scale, trials[arm])) for arm, process in pairs]
            counts = dict(taken if number % 2 else taken[::-1])  # of the arm at both ends, the last
            ledger.write_note(
                f"round/{number}/{machine(options)}",
                {
                    "arms": {arm: {"key": trials[arm].key, "seconds": counts[arm]} for arm in arms},
                    "twin": arms[0],
                    "again": taken[-1 if number % 2 == 0 else 0][1],
                },
            )


def _seconds(process: Executor, scale: str, trial: Trial) -> float:
    answer = process.submit(Job.of("time", scale, trial)).result()
    process.stop()
    if math.isnan(answer.seconds):
        raise _UntimedError(f"arm {trial.arm.name}: {answer.reason}")
    return answer.seconds


@contextlib.contextmanager
def _processes(fresh: Callable[[], Executor], count: int) -> Iterator[list[Executor]]:
    """Give started processes, which end with this."""
    started: list[Executor] = []
    try:
        started += (fresh() for _ in range(count))
        yield started
    finally:
        for process in started:
            process.stop()
