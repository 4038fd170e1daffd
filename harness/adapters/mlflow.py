"""Records as runs of MLflow: an experiment for each study and scale, a run for each trial.

A run carries its trial's key. Processes of one machine write one after another, so that whoever
finds a trial without a run, or with one that was never finished, is alone in writing it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import platform
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.adapters.extras import needed
from harness.trials.records import Record

_mlflow = needed("mlflow", "mlflow")
_entities = needed("mlflow", "mlflow.entities")

MOST_METRICS = 1000
"""So many values a server takes at a time; of settings, a tenth."""

PAGE = 1000
"""So many runs are asked for at a time."""

LOCKED = 30.0
"""So many seconds a process waits for others that write."""

_SETTINGS: Mapping[str, str] = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A run waits meanwhile; MLflow's own are 120 seconds, seven times.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""How MLflow is called, where the environment does not say it."""


class Writer:
    """Writes to one tracking server, or to one database.

    Args:
        where: its URI, such as ``http://localhost:5000`` or ``sqlite:///mlflow.db``.
    """

    def __init__(self, where: str) -> None:
        for name in ("alembic", "mlflow.store.db.utils"):  # each migration of a new database
            logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each further try
        with _set():
            self._client = _mlflow.MlflowClient(tracking_uri=where)
        place = hashlib.sha256(where.encode()).hexdigest()[:16]
        user = getattr(os, "getuid", int)()
        self._lock = FileLock(
            Path(tempfile.gettempdir()) / f"harness-mlflow-{user}-{place}.lock", timeout=LOCKED
        )
        self._known: dict[str, set[tuple[str, str]]] = {}
        self._experiments: dict[str, str] = {}

    def log(self, record: Record) -> None:
        """Write a trial that has ended, unless it is there.

        Args:
            record: levels and tuned settings are parameters; its metrics are metrics, at the last
                step or epoch; its curves are metrics ``curve/NAME``.
        """
        trial = record.key, record.state
        name = f"{record.study}/{record.scale}"
        if trial in self._known.get(name, ()):
            return
        with self._lock, _set():
            if name not in self._known:
                self._open(name)
            if trial not in self._known[name] and not self._there(name, trial):
                self._write(self._experiments[name], record)
        self._known[name].add(trial)

    def _open(self, name: str) -> None:
        """Find an experiment, or make it, and read which trials it has."""
        found = self._client.get_experiment_by_name(name)
        own = found.experiment_id if found else self._client.create_experiment(name)
        self._experiments[name], self._known[name] = own, set()
        token = None
        while True:
            page = self._client.search_runs([own], max_results=PAGE, page_token=token)
            self._known[name] |= {_trial(run) for run in page if not _unfinished(run)}
            token = page.token
            if not token:
                return

    def _there(self, name: str, trial: tuple[str, str]) -> bool:
        """Whether somebody has written a trial by now, or is writing it on another machine."""
        found = self._client.search_runs(
            [self._experiments[name]], filter_string=f"tags.`harness.key` = '{trial[0]}'"
        )
        there = False
        for run in [each for each in found if _trial(each) == trial]:
            if _unfinished(run) and run.data.tags.get("harness.host") == platform.node():
                self._client.delete_run(run.info.run_id)  # whoever began it was killed
            else:
                there = True
        return there

    def _write(self, experiment: str, record: Record) -> None:
        end = round(1000 * record.ended_at)
        run = self._client.create_run(
            experiment,
            start_time=end - round(1000 * record.cost.get("seconds", 0.0)),
            run_name=f"{record.arm} {record.role} seed {record.seed} {record.key[:8]}"[:250],
            tags={
                "harness.key": record.key,
                "harness.state": record.state,
                "harness.role": record.role,
                "harness.seed": str(record.seed),
                "harness.arm": record.arm[:5000],
                "harness.reason": record.reason[:5000],
                "harness.host": platform.node(),
            },
        )
        own = run.info.run_id
        settings = {**record.levels, **record.tuned}
        params = [_entities.Param(name, str(value)[:6000]) for name, value in settings.items()]
        for some in _parts(params, MOST_METRICS // 10):
            self._client.log_batch(own, params=some)
        for some in _parts([_entities.Metric(*each, end, at) for *each, at in _values(record)]):
            self._client.log_batch(own, metrics=some)
        status = "FINISHED" if record.state == "complete" else "FAILED"
        self._client.set_terminated(own, status=status, end_time=end)


@contextmanager
def _set() -> Iterator[None]:
    """Within, the environment says how MLflow is called; then it is as it was."""
    added = [name for name in _SETTINGS if name not in os.environ]
    os.environ.update({name: _SETTINGS[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _trial(run: Any) -> tuple[str, str]:
    tags = run.data.tags
    return tags.get("harness.key", ""), tags.get("harness.state", "")


def _unfinished(run: Any) -> bool:
    return bool(run.info.status == "RUNNING")


def _values(record: Record) -> Iterator[tuple[str, float, int]]:
    """Give names, values and steps; what has no value at a step is left out."""
    for name, curve in record.metric_curves.items():
        for step, value in zip(record.points, curve, strict=False):
            if math.isfinite(value):
                yield _name(f"curve/{name}"), value, step
    last = max(record.points, default=0)
    for name, value in record.metrics.items():
        yield _name(name), value, last


def _name(name: str) -> str:
    """Return a name of letters and signs that MLflow takes."""
    return re.sub(r"[^\w\-./ :]", "_", name, flags=re.ASCII)


def _parts(whole: Sequence[Any], most: int = MOST_METRICS) -> Iterator[Sequence[Any]]:
    for start in range(0, len(whole), most):
        yield whole[start : start + most]
