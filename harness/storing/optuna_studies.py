"""One Optuna study for each harness study, scale and set of levels: found, or made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import optuna

from harness.messages.errors import HarnessError
from harness.storing.damage import Unreadable
from harness.storing.store import Store
from harness.storing.translation import drawn_from
from harness.study.declaration import Declaration
from harness.study.searching import Searching
from harness.study.settings import condition

FORMAT = 2
"""Version of what is written here, raised when older or newer code could not read it."""


def _space(study: Declaration) -> str:
    """Write what Optuna fixes once for a study, as text: there 1 and True are not the same."""
    levels = {factor.name: [level.plain for level in factor.named] for factor in study.factors}
    axes = {each.name: "log" if each.log else "linear" for each in study.tuned}
    if study.search is not None:
        return json.dumps({"space": space_of(study.search), "objectives": study.objectives})
    return json.dumps({"levels": levels, "axes": axes, "objective": study.objective})


def space_of(searching: Searching) -> dict[str, str]:
    """Return what is drawn from where in a search, by the setting's name, as text."""
    return {
        setting.name: f"{drawn_from(setting)}"
        + (f" if {condition(setting)}" if setting.when else "")
        for setting in searching.space
    }


def _names(study: str, scale: str) -> Iterator[str]:
    yield f"{study}-{scale}"
    number = 2
    while True:
        yield f"{study}-{scale} ({number})"
        number += 1


def named(store: Store, study: str, scale: str) -> list[tuple[str, dict[str, Any]]]:
    """Return name and attributes of each Optuna study of this study and scale, oldest first."""
    storage = store.storage
    known = {each.study_name for each in storage.get_all_studies()}
    out: list[tuple[str, dict[str, Any]]] = []
    for name in _names(study, scale):
        if name not in known:
            return out
        identity = storage.get_study_id_from_name(name)
        attrs = storage.get_study_user_attrs(identity)
        if "format" in attrs or storage.get_n_trials(identity):
            check_format(store, attrs)
        out.append((name, attrs))
    raise AssertionError("the names never end")


def spaces_in(store: Store, study: str, scale: str) -> list[dict[str, str]]:
    """Return the spaces of searches of a name and scale, each as :func:`space_of` wrote it."""
    texts = [attrs.get("space") for _, attrs in named(store, study, scale)]
    found = [json.loads(text) for text in texts if isinstance(text, str)]
    return [dict(each["space"]) for each in found if "space" in each]


def fitting(store: Store, study: Declaration) -> str | None:
    """Return the name of the Optuna study that was made for these levels, if there is one."""
    space = _space(study)
    for name, attrs in named(store, study.name, study.scale):
        if "format" in attrs and attrs.get("space") == space:
            return name
    return None


def make(store: Store, study: Declaration) -> str:
    """Make the Optuna study of this study, scale and levels; return its name.

    A process killed here leaves one without its format, which the next finishes.
    """
    storage = store.storage
    better = [study.metric(name).better for name in study.objectives]
    with store.lock():
        done = fitting(store, study)  # another process's, while this one waited
        if done is not None:
            return done
        full = {name for name, attrs in named(store, study.name, study.scale) if "format" in attrs}
        name = next(each for each in _names(study.name, study.scale) if each not in full)
        made = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["maximize" if one == "higher" else "minimize" for one in better],
            load_if_exists=True,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names([*study.objectives])
        for key, value in (
            ("space", _space(study)),
            ("harness_study", study.name),
            ("harness_scale", study.scale),
            ("question", study.question),
            ("format", FORMAT),
        ):
            made.set_user_attr(key, value)
    return name


def check_format(store: Store, attrs: Mapping[str, Any]) -> None:
    """Refuse what another version wrote.

    Raises:
        HarnessError: it did, or nobody knows what wrote it.
    """
    version = attrs.get("format")
    if isinstance(version, Unreadable):
        return  # damaged, which whoever reads the attributes says
    if not isinstance(version, int):
        raise HarnessError(
            "the store must hold studies of the harness under the names of the harness's studies",
            f"an Optuna study that something else made, in {store.url}",
            "Name another store with --store.",
        )
    if version > FORMAT:
        raise HarnessError(
            f"the store must be of format {FORMAT}",
            f"format {version} in {store.url}, written by a newer version",
            "Upgrade with pip install --upgrade ablation-harness, or name another --store.",
        )
    if version < FORMAT:
        raise HarnessError(
            f"the store must be of format {FORMAT}",
            f"format {version} in {store.url}, written by an older version",
            "Name another store with --store; that version of the harness still reads the old one.",
        )
