"""`harness profile`: measured in a fresh process, and printed or given as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.commands.cli import execute
from harness.trials.profiles import STEP_PARTS
from tests.test_gated import OWN, STUDY


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "sizes.py").write_text(STUDY)
    return str(tmp_path / "sizes.py")


def test_json_has_all_and_arms_that_share_a_program_once(file: str, capfd):
    assert execute(["profile", file, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["study"], said["scale"]) == ("sizes", "quick")
    assert len(said["arms"]) == 2
    first = said["arms"][0]
    assert first["parameters"] == 64 * 8 + 8 + 8 * 10 + 10
    assert set(first["split"]) == set(STEP_PARTS)
    assert first["shapes"]["aten::mm [10,64]x[64,8]"] == 1
    assert first["peak_share"] > 0


def test_one_arm_is_printed_as_tables(file: str, capfd):
    execute(["profile", file, "--json"])
    name = json.loads(capfd.readouterr().out)["arms"][1]["arm"]
    assert execute(["profile", file, name]) == 0
    out = capfd.readouterr().out
    for word in ("forward", "optimizer", "activations", "Python calls", "Measured on"):
        assert word in out


def test_what_cannot_be_profiled_is_one_line_and_exit_code_2(file: str, tmp_path: Path, capfd):
    assert execute(["profile", file, "nope"]) == 2
    assert "Arms are: " in capfd.readouterr().err
    (tmp_path / "own.py").write_text(OWN.replace("STEP", "").replace("WITH", ""))
    assert execute(["profile", str(tmp_path / "own.py")]) == 2
    said = capfd.readouterr().err
    assert "train= without step=" in said
    assert said.count("\n") == 1
