"""A command as a trial: its line, its key, what comes of it, and how it ends."""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import shlex
import signal
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness import Command, Factor, HarnessError, Metric, Scale, Study, Tuned
from harness.commands.cli import execute
from harness.commands.place import Place
from harness.commands.plan import plan_study
from harness.engines.modes import PLAIN
from harness.identity import files as identity_files
from harness.identity.files import hashes_of
from harness.own import apart, launching
from harness.own.curves import by_name, last_values, newest_point, read_points
from harness.own.saves import TrialFolder
from harness.own.seeds import short_seed_for
from harness.running import functions
from harness.running.command_lines import train
from harness.running.executors import Options
from harness.running.find import find, load
from harness.running.jobs import WarmJob, do
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.storing.artifacts import FolderOfArtifacts
from harness.storing.ledger import Ledger
from harness.study.command import Filled
from harness.study.placeholders import text_of
from harness.trials.changed import other_code
from harness.trials.outcome import Outcome
from harness.trials.records import Role
from harness.trials.trial import Trial, make_trial
from tests.declaring import opened

FORKS = pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")
GOOD = """echo '{{"error": 1}}' > {folder}/metrics.json"""
"""Writes what a trial must give."""


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the study's file: of a study that stands in none, it is the current one."""
    folder = tmp_path / "beside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def study(line: Any = "run {width}", **changes: Any) -> Study:
    own = {name: changes.pop(name) for name in ("reads", "code", "curve", "environment", "shell",
                                                   "prints")
           if name in changes}  # fmt: skip
    declared: dict[str, Any] = {
        "name": "own",
        "question": "Does it?",
        "factors": (Factor("width", (2, 8)),),
        "command": Command(line, **own),
        "metrics": (Metric("error", better="lower"),),
        "scales": {"quick": Scale(seeds=5)},
    }
    return Study(**declared | changes)


def shell(line: str, **changes: Any) -> Study:
    """A study whose command is a few lines for a shell."""
    return study(line + " # {width}", shell=True, **changes)


def trial_of(declared: Study, arm: int = 0, seed: int = 0, role: Role = "evaluate") -> Trial:
    tuned = {each.name: each.start for each in declared.tuned}
    return make_trial(declared, "quick", declared.arms("quick")[arm], seed, role, tuned)


def filled(declared: Study, arm: int = 0) -> Filled:
    work = trial_of(declared, arm).work
    assert isinstance(work, Filled)
    return work


def workplace(
    declared: Study, folder: Path, *, forked: bool = False, tell: Any = None
) -> Workplace:
    artifacts = FolderOfArtifacts(folder / "networks")
    return Workplace(declared, torch.device("cpu"), artifacts, folder, tell, apart=forked)


def run(declared: Study, folder: Path, trial: Trial | None = None, **more: Any) -> Outcome:
    trial = trial or trial_of(declared)
    (found,) = train(
        [trial], [Named.of(trial, "quick")], PLAIN, workplace(declared, folder, **more)
    )
    return found


def kept(declared: Study, folder: Path) -> TrialFolder:
    return TrialFolder(folder, trial_of(declared).key)


