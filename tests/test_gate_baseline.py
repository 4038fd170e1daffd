"""Exact figures and stored baselines: each way to be wrong has its own words, and none passes."""

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate import baseline
from harness.gate.exact import judge_exact
from harness.gate.figures import Figure, Reading
from harness.gate.fingerprints import differences, fingerprint, here
from harness.messages.errors import HarnessError

MACHINE = {"cpu": "one", "flags": "avx avx2", "cpus": "2", "python": "3.11.7", "torch": "2.15.0"}


def reading(*changed: Figure, without: tuple[str, ...] = ()) -> Reading:
    figures = {
        "flops": Figure("flops", 1000.0, "count", "exact"),
        "parameters": Figure("parameters", 50.0, "count", "exact"),
        "peak": Figure("peak", 4.096e6, "bytes", "exact", tolerance=0.01),
        "operators/aten::add": Figure("operators/aten::add", 3.0, "count", "exact"),
        "step": Figure("step", 0.01, "s", "time"),
    }
    figures |= {each.name: each for each in changed}
    return Reading("b", tuple(x for name, x in figures.items() if name not in without))


def answers(head: Reading, base: Reading | None = None) -> dict[str, str]:
    found = judge_exact(base or reading(), head)
    assert not found.problems
    return {row.figure: row.answer for row in found.rows}


def exact(name: str, value: float, unit: str = "count", **more) -> Figure:  # type: ignore[no-untyped-def]
    return Figure(name, value, unit, "exact", **more)


def test_equal_passes_worse_fails_and_better_passes_and_is_told() -> None:
    assert set(answers(reading()).values()) == {"pass"}
    assert answers(reading(exact("flops", 1001)))["flops"] == "fail"
    found = judge_exact(reading(), reading(exact("flops", 900)))
    (row,) = (row for row in found.rows if row.figure == "flops")
    assert (row.answer, row.changed) == ("pass", True)
    assert row.why.startswith("Better")


def test_a_tolerance_lets_worse_pass_and_the_smaller_one_counts() -> None:
    near, far = (exact("peak", value, "bytes", tolerance=0.01) for value in (4.13e6, 4.14e6))
    assert answers(reading(near))["peak"] == "pass"
    assert answers(reading(far))["peak"] == "fail"
    loose = judge_exact(reading(), reading(replace(far, tolerance=0.5)))
    assert [row.answer for row in loose.rows if row.figure == "peak"] == ["fail"]
    assert "another tolerance" in loose.notes[0]


def test_less_than_a_page_of_memory_is_no_finding() -> None:
    small = exact("peak", 152.0, "bytes", tolerance=0.01)
    for value, answer in ((152 + 4095, "pass"), (152 + 4096, "fail")):
        found = answers(reading(replace(small, value=value)), reading(small))
        assert found["peak"] == answer


@pytest.mark.parametrize("value", [49.0, 51.0])
def test_parameters_must_be_the_same(value: float) -> None:
    assert answers(reading(exact("parameters", value)))["parameters"] == "fail"


def test_an_operator_more_fails_and_one_less_is_better() -> None:
    assert answers(reading(exact("operators/aten::clone", 2)))["operators/aten::clone"] == "fail"
    assert answers(reading(without=("operators/aten::add",)))["operators/aten::add"] == "pass"
    assert answers(reading(exact("depth", 2)))["depth"] == "new"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (reading(without=("flops",)), "flops has vanished"),
        (reading(without=("step",)), "step has vanished"),
        (reading(exact("flops", 1000, better="higher")), "flops has flipped its direction"),
        (reading(exact("flops", 1000, "bytes")), "flops has another unit"),
        (reading(Figure("step", 0.01, "s", "shown")), "step is judged otherwise"),
        (reading(exact("flops", math.nan)), "flops is no number"),
    ],
)
def test_what_cannot_be_compared_is_a_problem(head: Reading, said: str) -> None:
    assert any(said in each for each in judge_exact(reading(), head).problems)


