"""``harness plan``: what is planned, done and left, and why trials are run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console

from harness.commands.begin import begin, planner_of
from harness.commands.place import Place
from harness.commands.plan_search import plan_search
from harness.commands.tables import plain
from harness.engines.modes import PLAIN, Choice
from harness.messages.blame import reason_of
from harness.planning.datasets import check_trials, written
from harness.planning.outlook import Outlook
from harness.planning.planner import StudyPlanner
from harness.running.costs import choices, profiles, programs
from harness.running.executors import Options, worker_count
from harness.running.find import find as find_study
from harness.running.find import load
from harness.running.progress import display
from harness.running.versions import settings_now
from harness.storing.faults import NoStoreError
from harness.storing.kept import manifest_of
from harness.storing.ledger import Ledger
from harness.storing.store import Store
from harness.study.command import Filled
from harness.study.converter import from_plain, to_plain
from harness.study.formatting import duration, plural
from harness.study.sources import source_of
from harness.study.study import Study
from harness.terminal.screen import line
from harness.trials.changed import why_other
from harness.trials.profiles import Profile
from harness.trials.records import Record
from harness.trials.trial import Trial, make_trial

MOST_LINES = 3
"""Of so many arms the command line is printed; ``--json`` has all."""


def measure_study(
    reference: str, scale_name: str | None, place: Place, options: Options, errors: Console,
    *, quiet: bool,
) -> None:  # fmt: skip
    """Measure here what the time left is estimated from, at one scale; trains nothing."""
    from harness.running.run import (
        measure,  # with all that trains, for which no other plan should wait
    )

    begun = begin(reference, scale_name, place, options)
    title = f"{begun.study.name} ({begun.ledger.scale})"
    with display(errors, title, quiet=quiet) as shown:
        measure(begun.ledger, begun.planner, begun.pool, options, shown)


def plan_study(
    reference: str, scale_name: str | None, place: Place, options: Options
) -> dict[str, Any]:
    """Return what is planned and done at each scale, as plain values."""
    study = load(find_study(reference))
    scales = [study.scale(scale_name)[0]] if scale_name else list(study.scales)
    store: Store | None
    try:
        store = place.open(create=False)
    except NoStoreError:
        store = None  # nothing was run yet, and planning makes nothing
    if study.search is not None:
        return plan_search(study, scales, store)
    return {
        "study": study.name,
        "question": study.question,
        "source": source_of(study),
        "scales": [_plan_scale(study, scale, store, options) for scale in scales],
    }


def _plan_scale(study: Study, scale: str, store: Store | None, options: Options) -> dict[str, Any]:
    planner = planner_of(study, scale, options)
    check_trials(planner.at_defaults, reason_of)
    ledgers = Ledger.existing(store, study, scale) if store is not None else []
    records = [record for ledger in ledgers for record in ledger.records()]
    done = {record.key: record for record in records if record.state != "running"}
    outlook = planner.outlook(done)
    costs = profiles(ledgers[-1], programs(planner))[0] if ledgers else {}
    chosen = choices(ledgers[-1], options) if ledgers else {}
    finished = {arm.name: 0 for arm in planner.arms}
    shared = sum(trial.key in done for trial in outlook.planned if trial.role == "need")
    failed = dict(finished)
    for trial in outlook.planned:
        if trial.key in done and trial.role != "need":
            finished[trial.arm.name] += 1
            failed[trial.arm.name] += done[trial.key].state == "failed"
    trials = planner.at_defaults
    together = _together(trials, chosen)
    modes = {arm: str(chosen[each].mode) for each, arms in together.items() for arm in arms}
    left = None
    if all(arm in costs and costs[arm].steps for arm in finished):
        seconds = sum(
            (outlook.expected[arm] - count) * costs[arm].step_seconds * costs[arm].steps
            for arm, count in finished.items()
        )
        left = 1.3 * seconds / worker_count(options)  # evaluation takes about a third of training
        left *= _quicker(chosen, trials, costs)
    elif source_of(study) != "build":
        left = _by_trials(done, outlook, finished, worker_count(options))
    if outlook.total == shared + sum(finished.values()):
        left = 0.0
    return {
        "scale": scale,
        "data": written(trials.values()),
        "arms": [
            {
                "arm": arm.name,
                "trials": outlook.expected[arm.name],
                "done": finished[arm.name],
                "failed": failed[arm.name],
                "training": dict(trials[arm.name].written),
                **_command(trials[arm.name]),
                "mode": modes.get(arm.name, str(PLAIN) if options.plain else ""),
            }
            for arm in planner.arms
        ],
        "seeds": len(planner.seeds),
        "looks": to_plain(planner.looks),
        "tuning": planner.budget,
        "trials": outlook.total,
        "done": shared + sum(finished.values()),
        "failed": sum(failed.values()),
        "needed": len(outlook.needed),
        "seconds_left": left,
        "modes": [
            {"arms": together[program], **to_plain(choice)}
            for program, choice in chosen.items()
            if program in together
        ],
        "again": _again(records, planner, outlook),
        "newest": _newest(ledgers[-1], planner, outlook, done) if ledgers else [],
    }


def _command(trial: Trial) -> dict[str, str]:
    """Return the line that a trial of an arm runs, where it is a command."""
    return {"command": trial.work.shown()} if isinstance(trial.work, Filled) else {}


def _together(trials: Mapping[str, Trial], chosen: Mapping[str, Choice]) -> dict[str, list[str]]:
    """Return the arms of each program for which a mode was chosen."""
    out: dict[str, list[str]] = {}
    for arm, trial in trials.items() if chosen else ():
        if trial.program in chosen:
            out.setdefault(trial.program, []).append(arm)
    return out


def _by_trials(
    done: Mapping[str, Record], outlook: Outlook, finished: Mapping[str, int], workers: int
) -> float | None:
    """Estimate the seconds left from trials that are over; None where an arm has none of those."""
    took: dict[str, list[float]] = {arm: [] for arm in finished}
    for trial in outlook.planned:
        if trial.key in done and "seconds" in done[trial.key].cost:
            took[trial.arm.name].append(done[trial.key].cost["seconds"])
    if not all(took.values()):
        return None
    left = {arm: outlook.expected[arm] - count for arm, count in finished.items()}
    return sum(left[arm] * median(seconds) for arm, seconds in took.items()) / workers


def _quicker(
    chosen: Mapping[str, Choice], trials: Mapping[str, Trial], costs: Mapping[str, Profile]
) -> float:
    """Return by how much the chosen modes shorten training, all arms taken together."""
    plain = taken = 0.0
    for arm, trial in trials.items():
        seconds = costs[arm].step_seconds * costs[arm].steps
        plain += seconds
        taken += seconds * (chosen[trial.program].gain if trial.program in chosen else 1.0)
    return taken / plain if plain else 1.0


def _again(records: Sequence[Record], planner: StudyPlanner, outlook: Outlook) -> list[str]:
    """Say why trials that were run before are to be run again, where some are."""
    newest: dict[str, Record] = {}
    for record in records:
        if record.role == "evaluate" and record.state != "running":
            newest[record.arm] = record
    left = {trial.arm.name for trial in outlook.ready if trial.role != "need"}
    left |= {arm.name for arm in planner.arms if arm.name not in outlook.chosen}
    own = {arm: record for arm, record in newest.items() if arm in left}
    return _reasons(own, planner, outlook)


def _newest(
    ledger: Ledger, planner: StudyPlanner, outlook: Outlook, done: Mapping[str, Record]
) -> list[str]:
    """Say in what the newest run differs from what the file says now."""
    manifest = manifest_of(ledger)
    trials = manifest.trials if manifest is not None else ()
    newest = {trial.arm: done[trial.key] for trial in trials if trial.key in done}
    return _reasons(newest, planner, outlook)


def _reasons(newest: Mapping[str, Record], planner: StudyPlanner, outlook: Outlook) -> list[str]:
    """Name what differs between one record of each arm and what is planned, and in how many."""
    planned = {trial.key for trial in outlook.planned}
    reasons: dict[str, int] = {}
    for arm in planner.arms:
        if arm.name not in newest or newest[arm.name].key in planned:
            continue
        record = newest[arm.name]
        settings = settings_now(planner.study, record)
        now = make_trial(planner.study, planner.scale, arm, record.seed, "evaluate", settings)
        if now.key == record.key:
            continue  # tuning has not yet come to where this one was trained
        for reason in why_other(record.code, record.training, now):
            reasons[reason] = reasons.get(reason, 0) + 1
    total = len(planner.arms)
    return [
        reason if count == total else f"{reason} (in {count} of {total} arms)"
        for reason, count in reasons.items()
    ]


def _print_choice(choice: Choice, arms: Sequence[str], console: Console) -> None:
    """Print what was measured for the arms of one program."""
    names = ", ".join(arms[:3]) + (f" and {len(arms) - 3} more" if len(arms) > 3 else "")
    figures = "; ".join(
        f"{each.mode} {1e3 * each.seconds:.3g} ms"
        + (f" after {each.preparation:.0f} s" if each.preparation else "")
        for each in choice.timings
    )
    line(console, f"Mode of {names}: {choice.mode}.")
    measured = f"  Measured, for an epoch of one trial: {figures}"
    line(console, measured if figures else "  Nothing measured.")
    if choice.note:
        line(console, f"  {choice.note}")


def _print_needed(count: int, console: Console) -> None:
    if count:
        others = f"{plural(count, 'trial')} that others need"
        line(console, f"{others}, such as a teacher or weights to begin with: run first.")


def print_plan(plan: dict[str, Any], console: Console) -> None:
    """Print what :func:`plan_study` returned; modes are of the harness's own trainer."""
    ours = plan["source"] == "build"
    table = plain(
        f"{plan['study']}: {plan['question']}",
        [("scale", False), ("arms", True), ("tuning + seeds per arm", True), ("trials", True),
         ("done", True), ("failed", True), ("time left", True)],
    )  # fmt: skip
    for row in plan["scales"]:
        left = row["seconds_left"]
        least = f"{row['looks']['seeds'][0]} to " if row["looks"] else ""
        table.add_row(
            row["scale"],
            str(len(row["arms"])),
            f"{row['tuning']} + {least}{row['seeds']}",
            str(row["trials"]),
            str(row["done"]),
            str(row["failed"]),
            "not known yet" if left is None else "none" if left == 0 else f"about {duration(left)}",
        )
    console.print(table)
    for row in plan["scales"]:
        arms = plain(
            f"Arms at {row['scale']}",
            [("arm", False), ("trials", True), ("done", True), *[("mode", False)] * ours],
        )
        for arm in row["arms"]:
            arms.add_row(
                arm["arm"],
                str(arm["trials"]),
                str(arm["done"]),
                *[arm["mode"] or "not chosen yet"] * ours,
            )
        console.print(arms)
        _print_needed(row.get("needed", 0), console)
        for arm in [arm for arm in row["arms"] if "command" in arm][:MOST_LINES]:
            line(console, f"Command of {arm['arm']}: {arm['command']}", whole=True)
        for data in row.get("data", []):
            line(console, f"Data: {data['told']}", whole=True)
        for each in row["modes"]:
            choice = {name: value for name, value in each.items() if name != "arms"}
            _print_choice(from_plain(Choice, choice), each["arms"], console)
        if row["again"]:
            line(console, f"Trials of scale {row['scale']} are to be run again, because:")
            for reason in row["again"]:
                line(console, f"  {reason}")
        elif row.get("newest"):
            line(console, f"The newest run of scale {row['scale']} was of other code or settings:")
            for reason in row["newest"]:
                line(console, f"  {reason}")
    unknown = any(row["seconds_left"] is None for row in plan["scales"])
    if unknown and not ours:
        line(console, "The time left is known once a trial of every arm is over.")
    elif unknown:
        line(
            console,
            "The time left is known once the cost of a step has been measured in every arm, which "
            "`harness run` does first, unless --no-profile is given, and `harness plan --measure` "
            "does without training.",
        )
