"""Tests of pytest-benchmark under a gate: what the function that they time does, counted."""

import itertools
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.probe import tested
from harness.probe.counts import operators, python_calls
from tests.test_gate_sides import CODE, commit, git, measured

Figures = dict[str, float]
NUMBERS = itertools.count()
"""Of files: a module is imported once in this process."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # for which nothing is timed
    return tmp_path


def read(body: str, part: str = "exact", node: str = "") -> dict[str, Figures]:
    """Run tests in this process; return the figures of each benchmark."""
    file = Path(f"bench_{next(NUMBERS)}.py")
    file.write_text(f"import pytest, torch\n{body}", encoding="utf-8")
    asked = {
        "part": part, "folder": str(Path.cwd()), "seconds": 0.01, "own": ["own"], "lacking": {},
        "skipped": {}, "names": [], "run": str(Path.cwd()),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a process that measures
        found: list[Any] = tested.prepared({"file": file.name, "node": node}, asked)()
    return {
        one["benchmark"].partition("::")[2]: {
            # some hundred bytes of Python's, which differ with its version
            x["name"]: x["value"]
            for x in one["figures"]
            if x["name"] != "peak_python"
        }
        for one in found
    }


PLAIN = """
x = torch.ones(64, 64)
def work(left, right):
    return left @ right
def test_it(benchmark):
    assert benchmark(work, x, right=x)[0, 0] == 64
    assert benchmark.stats.stats.rounds >= 1
"""


def test_the_function_is_counted_and_a_redundant_clone_shows() -> None:
    assert (plain := read(PLAIN)["test_it"]) == {
        "operators/aten::mm": 1, "operators": 1, "flops": 2 * 64**3, "python_calls": 2,
        "peak": 4 * 64**2,
    }  # fmt: skip
    more = read(PLAIN.replace("return left", "return left.clone()"))["test_it"]
    assert more["operators/aten::clone"] == 1
    assert more["peak"] == 2 * plain["peak"]


def test_a_tensor_that_is_held_shows() -> None:
    held = PLAIN.replace(
        "    return left", "    HELD.append(torch.ones(1000, 1000))\n    return left"
    )
    more, plain = read(f"HELD = []\n{held}"), read(PLAIN)
    assert more["test_it"]["peak"] >= plain["test_it"]["peak"] + 4_000_000


PEDANTIC = """
def made():
    made.calls = getattr(made, "calls", 0) + 1
    return ([torch.ones(64, 64).clone()],), {"right": torch.ones(64, 64)}
def work(left, right):
    return left.pop() @ right  # which works once
def ended(left, right):
    ended.calls = getattr(ended, "calls", 0) + 1
    assert right + right is not left
def test_it(benchmark):
    assert benchmark.pedantic(work, setup=made, teardown=ended, rounds=50)[0, 0] == 64
    assert 5 < made.calls == ended.calls < 20
def test_args(benchmark):
    left = torch.ones(64, 64)
    benchmark.pedantic(torch.mm, args=(left,), kwargs={"mat2": left}, iterations=3, rounds=2)
"""


def test_a_pedantic_test_has_its_setup_before_each_call_and_not_counted() -> None:
    found = read(PEDANTIC)
    assert found["test_it"] == {
        "operators/aten::mm": 1, "operators": 1, "flops": 2 * 64**3, "python_calls": 2,
        "peak": 3 * 4 * 64**2,  # the arguments that were set up, and the product
    }  # fmt: skip
    assert found["test_args"]["peak"] == 4 * 64**2
    assert found["test_args"]["flops"] == 2 * 64**3


def test_names_are_those_of_times_also_of_parameters_and_classes() -> None:
    body = (
        "class TestAll:\n"
        "    @pytest.mark.parametrize('size', [8, 16])\n"
        "    def test_it(self, benchmark, size):\n"
        "        benchmark(torch.ones, size)\n"
        "def test_none(): ...\n"
    )
    counted, timed = read(body), read(body, "time")
    assert list(counted) == list(timed) == ["TestAll::test_it[8]", "TestAll::test_it[16]"]
    assert counted["TestAll::test_it[16]"]["peak"] == 2 * counted["TestAll::test_it[8]"]["peak"]
    assert list(read(body, node="TestAll::test_it[8]")) == ["TestAll::test_it[8]"]


@pytest.mark.parametrize("part", ["exact", "time"])
def test_a_test_that_never_calls_benchmark_is_an_error(part: str) -> None:
    for body in ("def test_it(benchmark): ...\n", "def test_it(): ...\n"):
        with pytest.raises(RuntimeError, match="no benchmark was run: no test there uses"):
            read(body, part)


@pytest.mark.parametrize("part", ["exact", "time"])
def test_what_fails_is_told(part: str) -> None:
    with pytest.raises(
        RuntimeError, match=r"pytest ended with 1: .*::test_\w+: \w+: this is why"
    ) as error:
        read("def work(): raise ValueError('this is why')\n"
             "def test_it(benchmark): benchmark(work)\n", part)  # fmt: skip
    assert ("--only-time leaves that out" in str(error.value)) == (part == "exact")
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
        read("import nowhere\n", part)
    with pytest.raises(RuntimeError, match="Fixture can only be used once"):
        read("def test_it(benchmark):\n    benchmark(int)\n    benchmark(int)\n", part)


def test_what_belongs_to_a_step_is_not_counted() -> None:
    happened = []

    @contextmanager
    def around() -> Iterator[None]:
        happened.append(str(torch.ones(2).sum()))
        yield
        happened.append(str(torch.ones(2).sum()))

    assert operators(lambda: torch.ones(2), around) == {"aten::ones": 1}
    assert python_calls(lambda: None, around) == 1
    assert len(happened) == 8


def test_a_gate_counts_tests_of_both_sides(folder: Path) -> None:
    (repo := folder / "repo").mkdir()
    git(repo, "init", "-q", "-b", "main")
    bench = "from pack.code import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    commit(repo, {"pack/__init__.py": "", "pack/code.py": CODE, "bench_it.py": bench})
    (repo / "pack/code.py").write_text(
        "def one(): ...\n\n\ndef work():\n    one()\n    return sum(range(2000))\n",
        encoding="utf-8",
    )
    taken = measured(repo, folder, "bench_it.py")
    values = {
        side: {each.name: each.value for each in readings[0].figures}
        for side, readings in taken.readings.items()
    }
    assert {each.benchmark for each in taken.readings["base"]} == {"bench_it.py::test_work"}
    assert values["base"] == values["twin"]
    assert values["head"]["python_calls"] == values["base"]["python_calls"] + 1
