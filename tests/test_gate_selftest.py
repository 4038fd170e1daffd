"""What the gate's own test makes of gates."""

import pytest

from tests import gate_selftest as selftest
from tests.gate_selftest import CASES, Case, Gate, missed, read, summary, wilson

FAILED = {"answer": "fail", "rows": [{"answer": "fail", "basis": "time", "pairs": 12}]}


def gates(case: Case, **counts: int) -> list[Gate]:
    return [
        Gate(case.name, answer, (case.basis,) if answer == "fail" else (), 8, 60.0)
        for answer, count in counts.items()
        for _ in range(count)
    ]


def test_targets_are_met_and_missed() -> None:
    same, ten, copy = CASES["same"], CASES["10"], CASES["copy"]
    assert not missed(same, gates(same, **{"pass": 99, "fail": 1}))
    assert missed(same, gates(same, **{"pass": 98, "fail": 2})) == "2 false alarms"
    assert missed(same, gates(same, **{"pass": 99})) == "99 of 100 gates"
    assert missed(same, []) == "0 of 100 gates"
    assert not missed(ten, gates(ten, fail=36, inconclusive=4))
    assert missed(ten, gates(ten, fail=35, inconclusive=5)) == "35 of 40 caught by time"
    assert missed(ten, gates(ten, fail=39, error=1)) == "a gate ended in an error"
    by_another = [Gate("copy", "fail", ("time",), 8, 1.0)] * copy.gates
    assert missed(copy, by_another) == "0 of 3 caught by exact"


def test_a_gate_that_says_two_things_is_an_error() -> None:
    assert read("10", 1, FAILED, "", 1.0) == Gate("10", "fail", ("time",), 12, 1.0)
    for code, said in ((0, FAILED), (2, FAILED), (0, {}), (0, {"answer": "pass", "rows": []})):
        assert read("10", code, said, "", 1.0).answer == "error"


def test_wilsons_interval_is_the_published_one() -> None:
    assert wilson(0, 0) == (0, 1)
    assert wilson(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 100)[1] == pytest.approx(0.0370, abs=1e-4)


def test_nothing_that_ran_is_no_success() -> None:
    assert summary([], [CASES["same"]])[1] is False
    table, right = summary(gates(CASES["10"], fail=40), [CASES["10"]])
    assert right
    assert "| 10 | 40 | 40 | 91.2 to 100.0 % | 0 | 0 | 0 | 8.0 | 1.0 | met |" in table


def test_a_run_goes_on_where_it_was(tmp_path, monkeypatch, capsys) -> None:
    ran = []

    def pretended(case: Case) -> Gate:
        ran.append(case.name)
        return gates(case, fail=1)[0]

    monkeypatch.setattr(selftest, "one_gate", pretended)
    words = ["--cases", "10,20", "--out", str(tmp_path / "test.md"), "--gates"]
    assert selftest.main([*words, "2"]) == 0
    with (tmp_path / "test.jsonl").open("a") as file:
        file.write('{"case": "10", "ans')
    assert selftest.main([*words, "3"]) == 0
    assert ran == ["10", "20"] * 3
    assert "| 20 | 3 | 3 |" in (tmp_path / "test.md").read_text()


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_each_case_is_code_that_differs(case, tmp_path) -> None:
    texts = []
    for name, changed in (("base", {}), ("head", case.changed)):
        package = selftest.write_side(tmp_path / name, changed) / "injected"
        texts.append([(package / file).read_text() for file in ("__init__.py", "step.py")])
    for text in texts[1]:
        compile(text, "head", "exec")
    assert (texts[0] == texts[1]) == case.name.startswith("same")
