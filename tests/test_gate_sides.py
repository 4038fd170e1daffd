"""Revisions, sides and measured processes of a gate, on small repositories of Python alone."""

import subprocess
from pathlib import Path

import pytest

from harness.gate.environments import here
from harness.gate.revisions import changed_files, merge_base, trees
from harness.gate.rounds import Measuring, Taken, exact, order, take_round
from harness.gate.sides import twin, unlike, variables_of
from harness.gate.what import CommandWhat, FunctionWhat, PytestWhat, StudyWhat, parse
from harness.messages.errors import HarnessError

QUICK = Measuring(seconds=0.3, timeout=60)
CODE = "def work():\n    return sum(range(2000))\n"
TWICE = "def work():\n    return sum(range(2000)) + sum(range(2000))\n"


def git(repo: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *who, *words], cwd=repo, capture_output=True, text=True,
                          check=True)  # fmt: skip
    return done.stdout.strip()


def commit(repo: Path, files: dict[str, str], said: str = "change") -> str:
    for name, text in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text, encoding="utf-8")
    git(repo, "add", "--all")
    git(repo, "commit", "-q", "-m", said)
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {"pack/__init__.py": "", "pack/code.py": CODE, ".gitignore": "*.log\n"}, "first")
    return folder


def measured(repo: Path, tmp_path: Path, *words: str, part: str = "exact") -> Taken:
    place = tmp_path / "trees"
    place.mkdir(parents=True, exist_ok=True)
    with trees(repo, "main", None, place) as both:
        built = here(both.base, both.head)
        whats = [parse(word, both.head.folder) for word in words]
        sides = [built.base, built.head, twin(built.base)]
        if part == "exact":
            return exact(sides, whats, tmp_path / "neutral", QUICK)
        return take_round(sides, whats, 0, tmp_path / "neutral", QUICK)


def values(taken: Taken, side: str) -> dict[str, float]:
    return {one.name: one.value for each in taken.readings[side] for one in each.figures}


def test_the_working_tree_is_the_head_and_nothing_of_it_changes(repo: Path, tmp_path: Path) -> None:
    (repo / "pack/code.py").write_text(TWICE, encoding="utf-8")
    (repo / "new.py").write_text("", encoding="utf-8")
    (repo / "out.log").write_text("", encoding="utf-8")
    before = git(repo, "status", "--porcelain")
    (place := tmp_path / "trees").mkdir()
    with trees(repo, "main", None, place) as both:
        assert (both.head.folder / "pack/code.py").read_text(encoding="utf-8") == TWICE
        assert (both.base.folder / "pack/code.py").read_text(encoding="utf-8") == CODE
        assert not (both.head.folder / "out.log").exists()
        assert (both.head.folder / "new.py").exists()
        assert both.head.commit == ""
        assert both.base.commit
        assert "2 files; untracked files count" in both.notes[0]
        assert len(str(both.base.folder)) == len(str(both.head.folder))
    assert git(repo, "status", "--porcelain") == before
    assert not list(place.iterdir())
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_a_worktree_is_removed_after_an_error_and_an_interruption(
    repo: Path, tmp_path: Path
) -> None:
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), trees(repo, "main", None, tmp_path / "trees"):
            raise error
        assert len(git(repo, "worktree", "list").splitlines()) == 1
        assert not (tmp_path / "trees" / "base").exists()


def test_base_is_where_head_left_it(repo: Path, tmp_path: Path) -> None:
    start = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-b", "side")
    head = commit(repo, {"pack/code.py": TWICE})
    git(repo, "checkout", "-q", "main")
    later = commit(repo, {"other.py": "later"})
    assert merge_base(repo, "main", "side") == start
    assert changed_files(repo, start, head) == ("pack/code.py",)
    with trees(repo, "main", "side", tmp_path / "trees") as both:
        assert (both.base.commit, both.head.commit) == (start, head)
        assert later not in both.base.told
        assert both.notes == ()


def test_nothing_changed_is_said(repo: Path, tmp_path: Path) -> None:
    with trees(repo, "main", None, tmp_path / "trees") as both:
        assert "nothing changed, measured all the same" in both.notes[0]


