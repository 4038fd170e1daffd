"""Pages in a real browser, Debian's Chromium by Playwright, at the widths of phones and desks.

Without Chromium or Playwright these tests are skipped, and say so.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from harness.judging.results import Results
from harness.reports import shelf_of, write_entry, write_index
from harness.reports.compared import render_comparison
from harness.reports.figures.canvas import Picture, hint, paint
from harness.reports.gate import render_gate
from harness.reports.gate_history import render_history
from harness.reports.live import render_live
from harness.reports.parts import slug
from harness.reports.render import _environment, render, render_html
from harness.reports.table import Cell, Column, Table, row
from tests import example_gate, example_search
from tests.example_results import cost_results, example_results
from tests.test_compare_page import hostile
from tests.test_gate_pages import lines
from tests.test_reports_names import study as hostile_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, Route

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe_module = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--no-first-run"]  # fmt: skip
WIDTHS = (320, 390, 820, 1440)

DASH = "–"
HOSTILE = (
    '=HYPERLINK("http://x")', "-1+1|' /C calc'!A0", "+2.5 pp", "@sum", "a,b \"c\" 'd'",
    "<b>&amp;</b>",
    "x|y *z* `w` [q](r)", r"50 % & $x_1$ #3 {~^} \alpha", "[0.1, 0.2]", "--base ''q''", "*",
    "深さ 😀",
)  # fmt: skip

UNITS = Table(
    "Amounts in several units. Each is of another trial.",
    (Column("Trial"), Column("Time", "number", "median"), Column("Memory", "number"),
     Column("Change", "number"), Column("Began"), Column("Note")),
    (
        row("t1", "1.2 ms", "1 MiB", "−0.5 pp", "5 March 2026, 14:02 UTC", "beta"),
        row("t2", "900 µs", "512 KiB", "+2 pp", "28 February 2026, 09:00 UTC", "alpha"),
        row("t3", DASH, "2 GiB", "−12.25 pp", DASH, DASH),
        row("t4", "2 min 5 s", "10 B", "+0.5 pp", "12 December 2025, 23:59 UTC", "arm 10"),
        row("t5", "1,200 s", DASH, DASH, "5 March 2026, 14:03 UTC", "arm 9"),
    ),
    stack=True,
)  # fmt: skip
TEXTS = Table(
    "Hostile texts",
    (Column("Text"), Column("Number", "number")),
    tuple(row(text, Cell("−1.5", note="pp")) for text in HOSTILE),
)
ACCENTS = Table("Café crème à 5 €", (Column("Text"),), (row("one"),))
LEDGER = Table(
    "Every trial",
    (Column("Trial"), Column("Arm"), Column("Seed", "number"), Column("Loss", "number")),
    tuple(row(f"{at}", f"arm {at % 200}", f"{at // 200}", f"{at * 7919 % 10007 / 100:.2f}")
          for at in range(10_000)),
)  # fmt: skip
SOURCE = """{% extends "base.html.j2" %}{% import "macros.html.j2" as m with context %}
{% block name %}Parts{% endblock %}
{% block body %}<header class="title"><h1>Parts</h1></header><nav><a href="#inside">Inside</a></nav>
<main id="main">
{% for each in tables %}<section><h2>Part</h2>{{ m.table(each) }}</section>{% endfor %}
<section id="drawn"><h2>Figures</h2>
{% for each in figures %}{{ m.picture(each) }}{% endfor %}</section>
<details id="outer"><summary>Outer</summary><details id="inner"><summary>Inner</summary>
<p id="inside">Inside.</p></details></details></main>{% endblock %}"""


def drawing(values: int) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(range(values), range(values))
        axes.set_xlabel("Step")
        for at in range(values):
            hint(axes, at, at, f"step {at}: {10 * at} %")

    return paint((5, 3), draw, alt="Rising: it rises & “ends”.", caption="A line.", title="Rising")


def parts(*tables: Table, values: int = 5) -> str:
    source: Any = _environment().from_string(SOURCE)
    return render(source, tables=tables, figures=(drawing(values),))


def index(*studies: Results) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for number, results in enumerate(studies):
            write_entry(results, Path(name) / f"study_{number}-quick")
        return write_index(Path(name)).path.read_text(encoding="utf-8")


PAGES: dict[str, Callable[[], str]] = {
    "study": lambda: render_html(example_results()),
    "costs": lambda: render_html(cost_results()),
    "hostile": lambda: render_html(example_results(hostile_study(), seeds=5, failed=())),
    "search": lambda: render_html(example_search.example_results()),
    "compare": lambda: render_comparison(hostile()),
    "gate": lambda: render_gate(example_gate.example()),
    "history": lambda: render_history(lines([0.01 + at % 3 / 1000 for at in range(12)])),
    "index": lambda: index(example_results(), cost_results()),
    "index of one": lambda: index(example_results()),
}
SMALL: dict[str, Callable[[], str]] = {
    "parts": lambda: parts(UNITS, TEXTS),
    "accents": lambda: parts(ACCENTS),
    "large": lambda: parts(LEDGER, values=200),
}


class Desk:
    """One browser, and in it a window with script, one without and one that is touched."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self._contexts: dict[str, BrowserContext] = {}
        self.asked: list[str] = []
        self.said: list[str] = []

    def file(self, name: str) -> Path:
        path = self._folder / f"{name}.html"
        if not path.exists():
            path.write_text((PAGES | SMALL)[name](), encoding="utf-8")
        return path

    def open(self, name: str, width: int = 1440, kind: str = "script", part: str = "") -> Page:
        """Open a page anew, in light, with nothing asked and nothing said."""
        if kind not in self._contexts:
            settings: dict[str, Any] = {
                "script": {"permissions": ["clipboard-read", "clipboard-write"]},
                "no script": {"java_script_enabled": False},
                "touch": {"has_touch": True},
            }
            context = self._browser.new_context(reduced_motion="reduce", **settings[kind])
            page = context.new_page()
            page.on("request", lambda request: self.asked.append(request.url))
            page.on("console", lambda message: self.said.append(message.text))
            page.on("pageerror", lambda error: self.said.append(str(error)))
            self._contexts[kind] = context
        page = self._contexts[kind].pages[0]
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media="screen", color_scheme="light", forced_colors="none")
        file = self.file(name)
        page.goto("about:blank")
        self.asked.clear()
        self.said.clear()
        page.goto(file.as_uri() + part)
        return page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Desk(browser, tmp_path_factory.mktemp("pages"))
        browser.close()