# ---- what may be declared -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"line": ""}, "must begin with a program; got ''"),
        ({"line": "  "}, "must begin with a program"),
        ({"line": ()}, "must begin with a program; got ()"),
        ({"prints": {"error": "error: .*"}}, "patterns with a group; got 'error': 'error: .*'"),
        ({"prints": {"error": r"step (?P<step>\d+)"}}, "patterns with a group"),
        ({"prints": {"error": "("}}, "patterns with a group; got 'error': '('"),
        ({"prints": r"error: (\S+)"}, "must be a mapping from metrics to patterns"),
        ({"line": 7}, "must be a text, or a tuple of words; got 7"),
        ({"line": ("python", 3)}, "must be a text, or a tuple of words"),
        ({"line": ("a", "b"), "shell": True}, "must be a text; got ('a', 'b')"),
        ({"line": "a 'b"}, "quotes in the line of a Command must come in pairs"),
        ({"line": "a {b"}, "braces in the line of a Command must stand around a name; got '{b'"),
        ({"line": "a b}"}, "braces in the line of a Command must stand around a name; got 'b}'"),
        ({"line": "a {}"}, "must stand around a name alone"),
        ({"line": "a {lr:.3f}"}, "which gives all digits"),
        ({"line": "a {lr!r}"}, "must stand around a name alone"),
        ({"line": "a {b.c}"}, "must stand around a name alone"),
        ({"line": "a \0"}, "Leave out the zero byte"),
        ({"line": "a '{b}'", "shell": True}, "must not stand in quotes, which its value brings"),
        ({"line": 'a "$(b {c})"', "shell": True}, "got {c} in"),
        ({"line": "a '\\' {b} ' {c}'", "shell": True}, "got {c} in"),
        ({"reads": "/metrics.json"}, "Command(reads=...) must be the name of a file in the trial"),
        ({"reads": "../metrics.json"}, "Command(reads=...) must be the name of a file in the"),
        ({"reads": None}, "Command(reads=...) must be the name of a file in the trial's own"),
        ({"curve": "a/../../b"}, "Command(curve=...) must be the name of a file in the trial's"),
        ({"curve": "./metrics.json"}, "must be two files"),
        ({"code": "src/**"}, "must be a tuple of patterns; got 'src/**'"),
        ({"code": ("/src/**",)}, "must begin in the folder of the study's file"),
        ({"code": ("",)}, "must begin in the folder of the study's file"),
        ({"environment": "A=1"}, "must be a mapping from names of variables to texts; got 'A=1'"),
        ({"environment": {"A": 1}}, "must be a mapping from names of variables to texts; got 'A'"),
        ({"environment": {"A=B": "1"}}, "must be a mapping from names of variables to texts"),
        ({"environment": {"A": "{"}}, "braces in the variable A of a Command must stand around"),
        ({"shell": 1}, "Command(shell=...) must be True or False"),
    ],
)  # fmt: skip
def test_a_wrong_command_is_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as told:
        Command(**{"line": "run {width}"} | given)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"line": "run"}, "must take every factor and tuned setting; got none with {width}"),
        ({"tuned": (Tuned("lr", 0.1, 1.0),), "objective": "error"}, "got none with {lr}"),
        ({"line": "run {width} {widht}"}, "got {widht}, which is nothing at scale 'quick'. Did"),
        ({"line": "run {width} {seed_for_}"}, "got {seed_for_}, which is nothing at scale 'quick'"),
        ({"scales": {"quick": Scale(seeds=5, n=1), "big": Scale(seeds=5)}, "line": "a {width} {n}"},
         "got {n}, which is nothing at scale 'big'"),
        ({"scales": {"quick": Scale(seeds=5, device="x")}, "line": "a {width} {device}"},
         "a setting of scale 'quick' must have a name of its own; got 'device'"),
        ({"factors": (Factor("folder", (1, 2)),), "line": "a {folder}"},
         "must have a name of its own; got 'folder'"),
    ],
)  # fmt: skip
def test_a_line_takes_what_there_is_and_all_that_is_varied(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(HarnessError) as told:
        study(**changes)
    assert said in str(told.value)


def test_what_is_varied_may_stand_in_the_environment_alone() -> None:
    declared = study("run", environment={"WIDTH": "w{width}", "SEED": "{seed}"})
    assert filled(declared, 1).variables({"seed": "3"}) == {"WIDTH": "w8", "SEED": "3"}


def test_braces_are_written_twice() -> None:
    assert filled(study("run '{{\"a\": {width}}}'")).words({}) == ["run", '{"a": 2}']


def test_where_nothing_is_tuned_a_study_needs_no_objective(tmp_path: Path) -> None:
    declared = study()
    assert declared.objective == "error"
    ledger = Ledger(opened(tmp_path), declared, "quick")
    (lease,) = ledger.lease([trial_of(declared)], 1)
    ledger.finish(lease, Outcome({"error": 0.5}, {}, {"seconds": 1.0}, {"python": "3"}))
    assert [record.metrics for record in ledger.records()] == [{"error": 0.5}]


# ---- how values are written ---------------------------------------------------------------------


@given(st.floats(allow_nan=False))
def test_a_number_arrives_with_the_same_bits(value: float) -> None:
    assert float(text_of("lr", value)).hex() == value.hex()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_a_text_arrives_as_it_is_with_a_shell_and_without(value: str) -> None:
    line = "run --name={name} {name} end"
    words = ["run", f"--name={value}", value, "end"]
    assert Filled(tuple(line.split()), "m", {"name": value}).words({}) == words
    assert shlex.split(Filled(line, "m", {"name": value}).words({})[-1]) == words


def test_other_values_are_written_so_that_programs_read_them() -> None:
    levels = {"plain": Metric("x"), "none": None, "yes": True, "path": Path("a b")}
    declared = study(
        "run {width} {data} {flag} {empty}",
        factors=(Factor("width", levels),),
        scales={"quick": Scale(seeds=5, data=Path("c"), flag=False, empty="")},
    )
    assert [filled(declared, arm).words({})[1:] for arm in range(4)] == [
        [level, "c", "false", ""] for level in ("plain", "none", "true", "a b")
    ]
    with pytest.raises(HarnessError, match=r"must be one that a program can be given as text"):
        filled(study("run {width} {data}", scales={"quick": Scale(seeds=5, data="\0")}))


def test_what_a_command_is_given_arrives(tmp_path: Path, beside: Path) -> None:
    """Read back by a program: words, variables, its folder with a blank, and where it runs."""
    (beside / "told.py").write_text(
        textwrap.dedent("""\
            import json, os, pathlib, sys
            out = pathlib.Path(os.environ["HARNESS_FOLDER"])
            told = {"words": sys.argv[1:], "here": os.getcwd(), "input": sys.stdin.read(),
                    "environment": dict(os.environ)}
            (out / "told.json").write_text(json.dumps(told))
            (out / "metrics.json").write_text('{"error": 0.5, "other": true}')
            print("to the log")
            """)
    )
    declared = study(
        "{python} told.py {lr} {seed} {folder} {device} {choosing} {seed_for_weights} ; * $HOME "
        "'a  b' {width}",
        factors=(Factor("width", ("it's \"; exit 3", "x")),),
        tuned=(Tuned("lr", 0.1, 1.0, default=0.1 + 0.2),),
        objective="error",
        environment={"OWN": "{width}"},
    )
    folder = tmp_path / "all trials"
    found = run(declared, folder, trial_of(declared, seed=3))
    assert found.reason == ""
    assert found.metrics == {"error": 0.5, "other": 1.0}
    files = folder / trial_of(declared, seed=3).key / "files"
    told = json.loads((files / "told.json").read_text())
    *words, level = told["words"]
    weights = str(short_seed_for(3, "weights"))
    assert words == [
        "0.30000000000000004", "3", str(files), "cpu", "0", weights, ";", "*", "$HOME", "a  b",
    ]  # fmt: skip
    assert level == told["environment"]["OWN"] == "it's \"; exit 3"
    assert Path(told["here"]) == beside.resolve()
    assert told["input"] == ""
    wanted = {"HARNESS_SEED": "3", "HARNESS_DEVICE": "cpu", "HARNESS_CHOOSING": "0",
              "OMP_NUM_THREADS": "1"}  # fmt: skip
    assert wanted.items() <= told["environment"].items()
    assert (files.parent / "log.txt").read_text() == "to the log\n"


def test_a_store_with_its_password_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_STORE", "postgresql://me:secret@there/x")
    declared = shell("env > {folder}/env; " + GOOD)
    assert run(declared, tmp_path).metrics == {"error": 1}
    assert "secret" not in (kept(declared, tmp_path).files / "env").read_text()


def test_a_shell_sees_the_line_only_where_it_is_asked_for(tmp_path: Path) -> None:
    declared = shell("for i in 1 2; do echo $i; done > {folder}/out && " + GOOD)
    assert run(declared, tmp_path).metrics == {"error": 1}
    assert (kept(declared, tmp_path).files / "out").read_text() == "1\n2\n"


# ---- what makes a key ---------------------------------------------------------------------------


def key(declared: Study, arm: int = 0) -> str:
    return trial_of(declared, arm).key


def test_a_changed_file_changes_the_key_and_is_named(beside: Path) -> None:
    (beside / "src" / "deep").mkdir(parents=True)
    script, net = beside / "train.py", beside / "src" / "deep" / "net.py"
    script.write_text("one = 1")
    net.write_text("two = 2")
    declared = study("python train.py {width}", code=("src/**",))
    first = trial_of(declared)
    assert set(first.code) >= {
        "keys",
        "train.py",
        "src/deep/net.py",
        "harness.seeds:short_seed_for",
    }
    assert not any("command" in name for name in first.code), "how it is run does not count"

    os.utime(net)
    (beside / "notes.txt").write_text("nobody reads it")
    (beside / "src" / "__pycache__").mkdir()
    (beside / "src" / "__pycache__" / "net.pyc").write_text("x")
    (beside / "src" / ".hidden").write_text("x")
    assert key(declared) == first.key

    before = net.stat()
    net.write_text("two = 3")
    os.utime(net, ns=(before.st_atime_ns, before.st_mtime_ns))  # as some editors do
    changed = trial_of(declared)
    assert changed.key != first.key
    assert other_code(first.code, changed.code) == ["src/deep/net.py changed"]

    net.write_text("two = 2")
    assert key(declared) == first.key, "it is the contents that count"
    script.write_text("one = 2")
    assert other_code(first.code, trial_of(declared).code) == ["train.py changed"]
    (beside / "src" / "new.py").write_text("")
    assert "src/new.py is new" in other_code(first.code, trial_of(declared).code)


def test_a_key_rests_on_what_the_line_takes_and_on_nothing_else(
    tmp_path: Path, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = key(study("run {width}"))
    assert key(study(("run", "{width}"))) == first, "words, however they are given"
    assert key(study("run {width}", scales={"quick": Scale(seeds=5, epochs=9)})) == first
    assert key(study("run {width}", code=())) == first
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert key(study("run {width}")) == first, "where it lies does not count"
    others = [
        study("run {width} {n}", scales={"quick": Scale(seeds=5, n=1)}),
        study("run {width} {n}", scales={"quick": Scale(seeds=5, n=2)}),
        study("run {width} {n}", scales={"quick": Scale(seeds=5, n=True)}),
        study("run {width} x"),
        study("run {width}", shell=True),
        study("run {width}", reads="other.json"),
        study("run {width}", curve="curve.jsonl"),
        study("run {width}", environment={"A": "1"}),
        study("run {width}", environment={"A": "2"}),
    ]
    keys = [first, key(study("run {width}"), arm=1), *map(key, others)]
    assert len(set(keys)) == len(keys)


def test_files_that_the_line_names_count(beside: Path) -> None:
    for name in ("a.py", "b.yaml", "w2.json", "pkg/main.py", "sh.sh", "keys", "../up.py"):
        (beside / name).parent.mkdir(exist_ok=True)
        (beside / name).write_text(name)

    def named(line: str, *, shell: bool = False) -> set[str]:
        return set(trial_of(study(line, shell=shell)).code) - set(trial_of(study()).code)

    assert named("python a.py --config=b.yaml {width} w{width}.json") == {
        "a.py", "b.yaml", "w2.json",
    }  # fmt: skip
    assert named("python -m pkg.main {width}") == {"pkg/main.py"}
    assert named("sh sh.sh; python a.py>{folder}/x {width}", shell=True) == {"sh.sh", "a.py"}
    assert named(f"python ../up.py {beside / 'a.py'} {sys.executable} {{width}}") == {
        "../up.py", "a.py",
    }  # fmt: skip
    assert named("python missing.py {folder}a.py {width} " + "x" * 5000) == set()
    assert named("cat keys {width}") == {"./keys"}, "and not the version of keys"


def test_patterns_match_as_a_shell_would(beside: Path) -> None:
    for name in ("a.py", "b.txt", "src/c.py", "src/deep/d.py", ".git/e.py"):
        (beside / name).parent.mkdir(exist_ok=True)
        (beside / name).write_text(name)
    (beside / "src" / "loop").symlink_to(beside)
    (beside / "linked").symlink_to(beside / "src" / "deep")
    (beside / "broken").symlink_to(beside / "nothing")

    def matched(*patterns: str) -> list[str]:
        return list(hashes_of(beside, patterns, ()))

    assert matched("*.py") == ["a.py"]
    assert matched("src") == matched("src/**") == matched("src/**/*") != []
    assert {"src/c.py", "src/deep/d.py", "src/loop/a.py"} <= set(matched("src/**"))
    assert not [name for name in matched("src/**") if name.count("loop") > 1], "no circle"
    assert matched("src/*") == ["src/c.py"]
    assert matched("linked/*.py") == ["linked/d.py"]
    assert matched("linked/**") == ["linked/d.py"]
    assert matched(".git/*.py") == [".git/e.py"]
    assert not [name for name in matched("**") if ".git" in name]
    assert {"a.py", "linked/d.py"} < set(matched("**/*.py"))
    assert matched("src/../[ab].*") == ["a.py", "b.txt"]


def test_a_pattern_that_matches_nothing_is_one_line(beside: Path) -> None:
    with pytest.raises(HarnessError, match=r"must match a file; got 'srv/\*\*', which matches"):
        trial_of(study(code=("srv/**",)))


def test_a_file_that_cannot_be_read_is_one_line(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "a.py").touch()

    def refuse(*_: object) -> str:  # root may read whatever rights say
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(identity_files, "_read", refuse)
    with pytest.raises(HarnessError, match=r"must be readable; got .*a\.py \(Permission denied\)"):
        trial_of(study(code=("*.py",)))


def test_a_file_is_read_once_as_long_as_it_is_not_touched(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "big.py").write_text("x")
    reads: list[Path] = []
    real = identity_files.hashlib.file_digest
    monkeypatch.setattr(
        identity_files.hashlib, "file_digest",
        lambda content, kind: reads.append(Path(content.name)) or real(content, kind),
    )  # fmt: skip
    for _ in range(3):
        trial_of(study(code=("*.py",)))
    assert [each.name for each in reads] == ["big.py"]


def test_code_that_changes_while_a_run_goes_on_is_told(tmp_path: Path, beside: Path) -> None:
    (beside / "train.py").write_text("1")
    declared = study("python train.py {width}")
    named = Named.of(trial_of(declared), "quick")
    (beside / "train.py").write_text("2")
    with pytest.raises(HarnessError, match="must stay as it is while it runs"):
        workplace(declared, tmp_path).trial(named)


# ---- what a command writes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo one; echo 'bad  lr' >&2; exit 3",
         "must end with exit status 0; got exit status 3, after it had printed 'bad lr'"),
        ("exit 3", "got exit status 3, and nothing printed"),
        ("echo {folder}/x; exit 3", "after it had printed '{folder}/x'"),
        ("printf '\\033[31mred\\r50%%\\377' ; exit 1", "after it had printed '50%\ufffd'"),
        ("no-such-program", "got exit status 127"),
        ("kill -9 $$", "got an end by SIGKILL, as it is where memory runs out"),
        ("kill -11 $$", "got an end by SIGSEGV"),
        ("true", "must write its metrics to metrics.json as one JSON object; got no such file"),
        ("mkdir {folder}/metrics.json", "got Is a directory"),
        ("printf '[1]' > {folder}/metrics.json", "as one JSON object; got a list"),
        ("printf '%s' '{{\"error\": 1' > {folder}/metrics.json", "got no JSON, or half a file"),
        ("printf '\\377' > {folder}/metrics.json", "got no JSON, or half a file"),
        (": > {folder}/metrics.json", "got no JSON, or half a file"),
        (GOOD.replace("1", "NaN"), "every metric must be a finite number; got error = nan"),
        (GOOD.replace("1", "-Infinity"), "must be a finite number; got error = -inf"),
        (GOOD.replace("1", "1" + "0" * 400), "must be a finite number; got error = inf"),
        (GOOD.replace("1", '"0.1"'), "a metric must be a plain number; got error: '0.1'. Write a"),
        (GOOD.replace("1", "null"), "a metric must be a plain number; got error: None"),
        (GOOD.replace("1", "[1]"), "a metric must be a plain number; got error: [1.0]"),
        (GOOD.replace("1", '{{"a": 2}}'), "a metric must be a plain number; got error: {'a': 2.0}"),
        (GOOD.replace("1", '1, "error": 2'), "must write each metric once; got error twice"),
        (GOOD.replace("error", "loss"),
         "every metric that the study declares; got no error, but loss. Let it write it to"),
    ],
)  # fmt: skip
def test_a_bad_end_is_one_failed_trial_and_names_the_log(
    tmp_path: Path, line: str, said: str
) -> None:
    declared = shell(line)
    found = run(declared, tmp_path)
    assert said in found.reason
    folder = kept(declared, tmp_path)
    assert found.reason.endswith(f"(log.txt in the folder of trial {folder.key})")
    assert folder.log.is_file()
    assert run(declared, tmp_path / "elsewhere").reason == found.reason
    assert "\n" not in found.reason
    assert found.metrics == {}


