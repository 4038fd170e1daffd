"""Records in and out of Optuna storage, by way of every kind of store at hand."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from harness.errors import HarnessError
from harness.factors import Factor, Tuned
from harness.ledger import Ledger, find
from harness.plan import make_trial
from harness.runner import SILENT_SECONDS, Runner
from harness.search import Planner
from harness.store import open_store
from tests.tiny_study import study

ENV = {"python": "3", "device": "cpu"}
METRICS = {"validation_loss": 0.5, "validation_accuracy": 0.75, "test_accuracy": 0.7}
CURVES = {"validation_loss": [0.9, 0.5], "train_loss": [1.0, 0.4]}
COST = {"seconds": 1.5, "steps": 10, "samples": 200}


@pytest.fixture(params=["sqlite", "journal"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "x.db") if request.param == "sqlite" else f"journal:///{tmp_path}/x.log"


def trial(seed: int, arm: int = 0):
    return make_trial(study, "quick", study.arms("quick")[arm], seed, "evaluate", {"lr": 0.1})


def test_what_is_written_is_read(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (claimed,) = ledger.claim([trial(3)], 1)
    (running,) = ledger.records()
    assert (running.state, running.metrics) == ("running", {})
    ledger.finish(claimed, METRICS, CURVES, COST, ENV)
    again = Ledger(open_store(where), study, "quick")
    (record,) = again.records()
    assert record.key == trial(3).key
    assert record.levels == {"width": 4}
    assert (record.arm, record.seed, record.role) == ("width=4", 3, "evaluate")
    assert record.tuned == {"lr": 0.1}
    assert record.state == "complete"
    assert record.metrics == METRICS
    assert record.curves == {name: tuple(values) for name, values in CURVES.items()}
    assert record.cost == COST
    assert record.env == ENV
    assert record.code == trial(3).code
    assert record.training == trial(3).written
    assert record.finished.startswith("20")
    assert find(again.store, record.key[:8])[0][0] == record


def test_optuna_sees_an_ordinary_study(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    done, lost = ledger.claim([trial(0), trial(1)], 2)
    ledger.finish(done, METRICS, CURVES, COST, ENV)
    ledger.fail(lost, "diverged: nan", ENV)
    seen = optuna.load_study(study_name="tiny-quick", storage=ledger.store.storage)
    assert seen.direction == optuna.study.StudyDirection.MINIMIZE
    first, second = seen.trials
    assert first.params == {"width": 4, "lr": 0.1, "seed": 0}
    assert first.value == METRICS["validation_loss"]
    assert first.intermediate_values == {1: 0.9, 2: 0.5}
    assert first.user_attrs["test_accuracy"] == 0.7
    assert second.state == optuna.trial.TrialState.FAIL
    assert second.user_attrs["reason"] == "diverged: nan"
    frame = seen.trials_dataframe()
    assert {"params_width", "params_seed", "user_attrs_arm", "user_attrs_key"} <= {*frame.columns}


def test_a_trial_is_claimed_once(where: str) -> None:
    one = Ledger(open_store(where), study, "quick")
    two = Ledger(open_store(where), study, "quick")
    two._me = dataclasses.replace(Runner.here(), pid=os.getppid(), start=0).__str__()
    wanted = [trial(seed) for seed in range(4)]
    mine = one.claim(wanted, 2)
    theirs = two.claim(wanted, 9)
    assert [each.trial.seed for each in mine] == [0, 1]
    assert [each.trial.seed for each in theirs] == [2, 3]
    assert two.claim(wanted[2:], 9) != [], "what is one's own and not running may be taken again"
    for each in mine:
        one.finish(each, METRICS, CURVES, COST, ENV)
    assert two.claim(wanted[:2], 9) == []


def test_what_a_dead_process_left_is_taken_over_in_place(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ledger._me = str(dataclasses.replace(Runner.here(), pid=int(gone.stdout), start=1))
    ledger.claim([trial(0)], 1)
    heir = Ledger(open_store(where), study, "quick")
    (claimed,) = heir.claim([trial(0)], 1)
    heir.finish(claimed, METRICS, CURVES, COST, ENV)
    (record,) = heir.records()
    assert record.state == "complete"
    assert record.number == 0


def test_another_machine_counts_as_dead_after_long_silence() -> None:
    other = Runner("elsewhere", 1, 0)
    assert other.alive(last_word=1000.0, now=1000.0 + SILENT_SECONDS / 2)
    assert not other.alive(last_word=1000.0, now=1000.0 + SILENT_SECONDS * 2)
    assert Runner.parse(str(other)) == other
    me = Runner.here()
    assert me.alive(0.0, 1e9)
    assert not dataclasses.replace(me, start=me.start + 1).alive(0.0, 1e9) or me.start == 0


def test_failed_is_run_again_only_when_asked(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (claimed,) = ledger.claim([trial(0)], 1)
    ledger.fail(claimed, "no luck", ENV)
    assert ledger.claim([trial(0)], 1) == []
    (again,) = ledger.claim([trial(0)], 1, [0])
    ledger.finish(again, METRICS, CURVES, COST, ENV)
    states = [record.state for record in ledger.records()]
    assert states == ["failed", "complete"]


def test_what_nobody_plans_is_withdrawn(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    ledger.claim([trial(0), trial(1)], 2)  # by a process (this one) that does not run them
    ledger.withdraw()
    assert ledger.records() == ()
    (claimed,) = ledger.claim([trial(1)], 1)
    ledger.finish(claimed, METRICS, CURVES, COST, ENV)
    assert [record.seed for record in ledger.records()] == [1]
    assert [record.state for record, _ in find(ledger.store, trial(1).key)] == ["complete"]


def test_what_another_process_finished_meanwhile_is_left_as_it_is(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (claimed,) = ledger.claim([trial(0)], 1)
    ledger.finish(claimed, METRICS, CURVES, COST, ENV)
    ledger.finish(claimed, {**METRICS, "test_accuracy": 0.1}, CURVES, COST, ENV)
    ledger.fail(claimed, "too late", ENV)
    ledger.release(claimed)
    (record,) = ledger.records()
    assert record.metrics == METRICS
    assert (record.state, record.reason) == ("complete", "")


def test_what_is_given_back_is_taken_by_the_next(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (claimed,) = ledger.claim([trial(0)], 1)
    other = Ledger(open_store(where), study, "quick")
    other._me = str(dataclasses.replace(Runner.here(), pid=os.getppid(), start=0))
    assert other.claim([trial(0)], 1) == []
    assert other.others_running()
    ledger.release(claimed)
    assert len(other.claim([trial(0)], 1)) == 1


def test_changed_levels_or_axes_begin_another_study_and_lose_nothing(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (claimed,) = ledger.claim([trial(0)], 1)
    ledger.finish(claimed, METRICS, CURVES, COST, ENV)
    wider = dataclasses.replace(study, factors=(Factor("width", (4, 32, 64)),))
    linear = dataclasses.replace(study, tuned=(Tuned("lr", 0.001, 1.0),))
    for number, changed in enumerate((wider, linear), start=2):
        (old,) = Ledger.existing(ledger.store, changed, "quick")[:1]
        assert len(old.records()) == 1
        new = Ledger(ledger.store, changed, "quick")
        assert new.records() == ()
        assert new.adopt([trial(0)]) == 1
        assert new.records()[0].metrics == METRICS
        assert len(Ledger.existing(ledger.store, changed, "quick")) == number
    assert Ledger.existing(ledger.store, study, "quick")[-1].records()[0].number == 0


STEPS = """
import os, signal, sys
import sqlalchemy
from harness.ledger import Ledger
from harness.plan import make_trial
from harness.store import open_store
from tests.tiny_study import study

