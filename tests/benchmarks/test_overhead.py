"""What the harness itself costs for each trial, with no training in it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from sqlalchemy import Connection, MetaData, insert, select

from harness.planning.planner import StudyPlanner
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.trial import Trial
from tests.tiny_study import study

METRICS = {
    f"{split}_{what}": 0.5
    for split in ("train", "validation", "test")
    for what in ("loss", "accuracy")
}
CURVES = {
    "validation_loss": [0.5] * 15,
    "train_loss": [0.5] * 15,
    "validation_accuracy": [0.5] * 15,
}
COST = {"seconds": 1.0, "steps": 150, "samples": 3000}
ENV = {"python": "3"}


def filled(where: str, trials: Sequence[Trial]) -> Ledger:
    """Return a ledger in which trials are finished: one is, and the others are copied from it."""
    ledger = Ledger(open_store(where), study, "quick")
    for lease in ledger.lease(trials[:1], 1):
        ledger.finish(lease, METRICS, CURVES, COST, ENV)
    storage = ledger.store.storage
    identity = storage.get_study_id_from_name(ledger.name)
    (first,) = storage.get_all_trials(identity)
    if isinstance(storage, RDBStorage):
        with storage.engine.begin() as connection:
            _copy_rows(connection, trials, first.user_attrs["trial"])
    else:
        with ledger.store.together():
            for trial in trials[1:]:
                first.params["seed"] = trial.seed
                first.user_attrs["trial"]["key"] = trial.key
                storage.create_new_trial(identity, first)
    return Ledger(open_store(where), study, "quick")


def _copy_rows(connection: Connection, trials: Sequence[Trial], about: dict[str, object]) -> None:
    """Add rows to every table, which takes seconds where Optuna would take minutes."""
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if "trial_id" not in table.c:
            continue
        own = {column.name for column in table.primary_key} - {"trial_id"}
        rows = []
        for pattern in connection.execute(select(table)).mappings().all():
            row = {name: value for name, value in pattern.items() if name not in own}
            for number, trial in enumerate(trials[1:], start=1):
                row = row | {"trial_id": row["trial_id"] + 1}
                if table.name == "trials":
                    row["number"] = number
                elif row.get("param_name") == "seed":
                    row["param_value"] = trial.seed
                elif row.get("key") == "trial":
                    row["value_json"] = json.dumps({**about, "key": trial.key})
                rows.append(row)
        if rows:
            connection.execute(insert(table), rows)


def location(kind: str, folder: Path) -> str:
    return str(folder / "x.db") if kind == "sqlite" else f"journal:///{folder}/x.log"


@pytest.mark.parametrize("at_once", [1, 64])
@pytest.mark.parametrize("before", [100, 10_000])
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_all_but_training(benchmark, tmp_path: Path, kind: str, before: int, at_once: int) -> None:
    """What the loop does for each trial, or cohort: plan, lease, finish, read what is done."""
    rounds = 20 if at_once == 1 else 4
    planner = StudyPlanner(study, "quick", before // 2 + (rounds + 2) * at_once, tune=False)
    trials = sorted(planner.outlook({}).planned, key=lambda trial: trial.seed)
    ledger = filled(location(kind, tmp_path), trials[:before])
    assert len(ledger.done()) == before
    left = len(trials) - before

    def one() -> None:
        with ledger.store.lock():
            ready = planner.outlook(ledger.done()).ready
            leases = ledger.lease(ready, at_once, look=False)
        assert len(leases) == at_once
        with ledger.store.together():
            for lease in leases:
                ledger.finish(lease, METRICS, CURVES, COST, ENV)

    benchmark.extra_info["trials"] = at_once
    benchmark.pedantic(one, rounds=rounds, warmup_rounds=1)
    assert len(planner.outlook(ledger.done()).ready) == left - (rounds + 1) * at_once


@pytest.mark.parametrize("count", [100, 10_000])
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_first_look_at_a_study(benchmark, tmp_path: Path, kind: str, count: int) -> None:
    """Every trial is read and translated, once for each process."""
    trials = StudyPlanner(study, "quick", count // 2, tune=False).outlook({}).planned
    filled(location(kind, tmp_path), trials)

    def look() -> int:
        return len(Ledger(open_store(location(kind, tmp_path)), study, "quick").records())

    assert benchmark.pedantic(look, rounds=2) == count


@pytest.mark.parametrize("count", [1000, 10_000])
def test_what_is_next(benchmark, count: int) -> None:
    """Working out what is to be run, which happens each time a trial ends."""
    planner = StudyPlanner(study, "quick", count // 2, tune=False)
    assert len(planner.outlook({}).ready) == count
    benchmark(planner.outlook, {})
