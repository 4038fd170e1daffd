"""Set aside what is damaged in rows of a database: as attributes of the trial or the study.

A trial that has ended cannot be changed through Optuna, so this is done in SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, delete, insert, select, text

from harness.storing.aside import CORE, free_name
from harness.storing.damage import ASIDE, BROKEN, spoils
from harness.storing.inspection import Seen
from harness.storing.translation import WITHDRAWN


def set_aside(connection: Connection, seen: Seen) -> list[str]:
    """Set aside what is damaged in a trial or a study; return a sentence for each thing done."""
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
        name = free_name(f"{ASIDE}{'system/' if kind else ''}{key}", set(taken.scalars()))
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
        name = free_name(f"{ASIDE}{what}", taken)
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
    numbers = {number for number in taken if isinstance(number, int)}
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
