"""The page of runs that go on: what is done, running and left, and which reports there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.study.formatting import duration, plural

from .entries import Shelf
from .index_page import ReportRow, index_of
from .render import TEMPLATES, bare, render

MOST_RUNNING = 12
"""Trials that are named of those that are running."""


@dataclass(frozen=True)
class Part:
    """How far one study is.

    Attributes:
        title: its name and scale.
        question: what it asks.
        state: what is going on, in a word or two.
        done: share of trials that are done, in per cent.
        said: what is done, running and left.
        left: how long it will take; empty where nobody can tell.
        running: trials that are run now, a line each.
    """

    title: str
    question: str
    state: str
    done: float
    said: str
    left: str
    running: tuple[str, ...]


@dataclass(frozen=True)
class Live:
    """What the page prints."""

    heading: str
    note: str
    parts: tuple[Part, ...]
    reports: tuple[ReportRow, ...]


def render_live(progress: Mapping[str, Any], shelf: Shelf) -> str:
    """Return the page of runs that go on; its script asks ``progress.json`` for changes.

    Args:
        progress: what ``progress.json`` holds.
        shelf: what lies in the folder.
    """
    script = bare((TEMPLATES / "live.js").read_text(encoding="utf-8"))
    return render("live.html.j2", live=live_of(progress, shelf), script=script)


def live_of(progress: Mapping[str, Any], shelf: Shelf) -> Live:
    """Work the page out."""
    studies: Sequence[Mapping[str, Any]] = progress["studies"]
    return Live(
        going_text(progress) or ("No run is going on" if studies else "No run yet"),
        progress["note"],
        tuple(_part(each) for each in studies),
        index_of(shelf, drawn=False).reports,
    )


def going_text(progress: Mapping[str, Any]) -> str:
    """Say in a line what is going on; empty where nothing is."""
    going = [each for each in progress["studies"] if each["going"]]
    if not going:
        return ""
    done, total = (sum(each[name] for each in going) for name in ("done", "total"))
    names = ", ".join(dict.fromkeys(each["study"] for each in going))
    return f"Running {names}: {done:,} of {plural(total, 'trial')} done"


def _part(study: Mapping[str, Any]) -> Part:
    running, total = study["running"], study["total"]
    over = 0 < total <= study["done"]
    failed = f" ({study['failed']:,} failed)" if study["failed"] else ""
    said = f"{study['done']:,} of {total:,} done{failed}, {len(running):,} running"
    seconds = study["seconds_left"]
    known = study["going"] and seconds
    return Part(
        f"{study['study']}, {study['scale']}",
        study["question"],
        "running" if study["going"] else "done" if over else "stopped",
        100 * study["done"] / total if total else 0.0,
        f"{said}, {study['left']:,} left",
        f"about {duration(seconds)} left" if known else "",
        tuple(map(_trial, running[:MOST_RUNNING]))
        + ((f"and {len(running) - MOST_RUNNING} more",) if len(running) > MOST_RUNNING else ()),
    )


def _trial(trial: Mapping[str, Any]) -> str:
    roles = {"tune": "tuning", "need": "needed by others"}
    role = roles.get(trial["role"], f"seed {trial['seed']}")
    since = f", since {trial['since'][11:19]} UTC" if trial["since"] else ""
    return f"{trial['arm']}, {role}{since}"
