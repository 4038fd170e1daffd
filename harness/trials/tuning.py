"""How settings were chosen: what is kept with a plan and printed in a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmTuning:
    """How one setting was chosen in one arm.

    Attributes:
        arm: the arm's name.
        setting: the setting's name.
        low: lower end of its space.
        high: upper end of its space.
        log: whether it was searched on a logarithmic axis.
        tried: each value tried, with the objective reached (``None`` where the trial failed).
        chosen: the value that evaluation trials use.
        how: ``"tuned"``, or ``"declared default"`` where no tuning was asked for, or where every
            setting tried failed.
        edge: ``"lower"`` or ``"upper"`` where the chosen value lies on the edge of its space
            (within a twentieth of it), else ``""``.
    """

    arm: str
    setting: str
    low: float
    high: float
    log: bool
    tried: tuple[tuple[float, float | None], ...]
    chosen: float
    how: str
    edge: str
