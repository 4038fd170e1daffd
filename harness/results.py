"""Everything a report prints, worked out beforehand: a report computes no statistic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.profiles import Profile
from harness.records import Record
from harness.study import Arm, Study
from harness.summary import ArmSummary
from harness.verdicts import Verdict


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


@dataclass(frozen=True)
class Provenance:
    """Where the results come from.

    Attributes:
        command: the command that reproduces them.
        harness: version of this package.
        revision: git revision of the study's folder, with ``+changes`` where it was not clean;
            empty outside a checkout.
        date: when the newest record was written, ISO 8601, UTC; empty where there is none.
        hours: device hours of training behind the records, tuning included.
        environments: distinct environments of the records, most frequent first, each a mapping
            such as ``{"python": "3.11.7", "torch": "2.15.0", "device": "cpu", ...}``.
    """

    command: str
    harness: str
    revision: str
    date: str
    hours: float
    environments: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Results:
    """One study at one scale, judged.

    Attributes:
        study: what was declared.
        scale: the scale's name.
        arms: the arms of this scale, baseline first.
        seeds: the evaluation seeds planned.
        records: every record of this study and scale: evaluation and tuning, failures included.
        verdicts: one for each claim, in the order declared.
        summaries: mean and interval for each arm and metric.
        tuning: one for each arm and tuned setting; empty where nothing is tuned.
        profiles: cost by arm name; arms without one were not profiled.
        provenance: where it all comes from.
        warnings: sentences that a reader must see beside the verdicts.
    """

    study: Study
    scale: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    records: tuple[Record, ...]
    verdicts: tuple[Verdict, ...]
    summaries: tuple[ArmSummary, ...]
    tuning: tuple[ArmTuning, ...]
    profiles: Mapping[str, Profile]
    provenance: Provenance
    warnings: tuple[str, ...]
