"""Verdicts as Markdown, to be pasted into a pull request: ``harness report --format md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.commands.tables import count, effect
from harness.judging.words import MARKS
from harness.messages.markdown import fenced, item, words
from harness.study.formatting import (
    DASH,
    date_text,
    effect_text,
    format_difference,
    hours_text,
    join,
    level_text,
    percent_text,
    plural,
    spread_text,
)
from harness.study.pasted import as_code

if TYPE_CHECKING:
    from harness.judging.leaders import Leaders
    from harness.judging.results import Results
    from harness.judging.searched import SearchResults
    from harness.judging.verdicts import Verdict

MOST_ARMS = 8
"""Arms that are shown at once; of more the table is folded away."""


def markdown(several: Sequence[Results]) -> str:
    """Return the verdicts of studies, a section each: the answer first, details folded away.

    Args:
        several: studies, each at one scale, judged.
    """
    return "\n\n".join("\n".join(_section(results)) for results in several) + "\n"


def summary(results: Results) -> str:
    """Return what is pasted into a message: the same of one study, and where more is."""
    search = ", `best.json`, `settings.csv`" * (results.search is not None)
    beside = f"`report.html`, `records.csv`, `verdicts.json`{search}, tables and figures"
    return f"{markdown([results])}\nWith it: {beside} in `take-away/`.\n"


def _section(results: Results) -> Iterator[str]:
    yield f"## `{results.declaration.name}`, scale `{results.scale}`"
    yield ""
    yield f"*{item(results.declaration.question)}*"
    yield ""
    yield from _search(results.search) if results.search is not None else _answer(results)
    if results.verdicts:
        yield "| claim | δ | n | verdict | effect |"
        yield "|---|---|---|---|---|"
        yield from map(_row, results.verdicts)
        yield ""
    elif results.search is None:
        yield "It has no claims to judge."
        yield ""
    if results.warnings:
        yield from (f"- ⚠ {item(warning)}" for warning in results.warnings)
        yield ""
    yield from _arms(results)
    yield _cost(results)
    yield ""
    yield from _folded("How to reproduce it", fenced([results.provenance.command], "sh"))
    if results.verdicts:
        yield from _folded("Why these verdicts, and what would change them", _reasons(results))
    yield f"<sub>{_where(results)}</sub>"


def _answer(results: Results) -> Iterator[str]:
    """Say what a study found, the first sentence in bold."""
    from harness.judging.answer import answer

    for place, said in enumerate(answer(results).sentences):
        yield f"**{item(said)}**" if place == 0 else item(said)
        yield ""


def _search(search: SearchResults) -> Iterator[str]:
    """Say what a search found, and give the best settings as code."""
    from harness.judging.search_words import sentences

    for place, said in enumerate(sentences(search)):
        yield f"**{item(said)}**" if place == 0 else f"- {item(said)}"
        if place == 0:
            yield ""
    yield ""
    if search.taken is not None:
        code = as_code(search.searching, search.tried[search.taken].settings)
        yield from fenced(code.splitlines(), "python")
        yield ""


def _row(verdict: Verdict) -> str:
    word = verdict.word + (" ⚠ skewed" if verdict.skewed else "")
    told = f"<br>{words(verdict.told)}" if verdict.told else ""
    cells = [
        words(verdict.claim.text) + ("" if verdict.claim.primary else " (exploratory)"),
        words(format_difference(verdict.metric, verdict.by, signed=False)),
        count(verdict).replace("\n", " "),
        f"{MARKS[verdict.word]} **{words(word)}**{told}",
        words(effect(verdict).replace("\n", " ")),
    ]
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _arms(results: Results) -> Iterator[str]:
    """List the arms, best first, where they can be compared by a metric."""
    from harness.judging.leaders import leaders

    ranked = leaders(results) if results.search is None else None
    if ranked is None or not ranked.rows:
        return
    table = [
        _line(
            ["arm", words(ranked.metric.title), "95 % interval", "behind the best", "may be best"]
        ),
        "|---|---:|---:|---:|---|",
        *_arm_rows(ranked),
    ]
    if len(ranked.rows) > MOST_ARMS:
        yield from _folded(f"All {len(ranked.rows)} arms, best first", table)
        return
    yield from table
    yield ""


def _arm_rows(ranked: Leaders) -> Iterator[str]:
    metric = ranked.metric
    for row in ranked.rows:
        mean, best = row.summary, row is ranked.rows[0]
        behind = effect_text(metric, row.behind) if row.compared and not best else DASH
        may = "yes" if row.may_be_best else "no" if row.compared else "not compared"
        yield _line([
            words(mean.group), words(level_text(metric, mean.mean)),
            words(spread_text(metric, mean.low, mean.high)), words(behind),
            may if ranked.assessable else DASH,
        ])  # fmt: skip


def _cost(results: Results) -> str:
    """Say what it cost, and where it ran."""
    made = results.provenance
    states = {record.key: record.state for record in results.records}
    failed = sum(state == "failed" for state in states.values())
    trials = plural(len(states), "trial") + (f", {failed} failed" if failed else "")
    said = [f"Cost: {hours_text(made.hours)}, {trials}"] if made.hours else [f"Cost: {trials}"]
    said += [f"newest of {date_text(made.date)}"] if made.date else []
    if made.environments:
        env = made.environments[0]
        said.append(env.get("hardware") or env.get("device", ""))
    said += [f"revision {made.revision}"] if made.revision else []
    return words("; ".join(filter(None, said)) + ".")


def _reasons(results: Results) -> Iterator[str]:
    for number, verdict in enumerate(results.verdicts, 1):
        said = words(f"{verdict.reason} {verdict.change}")
        yield f"{number}. **{item(verdict.claim.text)}** {said}"


def _folded(title: str, lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """Fold lines away; the empty ones around them let them be read as Markdown."""
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
    yield ""


def _where(results: Results) -> str:
    """Say with what the verdicts were come to."""
    said = [plural(len(results.seeds), "seed"), plural(len(results.arms), "arm")]
    said.append(f"all intervals hold at once with {percent_text(1 - results.alpha)}")
    env = results.provenance.environments[0] if results.provenance.environments else {}
    versions = [f"{name} {env[name]}" for name in ("torch", "python") if name in env]
    said += [join(versions)] if versions else []
    said.append(f"harness {results.provenance.harness}")
    return words("; ".join(said)) + "."
