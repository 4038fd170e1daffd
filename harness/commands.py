"""What the commands do, apart from how they are spelled (see harness.cli)."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from harness.code import normalised
from harness.errors import HarnessError, near
from harness.ledger import Ledger, find, is_recorded
from harness.load import find as find_study
from harness.load import load
from harness.outputs import revision_of, write_records, write_verdicts
from harness.plan import changes, make_trial
from harness.progress import display, duration
from harness.records import Record, to_frame
from harness.results import Results, assemble
from harness.run import Options, done_records, profile_trials, profiles, run, worker_count
from harness.search import Planner
from harness.store import Store, open_store
from harness.study import Study
from harness.tables import plain, verdict_table

if TYPE_CHECKING:
    from reports import Written

STORE_NAME = "harness.db"


@dataclass(frozen=True)
class Place:
    """Where things are kept.

    Attributes:
        out: the output folder.
        store: the store's URL or path; empty for a file in the output folder.
    """

    out: Path
    store: str = ""

    def open(self, *, create: bool) -> Store:
        """Open the store."""
        return open_store(self.store or str(self.out / STORE_NAME), create=create)

    def folder(self, study: Study, scale: str) -> Path:
        """Return the folder of a study's report; names are checked when a study is made."""
        return self.out / f"{study.name}-{scale}"


def run_study(
    reference: str, scale_name: str | None, place: Place, options: Options, errors: Console,
    *, quiet: bool,
) -> tuple[Results, Path, Written | None]:  # fmt: skip
    """Run what is missing of a study, judge it and write its report.

    Returns:
        the results, the report's folder, and what was written; ``None`` where the report was
        up to date.
    """
    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    planner = Planner(study, scale, options.seeds, tune=options.tune)
    ledger = Ledger(place.open(create=True), study, scale)
    if ledger.note("reference") != found:
        ledger.write_note("reference", found)
    with display(errors, f"{study.name} ({scale})", quiet=quiet) as shown:
        run(ledger, planner, found, options, shown)
        results = gather(ledger, planner, found)
        shown.show("writing the report", 1, 1, None)
        folder = place.folder(study, scale)
        written = write(results, folder, force=False)
    return results, folder, written


def gather(ledger: Ledger, planner: Planner, found: str) -> Results:
    """Judge what a ledger holds.

    Raises:
        HarnessError: nothing was ever run.
    """
    plan = ledger.note("plan")
    if plan is None:
        raise HarnessError(
            "there must be records to report on",
            f"none of {ledger.study.name} at scale {ledger.scale}",
            f"`harness run {ledger.study.name} --scale {ledger.scale}` makes some.",
        )
    home = (
        Path(found).parent
        if found.endswith(".py")
        else Path(sys.modules[found].__file__ or ".").parent
    )
    return assemble(
        ledger.study, ledger.scale, ledger.records(), plan, *profiles(ledger, planner),
        revision_of(home),
    )  # fmt: skip


def write(results: Results, folder: Path, *, force: bool) -> Written | None:
    """Write a study's folder, unless it was made from the same results by the same code."""
    mark = folder / ".made-from"
    digest = _digest(results)
    there = all(
        (folder / name).exists() for name in ("report.html", "verdicts.json", "records.csv")
    )
    if not force and there and mark.exists() and mark.read_text(encoding="utf-8") == digest:
        return None
    from reports import write_report  # the composition root: reports import harness, not back

    folder.mkdir(parents=True, exist_ok=True)
    write_records(results.records, folder / "records.csv")
    write_verdicts(results.verdicts, folder / "verdicts.json")
    written = write_report(results, folder)
    mark.write_text(digest, encoding="utf-8")
    return written


