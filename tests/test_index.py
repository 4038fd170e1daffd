"""The index of a folder: made from all that lies there, whichever command has left it, and when."""

import json
import re
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands.files import write_verdicts
from harness.commands.index import home_of
from harness.commands.index import write_index as index_or_complain
from harness.compared.comparison import compare
from harness.compared.plain import plain
from harness.gate.written import write_files
from harness.judging.results import Results
from harness.messages.errors import HarnessError
from harness.reports import (
    contents_of,
    render_index,
    shelf_of,
    write_entry,
    write_index,
)
from harness.reports import index as index_module
from harness.reports.entry import entry_of, read_entry
from harness.reports.figures.forest import density, draw_forests, forest
from harness.reports.index_page import index_of
from harness.reports.render import render_html
from harness.study.claims import Higher
from tests import example_gate, example_search
from tests.compared_runs import side
from tests.example_results import cost_results, example_results, residual_study
from tests.test_reports import Reader


def put(results: Results, folder: Path, *files: str) -> Path:
    """What a run leaves of a study, as far as the index looks at it."""
    write_entry(results, folder)
    for name in files or ("report.html", "report.pdf", "records.csv", "verdicts.json"):
        (folder / name).write_text("")
    return folder


def named(results: Results, **changes: Any) -> Results:
    """The same results of a study of another name, question or scale."""
    declared = replace(results.declaration)
    for name, value in changes.items():
        object.__setattr__(declared, name, value)
    return replace(results, declaration=declared)


def read(folder: Path) -> Reader:
    return Reader(write_index(folder).path.read_text(encoding="utf-8"))


def put_gate(folder: Path) -> None:
    folder.mkdir()
    write_files(example_gate.example(), folder)
    (folder / "gate.html").write_text("")


