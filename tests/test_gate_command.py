"""`harness gate` as a person types it: answers, exit codes, files, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.commands.cli import execute
from harness.commands.gate import _leave as leave
from harness.gate import kept
from harness.gate.asked import sides_in
from harness.gate.figures import Figure, Reading
from harness.gate.run import Gate
from harness.reports import Written
from tests import example_gate
from tests.test_gate_sides import CODE, TWICE, commit, git

BARE = {"pack/__init__.py": "", "pack/code.py": CODE}
QUICK = ["--seconds", "0.3"]
ONCE = "def one():\n    return 1\ndef work():\n    return one()\n"
AGAIN = ONCE.replace("return one()", "return one() + one()")  # one call of Python more
TORCH = """import torch
x = torch.randn(8, 8)
def work():
    return x @ x
"""

STUDY = """
from harness import Study, Factor, Scale, Training
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD

def build(scale, lr):
    return Training(digits(), MLP(hidden=(8,)), SGD(lr=lr), batch_size=64, epochs=1)

study = Study("rates", "Q?", build=build, factors=[Factor("lr", levels=(0.1, 0.2))],
    scales={"quick": Scale(seeds=5)})
"""


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {**BARE, ".gitignore": "runs/\n__pycache__/\n"}, "first")
    monkeypatch.chdir(folder)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def gate(*words: str) -> int:
    return execute(["gate", *words])


def result(out: Path = Path("runs/gate")) -> dict[str, Any]:
    kept.read(out / "gate.json")  # whole, and its answer is the one that its rows give
    found: dict[str, Any] = json.loads((out / "gate.json").read_text(encoding="utf-8"))
    return found


def rows(**wanted: str) -> list[dict[str, Any]]:
    return [row for row in result()["rows"]
            if all(row[name] == value for name, value in wanted.items())]  # fmt: skip


# ---- answers ------------------------------------------------------------------------------------


def test_code_that_does_twice_the_work_fails_and_all_files_say_so(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "pack/code.py").write_text(TWICE, encoding="utf-8")
    assert gate("--base", "main", *QUICK, "pack.code:work", "--history", "runs/past.jsonl") == 1
    said, told = capsys.readouterr()
    assert said.startswith("FAIL: 1 of 5 figures became worse: call of pack.code:work (+")
    assert "pairs, all decided" in told
    (row,) = rows(figure="call")
    assert row["answer"] == "fail"
    assert row["pairs"] >= 8
    assert row["change"] > 0.3
    whole = result()
    assert whole["exit_code"] == 1
    assert whole["head"]["commit"] == ""
    assert "The working tree has changes (1 file; untracked files count)" in whole["notes"][0]
    assert whole["repeat"].startswith("harness gate --base ")
    assert "--head" not in whole["repeat"]
    assert len(whole["controls"]) == 1
    out = Path("runs/gate")
    assert (out / "summary.md").read_text(encoding="utf-8").startswith("**FAIL**: ")
    assert "<failure" in (out / "junit.xml").read_text(encoding="utf-8")
    assert "pack.code:work" in (out / "gate.html").read_text(encoding="utf-8")
    assert "pack.code:work" in (out / "gate-history.html").read_text(encoding="utf-8")
    assert len(Path("runs/past.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    written = json.loads((out / "pytest-benchmark-head.json").read_text(encoding="utf-8"))
    assert written["benchmarks"][0]["stats"]["rounds"] >= 8
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_the_same_code_fails_nothing_and_the_shadow_blocks_nothing(repo: Path) -> None:
    words = ["--base", "main", *QUICK, "pack.code:work", "--only-time", "--budget", "0.1"]
    assert gate(*words) in {0, 3}  # on a loaded machine it may stay open
    assert {row["answer"] for row in result()["rows"]} <= {"pass", "inconclusive"}
    assert "nothing changed, measured all the same" in " ".join(result()["notes"])
    commit(repo, {"pack/code.py": ONCE}, "once")
    (repo / "pack/code.py").write_text(AGAIN, encoding="utf-8")
    words = ["--base", "main", "pack.code:work", "--only-exact"]
    assert gate(*words) == 1
    (row,) = rows(figure="python_calls")
    assert (row["head"] - row["base"], row["answer"]) == (1, "fail")
    assert gate(*words, "--shadow") == 0
    assert result()["answer"] == "fail"


@pytest.mark.slow
def test_a_redundant_operator_is_found_by_its_name(repo: Path) -> None:
    commit(repo, {"pack/code.py": TORCH}, "torch")
    (repo / "pack/code.py").write_text(TORCH.replace("x @ x", "(x @ x).clone()"), encoding="utf-8")
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 1
    (row,) = rows(figure="operators/aten::clone")
    assert (row["base"], row["head"], row["answer"]) == (0, 1, "fail")
    assert "The base never calls this operator" in row["why"]


@pytest.mark.slow
def test_two_folders_two_commands_and_two_interpreters(repo: Path, tmp_path: Path) -> None:
    for name, code in (("old", CODE), ("new", TWICE)):
        (tmp_path / name / "pack").mkdir(parents=True)
        (tmp_path / name / "pack/__init__.py").write_text(code, encoding="utf-8")
    sides = [str(tmp_path / name) for name in ("old", "new")]
    assert gate(*sides, "pack:work", "--only-exact") == 0
    assert "nothing to build" in " ".join(result()["notes"])
    assert "the folder" in result()["base"]["told"]
    line = f"cmd:{sys.executable} -c"
    long, short = f"{line} 'import time; time.sleep(.9)'", f"{line} 'pass'"
    assert gate(short, long) == 1
    (row,) = rows(figure="wall")
    assert row["change"] > 0.5
    del repo


def test_a_benchmark_that_the_base_lacks_is_new_and_passes(repo: Path) -> None:
    later = CODE + "\ndef later():\n    return 1\n"
    (repo / "pack/code.py").write_text(later, encoding="utf-8")
    assert gate("--base", "main", "pack.code:later", "pack.code:work", "--only-exact") == 0
    answers = {row["benchmark"]: row["answer"] for row in result()["rows"]}
    assert answers == {"pack.code:later": "new", "pack.code:work": "pass"}


@pytest.mark.slow
def test_a_study_that_is_all_in_one_file_is_compared_with_itself_of_before(repo: Path) -> None:
    commit(repo, {"study.py": STUDY}, "study")
    (repo / "study.py").write_text(STUDY.replace("MLP(hidden=(8,", "MLP(hidden=(16,"), "utf-8")
    assert gate("--base", "main", "study.py", "--only-exact", "--here") == 1
    assert "each side runs its own copy of that file" in " ".join(result()["notes"])
    (row,) = rows(figure="parameters")
    assert row["answer"] == "fail"


def test_only_some_figures_are_judged(repo: Path) -> None:
    (repo / "pack/code.py").write_text(TWICE, encoding="utf-8")
    words = ["--base", "main", "pack.code:work", "--only-exact", "--only"]
    assert gate(*words, "flops") == 0
    assert [row["figure"] for row in result()["rows"]] == ["flops"]
    assert gate(*words, "nothing-such") == 2
    assert "--only must name a figure that is judged" in result()["problems"][0]


def test_a_waiver_accepts_a_failure_and_is_told_when_nobody_needs_it(repo: Path) -> None:
    commit(repo, {"pack/code.py": ONCE}, "once")
    waiver = (
        '[[waiver]]\nbenchmark = "pack.code:*"\nfigure = "python*"\nup_to = 5.0\n'
        'reason = "clearer"\nrevision = "0123456789ab"\nexpires = 2999-01-01\n'
    )
    (repo / "gate-waivers.toml").write_text(waiver + waiver.replace("up_to = 5.0", "to = 1"))
    (repo / "pack/code.py").write_text(AGAIN, encoding="utf-8")
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 0
    assert {row["waiver"] != "" for row in rows(answer="fail")} == {True}
    assert gate("--base", "HEAD", "--head", "HEAD", "pack.code:work", "--only-exact") == 0
    for said in ("Unused: ", "Unknown revision in the waiver of python* of pack.code:*"):
        assert sum(note.startswith(said) for note in result()["notes"]) == 2


def test_a_baseline_is_saved_compared_and_refused_on_another_machine(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repo, {"pack/code.py": ONCE}, "once")
    assert gate("--save", "runs/base.json", "pack.code:work") == 0
    assert gate("--baseline", "runs/base.json", "pack.code:work") == 0
    (repo / "pack/code.py").write_text(AGAIN, encoding="utf-8")
    assert gate("--baseline", "runs/base.json", "pack.code:work") == 1
    assert "saved 20" in result()["base"]["told"]
    capsys.readouterr()
    assert gate("--baseline", "runs/base.json", "pack.code:work", "--threads", "7") == 2
    assert "must hold a baseline of a machine of this kind" in capsys.readouterr().err
    assert result()["answer"] == "error"


# ---- fails closed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def other():\n    return 1\n", "vanished at head or has another name"),
        ("def work():\n    raise ValueError('no such luck')\n", "no such luck"),
        ("import os\ndef work():\n    os._exit(0)\n", "exit code 0, no answer"),
        ("import os\ndef work():\n    os.kill(os.getpid(), 9)\n", "signal SIGKILL, no answer"),
        ("def work(:\n", "SyntaxError"),
        ("work = 3\n", "no function"),
        ("import pytest_benchmark_no", "add --with pytest_benchmark_no, or --extra NAME"),
    ],
)
def test_what_cannot_be_measured_is_never_a_pass(
    repo: Path, code: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "pack/code.py").write_text(code, encoding="utf-8")
    for words in ([], ["--shadow"], ["--only-time"]):
        assert gate("--base", "main", *QUICK, "pack.code:work", *words) == 2
        assert result()["answer"] == "error"
        assert said in result()["problems"][0]
    assert "ERROR: 1 thing could not be measured. This is no pass" in capsys.readouterr().out


def test_an_import_from_the_wrong_tree_is_an_error(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(CODE, encoding="utf-8")
    commit(
        repo,
        {
            "pack/code.py": f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
            "import elsewhere, pack\npack.__file__ = elsewhere.__file__\n"
            "work = elsewhere.work\n"
        },
        "wrong",
    )
    assert gate("--base", "main", *QUICK, "pack.code:work") == 2
    assert "the wrong tree" in result()["problems"][0]


def test_a_base_that_is_slower_than_itself_blocks_nothing(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.gate import tiers
    from tests.test_gate_sampling import Machine

    def take_all(sides: Any, whats: Any, folder: Path, measuring: Any, bounds: Any,
                 wanted: Any, *_: Any) -> Any:  # fmt: skip
        del folder, measuring, bounds
        slow = {("twin", "pack.code:work"): 0.2, ("head", "pack.code:work"): 0.2}
        return Machine(slow).gate(list(whats), sides=list(sides), wanted=wanted)

    monkeypatch.setattr(tiers, "take_all", take_all)
    del repo
    assert gate("--base", "main", "pack.code:work", "--only-time") == 3
    (row,) = rows(figure="call")
    assert "the base was slower than itself, too" in row["why"]
    assert "slower than itself" in Path("runs/gate/summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "must be told what to compare; got nothing"),
        (["pack.code:work"], "must be told what to compare"),
        (["--base", "main"], "must be told what to measure"),
        (["--head", "main", "pack.code:work"], "--head must stand beside --base"),
        (["--base", "no-such", "pack.code:work"], "a revision must be one that git knows here"),
        (["--base", "main", "--save", "x.json", "pack.code:work"], "must compare in one way"),
        (["--base", "main", "no_file.py"], "no_file.py must be a file of the head"),
        (["--base", "main", "pack.code:work", "pack.code:work"], "each once"),
        (["--base", "main", "pack.code:work", "--only-exact", "--only-time"], "for themselves"),
        (["--base", "main", "pack.code:work", "--budget", "0"], "--budget must be minutes above 0"),
        (["--base", "main", "pack.code:work", "--budget", "nan"], "--budget must be minutes"),
        (["--base", "main", "pack.code:work", "--seconds", "0.1"], "--seconds must be 0.3 or more"),
        (["--base", "main", "pack.code:work", "--fails-from", "11"], "below --passes-below"),
        (["--base", "main", "pack.code:work", "--seeds", "5"], "must stand beside --quality"),
        (["--base", "main", "pack.code:work", "--waivers", "no.toml"], "no.toml"),
        (["--baseline", "no.json", "pack.code:work"], "no.json, which is not there"),
        (["--baseline", "empty.json", "pack.code:work"], "an empty file"),
        (["--baseline", "cut.json", "pack.code:work"], "no JSON"),
        (["--baseline", "x.json", "--only-time", "pack.code:work"], "holds exact figures alone"),
        (["pack", "pack", "pack.code:work"], "two folders must differ"),
        (["pack", "no-such", "pack.code:work"], "the first two words must be both sides"),
        (["cmd:true", "cmd:true"], "two commands must differ"),
        (["cmd:true", "cmd:false", "cmd:true"], "two commands must stand alone"),
        (["cmd:no-such-program", "cmd:true"], "must name a program that base has"),
        (["cmd:true", "cmd:false"], "must end with exit code 0 on head"),
        (["a.json", "b.json", "--only-exact"], "are judged as they are"),
        (["--base", "main", "cmd:python REPO/x.py"], "must name files from the project's folder"),
        (["a.json", "b.json"], "the old side must have at least 5 files"),
        (["--base", "main", "json:dumps"], "what is measured must be code of the project"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(
    repo: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "empty.json").write_text("", encoding="utf-8")
    (repo / "cut.json").write_text('{"format": 1, "mach', encoding="utf-8")
    before = git(repo, "status", "--porcelain")
    assert gate(*(word.replace("REPO", str(repo)) for word in words)) == 2
    out, err = capsys.readouterr()
    lines = [line for line in (out + err).splitlines() if said in line.replace("\n", " ")]
    assert lines or said in " ".join((out + err).split())
    assert "internal error" not in err
    assert git(repo, "status", "--porcelain") == before


def test_an_earlier_result_is_never_taken_for_that_of_an_error(repo: Path) -> None:
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 0
    assert gate("--base", "no-such", "pack.code:work", "--only-exact") == 2
    assert result()["answer"] == "error"
    assert not Path("runs/gate/pytest-benchmark-head.json").exists()
    del repo


def test_what_a_gate_writes_is_no_change_of_the_working_tree(repo: Path) -> None:
    words = ["--base", "main", "pack.code:work", "--only-exact", "--history", "past", "--out"]
    assert gate(*words, "results") == 0
    assert git(repo, "status", "--porcelain") == "?? past"
    assert gate(*words, "results") == 0
    assert result(Path("results"))["head"]["commit"]


def test_the_index_of_all_reports_has_the_gate_and_is_no_change_of_the_working_tree(
    repo: Path,
) -> None:
    (repo / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    git(repo, "commit", "-qam", "nothing is ignored")
    words = ["--base", "main", "pack.code:work", "--only-exact"]
    for _ in range(2):
        assert gate(*words) == 0
        assert not any("working tree has changes" in note for note in result()["notes"])
    assert git(repo, "status", "--porcelain", "-uall") == ""
    index = Path("runs/index.html").read_text(encoding="utf-8")
    assert 'href="./gate/gate.html"' in index
    assert "1 gate" in index


def test_a_folder_that_has_more_keeps_what_git_passes_over_there(repo: Path) -> None:
    (repo / "runs" / "a_study-quick").mkdir(parents=True)
    assert gate("--base", "no-such", "pack.code:work") == 2
    assert not (repo / "runs" / ".gitignore").exists()
    (repo / "runs" / "a_study-quick").rmdir()
    (repo / "runs" / ".gitignore").write_text("mine\n", encoding="utf-8")
    assert gate("--base", "no-such", "pack.code:work") == 2
    assert (repo / "runs" / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_an_error_that_has_no_command_to_repeat_names_none(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "runs").mkdir()
    (repo / "runs" / "index.html").write_text("<p>My own page.</p>", encoding="utf-8")
    assert gate("--base", "no-such", "pack.code:work") == 2
    said = capsys.readouterr().err
    assert "the index could not be written" in said
    assert "To try again" not in said


def test_a_page_that_cannot_be_finished_keeps_no_other_file_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Written, "finished", broken)
    reading = Reading("bench:train", (Figure("step", 0.01, "s", "time"),))
    done = Gate(example_gate.example(), {"head": (reading,)})
    out, past = tmp_path / "gate", tmp_path / "past.jsonl"
    leave(done, out, tmp_path, past, as_json=False)
    assert "gate.html could not be finished: OSError: no space left" in capsys.readouterr().err
    for file in (out / "gate.html", out / "pytest-benchmark-head.json", past,
                 out / "gate-history.html", tmp_path / "index.html"):  # fmt: skip
        assert file.is_file(), file


def test_waivers_of_the_top_folder_count_in_a_folder_below(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo / "gate-waivers.toml").write_text("[[waivers]]\n", encoding="utf-8")
    monkeypatch.chdir(repo / "pack")
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 2
    assert "must hold [[waiver]] alone" in capsys.readouterr().err


BENCH = """from pack.code import work

