"""What a gate's result says, in words: the verdict, what to do, and each number."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from harness.gate.outcome import Answer, Control, GateResult, Row
from harness.study.formatting import (
    DASH,
    bytes_text,
    count_text,
    effect_text,
    first_of,
    margin_text,
    number_text,
    plural,
    seconds_text,
)
from harness.study.formatting import interval_text as differences_text
from harness.study.metrics import Metric

MARKS = {"pass": "✔", "fail": "✘", "inconclusive": "◇", "error": "✘", "new": "●", "shown": "·"}
"""A sign for each answer; it never stands without its word."""

SAVED = "It is saved."
"""What is said of a figure that a baseline now has."""

_ORDER = ("fail", "inconclusive", "new", "pass", "shown")
_LISTED = 3


@dataclass(frozen=True)
class Headline:
    """The first line.

    Attributes:
        answer: the answer in all.
        said: what it is, in one sentence.
        todo: what to do, in one or two.
    """

    answer: Answer | str
    said: str
    todo: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.answer.upper()}: {self.said} {self.todo}"


def headline(result: GateResult) -> Headline:
    """Say what came of a gate, and what to do now."""
    failed = [row for row in result.rows if row.answer == "fail" and not row.waiver]
    waived = sum(row.answer == "fail" and bool(row.waiver) for row in result.rows)
    opened = [row for row in result.rows if row.answer == "inconclusive"]
    judged = [row for row in result.rows if row.answer in {"pass", "fail", "inconclusive"}]
    shadow = " Nothing is blocked: this gate runs in shadow mode." if result.shadow else ""
    if result.answer == "error":
        if not result.problems:
            return Headline("error", "nothing was judged.", "Name what is to be measured.")
        what = f"{plural(len(result.problems), 'thing')} could not be measured."
        return Headline("error", what, "This is no pass: fix it, and run the gate again.")
    if result.answer == "fail":
        same = any(row.basis == "exact" and must_be_same(row.figure) for row in failed)
        how, told = "changed" if same else "became worse", _listed(to_accept(failed))
        what = f"{len(failed)} of {plural(len(judged), 'figure')} {how}: {told}."
        return Headline("fail", what, f"Fix it, or accept it by a waiver.{shadow}")
    if result.answer == "inconclusive":
        what = f"{len(opened)} of {plural(len(judged), 'figure')} cannot be told: "
        todo = (
            "The machine was slower than itself: run it again when it is calmer."
            if any(each.alarm for each in result.controls)
            else "Run it again with more --seeds, or look at the intervals and decide."
            if all(row.basis == "quality" for row in opened)
            else "Run it again with a larger --budget, or look at the intervals and decide."
        )
        return Headline("inconclusive", f"{what}{_listed(opened)}.", todo + shadow)
    if result.rows and all(row.why == SAVED for row in result.rows):
        what = f"{plural(len(result.rows), 'figure')} saved."
        return Headline("pass", what, "Compare code of later with them by --baseline.")
    if not judged:
        news = len({row.benchmark for row in result.rows if row.answer == "new"})
        what = f"{plural(news, 'benchmark')} without a base to compare with."
        return Headline("pass", what, "Nothing to do: it is compared from the next change on.")
    what = f"nothing of {plural(len(judged), 'figure')} became worse."
    if waived:
        what = (
            f"{plural(waived, 'failure')} accepted by waivers; the other "
            f"{plural(len(judged) - waived, 'figure')} did not become worse."
        )
    return Headline("pass", what, "Nothing to do.")


def _listed(rows: Sequence[Row]) -> str:
    named = [f"{row.figure} of {row.benchmark}{_by(row)}" for row in ordered(rows)]
    return first_of(named, _LISTED)


def _by(row: Row) -> str:
    change = change_text(row)
    return "" if change == DASH else f" ({change})"


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Return rows as they are read: failures first, then the largest change for the worse."""

    def place(row: Row) -> tuple[int, float]:
        by = worse(row)
        return _ORDER.index(row.answer), -by if math.isfinite(by) else -math.inf

    return sorted(rows, key=place)


def explained(row: Row) -> bool:
    """Whether a row's reason is told with it: of what is no plain pass, or passes though worse."""
    if row.answer == "pass":
        worse_by = interval_worse(row)[0] if row.basis == "time" else worse(row)
        return bool(row.why) and row.basis in {"time", "exact"} and worse_by > 0
    return bool(row.why) and row.answer in {"fail", "inconclusive"}


def told(row: Row) -> str:
    """Return a row's answer as a word, with its sign."""
    if row.waiver:
        return f"{MARKS['pass']} accepted"
    return f"{MARKS[row.answer]} {row.answer.upper() if row.answer == 'fail' else row.answer}"


# ---- numbers ------------------------------------------------------------------------------------

MUST_BE_SAME = frozenset({"parameters", "steps"})
"""Exact figures that say what is trained, not how well: any difference is a failure."""