def table_of(page: Page, caption: str) -> Locator:
    return page.locator("table").filter(has=page.locator("caption", has_text=caption))


def column(table: Locator, title: str) -> list[str]:
    """Return what stands in a column, top to bottom, of the rows that are shown."""
    found: list[str] = table.evaluate(
        """(table, title) => {
            const at = [...table.tHead.rows[0].cells].findIndex(
                head => head.textContent.startsWith(title));
            return [...table.tBodies[0].rows].filter(row => !row.hidden)
                .map(row => row.cells[at].textContent.replace(/\\s+/g, " ").trim());
        }""",
        title,
    )
    return found


def choose(page: Page, menu: str, choice: str) -> None:
    page.get_by_role("button", name=re.compile(f"^Take away the {menu}")).first.click()
    page.get_by_role("button", name=choice, exact=True).click()


def copied(page: Page) -> str:
    page.get_by_role("status").get_by_text("copied.").wait_for()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def saved(page: Page, menu: str, choice: str) -> tuple[str, bytes]:
    with page.expect_download() as waiting:
        choose(page, menu, choice)
    download: Download = waiting.value
    return download.suggested_filename, Path(download.path()).read_bytes()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nothing_complains_of_nothing_and_fits_every_width(
    desk: Desk, name: str
) -> None:
    page = desk.open(name)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for opened in (False, True):
            page.evaluate(
                "open => document.querySelectorAll('details').forEach(each => each.open = open)",
                opened,
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('button.sort').forEach(each => each.click())")
    assert desk.asked == [desk.file(name).as_uri()]
    assert desk.said == []


def lower_end(found: Locator) -> float:
    """Return where a part of a page that is at its top ends, in CSS pixels from above."""
    box = found.bounding_box()
    assert box is not None
    return float(box["y"] + box["height"])


def test_a_first_screen_holds_the_answer_and_the_axis_of_claims(desk: Desk) -> None:
    page = desk.open("costs")
    axis = page.locator("#forest svg").get_by_text("Effect ÷ δ")
    assert lower_end(axis) <= 900
    assert lower_end(page.locator("#forest svg").get_by_text("+1", exact=True)) <= 900
    page.set_viewport_size({"width": 390, "height": 844})
    assert lower_end(page.locator("ul.answer")) <= 844


@pytest.mark.parametrize(
    "name",
    # of the same templates as others, and large
    [
        pytest.param(each, marks=[pytest.mark.slow] * (each in {"hostile", "costs"}))
        for each in PAGES
    ],
)
def test_axe_finds_nothing_serious(desk: Desk, name: str) -> None:
    page = desk.open(name, width=390)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    axe = axe_module.Axe()
    found = set()
    # What depends on the colours alone is all that a dark page can have beside a light one.
    for scheme, width, only in (("light", 390, None), ("dark", 1440, ["color-contrast"])):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        options = {"runOnly": only} if only else {}
        answer = axe.run(page, options=options | {"resultTypes": ["violations"]}).response
        assert answer["passes"], "axe has looked"
        found |= {
            (scheme, each["id"], each["nodes"][0]["html"][:200])
            for each in answer["violations"]
            if each["impact"] in ("serious", "critical")
        }
    assert found == set()


@pytest.mark.parametrize("name", PAGES)
def test_without_script_there_is_all_to_read_and_nothing_that_would_not_work(
    desk: Desk, name: str
) -> None:
    with_script = desk.open(name)
    tables, figures = (with_script.locator(each).count() for each in ("table", "figure svg"))
    page = desk.open(name, kind="no script")
    assert page.locator("table").count() == tables
    assert page.locator("figure svg").count() == figures
    assert page.locator("button, select, input[type=search]").count() == 0
    assert page.locator("h1").is_visible()
    assert desk.asked == [desk.file(name).as_uri()]


def test_without_script_the_browser_itself_tells_values(desk: Desk) -> None:
    page = desk.open("parts", kind="no script")
    assert page.locator("svg title", has_text="step 3: 30 %").count() == 1


def test_no_script_but_the_page_s_own_runs(desk: Desk) -> None:
    page = desk.open("parts")
    page.evaluate(
        """() => {
            const other = document.createElement("script");
            other.textContent = "document.title = 'run'";
            document.body.append(other);
            const image = "<img src='x' onerror='document.title = 1'>";
            document.body.insertAdjacentHTML("beforeend", image);
        }"""
    )
    page.wait_for_timeout(100)
    assert page.title() == "Parts"
    assert any("Content Security Policy" in each for each in desk.said)


@pytest.mark.parametrize(
    ("title", "ascending"),
    [
        ("Time", ["900 µs", "1.2 ms", "2 min 5 s", "1,200 s", DASH]),
        ("Memory", ["10 B", "512 KiB", "1 MiB", "2 GiB", DASH]),
        ("Change", ["−12.25 pp", "−0.5 pp", "+0.5 pp", "+2 pp", DASH]),
        ("Began", ["12 December 2025, 23:59 UTC", "28 February 2026, 09:00 UTC",
                   "5 March 2026, 14:02 UTC", "5 March 2026, 14:03 UTC", DASH]),
        ("Note", ["alpha", "arm 9", "arm 10", "beta", DASH]),
    ],
)  # fmt: skip
def test_heads_sort_numbers_with_units_days_and_words(
    desk: Desk, title: str, ascending: list[str]
) -> None:
    page = desk.open("parts")
    table = table_of(page, "Amounts")
    head = table.get_by_role("columnheader", name=title)
    before = column(table, title)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(table, title) == ascending
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column(table, title) == [*reversed(ascending[:-1]), DASH], "what has none stays last"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(table, title) == before


def test_claims_stay_below_their_study(desk: Desk) -> None:
    page = desk.open("index of one", width=390)
    table = page.locator("table.claims")
    assert table.locator("tbody").count() == 1
    assert table.locator("tbody [scope=row]").count() > 2, "so many that others could be sorted"
    assert table.locator("button.sort").count() == 0
    assert page.locator(".scroll").filter(has=table).get_by_label("Sort").count() == 0


def test_heads_are_one_stop_of_the_tab_key_and_sort_by_keyboard(desk: Desk) -> None:
    page = desk.open("parts")
    table = table_of(page, "Amounts")
    assert table.locator("thead button").evaluate_all(
        "all => all.map(each => each.tabIndex)"
    ) == [0, -1, -1, -1, -1, -1]  # fmt: skip
    table.locator("thead button").first.focus()
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert column(table, "Time")[0] == "900 µs"
    assert page.get_by_role("status").get_by_text("Sorted by Time (median), ascending.").count()
    assert page.evaluate("document.activeElement.textContent").startswith("Time")
    table.locator("thead button").nth(3).click()
    assert table.locator("thead button[tabindex='0']").all_inner_texts() == ["Change"]


def test_on_a_phone_a_choice_sorts_the_cards(desk: Desk) -> None:
    page = desk.open("parts", width=390)
    table = table_of(page, "Amounts")
    assert not table.locator("thead").is_visible()
    choice = page.get_by_role("combobox", name="Sort")
    choice.select_option("Memory, descending")
    assert column(table, "Memory") == ["2 GiB", "1 MiB", "512 KiB", "10 B", DASH]
    choice.select_option("as they were")
    assert column(table, "Trial") == ["t1", "t2", "t3", "t4", "t5"]
    page.set_viewport_size({"width": 1440, "height": 900})
    assert not choice.is_visible(), "there heads can be pressed"
    table.get_by_role("columnheader", name="Memory").get_by_role("button").click()
    page.set_viewport_size({"width": 390, "height": 900})
    assert choice.evaluate("each => each.selectedOptions[0].text") == "Memory, ascending"


def test_a_ledger_is_filtered_by_words_in_any_order(desk: Desk) -> None:
    page = desk.open("study")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    table = page.locator("table.ledger")
    region = page.locator(".scroll").filter(has=table)
    field = region.get_by_role("searchbox", name="Filter")
    every = table.locator("tbody tr").count()
    field.fill("FAILED")
    (row_text,) = table.locator("tbody tr:visible").all_inner_texts()
    assert region.get_by_role("status").inner_text() == f"1 of {every} rows"
    words = row_text.split()
    field.fill(f"{words[-1]} {words[0]} failed")
    assert table.locator("tbody tr:visible").all_inner_texts() == [row_text]
    region.get_by_role("button", name=re.compile("^Take away")).click()
    page.get_by_role("button", name="Copy as CSV").click()
    assert len(list(csv.reader(io.StringIO(copied(page))))) == 2, "what is hidden is not copied"
    page.set_viewport_size({"width": 390, "height": 900})
    assert table.locator("tbody tr:visible").count() == 1
    field.fill("no row has this")
    assert region.get_by_role("status").inner_text() == f"0 of {every} rows"
    field.fill("")
    assert table.locator("tbody tr:visible").count() == every


def test_a_table_is_copied_as_csv_that_a_spreadsheet_can_open(desk: Desk) -> None:
    page = desk.open("parts")
    choose(page, "table: Hostile", "Copy as CSV")
    head, *rows = csv.reader(io.StringIO(copied(page), newline=""))
    assert head == ["Text", "Number"]
    guarded = {HOSTILE[0], HOSTILE[1], "@sum", "--base ''q''"}
    assert [each[0] for each in rows] == [
        f"'{text}" if text in guarded else text for text in HOSTILE
    ]
    assert {each[1] for each in rows} == {"-1.5 pp"}
    name, content = saved(page, "table: Hostile", "Save as CSV")
    assert name == "hostile-texts.csv"
    assert content.decode("utf-8-sig") == page.evaluate("navigator.clipboard.readText()")


def test_a_table_is_copied_as_markdown(desk: Desk) -> None:
    page = desk.open("parts")
    choose(page, "table: Hostile", "Copy as Markdown")
    head, rule, *rows = copied(page).splitlines()
    assert (head, rule) == ("| Text | Number |", "| --- | ---: |")
    cells = [re.split(r"(?<!\\)\|", each)[1:-1] for each in rows]
    assert [re.sub(r"\\(.)", r"\1", one[0].strip()) for one in cells] == list(HOSTILE)
    for text, _ in cells:
        assert not re.search(r"(?<!\\)[<*_`\[$&]", text.replace("\\\\", "")), "no sign of Markdown"


def plain(tex: str) -> str:
    """Read LaTeX back, as far as a cell goes."""
    signs = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
             r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|",
             r"\textasciigrave{}": "`", "{[}": "[", "{*}": "*", "$-$": "−", "-{}": "-",
             "'{}": "'"}  # fmt: skip
    known = "|".join(map(re.escape, signs))
    return re.sub(known + r"|\\([&%$#_{}])", lambda one: one[1] or signs[one[0]], tex)


