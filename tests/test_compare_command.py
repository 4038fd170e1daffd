"""``harness compare``: what its words name, its files, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import Factor, HarnessError, Scale
from harness.commands.cli import execute
from harness.commands.compare import compared, grouped, label
from harness.commands.place import Place
from harness.commands.references import Reference, find_runs, parse
from harness.storing.store import open_store
from harness.trials.trial import Trial
from tests.declaring import accuracy, higher, run, study

LOW = study(lr=0.1)
HIGH = study(lr=0.3)


class Unprinted:
    """Stands for what makes PDFs, which takes seconds, and is tested once."""

    def begin(self, html: str) -> None:
        assert html.startswith("<!DOCTYPE html>")

    def result(self) -> tuple[bytes, str]:
        return b"%PDF", ""

    def cancel(self) -> None:
        pass


@pytest.fixture
def unprinted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.reports.Printing", Unprinted)


def noisy(trial: Trial) -> float:
    """More at another learning rate, and a little by chance in each training."""
    return accuracy(trial) + int(trial.key[:4], 16) / 65536 / 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: two versions of one study, and another study."""
    folder = tmp_path_factory.mktemp("runs")
    store = open_store(str(folder / "harness.db"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.declaring.accuracy", noisy)
        run(store, LOW)
        run(store, study(lr=0.2, name="other"))
        run(store, HIGH)
    store.close()
    return folder


def runs(word: str) -> list[str]:
    place = Place(Path("runs"))
    found = find_runs(word, place, {})
    out = [f"{':'.join(each.study)} {each.kept.manifest.command}" for each in found]
    place.close()
    return out


def keys(word: str) -> frozenset[str]:
    place = Place(Path("runs"))
    (found,) = find_runs(word, place, {})
    place.close()
    return found.kept.manifest.keys


# ---- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("a.db", ("a.db", "", "", "")),
        ("a.db@mnist", ("a.db", "mnist", "", "")),
        ("a.db@mnist:quick", ("a.db", "mnist", "quick", "")),
        ("a.db@mnist:quick~2", ("a.db", "mnist", "quick", "2")),
        ("runs~1", ("runs", "", "", "1")),
        ("runs~4f2a91c", ("runs", "", "", "4f2a91c")),
        ("runs@mnist~4f2a91c+changes", ("runs", "mnist", "", "4f2a91c+changes")),
        ("my@folder/a.db", ("my@folder/a.db", "", "", "")),
        ("sqlite:///a.db@mnist", ("sqlite:///a.db", "mnist", "", "")),
        ("journal:///a.log@mnist:full", ("journal:///a.log", "mnist", "full", "")),
        ("postgresql://me:pw@host/db", ("postgresql://me:pw@host/db", "", "", "")),
        ("postgresql://me@host", ("postgresql://me@host", "", "", "")),
        ("postgresql://me:pw@host/db@mnist", ("postgresql://me:pw@host/db", "mnist", "", "")),
    ],
)
def test_a_word_is_taken_apart(word: str, found: tuple[str, ...]) -> None:
    parsed = parse(word)
    assert (parsed.where, parsed.study, parsed.scale, parsed.version) == found
    assert "pw" not in parsed.text, "a password is never shown"


def test_a_path_that_is_there_is_taken_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a@b~1").mkdir()
    assert parse("a@b~1") == Reference("a@b~1", "a@b~1")


@pytest.mark.parametrize("word", ["", "@mnist", "~1", "a.db@", "a.db@:quick", "a.db@mnist:"])
def test_a_word_without_a_part_is_refused(word: str) -> None:
    with pytest.raises(HarnessError, match="got"):
        parse(word)


def test_a_folder_a_store_and_a_report_s_folder_name_runs(folder: Path) -> None:
    every = runs(str(folder))
    assert [each.split(maxsplit=1)[0] for each in every] == ["other:quick", "wide:quick"]
    assert runs(str(folder / "harness.db")) == every
    assert runs(f"{folder}@wide") == runs(f"{folder}@wide:quick") == every[1:]
    report = folder / "wide-quick"
    report.mkdir(exist_ok=True)
    (report / "records.csv").write_text("study\n", encoding="utf-8")
    assert runs(str(report)) == every[1:]


