"""A gate's result as Markdown, for a pull request and for a job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.gate.outcome import GateResult, Row
from harness.gate.words import (
    change_and_interval,
    controls_texts,
    detectable_text,
    explained,
    headline,
    ordered,
    pairs_text,
    to_accept,
    told,
    values_text,
    waiver_lines,
)
from harness.messages.markdown import fenced, item, words
from harness.study.formatting import duration, plural

MOST_ROWS = 100
"""Rows of a table: a comment on GitHub takes 65,536 characters, and gate.json has all."""

MOST_WAIVERS = 20
MARKER = "<!-- harness gate -->"
"""By this a comment of before is found, to be edited in place."""


def summary(result: GateResult) -> str:
    """Return the summary: its first line is the verdict, and what to do."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: GateResult) -> Iterator[str]:
    head = headline(result)
    yield f"**{words(head.answer.upper())}**: {words(head.said)} {words(head.todo)}"
    yield ""
    yield f"{words(result.head.told)} against {words(result.base.told)}."
    for title, told_lines in (("Not measured", result.problems), ("Notes", result.notes)):
        if told_lines:
            yield from ("", f"**{title}**", "")
            yield from (f"- {item(each)}" for each in told_lines)
    changed = [row for row in ordered(result.rows) if row.changed]
    quiet = [row for row in ordered(result.rows) if not row.changed]
    if changed:
        yield ""
        yield from _table(changed)
    failed = to_accept(changed)
    told_why = [row for row in changed if explained(row) and not row.waiver]
    for row in told_why[:MOST_WAIVERS]:
        yield from ("", f"- {words(row.figure)} of {words(row.benchmark)}: {words(row.why)}")
    if quiet:
        count = plural(len(quiet), "figure")
        yield from ("", "<details>", f"<summary>{count} without a change to look at</summary>", "")
        yield from _table(quiet)
        yield from ("", "</details>")
    yield from _measured(result)
    if failed:
        yield from ("", "<details>", "<summary>How to accept this</summary>", "")
        yield "Put these lines into gate-waivers.toml, with a reason, a bound and a last day:"
        lines = [line for row in failed[:MOST_WAIVERS] for line in (*waiver_lines(row, result), "")]
        yield from ("", *fenced(lines[:-1], "toml"), "", "</details>")
    yield from ("", MARKER)


def _measured(result: GateResult) -> Iterator[str]:
    if result.controls:
        controls = [f"- {item(each)}" for each in controls_texts(result.controls)]
        yield from ("", "**What this machine does when nothing changed**", "", *controls)
    facts = [pairs_text(result.rows), detectable_text(result.rows)]
    facts += [f"It took {duration(result.seconds)}."] if result.seconds else []
    if any(facts):
        yield from ("", " ".join(filter(None, facts)))
    if result.repeat:
        yield from ("", "Repeat:", "", *fenced([result.repeat], "sh"))


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| benchmark | figure | base | head | change | verdict |"
    yield "|---|---|---:|---:|---:|---|"
    for row in rows[:MOST_ROWS]:
        base, head = values_text(row)
        verdict = words(told(row)) + (f"<br>{words(row.waiver)}" if row.waiver else "")
        cells = (row.benchmark, row.figure, base, head, change_and_interval(row))
        yield "| " + " | ".join(map(words, cells)) + f" | {verdict} |"
    if len(rows) > MOST_ROWS:
        yield ""
        yield f"And {len(rows) - MOST_ROWS} more: gate.json has all."
