"""``harness check``: a few trainings of a study that tell whether its trials can be relied on.

One arm is trained twice with a seed, in two processes that have nothing in common, and once with
another seed; every other arm once; the first arm again, killed by SIGKILL and then run again. All
with tuned settings at their defaults, in the plain loop, in a folder that is removed at the end:
none of them is a trial of the study's.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.messages.errors import HarnessError, near
from harness.own.saves import TrialFolder
from harness.own.watched import Seen, Watch
from harness.planning.outlook import Planner
from harness.running.costs import programs
from harness.running.executors import Options, Processes
from harness.running.findings import Compared, Killed, of_function, of_import
from harness.running.importing import imported
from harness.running.jobs import Answer, WatchJob, failed
from harness.running.named import Named
from harness.running.progress import Display, RunStatus
from harness.running.run import data_sets
from harness.running.workers import Executor, WorkerDiedError
from harness.storing.store import Store
from harness.study.designs import Arm
from harness.study.study import Study
from harness.trials.checked import Checked, Finding
from harness.trials.outcome import Outcome
from harness.trials.trial import Trial, defaults, make_trial

LOOK_SECONDS = 0.5
"""How often progress is shown."""


@dataclass(frozen=True)
class Sample:
    """What of a study is trained to check it.

    Attributes:
        planner: of the study at one scale.
        home: the module or file that it was found as.
        arm: the arm that is trained several times.
        seed: with this seed.
    """

    planner: Planner
    home: str
    arm: Arm
    seed: int

    @property
    def study(self) -> Study:
        """The study."""
        return self.planner.study

    def trial(self, arm: Arm, seed: int) -> Trial:
        """Return an evaluation of an arm with settings at their defaults."""
        settings = defaults(self.study)
        return make_trial(self.study, self.planner.scale, arm, seed, "evaluate", settings)

    def what(self, seed: int) -> str:
        """Name the arm with a seed."""
        return f"{self.arm.name}, seed {seed}"


def arm_named(study: Study, scale: str, name: str | None) -> Arm:
    """Return an arm by its name; ``None`` is the first.

    Raises:
        HarnessError: there is none of that name.
    """
    arms = {arm.name: arm for arm in study.arms(scale)}
    if name is None:
        return next(iter(arms.values()))
    if name not in arms:
        raise HarnessError(
            f"--arm must be an arm of {study.name} at scale {scale}", repr(name), near(name, arms)
        )
    return arms[name]


def check(sample: Sample, options: Options, store: Store, display: Display) -> Checked:
    """Train what tells whether a study's trials can be relied on; return what was found.

    Args:
        sample: what is trained.
        options: on which device, and with how many workers.
        store: of the study; nothing is written to it.
        display: receives progress.

    Raises:
        HarnessError: the study is wrong, or its data is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainings = _Trainings(sample, options, store, Path(folder), display)
        try:
            findings = _findings(sample, trainings, Path(folder))
        finally:
            trainings.stop()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Checked(now, sample.arm.name, sample.seed, programs(sample.planner), findings)


def _findings(sample: Sample, trainings: _Trainings, folder: Path) -> tuple[Finding, ...]:
    study, seed = sample.study, sample.seed
    arms = study.arms(sample.planner.scale)
    trial = sample.trial(sample.arm, seed)
    trainings.show("importing the file")
    import_seen = imported(sample.home, folder / "import.txt")
    others = {sample.trial(arm, seed).key: sample.trial(arm, seed) for arm in arms}
    others.pop(trial.key)
    first, again, other, *rest = trainings.train(
        [
            _Task(trial),
            _Task(trial, "again", anew=True),
            _Task(sample.trial(sample.arm, seed + 1)),
            *(_Task(each) for each in others.values()),
        ]
    )
    by_key = {trial.key: first.outcome}
    by_key |= {key: came.outcome for key, came in zip(others, rest, strict=True)}
    by_arm = {arm.name: by_key[sample.trial(arm, seed).key] for arm in arms}

    compared = Compared(trial.work.kind, study.metrics)
    same = compared.same_seed(sample.what(seed), first.outcome, again.outcome)
    repeats = same.state == "ok"
    found = [same]
    if not first.outcome.reason:
        what = sample.what(seed + 1)
        found.append(compared.other_seed(what, first.outcome, other.outcome, repeats=repeats))
    found.append(compared.arms(seed, arms, by_arm))
    if not first.outcome.reason:
        killed = None
        if trial.work.kind != "function" or first.seen.saved:
            killed = trainings.killed(trial)
        epochs = study.scales[sample.planner.scale].settings.get("epochs")
        whole = epochs if isinstance(epochs, int) else 0
        found.append(compared.resumed(first.outcome, killed, repeats=repeats, epochs=whole))
    found.append(of_import(import_seen, first.outcome.cost.get("seconds")))
    if first.seen.effects is not None:
        found.append(of_function(first.seen.effects, first.printed))
    return tuple(found)


