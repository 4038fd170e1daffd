"""A report says each fact once; what few readers need folds away, and stands in an appendix on
paper."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from harness.judging.results import Results
from harness.reports.folding import Appendix
from harness.reports.printing import load
from harness.reports.render import render_html
from harness.reports.table import Cell, Column, Table, row
from tests.example_results import cost_claims, example_results, residual_claims, residual_study

VOID = {"meta", "img", "source", "br", "wbr"}


class Folded(HTMLParser):
    """What of a page stands open, and what is folded away."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.within: list[tuple[str, str]] = []
        self.open_words: list[str] = []
        self.folded_words: list[str] = []
        self.folds: list[dict[str, str]] = []
        self.stops: list[str] = []
        self.ids: list[str] = []
        self.captions: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given and not self._within("svg"):
            self.ids.append(given["id"])
        if tag == "details":
            self.folds.append(given)
        if not self.folded and "tabindex" in given:
            self.stops.append(given.get("aria-label", ""))
        if tag == "caption":
            self.captions.append("")
        if tag not in VOID:
            self.within.append((tag, given.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if any(self._within(each) for each in ("style", "svg", "script")):
            return
        (self.folded_words if self.folded else self.open_words).extend(data.split())
        if self._within("caption"):
            self.captions[-1] += data

    @property
    def folded(self) -> bool:
        """Whether this place is within a fold, its title aside."""
        return self._within("details") and not self._within("summary")

    def _within(self, wanted: str) -> bool:
        return any(tag == wanted for tag, _ in self.within)


@pytest.fixture(scope="module")
def results() -> Results:
    return example_results(residual_study(claims=(*residual_claims(), cost_claims()[0])))


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return render_html(results)


@pytest.fixture(scope="module")
def printed(results: Results) -> str:
    return render_html(results, printed=True)


@pytest.fixture(scope="module")
def page(html: str) -> Folded:
    return Folded(html)


def parts(html: str) -> list[str]:
    """Cut the sections of the claims out of a page."""
    return re.findall(r'(?s)<article id="claim-\d+".*?</article>', html)


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_a_page_of_six_claims_has_few_words_that_stand_open(page: Folded) -> None:
    """Before anything was folded away 8,542 words stood on it, nearly all of them open."""
    assert len(page.open_words) < 2_750
    assert len(page.folded_words) > len(page.open_words), "nothing is lost"


def test_each_fact_of_a_claim_stands_once_in_its_section(html: str, results: Results) -> None:
    for verdict, part in zip(results.verdicts, parts(html), strict=True):
        standing = text(re.sub(r"(?s)<(details|svg)\b.*?</\1>", "", part))
        facts = re.findall(r"<dt>(?:Effect|Interval|Margin δ)</dt><dd>(.*?)</dd>", part)
        effect, interval, _ = (text(each) for each in facts)
        assert standing.count(interval) == 1
        assert len(re.findall(rf"(?<![\d.]){re.escape(effect)}(?! pp|\d)", standing)) == 1
        assert standing.count(" ".join(verdict.why.replace("\u00a0", " ").split())) == 1
        assert standing.count("What would change this") == 1
        assert verdict.claim.text in standing


def test_the_way_to_read_a_figure_is_told_once(html: str) -> None:
    told = re.findall(r"<figcaption>(.*?)</figcaption>", "".join(parts(html)))
    full = [each for each in told if not each.startswith("Read as under claim")]
    assert len(set(full)) == len(full)
    assert len(full) < len(told) / 2


def test_what_folds_is_closed_and_can_be_linked_to(page: Folded) -> None:
    assert len(page.folds) > 20
    assert not [each for each in page.folds if "open" in each]
    assert all(each["id"] for each in page.folds)
    assert len(set(page.ids)) == len(page.ids)
    for wanted in ("claim-1", "claim-6-checks", "claim-6-numbers", "ledger", "trials", "forest"):
        assert wanted in page.ids


def test_only_what_may_scroll_takes_a_tab_stop(page: Folded) -> None:
    assert len(page.stops) <= 3
    small = Table("Small.", (Column("Name"), Column("n", "number")), (row("a", "1"),))
    cells = tuple(Cell("0.0123 nats", "[0.0100, 0.0150] nats") for _ in range(6))
    columns = tuple(Column(f"Metric {place}", "number") for place in range(6))
    wide = Table("Wide.", (Column("Arm"), *columns), ((Cell("an arm"), *cells),))
    assert not small.scrolls
    assert not Table("Empty.", small.columns, ()).scrolls
    assert wide.scrolls


def test_paper_has_the_same_tables_in_an_appendix(page: Folded, printed: str) -> None:
    paper = Folded(printed)
    assert "<details" not in printed
    assert "<summary" not in printed
    cut = re.compile(r" Printed: 2\d of 108 trials; records\.csv, attached, has all\.$")
    whole = [cut.sub("", caption) for caption in paper.captions]
    assert sorted(whole) == sorted(page.captions)
    assert sum(a != b for a, b in zip(whole, paper.captions, strict=True)) == 1, "the ledger alone"
    assert {each["id"] for each in page.folds} <= set(paper.ids)
    assert len(set(paper.ids)) == len(paper.ids)
    at = printed.index('id="appendix"')
    for fold in page.folds:
        assert printed.index(f'id="{fold["id"]}"') > at
        assert printed.index(f'href="#{fold["id"]}"') < at, "where it was it says where it is"
    letters = re.findall(r"<h3>([A-Z])\. ", printed[at:])
    assert letters == list("ABCDEFG")[: len(letters)]
    assert len(letters) >= 5


def test_what_is_folded_keeps_its_order_and_gets_a_letter_and_a_number() -> None:
    appendix = Appendix()
    labels = [
        appendix.add(part, "Title", f"anchor-{place}", "<p>Body</p>")
        for place, part in enumerate(["Claims", "Cost", "Claims", "Methods"])
    ]
    assert labels == ["A1", "B1", "A2", "C1"]
    assert [(each.letter, each.title, len(each.items)) for each in appendix.parts] == [
        ("A", "Claims", 2), ("B", "Cost", 1), ("C", "Methods", 1),
    ]  # fmt: skip
    for place in range(30):
        appendix.add(f"Part {place}", "Title", f"more-{place}", "")
    assert [each.letter for each in appendix.parts][25:28] == ["Z", "AA", "AB"]


def test_the_pdf_of_six_claims_has_eight_pages_before_its_appendix(printed: str) -> None:
    if load():
        pytest.skip("no WeasyPrint here")
    import weasyprint

    document = weasyprint.HTML(string=printed).render()
    begins = [
        number
        for number, each in enumerate(document.pages, 1)
        for name in each.anchors
        if name == "appendix"
    ]
    assert begins[0] <= 9
    assert len(document.pages) <= 24
