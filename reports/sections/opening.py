"""The title block, the verdict table, and what the data says in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.results import Results
from harness.verdicts import MARKS, Verdict
from reports.sections.procedures import setting_text
from reports.table import Cell, Column, Table, row
from reports.text import (
    date_text,
    effect_text,
    hours_text,
    in_title,
    interval_text,
    join,
    margin_text,
    p_text,
    percent_text,
    plural,
)
from reports.words import LOOKS


@dataclass(frozen=True)
class Title:
    """What stands above everything else."""

    name: str
    scale: str
    question: str
    facts: tuple[tuple[str, str], ...]
    tally: tuple[Cell, ...]


def title(results: Results) -> Title:
    """Say what was asked, where, when, and what it cost."""
    source = results.provenance
    done = sum(record.state == "complete" for record in results.records)
    failed = sum(record.state == "failed" for record in results.records)
    trials = plural(len(results.records), "trial") + (f", {failed} failed" if failed else "")
    trials += f", {len(results.records) - done - failed} unfinished" * bool(
        len(results.records) - done - failed
    )
    facts = [
        ("Design", f"{plural(len(results.arms), 'arm')} × {plural(len(results.seeds), 'seed')}"),
        ("Cost", f"{hours_text(source.hours)} on the device; {trials}"),
        ("Hardware", hardware(results)),
        ("Date", date_text(source.date) if source.date else "no records yet"),
        ("Revision", source.revision or "outside version control"),
        ("Harness", source.harness),
    ]
    counts = Counter(verdict.word for verdict in results.verdicts)
    tally = tuple(
        Cell(f"{counts[word]} {word}", mark=MARKS[word], tone=look.tone)
        for word, look in LOOKS.items()
        if counts[word]
    )
    return Title(results.study.name, results.scale, results.study.question, tuple(facts), tally)


def hardware(results: Results) -> str:
    """Name the processors that the records or profiles were made on."""
    names = list(
        dict.fromkeys(
            [profile.hardware for profile in results.profiles.values() if profile.hardware]
            + [
                env.get("hardware") or env.get("device") or ""
                for env in results.provenance.environments
                if not results.profiles
            ]
        )
    )
    return join(name for name in names if name) or "not recorded"


def interval_name(verdicts: Sequence[Verdict]) -> str:
    """Say which interval the verdicts were read from: level, kind, seeds and correction."""
    if not verdicts:
        return "t interval"
    levels = sorted({verdict.level for verdict in verdicts if math.isfinite(verdict.level)})
    counts = sorted({verdict.n for verdict in verdicts})
    level = join(percent_text(each) for each in levels)
    seeds = (
        plural(counts[0], "seed")
        if len(counts) == 1
        else f"{counts[0]} to {plural(counts[-1], 'seed')}"
    )
    return f"{level} t interval over {seeds}"


def family_name(claims: int) -> str:
    """Say what the level of the intervals was corrected for."""
    return f", Bonferroni over {claims} claims" if claims > 1 else ""


def verdict_cell(verdict: Verdict) -> Cell:
    """Show the word with its mark."""
    look = LOOKS[verdict.word]
    return Cell(verdict.word, mark=MARKS[verdict.word], tone=look.tone)


def verdict_table(results: Results) -> Table | None:
    """One row a claim; ``None`` where nothing was claimed."""
    if not results.verdicts:
        return None
    rows = []
    for number, verdict in enumerate(results.verdicts, 1):
        metric = verdict.metric
        rows.append(
            row(
                Cell(f"{number}. {verdict.claim.text}", note=metric.title, href=f"#claim-{number}"),
                verdict_cell(verdict),
                Cell(
                    effect_text(metric, verdict.effect),
                    note=interval_text(metric, verdict.low, verdict.high),
                ),
                margin_text(metric, verdict.claim.by),
                str(verdict.n),
                p_text(verdict.p_adjusted),
            )
        )
    interval = interval_name(results.verdicts) + family_name(len(results.verdicts))
    return Table(
        f"Every claim with its verdict. Effect: mean difference, with the {interval}. δ: the "
        "margin declared beforehand, the smallest difference that matters. n: seeds in which "
        "every arm of the claim finished. p: against no difference, adjusted for the number of "
        "claims; a word that names a direction needs it below 5 % beside the interval.",
        (
            Column("Claim"),
            Column("Verdict"),
            Column("Effect", "number"),
            Column("δ", "number"),
            Column("n", "number"),
            Column("p", "number"),
        ),
        tuple(rows),
        stack=True,
    )


@dataclass(frozen=True)
class InWords:
    """One claim in words."""

    number: int
    verdict: Cell
    text: str
    reason: str
    change: str


def in_words(results: Results) -> tuple[InWords, ...]:
    """Say of each claim what was seen, and what would change the answer."""
    return tuple(
        InWords(number, verdict_cell(verdict), verdict.claim.text, verdict.reason, change(verdict))
        for number, verdict in enumerate(results.verdicts, 1)
    )


def change(verdict: Verdict) -> str:
    """Say what would change the answer, from the interval's ends and the margin."""
    metric = verdict.metric
    margin = verdict.claim.by

    def gap(value: float) -> str:
        return margin_text(metric, abs(value))

    match verdict.word:
        case "supported, material":
            return (
                f"Data that bring the lower end of the interval below δ; it is now "
                f"{gap(verdict.low - margin)} above. A margin larger than {gap(verdict.low)} "
                "would also have left open whether the effect matters."
            )
        case "supported":
            return (
                "That there is an effect would change only if the interval reached 0; it is now "
                f"{gap(verdict.low)} away. More seeds can tell whether it exceeds δ: the lower "
                f"end is {gap(margin - verdict.low)} short."
            )
        case "real but negligible":
            return (
                f"A smaller margin: the effect counts as negligible because even the upper end of "
                f"the interval, {gap(verdict.high)}, is below δ = {gap(margin)}."
            )
        case "equivalent":
            reach = max(abs(verdict.low), abs(verdict.high))
            return (
                f"A margin below {gap(reach)}, which is as far as the interval reaches: "
                "equivalence is always equivalence up to δ."
            )
        case "refuted":
            return (
                "Data that bring the upper end of the interval above δ; it is now "
                f"{gap(margin - verdict.high)} below."
            )
        case "reversed":
            return (
                "Data that bring the upper end of the interval above 0; it is now "
                f"{gap(verdict.high)} below."
            )
        case "inconclusive":
            more = verdict.more_seeds
            return (
                f"More seeds, which narrow the interval: about {more:,} more, judging by the "
                "spread and not by the effect seen."
                if more
                else "More seeds, or a less noisy metric."
            )
        case "not assessable":
            return (
                f"At least 5 seeds in which every arm of the claim finishes; there are {verdict.n}."
            )