def put_comparison(folder: Path) -> None:
    values = {"width=4": (1.0, 2.0, 3.0, 4.0, 5.0), "width=64": (5.0, 6.0, 7.0, 8.0, 9.0)}
    sides = [side("A", values), side("B", {**values, "width=64": (1.0, 2.0, 3.0, 4.0, 5.0)})]
    compared = compare([("A", "old.db"), ("B", "new.db")], [sides], [])
    folder.mkdir()
    (folder / "compare.json").write_text(json.dumps(plain(compared)))
    (folder / "compare.html").write_text("")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report of each kind, one of before, and a broken one."""
    out = tmp_path_factory.mktemp("runs")
    put(example_results(), out / "residual_depth-quick")
    put(cost_results(), out / "shortcut_cost-quick", "report.html")
    put(example_search.example_results(), out / "digits_search-quick", "report.html", "best.json",
        "settings.csv")  # fmt: skip
    put_gate(out / "gate")
    put_comparison(out / "compare")
    (out / "old-full").mkdir()
    write_verdicts(example_results(), out / "old-full" / "verdicts.json")
    (out / "torn-quick").mkdir()
    (out / "torn-quick" / "entry.json").write_text('{"format": 1, "kind"')
    return out


def test_all_kinds_are_listed_with_links_to_files_that_are_there(several: Path) -> None:
    page = read(several)
    links = [each["href"] for each in page.all("a")]
    assert links
    for each in links:
        assert (several / each.split("#")[0]).exists(), each
    for each in (
        "residual_depth-quick/report.html", "residual_depth-quick/report.pdf",
        "residual_depth-quick/records.csv", "residual_depth-quick/verdicts.json",
        "shortcut_cost-quick/report.html", "digits_search-quick/best.json", "gate/gate.html",
        "gate/gate.json", "compare/compare.html", "compare/compare.json",
        "old-full/verdicts.json", "residual_depth-quick/report.html#claim-3",
    ):  # fmt: skip
        assert f"./{each}" in links
    assert "./shortcut_cost-quick/report.pdf" not in links
    assert "3 studies, 1 search, 1 gate, 1 comparison, 18 claims" in page.text
    kinds = [each["data-kind"] for each in page.all("tr") if "data-kind" in each]
    assert sorted(kinds) == ["comparison", "gate", "search", "study", "study", "study"]


def test_a_file_that_cannot_be_read_is_told_in_one_line_and_the_rest_is_listed(
    several: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert index_or_complain(several, "again", shown=True) == []
    captured = capsys.readouterr()
    assert captured.err.startswith("harness: not listed in index.html: torn-quick/entry.json: no J")
    assert captured.err.count("\n") == 1
    assert captured.out.startswith("index.html  ")
    assert "torn-quick/entry.json: no JSON" in read(several).text


@pytest.mark.parametrize(("name", "content"), [
    ("entry.json", b"\xff\xfe"), ("entry.json", b"[]"), ("entry.json", b'{"format": 99}'),
    ("entry.json", b'{"format": 1, "kind": "dance"}'), ("verdicts.json", b'{"a": 1}'),
    ("verdicts.json", b"[1]"), ("gate.json", b"{}"), ("gate.json", b""),
    ("compare.json", b'{"format": 1}'), ("compare.json", b'{"format": 1, "places": 3}'),
    ("compare.json", b"nothing"),
])  # fmt: skip
def test_whatever_a_file_holds_the_index_is_written(
    name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / name).write_bytes(content)
    written = write_index(tmp_path)
    assert written.reports == 0
    assert len(written.unread) == 1
    assert written.unread[0].startswith(f"x/{name}: ")
    assert "There is no report yet." in written.path.read_text(encoding="utf-8")


def test_runs_apart_give_the_same_index_as_runs_together(several: Path, tmp_path: Path) -> None:
    shutil.copytree(several, tmp_path / "all", ignore=shutil.ignore_patterns("index.html"))
    apart = tmp_path / "apart"
    apart.mkdir()
    for each in sorted((tmp_path / "all").iterdir(), reverse=True):
        shutil.copytree(each, apart / each.name)
        write_index(apart)  # as each command does at its end
    together = write_index(tmp_path / "all").path.read_bytes()
    assert (apart / "index.html").read_bytes() == together


def test_of_two_that_write_at_once_the_last_has_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has read when the other writes its report and its index; then it writes its own."""
    put(example_results(), tmp_path / "first-quick")
    whole = index_module.write_whole

    def late(path: Path, content: bytes) -> Path:
        monkeypatch.setattr(index_module, "write_whole", whole)
        put(named(example_results(), name="second"), tmp_path / "second-quick")
        other = threading.Thread(target=write_index, args=(tmp_path,))
        other.start()
        other.join()
        assert b"second, quick" in path.read_bytes()
        return whole(path, content)

    monkeypatch.setattr(index_module, "write_whole", late)
    assert write_index(tmp_path).reports == 2
    assert b"second, quick" in (tmp_path / "index.html").read_bytes()


def test_provisional_reports_say_why(tmp_path: Path) -> None:
    full = named(example_results(), scale="full", scales=("quick", "full"))
    assert entry_of(full).provisional == ()
    assert entry_of(named(example_results(), scales=("quick", "full"))).provisional == (
        "scale quick; full may answer otherwise",
    )
    early = entry_of(replace(full, missing=12)).provisional
    assert early == ("12 evaluation trials not there yet",)
    few = named(example_results(seeds=3), scale="full", scales=("quick", "full"))
    assert entry_of(few).provisional == (
        "3 of 10 seeds", "3 seeds, where a verdict needs 5",
    )  # fmt: skip
    put(full, tmp_path / "one-full")
    put(replace(full, missing=12), tmp_path / "two-full")
    page = read(tmp_path)
    assert page.text.count("provisional: 12 evaluation trials not there yet") == 1
    assert "Provisional 1 of 2 reports" in page.text


def test_a_search_that_was_stopped_is_provisional() -> None:
    results = example_search.example_results()
    assert results.search is not None
    tried = len(results.search.tried)
    assert entry_of(results).provisional[0] == f"{tried} of 64 settings tried"


