"""A database server as a storage: where the connection breaks, what was asked is asked again.

Everything that Optuna's storage does may be repeated when nobody knows whether it was done. Reading
changes nothing; setting an attribute or a value sets the same once more; a trial that has been
closed refuses to be closed again. Inserting a trial alone would make a second one: whoever repeats
it looks first whether it is there, within the transaction that holds the study's row, so that a
first attempt that is still under way is waited for.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import optuna
import sqlalchemy
import sqlalchemy.exc
from optuna.storages import BaseStorage, RDBStorage

from harness.messages.errors import ConnectionLostError, one_line
from harness.storing.rows import Rows

if TYPE_CHECKING:
    from optuna.storages._rdb.models import TrialModel
    from optuna.trial import FrozenTrial
    from sqlalchemy.orm import Session

T = TypeVar("T")

PATIENCE_SECONDS = 300.0
"""For how long a lost connection is tried for."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
"""Seconds before the second attempt, and the most between two; each wait is twice the last."""

LIBPQ = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""A connection that was cut without a word is noticed within a minute, not after two hours: see
https://www.postgresql.org/docs/current/libpq-connect.html."""


class ServerStorage(Rows):
    """Optuna's storage on a server, patient once it has been opened.

    Attributes:
        patience: for how many seconds a lost connection is tried for.
        told: called with one line when it is lost.
        since: when it last came back, in seconds since 1970; 0 where it was never lost.
    """

    def __init__(
        self, url: str, patience: float | None = None, *, make_tables: bool = True
    ) -> None:
        """Connect; a server that is not there is an error at once.

        Args:
            url: the database's.
            patience: for how many seconds a connection lost later is tried for; 300.
            make_tables: whether to make the tables, where they are not there.
        """
        self.patience = PATIENCE_SECONDS if patience is None else patience
        self.told: Callable[[str], None] = _nobody
        self.since = 0.0
        self._thread = threading.local()
        self._given_up = False  # what is still to be written then is tried once
        super().__init__(
            template(url), engine_kwargs=_engine_kwargs(url), skip_table_creation=not make_tables
        )
        # what goes wrong with a connection is told here, not with tracebacks by the pool
        logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL + 1)

    @contextmanager
    def impatiently(self) -> Iterator[None]:
        """Within, this thread tries once."""
        self._thread.impatient = True
        try:
            yield
        finally:
            self._thread.impatient = False

    def keep_trying(self, call: Callable[[], T]) -> T:
        """Return what a call returns, made again while there is no connection.

        Raises:
            ConnectionLostError: it did not come back in time.
        """
        lost: float | None = None
        wait = FIRST_WAIT
        while True:
            try:
                out = call()
            except (
                optuna.exceptions.StorageInternalError,
                sqlalchemy.exc.SQLAlchemyError,
            ) as error:
                if not is_lost(error):
                    raise
                now = time.monotonic()
                lost = now if lost is None else lost
                left = lost + self.patience - now
                if getattr(self._thread, "impatient", False) or self._given_up or left <= 0:
                    self._given_up = self._given_up or left <= 0
                    raise _lost(error, now - lost) from error
                self.told(
                    f"no connection to the store, trying again for up to {_minutes(self.patience)}"
                )
                self._sleep(min(wait, left))
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                if lost is not None:
                    self.since = time.time()
                self._given_up = False
                return out

    def _sleep(self, seconds: float) -> None:
        try:
            time.sleep(seconds)
        except KeyboardInterrupt:
            self._given_up = True  # whoever wants to end does not want to wait any more
            raise

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        self._thread.attempts = 0
        call = partial(super()._create_new_trial, study_id, template_trial)
        return self.keep_trying(call)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> TrialModel:
        """Insert a trial, unless an attempt before this one has; the study's row is locked."""
        self._thread.attempts += 1  # Optuna makes some of its own
        if self._thread.attempts > 1 and template_trial is not None:
            inserted = _inserted(study_id, template_trial, session)
            if inserted is not None:
                return inserted
        return super()._get_prepared_new_trial(study_id, template_trial, session)


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: ServerStorage, *args: Any, **kwargs: Any) -> Any:
        return self.keep_trying(partial(method, self, *args, **kwargs))

    return call


# What Optuna's storage does on its own, and what its cache asks it for; the rest calls these.
_REPEATED = {
    *(name for name in vars(BaseStorage).keys() & vars(RDBStorage).keys() if name[0] != "_"),
    "_get_trials",
    "_get_best_trial_id",
} - {"create_new_trial", "remove_session"}
for _name in _REPEATED:
    setattr(ServerStorage, _name, _patient(getattr(Rows, _name)))


def is_lost(error: BaseException | None) -> bool:
    """Whether an error comes from a connection that broke, or could not be made."""
    while error is not None:
        if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.PendingRollbackError):
            return True  # the latter where Optuna goes on in a transaction whose connection broke
        if isinstance(error, sqlalchemy.exc.DBAPIError):
            return error.connection_invalidated
        error = error.__cause__
    return False


def _inserted(study_id: int, wanted: FrozenTrial, session: Session) -> TrialModel | None:
    """Return the newest trial of a study that has the state and all attributes of another."""
    from optuna.storages._rdb.models import TrialModel, TrialUserAttributeModel

    query = session.query(TrialModel).filter(
        TrialModel.study_id == study_id, TrialModel.state == wanted.state
    )
    for key, value in wanted.user_attrs.items():
        query = query.filter(
            TrialModel.user_attributes.any(
                sqlalchemy.and_(
                    TrialUserAttributeModel.key == key,
                    TrialUserAttributeModel.value_json == json.dumps(value),
                )
            )
        )
    return query.order_by(TrialModel.trial_id.desc()).first()


def template(url: str) -> str:
    """Return a URL as Optuna takes it: for a template, in which one name has a value."""
    known = "{SCHEMA_VERSION}"
    return known.join(each.replace("{", "{{").replace("}", "}}") for each in url.split(known))


def _engine_kwargs(url: str) -> dict[str, Any]:
    parsed = sqlalchemy.make_url(url)
    drivers = {"postgresql", "postgresql+psycopg", "postgresql+psycopg2"}
    if parsed.drivername not in drivers:
        return {}
    return {
        "connect_args": {name: each for name, each in LIBPQ.items() if name not in parsed.query}
    }


def _nobody(said: str) -> None:
    del said


def _lost(error: BaseException, seconds: float) -> ConnectionLostError:
    while error.__cause__ is not None:
        error = error.__cause__
    said = one_line(str(error).partition("\n")[0])
    return ConnectionLostError(
        "the store's server must answer",
        f"no connection for {_minutes(seconds)} ({said})",
        "What was recorded is kept; the same command goes on from there.",
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
