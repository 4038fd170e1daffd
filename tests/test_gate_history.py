"""The history of gates: lines that survive, and changes of level that are real."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.gate import history
from harness.gate.revisions import changes, trees
from harness.messages.errors import HarnessError
from harness.reports import render_history
from harness.stats.changes import change_points
from tests.example_gate import PEAK, STEP, example
from tests.test_gate_sides import commit, git


def gate(at: int, step: float, peak: float = 100.0, fingerprint: str = "one"):  # type: ignore[no-untyped-def]
    rows = (replace(STEP, head=step), replace(PEAK, head=peak))
    time = f"2026-11-{1 + at // 24:02d}T{at % 24:02d}:00:00+00:00"
    return example(rows=rows, time=time, fingerprint=fingerprint)


def test_a_torn_line_is_told_and_stays_and_loses_no_other(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "history.jsonl"
    history.append(gate(0, 0.01), file)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:50])
    history.append(gate(1, 0.02), file)
    lines, told = history.read(file)
    assert [line["figures"][0]["head"] for line in lines] == [0.01, 0.02]
    assert len(told) == 1
    assert "line 2 is left out: cut off" in told[0]
    assert whole[:50] in file.read_bytes()
    file.write_bytes(file.read_bytes() + b'{"format": 9}\n\xff\n{"format": 1}\n')
    assert len(history.read(file)[1]) == 4
    assert told[0] in render_history(lines, told).replace("&#39;", "'")
    with pytest.raises(HarnessError, match="must be a file that can be read"):
        history.read(tmp_path / "none")


def _add(file: Path, first: int) -> None:
    for at in range(first, first + 10):
        history.append(gate(at, 0.01), file)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(file, 10 * at)) for at in range(3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    lines, told = history.read(file)
    assert len(lines) == 30
    assert told == ()


def test_other_machines_are_kept_apart_and_exact_figures_need_no_test(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    for at in range(6):
        history.append(gate(at, 0.01, 100.0 + (at >= 4)), file)
        history.append(gate(at, 9.0, 7.0, "two"), file)
    found = history.series_of(history.read(file)[0])
    assert {(each.fingerprint, each.figure): each.changes for each in found} == {
        ("one", "step"): (), ("one", "peak"): (4,), ("two", "step"): (), ("two", "peak"): (),
    }  # fmt: skip
    assert all(len(each.points) == 6 for each in found)


def test_a_step_of_ten_per_cent_is_found_where_it_is(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    values = 0.01 * np.exp(0.03 * random.standard_normal(60))
    values[35:] *= 1.1
    file = tmp_path / "history.jsonl"
    for at, value in enumerate(values):
        history.append(gate(at, float(value)), file)
    lines, _ = history.read(file)
    (step,) = (each for each in history.series_of(lines) if each.figure == "step")
    assert len(step.changes) == 1
    assert abs(step.changes[0] - 35) <= 1
    page = render_history(lines)
    assert "1 of 2 figures changed its level." in page
    assert page.count("<figure") == 1, "bytes never varied"


def test_a_history_within_the_repository_is_no_change_of_it(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    commit(repo, {"code.py": "", ".gitignore": "kept/\n"}, "first")
    past, ignored = repo / "deep" / "päst *.jsonl", repo / "kept" / "past.jsonl"
    for file in (past, ignored):
        history.append(gate(0, 0.01), file)
    assert [each.name for each in past.parent.iterdir()] == [past.name], "no lock beside it"
    assert len(changes(repo)) == 1
    own = (past, ignored, tmp_path / "elsewhere.jsonl", repo / "none.jsonl")
    assert changes(repo, own) == ()
    with trees(repo, "main", None, tmp_path / "trees", own) as both:
        assert both.head.commit == both.base.commit
    (repo / "code.py").write_text("changed", encoding="utf-8")
    with trees(repo, "main", None, tmp_path / "trees", own) as both:
        assert (both.head.folder / "code.py").read_text(encoding="utf-8") == "changed"
        assert "(1 file; untracked files count)" in both.notes[0]
        assert not (both.head.folder / "deep").exists()
    commit(repo, {}, "all, the history with it")
    history.append(gate(1, 0.01), past)
    assert len(changes(repo, own)) == 1, "one that git tracks counts as any file does"


@pytest.mark.parametrize("n", [20, 100])
def test_false_alarms_are_as_rare_as_stated(n: int) -> None:
    """At p <= .001 more than 4 of 500 series come in 0.02 % of such tests."""
    random = np.random.default_rng(n)
    alarms = sum(bool(change_points(random.standard_normal(n), seed=at)) for at in range(500))
    assert alarms <= 4


def test_most_steps_are_found() -> None:
    """Of 10 % at 3 % noise in the middle of 20 values: 94 of 100 in a simulation."""
    found = 0
    for at in range(60):
        values = np.exp(0.03 * np.random.default_rng(at).standard_normal(20))
        values[10:] *= 1.1
        found += bool(change_points(values))
    assert found >= 48


def test_two_steps_are_both_found_and_little_says_nothing() -> None:
    values = np.concatenate([np.full(30, 1.0), np.full(30, 2.0), np.full(30, 1.0)])
    values += 0.01 * np.random.default_rng(0).standard_normal(90)
    assert change_points(values) == [30, 60]
    assert change_points(np.ones(50)) == []
    assert change_points([1.0] * 4 + [2.0] * 5) == []
    with pytest.raises(ValueError, match="finite"):
        change_points([1.0, np.nan])
    with pytest.raises(ValueError, match="cannot give"):
        change_points([1.0], permutations=100)
