"""Quality against cost: the front of the means, which arms are surely behind it, how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from harness.judging.fronts import Cost, Costed, Front, front_of, surely_behind
from harness.judging.results import Results
from harness.reports.figures.pareto import MOST_NAMED, draw_pareto
from harness.reports.levels import NO_LEVELS, levels_of
from harness.study.metrics import COSTS, METRICS
from tests.example_results import cost_results, example_results

ACCURACY, LOSS = METRICS["test_accuracy"], METRICS["test_loss"]
STUDIES = 300

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def normal(drawn: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return 0.8 + 0.01 * drawn.normal(size=shape)


def coarse(drawn: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Shares of 20 examples, of which many are the same."""
    return drawn.binomial(20, 0.9, shape) / 20


def timed(drawn: np.random.Generator, arms: int) -> np.ndarray:
    return 0.01 * drawn.normal(size=(arms, 10))


def surely_timed(drawn: np.random.Generator, arms: int) -> np.ndarray:
    return np.arange(arms)[:, None] + timed(drawn, arms)


def exact(drawn: np.random.Generator, arms: int) -> np.ndarray:
    return np.arange(arms, dtype=np.float64)[:, None]


@pytest.mark.parametrize("draw", [normal, coarse])
@pytest.mark.parametrize("cost", [exact, surely_timed])
@pytest.mark.parametrize(("arms", "seeds"), [(6, 5), (12, 10)])
def test_of_arms_that_are_alike_one_is_said_to_be_behind_in_one_study_of_twenty_at_most(
    draw: Draw, cost: Callable[[np.random.Generator, int], np.ndarray], arms: int, seeds: int
) -> None:
    drawn = np.random.default_rng([arms, seeds])
    wrong = sum(
        any(surely_behind(draw(drawn, (arms, seeds)), cost(drawn, arms), ACCURACY, 0.05))
        for _ in range(STUDIES)
    )
    assert wrong <= STUDIES * 0.05 + 3 * math.sqrt(STUDIES * 0.05 * 0.95)


def test_of_arms_that_take_as_long_and_differ_in_quality_none_is_said_to_be_behind() -> None:
    drawn = np.random.default_rng(1)
    quality = np.linspace(0.5, 0.9, 8)[:, None]
    wrong = sum(
        any(surely_behind(quality + normal(drawn, (8, 5)) - 0.8, timed(drawn, 8), ACCURACY, 0.05))
        for _ in range(100)
    )
    assert wrong <= 100 * 0.05 + 3 * math.sqrt(100 * 0.05 * 0.95)


@pytest.mark.parametrize("cost", [exact, surely_timed])
def test_an_arm_that_is_far_worse_and_the_dearest_is_said_to_be_behind(
    cost: Callable[[np.random.Generator, int], np.ndarray],
) -> None:
    drawn = np.random.default_rng(2)
    for _ in range(20):
        quality = normal(drawn, (6, 8))
        quality[-1] -= 0.2
        found = surely_behind(quality, cost(drawn, 6), ACCURACY, 0.05)
        assert found == [False] * 5 + [True]
        assert not any(surely_behind(quality, cost(drawn, 6)[::-1], ACCURACY, 0.05))
        assert surely_behind(-quality, cost(drawn, 6), LOSS, 0.05)[-1]


def test_a_difference_that_is_the_same_in_every_seed_is_not_sure() -> None:
    alike = np.array([[0.91] * 5, [0.90] * 5])
    assert surely_behind(alike, np.array([[1.0], [2.0]]), ACCURACY, 0.05) == [False, False]


def test_of_arms_with_the_same_exact_cost_the_worse_is_behind() -> None:
    quality = normal(np.random.default_rng(3), (2, 8))
    quality[1] -= 0.2
    assert surely_behind(quality, np.ones((2, 1)), ACCURACY, 0.05) == [False, True]


def made_front(results: Results, cost: Cost) -> Front:
    found = front_of(results, METRICS["test_accuracy"], cost)
    assert found is not None
    return found


def test_times_on_a_front_have_the_interval_of_rounds_where_there_are_any():
    timed = made_front(cost_results(), "step_seconds")
    untimed = made_front(example_results(), "step_seconds")
    memory = made_front(example_results(), "peak_bytes")
    assert (timed.how, timed.most) == ("rounds", 10)
    assert all(each.cost_low < each.cost < each.cost_high for each in timed.arms)
    assert untimed.how == "blocks"
    assert memory.how == "exact"
    assert all(each.cost_low == each.cost == each.cost_high for each in memory.arms)
    for front in (timed, untimed, memory):
        assert not any(each.front and each.behind for each in front.arms)
        assert any(each.front for each in front.arms)


def worse(results: Results) -> Results:
    """The same, with a last arm that is far worse in every seed."""
    last = results.arms[-1].name
    records = tuple(
        replace(each, metrics={**each.metrics, ACCURACY.name: 0.1 + 0.001 * each.seed})
        if each.arm == last
        else each
        for each in results.records
    )
    return replace(results, records=records)
