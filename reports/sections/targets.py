"""Time to a target: epochs, steps and seconds until an arm is good enough."""

from __future__ import annotations

import math

from harness.judging.results import Results
from harness.judging.targets import Reached, Target
from harness.study.formatting import level_text, number_text, plural, seconds_text
from harness.study.metrics import Metric

from ..table import Cell, Column, Table, row
from ..text import metric_of


def target_tables(results: Results) -> tuple[Table, ...]:
    """Return a table for each target that a claim names."""
    return tuple(_table(results, each) for each in results.targets)


def _table(results: Results, target: Target) -> Table:
    metric = metric_of(results.declaration, target.metric)
    ours = results.declaration.source == "build"
    when = "looked at after every epoch" if ours else "looked at whenever it was reported"
    seconds = (
        " Seconds are steps times the median time of a step as profiled, without evaluation."
        if ours
        else ""
    )
    titles = ("Epochs", "Steps", "Seconds") if ours else ("Epochs or steps, as reported",)
    return Table(
        f"Time until {_what(metric, target.reaches)}, {when}: medians over "
        "the seeds that finished, of which those that never come there count as infinite; ∞ where "
        f"fewer than half do.{seconds}",
        (Column("Arm"), *(Column(title, "number") for title in ("Reached in", *titles))),
        tuple(_row(each, len(titles)) for each in target.arms),
    )


def _what(metric: Metric, reaches: float) -> str:
    least = "at most" if metric.better == "lower" else "at least"
    return f"{metric.title.lower()} is {least} {level_text(metric, reaches)}"


def _row(reached: Reached, clocks: int) -> tuple[Cell, ...]:
    failed = f"{reached.failed} failed" if reached.failed else ""
    if not reached.seeds:
        return row(reached.arm, Cell("no seed finished", failed, tone="muted"), *["–"] * clocks)
    seeds = f"{round(reached.share * reached.seeds)} of {plural(reached.seeds, 'seed')}"
    times = (
        (reached.epochs, number_text(reached.epochs)),
        (reached.steps, number_text(reached.steps)),
        (reached.seconds, seconds_text(reached.seconds)),
    )
    return row(reached.arm, Cell(seeds, failed), *(_time(*each) for each in times[:clocks]))


def _time(value: float, text: str) -> Cell | str:
    if math.isnan(value):
        return "–"
    return text if math.isfinite(value) else Cell("∞", tone="muted")