def test_a_table_is_copied_as_latex(desk: Desk) -> None:
    page = desk.open("parts")
    choose(page, "table: Hostile", "Copy as LaTeX")
    text = copied(page)
    assert r"\begin{tabular}{lr}" in text
    assert r"\caption{Hostile texts}" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    cells = [
        re.split(r"(?<!\\) & ", each.strip().removesuffix(r" \\")) for each in body if each.strip()
    ]
    assert [plain(one[0]) for one in cells] == list(HOSTILE)
    assert {one[1] for one in cells} == {"$-$1.5 pp"}
    assert not any(one[0].startswith(("[", "*")) for one in cells), (
        "it would belong to the \\\\ before"
    )


def test_links_to_claims_tables_and_figures_are_copied(desk: Desk) -> None:
    page = desk.open("study")
    page.get_by_role("button", name=re.compile("^Copy link to ")).last.focus()
    page.keyboard.press("Enter")
    links = [copied(page)]
    for menu in ("table", "figure"):
        page.locator(f"button[aria-label^='Take away the {menu}']:visible").first.click()
        page.get_by_role("button", name="Copy link", exact=True).click()
        page.wait_for_timeout(50)
        links.append(copied(page))
    start = desk.file("study").as_uri() + "#"
    assert all(each.startswith(start) for each in links)
    assert len(set(links)) == 3
    tags = {}
    for each in links:
        page.goto("about:blank")
        page.goto(each)
        target = page.locator(f"[id='{each.removeprefix(start)}']")
        sync_api.expect(target).to_be_in_viewport()
        tags[each] = target.evaluate("each => each.querySelector('svg, table, h2, h3').tagName")
    assert [each.lower() for each in tags.values()][1:] == ["table", "svg"]