left = int(sys.argv[2])

def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", count)
ledger = Ledger(open_store(sys.argv[1]), study, "quick")
made = make_trial(study, "quick", study.arms("quick")[0], 0, "evaluate", {"lr": 0.1})
for claimed in ledger.claim([made], 1):
    ledger.finish(claimed, {"validation_loss": 0.5}, {}, {}, {})
print(len(ledger.records()), ledger.records()[0].state)
"""


@pytest.mark.slow
def test_killed_at_any_statement_the_next_one_goes_on(tmp_path: Path) -> None:
    """Statement by statement from an empty folder: tables, study, claim, record."""
    where = str(tmp_path / "x.db")
    kills = 0
    for statement in (1, 4, 9, 15, 22, 30, 40, 52, 60, 70, 85, 100):
        for file in tmp_path.iterdir():
            file.unlink()
        words = [sys.executable, "-c", STEPS, where]
        options = {"cwd": Path(__file__).parents[1], "capture_output": True, "text": True}
        killed = subprocess.run([*words, str(statement)], **options, check=False)
        kills += killed.returncode == -9
        done = subprocess.run([*words, "0"], **options, check=False)
        assert done.stdout == "1 complete\n", (statement, done.stderr)
    assert kills >= 8


def test_two_that_insert_at_once_on_a_server_end_with_one(where: str) -> None:
    """Without a lock both rows exist; the later one withdraws."""
    one = Ledger(open_store(where), study, "quick")
    first = one._insert(trial(0))
    two = Ledger(open_store(where), study, "quick")
    second = two._insert(trial(0))
    claims = [dataclasses.replace(_claimed(), trial_id=identity) for identity in (first, second)]
    assert one._mine(claims[0])
    assert not two._mine(claims[1])
    assert [record.number for record in two.records()] == [0]


def _claimed():
    from harness.ledger import Claimed

    return Claimed(trial(0), -1)


def test_looking_does_not_make_a_study(where: str) -> None:
    store = open_store(where)
    assert Ledger.existing(store, study, "quick") == []
    Ledger(store, study, "quick")
    assert len(Ledger.existing(store, study, "quick")) == 1
    assert Ledger.existing(store, study, "longer") == []


def test_a_run_in_this_process_needs_no_file(where: str) -> None:
    """A study that no file holds, in a notebook say."""
    from harness.costs import profiles
    from harness.executors import Options
    from harness.progress import Silent
    from harness.run import run

    ledger = Ledger(open_store(where), study, "quick")
    planner = Planner(study, "quick", 1, tune=False)
    ran = run(ledger, planner, None, Options(tune=False), Silent())
    assert (ran.trained, ran.total, ran.profiled) == (2, 2, 2)
    plan = ledger.note("plan")
    measured, failed = profiles(ledger, plan["programs"])
    assert set(measured) == {"width=4", "width=32"}, failed
    assert measured["width=32"].parameters == 64 * 32 + 32 + 32 * 10 + 10
    again = run(ledger, planner, None, Options(tune=False), Silent())
    assert (again.trained, again.profiled) == (0, 0)
    assert all(record.state == "complete" for record in ledger.records())


def test_a_study_half_made_by_a_killed_process_is_finished(where: str) -> None:
    store = open_store(where)
    half = optuna.create_study(storage=store.storage, study_name="tiny-quick")
    half.set_user_attr("levels", {"width": [4, 32]})
    ledger = Ledger(store, study, "quick")
    assert ledger.note("format") == 1
    (claimed,) = ledger.claim([trial(0)], 1)
    assert claimed.trial.seed == 0


def test_a_study_that_something_else_made_is_refused(where: str) -> None:
    store = open_store(where)
    other = optuna.create_study(storage=store.storage, study_name="tiny-quick")
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(HarnessError, match="something else made"):
        Ledger(store, study, "quick")


def test_what_a_killed_process_half_wrote_is_no_part_of_the_record(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    done, lost = ledger.claim([trial(0), trial(1)], 2)
    ledger.store.storage.set_trial_user_attr(done.trial_id, "reason", "killed while writing this")
    ledger.store.storage.set_trial_user_attr(lost.trial_id, "test_accuracy", 0.9)
    assert [(record.reason, record.metrics) for record in ledger.records()] == [("", {})] * 2
    ledger.finish(done, METRICS, CURVES, COST, ENV)
    ledger.fail(lost, "no luck", ENV)
    first, second = ledger.records()
    assert (first.reason, first.metrics) == ("", METRICS)
    assert (second.reason, second.metrics) == ("no luck", {})
