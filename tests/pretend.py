"""Processes that share a store's work with workers that only pretend to train.

Session, ledger, planner and store are the real ones. A worker sleeps, and answers with figures
that follow from the trial's key alone, so that whoever trains a trial comes to the same. Tests
start several such processes, let them begin at the same moment, and kill some of them.

    python -m tests.pretend STORE '{"workers": 2, "seconds": 0.2}'
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


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


@dataclass
class Said:
    """What one process said at its end.

    Attributes:
        code: exit code; negative where a signal ended it.
        trained: trials that it trained.
        began: when it began to run, in seconds since 1970.
        ended: when it had ended.
        jobs: numbers of trials that its workers were given at a time.
        chosen: settings of each arm.
        told: the stages that were shown, each once.
        errors: what it wrote to standard error.
    """

    code: int
    trained: int = 0
    began: float = 0.0
    ended: float = 0.0
    jobs: list[int] = field(default_factory=list)
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    errors: str = ""


class Started:
    """A process that has imported what it needs, and waits for the word."""

    def __init__(self, where: str, pretence: Pretence = Pretence()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.pretend", where, json.dumps(vars(pretence))],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def ready(self) -> None:
        """Wait until it has imported what it needs."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self, timeout: float = 120) -> Said:
        """Wait for its end."""
        try:
            out, errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        said = json.loads(out.splitlines()[-1]) if out.strip() else {}
        return Said(self.process.returncode, errors=errors, **said)


def start(where: str, *pretences: Pretence) -> list[Started]:
    """Start processes; all begin when the last of them can."""
    started = [Started(where, each) for each in pretences]
    for each in started:
        each.ready()
    for each in started:
        each.go()
    return started


def together(where: str, *pretences: Pretence) -> list[Said]:
    """Run processes on one store to their end."""
    said = [each.end() for each in start(where, *pretences)]
    assert [each.code for each in said] == [0] * len(said), said
    return said


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


def pretender(pretence: Pretence, last_arm: str, jobs: list[int]) -> Any:
    """Return a worker that sleeps."""
    from harness.workers import Answer, Job, Result

    env = {"python": "3", "device": "cpu", "mode": "plain"}

    def seconds(arm: str) -> float:
        return pretence.seconds + (pretence.longer if arm == last_arm else 0.0)

    def answer(job: Job) -> Answer:
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

    def show(self, stage: str, done: int, total: int, seconds_left: float | None) -> None:
        if stage not in self.told:
            self.told.append(stage)


def main(where: str, words: str) -> None:
    """Be one of the processes; say at the end what was done."""
    import harness.executors
    import harness.run
    import harness.server
    import harness.session
    from harness.costs import by_program, machine
    from harness.errors import ConnectionLostError
    from harness.executors import Options
    from harness.ledger import Ledger
    from harness.modes import Choice, Mode
    from harness.search import Planner
    from harness.store import open_store

    given = json.loads(words)
    pretence = Pretence(**{**given, "looks": tuple(given["looks"])})
    made = study(pretence)
    jobs: list[int] = []
    last_arm = made.arms("quick")[-1].name

    def make(*_: object) -> Any:
        return pretender(pretence, last_arm, jobs)

    for module in (harness.executors, harness.run, harness.session):
        module.make_executor = make  # type: ignore[attr-defined]
    harness.run._load_data = lambda planner: {}
    harness.server.PATIENCE_SECONDS = pretence.patience
    looks = made.looks if pretence.looks else None
    planner = Planner(made, "quick", None, tune=pretence.budget > 0, looks=looks)
    planner.outlook({})  # reads the harness's code
    print("ready", flush=True)
    sys.stdin.readline()
    time.sleep(pretence.late)
    began = time.time()
    ledger = Ledger(open_store(where), made, "quick")
    fused = pretence.models > 1
    options = Options(
        workers=pretence.workers, profile=False, mode=None if fused else "plain",
        until_decided=looks is not None, reference="pretend.py",
    )  # fmt: skip
    if fused:  # or a mode would be measured, by training
        choice = Choice(Mode("fused", pretence.models), trials=1000).plain_values()
        for program in by_program(planner):
            ledger.write_note(f"mode/{program}/{machine(options)}", choice)
    display = Listening()
    try:
        ran = harness.run.run(ledger, planner, "pretend.py", options, display)
        said: dict[str, Any] = {"trained": ran.trained, "began": began, "ended": time.time()}
        outlook = planner.outlook(ledger.done())
        assert all(trial.key in ledger.done() for trial in outlook.planned)
        said["chosen"] = {arm: dict(each) for arm, each in outlook.chosen.items()}
    except ConnectionLostError as error:
        print(error, file=sys.stderr)
        said = {"began": began, "ended": time.time()}
        print(json.dumps({**said, "jobs": jobs, "told": display.told}), flush=True)
        sys.exit(130)
    print(json.dumps({**said, "jobs": jobs, "told": display.told}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
