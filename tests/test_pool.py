"""Where workers come from, and what becomes of one that dies."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from harness.data import digits
from harness.data.shared import shared
from harness.messages.errors import HarnessError
from harness.planning.planner import StudyPlanner
from harness.running import executors
from harness.running.executors import Options, Processes
from harness.running.jobs import Answer, Job, TrainJob
from harness.running.progress import Silent
from harness.running.run import data_sets, run
from harness.running.workers import InProcess, WorkerDiedError
from harness.storing.artifacts import FolderOfArtifacts
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.trials.outcome import Outcome
from tests.pools import OwnPool
from tests.tiny_study import study

ARTIFACTS = FolderOfArtifacts(Path("nowhere"))
FOLDER = Path("nowhere")


class Started:
    """Stands for a worker process; keeps what it was started with."""

    def __init__(self, *with_what: Any) -> None:
        self.with_what = with_what
        self.lives = True
        self.stops = 0
        self.told = None

    def runs(self) -> bool:
        return self.lives

    def ask_to_stop(self) -> None:
        """It is ended by stop all the same."""

    def stop(self) -> None:
        self.lives = False
        self.stops += 1


def test_a_study_without_a_file_is_run_in_this_process() -> None:
    pool = Processes(study, None, Options(workers=3), ARTIFACTS, FOLDER)
    assert (pool.workers, pool.apart) == (1, False)
    (executor,) = pool.start(1)
    assert isinstance(executor, InProcess)


def test_gpus_are_assigned_by_position_round_robin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "Worker", Started)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    pool = Processes(study, "tiny.py", Options(device="cuda"), ARTIFACTS, FOLDER)
    assert (pool.workers, pool.apart) == (2, True)
    devices = [each.with_what[1] for each in pool.start(3)]  # type: ignore[attr-defined]
    assert devices == ["cuda:0", "cuda:1", "cuda:0"]


def test_stopping_a_pool_stops_all_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "Worker", Started)
    pool = Processes(study, "tiny.py", Options(workers=2), ARTIFACTS, FOLDER)
    first, second = pool.start(2)
    first.stop()
    third = pool.executor()
    pool.stop()
    assert [each.stops for each in (first, second, third)] == [1, 1, 1]  # type: ignore[attr-defined]
    pool.stop()
    assert second.stops == 1, "once is enough"  # type: ignore[attr-defined]


def test_data_is_prepared_loaded_and_handed_to_later_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "Worker", Started)
    pool = Processes(study, "tiny.py", Options(workers=1), ARTIFACTS, FOLDER)
    before = pool.executor()
    pool.share(data_sets(StudyPlanner(study, "quick", 1, tune=False)))
    after = pool.executor()
    assert dict(before.with_what[-1]) == {}  # type: ignore[attr-defined]
    (whole,) = after.with_what[-1].values()  # type: ignore[attr-defined]
    assert all(part.pool.inputs.is_shared() for part in whole.parts)
    assert shared(digits().source) is None, "this process installs nothing"


class Dying:
    """A worker that dies of some arms, the first so many times that it is to train them."""

    told = None

    def __init__(self, times: dict[str, int], jobs: list[str]) -> None:
        self.times = times
        self.jobs = jobs
        self.stopped = False

    def submit(self, job: Job) -> Future[Answer]:
        assert not self.stopped, "a dead worker was asked"
        future: Future[Answer] = Future()
        if not isinstance(job, TrainJob):
            future.set_result(Answer())
            return future
        (named,) = job.trials
        self.jobs.append(named.arm)
        if self.times.get(named.arm, 0) > 0:
            self.times[named.arm] -= 1
            future.set_exception(WorkerDiedError("the worker process died (exit 1)"))
        else:
            outcome = Outcome({"validation_loss": 0.5}, env={"python": "3"}, mode="plain")
            future.set_result(Answer(outcomes=(outcome,), took=1.0))
        return future

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize(("times", "state", "reason"), [
    (1, "complete", ""), (2, "failed", "the worker process died (exit 1), twice"),
])  # fmt: skip
def test_a_dead_worker_is_replaced_and_its_trial_tried_once_more(
    tmp_path: Path, times: int, state: str, reason: str
) -> None:
    ledger = Ledger(open_store(str(tmp_path / "x.db")), study, "quick")
    planner = StudyPlanner(study, "quick", 1, tune=False)
    jobs: list[str] = []
    deaths = {"width=4": times}
    made: list[Dying] = []

    def make() -> Dying:
        made.append(Dying(deaths, jobs))
        return made[-1]

    options = Options(profile=False, tune=False, mode="plain")
    ran = run(ledger, planner, OwnPool(make), options, Silent())
    assert sorted(jobs) == ["width=32", *["width=4"] * 2]
    assert [each.stopped for each in made] == [True] * times + [False]
    assert (ran.trained, ran.took) == (2, 1.0 if times == 2 else 2.0)
    records = {record.arm: record for record in ledger.records()}
    assert (records["width=4"].state, records["width=4"].reason) == (state, reason)
    assert records["width=32"].state == "complete"


class Impossible:
    """A worker whose accuracies are above 1."""

    told = None
    count = 0

    def submit(self, job: Job) -> Future[Answer]:
        future: Future[Answer] = Future()
        Impossible.count += isinstance(job, TrainJob)
        trials = job.trials if isinstance(job, TrainJob) else ()
        outcome = Outcome({"test_accuracy": 80.0}, env={"python": "3"}, mode="plain")
        future.set_result(Answer(outcomes=(outcome,) * len(trials)))
        return future

    def stop(self) -> None:
        """Nothing goes on in the background."""


def test_what_is_damaged_as_soon_as_it_is_written_is_not_run_without_end(tmp_path: Path) -> None:
    ledger = Ledger(open_store(str(tmp_path / "x.db")), study, "quick")
    planner = StudyPlanner(study, "quick", 1, tune=False)
    options = Options(profile=False, tune=False, mode="plain")
    Impossible.count = 0
    with pytest.raises(HarnessError, match="written here, and not there or damaged"):
        run(ledger, planner, OwnPool(Impossible), options, Silent())
    assert 0 < Impossible.count <= 2
