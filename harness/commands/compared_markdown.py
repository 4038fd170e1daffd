"""A comparison of runs as Markdown: ``summary.md``, to be pasted into a message."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.messages.markdown import item, words
from harness.study.formatting import DASH, level_text

if TYPE_CHECKING:  # what judges imports scipy
    from harness.compared.comparison import Comparison, Pair
    from harness.compared.effects import ArmEffect

MOST_ROWS = 20
"""Effects of a pair that are listed, here and in the terminal; the page has all."""


def compared_markdown(comparison: Comparison) -> str:
    """Return what came of a comparison: the answer, then verdicts and effects of each pair."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    from harness.compared.words import corrected, headline

    yield f"## {item(headline(comparison))}"
    yield ""
    yield from (f"- {letter}: {words(text)}" for letter, text in comparison.named)
    for pair in comparison.pairs:
        yield from _pair(pair)
    if comparison.alone:
        yield ""
        yield from (f"- In {letter} alone: {words(what)}." for letter, what in comparison.alone)
    yield ""
    yield words(corrected(comparison))
    yield ""
    yield "With it: `compare.html`, `compare.json`, tables and figures in `take-away/`."


def _pair(pair: Pair) -> Iterator[str]:
    from harness.compared.words import alone_lines, answer, changes_line

    yield ""
    yield f"### {pair.other.label} against {pair.base.label}: {words(':'.join(pair.base.study))}"
    yield ""
    yield item(answer(pair))
    yield ""
    yield item(changes_line(pair))
    if pair.claims.matched:
        yield ""
        yield from _verdicts(pair)
    if pair.effects:
        yield ""
        yield from _effects(pair)
    rest = [each for each in (*alone_lines(pair), *pair.unknown, *pair.costs.notes) if each]
    if rest:
        yield ""
        yield from (f"- {item(each)}" for each in rest)


def _verdicts(pair: Pair) -> Iterator[str]:
    from harness.compared.words import effect_and_interval_of

    base, other = pair.base.label, pair.other.label
    yield _row(["claim", f"in {base}", f"in {other}", f"{other} − {base}"])
    yield "|---|---|---|---|"
    for each in pair.claims.matched:
        word = words(each.other.word)
        yield _row([
            words(each.base.claim.text), words(each.base.word),
            f"**{word}**" if each.changed else word,
            words("0" if each.same else effect_and_interval_of(each.base.metric, each.seen)),
        ])  # fmt: skip


def _effects(pair: Pair) -> Iterator[str]:
    from harness.compared.words import rank

    base, other = pair.base.label, pair.other.label
    rows = sorted(pair.effects, key=lambda each: rank(each.finding))
    yield _row(["arm", "metric", f"in {base}", f"in {other}", f"{other} − {base}", "found"])
    yield "|---|---|---:|---:|---:|---|"
    yield from map(_effect, rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        yield ""
        yield f"{len(rows) - MOST_ROWS} more effects are in compare.html."


def _effect(each: ArmEffect) -> str:
    from harness.compared.words import effect_and_interval_of

    told = effect_and_interval_of(each.metric, each.seen)
    levels = [level_text(each.metric, mean) if math.isfinite(mean) else DASH for mean in each.means]
    difference = "the same" if each.finding == "same" else told
    return _row([*map(words, (each.arm, each.metric.title, *levels, difference, each.finding))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
