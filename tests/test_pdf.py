"""The PDF of a report: read by a machine, handed on, and the same everywhere."""

from __future__ import annotations

import base64
import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.commands.files import rows_text
from harness.reports import printing, write_report
from harness.reports.printing import (
    NO_PANGO,
    NO_WEASYPRINT,
    Printing,
    load,
    printable,
    render_pdf,
)
from harness.reports.render import render_html
from tests.example_results import example_results

pypdf = pytest.importorskip("pypdf")
if load() in {NO_PANGO, NO_WEASYPRINT}:
    pytest.skip(load(), allow_module_level=True)

RESULTS = example_results(seeds=6, profiles=False)
RECORDS = rows_text([record.row() for record in RESULTS.records], "csv")
ARABIC = "بدون تخطي"
HEBREW = "שלום עולם"
NOWHERE = "\U00100000"
"""A character for private use, which no font has."""


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("pdf")
    written = write_report(RESULTS, folder, attached={"records.csv": RECORDS})
    assert written.pdf is not None, written.note
    return pypdf.PdfReader(written.pdf)


def read(html: str) -> Any:
    content, note = render_pdf(html)
    assert content is not None, note
    return pypdf.PdfReader(io.BytesIO(content))


def elements(pdf: Any) -> list[Any]:
    """All parts of the document's structure, in reading order."""

    def below(part: Any) -> Iterator[Any]:
        part = part.get_object()
        if isinstance(part, list):
            for each in part:
                yield from below(each)
        elif isinstance(part, dict):
            yield part
            if "/K" in part:
                yield from below(part["/K"])

    return list(below(pdf.root_object["/StructTreeRoot"]["/K"]))


def test_the_pdf_is_tagged_and_says_its_language_and_title(pdf: Any) -> None:
    root = pdf.root_object
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b'part="1"' in root["/Metadata"].get_data()
    assert all("/StructParents" in page for page in pdf.pages)


def test_headings_tables_figures_and_links_are_told_apart(pdf: Any) -> None:
    parts = elements(pdf)
    kinds = [part.get("/S") for part in parts]
    assert kinds.count("/H1") == 1
    assert kinds.count("/H2") >= 6
    assert kinds.count("/H3") >= len(RESULTS.verdicts)
    figures = [part for part in parts if part.get("/S") == "/Figure"]
    assert len(figures) == render_html(RESULTS, printed=True).count("<img ") > 5
    assert all(len(part["/Alt"]) > 20 for part in figures)
    headers = [part["/A"]["/Scope"] for part in parts if part.get("/S") == "/TH" and "/ID" in part]
    assert set(headers) == {"/Column", "/Row"}
    cells = [part for part in parts if part.get("/S") == "/TD" and "/A" in part]
    assert cells
    assert all(part["/A"]["/Headers"] for part in cells)


def test_each_link_is_in_the_structure_and_says_where_it_leads(pdf: Any) -> None:
    notes = [note.get_object() for page in pdf.pages for note in page.get("/Annots", ())]
    links = [note for note in notes if note["/Subtype"] == "/Link"]
    assert len(links) > len(RESULTS.verdicts)
    assert all(note["/Contents"] and "/StructParent" in note for note in links)
    referred = [part for part in elements(pdf) if part.get("/Type") == "/OBJR"]
    assert len(referred) == len(links)


def test_title_author_subject_keywords_and_the_date_of_the_run(pdf: Any) -> None:
    told = pdf.metadata
    assert RESULTS.declaration.question in told.title
    assert told.author == f"ablation-harness {RESULTS.provenance.harness}"
    assert told.subject.startswith(f"Of {len(RESULTS.verdicts)} claims ")
    assert told["/Keywords"] == "residual_depth, quick, ablation"
    assert told.creation_date.isoformat() == RESULTS.provenance.date
    assert told.modification_date == told.creation_date


def test_the_records_go_with_the_pdf(pdf: Any) -> None:
    assert list(pdf.attachments) == ["records.csv"]
    assert pdf.attachments["records.csv"] == [RECORDS.encode()]


def test_each_claim_is_a_bookmark_and_stands_in_the_contents_with_its_page(pdf: Any) -> None:
    def flat(marks: list[Any]) -> Iterator[Any]:
        for each in marks:
            yield from flat(each) if isinstance(each, list) else [each]

    pages = {mark.title: pdf.get_destination_page_number(mark) + 1 for mark in flat(pdf.outline)}
    lines = pdf.pages[0].extract_text().splitlines()
    for number, verdict in enumerate(RESULTS.verdicts, 1):
        place = pages[verdict.claim.text]
        found = [line for line in lines if line.startswith(f"Claim {number},")]
        assert len(found) == 1
        assert found[0].rstrip().endswith(f" {place}"), (found, place)


def test_all_fonts_are_ours_and_embedded(pdf: Any) -> None:
    fonts = [
        font.get_object()["/DescendantFonts"][0].get_object()
        for page in pdf.pages
        for font in page["/Resources"]["/Font"].values()
    ]
    families = {font["/BaseFont"].partition("+")[2].removesuffix("-Bold") for font in fonts}
    assert families == {"Report-Sans", "Report-Signs", "Report-Mono"}
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)