def test_a_baseline_holds_exact_figures_of_several_machines(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "baseline.json"
    other = MACHINE | {"cpu": "two"}
    baseline.save([reading()], file, other, commit="abc")
    own = baseline.save([reading(exact("flops", 7))], file, MACHINE)
    found = baseline.load(file)
    assert found.machines.keys() == {own, fingerprint(other)}
    assert found.of(other).commit == "abc"
    assert all(each.judged == "exact" for each in found.of(MACHINE).readings[0].figures)
    judged = baseline.compare(found.of(MACHINE), [reading()])
    assert [row.figure for row in judged.rows if row.answer == "fail"] == ["flops"]
    assert not judged.problems


def test_benchmarks_that_vanish_are_problems_and_added_ones_are_new(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.save([reading()], file, MACHINE)
    stored = baseline.load(file).of(MACHINE)
    found = baseline.compare(stored, [replace(reading(), benchmark="renamed")])
    assert found.problems[0].startswith("b has vanished")
    assert {row.answer for row in found.rows} == {"new"}
    assert baseline.compare(stored, []).problems


def test_another_machine_is_refused_with_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.save([reading()], file, MACHINE)
    other = MACHINE | {"torch": "2.16.0", "flags": "avx avx512f"}
    with pytest.raises(HarnessError, match="torch") as caught:
        baseline.load(file).of(other)
    assert "without avx2, with avx512f" in str(caught.value)
    assert differences(MACHINE, MACHINE | {"python": "3.11.9"}) == []
    assert fingerprint(MACHINE) == fingerprint(MACHINE | {"python": "3.11.9", "note": "x"})
    assert fingerprint(MACHINE) != fingerprint(MACHINE | {"python": "3.12.0"})


def spoiled(change: Callable[[dict], object]) -> Callable[[str], str]:  # type: ignore[type-arg]
    def spoil(text: str) -> str:
        value = json.loads(text)
        change(value)
        return json.dumps(value)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "an empty file"),
        (lambda text: text[:-30], "no JSON"),
        (lambda text: text.replace("1000.0", "NaN"), "NaN is no number"),
        (lambda text: text.replace("1000.0", '"many"'), "no number"),
        (lambda text: "[1]", "list"),
        (spoiled(lambda value: value.update(format=3)), "3"),
        (spoiled(lambda value: value.update(machines={})), "none"),
        (lambda text: text.replace("avx2", "avx9"), "parts that make"),
        (
            spoiled(lambda value: next(iter(value["machines"].values())).update(readings=[])),
            "parts and readings",
        ),
    ],
)
def test_a_baseline_that_is_not_whole_is_refused_and_left(
    tmp_path: Path, spoil: Callable[[str], str], said: str
) -> None:
    file = tmp_path / "baseline.json"
    baseline.save([reading()], file, MACHINE)
    spoilt = spoil(file.read_text(encoding="utf-8"))
    file.write_text(spoilt, encoding="utf-8")
    with pytest.raises(HarnessError, match=re.escape(said)):
        baseline.load(file)
    with pytest.raises(HarnessError):
        baseline.save([reading()], file, MACHINE)
    assert file.read_text(encoding="utf-8") == spoilt


def test_nothing_is_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="not there"):
        baseline.load(tmp_path / "none.json")
    times = Reading("b", (Figure("step", 0.01, "s", "time"),))
    for readings, said in (([], "no reading"), ([times], "none of b"), ([reading()] * 2, "twice")):
        with pytest.raises(HarnessError, match=said):
            baseline.save(readings, tmp_path / "new.json", MACHINE)
    with pytest.raises(HarnessError, match="nan"):
        baseline.save([reading(exact("flops", math.nan))], tmp_path / "new.json", MACHINE)
    assert not (tmp_path / "new.json").exists()


def test_this_machine_is_named_also_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = here()
    assert {"cpu", "flags", "cpus", "torch", "threads", "python"} <= found.keys()
    assert found["torch"] != "none"
    monkeypatch.setitem(sys.modules, "torch", None)
    bare = here(versions={"torch": "1.0"})
    assert bare["torch"] == "1.0"
    assert bare["cpu"] == found["cpu"]
