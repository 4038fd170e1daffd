"""Quality against cost: the front of the means, who is surely behind it, and how it is drawn."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

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
@pytest.mark.parametrize(("arms", "seeds"), [(6, 5), (8, 10)])
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
    quality = np.linspace(0.5, 0.9, 6)[:, None]
    wrong = sum(
        any(surely_behind(quality + normal(drawn, (6, 5)) - 0.8, timed(drawn, 6), ACCURACY, 0.05))
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
        assert surely_behind(quality, cost(drawn, 6), ACCURACY, 0.05)[-1]
        assert not surely_behind(quality, cost(drawn, 6)[::-1], ACCURACY, 0.05)[-1]
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


def test_times_in_blocks_show_of_no_arm_that_it_is_behind() -> None:
    results = example_results(failed=())
    one_block = {
        name: replace(each, step_low=each.step_seconds, step_high=each.step_seconds)
        for name, each in results.profiles.items()
    }
    front = made_front(replace(results, profiles=one_block), "step_seconds")
    assert not any(each.behind for each in front.arms)
    assert "rounds of timing" in draw_pareto(front, levels_of(results)).caption
    assert any(each.behind for each in made_front(results, "peak_bytes").arms)


def test_few_seeds_show_of_no_arm_that_it_is_behind() -> None:
    results = example_results(seeds=4, failed=())
    front = made_front(results, "peak_bytes")
    assert not any(each.behind for each in front.arms)
    assert "5 seeds at least" in draw_pareto(front, levels_of(results)).caption


def test_an_arm_with_a_failed_trial_is_not_compared() -> None:
    results = example_results(failed=((2, 7),))
    front = made_front(results, "peak_bytes")
    assert front.compared == len(front.arms) - 1
    assert not front.arms[2].behind
    assert made_front(example_results(failed=()), "peak_bytes").arms[2].behind
    assert "Not compared" in draw_pareto(front, levels_of(results)).caption


def test_names_of_arms_are_parted_by_semicolons() -> None:
    results = example_results(failed=())
    front = made_front(results, "peak_bytes")
    arms = tuple(replace(each, behind=each.number in (2, 3)) for each in front.arms)
    picture = draw_pareto(replace(front, arms=arms), levels_of(results))
    assert "behind the front: shortcut=no, depth=20; shortcut=no, depth=56." in picture.caption
    timed = draw_pareto(made_front(results, "step_seconds"), levels_of(results))
    assert re.search(r"cheaper than: shortcut=no, depth=8 [\d.]+ ms; shortcut=yes", timed.alt)


def made(count: int, name: str) -> Front:
    """Arms that are all on the front, the dearer the better, with wide intervals."""
    arms = tuple(
        Costed(place, f"{name}{place}", cost, cost, cost, mean, mean - 0.02, mean + 0.02, True)
        for place in range(1, count + 1)
        for cost, mean in [(float(place), 0.5 + 0.4 * place / count)]
    )
    return Front(ACCURACY, COSTS["parameters"], "exact", arms)


def drawn_texts(front: Front) -> list[Text]:
    figure = Figure(figsize=(4.4, 3.2))
    draw_pareto(front, NO_LEVELS).draw(figure)
    figure.canvas.draw()
    (axes,) = figure.axes
    names = {each.arm for each in front.arms}
    return [each for each in axes.texts if each.get_text() in names]


@pytest.mark.parametrize("name", ["a", "a long name of an arm, with m=w, no. "])
def test_names_of_arms_stay_within_the_figure_and_apart(name: str) -> None:
    texts = drawn_texts(made(6, name))
    assert texts
    boxes = [each.get_window_extent() for each in texts]
    for place, box in enumerate(boxes):
        figure = texts[place].get_figure(root=True)
        assert figure is not None
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_names_keep_clear_of_bars_where_there_is_room() -> None:
    front = made(5, "arm ")
    texts = drawn_texts(front)
    axes = texts[0].axes
    assert axes is not None
    assert len(texts) == 5
    for text in texts:
        box = text.get_window_extent()
        for arm in front.arms:
            low, high = (
                axes.transData.transform((arm.cost, 100 * end)) for end in (arm.low, arm.high)
            )
            across = box.x0 < low[0] < box.x1
            assert not (across and box.y0 < high[1] and low[1] < box.y1)


@pytest.mark.parametrize("count", [2, MOST_NAMED, 30])
def test_the_caption_says_how_many_arms_on_the_front_have_no_name(count: int) -> None:
    front = made(count, "a name that takes some room, ")
    named = len(drawn_texts(front))
    caption = draw_pareto(front, NO_LEVELS).caption
    if named == count:
        assert "room" not in caption
    elif count <= MOST_NAMED:
        assert f"For {count - named} name" in caption
    else:
        assert f"only those on the front are named, and there {named} of {count}" in caption
