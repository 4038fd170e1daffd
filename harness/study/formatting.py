"""How numbers are printed: metrics, p values, times, sizes and counts.

What is not a number prints as a dash, never as ``nan``. Terminals print metrics as ``format_...``
do; reports as ``..._text`` do, which write exponents and thousands out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from harness.study.metrics import Metric

DASH = "–"
HUGE = 1e6
"""From here on differences are printed with an exponent."""

PER_CENT = frozenset({"fraction", "%"})
"""Units of metrics that are printed as per cent, with differences in percentage points: values
from 0 to 1, and those from 0 to 100."""

_MOST = 700.0  # the exponential of more is no floating-point number
_EXPONENT = re.compile(r"e([+-]\d+)")
_SIZES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "B": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")),
}
_THOUSANDS = re.compile(r"(?<![\d.])\d{4,}")


def format_level(metric: Metric, value: float) -> str:
    """Print a level of a metric, with its unit."""
    if metric.unit == "fraction":
        return f"{100 * value:.1f} %"
    return _three_digits(value) + (f" {metric.unit}" if metric.unit else "")


def _three_digits(value: float, sign: str = "") -> str:
    """Print a number with three digits, or as many as are before the point, if it is not huge."""
    digits = ",.0f" if 999.5 <= abs(value) < HUGE else ".3g"
    return f"{value:{sign}{digits}}"


def unit_of_change(metric: Metric) -> str:
    """Name the unit of a difference: of what is printed as per cent, percentage points."""
    return "pp" if metric.unit in PER_CENT else metric.unit


def format_difference(
    metric: Metric, value: float, *, signed: bool = True, unit: bool = True
) -> str:
    """Print a difference of a metric: percentage points for fractions, else a ratio."""
    if metric.relative:
        shown = _ratio(value, _decimals(value))
        return f"×{shown if signed else _shortest(shown)}"
    sign = "+" if signed else ""
    if metric.unit == "fraction":
        points = _points(value)
        digits = ".3g" if abs(points) >= HUGE else f".{_places(points)}f"
        return f"{points:{sign}{digits}}".replace("-", "−") + (" pp" if unit else "")
    suffix = f" {unit_of_change(metric)}" if metric.unit and unit else ""
    return _three_digits(value, sign).replace("-", "−") + suffix


def format_interval(metric: Metric, low: float, high: float, *, unit: bool = True) -> str:
    """Print an interval of differences, such as ``[+0.8, +1.2] nats``."""
    if metric.relative:
        decimals = min(max(_decimals(low), _decimals(high)), 3)
        return f"[×{_ratio(low, decimals)}, ×{_ratio(high, decimals)}]"
    if metric.unit == "fraction":
        ends = [format_difference(metric, end, unit=False) for end in (low, high)]
    else:  # the same decimals at both ends: three digits of the larger one
        largest = max(abs(low), abs(high))
        whole = math.floor(math.log10(largest)) if 0 < largest < math.inf else 0
        digits = ".3g" if largest >= HUGE else f",.{max(0, 2 - whole)}f"
        ends = [f"{end:+{digits}}".replace("-", "−") for end in (low, high)]
    named = unit_of_change(metric) if unit else ""
    return f"[{', '.join(ends)}]" + (f" {named}" if named else "")


def _points(value: float) -> float:
    """Return percentage points as they are printed: with one decimal, or with one digit."""
    points = 100 * value
    return (round(points, 1) if abs(points) >= 0.05 else float(f"{points:.1g}")) + 0.0  # no −0


def _places(points: float) -> int:
    if abs(points) >= 0.05 or abs(points) < 1e-4:
        return 1
    return -math.floor(math.log10(abs(points)))


def _decimals(log: float) -> int:
    """Return how many decimals a ratio is printed with: enough to tell it from 1, and from 0."""
    if not math.isfinite(log):
        return 0
    off = abs(math.expm1(min(log, 700.0)))
    if off > 99:
        return 0
    if log < math.log(0.1):
        return 1 - math.floor(log / math.log(10))
    return 2 if off >= 0.1 else max(3, 1 - math.floor(math.log10(off))) if off > 1e-9 else 0


def _ratio(log: float, decimals: int) -> str:
    if log == math.inf:
        return "∞"
    ratio = math.exp(min(log, 700.0))
    if ratio >= 1e6 or 0 < ratio < 1e-3:
        return f"{ratio:.2e}"
    return f"{ratio:,.{decimals}f}"


def _shortest(number: str) -> str:
    """Strip trailing zeros of a number with decimals: a margin of 1.05 is not 1.050."""
    return number.rstrip("0").rstrip(".") if "." in number and "e" not in number else number


def unscaled(metric: Metric, value: float) -> float:
    """Go back from the scale on which claims compare to the metric's own."""
    return math.exp(min(value, _MOST)) if metric.relative else value


