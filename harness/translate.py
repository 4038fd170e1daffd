"""Trials and records in Optuna's words: parameters, distributions, values and attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from harness.metrics import METRICS
from harness.plan import TUNING_SEED, Trial
from harness.records import Record, State
from harness.study import Study

WITHDRAWN = "withdrawn"
"""The attribute of a trial that counts as never begun."""

STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


def parameters(study: Study, trial: Trial) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Return a trial's parameters by name, and what each is drawn from."""
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for factor in study.factors:
        params[factor.name] = trial.arm.levels[factor.name].plain
        distributions[factor.name] = CategoricalDistribution([x.plain for x in factor.named])
    for each in study.tuned:
        params[each.name] = trial.tuned[each.name]
        distributions[each.name] = FloatDistribution(each.low, each.high, log=each.log)
    params["seed"] = trial.seed
    distributions["seed"] = IntDistribution(0, TUNING_SEED)
    return params, distributions


def curves_text(curves: Mapping[str, Sequence[float]]) -> str:
    """Write learning curves as JSON."""
    return json.dumps({name: list(values) for name, values in curves.items()})


def record_of(trial: FrozenTrial, study: str, scale: str, notes: Mapping[str, Any]) -> Record:
    """Return the record of a trial; ``notes`` are the attributes of its Optuna study."""
    attrs = trial.user_attrs
    kinds = trial.distributions
    state = STATES.get(trial.state, "failed")
    return Record(
        study=study,
        scale=scale,
        arm=attrs.get("arm", ""),
        levels={
            name: value
            for name, value in trial.params.items()
            if isinstance(kinds[name], CategoricalDistribution)
        },
        seed=trial.params["seed"],
        role=attrs.get("role", "evaluate"),
        tuned={
            name: value
            for name, value in trial.params.items()
            if isinstance(kinds[name], FloatDistribution)
        },
        key=attrs.get("key", ""),
        state=state,
        # A process killed while it wrote may have left a part of another outcome.
        reason=attrs.get("reason", "") if state == "failed" else "",
        metrics={n: attrs[n] for n in METRICS if n in attrs} if state == "complete" else {},
        curves={
            name: tuple(values) for name, values in json.loads(attrs.get("curves", "{}")).items()
        },
        cost={name: attrs[name] for name in ("seconds", "steps", "samples") if name in attrs},
        env=notes.get(f"env/{attrs.get('env')}", {}),
        code=notes.get(f"code/{attrs.get('code')}", {}),
        training=notes.get(f"training/{attrs.get('training')}", {}),
        number=trial.number,
        finished=_utc(trial.datetime_complete),
    )


def _utc(moment: datetime | None) -> str:
    """Write a moment as ISO 8601 in UTC; Optuna keeps local time without a zone."""
    if moment is None:
        return ""
    return datetime.fromtimestamp(moment.timestamp(), UTC).isoformat(timespec="seconds")
