"""The page of a comparison: it needs nothing else, and names on it are text."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from harness import Factor
from harness.compared.comparison import Comparison, compare
from harness.compared.sides import Side
from harness.reports.compared import compared_page, render_comparison
from harness.reports.render import TEMPLATES, bare
from tests.compared_runs import around, higher, profile, side, study

HOSTILE = ("<script>alert(1)</script>", "$x$ & _y_", "{{ 7 * 7 }}", "]]><!--", "\"' onload=x",
           "http://example.org/a.png", "שלום 🙂")  # fmt: skip


def compared(*sides: Side) -> Comparison:
    return compare([(each.label, each.named) for each in sides], [sides])


def hostile() -> Comparison:
    claims = tuple(
        higher(text=f"{one} beats {two}.", higher={"kind": one}, lower={"kind": two})
        for one, two in itertools.pairwise(HOSTILE)
    )

    def declared(question: str):
        return study(
            *claims, question=question, factors=(Factor("kind", HOSTILE),), train=_train
        )  # fmt: skip

    arms = [f"kind={name}" for name in HOSTILE]
    values = {arm: around(place) for place, arm in enumerate(arms)}
    other = {arm: tuple(np.add(numbers, (5.1, 4.9, 5.2, 5.0, 4.8))) for arm, numbers in
             values.items()}  # fmt: skip
    curves = {arm: [(value, value + 1) for value in numbers] for arm, numbers in values.items()}
    profiles = {arm: profile() for arm in arms}
    return compared(
        side("A", values, declared(HOSTILE[0]), curves=curves, profiles=profiles,
             training={"arguments": {HOSTILE[0]: HOSTILE[1]}}),
        side("B", other, declared(HOSTILE[2]), curves=curves, profiles=profiles,
             code={"keys": "2", HOSTILE[0]: "ab"}),
    )  # fmt: skip


def _train(context: object, kind: str) -> object:
    raise AssertionError("a comparison must not train")


class Reader(HTMLParser):
    """Reads tags, the values of their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.html = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page() -> Reader:
    reader = Reader()
    reader.html = render_comparison(hostile())
    reader.feed(reader.html)
    return reader


def test_names_are_text_and_no_tag_of_theirs(page: Reader) -> None:
    text = " ".join(page.text.replace("\u00a0", " ").split())
    own = bare((TEMPLATES / "report.js").read_text(encoding="utf-8"))
    assert re.findall(r"<script[^>]*>(.*?)</script>", page.html, re.DOTALL) == [own]
    assert "script" in page.tags
    assert not {name for name, _ in page.attributes if name.startswith("on")}
    for name in HOSTILE:
        assert f"kind={name}" in text
    assert f"question from “{HOSTILE[0]}” to “{HOSTILE[2]}”" in text


def test_nothing_is_asked_of_a_network(page: Reader) -> None:
    leads = {"src", "srcset", "href", "action", "data", "poster"}
    found = [value for name, value in page.attributes if name in leads]
    assert len(found) > 20
    assert all(value.startswith("#") for value in found)


def test_figures_are_xml_that_says_names_as_text(page: Reader) -> None:
    svgs = re.findall(r"<svg .*?</svg>", page.html, re.DOTALL)
    assert len(svgs) > 5
    texts = {"".join(each.itertext()) for svg in svgs for each in ET.fromstring(svg).iter()}
    assert any(HOSTILE[0] in text for text in texts)
    alts = re.findall(r"<desc [^>]*>(.*?)</desc>", page.html, re.DOTALL)
    assert all(len(alt) > 20 for alt in alts)
    assert any("better" in alt for alt in alts), "the finding is said"


def test_the_same_comparison_gives_the_same_page() -> None:
    assert render_comparison(hostile()) == render_comparison(hostile())


def test_what_changed_comes_first_and_every_row_says_how_it_was_compared() -> None:
    worse = {"width=4": (3.1, 4.2, 4.9, 6.3, 7.0), "width=64": around(30, 0.5)}
    base = side("A", {"width=4": around(10), "width=64": around(30, 0.5)})
    page = compared_page(compared(base, side("B", worse)))
    (section,) = page.pairs
    first, second = section.effects[0].table.rows
    assert (first[0].text, first[1].text, first[1].mark) == ("width=4", "worse", "▼")
    assert (second[1].text, second[5].text) == (
        "cannot tell", "by seed; what data they share is not recorded"
    )  # fmt: skip
    assert page.title == "The verdict is the same, but the result of one arm is surely worse"
    assert "score of width=4 is worse in B" in page.answer
    assert [cell.text for cell in page.tally] == ["1 verdict the same", "1 result surely worse"]


def test_a_page_on_which_no_result_changed_has_no_heading_that_says_what_did() -> None:
    values = {"width=4": around(0.0), "width=64": around(0.1)}
    before, after = side("A", values, keys="k"), side("B", values, keys="l", revision="def")
    page = render_comparison(compared(before, after))
    assert '<h1 dir="auto">No result is shown to have changed</h1>' in page
    assert "What changed" not in page
    assert '<h2 id="changed">What differs between the runs</h2>' in page
    assert '<a href="#changed">What differs between the runs</a>' in page


def test_three_runs_have_a_section_each_and_one_set_of_curves() -> None:
    curves = {arm: [(1.0, 2.0, 3.0)] * 5 for arm in ("width=4", "width=64")}
    sides = [
        side(label, {arm: around(10 + 3 * n, 1 + n / 9) for arm in curves}, curves=curves)
        for n, label in enumerate("ABC")
    ]
    result = compared(*sides)
    page = compared_page(result)
    assert [each.title for each in page.pairs] == [
        "B against A: wide, quick", "C against A: wide, quick"
    ]  # fmt: skip
    assert page.title.startswith("In 2 of 2 comparisons a verdict or a result changed")
    (part,) = page.curves
    assert "A ends at 3 points, B ends at 3 points and C ends at 3 points" in part.pictures[0].alt
    html = render_comparison(result)
    assert re.search(r'href="#pair-2"', html)
    assert len(re.findall(r'id="pair-\d"', html)) == 2


def test_where_nothing_is_in_common_the_page_says_what_stands_alone() -> None:
    claim = higher(text="Deep.", higher={"depth": 2}, lower={"depth": 1})
    other = study(claim, name="deep", factors=(Factor("depth", (1, 2)),), train=_deep)
    result = compared(
        side("A", {"width=4": around(10), "width=64": around(30)}),
        side("B", {"depth=1": around(1), "depth=2": around(2)}, other),
    )
    page = compared_page(result)
    assert page.title == "Nothing could be compared"
    html = render_comparison(result)
    assert "No claim is in both runs." in html
    assert "In A alone, arms: width=4; width=64." in html


def _deep(context: object, depth: int) -> object:
    raise AssertionError("a comparison must not train")
