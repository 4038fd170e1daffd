"""How often claims on folds are wrong where nothing is different: the usual interval, and ours.

Two learners that are equal on average are trained for real. Each sees its own half of the features,
which are drawn alike, so neither is better; on one data set, one half is the better one by chance.
What is true is asked of data sets: each simulation draws a new one.
"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from harness.data.sizes import Counts, Sizes, shares_of
from harness.data.stratified import cut, deal
from harness.stats import located
from harness.study.folds import Folds

LEVEL = 0.05
HALF = 5  # features that a learner sees


def nearest_mean(x, y, new, answers) -> float:
    """Share of errors of the classifier by the nearer class mean."""
    far = [np.square(new - x[y == each].mean(0)).sum(1) for each in (0, 1)]
    return float(np.mean((far[0] > far[1]) != answers))


def ridge(x, y, new, answers) -> float:
    """Mean squared error of ridge regression."""
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
    return float(np.square(new @ weights - answers).mean())


def neighbour(x, y, new, answers) -> float:
    """Share of errors of the classifier by the nearest neighbour, which is unstable."""
    near = np.square(new[:, None] - x[None]).sum(2).argmin(1)
    return float(np.mean(y[near] != answers))


def differences(
    learn: Callable[..., float],
    rows: int,
    folds: int,
    seeds: int,
    draw: np.random.Generator,
    train: int | None = None,
) -> tuple[np.ndarray, float]:
    """Return the differences of two learners by seed on one new data set, and its overlap.

    Rows are taken as those of a data set are, but for which streams they are drawn from.
    """
    if learn is ridge:
        inputs = draw.normal(size=(rows, 2 * HALF))
        targets = inputs.sum(1) / 2 + draw.normal(size=rows)
        labels = np.zeros(rows, dtype=np.int64)
    else:
        labels = targets = np.arange(rows) % 2
        inputs = draw.normal(size=(rows, 2 * HALF)) + 0.5 * (targets[:, None] - 0.5)
    sizes = Sizes("drawn", train=train, folds=folds)
    shares = shares_of(Counts(tuple(np.bincount(labels).tolist())), sizes)
    found = []
    for seed in range(seeds):
        if seed % folds == 0:
            dealt = deal(labels, folds, int(draw.integers(2**31)))
        tested, left = (np.flatnonzero(each) for each in (dealt == seed % folds,
                                                          dealt != seed % folds))  # fmt: skip
        _, rest = cut(labels[left], shares.validation, int(draw.integers(2**31)))
        own = left[rest[: shares.train]]
        halves = slice(None, HALF), slice(HALF, None)
        first, second = (
            learn(inputs[own, half], targets[own], inputs[tested, half], targets[tested])
            for half in halves
        )
        found.append(first - second)
    overlap = Folds(folds, shares.train, shares.validation, shares.test).overlap
    return np.array(found), overlap


def p_values(found: np.ndarray, overlap: float) -> tuple[float, float]:
    """Return p of what a verdict rests on, without the correction and with it."""
    nothing = np.zeros_like(found)
    return (located(found, nothing).p(), located(found, nothing, overlap=overlap).p())


def most(times: int, level: float = LEVEL) -> int:
    """Return how often chance alone, at a level, errs at most: in one test of a thousand more."""
    return int(stats.binom.ppf(0.999, times, level))


def wrong(
    learn: Callable[..., float], times: int, rows: int, folds: int, repetitions: list[int],
    train: int | None = None,
) -> dict[int, tuple[int, int]]:  # fmt: skip
    """Count, by repetitions, how often each interval leaves out 0."""
    draw = np.random.default_rng(0)
    counts = {each: [0, 0] for each in repetitions}
    for _ in range(times):
        found, overlap = differences(learn, rows, folds, folds * max(repetitions), draw, train)
        for each in repetitions:
            for place, p in enumerate(p_values(found[: folds * each], overlap)):
                counts[each][place] += p < LEVEL
    return {each: (usual, ours) for each, (usual, ours) in counts.items()}


def test_of_equal_learners_the_usual_interval_finds_one_better_far_too_often() -> None:
    """10 folds, three times: the usual interval errs in a quarter, the corrected one in < 5 %."""
    times = 100
    found = wrong(nearest_mean, times, rows=60, folds=10, repetitions=[1, 3])
    usual, ours = found[3]
    assert usual > 3 * LEVEL * times
    assert ours <= most(times)
    assert found[1][1] <= most(times)


@pytest.mark.slow
@pytest.mark.parametrize("learn", [nearest_mean, ridge, neighbour])
@pytest.mark.parametrize(("rows", "folds", "train"), [(60, 10, None), (100, 5, None), (60, 2, None),
                                                      (200, 10, 40)])  # fmt: skip
def test_the_corrected_interval_holds_its_level_however_often_folds_are_repeated(
    learn: Callable[..., float], rows: int, folds: int, train: int | None
) -> None:
    times = 300
    for repetitions, (usual, ours) in wrong(learn, times, rows, folds, [3, 10], train).items():
        print(learn.__name__, rows, folds, train, repetitions, usual / times, ours / times)
        assert ours <= most(times), (repetitions, usual, ours)
        assert usual > most(times), (repetitions, usual, ours)


@pytest.mark.slow
def test_looks_at_growing_numbers_of_folds_together_hold_their_level() -> None:
    """Looks at 5, 10, 20 and 40 seeds, each at a quarter of the level: the union bound holds."""
    times, draw, count = 300, np.random.default_rng(1), [0, 0]
    for _ in range(times):
        found, overlap = differences(nearest_mean, 60, 10, 40, draw)
        looks = [p_values(found[:seeds], overlap) for seeds in (5, 10, 20, 40)]
        for place in (0, 1):
            count[place] += min(each[place] for each in looks) < LEVEL / 4
    print(count[0] / times, count[1] / times)
    assert count[1] <= most(times)
    assert count[0] > 2 * most(times)
