"""Reports stand alone, escape what people wrote, say the same twice, and never raise."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import re
import sys
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from harness import Arms, Factor, Higher, OneAtATime, Tuned
from harness.engines.modes import PLAIN, Choice, Mode, Timing
from harness.judging.contrasts import see
from harness.judging.optimism import on_edges
from harness.judging.pairing import evaluations, pair
from harness.judging.reasons import reason
from harness.judging.results import ArmTuning, Program, Results, assemble
from harness.judging.rounds import Costs
from harness.judging.wording import Context
from harness.judging.words import MARKS, Word
from harness.judging.would_change import would_change
from harness.reports import palette, write_report
from harness.reports.figures.canvas import plain, wrapped
from harness.reports.figures.curve_values import curves_of
from harness.reports.figures.curves import draw_curves
from harness.reports.figures.dots import draw_dots, level_dots
from harness.reports.figures.layers import MOST_LINES, draw_layers, layers_of
from harness.reports.printing import NO_PANGO, Printing, render_pdf
from harness.reports.render import TEMPLATES, bare, breaks, render_html
from harness.reports.sections.cost import cost_section
from harness.reports.sections.factors import MOST_COLUMNS, factors_section
from harness.reports.sections.ledger import MOST_PRINTED, MOST_ROWS, ledger_section
from harness.reports.sections.methods import methods_section
from harness.reports.sections.trained import not_tried, trained_section
from harness.reports.table import shortened
from harness.reports.text import bind
from harness.reports.words import APPEARANCES
from harness.study.declaration import about
from harness.study.formatting import (
    alike,
    bytes_text,
    cut,
    date_text,
    effect_and_interval,
    effect_text,
    interval_text,
    level_text,
    number_text,
    p_text,
    seconds_text,
    spread_text,
)
from harness.study.metrics import METRICS, Metric
from harness.trials.manifest import Manifest
from tests.example_results import MEASURES, example_results, residual_study

VOID = {"meta", "img", "source", "br", "link", "input", "wbr"}
NASTY = "<script>alert('x')</script> \"$a_b$\" & 'c' {{ 7*7 }} שלום 深さ"


class Reader(HTMLParser):
    """Reads a page strictly: every element must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.html = text
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "wbr":
            self.words.append("\0")
        elif tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "svg"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        joined = " ".join(self.words).replace(" \0 ", "")
        return " ".join(joined.replace("\u00a0", " ").split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


def fold(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def scripts(html: str) -> list[str]:
    """What each script of a page says."""
    return re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)


def svgs(page: Reader) -> list[str]:
    return re.findall(r"<svg .*?</svg>", page.html, re.DOTALL)


def descriptions(page: Reader) -> list[str]:
    """What each figure says to who cannot see it."""
    return [
        unescape(each) for each in re.findall(r"<desc [^>]*>(.*?)</desc>", page.html, re.DOTALL)
    ]


@pytest.fixture(scope="module")
def results() -> Results:
    return example_results()


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return render_html(results)


@pytest.fixture(scope="module")
def page(html: str) -> Reader:
    return Reader(html)


def test_stands_alone(page: Reader, html: str) -> None:
    assert not [tag for tag, _ in page.tags if tag in {"link", "iframe", "object"}]
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")], tag
        assert "src" not in attrs, tag
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    for svg in svgs(page):
        assert set(re.findall(r'(?:xlink:)?href="([^#"][^"]*)', svg)) == set()
        assert "<script" not in svg


def test_one_script_may_run_the_page_s_own(page: Reader, html: str) -> None:
    (script,) = scripts(html)
    assert script == bare((TEMPLATES / "report.js").read_text(encoding="utf-8"))
    assert "<" + "/script" not in script
    (policy,) = [
        each["content"]
        for each in page.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(each.split(maxsplit=1) for each in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{digest}'",
    }


def test_the_script_asks_nothing_of_a_network_and_keeps_nothing(html: str) -> None:
    (script,) = scripts(html)
    for word in ("fetch(", "XMLHttp", "WebSocket", "sendBeacon", "import", "Storage", "cookie",
                 "eval(", "innerHTML", "Function("):  # fmt: skip
        assert word not in script
    assert len(script.encode()) < 24_000


def test_what_is_printed_has_no_script(results: Results) -> None:
    printed = render_html(results, printed=True)
    assert scripts(printed) == []
    assert "script-src" not in printed


def test_all_links_lead_somewhere(page: Reader) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    inside = [each["href"][1:] for each in page.all("a") if each["href"].startswith("#")]
    assert len(inside) > 10
    assert set(inside) <= set(ids)


def test_pictures_have_a_name_and_words_that_state_the_finding(
    page: Reader, results: Results
) -> None:
    drawn, said = svgs(page), descriptions(page)
    assert len(drawn) == len(said) > 2 * len(results.verdicts)
    for words in said:
        assert len(words) > 30
        assert "nan" not in words
    first = next(each for each in said if "depth=56 minus depth=20" in each)
    assert "mean difference +0.5" in first
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        named = {each.get("id"): each.text for each in root if each.get("id")}
        assert named[root.get("aria-labelledby")]
        assert named[root.get("aria-describedby")]
        assert "<text" in svg


def test_every_colour_of_a_figure_is_replaced_on_a_dark_page(html: str, page: Reader) -> None:
    style = html[html.index("<style>") : html.index("</style>")]
    light = {each.light for each in palette.ALL.values()}
    found = {pair for svg in svgs(page) for pair in re.findall(r'(fill|stroke)="(#\w+)"', svg)}
    assert len(found) > 15
    for what, colour in found & {(what, each) for what in ("fill", "stroke") for each in light}:
        assert f'[{what}="{colour}"] {{ {what}: var(--' in style
    cells = {colour for _, colour in found} - light
    own = [svg for svg in svgs(page) if any(each in svg for each in cells)]
    assert len(own) < 4, "only heat maps have colours of their own"


def test_a_figure_is_written_once_and_its_names_are_its_own(html: str, page: Reader) -> None:
    drawn = svgs(page)
    assert "base64" not in html
    names = [set(re.findall(r'id="([^"]+)"', svg)) for svg in drawn]
    assert all(names)
    assert len(set.union(*names)) == sum(map(len, names))
    for svg, own in zip(drawn, names, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([\w-]+)', svg)) <= own


def test_says_everything_that_it_must(page: Reader, results: Results) -> None:
    text = page.text
    source = results.provenance
    assert results.declaration.question in text
    for part in (
        source.revision,
        "5 March 2026, 14:02 UTC",
        source.command,
        "108 trials, 1 failed",
    ):
        assert part in text
    for number, verdict in enumerate(results.verdicts, 1):
        assert text.count(verdict.claim.text) >= 2
        assert text.count(fold(verdict.why)) >= 1, "the interval stands beside it"
        assert verdict.change in text
        assert MARKS[verdict.word] in text
        assert f"Claim {number}" in text
    for line in results.warnings:
        assert line in text
    assert "99 % t interval over 9 seeds, Bonferroni over 5 claims" in text
    assert "4 of 5 arms beside the baseline differ" in text
    assert "lies on the upper edge" in text
    assert "diverged: the training loss was not finite" in text
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", text)


def test_headings_nest_and_tables_have_headers(page: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table")) > 10
    assert all(each["scope"] in {"row", "col"} for each in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"


def test_same_results_same_page(html: str) -> None:
    assert render_html(example_results()) == html


def test_what_people_wrote_is_escaped() -> None:
    study = residual_study(
        question=NASTY,
        factors=(Factor("shortcut", {NASTY: 1, "plain": 2}), Factor("depth", (8, 20))),
        tuned=(),
        build=lambda scale, shortcut, depth: None,
        claims=(
            Higher(
                NASTY + " " + "long " * 80, metric="test_loss", by=0.1, source=NASTY,
                higher={"shortcut": NASTY}, lower={"shortcut": "plain"},
            ),
        ),
    )  # fmt: skip
    results = dataclasses.replace(
        example_results(study, seeds=5, reason=NASTY, warnings=(NASTY,)),
        provenance=dataclasses.replace(
            example_results().provenance, command=NASTY, revision=NASTY, date=NASTY,
            environments=({NASTY: NASTY},),
        ),
    )  # fmt: skip
    html = render_html(results)
    page = Reader(html)
    assert scripts(html) == scripts(render_html(example_results())), "none of theirs"
    assert page.all("script") == [{}]
    assert page.text.count(NASTY) > 10
    assert "49" not in unescape(html[html.index("<h1") : html.index("</h1>")])
    drawn = "".join(svgs(page))
    assert "<script" not in drawn
    assert "$a_b$" in drawn
    assert "深さ" in drawn
    for svg in svgs(page):
        ElementTree.fromstring(svg)


def broken(results: Results, value: float) -> Results:
    """Put a number that is none wherever one may stand."""
    verdicts = tuple(
        dataclasses.replace(
            each, p_adjusted=value, word="not assessable",
            seen=dataclasses.replace(
                each.seen, effect=value, low=value, high=value, p=value, p_t=value,
                p_permutation=value, sd=value, median=value, rho=value, level=value, floor=value,
                p_margin=value, first=(value,) * each.seen.n,
                beside=tuple(dataclasses.replace(one, value=value) for one in each.seen.beside),
            ),
            looks=tuple(
                dataclasses.replace(one, effect=value, low=value, high=value, p=value)
                for one in each.looks
            ),
        )
        for each in results.verdicts
    )  # fmt: skip
    summaries = tuple(
        dataclasses.replace(each, mean=value, sd=value, low=value, high=value)
        for each in results.summaries
    )
    tuning = tuple(
        dataclasses.replace(each, tried=tuple((x, value) for x, _ in each.tried))
        for each in results.tuning
    )
    records = tuple(
        dataclasses.replace(
            each, metrics=dict.fromkeys(each.metrics, value),
            curves=dict.fromkeys(each.curves, (1.0, value, 0.5)),
            layers=dict.fromkeys(each.layers, (1.0, value, 0.5)),
        )
        for each in results.records
    )  # fmt: skip
    profiles = {
        name: dataclasses.replace(each, step_seconds=value, step_low=value, step_high=value)
        for name, each in results.profiles.items()
    }
    return dataclasses.replace(
        results, verdicts=verdicts, summaries=summaries, tuning=tuning, records=records,
        profiles=profiles,
    )  # fmt: skip


def many_arms() -> Results:
    study = residual_study(
        factors=(
            Factor("shortcut", tuple(range(5))), Factor("depth", tuple(range(2))),
            Factor("width", tuple(f"a rather long name of a level {i}" for i in range(2))),
            Factor("norm", (True, False)),
        ),
        tuned=(),
        build=lambda scale, shortcut, depth, width, norm: None,
        claims=(
            Higher("More is more.", metric="test_loss", by=0.1, higher={"shortcut": 1},
                   lower={"shortcut": 2}),
        ),
    )  # fmt: skip
    return example_results(study, seeds=5)


def one_factor(**kwargs: Any) -> Results:
    study = residual_study(
        factors=(Factor("depth", (8, 20)),),
        tuned=(),
        build=lambda scale, depth: None,
        claims=(
            Higher("Deeper is better.", metric="test_accuracy", by=0.01, higher={"depth": 20},
                   lower={"depth": 8}),
        ),
    )  # fmt: skip
    return example_results(study, seeds=5, **kwargs)


def designed(design: Any) -> Results:
    study = residual_study(design=design, claims=())
    return example_results(study, seeds=5)


def named_arms() -> Results:
    names = {"the baseline": {}, "مرحبا " * 12: {"depth": 56}, "$\\frac": {"shortcut": True}}
    return designed(Arms(names))


def linear_tuning() -> Results:
    study = residual_study(tuned=(Tuned("lr", 0.0, 1.0), Tuned("decay", 1e-5, 1.0, log=True)),
                           build=lambda scale, shortcut, depth, lr, decay: None)  # fmt: skip
    return example_results(study, seeds=5)


def not_tuned() -> Results:
    results = example_results(seeds=5)
    tuning = tuple(
        dataclasses.replace(each, how="declared default", tried=()) for each in results.tuning
    )
    return dataclasses.replace(results, tuning=tuning)


def empty() -> Results:
    results = example_results(seeds=5)
    nothing = dataclasses.replace(
        results.provenance, environments=(), revision="", date="", hours=0.0
    )
    return dataclasses.replace(
        results, records=(), summaries=(), tuning=(), profiles={}, provenance=nothing, warnings=(),
        verdicts=tuple(
            dataclasses.replace(
                each, seeds=(), word="not assessable",
                seen=dataclasses.replace(each.seen, n=0, first=(), second=(), effect=math.nan,
                                         low=math.nan, high=math.nan),
            )
            for each in results.verdicts
        ),
    )  # fmt: skip


def by_layer(values: Any, **changed: Any) -> Results:
    """Give every finished trial values by layer: those of its arm's place and its seed."""
    results = example_results(seeds=5, failed=(), **changed)
    places = {arm.name: place for place, arm in enumerate(results.arms)}
    records = tuple(
        dataclasses.replace(
            each, layers={"activation_variance": values(places[each.arm], each.seed)}
        )
        if each.role == "evaluate" else each
        for each in results.records
    )  # fmt: skip
    return dataclasses.replace(results, records=records)


EDGES: dict[str, tuple[Any, str]] = {
    "nan everywhere": (lambda: broken(example_results(seeds=5), math.nan), "not assessable"),
    "infinity everywhere": (lambda: broken(example_results(seeds=5), math.inf), "∞"),
    "no claims": (
        lambda: example_results(residual_study(claims=())),
        "makes no claims, so there is nothing to judge; what was measured stands under Factors .",
    ),
    "an arm without records": (
        lambda: example_results(failed=[(2, seed) for seed in range(10)]), "not assessable",
    ),
    "every trial failed": (
        lambda: example_results(failed=[(arm, s) for arm in range(6) for s in range(10)]),
        "No pair of runs finished",
    ),
    "one seed": (lambda: example_results(seeds=1, failed=()), "6 arms × 1 seed"),
    "four seeds": (lambda: example_results(seeds=4, failed=()), "At least 5 seeds"),
    "no profiles": (lambda: example_results(profiles=False), "No arm was profiled"),
    "no tuning": (lambda: example_results(tuning=False), "No setting has been chosen"),
    "declared defaults": (not_tuned, "declared default"),
    "linear and several settings": (linear_tuning, "decay"),
    "one factor": (one_factor, "Deeper is better."),
    "four factors, forty arms": (many_arms, "40 arms × 5 seeds"),
    "one at a time": (lambda: designed(OneAtATime()), "4 arms × 5 seeds"),
    "named arms": (named_arms, "the baseline"),
    "nothing run": (empty, "No trial has been recorded."),
    "no layer can be drawn": (lambda: by_layer(lambda *_: (math.nan, math.inf)), "left out"),
    "layers without variance": (lambda: by_layer(lambda *_: (0.0, 0.0, 0.0)), "Layer by layer"),
    "one layer": (lambda: by_layer(lambda *_: (2.0,)), "Layer by layer"),
}  # fmt: skip


def test_many_arms_on_one_edge_of_a_space_are_one_sentence() -> None:
    one = ArmTuning("a", "lr", 0.01, 1.0, True, ((0.01, 0.5),), 0.01, "tuned", "lower")
    (alone,) = on_edges([one])
    assert alone.startswith("a: the chosen lr = 0.01 lies on the lower edge of its space, 0.01 to")
    many = [dataclasses.replace(one, arm=name) for name in "abcde"]
    inner = dataclasses.replace(one, arm="f", edge="")
    first, second = on_edges([*many, dataclasses.replace(one, edge="upper"), inner])
    assert first.startswith("5 arms (a; b; c and 2 more): the chosen lr lies on the lower edge")
    assert second.startswith("a: the chosen lr")


def test_means_of_levels_say_which_arms_are_behind_them() -> None:
    listed = Arms({"a": {}, "b": {"depth": 56}, "c": {"depth": 56, "shortcut": True}})
    dots = level_dots(designed(listed), METRICS["test_accuracy"])
    assert dots is not None
    wanted = "shortcut at depth = 56 only; depth at shortcut = no only."
    assert dots.restricted.endswith(wanted)
    assert wanted in draw_dots(dots).caption
    whole = level_dots(example_results(), METRICS["test_accuracy"])
    assert whole is not None
    assert whole.restricted == ""


def test_a_report_begins_with_the_docstring_of_the_study_file() -> None:
    (text,) = residual_study().declaration("quick").about
    assert text.startswith("The numbers are drawn so that each kind of verdict has a chance")
    page = Reader(render_html(example_results()))
    assert text in page.text
    ours = residual_study()
    assert ours.build is not None
    assert about(ours.build.__module__) == (text,)
    assert about("no.such.module") == ()


def test_where_a_study_file_says_nothing_no_half_of_the_page_is_left_empty() -> None:
    results = example_results()
    bare_study = dataclasses.replace(results.declaration, about=())
    for given, halves in ((results, 1), (dataclasses.replace(results, declaration=bare_study), 0)):
        section = render_html(given).split('id="background"')[1].split("</section>")[0]
        assert section.count('class="halves"') == halves
        assert section.count("<div") == section.count("</div>")
        assert 'id="fixed"' in section


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    make, said = EDGES[name]
    page = Reader(render_html(make()))
    assert said in page.text
    assert not re.search(r"\bnan\b|\binf\b", page.text.replace("nan everywhere", ""))
    for svg in svgs(page):
        ElementTree.fromstring(svg)


@pytest.mark.parametrize("word", APPEARANCES)
def test_every_word_says_why_and_what_would_change_it(results: Results, word: Word) -> None:
    verdict = results.verdicts[0]
    pairs = pair(
        results.declaration, verdict.claim,
        evaluations(results.declaration, results.records),
    )  # fmt: skip
    seen = see(verdict.claim, verdict.metric, pairs, (), verdict.seen.level)
    context = Context(verdict.metric, verdict.claim.by, seen, pairs, 3, None)
    for said in (would_change(word, verdict.claim, context), reason(word, verdict.claim, context)):
        assert said.endswith(".")
        assert "nan" not in said
        assert "{" not in said


@pytest.mark.parametrize("failures", [3, 40])
def test_on_paper_the_ledger_has_each_failure_and_some_of_what_finished(failures: int) -> None:
    failed = tuple((place % 6, place // 6) for place in range(failures))
    results = example_results(seeds=12, failed=failed)
    table = ledger_section(results).table
    assert table is not None
    paper = shortened(table)
    states = [cells[-1].text for cells in paper.rows]
    assert states.count("failed") == failures == sum(r.state == "failed" for r in results.records)
    assert states.count("✓ complete") == MOST_PRINTED
    assert len(states) < len(table.rows)
    said = f"Printed: {len(states)} of {len(results.records)} trials; records.csv, attached, has"
    assert f"{said} all." in paper.caption
    assert "Printed:" not in table.caption


def test_a_ledger_that_is_printed_whole_says_nothing_of_it() -> None:
    results = one_factor()
    records = results.records[:MOST_PRINTED]
    table = ledger_section(dataclasses.replace(results, records=records)).table
    assert table is not None
    assert len(table.rows) == len(records)
    assert shortened(table) == table


@pytest.mark.parametrize("failures", [1, 190])
def test_a_ledger_that_is_cut_says_one_thing_on_paper(failures: int) -> None:
    results = example_results(copies=3)
    records = tuple(
        dataclasses.replace(record, state="failed" if place < failures else "complete")
        for place, record in enumerate(results.records)
    )
    results = dataclasses.replace(results, records=records)
    paper = Reader(render_html(results, printed=True)).text
    count = min(failures + MOST_PRINTED, MOST_ROWS)
    assert f"Printed: {count} of {len(records)} trials; records.csv, attached, has all." in paper
    assert "Shown:" not in paper
    assert "the HTML has all" not in paper


def test_ledger_is_cut_and_keeps_failures() -> None:
    results = example_results(failed=((5, 9),), copies=3)
    page = Reader(render_html(results))
    rows = [each for each in page.all("table") if "ledger" in each.get("class", "")]
    assert len(rows) == 1
    html = render_html(results)
    ledger = html[html.index('<table class="ledger"') : html.index('id="modes"')]
    assert ledger.count("<tr>") == MOST_ROWS + 1
    assert ledger.index("failed") < ledger.index("✓ complete")
    assert "200 of 324 trials, failures first; records.csv" in page.text
    short = render_html(one_factor())
    assert "records.csv beside" not in short


def test_report_and_pdf(results: Results, tmp_path: Path) -> None:
    written = write_report(results, tmp_path / "deep" / "folder")
    assert written.html.read_text(encoding="utf-8") == render_html(results)
    if written.note == NO_PANGO:
        pytest.skip(written.note)
    assert written.note == ""
    assert written.pdf is not None
    content = written.pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(content) > 50_000
    assert sorted(each.name for each in written.html.parent.iterdir()) == [
        "report.html",
        "report.pdf",
    ]


def test_pdf_has_pages_bookmarks_and_one_row_on_one_page(html: str) -> None:
    try:
        import weasyprint
    except OSError:
        pytest.skip(NO_PANGO)
    document = weasyprint.HTML(string=html).render()
    assert 8 < len(document.pages) < 40
    names = [label for label, *_ in document.make_bookmark_tree()[0][2]]
    assert {"Verdicts", "Claims", "Cost", "Ledger", "Methods"} <= set(names)
    for sheet in document.pages:
        assert round(sheet.width / 96 * 25.4) == 210


def test_without_pango_the_html_is_written(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    class Finder:
        def find_spec(self, name: str, *_: Any) -> None:
            if name.startswith("weasyprint"):
                raise OSError("cannot load library 'libpango-1.0-0'")

    for name in [each for each in sys.modules if each.split(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    (tmp_path / "report.pdf").write_bytes(b"of an older run")
    written = write_report(one_factor(), tmp_path)
    assert written.pdf is None
    assert "apt-get install libpango-1.0-0" in written.note
    assert "\n" not in written.note
    assert written.html.stat().st_size > 10_000
    assert not (tmp_path / "report.pdf").exists()
    assert capsys.readouterr() == ("", "")


def test_a_fault_in_the_pdf_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    weasyprint = pytest.importorskip("weasyprint", exc_type=OSError)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a font\nis odd")

    monkeypatch.setattr(weasyprint.HTML, "render", fail)
    content, note = render_pdf("<p>x</p>")
    assert content is None
    assert "RuntimeError: a font is odd" in note


def test_a_pdf_is_made_by_another_process(tmp_path: Path) -> None:
    printing = Printing(gently=True)
    written = write_report(one_factor(), tmp_path, printing)
    assert written.html.exists()
    assert not (tmp_path / "report.pdf").exists()  # which nobody has waited for
    done = written.finished()
    if done.note == NO_PANGO:
        pytest.skip(NO_PANGO)
    assert done.pdf is not None
    assert done.pdf.read_bytes().startswith(b"%PDF")
    assert done.note == ""


def test_a_process_that_cannot_make_a_pdf_costs_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.reports.printing.__file__", "/not/there.py")
    printing = Printing()
    printing.begin("<p>x</p>")
    content, note = printing.result()
    assert content is None
    assert note.startswith("No PDF: WeasyPrint failed (")
    assert "\n" not in note
    monkeypatch.setattr("harness.reports.printing.subprocess.Popen", fail_to_start)
    monkeypatch.setattr("harness.reports.printing.render_pdf", lambda html: (html.encode(), ""))
    alone = Printing()  # this process makes it then
    alone.begin("<p>y</p>")
    assert alone.result() == (b"<p>y</p>", "")


def fail_to_start(*_: Any, **__: Any) -> None:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_what_nobody_wants_printed_ends() -> None:
    printing = Printing()
    printing.cancel()
    assert printing._process is not None
    assert printing._process.returncode is not None


def luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for surface in palette.SURFACES.values():
        behind = getattr(surface, scheme)
        for name, colour in palette.TEXT.items():
            assert contrast(getattr(colour, scheme), behind) >= 4.5, name
        for name, colour in palette.GRAPHICS.items():
            assert contrast(getattr(colour, scheme), behind) >= 3, name


def test_no_two_roles_share_a_colour() -> None:
    for scheme in ("light", "dark"):
        colours = [getattr(each, scheme) for each in palette.ALL.values()]
        assert len(colours) == len(set(colours))


def test_marks_tell_words_apart() -> None:
    assert len({MARKS[word] for word in APPEARANCES}) == len(APPEARANCES)
    assert len({(shown.marker, shown.filled) for shown in APPEARANCES.values()}) == len(APPEARANCES)


def test_numbers_as_text() -> None:
    assert p_text(0.0004) == "< 0.001"
    assert p_text(math.nan) == "–"
    assert seconds_text(0.0421) == "42.1 ms"
    assert number_text(-1.5e-7) == "−1.50e−7"
    assert date_text("2026-03-05T14:02:11+00:00") == "5 March 2026, 14:02 UTC"
    assert date_text("yesterday") == "yesterday"
    assert bind("99 % of 3 nats, 5 min, 7 seeds") == "99\u00a0% of 3\u00a0nats, 5\u00a0min, 7 seeds"
    assert plain("a\n b\u202e\tc") == "a b c"
    assert plain("x" * 99, 10) == "x" * 9 + "…"
    assert number_text(999.7) == "1,000"
    assert bytes_text(1023 * 1024) == "1,023 KiB"


def test_numbers_of_metrics_as_text() -> None:
    loss, accuracy = METRICS["test_loss"], METRICS["test_accuracy"]
    norm = METRICS["gradient_norm_first_block"]
    assert level_text(loss, 1720) == "1,720 nats"
    assert level_text(norm, 999.6) == "1,000"
    assert effect_text(loss, -1720) == "−1,720 nats"
    assert effect_text(loss, 2.5e6) == "+2.50e6 nats"
    assert interval_text(loss, 0.4, 1723.2) == "[+0, +1,723] nats"
    assert interval_text(loss, -0.05, 1.2) == "[−0.05, +1.20] nats"
    assert interval_text(loss, -0.05, 1.2, unit=False) == "[−0.05, +1.20]"
    assert interval_text(loss, 0.4, 1723.2, unit=False) == "[+0, +1,723]"
    assert interval_text(loss, -1e-7, 2e-7, unit=False) == "[−1.00e−7, +2.00e−7]"
    assert effect_and_interval(loss, 0.2, 0.1, 0.3) == "+0.2 [+0.100, +0.300] nats"
    assert effect_and_interval(loss, 0.2, math.nan, math.nan) == "+0.2 nats"
    assert interval_text(loss, -1e-7, 2e-7) == "[−1.00e−7, +2.00e−7] nats"
    assert interval_text(loss, math.nan, 1) == "–"
    assert level_text(loss, math.nan) == effect_text(accuracy, math.nan) == "–"
    # No mean lies beyond a metric's range, so no end of an interval is printed there.
    shift, random = METRICS["variance_shift"], METRICS["sharpness_random"]
    assert cut(shift, 0.9, 1.4) == (1, 1.4)
    assert cut(random, -0.1, 0.2) == (-0.1, 0.2)
    assert cut(Metric("own", "Own", "fraction", None, ""), -0.1, 1.2) == (0, 1)
    assert cut(Metric("own", "Own", "", None, ""), -0.1, 1.2) == (-0.1, 1.2)
    assert cut(accuracy, -0.1, 1.2) == (0, 1)
    assert cut(loss, -0.1, 1.2) == (0, 1.2)
    assert spread_text(accuracy, 0.981, 1.013) == "[98.1, 100.0]"
    assert spread_text(loss, -0.02, 0.131) == "[0.000, 0.131]"
    assert math.isnan(cut(accuracy, math.nan, 1)[0])
    assert alike([0.05, 0.641, 0.1]) == ["0.050", "0.641", "0.100"]
    assert alike([100.0, 98.25], fraction=True) == ["100.0", "98.2"]
    assert alike([1720.4, 15.0]) == ["1,720", "15"]
    assert alike([1720.4, 0.05]) == ["1,720", "0.05"]


def test_names_break_between_words_first() -> None:
    assert wrapped("optimizer=adam / w <fast>", 16) == "optimizer=adam /\nw <fast>"
    assert wrapped("optimizer=adamw_decoupled", 16) == "optimizer=adamw_\ndecoupled"
    assert wrapped("a " * 9 + "b", 5) == "a a a\na a a\na a…"
    assert wrapped("x" * 7, 4) == "xxxx\nxxx"
    assert wrapped("", 4) == ""
    assert breaks("optimizer=adam / w <fast>") == "optimizer=adam / w <fast>"
    assert str(breaks("optimizer=<a>_very_long_name, 5 s")) == (
        "optimizer=<wbr>&lt;a&gt;_<wbr>very_<wbr>long_<wbr>name, 5\u00a0s"
    )
    assert "x<wbr>x" in breaks("x" * 40)


def test_contents_stand_beside_the_report() -> None:
    css = (Path(palette.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    assert "body.report > nav { grid-column: 1;" in css
    assert "body.report > * {" not in css  # stronger than a plain ``nav``


def test_says_how_to_read_curves_and_memory(results: Results, page: Reader) -> None:
    # of images only where a measure of the study is about them
    assert "image" not in page.text.replace(METRICS["occluded_accuracy"].meaning, "").lower()
    assert page.text.count("What would change this:") == len(results.verdicts)
    assert "the test sets of different seeds overlap" in page.text
    assert page.text.count("cut at the metric's range") >= 3
    captions = {
        each.metric.name: draw_curves(each).caption
        for verdict in results.verdicts
        if (each := curves_of(results, verdict))
    }
    for metric, caption in captions.items():
        assert ("running mean over an epoch's batches" in caption) == (metric == "train_loss")
    assert len(captions) == 2
    cost = cost_section(results)
    assert cost is not None
    assert cost.memory is not None
    assert cost.memory.columns[-1].title == "Process high-water mark"
    assert cost.memory.columns[-1].note == "VmHWM"
    assert "shown and never compared" in cost.memory.caption
    assert "vm hwm" not in page.text


def test_a_metric_of_the_studys_own_stands_like_any_other() -> None:
    claim = Higher(
        "Shortcuts widen the margin.", metric="logit_margin", by=0.2,
        higher={"shortcut": True}, lower={"shortcut": False},
    )  # fmt: skip
    results = example_results(residual_study(claims=(claim,)))
    text = Reader(render_html(results)).text
    assert "Margin: " in text
    assert "Judged on margin alone" in text
    assert "Mean distance between the two largest logits on test examples. no unit" in text
    assert "Not described" not in text
    section = factors_section(results)
    assert section.figures[0].caption.startswith("Margin: ")
    assert section.means is not None
    assert [column.title for column in section.means.columns[:2]] == ["Arm", "Margin"]
    # in a study without that measure the name alone is left
    without = residual_study(measures=()).declaration("quick")
    other = dataclasses.replace(results, declaration=without)
    assert factors_section(other).figures[0].caption.startswith("Logit margin: ")
    meanings = [row[1].text for row in methods_section(other).metrics.rows]
    assert meanings.count("Not described.") == 1


def test_tables_of_means_hold_every_metric_claims_first(results: Results) -> None:
    section = factors_section(results)
    assert section.means is not None
    tables = [section.means, *section.more]
    assert len(tables) == 2
    columns = [[column.title for column in table.columns[1:-2]] for table in tables]
    assert [len(each) for each in columns] == [MOST_COLUMNS, 3]
    claimed = [verdict.metric.title for verdict in results.verdicts]
    assert columns[0][: len(set(claimed))] == list(dict.fromkeys(claimed))
    recorded = {each.metric for each in results.summaries}
    assert {title for each in columns for title in each} == {
        results.declaration.metric(name).title for name in recorded
    }
    glossary = [row[0].text for row in methods_section(results).metrics.rows]
    assert len(glossary) == len(set(glossary))
    assert {*columns[0], *columns[1], "Activation variance", "Gradient norm"} < {*glossary}


def test_lines_by_layer_are_means_and_ranges_over_seeds() -> None:
    results = by_layer(lambda place, seed: (1.0, 10.0 ** -(place + seed % 2), 0.0))
    (values,) = layers_of(results)
    assert values.log
    assert values.seeds == 5
    assert values.lost == 6 * 5  # the zeros, one for each trial
    assert [line.arm for line in values.lines] == [arm.name for arm in results.arms]
    third = values.lines[2]
    # Seeds 0, 2, 4 have 1e-2 and 1, 3 have 1e-3; so the mean exponent is -2.4.
    assert third.mean[:2] == pytest.approx((1, 10**-2.4))
    assert (third.low[1], third.high[1]) == pytest.approx((1e-3, 1e-2))
    assert math.isnan(third.mean[2])
    caption = draw_layers(values).caption
    assert "geometric mean over up to 5 seeds" in caption
    assert "30 values that such an axis cannot show" in caption
    (uneven,) = layers_of(by_layer(lambda place, seed: (1.0, 1.5 + seed)[: 1 + place % 2]))
    assert [len(line.mean) for line in uneven.lines] == [1, 2, 1, 2, 1, 2]
    (level,) = layers_of(by_layer(lambda place, seed: (1.0, 1.5 + 0.1 * seed)))
    assert not level.log
    assert level.lines[0].mean == pytest.approx((1, 1.7))
    assert "geometric" not in draw_layers(level).caption


def test_of_many_arms_those_of_claims_are_drawn() -> None:
    results = many_arms()
    records = tuple(
        dataclasses.replace(each, layers={"gradient_norm": (1.0, 0.1)}) for each in results.records
    )
    results = dataclasses.replace(results, records=records)
    (values,) = layers_of(results)
    assert len(values.lines) == MOST_LINES
    assert values.left_out == 40 - MOST_LINES
    drawn = [line.arm for line in values.lines]
    assert drawn[0] == results.arms[0].name
    assert all("shortcut=1" in name or "shortcut=2" in name for name in drawn[1:])
    assert f"{40 - MOST_LINES} more arms" in draw_layers(values).caption


def test_an_axis_over_many_decades_has_few_labels() -> None:
    (values,) = layers_of(by_layer(lambda *_: tuple(10.0 ** -(2 * at) for at in range(15))))
    svg = draw_layers(values).svg
    labels = re.findall(r">(1e\u2212\d+|0\.\d+|1)<", svg)
    assert 3 <= len(labels) <= 9
    powers = [0 if each == "1" else int(each[3:]) for each in labels if each[:2] in {"1", "1e"}]
    assert len(set(np.diff(sorted(powers)))) == 1, "whole decades, as far apart everywhere"


def test_says_how_trials_were_trained(results: Results, page: Reader) -> None:
    section = trained_section(results)
    assert section is not None
    done = [each for each in results.records if each.state == "complete"]
    fused = sum(each.env["mode"].startswith("fused") for each in done)
    assert f"Plain: {len(done) - fused} trials; fused, 7 to 24 at a time: {fused} trials." in (
        section.lead
    )
    assert section.notes == ("2 trials: not fused: OutOfMemoryError: too large together.",)
    assert section.choices is not None
    assert section.timings is not None
    one, two, three = ([cell.text for cell in row] for row in section.choices.rows)
    assert one[1:] == ["fused, 32 at a time", "412 ms", "93.7 ms", "×4.4", "–"]
    assert two[-1] == (
        "fused, 32 at a time; compiled, 32 at a time: not tried, as measuring it would not pay"
    )
    assert three[1:] == ["plain", "–", "–", "–", "–"]
    assert len(section.timings.rows) == 6
    assert [row[1].text for row in section.timings.rows if row[1].note == "chosen"] == [
        "fused, 32 at a time",
        "plain",
    ]
    for part in (section.lead, "How each program was trained", "not measured", "×5.9", "31.2 s"):
        assert part in page.text
    assert "A trial means what the plain loop says" in page.text


def test_trials_of_an_older_harness_tell_no_mode(results: Results) -> None:
    records = tuple(dataclasses.replace(each, env={}) for each in results.records)
    old = dataclasses.replace(results, records=records, programs=())
    assert trained_section(old) is None
    text = Reader(render_html(old)).text
    assert "How they were trained" not in text
    assert "plain loop" not in text
    both = dataclasses.replace(results, records=(*results.records[:3], *records[3:]), programs=())
    section = trained_section(both)
    assert section is not None
    assert section.lead.startswith("Not recorded how: 104 trials; fused, 24 at a time: 3 trials.")


def test_a_note_gives_each_reason_once() -> None:
    assert not_tried("") == ""
    assert not_tried("a: x; b: y; c: x") == "a; c: x. b: y"
    assert not_tried("nothing to try") == "nothing to try"


def test_programs_come_from_the_plan_and_the_notes(results: Results) -> None:
    arms = [arm.name for arm in results.arms]
    choice = Choice(Mode("fused", 8), (Timing(PLAIN, 0.2, 0.0),), "why", 7, 1.0)
    plan = {
        "seeds": [0], "tuned": True, "tuning": [], "trials": [], "command": "harness run",
        "programs": {},
        "modes": {"ab": arms[:2], "abc": [arms[2], "an arm of before"], "gone": ["of before"]},
    }  # fmt: skip
    made = assemble(
        results.declaration, results.records, Manifest.of(plan), Costs(), (), "",
        {"ab": {("cpu/EPYC / 7", ""): choice}, "other": {("cpu/EPYC", ""): choice}},
    )  # fmt: skip
    assert made.programs == (
        Program(tuple(arms[:2]), {"cpu/EPYC / 7": choice}),
        Program((arms[2],), {}),
    )
    section = trained_section(made)
    assert section is not None
    assert section.choices is not None
    assert "measured on EPYC / 7 (cpu)" in section.choices.caption
    older = Manifest.of({**plan, "modes": {}})
    before = assemble(results.declaration, (), older, Costs(), (), "")
    assert before.programs == ()


def test_a_mode_is_no_environment_and_a_teacher_counts_once(results: Results) -> None:
    arms = [arm.name for arm in results.arms[:2]]
    first = next(each for each in results.records if each.role == "evaluate")
    envs = [{"device": "cpu", "mode": "plain"}, {"device": "cpu", "mode": "fused, 8 at a time"}]
    pupils = [dataclasses.replace(first, key=f"{place}", env=env) for place, env in enumerate(envs)]
    teacher = dataclasses.replace(first, key="t", role="need", env=envs[0], metrics={})
    plan = {
        "seeds": [0], "tuned": True, "tuning": [], "command": "harness run", "programs": {},
        "trials": [[arms[0], 0, "0"], [arms[1], 0, "1"], ["teacher", 0, "t"]],
    }  # fmt: skip
    manifest = Manifest.of(plan)
    made = assemble(results.declaration, (*pupils, teacher), manifest, Costs(), (), "")
    assert [each.role for each in made.records] == ["evaluate", "evaluate", "need"]
    assert made.provenance.environments == ({"device": "cpu"},)
    assert not [line for line in made.warnings if "environment" in line]
    lead = ledger_section(made).lead
    assert "3 trials: 2 to evaluate, 0 to tune, 1 that others need; 0 failed." in lead
    other = dataclasses.replace(pupils[1], env={**envs[1], "device": "cuda:0"})
    made = assemble(results.declaration, (pupils[0], other), manifest, Costs(), (), "")
    assert [line for line in made.warnings if "different environments (device)" in line]


def procedures(results: Results) -> dict[str, str]:
    return {each.name: each.text for each in methods_section(results).procedures}


def test_methods_say_what_is_recorded_and_measured(results: Results) -> None:
    found = procedures(results)
    assert found["Recorded"] == (
        "Of every network: “Train loss”, “Train accuracy”, “Test loss”, “Test accuracy” and "
        "“Gradient norm, first block”."
    )
    said = found["Measured here"]
    assert "“Accuracy, occluded” by Occluded(side=0.3), after the last step" in said
    assert "last over first layer” by ActivationVariance, before the first step" in said
    assert "“Margin” by the study's function logit_margin, after the last step" in said
    assert len(MEASURES) == said.count(" by ")
    assert not {"Early stopping", "Precision", "Teachers"} & set(found)
    plain_study = example_results(residual_study(measures=()))
    assert "Measured here" not in procedures(plain_study)
    assert "Accuracy, occluded" in procedures(plain_study)["Recorded"]


def test_methods_say_how_arms_stop_and_who_teaches_them(results: Results) -> None:
    arms = [arm.name for arm in results.arms]
    model = {"type": "ConvNet", "depth": 20}
    extra: dict[str, dict[str, Any]] = {
        arms[0]: {"stopping": {"type": "EarlyStopping", "patience": 3}},
        arms[1]: {"stopping": {"type": "EarlyStopping", "patience": 1, "by": 0.01,
                               "metric": "validation_accuracy"}},
        arms[2]: {"loss": {"type": "Distillation", "weight": 0.5,
                           "teacher": {"type": "Training", "model": model}}},
        arms[3]: {"loss": {"type": "CrossEntropy", "smoothing": 0.1}},
    }  # fmt: skip
    records = tuple(
        dataclasses.replace(
            each,
            training={**each.training, "precision": "bfloat16", **extra.get(each.arm, {})},
            curves={name: curve[: 9 + each.seed % 4] for name, curve in each.curves.items()},
        )
        for each in results.records
    )
    found = procedures(dataclasses.replace(results, records=records))
    assert found["Early stopping"] == (
        f"In {arms[0]}: training stops once the validation loss has not improved for 3 epochs, "
        f"and the weights of its best epoch are those measured. In {arms[1]}: training stops once "
        "the validation accuracy has not improved by more than 0.01 for 1 epoch, and the weights "
        "of its best epoch are those measured. Trials there trained 9 to 12 of 15 epochs."
    )
    assert found["Precision"].startswith("In every arm: networks run under bfloat16 autocast")
    assert found["Teachers"].startswith(f"In {arms[2]}: each network learns from a teacher")
    # a Training as it is written leaves out what is at its default, here the temperature
    assert "at temperature 4, with weight 0.5 on the teacher" in found["Teachers"]
    assert "of type ConvNet" in found["Teachers"]
    assert arms[3] not in found["Teachers"]
