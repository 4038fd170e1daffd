"""Processes that share a store's work with workers that only pretend to train.

Session, ledger, planner and store are the real ones. A worker sleeps, and answers with figures
that follow from the trial's key alone, so that whoever trains a trial comes to the same. Tests
start several such processes, let them begin at the same moment, and kill some of them.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

RUNNING = 1000
"""What stands for the exit code of a process that has not ended."""


@dataclass(frozen=True)
class Pretence:
    """One process.

    Attributes:
        workers: how many pretenders it has.
        seconds: how long each takes for a trial.
        longer: how much longer for a trial of the last arm.
        models: trials at a time, as in a fused mode; 1 is the plain loop.
        seeds: evaluation seeds of each of the six arms.
        budget: settings tried in each arm.
        looks: numbers of seeds at which claims are looked at; with none, the number is fixed.
        late: seconds after which it begins.
        patience: for how long a lost connection is tried for, in seconds.
        measured: whether costs and modes are measured first, in pretence too.
    """

    workers: int = 2
    seconds: float = 0.2
    longer: float = 0.0
    models: int = 1
    seeds: int = 5
    budget: int = 0
    looks: tuple[int, ...] = ()
    late: float = 0.0
    patience: float = 60.0
    measured: bool = False


@dataclass
class Said:
    """What one process said at its end.

    Attributes:
        code: exit code; negative where a signal ended it.
        trained: trials that it trained.
        began: when it began to run, in seconds since 1970.
        ended: when it had ended.
        jobs: numbers of trials that its workers were given at a time.
        measured: what its workers measured: "profile" or "calibrate", for each time.
        chosen: settings of each arm.
        told: the stages that were shown, each once.
        errors: what it wrote to standard error.
    """

    code: int
    trained: int = 0
    began: float = 0.0
    ended: float = 0.0
    jobs: list[int] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    errors: str = ""


class Farm:
    """Starts processes that have imported all they need: each is a fork of one that has."""

    def __init__(self, folder: Path) -> None:
        """Start that one.

        Args:
            folder: where processes write what they say.
        """
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.pretend"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._said() == "ready"

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _ask(self, **words: Any) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return int(self._said())

    def start(self, where: str, *pretences: Pretence) -> list["Started"]:
        """Start processes on one store, which begin when all have opened it."""
        paths = [tempfile.mkstemp(dir=self.folder)[1] for _ in pretences]
        return [
            Started(
                self,
                self._ask(where=where, pretence=vars(each), path=path, all=paths),
                Path(path),
            )
            for each, path in zip(pretences, paths, strict=True)
        ]

    def code(self, pid: int) -> int | None:
        """Return the exit code of a process that has just ended; ``None`` while it runs."""
        status = self._ask(wait=pid)
        return None if status == RUNNING else status

    def together(self, where: str, *pretences: Pretence) -> list[Said]:
        """Run processes on one store to their end."""
        said = [each.end() for each in self.start(where, *pretences)]
        assert [each.code for each in said] == [0] * len(said), said
        return said

    def stop(self) -> None:
        """End the one that others come from."""
        self._process.communicate(timeout=30)


@dataclass
class Started:
    """A process that runs."""

    farm: Farm
    pid: int
    path: Path
    ended: int | None = None

    @property
    def code(self) -> int | None:
        """The exit code; negative where a signal ended it, ``None`` while it runs."""
        if self.ended is None:
            self.ended = self.farm.code(self.pid)
        return self.ended

    def kill(self) -> None:
        """Kill it, if it runs; nothing of it can notice."""
        if self.code is None:  # or its number may be another's by now
            os.kill(self.pid, signal.SIGKILL)

    def end(self, timeout: float = 120) -> Said:
        """Wait for its end."""
        deadline = time.monotonic() + timeout
        while (code := self.code) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(self.path.read_text())
            time.sleep(0.02)
        lines = self.path.read_text().splitlines()
        said = json.loads(lines.pop()) if lines and lines[-1].startswith("{") else {}
        return Said(code, errors="\n".join(lines), **said)


def wall(said: Sequence[Said]) -> float:
    """Return the seconds from the first beginning to the last end."""
    return max(each.ended for each in said) - min(each.began for each in said)


def study(pretence: Pretence) -> Any:
    """Return a study of six arms."""
    from harness import Factor, Higher, Looks, Scale, Study, Training, Tuned
    from harness.data import digits
    from harness.models import MLP
    from harness.optim import SGD

    def build(scale: Scale, width: int, decay: float, lr: float = 0.1) -> Training:
        return Training(
            data=digits(train=300, validation=100, test=200),
            model=MLP(hidden=(width,)),
            optimizer=SGD(lr=lr, momentum=0.9, weight_decay=decay),
            batch_size=10,
            epochs=3,
        )

    def untuned(scale: Scale, width: int, decay: float) -> Training:
        return build(scale, width, decay)

    tuned = (Tuned("lr", 0.001, 1.0, log=True, trials=pretence.budget),) if pretence.budget else ()
    return Study(
        name="pretend",
        question="Do processes share the work?",
        factors=(Factor("width", (4, 16, 64)), Factor("decay", (0.0, 0.001))),
        tuned=tuned,
        build=build if tuned else untuned,
        scales={"quick": Scale(seeds=pretence.seeds)},
        claims=(
            Higher(
                "64 is better than 4.",
                metric="test_accuracy",
                higher={"width": 64},
                lower={"width": 4},
                by=0.01,
            ),
        ),
        **({"looks": Looks(pretence.looks)} if pretence.looks else {}),
    )


def figures(key: str) -> dict[str, float]:
    """Return what a trial comes to, by its key alone."""
    digest = hashlib.sha256(key.encode()).digest()
    share = [byte / 255 for byte in digest]
    return {
        "validation_loss": share[0] + share[1] / 255,
        "validation_accuracy": share[2],
        "test_accuracy": share[3],
        "test_loss": share[4],
    }


def pretender(pretence: Pretence, last_arm: str, jobs: list[int], measured: list[str]) -> Any:
    """Return a worker that sleeps."""
    from harness.engines.modes import Choice, Mode
    from harness.running.workers import Answer, Job, Result
    from harness.trials.profiles import Profile

    env = {"python": "3", "device": "cpu", "mode": "plain"}

    def seconds(arm: str) -> float:
        return pretence.seconds + (pretence.longer if arm == last_arm else 0.0)

    def answer(job: Job) -> Answer:
        if job.kind in {"profile", "calibrate"}:
            measured.append(job.kind)
            time.sleep(pretence.seconds)
            profile = Profile(
                0.001, 0.001, 0.001, 1, 1e4, 10**6, {}, 10**6, 10**3, 90, 900, "cpu", "", 1
            )
            choice = Choice(Mode("fused", 4), trials=1000)
            return Answer(env=env, profile=profile, choice=choice)
        if job.kind != "train":
            return Answer(env=env)
        time.sleep(sum(seconds(each.arm) for each in job.trials))
        return Answer(
            results=tuple(
                Result(
                    metrics=figures(each.key),
                    curves={"validation_loss": [1.0, figures(each.key)["validation_loss"]]},
                    cost={"seconds": seconds(each.arm), "steps": 90, "samples": 900},
                    env=env,
                )
                for each in job.trials
            ),
            env=env,
        )

    class Pretender:
        told = None

        def submit(self, job: Job) -> Future[Answer]:
            future: Future[Answer] = Future()
            if job.kind == "train":
                jobs.append(len(job.trials))
            threading.Thread(target=lambda: future.set_result(answer(job)), daemon=True).start()
            return future

        def stop(self) -> None:
            """Nothing goes on in the background."""

    return Pretender()


class Listening:
    """Keeps the stages that are shown."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def show(self, status: Any) -> None:
        if status.stage not in self.told:
            self.told.append(status.stage)


