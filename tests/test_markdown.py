"""Verdicts as Markdown: every claim has its row, and names stay text."""

import itertools
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from harness import Factor
from harness.commands.markdown import markdown
from harness.judging.answer import answer
from harness.judging.words import MARKS
from tests.example_results import cost_results, example_results, residual_study

HOSTILE = "Is a|b <b>bold</b> `x` *y* _z_ [t](u) ~~s~~ & $1$ # \\ better?"


def parsed(text: str) -> tuple[list[str], list[list[str]]]:
    """The headings, and the cells of the tables of claims, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    headings: list[str] = []
    rows: list[list[str]] = []
    claims = False
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
        elif before.type == "th_open":
            claims = seen == "claim" or (claims and seen in {"δ", "n", "verdict", "effect"})
        elif before.type == "td_open" and claims:
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
        assert row[3].startswith(f"{MARKS[verdict.word]} {verdict.word}")
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
    assert "\n- ⚠ Nothing was tuned.\n" in written


def test_the_answer_stands_before_the_table():
    results = example_results()
    text = markdown([results])
    for said in answer(results).sentences:
        assert text.index(said[:30].replace("_", r"\_")) < text.index("| claim |")


def folded(text: str) -> dict[str, str]:
    """What is folded away, by its title."""
    parts = re.findall(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", text, re.DOTALL)
    return dict(parts)


def test_a_pull_request_has_arms_cost_command_and_reasons():
    results = example_results()
    text = markdown([results])
    parts = folded(text)
    assert results.provenance.command in parts["How to reproduce it"]
    reasons = parts["Why these verdicts, and what would change them"]
    assert [line[:3] for line in reasons.splitlines()] == ["1. ", "2. ", "3. ", "4. ", "5. "]
    assert "All of the interval lies above the margin" in reasons
    for arm in results.arms:
        assert f"| {arm.name} |" in text
    assert re.search(r"^Cost: 24\.7 min, 108 trials, 1 failed; .*3f2c9ab", text, re.MULTILINE)
    assert text.index("| claim |") < text.index("| arm |") < text.index("<details>")


def test_many_arms_are_folded_away():
    arms = Factor("width", tuple(range(4, 24, 2)))
    wide = residual_study(factors=(arms,), tuned=(), build=lambda scale, width: None, claims=())
    text = markdown([example_results(wide, seeds=5)])
    table = folded(text)["All 10 arms, best first"]
    assert table.count("| width=") == 10
    assert "| width=" not in text.replace(table, "")
