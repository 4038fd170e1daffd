"""Procedures for many claims, failures, doses, several arms, equivalence and looks.

Each is held against published numbers, an exact count, or another library's answer; then the
statistic of each kind of claim against what its docstring says.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from harness import stats
from harness.judging.contrasts import see
from harness.judging.pairing import Pairs
from harness.messages.errors import HarnessError
from harness.messages.levels import Level
from harness.study.claims import Best, Equivalent, Higher, Interaction, Peak, Some, Trend
from harness.study.looks import Looks
from harness.study.metrics import FAILED, Metric

NAN = math.nan
SCORE = Metric("score", "Score", "", "higher", "A number.")


def by_hand(d, level):
    """Return both ends and p of differences that vary: scipy's t, longer towards a long tail."""
    d = np.asarray(d)
    n, mean = len(d), d.mean()
    z = scipy_stats.skew(d) / math.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
    down, up = (1 + min(max(0, 2 * (side * z - 1)), 20 / n) for side in (-1, 1))
    test = scipy_stats.ttest_1samp(d, 0)
    low, high = test.confidence_interval(level)
    t = abs(test.statistic) / (down if mean > 0 else up)
    return mean - down * (mean - low), mean + up * (high - mean), 2 * scipy_stats.t.sf(t, n - 1)


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)
sixty_fourths = st.integers(-200, 200).map(lambda number: number / 64)


def three_errors(share, replicates):
    """Return three Monte-Carlo standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / replicates)


# Many claims.

# Benjamini & Hochberg (1995), JRSS B 57, 289-300, section 3.2: 15 p values, of which at .05
# Bonferroni rejects three and theirs four.
THROMBOLYSIS = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def bonferroni(p):
    return tuple(stats.bonferroni(one, len(p)) for one in p)


@pytest.mark.parametrize(("adjust", "rejected"), [(bonferroni, 3), (stats.false_discovery, 4)])
def test_benjamini_and_hochbergs_example(adjust, rejected):
    shuffled = np.random.default_rng(0).permutation(THROMBOLYSIS).tolist()
    adjusted = dict(zip(shuffled, adjust(shuffled), strict=True))
    assert [p for p in THROMBOLYSIS if adjusted[p] < 0.05] == THROMBOLYSIS[:rejected]


def test_adjusted_values_of_the_example_by_hand():
    """At rank i: Bonferroni 15 p, Benjamini-Hochberg 15 p / i, made monotone."""
    assert bonferroni(THROMBOLYSIS)[:4] == pytest.approx((0.0015, 0.006, 0.0285, 0.1425))
    found = stats.false_discovery(THROMBOLYSIS)
    assert found[:5] == pytest.approx((0.0015, 0.003, 0.0095, 0.035625, 0.0603))
    assert found[5:7] == pytest.approx((15 * 0.0298 / 7,) * 2)


def test_published_adjusted_values_and_claims_that_could_not_be_tested():
    """The examples in stdlib's reference of ``padjust``, which follows R's ``p.adjust``.

    Five further comparisons that were not observed, its argument ``comparisons=10``, are what a
    NaN is here.
    """
    p = [0.319, 0.201, 0.4, 0.374, 0.113]
    assert stats.false_discovery(p) == pytest.approx((0.4,) * 5)
    other = [0.008, 0.03, 0.123, 0.6, 0.2]
    assert stats.false_discovery(other) == pytest.approx((0.04, 0.075, 0.205, 0.6, 0.25))
    with_untested = [NAN, *p, NAN, NAN, NAN, NAN]
    expected = [NAN] + [0.8] * 5 + [NAN] * 4
    assert stats.false_discovery(with_untested) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("adjust", [bonferroni, stats.false_discovery])
def test_one_claim_none_and_untested_ones(adjust):
    assert adjust([]) == ()
    assert adjust([0.03]) == pytest.approx((0.03,))
    assert adjust([0.01, NAN, NAN, NAN]) == pytest.approx((0.04, NAN, NAN, NAN), nan_ok=True)
    assert all(map(math.isnan, adjust([NAN, NAN])))
    assert adjust([0.0, 0.0, 1.0]) == (0, 0, 1)


def test_ties_are_adjusted_alike_and_arrays_are_taken():
    assert stats.false_discovery([0.02, 0.01, 0.02]) == pytest.approx((0.02, 0.02, 0.02))
    assert stats.false_discovery(np.array([0.02, 0.01])) == pytest.approx((0.02, 0.02))
    assert stats.false_discovery(np.array([])) == ()


@settings(max_examples=60, deadline=None)
@given(p_values)
def test_false_discovery_is_scipys_lies_below_bonferroni_and_keeps_the_order(p):
    raw, found, most = map(np.array, (p, stats.false_discovery(p), bonferroni(p)))
    assert found == pytest.approx(scipy_stats.false_discovery_control(p))
    small = 1e-12
    assert (raw <= found + small).all()
    assert (found <= most + small).all()
    assert (most <= 1).all()
    for adjusted in (found, most):
        assert (np.diff(adjusted[np.argsort(raw)]) >= 0).all()


# Failures.


def runs(failed, n):
    return [True] * failed + [False] * (n - failed)


@pytest.mark.parametrize(
    ("failed", "n", "low", "high"),
    [(9, 24, 0.1879929, 0.5940636), (682, 925, 0.7076683, 0.7654066)],
)
def test_rate_has_the_interval_that_r_prints(failed, n, low, high):
    """``binom.test(9, 24)``, and ``binom.test(682, 925)`` of R's help, after Conover (1971)."""
    seen = stats.rate(runs(failed, n))
    assert (seen.count, seen.n) == (failed, n)
    assert (seen.low, seen.high) == pytest.approx((low, high), abs=5e-8)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_rate_where_none_or_all_failed_has_a_closed_form(n):
    bound = 0.025 ** (1 / n)
    none, every = stats.rate(runs(0, n)), stats.rate(runs(n, n))
    assert (none.low, none.high) == pytest.approx((0, 1 - bound))
    assert (every.low, every.high) == pytest.approx((bound, 1))


