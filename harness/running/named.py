"""A trial by its name: what a worker makes it again from."""

from __future__ import annotations

from dataclasses import dataclass

from harness.stopping import Bound
from harness.study.settings import Settings
from harness.trials.records import Role
from harness.trials.trial import Trial


@dataclass(frozen=True)
class Named:
    """A trial, named in plain values.

    Attributes:
        scale: the scale's name.
        arm: the arm's name.
        seed: the trial's seed.
        role: the trial's role.
        tuned: values of the tuned settings, or of those that are searched and in use.
        key: the trial's key, which the worker must arrive at too; empty where nobody checks.
        path: for what others need, the names of needs that lead to it from the arm's own trial.
        keep: whether its network is kept under its key, for others that need it.
        bounds: what ends it early, in the order of their epochs.
    """

    scale: str
    arm: str
    seed: int
    role: Role
    tuned: Settings
    key: str = ""
    path: tuple[str, ...] = ()
    keep: bool = False
    bounds: tuple[Bound, ...] = ()

    @staticmethod
    def of(trial: Trial, scale: str, *, keep: bool = False) -> Named:
        """Name a trial."""
        return Named(
            scale,
            trial.arm.name,
            trial.seed,
            trial.role,
            dict(trial.tuned),
            trial.key,
            trial.path,
            keep,
            trial.bounds,
        )
