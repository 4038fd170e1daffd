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
        confirmed: of the best settings that were trained again, best first: the place among those
            tried, and the objective on each fresh seed (``None`` where the trial failed). The
            first is what was chosen, unless all of them failed. Empty where nothing was confirmed.
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
    confirmed: tuple[tuple[int, tuple[float | None, ...]], ...] = ()

    def __post_init__(self) -> None:
        if beyond := [place for place, _ in self.confirmed if not 0 <= place < len(self.tried)]:
            raise ValueError(f"confirmed is number {beyond[0]} of {len(self.tried)} tried")

    @property
    def end(self) -> str:
        """``"smallest"`` or ``"largest"`` where the chosen value is that of all tried, else ``""``.

        Values that failed count: beyond the chosen one something was tried.
        """
        values = {value for value, _ in self.tried}
        if self.how != "tuned" or len(values) < 2:
            return ""
        return {min(values): "smallest", max(values): "largest"}.get(self.chosen, "")
