"""Two sides of a claim that share no seed: Welch's interval, and what is said of the verdict."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness import Metric, Scale, Study, stats
from harness.commands.files import verdict_row
from harness.commands.markdown import markdown
from harness.commands.tables import count, explained
from harness.judging.results import Provenance, Results
from harness.judging.summaries import summarise
from harness.judging.verdicts import judge
from harness.reports.figures.forest import forest
from harness.reports.render import render_html
from harness.reports.sections.claims import claim_sections
from harness.reports.sections.methods import methods_section
from harness.stats.location import Location
from harness.study.claims import (
    Best,
    Equivalent,
    Higher,
    Interaction,
    NotWorse,
    Some,
    Sooner,
    Trend,
)
from harness.study.factors import Factor
from harness.trials.records import Record

LOSS = Metric("loss", unit="nats", better="lower")
RIGHT = Metric("right", unit="fraction", better="higher")
NEW, OLD = {"a": "new"}, {"a": "old"}
RAMP = np.array([-2.0, -1, 0, 1, 2])  # sd 1.58: five against five reach 2.306


# The interval.


@pytest.mark.parametrize(
    ("n", "m", "spread"), [(5, 5, 1.0), (5, 40, 3.0), (12, 6, 0.01), (2, 3, 1)]
)
def test_samples_without_skew_have_welchs_interval_and_p(n, m, spread):
    first = 3 + np.linspace(-1, 1, n)
    second = 2 + spread * np.linspace(-1, 1, m)
    place = stats.located_unpaired(first, second)
    expected = scipy_stats.ttest_ind(first, second, equal_var=False)
    for level in (0.95, 0.995):
        ends = expected.confidence_interval(level)
        assert place.ends(level) == pytest.approx((ends.low, ends.high), rel=1e-9)
    assert place.kind == "varied"
    assert place.p() == pytest.approx(expected.pvalue, rel=1e-9)
    assert place.welch() == pytest.approx(expected.pvalue, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=12),
    st.lists(st.floats(-3, 3), min_size=2, max_size=12),
    st.floats(0.6, 0.999),
)
def test_an_interval_is_nowhere_narrower_than_welchs_and_is_its_tests_turned_inside_out(
    first, second, level
):
    place = stats.located_unpaired(first, second)
    low, high = place.ends(level)
    if place.kind == "varied" and place.sd > 1e-6:
        plain = scipy_stats.ttest_ind(first, second, equal_var=False).confidence_interval(level)
        assert low <= plain.low + 1e-9
        assert high >= plain.high - 1e-9
    if 1e-9 < high - low < math.inf and min(place.mean - low, high - place.mean) > 1e-12:
        assert 2 * place.p_above(low) == pytest.approx(1 - level, rel=1e-5)
        assert 2 * place.p_below(high) == pytest.approx(1 - level, rel=1e-5)
    mirrored = stats.located_unpaired(second, first)
    assert mirrored.ends(level) == pytest.approx((-high, -low))


def test_a_side_known_for_certain_leaves_what_one_sample_is_given():
    """Skewness and degrees of freedom are then those of the other side."""
    first = np.array([0.0, 0.1, 0.3, 0.2, 0.15, 4.0])
    alone = stats.located(first, np.zeros(6))
    place = stats.located_unpaired(first, 1e-9 * np.arange(400.0))
    assert place.skew == pytest.approx(alone.skew, rel=1e-6)
    assert place.reaches(0.05) == pytest.approx(alone.reaches(0.05), rel=1e-6)


def test_equal_skewness_of_both_sides_cancels_and_opposite_skewness_adds_up():
    x = np.array([0.0, 0.1, 0.3, 0.2, 0.15, 4.0])
    assert stats.located_unpaired(x, x + 1).skew == pytest.approx(0)
    low, high = stats.located_unpaired(x, -x).reaches(0.05)
    assert high > 2 * low
    # the skewness is in units of its own error: simulated in normal samples, that is about 1
    rng = np.random.default_rng(0)
    z = [
        stats.located_unpaired(rng.normal(size=8), 2 * rng.normal(size=12)).skew
        for _ in range(1_500)
    ]
    assert np.std(z) == pytest.approx(1, abs=0.06)


def test_constant_sides_hide_others_and_are_no_proof():
    ones, low = np.ones(5), np.full(6, 0.9)
    place = stats.located_unpaired(ones, low, reach=1.0, shares=True)
    assert place.kind == "constant"
    # each side at half the error: A may lie 1 below, B .9 below or .1 above
    first, second = (1 - (0.05 / 2) ** (1 / n) for n in (5, 6))
    assert place.ends(0.95) == pytest.approx((0.1 - first - 0.1 * second, 0.1 + 0.9 * second))
    assert place.p() > 0.3
    many = stats.located_unpaired(np.ones(3000), np.full(3000, 0.9), reach=1.0, shares=True)
    assert many.p() < 1e-6
    assert stats.located_unpaired(np.zeros(5), np.zeros(5)).ends(0.95) == (-math.inf, math.inf)


def test_a_constant_side_beside_one_that_varies_has_the_floor_of_a_tied_sample():
    first, second = np.ones(6), np.array([0.90, 0.92, 0.88, 0.91, 0.89, 0.9])
    place = stats.located_unpaired(first, second, reach=1.0, shares=True)
    plain = scipy_stats.ttest_1samp(1 - second, 0).confidence_interval(0.95)
    assert place.kind == "tied"
    assert place.ends(0.95)[0] < plain.low - 0.001
    assert place.ends(0.95)[1] > plain.high + 0.001
    assert 2 * place.p_above(place.ends(0.95)[0]) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize("size", [1e-300, 1e300, 1.7e308])
def test_values_near_the_ends_of_floats(size):
    place = stats.located_unpaired(size * (RAMP / 2), -size * (RAMP[:4] / 2))
    low, high = place.ends(0.95)
    assert low < place.mean < high
    assert 0 <= place.p() <= 1


def test_more_of_the_same_is_added_to_both_sides():
    place = stats.located_unpaired(RAMP, np.tile(RAMP, 4))
    (more,) = {place.reaches(0.05, 15)[side] for side in (0, 1)}
    error = math.sqrt(place.sides[0].sd ** 2 / 15 + place.sides[1].sd ** 2 / 30)
    assert isinstance(place, Location)
    assert more == pytest.approx(error * scipy_stats.t.ppf(0.975, 27.6), rel=0.01)
    assert place.reaches(0.05, 5) == place.reaches(0.05)


def test_one_value_or_none_has_no_interval():
    assert math.isnan(stats.unpaired([1.0], [2.0, 3.0], 0.95).low)
    assert math.isnan(stats.unpaired([], [2.0, 3.0], 0.95).effect)
    four = stats.unpaired([1.0, 2, 3, 5], [2.0, 3, 4, 5, 7], 0.95)
    assert four.n == 4
    assert math.isnan(four.p)
    assert not math.isnan(four.low)


# Verdicts.


ONE = (Factor("a", ("old", "new")),)


def study(*claims, factors=ONE, metrics=(LOSS, RIGHT)):
    return Study(
        name="theirs",
        question="Does it?",
        factors=factors,
        scales={"quick": Scale(seeds=5)},
        metrics=metrics,
        claims=claims,
    ).declaration("quick")


def trial(arm, seed, value, metric="loss", **changes):
    base = Record(
        study="theirs", scale="quick", arm=arm, levels={}, seed=seed, role="evaluate", tuned={},
        key=f"{arm}/{seed}", state="complete", metrics={metric: float(value)}, number=seed,
    )  # fmt: skip
    return replace(base, **changes)


def failed(arm, seed):
    return trial(arm, seed, 0, state="failed", reason="NaN", metrics={})


def run(arm, values, start=0, metric="loss"):
    return [trial(arm, start + place, each, metric) for place, each in enumerate(values)]


def apart(difference, spread=1.0, metric="loss", old=5):
    """New with seeds 0 to 4, old with seeds 10 and on."""
    older = np.tile(RAMP, 4)[:old]
    return [
        *run("a=new", 10 + difference + spread * RAMP, 0, metric),
        *run("a=old", 10 + spread * older, 10, metric),
    ]


def higher(by=1.0, **changes):
    return Higher("New is higher.", **{"metric": "loss", "by": by, "higher": NEW, "lower": OLD}
                  | changes)  # fmt: skip


def equivalent(by=1.0):
    return Equivalent("As good.", metric="loss", by=by, first=NEW, second=OLD)


def not_worse(by=1.0):
    return NotWorse("Not worse.", metric="loss", by=by, arm=NEW, than=OLD)


@pytest.mark.parametrize(
    ("claim", "difference", "spread", "word"),
    [
        (higher(), 4.0, 1.0, "supported, material"),
        (higher(), 3.0, 1.0, "supported"),
        (higher(), 0.5, 0.1, "real but negligible"),
        (higher(), 0.0, 0.3, "equivalent"),
        (higher(), -1.5, 1.0, "refuted"),
        (higher(), -3.0, 1.0, "reversed"),
        (higher(), 0.5, 1.0, "inconclusive"),
        (equivalent(), 0.0, 0.3, "equivalent"),
        (equivalent(), 4.0, 1.0, "refuted"),
        (equivalent(), 3.0, 1.0, "direction only"),
        (equivalent(), 0.0, 1.0, "inconclusive"),
        (not_worse(), -3.0, 1.0, "supported"),
        (not_worse(), 4.0, 1.0, "refuted"),
        (not_worse(), 3.0, 1.0, "direction only"),
        (not_worse(), 0.0, 1.0, "inconclusive"),
    ],
)
def test_words_are_read_from_welchs_interval(claim, difference, spread, word):
    (verdict,) = judge(study(claim), apart(difference, spread))
    expected = scipy_stats.ttest_ind(
        difference + spread * RAMP, spread * RAMP, equal_var=False
    ).confidence_interval(0.95)
    assert verdict.word == word
    assert verdict.seen.unpaired
    assert (verdict.seen.low, verdict.seen.high) == pytest.approx((expected.low, expected.high))
    assert "unpaired: the two sides share no seed, so differences between seeds" in verdict.reason
    assert verdict.seen.count == "5 + 5"
    assert verdict.seeds == (0, 1, 2, 3, 4, 10, 11, 12, 13, 14)


def test_alpha_is_divided_among_the_claims_as_for_pairs():
    one, two = judge(study(higher(), higher(by=2.0)), apart(4.0))
    expected = scipy_stats.ttest_ind(4 + RAMP, RAMP, equal_var=False)
    assert one.seen.level == two.seen.level == 0.975
    assert one.p_adjusted == pytest.approx(2 * expected.pvalue)
    assert one.seen.low == pytest.approx(expected.confidence_interval(0.975).low)


def test_the_margins_test_is_against_the_margin():
    (verdict,) = judge(study(not_worse()), apart(-3.0))
    expected = scipy_stats.ttest_ind(-4 + RAMP, RAMP, equal_var=False, alternative="less")
    assert verdict.p_margin == pytest.approx(2 * expected.pvalue)


def test_sides_may_have_different_numbers_of_seeds():
    (verdict,) = judge(study(higher()), apart(4.0, old=12))
    expected = scipy_stats.ttest_ind(4 + RAMP, np.tile(RAMP, 4)[:12], equal_var=False)
    assert verdict.seen.count == "5 + 12"
    assert verdict.seen.p == pytest.approx(expected.pvalue, rel=0.02)
    assert "Over 5 + 12 seeds" in verdict.reason


def test_four_on_one_side_are_too_few():
    (verdict,) = judge(study(higher()), [*apart(9.0)[1:]])
    assert verdict.word == "not assessable"
    assert math.isnan(verdict.p_adjusted)
    assert verdict.reason == (
        "Only 4 + 5 seeds finished on the two sides, which share none: an unpaired verdict needs "
        "at least 5 on each."
    )
    assert "At least 5 seeds on each side; there are 4 + 5" in verdict.change
    (verdict,) = judge(study(higher()), [failed("a=new", 0), *apart(9.0)[5:]])
    assert verdict.word == "not assessable"
    assert "Only 0 + 5 seeds" in verdict.reason


def test_failed_runs_are_left_out_and_told():
    records = [*apart(4.0), failed("a=new", 7), failed("a=old", 30)]
    (verdict,) = judge(study(higher()), records)
    assert verdict.word == "supported, material"
    assert (verdict.failed, verdict.missing) == (2, 2)
    assert "2 seeds left out: 2 of 12 trials failed)" in verdict.reason


def test_any_seed_in_common_means_pairs_and_the_others_are_left_out():
    new, old = run("a=new", 14 + RAMP), run("a=old", np.r_[10 + RAMP, 0, 0, 0])
    (verdict,) = judge(study(higher()), [*new, *old])
    assert not verdict.seen.unpaired
    assert verdict.word == "inconclusive"  # all five differences are 4, and so tell little
    assert (verdict.seen.n, verdict.missing) == (5, 3)
    assert "Over the 5 of 8 seeds in which every arm finished (3 seeds left out" in verdict.reason
    # one is enough, and one that failed: no failure may choose the test
    for shared in (trial("a=old", 4, 11.0), failed("a=old", 4)):
        (verdict,) = judge(study(higher()), [*apart(9.0), shared])
        assert verdict.word == "not assessable"
        assert not verdict.seen.unpaired


def test_missing_seeds_are_counted_among_those_of_the_claims_arms():
    three = (Factor("a", ("old", "new", "other")),)
    records = [*apart(4.0), *run("a=other", RAMP, 50)]
    (verdict,) = judge(study(higher(), factors=three), records, seeds=15)
    assert (verdict.word, verdict.missing) == ("supported, material", 0)
    shared = [*run("a=new", 14 + RAMP), *run("a=old", 10 + RAMP[::-1]), *run("a=other", RAMP, 50)]
    (verdict,) = judge(study(higher(), factors=three), shared, seeds=10)
    assert (verdict.seen.n, verdict.missing) == (5, 0)


def test_several_arms_of_a_side_are_averaged_in_each_seed():
    factors = (Factor("a", ("old", "new")), Factor("b", (1, 2)))
    records = [
        *run("a=new, b=1", 14 + RAMP), *run("a=new, b=2", 16 + RAMP[:4]),
        *run("a=new, b=2", [20.0], 5),  # in another seed than the fifth of b=1
        *run("a=new, b=1", [16.0, 16], 6), *run("a=new, b=2", [14.0, 14], 6),
        *run("a=old, b=1", 10 + RAMP, 10), *run("a=old, b=2", 10 - RAMP, 10),
    ]  # fmt: skip
    (verdict,) = judge(study(higher(), factors=factors), records)
    assert verdict.seen.first == (13, 14, 15, 16, 15, 15)
    assert verdict.seen.second == (10,) * 5
    assert verdict.seeds == (0, 1, 2, 3, 6, 7, 10, 11, 12, 13, 14)
    assert verdict.missing == 2
    assert "2 seeds not run to the end in every arm" in verdict.reason
    assert verdict.averaged == ("b",)


@pytest.mark.parametrize(
    "claim",
    [
        Best("B.", metric="loss", by=0.1, best={"a": "new"}),
        Some("S.", metric="loss", by=0.1, over="a", than=OLD),
        Trend("T.", metric="loss", by=0.1, over="c"),
        Interaction("I.", metric="loss", by=0.1, of=(NEW, OLD), at=({"c": 1}, {"c": 2})),
        higher(metric="failed", by=0.1),
    ],
    ids=lambda claim: claim.kind + " " + claim.metric,
)
def test_other_kinds_need_pairs_and_say_so(claim):
    factors = (Factor("a", ("old", "new")), Factor("c", (1, 2, 3)))
    given = study(claim, factors=factors)
    records = [
        trial(arm.name, 10 * place + seed, 1.0 + seed) for place, arm in enumerate(given.arms)
        for seed in range(5)
    ]  # fmt: skip
    (verdict,) = judge(given, records)
    assert verdict.word == "not assessable"
    if isinstance(claim, Sooner):  # which has no curves either, and no seeds can mend that
        assert verdict.reason.startswith("It needs learning curves")
        return
    assert verdict.reason == (
        "No seed is in every arm of the claim. A claim of this kind compares the same seeds in all "
        "of them: it needs pairs."
    )
    assert verdict.change == "The same seeds in every arm of the claim, 5 at least."


def test_a_time_to_a_target_needs_curves_whatever_seeds_there_are():
    claim = Sooner("F.", metric="loss", by=0.1, reaches=1.0, sooner=NEW, later=OLD)
    (verdict,) = judge(study(claim), apart(9.0))
    assert verdict.word == "not assessable"
    assert verdict.reason.startswith("It needs learning curves")
    assert verdict.change.startswith("Runs of the study's own, which keep curves")


def test_our_own_runs_are_never_judged_without_pairs():
    ours = replace(study(higher()), source="train")
    (verdict,) = judge(ours, apart(9.0))
    assert verdict.word == "not assessable"
    assert not verdict.seen.unpaired


def test_constant_sides_of_shares_are_inconclusive():
    claim = Equivalent("E.", metric="right", by=0.01, first=NEW, second=OLD)
    (verdict,) = judge(study(claim), apart(-9.0, 0.0, "right")[:5] + run("a=old", [1.0] * 5, 10,
                                                                        "right"))  # fmt: skip
    assert verdict.word == "inconclusive"
    assert "All values of each side are the same" in verdict.reason


def test_an_exploratory_claim_is_a_lead():
    (verdict,) = judge(study(higher(primary=False)), apart(4.0))
    assert verdict.word == "suggestive"


def test_skewed_sides_are_marked():
    new = [0.0, 0.1, 0.3, 0.2, 0.15, 0.12, 0.22, 9.0]
    records = [*run("a=new", new), *run("a=old", -np.array(new), 10)]
    (verdict,) = judge(study(higher()), records)
    assert verdict.cautions[0].startswith(
        "The difference of the means is skewed: few seeds pull it up"
    )


# What is printed.


def reported(*claims, records):
    declared = study(*claims)
    made = Provenance("harness judge theirs.csv", "0.1.0", "", "", 0.0, ())
    return Results(
        declared, tuple(range(15)), tuple(records), judge(declared, records),
        summarise(declared, records), (), {}, made, (),
    )  # fmt: skip


@pytest.fixture(scope="module")
def results():
    return reported(higher(), not_worse(by=0.5), records=apart(4.0, old=6))


def test_a_report_claims_no_pairs(results):
    page = render_html(results)
    for words in ("5 + 6", "Welch 1947", "unpaired Welch t interval over 5 + 6 seeds"):
        assert words in page.replace("\u00a0", " "), words
    section = claim_sections(results)[0]
    assert not section.figures
    assert section.nothing.startswith("The two sides share no seed, so no pairs are drawn")
    facts = {name: note for name, _, note in section.facts}
    assert "Wins" not in facts
    assert facts["Effect"] == "difference of the means over 5 + 6 seeds, unpaired"
    checks = {row[0].text for row in section.checks.rows}
    assert {"Welch's t test, p", "Seeds in common", "Difference of the medians"} <= checks
    assert not {each for each in checks if "Paired" in each or "Correlation" in each}
    (row, *_), mean = section.numbers.rows[:1], section.numbers.rows[-1]
    assert [cell.text for cell in row] == ["0", "12 nats", "–"]
    assert [cell.text for cell in section.numbers.rows[5]] == ["10", "–", "8 nats"]
    assert len(section.numbers.rows) == 12
    assert [cell.text for cell in mean] == ["mean", "14 nats", "9.67 nats"]


def test_methods_say_how_unpaired_claims_are_judged_where_there_are_some(results):
    def names(given):
        return {each.name for each in methods_section(given).procedures}

    assert "Unpaired" in names(results)
    pairs = reported(higher(), records=[*run("a=new", 14 + RAMP**2), *run("a=old", RAMP)])
    assert "Unpaired" not in names(pairs)
    assert claim_sections(pairs)[0].figures


def test_the_forest_names_both_kinds_of_intervals(results):
    found = forest(results.verdicts)
    assert found is not None
    assert found.interval == (
        "97.5 % unpaired Welch t interval over 5 + 6 seeds, Bonferroni over 2 claims"
    )


def test_terminal_markdown_and_json_say_unpaired(results):
    verdict = results.verdicts[0]
    assert count(verdict) == "5 + 6\nunpaired"
    assert "| 5 + 6 unpaired |" in markdown([results])
    row = verdict_row(verdict, results.history.of(0))
    assert (row["n"], row["n_unpaired"]) == (5, [5, 6])
    lines = explained(1, verdict, results.history.of(0))
    assert any("unpaired: the two sides share no seed" in line for line in lines)
