"""What is planned, what is done, what is left, and why trials are run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.costs import profile_trials, profiles, programs
from harness.executors import Options, worker_count
from harness.ledger import Ledger
from harness.load import find as find_study
from harness.load import load
from harness.place import STORE_NAME, Place
from harness.plan import changes, make_trial
from harness.progress import duration
from harness.records import Record
from harness.run import done_records
from harness.search import Planner
from harness.store import Store
from harness.study import Study
from harness.tables import plain


def plan_study(
    reference: str, scale_name: str | None, place: Place, options: Options
) -> dict[str, Any]:
    """Return what is planned and done at each scale, as plain values."""
    study = load(find_study(reference))
    scales = [study.scale(scale_name)[0]] if scale_name else list(study.scales)
    path = Path(place.store or place.out / STORE_NAME)
    store = place.open(create=False) if place.store or path.exists() else None
    return {
        "study": study.name,
        "question": study.question,
        "scales": [_plan_scale(study, scale, store, options) for scale in scales],
    }


def _plan_scale(study: Study, scale: str, store: Store | None, options: Options) -> dict[str, Any]:
    planner = Planner(study, scale, options.seeds, tune=options.tune)
    ledgers = Ledger.existing(store, study, scale) if store is not None else []
    records = [record for ledger in ledgers for record in ledger.records()]
    done = done_records(records)
    outlook = planner.outlook(done)
    costs = profiles(ledgers[-1], programs(planner))[0] if ledgers else {}
    finished = {arm.name: 0 for arm in planner.arms}
    failed = dict(finished)
    for trial in outlook.planned:
        if trial.key in done:
            finished[trial.arm.name] += 1
            failed[trial.arm.name] += done[trial.key].state == "failed"
    each = planner.budget + len(planner.seeds)
    trials = profile_trials(planner)
    left = None
    if all(arm in costs for arm in finished):
        seconds = sum(
            (each - count) * costs[arm].step_seconds * costs[arm].steps
            for arm, count in finished.items()
        )
        left = 1.3 * seconds / worker_count(options)  # evaluation takes about a third of training
    if outlook.total == sum(finished.values()):
        left = 0.0
    return {
        "scale": scale,
        "arms": [
            {
                "arm": arm.name,
                "trials": each,
                "done": finished[arm.name],
                "failed": failed[arm.name],
                "training": dict(trials[arm.name].written),
            }
            for arm in planner.arms
        ],
        "seeds": len(planner.seeds),
        "tuning": planner.budget,
        "trials": outlook.total,
        "done": sum(finished.values()),
        "failed": sum(failed.values()),
        "seconds_left": left,
        "again": _again(records, planner, {t.key for t in outlook.planned}),
    }


def _again(records: Sequence[Record], planner: Planner, planned: set[str]) -> list[str]:
    """Say why trials that were run before are to be run again."""
    newest: dict[str, Record] = {}
    for record in records:
        if record.role == "evaluate" and record.state != "running":
            newest[record.arm] = record
    reasons: dict[str, int] = {}
    for arm in planner.arms:
        if arm.name not in newest or newest[arm.name].key in planned:
            continue
        record = newest[arm.name]
        now = make_trial(planner.study, planner.scale, arm, record.seed, "evaluate", record.tuned)
        if now.key == record.key:
            continue  # tuning has not yet come to where this one was trained
        why = [
            f"{name} changed" if name in record.code and name in now.code else f"{name} is new"
            if name in now.code else f"{name} is gone"
            for name in sorted({*record.code, *now.code})
            if record.code.get(name) != now.code.get(name)
        ] + changes(record.training, now.written)  # fmt: skip
        for reason in why:
            reasons[reason] = reasons.get(reason, 0) + 1
    total = len(planner.arms)
    return [
        reason if count == total else f"{reason} (in {count} of {total} arms)"
        for reason, count in reasons.items()
    ]


def print_plan(plan: dict[str, Any], console: Console) -> None:
    """Print what :func:`plan_study` returned."""
    table = plain(
        f"{plan['study']}: {plan['question']}",
        [("scale", False), ("arms", True), ("tuning + seeds per arm", True), ("trials", True),
         ("done", True), ("failed", True), ("time left", True)],
    )  # fmt: skip
    for row in plan["scales"]:
        left = row["seconds_left"]
        table.add_row(
            row["scale"],
            str(len(row["arms"])),
            f"{row['tuning']} + {row['seeds']}",
            str(row["trials"]),
            str(row["done"]),
            str(row["failed"]),
            "not known yet" if left is None else "none" if left == 0 else f"about {duration(left)}",
        )
    console.print(table)
    for row in plan["scales"]:
        arms = plain(f"Arms at {row['scale']}", [("arm", False), ("trials", True), ("done", True)])
        for arm in row["arms"]:
            arms.add_row(arm["arm"], str(arm["trials"]), str(arm["done"]))
        console.print(arms)
        if row["again"]:
            console.print(f"Trials of scale {row['scale']} are to be run again, because:")
            for reason in row["again"]:
                console.print(f"  {reason}", markup=False, highlight=False)
    if any(row["seconds_left"] is None for row in plan["scales"]):
        console.print(
            "The time left is known once the cost of a step has been measured, which is the first "
            "thing that `harness run` does."
        )
