"""Files of pytest-benchmark: judged where they hold enough, else refused; and written."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.gate.figures import Figure, Reading
from harness.gate.pytest_json import NOT_IN_TURN, compare_files, files_of, write_pytest_json
from harness.messages.errors import HarnessError

MACHINE = {"cpu": "A processor", "system": "Linux x86_64", "python": "3.11.7", "torch": "2.15.0"}


def runs(folder: Path, seconds: list[float], hour: int = 0, names: tuple[str, ...] = ("t.py::x",),
         machine: dict[str, Any] | None = None) -> str:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for at, value in enumerate(seconds):
        readings = [
            Reading(name, (Figure("step", value * (1 + 0.001 * k), "s", "time"),))
            for name in names
            for k in range(3)
        ]
        whole = write_pytest_json(readings, MACHINE, time=f"2026-11-27T{at:02d}:{hour:02d}:00")
        whole["machine_info"] |= machine or {}
        (folder / f"{at:04d}.json").write_text(json.dumps(whole), encoding="utf-8")
    return str(folder)


def noisy(seed: int, n: int = 8, times: float = 1.0) -> list[float]:
    return list(0.01 * times * np.exp(0.01 * np.random.default_rng(seed).standard_normal(n)))


def test_several_runs_a_side_are_judged(tmp_path: Path) -> None:
    old = runs(tmp_path / "old", noisy(1))
    for times, answer in ((1.0, "pass"), (1.2, "fail"), (1.07, "fail"), (0.8, "pass")):
        new = runs(tmp_path / f"new{times}", noisy(2, times=times), hour=1)
        found = compare_files(old, new)
        assert [row.answer for row in found.rows] == [answer]
        assert found.problems == ()
        assert found.notes == ()
        assert found.rows[0].low < times - 1 < found.rows[0].high
        assert "8 and 8 processes" in found.rows[0].why
    wild = runs(tmp_path / "wild", [0.01, 0.02, 0.008, 0.03, 0.012])
    assert compare_files(old, wild).rows[0].answer == "inconclusive"


def test_false_alarms_are_rare(tmp_path: Path) -> None:
    """Through files, forty times: at 1 % and a 5 % margin none is expected at 1 % noise."""
    failed = 0
    for at in range(40):
        old = runs(tmp_path / f"a{at}", noisy(2 * at, 5))
        new = runs(tmp_path / f"b{at}", noisy(2 * at + 1, 5))
        failed += compare_files(old, new).rows[0].answer == "fail"
    assert failed == 0


def test_one_file_each_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old, new = runs(tmp_path / "old", noisy(1, 1)), runs(tmp_path / "new", noisy(2, 1))
    with pytest.raises(HarnessError, match="no replicates") as caught:
        compare_files(f"{old}/0000.json", f"{new}/0000.json")
    assert "harness gate --base REV" in str(caught.value)
    with pytest.raises(HarnessError, match="4 files"):
        compare_files(runs(tmp_path / "four", noisy(1, 4)), old)


def test_other_machines_and_files_on_both_sides_are_refused(tmp_path: Path) -> None:
    old = runs(tmp_path / "old", noisy(1))
    new = runs(tmp_path / "new", noisy(2), machine={"node": "elsewhere"})
    with pytest.raises(HarnessError, match="differ in node"):
        compare_files(old, new)
    with pytest.raises(HarnessError, match="on one side"):
        compare_files(old, old)
    with pytest.raises(HarnessError, match="each file once"):
        files_of(f"{old},{old}")
    with pytest.raises(HarnessError, match="must name files"):
        files_of(f"{tmp_path}/no*.json")
    assert len(files_of(f"{old}/*.json")) == 8


def test_a_benchmark_that_vanished_is_a_problem_and_an_added_one_new(tmp_path: Path) -> None:
    both, one = ("t.py::x", "t.py::y"), ("t.py::x",)
    old = runs(tmp_path / "old", noisy(1), names=both)
    new = runs(tmp_path / "new", noisy(2), names=one)
    assert "t.py::y/step is in 8 of 8 old files" in compare_files(old, new).problems[0]
    assert [row.answer for row in compare_files(new, old).rows] == ["pass", "new"]


def test_runs_that_were_not_in_turn_are_told(tmp_path: Path) -> None:
    old = runs(tmp_path / "old", noisy(1))
    new = runs(tmp_path / "new", noisy(2))
    for file in files_of(new):
        text = file.read_text(encoding="utf-8").replace("2026-11-27", "2026-11-28")
        file.write_text(text, encoding="utf-8")
    assert compare_files(old, new).notes == (NOT_IN_TURN,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: value.update(benchmarks=[]), "no benchmark"),
        (lambda value: value.pop("machine_info"), "another file"),
        (lambda value: value["benchmarks"][0]["stats"].update(rounds=0), "median nan"),
        (lambda value: value["benchmarks"][0]["stats"].update(median=-1.0), "median -1.0"),
        (lambda value: value["benchmarks"][0]["stats"].update(median="x"), "median nan"),
        (lambda value: value["benchmarks"].append(value["benchmarks"][0]), "twice"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]
    old, new = runs(tmp_path / "old", noisy(1)), runs(tmp_path / "new", noisy(2))
    file = Path(new) / "0003.json"
    value = json.loads(file.read_text(encoding="utf-8"))
    change(value)
    file.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(HarnessError, match=re.escape(said)):
        compare_files(old, new)
    file.write_text("", encoding="utf-8")
    with pytest.raises(HarnessError, match="an empty file"):
        compare_files(old, new)


def test_pytest_benchmark_itself_reads_what_we_write(tmp_path: Path) -> None:
    from pytest_benchmark.stats import Stats
    from pytest_benchmark.storage.file import FileStorage

    values = [0.011, 0.010, 0.0105, 0.013, 0.0101]
    readings = [Reading("b", (Figure("step", each, "s", "time"),)) for each in values]
    (tmp_path / "0001_x.json").write_text(
        json.dumps(write_pytest_json(readings, MACHINE)), encoding="utf-8"
    )
    logger = SimpleNamespace(warning=pytest.fail, info=print)
    storage = FileStorage(str(tmp_path), logger, default_machine_id="")
    (read,) = storage.load_benchmarks("0001")
    theirs = Stats()
    for each in values:
        theirs.update(each)
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "total", "ops"):
        assert read[name] == pytest.approx(getattr(theirs, name)), name
    assert {*Stats.fields} <= read.keys(), "their table asks for each of these"
    with pytest.raises(HarnessError, match="must hold a time"):
        write_pytest_json([Reading("b", (Figure("flops", 1.0, "count", "exact"),))], MACHINE)
