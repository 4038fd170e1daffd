"""Finished trials that a store has lost are told: its log was deleted, or not copied with it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.commands.cli import execute
from harness.planning.planner import StudyPlanner
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.storing.tally import read_tally, tally_file, write_tally
from tests.conftest import TINY
from tests.tiny_study import study

STUDY = str(TINY)
PLAN = ["plan", STUDY, "--seeds", "5", "--no-tuning", "--scale", "quick", "--json"]

WORK = """
import os, signal, sys
from tests.test_ledger import COST, CURVES, ENV, METRICS
from harness.storing.ledger import Ledger
from harness.planning.planner import StudyPlanner
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from tests.tiny_study import study

def work(where, how):
    store = open_store(where)
    ledger = Ledger(store, study, "quick")
    ledger.begin_work()
    ready = StudyPlanner(study, "quick", 5, tune=False).outlook(ledger.done()).ready
    leases = ledger.lease(ready, 10)
    for lease in leases[:6]:
        ledger.finish(lease, Outcome(METRICS, CURVES, COST, ENV))
        ledger.tally()
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    for lease in leases[6:]:
        ledger.release(lease)
    ledger.end_work()
    store.close()


for words in sys.argv[1:]:
    where, _, how = words.rpartition(" ")
    child = os.fork()
    if not child:
        work(where, how)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(words, flush=True)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of which processes have finished six of ten trials, some of them killed then."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("killed", "well", "twice"):
        (folder / name).mkdir()
    jobs = [
        f"{folder}/killed/x.db killed", f"{folder}/well/x.db well",
        f"{folder}/twice/x.db killed", f"{folder}/twice/x.db well",
        f"journal:///{folder}/well/x.log well",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", WORK, *jobs],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [job for job in jobs if job.endswith("killed")], done.stderr
    return folder


@pytest.fixture
def left(here: Path, made: Path) -> Callable[[str], None]:
    """Copy the files that a process left."""

    def copy(name: str) -> None:
        for each in (made / name).iterdir():
            shutil.copy(each, here)

    return copy


@pytest.fixture
def plan(here: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """Plan; return how many trials are done, and what was said beside."""

    def run(store: str) -> tuple[int, str]:
        capfd.readouterr()
        assert execute([*PLAN, "--store", store]) == 0
        out, err = capfd.readouterr()
        return json.loads(out)["scales"][0]["done"], err

    return run


def again(where: str) -> list[str]:
    """What a run is told when it begins; it trains what is missing."""
    store = open_store(where)
    ledger = Ledger(store, study, "quick")
    told = list(store.noticed.lost)
    ready = StudyPlanner(study, "quick", 5, tune=False).outlook(ledger.done()).ready
    assert ledger.lease(ready, 99)
    store.close()
    return told


@pytest.mark.slow
def test_a_killed_run_loses_nothing_and_nothing_is_said(plan, left, here: Path) -> None:
    left("killed")
    assert (here / "x.db-wal").stat().st_size > 0
    assert read_tally(here / "x.db") == {"tiny-quick": 6}
    for _ in range(2):  # the first one works the log in
        assert plan("x.db") == (6, "")
    assert again("x.db") == []
    assert plan("x.db") == (6, "")


def test_a_log_that_was_deleted_is_told_with_what_was_in_it(plan, left, here: Path) -> None:
    left("killed")
    (here / "x.db-wal").unlink()
    (here / "x.db-shm").unlink()
    for _ in range(2):
        done, said = plan("x.db")
        assert done == 0
        (line,) = said.splitlines()
        assert line.startswith("harness: 6 of 6 finished trials of tiny-quick are not in x.db any")
        assert "x.db-wal was not there" in line
        assert line.endswith("`harness run` trains them again")
    (told,) = again("x.db")
    assert "6 of 6 finished trials" in told
    assert plan("x.db") == (0, ""), "told once by a run, which trains them again"


def test_a_folder_that_was_copied_without_the_log_is_told(plan, left, here: Path) -> None:
    left("killed")
    (here / "copy").mkdir()
    for name in ("x.db", "x.db.tally"):
        shutil.copy(here / name, here / "copy")
    done, said = plan("copy/x.db")
    assert done == 0
    assert "6 of 6 finished trials of tiny-quick are not in copy/x.db" in said
    assert plan("x.db") == (6, "")


def test_a_file_that_was_copied_alone_while_a_run_was_at_work_is_told(
    plan, left, here: Path
) -> None:
    left("killed")
    shutil.copy(here / "x.db", here / "y.db")
    done, said = plan("y.db")
    assert done == 0
    (line,) = said.splitlines()
    assert line.startswith("harness: a run of tiny-quick that began at 20")
    assert "y.db-wal" in line
    assert "nobody can tell how many" in line
    assert len(again("y.db")) == 1
    assert plan("y.db") == (0, "")


def test_a_file_that_was_copied_alone_after_a_run_is_whole(plan, left, here: Path) -> None:
    left("well")
    shutil.copy(here / "x.db", here / "y.db")
    assert plan("y.db") == (6, "")
    assert again("y.db") == []


def test_a_run_after_a_killed_one_takes_its_mark_back(plan, left, here: Path) -> None:
    left("twice")
    shutil.copy(here / "x.db", here / "y.db")
    assert plan("y.db") == (10, "")


def test_a_journal_that_was_cut_off_is_told(plan, left, here: Path) -> None:
    left("well")
    lines = (here / "x.log").read_text().splitlines()
    (here / "x.log").write_text("".join(f"{line}\n" for line in lines[: len(lines) // 2]))
    done, said = plan("journal:///x.log")
    assert 0 < done < 6
    assert f"{6 - done} of 6 finished trials of tiny-quick are not in journal:///x.log" in said
    assert "-wal" not in said


def test_the_tally_is_a_line_for_each_study_and_bears_half_lines(tmp_path: Path) -> None:
    store = tmp_path / "x.db"
    assert read_tally(store) == {}
    for study_name, count in (("a", 1), ("b", 7), ("a", 3)):
        write_tally(store, study_name, count)
    with tally_file(store).open("a") as file:
        file.write('["a", 4')
    assert read_tally(store) == {"a": 3, "b": 7}
    write_tally(store, "b", 9)
    assert read_tally(store)["a"] == 3


def test_where_no_tally_can_be_written_a_run_goes_on(tmp_path: Path) -> None:
    write_tally(tmp_path / "gone" / "x.db", "a", 1)
    tally_file(tmp_path / "x.db").mkdir()
    write_tally(tmp_path / "x.db", "a", 1)
    assert read_tally(tmp_path / "x.db") == {}
