"""Cost: what each arm's program takes, and which arms differ in more than what was varied."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.judging.fronts import Cost, front_of
from harness.judging.results import Results
from harness.study.formatting import bytes_text, count_text, join, number_text, plural, seconds_text
from harness.trials.profiles import Profile

from ..figures.breakdown import bars_of, draw_bars, draw_lines, lines_of
from ..figures.canvas import Picture
from ..figures.pareto import draw_pareto
from ..levels import levels_of
from ..table import Cell, Column, Table, row
from ..text import metric_of

PARTS = {
    "parameters": "Parameters",
    "gradients": "Gradients",
    "optimizer_state": "Optimizer state",
    "buffers": "Buffers",
    "batch": "Batch",
    "activations": "Activations",
    "workspace": "Workspace",
    "held": "Held before",
    "step": "Within the step",
    "reserved": "Reserved",
    "inactive_split": "Fragmented",
    "vm_hwm": "Process high-water mark",
}
HIGH_WATER = "vm_hwm"
QUALITIES = (
    "test_accuracy", "test_loss", "test_squared_error", "validation_accuracy", "validation_loss",
    "validation_squared_error", "train_loss",
)  # fmt: skip


@dataclass(frozen=True)
class CostSection:
    """Tables and figures of cost, and what they were measured on."""

    lead: str
    table: Table
    parts: tuple[Picture, ...]
    figures: tuple[Picture, ...]
    memory: Table | None
    confounds: Table | None
    flagged: str
    notes: tuple[str, ...]


def cost_section(results: Results) -> CostSection | None:
    """Work out the section; ``None`` where no arm was profiled."""
    profiles = [(arm.name, results.profiles.get(arm.name)) for arm in results.arms]
    known = [profile for _, profile in profiles if profile]
    if not known:
        return None
    own = results.declaration.source != "build"
    what = "step" if own else "program"
    machines = dict.fromkeys(
        f"{profile.hardware or profile.device} ({profile.device}, "
        f"{plural(profile.threads, 'thread')})"
        for profile in known
    )
    return CostSection(
        f"Measured on {join(machines)}, one {what} at a time, in a process that does nothing else.",
        _table(profiles, own=own),
        _parts(results),
        _figures(results),
        _memory(profiles, own=own),
        *_confounds(profiles, own=own),
        tuple(
            dict.fromkeys(f"{name}: {each.note}" for name, each in profiles if each and each.note)
        ),
    )


def _parts(results: Results) -> tuple[Picture, ...]:
    bars, lines = bars_of(results), lines_of(results)
    return (*((draw_bars(bars),) if bars else ()), *((draw_lines(lines),) if lines else ()))


def _figures(results: Results) -> tuple[Picture, ...]:
    known = {each.metric for each in results.summaries if math.isfinite(each.mean)}
    claimed = [verdict.claim.metric for verdict in results.verdicts]
    names = [*QUALITIES[:2], *claimed, *QUALITIES[2:]]
    if results.declaration.source != "build":
        names = [*claimed, *(metric.name for metric in results.declaration.metrics)]
    quality = next(
        (
            metric
            for name in names
            if name in known and (metric := metric_of(results.declaration, name)).better
        ),
        None,
    )
    if quality is None:
        return ()
    costs: tuple[Cost, ...] = ("step_seconds", "peak_bytes", "parameters")
    fronts = (front_of(results, quality, cost) for cost in costs)
    levels = levels_of(results)
    return tuple(draw_pareto(front, levels) for front in fronts if front)


COLUMNS = {
    "Step time": "step_seconds",
    "p95": "step_p95",
    "Evaluation": "validation_seconds",
    "Samples/s": "samples",
    "Peak memory": "peak_bytes",
    "FLOPs/step": "flops_per_step",
    "Of peak": "peak_share",
    "Operators": "operators",
    "Python calls": "python_calls",
    "Energy": "joules_per_step",
    "Parameters": "parameters",
}
"""Columns, each with what is empty in all arms where it has no values: of a step of the user's own
neither samples nor parameters are known."""

LATER = {"p95", "Evaluation", "Of peak", "Operators", "Python calls", "Energy"}
"""Columns that profiles of old stores, or of other devices, have no values for."""


def _table(profiles: list[tuple[str, Profile | None]], *, own: bool) -> Table:
    known = [profile for _, profile in profiles if profile]
    shown = [
        place
        for place, (title, field) in enumerate(COLUMNS.items())
        if not (own or title in LATER) or any(getattr(profile, field) for profile in known)
    ]
    rows = []
    for number, (name, profile) in enumerate(profiles, 1):
        label = f"{number}. {name}"
        if profile is None:
            rows.append(row(label, Cell("not profiled", tone="muted"), *["–"] * (len(shown) - 1)))
            continue
        cells = (
            Cell(
                seconds_text(profile.step_seconds),
                note=f"{seconds_text(profile.step_low)} to {seconds_text(profile.step_high)}",
            ),
            seconds_text(profile.step_p95) if profile.step_p95 else "–",
            _evaluation(profile),
            number_text(profile.samples_per_second),
            bytes_text(profile.peak_bytes),
            count_text(profile.flops_per_step),
            f"{number_text(100 * profile.peak_share, 2)} %" if profile.peak_share else "–",
            f"{sum(profile.operators.values()):,}" if profile.operators else "–",
            f"{profile.python_calls:,}" if profile.python_calls else "–",
            "–" if profile.joules_per_step is None else f"{number_text(profile.joules_per_step)} J",
            count_text(profile.parameters),
        )
        rows.append(row(label, *(cells[place] for place in shown)))
    titles = list(COLUMNS)
    step = "step, as the study's own function gives it" if own else "training step"
    return Table(
        f"Cost of one {step}. Step time: median, with the quartiles over blocks of steps beneath."
        + EVALUATED * any(titles[place] == "Evaluation" for place in shown),
        (Column("Arm"), *(Column(titles[place], "number") for place in shown)),
        tuple(rows),
    )


EVALUATED = " Evaluation: of the validation set once, with one batch beneath."


def _evaluation(profile: Profile) -> Cell:
    if profile.evaluation is None:
        return Cell("–")
    return Cell(
        seconds_text(profile.validation_seconds), note=seconds_text(profile.evaluation.median)
    )


def _memory(profiles: list[tuple[str, Profile | None]], *, own: bool) -> Table | None:
    step = "step" if own else "training step"
    names = dict.fromkeys(name for _, each in profiles if each for name in each.memory)
    if not names:
        return None
    ordered = [name for name in PARTS if name in names and name != HIGH_WATER]
    ordered += [name for name in names if name not in PARTS]
    ordered += [HIGH_WATER] * (HIGH_WATER in names)
    high_water = (
        " Process high-water mark (VmHWM): the resident memory of the whole measuring process, "
        "libraries included; it creeps from arm to arm, so it is shown and never compared."
        if HIGH_WATER in names
        else ""
    )
    rows = [
        row(
            name,
            bytes_text(profile.peak_bytes),
            *(
                bytes_text(profile.memory[part]) if part in profile.memory else "–"
                for part in ordered
            ),
        )
        for name, profile in profiles
        if profile
    ]
    return Table(
        f"Peak memory of a warm {step}, and its parts; further columns are figures of the "
        f"device, which are no part of the peak.{high_water}",
        (
            Column("Arm"),
            Column("Peak", "number"),
            *(
                Column(
                    PARTS.get(part, part.replace("_", " ")),
                    "number",
                    note="VmHWM" if part == HIGH_WATER else "",
                )
                for part in ordered
            ),
        ),
        tuple(rows),
    )


def _confounds(
    profiles: list[tuple[str, Profile | None]], *, own: bool
) -> tuple[Table | None, str]:
    """Compare arms with the baseline; in what no arm has, of a step of the user's own, in nothing.

    Returns:
        The table, and a sentence on it; ``None`` and nothing where there is nothing to compare.
    """
    known = [profile for _, profile in profiles if profile]
    fields = {
        title: field
        for title, (field, _) in CONFOUNDS.items()
        if not own or any(getattr(profile, field) for profile in known)
    }
    if not fields:
        return None, ""
    *others, last = (CONFOUNDS[title][1] for title in fields)
    said_fields = f"{', '.join(others)} or {last}" if others else last
    base = profiles[0][1]
    rows = []
    flagged = []
    for place, (name, profile) in enumerate(profiles):
        cells = [_against(profile, base, field, first=place == 0) for field in fields.values()]
        rows.append(row(name + (" (baseline)" if place == 0 else ""), *cells))
        if any(cell.mark for cell in cells):
            flagged.append(name)
    said = (
        f"{len(flagged)} of {plural(len(profiles) - 1, 'arm')} beside the baseline differ from it "
        f"in {said_fields}. Where a claim compares such arms, an effect may "
        "come from these."
        if flagged
        else f"No arm differs from the baseline in {said_fields}."
        if base and all(profile for _, profile in profiles)
        else "Not every arm was profiled, so not every difference can be seen here."
    )
    table = Table(
        "Confounds: ≠ marks what differs from the baseline, with the ratio to it.",
        (Column("Arm"), *(Column(title, "number") for title in fields)),
        tuple(rows),
    )
    return table, said


CONFOUNDS = {
    "Parameters": ("parameters", "parameters"),
    "FLOPs/step": ("flops_per_step", "FLOPs"),
    "Steps": ("steps", "steps"),
    "Samples": ("samples", "samples"),
}
"""What arms may differ in beside what was varied, by the column's title: field, and its name."""


def _against(profile: Profile | None, base: Profile | None, field: str, *, first: bool) -> Cell:
    if profile is None:
        return Cell("–", note="not profiled")
    value = getattr(profile, field)
    text = f"{value:,}" if value < 10_000_000 else count_text(value)
    if first:
        return Cell(text)
    if base is None:
        return Cell(text, note="baseline not profiled")
    reference = getattr(base, field)
    if value == reference:
        return Cell(text, note="same")
    ratio = f"×{number_text(value / reference)}" if reference else "baseline has none"
    return Cell(text, note=ratio, mark="≠", tone="open")
