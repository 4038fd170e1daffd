"""Claims that an arm is not worse, and that one comes to a target sooner."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from harness.judging.pairing import evaluations
from harness.judging.targets import targets
from harness.judging.verdicts import judge
from harness.measures import measured
from harness.messages.errors import HarnessError
from harness.study.claims import Equivalent, Higher, NotWorse, Sooner
from harness.study.factors import Factor
from tests.calibration.calibrate_kinds import PROFILE
from tests.test_verdicts import failed, records, study, trial

NEW, OLD = {"a": "new"}, {"a": "old"}


def liking(_trained):
    return 1.0


RAMP = (np.arange(10) - 4.5) / 4.5


def not_worse(metric="train_loss", by=0.5, **changes):
    return NotWorse("New is not worse.", metric=metric, by=by, arm=NEW, than=OLD, **changes)


def judged(claim, differences, metric="train_loss"):
    old = np.linspace(1, 2, len(differences))
    data = [
        replace(each, metrics={metric: each.metrics["train_loss"]})
        for each in records(old + differences, old)
    ]
    return judge(study(claim).declaration("quick"), data)[0]


# ---- not worse ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(-5, "supported"), (0, "supported"), (0.4, "direction only"), (0.5, "direction only"),
     (0.6, "direction only"), (1, "refuted"), (5, "refuted")],
)  # fmt: skip
def test_not_worse_where_lower_is_better(difference, expected):
    """RAMP / 3 has an interval of half width .16 around the difference, which may be up to .5.

    From .4 on it is worse in any case; by how much is unclear.
    """
    assert judged(not_worse(), difference + RAMP / 3).word == expected
    gain = judged(not_worse("test_accuracy"), -difference - RAMP / 3, "test_accuracy")
    assert gain.word == expected  # there higher is better


def test_the_edge_is_that_of_the_interval():
    d = RAMP / 3
    high = scipy_stats.ttest_1samp(d, 0).confidence_interval(0.95).high
    assert judged(not_worse(by=high * 1.001), d).word == "supported"
    assert judged(not_worse(by=high * 0.999), d).word == "inconclusive"


def test_not_worse_agrees_with_the_one_sided_test():
    rng = np.random.default_rng(3)
    for _ in range(50):
        d = rng.normal(0.3, 0.6, 8)
        alone = judged(not_worse(), d)
        # the upper end of a two-sided interval at 95 % is that of a one-sided test at 2.5 %
        test = scipy_stats.ttest_1samp(d, 0.5, alternative="less")
        assert (alone.word == "supported") == (alone.seen.p_margin < 0.025)
        assert alone.seen.p_margin >= test.pvalue * (1 - 1e-9)
        if alone.seen.skew <= 1:
            assert alone.seen.p_margin == pytest.approx(test.pvalue)


def test_a_sure_finding_is_told_beside_an_open_size():
    """Worse in every seed, by 1.4 to 4.9 points: at a margin of 2 only the size is unclear."""
    d = -0.0315 - 0.0245 * RAMP
    found = judged(not_worse("test_accuracy", by=0.02), d, "test_accuracy")
    assert found.word == "direction only"
    assert found.told == "worse; by 2.0 pp or more: unclear"
    assert found.p_adjusted < 0.001 < 0.5 < found.p_margin
    same = Equivalent("S.", "test_accuracy", 0.02, first=NEW, second=OLD)
    found = judged(same, d, "test_accuracy")
    assert (found.word, found.told) == ("direction only", "lower; by 2.0 pp or more: unclear")
    assert judged(same, 3 * d, "test_accuracy").told == "lower; by 2.0 pp or more: shown"


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (1.5, "higher; by 0.5 nats or more: shown"),
        (0.6, "higher; by 0.5 nats or more: unclear"),
        (0.25, "higher; by 0.5 nats or more: ruled out"),
        (-0.25, "lower; by 0.5 nats or more: ruled out"),
        (-1.5, "lower; by 0.5 nats or more: shown"),
        (0.0, "direction unclear; by 0.5 nats or more: ruled out either way"),
    ],
)
def test_direction_and_size_are_told_apart(difference, told):
    claim = Higher("H.", "train_loss", 0.5, higher=NEW, lower=OLD)
    assert judged(claim, difference + RAMP / 3).told == told
    told = judged(claim, 0.2 + RAMP).told
    assert told == "direction unclear; lower by 0.5 nats or more: ruled out"
    assert judged(claim, 3 * RAMP).told == "direction unclear; by 0.5 nats or more: unclear"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=5, max_size=12), st.floats(0.1, 1.5))
def test_equivalent_is_not_worse_either_way(differences, by):
    """Both directions of "not worse" together are what "equivalent" says."""
    d = np.array(differences)
    same = Equivalent("S.", "train_loss", by, first=NEW, second=OLD)
    other = NotWorse("O.", "train_loss", by, arm=OLD, than=NEW)
    words = [judged(claim, d).word for claim in (not_worse(by=by), other)]
    assert (judged(same, d).word == "equivalent") == (words == ["supported"] * 2)


def test_it_says_what_was_seen_and_what_would_change_it():
    found = judged(not_worse(), RAMP / 3)
    assert "a loss as large as that is ruled out" in found.reason
    assert "margin of 0.5 nats" in found.reason
    assert found.change == "A margin below 0.16 nats, which is as far as the interval reaches."
    assert "All of the interval" in judged(not_worse(), 2 + RAMP / 3).reason
    assert judged(not_worse(), RAMP[:4]).word == "not assessable"


def test_an_exploratory_one_is_a_lead_by_its_own_test():
    assert judged(not_worse(primary=False), RAMP / 3).word == "suggestive"
    assert judged(not_worse(primary=False), -3 + RAMP / 3).word == "suggestive"
    assert judged(not_worse(primary=False), 0.4 + RAMP).word == "not suggestive"


def test_a_metric_without_a_better_direction_has_no_worse_one():
    with pytest.raises(HarnessError, match=r"one direction is worse.*weight_norm.*Higher"):
        study(not_worse("weight_norm"))
    mine = measured("mine", liking, title="Mine", meaning="What I like.", better="higher")
    study(not_worse("mine"), measures=(mine,))


# ---- sooner -------------------------------------------------------------------------------------


def sooner(**changes):
    given = {"metric": "validation_accuracy", "reaches": 0.9, "by": 0.2, "sooner": NEW,
             "later": OLD, "clock": "epochs"}  # fmt: skip
    return Sooner("New is sooner at 90 %.", **(given | changes))


def curve(epochs, length=10, low=0.5, high=0.95):
    """A learning curve that reaches the target after so many epochs, or never."""
    return tuple(high if k >= epochs else low for k in range(1, length + 1))


def runs(new, old, **changes):
    """Trials that reach 90 % after so many epochs of four steps."""
    out = []
    for arm, times in (("a=new", new), ("a=old", old)):
        for seed, epochs in enumerate(times):
            out.append(
                trial(
                    arm, seed, 0.0,
                    metrics={"validation_accuracy": 0.95 if epochs <= 10 else 0.5},
                    curves={"validation_accuracy": curve(epochs)},
                    cost={"steps": 40.0},
                )
            )  # fmt: skip
    return out


NEVER = math.inf


def test_sooner_is_a_sign_test_on_who_is_first():
    new = [1, 2, 3, 1, 2, 3, 1, 2, 3, 5]
    old = [4, 4, 4, 4, 4, 4, NEVER, NEVER, 3, 4]
    (found,) = judge(study(sooner()).declaration("quick"), runs(new, old))
    test = scipy_stats.binomtest(8, 9)
    assert found.seen.p == pytest.approx(test.pvalue)
    assert (found.seen.n, found.seen.wins, found.seen.effect) == (10, 8, pytest.approx(0.7))
    shown = {each.what: each.value for each in found.seen.beside}
    assert shown["first side reaches the target, share of seeds"] == 1
    assert shown["second side reaches the target, share of seeds"] == 0.8
    assert (shown["first side, median until then"], shown["second side, median until then"]) == (
        2, 4,
    )  # fmt: skip


def test_always_first_is_supported_and_always_second_reversed():
    early, late = [1] * 20, [NEVER] * 20
    (found,) = judge(study(sooner()).declaration("quick"), runs(early, late))
    assert found.word == "supported, material"
    assert "share" in found.reason
    (found,) = judge(study(sooner()).declaration("quick"), runs(late, early))
    assert found.word == "reversed"


def test_where_neither_ever_comes_nothing_was_seen():
    (found,) = judge(study(sooner()).declaration("quick"), runs([NEVER] * 40, [NEVER] * 40))
    assert (found.word, found.seen.n) == ("not assessable", 0)
    assert found.reason == "No arm of the claim ever reached the target, in 40 seeds."
    (found,) = judge(study(sooner()).declaration("quick"), runs([2] * 8, [2] * 8))
    assert (found.seen.effect, found.seen.p, found.seen.wins) == (0, 1, 0)


def test_equal_losses_refute_nothing_before_there_are_many():
    old = {n: np.linspace(1, 2, n) for n in (6, 400)}
    few = judged(not_worse(by=0.01), np.full(6, 0.05))
    assert few.word == "inconclusive"
    assert few.more_seeds is not None
    claim = not_worse(by=0.01)
    many = judge(study(claim).declaration("quick"), records(old[400] + 0.05, old[400]))[0]
    assert many.word == "refuted"


def test_few_pairs_lend_no_p_to_other_leads():
    lead = Equivalent("E.", "test_loss", 0.5, first=NEW, second=OLD, primary=False)
    other = Higher("H.", "train_loss", 0.1, higher=NEW, lower=OLD, primary=False)
    old = np.linspace(1, 2, 10)
    data = [
        replace(each, metrics={**each.metrics, **({"test_loss": 1.0} if each.seed < 3 else {})})
        for each in records(old + RAMP + 0.45, old)
    ]
    alone = judge(study(other).declaration("quick"), data)[0]
    few, beside = judge(study(lead, other).declaration("quick"), data)
    assert few.word == "not assessable"
    assert math.isnan(few.p_adjusted)
    assert beside.p_adjusted >= alone.p_adjusted


def test_a_failed_run_is_left_out_and_counted():
    data = runs([1] * 8, [5] * 8)
    data = [failed("a=old", 0) if (r.arm, r.seed) == ("a=old", 0) else r for r in data]
    (found,) = judge(study(sooner()).declaration("quick"), data)
    assert (found.seen.n, found.failed, found.missing) == (7, 1, 1)


def test_a_target_of_a_loss_is_reached_from_above():
    claim = sooner(metric="validation_loss", reaches=0.3)
    data = [
        trial(
            arm, seed, 0.0, metrics={"validation_loss": 0.1},
            curves={"validation_loss": values}, cost={"steps": 3.0},
        )
        for arm, values in (("a=new", (1.0, 0.3, 0.1)), ("a=old", (1.0, 0.31, math.nan)))
        for seed in range(6)
    ]  # fmt: skip
    (found,) = judge(study(claim).declaration("quick"), data)
    assert found.seen.wins == 6  # 0.3 is enough, and what is no number never is


def test_steps_are_counted_where_asked():
    """Old needs fewer epochs, but four times the steps in each."""
    data = [
        replace(each, cost={"steps": 160.0 if each.arm == "a=old" else 40.0})
        for each in runs([4] * 8, [2] * 8)
    ]
    wins = {}
    for clock in ("epochs", "steps"):
        (found,) = judge(study(sooner(clock=clock)).declaration("quick"), data)
        wins[clock] = (found.seen.wins, found.seen.effect)
    assert wins == {"epochs": (0, -1), "steps": (8, 1)}


def test_time_to_a_target_of_every_arm_by_hand():
    made = study(sooner(), replace(sooner(clock="steps"), text="The same target."))
    declared = made.declaration("quick")
    data = [*runs([1, 2, 4, 9, NEVER], [3, 5, NEVER, NEVER]), failed("a=old", 4)]
    trials = evaluations(declared, data)
    (target,) = targets(declared, trials, {"a=old": PROFILE})
    old, new = target.arms
    assert (target.metric, target.reaches) == ("validation_accuracy", 0.9)
    assert (new.arm, new.seeds, new.share, new.epochs, new.steps) == ("a=new", 5, 0.8, 4, 16)
    assert math.isnan(new.seconds)
    assert (old.seeds, old.failed, old.share, old.epochs, old.steps) == (4, 1, 0.5, 5, 20)
    assert old.seconds == pytest.approx(20 * PROFILE.step_seconds)
    (none,) = targets(declared, {}, {})
    assert none.arms[0].seeds == 0
    assert math.isnan(none.arms[0].share)
    assert targets(study(not_worse()).declaration("quick"), trials, {}) == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=5, max_size=15))
def test_swapping_the_arms_mirrors_who_is_first(pairs):
    new, old = zip(*pairs, strict=True)
    one = judge(study(sooner()).declaration("quick"), runs(new, old))[0].seen
    two = judge(study(sooner()).declaration("quick"), runs(old, new))[0].seen
    assert (two.effect, two.low, two.high) == pytest.approx((-one.effect, -one.high, -one.low))
    assert two.p == pytest.approx(one.p)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"by": 1.0}, "below 1"),
        ({"reaches": math.nan}, "reaches= .* must be a finite number"),
        ({"reaches": True}, "reaches= .* must be a finite number"),
        ({"clock": "hours"}, "clock= .* must be 'epochs' or 'steps'"),
        ({"reaches": 80}, "a value that validation_accuracy can have"),
        ({"reaches": 0}, "a value that validation_accuracy can have"),
        ({"later": NEW}, "two different arms"),
        ({"metric": "test_accuracy"}, "learning curve"),
    ],
)
def test_a_claim_on_times_that_cannot_be_is_refused(changes, said):
    with pytest.raises(HarnessError, match=said):
        study(sooner(**changes))


def test_there_is_no_mean_time_over_arms():
    factors = (Factor("a", ("old", "new")), Factor("b", (1, 2)))
    with pytest.raises(HarnessError, match=r"two single arms.*2 arms of.*Name all factors"):
        study(sooner(), factors=factors)
    study(sooner(sooner={"a": "new", "b": 1}, later={"a": "old", "b": 1}), factors=factors)


def test_a_margin_that_is_missing_is_asked_for():
    with pytest.raises(HarnessError, match=r"margin of the claim 'H\.' .*got none.*Write by="):
        Higher("H.", "train_loss", higher=NEW, lower=OLD)


@pytest.mark.parametrize("name", ["parameters", "step_seconds"])
def test_no_measure_takes_the_name_of_a_cost(name):
    mine = measured(name, liking, title="Mine", meaning="What I like.", better="higher")
    with pytest.raises(HarnessError, match="another name"):
        study(Higher("H.", name, 0.1, higher=NEW, lower=OLD), measures=(mine,))
