"""Error rates of claims whose two sides share no seed: Welch's interval, moved out by skewness."""

from __future__ import annotations

import math

import numpy as np

from harness.stats import located_unpaired
from tests.calibration.calibrate_samples import SKEWED, Draw
from tests.calibration.figures import Row, at_most, stream, told

ALPHA = 0.05
TEN = 10
SIZES = ((5, 5), (10, 10), (5, 20), (20, 20))
SPREADS = (1.0, 3.0)
"""Standard deviation of the first side; that of the second is 1."""


def _against(draw: Draw) -> Draw:
    """Return the same with the other tail longer."""
    return lambda rng, shape: -draw(rng, shape)


SIDES: dict[str, tuple[Draw, Draw]] = {
    "exponential against normal": (SKEWED["exponential"], SKEWED["normal"]),
    "exponential, both": (SKEWED["exponential"], SKEWED["exponential"]),
    "exponential, tails apart": (SKEWED["exponential"], _against(SKEWED["exponential"])),
    "lognormal, tails apart": (SKEWED["lognormal"], _against(SKEWED["lognormal"])),
}


def unpaired(replicates: int) -> list[Row]:
    """Return how often an interval of two equal means leaves out 0."""
    rng = stream(40)
    normal = SKEWED["normal"]
    rows = []
    for n, m in SIZES:
        for spread in SPREADS:
            case = f"unpaired, normal, n={n} + {m}, sd {spread:g} and 1"
            one, ten, _ = _directions(normal, normal, (n, m), spread, replicates, rng)
            rows.append(at_most(f"{case}: a direction", one, ALPHA))
            rows.append(told(f"{case}: a direction at {ALPHA / TEN:g}", ten))
    for name, (first, second) in SIDES.items():
        for n, m in SIZES:
            one, ten, welch = _directions(first, second, (n, m), 1.0, replicates, rng)
            case = f"unpaired, {name}, n={n} + {m}"
            rows.append(told(f"{case}: a direction", one))
            rows.append(told(f"{case}: a direction by Welch's interval alone", welch))
            rows.append(told(f"{case}: a direction at {ALPHA / TEN:g}", ten))
    return rows


def _directions(
    first: Draw,
    second: Draw,
    sizes: tuple[int, int],
    spread: float,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[list[bool], list[bool], list[bool]]:
    """Return where a direction is named: at α, at α of ten claims, and by Welch's test at α."""
    places = [
        located_unpaired(a, b)
        for a, b in zip(
            spread * first(rng, (replicates, sizes[0])),
            second(rng, (replicates, sizes[1])),
            strict=True,
        )
    ]
    one, ten = (
        [low > 0 or high < 0 for low, high in (place.ends(1 - alpha) for place in places)]
        for alpha in (ALPHA, ALPHA / TEN)
    )
    assert not any(math.isnan(place.sd) for place in places)
    return one, ten, [place.welch() < ALPHA for place in places]