def test_a_program_that_is_not_there_fails_alone(tmp_path: Path) -> None:
    found = run(study("no-such-program {width}"), tmp_path)
    assert "the command could not be run" in found.reason
    assert "'no-such-program'" in found.reason


def test_a_result_of_an_attempt_before_does_not_count(tmp_path: Path) -> None:
    declared = shell("echo again >> {folder}/kept")
    files = kept(declared, tmp_path).made()
    (files / "metrics.json").write_text('{"error": 1}')
    (files / "kept").write_text("before\n")
    assert "no such file" in run(declared, tmp_path).reason
    assert (files / "kept").read_text() == "before\nagain\n", "other files are kept"


def test_only_what_this_attempt_printed_is_told(tmp_path: Path) -> None:
    declared = shell("exit 1")
    kept(declared, tmp_path).made()
    kept(declared, tmp_path).log.write_text("of before\n")
    assert "nothing printed" in run(declared, tmp_path).reason
    assert kept(declared, tmp_path).log.read_text() == "of before\n"


def test_while_settings_are_chosen_the_test_set_is_left_alone(tmp_path: Path) -> None:
    declared = shell(
        """echo '{{"error": 1, "test_error": 2}}' > {folder}/metrics.json; exit 0 {lr}""",
        tuned=(Tuned("lr", 0.1, 1.0),), objective="error",
        metrics=(Metric("error", better="lower"), Metric("test_error"), Metric("missing")),
    )  # fmt: skip
    choosing = run(declared, tmp_path, trial_of(declared, role="tune"))
    assert choosing.metrics == {"error": 1}
    assert not list(tmp_path.rglob("metrics.json")), "nobody looks at it again"
    assert "got no missing, but error, test_error" in run(declared, tmp_path).reason