def test_rate_of_no_runs_is_unknown():
    seen = stats.rate([])
    assert (seen.count, seen.n) == (0, 0)
    assert math.isnan(seen.low)
    assert math.isnan(seen.high)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_rate_holds_its_level_for_every_probability(level):
    n, share = 12, np.linspace(0, 1, 201)
    covered = np.zeros_like(share)
    for count in range(n + 1):
        seen = stats.rate(runs(count, n), level)
        inside = (seen.low <= share) & (share <= seen.high)
        covered += inside * scipy_stats.binom.pmf(count, n, share)
    assert covered.min() >= level - 1e-12
    assert covered.min() < level + 0.06


def two_arms(only_first, only_second, both=0, neither=0):
    first = [True] * only_first + [False] * only_second + [True] * both + [False] * neither
    second = [False] * only_first + [True] * only_second + [True] * both + [False] * neither
    return first, second


def test_published_mcnemar_tables():
    """Aoki's page on McNemar's test: 48, 28, 35, 53; ``binom.test(c(35, 28))`` prints .45.

    Agresti (1990), p. 350, the president's approval: 794, 150, 86, 570, a chi-squared of 34.71.
    """
    seen = stats.discordance(*two_arms(35, 28, 48, 53), 0.95)
    assert (seen.n, seen.only_first, seen.only_second) == (164, 35, 28)
    assert seen.p == pytest.approx(0.45, abs=5e-5)
    assert seen.effect == pytest.approx((83 - 76) / 164)
    approval = stats.discordance(*two_arms(150, 86, 794, 570), 0.95)
    assert approval.p == pytest.approx(mcnemar([[794, 150], [86, 570]], exact=True).pvalue)
    assert approval.p == pytest.approx(scipy_stats.chi2.sf(34.71, 1), abs=5e-5)
    assert 0 < approval.low < 64 / 1600 < approval.high


@pytest.mark.parametrize(("n", "level"), [(1, 0.8), (3, 0.8), (6, 0.8), (6, 0.95), (10, 0.95)])
def test_discordance_holds_its_level_for_every_pair_of_probabilities(n, level):
    grid = [(a / 20, b / 20) for a in range(21) for b in range(21 - a)]
    p = np.array([(a, b, max(0.0, 1 - a - b)) for a, b in grid])
    truth, covered = p[:, 0] - p[:, 1], np.zeros(len(grid))
    for first in range(n + 1):
        for second in range(n + 1 - first):
            neither = n - first - second
            seen = stats.discordance(*two_arms(first, second, 0, neither), level)
            ways = math.comb(n, first) * math.comb(n - first, second)
            chance = ways * np.prod(p ** (first, second, neither), axis=1)
            covered += chance * ((seen.low <= truth + 1e-12) & (truth - 1e-12 <= seen.high))
    assert covered.min() >= level - 1e-9
    assert covered.max() <= 1 + 1e-9


def test_discordance_where_no_pair_differs_or_there_is_none():
    for alike in (runs(0, 6), runs(6, 6), runs(3, 6)):
        seen = stats.discordance(alike, alike, 0.95)
        assert (seen.effect, seen.p, seen.only_first, seen.only_second) == (0, 1, 0, 0)
        assert seen.low == -seen.high < 0
    nothing = stats.discordance([], [], 0.95)
    assert (nothing.n, nothing.only_first, nothing.only_second) == (0, 0, 0)
    assert all(map(math.isnan, (nothing.effect, nothing.low, nothing.high, nothing.p)))


def test_one_arm_that_always_fails():
    seen = stats.discordance(runs(8, 8), runs(0, 8), 0.95)
    assert (seen.effect, seen.only_first) == (1, 8)
    assert seen.p == pytest.approx(2 * 0.5**8)
    assert seen.low == pytest.approx(0.0125 ** (1 / 8) + 0.0125 ** (1 / 8) - 1)
    assert seen.low > 0
    assert seen.high == 1