def test_a_search_at_scale_quick_is_provisional_on_its_page_and_in_the_index(
    tmp_path: Path,
) -> None:
    results = example_search.example_results()
    assert results.search is not None
    done = replace(results, search=replace(results.search, ended="trials"))
    why = "scale quick; other settings may be best at a larger one"
    assert entry_of(done).provisional == (why,)
    assert f"provisional: {why}" in render_html(done)
    put(done, tmp_path / "digits_search-quick")
    assert f"provisional: {why}" in read(tmp_path).text
    larger = named(done, scale="full", scales=("quick", "full"))
    assert entry_of(larger).provisional == ()


def test_costs_are_added_up(several: Path) -> None:
    shelf = shelf_of(contents_of(several))
    hours = [each.entry.hours for each in shelf.found if each.entry.hours is not None]
    assert len(hours) == 3
    totals = dict(index_of(shelf).totals)
    assert totals["Device time"] == f"{sum(hours):.1f} h; not known of 1 report"
    trials = sum(each.entry.trials or 0 for each in shelf.found)
    assert totals["Trials"].startswith(f"{trials}, ")
    assert "Energy" not in totals


def test_energy_is_told_where_every_step_was_counted() -> None:
    results = cost_results()
    counted = {arm: replace(each, joules_per_step=2.0) for arm, each in results.profiles.items()}
    records = tuple(replace(each, cost={**each.cost, "steps": 100.0}) for each in results.records)
    all_known = replace(results, profiles=counted, records=records)
    assert entry_of(all_known).joules == pytest.approx(200.0 * len({r.key for r in records}))
    counted.pop(next(iter(counted)))
    assert entry_of(replace(all_known, profiles=counted)).joules is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for results in (example_results(), cost_results(), example_search.example_results(),
                    example_results(seeds=0)):  # fmt: skip
        path = write_entry(results, tmp_path)
        assert read_entry(path.read_bytes()) == entry_of(results)


@pytest.mark.parametrize("hostile", [
    "<script>alert(1)</script>", '" onmouseover="alert(1)', "]]></style><style>*{display:none}",
    "مرحبا \u202e 🎉", "\ud800 half", "a" * 300,
])  # fmt: skip
def test_hostile_names_stay_text(hostile: str, tmp_path: Path) -> None:
    results = example_results()
    claim = replace(results.verdicts[0].claim)
    object.__setattr__(claim, "text", hostile)
    verdicts = (replace(results.verdicts[0], claim=claim), *results.verdicts[1:])
    changed = named(replace(results, verdicts=verdicts), name=hostile, question=hostile)
    put(changed, tmp_path / "x-quick")
    put(example_results(), tmp_path / 'a:b "&<i> 100%')
    text = write_index(tmp_path).path.read_text(encoding="utf-8")
    page = Reader(text)
    assert len(page.all("script")) == 1, "ours"
    assert not page.all("i")
    assert "onmouseover" not in {name for each in page.all("span") for name in each}
    assert "./a%3Ab%20%22%26%3Ci%3E%20100%25/report.html" in [x["href"] for x in page.all("a")]
    assert text.count("</style>") == 2
    assert "default-src 'none'" in text


def test_filters_name_what_is_there(several: Path) -> None:
    text = write_index(several).path.read_text(encoding="utf-8")
    page = Reader(text)
    radios = [each for each in page.all("input") if each["type"] == "radio"]
    assert {each["name"] for each in radios} == {"verdict", "study"}
    assert [each["id"] for each in radios if "checked" in each] == ["verdict-all", "study-all"]
    rows = {each["data-verdict"] for each in page.all("tr") if "data-verdict" in each}
    groups = {each["data-study"] for each in page.all("tbody") if "data-study" in each}
    assert {each["id"] for each in radios} - {"verdict-all", "study-all"} == rows | groups
    for key in rows | groups:
        assert f"body:has(#{key}:checked)" in text
    assert len(groups) == 3


def test_one_study_with_one_verdict_has_no_filter(tmp_path: Path) -> None:
    results = example_results()
    put(replace(results, verdicts=results.verdicts[:1]), tmp_path / "one-quick")
    assert not read(tmp_path).all("input")