def held_fixed(results: Results) -> tuple[str, ...]:
    """List what was not varied: each line is a caveat on every verdict."""
    scale = results.study.scales.get(results.scale)
    lines = []
    if scale is not None and scale.settings:
        shown = "; ".join(
            f"{name} = {setting_text(value)}" for name, value in scale.settings.items()
        )
        lines.append(f"Scale “{results.scale}”: {shown}. Other scales may answer otherwise.")
    lines.append(
        "Everything else that the study's build function writes out, such as batch size and "
        "schedule, was the same in every arm."
    )
    if results.study.tuned:
        names = join(each.name for each in results.study.tuned)
        tuned = {each.how for each in results.tuning} == {"tuned"}
        lines.append(
            f"{names}: chosen by one tuning study per arm, with one space and budget for all; "
            "verdicts hold given these settings."
            if tuned
            else f"{names}: at the declared default in at least one arm, not tuned there; another "
            "value may favour another arm."
        )
    metrics = list(dict.fromkeys(verdict.metric for verdict in results.verdicts))
    if metrics:
        lines.append(
            f"Judged on {join(in_title(metric) for metric in metrics)} alone, over the "
            "seeds of this run, which vary data split, initial weights and order together."
        )
    lines.append(
        "Where the data has no test set of its own, the test sets of different seeds overlap, so "
        "seeds are not fully independent."
    )
    return tuple(lines)