def test_arms_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        stats.discordance([True], [True, False], 0.95)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=15))
def test_discordance_is_mirrored_holds_its_effect_and_counts_wins(rows):
    first, second = zip(*rows, strict=True)
    one, other = (stats.discordance(*sides, 0.9) for sides in ((first, second), (second, first)))
    assert one.effect == pytest.approx(np.mean(first) - np.mean(second))
    assert -1 <= one.low <= one.effect <= one.high <= 1
    assert (one.low, one.high, one.p) == pytest.approx((-other.high, -other.low, other.p))
    table = [[0, one.only_first], [one.only_second, 0]]
    if one.only_first + one.only_second:
        assert one.p == pytest.approx(mcnemar(table, exact=True).pvalue)


# Doses.


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6).flatmap(lambda k: st.tuples(
    st.lists(st.lists(sixty_fourths, min_size=k, max_size=k), min_size=1, max_size=5),
    st.lists(st.integers(-50, 50), min_size=k, max_size=k, unique=True),
)))  # fmt: skip
def test_rises_are_polyfits_slopes_times_the_range(drawn):
    values, doses = drawn
    expected = [np.polyfit(doses, row, 1)[0] * np.ptp(doses) for row in values]
    assert stats.rises(values, doses) == pytest.approx(expected, abs=1e-9)


def test_a_straight_line_rises_by_its_ends():
    assert stats.rises([[1, 2, 4], [5, 4, 2], [3, 3, 3]], [10, 20, 40]) == pytest.approx([3, -3, 0])
    assert stats.rises(np.zeros((0, 3)), [1, 2, 3]).shape == (0,)


@pytest.mark.parametrize(
    ("values", "doses", "why"),
    [
        ([1, 2, 3], [1, 2, 3], "seeds by doses"),
        ([[1, 2, 3]], [1, 2], "seeds by doses"),
        ([[1]], [1], "seeds by doses"),
        ([[1, 2, 3]], [2, 2, 2], "must differ"),
        ([[1, 2, NAN]], [1, 2, 3], "finite"),
        ([[1, 2, 3]], [1, 2, math.inf], "finite"),
    ],
)
def test_doses_that_fit_no_line_are_refused(values, doses, why):
    with pytest.raises(ValueError, match=why):
        stats.rises(values, doses)


def test_page_on_the_ratings_of_three_teaching_methods():
    """Statext's example, L = 133.5, with the exact p value that scipy's documentation prints."""
    ratings = [
        [3, 4, 3], [2, 2, 4], [3, 3, 5], [1, 3, 2], [2, 3, 2],
        [2, 4, 5], [1, 2, 4], [3, 4, 4], [2, 4, 5], [1, 3, 4],
    ]  # fmt: skip
    assert stats.page(ratings) == pytest.approx(0.0018191161948127822)


@pytest.mark.parametrize(
    ("seeds", "l_value", "level"),
    [(2, 28, 0.05), (3, 41, 0.05), (3, 42, 0.01), (4, 54, 0.05), (4, 55, 0.01), (4, 56, 0.001),
     (5, 66, 0.05), (5, 68, 0.01), (5, 70, 0.001), (6, 79, 0.05), (6, 81, 0.01), (6, 83, 0.001)],
)  # fmt: skip
def test_pages_table_of_critical_values_for_three_doses(seeds, l_value, level):
    """Page (1963), JASA 58, 216-230, table 2: at L the level is held, at L - 1 no longer."""
    row_of = {14: [1, 2, 3], 13: [1, 3, 2], 11: [2, 3, 1], 10: [3, 2, 1]}

    def p(total):
        every = itertools.combinations_with_replacement(row_of, seeds)
        return stats.page([row_of[each] for each in next(c for c in every if sum(c) == total)])

    assert p(l_value) <= level < p(l_value - 1)


def test_page_counts_every_order_of_the_doses():
    orders = list(itertools.permutations((1, 2, 3, 4)))
    score = [np.dot((1, 2, 3, 4), order) for order in orders]
    sums = np.add.outer(score, score).ravel()
    for rows in ([(1, 2, 4, 3), (2, 1, 3, 4)], [(4, 3, 2, 1), (1, 2, 3, 4)]):
        seen = sum(np.dot((1, 2, 3, 4), row) for row in rows)
        assert stats.page(rows) == pytest.approx(np.mean(sums >= seen))


def test_page_only_sees_orders_within_seeds():
    values = np.random.default_rng(0).normal(size=(6, 4)).cumsum(axis=1)
    changed = np.exp(values) + 100 * np.arange(6)[:, None]
    assert stats.page(values) == stats.page(changed)
    assert stats.page(values) < 0.3 < 0.7 < stats.page(-values)


@pytest.mark.parametrize("shape", [(0, 3), (5, 2), (5, 1)])
def test_page_without_doses_or_seeds_is_unknown(shape):
    assert math.isnan(stats.page(np.zeros(shape)))


def test_page_of_one_seed_is_a_number_or_unknown():
    assert not stats.page([[1, 2, 3]]) < 1 / 6 - 1e-12


def f_of_levels(values):
    """Return the F statistic of levels in a two-way layout without interaction."""
    n, k = values.shape
    levels = n * np.square(values.mean(axis=0) - values.mean()).sum()
    seeds = k * np.square(values.mean(axis=1) - values.mean()).sum()
    rest = np.square(values - values.mean()).sum() - levels - seeds
    return (levels / (k - 1)) / (rest / ((n - 1) * (k - 1)))


