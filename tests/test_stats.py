"""Intervals and tests against published numbers, exact counts, and simulated error rates."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness import stats

REPLICATES = 4_000


def near_share(expected):
    """Compare a simulated share, up to three Monte-Carlo standard errors."""
    return pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / REPLICATES))


# Student (1908), The probable error of a mean, Biometrika 6, 1-25: hours of sleep gained under two
# drugs by the same ten patients. Expected values: R's documentation, ?sleep, paired t.test.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_sleep_data_give_the_published_paired_t_test():
    seen = stats.paired(SLEEP_1, SLEEP_2, 0.95)
    assert seen.n == 10
    assert seen.effect == pytest.approx(-1.58)
    assert seen.effect / (seen.sd / math.sqrt(10)) == pytest.approx(-4.0621, abs=5e-5)
    assert seen.p_t == pytest.approx(0.002833, abs=5e-7)
    plain = stats.t_interval(np.subtract(SLEEP_1, SLEEP_2), 0.95)
    assert (plain.low, plain.high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert seen.high == pytest.approx(-0.7001142, abs=5e-8)
    assert seen.low < -2.4598858  # patient 9 lies far on that side
    assert seen.median == pytest.approx(-1.3)
    assert seen.wins == 0
    assert seen.rho == pytest.approx(0.7951702, abs=5e-8)  # R: cor(extra[1:10], extra[11:20])


def test_sleep_data_sign_flips_counted_by_hand():
    d = np.round(np.subtract(SLEEP_1, SLEEP_2), 1)
    sums = np.array([np.dot(signs, d) for signs in itertools.product((1, -1), repeat=10)])
    count = np.count_nonzero(np.abs(sums) >= abs(d.sum()) - 1e-9)
    assert count == 4  # all nine signs alike, and the tie, 0, either way
    assert stats.sign_flip(d) == count / 1024


@pytest.mark.parametrize("n", [8, 13])
def test_sign_flip_is_exact_for_few_pairs(n):
    assert stats.sign_flip(np.arange(1.0, n + 1)) == 2.0 ** (1 - n)


def test_sign_flip_beyond_thirteen_pairs_is_drawn_but_always_alike():
    d = np.random.default_rng(0).normal(0.4, 1, size=20)
    first, second = stats.sign_flip(d), stats.sign_flip(d)
    assert first == second
    exact_enough = scipy_stats.ttest_1samp(d, 0).pvalue
    assert 0.001 < exact_enough < 0.9  # else the next line could not fail
    assert first == pytest.approx(exact_enough, abs=0.03)
    assert stats.sign_flip(np.arange(1.0, 21)) == 2 / 10_000


def test_every_relabelling_within_seeds_is_significant_at_most_five_per_cent_of_the_time():
    d = np.random.default_rng(1).exponential(size=9)
    flips = np.array(list(itertools.product((1, -1), repeat=9)))
    share = np.mean(stats.sign_flip(flips * d) <= 0.05)
    assert 0.03 < share <= 0.05


# Simulated error rates: 4,000 replicates a case.


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda rng, n: rng.normal(size=(REPLICATES, n)), {5: 0.049, 10: 0.053, 20: 0.050}),
        (lambda rng, n: rng.standard_t(3, (REPLICATES, n)), {5: 0.039, 10: 0.039, 20: 0.043}),
        (lambda rng, n: rng.exponential(1, (REPLICATES, n)) - 1, {5: 0.118, 10: 0.099, 20: 0.078}),
    ],
    ids=["normal", "t3", "exponential"],
)
def test_type_one_error_of_the_t_test(draw, expected):
    rng = np.random.default_rng(2)
    for n, share in expected.items():
        seen = stats.t_interval(draw(rng, n), 0.95)
        assert np.mean(seen.p < 0.05) == near_share(share)
        # The interval is the test turned inside out.
        np.testing.assert_array_equal((seen.low > 0) | (seen.high < 0), seen.p < 0.05)


def test_smallest_effect_found_four_times_in_five():
    rng = np.random.default_rng(3)
    for n, effect in {3: 3.3, 5: 1.7, 10: 1.0, 20: 0.66, 40: 0.45}.items():
        p = stats.t_interval(rng.normal(effect, 1, (REPLICATES, n)), 0.95).p
        assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.02)  # effects have two digits


def test_sign_flip_keeps_its_level_for_any_symmetric_differences():
    # At n = 10 the largest attainable level at or below .05 is 50/1024: two tails of 25.
    d = np.random.default_rng(4).standard_t(3, (REPLICATES, 10))
    assert np.mean(stats.sign_flip(d) <= 0.05) == near_share(50 / 1024)


# Degenerate differences: exact, and without a warning (warnings are errors here).


@pytest.mark.parametrize("n", [5, 8, 14, 40])
def test_equal_sides_leave_a_share_of_others(n):
    side = np.random.default_rng(n).uniform(1, 3, size=n)
    seen = stats.paired(side, side, 0.95)
    assert (seen.effect, seen.sd, seen.p, seen.wins, seen.kind) == (0, 0, 1, 0, "constant")
    share = 1 - 0.05 ** (1 / n)
    assert seen.share == pytest.approx(share)
    assert (seen.low, seen.high) == pytest.approx((-share * side.max(), share * side.max()))
    assert seen.rho == pytest.approx(1)


@pytest.mark.parametrize("n", range(5, 14))
def test_equal_differences_that_are_not_zero_leave_a_share_of_others(n):
    side = np.arange(n) / 64
    seen = stats.paired(side + 0.5, side, 0.95)
    assert (seen.effect, seen.sd, seen.wins) == (0.5, 0, n)
    assert math.isnan(seen.p_t)
    reach = side.max() + 0.5  # no value lies further from 0, and all lie on one side of it
    share = 1 - 0.05 ** (1 / n)
    assert seen.low == pytest.approx(0.5 - share * (0.5 + reach))
    assert seen.high == pytest.approx(0.5 + share * (reach - 0.5))
    # p is the level at which the lower end is at 0
    assert seen.p == pytest.approx((1 - 0.5 / (0.5 + reach)) ** n)


def test_differences_that_rounding_alone_makes_unequal_count_as_equal():
    first, second = (
        np.array([0.91, 0.95, 0.83, 0.77, 0.69]),
        np.array([0.9, 0.94, 0.82, 0.76, 0.68]),
    )
    assert len(set(first - second)) > 1  # the trap is there
    assert stats.paired(first, second, 0.95).sd == 0
    averaged = (0.1 + 0.2 + first) - (0.2 + 0.1)
    assert set(averaged - first) != {0.0}
    seen = stats.paired(averaged, first, 0.95)
    assert (seen.effect, seen.p, seen.wins, seen.kind) == (0, 1, 0, "constant")


def test_a_small_difference_that_is_not_rounding_is_kept():
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    seen = stats.paired(first + 1e-9 * first, first, 0.95)
    assert seen.effect == pytest.approx(3e-9, rel=1e-5)
    assert seen.sd > 0
    assert seen.wins == 5


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_few_pairs_are_described_but_not_tested(n):
    seen = stats.paired(np.arange(n) ** 2.0, np.zeros(n), 0.95)
    assert math.isnan(seen.p)
    assert math.isnan(seen.effect) == (n == 0)
    assert math.isnan(seen.low) == math.isnan(seen.sd) == math.isnan(seen.p_t) == (n < 2)
    assert seen.wins == max(0, n - 1)


def test_correlation_is_nan_where_it_is_undefined():
    assert math.isnan(stats.paired([1, 2, 3, 4, 5], [7] * 5, 0.95).rho)
    assert math.isnan(stats.paired([1, 2], [3, 5], 0.95).rho)
    assert stats.paired([1, 2, 3], [3, 2, 1], 0.95).rho == pytest.approx(-1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        stats.paired([1, 2, 3, 4, bad], [0] * 5, 0.95)
    with pytest.raises(ValueError, match="finite"):
        stats.t_interval([1, bad], 0.95)


def test_unequal_sides_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        stats.paired([1, 2, 3], [1, 2], 0.95)


def test_t_interval_of_each_row_is_that_of_the_row_alone():
    rows = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]])
    together = stats.t_interval(rows, 0.9)
    for index, row in enumerate(rows):
        alone = stats.t_interval(row, 0.9)
        for name in ("mean", "sd", "low", "high", "p"):
            assert getattr(together, name)[index] == pytest.approx(float(getattr(alone, name)))
    np.testing.assert_array_equal(together.p[1:], [0, 1])


# Properties. Multiples of 1/64 make sums and differences exact.
sixty_fourths = st.integers(-200, 200).map(lambda number: number / 64)
pairs = st.lists(st.tuples(sixty_fourths, sixty_fourths), min_size=5, max_size=12)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_swapping_the_sides_mirrors_everything(rows):
    first, second = zip(*rows, strict=True)
    one, other = stats.paired(first, second, 0.95), stats.paired(second, first, 0.95)
    assert (one.effect, one.low, one.high) == pytest.approx(
        (-other.effect, -other.high, -other.low)
    )
    assert (one.p, one.sd) == pytest.approx((other.p, other.sd))
    assert one.wins + other.wins == sum(a != b for a, b in rows)


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(-10, 10))
def test_a_power_of_two_scales_and_a_constant_in_both_sides_cancels(rows, power):
    first, second = np.array(rows).T
    one = stats.paired(first, second, 0.95)
    assume(one.kind != "constant")  # there it counts how far the values themselves reach
    scaled = stats.paired(first * 2.0**power + 5, second * 2.0**power + 5, 0.95)
    assert scaled.low == pytest.approx(one.low * 2.0**power)
    assert scaled.high == pytest.approx(one.high * 2.0**power)
    assert scaled.p == pytest.approx(one.p)
    assert scaled.wins == one.wins


@settings(max_examples=100, deadline=None)
@given(pairs, st.floats(0.5, 0.999))
def test_p_is_below_the_level_just_where_the_interval_leaves_out_0(rows, level):
    first, second = np.array(rows).T
    seen = stats.paired(first, second, level)
    assert 0 <= seen.p <= 1
    if not math.isnan(seen.p_t):
        assert seen.p >= seen.p_t * (1 - 1e-9)
    if abs(seen.p - (1 - level)) > 1e-6:
        assert (seen.p < 1 - level) == (seen.low > 0 or seen.high < 0)