def test_work(benchmark):
    benchmark(work)
"""


def test_a_test_that_vanished_is_an_error_and_a_new_one_is_new(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repo, {"bench.py": BENCH}, "bench")
    (repo / "pack/code.py").write_text(CODE + "def more():\n    return 1\n", encoding="utf-8")
    more = (
        BENCH + "\ndef test_more(benchmark):\n    import pack.code\n    benchmark(pack.code.more)\n"
    )
    (repo / "bench.py").write_text(f"{BENCH}\n{more}", encoding="utf-8")
    assert gate("--base", "main", "bench.py", "--only-exact") == 0
    answers = {row["benchmark"]: row["answer"] for row in result()["rows"]}
    assert answers == {"bench.py::test_work": "pass", "bench.py::test_more": "new"}
    # what the base could have measured by its own file is not new
    (repo / "bench.py").write_text(BENCH.replace("work\n", "work, more\n", 1), encoding="utf-8")
    assert gate("--base", "main", "bench.py", "--only-exact") == 3
    assert "put what is new into a file by itself" in rows(figure="flops")[0]["why"]
    (repo / "bench.py").write_text(BENCH.replace("test_work", "test_other"), encoding="utf-8")
    assert gate("--base", "main", "bench.py", "--only-exact") == 2
    assert "none called test_work: vanished, or renamed" in capsys.readouterr().err


def test_a_file_of_its_own_that_the_base_lacks_is_new(repo: Path) -> None:
    (repo / "study.py").write_text(STUDY, encoding="utf-8")
    assert gate("--base", "main", "study.py", "--only-exact") == 0
    assert {row["answer"] for row in result()["rows"]} == {"new"}


def test_what_differs_from_process_to_process_fails_nothing(repo: Path) -> None:
    code = "import os\ndef one():\n    pass\ndef work():\n    for _ in range(20 + {}): one()\n"
    # the twin runs the base's files in a folder of its own, by which it is told here
    commit(repo, {"pack/code.py": code.format("200 * ('twin' in os.getcwd())")}, "unsteady")
    (repo / "pack/code.py").write_text(code.format(100), encoding="utf-8")
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 3
    (row,) = rows(figure="python_calls")
    assert "the base differs from itself in it, too" in row["why"]


def test_a_fault_of_the_harness_is_an_error_and_no_open_end(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.commands import gate as command

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(command, "run_gate", broken)
    assert gate("--base", "main", "pack.code:work") == 2
    assert "a gate must end in an answer; got ZeroDivisionError" in capsys.readouterr().err
    assert result()["answer"] == "error"
    del repo


def test_a_pattern_that_fits_nothing_is_an_error(repo: Path) -> None:
    del repo
    words = ["--base", "main", "pack.code:work", "--only-exact", "--only", "flops"]
    assert gate(*words) == 0
    assert gate(*words, "--only", "peek") == 2
    assert "--only peek must fit" in result()["problems"][0]


def test_the_output_folder_may_be_one_that_has_other_files(repo: Path) -> None:
    before = (repo / ".gitignore").read_text(encoding="utf-8")
    (repo / "summary.md").write_text("mine", encoding="utf-8")
    assert gate("--base", "no-such", "pack.code:work", "--out", ".") == 2
    assert (repo / ".gitignore").read_text(encoding="utf-8") == before


def test_a_head_that_is_older_than_the_base_is_compared_with_the_base_itself(repo: Path) -> None:
    commit(repo, {"pack/code.py": ONCE}, "once")
    commit(repo, {"pack/code.py": ONCE.replace("return one()", "return 1")}, "less")
    words = ["pack.code:work", "--only-exact"]
    assert gate("--base", "HEAD", "--head", "HEAD~1", *words) == 1
    assert any("The head is older than the base" in note for note in result()["notes"])


def test_what_is_only_shown_is_no_pass(repo: Path) -> None:
    del repo
    assert gate("cmd:true", "cmd:sleep 0", "--only-exact") == 2
    assert "of a command only times are measured" in result()["problems"][0]
    assert gate("cmd:true", "cmd:sleep 0", "--only-time", "--only", "cpu") == 2
    assert "--only must name a figure that is judged" in result()["problems"][0]


def test_what_a_command_takes_beside_its_time_is_a_median_and_only_shown(repo: Path) -> None:
    del repo
    words = ["cmd:python3 -S -c 0", "cmd:python3 -S -c 1"]
    assert gate(*words, "--budget", "0.2", "--fails-from", "90", "--passes-below", "300") == 0
    assert rows(figure="wall")[0]["pairs"] == 8
    (memory,) = rows(figure="peak_resident")
    assert (memory["answer"], memory["basis"], memory["why"]) == (
        "shown", "shown", "It is only shown.",
    )  # fmt: skip
    assert memory["base"] > 1e6
    assert memory["head"] == pytest.approx(memory["base"], rel=0.2)


def test_a_pattern_that_fits_nothing_is_told_after_one_round(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del repo
    words = ["--base", "main", "pack.code:work", "--only-time", *QUICK]
    assert gate(*words, "--only", "call", "--only", "wal") == 2
    said = result()["problems"][0]
    assert "--only wal must fit a benchmark or a figure; got none that it fits." in said
    assert "Timed are: " in said
    assert "call" in said
    assert "pairs" not in capsys.readouterr().err, "no round was judged"


def test_a_crash_says_whether_the_other_side_has_it_too(repo: Path) -> None:
    crash = "import os\n\n\ndef work():\n    print('x.py:1: UserWarning: old')\n    os._exit(7)\n"
    (repo / "pack/code.py").write_text(crash, encoding="utf-8")
    assert gate("--base", "main", "pack.code:work", "--only-exact") == 2
    said = result()["problems"][0]
    assert "pack.code:work must run on head; got exit code 7" in said
    assert said.endswith("On base it starts.")
    assert "UserWarning" not in said
    git(repo, "commit", "-qam", "it crashes")
    assert gate("--base", "HEAD", "pack.code:work", "--only-exact") == 2
    assert result()["problems"][0].endswith("On head it fails, too.")


def test_a_test_that_crashes_or_fails_is_named(repo: Path) -> None:
    commit(repo, {"bench.py": BENCH}, "bench")
    (repo / "pack/code.py").write_text("import os\n\n\ndef work():\n    os._exit(7)\n", "utf-8")
    assert gate("--base", "main", "bench.py", "--only-time", *QUICK) == 2
    assert "bench.py::test_work must run on head; got exit code 7" in result()["problems"][0]
    (repo / "pack/code.py").write_text("def work():\n    raise OSError('no disk')\n", "utf-8")
    assert gate("--base", "main", "bench.py", "--only-time", *QUICK) == 2
    assert "bench.py::test_work: OSError: no disk" in result()["problems"][0]


def test_a_saved_baseline_says_that_the_tree_has_changes_and_takes_no_sides(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saving = ["--save", "runs/base.json"]
    assert gate(*saving, "pack.code:work") == 0
    assert not any("has changes" in note for note in result()["notes"])
    (repo / "pack/code.py").write_text(TWICE, encoding="utf-8")
    assert gate(*saving, "pack.code:work") == 0
    note = "The working tree has changes (1 file): no commit has what is measured here."
    assert note in result()["notes"]
    assert gate(*saving, "pack", ".", "pack.code:work") == 2
    assert "--save must stand without folders or environments" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--base", "main", "--only-exact"), ("--save", "runs/base.json")]
)
def test_a_command_of_which_nothing_is_measured_is_an_error(
    repo: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    del repo
    assert gate(*words, "pack.code:work", "cmd:false") == 2
    said = "".join((*capsys.readouterr(), *result()["problems"]))
    assert "of a command only times are measured; got false" in said


def test_what_is_measured_may_be_called_as_a_folder_is_or_have_commas(repo: Path) -> None:
    words = ["study#lr=0.1, depth=8", "pack"]
    assert sides_in(words, "main", "", None, None) == ("revisions", "main", "", tuple(words))
    del repo


def test_the_shadow_keeps_the_answer_for_machines(repo: Path) -> None:
    (repo / "pack/code.py").write_text(AGAIN, encoding="utf-8")
    assert gate("--base", "main", "pack.code:work", "--only-exact", "--shadow") == 0
    text = Path("runs/gate/metrics.txt").read_text(encoding="utf-8")
    assert result()["answer"] == "fail"
    assert "gate_exit_code 1\n" in text
    assert "gate_shadow 1\n" in text


def test_a_benchmark_that_hangs_is_ended_by_the_budget(repo: Path) -> None:
    slow = "import time\ndef work():\n    time.sleep(60)\n"
    commit(repo, {"pack/code.py": slow}, "slow")
    started = time.monotonic()
    assert gate("--base", "main", "pack.code:work", "--only-time", "--budget", "0.05") == 2
    assert time.monotonic() - started < 30
    assert "must end on base within 3 s" in result()["problems"][0]


def test_a_signal_ends_it_and_leaves_nothing_behind(repo: Path, tmp_path: Path) -> None:
    slow = "import time\ndef work():\n    time.sleep(60)\n"
    commit(repo, {"pack/code.py": slow}, "slow")
    work = tmp_path / "work"
    work.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "gate", "--base", "main", "pack.code:work"],
        env={**os.environ, "TMPDIR": str(work)}, stderr=subprocess.PIPE, text=True, cwd=repo,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "counting" in line:
            break
    assert list(work.iterdir())
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 130
    assert "interrupted: nothing was judged" in rest
    assert not list(work.iterdir())
    assert len(git(repo, "worktree", "list").splitlines()) == 1
