"""Failures that were accepted beforehand: by whom is in the file's history, why is in the file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from harness.gate.only import fits
from harness.gate.outcome import Row
from harness.gate.words import PLACEHOLDER, bound_text, made_of, must_be_same, value_text, worse
from harness.messages.errors import HarnessError, near

FILE = "gate-waivers.toml"
KEYS = ("benchmark", "figure", "up_to", "to", "reason", "revision", "expires")


@dataclass(frozen=True)
class Waiver:
    """One accepted failure.

    Attributes:
        benchmark: a name; ``*`` stands for any signs, ``?`` for one.
        figure: the same.
        reason: why it was accepted.
        revision: the commit that accepted it.
        expires: the last day on which it holds.
        up_to: by what share the figure may be worse, such as 0.2; of quality by how much, in its
            unit, such as 0.02 for two points of accuracy.
        to: which value a figure may have.
    """

    benchmark: str
    figure: str
    reason: str
    revision: str
    expires: date
    up_to: float | None = None
    to: float | None = None

    def is_for(self, row: Row) -> bool:
        """Whether it names a row."""
        return fits(self.benchmark, row.benchmark) and fits(self.figure, row.figure)

    def covers(self, row: Row) -> bool:
        """Whether a row lies within its bound.

        The bound of a share is for what was measured, not for its interval's upper end. Of figures
        that must be the same, any difference counts, in whichever direction.
        """
        if self.to is not None:
            if must_be_same(row.figure):
                return row.head == self.to
            return row.head <= self.to if row.better == "lower" else row.head >= self.to
        assert self.up_to is not None
        by = abs(row.change) if must_be_same(row.figure) else worse(row)
        return by <= self.up_to  # which is false of NaN, and of infinity

    def bound_for(self, row: Row) -> str:
        """Return the bound in words, as a row's change is printed."""
        if self.to is not None:
            unit = row.unit if row.basis == "quality" else "count"
            return f"the value {value_text(self.to, unit)}"
        assert self.up_to is not None
        return bound_text(row, self.up_to)

    @property
    def told(self) -> str:
        """The waiver in words."""
        return f"the waiver of {self.figure} of {self.benchmark} ({self.reason})"


def load(file: Path) -> tuple[Waiver, ...]:
    """Read a file of waivers; an empty one has none.

    Raises:
        HarnessError: it cannot be read, is no TOML, or an entry lacks something, holds something
            unknown, or has no day or no bound that can be read.
    """
    try:
        value = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError("waivers must be a file that can be read", f"{file}: {error}",
                           "Name another, or none.") from error  # fmt: skip
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(f"{file} must be TOML", str(error), "Each entry begins with "
                           "[[waiver]] on a line of its own.") from error  # fmt: skip
    unknown = [name for name in value if name != "waiver"]
    entries = value.get("waiver", [])
    if unknown or not isinstance(entries, list) or not all(isinstance(x, dict) for x in entries):
        got = unknown[0] if unknown else "waiver without double brackets"
        raise HarnessError(f"{file} must hold [[waiver]] alone", got, "Write [[waiver]].")
    return tuple(_waiver(each, f"{file}, waiver {at}") for at, each in enumerate(entries, 1))


