"""What a gate writes: the verdict first, nothing lost, and valid for who reads it."""

import io
import json
import math
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.gate import kept
from harness.gate.ci import MOST_ANNOTATIONS, github_lines, junit, metrics
from harness.gate.figures import Figure, Reading
from harness.gate.outcome import GateResult
from harness.gate.printed import print_result
from harness.gate.summary import MARKER, MOST_ROWS, summary
from harness.gate.words import (
    detectable_text,
    headline,
    interval_worse,
    pair_text,
    share_text,
    worse,
)
from harness.gate.written import post, write_files
from harness.messages.errors import HarnessError
from harness.reports import render_gate
from harness.terminal import screen
from tests.example_gate import CLONE, FLOPS, NEW, RATE, STEP, example

HOSTILE = "a|b <i>#1 `x` \x1b[31m\x00\ud800 \"q\" 100%,: $HOME 'z'"
PASSES = example(rows=(FLOPS,))


def every() -> list[GateResult]:
    """One result of each answer."""
    return [
        example(),
        PASSES,
        example(rows=(FLOPS, RATE)),
        example(rows=(FLOPS,), problems=("bench:train crashed: killed by signal 9.",)),
        example(rows=()),
        example(rows=(NEW,)),
        example(rows=(replace(STEP, waiver="a new layer"), FLOPS)),
        example(shadow=True),
    ]


def test_the_first_line_is_the_verdict_and_what_to_do() -> None:
    words = [headline(each).answer for each in every()]
    assert words == ["fail", "pass", "inconclusive", "error", "error", "pass", "pass", "fail"]
    for result in every():
        first = summary(result).splitlines()[0]
        assert first.startswith(f"**{headline(result).answer.upper()}**: ")
        assert headline(result).todo
    assert "waiver" in headline(example()).todo
    assert "Nothing is blocked" in headline(example(shadow=True)).todo
    assert "no pass" in headline(example(problems=("x",))).todo
    assert "1 failure accepted" in headline(every()[6]).said


def test_the_summary_shows_changed_rows_and_folds_the_rest() -> None:
    text = summary(example())
    before, _, after = text.partition("<details>")
    assert "| step | 10.1 ms | 11.4 ms | +12.8 % \\[+9.1, +16.6\\] % | ✘ FAIL |" in before
    assert "flops" not in before
    assert "flops" in after
    assert "harness gate --base 1a2b3c4 bench:train" in text
    assert "the base against itself +0.4 %" in text
    assert "12 to 30 pairs" in text
    assert "[[waiver]]" in text
    assert text.rstrip().endswith(MARKER)
    many = tuple(replace(FLOPS, figure=f"operators/{at}") for at in range(2000))
    assert len(summary(example(rows=many)).encode()) < 65_536
    assert f"And {2000 - MOST_ROWS} more" in summary(example(rows=many))


def test_names_are_text_in_markdown_xml_metrics_and_html() -> None:
    row = replace(STEP, benchmark=HOSTILE, why=HOSTILE)
    result = example(rows=(row,), problems=(HOSTILE,), notes=(HOSTILE,), repeat=HOSTILE)
    table = next(line for line in summary(result).splitlines() if line.startswith("| a"))
    assert len(re.findall(r"(?<!\\)\|", table)) == 7
    assert "<i>" not in render_gate(result)
    root = ElementTree.fromstring(junit(result))
    assert root.find(".//testcase[@name='step']/failure") is not None
    for line in metrics(result).splitlines():
        if not line.startswith("#"):  # as GitLab reads it
            name, value = shlex.split(re.sub("#.*$", "", line))
            assert math.isfinite(float(value)), name


def test_junit_counts_what_it_holds() -> None:
    for result, expected in zip(
        every()[:4] + every()[6:],
        [(2, 0, 1), (0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 0, 1), (0, 0, 3)],
        strict=True,
    ):
        suite = ElementTree.fromstring(junit(result)).find("testsuite")
        assert suite is not None
        counts = tuple(int(suite.get(name, "")) for name in ("failures", "errors", "skipped"))
        assert counts == expected
        assert len(suite) == int(suite.get("tests", "0")) >= len(result.rows)
    assert "<error" in junit(example(rows=())), "an empty gate is no pass there either"


