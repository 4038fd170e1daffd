"""Runs compared: intervals against textbooks, what changed, and what is said of it."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness import Factor, Metric, Scale
from harness.compared.comparison import Comparison, Pair, compare
from harness.compared.effects import ArmEffect
from harness.compared.matched import Claims, standing
from harness.compared.plain import plain
from harness.compared.sides import Side
from harness.compared.words import alone_lines, answer, changes_line, headline, ratio_of, title
from harness.study.claims import Best, Equivalent
from tests.compared_runs import ENV, around, higher, profile, side, study

SMALL, LARGE = "width=4", "width=64"


def compared(*sides: Side) -> Comparison:
    return compare([(each.label, each.named) for each in sides], [sides])


def pair_of(base: Side, other: Side) -> Pair:
    (pair,) = compared(base, other).pairs
    return pair


def effect(pair: Pair, arm: str, metric: str = "score") -> ArmEffect:
    (found,) = (each for each in pair.effects if (each.arm, each.metric.name) == (arm, metric))
    return found


A = {SMALL: around(10), LARGE: around(30, 0.5)}


# ---- intervals ----------------------------------------------------------------------------------


def test_a_paired_effect_has_students_interval_over_the_seeds() -> None:
    shift = np.array([1.0, 3.0, 2.0, 4.0, 0.0])  # mean 2, without skew
    other = {SMALL: tuple(np.array(A[SMALL]) + shift), LARGE: tuple(np.array(A[LARGE]) - shift)}
    result = compared(side("A", A), side("B", other))
    (pair,) = result.pairs
    assert result.tested == 3, "two arms and one claim"
    wanted = stats.ttest_1samp(shift, 0).confidence_interval(1 - 0.05 / 3)
    found = effect(pair, SMALL)
    assert found.way == "paired"
    assert found.seen is not None
    assert (found.effect, found.seen.low, found.seen.high) == pytest.approx((2, *wanted))
    down = effect(pair, LARGE)
    assert down.seen is not None
    assert (down.seen.low, down.seen.high) == pytest.approx((-wanted[1], -wanted[0]))
    (claim,) = pair.claims.matched
    assert claim.seen is not None
    both = stats.ttest_1samp(-2 * shift, 0).confidence_interval(1 - 0.05 / 3)
    assert (claim.seen.effect, claim.seen.low, claim.seen.high) == pytest.approx((-4, *both))
    assert claim.why == "by seed"


def test_without_a_seed_in_common_an_effect_has_welchs_interval() -> None:
    other = {SMALL: around(13, 2), LARGE: around(30, 3)}
    pair = pair_of(side("A", A), side("B", other, first=100))
    found = effect(pair, SMALL)
    assert found.way == "unpaired"
    assert "no seed in common" in found.why
    wanted = stats.ttest_ind(other[SMALL], A[SMALL], equal_var=False).confidence_interval(
        1 - 0.05 / 3
    )
    assert found.seen is not None
    assert (found.seen.effect, found.seen.low, found.seen.high) == pytest.approx((3, *wanted))
    (claim,) = pair.claims.matched
    effects = [np.subtract(one[LARGE], one[SMALL]) for one in (other, A)]
    assert claim.seen is not None
    assert claim.seen.effect == pytest.approx(effects[0].mean() - effects[1].mean())
    assert claim.why == "unpaired"


def test_other_data_are_two_samples_though_seeds_are_the_same() -> None:
    trained = study(train=None, build=_build, metrics=(), objective="validation_loss",
                    claims=(higher(metric="test_loss"),))  # fmt: skip
    data: list[dict[str, Any]] = [{"data": {"type": "Digits", "train": n}} for n in (100, 200)]

    def of(label: str, training: dict[str, Any]) -> Side:
        return side(label, A, trained, training=training, metric="test_loss")

    assert effect(pair_of(of("A", data[0]), of("B", data[1])), SMALL, "test_loss").way == "unpaired"
    same = pair_of(of("A", data[0]), replace(of("B", data[0]), label="B"))
    assert effect(same, SMALL, "test_loss").why == "by seed, on the same data"


def _build(scale: Scale, width: int) -> Any:
    raise AssertionError("a comparison must not train")


def test_intervals_of_all_runs_together_share_their_level() -> None:
    sides = [side(label, {arm: around(10 + n) for arm in A}) for n, label in enumerate("ABC")]
    result = compared(*sides)
    assert [(pair.base.label, pair.other.label) for pair in result.pairs] == [
        ("A", "B"),
        ("A", "C"),
    ]
    assert result.tested == 6
    assert result.level == pytest.approx(1 - 0.05 / 6)
    found = effect(result.pairs[1], SMALL)
    assert found.seen is not None
    assert found.seen.level == result.level


def test_below_five_seeds_an_effect_has_no_interval_and_is_not_judged() -> None:
    few = {arm: values[:4] for arm, values in A.items()}
    better = {arm: tuple(value + 9 for value in values) for arm, values in few.items()}
    result = compared(side("A", few), side("B", better))
    found = effect(result.pairs[0], SMALL)
    assert found.effect == pytest.approx(9)
    assert found.seen is not None
    assert math.isnan(found.seen.low)
    assert found.finding == "not compared"
    assert "fewer than 5" in found.why
    assert result.tested == 0
    alone = replace(result.pairs[0], claims=Claims((), (), ()))
    assert answer(alone) == (
        "Nothing could be judged: no claim is in both, and arms have fewer than 5 seeds to compare."
    )
    assert not alone.something


# ---- the same -----------------------------------------------------------------------------------


def test_a_run_against_itself_changes_nowhere() -> None:
    run = side("A", A, profiles={arm: profile() for arm in A})
    result = compared(run, replace(run, label="B"))
    (pair,) = result.pairs
    assert not pair.differences
    assert not pair.worse
    assert {each.finding for each in pair.effects} == {"same"}
    assert all(not each.changed and not each.step for each in pair.claims.matched)
    assert {ratio.ratio for arm in pair.costs.arms for ratio in arm.ratios} == {1.0}
    assert all(each.same and not each.told for each in pair.claims.matched)
    assert plain(result)["comparisons"][0]["claims"][0]["difference"]["effect"] == 0
    assert result.tested == 0, "nothing is estimated"
    assert headline(result) == (
        "No result changed: both have the same 10 trials, and the same verdicts."
    )
    assert title(pair) == "No result changed"
    assert changes_line(pair).startswith("What was declared and run is the same")


def test_the_same_key_with_other_numbers_is_a_pair() -> None:
    other = {arm: tuple(value + 0.1 for value in values) for arm, values in A.items()}
    pair = pair_of(side("A", A, keys="k"), side("B", other, keys="k"))
    assert effect(pair, SMALL).why == "by seed: the same code and settings, run twice"
    assert effect(pair, SMALL).way == "paired"


def test_other_code_with_the_same_curves_is_identical_and_not_estimated() -> None:
    curves = {arm: [(value / 3, value / 2) for value in values] for arm, values in A.items()}
    pair = pair_of(side("A", A, curves=curves), side("B", A, curves=curves))
    assert {each.way for each in pair.effects} == {"identical"}
    without = pair_of(side("A", A), side("B", A))
    assert {each.way for each in without.effects} == {"paired"}, "a number alone does not tell"


# ---- what is missing ----------------------------------------------------------------------------


def test_failed_trials_are_counted_and_do_not_choose_the_test() -> None:
    values = {arm: (*around(10), 11.0) for arm in A}
    other = side("B", values, failed={(SMALL, 5), (LARGE, 0)})
    pair = pair_of(side("A", values), other)
    found = effect(pair, SMALL)
    assert (found.counts, found.failed, found.way) == ((6, 5), (0, 1), "paired")
    assert found.seen is not None
    assert found.seen.n == 5


def test_an_arm_of_which_all_trials_fail_now_is_worse() -> None:
    gone = side("B", A, failed={(SMALL, seed) for seed in range(5)})
    pair = pair_of(side("A", A), gone)
    assert effect(pair, SMALL).vanished
    assert effect(pair, SMALL) in pair.worse
    assert "all trials of width=4 failed" in answer(pair)


def test_missing_seeds_leave_those_that_both_have() -> None:
    more = {arm: (*values, 99.0, 99.0) for arm, values in A.items()}
    pair = pair_of(side("A", A), side("B", more))
    found = effect(pair, SMALL)
    assert found.counts == (5, 7)
    assert found.why.endswith("; 5 seeds in common")
    assert pair.claims.matched[0].why == "by seed, on the 5 that both were judged on"
    assert found.effect == 0, "by the five seeds that both have"


def test_more_seeds_of_the_same_trials_move_a_claim_and_are_no_difference_of_trials() -> None:
    more = {arm: (*values, values[1], values[3]) for arm, values in A.items()}
    pair = pair_of(side("A", A, keys="k"), side("B", more, keys="k"))
    (claim,) = pair.claims.matched
    assert (claim.same, claim.seen) == (False, None)
    assert claim.why == "the same trials where both have them; judged on 5 and 7"
    assert effect(pair, SMALL).finding == "same"
    assert not pair.whole
    assert answer(pair) == (
        "No result is shown to have changed: the verdict is the same and 2 results of arms are "
        "the same."
    )


def test_with_nothing_in_common_it_is_said_that_nothing_was_compared() -> None:
    factors = (Factor("depth", (1, 2)),)
    claim = higher(text="Depth.", higher={"depth": 2}, lower={"depth": 1})
    other = study(claim, name="deep", factors=factors, train=_deep)
    pair = pair_of(side("A", A), side("B", {"depth=1": around(1), "depth=2": around(2)}, other))
    assert not pair.something
    assert answer(pair) == (
        "Nothing could be compared: no claim and no arm with results is in both."
    )
    said = " ".join(alone_lines(pair))
    assert "In A alone, arms: width=4; width=64." in said
    assert "In B alone, claim: “Depth.”" in said


def _deep(context: Any, depth: int) -> Any:
    raise AssertionError("a comparison must not train")


# ---- claims -------------------------------------------------------------------------------------


def test_a_changed_margin_is_told_and_the_claim_is_still_found() -> None:
    strict = side("B", A, study(higher(by=40.0, text="64 beats 4, by far.")), keys="k")
    pair = pair_of(side("A", A, keys="k"), strict)
    (claim,) = pair.claims.matched
    assert [(each.what, each.before, each.after) for each in claim.changes] == [
        ("margin", "0.5 points", "40 points")
    ]
    assert [each.what for each in claim.reworded] == ["sentence"]
    assert claim.base.word == "supported, material"
    assert claim.other.word == "refuted" or claim.other.word == "real but negligible"
    assert claim.step < 0
    assert claim in pair.worse
    assert "margin of the claim “64 beats 4.”" in [each.what for each in pair.differences]
    assert answer(pair).startswith("The verdict changed, from supported, material to ")


def test_claims_are_matched_by_what_they_say_and_test_in_whatever_order() -> None:
    one, two = higher(text="One."), higher(text="Two.", primary=False, by=3.0)
    turned = higher(text="Turned.", higher={"width": 4}, lower={"width": 64})
    pair = pair_of(
        side("A", A, study(one, two)), side("B", A, study(turned, two, one), keys="A")
    )  # fmt: skip
    assert sorted(each.numbers for each in pair.claims.matched) == [(1, 3), (2, 2)]
    assert [each.claim.text for each in pair.claims.new] == ["Turned."]
    assert not any(each.changes for each in pair.claims.matched)


def test_a_claim_on_several_levels_has_both_effects_and_no_difference() -> None:
    best = Best("64 is best.", metric="score", by=0.5, best={"width": 64})
    pair = pair_of(side("A", A, study(best)), side("B", {**A, SMALL: around(11)}, study(best)))
    (claim,) = pair.claims.matched
    assert claim.seen is None
    assert "on several levels" in claim.why


@pytest.mark.parametrize(
    ("word", "higher_says", "equivalent_says"),
    [
        ("supported", "holds", "holds"), ("equivalent", "does not hold", "holds"),
        ("identical", "does not hold", "holds"), ("inconclusive", "open", "open"),
        ("refuted", "does not hold", "does not hold"), ("not assessable", "open", "open"),
    ],
)  # fmt: skip
def test_whether_a_claim_holds_depends_on_what_it_says(
    word: Any, higher_says: str, equivalent_says: str
) -> None:
    same = Equivalent("Alike.", metric="score", by=1.0, first={"width": 4}, second={"width": 64})
    assert standing(higher(), word) == higher_says
    assert standing(same, word) == equivalent_says


def test_a_verdict_that_was_open_and_holds_now_is_no_loss() -> None:
    unclear = {SMALL: (1.0, 5.0, 9.0, 13.0, 17.0), LARGE: (17.0, 13.0, 9.0, 5.0, 1.0)}
    pair = pair_of(side("A", unclear), side("B", A))
    (claim,) = pair.claims.matched
    assert (claim.base.word, claim.step) == ("inconclusive", 1)
    assert claim not in pair.worse
    assert title(pair) == (
        "The verdict changed, from inconclusive to supported, material, for the better, "
        "but both effects cannot be told apart"
    )


def test_the_one_claim_of_which_the_effect_changed_is_named() -> None:
    middle = {"width": 16}
    claims = (higher(text="64 beats 16.", lower=middle), higher(text="16 beats 4.", higher=middle))
    declared = study(*claims, factors=(Factor("width", (4, 16, 64)),))
    before = {SMALL: around(10), "width=16": around(20, 0.3), LARGE: around(30, 0.5)}
    more = np.array([10.3, 9.8, 10.4, 9.5, 10.1])
    after = {**before, LARGE: tuple(before[LARGE] + more)}
    said = answer(pair_of(side("A", before, declared), side("B", after, declared)))
    assert "; the effect of “64 beats 16” surely changed, by +10 [" in said


def test_a_verdict_that_changed_by_chance_alone_is_told_as_that() -> None:
    spread = (20.0, 20.9, 19.1, 20.5, 19.5)
    before = side("A", {SMALL: around(20, 0.1), LARGE: tuple(np.array(spread) + 1.2)})
    after = side("B", {SMALL: around(20, 0.1), LARGE: tuple(np.array(spread) * 0.5 + 11.2)})
    (claim,) = pair_of(before, after).claims.matched
    assert claim.changed
    assert not claim.told
    assert title(pair_of(before, after)).endswith(", but both effects cannot be told apart")
    assert answer(pair_of(before, after)).count("cannot be told apart") == 1
    # where the effect itself changed, or the margin, the sentence would be wrong
    strict = side("B", A, study(higher(by=40.0, text="64 beats 4, by far.")), keys="k")
    assert "cannot be told apart" not in title(pair_of(side("A", A, keys="k"), strict))


# ---- what is found ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("better", "shift", "finding"),
    [("higher", 5.0, "better"), ("higher", -5.0, "worse"), ("lower", 5.0, "worse"),
     (None, 5.0, "higher"), (None, -5.0, "lower"), ("higher", 0.1, "cannot tell")],
)  # fmt: skip
def test_a_difference_is_named_by_the_direction_that_is_better(
    better: Any, shift: float, finding: str
) -> None:
    claim = Equivalent("Alike.", metric="size", by=1.0, first={"width": 4}, second={"width": 64})
    sizes = (Metric("score", better="higher"), Metric("size", better=better))
    declared = study(claim, metrics=sizes)
    noise = (0.3, -0.2, 0.1, -0.3, 0.1)
    moved = {
        arm: tuple(v + shift + n for v, n in zip(values, noise, strict=True))
        for arm, values in A.items()
    }
    pair = pair_of(side("A", A, declared, metric="size"), side("B", moved, declared, metric="size"))
    assert effect(pair, SMALL, "size").finding == finding
    assert (effect(pair, SMALL, "size") in pair.worse) == (finding == "worse")


def test_a_metric_that_means_something_else_now_is_not_compared() -> None:
    turned = study(metrics=(Metric("score", unit="points", better="lower"),))
    pair = pair_of(side("A", A), side("B", A, turned))
    assert pair.skipped == ("score",)
    assert not pair.effects
    assert any("score has another unit or direction" in line for line in alone_lines(pair))
    assert "metric score" in [each.what for each in pair.differences]


def test_what_may_hide_is_said_where_nothing_can_be_told() -> None:
    noise = (0.3, -0.2, 0.1, -0.3, 0.1)
    other = {arm: tuple(np.add(values, noise)) for arm, values in A.items()}
    pair = pair_of(side("A", A), side("B", other))
    reach = max(
        abs(end) for each in pair.effects if each.seen for end in (each.seen.low, each.seen.high)
    )
    assert answer(pair) == (
        "No result is shown to have changed: the verdict is the same and none of 2 results of arms "
        f"can be told apart. A difference may hide, of up to {reach:.3g} points in score."
    )


# ---- what changed -------------------------------------------------------------------------------


def changed(pair: Pair) -> dict[str, tuple[str, str, str, str]]:
    return {each.what: (each.area, each.base, each.other, each.where) for each in pair.differences}


def test_what_changed_is_told_field_by_field() -> None:
    now = study(
        question="Does width still help?",
        factors=(Factor("width", (4, 64, 128)),),
        scales={"quick": Scale(seeds=7, epochs=3)},
    )
    other = side(
        "B", {**A, "width=128": around(1)}, now, revision="def",
        training={"arguments": {"lr": 0.2}, "data": {"n": 2}},
        code={"keys": "2", "study:train": "bb", "study:helper": "cc"},
        env={**ENV, "torch": "2.12", "hardware": "Xeon"},
    )  # fmt: skip
    pair = pair_of(side("A", A, training={"arguments": {"lr": 0.1}, "data": {"n": 1}}), other)
    assert changed(pair) == {
        "question": ("declaration", "“Does width help?”", "“Does width still help?”", ""),
        "setting epochs of the scale": ("declaration", "–", "3", ""),
        "levels of width": ("declaration", "4, 64", "4, 64, 128", ""),
        "arguments.lr": ("settings", "0.1", "0.2", ""),
        "data.n": ("data", "1", "2", ""),
        "study:helper": ("code", "–", "cc", ""),
        "study:train": ("code", "aa", "bb", ""),
        "torch": ("environment", "2.11", "2.12", ""),
        "processor": ("hardware", "EPYC", "Xeon", ""),
        "revision of the study's folder": ("revision", "abc", "def", ""),
    }
    assert pair.arms_new == ("width=128",)
    assert "study" in pair.same
    assert "data" not in pair_of(side("A", A), side("B", A)).same, "nobody knows"
    assert changes_line(pair) == (
        "What differs: question from “Does width help?” to “Does width still help?”, setting "
        "epochs of the scale from – to 3, 6 other things and 2 parts of the code (study:helper, "
        "study:train)."
    )


def test_keys_of_two_versions_rest_on_code_in_different_ways() -> None:
    pair = pair_of(side("A", A, code={"a:b": "1"}), side("B", A, code={"keys": "2", "c:d": "1"}))
    assert [each.what for each in pair.differences if each.area == "code"] == ["version of keys"]


def test_what_is_not_recorded_is_said_to_be_so() -> None:
    pair = pair_of(side("A", A, revision=""), side("B", A))
    assert any("A ran outside of a folder that git knows" in line for line in pair.unknown)
    assert any("what data the trials of A and B read" in line for line in pair.unknown)


# ---- costs and curves ---------------------------------------------------------------------------


def test_times_are_compared_on_one_kind_of_machine_and_counts_always() -> None:
    def run(label: str, **changes: Any) -> Side:
        return side(label, A, profiles={arm: profile(**changes) for arm in A})

    here = pair_of(run("A"), run("B", step=0.02, parameters=96))
    ratios = {each.metric.name: each.ratio for each in here.costs.arms[0].ratios}
    assert ratios == {
        "step_seconds": 2.0, "peak_bytes": 1.0, "flops_per_step": 1.0, "parameters": 1.5
    }  # fmt: skip
    assert not here.costs.notes
    there = pair_of(run("A"), run("B", hardware="Xeon", parameters=96))
    apart = {each.metric.name: each.ratio for each in there.costs.arms[0].ratios}
    assert math.isnan(apart["step_seconds"])
    assert apart["parameters"] == 1.5
    (why,) = there.costs.notes
    assert why == (
        "Times are not compared: they were measured on different machines (cpu / EPYC, 2 threads; "
        "cpu / Xeon, 2 threads)."
    )
    card = pair_of(run("A"), run("B", device="cuda:0"))
    assert math.isnan({r.metric.name: r.ratio for r in card.costs.arms[0].ratios}["peak_bytes"])
    none = pair_of(run("A"), side("B", A))
    assert none.costs.notes == ("Costs are not compared: B measured none.",)


@pytest.mark.parametrize(
    ("after", "printed"),
    [(0.01, "×1"), (0.01004, "×1.004"), (0.010001, "×1.0001"), (0.02, "×2.00"), (0.009, "×0.90")],
)
def test_ratios_near_one_keep_their_digits(after: float, printed: str) -> None:
    base = side("A", A, profiles={SMALL: profile(0.01)})
    pair = pair_of(base, side("B", A, profiles={SMALL: profile(after)}))
    assert ratio_of(pair.costs.arms[0].ratios[0]) == printed
    assert pair.costs.notes == ("1 arm in both runs was not measured in one of them.",)


def test_curves_of_an_arm_are_means_over_seeds_for_each_run() -> None:
    curves = {arm: [(value, value + 2) for value in values] for arm, values in A.items()}
    (group,) = compared(side("A", A, curves=curves), side("B", A, curves=curves)).groups
    first = group.curves[0]
    assert (first.arm, first.metric.name) == (SMALL, "score")
    assert [line.label for line in first.lines] == ["A", "B"]
    assert first.lines[0].mean == ((1.0, 10.0), (2.0, 12.0))
    assert len(first.lines[0].seeds) == 5


# ---- JSON ---------------------------------------------------------------------------------------


def test_json_has_no_number_that_is_none_and_says_what_the_page_says() -> None:
    other = side("B", {SMALL: around(3, 0.9), LARGE: around(30)}, failed={(LARGE, 1)})
    result = compared(side("A", A), other)
    found = json.loads(json.dumps(plain(result), allow_nan=False))
    assert found["answer"] == headline(result)
    assert found["worse"] is True
    (pair,) = found["comparisons"]
    assert (pair["base"], pair["run"]) == ("A", "B")
    row = next(each for each in pair["effects"] if each["arm"] == SMALL)
    assert row["finding"] == "worse"
    assert row["difference"]["effect"] == pytest.approx(-7)
    assert row["failed"] == [0, 0]
    assert [each["run"] for each in found["runs"]] == ["A", "B"]
    assert {"arm": SMALL, "metric": "score", "finding": "worse"} in pair["worse"]


def test_the_order_of_records_changes_nothing() -> None:
    run, other = side("A", A), side("B", {SMALL: around(3), LARGE: around(30)})
    turned = replace(
        other, results=replace(other.results, records=other.results.records[::-1])
    )  # fmt: skip
    results = [plain(compared(run, each)) for each in (other, turned)]
    for one, two in itertools.pairwise(results):
        assert one == two
