"""Every verdict word from a constructed case, and what must not change a verdict."""

import inspect
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import stats
from harness.claims import Higher, Interaction
from harness.designs import Arms, OneAtATime
from harness.errors import HarnessError
from harness.factors import Factor
from harness.measures import measured
from harness.metrics import METRICS
from harness.records import Record
from harness.scales import Scale
from harness.study import Study
from harness.verdicts import judge, verdict_word

METRIC = "train_loss"
RAMP = (np.arange(10) - 4.5) / 4.5  # ten values of mean 0, sd .673: interval of +-.481 at 95 %


def claim(**changes):
    settings = {"metric": METRIC, "by": 0.5, "higher": {"a": "new"}, "lower": {"a": "old"}}
    return Higher("New is higher than old.", **(settings | changes))


ONE_FACTOR = (Factor("a", ("old", "new")),)


def study(*claims, factors=ONE_FACTOR, **changes):
    def build(*_):
        raise AssertionError("judging must not train")

    build.__signature__ = inspect.Signature(
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        for name in ("scale", *(factor.name for factor in factors))
    )
    return Study(
        name="toy",
        question="Does it?",
        factors=factors,
        build=build,
        scales={"quick": Scale(seeds=10)},
        claims=claims,
        **changes,
    )


def trial(arm, seed, value, **changes):
    base = Record(
        study="toy", scale="quick", arm=arm, levels={}, seed=seed, role="evaluate", tuned={},
        key=f"{arm}/{seed}", state="complete", metrics={METRIC: float(value)}, number=seed,
    )  # fmt: skip
    return replace(base, **changes)


def failed(arm, seed, **changes):
    return trial(arm, seed, 0, state="failed", reason="diverged", metrics={}, **changes)


def records(new, old):
    return [trial("a=new", seed, value) for seed, value in enumerate(new)] + [
        trial("a=old", seed, value) for seed, value in enumerate(old)
    ]


def one(differences, *claims, old=None):
    old = np.linspace(1, 2, len(differences)) if old is None else old
    return judge(study(*(claims or (claim(),))), "quick", records(old + differences, old))[0]


# The words.

CASES = {
    "supported, material": 1.5 + RAMP,
    "supported": 0.75 + RAMP,
    "real but negligible": 0.25 + RAMP / 4,
    "equivalent": RAMP / 4,
    "refuted": -0.25 + RAMP,
    "reversed": -1.0 + RAMP,
    "inconclusive": 0.25 + RAMP,
    "not assessable": 1.5 + RAMP[:4],
}


@pytest.mark.parametrize("word", CASES)
def test_every_word_from_records(word):
    verdict = one(CASES[word])
    assert verdict.word == word
    assert (verdict.more_seeds is not None) == (word == "inconclusive")
    assert verdict.reason.endswith(".")
    assert verdict.reason.count(". ") <= 1  # one or two sentences
    if word != "not assessable":
        shown = METRICS[METRIC].format_interval(verdict.seen.low, verdict.seen.high)
        assert (
            f"Over 10 seeds the mean difference is {verdict.seen.effect:+.3g}".replace("-", "−")
            in verdict.reason
        )
        assert f"95 % interval of {shown}" in verdict.reason


def spread(trained):
    raise AssertionError("judging must not measure")


OWN = measured("spread", spread, unit="fraction", meaning="How far it spreads.")


@pytest.mark.parametrize("word", CASES)
def test_a_metric_of_the_studys_own_is_judged_like_any_other(word):
    shares = [
        replace(each, metrics={"spread": each.metrics[METRIC] / 10})
        for each in records(CASES[word] + np.linspace(1, 2, len(CASES[word])),
                            np.linspace(1, 2, len(CASES[word])))
    ]  # fmt: skip
    made = study(claim(metric="spread", by=0.05), measures=(OWN,))
    (verdict,) = judge(made, "quick", shares)
    assert verdict.word == word
    assert verdict.metric == OWN.metrics[0] == made.metric("spread")
    if word != "not assessable":
        assert f"{100 * verdict.seen.effect:+.1f} pp".replace("-", "−") in verdict.reason