# ---- curves -------------------------------------------------------------------------------------


def points(folder: Path, text: str) -> list[tuple[int, dict[str, float]]]:
    (folder / "curve.jsonl").write_text(text)
    return [(at, dict(point)) for at, point in read_points(folder / "curve.jsonl")]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (['{"epoch": 0, "a": 2}', '{"epoch": 1, "a": 1, "t": ""}'], {0: {"a": 2}, 1: {"a": 1}}),
        (['{"epoch": 0, "a": 2}', "", '{"epoch": 1, "a'], {0: {"a": 2}}),
        (['{"epoch": 0, "a": 2}', '{"epo', '{"epoch": 1, "a": 1}'], {0: {"a": 2}, 1: {"a": 1}}),
        (['{"epoch": 0, "a": 2}', '{"epoch": 1,{"epoch": 1, "a": 1}'], {0: {"a": 2}, 1: {"a": 1}}),
        (['{"epoch": 1, "a": 2}', '{"epoch": 2, "a": 3}', '{"epoch": 3, "a": 4}',
          '{"epoch": 2, "a": 5}'], {1: {"a": 2}, 2: {"a": 5}}),
        (['{"epoch": 0, "a": 2}', '{"epoch": 0, "b": 3}'], {0: {"a": 2, "b": 3}}),
        (['{"epoch": 0.5, "step": 5, "a": 2}', '{"epoch": 1.0, "step": 10, "a": 3}'],
         {5: {"a": 2}, 10: {"a": 3}}),
    ],
)  # fmt: skip
def test_a_curve_is_read_as_it_was_meant(
    tmp_path: Path, lines: list[str], wanted: dict[int, dict[str, float]]
) -> None:
    assert dict(points(tmp_path, "\n".join(lines))) == wanted
    assert newest_point(tmp_path / "nothing") is None