@pytest.mark.parametrize("effect", [0.0, 0.7, 1.5])
def test_omnibus_is_the_f_test_over_all_relabellings_within_seeds(effect):
    values = np.random.default_rng(1).normal(size=(4, 3)) + effect * np.arange(3)
    orders = [list(order) for order in itertools.permutations(range(3))]
    every = [
        f_of_levels(np.array([row[order] for row, order in zip(values, chosen, strict=True)]))
        for chosen in itertools.product(orders, repeat=4)
    ]
    exact = np.mean(np.array(every) >= f_of_levels(values) * (1 - 1e-9))
    assert 0 < exact < 1
    assert stats.omnibus(values) == pytest.approx(exact, abs=three_errors(exact, 9_999) + 1e-4)


def test_omnibus_orders_as_friedman_where_values_are_ranks():
    """Friedman's statistic is a monotone function of F on ranks, so exact p values are the same."""
    ranks = np.array([[1, 2, 3], [1, 3, 2], [2, 1, 3], [1, 2, 3]])
    statistic = scipy_stats.friedmanchisquare(*ranks.T).statistic
    orders = list(itertools.permutations((1, 2, 3)))
    every = [
        scipy_stats.friedmanchisquare(*np.array(((1, 2, 3), *rows)).T).statistic
        for rows in itertools.product(orders, repeat=3)
    ]
    exact = np.mean(np.array(every) >= statistic - 1e-9)
    assert stats.omnibus(ranks) == pytest.approx(exact, abs=three_errors(exact, 9_999))


def test_omnibus_keeps_its_level():
    rng, replicates = np.random.default_rng(2), 400
    draws = rng.exponential(size=(replicates, 5, 3)) + rng.normal(0, 9, (replicates, 5, 1))
    share = np.mean([stats.omnibus(values) <= 0.1 for values in draws])
    assert share == pytest.approx(0.1, abs=three_errors(0.1, replicates))


def test_omnibus_is_always_alike_and_knows_ties():
    values = np.random.default_rng(3).normal(size=(5, 4))
    assert stats.omnibus(values) == stats.omnibus(values.copy())
    assert stats.omnibus(np.full((5, 3), 0.25)) == 1
    assert stats.omnibus(np.arange(3) + np.zeros((8, 1))) == pytest.approx(1 / 10_000)
    assert math.isnan(stats.omnibus(values[:1]))
    assert math.isnan(stats.omnibus(values[:, :1]))


@pytest.mark.parametrize("test", [stats.omnibus, stats.page])
def test_what_rounding_leaves_is_a_tie_among_levels(test):
    assert test([[0.3, 0.3, 0.1 + 0.2]] * 8) > 0.5


# Several arms.

LEVEL = 0.8
REPLICATES = 350


def least(first, others, level):
    """Return the smallest difference with its effect, from values."""
    places = [stats.located(first, other) for other in others]
    seen = stats.least(places, level)
    return seen, places[seen.which].mean


def simulated(truths, n=5):
    """Return what is seen of one side against several, with these true differences."""
    rng = np.random.default_rng(4)
    for _ in range(REPLICATES):
        others = [rng.normal(-truth, 1, n) for truth in truths]
        yield least(rng.normal(0, 0.1, n), others, LEVEL)


@pytest.mark.parametrize("truths", [(0.0,), (0.0, 0.0, 0.0), (0.0, 0.3, 5.0)])
def test_either_end_of_the_least_is_wrong_at_most_half_of_alpha_each(truths):
    seen = list(simulated(truths))
    tail = (1 - LEVEL) / 2
    most = tail + three_errors(tail, REPLICATES)
    ups = np.mean([one.low > 0 for one, _ in seen])
    downs = np.mean([one.high < 0 for one, _ in seen])
    assert ups <= most
    assert downs <= most
    assert np.mean([effect > 0 and one.p < 1 - LEVEL for one, effect in seen]) == ups
    assert np.mean([effect < 0 and one.p < 1 - LEVEL for one, effect in seen]) == downs
    if len(truths) == 1:
        assert min(ups, downs) >= tail / 2
    for one, effect in seen:
        assert one.low <= effect <= one.high


def test_least_of_one_is_the_paired_comparison():
    first, second = np.random.default_rng(5).normal(size=(2, 9))
    (one, effect), alone = least(first, [second], 0.95), stats.paired(first, second, 0.95)
    assert (one.which, effect, one.low, one.high, one.p) == (
        0, alone.effect, alone.low, alone.high, alone.p,
    )  # fmt: skip


@pytest.mark.parametrize(("k", "n", "level"), [(4, 10, 1 - 0.0125 / 5), (3, 8, 0.99)])
def test_many_comparisons_of_few_seeds_can_show_a_direction(k, n, level):
    rng = np.random.default_rng(21)
    reference, others = rng.normal(size=n), rng.normal(100, 1, (k, n))
    seen, _ = least(reference, list(others), level)
    assert seen.p < 1 - level
    assert seen.high < -90


