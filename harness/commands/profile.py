"""``harness profile``: what a training step of each arm costs, measured now."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.commands.tables import plain
from harness.messages.errors import HarnessError
from harness.running.executors import Options, Processes
from harness.running.find import find, load
from harness.running.jobs import Answer, ProfileJob, WarmJob
from harness.running.measured import measured_trials
from harness.running.named import Named
from harness.running.progress import RunStatus, display
from harness.running.workers import WorkerDiedError
from harness.storing.artifacts import FolderOfArtifacts
from harness.study.converter import to_plain
from harness.study.formatting import bytes_text, count_text, number_text, seconds_text
from harness.terminal.screen import line
from harness.trials.profiles import STEP_PARTS, Profile, Spread


@dataclass(frozen=True)
class Profiled:
    """What was measured of a study at a scale.

    Attributes:
        study: the study's name.
        scale: the scale's name.
        profiles: by arm name; of arms that share a program, of the first.
    """

    study: str
    scale: str
    profiles: Mapping[str, Profile]


def profile_study(
    reference: str, arm: str | None, scale_name: str | None, options: Options, errors: Console,
    *, quiet: bool,
) -> Profiled:  # fmt: skip
    """Measure the step of each arm, in a fresh process that does nothing else; nothing is kept.

    Args:
        reference: a name, a module or a file.
        arm: the arm's name; ``None`` is all.
        scale_name: the scale's name; ``None`` is the study's first.
        options: on which device.
        errors: where progress is printed.
        quiet: whether none is.

    Raises:
        HarnessError: there is no such study, scale or arm, it has no step, or measuring failed.
    """
    home = find(reference)
    study = load(home)
    scale, _ = study.scale(scale_name)
    trials = measured_trials(study, scale, arm)
    profiles: dict[str, Profile] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        display(errors, f"{study.name} ({scale})", quiet=quiet) as shown,
    ):
        files = Path(folder)
        pool = Processes(study, home, options, FolderOfArtifacts(files), files)
        pool.prepare(measuring=True)
        try:
            for name, trial in trials.items():
                shown.show(RunStatus("measuring cost", len(profiles), len(trials)))
                named = Named.of(trial, scale)
                executor = pool.executor()
                try:
                    warm = executor.submit(WarmJob((named,), measuring=True)).result()
                    answer = warm if warm.reason else executor.submit(ProfileJob(named)).result()
                except WorkerDiedError as error:
                    answer = Answer(reason=str(error))
                executor.stop()
                if answer.profile is None:
                    raise HarnessError.relayed(f"arm {name}", answer.reason)
                profiles[name] = answer.profile
        finally:
            pool.stop()
    return Profiled(study.name, scale, profiles)


def profiled_json(profiled: Profiled) -> dict[str, Any]:
    """Return what ``--json`` prints: all that was measured."""
    return {
        "study": profiled.study,
        "scale": profiled.scale,
        "arms": [
            {"arm": name, **to_plain(each), "peak_share": each.peak_share}
            for name, each in profiled.profiles.items()
        ],
    }


def print_profiled(profiled: Profiled, console: Console) -> None:
    """Print times, memory and counts of each arm, each as a table."""
    profiles = profiled.profiles
    title = f"{profiled.study} ({profiled.scale})"
    _print_times(f"{title}: seconds of a step, median and quartiles", profiles, console)
    _print_memory(profiles, console)
    _print_counts(profiles, console)
    first = next(iter(profiles.values()))
    line(console, f"Measured on {first.hardware} ({first.device}), {first.threads} CPU thread(s).")
    for name, each in profiles.items():
        if each.note:
            line(console, f"{name}: {each.note}")


def _print_times(title: str, profiles: Mapping[str, Profile], console: Console) -> None:
    split = any(each.split for each in profiles.values())
    parts = STEP_PARTS if split else ()
    columns = [
        ("arm", False), ("step", True), ("p95", True), *((part, True) for part in parts),
        *([("evaluation", True), ("validation set", True), ("samples/s", True)] if split else []),
    ]  # fmt: skip
    shown = plain(title, columns)
    for name, each in profiles.items():
        step = Spread(each.step_seconds, each.step_low, each.step_high, each.step_p95)
        cells = [name, _spread(step), seconds_text(each.step_p95)]
        if split:
            cells += [_spread(each.split.get(part)) for part in parts]
            cells += [
                _spread(each.evaluation), seconds_text(each.validation_seconds),
                number_text(each.samples_per_second),
            ]  # fmt: skip
        shown.add_row(*cells)
    console.print(shown)


def _print_memory(profiles: Mapping[str, Profile], console: Console) -> None:
    parts = list(dict.fromkeys(part for each in profiles.values() for part in each.memory))
    words = [(part.replace("_", " "), True) for part in parts]
    shown = plain("Peak memory of a step, in parts", [("arm", False), ("peak", True), *words])
    for name, each in profiles.items():
        cells = (bytes_text(each.memory[part]) if part in each.memory else "–" for part in parts)
        shown.add_row(name, bytes_text(each.peak_bytes), *cells)
    console.print(shown)


def _print_counts(profiles: Mapping[str, Profile], console: Console) -> None:
    energy = any(each.joules_per_step is not None for each in profiles.values())
    columns = ["parameters", "FLOPs", "of measured peak", "operators", "Python calls"]
    columns += ["joules"] * energy
    shown = plain("Counts of a step", [("arm", False), *((name, True) for name in columns)])
    for name, each in profiles.items():
        share = f"{100 * each.peak_share:.2g} %\nof {count_text(each.peak_flops)}/s"
        cells = [
            count_text(each.parameters) if each.parameters else "–",
            count_text(each.flops_per_step),
            share if each.peak_share else "–",
            f"{sum(each.operators.values()):,}",
            f"{each.python_calls:,}",
        ]
        if energy:
            joules = each.joules_per_step
            cells.append("–" if joules is None else number_text(joules))
        shown.add_row(name, *cells)
    console.print(shown)


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    between = f"{seconds_text(spread.low)} to {seconds_text(spread.high)}"
    return f"{seconds_text(spread.median)}\n{between}"