def test_reasons_tell_the_words_apart():
    why = {one(differences).reason.split(". ")[-1] for differences in CASES.values()}
    assert len(why) == len(CASES)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-3, -2, "reversed"),  # before refuted
        (-0.2, -0.1, "reversed"),  # before equivalent
        (0.1, 0.2, "real but negligible"),  # before equivalent and refuted
        (-0.2, 0.2, "equivalent"),  # before refuted
        (-1, 0.2, "refuted"),  # an end on the margin is not inside it
        (-2, 0.2, "refuted"),
        (1.1, 2, "supported, material"),  # before supported
        (1, 2, "supported"),
        (0.1, 1, "supported"),
        (0, 1, "inconclusive"),
        (-2, 2, "inconclusive"),
    ],
)
def test_order_of_the_words(low, high, word):
    assert verdict_word(10, (low + high) / 2, low, high, 1.0, confirmed=low > 0 or high < 0) == word
    assert verdict_word(4, (low + high) / 2, low, high, 1.0, confirmed=True) == "not assessable"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-3, -2, "refuted"),
        (-0.2, -0.1, "equivalent"),
        (0.1, 0.2, "equivalent"),
        (1.1, 2, "inconclusive"),
        (0.1, 2, "inconclusive"),
    ],
)
def test_without_significance_no_word_names_a_direction(low, high, word):
    assert verdict_word(10, (low + high) / 2, low, high, 1.0, confirmed=False) == word


def test_permutation_test_vetoes():
    # Five of eight seeds differ, all one way: 2 of their 2 ** 5 sign flips are as extreme.
    verdict = one(np.array([0, 0, 0, 3, 3, 4, 4, 4]), claim(by=0.5))
    assert verdict.seen.low > 0.5
    assert verdict.seen.p_t < 0.02
    assert verdict.seen.p == verdict.seen.p_permutation == 1 / 16
    assert verdict.word == "inconclusive"
    assert "permutation test does not confirm a direction (p = 0.062)" in verdict.reason


def test_the_permutation_test_has_no_veto_while_it_could_name_no_direction():
    """Ten claims: at 8 seeds its smallest p, 2/2^8, is above .05/10; at 9 seeds it is below."""
    differences = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
    eight = one(differences, *[claim() for _ in range(10)])
    assert math.isnan(eight.seen.p_permutation)
    assert eight.p_adjusted == pytest.approx(10 * eight.seen.p_t)
    nine = one(np.append(differences, 1.3), *[claim() for _ in range(10)])
    assert nine.seen.p_permutation == 2 / 2**9
    assert nine.p_adjusted == pytest.approx(10 * 2 / 2**9)
    assert nine.p_adjusted < 0.05
    # A seed more never turns a direction into none here.
    assert {eight.word, nine.word} <= {"supported", "supported, material"}


def test_veto_of_a_reversal_is_told_where_the_claim_is_refuted():
    differences = -np.array([-0.01, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3])
    verdict = one(differences, *[claim() for _ in range(10)])
    assert verdict.seen.high < 0
    assert verdict.word == "refuted"
    assert "is ruled out" in verdict.reason
    assert "does not confirm a direction" in verdict.reason


def test_identical_arms_are_equivalent():
    verdict = one(np.zeros(5))
    assert (verdict.word, verdict.seen.p, verdict.seen.low, verdict.seen.high) == (
        "equivalent",
        1,
        0,
        0,
    )
    assert verdict.reason == (
        "Over 5 seeds the mean difference is +0 nats, with a 95 % interval of [+0.00, +0.00] "
        "nats. All of the interval lies between −0.5 nats and +0.5 nats: whatever difference "
        "there is, it is too small to matter either way."
    )


def test_five_equal_differences_are_no_direction_yet_six_are():
    assert one(np.full(5, 0.75)).word == "inconclusive"  # p = 1/16
    assert one(np.full(5, 0.75)).more_seeds == 1
    assert one(np.full(6, 0.75)).word == "supported, material"  # p = 1/32


# Numbers.


