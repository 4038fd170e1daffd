"""What whole runs of the user's own code took: as they happened to run, so for no claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from harness.judging.results import Results
from harness.study.formatting import bytes_text, join, seconds_text
from harness.trials.records import Record

from ..table import Cell, Column, Table, row

SECONDS = "_seconds"
WHOLE = {
    "seconds": "Whole run",
    "process_cpu_seconds": "Processor time",
    "process_peak_bytes": "Peak memory of the process",
}
"""What is measured of every run, by the name of the cost."""


def whole_runs(results: Results) -> Table | None:
    """Return what the evaluation trials of each arm took; ``None`` where nothing is recorded.

    Trainings of the harness's own have their costs measured apart, and none of this.
    """
    if results.declaration.source not in {"train", "command"}:
        return None
    by_arm: dict[str, list[Record]] = {arm.name: [] for arm in results.arms}
    for record in results.records:
        if record.role == "evaluate" and record.state == "complete" and record.arm in by_arm:
            by_arm[record.arm].append(record)
    recorded = dict.fromkeys(
        name for own in by_arm.values() for record in own for name in record.cost
    )
    timed = [name for name in recorded if name.endswith(SECONDS) and name not in WHOLE]
    names = [*(name for name in WHOLE if name in recorded), *timed]
    if not names:
        return None
    parts = f" Timed by the study's function: {join(map(_part, timed))}." if timed else ""
    return Table(
        "Whole runs: median over the evaluation trials of each arm that finished, with the least "
        f"and the most beneath.{parts} Other trials may have run beside them, so these tell what "
        "the runs took, and no claim is judged on them.",
        (
            Column("Arm"),
            *(Column(WHOLE.get(name) or _part(name), "number") for name in names),
            Column("n", "number"),
        ),
        tuple(
            row(
                f"{number}. {arm}",
                *(_cell(name, [record.cost[name] for record in own if name in record.cost])
                  for name in names),
                str(len(own)),
            )
            for number, (arm, own) in enumerate(by_arm.items(), 1)
        ),
    )  # fmt: skip


def _part(name: str) -> str:
    """Name a part that was timed as it is named in the function."""
    words = name.removesuffix(SECONDS).replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def _cell(name: str, values: Sequence[float]) -> Cell:
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Cell("–")
    shown = bytes_text if name.endswith("_bytes") else seconds_text
    low, high = shown(min(known)), shown(max(known))
    return Cell(shown(median(known)), note=f"{low} to {high}" if low != high else "")


def unmeasured(results: Results) -> str:
    """Say why nothing is shown of what a step costs."""
    match results.declaration.source:
        case "build":
            return "No arm was profiled, so nothing is shown of what arms cost."
        case "results":
            return "These are results of others: what they cost was not measured."
        case "train":
            return (
                "The cost of a step was not measured apart: a study whose step= gives one has it "
                "measured, where a run is not given --no-profile."
            )
    return "Of a command the cost of a step cannot be measured apart."
