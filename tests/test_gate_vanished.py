"""Arms and tests that head's files have no more, or skip: none of them goes unseen."""

import contextlib
from pathlib import Path

import pytest

from harness.gate.environments import here
from harness.gate.revisions import Tree
from harness.gate.rounds import Measuring
from harness.gate.vanished import check_vanished
from harness.gate.what import parse
from tests.test_gate_command import STUDY, gate, repo, result, rows
from tests.test_gate_sides import CODE, commit

__all__ = ["repo"]  # a fixture

WORDS = ["--base", "main", "--only-exact"]
ONE = """import pack.code, pytest

@pytest.mark.parametrize("size", [1, 2])
def test_some(benchmark, size):
    benchmark(pack.code.work)

def test_more(benchmark):
    {more}
    benchmark(pack.code.work)
"""
NEEDS = "hasattr(pack.code, 'fast') or pytest.skip('nothing is fast here')"
FAST = CODE + "fast = 1\n"


def bench(more: str = "pass") -> str:
    return ONE.format(more=more)


def problem(*words: str) -> str:
    assert gate(*WORDS, *words) == 2
    (said,) = result()["problems"]
    return str(said)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_a_test_that_skips_on_one_side_is_a_problem_at_head_and_new_at_base(repo: Path) -> None:
    commit(repo, {"bench.py": bench(NEEDS), "pack/code.py": FAST}, "fast")
    (repo / "pack/code.py").write_text(CODE, encoding="utf-8")
    assert problem("bench.py") == (
        "bench.py::test_more must run at head as it does at base; got a skip at head, where base "
        "was measured (nothing is fast here). Take the skip away. Name the tests that are left, if "
        "that is meant."
    )
    commit(repo, {}, "slow")
    (repo / "pack/code.py").write_text(FAST, encoding="utf-8")
    assert gate(*WORDS, "bench.py") == 0
    answers = {row["benchmark"]: row["answer"] for row in result()["rows"]}
    assert answers == {
        "bench.py::test_some[1]": "pass",
        "bench.py::test_some[2]": "pass",
        "bench.py::test_more": "new",
    }
    why = rows(benchmark="bench.py::test_more", figure="flops")[0]["why"]
    assert "it is skipped there (nothing is fast here)" in why


def test_a_file_that_skips_itself_on_both_sides_is_no_pass_and_new_where_base_does(
    repo: Path,
) -> None:
    whole = bench().replace("pytest\n", "pytest\npytest.importorskip('pack.more')\n", 1)
    commit(repo, {"bench.py": whole}, "more")
    said = problem("bench.py")
    assert "bench.py must measure something; got nothing but skips" in said
    (repo / "pack/more.py").write_text("", encoding="utf-8")
    assert gate(*WORDS, "bench.py") == 0
    assert {row["answer"] for row in result()["rows"]} == {"new"}


BY_FILE = "which the base's own file runs"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "pass",
            "pytest.skip('no time')",
            f"a skip of bench.py::test_more, {BY_FILE} (no time).",
        ),
        (
            "pytest\n",
            "pytest\npytest.skip('all', allow_module_level=True)\n",
            f"test_some[1], bench.py::test_some[2], bench.py::test_more, {BY_FILE} (all)",
        ),
        (
            "def test_more",
            "@pytest.mark.xfail(run=False)\ndef test_more",
            f"test_more, {BY_FILE} (xfail: ",
        ),
        ("[1, 2]", "[2]", "got none called bench.py::test_some[1]: vanished"),
    ],
)
def test_what_heads_file_skips_on_both_sides_and_the_bases_own_runs_is_a_problem(
    repo: Path, old: str, new: str, said: str
) -> None:
    commit(repo, {"bench.py": bench()}, "bench")
    (repo / "bench.py").write_text(bench().replace(old, new, 1), encoding="utf-8")
    assert said in problem("bench.py")


@pytest.mark.slow
def test_a_test_that_both_files_skip_is_noted_once_and_naming_the_others_is_the_way_out(
    repo: Path,
) -> None:
    commit(repo, {"bench.py": bench("pytest.skip('no time')")}, "bench")
    (repo / "bench.py").write_text(bench("pytest.skip('none at all')"), encoding="utf-8")
    words = ["--seconds", "0.3", "--budget", "0.2"]  # of times the first round alone
    assert gate("--base", "main", *words, "bench.py") in {0, 3}
    said = "Skipped on both sides, so not compared: bench.py::test_more (none at all)."
    assert result()["notes"].count(said) == 1
    gone = bench().replace("[1, 2]", "[2]")
    (repo / "bench.py").write_text(gone, encoding="utf-8")
    assert gate(*WORDS, "bench.py::test_some") == 0


