"""Where results come from: which arms train together, and the command and environments behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import harness
from harness.engines.modes import Choice
from harness.study.designs import Arm
from harness.trials.records import Record


@dataclass(frozen=True)
class Program:
    """Arms that can train together, and how fast each mode of training is for them.

    Attributes:
        arms: their names.
        choices: by machine, ``<device>/<hardware>``, the mode chosen there and what was measured;
            empty where nothing was measured, as with ``--mode plain``.
    """

    arms: tuple[str, ...]
    choices: Mapping[str, Choice]


@dataclass(frozen=True)
class Provenance:
    """The command, versions, revision and environments behind the results.

    Attributes:
        command: the command that reproduces them.
        harness: version of this package.
        revision: git revision of the study's folder, with ``+changes`` where it was not clean;
            empty outside a checkout.
        date: when the newest record was written, ISO 8601, UTC; empty where there is none.
        hours: device hours of training behind the records, tuning included.
        environments: distinct environments of the records, most frequent first, each a mapping
            such as ``{"python": "3.11.7", "torch": "2.15.0", "device": "cpu", ...}``; how a trial
            was trained is no part of it.
    """

    command: str
    harness: str
    revision: str
    date: str
    hours: float
    environments: tuple[Mapping[str, str], ...]


def programs_of(
    planned: Mapping[str, Sequence[str]],
    arms: Mapping[str, Arm],
    modes: Mapping[str, Mapping[tuple[str, str], Choice]],
) -> tuple[Program, ...]:
    """Return the programs of the arms there are, each with what is known of it by machine."""
    places = {name: place for place, name in enumerate(arms)}
    measured = {
        program: {_machine(*place): choice for place, choice in sorted(by_place.items())}
        for program, by_place in modes.items()
    }
    out = []
    for program, names in planned.items():
        if own := tuple(sorted({*names} & places.keys(), key=places.__getitem__)):
            out.append(Program(own, measured.get(program, {})))
    return tuple(out)


def _machine(name: str, forced: str) -> str:
    """Name a machine, and the mode that was forced on it where one was."""
    return f"{name}, {forced} forced" if forced else name


def provenance_of(records: Sequence[Record], command: str, revision: str) -> Provenance:
    """Say where results come from.

    Args:
        records: of the run.
        command: what comes to the same records.
        revision: git revision of the study's folder.
    """
    environments = Counter(tuple(sorted(where(record).items())) for record in records if record.env)
    return Provenance(
        command=command,
        harness=harness.__version__,
        revision=revision,
        date=max((record.finished for record in records), default=""),
        # a trial that stands for several arms was trained once
        hours=sum(
            record.cost.get("seconds", 0.0)
            for record in {record.key: record for record in records}.values()
        )
        / 3600,
        environments=tuple(dict(items) for items, _ in environments.most_common()),
    )


def where(record: Record) -> dict[str, str]:
    """Return where a trial ran, without how it was trained, which the report tells apart."""
    return {name: each for name, each in record.env.items() if name not in {"mode", "mode_note"}}
