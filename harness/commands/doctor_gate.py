"""``harness doctor --gate``: what a gate would detect on this machine."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from harness.gate.residuals import Fitness, fitness, measured, rounds_in
from harness.stats import Rule
from harness.terminal.screen import line, table


def examine_gate(minutes: float, errors: Console, *, quiet: bool) -> Fitness:
    """Measure pairs of equal processes here, and say what the rule makes of such noise.

    Args:
        minutes: how long to measure.
        errors: where progress is told.
        quiet: whether it is not.

    Raises:
        HarnessError: ``minutes`` is no positive number, or a process fails.
    """

    def told(pairs: int) -> None:
        if not quiet and pairs % 5 == 0:
            line(errors, f"harness: {pairs} pairs measured", style="dim")

    with TemporaryDirectory() as folder:
        found = measured(minutes, rounds_in(Path(folder)), told=told)
    return fitness(found, Rule.for_metrics(1))


def fitness_json(found: Fitness) -> dict[str, Any]:
    """Return it as JSON takes it; a slowdown that no number of pairs detects is null."""
    plain = dataclasses.asdict(found)
    for each in plain["reaches"]:
        each["slowdown"] = each["slowdown"] if math.isfinite(each["slowdown"]) else None
    return plain


def print_fitness(found: Fitness, console: Console) -> None:
    """Print what was measured, what it means for a gate, and whether that is enough."""
    line(
        console,
        f"Noise of a pair: {100 * found.sd:.1f} % (standard deviation of {found.pairs} pairs of "
        f"equal processes; {100 * found.calm:.1f} % without the {100 * found.disturbed:.0f} % of "
        "pairs that were disturbed).",
    )
    shown = table("What a gate of one benchmark detects here, in nine of ten gates")
    for name in ("pairs", "minutes", "slowdown"):
        shown.add_column(name, justify="right")
    for each in found.reaches:
        slowdown = f"{100 * each.slowdown:.1f} %" if math.isfinite(each.slowdown) else "none"
        shown.add_row(str(each.pairs), f"{each.minutes:.1f}", slowdown)
    console.print(shown)
    if found.same:
        line(console, found.same)
    line(
        console,
        f"False alarms: {100 * found.false_alarms:.2f} % of 20,000 gates simulated from these "
        "pairs.",
    )
    wanted = f"{100 * found.wanted:g} %"
    if found.fit:
        line(console, f"✔ Fit: a slowdown of {wanted} is detected here.", style="green")
    else:
        line(
            console,
            f"✘ Not fit: a slowdown of {wanted} may stay undetected here. Take a quieter machine, "
            "or gate on exact figures alone.",
            style="red",
        )