def test_what_git_lacks_is_said(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(base: str, head: str | None = None, folder: Path = repo) -> str:
        with pytest.raises(HarnessError) as error, trees(folder, base, head, tmp_path / "trees"):
            pass
        return str(error.value)

    assert "that git knows here; got 'no-such'" in refused("no-such")
    git(repo, "checkout", "-q", "--orphan", "lone")
    commit(repo, {"a.py": ""})
    assert "must have a commit in common; got none." in refused("main", "lone")
    commit(repo, {"a.py": "2"})
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", f"file://{repo}", str(shallow))
    assert "fetch-depth: 0" in refused("origin/main", "HEAD", shallow)
    assert "git fetch --unshallow" in refused("HEAD~1", "HEAD", shallow)
    assert "must be in a git repository" in refused("main", None, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git must be installed" in refused("main")


def test_submodules_and_large_files_are_said(repo: Path, tmp_path: Path) -> None:
    commit(repo, {".gitmodules": "", ".gitattributes": "*.bin filter=lfs\n"})
    with trees(repo, "main", None, tmp_path / "trees") as both:
        assert "Submodules are not checked out" in both.notes[1]
        assert "Git LFS" in both.notes[2]


def test_words_are_read_by_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text("study = 1\n", encoding="utf-8")
    (tmp_path / "bench_x.py").write_text("def test_y(benchmark): ...\n", encoding="utf-8")
    (tmp_path / "none.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "bad.py").write_text("x = (\n", encoding="utf-8")
    assert parse("study.py#a", tmp_path) == StudyWhat(
        "study.py#a", "study.py#a", "study.py", "a", True
    )
    assert parse("residual_depth#a", tmp_path) == StudyWhat(
        "residual_depth#a", "residual_depth#a", "residual_depth", "a", False)  # fmt: skip
    assert parse("depth#norm=no, depth=8", tmp_path).arm == "norm=no, depth=8"
    assert parse("study.py#norm=no, depth=8", tmp_path).arm == "norm=no, depth=8"
    assert isinstance(parse("bench_x.py", tmp_path), PytestWhat)
    assert parse("bench_x.py::test_y", tmp_path).node == "test_y"
    assert parse("pack.code:work", tmp_path) == FunctionWhat(
        "pack.code:work", "pack.code:work", "pack.code", "work")  # fmt: skip
    assert parse("python t.py 'a b'", tmp_path).words == ("python", "t.py", "a b")
    assert isinstance(parse("cmd:true", tmp_path), CommandWhat)
    for word, said in {
        "none.py": "must hold a study (study = or search =) or tests",
        "none.py#a": "must hold a study", "study.py::test_a": "must hold tests",
        "gone.py": "must be a file of the head", "bad.py": "must be Python",
        "cmd:": "must name a program", "cmd:'a": "No closing quotation", "": "can be measured",
        "a:b:c": "can be measured", "study.py#": "an arm must stand behind #",
        str(Path(__file__)): "must lie in the head",
    }.items():  # fmt: skip
        with pytest.raises(HarnessError, match=r".") as error:
            parse(word, tmp_path)
        assert said in str(error.value), word


def test_twice_the_work_shows_in_counts_and_a_twin_is_equal(repo: Path, tmp_path: Path) -> None:
    (repo / "pack/code.py").write_text(
        "def one():\n    return sum(range(2000))\n\n\ndef work():\n    return one() + one()\n",
        encoding="utf-8",
    )
    taken = measured(repo, tmp_path, "pack.code:work")
    base, head = values(taken, "base"), values(taken, "head")
    assert base == values(taken, "twin")
    assert head["python_calls"] == base["python_calls"] + 2
    where = {side: read[0].where["pack"] for side, read in taken.readings.items()}
    assert where["base"] == where["twin"] != where["head"]
    assert taken.readings["base"][0].versions["Python"]


def test_a_function_and_a_set_up_are_timed_in_turn(repo: Path, tmp_path: Path) -> None:
    made = "def setup():\n    from pack import code\n\n    print('noise')\n    return code.work\n"
    commit(repo, {"bench/speed.py": made})
    taken = measured(repo, tmp_path, "bench.speed:setup", "cmd:python -c 'import pack.code'",
                     part="time")  # fmt: skip
    for side in ("base", "head", "twin"):
        call, ran = taken.readings[side]
        assert 1e-6 < call.figures[0].value < 1e-2
        assert 0 < ran.figures[0].value < 60
        assert (call.figures[0].judged, ran.figures[0].judged) == ("time", "time")


def test_what_the_base_lacks_is_new_and_what_vanished_is_an_error(
    repo: Path, tmp_path: Path
) -> None:
    (repo / "pack/more.py").write_text("def work(): ...\n", encoding="utf-8")
    taken = measured(repo, tmp_path, "pack.more:work", "pack.code:work")
    assert "No module named 'pack.more'" in taken.lacking["pack.more:work"]
    assert [one.benchmark for one in taken.readings["base"]] == ["pack.code:work"]
    assert len(taken.readings["head"]) == 2
    (repo / "pack/code.py").write_text("def other(): ...\n", encoding="utf-8")
    with pytest.raises(HarnessError, match="vanished at head or has another name"):
        measured(repo, tmp_path / "2", "pack.code:work")
    with pytest.raises(HarnessError, match="none on either side"):
        measured(repo, tmp_path / "3", "pack.code:nowhere")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('this is why')", "must run on head; got ValueError: this is why"),
        ("import os; print('oh no', flush=True); os._exit(7)", "no answer. Last lines: oh no"),
        ("import os; os.kill(os.getpid(), 11)", "signal SIGSEGV"),
        ("import nowhere", "No module named 'nowhere'"),
        ("import sys; sys.exit()", "SystemExit"),
    ],
)  # fmt: skip
def test_a_crash_names_the_benchmark(repo: Path, tmp_path: Path, body: str, said: str) -> None:
    (repo / "pack/code.py").write_text(f"def work():\n    {body}\n", encoding="utf-8")
    with pytest.raises(HarnessError) as error:
        measured(repo, tmp_path, "pack.code:work")
    assert said in str(error.value)
    assert "pack.code:work must run on head" in str(error.value)


def test_what_takes_too_long_is_ended(repo: Path, tmp_path: Path) -> None:
    (repo / "pack/code.py").write_text(
        "import time\ndef work(): time.sleep(99)\n", encoding="utf-8"
    )
    (tmp_path / "trees").mkdir()
    with trees(repo, "main", None, tmp_path / "trees") as both:
        built = here(both.base, both.head)
        with pytest.raises(HarnessError, match=r"pack.code:work must end on head within 1 s"):
            exact(built.sides, [parse("pack.code:work", both.head.folder)], tmp_path / "n",
                  Measuring(timeout=1.2))  # fmt: skip


def test_a_child_that_comes_back_answers_nothing(repo: Path, tmp_path: Path) -> None:
    forks = "import os\nDONE = []\ndef work():\n    DONE or (DONE.append(1), os.fork())\n"
    (repo / "pack/code.py").write_text(forks, encoding="utf-8")
    taken = measured(repo, tmp_path, "pack.code:work")
    assert {len(each) for each in taken.readings.values()} == {1}


def test_code_of_the_wrong_tree_is_an_error(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "pack/code.py").write_text(CODE, encoding="utf-8")
    leads = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    commit(repo, {"bench/speed.py": f"{leads}def run():\n    import pack.code\n"})
    with pytest.raises(HarnessError, match=r"must import pack from .* got the wrong tree"):
        measured(repo, tmp_path, "bench.speed:run")
    commit(repo, {"bench/speed.py": "def run(): ...\n"})
    with pytest.raises(HarnessError, match=r"must import code of the project \(pack\); got none"):
        measured(repo, tmp_path / "2", "bench.speed:run")


def test_tests_of_pytest_benchmark_are_run_on_both_sides(repo: Path, tmp_path: Path) -> None:
    bench = "from pack.code import work\n\n\ndef test_work(benchmark):\n    benchmark(work)\n"
    commit(repo, {"benches/bench_it.py": bench, "benches/__init__.py": ""})
    taken = measured(repo, tmp_path, "benches/bench_it.py", part="time")
    assert {one.benchmark for each in taken.readings.values() for one in each} == {
        "benches/bench_it.py::test_work"
    }
    assert values(taken, "head")["median"] > 0
    commit(repo, {"benches/bench_it.py": "def test_work(): ...\n"})
    with pytest.raises(HarnessError, match="no test there uses the fixture"):
        measured(repo, tmp_path / "2", "benches/bench_it.py", part="time")
    (repo / "pack/more.py").write_text(CODE, encoding="utf-8")
    (repo / "benches/bench_it.py").write_text(bench.replace("code", "more"), encoding="utf-8")
    taken = measured(repo, tmp_path / "3", "benches/bench_it.py", part="time")
    assert "No module named 'pack.more'" in taken.lacking["benches/bench_it.py"]
    assert not taken.readings["base"]


def test_a_command_that_fails_is_an_error(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"exit code 0 on base; got 3. Last lines: oh"):
        measured(repo, tmp_path, "cmd:python -c 'print(\"oh\"); raise SystemExit(3)'", part="time")
    with pytest.raises(HarnessError, match="must name a program that base has"):
        measured(repo, tmp_path / "2", "cmd:no-such-program", part="time")


def test_each_side_is_before_each_other_equally_often() -> None:
    names = ["base", "head", "twin"]
    orders = [order(names, number) for number in range(6)]
    for one in names:
        for other in {*names} - {one}:
            assert sum(o.index(one) < o.index(other) for o in orders) == 3
    assert {o[0] for o in orders} == {*names}


def test_sides_have_the_same_variables(repo: Path, tmp_path: Path) -> None:
    with trees(repo, "main", None, tmp_path / "trees") as both:
        built = here(both.base, both.head)
    assert unlike([*built.sides, twin(built.base)]) == []
    one, other = (variables_of(side, 1) for side in built.sides)
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {"PATH", "PYTHONPATH"}
    assert one["PYTHONHASHSEED"] == "0"
