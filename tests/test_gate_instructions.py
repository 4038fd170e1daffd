"""Instructions under valgrind: more work shows, equal code is equal, and nothing is no pass."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.gate import instructions as of_sides
from harness.gate.exact import judge_exact
from harness.gate.figures import Figure, Reading
from harness.gate.instructions import compiled, instructions, tools
from harness.gate.rounds import Measuring, Taken
from harness.gate.sides import Side, twin
from harness.gate.what import CommandWhat, FunctionWhat, PytestWhat, StudyWhat, What
from harness.messages.errors import HarnessError
from harness.probe.instructions import COUNTED, TOLERANCE, Counter, summary

NO_COMPILER = shutil.which("cc") is None
needs_compiler = pytest.mark.skipif(NO_COMPILER, reason="there is no C compiler (cc)")
needs_valgrind = pytest.mark.skipif(
    NO_COMPILER or shutil.which("valgrind") is None, reason="there is no valgrind, or no cc"
)
WORK = FunctionWhat("pack.code:work", "pack.code:work", "pack.code", "work")
CODE = """
def work():
    kept = {}
    for number in range(TIMES):
        kept[f"name {number}"] = [number] * 3
    return sorted(kept)
"""


def program(file: Path, text: str) -> Path:
    """Write a program of the shell."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def side(folder: Path, name: str, code: str) -> Side:
    """Return a side whose code is all in one module."""
    tree = folder / name
    (tree / "pack").mkdir(parents=True, exist_ok=True)
    (tree / "pack/__init__.py").write_text("", encoding="utf-8")
    (tree / "pack/code.py").write_text(code, encoding="utf-8")
    return Side(name, name, tree, Path(sys.executable), tree, (tree,), ("pack",), tree)


def counted(folder: Path, base: str, head: str, *more: What, control: bool = False) -> Taken:
    before = side(folder, "base", base)
    sides = [before, side(folder, "head", head), *([twin(before)] if control else [])]
    return instructions(sides, [WORK, *more], folder / "neutral", Measuring(timeout=60))


def value(taken: Taken, name: str) -> float:
    (reading,) = taken.readings[name]
    (figure,) = reading.figures
    assert (reading.benchmark, figure.name) == (WORK.title, "instructions")
    assert (figure.unit, figure.judged, figure.tolerance) == ("count", "exact", TOLERANCE)
    return figure.value


@pytest.mark.slow
@needs_valgrind
def test_a_tenth_more_work_is_a_tenth_more_and_a_twin_is_equal(tmp_path: Path):
    tests = CommandWhat("cmd:true", "true", ("true",))
    less, more = (CODE.replace("TIMES", times) for times in ("300", "330"))
    taken = counted(tmp_path, less, more, tests, control=True)
    base = value(taken, "base")
    assert value(taken, "twin") == pytest.approx(base, rel=TOLERANCE)
    assert value(taken, "head") == pytest.approx(1.1 * base, rel=0.02)
    assert taken.notes[-1] == ("true: its instructions are not counted, as it is a command.")


@needs_valgrind
def test_other_text_with_equal_work_is_within_the_tolerance(tmp_path: Path):
    """What lies in memory by then differs, and Python's own allocator would do more or less."""
    code = "def work():\n    return sum(range(3000))\n"
    more = f"MANY = [str(number) for number in range(1234)]\nTEXT = 'a'\n\n\n{code}"
    taken = counted(tmp_path, code, more)
    assert value(taken, "head") == pytest.approx(value(taken, "base"), rel=TOLERANCE)
    assert 50_000 < value(taken, "head") < 5_000_000


TESTS = """
import pytest
from pack.code import work


def sums(numbers, *, kept):
    for number in numbers:
        kept.append(number * number)
    assert len(kept) == len(numbers)


@pytest.mark.parametrize("times", [1, 2])
def test_work(benchmark, times):
    benchmark(lambda: [work() for _ in range(times)])


def test_set_up(benchmark):
    benchmark.pedantic(sums, setup=lambda: ((range(1000),), {"kept": []}), rounds=3)
"""


@needs_valgrind
@pytest.mark.slow
def test_the_function_of_a_test_is_counted_and_no_set_up(tmp_path: Path):
    sides = []
    for name, times in (("base", "100"), ("head", "110")):
        own = side(tmp_path, name, CODE.replace("TIMES", times))
        (own.tree / "bench_it.py").write_text(TESTS, encoding="utf-8")
        sides.append(replace(own, benchmarks=tmp_path / "head"))
    what = PytestWhat("bench_it.py", "bench_it.py", "bench_it.py", "")
    taken = instructions([*sides, twin(sides[0])], [what], tmp_path / "neutral",
                         Measuring(timeout=120))  # fmt: skip
    values = {
        name: {each.benchmark.partition("::")[2]: each.figures[0].value for each in read}
        for name, read in taken.readings.items()
    }
    base, head = values["base"], values["head"]
    assert list(base) == ["test_work[1]", "test_work[2]", "test_set_up"]
    assert values["twin"] == pytest.approx(base, rel=TOLERANCE)
    assert head["test_work[1]"] == pytest.approx(1.1 * base["test_work[1]"], rel=0.02)
    assert base["test_work[2]"] == pytest.approx(2 * base["test_work[1]"], rel=0.02)
    assert head["test_set_up"] == pytest.approx(base["test_set_up"], rel=TOLERANCE)


