"""Records: one flat row for each trial, with metrics, curves, cost and provenance, or a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from harness.study.metrics import STEP

Role = Literal["evaluate", "tune", "need"]
State = Literal["complete", "failed", "pruned", "running"]


def role_named(word: str) -> Role:
    """Return what a recorded trial is for; records of before say ``teach`` of what others need."""
    return "need" if word == "teach" else cast(Role, word)


@dataclass(frozen=True)
class Record:
    """What became of one trial.

    Attributes:
        study: the study's name.
        scale: the scale's name.
        arm: the arm's name.
        levels: each factor's level, as a plain value or by its name.
        seed: the seed of everything random in it.
        role: whether it evaluates the arm, helped to choose the arm's settings, or is needed by
            others.
        tuned: the values of tuned settings that it was trained with, or of those searched that
            were in use.
        key: hash of its Training, seed and code.
        state: what became of it.
        reason: why it failed; empty otherwise.
        metrics: final values by metric name; empty where it failed. Of a trial of a search that
            was ended early, the last value of its objective.
        curves: a value per epoch, by ``train_loss``, ``validation_loss``,
            ``validation_accuracy``; of a training of the user's own, by whatever it reported, NaN
            where it left one out, with the curve ``step`` where it reported at other times.
        cost: ``seconds`` of training (shared machine: not for claims), ``steps``, ``samples``.
        env: where it ran: versions, device, threads.
        code: short hash per module of the code that gave its Training a meaning.
        training: the Training in plain JSON types.
        number: its number in the Optuna study.
        finished: when it finished or failed, ISO 8601 with the zone; empty before.
        layers: a value per layer, from the input on, by the name of what was measured.
    """

    study: str
    scale: str
    arm: str
    levels: Mapping[str, bool | int | float | str]
    seed: int
    role: Role
    tuned: Mapping[str, bool | int | float | str]
    key: str
    state: State
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    number: int = -1
    finished: str = ""
    layers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def metric_curves(self) -> dict[str, tuple[float, ...]]:
        """Its curves, but for the one that says at which steps the others were reported."""
        return {name: curve for name, curve in self.curves.items() if name != STEP}

    @property
    def counted(self) -> Literal["epoch", "step"]:
        """What the points of its curves are counted by."""
        return "step" if STEP in self.curves else "epoch"

    @property
    def points(self) -> tuple[int, ...]:
        """Where the points of its curves are: epochs from 1 on, or the steps that it reported."""
        if STEP in self.curves:
            return tuple(map(int, self.curves[STEP]))
        return tuple(range(1, 1 + max(map(len, self.curves.values()), default=0)))

    @property
    def ended_at(self) -> float:
        """When it finished or failed, in seconds since 1970; NaN before."""
        return datetime.fromisoformat(self.finished).timestamp() if self.finished else math.nan

    def row(self) -> dict[str, Any]:
        """Return the flat row of ``records.csv``; curves, layers and code are left out."""
        return {
            "study": self.study,
            "scale": self.scale,
            "arm": self.arm,
            **self.levels,
            "seed": self.seed,
            "role": self.role,
            **{f"tuned_{name}": value for name, value in self.tuned.items()},
            "key": self.key,
            "state": self.state,
            "reason": self.reason,
            **{f"metric_{name}": value for name, value in self.metrics.items()},
            **{f"cost_{name}": value for name, value in self.cost.items()},
            **{f"env_{name}": value for name, value in self.env.items()},
        }

    def curve_rows(self) -> list[dict[str, Any]]:
        """Return its learning curves as flat rows, one for each epoch from 1 on, or each step.

        A trial that failed has none: its curves are not kept.
        """
        whole = self.row()
        named = {
            name: value
            for name, value in whole.items()
            if name in {"study", "scale", "arm", *self.levels, "seed", "role", "key"}
            or name.startswith("tuned_")
        }
        return [
            {
                **named,
                self.counted: at,
                **{
                    f"metric_{name}": curve[place]
                    for name, curve in self.metric_curves.items()
                    if place < len(curve)
                },
            }
            for place, at in enumerate(self.points)
        ]
