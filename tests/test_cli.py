"""The command line: bad input gets one clear line and exit code 2, and nothing is lost."""

import importlib.util
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.commands.cli import execute
from harness.commands.doctor import examine
from tests.conftest import TINY
from tests.test_damage import finished
from tests.test_quick import IMPORTS

STUDY = TINY.read_text()


def edited(here: Path, name: str, *changes: tuple[str, str]) -> str:
    text = STUDY
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (here / name).write_text(text)
    return name


def test_an_unknown_study_gets_near_names(refused) -> None:
    line = refused("run", "residual_dept")
    assert "residual_dept" in line
    assert "Did you mean residual_depth?" in line


def test_a_misspelt_file_gets_near_names(refused, here: Path) -> None:
    (here / "wine.py").write_text(STUDY)
    assert "Did you mean wine.py?" in refused("run", "wyne.py")
    assert "Did you mean wine.py?" in refused("run", "wnie")
    assert "`harness list` shows" in refused("run", "quite_another.py")


def test_a_missing_file_is_named_whole(refused, here: Path) -> None:
    assert str(here / "nowhere.py") in refused("run", "nowhere.py")


def test_no_study_at_all(refused) -> None:
    assert "--all" in refused("run")


BROKEN = {
    "parameters": ([("width: int, lr", "breadth: int, lr")],
                   ["'width' is not a parameter of build", "'breadth' is no factor",
                    "def build(scale, width, lr)"]),
    "level": ([('higher={"width": 32}', 'higher={"width": 33}')], ["33", "width"]),
    "factor": ([('higher={"width": 32}', 'higher={"breadth": 32}')], ["breadth", "width"]),
    "twice": ([("(4, 32)", "(4, 32, 4)")], ["'4' twice"]),
    "empty": ([("(4, 32)", "()")], ["must have levels"]),
    "seedless": ([("epochs=3, seeds=5", "epochs=3, seeds=0")], ["seeds", "0"]),
    "metric": ([('metric="test_accuracy"', 'metric="test_acuracy"')],
               ["test_acuracy", "Did you mean test_accuracy"]),
    "separator": ([('name="tiny"', 'name="../tiny"')], ["../tiny", "names a folder"]),
    "margin": ([("by=0.01", "by=float('nan')")], ["margin", "nan"]),
    "setting": ([("scale.epochs", "scale.epoch")], ["scale.epoch", "Did you mean epochs?"]),
    "training": ([("return Training(", "return dict(")], ["must return a Training"]),
    "points": ([("by=0.01", "by=2")], ["below 1", "by=0.02 for 2 percentage points"]),
    "raising": ([("    return Training(", "    1 / 0\n    return Training(")],
                ["ZeroDivisionError", "broken_raising.py:", "width=4"]),
    "rate": ([("SGD(lr=lr", "SGD(lr=-lr")], ["lr", "above 0"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_study_that_does_not_fit_together(name: str, refused, here: Path) -> None:
    changes, expected = BROKEN[name]
    line = refused("run", edited(here, f"broken_{name}.py", *changes))
    for each in expected:
        assert each in line


def test_a_syntax_error_gives_file_and_line(refused, here: Path) -> None:
    (here / "unwritten.py").write_text('"""A study?"""\nstudy = (\n')
    line = refused("run", "unwritten.py")
    assert "unwritten.py:2" in line


def test_an_error_while_loading_gives_file_and_line(refused, here: Path) -> None:
    (here / "raising.py").write_text('"""A study?"""\n\nx = 1 / 0\n')
    line = refused("run", "raising.py")
    assert "ZeroDivisionError" in line
    assert "raising.py:3" in line


def test_a_file_without_a_study(refused, here: Path) -> None:
    (here / "other.py").write_text("x = 1\n")
    assert "export a Study under the name `study`" in refused("run", "other.py")


@pytest.mark.parametrize("word", [".", "..", "not a name", "-x.y"])
def test_what_can_be_no_study(word: str, refused) -> None:
    assert "STUDY must be" in refused("run", "--", word)


def test_an_unknown_scale(refused) -> None:
    assert "quick" in refused("run", str(TINY), "--scale", "quik")


def test_zero_seeds(refused) -> None:
    assert "--seeds must be at least 1; got '0'" in refused("run", str(TINY), "--seeds", "0")


def test_a_device_that_is_not_there(refused) -> None:
    line = refused("run", str(TINY), "--device", "cuda:77")
    assert "cuda:77" in line
    assert "There is: auto, cpu" in line


def test_an_unknown_option_names_the_near_one(refused) -> None:
    assert "--seeds" in refused("run", str(TINY), "--seds", "3")


MISREAD = {
    "run --seeds x": "--seeds must be a whole number; got 'x'. Write --seeds 5, say.",
    "run --seeds=1.5": "--seeds must be a whole number; got '1.5'. Write --seeds 5, say.",
    "plan x --workers -1": "--workers must be at least 0; got '-1'. Write --workers 2, say.",
    "explain x one": "CLAIM must be a whole number; got 'one'. Write 1, say.",
    "run --nonsense": "an option of `harness run` must be one that it has; got --nonsense. Did you",
    "run -z": "an option of `harness run` must be one that it has; got -z. Known: --all, --scale,",
    "--nonsense": "an option of `harness` must be one that it has; got --nonsense. Known: --debug",
    "nonsense": "after harness must come a command; got 'nonsense'. Known: list, new, plan, run,",
    "rnu x": "after harness must come a command; got 'rnu'. Did you mean run?",
    "plan": "`harness plan` must be given STUDY; got none. Write `harness plan STUDY`.",
    "new": "`harness new` must be given FILE; got none. Write `harness new FILE`.",
    "run x --device": "--device must be followed by a value; got none. `harness run --help` shows",
    "run x --quiet=1": "--quiet must be given without a value; got --quiet=1. Write --quiet.",
    "plan a b": "`harness plan` must be given nothing but STUDY; got b, too.",
    "list a b": "`harness list` must be given nothing but options; got a b, too.",
    "run x --out file": "--out must be a folder; got 'file' is a file.",
}


@pytest.mark.parametrize("words", MISREAD)
def test_a_command_line_that_cannot_be_read(words: str, refused, here: Path, capsys) -> None:
    """The line alone, without the usage that typer would print."""
    (here / "file").write_text("")
    line = refused(*words.split())
    assert line.startswith(f"harness: {MISREAD[words]}")
    assert execute(words.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_a_password_in_a_mistyped_option_is_not_shown(refused) -> None:
    line = refused("run", "--stroe=postgresql://me:SECRETPW@host/db")
    assert "SECRETPW" not in line


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["explain", "--help"]])
def test_help_is_still_there(words: list[str], capsys) -> None:
    assert execute(words) == 0
    assert "Usage: " in capsys.readouterr().out


def test_a_batch_larger_than_the_training_set(refused, here: Path) -> None:
    line = refused("run", edited(here, "large.py", ("batch_size=20", "batch_size=201")))
    assert line.startswith("harness: arm width=4: batch_size must be at most the 200 training")


def test_missing_data_says_where_it_looked_and_both_ways(refused, here: Path) -> None:
    name = edited(
        here, "missing.py",
        ("import digits", "import mnist"),
        ("digits(train=200, validation=100, test=200)", "mnist()"),
    )  # fmt: skip
    line = refused("run", name, "--data-dir", "empty")
    assert str(here / "empty") in line
    assert "--download" in line
    assert "--data-dir" in line
    assert "HARNESS_DATA" in line


# -- stores --------------------------------------------------------------------------------


def test_a_store_that_is_not_one(refused, here: Path) -> None:
    (here / "notes.txt").write_text("not a database, but long enough to be taken for one" * 30)
    assert "notes.txt" in refused("run", str(TINY), "--store", "notes.txt")
    assert (here / "notes.txt").read_text().startswith("not a database")


def test_a_database_of_something_else_is_left_alone(refused, here: Path) -> None:
    with sqlite3.connect(here / "other.db") as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    before = (here / "other.db").read_bytes()
    assert "something else" in refused("run", str(TINY), "--store", "other.db")
    assert (here / "other.db").read_bytes() == before


def test_a_store_url_that_nobody_knows(refused) -> None:
    assert "gopher://x" in refused("run", str(TINY), "--store", "gopher://x/y")


def test_a_store_below_a_file(refused, here: Path) -> None:
    (here / "file").write_text("")
    assert "file" in refused("run", str(TINY), "--store", "file/harness.db")


def test_a_store_written_by_a_newer_version(refused, here: Path) -> None:
    finished("newer.db", seeds=1)
    with sqlite3.connect("newer.db") as connection:
        connection.execute(
            "UPDATE study_user_attributes SET value_json = '99' WHERE key = 'format'"
        )
    line = refused("run", str(TINY), "--store", "newer.db")
    assert "format 99" in line
    assert "newer version" in line
    with sqlite3.connect("newer.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    assert "newer.db" in refused("run", str(TINY), "--store", "newer.db")


def test_a_store_that_may_not_be_written(refused, here: Path, monkeypatch) -> None:
    finished("fixed.db", seeds=1)
    import harness.storing.sqlite as sqlite

    def read_only(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    before = (here / "fixed.db").read_bytes()
    monkeypatch.setattr(sqlite, "_on_connect", read_only)
    line = refused("run", str(TINY), "--store", "fixed.db", "--seeds", "2", "--no-profile")
    assert "readonly" in line
    assert "What was recorded is kept" in line
    assert (here / "fixed.db").read_bytes() == before


def test_a_full_disk(refused, here: Path, monkeypatch) -> None:
    finished("full.db", seeds=1)
    import harness.storing.sqlite as sqlite

    def full(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with sqlite3.connect("full.db") as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM trials").fetchone()
    monkeypatch.setattr(sqlite, "_on_connect", full)
    line = refused("run", str(TINY), "--store", "full.db", "--seeds", "40", "--no-profile")
    assert "disk is full" in line
    with sqlite3.connect("full.db") as connection:
        (after,) = connection.execute("SELECT COUNT(*) FROM trials").fetchone()
    assert after >= count == 2


def test_nothing_to_report_on(refused) -> None:
    assert "Run a study first" in refused("report", str(TINY))
    assert "Run a study first" in refused("export", str(TINY))
    assert "Run a study first" in refused("replay", "abc")


def test_no_such_key(refused, here: Path) -> None:
    finished("keys.db", seeds=1)
    assert "'ffff'" in refused("replay", "ffff", "--store", "keys.db")
    assert "begins 2" in refused("replay", "", "--store", "keys.db")


# -- what works ----------------------------------------------------------------------------


def test_list_is_quick_to_start_and_imports_no_torch() -> None:
    code = (
        "import sys; from harness.commands.cli import execute; "
        "assert execute(['list']) == 0; "
        "heavy = {'torch', 'numpy', 'pandas', 'optuna', 'scipy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "residual_depth" in done.stdout
    assert "Do shortcuts let" in done.stdout


def test_list_shows_studies_in_this_folder(here: Path, capsys) -> None:
    (here / "mine.py").write_text(STUDY)
    (here / "no_study.py").write_text("raise SystemExit('this is never run')\n")
    assert execute(["list", "--json"]) == 0
    found = {each["study"]: each["question"] for each in json.loads(capsys.readouterr().out)}
    assert found["mine.py"] == "Does width help a small network?"
    assert "no_study.py" not in found


def test_help_names_every_command(capsys) -> None:
    assert execute(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("list", "plan", "run", "report", "export", "replay", "check", "doctor"):
        assert name in text


def test_plan_knows_trials_before_anything_was_run(here: Path, capsys) -> None:
    assert execute(["plan", str(TINY), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    quick = plan["scales"][0]
    assert (quick["trials"], quick["done"], quick["tuning"]) == (2 * (4 + 5), 0, 4)
    assert [arm["arm"] for arm in quick["arms"]] == ["width=4", "width=32"]
    assert not (here / "runs").exists()


def test_plan_measures_where_asked_and_trains_nothing(here: Path, capsys) -> None:
    assert execute(["plan", str(TINY), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scales"][0]["seconds_left"] is None
    words = ["plan", str(TINY), "--measure", "--json", "--workers", "1"]
    assert execute(words) == 0
    quick, longer = json.loads(capsys.readouterr().out)["scales"]
    assert quick["seconds_left"] > 0
    assert quick["done"] == 0
    assert all(arm["mode"] for arm in quick["arms"])
    assert longer["seconds_left"] is None, "the first scale alone was asked for"
    assert not (here / "runs" / "tiny-quick").exists(), "nothing was judged"
    assert execute(["plan", str(TINY)]) == 0
    assert "about" in capsys.readouterr().out


def test_run_report_and_export(here: Path, capsys) -> None:
    words = ["run", str(TINY), "--no-tuning", "--no-profile", "--json"]
    assert execute(words) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert said["verdicts"][0]["n"] == 5
    assert any("Nothing was tuned" in each for each in said["warnings"])
    page = here / "runs" / "tiny-quick" / "report.html"
    before = page.read_bytes()
    time.sleep(0.01)
    assert execute(["report", str(TINY), "--quiet"]) == 0
    assert page.read_bytes() == before, "the same records gave another page"
    capsys.readouterr()
    assert execute(["export", str(TINY)]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1 + 10
    for kind in ("csv", "json", "parquet"):
        assert execute(["export", str(TINY), "--format", kind, "--to", f"x.{kind}"]) == 0
        assert Path(f"x.{kind}").stat().st_size > 1000
    capsys.readouterr()
    assert execute(["export", str(TINY), "--curves"]) == 0
    curves = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert len(curves) == 10 * 3
    assert set(curves["epoch"]) == {1, 2, 3}
    assert {"key", "arm", "seed", "metric_train_loss", "metric_validation_accuracy"} < {*curves}
    words = [sys.executable, "-c", IMPORTS, "report", str(TINY)]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    # nor WeasyPrint, which another process loads
    assert found.strip() == "0 jinja2 matplotlib scipy"


def test_the_journal_file_is_a_store_too(here: Path) -> None:
    words = ["run", str(TINY), "--no-tuning", "--no-profile", "--seeds", "1", "--out", "done"]
    assert execute([*words, "--quiet", "--store", "journal:///runs.log"]) == 0
    assert Path("runs.log").stat().st_size > 1000
    assert execute(["report", str(TINY), "--store", "journal:///runs.log", "-q"]) == 0


def test_where_no_trial_finishes_the_answer_is_cannot_tell(here: Path, capsys) -> None:
    edited(here, "hopeless.py", ("SGD(lr=lr,", "SGD(lr=1e38 + lr,"))
    words = ["run", "hopeless.py", "--no-tuning", "--no-profile", "--seeds", "2"]
    assert execute(words) == 3
    captured = capsys.readouterr()
    assert "no trial of tiny finished" in captured.err
    assert "4 evaluation trials failed" in captured.out
    assert "diverged: training loss" in captured.out.replace("\n", " ")


def test_what_fails_in_one_arm_does_not_stop_the_others(here: Path, capsys) -> None:
    edited(here, "partly.py", ("SGD(lr=lr,", "SGD(lr=lr if width == 4 else 1e38 + lr,"))
    words = ["run", "partly.py", "--no-tuning", "--no-profile", "--seeds", "2", "-q"]
    assert execute(words) == 0
    capsys.readouterr()
    assert execute(["export", "partly.py", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["width"], row["state"]) for row in rows} == {(4, "complete"), (32, "failed")}
    assert all("diverged" in row["reason"] for row in rows if row["width"] == 32)


def test_a_mistake_in_one_arm_ends_the_run_before_anything_is_trained(
    here: Path, refused, capsys
) -> None:
    edited(here, "partly.py", ("batch_size=20", "batch_size=20 if width == 4 else 500"))
    for words in (["--no-profile"], []):
        line = refused("run", "partly.py", "--no-tuning", "--seeds", "2", *words)
        assert "arm width=32: batch_size must be at most the 200 training examples" in line
    assert execute(["export", "partly.py", "--format", "json"]) == 2
    assert "partly" in capsys.readouterr().err


UNBUILDABLE = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    def build(self, shape, classes):
        raise KeyError("x")


"""


def test_a_network_that_cannot_be_built_is_told_before_anything_is_trained(
    here: Path, refused
) -> None:
    edited(
        here, "broken.py",
        ("MLP(hidden=(width,))", "MLP(hidden=(width,)) if width == 4 else Broken()"),
        ("def build", UNBUILDABLE + "def build"),
    )  # fmt: skip
    for words in (["--workers", "1", "--no-profile"], ["--workers", "2"]):
        line = refused("run", "broken.py", "--no-tuning", *words)
        assert "arm width=32: its network cannot be built and given two inputs: KeyError" in line
        assert "(broken.py:" in line


def test_a_setting_that_cannot_be_is_told_before_anything_is_trained(here: Path, refused) -> None:
    edited(here, "space.py", ("MLP(hidden=(width,))", "MLP(hidden=(width,), dropout=2 * lr)"))
    line = refused("run", "space.py", "--no-profile")
    assert "arm width=4 with lr = 1: MLP(dropout=...) must lie in [0, 1)" in line


def test_a_teacher_that_is_its_own_student_is_one_clear_line(here: Path, refused) -> None:
    edited(
        here, "own.py",
        ("epochs=scale.epochs,",
         "epochs=scale.epochs,\n        loss=Distillation(build(scale, width, lr)),"),
        ("from harness.optim", "from harness.tasks.losses import Distillation\nfrom harness.optim"),
    )  # fmt: skip
    line = refused("run", "own.py")
    assert "must not call itself without end" in line
    assert "what a Training needs" in line


def test_doctor_finds_nothing_wrong_here(capsys) -> None:
    assert execute(["doctor"]) == 0
    text = capsys.readouterr().out
    for name in ("Python", "torch", "CPU", "PDF", "data folder"):
        assert name in text


def test_doctor_tells_of_python_that_is_compiled_anew_in_each_process(monkeypatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(importlib.util, "cache_from_source", lambda _: "/nowhere")
    (found,) = (each for each in examine() if each.what == "bytecode")
    assert found.state == "absent"
    assert "PYTHONDONTWRITEBYTECODE" in found.mend


def test_an_internal_error_says_so_and_how_to_see_it(here: Path, capsys, monkeypatch) -> None:
    def broken(folder: Path) -> None:
        raise KeyError("x")

    monkeypatch.setattr("harness.commands.list.listed", broken)
    assert execute(["list"]) == 3
    line = capsys.readouterr().err
    assert "internal error" in line
    assert "Traceback" not in line
    assert execute(["list"], debug=True) == 3
    assert "Traceback" in capsys.readouterr().err


def test_without_torch_one_line_says_what_needs_it(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    (tmp_path / "torch.py").write_text("raise ImportError('torch is hidden')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "plan", "residual_depth"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line == (
        "harness: torch and torchvision must be installed to plan, run and replay; got "
        "ImportError: torch is hidden. Write pip install torch torchvision. Of what was run, "
        "report, explain and export need neither."
    )
