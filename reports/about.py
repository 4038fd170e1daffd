"""What a report's file says of itself: who made it, what of, and when."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from harness.judging.results import Results
from harness.terminal.files import utf8

from .page import Page

AUTHOR = "ablation-harness"
KINDS = {"csv": "text/csv", "json": "application/json"}


@dataclass(frozen=True)
class About:
    """What viewers and libraries of documents show of a file.

    Attributes:
        author: the program and its version; no person has signed a report.
        subject: the answer in a sentence.
        keywords: the study, its scale, and whether it is a search.
        created: when the newest result was written, ISO 8601; empty where there is none. A report
            has no date of its own: made again from the same records, it is the same.
    """

    author: str
    subject: str
    keywords: tuple[str, ...]
    created: str


def about(page: Page, results: Results) -> About:
    """Say it of a study's report."""
    said = page.search.said if page.search else page.title.answer
    study = results.declaration
    kind = "search" if page.search else "ablation"
    return About(
        f"{AUTHOR} {results.provenance.harness}",
        said[0] if said else page.title.question,
        # a comma parts keywords
        tuple(" ".join(each.split(",")) for each in (study.name, study.scale, kind)),
        results.provenance.date,
    )


def address(name: str, content: str) -> str:
    """Return the text of a file as an address that holds it."""
    kind = KINDS[name.rpartition(".")[2]]
    return f"data:{kind};base64,{base64.b64encode(utf8(content)).decode()}"