def test_a_figure_is_saved_as_svg_that_stands_alone(desk: Desk) -> None:
    page = desk.open("parts")
    page.emulate_media(color_scheme="dark")
    name, content = saved(page, "figure: Rising", "Save as SVG")
    assert name == "rising.svg"
    root = ElementTree.fromstring(content)
    texts = ["".join(each.itertext()) for each in root.iter()]
    assert "Rising" in texts
    assert "Rising: it rises & “ends”." in texts
    assert "Step" in texts
    written = content.decode()
    assert "hints" not in written
    assert "step 3" not in written
    assert "var(" not in written
    assert "tabindex" not in written
    drawn = [each for each in root if each.tag.rpartition("}")[2] not in ("title", "desc")]
    first = {name: drawn[0].get(name) for name in ("width", "height", "fill")}
    assert first == {"width": "100%", "height": "100%", "fill": "#ffffff"}, "dark text on white"


def test_a_figure_is_saved_as_png_with_its_pixels(desk: Desk) -> None:
    import matplotlib.image

    page = desk.open("parts")
    name, content = saved(page, "figure: Rising", "Save as PNG")
    assert name == "rising.png"
    pixels = matplotlib.image.imread(io.BytesIO(content), format="png")
    assert pixels.shape[:2] == (3 * 72 * 4, 5 * 72 * 4)
    assert pixels[0, 0, :3].tolist() == [1, 1, 1], "white"
    assert 0.01 < (pixels[..., :3].min(axis=2) < 0.8).mean() < 0.3, "something is drawn"


