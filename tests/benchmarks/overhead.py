"""What a run costs beside training: ``harness.running.run.run`` with workers that train nothing.

Ledger, planner and session are the real ones; the worker processes are replaced by executors that
answer at once, or after a while, with plausible metrics and curves of 15 epochs.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from saving import about, number, parser, save, table

import harness.running.executors
import harness.running.forks
import harness.running.run
from harness import Factor, Scale, Study, Training
from harness.data import digits
from harness.engines.modes import Choice, Mode
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.running.costs import by_program, machine
from harness.running.executors import Options
from harness.running.progress import Silent
from harness.running.run import run
from harness.running.workers import Answer, Job, Result
from harness.storing.ledger import Ledger
from harness.storing.notes import write_choice
from harness.storing.store import open_store

EPOCHS = 15
SCALE = "none"
WORKERS = 2

CAPTION = f"""\
Executors in this process stand for worker processes: they take what the session gives them and
answer with six metrics, three curves of {EPOCHS} epochs and an environment, so everything is real
but training, and pickling between processes. Each row is one run with a fresh store, from opening
it to the end of `harness.running.run.run`. *At a time* is how many trials a worker is given at
once: 1 as in the plain mode without a profile, 64 as in a fused one. *Overhead* is the wall time's
part beyond the ideal one, which is the trials' seconds / {WORKERS} workers."""


def build(scale: Scale, width: int) -> Training:
    """Return a Training that nobody trains."""
    return Training(digits(train=200), MLP(hidden=(width,)), SGD(lr=0.1), 20, scale.epochs)


STUDY = Study(
    name="overhead",
    question="What does a run cost beside training?",
    factors=(Factor("width", (4, 32)),),
    build=build,
    scales={SCALE: Scale(epochs=EPOCHS, seeds=1)},
)

RESULT = Result(
    metrics={
        f"{split}_{what}": 0.5
        for split in ("train", "validation", "test")
        for what in ("loss", "accuracy")
    },
    curves={
        name: [0.5] * EPOCHS for name in ("train_loss", "validation_loss", "validation_accuracy")
    },
    cost={"seconds": 1.0, "steps": 150, "samples": 3000},
    env={"python": "3", "device": "cpu", "mode": "plain"},
)


class Pretender:
    """Answers for a worker process, after so many seconds for each trial."""

    told = None

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.trials = 0

    def submit(self, job: Job) -> Future[Answer]:
        """Take a job."""
        future: Future[Answer] = Future()
        if job.kind != "train":
            future.set_result(Answer())
            return future
        self.trials += len(job.trials)
        if self.seconds:
            threading.Thread(target=self._sleep, args=(job, future), daemon=True).start()
        else:
            self._answer(job, future)
        return future

    def _sleep(self, job: Job, future: Future[Answer]) -> None:
        time.sleep(self.seconds * len(job.trials))
        self._answer(job, future)

    def _answer(self, job: Job, future: Future[Answer]) -> None:
        future.set_result(Answer(results=(RESULT,) * len(job.trials), env=RESULT.env))

    def stop(self) -> None:
        """Nothing goes on in the background."""


@contextmanager
def pretenders(seconds: float) -> Iterator[list[Pretender]]:
    """Let runs have such executors instead of worker processes."""
    made: list[Pretender] = []
    places = (harness.running.executors, harness.running.run)
    before = harness.running.executors.make_executor, harness.running.forks.forks

    def make(*_: object) -> Pretender:
        made.append(Pretender(seconds))
        return made[-1]

    for place in places:
        place.make_executor = make  # type: ignore[attr-defined]
    harness.running.forks.forks = False  # nothing is loaded for workers that there are not
    try:
        yield made
    finally:
        for place in places:
            place.make_executor = before[0]  # type: ignore[attr-defined]
        harness.running.forks.forks = before[1]


def one_run(kind: str, trials: int, at_once: int, seconds: float) -> dict[str, Any]:
    """Run a study of so many trials, half of them in either arm; return what it took."""
    options = Options(workers=WORKERS, tune=False, profile=False)
    with tempfile.TemporaryDirectory() as folder, pretenders(seconds) as made:
        where = f"{folder}/x.db" if kind == "sqlite" else f"journal:///{folder}/x.log"
        started = time.perf_counter()
        ledger = Ledger(open_store(where), STUDY, SCALE)
        planner = StudyPlanner(STUDY, SCALE, -(-trials // 2), tune=False)
        mode = Mode("plain") if at_once == 1 else Mode("fused", at_once)
        for program in by_program(planner):  # or a mode would be measured, by training
            write_choice(ledger, program, machine(options), Choice(mode))
        ran = run(ledger, planner, "overhead", options, Silent())
        wall = time.perf_counter() - started
        assert ran.trained == ran.total == sum(each.trials for each in made), ran
        assert all(each.state == "complete" for each in ledger.records())
    ideal = ran.total * seconds / WORKERS
    return {
        "store": kind, "trials": ran.total, "at_once": at_once, "trial_seconds": seconds,
        "wall": wall, "ideal": ideal, "overhead_per_trial": (wall - ideal) / ran.total,
        "overhead_share": (wall - ideal) / wall,
    }  # fmt: skip


def main() -> None:
    """Run them all and save the table."""
    made = parser(__doc__)
    made.add_argument("--counts", nargs="+", type=int, help="100 10000; 100 where quick")
    made.add_argument("--sleeping", type=int, help="trials that take time (200; 20 where quick)")
    made.add_argument("--seconds", type=float, default=0.5, help="how much time")
    arguments = made.parse_args()
    counts = arguments.counts or ((100,) if arguments.quick else (100, 10_000))
    sleeping = arguments.sleeping or (20 if arguments.quick else 200)
    where = about()
    wanted = [
        (kind, count, at_once, 0.0)
        for count in counts
        for kind in ("journal", "sqlite")
        for at_once in (1, 64)
    ]
    wanted += [(kind, sleeping, 1, arguments.seconds) for kind in ("journal", "sqlite")]
    rows = []
    for kind in ("journal", "sqlite"):
        one_run(kind, 4, 1, 0.0)  # what the first run of a process imports is not of a trial
    for each in wanted:
        rows.append(one_run(*each))
        print("{}, {} trials, {} at a time, {} s each".format(*each), flush=True)
    head = (
        "store", "trials", "at a time", "s/trial", "wall, s", "overhead, ms/trial",
        "share of wall",
    )  # fmt: skip
    body = [
        (row["store"], f"{row['trials']:,}", row["at_once"], number(row["trial_seconds"]),
         number(row["wall"]), number(1e3 * row["overhead_per_trial"]),
         f"{100 * row['overhead_share']:.1f} %" if row["ideal"] else "–")
        for row in rows
    ]  # fmt: skip
    text = f"{table(head, body)}\n\n{CAPTION}"
    save(arguments.out, "overhead", "What a run costs beside training", where, {"rows": rows}, text)


if __name__ == "__main__":
    main()