def test_sleep_data_as_a_study():
    """Student (1908); interval and p value from R's documentation, ?sleep."""
    drug_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    drug_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    (verdict,) = judge(study(claim(by=0.5)), "quick", records(drug_2, drug_1))
    assert (verdict.seen.low, verdict.seen.high) == pytest.approx((0.7001142, 2.4598858), abs=5e-8)
    assert verdict.seen.p_t == pytest.approx(0.002833, abs=5e-7)
    assert verdict.p_adjusted == verdict.seen.p == verdict.seen.p_permutation == 4 / 1024
    assert (verdict.seen.n, verdict.seen.wins, verdict.seen.level) == (10, 9, 0.95)
    assert verdict.seen.effect == pytest.approx(1.58)
    assert verdict.seen.median == pytest.approx(1.3)
    assert verdict.seen.rho == pytest.approx(0.7951702, abs=5e-8)
    assert verdict.seen.first == tuple(drug_2)
    assert verdict.seen.second == tuple(drug_1)
    assert verdict.seeds == tuple(range(10))
    assert (verdict.failed, verdict.missing) == (0, 0)
    assert verdict.word == "supported, material"


def test_claims_share_the_error_rate():
    data = records(2 + RAMP, np.full(10, 1.5))
    alone = judge(study(claim()), "quick", data)[0]
    shared = judge(study(claim(), claim(by=0.1), claim(by=9.0)), "quick", data)
    assert [verdict.seen.level for verdict in shared] == pytest.approx([1 - 0.05 / 3] * 3)
    assert [verdict.p_adjusted for verdict in shared] == pytest.approx([3 * alone.seen.p] * 3)
    assert shared[0].seen.low < alone.seen.low < alone.seen.high < shared[0].seen.high
    assert "98.33 % interval" in shared[0].reason


def test_no_claims_no_verdicts():
    assert judge(study(), "quick", records([1] * 5, [1] * 5)) == ()


def test_unknown_scale_is_an_error():
    with pytest.raises(HarnessError, match="scale"):
        judge(study(claim()), "huge", [])


def test_more_seeds_does_not_depend_on_the_effect_seen():
    wide = [one(center + 3 * RAMP) for center in (0.0, 0.5, 0.75)]
    assert {verdict.word for verdict in wide} == {"inconclusive"}
    (more,) = {verdict.more_seeds for verdict in wide}
    assert more == stats.more_seeds(wide[0].seen.sd, 10, margin=0.5, alpha=0.05)
    assert (
        f"about {more} more seeds would tell a difference of the margin's size from none"
        in wide[0].reason
    )
    shared = one(3 * RAMP, claim(), claim())
    assert shared.more_seeds == stats.more_seeds(shared.seen.sd, 10, margin=0.5, alpha=0.025) > more


# Interactions, partial arms.

TWO_BY_TWO = (Factor("shortcut", (False, True)), Factor("depth", (20, 56)))


def grid(seed, values):
    """Values in the order of the arms: no/20, no/56, yes/20, yes/56."""
    arms = ["shortcut=no, depth=20", "shortcut=no, depth=56", "shortcut=yes, depth=20",
            "shortcut=yes, depth=56"]  # fmt: skip
    return [trial(arm, seed, value) for arm, value in zip(arms, values, strict=True)]


def test_interaction_is_the_difference_of_differences():
    asked = Interaction(
        "Depth adds more loss without shortcuts.",
        metric=METRIC,
        by=0.5,
        of=({"depth": 56}, {"depth": 20}),
        at=({"shortcut": False}, {"shortcut": True}),
    )
    data = []
    for seed in range(5):
        data += grid(seed, [1, 3 + seed / 8, 5, 4])  # (3 + seed/8 - 1) - (4 - 5)
    (verdict,) = judge(study(asked, factors=TWO_BY_TWO), "quick", data)
    assert verdict.seen.first == (2, 2.125, 2.25, 2.375, 2.5)
    assert verdict.seen.second == (-1, -1, -1, -1, -1)
    assert verdict.seen.effect == 3.25
    # t(.975, 4) = 2.776445 (any table of t); sd of five steps of 1/8 is sqrt(2.5)/8
    half = 2.776445 * math.sqrt(2.5) / 8 / math.sqrt(5)
    assert (verdict.seen.low, verdict.seen.high) == pytest.approx(
        (3.25 - half, 3.25 + half), abs=1e-6
    )
    assert math.isnan(verdict.seen.rho)
    assert verdict.word == "supported, material"


