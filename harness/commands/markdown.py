"""Verdicts as Markdown: what ``harness report --markdown`` prints, to be kept in a repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.commands.tables import count, effect
from harness.messages.markdown import item, words
from harness.messages.printable import visible
from harness.study.formatting import day, format_difference
from harness.study.pasted import as_code

if TYPE_CHECKING:
    from harness.judging.results import Results
    from harness.judging.searched import SearchResults
    from harness.judging.verdicts import Verdict


def markdown(several: Sequence[Results]) -> str:
    """Return the verdicts of studies, a section and a table each.

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
    yield item(results.declaration.question)
    yield ""
    yield _where(results)
    if results.search is not None:
        yield from _search(results.search)
    else:
        yield from _answer(results)
    if results.verdicts:
        yield ""
        yield "| claim | δ | n | verdict | effect |"
        yield "|---|---|---|---|---|"
        for verdict in results.verdicts:
            yield _row(verdict)
    elif results.search is None:
        yield "It has no claims to judge."
    if results.warnings:
        yield ""
        yield from (f"- {item(warning)}" for warning in results.warnings)


def _answer(results: Results) -> Iterator[str]:
    """Say what a study found."""
    from harness.judging.answer import answer

    said = answer(results).sentences
    if said:
        yield ""
        yield from (f"- {item(each)}" for each in said)


def _search(search: SearchResults) -> Iterator[str]:
    """Say what a search found, and give the best settings as code."""
    from harness.judging.search_words import sentences

    yield ""
    yield from (f"- {item(each)}" for each in sentences(search))
    if search.taken is not None:
        code = as_code(search.searching, search.tried[search.taken].settings)
        yield ""
        yield from (f"    {visible(each)}" for each in code.splitlines())


def _where(results: Results) -> str:
    """Say with what the verdicts were come to."""
    said = [f"{len(results.seeds)} seeds", f"{len(results.arms)} arms"]
    said.append(f"all intervals hold at once with {100 * (1 - results.alpha):g} %")
    made = results.provenance
    if made.date:
        said.append(f"newest trial of {day(made.date)}")
    if made.environments:
        env = made.environments[0]
        parts = [env.get("device", ""), *(f"{name} {env[name]}" for name in ("torch", "python")
                                          if name in env)]  # fmt: skip
        said.append(", ".join(filter(None, parts)))
    return "; ".join(map(words, said)) + "."


def _row(verdict: Verdict) -> str:
    word = verdict.word + (" ⚠ skewed" if verdict.cautions else "")
    told = f"<br>{words(verdict.told)}" if verdict.told else ""
    cells = [
        words(verdict.claim.text) + ("" if verdict.claim.primary else " (exploratory)"),
        words(format_difference(verdict.metric, verdict.by, signed=False)),
        count(verdict).replace("\n", " "),
        f"**{words(word)}**{told}",
        words(effect(verdict).replace("\n", " ")),
    ]
    return "| " + " | ".join(cells) + " |"