def test_github_gets_annotations_and_the_summary_only_where_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = example(problems=("first\nsecond 100%",))
    assert post(result, {}) == ""
    assert capsys.readouterr().out == ""
    place = tmp_path / "summary.md"
    place.write_text("before\n", encoding="utf-8")
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(place)}
    assert post(result, variables) == ""
    out = capsys.readouterr().out.splitlines()
    assert "::error title=harness gate::first%0Asecond 100%25" in out
    assert any(line.startswith("::error title=bench%3Atrain step::") for line in out)
    assert place.read_text(encoding="utf-8").startswith("before\n**ERROR**")
    told = post(result, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert "could not be posted" in told
    assert "\n" not in told


def test_in_the_shadow_failures_are_warnings_and_few_lines_are_said() -> None:
    assert not any(line.startswith("::error") for line in github_lines(example(shadow=True)))
    assert github_lines(PASSES) == []
    rows = tuple(replace(STEP, figure=str(at)) for at in range(40))
    lines = github_lines(example(rows=rows))
    assert len(lines) == MOST_ANNOTATIONS
    assert "40 of 40" in lines[0]


def test_gate_json_is_read_back_as_it_was(tmp_path: Path) -> None:
    for result in every():
        write_files(result, tmp_path)
        again = kept.read(tmp_path / "gate.json")
        assert kept.plain(again) == kept.plain(result)
        assert repr(again).replace("inf", "nan") == repr(result).replace("inf", "nan")
    names = {"gate.json", "summary.md", "junit.xml", "metrics.txt"}
    assert {each.name for each in tmp_path.iterdir()} == names


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "an empty file"),
        (lambda text: text[:200], "no JSON"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "format 2"),
        (lambda text: text.replace("0.128", "NaN"), "NaN is no number"),
        (lambda text: text.replace('"pairs": 12', '"pairs": "12"'), "pairs '12'"),
        (lambda text: text.replace('"basis": "time"', '"basis": "guess"'), "basis 'guess'"),
        (lambda text: text.replace('"unit": "s"', '"units": "s"'), "lacks unit"),
        (lambda text: text.replace('"answer": "fail"', '"answer": "pass"', 1), "its rows give"),
        (lambda text: "[]", "list in the place of a table"),
    ],
)
def test_a_gate_json_that_is_not_whole_is_refused(tmp_path: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "gate.json"
    file.write_text(spoil(kept.text(example())), encoding="utf-8")
    with pytest.raises(HarnessError, match=re.escape(said)):
        kept.read(file)


def test_the_terminal_begins_with_the_verdict() -> None:
    stream = io.StringIO()
    print_result(example(), screen._console(stream, width=200))
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("FAIL: 2 of 5 figures became worse")
    text = stream.getvalue()
    assert "Repeat: harness gate --base 1a2b3c4 bench:train" in text
    assert "[+9.1, +16.6] %" in text
    assert "541" not in text, "what is unchanged is only counted"
    assert "1 figure without a change" in text


def test_values_that_differ_never_look_alike() -> None:
    assert pair_text(1_048_576, 1_048_575, "bytes") == ("1,048,576 bytes", "1,048,575 bytes")
    assert pair_text(541_065_216, 541_065_217, "count") == ("541,065,216", "541,065,217")
    assert pair_text(0.01, 0.0100001, "s") == ("0.01 s", "0.0100001 s")
    assert pair_text(math.nan, 2.0, "s") == ("–", "2 s")
    assert share_text(1e-6) == "+0.0001 %"
    assert share_text(-0.0) == "0.0 %"


def test_a_rate_that_falls_is_worse() -> None:
    assert worse(replace(RATE, change=-0.5)) == 1.0
    low, high = interval_worse(RATE)
    assert low < worse(RATE) < high
    assert low == pytest.approx(1 / 1.03 - 1)
    assert worse(CLONE) == math.inf
    assert "11.0 %" in detectable_text(example().rows)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identifiers: set[str] = set()
        self.figures: list[set[str]] = []  # what names and describes each

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img", "source", "br", "wbr"}:
            self.open.append(tag)
        given = {name: value or "" for name, value in attrs}
        self.identifiers.add(given.get("id", ""))
        if given.get("role") == "img":
            self.figures.append({given["aria-labelledby"], given["aria-describedby"]})
        assert not given.get("src", "").startswith("http")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_answers_first_and_stands_alone() -> None:
    for result in every():
        reader = _Reader()
        page = render_gate(result)
        reader.feed(page)
        assert reader.open == []
        assert page == render_gate(result)
        assert page.index("What to do:") < page.index("<main")
    reader = _Reader()
    reader.feed(render_gate(example()))
    assert len(reader.figures) == 2
    assert all(texts <= reader.identifiers - {""} for texts in reader.figures)


def test_a_reading_may_not_be_empty() -> None:
    whole = Reading("b", (Figure("flops", 1.0, "count", "exact"),))
    assert Reading.of(json.loads(json.dumps(whole.plain())), "here") == whole