def test_claims_are_drawn_by_study_on_one_axis(several: Path) -> None:
    index = index_of(shelf_of(contents_of(several)))
    assert [picture.caption for _, picture in index.figures] == [
        "residual_depth, quick.", "shortcut_cost, quick.",
    ]  # fmt: skip  # of the one of before, the margins are not known
    first = forest(example_results().verdicts)
    second = forest(cost_results().verdicts)
    assert first is not None
    assert second is not None
    alone = draw_forests([("a", first.rows)])
    both = draw_forests([("a", first.rows), ("b", second.rows)])
    assert alone[0].alt == both[0].alt
    assert re.search(r"At 56 layers|claim 1", both[0].alt)


def test_two_hundred_claims_stay_short(tmp_path: Path) -> None:
    claims = tuple(
        Higher(f"{number} is a claim of a length that claims have in studies of people.",
               metric="train_loss", by=0.1, higher={"shortcut": False, "depth": 56},
               lower={"shortcut": False, "depth": 20})
        for number in range(5)
    )  # fmt: skip
    many = example_results(residual_study(claims=claims))
    for number in range(40):
        put(named(many, name=f"study_{number}"), tmp_path / f"study_{number}-quick")
    text = write_index(tmp_path).path.read_text(encoding="utf-8")
    page = Reader(text)
    assert "40 studies, 200 claims" in page.text
    assert "40 figures" in page.text  # folded away
    assert density(200).row < density(20).row < density(5).row
    assert len([each for each in page.all("tr") if "data-verdict" in each]) == 200


def test_the_folder_of_a_gate_or_comparison_is_listed_above_where_reports_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = Path("runs/gate")
    assert home_of(usual, usual) == Path("runs")
    assert home_of(Path("elsewhere/gate"), usual) == Path("elsewhere/gate")
    assert home_of(Path("gate"), usual) == Path("gate")
    put(example_results(), tmp_path / "elsewhere" / "one-quick")
    assert home_of(Path("elsewhere/gate"), usual) == Path("elsewhere/gate"), "no index is there"
    write_index(tmp_path / "elsewhere")
    assert home_of(Path("elsewhere/gate"), usual) == Path("elsewhere")
    (tmp_path / "harness.db").write_text("")
    assert home_of(Path("gate"), usual) == Path()
    (tmp_path / "index.html").write_text("<p>My own page.</p>")
    assert home_of(Path("gate"), usual) == Path("gate")


def test_a_folder_of_other_files_gets_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "entry.json").write_text("{}")
    assert home_of(Path("compare"), Path("runs/compare")) == Path("compare")


def test_a_page_of_somebody_else_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "index.html").write_text("<p>My own page.</p>")
    with pytest.raises(HarnessError, match="of the harness's own making"):
        write_index(tmp_path)
    assert index_or_complain(tmp_path, "harness report x", shown=True)
    assert "To try again: harness report x" in capsys.readouterr().err
    assert index_or_complain(tmp_path, "", shown=True)
    assert capsys.readouterr().err.endswith("or name another folder with --out.\n")
    assert (tmp_path / "index.html").read_text() == "<p>My own page.</p>"


def test_an_empty_folder_and_one_that_is_not_there(tmp_path: Path) -> None:
    text = render_index(shelf_of(contents_of(tmp_path / "nothing")))
    assert "No reports yet" in text
    assert write_index(tmp_path / "new").reports == 0


def test_a_report_without_a_question_is_linked_by_its_name(tmp_path: Path) -> None:
    for name, question in (("first", ""), ("second", "  ")):
        put(named(example_results(), name=name, question=question), tmp_path / f"{name}-quick")
    index = index_of(shelf_of(contents_of(tmp_path)))
    assert [(row.title.text, row.name) for row in index.reports] == [
        ("first, quick", ""), ("second, quick", ""),
    ]  # fmt: skip
    assert all(row.title.href for row in index.reports)


def test_the_same_reports_give_the_same_bytes(several: Path) -> None:
    assert write_index(several).path.read_bytes() == write_index(several).path.read_bytes()