def test_partial_arms_are_averaged_within_a_seed_that_has_them_all():
    asked = claim(higher={"shortcut": True}, lower={"shortcut": False})
    data = [each for seed in range(7) for each in grid(seed, [1, 2, 4 + seed, 7])]
    data[4 * 6 + 3] = failed("shortcut=yes, depth=56", 6)
    del data[4 * 5]
    (verdict,) = judge(study(asked, factors=TWO_BY_TWO), "quick", data)
    assert verdict.seeds == (0, 1, 2, 3, 4)
    assert verdict.seen.first == (5.5, 6, 6.5, 7, 7.5)
    assert verdict.seen.second == (1.5,) * 5
    assert (verdict.seen.n, verdict.failed, verdict.missing) == (5, 1, 2)
    assert (
        "Over the 5 of 7 seeds in which every arm finished (2 seeds left out: 1 of 27 trials "
        in (verdict.reason)
    )
    assert "failed and 1 seed not run to the end in every arm)" in verdict.reason


def test_one_factor_at_a_time_compares_arms_alike_in_everything_else():
    """Only sgd meets depth 56: averaging that in would compare depths, not optimizers."""
    factors = (Factor("optimizer", ("sgd", "adam")), Factor("depth", (20, 56)))
    asked = claim(higher={"optimizer": "adam"}, lower={"optimizer": "sgd"})
    made = study(asked, factors=factors, design=OneAtATime())
    assert len(made.arms("quick")) == 3
    data = []
    for seed in range(5):
        data.append(trial("optimizer=sgd, depth=20", seed, 1))
        data.append(trial("optimizer=adam, depth=20", seed, 1 + seed / 8))
        data.append(trial("optimizer=sgd, depth=56", seed, 100))
    (verdict,) = judge(made, "quick", data)
    assert verdict.seen.second == (1,) * 5
    assert verdict.seen.first == (1, 1.125, 1.25, 1.375, 1.5)


def test_arms_listed_by_hand_are_compared_as_they_are():
    factors = (Factor("norm", ("none", "batch")), Factor("lr", (0.1, 0.5)))
    asked = claim(higher={"norm": "batch"}, lower={"norm": "none"})
    design = Arms({"plain": {}, "normed": {"norm": "batch", "lr": 0.5}})
    data = [trial("plain", s, 1) for s in range(5)] + [trial("normed", s, 3) for s in range(5)]
    (verdict,) = judge(study(asked, factors=factors, design=design), "quick", data)
    assert verdict.seen.effect == 2


# Which records count.


def test_other_studies_scales_roles_and_arms_do_not_count():
    data = records(1 + RAMP, RAMP)
    noise = [
        trial("a=new", 0, 1e6, study="other", number=99),
        trial("a=new", 0, 1e6, scale="full", number=99),
        trial("a=new", 0, 1e6, role="tune", number=99),
        trial("a=gone", 0, 1e6, number=99),
    ]
    asked = study(claim())
    assert repr(judge(asked, "quick", data + noise)) == repr(judge(asked, "quick", data))


def test_the_last_of_several_records_counts():
    data = [*records(np.arange(5.0), np.zeros(5)), trial("a=new", 2, 50, number=77)]
    data.insert(0, trial("a=new", 3, 60, number=78))
    data += [trial("a=new", 4, 70, number=80), failed("a=new", 4, number=81)]
    (verdict,) = judge(study(claim()), "quick", data)
    assert verdict.seen.first == (0, 1, 50, 60)
    assert (verdict.failed, verdict.missing, verdict.word) == (1, 1, "not assessable")


