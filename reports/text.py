"""Numbers as they are printed; what is not a number prints as a dash, never as ``nan``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from harness.declaration import Declaration
from harness.errors import HarnessError
from harness.metrics import Metric
from harness.printable import visible

DASH = "–"
_MOST = 700.0  # the exponential of more is no floating-point number
_EXPONENT = re.compile(r"e([+-]\d+)")
_SIZES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "B": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")),
}
_THOUSANDS = re.compile(r"(?<![\d.])\d{4,}")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|pp|nats|[nµm]?s|min|h|[KMGT]?i?B|[kMGT])\b|%)")


def metric_of(declaration: Declaration, name: str) -> Metric:
    """Find a metric; records of another version may hold one that is not known here."""
    try:
        return declaration.metric(name)
    except HarnessError:
        return Metric(name, name.replace("_", " ").capitalize(), "", None, "Not described.")


def in_title(metric: Metric) -> str:
    """Name a metric within a sentence; one that begins with an abbreviation keeps it."""
    if metric.title[:2].isupper():
        return metric.title
    return metric.title[:1].lower() + metric.title[1:]


def each_of(metric: Metric) -> str:
    """Name what a metric is measured anew in: a seed, or a round of timing."""
    return metric.replicate or "seed"


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
        return _with_unit(metric, number_text(value))
    return metric.format(value).replace("-", "−")


def effect_text(metric: Metric, value: float) -> str:
    """Print a difference with sign and unit, or a ratio."""
    if metric.relative:
        return ratio_text(metric, value)
    if _is_beyond(metric, value):
        return _with_unit(metric, _signed(value))
    return metric.format_difference(value)


def margin_text(metric: Metric, value: float) -> str:
    """Print a margin: a difference without a sign, or a ratio with the digits it was given."""
    if metric.relative:
        return f"×{number_text(unscaled(metric, value), 4)}"
    if _is_beyond(metric, value):
        return _with_unit(metric, number_text(value))
    return metric.format_difference(value, signed=False)


def ratio_text(metric: Metric, value: float) -> str:
    """Print a difference of logarithms as the ratio that it is."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else "×∞" if value > 0 else "×0"
    return _exponents(metric.format_difference(value))


def _exponents(text: str) -> str:
    """Print exponents as everywhere: 1.00e6 and not 1.00e+06."""
    return _EXPONENT.sub(lambda match: f"e{int(match[1])}".replace("-", "−"), text)


def interval_text(metric: Metric, low: float, high: float) -> str:
    """Print an interval of differences, or a dash; both ends have the same decimals."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    if metric.relative:
        return _exponents(metric.format_interval(low, high))
    largest = max(abs(low), abs(high))
    if metric.unit != "fraction" and largest and not 1e-4 <= largest < 1e6:
        return _with_unit(metric, f"[{_signed(low)}, {_signed(high)}]")
    return _THOUSANDS.sub(lambda match: f"{int(match[0]):,}", metric.format_interval(low, high))


def spread_text(metric: Metric, low: float, high: float) -> str:
    """Print an interval of levels, such as ``[0.41, 0.52]``, cut at the metric's range."""
    whole = interval_text(metric, *cut(metric, low, high)).replace("+", "")
    return whole[: whole.index("]") + 1] if "]" in whole else whole


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


def _with_unit(metric: Metric, text: str) -> str:
    named = metric.unit not in ("", "fraction") and any(char.isdigit() for char in text)
    return f"{text} {metric.unit}" if named else text


def _signed(value: float) -> str:
    return ("+" if 0 < value < math.inf else "") + number_text(value)


def factor_of(metric: Metric) -> float:
    """What values are multiplied by on an axis: fractions are drawn as per cent."""
    return 100.0 if metric.unit == "fraction" else 1.0


def unit_of(metric: Metric, *, difference: bool = False) -> str:
    """Name the unit on an axis; a difference of fractions is in percentage points.

    A ratio has none.
    """
    if metric.relative and difference:
        return ""
    if metric.unit == "fraction":
        return "pp" if difference else "%"
    return metric.unit


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


def axis_title(metric: Metric, *, difference: bool = False) -> str:
    """Title an axis, unit included."""
    unit = unit_of(metric, difference=difference)
    change = "Ratio of" if metric.relative else "Difference in"
    start = f"{change} {in_title(metric)}" if difference else metric.title
    return f"{start} ({unit})" if unit else start


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
        if value >= size:
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


def date_text(iso: str) -> str:
    """Print an ISO 8601 time as ``5 March 2026, 14:02 UTC``; anything else as it came."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    day = f"{when.day} {when:%B %Y}"
    return day if len(iso) <= 10 else f"{day}, {when:%H:%M} UTC"


def bind(value: object) -> object:
    """Keep numbers and units on one line, and make visible what HTML cannot hold.

    Applied to every text that a template prints.
    """
    # Markup is a str too, but has been through here already, and must not lose its type.
    return _UNIT.sub("\u00a0", visible(value)) if type(value) is str else value


def plural(count: int, noun: str, many: str = "") -> str:
    """Print a count with its noun: ``1 seed``, ``10 seeds``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def join(items: Iterable[str]) -> str:
    """Join as in a sentence: ``a, b and c``."""
    rows: Sequence[str] = list(items)
    if len(rows) < 2:
        return "".join(rows)
    return ", ".join(rows[:-1]) + " and " + rows[-1]
