"""Records in and out of Optuna storage, by way of every kind of store at hand."""

import dataclasses
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest

from harness.messages.errors import HarnessError
from harness.planning.planner import StudyPlanner
from harness.storing.kept import manifest_of
from harness.storing.leases import Lease
from harness.storing.ledger import Ledger, find
from harness.storing.owners import SILENT_SECONDS, Runner
from harness.storing.store import Store, open_store
from harness.study.factors import Factor, Tuned
from harness.trials.outcome import Outcome
from harness.trials.records import Record
from harness.trials.trial import Trial, make_trial
from tests.tiny_study import study

ENV = {"python": "3", "device": "cpu"}
METRICS = {"validation_loss": 0.5, "validation_accuracy": 0.75, "test_accuracy": 0.7, "own": 3.0}
CURVES = {"validation_loss": [0.9, 0.5], "train_loss": [1.0, 0.4]}
COST = {"seconds": 1.5, "steps": 10, "samples": 200}
LAYERS = {"gradient_norm": [0.1, 0.2, 0.3]}


@pytest.fixture(params=["sqlite", "journal"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "x.db") if request.param == "sqlite" else f"journal:///{tmp_path}/x.log"


def alive() -> Runner:
    """Return another process of this machine, which lives."""
    return Runner.of(os.getppid())


def dead() -> Runner:
    """Return a process of this machine that has ended."""
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dataclasses.replace(Runner.here(), pid=int(gone.stdout), start=1)


def another(where: str) -> Ledger:
    """Open what another process of this machine, which lives, would open."""
    return Ledger(open_store(where), study, "quick", owner=alive())


def identity(ledger: Ledger) -> int:
    return ledger.store.storage.get_study_id_from_name(ledger.name)


def trial(seed: int, arm: int = 0):
    return make_trial(study, "quick", study.arms("quick")[arm], seed, "evaluate", {"lr": 0.1})


def test_what_is_written_is_read(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(3)], 1)
    (running,) = ledger.records()
    assert (running.state, running.metrics) == ("running", {})
    ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV, LAYERS))
    again = Ledger(open_store(where), study, "quick")
    (record,) = again.records()
    assert record.key == trial(3).key
    assert record.levels == {"width": 4}
    assert (record.arm, record.seed, record.role) == ("width=4", 3, "evaluate")
    assert record.tuned == {"lr": 0.1}
    assert record.state == "complete"
    assert record.metrics == METRICS
    assert record.curves == {name: tuple(values) for name, values in CURVES.items()}
    assert record.layers == {"gradient_norm": (0.1, 0.2, 0.3)}
    assert record.cost == COST
    assert record.env == ENV
    assert record.code == trial(3).code
    assert record.training == trial(3).written
    assert record.finished.startswith("20")
    assert find(again.store, record.key[:8])[0][0] == record


