"""What is taken away from a search: the best settings as JSON and code, and a table of all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from harness.commands.files import write_rows
from harness.commands.tables import plain
from harness.study.formatting import PER_CENT, in_sentence, level_text
from harness.study.pasted import as_code
from harness.terminal.files import utf8, write_whole
from harness.terminal.screen import words

if TYPE_CHECKING:
    from harness.judging.confirmed import Confirmed, Estimate
    from harness.judging.results import Results  # imports scipy
    from harness.judging.searched import SearchResults
    from harness.judging.tried import Tried

MOST = 5
"""Settings in the table of a terminal."""

FILES = ("best.json", "settings.csv")
"""What is written of a search beside records and verdicts."""


def write_search(results: Results, folder: Path) -> None:
    """Write ``best.json`` and ``settings.csv``; nothing of a study that is no search.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    search = results.search
    if search is None:
        return
    text = json.dumps(best_row(results), indent=2, ensure_ascii=False)
    write_whole(folder / FILES[0], utf8(f"{text}\n"))
    write_rows(settings_rows(search), folder / FILES[1])


def best_row(results: Results) -> dict[str, Any] | None:
    """Return the settings to take and what is known of them; ``None`` of a study without a search.

    ``trial`` is the key of a trial of theirs, for ``harness replay``. What is not known is null.
    """
    from harness.judging.search_words import sentences

    search = results.search
    if search is None:
        return None
    named = {
        "search": results.declaration.name,
        "scale": results.declaration.scale,
        "question": results.declaration.question,
        "objective": search.metric.name,
        "better": search.metric.better,
        "tried": len(search.tried),
        "said": list(sentences(search)),
    }
    if search.taken is None:
        return named | {"settings": None}
    taken, winner = search.tried[search.taken], search.winner
    return named | {
        "settings": dict(taken.settings),
        "code": as_code(search.searching, taken.settings),
        "number": taken.number,
        "confirmed": _confirmed_row(search, winner),
        "in_the_search": _finite(taken.value),
        "constraints": {name: _finite(value) for name, value in taken.metrics.items()},
        "optimism_of_the_search": _estimate_row(search.found.optimism) if search.found else None,
        "better_than_default": _estimate_row(winner.gain) if winner and winner.place else None,
        "default": _confirmed_row(search, search.default),
        "not_told_from_it": [
            {"number": arm.place + 1, "settings": dict(search.tried[arm.place].settings)}
            for arm in search.arms
            if winner is not None and arm.sound and arm.may_be_best and arm is not winner
        ],
        "front": [
            {
                "number": search.tried[place].number,
                "settings": dict(search.tried[place].settings),
                **dict(_by_objective(search, search.tried[place])),
            }
            for place in search.front
        ],
        "edges": [
            {
                "setting": edge.name,
                "side": edge.side,
                "no_further_tried": edge.extreme,
                "at_the_edge_of_the_space": edge.near,
            }
            for edge in search.edges
        ],
        "trial": (winner.key if winner else "") or taken.key,
    }


def _confirmed_row(search: SearchResults, arm: Confirmed | None) -> dict[str, Any] | None:
    if arm is None or not arm.values:
        return None
    return _estimate_row(arm.mean) | {
        "level": search.level,
        "seeds": len(arm.values),
        "values": {str(seed): value for seed, value in arm.values.items()},
    }


