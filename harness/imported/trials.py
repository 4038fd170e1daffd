"""An Optuna storage that others filled: the trials of one of its studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.imported.sheet import Row, Sheet, columns_of, flat
from harness.messages.errors import HarnessError, near
from harness.storing.store import Store, open_store

METRIC_NAMES = "study:metric_names"
"""The system attribute in which Optuna keeps the names of objectives."""

SQLITE = b"SQLite format 3\0"


class Found(Protocol):
    """A trial, as Optuna gives it."""

    number: int
    state: Any
    params: dict[str, Any]
    values: Sequence[float] | None
    user_attrs: dict[str, Any]
    intermediate_values: dict[int, float]


def read_trials(results: str, study: str | None) -> Sheet:
    """Read the trials of a study; nothing is written there.

    Args:
        results: an SQLite file, a journal file, or the URL of a storage.
        study: the study's name; not needed where there is one alone.

    Raises:
        HarnessError: there is no such storage or study, or it is one of the harness's own.
    """
    try:
        store = open_store(_url(results), create=False)
    except HarnessError as error:
        raise HarnessError(
            "RESULTS must be an Optuna storage that can be read",
            error.got,
            "Name another, or say what it is: --format csv.",
        ) from error
    try:
        return _read(store, study)
    finally:
        store.close()


def _url(results: str) -> str:
    path = Path(results)
    if "://" in results or not path.is_file():
        return results
    with path.open("rb") as file:
        whole = file.read(len(SQLITE)) == SQLITE
    return results if whole else f"journal:///{results}"


def _read(store: Store, wanted: str | None) -> Sheet:
    with store.errors():
        studies = {each.study_name: each for each in store.storage.get_all_studies()}
    if not studies:
        raise HarnessError(
            "an Optuna storage must hold a study", f"none in {store.url}", "Name another."
        )
    if wanted is None and len(studies) > 1:
        raise HarnessError(
            "it must be said which study of an Optuna storage is meant",
            ", ".join(list(studies)[:6]),
            f"Write --optuna-study {next(iter(studies))!r}.",
        )
    name = next(iter(studies)) if wanted is None else wanted
    if name not in studies:
        raise HarnessError(
            "--optuna-study must name a study of the storage", repr(name), near(name, studies)
        )
    found = studies[name]
    if "harness_study" in found.user_attrs:
        raise HarnessError(
            "results must be those of others",
            f"a store of the harness's own, {store.url}",
            f"Write harness report {found.user_attrs['harness_study']} --store FILE.",
        )
    with store.errors():
        identity = store.storage.get_study_id_from_name(name)
        trials = store.storage.get_all_trials(identity, deepcopy=False)
    names = found.system_attrs.get(METRIC_NAMES)
    rows = tuple(_row(trial, names) for trial in trials)
    sampled = tuple(dict.fromkeys(f"params_{name}" for trial in trials for name in trial.params))
    return Sheet(
        f"{store.url}, study {name}", "Optuna", columns_of(iter(rows)), rows, sampled=sampled
    )


def _row(trial: Found, names: Sequence[str] | None) -> Row:
    values = list(trial.values or ())
    if names is None:
        titles = ["value"] if len(values) == 1 else [f"values_{k}" for k in range(len(values))]
    else:
        titles = [f"values_{name}" for name in names]
    cells: dict[str, Any] = {
        **{f"params_{name}": value for name, value in trial.params.items()},
        **{f"user_attrs_{name}": value for name, value in flat(_plain(trial.user_attrs)).items()},
        **dict(zip(titles, values, strict=False)),
    }
    state = trial.state.name.lower()
    steps = trial.intermediate_values
    reason = f"it was pruned, after step {max(steps)}" if state == "pruned" and steps else ""
    return Row(f"trial {trial.number}", cells, state, reason)


def _plain(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is a list: no factor and no metric is one."""
    return {name: value for name, value in attrs.items() if not isinstance(value, list | tuple)}
