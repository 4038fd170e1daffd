"""An Optuna storage on SQL that reads damaged rows: what cannot be read is handed on as it stands.

Optuna reads all attributes of all trials with ``json.loads``, and states and kinds by name, so that
one damaged value would end every command. Where it reads without an error nothing here is done.
Where it does not, the trials are read in ever smaller groups, and the damaged one from its bare
rows: parts that cannot be read stand under one attribute, :data:`harness.storing.damage.BROKEN`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy
from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from harness.storing.damage import BROKEN, Unreadable
from harness.storing.database import Database

DAMAGED = (ValueError, TypeError, LookupError, AssertionError, AttributeError, OverflowError)
"""What reading a damaged value raises."""

TABLES = frozenset({*models.BaseModel.metadata.tables, "alembic_version"})
"""The tables that a whole store has."""


class Rows(Database):
    """Optuna's storage on SQL, which names what it cannot read."""

    # -- trials ----------------------------------------------------------------------------

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        try:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        except DAMAGED:
            ids = self._column("SELECT trial_id FROM trials WHERE study_id = :i", study_id)
            if not ids and not self._column(
                "SELECT study_id FROM studies WHERE study_id = :i", study_id
            ):
                raise  # there is no such study
        known = {*range(trial_id_greater_than + 1)} - included_trial_ids
        trials = self._in_groups([each for each in sorted(ids) if each not in known])
        return [each for each in trials if states is None or each.state in states]

    def _build_frozen_trial_from_trial_model(self, trial: models.TrialModel) -> FrozenTrial:
        _whole(trial.number)  # by which whoever reads next would sort
        return super()._build_frozen_trial_from_trial_model(trial)

    def _in_groups(self, ids: Sequence[int]) -> list[FrozenTrial]:
        """Read trials together where none of them is damaged, else in two halves."""
        if not ids:
            return []
        if len(ids) == 1:
            try:
                return [super().get_trial(ids[0])]
            except DAMAGED:
                return [self.bare_trial(ids[0])]
        try:
            return self._together(ids)
        except DAMAGED:
            half = len(ids) // 2
            return [*self._in_groups(ids[:half]), *self._in_groups(ids[half:])]

    def _together(self, ids: Sequence[int]) -> list[FrozenTrial]:
        parts = [
            models.TrialModel.params, models.TrialModel.values, models.TrialModel.user_attributes,
            models.TrialModel.system_attributes, models.TrialModel.intermediate_values,
        ]  # fmt: skip
        with self._session() as session:
            query = session.query(models.TrialModel).options(
                *map(sqlalchemy.orm.selectinload, parts)
            )
            rows = query.filter(
                models.TrialModel.trial_id.between(ids[0], ids[-1]),
                models.TrialModel.trial_id.in_(ids) if len(ids) < 500 else sqlalchemy.true(),
            )
            built = {
                row.trial_id: self._build_frozen_trial_from_trial_model(row)
                for row in rows.order_by(models.TrialModel.trial_id)
            }
        return [built[each] for each in ids]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial, whole or with the parts that cannot be read."""
        try:
            return super().get_trial(trial_id)
        except DAMAGED:
            if not self._column("SELECT trial_id FROM trials WHERE trial_id = :i", trial_id):
                raise  # there is no such trial
            return self.bare_trial(trial_id)

    def bare_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial as its bare rows have it.

        Its user attributes have one more, :data:`BROKEN`, where something could not be read: texts
        by the part that they stand in.
        """
        reader = _Reader()
        with self.engine.connect() as connection:

            def rows(select: str) -> Iterator[Any]:
                return iter(connection.execute(sqlalchemy.text(select), {"i": trial_id}).all())

            number, state, begun, ended = next(rows(
                "SELECT number, state, datetime_start, datetime_complete FROM trials "
                "WHERE trial_id = :i"
            ))  # fmt: skip
            attrs = {
                key: reader.part(f"attribute {key}", text, json.loads)
                for key, text in rows(
                    "SELECT key, value_json FROM trial_user_attributes WHERE trial_id = :i"
                )
            }
            for key, text in rows(
                "SELECT key, value_json FROM trial_system_attributes WHERE trial_id = :i"
            ):
                reader.part(f"system attribute {key}", text, json.loads)
            params = {
                name: reader.part(f"parameter {name}", (value, text), _parameter)
                for name, value, text in rows(
                    "SELECT param_name, param_value, distribution_json FROM trial_params "
                    "WHERE trial_id = :i ORDER BY param_id"
                )
            }
            values = [
                reader.part("value", (value, kind), _value)
                for value, kind in rows(
                    "SELECT value, value_type FROM trial_values WHERE trial_id = :i "
                    "ORDER BY objective"
                )
            ]
            points = {
                step: reader.part(f"point {step} of the curve", (value, kind), _point)
                for step, value, kind in rows(
                    "SELECT step, intermediate_value, intermediate_value_type "
                    "FROM trial_intermediate_values WHERE trial_id = :i"
                )
            }
            before = next(rows(
                "SELECT count(*) FROM trials AS a, trials AS b WHERE b.trial_id = :i "
                "AND a.study_id = b.study_id AND a.trial_id < b.trial_id"
            ))[0]  # fmt: skip
        of = reader.part("state", state, _state)
        place = reader.part("number", number, _whole)
        read = {name: each for name, each in attrs.items() if not isinstance(each, Unreadable)}
        whole = {name: each for name, each in params.items() if not isinstance(each, Unreadable)}
        start, complete = (
            reader.part(name, moment, _moment)
            for name, moment in (("date begun", begun), ("date ended", ended))
        )
        good = [each for each in values if not isinstance(each, Unreadable)]
        broken = {BROKEN: reader.broken} if reader.broken else {}
        return FrozenTrial(
            number=before if isinstance(place, Unreadable) else place,
            state=TrialState.FAIL if isinstance(of, Unreadable) else of,
            value=None,
            values=good or None,
            datetime_start=None if isinstance(start, Unreadable) else start,
            datetime_complete=None if isinstance(complete, Unreadable) else complete,
            params={name: value for name, (value, _) in whole.items()},
            distributions={name: kind for name, (_, kind) in whole.items()},
            user_attrs={**read, **broken},
            system_attrs={},
            intermediate_values={
                step: value for step, value in points.items() if not isinstance(value, Unreadable)
            },
            trial_id=trial_id,
        )

    # -- studies ---------------------------------------------------------------------------

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return a study's attributes; what cannot be read is :class:`Unreadable`."""
        try:
            return super().get_study_user_attrs(study_id)
        except DAMAGED:
            if not self._column("SELECT study_id FROM studies WHERE study_id = :i", study_id):
                raise  # there is no such study
            return self._attributes("study_user_attributes", study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return a study's system attributes; what cannot be read is :class:`Unreadable`."""
        try:
            return super().get_study_system_attrs(study_id)
        except DAMAGED:
            if not self._column("SELECT study_id FROM studies WHERE study_id = :i", study_id):
                raise  # there is no such study
            return self._attributes("study_system_attributes", study_id)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies; attributes that cannot be read are :class:`Unreadable`."""
        try:
            return super().get_all_studies()
        except DAMAGED:
            with self.engine.connect() as connection:
                studies = connection.execute(
                    sqlalchemy.text("SELECT study_id, study_name FROM studies ORDER BY study_id")
                ).all()
            return [
                FrozenStudy(
                    study_name=name,
                    direction=None,
                    directions=self.get_study_directions(study_id),
                    user_attrs=self._attributes("study_user_attributes", study_id),
                    system_attrs=self._attributes("study_system_attributes", study_id),
                    study_id=study_id,
                )
                for study_id, name in studies
            ]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study; one that cannot be read counts as not set."""
        try:
            return super().get_study_directions(study_id)
        except DAMAGED:
            names = self._column(
                "SELECT direction FROM study_directions WHERE study_id = :i ORDER BY objective",
                study_id,
            )
            if not names:
                raise  # there is no such study
            known = StudyDirection.__members__
            return [known.get(str(name), StudyDirection.NOT_SET) for name in names]

    def bare_directions(self, study_id: int) -> list[str]:
        """Return the directions of a study as they are written."""
        select = "SELECT direction FROM study_directions WHERE study_id = :i ORDER BY objective"
        return [str(each) for each in self._column(select, study_id)]

    def _attributes(self, table: str, study_id: int) -> dict[str, Any]:
        reader = _Reader()
        with self.engine.connect() as connection:
            attributes = connection.execute(
                sqlalchemy.text(f"SELECT key, value_json FROM {table} WHERE study_id = :i"),
                {"i": study_id},
            ).all()
        return {key: reader.part(key, text, json.loads) for key, text in attributes}

    def _column(self, select: str, identity: int) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sqlalchemy.text(select), {"i": identity}).scalars())

    @contextmanager
    def _session(self) -> Iterator[Any]:
        session = self.scoped_session()
        try:
            yield session
        finally:
            session.rollback()
            session.close()