def test_the_newest_point_is_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "curve.jsonl"
    file.write_text('{"epoch": 0, "a": 2}\n' * 9 + '{"step": 7, "a": 3, "b": ""}\n{"epoch": 8, "a')
    assert newest_point(file) == (7, {"a": 3})
    assert newest_point(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "got an empty file"),
        ('{"epoch"', "got no line that is one"),
        ('{"epoch": 0}\n{"loss": 1}\n', "must have epoch or step, .*; got line 1"),
        ('{"step": 0}\n{"loss": 1}\n', 'got line 2: {"loss": 1}'),
        ('{"epoch": -1}\n', "got line 1"),
        ("[1]\n", "got line 1"),
    ],
)
def test_a_wrong_curve_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        points(tmp_path, text)


def test_curves_stand_in_the_record_and_their_last_values_count(tmp_path: Path) -> None:
    line = """printf '{{"step": 10, "error": 3}}\\n{{"step": 20, "a": 1}}' > {folder}/c.jsonl; """
    declared = shell(line + "echo '{{}}' > {folder}/metrics.json", curve="c.jsonl")
    found = run(declared, tmp_path)
    assert found.metrics == {"error": 3}
    assert found.curves["step"] == [10, 20]
    assert math.isnan(found.curves["error"][1])
    assert "no such file" in run(shell(GOOD, curve="c.jsonl"), tmp_path).reason
    assert by_name(()) == last_values(()) == {}


