"""What is measured before training and kept with the study: costs of arms, modes of programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from functools import partial

from harness.engines.modes import KINDS, Choice
from harness.messages.errors import HarnessError
from harness.planning.outlook import Planner
from harness.running.executors import Options, Pool
from harness.running.jobs import Answer, CalibrateJob, ProfileJob
from harness.running.named import Named
from harness.running.progress import WAITING, Display, RunStatus
from harness.running.workers import Executor, WorkerDiedError
from harness.storing import notes
from harness.storing.ledger import Ledger
from harness.storing.notes import Unprofiled
from harness.trials.profiles import Profile
from harness.trials.records import Record
from harness.trials.trial import Trial


def programs(planner: Planner) -> dict[str, str]:
    """Return, by arm name, the key under which the cost of the arm's program is kept.

    It is that of the program's first arm: floats, in which its other arms differ, cost the same.
    """
    first: dict[str, str] = {}
    return {
        arm: first.setdefault(trial.program, trial.cost_key)
        for arm, trial in planner.at_defaults.items()
    }


def profiles(
    ledger: Ledger, programs: Mapping[str, str], machine: str = ""
) -> tuple[dict[str, Profile], dict[str, str]]:
    """Return the cost of arms by arm name, and why it is missing where measuring it failed.

    All are of one machine, which makes them comparable.

    Args:
        ledger: where profiles are kept.
        programs: key of each arm's program by arm name.
        machine: the one preferred; else the one that measured most arms.
    """
    arms: dict[str, list[str]] = {}
    for arm, key in programs.items():
        arms.setdefault(key, []).append(arm)
    machines: dict[str, dict[str, Profile | Unprofiled]] = {}
    for where, kept in notes.profiles(ledger).items():
        measured = {arm: kept[key] for key in arms.keys() & kept for arm in arms[key]}
        if measured:
            machines[where] = measured
    if machine not in machines:
        machine = max(machines, key=lambda name: (_measured(machines[name]), name), default="")
    best = {arm: machines[machine][arm] for arm in programs if arm in machines.get(machine, ())}
    return (
        {arm: kept for arm, kept in best.items() if isinstance(kept, Profile)},
        {arm: kept.reason for arm, kept in best.items() if isinstance(kept, Unprofiled)},
    )


def _measured(values: Mapping[str, Profile | Unprofiled]) -> int:
    return sum(isinstance(value, Profile) for value in values.values())


def unprofiled(ledger: Ledger, planner: Planner, options: Options) -> dict[str, Trial]:
    """Return, by the key that their profile will be kept under, what was not measured here."""
    known = notes.profiles(ledger).get(machine(options), {})
    firsts = set(programs(planner).values())
    again = {key for key, kept in known.items() if isinstance(kept, Unprofiled)}
    missing = firsts - (known.keys() - again if options.retry_failed else known.keys())
    return {
        trial.cost_key: trial
        for trial in planner.at_defaults.values()
        if trial.cost_key in missing and trial.measurable
    }


def measure_costs(
    ledger: Ledger,
    planner: Planner,
    executor: Executor,
    pool: Pool,
    options: Options,
    display: Display,
) -> tuple[int, Executor]:
    """Measure each program, by its first arm, that was not measured on this machine.

    Args:
        ledger: where the profiles are kept.
        planner: what is profiled.
        executor: a process that does nothing else.
        pool: gives another, should that one die.
        options: on which device, and whether what failed is measured again.
        display: receives progress.

    Returns:
        How many were measured, and the process that measured, or the one that took its place.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
    """
    count = 0
    # The lock keeps other processes of this store from beginning a trial meanwhile.
    with ledger.store.lock(partial(display.show, RunStatus(WAITING))):
        missing = unprofiled(ledger, planner, options)
        for key, trial in missing.items():
            display.show(RunStatus("measuring cost", count, len(missing)))
            try:
                answer = executor.submit(ProfileJob(Named.of(trial, ledger.scale))).result()
            except WorkerDiedError as error:
                executor.stop()
                executor = pool.executor()
                answer = Answer(reason=str(error))
            if answer.mistake:
                executor.stop()
                raise HarnessError.relayed(f"arm {trial.arm.name}", answer.reason)
            measured = answer.profile
            if measured is not None and ledger.others_running():
                busy = "another process was training meanwhile, so times may be too long"
                note = "; ".join(filter(None, (measured.note, busy)))
                measured = replace(measured, note=note)
            # what is kept is read by every report; shapes are for `harness profile` alone
            kept = Unprofiled(answer.reason) if measured is None else replace(measured, shapes={})
            notes.write_profile(ledger, key, machine(options), kept)
            count += 1
    return count, executor


def machine(options: Options) -> str:
    """Return the name under which measurements of this machine are kept."""
    import torch  # judging alone does not need it

    from harness.cost.machine import hardware

    return f"{options.device}/{hardware(torch.device(options.device))}"


def choices(ledger: Ledger, options: Options) -> dict[str, Choice]:
    """Return, by program, how trials are trained on this machine, where that was measured.

    What was measured for a forced mode is kept apart.
    """
    if options.plain:
        return {}
    place = machine(options), options.mode or ""
    return {
        program: modes[place] for program, modes in notes.choices(ledger).items() if place in modes
    }


def by_program(planner: Planner) -> dict[str, list[Trial]]:
    """Return one trial of each arm, by program."""
    out: dict[str, list[Trial]] = {}
    for trial in planner.at_defaults.values():
        if trial.trains:  # whatever else is run has one way to be
            out.setdefault(trial.program, []).append(trial)
    return out


def uncalibrated(
    ledger: Ledger, planner: Planner, options: Options, done: Mapping[str, Record]
) -> dict[str, tuple[Trial, int]]:
    """Return, by program, a trial and how many are left, where no mode has been chosen yet.

    A choice made for few trials is made anew where many more are left: measuring may pay then.

    Args:
        ledger: where choices are kept.
        planner: what is to be run.
        options: on which device, and whether a mode is forced.
        done: the finished and failed records by key.
    """
    if options.plain:
        return {}
    known = choices(ledger, options)
    outlook = planner.outlook(done)
    over = Counter(
        trial.program for trial in outlook.planned if trial.role != "need" and trial.key in done
    )
    out = {}
    for program, trials in by_program(planner).items():
        count = sum(outlook.expected[trial.arm.name] for trial in trials) - over[program]
        choice = known.get(program)
        if count > 0 and (choice is None or count > 2 * choice.trials):
            out[program] = (trials[0], count)
    return out


def compiling_seconds(seen: Iterable[Choice]) -> float:
    """Return what compiling took on average where it was tried; 0 where it was not."""
    took = [
        each.preparation for one in seen for each in one.timings if each.mode.engine.slow_to_prepare
    ]
    return sum(took) / len(took) if took else 0.0


def choose_modes(
    ledger: Ledger,
    planner: Planner,
    pool: Pool,
    options: Options,
    display: Display,
    missing: Mapping[str, tuple[Trial, int]],
) -> None:
    """Measure how each program is trained fastest, where that is not known on this machine.

    As many programs are measured at a time as will train at a time: the modes of one are compared
    within one process, and beside others, as it will be trained.

    Args:
        ledger: where choices are kept.
        planner: what is to be run.
        pool: where processes come from.
        options: on which device, and whether a mode is forced.
        display: receives progress.
        missing: what :func:`uncalibrated` returned.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
    """
    workers = pool.workers
    peaks = {a: each.peak_bytes for a, each in profiles(ledger, programs(planner))[0].items()}
    kinds = KINDS if options.mode is None else (options.mode,)
    idle: list[Executor] = []
    running: dict[Future[Answer], tuple[str, Trial, Executor]] = {}
    # Two sessions that measured at once would disturb each other, and do it twice.
    with ledger.store.lock(partial(display.show, RunStatus(WAITING, 0, len(missing)))):
        known = choices(ledger, options)
        left = {
            program: each
            for program, each in missing.items()
            if program not in known or each[1] > 2 * known[program].trials
        }
        waiting = iter(left.items())
        done = 0
        try:
            while True:
                display.show(RunStatus("choosing modes", done, len(left)))
                while len(running) < workers and (one := next(waiting, None)) is not None:
                    program, (trial, trials) = one
                    job = CalibrateJob(
                        Named.of(trial, ledger.scale),
                        count=trials,
                        workers=workers,
                        kinds=kinds,
                        peak=peaks.get(trial.arm.name, 0),
                        compiling=compiling_seconds(choices(ledger, options).values()),
                        programs=len(missing),
                    )
                    executor = idle.pop() if idle else pool.executor()
                    running[executor.submit(job)] = program, trial, executor
                if not running:
                    return
                for future in wait(running, None, FIRST_COMPLETED)[0]:
                    program, trial, executor = running.pop(future)
                    done += 1
                    try:
                        answer = future.result()
                    except WorkerDiedError as error:
                        executor.stop()
                        answer = Answer(reason=str(error))
                    else:
                        idle.append(executor)
                    if answer.mistake:
                        raise HarnessError.relayed(f"arm {trial.arm.name}", answer.reason)
                    if answer.choice is not None:  # else training it will say what is wrong
                        notes.write_choice(
                            ledger, program, machine(options), answer.choice, options.mode
                        )
        finally:
            for executor in [*idle, *(each for *_, each in running.values())]:
                executor.stop()
