"""Where a mean lies: skewed, tied and constant samples, and how many more would decide."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness import stats
from harness.stats.location import Location, factors, grain, rare, skewness


def of(d, **more):
    """Where differences of values around 10 lie."""
    side = np.full(len(d), 10.0)
    return stats.located(side + np.asarray(d), side, **more)


# Skewed.


def test_skewness_is_scipys_over_its_standard_error():
    for n in (3, 5, 12, 40):
        x = np.random.default_rng(n).exponential(size=(4, n))
        error = math.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
        assert skewness(x) == pytest.approx(scipy_stats.skew(x, axis=1) / error)
    # the standard error is that of normal samples: simulated, it is about 1
    z = skewness(np.random.default_rng(0).normal(size=(20_000, 10)))
    assert z.std() == pytest.approx(1, abs=0.02)
    assert (skewness(np.ones((2, 6))) == 0).all()
    assert skewness(np.array([1.0, 2.0])) == 0


def test_an_end_moves_out_on_the_side_of_the_longer_tail_alone():
    assert factors(0.0, 10) == (1, 1)
    assert factors(-1.0, 10) == (1, 1)
    assert factors(1.5, 10) == (1, 2)
    assert factors(-1.25, 10) == (1.5, 1)
    assert factors(9.0, 10) == (1, 3)
    assert factors(9.0, 2000) == (1, 1.01)  # of many it is Student's interval again


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=14, unique=True), st.floats(0.6, 0.999))
def test_an_interval_is_nowhere_narrower_than_students_and_is_its_tests_turned_inside_out(d, level):
    place = of(d)
    low, high = place.ends(level)
    if place.kind == "varied":
        plain = scipy_stats.ttest_1samp(d, 0).confidence_interval(level)
        assert low <= plain.low + 1e-9
        assert high >= plain.high - 1e-9
    assert 2 * place.p_above(low) == pytest.approx(1 - level, rel=1e-5)
    assert 2 * place.p_below(high) == pytest.approx(1 - level, rel=1e-5)


def test_one_far_seed_of_ten_hides_no_clear_difference():
    """All ten are above 4, one is 1: by its interval the mean is still above 0."""
    d = np.array([4.2, 5.1, 5.6, 4.8, 5.3, 4.4, 5.9, 4.9, 5.2, 1.0])
    assert of(d).skew < -3
    assert of(d).ends(0.95)[0] > 1


# Tied.


def test_a_spread_that_rests_on_one_of_ten_has_a_floor():
    d = [0.0] * 9 + [0.005]
    first = 0.9 + np.array(d)
    place = stats.located(first, np.full(10, 0.9), reach=1.0, shares=True)
    assert (place.kind, place.others) == ("tied", 1)
    # shares of 200 examples: their noise is .0213, with (181 + 1) / 202 right
    p = (200 * np.mean([first, np.full(10, 0.9)]) + 1) / 202
    assert place.far == pytest.approx(math.sqrt(2 * p * (1 - p) / 200))
    # up to 39.4 % of all may differ (Clopper & Pearson, one-sided at 5 %, 1 of 10)
    share = scipy_stats.binomtest(1, 10, alternative="less").proportion_ci(0.95).high
    assert place.share(0.05) == pytest.approx(share)
    half = 2.262157 * place.far * math.sqrt(share * (1 - share)) / math.sqrt(10)
    low, high = place.ends(0.95)
    assert low == pytest.approx(place.mean - half, rel=1e-5)
    assert high == pytest.approx(place.mean + half, rel=1e-5)
    alone = scipy_stats.ttest_1samp(d, 0).confidence_interval(0.95)
    assert low < alone.low < alone.high < high


def test_half_of_the_values_alike_are_no_tie():
    assert of([0, 0, 1, 2]).kind == "varied"
    assert of([0, 0, 0, 1, 2]).kind == "tied"


def test_how_coarse_a_metric_is():
    assert grain(np.array([0.5, 0.75, 1.0]), shares=False) == 0.25
    # of four examples: with p = (4 * .75 + 1) / 6 the noise of a difference is .333
    assert grain(np.array([0.5, 0.75, 1.0]), shares=True) == pytest.approx(math.sqrt(2 / 9 / 4 * 2))
    assert grain(np.array([0.99, 1.0]), shares=True) >= 0.01
    single = np.float32([0.91, 0.95]).astype(np.float64)
    assert grain(single, shares=True) == pytest.approx(grain(np.array([0.91, 0.95]), shares=True))
    assert grain(np.array([3.0, 3.0]), shares=False) == 0


# Constant.


@pytest.mark.parametrize(("n", "share"), [(5, 0.4507), (10, 0.2589), (20, 0.1391), (299, 0.00997)])
def test_the_share_of_others_that_equal_values_leave(n, share):
    """n alike have a probability of 5 % where that share of all is otherwise."""
    assert rare(0.05, n) == pytest.approx(share, abs=5e-5)
    assert (1 - rare(0.05, n)) ** n == pytest.approx(0.05)


def test_equal_accuracies_say_as_much_as_the_share_of_others_lets_them():
    side = np.full(5, 0.9)
    place = stats.located(side + 0.05, side, reach=1.0, shares=True)
    q = 1 - 0.05**0.2
    assert place.ends(0.95) == pytest.approx((0.05 - q * 1.05, 0.05 + q * 0.95))
    assert place.p() == pytest.approx((1 - 0.05 / 1.05) ** 5)
    every = stats.located(np.ones(9), np.zeros(9), reach=1.0, shares=True)
    assert every.p() == pytest.approx(0.5**9)
    assert every.ends(0.95)[1] == 1
    assert every.p_below(1.5) == 0  # further than any difference can lie


def test_a_metric_that_was_0_in_every_run_tells_nothing():
    place = stats.located(np.zeros(30), np.zeros(30))
    assert place.ends(0.95) == (-math.inf, math.inf)
    assert place.p() == 1
    shares = stats.located(np.zeros(30), np.zeros(30), reach=1.0, shares=True)
    assert shares.ends(0.95)[1] == pytest.approx(rare(0.05, 30))


@pytest.mark.parametrize("share", [0.1, 0.2])
@pytest.mark.parametrize("n", [5, 10, 20])
def test_a_rare_collapse_is_covered_as_often_as_promised(share, n):
    """One arm is right about all, the other about a tenth in some seeds: -9 or -18 points."""
    rng = np.random.default_rng(n)
    truth, missed, replicates = -0.9 * share, 0, 2_000
    for _ in range(replicates):
        old, new = np.ones(n), np.where(rng.random(n) < share, 0.1, 1.0)
        low, high = stats.located(new, old, reach=1.0, shares=True).ends(0.95)
        missed += not low <= truth <= high
    assert missed / replicates <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / replicates)


# How many more.


def spread(sd, n):
    return Location(n, 0.0, sd)


def half_width(n, sd=1.0, alpha=0.05):
    return scipy_stats.t.ppf(1 - alpha / 2, n - 1) * sd / math.sqrt(n)


@pytest.mark.parametrize("margin", [0.3, 0.5, 1.0, 2.0])
def test_so_many_more_make_the_interval_reach_four_thirds_and_half_of_the_margin(margin):
    more = stats.more_seeds([spread(1.0, 5)], margin, 0.05, 1000)
    for count, width in ((more.low, margin * 4 / 3), (more.high, margin / 2)):
        assert half_width(5 + count) < width
        assert count == 1 or half_width(5 + count - 1) >= width
    assert more.tells == pytest.approx(half_width(1000))


def test_the_widest_of_what_is_open_decides():
    one, other = spread(1.0, 10), spread(3.0, 10)
    assert stats.more_seeds([one, other], 1.0, 0.05, 100) == stats.more_seeds(
        [other], 1.0, 0.05, 100
    )


def test_what_a_tiny_margin_takes_is_out_of_reach_and_told_with_what_is_not():
    more = stats.more_seeds([spread(1.0, 20)], 1e-6, 0.05, 200)
    assert more.low > 10**9
    assert not more.within(20)
    assert more.tells == pytest.approx(half_width(200))
    assert stats.more_seeds([spread(1.0, 5)], 1e9, 0.05, 50).low == 1


def test_equal_values_take_as_many_as_rule_others_out():
    place = stats.located(np.ones(5), np.ones(5), reach=1.0, shares=True)
    more = stats.more_seeds([place], 0.01, 0.05, 50)
    assert 5 + more.high == 598  # log .05 / log .995
    assert not more.within(5)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, 1), (17, 17), (28, 30), (131, 130), (163, 160), (250, 300), (1449, 1400)],
)
def test_counts_are_told_with_one_digit_or_two_after_a_one(count, shown):
    assert stats.rounded(count) == shown


def test_the_range_holds_what_it_takes_to_decide():
    """Seeds are added one by one until one level decides; effects anywhere from 0 to the margin."""
    rng = np.random.default_rng(11)
    inside, told = 0, 0
    for _ in range(300):
        d = rng.normal(rng.uniform(0, 1), 1.2, 400)
        low, high = of(d[:6]).ends(0.95)
        if not (low <= 0 and high >= 1):
            continue
        told += 1
        more = stats.more_seeds([of(d[:6])], 1.0, 0.05, 400)
        ends = (stats.judged_interval(d[:n], 0.95) for n in range(7, 401))
        taken = next(k for k, one in enumerate(ends, 1) if one.low > 0 or one.high < 1)
        inside += more.low <= taken <= more.high
    assert told > 150
    assert inside / told > 0.7