def _estimate_row(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": _finite(estimate.value),
        "low": _finite(estimate.low),
        "high": _finite(estimate.high),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _by_objective(search: SearchResults, each: Tried) -> list[tuple[str, float | None]]:
    return [
        (metric.name, _finite(value))
        for metric, value in zip(search.objectives, each.values, strict=True)
    ]


def settings_rows(search: SearchResults) -> list[dict[str, Any]]:
    """Return a flat row for each of the settings tried, in the order they were."""
    return [_settings_row(search, each) for each in search.tried]


def _settings_row(search: SearchResults, each: Tried) -> dict[str, Any]:
    arm = search.arm(each.place)
    mean = arm.mean if arm is not None and arm.values else None
    return {
        "number": each.number,
        "batch": each.batch + 1,
        **{f"setting_{one.name}": each.settings.get(one.name) for one in search.searching.settings},
        "state": each.state,
        **{f"value_{name}": value for name, value in _by_objective(search, each)},
        **{f"constraint_{name}": _finite(value) for name, value in each.metrics.items()},
        "breaks": "; ".join(each.broken),
        "reason": each.reason,
        "confirmed": _finite(mean.value) if mean else None,
        "confirmed_low": _finite(mean.low) if mean else None,
        "confirmed_high": _finite(mean.high) if mean else None,
        "taken": each.place == search.taken,
        "on_front": each.place in search.front,
        "trials": each.trials,
        "key": each.key,
    }


# ---- in a terminal -------------------------------------------------------------------------------


def best_table(search: SearchResults, most: int = MOST) -> Table:
    """Return the best settings with what is known of them: first those confirmed, best first.

    Args:
        search: what a search has found, by now or in the end.
        most: rows at most; the default has one more where it is not among them.
    """
    from harness.judging.search_words import (
        difference_text,
        estimate_text,
        value_text,
        what_is_known,
    )

    confirming = any(arm.values for arm in search.arms)
    columns = [("", True), ("settings", False), ("in the\nsearch", True)]
    columns += [(other.title.lower().replace(" ", "\n"), True) for other in search.objectives[1:]]
    columns += [("confirmed", True), ("better than\ndefault", True)] if confirming else []
    done = search.counts
    ended = len(search.tried) - done["running"]
    failed = f", {done['failed']} failed" * bool(done["failed"])
    early = f", {done['pruned']} stopped early" * bool(done["pruned"])
    unit = search.metric.unit
    named = bool(unit) and unit not in {*PER_CENT, "s", "B"}  # else the unit stands with each
    by = in_sentence(search.metric.title) + f" in {unit}" * named
    title = f"Best of {ended} settings by {by}{failed}{early}"
    shown = plain(title, [*columns, ("known", False)])
    shown.columns[1].min_width = 20
    shown.columns[1].overflow = "fold"
    shown.columns[-1].min_width = 14

    def bare(text: str) -> str:
        """Leave out the unit, and put an interval on a line of its own."""
        return (text.replace(f" {unit}", "") if named else text).replace(" [", "\n[")

    for place in best_places(search, most):
        each, arm = search.tried[place], search.arm(place)
        cells = [
            str(each.number),
            ", ".join(f"{name}={value_text(value)}" for name, value in each.settings.items()),
        ]
        cells += [
            bare(level_text(other, value)) if math.isfinite(value) else "–"
            for other, value in zip(search.objectives, each.values, strict=True)
        ]
        if confirming:
            has = arm is not None and bool(arm.values)
            cells.append(bare(estimate_text(search, arm.mean)) if arm and has else "–")
            gain = arm is not None and math.isfinite(arm.gain.value)
            cells.append(
                bare(difference_text(search, arm.gain, sign=True)) if arm and gain else "–"
            )
        known = what_is_known(search, place)
        style = "green" if place == search.taken and search.confirmed else ""
        shown.add_row(*cells, words(known, style))
    return shown


def best_places(search: SearchResults, most: int = MOST) -> list[int]:
    """Return the places of the best settings: those confirmed by their means, then by value.

    The default is always there, last where it is not among the best.
    """
    first = [arm.place for arm in search.by_mean if arm.values and arm.place != 0]
    if search.taken is not None:
        first.insert(0, search.taken)
    by_value = [each.place for each in search.rank(each for each in search.tried if each.fits)]
    places = list(dict.fromkeys([*first, *by_value]))[:most]
    return places if 0 in places or not search.tried else [*places, 0]
