"""What one takes away from a report: every table and figure as files, and texts beside them."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import reports
from harness.commands import folder as folders
from harness.commands.compared_markdown import compared_markdown
from harness.gate.outcome import Revision
from harness.judging.results import Results
from harness.reports import render, taking
from harness.reports.figures.canvas import Picture, paint, plain
from harness.reports.figures.scales import ems
from harness.reports.latex import LONG, escaped, latex_table
from harness.reports.page import Page, page_of
from harness.reports.parts import LONGEST, grid, parts_of
from harness.reports.sections.ledger import ledger_section
from harness.reports.sections.methods import methods_section
from harness.reports.sections.opening import verdict_table
from harness.reports.table import Cell, Column, Table, row
from harness.reports.taking import MOST_PNG, contents, csv_text, svg_text, take_away
from tests.example_gate import example as example_gate
from tests.example_results import example_results
from tests.example_search import example_results as search_results
from tests.test_compare_page import hostile as hostile_runs
from tests.test_reports import one_factor
from tests.test_reports_names import study as hostile_study

HOSTILE = (
    "../../etc/passwd", "C:\\x", "con", "a/b", "<script>alert(1)</script>", "=1+1", "&%$#_{}~^\\",
    "[x]", "*", "\\input{/etc/passwd}", "$$", "x--y''z,,w", "\x1b[2J\x00", "שלום 🙂⚠️", "中文 한국",
    "Straße, Łódź, naïve, Dvořák", "δ − × → ✔ ≤ 10⁻³ \N{NO-BREAK SPACE}µ", "% comment\n\\end{x}",
    "`ls`",
)  # fmt: skip


@pytest.fixture(autouse=True)
def as_many_pictures_as_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.reports.taking.MOST_PNG", MOST_PNG)


@dataclass(frozen=True)
class Section:
    """A section as pages have them."""

    text: str
    numbers: Table | None
    figures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Made:
    """A page made by hand."""

    title: str
    first: Table | None
    claims: tuple[Any, ...] = ()
    named: tuple[tuple[str, tuple[Picture, ...]], ...] = ()


def table(text: str = "a", count: int = 2) -> Table:
    cells = Cell(text, note=text, mark="✔", tone="good", href="#x")
    columns = (Column(text, note=text), Column("Value", "number"))
    return Table(text, columns, tuple(row(cells, text) for _ in range(count)))


def drawing(text: str = "a") -> Picture:
    return paint(
        (1, 1), lambda figure: figure.text(0.1, 0.5, plain(text)), alt=text, caption=text,
        title=text,
    )  # fmt: skip


@pytest.fixture(scope="module")
def small() -> Results:
    return one_factor()


@pytest.fixture(scope="module")
def page(small: Results) -> Page:
    return page_of(small)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return drawing()


# ---- names --------------------------------------------------------------------------------------


def test_parts_come_in_the_order_of_the_page_with_names_that_say_where_they_stand(
    picture: Picture,
) -> None:
    claims = tuple(Section("c", table(), (replace(picture, caption=f"{n}"),)) for n in range(2))
    page = Made("t", table("first"), claims, (("m", (picture,)),))
    assert [each.name for each in parts_of(page)] == [
        "table-01-first", "table-02-claim-1-numbers", "figure-01-claim-1-a",
        "table-03-claim-2-numbers", "figure-02-claim-2-a", "figure-03-named-1-a",
    ]  # fmt: skip
    assert [each.content for each in parts_of(page)][1:3] == [claims[0].numbers, *claims[0].figures]


def test_names_are_safe_whatever_a_figure_is_called_and_no_two_are_alike() -> None:
    figures = tuple(drawing(text) for text in (*HOSTILE, *HOSTILE, "long " * 40, "x" * 300, ""))
    names = [each.name for each in parts_of(Made("t", None, (Section("s", None, figures),)))]
    assert len(set(names)) == len(names) == len(figures)
    for name in names:
        assert re.fullmatch(r"figure-\d\d(-[a-z0-9]+)+", name), name
        assert len(name) <= LONGEST


def test_the_texts_of_a_table_are_lines_with_notes_after_them() -> None:
    cells = (Cell("a\nb", note="[1, 2]"), Cell("", mark="✔"), Cell("word", mark="✔"))
    made = Table("c", (Column("A", note="n"), Column("B"), Column("C")), (cells,))
    assert grid(made) == (("A (n)", "B", "C"), ("a b [1, 2]", "✔", "word"))


# ---- CSV and SVG --------------------------------------------------------------------------------


def test_a_csv_file_has_all_cells_and_no_formula() -> None:
    made = Table("c", (Column("=a"), Column("b")), (row("+1 nats", "-0.5"), row('q"', "−1\n,2")))
    assert list(csv.reader(io.StringIO(csv_text(made)))) == [
        ["'=a", "b"], ["+1 nats", "-0.5"], ['q"', "−1 ,2"],
    ]  # fmt: skip


def test_a_figure_is_a_file_of_its_own_on_white() -> None:
    text = svg_text(drawing("</desc> <b>"))
    root = ET.fromstring(text.encode())
    kinds = [each.tag.rpartition("}")[2] for each in root]
    assert kinds[:3] == ["title", "desc", "rect"]
    assert root[1].text == "</desc> <b>"
    assert root[2].get("fill") == "#ffffff"
    assert 'class="hints"' not in text


# ---- LaTeX --------------------------------------------------------------------------------------

TOKEN = re.compile(
    r"""\\["'`^~=.uHvdrc]\{[A-Za-z]\} | \\(?P<word>[A-Za-z]+)\{\} | \\[&%$\#_{}] | \\[,-]
    | \$(?P<math>[A-Za-z\\{}^0-9|-]+)\$ | [A-Za-z0-9 .:;()/+=!?"@*\[\]'`,~-] | \{\}""",
    re.VERBOSE,
)
"""All that a text may be written with, so that pdfLaTeX sets it and runs nothing."""


WORDS = {
    "textbackslash", "textasciitilde", "textasciicircum", "textasciigrave", "textless",
    "textgreater", "textbar", "textcopyright",
    "textregistered", "texttrademark", "texteuro", "textquestiondown", "textexclamdown", "ldots",
    "pounds", "S", "P", "ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "i",
}  # fmt: skip
"""Commands that stand for a sign, each of LaTeX itself."""


def read(text: str) -> list[re.Match[str]]:
    """Read what was written as LaTeX; what is neither text nor one of our commands is an error."""
    tokens, at = [], 0
    while at < len(text):
        found = TOKEN.match(text, at)
        assert found is not None, text[at : at + 20]
        tokens.append(found)
        at = found.end()
    assert {each["word"] for each in tokens} - {None} <= WORDS
    return tokens


@given(st.text(alphabet=st.characters(), max_size=40))
def test_any_text_is_set_as_it_is(text: str) -> None:
    read(escaped(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("50 % & $5 #1 a_b {x}", r"50 \% \& \$5 \#1 a\_b \{x\}"),
        ("~^\\|", r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textbar{}"),
        ("<>`", r"\textless{}\textgreater{}\textasciigrave{}"),
        ("−4.9 ± 2 ≤ δ → ✔ ×", r"$-$4.9 $\pm$ 2 $\leq$ $\delta$ $\rightarrow$ $\surd$ $\times$"),
        ("a\N{NO-BREAK SPACE}b", "a~b"),
        ("--store ''", "-{}-store '{}'"),
        ("Dvořák, e\N{COMBINING ACUTE ACCENT}", r"Dvo\v{r}\'{a}k, \'{e}"),
        ("中🙂", "[U+4E2D][U+1F642]"),
        ("⚠\N{VARIATION SELECTOR-16}", "(!)"),
    ],
)  # fmt: skip
def test_signs_are_written_as_commands(text: str, written: str) -> None:
    assert escaped(text) == written


def cells_of(latex: str) -> list[list[str]]:
    """The rows between the rules, apart at each ``&`` that is none of a text."""
    body = latex[latex.rindex("\\midrule\n") + 9 :]
    body = body.removeprefix("\\endfirsthead")
    body = body.partition("\\endfoot\n")[2] or body.partition("\\bottomrule")[0]
    lines = body.partition("\\end{longtable}")[0].strip().split("\n")
    return [re.split(r"(?<!\\) & ", line.removesuffix(" \\\\")) for line in lines]


@pytest.mark.parametrize("count", [1, LONG, LONG + 1, 200])
def test_every_row_of_a_table_is_there_and_long_ones_may_be_broken(count: int) -> None:
    text = latex_table(table("x & y", count), "tab:x")
    rows = cells_of(text)
    assert rows == [["x \\& y x \\& y", "x \\& y"]] * count
    assert ("longtable" in text) == (count > LONG)
    assert text.count("\\caption{") == text.count("\\label{tab:x}") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_hostile_texts_is_a_table(text: str) -> None:
    rows = cells_of(latex_table(table(text), "tab:x"))
    assert [len(cells) for cells in rows] == [2, 2]
    for cells in rows:
        assert not cells[0].startswith(("[", "*"))  # after a line's end these are options
        for each in cells:
            read(each)


def test_numbers_stand_right_and_texts_of_wide_tables_are_broken() -> None:
    narrow = Table("c", (Column("A"), Column("B", "number")), (row("a", "1"),))
    assert "{@{}lr@{}}" in latex_table(narrow, "tab:x")
    wide = replace(narrow, rows=(row("word " * 30, "1"),))
    assert re.search(r"p\{0\.\d+\\linewidth\}r@\{\}\}", latex_table(wide, "tab:x"))


@pytest.mark.parametrize(("columns", "shrunk"), [(3, False), (14, True)])
@pytest.mark.parametrize("text", ["a", "a name that may be broken " * 3])
def test_a_table_of_too_many_numbers_is_shrunk_to_the_page(
    columns: int, shrunk: bool, text: str
) -> None:
    numbers = [Column(f"Metric {place}", "number") for place in range(columns)]
    cells = row(text, *["1.25 [1.2, 1.3]"] * columns)
    latex = latex_table(Table("c", (Column("A"), *numbers), (cells,)), "tab:x")
    assert ("\\resizebox{\\linewidth}{!}{%\n\\begin{tabular}" in latex) == shrunk
    assert ("\\end{tabular}}" in latex) == ("graphicx" in latex) == shrunk


def test_a_number_of_a_wide_table_is_broken_before_its_interval_alone() -> None:
    numbers = tuple(Column(f"Metric {place}", "number") for place in range(5))
    narrow, wide = (
        latex_table(
            Table("c", (Column("A"), *numbers[:count]), (row("a", *texts[:count]),)), "tab:x"
        )
        for count, texts in ((1, WITH_INTERVALS), (5, WITH_INTERVALS))
    )
    assert "1.25 nats [1.2, 1.3] nats" in narrow
    assert "1.25~nats [1.2,~1.3]~nats" in wide
    assert wide.count("raggedleft") == 5
    assert "resizebox" not in wide


WITH_INTERVALS = ["1.25 nats [1.2, 1.3] nats"] * 5


def test_columns_that_are_broken_fill_a_line_and_no_word_is_wider() -> None:
    word = "normalisation_of_every_layer=batch_statistics"
    texts = row(f"depth=56, {word}", "1", "a few words " * 60)
    columns = (Column("Arm"), Column("n", "number"), Column("Why"))
    latex = latex_table(Table("c", columns, (texts,)), "tab:x")
    parts = [float(each) for each in re.findall(r"p\{(0\.\d+)\\linewidth\}", latex)]
    assert len(parts) == 2
    assert 0.8 < sum(parts) < 1
    assert parts[0] > ems(word) * 0.8 / 41  # ems of small type in a line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdfLaTeX")
@pytest.mark.parametrize("made", [example_results, search_results])
def test_latex_sets_every_table_of_a_report_and_none_is_wider_than_a_page(
    made: Callable[[], Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picture, "png", lambda _: b"")
    files = contents(page_of(made()), "a study, quick", {})
    tables = [text.decode() for name, text in files.items() if name.endswith(".tex")]
    head = r"\documentclass{article}\usepackage{array,booktabs,longtable,graphicx}\begin{document}"
    text = "\\clearpage\n".join(tables)
    (tmp_path / "all.tex").write_text(f"{head}\n{text}\\end{{document}}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    said = ended.stdout.decode(errors="replace")
    assert ended.returncode == 0, said[-2000:]
    assert len(tables) > 5
    assert re.findall(r"Overfull .hbox.*", said) == []


def test_a_long_table_cannot_be_shrunk_and_breaks_over_pages() -> None:
    numbers = tuple(Column(f"Metric {place}", "number") for place in range(14))
    cells = row(*["1.25 [1.2, 1.3]"] * 14)
    latex = latex_table(Table("c", numbers, (cells,) * (LONG + 1)), "tab:x")
    assert "resizebox" not in latex
    assert "graphicx" not in latex


# ---- the folder ---------------------------------------------------------------------------------


def test_every_table_and_figure_of_a_report_lies_there_and_the_index_says_what_it_is(
    page: Page,
) -> None:
    files = contents(page, "residual_depth, quick", {"summary.md": "s"})
    parts = parts_of(page)
    tables = [each for each in parts if isinstance(each.content, Table)]
    assert min(len(tables), len(parts) - len(tables)) > 5
    index = files.pop("index.md").decode()
    assert files.pop("summary.md") == b"s"
    for each in parts:
        assert f"`{each.name}`: " in index
        if isinstance(each.content, Table):
            back = list(csv.reader(io.StringIO(files.pop(f"{each.name}.csv").decode())))
            shown = [[text.removeprefix("'") for text in cells] for cells in back]
            assert shown == [list(cells) for cells in grid(each.content)]
            cells = cells_of(files.pop(f"{each.name}.tex").decode())
            assert len(cells) == len(each.content.rows)
            assert "[U+" not in str(cells), "a sign of ours that LaTeX does not get"
        else:
            ET.fromstring(files.pop(f"{each.name}.svg"))
            assert files.pop(f"{each.name}.png").startswith(b"\x89PNG")
    assert files == {}


def test_hostile_names_are_text_in_every_table() -> None:
    results = example_results(hostile_study(), seeds=5, failed=((0, 1),))
    page = Made("t", verdict_table(results), (ledger_section(results), methods_section(results)))
    files = contents(page, "a study, quick", {})
    assert len(files) >= 11
    for name, content in files.items():
        assert re.fullmatch(r"[a-z0-9-]{1,60}\.(csv|tex|md)", name)
        if name.endswith(".tex"):
            for cells in cells_of(content.decode("ascii")):
                for each in cells:
                    read(each)


def test_tables_of_two_studies_or_scales_have_labels_and_captions_of_their_own() -> None:
    names = ("residual_depth, quick", "residual_depth, full", "trees, quick", "a long name, " * 5)
    pages = [contents(Made("t", table("a", 1)), name, {}) for name in names]
    written = [files["table-01-first.tex"].decode() for files in pages]
    assert "\\label{tab:residual-depth-quick-01-first}" in written[0]
    assert "\\caption{residual\\_depth, quick. " in written[0]
    assert len({label for text in written for label in re.findall(r"\\label.*", text)}) == 4
    assert "\\caption{a long name" not in written[3]
    assert "From the report: residual\\_depth, quick." in pages[0]["index.md"].decode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("中文, quick", "深度, quick"),
        ("café", "cafe"),
        ("a study with a very long name that goes on and on and on, quick",
         "a study with a very long name that goes on and on and on, full"),
        ("中", "文"),
    ],
)  # fmt: skip
def test_names_of_reports_that_lose_letters_still_give_labels_of_their_own(
    one: str, other: str
) -> None:
    labels = [
        re.findall(r"\\label\{(tab:[a-z0-9-]+)\}", files["table-01-first.tex"].decode())
        for files in (contents(Made("t", table("a", 1)), name, {}) for name in (one, other, one))
    ]
    assert labels[0] == labels[2] != labels[1]
    assert len(labels[0]) == len(labels[1]) == 1


def test_the_same_page_gives_the_same_bytes() -> None:
    one, other = (Made("t", table(), (Section("s", table(), (drawing(),)),)) for _ in range(2))
    assert contents(one, "n", {"a": "b"}) == contents(other, "n", {"a": "b"})


def test_of_very_many_figures_the_first_are_there_as_pixels_and_the_index_says_so(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picture, "png", lambda _: b"")
    figures = tuple(replace(picture, caption=f"{n}") for n in range(MOST_PNG + 140))
    files = contents(Made("t", None, (Section("s", None, figures),)), "n", {})
    names = [name for name in files if name.endswith(".png")]
    assert len(names) == MOST_PNG
    assert names[-1] == f"figure-{MOST_PNG:03}-claim-1-a.png"
    assert sum(name.endswith(".svg") for name in files) == MOST_PNG + 140
    assert (
        f"first {MOST_PNG} figures are there as PNG; 140 more as SVG" in files["index.md"].decode()
    )


def listed(place: Path) -> set[str]:
    return {each.name for each in place.iterdir()}


def test_files_of_an_earlier_report_go_and_what_is_somebodys_own_stays(tmp_path: Path) -> None:
    first = take_away(
        Made("t", table(), (Section("s", table()),)), "n", tmp_path, {"summary.md": "1"}
    )
    place = tmp_path / "take-away"
    assert listed(place) == set(first)
    assert "table-02-claim-1-numbers.csv" in first
    second = take_away(Made("t", table()), "n", tmp_path, {"summary.md": "2"})
    assert listed(place) == set(second) < set(first)
    (place / "talk.odp").write_text("mine")
    take_away(Made("t", table()), "n", tmp_path, {"summary.md": "3"})
    assert listed(place) == {*second, "talk.odp"}
    assert (place / "summary.md").read_text() == "3"
    assert listed(tmp_path) == {"take-away"}, "nothing is left over"
    taking.remove_taken(tmp_path)
    assert listed(place) == {"talk.odp"}


def test_a_figure_that_cannot_be_drawn_leaves_nothing_of_it(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Picture) -> bytes:
        raise ValueError("no ink")

    monkeypatch.setattr(Picture, "png", fail)
    with pytest.raises(ValueError, match="no ink"):
        take_away(Made("t", table(), (Section("s", None, (picture,)),)), "n", tmp_path, {})
    assert listed(tmp_path) == set()


def test_a_full_disk_leaves_the_folder_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = take_away(Made("t", table()), "n", tmp_path, {})

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        take_away(Made("t", None), "n", tmp_path, {})
    assert listed(tmp_path) == {"take-away"}
    assert listed(tmp_path / "take-away") == set(names)


# ---- beside a report ----------------------------------------------------------------------------


@pytest.fixture
def quick(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """No PDF is made, and no figure drawn."""
    monkeypatch.setattr(render, "page_of", lambda _: page)
    monkeypatch.setattr(folders, "_digest", lambda _: "digest")
    monkeypatch.setattr(reports, "Printing", Unprinted)
    monkeypatch.setattr(Picture, "png", lambda _: b"\x89PNG")


class Unprinted:
    """Says that there is a PDF at once."""

    def __init__(self, *, gently: bool = False) -> None:
        self.gently = gently

    def begin(self, html: str) -> None:
        self.html = html

    def result(self) -> tuple[bytes | None, str]:
        return b"%PDF", ""

    def cancel(self) -> None:
        pass


def links(html: str) -> list[str]:
    found = re.findall(r'<p class="source taken">To take away: (.*?)</p>', html)
    return re.findall(r'href="(.*?)"', found[0]) if found else []


def write(results: Results, place: Path) -> folders.Files:
    made = folders.write(results, place, "again", "runs/harness.db", force=False)
    done = made.finished()
    assert (*made.wrong, *done.wrong) == ()
    return done


@pytest.mark.usefixtures("quick")
def test_a_page_links_to_what_lies_beside_it_and_to_nothing_else(
    small: Results, tmp_path: Path
) -> None:
    html = tmp_path / "report.html"
    made = folders.write(small, tmp_path, "again", "", force=False)
    assert links(html.read_text("utf-8")) == [], "nothing is there yet"
    assert not (tmp_path / "take-away").exists(), "verdicts do not wait for it"
    assert made.finished().reports == (tmp_path / "report.pdf", tmp_path / "take-away")
    found = links(html.read_text("utf-8"))
    assert found == ["take-away/", "report.pdf", "records.csv", "verdicts.json"]
    assert all((tmp_path / each).exists() for each in found)
    assert links(render.render_html(small)) == []


@pytest.mark.usefixtures("quick")
def test_a_folder_that_was_deleted_or_lacks_a_file_is_made_again(
    small: Results, tmp_path: Path
) -> None:
    names = {"table-01-verdicts.csv", "summary.md", "CITATION.txt", "index.md"}
    write(small, tmp_path)
    place = tmp_path / "take-away"
    assert names < listed(place)
    before = {each: each.read_bytes() for each in sorted(tmp_path.rglob("*")) if each.is_file()}
    files = folders.write(small, tmp_path, "again", "", force=False)
    assert files.pending is None
    assert files.reports[-1] == place
    for broken in ("table-01-verdicts.csv", "index.md"):
        (place / broken).unlink()
        write(small, tmp_path)
        assert (place / broken).exists()
    for each in place.iterdir():
        each.unlink()
    place.rmdir()
    write(small, tmp_path)
    assert {each: each.read_bytes() for each in before} == before


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_taken_away_costs_one_line_and_no_report(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Picture) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Picture, "png", fail)
    done = folders.write(small, tmp_path, "do it again", "", force=False).finished()
    (line,) = done.wrong
    assert line.startswith("take-away/ could not be written: MemoryError:")
    assert line.endswith("To try again: do it again")
    assert done.reports == (tmp_path / "report.pdf",)
    assert links((tmp_path / "report.html").read_text("utf-8"))[0] == "report.pdf"
    assert not (tmp_path / ".made-from").exists(), "it would not be tried again"


@pytest.mark.usefixtures("quick")
def test_texts_say_what_was_found_what_to_cite_and_where_it_comes_from(
    small: Results, tmp_path: Path
) -> None:
    made = replace(small.provenance, revision="1a2b3c4", command="harness run x --scale quick")
    write(replace(small, provenance=made), tmp_path)
    summary = (tmp_path / "take-away" / "summary.md").read_text("utf-8")
    assert small.verdicts[0].claim.text in summary
    assert summary.rstrip().endswith("tables and figures in `take-away/`.")
    cited = (tmp_path / "take-away" / "CITATION.txt").read_text("utf-8")
    digest = sha256((tmp_path / "records.csv").read_bytes()).hexdigest()
    for part in (
        small.declaration.question, f"ablation-harness {made.harness}", "Revision: 1a2b3c4",
        "Store: runs/harness.db", "To do it again: harness run x --scale quick",
        f"SHA-256 of records.csv: {digest}", "@misc{", f"year = {{{made.date[:4]}}}",
    ):  # fmt: skip
        assert part in cited


@pytest.mark.parametrize("text", HOSTILE)
def test_a_citation_holds_any_text(text: str, small: Results) -> None:
    declared = replace(small.declaration)
    object.__setattr__(declared, "question", text)
    made = replace(small.provenance, revision=text, command=text)
    cited = reports.cited_study(replace(small, declaration=declared, provenance=made), text)
    said = reports.citation(cited, {})
    assert len(said.splitlines()) == len(
        reports.citation(replace(cited, title="t"), {}).splitlines()
    )
    bibtex = said[said.index("@misc") : said.index("Where it comes from")]
    assert bibtex.count("{") == bibtex.count("}"), "BibTeX counts them, however they are written"
    assert bibtex.isascii()


def test_a_gate_leaves_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picture, "png", lambda _: b"\x89PNG")
    (tmp_path / "gate.json").write_text("{}")
    result = example_gate()
    cited = reports.citation(reports.cited_gate(result), {"gate.json": b"{}"})
    written = reports.write_gate(result, tmp_path, {"CITATION.txt": cited}, "elsewhere")
    names = written.finished().taken
    assert {"table-01-changed.csv", "CITATION.txt", "index.md"} < set(names)
    assert sum(name.endswith(".png") for name in names) == 2
    assert "Head: 9f8e7d6 A faster *loader* 9f8e7d6c5b4a3210" in cited
    assert links((tmp_path / "gate.html").read_text("utf-8")) == ["take-away/", "gate.json"]


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (Revision("head", "9f8e7d6c5b4a3210", "9f8e7d6 Faster"), "Gate of 9f8e7d6. "),
        (Revision("head", "", "the folder new"), "Gate of the folder new. "),
        (Revision("head", "", ""), "Gate of 2"),  # its time
    ],
)
def test_tables_of_a_gate_are_named_by_its_head_whatever_is_known_of_it(
    head: Revision, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picture, "png", lambda _: b"\x89PNG")
    reports.write_gate(replace(example_gate(), head=head), tmp_path, {}, "elsewhere").finished()
    written = (tmp_path / "take-away" / "table-01-changed.tex").read_text("ascii")
    assert f"\\caption{{{told}" in written
    assert "tab:gate-of-01" not in written


def test_a_comparison_leaves_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Picture, "png", lambda _: b"\x89PNG")
    runs = hostile_runs()
    cited = reports.citation(reports.cited_comparison(runs, "harness compare a b"), {})
    texts = {"summary.md": compared_markdown(runs), "CITATION.txt": cited}
    written = reports.write_comparison(runs, tmp_path, Unprinted(), texts=texts)  # type: ignore[arg-type]
    names = written.finished().taken
    for each in (tmp_path / "take-away").glob("*.tex"):
        for cells in cells_of(each.read_text("ascii")):
            for cell in cells:
                read(cell)
    assert {"table-01-runs.csv", "table-02-pair-1-verdicts.tex", *texts} < set(names)
    assert "To do it again: harness compare a b" in cited
    assert "<script>" not in texts["summary.md"]
    assert "\\<script\\>" in texts["summary.md"]
    found = links((tmp_path / "compare.html").read_text("utf-8"))
    assert found == ["take-away/", "compare.pdf"]
