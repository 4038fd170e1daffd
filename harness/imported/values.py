"""Cells as levels, seeds and numbers: what was understood is told, what was not is refused."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from harness.imported.sheet import number_in
from harness.messages.errors import HarnessError
from harness.messages.levels import Level, own
from harness.study.factors import Factor
from harness.study.metrics import Metric

NOTHING = frozenset({"", "na", "n/a", "<na>", "none", "null", "-", "–"})
"""How an empty cell is written, in lower case."""

MOST = 2**53
"""The largest seed: a store keeps it as a float."""

CLOSE = 1e-6
"""How near a number must come to a level: single precision writes 0.1 as 0.10000000149."""

_YES = {"true": True, "yes": True, "false": False, "no": False}


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in NOTHING


@dataclass
class Levels:
    """Finds the level of a factor that a cell means: by its name, or by its value.

    Attributes:
        factor: whose levels.
        known: what was found before.
    """

    factor: Factor
    known: dict[tuple[type, Any], Level | None] = field(default_factory=dict)

    def level(self, cell: Any) -> Level | None:
        """Return the level that a cell means; ``None`` where it is none that is declared."""
        cell = own(cell)
        try:
            place = type(cell), cell
            if place not in self.known:
                self.known[place] = self._found(cell)
            return self.known[place]
        except TypeError:  # a list, which is no level
            return None

    def _found(self, cell: Any) -> Level | None:
        text = cell.strip() if isinstance(cell, str) else None
        for level in self.factor.named:
            if text is not None and text == level.name:
                return level
            if type(level.value) is type(cell) and level.value == cell:
                return level
        truth = _YES.get(text.lower()) if text is not None else cell
        number = number_in(text) if text is not None else cell
        numbers = isinstance(number, int | float) and not isinstance(number, bool)
        for level in self.factor.named:
            value = level.value
            if isinstance(value, bool):
                if isinstance(truth, bool) and truth is value:
                    return level
            elif isinstance(value, int | float) and numbers:
                if math.isclose(value, float(number), rel_tol=CLOSE):  # type: ignore[arg-type]
                    return level
            elif value is None:
                if is_empty(cell):
                    return level
            elif isinstance(value, str) and cell is not None and str(cell) == value:
                return level
        return None


def seed_in(cell: Any, column: str, where: str) -> int:
    """Return the seed in a cell.

    Raises:
        HarnessError: it is no whole number from 0 on, or one that a store would round.
    """
    value = own(cell)
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if re.fullmatch(r"\d+", text) else number_in(text)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value <= MOST and value == int(value):
        return int(value)
    raise HarnessError(
        f"a seed must be a whole number from 0 to {MOST}",
        f"{cell!r} in column {column}, {where}",
        "Number the seeds, or name another column with --seed-column.",
    )


@dataclass
class Numbers:
    """Reads the numbers of one metric, and keeps what it understood that could be meant otherwise.

    Attributes:
        metric: of which the numbers are.
        column: where they stand.
        typed: whether cells have kinds of their own, so that a number as text is told.
        decimal_comma: whether a comma may stand for the point.
        understood: sentences, each once.
    """

    metric: Metric
    column: str
    typed: bool
    decimal_comma: bool
    understood: dict[str, None] = field(default_factory=dict)

    def read(self, cell: Any, where: str) -> float:
        """Return the number in a cell; NaN where it is empty.

        Raises:
            HarnessError: it holds something else.
        """
        value = own(cell)
        if isinstance(value, bool):
            self._tell("yes and no were read as 1 and 0")
            return float(value)
        if isinstance(value, int | float):
            return self._checked(float(value), where)
        if is_empty(value):
            return math.nan
        if isinstance(value, str):
            found = self._of_text(value.strip())
            if found is not None:
                return self._checked(found, where)
        raise HarnessError(
            f"{self.metric.name} must be a number in every row",
            f"{value!r} in column {self.column}, {where}",
            "Write the number with a point; leave the cell of a run that failed empty.",
        )

    def _of_text(self, text: str) -> float | None:
        number = number_in(text)
        if number is not None:
            if self.typed:
                self._tell(f"numbers written as text were read as numbers, such as {text!r}")
            return number
        if text.lower() in _YES:
            self._tell("yes and no were read as 1 and 0")
            return float(_YES[text.lower()])
        if text.endswith("%"):
            number = number_in(text[:-1].strip())
            if number is None or self.metric.unit not in {"fraction", "%", "pp"}:
                return None
            share = number / 100 if self.metric.unit == "fraction" else number
            self._tell(f"per cent were understood: {text!r} is {share:g}")
            return share
        if self.decimal_comma and text.count(",") == 1:
            number = number_in(text.replace(",", "."))
            if number is not None:
                self._tell(f"a comma was read as the decimal point: {text!r} is {number:g}")
            return number
        return None

    def _checked(self, number: float, where: str) -> float:
        if self.metric.unit == "fraction" and math.isfinite(number) and number > 1 + CLOSE:
            raise HarnessError(
                f"{self.metric.name} must lie between 0 and 1, since its unit is a fraction",
                f"{number:g} in column {self.column}, {where}",
                "Divide by 100 what is in per cent, or declare "
                f"Metric({self.metric.name!r}, unit='%', ...) with margins in per cent.",
            )
        return number

    def _tell(self, sentence: str) -> None:
        begun = sentence.partition(":")[0].partition(", such as")[0]
        if not any(begun in each for each in self.understood):
            self.understood[f"{self.metric.name}: {sentence}."] = None
