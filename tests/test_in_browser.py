"""Pages in a real browser: Debian's Chromium, driven by Playwright, at the widths of phones and desks.

Without Chromium or Playwright these tests are skipped, and say so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.compared import render_comparison
from reports.gate import render_gate
from reports.render import render_html
from tests import example_gate, example_search
from tests.example_results import cost_results, example_results
from tests.test_compare_page import hostile
from tests.test_reports_names import study as hostile_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
axe_module = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

WIDTHS = (320, 390, 820, 1440)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--no-first-run"]  # fmt: skip


PAGES: dict[str, Callable[[], str]] = {
    "study": lambda: render_html(example_results()),
    "costs": lambda: render_html(cost_results()),
    "hostile": lambda: render_html(example_results(hostile_study(), seeds=5, failed=())),
    "search": lambda: render_html(example_search.example_results()),
    "compare": lambda: render_comparison(hostile()),
    "gate": lambda: render_gate(example_gate.example()),
}


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not."""

    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("pages")

    def file(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(PAGES[name](), encoding="utf-8")
        return path

    return file


@pytest.fixture
def opened(browser: Browser, files: Callable[[str], Path]) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_page(name: str, width: int = 1440, height: int = 900, **options: Any) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("request", lambda request: found.asked.append(request.url))
        found.page.on("console", lambda message: found.said.append(message.text))
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.goto(files(name).as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()


def copied(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_page_asks_nothing_complains_of_nothing_and_fits_every_width(
    opened: Callable[..., Opened], files: Callable[[str], Path], name: str, script: bool
) -> None:
    found = opened(name, java_script_enabled=script)
    for width in WIDTHS:
        found.page.set_viewport_size({"width": width, "height": 900})
        # Without script nothing can be evaluated in the page, so it is scrolled instead.
        found.page.mouse.move(width // 2, 450)
        found.page.mouse.wheel(10_000, 0)
        found.page.wait_for_timeout(50)
        if script:
            assert found.page.evaluate("document.documentElement.scrollWidth") == width
            assert found.page.evaluate("scrollX") == 0
    assert found.asked == [files(name).as_uri()]
    assert found.said == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_nothing_serious(
    opened: Callable[..., Opened], name: str, scheme: str, width: int
) -> None:
    page = opened(name, width, color_scheme=scheme).page
    for fold in page.locator("main details").all():
        fold.evaluate("each => { each.open = !each.classList.contains('menu') }")
    answer = axe_module.Axe().run(page).response
    assert len(answer["passes"]) > 10, "axe has looked"
    assert {
        (each["id"], each["impact"], each["nodes"][0]["html"][:200])
        for each in answer["violations"]
        if each["impact"] in ("serious", "critical")
    } == set()


def test_without_script_there_is_all_to_read_and_no_button(opened: Callable[..., Opened]) -> None:
    page = opened("study", java_script_enabled=False).page
    assert page.locator("figure svg").count() > 8
    assert page.locator("table").count() > 8
    assert page.locator("button, input, select").count() == 0
    assert page.locator(".hints title").count() > 0, "values are told by the browser itself"
    assert page.locator("h1").is_visible()


def test_heads_sort_by_mouse_and_by_keyboard(opened: Callable[..., Opened]) -> None:
    page = opened("study").page
    table = page.locator("table.verdicts")

    def order() -> list[str]:
        cells = table.locator("tbody td:nth-child(3)").all_inner_texts()
        return [each.split("\n")[0] for each in cells]

    before = order()
    head = table.locator("thead th").nth(2)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    numbers = [float(each.replace("−", "-").split()[0]) for each in order()]
    assert numbers == sorted(numbers)
    assert order() != before
    table.locator("thead button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    numbers = [float(each.replace("−", "-").split()[0]) for each in order()]
    assert numbers == sorted(numbers, reverse=True)
    page.keyboard.press("Enter")
    assert order() == before
