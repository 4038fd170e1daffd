"""What is checked in the fields of measures."""

from __future__ import annotations

import math

from harness.errors import HarnessError


def check_whole(owner: str, name: str, value: object, example: int, least: int = 1) -> None:
    """Check a whole number.

    Raises:
        HarnessError: it is none, or below ``least``.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise HarnessError(
            f"{owner}({name}=...) must be a whole number of at least {least}",
            repr(value),
            f"Write {name}={example}, say.",
        )


def check_positive(
    owner: str, name: str, value: object, example: float, most: float = math.inf
) -> None:
    """Check a number above 0, and up to ``most`` where that is finite.

    Raises:
        HarnessError: it is none.
    """
    # NaN is neither above nor below anything, so it is refused as well
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= most or value == math.inf:  # type: ignore[operator]
        limits = f"in (0, {most:g}]" if most < math.inf else "above 0 and finite"
        raise HarnessError(
            f"{owner}({name}=...) must be {limits}", repr(value), f"Write {name}={example}, say."
        )