def test_progress_is_told_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(functions, "TELL_SECONDS", 0.0)
    declared = shell(
        """echo '{{"epoch": 4, "x": 1, "error": 0.5}}' > {folder}/c.jsonl; sleep 0.2; """ + GOOD,
        curve="c.jsonl", objective="error", scales={"quick": Scale(seeds=5, epochs=9)},
    )  # fmt: skip
    told: list[Any] = []
    assert run(declared, tmp_path, tell=told.append).metrics == {"error": 1}
    first = told[0]
    assert (first.epoch, first.epochs, first.loss, first.shown) == (5, 9, 0.5, "error")


# ---- how it ends --------------------------------------------------------------------------------


def alive(process: int) -> bool:
    """Whether a process runs; one that nobody has asked about after its end does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def soon(so: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if so():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("forked", [pytest.param(True, marks=FORKS), False])
def test_one_that_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, *, forked: bool
) -> None:
    line = "echo begun; sleep 60 & echo $! > {folder}/child; wait"
    declared = shell(line, limit=0.3)
    started = time.monotonic()
    found = run(declared, tmp_path, forked=forked)
    assert "must end within its limit; got more than 0.3 s, after it had printed 'begun'" in (
        found.reason
    )
    assert time.monotonic() - started < 20
    child = int((kept(declared, tmp_path).files / "child").read_text())
    assert soon(lambda: not alive(child))


@pytest.mark.parametrize("forked", [pytest.param(True, marks=FORKS), False])
def test_what_it_leaves_behind_is_ended_and_the_next_starts_clean(
    tmp_path: Path, *, forked: bool
) -> None:
    declared = shell("sleep 60 & echo $! > {folder}/child; " + GOOD)
    first = run(declared, tmp_path, forked=forked)
    assert first.metrics == {"error": 1}
    child = int((kept(declared, tmp_path).files / "child").read_text())
    assert soon(lambda: not alive(child))
    assert (
        run(declared, tmp_path, trial_of(declared, seed=1), forked=forked).metrics == first.metrics
    )


@FORKS
def test_costs_are_those_of_the_command_and_not_of_what_watches_it(tmp_path: Path) -> None:
    """The processes that watch it have loaded torch; a shell takes a hundredth of their memory."""
    small = run(shell("sleep 0.1; " + GOOD), tmp_path, forked=True).cost
    assert small["seconds"] >= 0.1
    assert 0 < small["process_peak_bytes"] < 50e6
    size = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 100_000_000
    (Path.cwd() / "large.py").write_text(f"x = bytearray({size})\nsum(range(3_000_000))\n")
    large = run(shell("{python} -S large.py; " + GOOD), tmp_path, forked=True).cost
    assert size < large["process_peak_bytes"] < size + 50e6
    assert large["process_cpu_seconds"] > small["process_cpu_seconds"] >= 0


RESUMES = """\
import json, os, pathlib, signal, sys, time

