"""Verdicts as Markdown: what ``harness report --markdown`` prints, to be kept in a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.commands.tables import count, effect
from harness.messages.printable import visible
from harness.study.formatting import day, format_difference
from harness.study.pasted import as_code

if TYPE_CHECKING:
    from harness.judging.results import Results
    from harness.judging.searched import SearchResults
    from harness.judging.verdicts import Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
"""Signs that Markdown, or HTML within it, would take for something else than text."""

_LIST = re.compile(r"^(\d*)([-+=.)])")
"""How lines begin that Markdown would take for items of a list, or for a heading's underline."""


def markdown(several: Sequence[Results]) -> str:
    """Return the verdicts of studies, a section and a table each.

    Args:
        several: studies, each at one scale, judged.
    """
    return "\n\n".join("\n".join(_section(results)) for results in several) + "\n"


def _section(results: Results) -> Iterator[str]:
    yield f"## `{results.declaration.name}`, scale `{results.scale}`"
    yield ""
    yield _line(results.declaration.question)
    yield ""
    yield _where(results)
    if results.search is not None:
        yield from _search(results.search)
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
        yield from (f"- {_line(warning)}" for warning in results.warnings)


def _search(search: SearchResults) -> Iterator[str]:
    """Say what a search found, and give the best settings as code."""
    from harness.judging.search_words import sentences

    yield ""
    yield from (f"- {_line(each)}" for each in sentences(search))
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
    return "; ".join(map(_text, said)) + "."


def _row(verdict: Verdict) -> str:
    word = verdict.word + (" ⚠ skewed" if verdict.cautions else "")
    told = f"<br>{_text(verdict.told)}" if verdict.told else ""
    cells = [
        _text(verdict.claim.text) + ("" if verdict.claim.primary else " (exploratory)"),
        _text(format_difference(verdict.metric, verdict.by, signed=False)),
        count(verdict).replace("\n", " "),
        f"**{_text(word)}**{told}",
        _text(effect(verdict).replace("\n", " ")),
    ]
    return "| " + " | ".join(cells) + " |"


def _line(words: str) -> str:
    """Return words as a line of their own, which is no item of a list."""
    return _LIST.sub(r"\1\\\2", _text(words))


def _text(words: str) -> str:
    """Return words as Markdown shows them as they are, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(visible(words).split()))