def wait_for_all(own: str, everyone: Sequence[str]) -> None:
    """Say that this process is ready, and wait until all are."""
    Path(f"{own}.ready").touch()
    while not all(Path(f"{each}.ready").exists() for each in everyone):
        time.sleep(0.01)


def run_one(where: str, pretence: Pretence, begin: Callable[[], None]) -> int:
    """Be one of the processes; say at the end what was done; return the exit code."""
    import harness.running.executors
    import harness.running.forks
    import harness.running.run
    import harness.running.session
    import harness.storing.server
    from harness.engines.modes import Choice, Mode
    from harness.messages.errors import ConnectionLostError
    from harness.planning.planner import StudyPlanner
    from harness.running.costs import by_program, machine
    from harness.running.executors import Options
    from harness.storing.ledger import Ledger
    from harness.storing.notes import write_choice
    from harness.storing.store import open_store

    made = study(pretence)
    jobs: list[int] = []
    measured: list[str] = []
    last_arm = made.arms("quick")[-1].name

    def make(*_: object) -> Any:
        return pretender(pretence, last_arm, jobs, measured)

    for module in (harness.running.executors, harness.running.run, harness.running.session):
        module.make_executor = make  # type: ignore[attr-defined]
    harness.running.forks.forks = False  # nothing is loaded for workers that there are not
    harness.running.run.load_data = lambda planner: {}
    harness.storing.server.PATIENCE_SECONDS = pretence.patience
    harness.running.session.PATIENT_SECONDS = 0.5
    looks = made.looks if pretence.looks else None
    planner = StudyPlanner(made, "quick", None, tune=pretence.budget > 0, looks=looks)
    fused = pretence.models > 1
    options = Options(
        workers=pretence.workers, profile=pretence.measured,
        mode=None if fused or pretence.measured else "plain",
        until_decided=looks is not None, reference="pretend.py",
    )  # fmt: skip
    display = Listening()
    said: dict[str, Any] = {"jobs": jobs, "measured": measured, "told": display.told}
    try:
        ledger = Ledger(open_store(where), made, "quick")
        begin()
        time.sleep(pretence.late)
        said["began"] = time.time()
        if fused:  # or a mode would be measured, by training
            choice = Choice(Mode("fused", pretence.models), trials=1000)
            for program in by_program(planner):
                write_choice(ledger, program, machine(options), choice)
        ran = harness.running.run.run(ledger, planner, "pretend.py", options, display)
        outlook = planner.outlook(ledger.done())
        assert all(trial.key in ledger.done() for trial in outlook.planned)
        said["trained"] = ran.trained
        said["chosen"] = {arm: dict(each) for arm, each in outlook.chosen.items()}
    except ConnectionLostError as error:
        print(error, file=sys.stderr)
        return 130
    else:
        return 0
    finally:
        sys.stderr.flush()
        print(json.dumps({**said, "ended": time.time()}), flush=True)


def main() -> None:
    """Fork a process for each line of standard input, and tell what became of it."""
    import harness.running.run  # noqa: F401 - imported once for all
    from harness.planning.planner import StudyPlanner
    from harness.storing.store import open_store

    with tempfile.TemporaryDirectory() as folder:
        open_store(f"{folder}/x.db")  # imports on its way
    for each in (Pretence(), Pretence(budget=1)):  # reads the harness's code
        StudyPlanner(study(each), "quick", None, tune=False).outlook({})
    print("ready", flush=True)
    for line in sys.stdin:
        words = json.loads(line)
        if "wait" in words:
            pid, status = os.waitpid(words["wait"], os.WNOHANG)
            print(os.waitstatus_to_exitcode(status) if pid else RUNNING, flush=True)
            continue
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        handle = os.open(words["path"], os.O_WRONLY)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        code = 1
        try:
            given = words["pretence"]
            pretence = Pretence(**{**given, "looks": tuple(given["looks"])})
            begin = partial(wait_for_all, words["path"], words["all"])
            code = run_one(words["where"], pretence, begin)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


if __name__ == "__main__":
    main()
