"""What became of one trial: the one value that travels from training to its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What became of one trial, in plain values that travel to any process.

    Attributes:
        metrics: final values by metric name; empty where it failed.
        curves: a value per epoch, by metric name.
        cost: ``seconds`` of training, ``steps`` and ``samples``.
        env: where it ran: versions, device, threads.
        layers: a value per layer, by metric name.
        mode: how it was trained, as ``str`` writes a :class:`~harness.engines.modes.Mode`; empty
            where it failed.
        note: why it was not trained in the mode that was asked for; empty where it was.
        reason: why it failed; empty where it did not.
        pruned: whether it was ended early, because it did badly beside others.
        network: name of the artifact with its trained network; empty where none was kept.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    mode: str = ""
    note: str = ""
    reason: str = ""
    network: str = ""
    pruned: bool = False

    @property
    def recorded_env(self) -> dict[str, str]:
        """Where and how it ran, as its record has it: ``env`` with the mode and its note."""
        mode = {"mode": self.mode} if self.mode else {}
        note = {"mode_note": self.note} if self.note else {}
        return {**self.env, **mode, **note}
