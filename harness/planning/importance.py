"""How well each setting of a search tells the best tenth from the rest: Optuna's PED-ANOVA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import create_trial

from harness.messages.calm import calm
from harness.storing.translation import drawn_from
from harness.study.settings import Settings
from harness.study.space import Space

FEWEST = 20
"""Settings from which it is worked out: below, the best tenth is one or two."""


def separating(
    space: Space, tried: Sequence[tuple[Settings, float]], *, lower: bool
) -> Mapping[str, float]:
    """Return how well each setting tells the best tenth from the rest, to a sum of 1.

    It is no share of variance: how far the values of a setting among the best tenth lie from those
    of all that were tried (Watanabe, Bansal & Hutter 2023, arXiv:2304.10255; under conditions
    arXiv:2601.20800). A setting that hardly changes the objective can still have much of it.

    Args:
        space: what was searched.
        tried: settings that gave a value, with it.
        lower: whether the smallest is the best.

    Returns:
        By setting, the largest first; empty where too few were tried, or nothing tells them apart.
    """
    done = [(settings, value) for settings, value in tried if math.isfinite(value)]
    if len(done) < FEWEST or len(space) < 2 or len({value for _, value in done}) < 2:
        return {}
    study = optuna.create_study(direction="minimize" if lower else "maximize")
    study.add_trials([_trial(space, settings, value) for settings, value in done])
    with calm(silent=True):  # of settings in use in one trial only it warns: theirs is 0
        found = PedAnovaImportanceEvaluator().evaluate(study)
    total = math.fsum(found.values())
    if not total > 0:
        return {}
    names = [each.name for each in space]
    shares = {name: found.get(name, 0.0) / total for name in names}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], names.index(item[0]))))


def _trial(space: Space, settings: Settings, value: float) -> optuna.trial.FrozenTrial:
    return create_trial(
        params=dict(settings),
        distributions={name: drawn_from(space[name]) for name in settings},
        value=value,
    )