def test_least_of_three_by_hand():
    rng = np.random.default_rng(6)
    others = [rng.normal(size=7) - shift for shift in (2, 1, 4)]
    first = rng.normal(size=7)
    seen, effect = least(first, others, 0.9)
    tests = [by_hand(first - other, 0.9) for other in others]
    assert seen.which == 1
    assert effect == pytest.approx(np.mean(first - others[1]))
    assert seen.p == pytest.approx(max(p for *_, p in tests))
    assert seen.low == pytest.approx(min(low for low, _, _ in tests))
    widened = [by_hand(first - other, 1 - 0.1 / 3)[1] for other in others]
    assert seen.high == pytest.approx(min(widened))
    down, effect = least(others[2], [first, others[0]], 0.9)
    below = [by_hand(others[2] - other, 0.9)[2] for other in (first, others[0])]
    assert effect < 0
    assert down.p == pytest.approx(min(1, 2 * min(below)))


def test_the_least_is_above_zero_only_where_every_difference_is():
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.1, (3, 10))
    first = np.full(10, 5.0) + rng.normal(0, 0.1, 10)
    every, _ = least(first, list(noise), 0.95)
    assert every.p < 0.01
    assert every.low > 4
    one_alike, effect = least(first, [noise[0], noise[1], first], 0.95)
    assert (one_alike.which, effect) == (2, 0)
    assert one_alike.p == 1
    assert one_alike.low < 0
    one_above, effect = least(first, [noise[0], noise[1], first + 5 + noise[2]], 0.95)
    assert effect < 0
    assert one_above.high < 0
    assert one_above.p < 0.01


@pytest.mark.parametrize("n", [0, 1, 4])
def test_the_least_of_few_seeds_is_not_tested(n):
    seen, effect = least(np.arange(n), [np.zeros(n), np.ones(n)], 0.95)
    assert math.isnan(seen.p)
    assert math.isnan(effect) == (n == 0)
    assert math.isnan(seen.low) == math.isnan(seen.high) == (n < 2)


@pytest.mark.parametrize("nothing", [[], np.array([])])
def test_the_least_of_nothing_is_refused(nothing):
    with pytest.raises(ValueError, match="at least"):
        stats.least(nothing, 0.95)


# Equivalence.

SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def tost(first, second, bound):
    place = stats.located(first, second)
    return max(place.p_above(-bound), place.p_below(bound))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(sixty_fourths, sixty_fourths), min_size=2, max_size=10),
    st.integers(1, 300).map(lambda number: number / 64),
)
def test_two_one_sided_tests_are_statsmodels_or_stricter_and_an_interval_within(rows, bound):
    first, second = np.array(rows).T
    place = stats.located(first, second)
    p = tost(first, second, bound)
    assert p == pytest.approx(tost(second, first, bound))
    assert 0 <= p <= 1
    if place.kind == "varied":
        other = ttost_paired(first, second, -bound, bound)[0]
        assert p >= other * (1 - 1e-9)
        if abs(place.skew) <= 1:
            assert p == pytest.approx(other)
    low, high = place.ends(0.9)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (-bound < low and high < bound)


def test_no_margin_is_tested_without_pairs():
    assert math.isnan(tost([], [], 0.5))
    assert math.isnan(tost([1], [1], 0.5))


# Looks.


@pytest.mark.parametrize(
    ("most", "seeds"),
    [(5, (5,)), (6, (5, 6)), (7, (5, 7)), (10, (5, 10)), (11, (5, 10, 11)), (40, (5, 10, 20, 40)),
     (41, (5, 10, 20, 40, 41)), (80, (5, 10, 20, 40, 80))],
)  # fmt: skip
def test_looks_double_until_the_last(most, seeds):
    looks = Looks().upto(most)
    assert looks.seeds == seeds
    assert looks.alphas == pytest.approx((0.05 / len(seeds),) * len(seeds))
    assert looks.alpha == pytest.approx(0.05)


def test_looks_until_forty_and_a_fixed_number():
    assert Looks().upto(40).alphas == (0.0125,) * 4
    assert Looks.fixed(12, 0.1) == Looks((12,), (0.1,))
    assert Looks.fixed(12).adjusted(0.03, 0) == pytest.approx(0.03)


def test_adjusted_p_by_hand():
    looks = Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028))
    assert looks.alpha == pytest.approx(0.05)
    assert looks.adjusted(0.01, 0) == pytest.approx(0.5)
    assert looks.adjusted(0.003, 1) == pytest.approx(0.025)
    assert looks.adjusted(0.9, 3) == 1
    assert math.isnan(looks.adjusted(NAN, 2))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([
        Looks().upto(5), Looks().upto(40), Looks().upto(41),
        Looks((5, 10, 20, 40), (0.001, 0.006, 0.015, 0.028)),
    ]),
    st.floats(0, 0.1),
)  # fmt: skip
def test_adjusted_is_below_alpha_just_where_a_look_is_below_its_own(looks, p):
    for place, level in enumerate(looks.alphas):
        near = p == pytest.approx(level, rel=1e-12)
        assert near or (looks.adjusted(p, place) < looks.alpha) == (p < level)