def level_text(metric: Metric, value: float) -> str:
    """Print a value of a metric with its unit."""
    if metric.unit == "s":
        return seconds_text(value)
    if metric.unit == "B":
        return bytes_text(value) if math.isfinite(value) else not_finite(value)
    if metric.relative:
        return count_text(value) if abs(value) >= 1e6 else number_text(value)
    if _is_beyond(metric, value):
        return _with_unit(metric.unit, number_text(value))
    return format_level(metric, value).replace("-", "−")


def effect_text(metric: Metric, value: float) -> str:
    """Print a difference with sign and unit, or a ratio."""
    if metric.relative:
        return ratio_text(metric, value)
    if _is_beyond(metric, value):
        return _with_unit(unit_of_change(metric), _signed(value))
    return format_difference(metric, value)


def margin_text(metric: Metric, value: float) -> str:
    """Print a margin: a difference without a sign, or a ratio with the digits it was given."""
    if metric.relative:
        return f"×{number_text(unscaled(metric, value), 4)}"
    if _is_beyond(metric, value):
        return _with_unit(unit_of_change(metric), number_text(value))
    return format_difference(metric, value, signed=False)


def ratio_text(metric: Metric, value: float) -> str:
    """Print a difference of logarithms as the ratio that it is."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else "×∞" if value > 0 else "×0"
    return _exponents(format_difference(metric, value))


def _exponents(text: str) -> str:
    """Print exponents as everywhere: 1.00e6 and not 1.00e+06."""
    return _EXPONENT.sub(lambda match: f"e{int(match[1])}".replace("-", "−"), text)


def effect_and_interval(metric: Metric, effect: float, low: float, high: float) -> str:
    """Print a difference and its interval, where it has one, with their unit once."""
    ends, text = interval_text(metric, low, high), effect_text(metric, effect)
    if ends == DASH:
        return text
    unit = unit_of_change(metric)
    return f"{text.removesuffix(f' {unit}') if unit else text} {ends}"


def interval_text(metric: Metric, low: float, high: float, *, unit: bool = True) -> str:
    """Print an interval of differences, or a dash; both ends have the same decimals.

    Args:
        metric: what it is of.
        low: lower end.
        high: upper end.
        unit: whether it has its unit: beside an effect, which has it, it needs none.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    if metric.relative:
        return _exponents(format_interval(metric, low, high))
    largest = max(abs(low), abs(high))
    if metric.unit != "fraction" and largest and not 1e-4 <= largest < 1e6:
        named = unit_of_change(metric) if unit else ""
        return _with_unit(named, f"[{_signed(low)}, {_signed(high)}]")
    shown = format_interval(metric, low, high, unit=unit)
    return _THOUSANDS.sub(lambda match: f"{int(match[0]):,}", shown)


def spread_text(metric: Metric, low: float, high: float) -> str:
    """Print an interval of levels, such as ``[0.41, 0.52]``, cut off at the metric's range."""
    return interval_text(metric, *cut(metric, low, high), unit=False).replace("+", "")


def cut(metric: Metric, low: float, high: float) -> tuple[float, float]:
    """Cut an interval of levels at the metric's range: a mean cannot lie beyond it."""
    fraction = metric.unit == "fraction"
    bottom = max(metric.least, 0.0) if fraction else metric.least
    top = 1.0 if fraction else math.inf

    def inside(end: float) -> float:
        return min(max(end, bottom), top) if math.isfinite(end) else end

    return inside(low), inside(high)


def alike(values: Iterable[float], *, fraction: bool = False) -> list[str]:
    """Print numbers with the same decimals: three digits of the largest; per cent have one."""
    shown = list(values)
    sizes = [abs(value) for value in shown if value]
    smallest, largest = min(sizes, default=1.0), max(sizes, default=1.0)
    if fraction:
        decimals = 1
    elif largest < 1e-4 or largest >= 1e6 or smallest < largest / 200:
        # The same decimals would turn the small ones into 0.
        return [number_text(value) for value in shown]
    else:
        decimals = max(0, 2 - math.floor(math.log10(largest)))
    return [f"{value:,.{decimals}f}".replace("-", "−") for value in shown]


