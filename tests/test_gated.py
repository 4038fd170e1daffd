"""What a gate reads of a study: exact figures the same in each process, and times."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.gate.figures import Reading
from harness.messages.errors import HarnessError
from harness.probe.counts import operators
from harness.running.gated import figures_of, steps_of

STUDY = """
from harness import Study, Factor, Scale, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

def build(scale, width, lr):
    return Training(digits(), MLP(hidden=(width,)), SGD(lr=lr), batch_size=64, epochs=2)

study = Study("sizes", "Does width matter?", build=build,
    factors=[Factor("width", levels=(8, 16)), Factor("lr", levels=(0.1, 0.2))],
    scales={"quick": Scale(seeds=5)})
"""
OWN = """
import torch
from harness import Study, Factor, Scale, Metric
def train(context, width): return {"loss": 0.0}
STEP
study = Study("own", "Q?", train=train, factors=[Factor("width", levels=(4, 8))],
    scales={"quick": Scale(seeds=5)}, metrics=[Metric("loss", better="lower")]WITH)
"""
STEP = """
def step(context, width):
    weights = torch.ones(width, width)
    def once(): weights @ weights
    return once
"""


def by_figure(read: dict) -> dict[str, float]:
    Reading.of(read, "this test")
    return {each["name"]: each["value"] for each in read["figures"]}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "sizes.py").write_text(STUDY)
    return str(tmp_path / "sizes.py")


def test_exact_figures_are_those_by_hand_and_the_same_again(file: str):
    read = figures_of(file, None, None, part="exact")
    assert [each["benchmark"].count("sizes:") for each in read] == [1, 1]  # lr is no program's
    first, second = map(by_figure, read)
    assert first["parameters"] == 64 * 8 + 8 + 8 * 10 + 10
    assert first["flops"] == 2 * 64 * (2 * 64 * 8 + 3 * 8 * 10)
    assert first["steps"] == 2 * (1037 // 64)
    assert first["operators/aten::mm"] == 3
    assert first["operators"] == sum(
        value for name, value in first.items() if name.startswith("operators/")
    )
    assert second["peak"] > first["peak"] > first["memory/parameters"] == 4 * first["parameters"]
    assert read[0]["bits"] != read[1]["bits"]
    assert len(read[0]["bits"]) == 16
    assert figures_of(file, None, None, part="exact") == read


def test_times_are_judged_for_step_and_evaluation_and_shown_for_parts(file: str):
    name = figures_of(file, None, None, part="exact")[0]["benchmark"].partition(":")[2]
    (read,) = figures_of(file, name, "quick", part="time", seconds=0.02)
    by_figure(read)
    judged = {each["name"]: each["judged"] for each in read["figures"]}
    assert judged == {"step": "time", "evaluation": "time"} | dict.fromkeys(
        ("data", "forward", "backward", "optimizer"), "shown"
    )


def test_a_step_of_the_users_own_has_its_figures(tmp_path: Path):
    path = tmp_path / "own.py"
    path.write_text(OWN.replace("STEP", STEP).replace("WITH", ", step=step"))
    read = figures_of(str(path), None, None, part="exact")
    assert len(read) == 2
    figures = by_figure(read[0])
    assert figures["flops"] == 2 * 4**3
    assert figures["operators/aten::mm"] == figures["operators"] == 1
    assert figures["memory/held"] == 4 * 4 * 4
    (timed, _) = figures_of(str(path), None, None, part="time", seconds=0.01)
    assert set(by_figure(timed)) == {"step"}


def test_the_steps_of_all_arms_are_those_that_are_counted(tmp_path: Path, file: str):
    path = tmp_path / "own.py"
    path.write_text(OWN.replace("STEP", STEP).replace("WITH", ", step=step"))
    for each in (file, str(path)):
        read = {
            one["benchmark"]: by_figure(one) for one in figures_of(each, None, None, part="exact")
        }
        found = {}
        for name, once in steps_of(each, None, None):
            assert torch.get_num_threads() == 1
            found[name] = sum(operators(once).values())
        assert found == {name: figures["operators"] for name, figures in read.items()}
    (only,) = steps_of(file, next(iter(steps_of(file, None, None)))[0].partition(":")[2], "quick")
    assert only[0].startswith("sizes:")


def test_what_cannot_be_measured_is_said_in_one_line(tmp_path: Path, file: str):
    path = tmp_path / "own.py"
    path.write_text(OWN.replace("STEP", "").replace("WITH", ""))
    with pytest.raises(HarnessError, match="train= without step="):
        figures_of(str(path), None, None, part="exact")
    with pytest.raises(HarnessError, match="module:function"):
        figures_of(str(path), None, None, part="time")
    with pytest.raises(HarnessError, match="Arms are: "):
        figures_of(file, "width=9", None, part="exact")