def test_a_version_is_named_by_how_far_back_it_lies(folder: Path) -> None:
    newest, before = keys(f"{folder}@wide"), keys(f"{folder}@wide~1")
    assert newest.isdisjoint(before)
    assert keys(f"{folder}@wide~0") == newest
    assert keys(f"{folder}~1") == before, "of the study that has one"


def test_a_version_is_named_by_its_revision(tmp_path: Path) -> None:
    from dataclasses import replace

    from harness.storing.kept import keep, manifest_of

    store = open_store(str(tmp_path / "harness.db"))
    for declared, revision in ((LOW, "aaaa11112222"), (HIGH, "bbbb33334444")):
        ledger = run(store, declared)
        made = manifest_of(ledger)
        assert made is not None
        keep(ledger, replace(made, revision=revision), ledger.declaration)
    store.close()
    assert keys(f"{tmp_path}~bbbb3") == keys(str(tmp_path))
    assert keys(f"{tmp_path}~aaaa") == keys(f"{tmp_path}~1")
    with pytest.raises(HarnessError, match=r"got ~cccc. There is: wide:quick~0 .bbbb33334444"):
        runs(f"{tmp_path}~cccc")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("{folder}@wied", "Did you mean wide?"),
        ("{folder}@wide:full", "wide:full in"),
        ("{folder}@wide~7", "got ~7. There is: wide:quick~0"),
        ("{folder}/none.db", "none.db"),
        ("{folder}/harnes.db@wide~1", "Did you mean {folder}/harness.db?"),
        ("{above}/{misspelt}~1", "Did you mean {folder}?"),
        ("{folder}/empty", "a folder of runs must hold harness.db"),
        ("{folder}/text.db", "text.db"),
        ("{folder}/" + "long" * 75, "longlong"),
        ("{folder}/" + "long" * 75 + "@wide:quick~1", "longlong"),
    ],
)
def test_a_word_that_names_nothing_ends_in_one_clear_line(
    folder: Path, word: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = {"folder": folder, "above": folder.parent, "misspelt": f"{folder.name[:-2]}x0"}
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "text.db").write_text("no store", encoding="utf-8")
    code = execute(["compare", str(folder), word.format(**names), "--out", str(tmp_path)])
    told = capsys.readouterr()
    assert code == 2
    assert said.format(**names) in told.err
    assert told.err.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_near_folders_with_dots_in_their_names_and_files_with_other_endings_are_all_named(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("exp-2.0", "exp-2.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "harness.db").write_bytes(b"")
    for name in ("results.db", "results.sqlite"):
        (tmp_path / name).write_bytes(b"")
    for word, near in (
        ("exp-2.2", "exp-2.1 or {}/exp-2.0"),
        ("result.db", "results.db or {}/results.sqlite"),
    ):
        out = str(tmp_path / "out")
        assert execute(["compare", str(folder), str(tmp_path / word), "--out", out]) == 2
        said = f"Did you mean {tmp_path}/" + near.format(tmp_path) + "?"
        assert said in capsys.readouterr().err


def test_a_near_folder_that_may_not_be_read_is_passed_over(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    closed, is_file = folder.parent / "private", Path.is_file
    closed.mkdir(exist_ok=True)

    def guarded(path: Path, **how: bool) -> bool:
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path, **how)

    monkeypatch.setattr(Path, "is_file", guarded)
    misspelt = folder.parent / f"{folder.name[:-2]}x0"
    assert execute(["compare", str(folder), str(misspelt), "--out", str(tmp_path)]) == 2
    assert f"Did you mean {folder}?" in capsys.readouterr().err


def test_letters_go_on_beyond_z() -> None:
    assert [label(number) for number in (0, 25, 26)] == ["A", "Z", "A2"]


# ---- what belongs together ----------------------------------------------------------------------


def sides(words: Sequence[str]) -> tuple[list[list[tuple[str, str]]], list[tuple[str, str]]]:
    place = Place(Path("runs"))
    places = [(label(n), find_runs(word, place, {})) for n, word in enumerate(words)]
    groups, alone = grouped(places)
    place.close()
    return [[(letter, each.study[0]) for letter, each in group] for group in groups], alone


def test_studies_are_compared_by_name_and_single_runs_whatever_they_are_called(
    folder: Path,
) -> None:
    both = str(folder)
    assert sides([both, both]) == (
        [[("A", "other"), ("B", "other")], [("A", "wide"), ("B", "wide")]], []
    )  # fmt: skip
    assert sides([f"{both}@other", f"{both}@wide"]) == ([[("A", "other"), ("B", "wide")]], [])
    assert sides([both, f"{both}@wide~1"]) == (
        [[("A", "wide"), ("B", "wide")]], [("A", "other:quick")]
    )  # fmt: skip


def test_two_scales_of_one_store_are_compared(tmp_path: Path) -> None:
    scales = {"quick": Scale(seeds=5), "full": Scale(seeds=6)}
    store = open_store(str(tmp_path / "harness.db"))
    declared = study(scales=scales)
    run(store, declared)
    _at_full(store, declared)
    store.close()
    place = Place(tmp_path)
    result = compared([f"{tmp_path}@wide:quick", f"{tmp_path}@wide:full"], place)
    place.close()
    (pair,) = result.pairs
    assert {each.what: (each.base, each.other) for each in pair.differences} == {
        "scale": ("quick", "full"), "seeds": ("5", "6"),
    }  # fmt: skip
    assert {each.way for each in pair.belongings} == {"same"}, "and yet these are the same trials"


def _at_full(store: object, declared: object) -> None:
    """Record a run at scale full, as ``tests.declaring.run`` does at scale quick."""
    from typing import Any

    from harness.planning.planner import StudyPlanner
    from harness.running.executors import Options
    from harness.running.session import write_plan
    from harness.storing.ledger import Ledger
    from harness.trials.outcome import Outcome
    from tests.declaring import ENV, accuracy

    given: Any = declared
    kept: Any = store
    ledger = Ledger(kept, given, "full")
    planner = StudyPlanner(given, "full", None, tune=False)
    ready = planner.outlook(ledger.done(frozenset())).ready
    for lease in ledger.lease(ready, len(ready)):
        good = accuracy(lease.trial)
        numbers = {"test_accuracy": good, "validation_loss": 1 - good, "train_loss": 1 - good}
        ledger.finish(lease, Outcome(numbers, {}, {"seconds": 1.0}, ENV))
    write_plan(ledger, planner, planner.outlook(ledger.done(frozenset())), Options(reference="x"))


def test_studies_without_a_common_name_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(str(tmp_path / "harness.db"))
    run(store, study(name="third"))
    store.close()
    assert execute(["compare", str(folder), str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "A: other:quick, wide:quick; B: third:quick" in said
    assert "@STUDY:SCALE" in said


# ---- the command --------------------------------------------------------------------------------


def left(place: Path) -> dict[str, bytes]:
    """The files of a folder and of those in it, by path."""
    return {
        each.relative_to(place).as_posix(): each.read_bytes()
        for each in place.rglob("*")
        if each.is_file()
    }


def test_it_prints_the_answer_and_leaves_files_the_same_each_time(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    words = ["compare", f"{folder}@wide~1", f"{folder}@wide", "--out", str(tmp_path / "out")]
    assert execute(words) == 0
    said = capsys.readouterr().out
    assert "results of arms can be told apart" in said
    assert "better" in said
    assert "optimizer.lr from 0.1 to 0.3" in said
    first = left(tmp_path / "out")
    assert {"compare.html", "compare.json", "take-away/summary.md"} <= first.keys()
    assert b'href="./compare.html"' in first["index.html"]
    assert execute([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    again = left(tmp_path / "out")
    assert [name for name, content in first.items() if content != again[name]] == []


@pytest.mark.usefixtures("unprinted")
def test_json_alone_is_printed_where_it_is_asked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", f"{folder}@wide~1", f"{folder}@wide", "--out", str(tmp_path), "--json"]
    assert execute(words) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads((tmp_path / "compare.json").read_text("utf-8"))
    found = json.loads(printed)
    assert found["format"] == 1
    assert found["places"] == {"A": f"{folder}@wide~1", "B": f"{folder}@wide"}


@pytest.mark.parametrize(
    ("base", "other", "code"),
    [("@wide~1", "@wide", 0), ("@wide", "@wide~1", 1), ("@wide", "@wide", 0)],
)
@pytest.mark.usefixtures("unprinted")
def test_fail_on_change_fails_where_something_is_worse_and_only_there(
    folder: Path, tmp_path: Path, base: str, other: str, code: int
) -> None:
    words = ["compare", f"{folder}{base}", f"{folder}{other}", "--out", str(tmp_path), "--quiet"]
    assert execute([*words, "--fail-on-change"]) == code
    assert execute(words) == 0


@pytest.mark.usefixtures("unprinted")
def test_fail_on_change_does_not_pass_where_nothing_was_compared(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(str(tmp_path / "harness.db"))
    deep = higher(text="Deep.", higher={"width": 9}, lower={"width": 8})
    run(store, study(deep, name="deep", factors=(Factor("width", (8, 9)),)))
    store.close()
    words = ["compare", f"{folder}@wide", str(tmp_path), "--out", str(tmp_path / "o"), "--quiet"]
    assert execute(words) == 0
    assert execute([*words, "--fail-on-change"]) == 3
    assert "nothing could be compared" in capsys.readouterr().err


def test_fewer_than_two_runs_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words in ([], [str(folder)]):
        assert execute(["compare", *words, "--out", str(tmp_path)]) == 2
        assert "two runs or more" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    out = tmp_path / "file" / "below"
    assert execute(["compare", f"{folder}@wide", f"{folder}@wide", "--out", str(out)]) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.usefixtures("unprinted")
def test_a_journal_is_a_store_as_any_other(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal = f"journal:///{tmp_path / 'x.log'}"
    store = open_store(journal)
    monkeypatch.setattr("tests.declaring.accuracy", noisy)
    run(store, HIGH)
    store.close()
    words = ["compare", f"{folder}@wide", f"{journal}@wide", "--out", str(tmp_path / "out")]
    assert execute([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["answer"].startswith("No result changed: both have the same 15 trials")


@pytest.mark.usefixtures("unprinted")
def test_a_database_server_is_a_store_as_any_other(
    folder: Path, tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    store = open_store(url)
    monkeypatch.setattr("tests.declaring.accuracy", noisy)
    run(store, HIGH)
    store.close()
    words = ["compare", f"{folder}@wide", f"{url}@wide:quick", "--out", str(tmp_path / "out")]
    assert execute([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["answer"].startswith("No result changed: both have the same 15 trials")


def test_it_needs_no_torch_and_writes_nothing_to_the_store(folder: Path, tmp_path: Path) -> None:
    before = (folder / "harness.db").read_bytes()
    code = (
        "import sys; from harness.commands.cli import execute; "
        f"code = execute(['compare', '{folder}@wide~1', '{folder}@wide', '-q', "
        f"'--out', '{tmp_path}']); print(code, sorted({{'torch', 'pandas', 'seaborn'}} & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout.split("\n")[0] == "0 []"
    assert (folder / "harness.db").read_bytes() == before


def test_a_password_in_a_url_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://me:sesame@127.0.0.1:1/none"
    assert execute(["compare", "--json", url, url, "--out", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "sesame" not in told.err + told.out
    assert not re.search(r"may stand after --store", told.err)
