"""``harness plan`` of a search: its space, its budget, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.commands.tables import plain
from harness.messages.blame import reason_of
from harness.messages.levels import level_name
from harness.planning.confirming import BEST
from harness.planning.datasets import check_trials
from harness.planning.searching import SearchPlanner
from harness.running.searches import Reading, check_space, planner_of_search
from harness.storing.ledger import Ledger
from harness.storing.store import Store
from harness.study.formatting import plural
from harness.study.settings import Choice, Setting, condition
from harness.study.study import Study
from harness.terminal.screen import line


def plan_search(study: Study, scales: Sequence[str], store: Store | None) -> dict[str, Any]:
    """Return what is planned and done of a search at each scale, as plain values.

    Args:
        study: what runs it.
        scales: the names of the scales.
        store: where it is recorded; ``None`` where nothing was run.

    Raises:
        HarnessError: the sampler cannot do the space, an end of it cannot be built, or the store
            has a search of another space.
    """
    return {
        "study": study.name,
        "question": study.question,
        "space": [_plain(each) for each in (study.search.space if study.search else ())],
        "scales": [_at_scale(study, scale, store) for scale in scales],
    }


def _at_scale(study: Study, scale: str, store: Store | None) -> dict[str, Any]:
    planner = planner_of_search(study, scale, None, None)
    planner.check_space()
    check_trials(planner.at_defaults, reason_of)
    done = 0
    if store is not None:
        check_space(store, study, scale)
        for ledger in Ledger.existing(store, study, scale):
            known = ledger.done()
            begun = SearchPlanner(study, scale, Reading(ledger)).outlook(known)
            done = sum(trial.key in known for trial in begun.planned)
    return {"scale": scale, "trials": planner.searching.trials, "done": done, **_budget(planner)}


def _budget(planner: SearchPlanner) -> dict[str, Any]:
    searching = planner.searching
    return {
        "settings": planner.budget,
        "seeds": searching.seeds,
        "batch": searching.at_a_time,
        "confirm": planner.confirming,
        "sampler": planner.sampler,
        "why": planner.why,
        "pruner": searching.pruner,
    }


def _plain(setting: Setting) -> dict[str, Any]:
    values = [*setting.plain] if isinstance(setting, Choice) else [setting.low, setting.high]
    return {
        "name": setting.name,
        "kind": type(setting).__name__,
        "values": values,
        "log": not isinstance(setting, Choice) and setting.log,
        "default": setting.start,
        "when": condition(setting),
    }


def print_search(plan: dict[str, Any], console: Console) -> None:
    """Print what :func:`plan_search` returned."""
    table = plain(
        f"{plan['study']}: {plan['question']}",
        [("setting", False), ("space", False), ("default", True), ("in use", False)],
    )
    for each in plan["space"]:
        names = [level_name(value) for value in each["values"]]
        space = ", ".join(names) if each["kind"] == "Choice" else " to ".join(names)
        table.add_row(
            each["name"],
            space + (", log" if each["log"] else ""),
            level_name(each["default"]),
            f"if {each['when']}" if each["when"] else "always",
        )
    console.print(table)
    for row in plan["scales"]:
        why = f" ({row['why']})" if row["why"] else ""
        seeds = f" on {plural(row['seeds'], 'seed')} each" if row["seeds"] > 1 else ""
        line(
            console,
            f"Scale {row['scale']}: {row['trials']} trials, {row['done']} done. "
            f"{plural(row['settings'], 'setting')}{seeds}, {row['batch']} at a time, by "
            f"{row['sampler']}{why}, pruner {row['pruner']}.",
        )
        if row["confirm"]:
            line(
                console,
                f"  Then the best {BEST}, and the default, on "
                f"{plural(row['confirm'], 'fresh seed')} each.",
            )
