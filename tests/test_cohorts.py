"""Trials that train together, as a run hands them out: modes, dead workers, teachers, measures."""

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import TINY


def table(command, study: str, out: str = "runs", scale: str = "quick") -> pd.DataFrame:
    command("export", study, "--out", out, "--to", f"{out}.csv", "--scale", scale)
    frame = pd.read_csv(f"{out}.csv", keep_default_na=False)
    numbers = [name for name in frame.columns if name.startswith(("metric_", "tuned_"))]
    for name in numbers:
        frame[name] = pd.to_numeric(frame[name])
    return frame


DEADLY = '''
"""Does a dead worker matter?"""
import os
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from harness import Factor, Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.inner = MLP(hidden=(8,)).build((64,), classes)

    def forward(self, x):
        if self.training and Path("deadly").exists():
            Path("deadly").unlink()
            os.kill(os.getpid(), 9)
        return self.inner(x.flatten(1))


@dataclass(frozen=True)
class Spec:
    def build(self, shape, classes):
        return Net(classes)


def build(scale, lr):
    return Training(
        data=digits(train=100, validation=50, test=100),
        model=Spec(), optimizer=SGD(lr=lr), batch_size=20, epochs=2,
    )


study = Study(
    name="deadly", question="Does a dead worker matter?",
    factors=(Factor("lr", (0.05, 0.1, 0.2)),), build=build, scales={"quick": Scale(seeds=3)},
)
'''


@pytest.mark.slow
def test_a_worker_that_dies_takes_down_its_cohort_which_is_run_again(command, here: Path) -> None:
    (here / "deadly.py").write_text(DEADLY)
    # modes are measured first, in a process of its own, which must survive
    command("run", "deadly.py", "--no-profile", "--mode", "fused", "--workers", "1", "--seeds", "1")
    (here / "deadly").touch()
    command("run", "deadly.py", "--no-profile", "--mode", "fused", "--workers", "1")
    assert not (here / "deadly").exists(), "no worker died"
    frame = table(command, "deadly.py")
    assert len(frame) == 9
    assert (frame["state"] == "complete").all()
    assert frame["key"].is_unique


PUPILS = '''
"""Does a teacher help?"""
from harness import Distillation, Factor, Scale, Study, Training, Tuned
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD
from harness.measures import measured

DATA = digits(train=150, validation=60, test=200)


def training(width, lr, **rest):
    return Training(data=DATA, model=MLP(hidden=(width,)), optimizer=SGD(lr=lr, momentum=0.9),
                    batch_size=25, epochs=4, **rest)


def largest_weight(trained):
    return float(trained.network.vector.abs().max())


def build(scale, temperature, lr):
    teacher = training(24, scale.teacher_lr)
    return training(6, lr, loss=Distillation(teacher=teacher, temperature=temperature))


study = Study(
    name="pupils", question="Does a teacher help?",
    factors=(Factor("temperature", (1.0, 4.0)),), build=build,
    tuned=(Tuned("lr", 0.01, 0.5, log=True, trials=2),),
    scales={"quick": Scale(seeds=3, teacher_lr=0.1), "hopeless": Scale(seeds=2, teacher_lr=1e30)},
    measures=(measured("largest_weight", largest_weight, meaning="The largest weight."),),
)
'''


@pytest.mark.slow
def test_a_teacher_is_trained_once_for_each_seed_and_shared(command, here: Path) -> None:
    (here / "pupils.py").write_text(PUPILS)
    command("run", "pupils.py", "--no-profile", "--mode", "plain")
    frame = table(command, "pupils.py")
    teachers = frame[frame["role"] == "need"]
    assert sorted(teachers["seed"]) == [0, 1, 2, 1_000_000]  # the last one for tuning
    assert set(teachers["arm"]) == {"shared"}
    pupils = frame[frame["role"] == "evaluate"]
    assert len(pupils) == 2 * 3
    assert (frame["state"] == "complete").all()
    assert pupils["metric_teacher_agreement"].between(0.3, 1.0).all()
    assert pupils["metric_largest_weight"].gt(0).all()
    assert teachers["metric_teacher_agreement"].isna().all()
    networks = here / "runs" / "harness.db.networks"
    assert len(list(networks.iterdir())) == 4, "one artifact a teacher, and nothing left over"
    with sqlite3.connect(here / "runs" / "harness.db") as connection:
        query = "SELECT COUNT(*) FROM trial_system_attributes WHERE key LIKE 'artifacts:%'"
        assert connection.execute(query).fetchone() == (4,)
    # a teacher whose network somebody cleared away is trained again where it is needed
    for file in networks.iterdir():
        file.unlink()
    record = pupils.iloc[0]
    assert "bit for bit" in command("replay", record["key"]).stdout


@pytest.mark.slow
def test_who_has_a_failed_teacher_fails_and_says_so(command, here: Path) -> None:
    (here / "pupils.py").write_text(PUPILS)
    command("run", "pupils.py", "--no-profile", "--mode", "plain", "--scale", "hopeless",
            "--no-tuning", code=3)  # fmt: skip
    frame = table(command, "pupils.py", scale="hopeless")
    assert (frame["state"] == "failed").all()
    pupils = frame[frame["role"] == "evaluate"]
    assert len(pupils) == 4
    assert pupils["reason"].str.startswith("its need 'teacher' failed: diverged: ").all()


UNFUSABLE = DEADLY.replace("Does a dead worker matter?", "Can this be fused?").replace(
    "x.flatten(1))", "x.flatten(1) * (1.0 if x.sum() > 0 else 0.5))"
).replace('name="deadly"', 'name="unfusable"')  # fmt: skip


@pytest.mark.slow
def test_what_cannot_be_fused_is_trained_alone_with_a_line_that_says_why(
    command, here: Path
) -> None:
    (here / "unfusable.py").write_text(UNFUSABLE)
    command("run", "unfusable.py", "--no-profile", "--mode", "fused", "--workers", "1")
    frame = table(command, "unfusable.py")
    assert (frame["state"] == "complete").all()
    assert set(frame["env_mode"]) == {"plain"}
    planned = json.loads(command("plan", "unfusable.py", "--mode", "fused", "--json").stdout)
    (modes,) = planned["scales"][0]["modes"]
    assert modes["mode"]["kind"] == "plain"
    assert "data-dependent" in modes["note"]
    shown = command("plan", "unfusable.py", "--mode", "fused").stdout
    assert "data-dependent" in shown


def test_a_wrong_mode_is_one_line(command) -> None:
    done = command("run", str(TINY), "--mode", "fusd", code=2)
    assert "--mode must be one of plain, fused, compiled" in done.stderr
    assert "'fusd'" in done.stderr
