"""Which figures are judged, where not all of them are."""

from __future__ import annotations

import re
from collections.abc import Sequence


def fits(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern in which ``*`` stands for any signs and ``?`` for one.

    A test's ``[parameters]`` are no set of signs here.
    """
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None


def chosen(patterns: Sequence[str], benchmark: str, figure: str) -> bool:
    """Whether a figure is judged.

    Args:
        patterns: each fits a benchmark, a figure, or ``benchmark/figure``; none is all.
        benchmark: the benchmark's name.
        figure: the figure's.
    """
    names = (benchmark, figure, f"{benchmark}/{figure}")
    return not patterns or any(fits(each, name) for each in patterns for name in names)