def test_files_are_named_as_in_the_folder_beside_the_page(desk: Desk) -> None:
    page = desk.open("accents")
    name, _ = saved(page, "table: Café", "Save as CSV")
    assert name == f"{slug(ACCENTS.caption)}.csv" == "cafe-creme-a-5.csv"


def until(page: Page, true: str) -> None:
    """Wait for what a script says; the page's policy lets it evaluate none by itself."""
    for _ in range(250):
        if page.evaluate(true):
            return
        page.wait_for_timeout(20)
    raise AssertionError(true)


def main_of(page: Page) -> str:
    """Return the page's main part, less where a menu was last laid and classes that are none."""
    html: str = page.locator("main").evaluate("each => each.outerHTML")
    return re.sub(r' (style="[^"]*"|class="")', "", html)


@pytest.mark.parametrize("way", ["Escape", "Close", "beside"])
def test_a_figure_is_enlarged_and_put_back(desk: Desk, way: str) -> None:
    page = desk.open("parts", width=1000)
    figure = page.locator("figure").first
    figure.scroll_into_view_if_needed()
    opener = figure.get_by_role("button", name=re.compile("^Take away"))
    before = main_of(page)
    height = page.evaluate("document.documentElement.scrollHeight")
    choose(page, "figure", "Enlarge")
    dialog = page.get_by_role("dialog", name="Figure, enlarged")
    drawn = dialog.locator("svg")
    assert drawn.bounding_box()["width"] > 750  # type: ignore[index]
    assert "A line." in dialog.inner_text()
    assert page.evaluate("document.documentElement.scrollHeight") == height
    page.keyboard.press("Tab")
    sync_api.expect(drawn).to_be_focused()
    told = "figure, arrow keys tell its values"
    assert drawn.get_attribute("aria-roledescription") == told, "it has no menu there"
    sync_api.expect(page.locator(".toast")).to_have_text("Arrow keys tell values.")
    page.keyboard.press("End")
    assert page.locator(".tip").is_visible(), "values are told there, too"
    page.keyboard.press("Escape")
    assert not page.locator(".tip").is_visible()
    assert dialog.is_visible(), "the first Escape hides the value"
    if way == "Escape":
        page.keyboard.press("Escape")
    elif way == "Close":
        dialog.get_by_role("button", name="Close").click()
    else:
        page.mouse.click(4, 4)
    dialog.wait_for(state="hidden")
    sync_api.expect(figure.locator("svg")).to_be_visible()
    assert "Enter opens its menu" in str(
        figure.locator("svg").get_attribute("aria-roledescription")
    )
    sync_api.expect(opener).to_be_focused()
    assert main_of(page) == before


