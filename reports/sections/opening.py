"""The title block, the verdict table, and what the data says in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.judging.answer import answer, both_means
from harness.judging.history import Declared
from harness.judging.results import Results
from harness.judging.searched import SearchResults
from harness.judging.verdicts import Verdict
from harness.judging.words import MARKS
from harness.study.formatting import (
    DASH,
    date_text,
    day,
    effect_text,
    hours_text,
    interval_text,
    join,
    margin_text,
    p_text,
    plural,
)
from harness.study.metrics import Source

from ..intervals import family_name, interval_name, is_exact
from ..provisional import provisional
from ..table import Cell, Column, Table, row
from ..text import replicate_of
from ..words import APPEARANCES


@dataclass(frozen=True)
class Title:
    """What stands above everything else."""

    name: str
    scale: str
    question: str
    about: tuple[str, ...]
    answer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    tally: tuple[Cell, ...]
    provisional: str


def title(results: Results) -> Title:
    """Say what was asked, where, when, and what it cost."""
    source = results.provenance
    # one that stands for several arms was trained once
    trained = Counter({record.key: record.state for record in results.records}.values())
    failed, running = trained["failed"], trained["running"]
    noun = "result" if results.declaration.source == "results" else "trial"
    trials = plural(trained.total(), noun) + (f", {failed} failed" if failed else "")
    trials += f", {running} unfinished" * bool(running)
    facts = [
        ("Design", design(results)),
        *(("Data", each) for each in results.data),
        *_spent(results, trials),
        ("Harness", source.harness),
    ]
    counts = Counter(verdict.word for verdict in results.verdicts)
    tally = tuple(
        Cell(f"{counts[word]} {word}", mark=MARKS[word], tone=appearance.tone)
        for word, appearance in APPEARANCES.items()
        if counts[word]
    )
    study = results.declaration
    return Title(
        study.name, study.scale, study.question, study.about, answer(results).sentences,
        tuple(facts), tally, "; ".join(provisional(results)),
    )  # fmt: skip


def _spent(results: Results, trials: str) -> list[tuple[str, str]]:
    """Say what it took, on what, and when; of results of others only what they say."""
    source, made_by = results.provenance, results.declaration.source
    if made_by == "results":
        known = [
            ("Date", date_text(source.date) if source.date else ""),
            ("Revision", source.revision),
        ]
        told = f"{trials}; of others: tuning, splits and code not seen"
        return [("Results", told), *((name, said) for name, said in known if said)]
    return [
        ("Cost", f"{hours_text(source.hours)} {SPENT[made_by]}; {trials}"),
        ("Hardware", hardware(results)),
        ("Date", date_text(source.date) if source.date else "no records yet"),
        ("Revision", source.revision or "outside version control"),
    ]


SPENT: Mapping[Source, str] = {
    "build": "on the device",
    "train": "in the study's function",
    "command": "in the study's command",
}
"""Where the time of trials went."""


def design(results: Results) -> str:
    """Say how many arms were run with how many seeds, and what was saved where that varies."""
    if results.search is not None:
        return _searched(results.search)
    arms = plural(len(results.arms), "arm")
    most = len(results.seeds)
    if results.declaration.source == "results":  # others need not have run all with the same
        return f"{arms}, {plural(most, 'seed')} in all"
    if results.looks is None:
        return f"{arms} × {plural(most, 'seed')}"
    ran = sum(record.role == "evaluate" for record in results.records)
    saved = len(results.arms) * most - ran
    looks = ", ".join(map(str, results.looks.seeds))
    run = "training" if results.declaration.source == "build" else "run"
    return (
        f"{arms}, looked at with {looks} seeds until decided: {plural(ran, run)}, "
        f"{saved:,} fewer than with {most} seeds each"
    )


def _searched(search: SearchResults) -> str:
    """Say how many settings were tried, and how many confirm the best."""
    text = f"{plural(len(search.tried), 'setting')}, found by {search.sampler}"
    if search.arms:
        text += f"; {len(search.arms)} of them on {plural(search.seeds, 'fresh seed')}"
    return text


def hardware(results: Results) -> str:
    """Name the processors that the records or profiles were made on."""
    names = list(
        dict.fromkeys(
            [profile.hardware for profile in results.profiles.values() if profile.hardware]
            + [
                env.get("hardware") or env.get("device", "") * (not results.profiles)
                for env in results.provenance.environments
            ]
        )
    )
    return join(name for name in names if name) or "not recorded"


JUDGED_COLUMNS = (
    Column("Claim"),
    Column("Verdict"),
    Column("Effect", "number"),
    Column("δ", "number"),
    Column("n", "number"),
    Column("p", "number"),
    Column("p of δ", "number"),
)
"""The claim, then what :func:`judged_cells` shows of it."""


def judged_cells(verdict: Verdict) -> tuple[Cell, ...]:
    """Show word, effect with interval, margin, n and both p values of a claim."""
    metric, seen = verdict.metric, verdict.seen
    exact = is_exact(verdict)
    return (
        told_cell(verdict),
        Cell(
            effect_text(metric, seen.effect),
            note="exact" if exact else interval_text(metric, seen.low, seen.high, unit=False),
        ),
        Cell(margin_text(metric, verdict.by)),
        Cell(DASH) if exact else Cell(seen.count, note=_counted(verdict)),
        Cell(p_text(verdict.p_adjusted)),
        Cell(p_text(verdict.p_margin)),
    )


def measured(verdict: Verdict) -> str:
    """Name what a claim is about, with the means of both sides where there are two."""
    means = both_means(verdict)
    return f"{verdict.metric.title}: {means}" if means else verdict.metric.title


def _counted(verdict: Verdict) -> str:
    """Say what n counts, where it is not seeds of all arms."""
    replicate = replicate_of(verdict.metric)
    return "unpaired" if verdict.seen.unpaired else "" if replicate == "seed" else f"{replicate}s"


def ratios(verdicts: Sequence[Verdict]) -> str:
    """Say what the effect of a claim on cost is, where there is one."""
    relative = any(verdict.metric.relative for verdict in verdicts)
    return ", for costs the ratio (a geometric mean)" if relative else ""


def replicates(verdicts: Sequence[Verdict]) -> str:
    """Say what is counted as n."""
    text = "seeds in which every arm of the claim finished"
    if any(verdict.metric.replicate == "round" for verdict in verdicts):
        text += ", for claims about time, rounds of timing"
    if any(verdict.seen.unpaired for verdict in verdicts):
        text += ", of unpaired claims the seeds of either side"
    if any(map(is_exact, verdicts)):
        text += f"; {DASH} where measuring again gives the same number"
    return text


def verdict_cell(verdict: Verdict) -> Cell:
    """Show the word with its mark."""
    return Cell(verdict.word, mark=MARKS[verdict.word], tone=APPEARANCES[verdict.word].tone)


def told_cell(verdict: Verdict) -> Cell:
    """Show the word with direction and size below it, and a sign where it rests on much."""
    note = verdict.told
    if verdict.skewed:
        note += ("; " if note else "") + "⚠ skewed"
    return replace(verdict_cell(verdict), note=note)


def verdict_table(results: Results) -> Table | None:
    """One row a claim; ``None`` where nothing was claimed."""
    if not results.verdicts:
        return None
    rows = [
        row(
            Cell(
                f"{number}. {verdict.claim.text}",
                note=f"{measured(verdict)}{warned(results.history.of(number - 1))}",
                href=f"#claim-{number}",
            ),
            *judged_cells(verdict),
        )
        for number, verdict in enumerate(results.verdicts, 1)
    ]
    interval = interval_name(results.verdicts)
    shown = f", with the {interval}{family_name(results.verdicts, whole=True)}" if interval else ""
    return Table(
        f"Effect: mean difference{ratios(results.verdicts)}{shown}. δ: the smallest difference "
        f"that matters. n: {replicates(results.verdicts)}. p: against no difference, adjusted for "
        "looks and for the number of claims. p of δ: the same against a difference of δ.",
        JUDGED_COLUMNS,
        tuple(rows),
        stack=True,
    )


def warned(declared: Declared) -> str:
    """Say that results were there when a claim was declared or changed; else nothing."""
    return f"; ⚠ {declared.short()}" if declared.late else ""


@dataclass(frozen=True)
class Unclaimed:
    """What was declared once, is declared no more, and had results."""

    title: str
    lines: tuple[str, ...]


def unclaimed(results: Results) -> Unclaimed | None:
    """List claims that were removed, and what was changed of looks, when there were results."""
    history = results.history
    removed = [
        f"“{claim.text}” ({'primary' if claim.primary else 'exploratory'}): {claim.sentence()}."
        for claim in history.removed
    ]
    changed = [
        f"{change}, after {plural(event.results, 'result')}, on {day(event.time)}."
        for event in history.looks
        if event.late
        for change in event.changes
    ]
    if not removed and not changed:
        return None
    kinds = ["claims removed"] * bool(removed) + ["looks changed"] * bool(changed)
    said = " and ".join(kinds)
    return Unclaimed(f"{said[0].upper()}{said[1:]} after results", (*removed, *changed))