# ---- trainings --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Task:
    """One training.

    Attributes:
        trial: of what.
        folder: the name of the folder in which its trial has one.
        kill: whether it is killed on its way.
        anew: whether its process begins with nothing, and is no fork.
    """

    trial: Trial
    folder: str = "once"
    kill: bool = False
    anew: bool = False

    @property
    def usual(self) -> bool:
        """Whether its process can be one that has trained others, as in a run."""
        return self == _Task(self.trial)


@dataclass(frozen=True)
class _Came:
    """What came of a training: its outcome, what was noted, and what it printed."""

    outcome: Outcome
    seen: Seen
    printed: str


class _Trainings:
    """Trains what is checked, in worker processes."""

    def __init__(
        self, sample: Sample, options: Options, store: Store, folder: Path, display: Display
    ) -> None:
        self._scale = sample.planner.scale
        self._title = f"{sample.study.name} ({self._scale})"
        self._folder = folder
        self._cached = store.trials(sample.study.name, self._scale) / "cached"
        self._display = display
        self._pool = Processes(sample.study, sample.home, options, store.artifacts, folder)
        self._count = 0
        self._done = 0
        self._total = 0
        self._pool.prepare(measuring=False)
        self._pool.share(data_sets(sample.planner))

    def stop(self) -> None:
        """End all processes."""
        self._pool.stop()
        for folder in (self._cached, *self._cached.parents[:2]):
            with contextlib.suppress(OSError):  # something was cached, or trials have been run
                folder.rmdir()

    def show(self, stage: str) -> None:
        """Show what is going on."""
        self._display.show(RunStatus(stage, self._done, self._total))

    def killed(self, trial: Trial) -> Killed:
        """Train a trial, kill it on its way, and run it again in the same folder."""
        (cut,) = self.train([_Task(trial, "killed", kill=True)])
        if not cut.seen.killed:
            return Killed(cut.seen, Seen(), cut.outcome)
        (again,) = self.train([_Task(trial, "killed")])
        return Killed(cut.seen, again.seen, again.outcome)

    def train(self, tasks: Sequence[_Task]) -> list[_Came]:
        """Train, as many at a time as there are workers."""
        self._total += len(tasks)
        left = list(enumerate(tasks))[::-1]
        going: dict[Future[Answer], tuple[int, _Task, Executor, Watch]] = {}
        idle: list[Executor] = []
        came: dict[int, _Came] = {}
        while left or going:
            while left and len(going) < self._pool.workers:
                place, task = left.pop()
                executor = idle.pop() if task.usual and idle else self._started(task, place)
                self._count += 1
                watch = Watch(self._folder / f"notes-{self._count}.jsonl")
                job = WatchJob(Named.of(task.trial, self._scale), str(watch.file), task.kill)
                going[executor.submit(job)] = place, task, executor, watch
            told = [each.told for _, _, each, _ in going.values() if each.told is not None]
            self._display.show(RunStatus("training", self._done, self._total, running=told))
            for future in wait(going, LOOK_SECONDS, FIRST_COMPLETED).done:
                place, task, executor, watch = going.pop(future)
                came[place] = _Came(
                    _outcome(future, task, watch.seen()), watch.seen(), self._printed(task)
                )
                if task.usual and future.exception() is None:
                    idle.append(executor)
                else:
                    executor.stop()
                self._done += 1
        self.show("training")
        for executor in idle:
            executor.stop()
        return [came[place] for place in range(len(tasks))]

    def _started(self, task: _Task, place: int) -> Executor:
        return self._pool.executor(
            place % self._pool.workers, folder=self._made(task.folder), anew=task.anew
        )

    def _made(self, name: str) -> Path:
        """Make a folder of trials, which shares with the study's own what is made once for all."""
        folder = self._folder / name
        if not folder.is_dir():
            folder.mkdir()
            with contextlib.suppress(OSError):  # then it is made once more
                self._cached.mkdir(parents=True, exist_ok=True)
                (folder / "cached").symlink_to(self._cached.resolve(), target_is_directory=True)
        return folder

    def _printed(self, task: _Task) -> str:
        log = TrialFolder(self._folder / task.folder, task.trial.key).log
        return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


def _outcome(future: Future[Answer], task: _Task, seen: Seen) -> Outcome:
    """Return what became of a trial.

    Raises:
        HarnessError: the worker cannot load the study.
    """
    try:
        answer = future.result()
    except WorkerDiedError as error:
        answer = Answer(reason=str(error))
    if answer.mistake and not seen.killed:
        raise HarnessError.relayed(f"arm {task.trial.arm.name}", answer.reason)
    return (answer.outcomes or failed(answer, (task.trial,)))[0]
