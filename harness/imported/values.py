"""Cells as levels, seeds and numbers: what was understood is told, what was not is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from harness.imported.sheet import LARGE, Row, number_of
from harness.messages.errors import HarnessError, one_line
from harness.messages.levels import Level, own
from harness.study.factors import Factor
from harness.study.metrics import Metric

NOTHING = frozenset({"", "na", "n/a", "<na>", "none", "null", "-", "–"})
"""How an empty cell is written, in lower case."""

MOST = 2**53
"""The largest seed: a store keeps it as a float."""

CLOSE = 1e-6
"""How near a number must come to a level: single precision writes 0.1 as 0.10000000149. Whole
numbers must be the same: 20240101 is not 20240102."""

_YES = {"true": True, "yes": True, "false": False, "no": False}


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in NOTHING


def short(cell: Any, most: int = 40) -> Any:
    """Return what is shown of a cell: text on one line and cut, and all else as it is."""
    if not isinstance(cell, str):
        return cell if len(str(cell)) <= most else short(str(cell), most)
    text = one_line(cell)
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass
class Levels:
    """Finds the level of a factor that a cell means: by its name, or by its value.

    Attributes:
        factor: whose levels.
        known: what was found before.
    """

    factor: Factor
    known: dict[tuple[type, Any, bool], Level | None] = field(default_factory=dict)

    def level(self, cell: Any, *, decimal_comma: bool = False) -> Level | None:
        """Return the level that a cell means; ``None`` where it is none that is declared.

        Args:
            cell: what stands there.
            decimal_comma: whether a comma may stand for the point.
        """
        cell = own(cell)
        try:
            place = type(cell), cell, decimal_comma
            if place not in self.known:
                self.known[place] = self._found(cell, decimal_comma=decimal_comma)
            return self.known[place]
        except TypeError:  # a list, which is no level
            return None

    def _found(self, cell: Any, *, decimal_comma: bool) -> Level | None:
        text = cell.strip() if isinstance(cell, str) else None
        for level in self.factor.named:
            if text is not None and text == level.name:
                return level
            if type(level.value) is type(cell) and level.value == cell:
                return level
        truth = _YES.get(text.lower()) if text is not None else cell
        near: list[tuple[float, Level]] = []
        number = number_of(cell, decimal_comma=decimal_comma)
        for level in self.factor.named:
            value = level.value
            if isinstance(value, bool):
                if isinstance(truth, bool) and truth is value:
                    return level
            elif isinstance(value, int | float) and number is not None:
                if value == number:
                    return level
                if (apart := _apart(value, number)) is not None:
                    near.append((apart, level))
            elif value is None:
                if is_empty(cell):
                    return level
            elif isinstance(value, str) and cell is not None and str(cell) == value:
                return level
        return min(near, key=lambda each: each[0])[1] if near else None


def _apart(value: float, number: float) -> float | None:
    """Return how far a number is from that of a level; ``None`` where they are not the same one."""
    if abs(value) >= LARGE or abs(number) >= LARGE:  # float() may not hold it
        return None
    whole = float(value).is_integer() and float(number).is_integer()
    if whole or not math.isclose(value, number, rel_tol=CLOSE):
        return None
    return abs(value - number)


def seed_in(row: Row, column: str) -> int:
    """Return the seed of a row.

    Raises:
        HarnessError: it is no whole number from 0 on, or one that a store would round.
    """
    value = row.number(column)
    if value is not None and 0 <= value <= MOST and value == int(value):
        return int(value)
    raise HarnessError(
        f"a seed must be a whole number from 0 to {MOST}",
        f"{short(row.cells.get(column))!r} in column {column}, {row.where}",
        "Number the seeds, or name another column with --seed-column.",
    )


@dataclass
class Numbers:
    """Reads the numbers of one metric, and keeps what it understood that could be meant otherwise.

    Attributes:
        metric: of which the numbers are.
        column: where they stand.
        typed: whether cells have kinds of their own, so that a number as text is told.
        understood: sentences, each once.
    """

    metric: Metric
    column: str
    typed: bool
    understood: dict[str, None] = field(default_factory=dict)

    def read(self, row: Row) -> float:
        """Return the number in a row; NaN where its cell is empty.

        Raises:
            HarnessError: it holds something else.
        """
        value = own(row.cells.get(self.column))
        if isinstance(value, bool):
            self._tell("yes and no were read as 1 and 0")
            return float(value)
        if is_empty(value):
            return math.nan
        if isinstance(value, str):
            number = self._of_text(value.strip(), decimal_comma=row.decimal_comma)
        else:
            number = number_of(value)
        if number is not None:
            return self._checked(float(number), row.where)
        raise HarnessError(
            f"{self.metric.name} must be a number in every row",
            f"{short(value)!r} in column {self.column}, {row.where}",
            "Write the number with a point; leave the cell of a run that failed empty.",
        )

    def _of_text(self, text: str, *, decimal_comma: bool) -> float | None:
        number = number_of(text, decimal_comma=decimal_comma)
        if number is not None:
            if "," in text:
                self._tell(f"a comma was read as the decimal point: {text!r} is {number:g}")
            elif self.typed:
                self._tell(f"numbers written as text were read as numbers, such as {text!r}")
            return number
        if text.lower() in _YES:
            self._tell("yes and no were read as 1 and 0")
            return float(_YES[text.lower()])
        if text.endswith("%"):
            number = number_of(text[:-1], decimal_comma=decimal_comma)
            if number is None or self.metric.unit not in {"fraction", "%", "pp"}:
                return None
            share = number / 100 if self.metric.unit == "fraction" else number
            self._tell(f"per cent were understood: {text!r} is {share:g}")
            return share
        return None

    def _checked(self, number: float, where: str) -> float:
        finite = math.isfinite(number)
        if self.metric.unit == "fraction" and finite and not -CLOSE <= number <= 1 + CLOSE:
            raise HarnessError(
                f"{self.metric.name} must lie between 0 and 1, since its unit is a fraction",
                f"{number:g} in column {self.column}, {where}",
                "Divide by 100 what is in per cent, or declare "
                f"Metric({self.metric.name!r}, unit='%', ...) with margins in per cent."
                if number > 0
                else f"Declare Metric({self.metric.name!r}, ...) without unit='fraction' where "
                "values may be below 0.",
            )
        return number

    def _tell(self, sentence: str) -> None:
        begun = sentence.partition(":")[0].partition(", such as")[0]
        if not any(begun in each for each in self.understood):
            self.understood[f"{self.metric.name}: {sentence}."] = None
