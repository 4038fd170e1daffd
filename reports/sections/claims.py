"""A section for each claim: what was said, what was seen, and how far to trust it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.floats import mean_of
from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.judging.words import MARKS
from harness.study.claims import Interaction, Sooner
from harness.study.formatting import (
    DASH,
    effect_text,
    in_sentence,
    interval_text,
    join,
    level_text,
    levels_text,
    margin_text,
    p_text,
    plural,
    unscaled,
)
from harness.study.metrics import FAILED

from ..figures.canvas import Picture
from ..figures.curve_values import curves_of
from ..figures.curves import draw_curves
from ..figures.looks import draw_looks, looked
from ..figures.paired import draw_paired, paired, short_sides
from ..intervals import family_name, interval_name, is_counted, is_exact
from ..levels import NEUTRAL, Look, levels_of
from ..table import Cell, Column, Table, row
from ..text import replicate_of
from ..words import APPEARANCES
from .checks import checks
from .opening import verdict_cell

Fact = tuple[str, str, str]


@dataclass(frozen=True)
class ClaimSection:
    """One claim as printed.

    Attributes:
        number: its place in the study.
        anchor: where links lead.
        kind: as in ``verdicts.json``.
        metric: what its effect is in.
        text: the sentence.
        source: who says so.
        sides: what is compared.
        averaged: the factors that both are averaged over.
        between: the word between them.
        verdict: the word with its mark.
        declared: when it was declared, and what was changed since.
        late: whether that was when there were results.
        facts: name, value and a note of each number that matters most.
        why: why this word.
        cautions: what it rests on that may not hold.
        change: what would change it.
        figures: what can be drawn.
        nothing: why nothing is drawn, where that needs saying.
        checks: what stands behind the verdict.
        looks: one row a look, where there were several.
        looked: the same as a figure.
        replicate: what numbers are listed by: ``"seed"`` or ``"round"``.
        numbers: both sides in each; ``None`` where there are none, or one alone.
    """

    number: int
    anchor: str
    kind: str
    metric: str
    text: str
    source: str
    sides: tuple[str, str]
    averaged: str
    between: str
    verdict: Cell
    declared: str
    late: bool
    facts: tuple[Fact, ...]
    why: str
    cautions: tuple[str, ...]
    change: str
    figures: tuple[Picture, ...]
    nothing: str
    checks: Table
    looks: Table | None
    looked: Picture | None
    replicate: str
    numbers: Table | None


def claim_sections(results: Results) -> tuple[ClaimSection, ...]:
    """Work out the section of every claim."""
    sections, said = [], dict[str, int]()
    for number, verdict in enumerate(results.verdicts, 1):
        section = _section(results, number, verdict)
        figures = tuple(_captioned(each, said) for each in section.figures)
        said = {_way(each): number for each in section.figures} | said
        sections.append(replace(section, figures=figures))
    return tuple(sections)


def _captioned(picture: Picture, said: Mapping[str, int]) -> Picture:
    """Point to the claim before whose figure is read in the same way, where there is one."""
    if (number := said.get(_way(picture))) is None:
        return picture
    return replace(picture, caption=f"Read as under claim {number}.")


def _way(picture: Picture) -> str:
    """Return a caption without how many pairs or seeds there are, which the facts say as well."""
    return re.sub(r"\d+ (pair|seed|round)s?", r"\1", picture.caption)


def _section(results: Results, number: int, verdict: Verdict) -> ClaimSection:
    claim, metric = verdict.claim, verdict.metric
    interval = interval_name([verdict])
    if interval and claim.primary:
        interval += family_name(results.verdicts)
    figures = []
    if values := paired(verdict, interval, _both_looks(results, verdict)):
        figures.append(draw_paired(values, interval, number))
    if curves := curves_of(results, verdict):
        figures.append(draw_curves(curves, number))
    looks = looked(verdict)
    declared = results.history.of(number - 1)
    said = declared.sentence()
    return ClaimSection(
        number, f"claim-{number}", claim.kind, _metric(results, verdict), claim.text, claim.source,
        verdict.sides, join(verdict.averaged), "over" if metric.relative else "minus",
        verdict_cell(verdict), f"{said[0].upper()}{said[1:]}.", bool(declared.late),
        _exact_facts(verdict) if is_exact(verdict) else _facts(verdict, interval),
        verdict.why, verdict.cautions, verdict.change, tuple(figures),
        _nothing(verdict), checks(results, verdict),
        _looks(verdict), draw_looks(looks, number) if looks else None, replicate_of(metric),
        _numbers(verdict),
    )  # fmt: skip


def _both_looks(results: Results, verdict: Verdict) -> tuple[Look, Look]:
    """Return how both sides look: neutral, where they are not one partial arm each."""
    partials = results.declaration.partials(verdict.claim)
    if len(partials) != 2:
        return NEUTRAL, NEUTRAL
    levels = levels_of(results)
    return levels.look(partials[0]), levels.look(partials[1])


def _metric(results: Results, verdict: Verdict) -> str:
    """Name what the effect is in; of a time to a target, with the target."""
    claim = verdict.claim
    if not isinstance(claim, Sooner):
        return verdict.metric.title
    curve = results.declaration.metric(claim.metric)
    bound = "least" if curve.better == "higher" else "most"
    return (
        f"{verdict.metric.title}, {in_sentence(curve.title)} of at {bound} "
        f"{level_text(curve, claim.reaches)}, counted in {claim.clock}"
    )


def _facts(verdict: Verdict, interval: str) -> tuple[Fact, ...]:
    metric, seen, replicate = verdict.metric, verdict.seen, replicate_of(verdict.metric)
    mean, zero = f"mean over {replicate}s", "a difference above 0"
    if metric.relative:
        mean, zero = f"geometric {mean}", "a ratio above ×1"
    if is_counted(verdict):
        mean = "difference of two shares of seeds"
        zero = (
            "a failure on the first side alone"
            if metric.name == FAILED.name
            else "the first side first"
        )
    margin: tuple[Fact, ...] = ()
    if not math.isnan(verdict.p_margin):
        margin = (("p of δ, adjusted", p_text(verdict.p_margin), "against a difference of δ"),)
    if seen.unpaired:
        mean = f"difference of the means over {seen.count} seeds, unpaired"
    wins: tuple[Fact, ...] = (("Wins", f"{seen.wins} of {seen.n}", f"{replicate}s with {zero}"),)
    return (
        ("Effect", effect_text(metric, seen.effect), mean),
        ("Interval", interval_text(metric, seen.low, seen.high), interval),
        ("Margin δ", margin_text(metric, verdict.by), "as declared"),
        ("p, adjusted", p_text(verdict.p_adjusted), "against no difference"),
        *margin,
        *(() if seen.unpaired else wins),
    )


def _exact_facts(verdict: Verdict) -> tuple[Fact, ...]:
    """Two numbers and their ratio: there is no interval, and nothing to test."""
    metric, seen = verdict.metric, verdict.seen
    levels = [
        (title, level_text(metric, unscaled(metric, values[0])), name)
        for title, values, name in zip(
            ("First side", "Second side"), (seen.first, seen.second), short_sides(verdict),
            strict=True,
        )
        if values
    ]  # fmt: skip
    note = "exact: the same however often it is measured" if levels else "not measured"
    return (
        ("Effect", effect_text(metric, seen.effect), note),
        ("Margin δ", margin_text(metric, verdict.by), "as declared"),
        *levels,
    )


def _nothing(verdict: Verdict) -> str:
    """Say why there is no figure: not where two numbers are all there is, or counts."""
    if is_exact(verdict) or (is_counted(verdict) and verdict.seen.n):
        return ""
    if verdict.seen.unpaired:
        return "The two sides share no seed, so no pairs are drawn: their values stand below."
    if verdict.metric.replicate == "round":
        return "No round of timing has every arm of the claim, so there is nothing to draw."
    return "No pair of runs finished, so there is nothing to draw."


def _looks(verdict: Verdict) -> Table | None:
    """One row a look; ``None`` where there was one alone."""
    if len(verdict.looks) < 2:
        return None
    metric = verdict.metric
    return Table(
        "Each look at its own level, with the verdict were it the only one; the last that was "
        "taken counts.",
        (
            Column("Look"),
            Column("Effect", "number"),
            Column("Interval", "number"),
            Column("Verdict"),
        ),
        tuple(
            row(
                plural(look.n, replicate_of(metric)),
                effect_text(metric, look.effect),
                interval_text(metric, look.low, look.high),
                Cell(look.word, mark=MARKS[look.word], tone=APPEARANCES[look.word].tone),
            )
            for look in verdict.looks
        ),
        stack=True,
    )


def _numbers(verdict: Verdict) -> Table | None:
    if not verdict.seeds or is_exact(verdict):
        return None
    metric, seen = verdict.metric, verdict.seen
    if seen.unpaired:
        return _numbers_apart(verdict)
    replicate = replicate_of(metric)
    sides = _sides(verdict, seen.first), _sides(verdict, seen.second)
    apart = [a - b for a, b in zip(seen.first, seen.second, strict=False)]
    texts = _signs(apart) if is_counted(verdict) else [effect_text(metric, each) for each in apart]
    rows = [
        row(str(seed), *cells) for seed, *cells in zip(verdict.seeds, *sides, texts, strict=False)
    ]
    rows.append(row("mean", *_mean_sides(verdict), effect_text(metric, seen.effect)))
    first, second = verdict.sides
    return Table(
        f"{metric.title} in each of {plural(len(verdict.seeds), replicate)}.",
        (
            Column(replicate.capitalize()),
            Column(first, "number"),
            Column(second, "number"),
            Column("ratio" if metric.relative else "difference", "number"),
        ),
        tuple(rows),
    )


def _mean_sides(verdict: Verdict) -> list[str]:
    """Print the mean of each side; of what is counted there is none, but shares."""
    values = verdict.seen.first, verdict.seen.second
    if is_counted(verdict) or not all(map(math.isfinite, (*values[0], *values[1]))):
        return [DASH, DASH]
    means = [mean_of(side) for side in values]
    return [_sides(verdict, [mean])[0] for mean in means]


def _numbers_apart(verdict: Verdict) -> Table:
    """One row a seed, with the value of the side that has it; below them the means."""
    metric, first, second = verdict.metric, verdict.seen.first, verdict.seen.second
    texts = _sides(verdict, (*first, *second))
    rows = [
        row(str(seed), *((text, DASH) if place < len(first) else (DASH, text)))
        for place, (seed, text) in enumerate(zip(verdict.seeds, texts, strict=True))
    ]
    means = [mean_of(side) for side in (first, second)]
    rows.append(row("mean", *(level_text(metric, unscaled(metric, each)) for each in means)))
    names = (Column(name, "number") for name in verdict.sides)
    return Table(
        f"{metric.title} in the {verdict.seen.count} seeds of either side.",
        (Column("Seed"), *names),
        tuple(rows),
    )


def _sides(verdict: Verdict, values: Sequence[float]) -> list[str]:
    """Print one side: whether it is so, what it differs by, or its level."""
    metric = verdict.metric
    if is_counted(verdict):
        return ["yes" if value else "no" for value in values]
    if isinstance(verdict.claim, Interaction):
        return [effect_text(metric, value) for value in values]
    if metric.relative and all(map(math.isfinite, values)):
        return levels_text(metric, [unscaled(metric, value) for value in values])
    return [level_text(metric, value) for value in values]


def _signs(values: Sequence[float]) -> list[str]:
    """Print −1, 0 and +1: which side alone it is so on."""
    return ["0" if value == 0 else "+1" if value > 0 else "−1" for value in values]