@needs_valgrind
def test_a_crash_under_valgrind_is_an_error(tmp_path: Path):
    code = "import os\ndef work():\n    os.kill(os.getpid(), 11)\n"
    with pytest.raises(HarnessError, match=r"pack.code:work must run on (base|head); got signal"):
        counted(tmp_path, code, code)


@needs_valgrind
@pytest.mark.slow
def test_a_training_step_counts_the_same_again_and_more_with_a_wider_layer(tmp_path: Path):
    study = """
from harness import Factor, Scale, Study, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD


def build(scale, width):
    return Training(digits(), MLP(hidden=(width,)), SGD(lr=0.1), batch_size=64, epochs=2)


study = Study("sizes", "Does width matter?", build=build,
    factors=[Factor("width", levels=(32, 33))], scales={"quick": Scale(seeds=5)})
"""
    (tmp_path / "base").mkdir()
    (tmp_path / "base/sizes.py").write_text(study, encoding="utf-8")
    what = StudyWhat("sizes.py", "sizes.py", "sizes.py", "", in_file=True)
    tree = tmp_path / "base"
    own = Side("base", "base", tree, Path(sys.executable), tree, (), (), tree)
    sides = [own, replace(own, name="head")]
    taken = instructions(sides, [what], tmp_path / "neutral", Measuring())
    values = {
        name: {each.benchmark: each.figures[0].value for each in read}
        for name, read in taken.readings.items()
    }
    assert sorted(values["base"]) == ["sizes.py#width=32", "sizes.py#width=33"]
    assert values["head"] == pytest.approx(values["base"], rel=TOLERANCE)
    less, more = values["base"].values()
    assert less * (1 + TOLERANCE) < more < 1.2 * less


def test_without_valgrind_or_compiler_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError) as error:
        counted(tmp_path, CODE, CODE)
    assert str(error.value) == (
        "--instructions must find valgrind and a C compiler; got no valgrind and no C compiler "
        "(cc). Install both (apt-get install valgrind gcc, say; there is none for macOS and "
        "Windows), or leave --instructions out."
    )
    program(tmp_path / "valgrind", "exit 1")
    with pytest.raises(HarnessError, match=r"got no C compiler \(cc\)\. Install"):
        tools()


def test_a_compiler_that_fails_is_told(tmp_path: Path):
    compiler = program(tmp_path / "cc", "echo 'ask.c:3: error: no assembler' >&2; exit 1")
    with pytest.raises(HarnessError, match=r"got ask\.c:3: error: no assembler"):
        compiled(str(compiler), tmp_path)


def test_a_compiler_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compiler = program(tmp_path / "cc", "sleep 60")
    monkeypatch.setattr(of_sides, "SECONDS", 0.2)
    with pytest.raises(HarnessError, match=r"cc -O1 .* must end within 0\.2 s; got no end"):
        compiled(str(compiler), tmp_path)


@needs_compiler
def test_a_process_that_did_not_run_in_valgrind_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = 'while case "$1" in -*) true;; *) false;; esac; do shift; done; exec "$@"'
    program(tmp_path / "bin/valgrind", run)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    with pytest.raises(HarnessError, match="does not run in valgrind: nothing would be counted"):
        counted(tmp_path, CODE.replace("TIMES", "9"), CODE.replace("TIMES", "9"))


@needs_compiler
@pytest.mark.parametrize("written", [None, "", "events: Ir\n", "summary: 0\n"])
def test_no_sample_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None
):
    library = compiled(str(shutil.which("cc")), tmp_path)
    counter = Counter.__new__(Counter)
    with pytest.raises(RuntimeError, match="does not run in valgrind"):
        counter.__init__(library, tmp_path)

    def ask(request: int) -> int:
        if written is not None:
            (tmp_path / f"{COUNTED}.1").write_text(written)
        return 1

    monkeypatch.setattr(counter, "_ask", ask)
    with pytest.raises(RuntimeError, match="callgrind has counted no instruction"):
        counter.of(list)


def test_the_sum_of_a_file_of_callgrinds_is_read(tmp_path: Path):
    file = tmp_path / "counted.1"
    file.write_text("version: 1\nevents: Ir\nsummary: 1234\n\nfn=(1) a\n1 1234\n\ntotals: 1234\n")
    assert summary(file) == 1234


def test_nothing_that_can_be_counted_is_an_error(tmp_path: Path):
    own = side(tmp_path, "base", CODE)
    what = CommandWhat("cmd:true", "true", ("true",))
    with pytest.raises(HarnessError, match="must be given a study, tests or a function; got true"):
        instructions([own], [what], tmp_path, Measuring())
    with pytest.raises(HarnessError, match="must be counted on the CPU; got --device cuda"):
        instructions([own], [WORK], tmp_path, Measuring(device="cuda"))
    with pytest.raises(HarnessError, match="must be given what to measure"):
        instructions([own], [], tmp_path, Measuring())


@pytest.mark.parametrize(
    ("head", "answer", "why"),
    [
        (1004, "pass", "within its tolerance of 0.5 %"),
        (1006, "fail", "The work changed, by more than its tolerance of 0.5 %"),
        (900, "pass", "Fewer instructions: 1,000 → 900"),
    ],
)
def test_a_row_says_that_the_work_changed_and_not_that_it_is_slower(
    head: int, answer: str, why: str
):
    figure = [Figure("instructions", each, "count", "exact", tolerance=TOLERANCE)
              for each in (1000, head)]  # fmt: skip
    (row,) = judge_exact(*(Reading("a", (each,)) for each in figure)).rows
    assert row.answer == answer
    assert why in row.why
    assert "slower" not in row.why or "only times tell" in row.why
