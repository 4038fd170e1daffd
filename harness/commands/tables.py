"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from harness.study.formatting import day, format_difference, format_interval, p_text
from harness.terminal.screen import table, words

if TYPE_CHECKING:
    from harness.judging.history import Declared
    from harness.judging.results import Results
    from harness.judging.verdicts import Verdict
    from harness.judging.words import Word

STYLES: Mapping[Word, str] = {
    "supported, material": "green",
    "supported": "green",
    "real but negligible": "cyan",
    "equivalent": "cyan",
    "refuted": "red",
    "reversed": "red",
    "identical": "cyan",
    "direction only": "yellow",
    "inconclusive": "yellow",
    "not assessable": "bright_black",
    "suggestive": "yellow",
    "not suggestive": "bright_black",
}


def plain(title: str, columns: Sequence[tuple[str, bool]]) -> Table:
    """Return an empty table; each column has a title and whether it holds numbers."""
    made = table(title)
    for name, number in columns:
        made.add_column(name, justify="right" if number else "left", no_wrap=number)
    return made


def verdict_table(several: Sequence[Results]) -> Table:
    """Return the verdicts of one or more studies, a row a claim."""
    from harness.judging.words import (
        MARKS,  # imports scipy, for which `harness plan` should not wait
    )

    columns = [("verdict", False), ("claim", False), ("effect", True), ("margin", True),
               ("n", True), ("p ≠ 0", True), ("p margin", True)]  # fmt: skip
    if len(several) == 1:
        study = several[0].declaration
        shown = plain(f"{study.name} ({several[0].scale}): {study.question}", columns)
    else:
        shown = plain(f"{len(several)} studies", [("study", False), *columns])
    for results in several:
        for place, verdict in enumerate(results.verdicts):
            name = [results.declaration.name if place == 0 else ""] if len(several) > 1 else []
            shown.add_row(
                *name,
                words(f"{MARKS[verdict.word]} {word(verdict)}", STYLES[verdict.word]),
                verdict.claim.text,
                effect(verdict),
                format_difference(verdict.metric, verdict.by, signed=False),
                count(verdict),
                p_text(verdict.p_adjusted),
                p_text(verdict.p_margin),
                end_section=len(several) > 1 and place == len(results.verdicts) - 1,
            )
    return shown


def word(verdict: Verdict) -> str:
    """Return the verdict's word; below it direction and size, and what more seeds would do."""
    from harness.judging.more import more_text

    lines = [verdict.word + (" ⚠ skewed" if verdict.skewed else "")]
    if verdict.told:
        lines.append(verdict.told)
    more = verdict.more_seeds
    if more is not None:
        each = f"{verdict.metric.replicate}s" + " a side" * verdict.seen.unpaired
        lines.append(
            f"about {more_text(more)} more {each}"
            if more.within(verdict.seen.n)
            else f"not within reach of {more.reach:,} {each}"
        )
    return "\n".join(lines)


def count(verdict: Verdict) -> str:
    """Return how many seeds, or rounds; without pairs those of either side, and that it is so."""
    seen = verdict.seen
    return "exact" if seen.exact else seen.count + "\nunpaired" * seen.unpaired


def effect(verdict: Verdict) -> str:
    """Print an effect with its interval, over two lines."""
    metric = verdict.metric
    if not math.isfinite(verdict.seen.effect):
        return "–"
    shown = format_difference(metric, verdict.seen.effect)
    if math.isfinite(verdict.seen.low) and not verdict.seen.exact:
        shown += "\n" + format_interval(metric, verdict.seen.low, verdict.seen.high, unit=False)
    return shown


def declared_lines(results: Results) -> list[str]:
    """Say of every claim when it was declared, those of which the same can be said together."""
    history = results.history
    told = [(place + 1, history.of(place)) for place in range(len(results.verdicts))]
    lines: dict[str, list[int]] = {}
    for number, each in told:
        lines.setdefault(each.sentence(), []).append(number)
    out = []
    for sentence, numbers in lines.items():
        which = f"Claim{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        if len(numbers) == len(told) > 1:
            which = f"All {len(told)} claims"
        out.append(f"{which}: {sentence}.")
    out += [f"No claim any more: “{each.text}”, {each.sentence()}." for each in history.removed]
    out += [
        f"{change} after {event.results:,} results, on {day(event.time)}."
        for event in history.looks
        if event.late
        for change in event.changes
    ]
    return out


def explained(number: int, verdict: Verdict, declared: Declared) -> list[str]:
    """Return the lines that explain a verdict to a reader who is no statistician."""
    from harness.judging.words import MARKS

    claim, metric = verdict.claim, verdict.metric
    source = f" ({claim.source})" if claim.source else ""
    by = format_difference(verdict.metric, verdict.by, signed=False)
    sides = " against ".join(verdict.sides)
    if verdict.averaged:
        sides += f", averaged over {' and '.join(verdict.averaged)}"
    lines = [
        f"{number}. {claim.text}{source}",
        f"{MARKS[verdict.word]} {verdict.word}" + f": {verdict.told}" * bool(verdict.told),
        f"Compared: {metric.title}, {sides}. What matters, as declared: δ = {by} or more.",
        f"Declared: {declared.sentence()}.",
        f"{verdict.reason}",
        *(f"⚠ {caution}" for caution in verdict.cautions),
        f"What would change this: {verdict.change}",
    ]
    if len(verdict.looks) > 1 and claim.primary:
        lines.append(
            "Looked at, each as if it were the only look, with "
            + "; ".join(f"{look.n} {metric.replicate}s: {look.word}" for look in verdict.looks)
            + "."
        )
    return lines
