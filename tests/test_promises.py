"""What the harness promises, each promise kept once in a quick test.

Who changes the harness learns here, within a minute, whether it still keeps them:

- a run that is killed in the middle of training loses nothing, trains nothing twice, and ends with
  the same bits as one that nobody disturbed (more: test_run.py, test_ledger.py, test_sharing.py,
  test_server.py; at length: ``nox -s kills``);
- two processes on one store share its work, and do none of it twice (more: test_sharing.py);
- arms that are the same are not told apart more often than the level allows (more:
  test_honesty.py, test_calibration.py; at length: ``nox -s calibration``);
- a teacher is trained once for each seed, and all its students learn from that one (more:
  test_cohorts.py);
- trials that train together come to what each comes to alone (more: test_modes.py,
  test_cohorts.py);
- compiled training comes to what the plain loop comes to (more: test_modes.py).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness import Distillation, Factor, Scale, Study, Training
from harness.data import digits
from harness.engines.modes import Choice, Mode
from harness.models import MLP
from harness.optim import SGD
from harness.planning.planner import StudyPlanner
from harness.running.costs import by_program, machine
from harness.running.executors import Options, Processes
from harness.running.find import find, load
from harness.running.progress import RunStatus, Silent
from harness.running.run import Ran, run
from harness.storing.ledger import Ledger
from harness.storing.notes import write_choice
from harness.storing.store import open_store
from harness.trainer.train import train
from harness.trials.records import Record
from harness.trials.trial import SHARED
from tests.test_honesty import CLEAN, DIRECTION, accuracies, judged, most
from tests.test_modes import BASE, apart, not_degenerate, outcomes, varied

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums are rounded alike in this process and in workers, which have one thread each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# ---- killed, and shared -------------------------------------------------------------------------

STUDY = '''
"""Does it survive?"""

import time
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from harness import Factor, Higher, Scale, Study, Training, Tuned
from harness.augment import Shift
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


class Net(nn.Module):
    """Tells of its 25th step; where there is a file `armed`, the sixth to tell stops there."""

    def __init__(self, width):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.inner = MLP(hidden=(width,)).build((64,), 10)
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.training and self.steps == 25:
            tell()
        return self.inner(self.drop(x.flatten(1)))


def tell():
    with Path("told").open("a") as file:
        file.write(".")
    if Path("armed").exists() and Path("told").stat().st_size == 6:
        Path("held").touch()
        while Path("armed").exists():
            time.sleep(0.01)


@dataclass(frozen=True)
class Own:
    width: int

    def build(self, shape, classes):
        return Net(self.width)


def build(scale, width, lr):
    return Training(
        data=digits(train=200, validation=100, test=200), model=Own(width),
        optimizer=SGD(lr=lr, momentum=0.9), batch_size=20, epochs=4, augment=(Shift(0.3),),
    )


study = Study(
    name="survivor", question="Does it survive?", factors=(Factor("width", (4, 16)),),
    tuned=(Tuned("lr", 0.001, 1.0, log=True, trials=4),), build=build,
    scales={"quick": Scale(seeds=5)},
    claims=(Higher("16 is better than 4.", metric="test_accuracy", higher={"width": 16},
                   lower={"width": 4}, by=0.01),),
)
'''
TRIALS = 2 * (4 + 5)
ALONE = Options(workers=1, profile=False, mode="plain")


def begin(folder: Path) -> subprocess.Popen[str]:
    """Start `harness run`; come back when it is in the middle of a training, and stays there."""
    (folder / "armed").touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "survivor.py", "--workers", "1", "--no-profile",
         "--device", ALONE.device, "--mode", "plain", "--quiet"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (folder / "held").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


class Releasing(Silent):
    """Lets the other process go on once nothing is left here but to wait for it."""

    def __init__(self, armed: Path) -> None:
        self.armed = armed

    def show(self, status: RunStatus) -> None:
        if "other processes" in status.stage:
            self.armed.unlink(missing_ok=True)


def opened(store: Path, study: Study) -> Ledger:
    return Ledger(open_store(str(store)), study, "quick")


def go_on(folder: Path, store: Path, display: Silent) -> Ran:
    """Do as `harness run` in this process, with a worker of its own."""
    reference = str(folder / "survivor.py")
    study = load(find(reference))
    planner = StudyPlanner(study, "quick", None, tune=True)
    options = replace(ALONE, reference=reference)
    ledger = opened(store, study)
    pool = Processes(
        study,
        reference,
        options,
        ledger.store.artifacts,
        ledger.store.trials(study.name, ledger.scale),
    )
    return run(ledger, planner, pool, options, display)


def records(folder: Path, store: Path) -> tuple[Record, ...]:
    return opened(store, load(find(str(folder / "survivor.py")))).records()


def kept(found: Collection[Record]) -> dict[str, tuple[object, ...]]:
    """By key, all that does not depend on when and how fast a trial was trained."""
    assert len({each.key for each in found}) == len(found), "a trial was trained twice"
    return {
        each.key: (each.arm, each.role, each.seed, each.state, dict(each.tuned),
                   dict(each.metrics), dict(each.curves), dict(each.layers))
        for each in found
    }  # fmt: skip


def trainings(folder: Path) -> int:
    """Count the trainings that came to their middle."""
    return (folder / "told").stat().st_size


@pytest.fixture
def folder(here: Path) -> Path:
    (here / "survivor.py").write_text(STUDY)
    (here / "runs").mkdir()
    return here


def check_undisturbed(folder: Path, found: Collection[Record]) -> None:
    """Compare with a run that nobody disturbed, bit by bit."""
    undisturbed = folder / "undisturbed.db"
    assert go_on(folder, undisturbed, Silent()).trained == TRIALS
    wanted = records(folder, undisturbed)
    assert {each.state for each in wanted} == {"complete"}
    assert len({each.metrics["validation_loss"] for each in wanted}) == TRIALS, (
        "all alike shows nothing"
    )
    assert kept(found) == kept(wanted)


def test_a_run_killed_in_the_middle_of_training_ends_as_if_it_had_not_been(folder: Path) -> None:
    store = folder / "runs" / "harness.db"
    process = begin(folder)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (folder / "armed").unlink()
    states = [each.state for each in records(folder, store)]
    assert states.count("running") > 0, "it was killed between trials"
    assert 0 < states.count("complete") < TRIALS
    done = kept([each for each in records(folder, store) if each.state == "complete"])
    assert go_on(folder, store, Silent()).trained == TRIALS - len(done)
    found = kept(records(folder, store))
    assert {key: found[key] for key in done} == done, "what was finished is left as it was"
    assert trainings(folder) == TRIALS + 1, "more than the one that was broken off was repeated"
    check_undisturbed(folder, records(folder, store))


def test_two_processes_share_the_work_and_do_none_twice(folder: Path) -> None:
    store = folder / "runs" / "harness.db"
    process = begin(folder)
    ran = go_on(folder, store, Releasing(folder / "armed"))
    (folder / "armed").unlink(missing_ok=True)  # should it have waited for nobody
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert trainings(folder) == TRIALS, "some was trained twice"
    found = records(folder, store)
    assert 0 < ran.trained < TRIALS, "one process did it all"
    storage = open_store(str(store)).storage
    (study,) = storage.get_all_studies()
    trials = storage.get_all_trials(storage.get_study_id_from_name(study.study_name))
    assert len(trials) == len(found) == TRIALS, "some was begun twice"
    runners = [each.user_attrs["runner"] for each in trials]
    shares = sorted(runners.count(each) for each in set(runners))
    assert shares == sorted([ran.trained, TRIALS - ran.trained])
    check_undisturbed(folder, found)


# ---- honest -------------------------------------------------------------------------------------


def test_arms_that_are_the_same_are_told_apart_no_more_often_than_declared() -> None:
    """Ten studies of five seeds; and again nineteen times, with their results dealt anew."""
    values = np.array(accuracies(CLEAN, range(100)))
    assert values.std() > 0.005, "the case is not degenerate"
    draw = np.random.default_rng(0)
    words = []
    for _ in range(20):
        words += [judged(*study.tolist()).word for study in values.reshape(10, 2, 5)]
        values = draw.permutation(values)
    assert len(words) == 200
    assert 0 < sum(word in DIRECTION for word in words) <= most(200)


# ---- trained together ---------------------------------------------------------------------------

DATA = digits(train=150, validation=60, test=200)
SEEDS = 3


def trained(width: int, lr: float = 0.1, **rest: object) -> Training:
    return Training(
        data=DATA, model=MLP(hidden=(width,)), optimizer=SGD(lr=lr, momentum=0.9), batch_size=25,
        epochs=3, precision="float64", **rest,
    )  # fmt: skip


STEPS: list[None] = []
"""One for each step that a teacher is trained."""


@dataclass(frozen=True)
class Counted:
    """A network that counts its training steps."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        return CountedModule(shape, classes)


