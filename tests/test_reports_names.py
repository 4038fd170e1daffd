"""Names in reports are text: for HTML, for SVG and its mathematics, for CSS, for templates."""

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib as mpl
import pytest

from harness import Arms, Factor, Higher, Scale
from harness.commands.files import rows_text, verdict_rows
from harness.reports.figures.canvas import paint
from harness.reports.palette import ALL
from harness.reports.render import render_html
from harness.study.study import Study
from harness.terminal.files import utf8
from tests.example_results import example_results

NAMES = ("$x$", "_a_b", "<blink>", "&amp;", "{{ x }}", "{% raw %}", "\\alpha^2", "'DejaVu Sans'",
         ALL["ink"].light, "]]>", "<!-- x", "100 % :smile:")  # fmt: skip
"""Names that some format would take for something else than text."""


def unused(scale: Scale, kind: str, other: int) -> Any:
    raise AssertionError("a report must not train")


def study() -> Study:
    return Study(
        name="names",
        question="Is $x$ <blink>better</blink> &amp; {{ x }}_y?",
        factors=(Factor("kind", NAMES), Factor("other", (1, 2, 3))),
        build=unused,
        scales={"quick": Scale(seeds=5)},
        claims=tuple(
            Higher(f"{name} is better.", metric="test_accuracy", higher={"kind": name},
                   lower={"kind": other}, by=0.01, source=name)
            for name, other in itertools.pairwise(NAMES)
        ),
    )  # fmt: skip


def pictures(html: str) -> list[str]:
    return re.findall(r"<svg .*?</svg>", html, re.DOTALL)


def seen(svg: str) -> list[str]:
    """The texts of a picture, as a reader sees them; a picture that is no XML raises."""
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter() if each.text]


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(example_results(study(), seeds=5, failed=()))


def test_the_page_has_the_names_as_text_and_no_tag_of_theirs(page: str) -> None:
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.text, self.tags = "", set()

        def handle_data(self, data: str) -> None:
            self.text += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.add(tag)

    reader = Reader()
    reader.feed(page)
    assert "blink" not in reader.tags
    text = " ".join(reader.text.replace("\u00a0", " ").split())
    for name in NAMES[:-1]:
        assert f"{name} is better." in text
    assert "Is $x$ <blink>better</blink> &amp; {{ x }}_y?" in text


def test_figures_have_the_names_as_text(page: str) -> None:
    drawn = pictures(page)
    assert len(drawn) > 6
    texts = [seen(each) for each in drawn]
    words = "\n".join(word for each in texts for word in each)
    for name in NAMES:
        assert name in words


def test_a_person_s_own_style_and_backend_change_no_figure(monkeypatch) -> None:
    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.plot([1, 2, 3], [1, 10, 5])
        axes.set_title("$x$ a_b")

    plain = paint((3, 2), draw, alt="a", caption="b", title="c")
    with mpl.rc_context():
        mpl.rcParams.update({
            "text.usetex": True, "text.parse_math": True, "font.family": ["No Such Font"],
            "lines.linewidth": 9, "savefig.bbox": "tight", "axes.grid": True, "font.size": 40,
            "axes.prop_cycle": mpl.cycler(color=["r"]), "path.sketch": (1, 100, 2),
        })  # fmt: skip
        monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        before = dict(mpl.rcParams)
        assert paint((3, 2), draw, alt="a", caption="b", title="c") == plain
        assert dict(mpl.rcParams) == before, "somebody's own settings were changed"


def test_what_an_old_store_holds_is_escaped_wherever_it_is_written() -> None:
    strange = "caf\udce9 \x00\x1b[31m \u202e"
    results = example_results(study(), seeds=5, failed=((0, 0),), reason=f"said {strange}")
    object.__setattr__(results.declaration, "question", f"Is {strange} better?")
    object.__setattr__(results.declaration.claims[0], "text", strange)
    html = render_html(dataclasses.replace(results, warnings=(strange,)))
    shown = "caf\\udce9 \\x00\\x1b[31m \\u202e"
    assert html.replace("\u00a0", " ").count(shown) >= 3
    utf8(html).decode()
    assert not re.search("[\x00\x1b\u202e\ud800-\udfff]", html)
    rows = [record.row() for record in results.records]
    assert b"caf\\udce9" in utf8(rows_text(rows, "csv"))
    utf8(rows_text(rows, "json")).decode()
    assert verdict_rows(results)[0]["claim"] == strange


def test_arms_may_be_called_anything() -> None:
    arms = Arms({name: {"kind": name} for name in NAMES})
    named = dataclasses.replace(study(), design=arms)
    page = render_html(example_results(named, seeds=5, failed=()))
    for each in pictures(page):
        ET.fromstring(each)