class _Reader:
    """Reads parts one by one, and keeps those that cannot be read."""

    def __init__(self) -> None:
        self.broken: dict[str, Unreadable] = {}

    def part(self, name: str, text: Any, read: Callable[[Any], Any]) -> Any:
        """Return what a text says, or the text, marked as unreadable."""
        try:
            return read(text)
        except DAMAGED as error:
            shown = " ".join(map(str, text)) if isinstance(text, tuple) else text
            self.broken[name] = Unreadable(shown, why_unreadable(text, error))
            return self.broken[name]


def why_unreadable(text: Any, error: Exception) -> str:
    """Say in a few words why a text is no value."""
    if text is None:
        return "it is empty"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON ({error})"
    return f"{type(error).__name__}: {error}"


def _parameter(row: tuple[Any, str]) -> tuple[Any, Any]:
    value, text = row
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"its value is {value!r}")
    kind = json_to_distribution(text)
    if not kind._contains(value):
        raise ValueError(f"{value:g} is no value of {kind}")
    return kind.to_external_repr(value), kind


def _value(row: tuple[Any, str]) -> float:
    kind = models.TrialValueModel.TrialValueType[row[1]]
    return models.TrialValueModel.stored_repr_to_value(_float(row[0]), kind)


def _point(row: tuple[Any, str]) -> float:
    kind = models.TrialIntermediateValueModel.TrialIntermediateValueType[row[1]]
    read = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    return read(_float(row[0]), kind)


def _float(value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"it is {value!r}")
    return value


def _state(name: Any) -> TrialState:
    if name not in TrialState.__members__:
        raise ValueError(f"no state is {name!r}")
    return TrialState[name]


def _whole(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"no number is {number!r}")
    return number


def _moment(when: Any) -> datetime | None:
    if when is None or isinstance(when, datetime):
        return when
    return datetime.fromisoformat(when)