# The statistic of each kind of claim.


def pairs_of(values, fails=()):
    rows = tuple(tuple(map(float, row)) for row in values)
    return Pairs(
        seeds=tuple(range(len(rows))), values=rows, ended=tuple(range(len(fails))),
        fails=tuple(fails), trials=0, failed=0, missing=0, unfinished=0,
    )  # fmt: skip


def levels_of(*values):
    return lambda _factor: [Level(str(value), value) for value in values]


HIGHER = Higher("H.", "score", 0.5, higher={"a": 1}, lower={"a": 2})
EQUIVALENT = Equivalent("E.", "score", 0.5, first={"a": 1}, second={"a": 2})
INTERACTION = Interaction("I.", "score", 0.5, of=({"a": 1}, {"a": 2}), at=({"b": 1}, {"b": 2}))
VALUES = np.random.default_rng(8).normal(size=(6, 4)) + 3


def per_seed(seen):
    return np.subtract(seen.first, seen.second)


@pytest.mark.parametrize(
    ("claim", "of_seed"),
    [
        (HIGHER, lambda v: v[:, 0] - v[:, 1]),
        (EQUIVALENT, lambda v: v[:, 0] - v[:, 1]),
        (INTERACTION, lambda v: (v[:, 0] - v[:, 1]) - (v[:, 2] - v[:, 3])),
    ],
    ids=["higher", "equivalent", "interaction"],
)
def test_differences_of_a_claim_on_two_sides(claim, of_seed):
    values = VALUES[:, : 4 if claim is INTERACTION else 2]
    seen = see(claim, SCORE, pairs_of(values), (), 0.95)
    d = of_seed(values)
    assert per_seed(seen) == pytest.approx(d)
    low, high, p = by_hand(d, 0.95)
    assert (seen.n, seen.effect, seen.p) == pytest.approx((6, d.mean(), p))
    assert (seen.low, seen.high) == pytest.approx((low, high))
    assert seen.wins == np.count_nonzero(d > 0)


def test_an_interaction_adds_and_subtracts_as_its_partial_arms_are_ordered():
    table = {(1, 1): 8.0, (2, 1): 4.0, (1, 2): 2.0, (2, 2): 1.0}
    row = [table[arm["a"], arm["b"]] for arm in INTERACTION.partials(levels_of())]
    assert see(INTERACTION, SCORE, pairs_of([row] * 6), (), 0.95).effect == (8 - 4) - (2 - 1)


def test_an_interaction_that_is_zero_but_for_rounding_is_zero():
    seen = see(INTERACTION, SCORE, pairs_of([(0.563, 0.562, 0.005, 0.004)] * 8), (), 0.95)
    assert (seen.effect, seen.kind, seen.p) == (0, "constant", 1)
    # eight alike leave up to 1 - .05^(1/8) of others, each at most 2 * .563 away
    assert (seen.low, seen.high) == pytest.approx((-0.3126 * 1.126, 0.3126 * 1.126), rel=1e-3)


def test_equivalence_has_its_two_one_sided_tests_beside_it():
    values = VALUES[:, :2]
    seen = see(EQUIVALENT, SCORE, pairs_of(values), (), 0.95)
    assert seen.beside[0].value == seen.p_margin
    assert abs(seen.skew) <= 1  # or it would be more than
    assert seen.p_margin == pytest.approx(ttost_paired(values[:, 0], values[:, 1], -0.5, 0.5)[0])


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("kind", [Best, Peak])
def test_the_best_level_is_compared_with_the_nearest_in_the_direction_claimed(kind, lowest):
    """Of 9, 5, 7, 3 the first leads by 2 as the highest; of 1, 5, 4, 7 by 3 as the lowest."""
    claim = (
        Best("B.", "score", 0.5, best={"a": 1}, lowest=lowest)
        if kind is Best
        else Peak("P.", "score", 0.5, over="a", at=2, lowest=lowest)
    )
    means = [1, 5, 4, 7] if lowest else [9, 5, 7, 3]
    values = np.random.default_rng(9).normal(0, 0.1, (6, 4)) + means
    seen = see(claim, SCORE, pairs_of(values), (), 0.95)
    sign = -1 if lowest else 1
    d = sign * (values[:, 0] - values[:, 2])
    assert seen.effect == pytest.approx(d.mean())
    assert seen.effect == pytest.approx(3 if lowest else 2, abs=0.3)
    assert per_seed(seen) == pytest.approx(d)
    best, rest = (seen.second, seen.first) if lowest else (seen.first, seen.second)
    assert best == pytest.approx(values[:, 0])
    assert rest == pytest.approx(values[:, 2])
    named = claim.sides()[1 if lowest else 0]
    assert named in {"a=1", "a=2"}
    assert 0 < seen.low < seen.effect < seen.high
    assert seen.p < 0.01
    worst = see(claim, SCORE, pairs_of(-values), (), 0.95)
    assert worst.effect < 0
    assert worst.high < 0
    assert bool(seen.beside) == (kind is Best)