@pytest.mark.parametrize("figure", ["Validation error in the order tried", "Expected best"])
def test_on_a_phone_enlarged_is_larger_and_as_large_as_text(desk: Desk, figure: str) -> None:
    page = desk.open("search", width=390)
    drawn = page.locator(f"svg[aria-label^='{figure}']")
    before = drawn.bounding_box()
    choose(page, f"figure: {figure}", "Enlarge")
    after = drawn.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > 1.4 * before["width"]
    heights = drawn.locator("text").evaluate_all(
        """all => all.map(each => {
            const { a, b } = each.getCTM(); // some are turned
            return Math.hypot(a, b) * parseFloat(getComputedStyle(each).fontSize);
        })"""
    )
    assert min(heights) >= 16
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    close = page.get_by_role("button", name="Close").bounding_box()
    assert close is not None
    assert close["x"] + close["width"] <= 390, "the figure scrolls, what closes it does not"
    sync_api.expect(page.get_by_role("region", name=re.compile(f"^{figure}"))).to_be_visible()


@pytest.mark.parametrize("name", ["study", "search", "compare"])
def test_no_button_lies_on_the_text_of_a_figure(desk: Desk, name: str) -> None:
    page = desk.open(name)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in WIDTHS[1:]:
        page.set_viewport_size({"width": width, "height": 900})
        looked, covered = page.evaluate(
            """() => {
                const meets = (one, other) => one.left < other.right && one.right > other.left
                    && one.top < other.bottom && one.bottom > other.top;
                const buttons = [...document.querySelectorAll("figure > button.menu")];
                const lines = (figure) => {
                    const range = document.createRange();
                    range.selectNodeContents(figure.querySelector("figcaption"));
                    const texts = [...figure.querySelectorAll("svg text")];
                    return [range, ...texts].flatMap(each => [...each.getClientRects()]);
                };
                return [buttons.length, buttons.filter(each => lines(each.parentNode)
                    .some(line => meets(each.getBoundingClientRect(), line))).length];
            }"""
        )
        assert looked == page.locator("figure svg").count() > 5
        assert covered == 0


def value_at(page: Page, at: int) -> tuple[float, float]:
    box = page.locator("figure svg circle").nth(at).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_values_are_shown_where_one_points(desk: Desk) -> None:
    page = desk.open("parts")
    page.locator("figure svg").scroll_into_view_if_needed()
    across, down = value_at(page, 3)
    page.mouse.move(across + 3, down + 3)
    tip = page.locator(".tip")
    assert tip.inner_text() == "step 3: 30 %"
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.mouse.move(*value_at(page, 1))
    assert tip.inner_text() == "step 1: 10 %"
    page.mouse.move(across, value_at(page, 0)[1])
    assert not tip.is_visible(), "nothing is there"