def _waiver(entry: Mapping[str, Any], where: str) -> Waiver:
    for name in entry:
        if name not in KEYS:
            raise HarnessError(f"{where} must have known keys", repr(name), near(name, KEYS))
    lacking = [name for name in ("benchmark", "figure", "reason", "revision", "expires")
               if name not in entry]  # fmt: skip
    if len(lacking) > 1:
        way = "The summary of a gate that fails has the lines to paste."
        raise HarnessError(f"{where} must be whole", f"none of {', '.join(lacking)}", way)
    for name in ("benchmark", "figure", "reason", "revision"):
        text = entry.get(name)
        if not isinstance(text, str) or not text.strip():
            got = "none" if name not in entry else repr(text)
            raise HarnessError(f"{where} must have a {name}", got, f'Write {name} = "...".')
    if entry["reason"] == PLACEHOLDER:
        raise HarnessError(
            f"{where} must have a reason of your own", repr(PLACEHOLDER), "Say why it is accepted."
        )
    day = entry.get("expires")
    if not isinstance(day, date) or isinstance(day, datetime):
        got = "none" if day is None else repr(day) if isinstance(day, str) else str(day)
        way = "Write expires = 2027-01-31, without quotes."
        raise HarnessError(f"{where} must say on which day it expires", got, way)
    bounds = [name for name in ("up_to", "to") if name in entry]
    if len(bounds) != 1:
        got = "none" if not bounds else "two"
        way = "Write up_to = 0.2 for 20 % worse, or to = 123 for an exact figure."
        raise HarnessError(f"{where} must have one bound, up_to or to", got, way)
    number = entry[bounds[0]]
    least = 0.0 if bounds == ["up_to"] else -1e300
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not (least < number < 1e300)
    ):
        must = "a share above 0" if bounds == ["up_to"] else "a number"
        way = f"Write {bounds[0]} = {'0.2' if bounds == ['up_to'] else '123'}."
        raise HarnessError(f"{where} must have {must} as {bounds[0]}", repr(number), way)
    return Waiver(
        entry["benchmark"], entry["figure"], entry["reason"], entry["revision"], day,
        **{bounds[0]: float(number)},
    )  # fmt: skip


def unknown(waivers: Sequence[Waiver], resolve: Callable[[str], object]) -> tuple[str, ...]:
    """Return notes on waivers whose revision git does not know here.

    They hold all the same: a shallow clone knows few revisions.

    Args:
        waivers: what :func:`load` returned.
        resolve: raises a HarnessError where there is no such revision.
    """
    notes = []
    for each in waivers:
        try:
            resolve(each.revision)
        except HarnessError as error:
            notes.append(f"Unknown revision in {each.told}, which holds all the same: {error}")
    return tuple(notes)


def apply(
    rows: Sequence[Row], waivers: Sequence[Waiver], today: date
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Accept failures that lie within a waiver's bound.

    Args:
        rows: of a gate.
        waivers: what :func:`load` returned.
        today: the day.

    Returns:
        The rows, of which accepted ones name the reason and those beyond a bound say so, and notes
        on waivers that have expired or that no failure needed.
    """
    valid = [each for each in waivers if today <= each.expires]
    notes = [
        f"Expired on {each.expires}: {each.told}. It accepts nothing any more: renew or remove it."
        for each in waivers
        if each not in valid
    ]
    used: set[int] = set()
    out = []
    for row in rows:
        own = [at for at, each in enumerate(valid) if each.is_for(row)]
        if row.answer == "inconclusive":
            used |= {*own}  # it may be needed still
        if row.answer != "fail" or not own:
            out.append(row)
            continue
        used |= {*own}
        covering = next((valid[at] for at in own if valid[at].covers(row)), None)
        if covering is not None:
            said = f"{covering.reason} (up to {covering.bound_for(row)}, until {covering.expires})"
            out.append(replace(row, waiver=said))
            continue
        bounds = " and ".join(valid[at].bound_for(row) for at in own)
        out.append(replace(row, why=f"{row.why} A waiver accepts up to {bounds}: this is beyond."))
    out = [row if any(each.is_for(row) for each in valid) else _with_parts(row, out) for row in out]
    notes += [
        f"Unused: {each.told}. No failure needs it: remove it."
        for at, each in enumerate(valid)
        if at not in used and any(each.is_for(row) for row in rows if row.answer != "new")
    ]
    return tuple(out), tuple(notes)


def _with_parts(row: Row, rows: Sequence[Row]) -> Row:
    """Accept the number of all operators, where those that are accepted are all that is more."""
    if row.answer != "fail" or row.waiver:
        return row
    if not made_of(row, [each for each in rows if each.waiver]):
        return row
    return replace(row, waiver="all that it has more is accepted, operator by operator")