@pytest.mark.parametrize("n", [7, 16])  # 16: the permutation test draws its flips
def test_order_of_records_is_irrelevant_to_the_last_digit(n):
    rng = np.random.default_rng(n)
    data = records(rng.normal(size=n), rng.normal(size=n))
    data += [trial("a=new", 0, 5, number=-1), trial("a=new", 1, 3), trial("a=new", 1, 4)]
    asked = study(claim(), claim(by=0.1))
    expected = repr(judge(asked, "quick", data))
    for shuffle in range(5):
        random.Random(shuffle).shuffle(data)
        assert repr(judge(asked, "quick", data)) == expected


# Failures.


def lacking(kind, arm, seed):
    return {
        "failed": [failed(arm, seed)],
        "nan": [trial(arm, seed, math.nan)],
        "infinite": [trial(arm, seed, math.inf)],
        "running": [trial(arm, seed, 0, state="running", metrics={})],
        "absent": [],
        "other metric": [trial(arm, seed, 0, metrics={"test_loss": 0.0})],
    }[kind]


KINDS = ["failed", "nan", "infinite", "running", "absent", "other metric"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arm", ["a=new", "a=old"])
def test_a_seed_that_lacks_a_trial_is_left_out_and_told(kind, arm):
    data = records(3 + RAMP, RAMP / 2)
    rest = [record for record in data if (record.arm, record.seed) != (arm, 9)]
    (verdict,) = judge(study(claim()), "quick", rest + lacking(kind, arm, 9))
    without = [record for record in data if record.seed != 9]
    (expected,) = judge(study(claim()), "quick", without)
    counts = {"failed": int(kind in KINDS[:3]), "missing": 1, "reason": verdict.reason}
    counts["looks"] = verdict.looks
    assert verdict == replace(expected, **counts)
    assert "Over the 9 of 10 seeds in which every arm finished (1 seed left out: " in verdict.reason
    told = "1 of 20 trials failed" if kind in KINDS[:3] else "1 seed not run to the end"
    assert told in verdict.reason


@pytest.mark.parametrize("kind", ["failed", "nan", "infinite"])
def test_too_many_failures_leave_nothing_to_judge(kind):
    data = records([10, 11, 12, 13, 14], [0, 1, 2, 3, 4])
    data = [each for each in data if not (each.arm == "a=old" and each.seed in {1, 2, 3})]
    data += [each for seed in (1, 2, 3) for each in lacking(kind, "a=old", seed)]
    (verdict,) = judge(study(claim()), "quick", data)
    assert verdict.word == "not assessable"
    assert verdict.reason == (
        "Only 2 seeds finished in every arm of the claim, and a verdict needs at least 5: "
        "3 of 10 trials failed."
    )
    assert math.isnan(verdict.seen.p)
    assert math.isnan(verdict.p_adjusted)
    assert verdict.seen.effect == 10


def test_running_trials_have_neither_failed_nor_ended():
    data = records([1.0, 2.0], [0.0, 0.0])
    data += [failed("a=new", 2), *lacking("running", "a=old", 2), *lacking("running", "a=new", 3)]
    (verdict,) = judge(study(claim()), "quick", data)
    assert "1 of 5 trials failed and 1 seed not run to the end in every arm." in verdict.reason


def test_four_good_seeds_are_too_few():
    verdict = one(np.full(4, 100.0) + RAMP[:4])
    assert verdict.word == "not assessable"
    assert verdict.reason == (
        "Only 4 seeds finished in every arm of the claim, and a verdict needs at least 5."
    )


def test_nothing_recorded_yet():
    (verdict,) = judge(study(claim()), "quick", [])
    assert (verdict.word, verdict.seen.n, verdict.seeds) == ("not assessable", 0, ())
    assert math.isnan(verdict.seen.effect)
    assert verdict.reason.startswith("No seed finished in every arm")


def test_a_claim_that_cannot_be_judged_still_counts_among_the_claims():
    data = records(3 + RAMP, RAMP / 2)
    two = judge(study(claim(), claim(metric="test_loss")), "quick", data)
    alone = judge(study(claim()), "quick", data)
    assert two[1].word == "not assessable"
    assert two[0].p_adjusted == pytest.approx(2 * alone[0].seen.p)


# Properties; multiples of 1/64 keep sums and differences exact.

sixty_fourths = st.integers(-200, 200).map(lambda number: number / 64)
pairs = st.lists(st.tuples(sixty_fourths, sixty_fourths), min_size=5, max_size=9)
FAVOURABLE = {"supported, material", "supported", "real but negligible"}


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(-8, 8))
def test_scale_and_origin_of_the_metric_change_no_verdict(rows, power):
    first, second = np.array(rows).T
    factor = 2.0**power
    (verdict,) = judge(study(claim(by=0.5)), "quick", records(first, second))
    (moved,) = judge(
        study(claim(by=0.5 * factor)), "quick", records(first * factor + 3, second * factor + 3)
    )
    assert (moved.word, moved.more_seeds, moved.seen.wins) == (
        verdict.word, verdict.more_seeds, verdict.seen.wins,
    )  # fmt: skip
    assert moved.seen.p == pytest.approx(verdict.seen.p)
    assert moved.seen.effect == pytest.approx(verdict.seen.effect * factor)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_swapping_arms_mirrors_the_verdict(rows):
    first, second = np.array(rows).T
    swapped = claim(higher={"a": "old"}, lower={"a": "new"})
    verdict = judge(study(claim()), "quick", records(first, second))[0]
    mirror = judge(study(swapped), "quick", records(first, second))[0]
    assert (mirror.seen.low, mirror.seen.high) == pytest.approx(
        (-verdict.seen.high, -verdict.seen.low)
    )
    assert mirror.seen.p == pytest.approx(verdict.seen.p)
    assert (verdict.word == "reversed") == (mirror.word in FAVOURABLE)
    assert (mirror.word == "reversed") == (verdict.word in FAVOURABLE)
    assert (verdict.word == "equivalent") == (mirror.word == "equivalent")
    if verdict.word == mirror.word:
        assert verdict.word in {"equivalent", "inconclusive", "refuted"}


