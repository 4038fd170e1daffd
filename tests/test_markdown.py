"""Verdicts as Markdown: every claim has its row, and names stay text."""

import itertools
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from harness.commands.markdown import markdown
from harness.judging.answer import answer
from tests.example_results import cost_results, example_results

HOSTILE = "Is a|b <b>bold</b> `x` *y* _z_ [t](u) ~~s~~ & $1$ # \\ better?"


def parsed(text: str) -> tuple[list[str], list[list[str]]]:
    """The headings, and the cells of all tables' rows, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    headings: list[str] = []
    rows: list[list[str]] = []
    for before, token in itertools.pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type != "inline":
            continue
        seen = "".join(
            " " if child.type == "html_inline" else child.content for child in token.children or []
        )
        if before.type == "heading_open":
            headings.append(seen)
        elif before.type == "td_open":
            rows[-1].append(seen)
    return headings, [row for row in rows if row]


def test_every_claim_has_its_row_in_the_order_declared():
    several = [example_results(), cost_results()]
    headings, rows = parsed(markdown(several))
    assert headings == [f"{each.declaration.name}, scale {each.scale}" for each in several]
    verdicts = [verdict for each in several for verdict in each.verdicts]
    assert len(verdicts) > 5
    assert [row[0].removesuffix(" (exploratory)") for row in rows] == [
        v.claim.text for v in verdicts
    ]
    for row, verdict in zip(rows, verdicts, strict=True):
        assert row[0].endswith(" (exploratory)") != verdict.claim.primary
        assert row[3].startswith(verdict.word)
        assert verdict.told in row[3]


@pytest.mark.parametrize("text", [HOSTILE, "# no heading", "|", "\\|", "- a", "1. b", "+ c", "==="])
def test_names_are_text(text: str):
    results = example_results()
    verdict = results.verdicts[0]
    claim, study = replace(verdict.claim), replace(results.declaration)
    object.__setattr__(claim, "text", text)  # a line's end is refused where a claim is made
    object.__setattr__(study, "question", text)
    changed = replace(
        results,
        declaration=study,
        verdicts=(replace(verdict, claim=claim), *results.verdicts[1:]),
        warnings=(text,),
    )
    written = markdown([changed])
    headings, rows = parsed(written)
    assert headings == [f"{study.name}, scale {results.scale}"]
    assert rows[0][0] == " ".join(text.split())
    assert len(rows) == len(results.verdicts)


def test_warnings_and_studies_without_claims():
    results = replace(example_results(), verdicts=(), warnings=("Nothing was tuned.",))
    written = markdown([results])
    assert "It has no claims to judge." in written
    assert written.endswith("\n- Nothing was tuned.\n")


def test_the_answer_stands_before_the_table():
    results = example_results()
    text = markdown([results])
    for said in answer(results).sentences:
        assert text.index(said[:30].replace("_", r"\_")) < text.index("| claim |")
