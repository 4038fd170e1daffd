"""Numbers along an axis: which are round, how a person writes them, and how wide that is."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from harness.study.formatting import number_text

_LINEAR = math.log(6)  # the widest range in which round numbers are spread evenly
_PARTS: tuple[tuple[float, ...], ...] = ((1, 2, 5), (1, 3), (1,))

_MOST_DIGITS, _MOST = 6, 1e7
_MOST_DECIMALS = 3  # beside a power of ten
_IN_FULL = range(-4, 13)  # powers of ten of numbers that can be written out
_EMPTY = re.compile(r"\.?0+(?=e)")

LETTER = 0.64
"""The width of a usual letter as it is laid out, of the text's size."""

_WIDTHS = {
    **dict.fromkeys(",. ", 0.32), **dict.fromkeys("'ijlIJ:;|/\\", 0.35),
    **dict.fromkeys("frt-()[]!", 0.42),
    **dict.fromkeys("HNU", 0.76), **dict.fromkeys("DGOQ&", 0.79),
    **dict.fromkeys("w+−×=<>≤≥~^#", 0.84), "M": 0.9, **dict.fromkeys("Wm%@—…", 1.0),
}  # fmt: skip
"""Of what is much narrower or wider, in the widest of the fonts that may show it."""

_SQUARE = 1.04  # of letters that stand in squares, Chinese ones say, and of pictures


def ems(text: str) -> float:
    """Return how wide a text is as it is laid out, of the text's size."""
    return sum(map(_width, text))


def _width(char: str) -> float:
    if char.isascii() or char in _WIDTHS:
        return _WIDTHS.get(char, LETTER)
    return _SQUARE if unicodedata.east_asian_width(char) in "WF" else LETTER


def tick_places(
    low: float, high: float, count: int = 4, *, log: bool = False, whole: bool = False
) -> tuple[list[float], list[str]]:
    """Return ticks between two ends, and what stands at them: as many decimals at each.

    Args:
        low: lower end of the axis.
        high: upper end.
        count: the most steps between ticks.
        log: whether the axis is logarithmic.
        whole: whether ticks are whole numbers.
    """
    from matplotlib.ticker import MaxNLocator

    if log:
        places = round_ratios(math.log(low), math.log(high), count)
        return places, ratio_texts(places)
    steps = [1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10]
    found = MaxNLocator(count, steps=steps, integer=whole).tick_values(low, high)
    if whole:  # of a short range the locator divides even these
        places = sorted({float(round(each)) for each in found if low <= round(each) <= high})
        if max(map(abs, places), default=0.0) < _MOST:
            return places, [f"{each:,.0f}".replace("-", "−") for each in places]
    else:
        places = [float(each) + 0.0 for each in found if low <= each <= high]
    return places, even_texts(places, float(found[1] - found[0]))


def even_texts(values: Sequence[float], step: float) -> list[str]:
    """Write numbers that lie so far apart, all with as many decimals, and no more than it takes.

    Very large and very small ones share a power of ten, as in ``1.5e7`` and ``2.0e7``; where that
    would take many decimals, they are written out.
    """
    finest = 1 - math.floor(math.log10(step))  # decimals; below 0, places before the point
    digits = max(0, finest)
    most = max(map(abs, values), default=0.0)
    if most and (digits > _MOST_DIGITS or most >= _MOST):
        power = math.floor(math.log10(min(abs(each) for each in values if each)))
        parts = [Decimal(each).scaleb(-power) for each in values]
        shared = _decimals(parts, max(0, power + finest))
        if len(shared[0].partition(".")[2]) <= _MOST_DECIMALS or power not in _IN_FULL:
            ending = f"e{power}".replace("-", "−")
            return [
                text + ending if value else "0" for text, value in zip(shared, values, strict=True)
            ]
    return _decimals(values, digits)


def _decimals(values: Sequence[float | Decimal], digits: int) -> list[str]:
    """Write numbers with equally many decimals, at most so many, without zeros that all end in."""
    texts = [f"{each:,.{digits}f}" for each in values]
    while digits and all(each.endswith("0") for each in texts):
        digits -= 1
        texts = [each[:-1].rstrip(".") for each in texts]
    return [each.replace("-", "−") for each in texts]


def ratio_texts(rounds: Sequence[float]) -> list[str]:
    """Write numbers of a logarithmic axis: where they lie evenly, with equally many decimals."""
    steps = [after - before for before, after in pairwise(rounds)]
    near = bool(steps) and math.log(rounds[-1] / rounds[0]) < _LINEAR
    if near and max(steps) < 1.01 * min(steps):
        return even_texts(rounds, min(steps))
    return [_EMPTY.sub("", number_text(each, 4)) for each in rounds]


def round_ratios(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round numbers, 1 among them if it is in range.

    Args:
        low: the logarithm of the lower end of the range.
        high: of the upper end.
        count: how many there is room for.
    """
    from matplotlib.ticker import MaxNLocator

    if high - low < _LINEAR:
        for most in (count, count + 2):
            spread = MaxNLocator(most, steps=[1, 2, 5, 10])
            places = _within(spread.tick_values(math.exp(low), math.exp(high)), low, high)
            if len(places) > 2:
                break
        return places
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    for parts in _PARTS:
        places = _within([part * 10.0**k for k in decades for part in parts], low, high)
        if len(places) <= count + 1:
            return places
    step = math.ceil(len(decades) / count)
    return _within([10.0**k for k in decades if k % step == 0], low, high)


def _within(values: Sequence[float], low: float, high: float) -> list[float]:
    return [float(each) for each in values if each > 0 and low <= math.log(each) <= high]
