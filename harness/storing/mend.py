"""Find everything that is damaged in a store, and set it aside; nothing is destroyed.

Rows of a database keep what was damaged under attributes whose names begin with ``damaged/``, and
the trial counts as never begun. A journal, and an SQLite file that cannot be read whole, are
written anew, and the file as it was is kept beside the new one.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from filelock import FileLock
from optuna.storages._rdb import models
from optuna.storages.journal._storage import JournalOperation
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, delete, insert, select, text

from harness.messages.errors import HarnessError, one_line
from harness.storing.damage import ASIDE, BROKEN, Damage, Noticed, Unreadable, note_wrong, spoils
from harness.storing.journal import Lines, read_line, stand_in
from harness.storing.optuna_studies import FORMAT
from harness.storing.rows import Rows
from harness.storing.store import Store, open_store, sqlite_path, sqlite_rows
from harness.storing.translation import WITHDRAWN, wrong_with

CORE = {"format": FORMAT}
"""Attributes that a study must have, and which are known without it."""


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
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return one_line(str(error))
    return "" if found == ["ok"] else one_line("; ".join(map(str, found)))


def is_database(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def damage(store: Store) -> list[Seen]:
    """Read a whole store, and return what is damaged in it; broken lines are noticed by it."""
    out: list[Seen] = []
    storage = store.storage
    with store.errors():
        for each in storage.get_all_studies():
            name, identity = each.study_name, each._study_id
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
            each for each in trials if each.number == trial.number
        ):
            wrong = {**wrong, "number": "another trial has it, too"}
        if WITHDRAWN in trial.user_attrs:  # its bare parts may still stop Optuna
            wrong = {part: each.why for part, each in trial.user_attrs.get(BROKEN, {}).items()}
        yield Seen(name, identity, trial, trial.number, wrong)


def _is_ours(wrong: dict[str, str], attrs: dict[str, Any]) -> bool:
    """Whether the harness made a study: what others keep in the same database is theirs."""
    return bool({"harness_study", "format", "space"} & attrs.keys()) or bool(wrong)


def as_damage(store: Store, seen: list[Seen]) -> list[Damage]:
    """Put what is damaged into words."""
    return [
        Damage(store.url, each.study, each.number, part, one_line(why))
        for each in seen
        for part, why in each.wrong.items()
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


def mend(where: str) -> list[str]:
    """Set aside all that is damaged in a store; return a sentence for each thing that was done.

    Args:
        where: what ``--store`` takes.

    Raises:
        HarnessError: it is no store, or somebody is training on it.
    """
    done: list[str] = []
    path = sqlite_path(where)
    if path is not None and damaged_file(where) and is_database(path):
        done.append(_salvage(path))
    noticed = Noticed()
    store = open_store(where, create=False, noticed=noticed)
    seen = damage(store)
    if (seen or noticed.damage) and _busy(store):
        raise HarnessError(
            "nobody may be training on a store while it is mended",
            f"a run that is at work on {store.url}",
            "Wait for it, or end it: the same command goes on where it was.",
        )
    if isinstance(store.storage, Rows):
        with store.errors(), store.lock(), store.storage.engine.begin() as connection:
            for each in seen:
                done += _set_aside(connection, each)
    elif isinstance(store.storage, Lines) and store.path is not None:
        with store.lock(), store.storage._journal.alone():
            done += _rewrite(store, store.path, seen, noticed)
    store.close()
    return done


def _busy(store: Store) -> bool:
    from harness.storing.owners import Runner

    for each in store.storage.get_all_studies():
        running = store.storage.get_all_trials(
            each._study_id, deepcopy=False, states=(TrialState.RUNNING,)
        )
        for trial in running:
            name = "" if wrong_with(trial) else str(trial.user_attrs.get("runner", ""))
            here = name and Runner.parse(name).host == Runner.here().host
            word = each.user_attrs.get(f"runner/{name}", 0.0)
            said = word if isinstance(word, float | int) else 0.0
            if here and Runner.parse(name).alive(said, time.time()):
                return True
    return False


# -- rows of a database --------------------------------------------------------------------


def _set_aside(connection: Connection, seen: Seen) -> list[str]:
    if seen.trial is not None:
        return _set_trial_aside(connection, seen, seen.trial)
    if seen.number is not None:
        return _fill(connection, seen)
    return list(_set_notes_aside(connection, seen))


def _set_notes_aside(connection: Connection, seen: Seen) -> Iterator[str]:
    for part in seen.wrong:
        kind, _, key = part.rpartition("attribute ")
        if part == "direction":
            connection.execute(text(
                "UPDATE study_directions SET direction = 'MINIMIZE' WHERE study_id = :i"
                " AND direction NOT IN ('MINIMIZE', 'MAXIMIZE')"
            ), {"i": seen.study_id})  # fmt: skip
            yield f"study {seen.study}: its direction is set to minimize, which nothing rests on"
            continue
        model: Any = models.StudySystemAttributeModel if kind else models.StudyUserAttributeModel
        old = connection.execute(
            select(model.value_json).where(model.study_id == seen.study_id, model.key == key)
        ).scalar()
        connection.execute(delete(model).where(model.study_id == seen.study_id, model.key == key))
        user = models.StudyUserAttributeModel
        taken = connection.execute(select(user.key).where(user.study_id == seen.study_id))
        name = _free(f"{ASIDE}{'system/' if kind else ''}{key}", set(taken.scalars()))
        _insert(connection, user, name, old, study_id=seen.study_id)
        if not kind and key in CORE:
            _insert(connection, user, key, CORE[key], study_id=seen.study_id)
        if not kind and key in {"harness_study", "harness_scale"}:
            place = 0 if key == "harness_study" else 2
            of = seen.study.partition(" (")[0].rpartition("-")[place]
            _insert(connection, user, key, of, study_id=seen.study_id)
        yield f"study {seen.study}: {part} is kept as attribute {name}"


def _set_trial_aside(connection: Connection, seen: Seen, trial: FrozenTrial) -> list[str]:
    identity = trial._trial_id
    at = {"i": identity}
    user = models.TrialUserAttributeModel
    taken = set(connection.execute(select(user.key).where(user.trial_id == identity)).scalars())
    kept = []

    def keep(what: str, old: Any) -> None:
        name = _free(f"{ASIDE}{what}", taken)
        taken.add(name)
        kept.append(name)
        _insert(connection, user, name, old, trial_id=identity)

    spoilt = any(map(spoils, seen.wrong))
    for part in seen.wrong:
        kind, _, key = part.rpartition("attribute ")
        if part.startswith(("attribute ", "system attribute ")):
            model: Any = models.TrialSystemAttributeModel if kind else user
            of = (model.trial_id == identity, model.key == key)
            old = connection.execute(select(model.value_json).where(*of)).scalar()
            connection.execute(delete(model).where(*of))
            if old is not None or part in trial.user_attrs.get(BROKEN, {}):
                keep(f"{'system/' if kind else ''}{key}", old)
        elif part.startswith("parameter "):
            _move(connection, keep, "trial_params", part.partition(" ")[2], at, part,
                  "param_name = :name", "param_value, distribution_json")  # fmt: skip
        elif part == "value":
            _move(connection, keep, "trial_values", "", at, part, "1 = 1", "value, value_type")
        elif part.startswith("point "):
            _move(
                connection, keep, "trial_intermediate_values", int(part.split()[1]), at, "point",
                "step = :name", "intermediate_value, intermediate_value_type",
            )  # fmt: skip
        elif part in {"date begun", "date ended"}:
            column = "datetime_start" if part == "date begun" else "datetime_complete"
            keep(part, connection.execute(
                text(f"SELECT {column} FROM trials WHERE trial_id = :i"), at
            ).scalar())  # fmt: skip
            connection.execute(text(f"UPDATE trials SET {column} = NULL WHERE trial_id = :i"), at)
        elif part == "number":
            keep(part, connection.execute(
                text("SELECT number FROM trials WHERE trial_id = :i"), at
            ).scalar())  # fmt: skip
            connection.execute(
                text("UPDATE trials SET number = :n WHERE trial_id = :i"),
                {**at, "n": _number(connection, seen, trial)},
            )
    if spoilt:
        state = connection.execute(
            text("SELECT state FROM trials WHERE trial_id = :i"), at
        ).scalar()
        if state != "FAIL":
            keep("state", state)
            connection.execute(text("UPDATE trials SET state = 'FAIL' WHERE trial_id = :i"), at)
            _move(connection, keep, "trial_values", "", at, "value", "1 = 1", "value, value_type")
        why = "; ".join(f"{part}: {wrong}" for part, wrong in seen.wrong.items())
        if WITHDRAWN not in taken:
            _insert(connection, user, WITHDRAWN, f"damaged, {why}", trial_id=identity, plain=True)
    where = f"kept as attributes {', '.join(kept)}" if kept else "kept where it is"
    said = f"study {seen.study}, trial {seen.number}: {', '.join(seen.wrong)}: {where}"
    return [f"{said}; it counts as never begun" if spoilt else said]


def _move(
    connection: Connection, keep: Any, table: str, name: Any, at: dict[str, Any], part: str,
    which: str, columns: str,
) -> None:  # fmt: skip
    """Keep the bare values of rows as an attribute, and delete the rows."""
    values = {**at, "name": name} if ":name" in which else at
    where = f"FROM {table} WHERE trial_id = :i AND {which}"
    for row in connection.execute(text(f"SELECT {columns} {where}"), values).all():
        keep(part if part != "point" else f"point {name}", " ".join(map(str, row)))
    connection.execute(text(f"DELETE {where}"), values)


def _number(connection: Connection, seen: Seen, trial: FrozenTrial) -> int:
    """Return a number that no other trial of the study has: its own place, or a new one."""
    taken = set(connection.execute(
        text("SELECT number FROM trials WHERE study_id = :s AND trial_id <> :i"),
        {"s": seen.study_id, "i": trial._trial_id},
    ).scalars())  # fmt: skip
    numbers = {each for each in taken if isinstance(each, int)}
    return trial.number if trial.number not in numbers else max(numbers) + 1


def _fill(connection: Connection, seen: Seen) -> list[str]:
    """Put a row in the place of one that was deleted: others are numbered by counting rows."""
    orphans = connection.execute(text(
        "SELECT DISTINCT trial_id FROM trial_user_attributes WHERE trial_id NOT IN "
        "(SELECT trial_id FROM trials) AND trial_id < (SELECT min(trial_id) FROM trials WHERE "
        "study_id = :s AND number > :n) AND trial_id > (SELECT coalesce(max(trial_id), 0) FROM "
        "trials WHERE study_id = :s AND number < :n) ORDER BY trial_id"
    ), {"s": seen.study_id, "n": seen.number}).scalars().all()  # fmt: skip
    values: dict[str, Any] = {"study_id": seen.study_id, "number": seen.number}
    if orphans:  # what is left of it belongs to it again
        values["trial_id"] = orphans[0]
    made = connection.execute(
        insert(models.TrialModel).values(state=TrialState.FAIL, **values)
    ).inserted_primary_key
    assert made is not None
    user = models.TrialUserAttributeModel
    _insert(connection, user, WITHDRAWN, "its row was gone", trial_id=made[0], plain=True)
    return [
        f"study {seen.study}, trial {seen.number}: a row that counts for nothing took its place"
    ]


def _insert(
    connection: Connection, model: Any, key: str, old: Any, *, plain: bool = False, **of: int
) -> None:
    """Insert an attribute; a damaged text becomes a text in JSON."""
    value = old if plain or isinstance(old, int) or old is None else str(old)
    connection.execute(insert(model).values(key=key, value_json=json.dumps(value), **of))


def _free(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: this one, or with a number."""
    number = 2
    free = name
    while free in taken:
        free = f"{name} ({number})"
        number += 1
    return free