def must_be_same(figure: str) -> bool:
    """Whether a figure may not differ at all, in whichever direction."""
    return figure.rpartition("/")[2] in MUST_BE_SAME and not figure.startswith("operators/")


def worse(row: Row) -> float:
    """Return by what share head needs more than base, such as 0.1; of a rate, by its inverse.

    0.1 less of what should be high, throughput say, is 0.111 more time for the same work. NaN
    where it cannot be told, infinity where the base is 0. Of quality it is no share: by how much
    head is worse, in the figure's unit.
    """
    return _as_worse(row.change, row)


def _as_worse(change: float, row: Row) -> float:
    if row.basis == "quality":
        return change if row.better == "lower" else -change
    return as_worse(change, row.better)


def as_worse(change: float, better: str) -> float:
    """Return a change as the share of more that is needed; see :func:`worse`."""
    if better == "lower" or not math.isfinite(change):
        return change
    return 1 / (1 + change) - 1 if change > -1 else math.inf


def interval_worse(row: Row) -> tuple[float, float]:
    """Return the ends of a row's interval as :func:`worse` counts, the lower one first."""
    ends = (_as_worse(row.low, row), _as_worse(row.high, row))
    return ends if row.better == "lower" else ends[::-1]


def value_text(value: float, unit: str) -> str:
    """Print a figure's value with its unit; a dash where there is none."""
    if not math.isfinite(value):
        return DASH
    if unit == "s":
        return seconds_text(value)
    if unit == "bytes":
        return bytes_text(value)
    if unit == "count":
        small = value == int(value) and abs(value) < 1e6
        return f"{value:,.0f}" if small else count_text(value)
    if unit == "fraction":
        return value_text(100 * value, "%")
    return f"{number_text(value)} {unit}".strip()


def values_text(row: Row) -> tuple[str, str]:
    """Print base and head; two that differ never look the same."""
    return pair_text(row.base, row.head, row.unit)


_CLOSE = 0.01
"""Values nearer than this share are printed in full: three digits would hide the difference."""


def pair_text(first: float, second: float, unit: str) -> tuple[str, str]:
    """Print two values that are read together; two that differ never look the same."""
    if unit == "fraction":
        return pair_text(100 * first, 100 * second, "%")
    texts = value_text(first, unit), value_text(second, unit)
    close = 0 < abs(first - second) < _CLOSE * max(abs(first), abs(second))
    if not (close and (unit not in {"s", "per s"} or texts[0] == texts[1])):
        return texts  # also where one is no number
    whole = first == int(first) and second == int(second)
    named = f" {unit}" if unit not in {"", "count"} else ""
    for digits in (5, 9, 17):
        full = [f"{each:,.0f}" if whole else f"{each:.{digits}g}" for each in (first, second)]
        if full[0] != full[1]:
            return full[0] + named, full[1] + named
    return texts


def share_text(share: float, *, unit: bool = True) -> str:
    """Print a share as per cent with its sign, one decimal, or as many as it needs not to be 0."""
    if math.isnan(share):
        return DASH
    if math.isinf(share):
        return "∞" if share > 0 else "−∞"
    points = 100 * share
    text = f"{points:+.1f}"
    if points and abs(points) < 0.05:
        text = f"{points:+.1g}"
    if abs(points) >= 1000:
        text = f"{points:+,.0f}"
    text = "0.0" if text in {"+0.0", "-0.0", "+0", "-0"} else text.replace("-", "−")
    return f"{text} %" if unit else text


def change_text(row: Row) -> str:
    """Print by how much head is above base; where base is 0, that it is.

    Of quality it is a difference in the figure's unit: of shares, in percentage points.
    """
    if row.basis == "quality":
        return effect_text(metric_of(row), row.change) if math.isfinite(row.change) else DASH
    if row.base == 0 and math.isfinite(row.head):
        return "0.0 %" if row.head == 0 else "from 0"
    return share_text(row.change)


def interval_text(low: float, high: float) -> str:
    """Print an interval of shares in per cent; a dash where there is none."""
    if math.isnan(low) or math.isnan(high):
        return DASH
    return f"[{share_text(low, unit=False)}, {share_text(high, unit=False)}] %"


def row_interval_text(row: Row) -> str:
    """Print the interval of a row's change, in what the change is printed in."""
    if row.basis == "quality":
        return differences_text(metric_of(row), row.low, row.high)
    return interval_text(row.low, row.high)


def bound_text(row: Row, by: float) -> str:
    """Print by how much a row may be worse: a share, or of quality a difference."""
    if row.basis == "quality":
        return margin_text(metric_of(row), by)
    return share_text(by)


def metric_of(row: Row) -> Metric:
    """Return a row's metric, as far as it takes to print values and differences of quality."""
    return Metric(row.figure, unit=row.unit, better=row.better)