out = pathlib.Path(sys.argv[1])
(out / "pids").open("a").write(f"{os.getpid()}\\n")
state = out / "state"
start = int(state.read_text()) if state.exists() else 0
def stop(number, frame):
    time.sleep(0.2)  # longer than a shell takes
    (out / "asked").write_text("yes")
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
for epoch in range(start, 4):
    with (out / "curve.jsonl").open("a") as file:
        print(json.dumps({"epoch": epoch, "error": 1 / (1 + epoch)}), file=file)
    if epoch == 2 and start == 0:
        (out / "waits").write_text("yes")
        time.sleep(60)
    state.write_text(str(epoch + 1))
(out / "metrics.json").write_text(json.dumps({"error": 0.25, "began": start}))
"""


def forked(call: Callable[[], object]) -> int:
    """Call something in a fork of this process, as a worker does; return its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        try:
            call()
        finally:
            os._exit(0)
    return process


@FORKS
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("wrapped", [False, True])
def test_ended_with_its_worker_it_goes_on_from_what_it_left(
    tmp_path: Path, beside: Path, number: signal.Signals, *, wrapped: bool
) -> None:
    """SIGTERM reaches it, and SIGKILL of the worker leaves no process behind, not a shell's."""
    (beside / "train.py").write_text(RESUMES)
    line = "{python} train.py {folder}"
    declared = study(f"{line} {{width}}; exit $?" if wrapped else f"{line} {{width}}",
                     curve="curve.jsonl", shell=wrapped)  # fmt: skip
    files = kept(declared, tmp_path).files
    worker = forked(lambda: run(declared, tmp_path, forked=True))
    assert soon((files / "waits").exists)
    os.kill(worker, number)
    _, status = os.waitpid(worker, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    command = int((files / "pids").read_text())
    assert soon(lambda: not alive(command))
    assert (files / "asked").exists() is (number == signal.SIGTERM)

    found = run(declared, tmp_path, forked=True)
    assert found.reason == ""
    assert found.metrics == {"error": 0.25, "began": 2}
    assert found.curves == {"error": [1, 1 / 2, 1 / 3, 1 / 4]}, "epoch 2 came twice"


# ---- what is found before -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no-such-program {width}", "got 'no-such-program', which was looked for in PATH"),
        ("here.sh {width}", "Write ./here.sh, which lies beside the study"),
        ("./here.sh {width}", "Let it be run: chmod +x"),
        ("./nowhere.sh {width}", "got './nowhere.sh', which was looked for in /"),
    ],
)
def test_a_missing_program_is_found_before_anything_is_run(
    tmp_path: Path, beside: Path, line: str, said: str
) -> None:
    (beside / "here.sh").write_text("#!/bin/sh\n")
    declared = study(line)
    job = WarmJob((Named.of(trial_of(declared), "quick"),))
    answer = do(job, workplace(declared, tmp_path))
    assert answer.mistake
    assert answer.place == "arm width=2"
    assert said in answer.reason


@pytest.mark.parametrize("line", ["sh {width}", "./here.sh {width}", "{python} {width}", "own"])
def test_a_program_that_is_there_is_found_where_it_will_be(
    tmp_path: Path, beside: Path, line: str
) -> None:
    for name in ("here.sh", "own"):
        (beside / name).write_text("#!/bin/sh\n")
        (beside / name).chmod(0o755)
    environment = {"PATH": str(beside), "W": "{width}"} if line == "own" else {}
    declared = study(line, environment=environment)
    job = WarmJob((Named.of(trial_of(declared), "quick"),))
    assert not do(job, workplace(declared, tmp_path)).reason


# ---- runs --------------------------------------------------------------------------------------

STUDY = '''\
"""Does width help a script?"""

from harness import Command, Factor, Higher, Metric, Scale, Study, Tuned

study = Study(
    name="script",
    question="Does width help?",
    factors=(Factor("width", (2, 8)),),
    tuned=(Tuned("lr", 0.01, 1.0, log=True, trials=8),),
    command=Command(
        "sh train.sh {width} {lr} {seed} {folder}", curve="curve.jsonl",
    ),
    metrics=(Metric("test_error", better="lower"), Metric("validation_error", better="lower")),
    objective="validation_error",
    scales={"quick": Scale(seeds=5, tuning=5)},
    claims=(Higher("Narrow is worse.", metric="test_error", higher={"width": 2},
                   lower={"width": 8}, by=0.05),),
)
'''

SCRIPT = """\
awk -v w=$1 -v lr=$2 -v seed=$3 'BEGIN {
    printf "{\\"epoch\\": 0, \\"validation_error\\": %.9f}\\n", (lr - 0.1) ^ 2 + 1 / w }' \\
    > $4/curve.jsonl
awk -v w=$1 -v seed=$3 'BEGIN { printf "{\\"test_error\\": %.9f}", (1 + seed / 50) / w }' \\
    > $4/metrics.json
"""


