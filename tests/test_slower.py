"""The rule on pairs: its test against scipy and enumeration, its answers, its error rates."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.stats import (
    NotFiniteError,
    Rule,
    as_figure,
    as_times,
    centred,
    decide,
    decide_many,
    detectable,
    interquartile_mean,
    operating,
    signed_rank,
    signed_rank_interval,
    spread,
)
from harness.stats.signed_rank import critical
from tests.calibration import calibrate_gate as calibrate

ONE = Rule.for_metrics(1)
WORDS = {"inconclusive": 0, "fail": 1, "pass": 2}


def enumerated(values: list[float], cap: float = 1.0) -> float:
    """Return the p value by counting all choices of signs; mid-ranks by counting, too."""
    sizes = [abs(value) for value in values]
    highest = math.ceil(cap * len(values) - 1e-9)
    ranks = [
        min(sum(b < a for b in sizes) + (sum(b == a for b in sizes) + 1) / 2, highest)
        for a in sizes
    ]
    there = [rank for rank, value in zip(ranks, values, strict=True) if value]
    seen = sum(rank for rank, value in zip(ranks, values, strict=True) if value > 0)
    sums = [
        sum(rank for rank, up in zip(there, signs, strict=True) if up)
        for signs in itertools.product((0, 1), repeat=len(there))
    ]
    return sum(each >= seen for each in sums) / len(sums)


# The test and its interval.


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13, 30, 50, 120])
def test_p_values_are_scipys_where_nothing_is_tied(n) -> None:
    rng = np.random.default_rng(n)
    for shift in (-0.3, 0.0, 0.4):
        values = rng.normal(shift, 1, n)
        expected = scipy_stats.wilcoxon(values, alternative="greater", method="exact").pvalue
        assert signed_rank(values) == pytest.approx(expected, rel=1e-9)


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=9),
    st.sampled_from([0.5, 2 / 3, 1.0]),
)
def test_p_values_count_signs_where_values_are_tied_or_zero(values, cap) -> None:
    assert signed_rank(values, cap=cap) == pytest.approx(enumerated(values, cap), abs=1e-12)


@given(st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=8), st.floats(-1, 1, width=16))
def test_a_bound_is_a_shift(values, bound) -> None:
    moved = [float(value) - float(bound) for value in values]
    assert signed_rank(values, bound) == pytest.approx(enumerated(moved), abs=1e-12)


@pytest.mark.parametrize("cap", [2 / 3, 1.0])
@pytest.mark.parametrize("n", [4, 8, 21])
def test_the_interval_holds_just_the_bounds_that_are_not_rejected(n, cap) -> None:
    values = np.random.default_rng(n).normal(0.1, 0.05, n)
    low, high = signed_rank_interval(values, 0.05, 0.1, cap=cap)
    for bound in np.linspace(values.min() - 0.01, values.max() + 0.01, 700):
        if min(abs(bound - low), abs(bound - high)) > 1e-9:
            assert (signed_rank(values, bound, cap=cap) <= 0.05) == (bound < low)
            assert (signed_rank(-values, -bound, cap=cap) <= 0.1) == (bound > high)


def test_the_interval_is_that_of_walsh_averages() -> None:
    """Hollander & Wolfe: the k-th smallest, where k - 1 is the largest sum that is significant."""
    values = np.random.default_rng(0).normal(size=12)
    first, second = np.triu_indices(12)
    walsh = np.sort((values[first] + values[second]) / 2)
    low, high = signed_rank_interval(values, 0.025, 0.025)  # P(W <= 13) = .0212
    assert (low, high) == pytest.approx((walsh[13], walsh[-14]), abs=1e-11)


def test_an_end_that_cannot_be_attained_is_infinite() -> None:
    assert signed_rank_interval([1.0, 2.0], 0.2, 0.3) == (-math.inf, 2.0)
    assert signed_rank_interval([0.5] * 6, 0.025, 0.025) == (0.5, 0.5)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_an_error_of_its_own(wrong) -> None:
    for call in (signed_rank, lambda values: decide(values, ONE), centred, spread_of):
        with pytest.raises(NotFiniteError, match=r"value 2 of 3 is (nan|-?inf)"):
            call([0.1, wrong, 0.2])


def spread_of(values):
    return operating(values, ONE, 0.1, 10, seed=0)


@pytest.mark.parametrize("wrong", [[], [[0.1, 0.2]], [0.0] * 501])
def test_no_values_are_no_p_value(wrong) -> None:
    with pytest.raises(ValueError, match="1 to 500 values"):
        signed_rank(wrong)
    with pytest.raises(ValueError, match="1 to 500 values"):
        decide(wrong, ONE)


# The rule.


def test_the_rule_for_one_figure_and_for_more() -> None:
    assert ONE.looks == (8, 12, 20, 30)
    assert ONE.levels == pytest.approx((0.004, 0.001, 0.0015, 0.0035))
    assert Rule.for_metrics(6).looks == (8, 12, 20, 30, 40)
    assert Rule.for_metrics(6).levels[0] == 0
    assert Rule.for_metrics(100).looks == (8, 15, 25, 38, 50)


@given(st.integers(1, 3_000))
def test_every_level_can_be_attained_and_all_add_up_to_one_per_cent(count) -> None:
    rule = Rule.for_metrics(count)
    assert sum(rule.levels) * count == pytest.approx(0.01)
    for pairs, fails, passes in zip(rule.looks, rule.levels, rule.pass_levels, strict=True):
        assert fails == 0 or fails * (1 + 1e-9) >= 2.0**-pairs
        assert passes >= 2.0**-pairs
        assert critical(pairs, passes, rule.cap) <= pairs * (pairs + 1)
    assert rule.levels[-1] > 0


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"looks": (3,), "levels": (0.01,), "pass_levels": (0.13,)}, "can never be attained"),
        ({"looks": (8,), "levels": (0.004,), "pass_levels": (0.001,)}, "can never be attained"),
        ({"looks": (8, 8), "levels": (0.004,) * 2, "pass_levels": (0.01,) * 2}, "looks must rise"),
        ({"looks": (), "levels": (), "pass_levels": ()}, "looks must rise"),
        ({"looks": (8,), "levels": (0.004, 0.1), "pass_levels": (0.01,)}, "each look"),
        ({"looks": (8,), "levels": (0.02,), "pass_levels": (0.01,)}, "add up to 0.01"),
        ({"looks": (8,), "levels": (0.006,), "pass_levels": (0.01,), "metrics": 2}, "add up"),
        ({"looks": (8,), "levels": (0.0,), "pass_levels": (0.01,)}, "at the last look"),
        ({"looks": (8,), "levels": (0.01,), "pass_levels": (0.01,), "fails_from": 0.1}, "below"),
        ({"looks": (8,), "levels": (math.nan,), "pass_levels": (0.01,)}, "never be attained"),
        ({"looks": (8,), "levels": (0.01,), "pass_levels": (0.01,), "metrics": 0}, "metrics"),
    ],
)
def test_a_rule_that_cannot_answer_cannot_be_made(wrong, match) -> None:
    with pytest.raises(ValueError, match=match):
        Rule(**wrong)


def test_a_rule_needs_a_figure() -> None:
    with pytest.raises(ValueError, match="at least one figure"):
        Rule.for_metrics(0)


# The answers.


def pairs_at(percent: float, n: int, sd: float = 0.01, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(math.log1p(percent / 100), sd, n)


@pytest.mark.parametrize(
    ("percent", "answer"), [(-30, "pass"), (0, "pass"), (2, "pass"), (7, "fail"), (12, "fail")]
)
def test_clear_cases_are_answered_at_the_first_look(percent, answer) -> None:
    seen = decide(pairs_at(percent, 30), ONE)
    assert (seen.answer, seen.pairs, seen.next_look) == (answer, 8, None)
    assert 100 * seen.change == pytest.approx(percent, abs=1)
    assert seen.low < seen.change < seen.high
    assert answer in {"pass", "fail"}
    said = {-30: "surely not slower.", 0: "not slower by 10 % or more", 2: "less than 10 %"}
    assert said.get(percent, "from where on it fails") in seen.reason
    assert "8 pairs" in seen.reason


def test_before_the_first_look_more_is_wanted_and_at_the_end_it_is_inconclusive() -> None:
    few = pairs_at(50, 7)
    assert decide(few, ONE).answer == "more"
    assert decide(few, ONE).next_look == 8
    ended = decide(few, ONE, last=True)
    assert (ended.answer, ended.next_look) == ("inconclusive", None)
    assert "it ended before the first look, at 8 pairs" in ended.reason


def test_pairs_beyond_a_look_are_not_looked_at_before_the_next_one() -> None:
    """Clear with all pairs, and not with the first eight; ten are no number that has a level."""
    ratios = np.array([-0.2, -0.1, *pairs_at(12, 30)])
    assert decide(ratios[:10], ONE).answer == "more"
    assert decide(ratios[:11], ONE, last=True).answer == "inconclusive"
    seen = decide(ratios, ONE)
    assert (seen.answer, seen.pairs) == ("fail", 20)


def test_an_answer_stays_when_more_pairs_come() -> None:
    ratios = np.concatenate([pairs_at(0, 8), pairs_at(40, 30)])
    assert decide(ratios[:8], ONE) == decide(ratios, ONE) == decide(ratios[:9], ONE, last=True)


def test_after_the_last_look_it_is_inconclusive() -> None:
    seen = decide(pairs_at(5, 30, sd=0.2, seed=4), ONE)
    assert (seen.answer, seen.pairs, seen.next_look) == ("inconclusive", 30, None)
    assert "after the last look" in seen.reason
    assert decide(pairs_at(5, 29, sd=0.2, seed=4), ONE).answer == "more"


def test_slower_but_below_the_line_passes() -> None:
    seen = decide(pairs_at(4, 8), ONE)
    assert seen.answer == "pass"
    assert seen.p_slower <= 0.004
    assert seen.low > 0
    assert "surely slower, and surely by less than 10 %" in seen.reason


def test_of_several_figures_none_fails_at_eight_pairs() -> None:
    six = Rule.for_metrics(6)
    assert decide(pairs_at(50, 8), six).answer == "more"
    assert decide(pairs_at(50, 12), six).answer == "fail"
    assert decide(pairs_at(0, 8), six).answer == "pass"


@given(st.integers(0, 10_000), st.sampled_from([8, 12, 20, 30]))
def test_the_interval_says_what_the_test_says(seed, n) -> None:
    rng = np.random.default_rng(seed)
    seen = decide(rng.normal(rng.uniform(-0.1, 0.2), 0.08, n), ONE)
    index = ONE.looks.index(seen.pairs)
    assert (seen.low > 0) == (seen.p_slower <= ONE.levels[index])
    assert (seen.high < 0.1) == (seen.p_not_below <= ONE.pass_levels[index])
    assert seen.level == pytest.approx(1 - max(ONE.levels[index], 2.0**-seen.pairs) - 0.008)


def test_throughput_is_turned_round() -> None:
    head, base = np.full(8, 90.0), np.full(8, 100.0)  # a second
    assert decide(as_times(np.log(head / base), "higher"), ONE).answer == "fail"
    assert decide(as_times(np.log(head / base), "lower"), ONE).answer == "pass"
    change = decide(as_times(np.log(head / base), "higher"), ONE).change
    assert as_figure(change, "higher") == pytest.approx(-0.1)
    assert as_figure(0.3, "lower") == 0.3


def test_estimates_leave_outliers_out() -> None:
    assert interquartile_mean([1, 2, 3, 100]) == 2.5
    assert interquartile_mean([5.0]) == 5
    assert interquartile_mean([1, 2, 3, 4, 90]) == pytest.approx((0.75 * 2 + 3 + 0.75 * 4) / 2.5)
    assert spread([0, 1, 2, 3, 1000]) == pytest.approx(1.4826)


# Many gates at once.


@pytest.mark.parametrize("count", [1, 6])
def test_many_gates_are_judged_as_each_by_itself(count) -> None:
    rule = Rule.for_metrics(count)
    ratios = np.random.default_rng(8).normal(0.05, 0.09, (150, rule.most))
    answers, pairs = decide_many(ratios, rule)
    seen = [decide(each, rule) for each in ratios]
    assert [WORDS[each.answer] for each in seen] == answers.tolist()
    assert [each.pairs for each in seen] == pairs.tolist()
    assert {0, 1, 2} == set(answers.tolist())


def test_residuals_are_centred_and_doubled_where_both_sides_are_the_same() -> None:
    values = np.random.default_rng(1).normal(0.3, 0.05, 40)
    assert abs(np.median(centred(values))) < 0.02
    assert centred(values).std() == pytest.approx(values.std() * math.sqrt(40 / 39))
    assert sorted(centred([0.1, -0.3], symmetric=True)) == [-0.3, -0.1, 0.1, 0.3]
    with pytest.raises(ValueError, match="two pairs"):
        centred([0.1])


def test_what_can_be_detected_grows_with_noise_and_falls_with_pairs() -> None:
    def found(sd: float, pairs: int) -> float:
        residuals = np.random.default_rng(2).normal(0, sd, 60)
        return detectable(residuals, ONE, pairs, seed=5, gates=1_000)

    assert 0.05 < found(0.02, 8) < 0.07
    assert found(0.04, 8) < found(0.08, 8) < found(0.16, 8)
    assert found(0.08, 30) < found(0.08, 12)
    assert found(0.02, 7) == math.inf
    assert detectable([0.01, -0.01], Rule.for_metrics(6), 11, seed=0) == math.inf
    residuals = np.random.default_rng(2).normal(0, 0.08, 60)
    at = found(0.08, 30)
    assert operating(residuals, ONE, at, 4_000, seed=9).fails == pytest.approx(0.9, abs=0.03)


# Error rates, at fewer gates than tests/calibration/GATE.md has.


def test_figures_of_the_plain_rule_are_those_known() -> None:
    found = {
        place: calibrate.line(calibrate.BEFORE, *place, 2_000)
        for place in ((2, False), (8, False), (8, True))
    }
    missed = [row.line() for row in calibrate.as_known(found, 2_000) if not row.ok]
    assert not missed


def test_the_rule_keeps_its_promises() -> None:
    found = {
        place: calibrate.line(calibrate.NOW, *place, 2_000)
        for place in ((4, False), (10, False), (6, True), (10, True))
    }
    rows = calibrate.as_promised(found)
    assert len(rows) == 20
    assert not [row.line() for row in rows if not row.ok]


def test_a_rule_without_its_bounds_is_seen_to_miss() -> None:
    """Or the targets could not fail."""
    loose = Rule((8,), (0.01,), (0.01,), fails_from=0.0)
    object.__setattr__(loose, "levels", (0.1,))
    found = {(6, False): calibrate.line(loose, 6, False, 2_000)}
    assert any(not row.ok and "false alarms" in row.case for row in calibrate.as_promised(found))
    assert any(not row.ok for row in calibrate.as_known(found, 2_000))
