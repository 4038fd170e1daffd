"""Find everything that is damaged in a store: each study, each trial, and the file as a whole."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from harness.messages.errors import one_line
from harness.storing.damage import BROKEN, Damage, Unreadable
from harness.storing.journal import Lines
from harness.storing.notes import note_wrong
from harness.storing.sqlite import sqlite_path
from harness.storing.store import Store
from harness.storing.translation import WITHDRAWN, wrong_with


@dataclass(frozen=True)
class Seen:
    """A damaged trial or study.

    Attributes:
        study: the Optuna study's name.
        study_id: its identity.
        trial: the trial, as far as it can be read; ``None`` where it is the study, or a gap.
        number: the trial's number; ``None`` where it is the study.
        wrong: what is wrong, by part.
    """

    study: str
    study_id: int
    trial: FrozenTrial | None
    number: int | None
    wrong: dict[str, str]


def damaged_file(where: str) -> str:
    """Return what is wrong with an SQLite file as a whole; empty where nothing is.

    Args:
        where: what ``--store`` takes.
    """
    path = sqlite_path(where)
    if path is None or not path.is_file() or not path.stat().st_size:
        return ""
    try:
        connection = sqlite3.connect(path, timeout=10)
        try:
            said = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return one_line(str(error))
    return "" if said == ["ok"] else one_line("; ".join(map(str, said)))


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def damage(store: Store) -> list[Seen]:
    """Read a whole store, and return what is damaged in it; broken lines are noticed by it."""
    out: list[Seen] = []
    storage = store.storage
    with store.errors():
        for study in storage.get_all_studies():
            name, identity = study.study_name, study._study_id
            out += filter(lambda seen: seen.wrong, _study(store, name, identity))
    return out


def _study(store: Store, name: str, identity: int) -> Iterator[Seen]:
    storage = store.storage
    wrong = {
        f"attribute {key}": why
        for key, value in storage.get_study_user_attrs(identity).items()
        if (why := note_wrong(key, value))
    }
    wrong |= {
        f"system attribute {key}": value.why
        for key, value in storage.get_study_system_attrs(identity).items()
        if isinstance(value, Unreadable)
    }
    if StudyDirection.NOT_SET in storage.get_study_directions(identity):
        wrong["direction"] = "there is no such direction"
    if not _is_ours(wrong, storage.get_study_user_attrs(identity)):
        return
    yield Seen(name, identity, None, None, wrong)
    trials = storage.get_all_trials(identity, deepcopy=False)
    numbers = Counter(trial.number for trial in trials)
    for number in sorted({*range(max(numbers, default=-1))} - numbers.keys()):
        yield Seen(name, identity, None, number, {"row": "there is none"})
    for trial in trials:
        wrong = wrong_with(trial)
        if numbers[trial.number] > 1 and trial is not next(
            other for other in trials if other.number == trial.number
        ):
            wrong = {**wrong, "number": "another trial has it, too"}
        if WITHDRAWN in trial.user_attrs:  # its bare parts may still stop Optuna
            wrong = {part: text.why for part, text in trial.user_attrs.get(BROKEN, {}).items()}
        yield Seen(name, identity, trial, trial.number, wrong)


def _is_ours(wrong: dict[str, str], attrs: dict[str, Any]) -> bool:
    """Whether the harness made a study: what others keep in the same database is theirs."""
    return bool({"harness_study", "format", "space"} & attrs.keys()) or bool(wrong)


def as_damage(store: Store, seen: list[Seen]) -> list[Damage]:
    """Put what is damaged into words."""
    return [
        Damage(store.url, damaged.study, damaged.number, part, one_line(why))
        for damaged in seen
        for part, why in damaged.wrong.items()
    ]


def torn(store: Store) -> list[Damage]:
    """Return that a journal's last line is cut off, as a killed process or a full disk leaves it.

    Commands pass over it, and the next line that is written takes its place.
    """
    if store.path is None or not isinstance(store.storage, Lines):
        return []
    lines = store.path.read_bytes().split(b"\n")
    if not lines[-1]:
        return []
    return [Damage(store.url, "", None, f"line {len(lines)}", "it is cut off, and the last")]