def test_what_the_bases_file_cannot_tell_is_noted(repo: Path) -> None:
    commit(repo, {"bench.py": f"assert 0, 'does not run'\n{bench()}"}, "bench")
    (repo / "bench.py").write_text(bench(), encoding="utf-8")
    assert gate(*WORDS, "bench.py") == 0
    said = "The tests of the base's own bench.py could not be compared with head's"
    assert [said in each and "does not run" in each for each in result()["notes"]].count(True) == 1


def test_a_test_that_was_named_and_is_skipped_is_a_problem(repo: Path) -> None:
    commit(repo, {"bench.py": bench()}, "bench")
    skipped = bench().replace("def test_more", "@pytest.mark.skip('no time')\ndef test_more")
    (repo / "bench.py").write_text(skipped, encoding="utf-8")
    said = problem("bench.py::test_some", "bench.py::test_more")
    assert "bench.py::test_more must measure something; got nothing but skips (no time)" in said


def test_one_test_that_fails_by_itself_hides_no_other(repo: Path) -> None:
    commit(repo, {"bench.py": bench("assert 0, 'broken'")}, "bench")
    mended = bench().replace("[1, 2]", "[2]")
    (repo / "bench.py").write_text(mended, encoding="utf-8")
    assert "none called bench.py::test_some[1]: vanished" in problem("bench.py")


def test_tests_that_are_made_of_data_or_of_a_package_beside_are_missed(repo: Path) -> None:
    made = {
        "benches/cases.json": "[1, 2]",
        "benches/bench_it.py": (
            "import json, pathlib, pack.code, pytest\n"
            "CASES = json.loads(pathlib.Path(__file__).with_name('cases.json').read_text())\n"
            "@pytest.mark.parametrize('case', CASES)\n"
            "def test_it(benchmark, case):\n    benchmark(pack.code.work)\n"
        ),
    }
    commit(repo, made, "benches")
    (repo / "benches/cases.json").write_text("[2]", encoding="utf-8")
    assert "none called benches/bench_it.py::test_it[1]: vanished" in problem("benches/bench_it.py")


def test_an_arm_that_vanished_is_a_problem(repo: Path) -> None:
    study = f"import pack.code\n{STUDY}"
    commit(repo, {"study.py": study}, "study")
    other = study.replace("levels=(0.1, 0.2)", "levels=(0.2, 0.3)")
    (repo / "study.py").write_text(other, encoding="utf-8")
    assert problem("study.py", "--here") == (
        "study.py must have the arms that it has at base; got none called lr=0.1: vanished, or "
        "renamed. Name the arms that are left (study.py#lr=0.2), if that is meant."
    )


def test_names_are_looked_at_only_where_files_differ_and_all_of_one_is_measured(
    tmp_path: Path,
) -> None:
    """A process that lists would say so first."""
    files = {"b/study.py": f"import pack, helping\n{STUDY}", "b/helping.py": "", "pack.py": ""}
    for name in ("base", "head"):
        write(
            tmp_path / name,
            files | {"bench_it.py": bench(), "pyproject.toml": f"[tool.own]\nname = '{name}'\n"},
        )
    built = here(*(Tree(tmp_path / name, "", name) for name in ("base", "head")))

    def looked(*words: str) -> bool:
        said: list[str] = []

        def told(line: str) -> None:
            said.append(line)
            raise InterruptedError

        whats = [parse(word, tmp_path / "head") for word in words]
        with contextlib.suppress(InterruptedError):
            notes = check_vanished(built.sides, whats, tmp_path / "names", Measuring(), told)
            assert notes == ()
        return bool(said)

    every = ("b/study.py", "bench_it.py", "pack:work", "cmd:true")
    assert not looked(*every)
    write(tmp_path / "head", {"pack.py": "other = 1\n"})
    assert not looked(*every)
    write(tmp_path / "head", {"b/helping.py": "other = 1\n"})
    assert looked("b/study.py")
    assert not looked("b/study.py#lr=0.1", "bench_it.py")
    write(tmp_path / "head", {"conftest.py": ""})
    assert looked("bench_it.py")
    assert not looked("bench_it.py::test_more")
    (tmp_path / "base/bench_it.py").unlink()
    assert not looked("bench_it.py")
