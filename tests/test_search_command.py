"""`harness search` from end to end: what it prints, writes and exits with."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from harness.commands.cli import execute

FILE = '''
"""Which level?"""

from harness import Choice, Context, Float, Metric, Scale, Search


def train(context: Context, way: str, level: float, slope: float | None) -> dict[str, float]:
    noise = (context.seed_for("noise") % 1000) / 1e5
    loss = abs(level - 0.3) + noise + (0.2 if slope is None else abs(slope - 1.0))
    for epoch in range(context.scale.epochs):
        context.report(epoch, validation_loss=loss + 1 / (epoch + 1))
    return {"validation_loss": loss, "test_error": loss}


search = Search(
    name="levels", question="Which level?", train=train,
    space=(
        Choice("way", ("flat", "steep")), Float("level", 0.0, 1.0),
        Float("slope", 0.0, 2.0, when={"way": "steep"}),
    ),
    metrics=(Metric("validation_loss", better="lower"), Metric("test_error", better="lower")),
    scales={"quick": Scale(epochs=5)}, trials=12, batch=4,
)
'''


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "levels.py").write_text(FILE)
    return tmp_path


def test_a_search_without_confirming_is_no_failure_and_nothing_has_changed(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "levels.py", "--workers", "1", "--no-profile", "--trials", "8"]
    assert execute(words) == 0
    said = capfd.readouterr()
    assert "To paste into a study" in said.out
    assert "has changed" not in said.out + said.err
    best = json.loads((folder / "runs/levels-quick/best.json").read_text())
    rows = rows_of(folder / "runs/levels-quick/settings.csv")
    losses = [float(row["value_validation_loss"]) for row in rows]
    assert best["tried"] == len(rows) == 8
    assert best["number"] == 1 + losses.index(min(losses))
    assert "confirm" in " ".join(best["said"])  # its value is too good, and that is said


@pytest.mark.slow
def test_a_search_from_a_small_budget_to_a_larger_one(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # too small a budget to confirm: that is no failure, and nothing has changed in the file
    assert execute(["search", "levels.py", "--workers", "1", "--no-profile"]) == 0
    said = capfd.readouterr()
    assert "has changed" not in said.out + said.err
    assert "no trial" not in said.err
    best = json.loads((folder / "runs/levels-quick/best.json").read_text())
    assert best["tried"] == 12
    small = rows_of(folder / "runs/levels-quick/settings.csv")

    # a larger one goes on from there, ends bad trials early, and runs the best again
    more = ["--trials", "32", "--pruner", "median", "--enqueue", "level=0.31,way=steep,slope=1.0"]
    assert execute(["search", "levels.py", "--workers", "1", "--no-profile", *more]) == 0
    said = capfd.readouterr()
    assert "To paste into a study" in said.out
    large = rows_of(folder / "runs/levels-quick/settings.csv")
    known = ("setting_way", "setting_level", "setting_slope", "key")
    assert [[row[x] for x in known] for row in large[:12]] == [
        [row[x] for x in known] for row in small
    ]
    assert large[12]["setting_level"] == "0.31"
    states = {row["state"] for row in large}
    assert states == {"complete", "pruned"}
    best = json.loads((folder / "runs/levels-quick/best.json").read_text())
    assert best["settings"] == {"way": "steep", "level": 0.31, "slope": 1.0}
    assert best["confirmed"]["seeds"] == 3

    page = (folder / "runs/levels-quick/report.html").read_text()
    assert "--enqueue level=0.31,way=steep,slope=1.0" in page
    assert "--pruner median" in page

    # without --trials it keeps to the larger budget, and trains nothing
    assert execute(["search", "levels.py", "--workers", "1", "--no-profile"]) == 0
    said = capfd.readouterr()
    assert "goes on with --trials 32" in said.err
    assert rows_of(folder / "runs/levels-quick/settings.csv") == large

    # what is said of it elsewhere
    assert execute(["plan", "levels.py"]) == 0
    assert "12 trials, 12 done" in capfd.readouterr().out
    assert execute(["explain", "levels.py"]) == 0
    assert "On 3 fresh seeds" in capfd.readouterr().out
    assert execute(["export", "levels.py", "--to", "all.csv"]) == 0
    rows = rows_of(folder / "all.csv")
    assert len({row["key"] for row in rows}) == len(rows) == 32
    assert {row["role"] for row in rows} == {"tune", "evaluate"}
    capfd.readouterr()
    pruned = next(row["key"] for row in large if row["state"] == "pruned")
    assert execute(["replay", pruned]) == 0
    assert "identical" in capfd.readouterr().out
    # another space under the same name is refused, and nothing is lost
    (folder / "other.py").write_text(FILE.replace('"level", 0.0, 1.0', '"level", 0.0, 2.0'))
    assert execute(["search", "other.py"]) == 2
    said = capfd.readouterr()
    assert "no search of another space" in said.err
    assert said.err.count("\n") == 1
    assert execute(["search", "other.py", "--store", "o.db", "--trials", "4", "--no-profile",
                    "--workers", "1", "--warm-start", "runs/harness.db#nosuch"]) == 2  # fmt: skip
    assert "levels-quick" in capfd.readouterr().err
    assert execute(["search", "other.py", "--store", "o.db", "--trials", "4", "--no-profile",
                    "--workers", "1", "--warm-start", "runs/harness.db"]) == 0  # fmt: skip
    assert "learns from" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "levels.py", "--sampler", "cmaes"], "a space of numbers alone"),
        (["search", "levels.py", "--sampler", "grid"], "a fixed number of values"),
        (["search", "levels.py", "--sampler", "tpee"], "Did you mean tpe?"),
        (["search", "levels.py", "--pruner", "wilcoxon"], "five seeds or more"),
        (["search", "levels.py", "--confirm", "5"], "beside the 20 that confirm"),
        (["search", "levels.py", "--enqueue", "level"], "settings with their values"),
        (["search", "levels.py", "--enqueue", "level=3"], "lie in its space, 0.0 to 1.0"),
        (["search", "levels.py", "--enqueue", "slope=1"], "only where it is in use"),
        (["search", "levels.py", "--over", "level"], "stand beside a study"),
        (["search", "levels.py", "--warm-start", "no.db"], "no.db"),
        (["search", "residual_depth"], "--over"),
        (["search", "residual_depth", "--over", "lrr"], "'lrr'"),
        (["run", "levels.py"], "harness search levels.py"),
        (["check", "levels.py"], "harness search levels.py"),
        (["search", "levels.py", "--scale", "large"], "'large'"),
    ],
)
def test_what_cannot_be_searched_is_one_line_and_leaves_nothing_behind(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert execute(words) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(folder.glob("runs/*.db"))
