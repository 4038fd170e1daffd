"""A database server as a store: leasing without a common lock, connections that break."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy.exc

from harness.commands.cli import execute
from harness.messages.errors import ConnectionLostError, HarnessError
from harness.storing.ledger import Ledger
from harness.storing.owners import Runner
from harness.storing.server import PATIENCE_SECONDS, ServerStorage, is_lost
from harness.storing.store import Store, open_store
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial, make_trial
from tests.conftest import TINY
from tests.postgres import Cluster
from tests.pretend import Farm, Pretence, figures
from tests.pretend import study as pretended
from tests.tiny_study import study

METRICS = {"validation_loss": 0.5, "test_accuracy": 0.7}


def trial(seed: int) -> Trial:
    return make_trial(study, "quick", study.arms("quick")[0], seed, "evaluate", {"lr": 0.1})


def database(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def rows(cluster: Cluster, url: str) -> dict[str, int]:
    """Count the trials of a database by state."""
    query = "SELECT CAST(state AS TEXT), COUNT(*) FROM trials GROUP BY 1"
    return dict(cluster.ask(database(url), query))


def another(url: str) -> Ledger:
    """A ledger such as a living process of this machine would open."""
    return Ledger(open_store(url), study, "quick", owner=Runner.of(os.getppid()))


def test_a_trial_is_leased_once_and_its_record_read_by_others(url: str, cluster: Cluster) -> None:
    one, two = Ledger(open_store(url), study, "quick"), another(url)
    wanted = [trial(seed) for seed in range(4)]
    mine = one.lease(wanted, 2)
    theirs = two.lease(wanted, 9)
    assert [each.trial.seed for each in mine] == [0, 1]
    assert [each.trial.seed for each in theirs] == [2, 3]
    one.records()
    assert one.free(wanted[2:]) == []
    for each in mine:
        one.finish(each, Outcome(METRICS, {"validation_loss": [0.9, 0.5]}, {"seconds": 1.0}, {}))
    two.records()
    assert two.free(wanted[:2]) == []
    assert [record.metrics for record in two.records()[:2]] == [METRICS] * 2
    assert rows(cluster, url) == {"COMPLETE": 2, "RUNNING": 2}


def test_processes_that_lease_at_the_same_moment_without_a_lock_do_nothing_twice(
    url: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As processes of two machines do; each has a connection and a thread of its own here."""
    ledgers = []
    for owner in (Runner.here(), Runner("elsewhere", 1, 0)):
        opened = open_store(url)
        store = Store(opened.url, opened.storage, path=None)  # without this machine's lock
        ledgers.append(Ledger(store, study, "quick", owner=owner))
    wanted = [trial(seed) for seed in range(8)]
    barrier = threading.Barrier(2)
    got: dict[int, list[int]] = {}

    def lease(place: int) -> None:
        barrier.wait()
        got[place] = [each.trial.seed for each in ledgers[place].lease(wanted, 8)]

    threads = [threading.Thread(target=lease, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got[0] + got[1]) == list(range(8)), "each by exactly one"


def test_processes_of_one_machine_wait_for_each_other(url: str) -> None:
    one, two = open_store(url), open_store(url)
    with one.lock(), one.lock():
        taken = threading.Event()

        def take() -> None:
            with two.lock(told=lambda: None):
                taken.set()

        thread = threading.Thread(target=take)
        thread.start()
        assert not taken.wait(0.3)
    thread.join(10)
    assert taken.is_set()
    assert one._file_lock is not None
    assert "marked-word" not in str(one._file_lock.lock_file)


@pytest.mark.parametrize("call", ["note", "lease", "finish", "fail"])
def test_what_was_done_when_the_answer_was_lost_is_not_done_twice(
    url: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The connection is cut after the server has committed, and before anybody is told."""
    ledger = Ledger(open_store(url), study, "quick")
    (first,) = ledger.lease([trial(0)], 1)
    told: list[str] = []
    ledger.store.on_loss(told.append)
    monkeypatch.setattr("harness.storing.server.FIRST_WAIT", 0.01)
    monkeypatch.setattr("optuna.storages._rdb.storage.time.sleep", lambda seconds: None)
    broken = []
    commit = sqlalchemy.orm.Session.commit

    def lose(session: Any) -> None:
        commit(session)
        if len(broken) < 2:
            broken.append(session)
            raise sqlalchemy.exc.OperationalError("COMMIT", {}, Exception("connection lost"))

    monkeypatch.setattr(sqlalchemy.orm.Session, "commit", lose)
    came = {
        "note": lambda: ledger.write_note("x", 1),
        "lease": lambda: ledger.lease([trial(1), trial(2)], 2),
        "finish": lambda: ledger.finish(
            first, Outcome(METRICS, {"validation_loss": [0.5]}, {}, {})
        ),
        "fail": lambda: ledger.fail(first, "no luck", {}),
    }[call]()
    assert len(broken) == 2
    assert told or call == "lease", "of a lease, Optuna's own attempts may do"
    states = {"lease": {"RUNNING": 3}, "finish": {"COMPLETE": 1}, "fail": {"FAIL": 1}}
    assert rows(cluster, url) == states.get(call, {"RUNNING": 1})
    if call == "lease":
        assert [each.trial.seed for each in came] == [1, 2]
    if call == "finish":
        assert ledger.records()[0].metrics == METRICS
    if call == "note":
        assert ledger.note("x") == 1


@pytest.mark.slow
def test_a_run_goes_on_though_its_connections_are_cut_again_and_again(
    farm: Farm, url: str, cluster: Cluster
) -> None:
    pretence = Pretence(seconds=0.3)
    both = farm.start(url, pretence, pretence)
    cut = 0
    for _ in range(6):
        wait_for(lambda: rows(cluster, url).get("RUNNING", 0) > 0)
        cut += cluster.cut(url)
        time.sleep(0.4)
    said = [each.end() for each in both]
    assert [each.code for each in said] == [0, 0], said
    assert cut >= 4, "too few connections were there to be cut"
    assert [each.errors for each in said] == ["", ""]
    check_whole(cluster, url, pretence)
    told = {line for each in said for line in each.told}
    assert "no connection to the store, trying again for up to 1 min" in told


@pytest.mark.parametrize("how", [
    pytest.param(signal.SIGINT, id="stopped", marks=pytest.mark.slow),
    pytest.param(signal.SIGQUIT, id="crashed"),
])  # fmt: skip
def test_a_run_waits_for_a_server_that_is_started_again(
    farm: Farm, url: str, cluster: Cluster, how: signal.Signals
) -> None:
    pretence = Pretence(seconds=0.3)
    both = farm.start(url, pretence, pretence)
    wait_for(lambda: rows(cluster, url).get("COMPLETE", 0) > 3)
    cluster.stop(how)
    time.sleep(1.5)
    cluster.start()
    said = [each.end() for each in both]
    assert [each.code for each in said] == [0, 0], said
    # the other one may have waited for the first, which held this machine's lock
    assert any("no connection" in line for each in said for line in each.told)
    check_whole(cluster, url, pretence)


@pytest.mark.slow
def test_a_server_that_is_gone_for_good_ends_a_run_with_what_is_done_kept(
    farm: Farm, url: str, cluster: Cluster
) -> None:
    (process,) = farm.start(url, Pretence(seconds=0.3, patience=1.5))
    wait_for(lambda: rows(cluster, url).get("COMPLETE", 0) > 3)
    cluster.stop()
    try:
        said = process.end()
    finally:
        cluster.start()
    assert said.code == 130
    assert any("for up to 2 s" in line for line in said.told), "as long as it was told to"
    assert "the same command goes on from there" in said.errors
    assert "marked-word" not in said.errors
    assert "Traceback" not in said.errors
    kept = rows(cluster, url)["COMPLETE"]
    assert kept > 3
    (again,) = [each.end() for each in farm.start(url, Pretence(seconds=0.01))]
    assert again.trained == 30 - kept
    check_whole(cluster, url, Pretence())


def wait_for(happens: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if happens():
                return
        except Exception as error:  # no tables yet
            if "UndefinedTable" not in type(error).__name__:
                raise
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_whole(cluster: Cluster, url: str, pretence: Pretence) -> None:
    found = Ledger(open_store(url), pretended(pretence), "quick").records()
    assert len(found) == len({each.key for each in found}) == 30
    assert rows(cluster, url) == {"COMPLETE": 30}
    assert all(dict(each.metrics) == figures(each.key) for each in found)


def test_the_command_says_so_in_one_line_and_exits_with_130(
    url: str, cluster: Cluster, here: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("harness.storing.server.PATIENCE_SECONDS", 0.5)

    def opened_and_gone(where: str, **how: Any) -> Store:
        store = open_store(where, **how)
        cluster.stop()
        return store

    monkeypatch.setattr("harness.commands.place.open_store", opened_and_gone)
    try:
        assert execute(["run", str(TINY), "--store", url]) == 130
    finally:
        cluster.start()
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("harness: the store's server must answer; got no connection for")
    assert line.endswith("the same command goes on from there.")
    assert "marked-word" not in line


def test_a_server_that_is_not_there_is_told_at_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "harness.storing.server.time.sleep", lambda seconds: pytest.fail("it waits")
    )
    with pytest.raises(HarnessError) as raised:
        open_store("postgresql+psycopg://harness@/none?host=/nowhere")
    assert not isinstance(raised.value, ConnectionLostError)


class Flaky(ServerStorage):
    """A storage whose connection is said to break."""

    def __init__(self, path: Path, patience: float = 1.0) -> None:
        super().__init__(f"sqlite:///{path}", patience)
        self.lines: list[str] = []
        self.told = self.lines.append


def lost() -> optuna.exceptions.StorageInternalError:
    error = optuna.exceptions.StorageInternalError("during the commit")
    error.__cause__ = sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("gone"))
    return error


def test_waits_grow_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Flaky(tmp_path / "x.db", PATIENCE_SECONDS)
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("harness.storing.server.time.sleep", sleep)
    monkeypatch.setattr("harness.storing.server.time.monotonic", lambda: now[0])

    def call() -> None:
        raise lost()

    with pytest.raises(ConnectionLostError, match=r"no connection for 5 min .*gone"):
        storage.keep_trying(call)
    assert waits[:7] == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert sum(waits) == PATIENCE_SECONDS
    assert set(storage.lines) == {"no connection to the store, trying again for up to 5 min"}
    with pytest.raises(ConnectionLostError):
        storage.keep_trying(call)
    assert sum(waits) == PATIENCE_SECONDS, "what is left to be written is tried once"
    assert storage.keep_trying(lambda: 7) == 7
    assert storage.since == 0.0, "which is not when it came back"


def test_what_is_no_lost_connection_is_raised_at_once(tmp_path: Path) -> None:
    storage = Flaky(tmp_path / "x.db")
    calls = []

    def wrong() -> None:
        calls.append(1)
        raise sqlalchemy.exc.ProgrammingError("SELECT 1", {}, Exception("no such table"))

    with pytest.raises(sqlalchemy.exc.ProgrammingError):
        storage.keep_trying(wrong)
    assert calls == [1]
    assert is_lost(sqlalchemy.exc.DBAPIError("x", {}, Exception(), connection_invalidated=True))
    assert not is_lost(ValueError())


def test_ctrl_c_while_waiting_ends_the_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Flaky(tmp_path / "x.db", 60)

    def call() -> None:
        raise lost()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.storing.server.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        storage.keep_trying(call)
    with pytest.raises(ConnectionLostError):
        storage.keep_trying(call)


def test_who_only_says_that_it_lives_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "harness.storing.server.time.sleep", lambda seconds: pytest.fail("it waits")
    )
    storage = Flaky(tmp_path / "x.db", 60)

    def call() -> None:
        raise lost()

    with storage.impatiently(), pytest.raises(ConnectionLostError):
        storage.keep_trying(call)


def test_after_an_outage_nobody_counts_as_dead_for_its_silence(url: str) -> None:
    """Nobody could say anything while the server was away."""
    elsewhere = Runner("elsewhere", 1, 0)
    ledger = Ledger(open_store(url), study, "quick")
    other = Ledger(open_store(url), study, "quick", owner=elsewhere)
    other.lease([trial(0)], 1)
    other.write_note(f"runner/{elsewhere}", time.time() - 1000)
    ledger.records()
    assert len(ledger.free([trial(0)])) == 1, "long silent, and no outage: dead"
    assert isinstance(ledger.store.storage, ServerStorage)
    ledger.store.storage.since = time.time() - 5
    assert ledger.free([trial(0)]) == []
    ledger.store.storage.since = time.time() - 500
    assert len(ledger.free([trial(0)])) == 1
