"""What is written down of a run: which trials it consists of, and all that judges them needs.

It is kept in the store as plain JSON values. That of a version before is read as if it were of this
one; what it does not say stays empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from harness.messages.errors import HarnessError
from harness.study.converter import UnreadableError, from_plain, shortly, to_plain
from harness.study.folds import Folds
from harness.study.looks import Looks
from harness.trials.records import Role, role_named
from harness.trials.searched import SearchKept
from harness.trials.trial import TUNING_SEED
from harness.trials.tuning import ArmTuning

VERSION = 1
"""Of what is written here, raised when code of before could not read it."""


class NewerError(HarnessError):
    """A newer version of the harness wrote it: it is not damaged, and must not be set aside."""


@dataclass(frozen=True)
class Planned:
    """One trial of a run, by what it is for.

    Attributes:
        arm: the arm's name; ``"shared"`` for what others need, which is no arm's own.
        seed: the trial's seed.
        key: the trial's key.
        role: whether it evaluates the arm, helps to choose its settings, or is needed by others.
    """

    arm: str
    seed: int
    key: str
    role: Role

    def row(self) -> list[str | int]:
        """Return it as a list, of which a store holds thousands."""
        return [self.arm, self.seed, self.key, self.role]

    @classmethod
    def of_row(cls, row: Any, _kind: Any = None) -> Planned:
        """Read what :meth:`row` wrote.

        Raises:
            TypeError: it is no such list.
        """
        kinds = [*map(type, row)] if type(row) is list else []
        if kinds != [str, int, str, str] or role_named(row[3]) not in ROLES:
            raise TypeError(f"no row of arm, seed, key and role, but {shortly(row)}")
        return cls(row[0], row[1], row[2], role_named(row[3]))


ROLES = get_args(Role)


@dataclass(frozen=True)
class Manifest:
    """What a run at one scale consists of.

    Attributes:
        seeds: the evaluation seeds planned.
        asked: the fixed numbers of seeds that trials of the same code were run with, ascending.
        looks: when claims are looked at; ``None`` where the number of seeds is fixed.
        evaluations: evaluation trials planned; ``None`` where it was not written down.
        tuned: whether settings were searched.
        command: what comes to the same records.
        trials: those whose keys were known: what others need, then tuning, then the rest.
        tuning: how settings were chosen.
        programs: the key under which the cost of an arm's program is kept, by arm name.
        machine: the one preferred for costs.
        data: what is known of each data set, with a sentence under ``told``.
        modes: names of the arms that train together, by program.
        declaration: the hash under which the declaration of the run is kept; empty where none is.
        revision: git revision of the study's folder, with ``+changes`` where it was not clean;
            ``None`` where it was not written down.
        time: when it was written, ISO 8601, UTC; empty where that is not known.
        notes: of results that others made, sentences that a reader must see beside the verdicts.
        search: the settings that a search has tried; ``None`` where none were searched so.
        folds: how the data is folded; ``None`` where it is not.
        version: of this form.
    """

    seeds: tuple[int, ...]
    asked: tuple[int, ...]
    looks: Looks | None
    evaluations: int | None
    tuned: bool
    command: str
    trials: tuple[Planned, ...]
    tuning: tuple[ArmTuning, ...]
    programs: Mapping[str, str]
    machine: str
    data: tuple[Mapping[str, Any], ...]
    modes: Mapping[str, tuple[str, ...]]
    declaration: str = ""
    revision: str | None = None
    time: str = ""
    notes: tuple[str, ...] = ()
    search: SearchKept | None = None
    folds: Folds | None = None
    version: int = VERSION

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its trials."""
        return frozenset(trial.key for trial in self.trials)

    def says(self, other: Manifest | None) -> bool:
        """Whether another says the same, whenever either was written."""
        return other is not None and replace(other, time=self.time) == self

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(to_plain(self))

    @staticmethod
    def of(plain: Any) -> Manifest:
        """Read what :meth:`plain` wrote, or what a version before did.

        Raises:
            UnreadableError: it is damaged.
            NewerError: a newer version of the harness wrote it.
        """
        version = plain.get("version") if isinstance(plain, Mapping) else None
        if isinstance(version, int) and version > VERSION:
            raise NewerError(
                f"a run must be written in form {VERSION}, or in one before",
                f"form {version}, by a newer version of the harness",
                "Update the harness, or take another --store.",
            )
        if isinstance(plain, Mapping) and "version" not in plain:
            return from_plain(Manifest, _since(plain))
        return from_plain(Manifest, plain)


_FIRST: Mapping[str, Any] = {
    "asked": [], "looks": None, "evaluations": None, "machine": "", "data": [], "modes": {},
    "declaration": "", "revision": None, "time": "", "notes": [], "version": VERSION,
}  # fmt: skip
"""What not every plan of before says."""


def _since(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan without a version, whose trials do not say what they are for, as one of today.

    Raises:
        UnreadableError: a trial is no row of arm, seed and key.
    """
    rows = plan.get("trials")
    if isinstance(rows, Sequence):
        rows = [[*_checked(row), role_of(row[0], row[1])] for row in rows]
    return {**_FIRST, **plan, "trials": rows}


def _checked(row: Any) -> list[Any]:
    if type(row) is not list or [*map(type, row)] != [str, int, str]:
        raise UnreadableError(f"no row of arm, seed and key, but {shortly(row)}")
    return row


def role_of(arm: str, seed: int) -> Role:
    """Return what a trial of a plan without roles is for."""
    return "need" if arm == "teacher" else "tune" if seed >= TUNING_SEED else "evaluate"