def _is_beyond(metric: Metric, value: float) -> bool:
    """Whether a metric's own format would print an exponent, or the value is no number."""
    return not math.isfinite(value) or (metric.unit != "fraction" and abs(value) >= 999.5)


def _with_unit(unit: str, text: str) -> str:
    named = unit not in ("", "fraction") and any(char.isdigit() for char in text)
    return f"{text} {unit}" if named else text


def _signed(value: float) -> str:
    return ("+" if 0 < value < math.inf else "") + number_text(value)


def in_units(metric: Metric, values: Sequence[float]) -> tuple[float, str]:
    """Choose the unit in which a metric's values are easy to read, and how large it is."""
    sizes = _SIZES.get(metric.unit, ((1.0, metric.unit),))
    middle = sorted(values)[len(values) // 2]
    return next(((size, name) for size, name in sizes if middle >= size), sizes[-1])


def levels_text(metric: Metric, values: Sequence[float]) -> list[str]:
    """Print finite values below each other: in one unit, with the same decimals."""
    if not values:
        return []
    size, unit = in_units(metric, values)
    texts = alike(value / size for value in values)
    return [f"{text} {unit}" if unit else text for text in texts]


def not_finite(value: float) -> str:
    """Print what is not a finite number."""
    return DASH if math.isnan(value) else ("∞" if value > 0 else "−∞")


def number_text(value: float, digits: int = 3) -> str:
    """Print a plain number with so many significant digits."""
    if not math.isfinite(value):
        return not_finite(value)
    if value and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    text = f"{value:.{digits}g}"
    if abs(value) >= 1000 or "e+" in text:
        text = f"{value:,.0f}"
    return text.replace("-", "−")


def p_text(value: float) -> str:
    """Print a p value."""
    if not math.isfinite(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def rho_text(value: float) -> str:
    """Print a correlation."""
    return f"{value:+.2f}".replace("-", "−") if math.isfinite(value) else DASH


def seconds_text(value: float) -> str:
    """Print a time in the unit that suits it."""
    if not math.isfinite(value):
        return not_finite(value)
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(value) >= size:
            return f"{number_text(value / size)} {unit}"
    return f"{number_text(value * 1e9)} ns"


def hours_text(hours: float) -> str:
    """Print device hours; short runs in minutes or seconds."""
    if not math.isfinite(hours):
        return DASH
    for size, unit in ((1.0, "h"), (1 / 60, "min")):
        if hours >= size:
            return f"{hours / size:.1f} {unit}"
    return f"{hours * 3600:.0f} s"


def duration(seconds: float) -> str:
    """Print a duration in the two largest units that matter, such as ``2 min 5 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 10 or seconds == 0 else f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def bytes_text(value: float) -> str:
    """Print an amount of memory, in binary multiples."""
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{number_text(size)} {unit}"
        size /= 1024
    return f"{number_text(size)} TiB"


def count_text(value: float) -> str:
    """Print a large count with a prefix: 0.27 M."""
    if not math.isfinite(value):
        return not_finite(value)
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{number_text(value / size)} {prefix}"
    return number_text(value)


def percent_text(level: float) -> str:
    """Print a confidence level: 99 %, 99.17 %."""
    return f"{100 * level:.4g} %" if math.isfinite(level) else "unknown-level"


def day(time: str) -> str:
    """Print the day of an ISO 8601 time."""
    when = datetime.fromisoformat(time)
    return f"{when.day} {when:%B %Y}"


def date_text(iso: str) -> str:
    """Print an ISO 8601 time as ``5 March 2026, 14:02 UTC``; anything else as it came."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return day(iso) if len(iso) <= 10 else f"{day(iso)}, {when:%H:%M} UTC"


def in_sentence(title: str) -> str:
    """Return a metric's title as it stands within a sentence: its first letter small, of a word."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def plural(count: int, noun: str, many: str = "") -> str:
    """Print a count with its noun: ``1 seed``, ``10 seeds``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def first_of(names: Sequence[str], most: int, between: str = ", ") -> str:
    """List the first names, and say how many more there are: ``a, b and 3 more``."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def join(items: Iterable[str]) -> str:
    """Join as in a sentence: ``a, b and c``."""
    rows: Sequence[str] = list(items)
    if len(rows) < 2:
        return "".join(rows)
    return ", ".join(rows[:-1]) + " and " + rows[-1]
