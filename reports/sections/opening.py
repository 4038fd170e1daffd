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
        ("Design", design(results)),
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


def design(results: Results) -> str:
    """Say how many arms were run with how many seeds, and what was saved where that varies."""
    arms = plural(len(results.arms), "arm")
    most = len(results.seeds)
    if results.looks is None:
        return f"{arms} × {plural(most, 'seed')}"
    ran = sum(record.role == "evaluate" for record in results.records)
    saved = len(results.arms) * most - ran
    looks = ", ".join(map(str, results.looks.seeds))
    return (
        f"{arms}, looked at with {looks} seeds until decided: {plural(ran, 'training')}, "
        f"{saved:,} fewer than with {most} seeds each"
    )


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


def family_name(verdicts: Sequence[Verdict]) -> str:
    """Say what the level of the intervals was corrected for."""
    claims = sum(verdict.claim.primary for verdict in verdicts)
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
    interval = interval_name(results.verdicts) + family_name(results.verdicts)
    return Table(
        f"Every claim with its verdict. Effect: mean difference, with the {interval}. δ: the "
        "margin declared beforehand, the smallest difference that matters. n: seeds in which "
        "every arm of the claim finished. p: against no difference, adjusted for the number of "
        "claims; a word that names a direction needs it below 5 %.",
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
        InWords(number, verdict_cell(verdict), verdict.claim.text, verdict.reason, verdict.change)
        for number, verdict in enumerate(results.verdicts, 1)
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