@settings(max_examples=40, deadline=None)
@given(pairs, st.data())
def test_losing_trials_never_turns_into_a_number(rows, draw):
    first, second = np.array(rows).T
    data = records(first, second)
    lost = draw.draw(st.sets(st.integers(0, len(data) - 1)))
    kinds = [draw.draw(st.sampled_from(KINDS)) for _ in lost]
    kept = [each for index, each in enumerate(data) if index not in lost]
    for index, kind in zip(sorted(lost), kinds, strict=True):
        kept += lacking(kind, data[index].arm, data[index].seed)
    (verdict,) = judge(study(claim()), "quick", kept)
    whole = [seed for seed in range(len(rows)) if not {seed, seed + len(rows)} & lost]
    assert verdict.seeds == tuple(whole)
    assert verdict.seen.first == tuple(first[whole])
    assert (verdict.word == "not assessable") == (len(whole) < 5)
    assert verdict.failed == sum(kind in KINDS[:3] for kind in kinds)


# Error rates of the words themselves: 4,000 studies of ten seeds, margin .5 sd.


def words(effect):
    d = np.random.default_rng(5).normal(effect, 1, (4_000, 10))
    seen = stats.t_interval(d, 0.95)
    p = np.maximum(seen.p, stats.sign_flip(d))
    found = [
        verdict_word(10, (low + high) / 2, low, high, 0.5, confirmed=each < 0.05)
        for low, high, each in zip(seen.low, seen.high, p, strict=True)
    ]
    return lambda *some: sum(word in some for word in found) / 4_000


def test_a_true_zero_is_rarely_supported():
    share = words(0.0)
    bound = 0.025 + 3 * math.sqrt(0.025 * 0.975 / 4_000)
    assert 0.01 < share("supported", "supported, material", "real but negligible") < bound
    assert 0.01 < share("reversed") < bound


def test_a_true_difference_of_the_margin_is_rarely_denied():
    share = words(0.5)
    bound = 0.025 + 3 * math.sqrt(0.025 * 0.975 / 4_000)
    assert 0.01 < share("refuted", "equivalent", "real but negligible", "reversed") < bound


def test_a_difference_of_one_sd_is_found_four_times_in_five():
    # The paired t test alone finds .80 at n = 10; the permutation test's veto costs a little.
    assert words(1.0)("supported", "supported, material") == pytest.approx(0.79, abs=0.02)