@pytest.mark.parametrize("lowest", [False, True])
def test_some_level_beats_the_reference_where_the_best_does_by_hand(lowest):
    """Of 5 against 4, 7 and 6 the second leads by 2, as the highest or as the lowest."""
    claim = Some("S.", "score", 0.5, over="a", than={"a": 1}, lowest=lowest)
    sign = -1 if lowest else 1
    values = sign * (np.random.default_rng(19).normal(0, 0.3, (6, 4)) + np.array([5, 4, 7, 6]))
    seen = see(claim, SCORE, pairs_of(values), (), 0.9)
    d = sign * (values[:, 1:] - values[:, :1])
    assert seen.nearest == 2
    assert seen.effect == pytest.approx(d[:, 1].mean())
    assert per_seed(seen) == pytest.approx(d[:, 1])
    tests = [by_hand(column, 0.9) for column in d.T]
    strict = [by_hand(column, 1 - 0.1 / 3)[0] for column in d.T]
    assert seen.low == pytest.approx(max(strict))
    assert seen.high == pytest.approx(max(high for _, high, _ in tests))
    assert 0 < seen.low < tests[1][0]
    assert seen.p == pytest.approx(3 * min(p for *_, p in tests[1:]))
    best, reference = (seen.second, seen.first) if lowest else (seen.first, seen.second)
    assert best == pytest.approx(values[:, 2])
    assert reference == pytest.approx(values[:, 0])
    assert claim.sides()[1 if lowest else 0] == "the best a"
    none = see(claim, SCORE, pairs_of(values[:, [2, 1, 0, 3]]), (), 0.9)
    assert none.effect < none.high < 0
    down = [by_hand(sign * (values[:, k] - values[:, 2]), 0.9)[2] for k in (0, 1, 3)]
    assert none.p == pytest.approx(max(down))


def test_some_is_best_of_the_reference_turned_round():
    values = np.random.default_rng(20).normal(size=(9, 5))
    some = see(Some("S.", "score", 0.5, over="a", than={"a": 1}), SCORE, pairs_of(values), (), 0.95)
    best = see(Best("B.", "score", 0.5, best={"a": 1}), SCORE, pairs_of(values), (), 0.95)
    assert (some.effect, some.low, some.high) == pytest.approx(
        (-best.effect, -best.high, -best.low)
    )
    assert some.p == best.p


def test_partial_arms_of_some_begin_with_the_reference():
    than = Some("S.", "score", 0.5, over="a", than={"a": 2}, where={"b": 1})
    assert than.partials(levels_of(1, 2, 3)) == [{"b": 1, "a": n} for n in (2, 1, 3)]
    other = Some("S.", "score", 0.5, over="a", than={"b": 0}, where={"b": 1}, among=(1, 3, 4))
    assert other.partials(levels_of(1, 2, 3)) == [{"b": 0}, {"b": 1, "a": 1}, {"b": 1, "a": 3}]


def test_a_level_called_none_is_a_level_like_others():
    some = Some("S.", "score", 0.5, over="a", than={"b": 0}, where={"b": 1})
    assert some.partials(levels_of("none", "l1", "l2")) == [
        {"b": 0}, {"b": 1, "a": "none"}, {"b": 1, "a": "l1"}, {"b": 1, "a": "l2"},
    ]  # fmt: skip


def test_levels_are_found_by_value_or_name_as_factors_find_them():
    levels = (Level("a", 1), Level("1", 2), Level("yes", True), Level("c", 1.0))
    found = Best("B.", "score", 0.5, best={"f": "1"}, among=(1, True)).partials(lambda _: levels)
    assert [each["f"] for each in found[1:]] == [1, True]
    assert [type(each["f"]) for each in found[1:]] == [int, bool]


def test_sides_name_the_level_that_counts_and_those_that_take_part():
    best = Best("B.", "score", 0.5, best={"a": 2}, among=(1, 3), where={"b": 0})
    assert best.sides() == ("a=2 at b=0", "the nearest other a of 1, 3 at b=0")
    assert best.sides("3") == ("a=2 at b=0", "a=3, the nearest other a of 1, 3 at b=0")
    some = Some("S.", "score", 0.5, over="a", than={"a": 1}, where={"b": 0}, lowest=True)
    assert some.sides("the best") == ("b=0, a=1", "a=the best, the best a at b=0")
    trend = Trend("T.", "score", 0.5, over="a", among=(1, 2, 4))
    assert trend.sides("1 to 2")[0] == "line at the highest a of 1, 2, 4"


def test_chosen_levels_take_part_and_no_others():
    best = Best("B.", "score", 0.5, best={"a": 2}, among=(2, 3, 9)).partials(levels_of(1, 2, 3))
    peak = Peak("P.", "score", 0.5, over="a", at=3, among=(1, 3, 4))
    trend = Trend("T.", "score", 0.5, over="a", among=(1, 3, 4))
    levels = levels_of("tuned", 1, 2, 3, 4)
    assert best == [{"a": 2}, {"a": 3}]
    assert peak.partials(levels) == [{"a": 3}, {"a": 1}, {"a": 4}]
    assert trend.partials(levels) == [{"a": 1}, {"a": 3}, {"a": 4}]
    assert trend.doses(levels) == (1, 3, 4)
    with pytest.raises(HarnessError, match=r"at least 3 numbers.*got tuned.*among="):
        Trend("T.", "score", 0.5, over="a").doses(levels)


