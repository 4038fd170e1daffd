"""What another search has tried, in a store of the harness's or in any storage of Optuna's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.messages.errors import HarnessError, near
from harness.storing.store import Store
from harness.storing.translation import WITHDRAWN, described
from harness.study.metrics import Better
from harness.study.space import Space
from harness.trials.searched import EarlierSettings


def tried_elsewhere(
    store: Store, names: Sequence[str], space: Space, better: Sequence[Better], *, strictly: bool
) -> tuple[list[EarlierSettings], int]:
    """Return settings that another search has tried, with what they reached.

    Args:
        store: where it lies.
        names: what its Optuna study may be called, the likeliest first.
        space: the settings to be searched now.
        better: which direction of each objective is better.
        strictly: whether it must have such a name, also where there is one study alone.

    Returns:
        The settings that lie in this space, and how many finished trials were left out.

    Raises:
        HarnessError: there is no such search, or it has other directions.
    """
    with store.errors():
        known = [each.study_name for each in store.storage.get_all_studies()]
        name = next((each for each in names if each in known), None)
        if name is None and len(known) == 1 and not strictly:
            name = known[0]
        if name is None:
            raise HarnessError(
                "--warm-start must name a search that is in the store",
                f"{names[0]!r} in {store.url}",
                near(names[0], known),
            )
        study = optuna.load_study(storage=store.storage, study_name=name)
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        there = [each.name.lower() for each in study.directions]
    here = ["maximize" if each == "higher" else "minimize" for each in better]
    if there != here:
        raise HarnessError(
            "a search can learn from one with the same directions",
            f"{', '.join(there)} in {name} of {store.url}, where this one is to {', '.join(here)}",
            "Leave --warm-start out, or name another search.",
        )
    tried = [each for each in trials if _is_tried(each)]
    found = [
        EarlierSettings(settings, tuple(trial.values))
        for trial in tried
        if (settings := _settings(trial.params, space)) is not None
    ]
    return found, len(tried) - len(found)


def _is_tried(trial: FrozenTrial) -> bool:
    """Whether a trial tried a setting: of a search of the harness's, those that confirm did not."""
    return WITHDRAWN not in trial.user_attrs and described(trial).get("role", "tune") == "tune"


def _settings(params: dict[str, Any], space: Space) -> dict[str, Any] | None:
    """Return the settings of a trial, if they lie in the space and none in use is missing."""
    given = {name: value for name, value in params.items() if any(x.name == name for x in space)}
    try:
        whole = space.completed(given)
    except HarnessError:
        return None
    return whole if whole.keys() == given.keys() else None
