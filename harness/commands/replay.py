"""``harness replay``: a recorded trial is trained again; the same, or how far apart, and why."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.commands.place import Place
from harness.engines.modes import PLAIN, Mode
from harness.messages.errors import HarnessError, near
from harness.running.comparing import numbers
from harness.running.executors import Options, Processes
from harness.running.find import find as find_study
from harness.running.find import load
from harness.running.jobs import Answer, TrainJob, failed
from harness.running.named import Named
from harness.running.workers import WorkerDiedError
from harness.stopping import Bound
from harness.storing.ledger import find
from harness.storing.store import Store
from harness.study.metrics import Better
from harness.study.study import Study
from harness.terminal.screen import line
from harness.trials.changed import changes, other_code
from harness.trials.records import Record
from harness.trials.trial import Trial, defaults, make_trial, unseeded


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


def train_again(key: str, reference: str | None, place: Place, options: Options) -> Replayed:
    """Train a recorded trial again, in a process of its own, and compare.

    Raises:
        HarnessError: no such key, several, or its study is not to be found; or others made it.
    """
    store = place.open(create=False)
    record, home = _one_record(find(store, key), key)
    if not record.training:
        raise HarnessError(
            "KEY must be that of a trial that was run here",
            f"{record.key}, a result of others, of {record.study} ({record.scale}), seed "
            f"{record.seed}: how it was made is not recorded",
            "Name another.",
        )
    if not (reference or home):
        raise HarnessError(
            "the study of the trial must be known", "a record without one", "Add --study FILE."
        )
    found = find_study(reference or home)
    study = load(found)
    scale, _ = study.scale(record.scale)
    now = _of_now(study, scale, record, store)
    job = _again(scale, now, record, study.metric(study.objective).better)
    with tempfile.TemporaryDirectory() as folder:  # what the trial has kept stays as it is
        pool = Processes(study, found, options, store.artifacts, Path(folder))
        try:
            answer = pool.executor().submit(job).result()
        except WorkerDiedError as error:
            answer = Answer(reason=str(error))
        finally:
            pool.stop()
    if answer.mistake:
        raise HarnessError.relayed(f"arm {record.arm}", answer.reason)
    outcome = (answer.outcomes or failed(answer, job.trials))[0]
    changed = (
        *changes(record.env, outcome.recorded_env),
        *(f"code: {each}" for each in other_code(record.code, now.code)),
        *(f"training {each}" for each in changes(record.training, now.written)),
    )
    if outcome.reason or record.state == "failed":
        return Replayed(outcome.reason == record.reason, record, (), None, changed, outcome.reason)
    then = numbers(record.metrics, record.curves)
    since = numbers(outcome.metrics, outcome.curves)
    shared = [(name, then[name], since[name]) for name in then if name in since]
    farthest = max(abs(before - after) for _, before, after in shared)
    differences = tuple(each for each in shared if each[1] != each[2] and each[0] in record.metrics)
    identical = farthest == 0 and then.keys() == since.keys()
    return Replayed(identical, record, differences, farthest, changed, "")


def _of_now(study: Study, scale: str, record: Record, store: Store) -> Trial:
    """Return a recorded trial as it would be run now.

    Raises:
        HarnessError: the study has no such arm any more, or none that needs it.
    """
    if record.role == "need":
        return _needed(study, scale, record, store)
    arm = study.arm(record.arm, scale)
    if arm is None:
        raise HarnessError(
            f"study {study.name} must still have the arm of the trial",
            repr(record.arm),
            near(record.arm, [each.name for each in study.arms(scale)]),
        )
    return make_trial(study, scale, arm, record.seed, record.role, record.tuned)


def _needed(study: Study, scale: str, record: Record, store: Store) -> Trial:
    """Return a trial that others need: of no arm's own, it is looked for in all that needs it."""
    alike = None
    for name, settings in _run_with(study, scale, record, store):
        arm = study.arm(name, scale)
        for what in unseeded(study, scale, arm, settings).all_needs() if arm is not None else ():
            trial = what.trial(record.seed, "need")
            if trial.key == record.key:
                return trial
            if alike is None and trial.written == record.training:
                alike = trial
    if alike is None:
        raise HarnessError(
            f"study {study.name} must still need the trial",
            f"{record.key}, which no arm needs any more",
            "Replay it with the study's file of then.",
        )
    return alike


def _run_with(
    study: Study, scale: str, record: Record, store: Store
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the arms with the settings that they begin with, then with those that were run."""
    yield from ((arm.name, defaults(study)) for arm in study.arms(scale))
    run = (each for each, _ in find(store, "") if each.role != "need")
    seen: list[tuple[str, dict[str, Any]]] = []
    for each in run:
        one = each.arm, dict(each.tuned)
        if (each.study, each.scale) == (record.study, record.scale) and one not in seen:
            seen.append(one)
            yield one


def _again(scale: str, trial: Trial, record: Record, better: Better | None) -> TrainJob:
    """Describe a trial trained as its record says: beside as many others, which are copies of it.

    How many train together decides how sums are rounded, and what the others are does not. One that
    was ended early is ended at the same point.
    """
    if record.state == "pruned":
        points = max(map(len, record.metric_curves.values()), default=0)
        worst = math.inf if better == "higher" else -math.inf
        trial = replace(trial, bounds=(Bound(points, worst),))
    mode = Mode.parse(record.env.get("mode", str(PLAIN)))
    copies = mode.engine.copies(mode.models)
    return TrainJob((Named.of(trial, scale),) * copies, mode)


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
        line(console, f"identical: {what}. {where}")
    elif replayed.farthest is None:
        line(console, f"not identical. {where}")
        line(console, f"  then: {record.reason or 'finished'}")
        line(console, f"  now:  {replayed.reason or 'finished'}")
    else:
        line(console, f"not identical: at most {replayed.farthest:.3g} apart. {where}")
        for name, then, now in replayed.differences:
            line(console, f"  {name}: {then!r} → {now!r} ({now - then:+.3g})")
    for each in replayed.changed:
        line(console, f"  {each}")
    if not replayed.identical and not replayed.changed:
        line(console, "  Nothing differs in the environment, the code or the Training.")