def test_partial_arms_of_best_and_peak_begin_with_the_one_claimed():
    best = Best("B.", "score", 0.5, best={"a": 2}).partials(levels_of(1, 2, 3))
    peak = Peak("P.", "score", 0.5, over="a", at=2).partials(levels_of(1, 2, 3, 4))
    assert best == [{"a": 2}, {"a": 1}, {"a": 3}]
    assert peak == [{"a": 2}, {"a": 1}, {"a": 3}]


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize(
    ("axis", "expected"),
    [("linear", (1, 10, 100)), ("log", tuple(np.log((1, 10, 100)))), ("rank", (0, 1, 2))],
)
def test_a_trend_is_the_rise_of_the_line_on_its_axis(axis, expected, falls):
    claim = Trend("T.", "score", 0.5, over="a", axis=axis, falls=falls)
    doses = claim.doses(levels_of(1, 10, 100))
    assert doses == pytest.approx(expected)
    values = VALUES[:, :3]
    sign = -1 if falls else 1
    lines = [np.polyfit(doses, row, 1) for row in values]
    rise = np.array([sign * line[0] * np.ptp(doses) for line in lines])
    seen = see(claim, SCORE, pairs_of(values), doses, 0.95)
    assert per_seed(seen) == pytest.approx(rise)
    low, high, p = by_hand(rise, 0.95)
    assert (seen.effect, seen.p) == pytest.approx((rise.mean(), p))
    assert (seen.low, seen.high) == pytest.approx((low, high))
    lows = [by_hand(sign * np.diff(values)[:, k], 0.95)[0] for k in range(2)]
    weakest = int(np.argmin(lows))
    assert seen.nearest == weakest
    assert [each.value for each in seen.beside] == pytest.approx(
        [stats.page(sign * values), (sign * np.diff(values)[:, weakest]).mean(), lows[weakest]]
    )


@pytest.mark.parametrize(
    "falls",
    [
        False,
        True,
    ],
)
def test_the_sides_of_a_trend_are_the_ends_of_its_line_as_measured(falls):
    claim = Trend("T.", "score", 0.5, over="a", falls=falls)
    seen = see(claim, SCORE, pairs_of([[3, 2, 1] if falls else [1, 2, 3]] * 6), (0, 1, 2), 0.95)
    assert "lowest" in claim.sides()[1 if not falls else 0]
    assert (seen.first[0], seen.second[0]) == pytest.approx((3, 1))


@pytest.mark.parametrize(
    ("means", "shape"), [((0, 1, 2), "holds"), ((0, 1, 0.5), "unclear"), ((0, 3, 2), "fails")]
)
def test_the_shape_of_a_trend_is_its_worst_step(means, shape):
    values = np.random.default_rng(10).normal(0, 0.05, (6, 3)) + means
    claim = Trend("T.", "score", 0.5, over="a")
    assert see(claim, SCORE, pairs_of(values), (0, 1, 2), 0.95).shape == shape
    falling = Trend("T.", "score", 0.5, over="a", falls=True)
    assert see(falling, SCORE, pairs_of(-values), (0, 1, 2), 0.95).shape == shape


def test_a_trend_of_one_seed_is_described():
    seen = see(Trend("T.", "score", 0.5, over="a"), SCORE, pairs_of([[1, 2, 3]]), (0, 1, 2), 0.95)
    assert (seen.n, seen.effect) == (1, 2)


@pytest.mark.parametrize("claim", [HIGHER, EQUIVALENT, INTERACTION], ids=lambda claim: claim.kind)
def test_without_seeds_nothing_is_seen(claim):
    seen = see(claim, SCORE, pairs_of([]), (), 0.95)
    assert seen.n == 0
    assert all(map(math.isnan, (seen.effect, seen.low, seen.high, seen.p)))
    assert seen.first == seen.second == ()


def test_failures_are_compared_as_rates_of_the_same_seeds():
    claim = Higher("F.", "failed", 0.1, higher={"a": 1}, lower={"a": 2})
    fails = [(True, False)] * 5 + [(True, True)] + [(False, True)] + [(False, False)] * 3
    seen = see(claim, FAILED, pairs_of([], fails), (), 0.9)
    alone = stats.discordance(*zip(*fails, strict=True), 0.9)
    assert (seen.n, seen.effect, seen.p) == pytest.approx((10, 0.6 - 0.2, 2 * 7 / 64))
    assert (seen.low, seen.high, seen.wins) == (alone.low, alone.high, 5)
    assert per_seed(seen).mean() == pytest.approx(seen.effect)
    first = stats.rate([one for one, _ in fails])
    assert tuple(each.value for each in seen.beside[:3]) == pytest.approx(
        (0.6, first.low, first.high)
    )
    nothing = see(claim, FAILED, pairs_of([]), (), 0.9)
    assert nothing.n == 0
    assert math.isnan(nothing.effect)
