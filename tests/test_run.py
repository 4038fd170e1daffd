"""Killed, interrupted, shared, failed, repeated: what is recorded stays right."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.commands.cli import execute
from tests.conftest import TINY

# Of a record, what does not depend on when and how fast it was made.
FIXED = ["arm", "width", "seed", "role", "tuned_lr", "key", "state"]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", *words, "--no-profile", "--mode", "plain"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def records(command, *words: str) -> pd.DataFrame:
    command("export", str(TINY), "--to", "all.csv", *words)
    return pd.read_csv("all.csv")


def finished(store: Path) -> int:
    """Count the finished trials; 0 while there is no store."""
    if not store.exists():
        return 0
    with sqlite3.connect(store) as connection:
        query = "SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'"
        (count,) = connection.execute(query).fetchone()
    return int(count)


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    metrics = [name for name in frame.columns if name.startswith("metric_")]
    assert {"metric_test_loss", "metric_validation_loss"} <= {*metrics}
    return frame[FIXED + metrics].sort_values(["arm", "role", "seed", "key"], ignore_index=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_ten_random_moments_it_ends_as_if_it_had_not_been(command, here: Path) -> None:
    bits = ("--no-profile", "--mode", "plain")  # other modes round otherwise
    command("run", str(TINY), "--scale", "longer", *bits, "--out", "whole")
    whole = records(command, "--scale", "longer", "--out", "whole")
    assert len(whole) == 2 * (4 + 5)
    draw = random.Random(20261120)
    store = here / "killed" / "harness.db"
    struck, known = [], 0
    for moment in range(10):
        process = start(here, str(TINY), "--scale", "longer", "--out", "killed")
        deadline = time.monotonic() + 120
        if moment % 3:  # somewhere in training: a little after one more trial was finished
            while finished(store) <= known and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(draw.uniform(0.0, 0.4))
        else:  # somewhere in start-up
            time.sleep(draw.uniform(0.3, 6.0))
        alive = process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        count = finished(store)
        assert count >= known, "a finished trial was lost"
        known = count
        struck.append(alive and 0 < count < 2 * (4 + 5))
    assert sum(struck) >= 3, "too few kills struck a run in the middle of its training"
    command("run", str(TINY), "--scale", "longer", *bits, "--out", "killed")
    again = records(command, "--scale", "longer", "--out", "killed")
    assert again["key"].is_unique
    assert (again["state"] == "complete").all()
    pd.testing.assert_frame_equal(comparable(again), comparable(whole), check_exact=True)
    # Not degenerate: seeds and arms differ.
    assert whole["metric_test_loss"].nunique() > 8


def test_run_again_trains_nothing_and_leaves_the_report_alone(here: Path, capsys) -> None:
    words = ["run", str(TINY), "--workers", "1", "--no-profile"]
    assert execute(words) == 0
    capsys.readouterr()
    store = sqlite3.connect(here / "runs" / "harness.db")
    before = store.execute("SELECT * FROM trials").fetchall()
    page = here / "runs" / "tiny-quick" / "report.html"
    made = page.stat().st_mtime_ns
    assert execute(words) == 0
    assert store.execute("SELECT * FROM trials").fetchall() == before
    store.close()
    assert page.stat().st_mtime_ns == made
    assert "32 hidden units" in capsys.readouterr().out
    folder = here / "runs" / "tiny-quick"
    verdicts = json.loads((folder / "verdicts.json").read_text())
    assert list(verdicts[0]) == [
        "claim", "kind", "metric", "unit", "margin", "n", "n_unpaired", "effect", "low", "high",
        "p", "p_adjusted", "p_margin_adjusted", "primary", "word", "direction_and_size", "cautions",
        "sides", "averaged_over", "reason", "change", "more_seeds", "looks",
        "declared",
    ]  # fmt: skip
    assert verdicts[0]["n"] == 5
    columns = list(pd.read_csv(folder / "records.csv").columns)
    assert columns[:5] == ["study", "scale", "arm", "width", "seed"]
    assert {"key", "state", "reason", "metric_test_loss", "cost_seconds", "env_torch"} <= {*columns}


@pytest.mark.slow
def test_ctrl_c_leaves_at_once_and_says_how_to_go_on(command, here: Path) -> None:
    process = start(here, str(TINY), "--scale", "longer", "--workers", "1")
    store = here / "runs" / "harness.db"
    deadline = time.monotonic() + 120
    while finished(store) < 1 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    last = errors.strip().splitlines()[-1]
    assert "of 18 trials are done" in last
    assert "same command goes on" in last
    assert "Traceback" not in errors
    for _ in range(50):  # multiprocessing's own helper notices a moment later
        left = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, check=False)
        if not left.stdout:
            break
        time.sleep(0.1)
    assert left.stdout == b"", "a worker lives on"
    done = command("run", str(TINY), "--scale", "longer", "--no-profile")
    assert done.returncode == 0
    frame = records(command, "--scale", "longer")
    assert len(frame) == 18
    assert frame["key"].is_unique


FRAGILE = '''
"""Does anything survive?"""
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from harness import Factor, Higher, Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.inner = MLP(hidden=(8,)).build((64,), 10)
        self.kind = kind

    def forward(self, x):
        if self.kind == "raises" and self.training and not Path("mended").exists():
            raise RuntimeError("out of luck\\nreally")
        if self.kind == "dies" and self.training and not Path("mended").exists():
            os.kill(os.getpid(), 9)
        return self.inner(x)


@dataclass(frozen=True)
class Spec:
    kind: str

    def build(self, shape, classes):
        return Net(self.kind)


def build(scale, kind):
    return Training(
        data=digits(train=100, validation=50, test=100),
        model=Spec(kind), optimizer=SGD(lr=1e30 if kind == "diverges" else 0.1),
        batch_size=20, epochs=2,
    )


study = Study(
    name="fragile", question="Does anything survive?",
    factors=(Factor("kind", ("fine", "raises", "dies", "diverges")),), build=build,
    scales={"quick": Scale(seeds=2)},
    claims=(Higher("Fine beats raises.", metric="test_accuracy", higher={"kind": "fine"},
                   lower={"kind": "raises"}, by=0.01),),
)
'''


@pytest.mark.slow
def test_a_failure_is_a_result_and_is_retried_only_when_asked(command, here: Path) -> None:
    (here / "fragile.py").write_text(FRAGILE)
    done = command("run", "fragile.py", "--no-profile")
    assert "not assessable" in done.stdout
    frame = pd.read_csv(here / "runs" / "fragile-quick" / "records.csv")
    assert len(frame) == 8
    by_kind = frame.groupby("kind")
    assert by_kind["state"].unique().map(list).to_dict() == {
        "fine": ["complete"], "raises": ["failed"], "dies": ["failed"], "diverges": ["failed"],
    }  # fmt: skip
    reasons = by_kind["reason"].first()
    assert reasons["raises"].startswith("RuntimeError: out of luck really (fragile.py:")
    assert "killed by signal 9" in reasons["dies"]
    assert reasons["diverges"].startswith("diverged: training loss in epoch 1 is")
    page = (here / "runs" / "fragile-quick" / "report.html").read_text()
    assert "out of luck really" in page

    # Mended by a file, so that the keys stay: nothing is run again until it is asked for.
    (here / "mended").touch()
    command("run", "fragile.py", "--no-profile")
    again = pd.read_csv(here / "runs" / "fragile-quick" / "records.csv")
    assert (again["state"] == "failed").sum() == 6
    command("run", "fragile.py", "--no-profile", "--retry-failed")
    again = pd.read_csv(here / "runs" / "fragile-quick" / "records.csv")
    states = again.groupby("kind")["state"].unique().map(list).to_dict()
    assert states == {
        "fine": ["complete"], "raises": ["complete"], "dies": ["complete"], "diverges": ["failed"],
    }  # fmt: skip
    # What failed the first time is still in the store.
    command("export", "fragile.py", "--to", "all.csv")
    assert (pd.read_csv("all.csv")["state"] == "failed").sum() == 6 + 2


@pytest.mark.slow
def test_replay_says_identical_or_how_far_apart_and_why(command, here: Path) -> None:
    study = here / "tiny_study.py"
    study.write_text(TINY.read_text())
    command("run", "tiny_study.py", "--no-profile", "--no-tuning", "--seeds", "1")
    frame = pd.read_csv(here / "runs" / "tiny-quick" / "records.csv")
    key = frame["key"][0]
    assert "bit for bit" in command("replay", key[:10]).stdout
    study.write_text(TINY.read_text().replace("momentum=0.9", "momentum=0.5"))
    done = command("replay", key, code=1)
    assert "not identical" in done.stdout
    assert "test_loss" in done.stdout
    assert "training optimizer.momentum: 0.9 → 0.5" in done.stdout
    # Other epochs, other numbers of points on the curves: said, not stumbled over.
    study.write_text(TINY.read_text().replace("epochs=3", "epochs=4"))
    assert "training epochs: 3 → 4" in command("replay", key, code=1).stdout
    study.write_text(TINY.read_text().replace("momentum=0.9", "momentum=0.5"))
    again = command("plan", "tiny_study.py", "--no-tuning", "--seeds", "1", "--scale", "quick")
    assert "to be run again" in again.stdout
    assert "optimizer.momentum: 0.9 → 0.5" in again.stdout


@pytest.mark.slow
def test_a_file_changed_back_and_a_margin_moved_are_told(command, here: Path) -> None:
    study, text = here / "tiny_study.py", TINY.read_text()
    quickly = ("--no-profile", "--no-tuning", "--mode", "plain", "--quiet")
    study.write_text(text)
    command("run", "tiny_study.py", *quickly)
    first = json.loads((here / "runs/tiny-quick/verdicts.json").read_text())
    study.write_text(text.replace("momentum=0.9", "momentum=0.5"))
    command("run", "tiny_study.py", *quickly)
    study.write_text(text)
    done = command("report", "tiny_study.py", "--scale", "quick")
    said = " ".join(done.stdout.split())
    assert "of other code or settings (optimizer.momentum: 0.5 → 0.9)" in said
    assert json.loads((here / "runs/tiny-quick/verdicts.json").read_text()) == first
    assert first[0]["declared"]["status"] == "before any result"
    study.write_text(text.replace("by=0.01", "by=0.5"))
    said = " ".join(command("explain", "tiny_study.py").stdout.split())
    assert "Declared: changed after 20 results of its arms, on " in said
    assert "margin from 1.0 pp to 50.0 pp." in said
    assert "harness: 10 evaluation trials are" in command("export", "tiny_study.py").stderr


@pytest.mark.slow
def test_the_same_trial_in_two_studies_is_trained_once(command, here: Path) -> None:
    (here / "one.py").write_text(TINY.read_text())
    (here / "two.py").write_text(
        TINY.read_text().replace('name="tiny"', 'name="wider"').replace("(4, 32)", "(4, 32, 64)")
    )
    command("run", "one.py", "--no-profile", "--no-tuning", "--seeds", "2")
    command("run", "two.py", "--no-profile", "--no-tuning", "--seeds", "2")
    with sqlite3.connect(here / "runs" / "harness.db") as connection:
        query = "SELECT COUNT(*) FROM trial_user_attributes WHERE key = 'adopted_from'"
        assert connection.execute(query).fetchone() == (4,)
    one = pd.read_csv("runs/tiny-quick/records.csv").set_index("key")
    two = pd.read_csv("runs/wider-quick/records.csv").set_index("key")
    assert len(two) == 6
    shared = two.loc[one.index]
    assert (shared["metric_test_loss"] == one["metric_test_loss"]).all()
    assert (shared["study"] == "wider").all()
    # A level more in the same study: Optuna's study cannot hold it, and nothing is lost.
    (here / "one.py").write_text(TINY.read_text().replace("(4, 32)", "(4, 32, 64)"))
    command("run", "one.py", "--no-profile", "--no-tuning", "--seeds", "2")
    assert len(pd.read_csv("runs/tiny-quick/records.csv")) == 6