def test_values_are_told_by_keyboard(desk: Desk) -> None:
    page = desk.open("parts")
    drawn = page.get_by_role("application", name="Rising")
    drawn.focus()
    told = page.locator(".offscreen[role=status]")
    for key, said in (("ArrowRight", "step 0: 0 %"), ("ArrowRight", "step 1: 10 %"),
                      ("End", "step 4: 40 %"), ("ArrowRight", "step 0: 0 %"),
                      ("ArrowLeft", "step 4: 40 %"), ("Home", "step 0: 0 %")):  # fmt: skip
        page.keyboard.press(key)
        sync_api.expect(page.locator(".tip")).to_have_text(said)
        sync_api.expect(page.locator(".tip")).to_be_visible()
        sync_api.expect(told).to_have_text(said)
    page.keyboard.press("Escape")
    sync_api.expect(page.locator(".tip")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    sync_api.expect(page.locator(".tip")).to_be_hidden()  # what is left says nothing


def test_a_figure_and_its_menu_are_one_stop_of_the_tab_key(desk: Desk) -> None:
    page = desk.open("parts")
    drawn = page.get_by_role("application", name="Rising")
    menu = page.get_by_role("button", name="Take away the figure: Rising")
    page.locator("#outer > summary").focus()
    page.keyboard.press("Shift+Tab")
    sync_api.expect(drawn).to_be_focused()
    sync_api.expect(page.locator(".toast")).to_have_text(
        "Arrow keys tell values, Enter opens the menu."
    )
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    sync_api.expect(page.get_by_role("button", name="Save as SVG")).to_be_focused()
    page.keyboard.press("Escape")
    sync_api.expect(menu).to_be_focused()
    page.keyboard.press("Shift+Tab")
    sync_api.expect(drawn).to_be_focused()
    page.keyboard.press("Tab")
    sync_api.expect(page.locator("#outer > summary")).to_be_focused()


def test_a_report_has_fewer_than_80_stops_and_claims_have_links_that_are_none(desk: Desk) -> None:
    page = desk.open("study")
    stops = page.locator("a, button, summary, svg, input, select, [tabindex]").evaluate_all(
        "all => all.filter(each => each.tabIndex >= 0 && each.checkVisibility()).length"
    )
    assert stops < 80
    assert page.locator("article.claim h3 button.link").count() == 5  # still there to be clicked


def test_a_value_stays_beside_its_mark_where_the_page_scrolls(desk: Desk) -> None:
    page = desk.open("parts")
    page.get_by_role("application", name="Rising").focus()
    page.keyboard.press("End")
    tip, mark = page.locator(".tip"), page.locator("figure svg circle").nth(4)
    gaps = []
    for _ in range(2):
        at, on = tip.bounding_box(), mark.bounding_box()
        assert at is not None
        assert on is not None
        gaps.append(on["y"] - at["y"])
        before = page.evaluate("scrollY")
        page.evaluate("scrollBy(0, scrollY > 40 ? -40 : 40)")
        until(page, f"scrollY !== {before}")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        sync_api.expect(tip).to_be_visible()
    assert gaps[0] == pytest.approx(gaps[1], abs=1)


def test_a_value_that_a_finger_chose_stays_to_be_read(desk: Desk) -> None:
    page = desk.open("parts", width=390, kind="touch")
    page.locator("figure svg").scroll_into_view_if_needed()
    page.touchscreen.tap(*value_at(page, 2))
    tip = page.locator(".tip")
    assert tip.is_visible()
    assert tip.inner_text() == "step 2: 20 %"
    page.touchscreen.tap(5, 5)
    assert not tip.is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_tells_values(desk: Desk, name: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", desk.file(name).read_text(encoding="utf-8"), re.DOTALL)
    assert figures
    silent = [each[:400] for each in figures if '<g class="hints"' not in each]
    assert silent == []


def test_a_value_has_an_edge_where_colours_are_forced(desk: Desk) -> None:
    page = desk.open("parts")
    page.emulate_media(forced_colors="active")
    page.get_by_role("application", name="Rising").focus()
    page.keyboard.press("End")
    edge, ground = page.locator(".tip").evaluate(
        "each => [getComputedStyle(each).borderTop, getComputedStyle(each).backgroundColor]"
    )
    assert edge.startswith("1px solid rgb(")
    assert not edge.endswith(ground)


@pytest.mark.parametrize("width", [390, 1440])
def test_menus_are_whole_and_close_again(desk: Desk, width: int) -> None:
    page = desk.open("study", width=width)
    openers = page.locator("button[aria-label^='Take away']:visible")
    for at in (0, openers.count() // 2, openers.count() - 1):
        opener = openers.nth(at)
        opener.focus()
        page.keyboard.press("Enter")
        items = page.locator("button:visible", has_text=re.compile("^Copy link$"))
        for item in items.locator("xpath=..").get_by_role("button").all():
            assert item.evaluate(
                """each => {
                    const box = each.getBoundingClientRect();
                    return [[box.left, box.top], [box.right, box.bottom]].every(([x, y]) =>
                        x >= 0 && y >= 0 && x <= innerWidth && y <= innerHeight)
                        && each.contains(document.elementFromPoint(
                            box.x + box.width / 2, box.y + box.height / 2));
                }"""
            )
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.parentNode.matches(':popover-open')")
        page.keyboard.press("Escape")
        assert items.count() == 0
        sync_api.expect(opener).to_be_focused()
        opener.click()
        assert items.count() == 1
        page.mouse.click(2, 2)
        assert items.count() == 0


def test_only_one_menu_is_open_and_it_closes_when_one_tabs_away(desk: Desk) -> None:
    page = desk.open("parts")
    openers = page.locator("button[aria-label^='Take away']:visible")
    openers.nth(0).click()
    openers.nth(1).click()
    assert page.locator(":popover-open").count() == 1
    for _ in range(6):
        page.keyboard.press("Tab")
    assert page.locator(":popover-open").count() == 0


def test_a_link_into_a_closed_fold_opens_it(desk: Desk) -> None:
    page = desk.open("parts", part="#inside")
    target = page.locator("#inside")
    sync_api.expect(target).to_be_in_viewport()
    page = desk.open("parts")
    assert not target.is_visible()
    for _ in range(2):
        page.get_by_role("link", name="Inside").click()
        sync_api.expect(target).to_be_in_viewport()
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
    page = desk.open("parts", part="#100%-no-such")
    assert desk.said == []


def test_a_link_that_is_opened_elsewhere_leaves_this_page_as_it_is(desk: Desk) -> None:
    page = desk.open("parts", part="#inside")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
    page.evaluate("scrollTo(0, 0)")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Inside").click(modifiers=["ControlOrMeta"])
    opened.value.close()
    page.wait_for_timeout(50)
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("scrollY") == 0


def test_the_page_is_not_moved_where_the_browser_has_led_back_to_a_place(desk: Desk) -> None:
    """A browser restores where one was reading, and then says that the address changed."""
    page = desk.open("study", part="#claims")
    until(page, "scrollY > 100")
    page.evaluate("scrollBy(0, 900)")
    reading = page.evaluate("scrollY")
    page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    page.wait_for_timeout(50)
    assert page.evaluate("scrollY") == reading


def test_figures_that_scroll_are_named_apart(desk: Desk) -> None:
    page = desk.open("search", width=390)
    until(page, "document.querySelector('.canvas[aria-label^=Validation]')")
    names = page.locator(".canvas[role=region]").evaluate_all(
        "all => all.map(each => each.getAttribute('aria-label'))"
    )
    assert len(names) > 2
    assert len(set(names)) == len(names)
    assert not any(each.startswith("Figure") for each in names)


def test_an_index_is_printed_whole_and_without_what_filters_it(desk: Desk) -> None:
    page = desk.open("index")
    rows = page.locator("table.claims tbody tr")
    page.locator("input[name=verdict]").nth(1).check()
    assert page.locator(".filters").is_visible()
    assert not page.locator(".tally.unfiltered").is_visible()
    assert 0 < rows.locator("visible=true").count() < rows.count()
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert page.locator(".tally.unfiltered").is_visible()
    assert rows.locator("visible=true").count() == rows.count()


@pytest.mark.parametrize("broken", ["", "progress.json", "live"])
def test_a_page_of_a_run_says_where_its_server_gives_no_answer(desk: Desk, broken: str) -> None:
    progress = {"studies": [], "note": "", "going": False}
    live = render_live(progress, shelf_of({}))

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        body = {"start": live, "live": live, "progress.json": "{}"}[name]
        kind = "application/json" if name.endswith("json") else "text/html"
        route.fulfill(status=500 if name == broken else 200, body=body, content_type=kind)

    page = desk.open("parts").context.new_page()
    page.route("http://run.test/**", answer)
    page.goto("http://run.test/start")
    page.wait_for_load_state("networkidle")
    assert page.locator("#lost").is_visible() == bool(broken)
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["No run yet"]
    assert page.get_by_role("status").get_by_role("heading", name="No run yet").count() == 1
    page.close()


def test_what_does_not_scroll_is_no_stop_of_the_tab_key(desk: Desk) -> None:
    page = desk.open("study")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        wrong = page.locator("main .scroll, main .canvas").evaluate_all(
            "all => all.filter(each => (each.scrollWidth > each.clientWidth)"
            " != (each.tabIndex == 0 && each.getAttribute('aria-label').length > 5)).length"
        )
        assert wrong == 0


def test_what_the_script_adds_is_no_part_of_names(desk: Desk) -> None:
    page = desk.open("parts")
    assert page.get_by_role("table", name="Hostile texts", exact=True).count() == 1
    assert page.get_by_role("heading", name="Figures", exact=True).count() == 1
    assert page.get_by_role("columnheader", name="Trial", exact=True).count() == 1


def test_very_many_rows_stay_quick(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    page = desk.open("large")
    table = table_of(page, "Every trial")

    def took(action: str) -> float:
        time: float = table.evaluate(
            f"""table => {{ const start = performance.now(); ({action})(table);
                table.getBoundingClientRect(); return performance.now() - start; }}"""
        )
        return time

    sort = took("table => table.tHead.rows[0].cells[3].querySelector('button').click()")
    losses = [float(each) for each in column(table, "Loss")]
    assert losses == sorted(losses)
    find = took(
        "table => { const field = document.querySelector('input[type=search]');"
        " field.value = 'arm 17'; field.dispatchEvent(new Event('input')); }"
    )
    assert 0 < len(column(table, "Arm")) < 10_000
    with capsys.disabled():
        print(f"\n10,000 rows: sorted in {sort:.0f} ms, filtered in {find:.0f} ms")