def _digest(results: Results) -> str:
    """Hash all that a report is made from: results, declaration and the report's code."""
    import reports

    home = Path(reports.__file__).parent
    code = [
        normalised(file.read_text(encoding="utf-8")) if file.suffix == ".py" else file.read_text()
        for file in sorted(home.rglob("*"))
        if file.suffix in {".py", ".j2", ".css", ".html"}
    ]
    text = repr(
        (
            [record.row() for record in results.records],
            results.verdicts,
            results.summaries,
            results.tuning,
            sorted(results.profiles.items()),
            results.provenance,
            results.warnings,
            results.study.question,
            code,
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()


# -- report and export ---------------------------------------------------------------------


def report_study(
    reference: str, scale_name: str | None, place: Place
) -> list[tuple[Results, Path, Written]]:
    """Judge and print again from the records, at one scale or at every scale recorded."""
    found = find_study(reference)
    study = load(found)
    store = place.open(create=False)
    scales = [study.scale(scale_name)[0]] if scale_name else list(study.scales)
    scales = [scale for scale in scales if is_recorded(store, study, scale)]
    if not scales:
        raise HarnessError(
            "there must be records to report on",
            f"none of {study.name} in {store.url}",
            f"`harness run {study.name}` makes some.",
        )
    out = []
    for scale in scales:
        ledger = Ledger(store, study, scale)
        results = gather(ledger, Planner(study, scale, None, tune=True), found)
        folder = place.folder(study, scale)
        written = write(results, folder, force=True)
        assert written is not None
        out.append((results, folder, written))
    return out


def export_study(
    reference: str, scale_name: str | None, place: Place, kind: str, path: Path | None
) -> str | Path:
    """Write the records of a study; return the text where no path was given."""
    found = find_study(reference)
    study = load(found)
    scale, _ = study.scale(scale_name)
    store = place.open(create=False)
    records = Ledger(store, study, scale).records() if is_recorded(store, study, scale) else ()
    if not records:
        raise HarnessError(
            "there must be records to export",
            f"none of {study.name} at scale {scale} in {store.url}",
            f"`harness run {study.name} --scale {scale}` makes some.",
        )
    if path is not None:
        write_records(records, path, kind)
        return path
    frame = to_frame(records)
    if kind == "csv":
        return str(frame.to_csv(index=False))
    if kind == "json":
        return str(frame.to_json(orient="records", indent=2, force_ascii=False))
    raise HarnessError(
        "--format must be csv or json where no --to FILE is given", repr(kind), "Add --to FILE."
    )


# -- plan ----------------------------------------------------------------------------------


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
    ledger = (
        Ledger(store, study, scale)
        if store is not None and is_recorded(store, study, scale)
        else None
    )
    records = ledger.records() if ledger is not None else ()
    done = done_records(records)
    outlook = planner.outlook(done)
    costs = profiles(ledger, planner)[0] if ledger is not None else {}
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


# -- replay --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replayed:
    """How a trial trained again compares with its record.

    Attributes:
        identical: whether every metric and every point of every curve has the same bits.
        record: the record.
        differences: ``(name, then, now)`` for each metric that differs.
        farthest: largest absolute difference over metrics and curves; ``None`` where one of them
            failed.
        changed: what differs in the environment or the code.
        reason: why the trial failed this time; empty where it did not.
    """

    identical: bool
    record: Record
    differences: tuple[tuple[str, float, float], ...]
    farthest: float | None
    changed: tuple[str, ...]
    reason: str


def replay(key: str, reference: str | None, place: Place, options: Options) -> Replayed:
    """Train a recorded trial again, in a process of its own, and compare.

    Raises:
        HarnessError: no such key, several, or its study is not to be found.
    """
    from harness.run import make_executor
    from harness.workers import Job

    record, home = _one_record(find(place.open(create=False), key), key)
    if not (reference or home):
        raise HarnessError(
            "the study of the trial must be known", "a record without one", "Add --study FILE."
        )
    found = find_study(reference or home)
    study = load(found)
    scale, _ = study.scale(record.scale)
    arms = {arm.name: arm for arm in study.arms(scale)}
    if record.arm not in arms:
        raise HarnessError(
            f"study {study.name} must still have the arm of the trial",
            repr(record.arm),
            near(record.arm, arms),
        )
    now = make_trial(study, scale, arms[record.arm], record.seed, record.role, record.tuned)
    executor = make_executor(study, found, options)
    try:
        answer = executor.submit(Job.of("train", scale, now)).result()
    finally:
        executor.stop()
    if answer.mistake:
        raise HarnessError.relayed(f"arm {record.arm}", answer.reason)
    changed = (
        *changes(record.env, answer.env),
        *(f"code {each}" for each in changes(record.code, now.code)),
        *(f"training {each}" for each in changes(record.training, now.written)),
    )
    if answer.reason or record.state == "failed":
        return Replayed(answer.reason == record.reason, record, (), None, changed, answer.reason)
    pairs = [(name, value, answer.metrics[name]) for name, value in record.metrics.items()]
    points = [
        abs(then - since)
        for name, values in record.curves.items()
        for then, since in zip(values, answer.curves[name], strict=True)
    ]
    differences = tuple(pair for pair in pairs if pair[1] != pair[2])
    farthest = max([abs(then - since) for _, then, since in pairs] + points)
    return Replayed(farthest == 0, record, differences, farthest, changed, "")


def _one_record(found: list[tuple[Record, str]], key: str) -> tuple[Record, str]:
    if len(found) == 1:
        return found[0]
    if not found:
        raise HarnessError(
            "KEY must be the key of a recorded trial, or the beginning of one",
            repr(key),
            "The ledger in the report and records.csv show them.",
        )
    raise HarnessError(
        "KEY must begin one trial's key only",
        f"{key!r}, which begins {len(found)}: " + ", ".join(record.key for record, _ in found[:4]),
        "Write more of it.",
    )


def print_replay(replayed: Replayed, console: Console) -> None:
    """Print how a trial trained again compares."""
    record = replayed.record
    where = f"{record.study} ({record.scale}), {record.arm}, seed {record.seed}"
    if replayed.identical:
        what = (
            "the same failure"
            if record.state == "failed"
            else "every metric and curve, bit for bit"
        )
        console.print(f"identical: {what}. {where}", highlight=False, markup=False)
    elif replayed.farthest is None:
        console.print(f"not identical. {where}", highlight=False, markup=False)
        console.print(f"  then: {record.reason or 'finished'}", markup=False)
        console.print(f"  now:  {replayed.reason or 'finished'}", markup=False)
    else:
        console.print(
            f"not identical: at most {replayed.farthest:.3g} apart. {where}",
            highlight=False, markup=False,
        )  # fmt: skip
        for name, then, now in replayed.differences:
            console.print(f"  {name}: {then!r} → {now!r} ({now - then:+.3g})", markup=False)
    for each in replayed.changed:
        console.print(f"  {each}", markup=False, highlight=False)
    if not replayed.identical and not replayed.changed:
        console.print("  Nothing differs in the environment, the code or the Training.")


def verdicts_json(results: Results, folder: Path) -> dict[str, Any]:
    """Return what ``--json`` prints of a study."""
    return {
        "study": results.study.name,
        "scale": results.scale,
        "verdicts": json.loads((folder / "verdicts.json").read_text(encoding="utf-8")),
        "warnings": list(results.warnings),
        "folder": str(folder.resolve()),
    }


def print_results(results: Results, folder: Path, note: str, console: Console) -> None:
    """Print the verdict table, warnings, and where the files are."""
    console.print(verdict_table(results))
    for warning in results.warnings:
        console.print(f"! {warning}", markup=False, highlight=False)
    for name in ("report.html", "report.pdf"):
        path = folder / name
        if path.exists():
            console.print(
                f"{name}  {path.resolve()}", markup=False, highlight=False, soft_wrap=True
            )
    if note:
        console.print(note, markup=False, highlight=False)