def change_and_interval(row: Row) -> str:
    """Print a change with its interval, where it has one."""
    interval = row_interval_text(row)
    return change_text(row) if interval == DASH else f"{change_text(row)} {interval}"


def control_text(control: Control) -> str:
    """Say what the base did against itself."""
    alarm = " The rule calls one of the two slower: then no time blocks." if control.alarm else ""
    interval = interval_text(control.low, control.high)
    behind = "" if interval == DASH else f" {interval}"
    return (
        f"{control.figure} of {control.benchmark}: the base against itself "
        f"{share_text(control.change)}{behind}, typical spread of a pair "
        f"{spread_text(control)}.{alarm}"
    )


def spread_text(control: Control) -> str:
    """Print the typical spread of a pair; of fewer pairs than a look has nobody knows it."""
    return "not known" if math.isnan(control.low) else f"{100 * control.spread:.1f} %"


def controls_texts(controls: Sequence[Control]) -> list[str]:
    """Say what the base did against itself: of few figures each, of many the range and alarms."""
    if len(controls) <= _LISTED:
        return [control_text(each) for each in controls]
    changes = sorted(each.change for each in controls)
    between = f"{share_text(changes[0])} to {share_text(changes[-1])}"
    spreads = 100 * max(each.spread for each in controls)
    said = (
        f"{len(controls)} figures of the base against itself: {between}, typical spread of a pair "
        f"up to {spreads:.1f} %."
    )
    return [said, *(control_text(each) for each in controls if each.alarm)]


def pairs_text(rows: Sequence[Row]) -> str:
    """Say how many pairs of processes there were, and how many seeds; nothing of what was not."""
    processes = {row.pairs for row in rows if row.pairs and row.basis != "quality"}
    seeds = {row.pairs for row in rows if row.pairs and row.basis == "quality"}
    said = [f"{_range(processes, 'pair')} of fresh processes."] if processes else []
    said += [f"Quality: {_range(seeds, 'seed')} on each side."] if seeds else []
    return " ".join(said)


def _range(counts: Collection[int], noun: str) -> str:
    low, high = min(counts), max(counts)
    return plural(low, noun) if low == high else f"{low} to {plural(high, noun)}"


def detectable_text(rows: Sequence[Row]) -> str:
    """Say what nine of ten such gates would have failed; nothing where it is not known."""
    found = [row.detectable for row in rows if math.isfinite(row.detectable)]
    if not found:
        return ""
    return (
        "Nine of ten such gates would have failed a slowdown of "
        f"{100 * max(found):.1f} % in any of them."
    )


OPERATORS = "operators"
"""The figure that is the sum of those whose names begin with it and a slash."""


def made_of(row: Row, others: Sequence[Row]) -> bool:
    """Whether a row is a number of all operators, and some rows are all that it has more.

    Args:
        row: a failure.
        others: of them count single operators of the same benchmark that failed.
    """
    parts = [
        each.head - each.base
        for each in others
        if each.answer == "fail"
        and each.benchmark == row.benchmark
        and each.figure.startswith(f"{OPERATORS}/")
    ]
    return row.figure == OPERATORS and bool(parts) and row.head - row.base <= sum(parts)


def to_accept(rows: Sequence[Row]) -> list[Row]:
    """Return the failures that waivers are offered for: of a sum of operators only its parts."""
    failed = [row for row in rows if row.answer == "fail" and not row.waiver]
    return [row for row in failed if not made_of(row, failed)]


LASTS = timedelta(days=90)
"""How long a waiver that is offered for pasting lasts."""


PLACEHOLDER = "say why this is worth it"
"""What stands for a reason in the lines that are offered; it is none."""


def waiver_lines(row: Row, result: GateResult) -> list[str]:
    """Return the lines of a waiver that would accept a failure, to be pasted with a reason."""
    exact = row.basis == "exact"
    bound = f"to = {row.head:.17g}" if exact else f"up_to = {_rounded_up(row)}"
    try:
        day = datetime.fromisoformat(result.time).date()
    except ValueError:  # of a gate that no clock was asked for
        day = date.today()
    return [
        "[[waiver]]",
        f"benchmark = {_toml(row.benchmark)}",
        f"figure = {_toml(row.figure)}",
        bound,
        f"reason = {_toml(PLACEHOLDER)}",
        f"revision = {_toml((result.head.commit or result.base.commit or 'none')[:12])}",
        f"expires = {day + LASTS}",
    ]


def _rounded_up(row: Row) -> str:
    """Round a loss up so that a little room is left: a share to the next twentieth."""
    by = worse(row)
    if row.basis == "quality" and math.isfinite(by):
        return f"{1.25 * by:.2g}"
    return f"{math.ceil(20 * by + 0.5) / 20:.2f}" if math.isfinite(by) else "1.0"


def _toml(text: str) -> str:
    """Quote a text as TOML and JSON both do, all but printable ASCII by number."""
    return json.dumps(text).replace("\x7f", "\\u007f")