# -- a file that cannot be read whole ------------------------------------------------------


def _salvage(path: Path) -> str:
    """Read all rows that can be read into a new file, which takes the place of the old one."""
    with FileLock(f"{path}.lock"):
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        storage = sqlite_rows(draft)
        storage.remove_session()
        storage.engine.dispose()
        new, old = sqlite3.connect(draft), sqlite3.connect(path)
        old.text_factory = lambda raw: raw.decode(errors="replace")
        count = 0
        try:
            for table in models.BaseModel.metadata.sorted_tables:
                if table.name not in {"version_info", "trial_heartbeats"}:
                    count += _copy(old, new, table)
            _name_studies(new)
            new.commit()
        finally:
            new.close()
            old.close()
        kept = _beside(path)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(kept.with_name(kept.name + suffix))
        draft.replace(path)
    return f"{count} rows that could be read are in a new {path}; the old file is kept as {kept}"


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: sqlalchemy.Table) -> int:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    count = 0
    for row in _readable(old, table.name, columns):
        count += new.execute(
            f'INSERT OR IGNORE INTO "{table.name}" ({columns}) VALUES ({marks})', row
        ).rowcount
    return count


def _readable(old: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table that can be read: what lies on a damaged page is passed over."""
    query = f'SELECT rowid, {columns} FROM "{table}" NOT INDEXED WHERE rowid >= ? ORDER BY rowid'

    def reads_from(start: int) -> bool:
        try:
            old.execute(f"{query} LIMIT 1", (start,)).fetchone()
        except sqlite3.Error:
            return False
        return True

    start = 0
    while True:
        try:
            for number, *row in old.execute(query, (start,)):
                yield tuple(row)
                start = number + 1
        except sqlite3.Error:
            step = 1
            while not reads_from(start + step):
                step *= 2
                if step > 2**40:
                    return  # nothing after it can be read
            bad, good = start + step // 2, start + step
            while good - bad > 1:
                middle = (bad + good) // 2
                bad, good = (bad, middle) if reads_from(middle) else (middle, good)
            start = good
        else:
            return


def _name_studies(new: sqlite3.Connection) -> None:
    """Make the rows of studies whose own row could not be read, from their attributes."""
    known = {row[0] for row in new.execute("SELECT study_id FROM studies")}
    named = {row[0] for row in new.execute("SELECT study_name FROM studies")}
    found = new.execute(
        "SELECT study_id FROM study_user_attributes UNION SELECT study_id FROM trials"
    ).fetchall()
    for (identity,) in found:
        if identity in known or identity is None:
            continue
        attrs = dict(new.execute(
            "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", (identity,)
        ))  # fmt: skip
        of = ("harness_study", "harness_scale")
        name = _free("-".join(attrs.get(each, '"damaged"').strip('"') for each in of), named)
        named.add(name)
        new.execute("INSERT INTO studies (study_id, study_name) VALUES (?, ?)", (identity, name))
        there = new.execute("SELECT 1 FROM study_directions WHERE study_id = ?", (identity,))
        if there.fetchone() is None:
            new.execute(
                "INSERT INTO study_directions (direction, study_id, objective) "
                "VALUES ('MINIMIZE', ?, 0)", (identity,),
            )  # fmt: skip


def _beside(path: Path) -> Path:
    """Return a name beside a file that is not taken."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return kept


# -- a journal -----------------------------------------------------------------------------


def _rewrite(store: Store, path: Path, seen: list[Seen], noticed: Noticed) -> list[str]:
    """Write a journal anew without what is damaged in it; keep the old one."""
    raw = path.read_bytes()
    lines = raw.split(b"\n")
    torn = lines.pop()
    broken = {
        int(each.part.split()[1]) - 1: each.wrong
        for each in noticed.damage
        if each.part.startswith("line ")
    }
    if not (broken or seen or torn):
        return []
    storage = store.storage
    assert isinstance(storage, Lines)
    trials = {each.trial._trial_id: each for each in seen if each.trial is not None}
    out: list[str] = []
    made = studies = 0
    for number, line in enumerate(lines):
        log, wrong = read_line(line)
        logs = [log]
        if number in broken:
            inferred = storage._journal._stand_ins.get(number, [])
            logs = inferred if wrong else stand_in(log, studies)
        for each in logs:
            if each["op_code"] == JournalOperation.CREATE_STUDY:
                studies += 1
            if each["op_code"] == JournalOperation.CREATE_TRIAL:
                if number in broken or made in trials:
                    why = trials[made].wrong if made in trials else {"line": broken[number]}
                    _withdrawn(each, why)
                made += 1
            if each["op_code"] == JournalOperation.SET_STUDY_USER_ATTR:
                each["user_attr"] = {
                    ASIDE + name if note_wrong(name, value) else name: value
                    for name, value in each["user_attr"].items()
                }
            out.append(json.dumps(each, separators=(",", ":")))
    out += _formats(seen)
    kept = _beside(path)
    shutil.copy2(path, kept)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text("".join(f"{line}\n" for line in out), encoding="utf-8")
    draft.replace(path)
    done = [f"line {number + 1}: {wrong}" for number, wrong in broken.items()]
    done += ["the last line, which was cut off"] if torn else []
    for one in seen:
        at = "" if one.number is None else f", trial {one.number}"
        done.append(f"study {one.study}{at}: {', '.join(one.wrong)}")
    return [f"{each}; the file as it was is kept as {kept}" for each in done]


def _withdrawn(log: dict[str, Any], wrong: dict[str, str]) -> None:
    """Change the line that makes a trial so that it counts as never begun."""
    why = "; ".join(f"{part}: {what}" for part, what in wrong.items())
    attrs = {
        name: value for name, value in dict(log.get("user_attrs", {})).items() if name != BROKEN
    }
    log["user_attrs"] = {**attrs, WITHDRAWN: f"damaged, {why}"}
    log["state"] = int(TrialState.FAIL)  # so that later lines on it change nothing
    log["value"] = log["values"] = None


def _formats(seen: list[Seen]) -> Iterator[str]:
    """Yield lines that give damaged studies what they must have."""
    for study in seen:
        if study.number is None and "attribute format" in study.wrong:
            yield json.dumps({
                "op_code": int(JournalOperation.SET_STUDY_USER_ATTR), "worker_id": "",
                "study_id": study.study_id, "user_attr": CORE,
            })  # fmt: skip