def test_the_example_in_awk_runs(tmp_path: Path) -> None:
    example = load(find(str(Path(__file__).parents[1] / "studies" / "examples" / "points.py")))
    assert "points.awk" in trial_of(example).code
    errors = [
        run(example, tmp_path, trial_of(example, arm, seed)).metrics["error"]
        for arm in (0, 1)
        for seed in range(10)
    ]
    assert all(0 <= error < 0.2 for error in errors)
    assert len(set(errors[:10])) > 7, "other seeds, other numbers: awk takes them all"
    assert sum(errors[10:]) < sum(errors[:10])
    assert run(example, tmp_path / "again").metrics == {"error": errors[0]}


@pytest.mark.slow
def test_a_run_tunes_judges_and_says_why_it_runs_again(
    tmp_path: Path, beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (beside / "script.py").write_text(STUDY)
    (beside / "train.sh").write_text(SCRIPT)
    out = str(tmp_path / "out")
    words = ["script.py", "--out", out]
    assert execute(["run", *words, "--no-profile", "--workers", "1", "--quiet"]) == 0
    (verdict, *_) = json.loads((tmp_path / "out" / "script-quick" / "verdicts.json").read_text())
    assert verdict["word"] == "supported, material"
    capsys.readouterr()
    place = Place(Path(out))
    plan = plan_study("script.py", None, place, Options())["scales"][0]
    assert (plan["done"], plan["trials"]) == (20, 20)
    assert [arm["command"] for arm in plan["arms"]] == [
        f"sh train.sh {width} 0.1 SEED FOLDER" for width in (2, 8)
    ]
    (beside / "train.sh").write_text(SCRIPT + "\n")
    again = plan_study("script.py", None, place, Options())["scales"][0]
    assert (again["done"], again["again"]) == (0, ["train.sh changed"])


# ---- what is printed ----------------------------------------------------------------------------

PRINTS = {"error": r"step (?P<step>\d+) .*error: (\S+)"}


def test_metrics_and_curves_are_found_in_what_is_printed(tmp_path: Path) -> None:
    lines = "echo noise; for i in 100 200 300; do echo step $i loss: 1 error: 0.$i; done"
    found = run(shell(lines, prints=PRINTS), tmp_path)
    assert found.metrics == {"error": 0.3}, found.reason
    assert found.curves == {"error": [0.1, 0.2, 0.3], "step": [100, 200, 300]}


def test_what_is_printed_is_counted_where_nothing_tells_the_place(tmp_path: Path) -> None:
    declared = shell("echo error 3 '(98%)'; echo error 2e-1 '(99%)'",
                     prints={"error": r"error (\S+)", "right": r"\((\d+)%\)"})  # fmt: skip
    found = run(declared, tmp_path)
    assert found.metrics == {"error": 0.2, "right": 99.0}
    assert found.curves == {"error": [3.0, 0.2], "right": [98.0, 99.0]}


def test_what_a_killed_attempt_printed_counts_as_far_as_it_is_not_printed_again(
    tmp_path: Path,
) -> None:
    declared = shell(
        "test -e {folder}/x && echo step 200 error: 2 && exit 0; touch {folder}/x; "
        "echo step 100 error: 1; echo step 200 error: 7; echo step 300 error: 7; kill -9 $$",
        prints={"error": r"step (?P<step>\d+) error: (\S+)"},
    )
    assert "SIGKILL" in run(declared, tmp_path).reason
    found = run(declared, tmp_path)
    assert found.metrics == {"error": 2.0}, found.reason
    assert found.curves == {"error": [1.0, 2.0], "step": [100, 200]}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo nothing", "no error, but nothing"),
        ("echo step 3 error: low", "the pattern for error must find a number; got 'low'"),
        ("echo step 3 error: nan", "error = nan"),
    ],
)
def test_what_is_printed_and_is_no_number_is_the_reason(
    tmp_path: Path, line: str, said: str
) -> None:
    assert said in run(shell(line, prints={"error": r"step (?P<step>\d+) error: (\S+)"}),
                       tmp_path).reason  # fmt: skip


def test_patterns_are_part_of_the_key_and_their_absence_is_not() -> None:
    with_prints = trial_of(study("run {width}", prints=PRINTS))
    assert with_prints.key != trial_of(study("run {width}")).key
    assert "prints" not in trial_of(study("run {width}")).written


def test_patterns_with_and_without_a_place_do_not_disturb_each_other(tmp_path: Path) -> None:
    lines = "for i in 0 100 200; do echo step $i loss: 0.$i; done; echo test error: 5"
    found = run(shell(lines, prints={"loss": r"step (?P<step>\d+) loss: (\S+)",
                                     "error": r"test error: (\S+)"}), tmp_path)  # fmt: skip
    assert found.metrics == {"loss": 0.2, "error": 5.0}, found.reason
    assert found.curves == {"loss": [0.0, 0.1, 0.2], "step": [0, 100, 200]}
    with pytest.raises(HarnessError, match="count either epochs or steps"):
        study("run {width}", prints={"a": r"(?P<step>\d+) (\S+)", "b": r"(?P<epoch>\d+) (\S+)"})