def test_no_text_is_smaller_than_seven_points() -> None:
    """Figures have their own sizes, so they are left out."""
    without = render_html(RESULTS, printed=True).replace("<img ", "<i ")
    found: dict[float, str] = {}

    def heard(text: str, current: Any, matrix: Any, _: Any, size: float) -> None:
        if text.strip():
            found.setdefault(round(abs(size * matrix[3] * current[3]), 2), text)

    for page in read(without).pages:
        page.extract_text(visitor_text=heard)
    assert 8 < max(found) < 40
    assert min(found) >= 7.0, found[min(found)]


def small(text: str = "", *, picture: str = "", day: str = "2026-03-05T14:02:11+00:00") -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">{picture}</svg>'
    address = base64.b64encode(svg.encode()).decode()
    attached = base64.b64encode(b"a,b\n1,2\n").decode()
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>{text}</title>'
        f'<meta name="dcterms.created" content="{day}">'
        f'<link rel="attachment" href="data:text/csv;base64,{attached}" title="records.csv">'
        f'</head><body style="font-family: Report Sans, Report Signs"><header></header>'
        f'<p>{text}</p><img alt="shows {NOWHERE}" src="data:image/svg+xml;base64,{address}">'
        "</body></html>"
    )


def drawn(text: str) -> str:
    return f'<text font-family="Report Sans, Report Signs" x="100" y="20">{text}</text>'


def test_the_same_html_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    html = small("Twice", picture=drawn("and twice"))
    first = render_pdf(html)[0]
    assert first == render_pdf(html)[0]
    assert first is not None
    whole = pypdf.PdfReader(io.BytesIO(first))
    assert "/ID" in whole.trailer
    assert whole.metadata.creation_date.year == 2026
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert read(html).metadata.creation_date.year == 2001


@pytest.mark.parametrize("text", [ARABIC, HEBREW, f"seed {ARABIC} 3", "αβγ → ≥ ◈ ✓"])
def test_a_text_in_a_figure_is_set_as_in_a_paragraph(text: str) -> None:
    def signs(html: str) -> str:
        content = read(html).pages[0].get_contents().get_data().decode("latin-1")
        return "".join(re.findall(r"<([0-9a-f]+)>", content, re.IGNORECASE))

    inside = signs(small(picture=drawn(text)))
    assert inside == signs(small(text))
    assert inside


def test_a_pdf_is_made_where_weasyprint_names_its_parts_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boxes = importlib.import_module("weasyprint.svg.bounding_box")
    monkeypatch.delattr(boxes, "EMPTY_BOUNDING_BOX")
    printing.whole_texts.cache_clear()
    try:
        assert "in a figure" in read(small(picture=drawn("in a figure"))).pages[0].extract_text()
    finally:
        printing.whole_texts.cache_clear()


def test_a_text_in_a_figure_ends_or_stands_about_the_place_that_it_is_given() -> None:
    from fontTools.ttLib import TTFont

    texts = "".join(
        f'<text x="150" y="{12 * row}" font-size="12" text-anchor="{anchor}">H{anchor}H</text>'
        for row, anchor in enumerate(("start", "middle", "end"), start=1)
    )
    begun: dict[str, float] = {}

    def see(text: str, to_page: list[float], to_text: list[float], *_: Any) -> None:
        if text.strip():
            begun[text.strip().strip("H")] = to_text[4] * to_page[0] + to_page[4]

    fonts = 'font-family="Report Sans"'
    picture = f"<g {fonts}>{texts}</g>"
    read(small(picture=picture)).pages[0].extract_text(visitor_text=see)
    file = Path(printing.__file__).parent / "fonts" / "Inter-Regular.ttf"
    with TTFont(file) as font:
        signs, widths = font.getBestCmap(), font["hmtx"].metrics
        em = font["head"].unitsPerEm

        def width(text: str) -> float:
            return float(9 * sum(widths[signs[ord(each)]][0] for each in f"H{text}H") / em)

    assert begun["start"] - begun["middle"] == pytest.approx(width("middle") / 2, rel=0.02)
    assert begun["start"] - begun["end"] == pytest.approx(width("end"), rel=0.02)


def test_what_no_font_shows_is_a_number_which_is_explained() -> None:
    html = small(f"a {NOWHERE}{NOWHERE} b {NOWHERE}", picture=drawn(f"level {NOWHERE}"))
    text = read(html).pages[0].extract_text()
    assert "a ‹1› b ‹2›" in text
    assert "level ‹2›" in text
    assert "‹1› U+100000 U+100000, ‹2› U+100000" in " ".join(text.split())
    assert f'alt="shows {NOWHERE}"' in printable(html), "who hears it may have the font"


def test_nothing_is_left_behind_by_the_process_that_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    printing = Printing()
    printing.begin(small("x"))
    content, note = printing.result()
    assert content is not None, note
    assert not list(tmp_path.iterdir())


def test_a_page_that_our_fonts_can_show_is_left_as_it_is() -> None:
    html = small(f"{ARABIC} ◈ é").replace(NOWHERE, "")
    assert printable(html) == html