def test_optuna_sees_an_ordinary_study(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    done, lost = ledger.lease([trial(0), trial(1)], 2)
    ledger.finish(done, Outcome(METRICS, CURVES, COST, ENV))
    ledger.fail(lost, "diverged: nan", ENV)
    seen = optuna.load_study(study_name="tiny-quick", storage=ledger.store.storage)
    assert seen.direction == optuna.study.StudyDirection.MINIMIZE
    first, second = seen.trials
    assert first.params == {"width": 4, "lr": 0.1, "seed": 0}
    assert first.value == METRICS["validation_loss"]
    assert first.intermediate_values == {1: 0.9, 2: 0.5}
    assert first.user_attrs["test_accuracy"] == 0.7, "what a claim is about has a column"
    assert "validation_accuracy" not in first.user_attrs
    assert first.user_attrs["record"]["metrics"] == METRICS
    assert first.user_attrs["trial"]["arm"] == "width=4"
    assert second.state == optuna.trial.TrialState.FAIL
    assert second.user_attrs["reason"] == "diverged: nan"
    frame = seen.trials_dataframe()
    shown = {"params_width", "params_seed", "params_lr", "user_attrs_test_accuracy"}
    assert shown <= {*frame.columns}


def test_a_trial_is_leased_once(where: str) -> None:
    one = Ledger(open_store(where), study, "quick")
    two = another(where)
    wanted = [trial(seed) for seed in range(4)]
    mine = one.lease(wanted, 2)
    theirs = two.lease(wanted, 9)
    assert [each.trial.seed for each in mine] == [0, 1]
    assert [each.trial.seed for each in theirs] == [2, 3]
    assert two.lease(wanted[2:], 9) != [], "what is one's own and not running may be taken again"
    for each in mine:
        one.finish(each, Outcome(METRICS, CURVES, COST, ENV))
    assert two.lease(wanted[:2], 9) == []


def test_what_a_dead_process_left_is_taken_over_in_place(where: str) -> None:
    Ledger(open_store(where), study, "quick", owner=dead()).lease([trial(0)], 1)
    heir = Ledger(open_store(where), study, "quick")
    (lease,) = heir.lease([trial(0)], 1)
    heir.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
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
    assert me.start > 0
    assert not dataclasses.replace(me, start=me.start + 101).alive(0.0, 1e9)
    assert Runner.parse(str(me)) == me


@pytest.mark.skipif(sys.platform != "linux", reason="as older versions read Linux's /proc")
def test_a_start_that_an_older_version_wrote_is_the_same_number() -> None:
    """It read the 22nd field of /proc/PID/stat; so rows of before neither die nor live for ever."""
    for pid in (os.getpid(), os.getppid()):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        written = f"{socket.gethostname()}/{pid}/{fields[19]}"
        assert str(Runner.of(pid)) == written
        assert Runner.parse(written).runs() is True
        reused = f"{socket.gethostname()}/{pid}/{int(fields[19]) - 1}"
        assert Runner.parse(reused).runs() is False


def test_a_row_without_a_start_lives_as_long_as_it_speaks_and_its_process_runs() -> None:
    """Outside Linux older versions wrote 0, and took any process of that number for it."""
    old = dataclasses.replace(Runner.here(), start=0)
    assert old.runs() is None
    assert old.alive(last_word=1000.0, now=1000.0 + SILENT_SECONDS / 2)
    assert not old.alive(last_word=1000.0, now=1000.0 + SILENT_SECONDS * 2)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert dataclasses.replace(old, pid=gone.pid).runs() is False


def test_a_process_that_has_ended_and_was_not_waited_for_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    runner = Runner.of(child.pid)
    assert runner.runs() is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert runner.runs() is False
    assert dataclasses.replace(runner, start=0).runs() is False
    child.communicate()


def test_a_process_that_may_not_be_looked_at_lives_as_long_as_it_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = Runner.here()

    def hidden(pid: int) -> None:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(psutil, "Process", hidden)
    assert me.runs() is None
    assert me.alive(last_word=10.0, now=11.0)


def test_a_store_hears_a_runner_whose_start_is_not_known(where: str) -> None:
    unknown = dataclasses.replace(Runner.here(), pid=os.getppid(), start=0)
    ledger = Ledger(open_store(where), study, "quick", owner=unknown)
    ledger.lease([trial(0)], 1)
    ledger.heartbeat()
    other = Ledger(open_store(where), study, "quick")
    assert other.lease([trial(0)], 1) == []
    ledger.write_note(f"runner/{unknown}", time.time() - 2 * SILENT_SECONDS)
    third = Ledger(open_store(where), study, "quick")
    assert len(third.lease([trial(0)], 1)) == 1


def test_failed_is_run_again_only_when_asked(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    ledger.fail(lease, "no luck", ENV)
    assert ledger.lease([trial(0)], 1) == []
    (again,) = ledger.lease([trial(0)], 1, [0])
    ledger.finish(again, Outcome(METRICS, CURVES, COST, ENV))
    states = [record.state for record in ledger.records()]
    assert states == ["failed", "complete"]


def test_what_nobody_plans_is_withdrawn(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    ledger.lease([trial(0), trial(1)], 2)  # by a process (this one) that does not run them
    ledger.withdraw()
    assert ledger.records() == ()
    (lease,) = ledger.lease([trial(1)], 1)
    ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
    assert [record.seed for record in ledger.records()] == [1]
    assert [record.state for record, _ in find(ledger.store, trial(1).key)] == ["complete"]


def test_what_another_process_finished_meanwhile_is_left_as_it_is(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
    ledger.finish(lease, Outcome({**METRICS, "test_accuracy": 0.1}, CURVES, COST, ENV))
    ledger.fail(lease, "too late", ENV)
    ledger.release(lease)
    (record,) = ledger.records()
    assert record.metrics == METRICS
    assert (record.state, record.reason) == ("complete", "")


def test_what_is_given_back_is_taken_by_the_next(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    other = another(where)
    assert other.lease([trial(0)], 1) == []
    assert other.others_running()
    ledger.release(lease)
    assert len(other.lease([trial(0)], 1)) == 1


def test_changed_levels_or_axes_begin_another_study_and_lose_nothing(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
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
from harness.storing.ledger import Ledger
from harness.trials.trial import make_trial
from harness.storing.store import Store, open_store
from harness.trials.outcome import Outcome
from tests.tiny_study import study

made = make_trial(study, "quick", study.arms("quick")[0], 0, "evaluate", {"lr": 0.1})

def work(where, left):
    def count(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", count)
    ledger = Ledger(open_store(where), study, "quick")
    for lease in ledger.lease([made], 1):
        curves = {"validation_loss": [0.9, 0.5]}
        ledger.finish(lease, Outcome({"validation_loss": 0.5}, curves))
    taken = -left
    print(len(ledger.records()), ledger.records()[0].state, flush=True)
    return taken

folder = sys.argv[1]
if not os.fork():  # undisturbed, to count them
    with open(f"{folder}/statements", "w") as file:
        file.write(str(work(f"{folder}/alone.db", 0)))
    os._exit(0)
assert not os.wait()[1]
with open(f"{folder}/statements") as file:
    last = int(file.read())
most = 2 * last // 3  # until then tables are made
for statement in [*range(1, most, most // 5), *range(most, last, 4), last]:
    for left in (statement, 0):  # a process that is killed, and the one after it
        child = os.fork()
        if not child:
            work(f"{folder}/{statement}.db", left)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            print("killed at", statement, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_statement_the_next_one_goes_on(tmp_path: Path) -> None:
    """Statement by statement from an empty folder: tables, study, lease, record."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", STEPS, tmp_path],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stdout.splitlines()
    kills, ends = said[1::2], said[0::2]
    assert len(kills) > 10, done.stderr
    assert all(each.startswith("killed at ") for each in kills), done.stderr
    assert ends == ["1 complete"] * (len(kills) + 1), done.stderr


def unlocked(where: str, owner: Runner | None = None) -> Ledger:
    """A ledger on what is, as a database server is, no file of this machine, and has no lock."""
    opened = open_store(where)
    store = Store(opened.url, opened.storage, path=None)
    return Ledger(store, study, "quick", owner=owner)


def right_after_its_first_insert(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], list[Lease]]
) -> list[Lease]:
    """Let something happen once a ledger has inserted a trial; return what will have come of it."""
    storage, insert = ledger.store.storage, ledger.store.storage.create_new_trial
    came: list[Lease] = []

    def insert_and(*words: Any, **more: Any) -> int:
        monkeypatch.undo()
        made = insert(*words, **more)
        came.extend(happens())
        return made

    monkeypatch.setattr(storage, "create_new_trial", insert_and)
    return came


def test_two_that_insert_at_once_on_a_server_end_with_one(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lock both rows exist; the later one withdraws."""
    one, two = unlocked(where), unlocked(where, alive())
    theirs = right_after_its_first_insert(
        one, monkeypatch, lambda: two.lease([trial(2), trial(1), trial(0)], 3, look=False)
    )
    mine = one.lease([trial(0), trial(1)], 2, look=False)
    assert [each.trial.seed for each in mine] == [0], "of 1 the other was first"
    assert [each.trial.seed for each in theirs] == [2, 1], "and of 0 this one"
    assert sorted(record.seed for record in two.records()) == [0, 1, 2]
    assert len(one.store.storage.get_all_trials(identity(one))) == 5, "two withdrew"


def test_what_another_takes_over_before_it_was_leased_is_no_ones_twice(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server: this process was taken for dead right after it had inserted a trial."""
    one, two = unlocked(where, dead()), unlocked(where)
    theirs = right_after_its_first_insert(one, monkeypatch, lambda: two.lease([trial(0)], 1))
    mine = one.lease([trial(0), trial(1)], 2)
    assert [each.trial.seed for each in theirs] == [0]
    assert [each.trial.seed for each in mine] == [1]


def test_looking_does_not_make_a_study(where: str) -> None:
    store = open_store(where)
    assert Ledger.existing(store, study, "quick") == []
    Ledger(store, study, "quick")
    assert len(Ledger.existing(store, study, "quick")) == 1
    assert Ledger.existing(store, study, "longer") == []


def test_a_run_in_this_process_needs_no_file(where: str) -> None:
    """A study that no file holds, in a notebook say."""
    from harness.running.costs import profiles
    from harness.running.executors import Options, Processes
    from harness.running.progress import Silent
    from harness.running.run import run

    ledger = Ledger(open_store(where), study, "quick")
    planner = StudyPlanner(study, "quick", 1, tune=False)
    options = Options(tune=False)
    pool = Processes(
        study, None, options, ledger.store.artifacts, ledger.store.trials(study.name, ledger.scale)
    )
    ran = run(ledger, planner, pool, options, Silent())
    assert (ran.trained, ran.total, ran.profiled) == (2, 2, 2)
    manifest = manifest_of(ledger)
    measured, failed = profiles(ledger, manifest.programs)
    assert set(measured) == {"width=4", "width=32"}, failed
    assert measured["width=32"].parameters == 64 * 32 + 32 + 32 * 10 + 10
    again = run(ledger, planner, pool, options, Silent())
    assert (again.trained, again.profiled) == (0, 0)
    assert all(record.state == "complete" for record in ledger.records())


def test_a_study_half_made_by_a_killed_process_is_finished(where: str) -> None:
    store = open_store(where)
    half = optuna.create_study(storage=store.storage, study_name="tiny-quick")
    half.set_user_attr("levels", {"width": [4, 32]})
    ledger = Ledger(store, study, "quick")
    assert ledger.note("format") == 2
    (lease,) = ledger.lease([trial(0)], 1)
    assert lease.trial.seed == 0


def test_a_study_that_something_else_made_is_refused(where: str) -> None:
    store = open_store(where)
    other = optuna.create_study(storage=store.storage, study_name="tiny-quick")
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(HarnessError, match="something else made"):
        Ledger(store, study, "quick")


def test_what_a_killed_process_half_wrote_is_no_part_of_the_record(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    done, lost = ledger.lease([trial(0), trial(1)], 2)
    ledger.store.storage.set_trial_user_attr(done.trial_id, "reason", "killed while writing this")
    ledger.write_note("env/half", {"python": "2"})
    half = {"metrics": {"test_accuracy": 0.9}, "curves": {"x": [1.0]}, "cost": COST, "env": "half"}
    ledger.store.storage.set_trial_user_attr(lost.trial_id, "record", half)
    for each in (ledger, another(where)):
        running = each.records()
        assert [(record.reason, record.metrics, record.env) for record in running] == [
            ("", {}, {})
        ] * 2
    ledger.finish(done, Outcome(METRICS, CURVES, COST, ENV))
    ledger.fail(lost, "no luck", ENV)
    first, second = ledger.records()
    assert (first.reason, first.metrics) == ("", METRICS)
    assert (second.reason, second.metrics) == ("no luck", {})


@pytest.mark.parametrize("version", [1, 3])
def test_what_another_version_wrote_is_refused(where: str, version: int) -> None:
    store = open_store(where)
    Ledger(store, study, "quick").write_note("format", version)
    word = {1: "older", 3: "newer"}[version]
    with pytest.raises(HarnessError, match=f"format {version} in .* {word} version"):
        Ledger(store, study, "quick")


def test_what_is_done_is_translated_once_and_what_others_do_is_seen(where: str) -> None:
    mine, theirs = Ledger(open_store(where), study, "quick"), another(where)
    (first,) = mine.lease([trial(0)], 1)
    (second,) = theirs.lease([trial(1)], 1)
    assert [record.state for record in mine.records()] == ["running", "running"]
    mine.finish(first, Outcome(METRICS, CURVES, COST, ENV))
    before = mine.records()
    assert [record.state for record in before] == ["complete", "running"]
    theirs.finish(second, Outcome({**METRICS, "own": 4.0}, CURVES, COST, {"python": "of another"}))
    (third,) = theirs.lease([trial(2)], 1)
    theirs.fail(third, "no luck", ENV)
    after = mine.records()
    assert [record.state for record in after] == ["complete", "complete", "failed"]
    assert after[0] is before[0]
    assert (after[1].metrics["own"], after[1].env) == (4.0, {"python": "of another"})
    assert after[2].reason == "no luck"
    assert all(new is old for new, old in zip(mine.records(), after, strict=True))
    assert after == Ledger(open_store(where), study, "quick").records(), "as one that looks first"


def test_takeovers_and_withdrawals_of_others_are_seen(where: str) -> None:
    mine, theirs = Ledger(open_store(where), study, "quick"), another(where)
    leases = mine.lease([trial(0), trial(1)], 2)
    assert [record.state for record in mine.records()] == ["running", "running"]
    for lease in leases:
        mine.release(lease)
    (taken,) = theirs.lease([trial(0)], 1)
    assert mine.lease([trial(0)], 1) == []
    theirs.finish(taken, Outcome(METRICS, CURVES, COST, ENV))
    theirs.withdraw()
    assert [(record.seed, record.state) for record in mine.records()] == [(0, "complete")]
    (again,) = mine.lease([trial(0), trial(1)], 2)
    assert again.trial.seed == 1
    mine.finish(again, Outcome(METRICS, CURVES, COST, ENV))
    assert [(record.seed, record.number) for record in theirs.records()] == [(0, 0), (1, 2)]


def test_done_is_the_newest_outcome_of_each_key(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    lost, fine, running = ledger.lease([trial(0), trial(1), trial(2)], 3)
    ledger.fail(lost, "no luck", ENV)
    ledger.finish(fine, Outcome(METRICS, CURVES, COST, ENV))
    assert {key: record.number for key, record in ledger.done().items()} == {
        trial(0).key: 0, trial(1).key: 1,
    }  # fmt: skip
    assert set(ledger.done(frozenset({0}))) == {trial(1).key}
    (again,) = ledger.lease([trial(0)], 1, {0})
    assert set(ledger.done(frozenset({0}))) == {trial(1).key}
    ledger.finish(again, Outcome(METRICS, CURVES, COST, ENV))
    for ignored in (frozenset({0}), frozenset()):
        done = ledger.done(ignored)
        assert done[trial(0).key].number == again.trial_id - lost.trial_id == 3
        assert running.trial.key not in done


def test_what_was_read_under_the_lock_need_not_be_read_again(where: str) -> None:
    mine, theirs = Ledger(open_store(where), study, "quick"), another(where)
    theirs.lease([trial(0)], 1)
    with mine.store.lock():
        assert mine.done() == {}
        unlocked(where, alive()).lease([trial(1)], 1)  # as nobody does who waits for the lock
        (lease,) = mine.lease([trial(0), trial(1)], 2, look=False)
        assert lease.trial.seed == 1, "by what was read before"
        assert mine.lease([trial(0), trial(2)], 2)[0].trial.seed == 2
    assert [each.trial.seed for each in theirs.lease([trial(2), trial(3)], 2)] == [3]


def test_a_long_curve_shows_a_few_points_and_is_kept_whole(where: str) -> None:
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    curve = [1 / (epoch + 1) for epoch in range(103)]
    ledger.finish(lease, Outcome(METRICS, {"validation_loss": curve}, COST, ENV))
    (seen,) = ledger.store.storage.get_all_trials(identity(ledger))
    assert list(seen.intermediate_values) == [25, 51, 77, 103]
    assert all(curve[step - 1] == value for step, value in seen.intermediate_values.items())
    assert ledger.records()[0].curves == {"validation_loss": tuple(curve)}


def test_a_trial_costs_few_writes(tmp_path: Path) -> None:
    """However many epochs and metrics it has."""
    ledger = Ledger(open_store(f"journal:///{tmp_path}/x.log"), study, "quick")
    lines = []
    many = {f"own_{number}": 0.5 for number in range(50)}
    curves = {"validation_loss": [0.5] * 200}
    for seed in range(3):
        (lease,) = ledger.lease([trial(seed)], 1)
        ledger.finish(lease, Outcome({**METRICS, **many}, curves, COST, ENV, LAYERS))
        lines.append(len((tmp_path / "x.log").read_text().splitlines()))
    assert lines[2] - lines[1] == lines[1] - lines[0] == 8


def test_a_journal_reaches_the_disk_once_for_all_that_is_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(open_store(f"journal:///{tmp_path}/x.log"), study, "quick")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    leases = ledger.lease([trial(seed) for seed in range(4)], 4)
    assert len(synced) == 1
    with ledger.store.together():
        for lease in leases:
            ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
        assert len(another(f"journal:///{tmp_path}/x.log").done()) == 4, "seen by others at once"
    assert len(synced) == 2
    ledger.write_note("x", 1)
    assert len(synced) == 3


def test_all_notes_are_not_read_anew_for_each_trial(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among them is the plan, which is as long as there are trials."""
    ledger = Ledger(open_store(where), study, "quick")
    read: list[int] = []
    storage, once = ledger.store.storage, ledger.store.storage.get_study_user_attrs
    monkeypatch.setattr(
        storage, "get_study_user_attrs", lambda study: read.append(study) or once(study)
    )

    def reads(seeds: range) -> int:
        read.clear()
        for lease in ledger.lease([trial(seed) for seed in seeds], len(seeds)):
            ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
        assert len(ledger.done()) == seeds.stop
        return len(read)

    assert reads(range(1)) > 0
    assert reads(range(1, 4)) == reads(range(4, 24))


@pytest.mark.parametrize("length", [5, 200_000])
def test_the_half_line_of_a_killed_process_does_no_harm(tmp_path: Path, length: int) -> None:
    where = f"journal:///{tmp_path}/x.log"
    open_before = Ledger(open_store(where), study, "quick")
    (lease,) = open_before.lease([trial(0)], 1)
    whole = (tmp_path / "x.log").read_bytes()
    with (tmp_path / "x.log").open("ab") as file:
        file.write((b'{"op_code":8,"x":"' + b"x" * length)[:length])
    opened_after = Ledger(open_store(where), study, "quick")
    assert opened_after.records() == open_before.records()
    opened_after.write_note("x", 1)
    open_before.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
    for ledger in (open_before, opened_after, Ledger(open_store(where), study, "quick")):
        assert [record.metrics for record in ledger.records()] == [METRICS]
        assert ledger.note("x") == 1
    assert (tmp_path / "x.log").read_bytes().startswith(whole + b'{"op_code":2,')


def test_an_objective_that_is_no_number_is_a_failure(where: str) -> None:
    """SQL storages cannot give back a trial whose value is not a number."""
    ledger = Ledger(open_store(where), study, "quick")
    (lease,) = ledger.lease([trial(0)], 1)
    ledger.finish(lease, Outcome({**METRICS, "validation_loss": float("nan")}, CURVES, COST, ENV))
    for each in (ledger, Ledger(open_store(where), study, "quick")):
        (record,) = each.records()
        assert (record.state, record.metrics) == ("failed", {})
        assert record.reason == "diverged: validation_loss is nan"


def test_a_planner_that_has_looked_before_answers_as_a_new_one() -> None:
    """Random outcomes come in, a failed one is replaced, and earlier ones are asked for again."""
    draw = random.Random(0)
    old = StudyPlanner(study, "quick", 3, tune=True)
    done: dict[str, Record] = {}
    history = []
    while (outlook := old.outlook(done)).ready:
        assert outlook == StudyPlanner(study, "quick", 3, tune=True).outlook(done)
        assert old.outlook(dict(done)) == outlook
        history.append((dict(done), outlook))
        chosen = draw.choice(outlook.ready)
        done[chosen.key] = outcome_of(chosen, None if len(done) == 1 else draw.random())
    assert len(history) == 2 * (4 + 3)
    for key in [key for key, record in done.items() if record.state == "failed"]:
        again = dataclasses.replace(done[key], state="complete", metrics={"validation_loss": 0.0})
        retried = {**done, key: again}
        assert old.outlook(retried) == StudyPlanner(study, "quick", 3, tune=True).outlook(retried)
        assert old.outlook(retried) != old.outlook(done)
    for before, outlook in history:
        assert old.outlook(before) == outlook


def outcome_of(made: Trial, loss: float | None) -> Record:
    return Record(
        study="tiny", scale="quick", arm=made.arm.name, levels={}, seed=made.seed, role=made.role,
        tuned=made.tuned, key=made.key, state="failed" if loss is None else "complete",
        metrics={} if loss is None else {"validation_loss": loss},
    )  # fmt: skip