class CountedModule(nn.Module):
    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.inner = MLP(hidden=(12,)).build(shape, classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training:
            STEPS.append(None)
        return self.inner(inputs)


def study_of(build: Callable[[Scale, float], Training], name: str, *levels: float) -> Study:
    return Study(
        name="together", question="Do they come to the same?", factors=(Factor(name, levels),),
        build=build, scales={"quick": Scale(seeds=SEEDS)},
    )  # fmt: skip


def recorded(store: Path, study: Study, mode: Mode) -> tuple[Record, ...]:
    """Run a study in this process, in a mode that is taken as measured; return its records."""
    ledger = opened(store, study)
    planner = StudyPlanner(study, "quick", None, tune=False)
    options = replace(ALONE, mode=None)
    for program in by_program(planner):
        write_choice(ledger, program, machine(options), Choice(mode, trials=100))
    pool = Processes(
        study, None, options, ledger.store.artifacts, ledger.store.trials(study.name, ledger.scale)
    )
    run(ledger, planner, pool, options, Silent())
    found = ledger.records()
    assert {each.state for each in found} == {"complete"}
    return found


def test_a_teacher_is_trained_once_for_each_seed_and_teaches_all_its_students(
    tmp_path: Path,
) -> None:
    teacher = replace(trained(12), model=Counted())

    def build(scale: Scale, temperature: float) -> Training:
        return trained(16, loss=Distillation(teacher=teacher, temperature=temperature))

    STEPS.clear()
    train(teacher, 0, CPU)
    once = len(STEPS)
    assert once >= 3 * (150 // 25)
    STEPS.clear()
    found = recorded(tmp_path / "x.db", study_of(build, "temperature", 1.0, 4.0), Mode())
    assert len(STEPS) == once * SEEDS, "a teacher was trained for a student alone"
    teachers = [each for each in found if each.arm == SHARED]
    students = [each for each in found if each.arm != SHARED]
    assert [each.seed for each in teachers] == list(range(SEEDS))
    assert len(students) == 2 * SEEDS
    for each in students:  # as one that trains its own teacher first, to the last bit
        alone = train(build(Scale(seeds=SEEDS), each.levels["temperature"]), each.seed, CPU)
        assert dict(each.metrics).items() >= alone.metrics.items()
        assert alone.metrics["teacher_agreement"] > 0.3
    assert len({each.metrics["test_loss"] for each in students}) == len(students)


def test_trials_that_train_together_come_to_what_each_comes_to_alone(tmp_path: Path) -> None:
    study = study_of(lambda scale, lr: trained(8, lr), "lr", 0.02, 0.05, 0.1)
    alone = recorded(tmp_path / "alone.db", study, Mode())
    together = recorded(tmp_path / "together.db", study, Mode("fused", 3 * SEEDS))
    assert {each.env["mode"] for each in alone} == {"plain"}
    sizes = {Mode.parse(each.env["mode"]).models for each in together}
    assert max(sizes) > SEEDS, "no cohort has trials of two arms"
    losses = {each.metrics["test_loss"] for each in alone}
    assert len(losses) == len(alone) == 3 * SEEDS, "all alike shows nothing"
    by_key = {each.key: each for each in together}
    for one in alone:
        other = by_key.pop(one.key)
        assert dict(other.metrics) == pytest.approx(dict(one.metrics), abs=1e-9)
        for name, curve in one.curves.items():
            assert other.curves[name] == pytest.approx(curve, abs=1e-9)
    assert by_key == {}


@pytest.mark.skipif(
    not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))),
    reason="torch compiles for a CPU by a C++ compiler, and there is none",
)
def test_compiled_training_comes_to_what_the_plain_loop_comes_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch._inductor.config

    # one small program is compiled sooner than the processes are there that would compile many
    monkeypatch.setattr(torch._inductor.config, "compile_threads", 1)
    requests = varied(replace(BASE, precision="float64"), 2)
    plain = outcomes(requests, Mode())
    not_degenerate(plain)
    compiled = outcomes(requests, Mode("compiled", 2))
    assert max(map(apart, plain, compiled)) < 1e-9
