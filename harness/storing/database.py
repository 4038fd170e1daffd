"""Optuna's storage on a database, which reads many trials table by table.

Optuna reads trials as objects of SQLAlchemy's, one for each row of six tables, of which a trial has
a dozen or more. Making those takes most of the time, and they are thrown away at once. Here the
same rows are read as they are. What comes out is the same (a test holds them equal), and all that
writes is Optuna's.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, or_, select

MANY = 500
"""Up to so many trials are asked for by their identity beside all that are new."""

_Trial: Any = models.TrialModel
_Param: Any = models.TrialParamModel
_Value: Any = models.TrialValueModel
_User: Any = models.TrialUserAttributeModel
_System: Any = models.TrialSystemAttributeModel
_Point: Any = models.TrialIntermediateValueModel


class Database(RDBStorage):
    """Optuna's storage on a database."""

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        beside = {each for each in included_trial_ids if each <= trial_id_greater_than}
        if states is not None or len(beside) > MANY:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        which = [_Trial.study_id == study_id]
        if trial_id_greater_than > -1:
            new = _Trial.trial_id > trial_id_greater_than
            which.append(or_(new, _Trial.trial_id.in_(sorted(beside))) if beside else new)
        with self.engine.connect() as connection:
            study = models.StudyModel.study_id
            if connection.scalar(select(study).where(study == study_id)) is None:
                raise KeyError(models.NOT_FOUND_MSG)
            return _read(connection, which)


def _read(connection: Connection, which: list[Any]) -> list[FrozenTrial]:
    """Read trials, and then what belongs to them, in the order of their identities.

    So all that belongs to a trial which had ended is there; one that begins meanwhile is not read.

    Raises:
        ValueError: a row holds what nobody wrote so: text that is no JSON, say.
    """

    def rows(*columns: Any, by: Any) -> Iterable[Any]:
        query = select(*columns).where(*which)
        if columns[0] is not _Trial.trial_id:
            query = query.join(_Trial, _Trial.trial_id == columns[0])
        return connection.execute(query.order_by(by)).all()

    trials = {
        identity: _bare(identity, number, state, started, ended)
        for identity, number, state, started, ended in rows(
            _Trial.trial_id, _Trial.number, _Trial.state, _Trial._datetime_start_utc,
            _Trial._datetime_complete_utc, by=_Trial.trial_id,
        )
    }  # fmt: skip
    kinds = cache(json_to_distribution)  # many trials, few kinds
    for identity, name, value, kind in rows(
        _Param.trial_id, _Param.param_name, _Param.param_value, _Param.distribution_json,
        by=_Param.param_id,
    ):  # fmt: skip
        if identity in trials:
            trials[identity].params[name] = kinds(kind).to_external_repr(value)
            trials[identity].distributions[name] = kinds(kind)
    for identity, value, kind in rows(
        _Value.trial_id, _Value.value, _Value.value_type, by=_Value.objective
    ):
        if identity in trials:
            number = _Value.stored_repr_to_value(value, kind)
            trials[identity].values = [*(trials[identity].values or ()), number]
    for identity, key, text in rows(
        _User.trial_id, _User.key, _User.value_json, by=_User.trial_user_attribute_id
    ):
        if identity in trials:
            trials[identity].user_attrs[key] = json.loads(text)
    for identity, key, text in rows(
        _System.trial_id, _System.key, _System.value_json, by=_System.trial_system_attribute_id
    ):
        if identity in trials:
            trials[identity].system_attrs[key] = json.loads(text)
    for identity, step, value, kind in rows(
        _Point.trial_id, _Point.step, _Point.intermediate_value, _Point.intermediate_value_type,
        by=_Point.trial_intermediate_value_id,
    ):  # fmt: skip
        if identity in trials:
            number = _Point.stored_repr_to_intermediate_value(value, kind)
            trials[identity].intermediate_values[step] = number
    return list(trials.values())


def _bare(
    identity: int, number: Any, state: TrialState, started: datetime | None, ended: datetime | None
) -> FrozenTrial:
    """Return a trial to which nothing belongs yet."""
    if type(number) is not int:
        raise ValueError(f"a trial's number must be a whole number; got {number!r}")
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        datetime_start=_local(started),
        datetime_complete=_local(ended),
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=identity,
    )


def _local(moment: datetime | None) -> datetime | None:
    """Return the local time, without a zone, of a moment of UTC, as Optuna has it."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
