"""Means and intervals of arms and of levels, against numbers worked out by hand."""

import math
from dataclasses import replace

import pytest

from harness.judging.summaries import summarise
from harness.measures import Occluded, measured
from harness.messages.errors import HarnessError
from harness.study.designs import OneAtATime
from harness.study.factors import Factor
from harness.study.scales import Scale
from harness.study.study import Study
from harness.trials.records import Record

FACTORS = (Factor("shortcut", (False, True)), Factor("depth", (20, 56)))
ARMS = [
    "shortcut=no, depth=20",
    "shortcut=no, depth=56",
    "shortcut=yes, depth=20",
    "shortcut=yes, depth=56",
]
T_2 = 4.302653  # t(.975) on 2 degrees of freedom, any table of t


def study(**changes):
    def build(scale, shortcut, depth):
        raise AssertionError("summarising must not train")

    scales = {"quick": Scale(seeds=3), "shallow": Scale(seeds=3, levels={"depth": (20,)})}
    return Study("toy", "Does it?", FACTORS, build, scales, **changes)


def trial(arm, seed, value, metric="train_loss", state="complete", **changes):
    settings = {"study": "toy", "scale": "quick", "role": "evaluate", "levels": {}, "tuned": {}}
    metrics = {metric: value} if state == "complete" else {}
    return Record(
        arm=arm, seed=seed, key="", state=state, metrics=metrics, **(settings | changes)
    )  # fmt: skip


def table(values):
    """A row of values for each arm, a column for each seed."""
    return [
        trial(arm, seed, value)
        for arm, row in zip(ARMS, values, strict=True)
        for seed, value in enumerate(row)
    ]


FULL = [[1, 2, 3], [2, 4, 6], [1, 1, 1], [5, 3, 10]]


def rows(records, scale="quick", **changes):
    return {
        (row.factor, row.group, row.metric): row
        for row in summarise(study(**changes).declaration(scale), records)
    }


def numbers(row):
    return row.n, row.failed, row.mean, row.sd, row.low, row.high


def test_an_arm():
    row = rows(table(FULL))["", ARMS[1], "train_loss"]
    half = T_2 * 2 / math.sqrt(3)
    assert numbers(row) == pytest.approx((3, 0, 4, 2, 4 - half, 4 + half), abs=1e-5)


def test_an_arm_without_variance():
    row = rows(table(FULL))["", ARMS[2], "train_loss"]
    assert numbers(row) == (3, 0, 1, 0, 1, 1)


def test_a_level_averages_its_arms_within_a_seed_first():
    row = rows(table(FULL))["depth", "56", "train_loss"]
    # Seeds: (2 + 5)/2, (4 + 3)/2, (6 + 10)/2. Over the six trials the sd would be 2.83.
    sd = math.sqrt((1.5**2 + 1.5**2 + 3**2) / 2)
    half = T_2 * sd / math.sqrt(3)
    assert numbers(row) == pytest.approx((3, 0, 5, sd, 5 - half, 5 + half), abs=1e-5)


def test_arms_come_first_then_levels_each_with_every_metric_recorded():
    records = [*table(FULL), trial(ARMS[0], 3, 0.5, "test_accuracy")]
    listed = [
        (row.factor, row.group, row.metric)
        for row in summarise(study().declaration("quick"), records)
    ]
    groups = [("", arm) for arm in ARMS]
    groups += [("shortcut", "no"), ("shortcut", "yes"), ("depth", "20"), ("depth", "56")]
    assert listed == [
        (*group, metric) for group in groups for metric in ("train_loss", "test_accuracy")
    ]
    accuracy = rows(records)
    assert numbers(accuracy["", ARMS[0], "test_accuracy"])[:3] == (1, 0, 0.5)
    assert math.isnan(accuracy["", ARMS[0], "test_accuracy"].low)
    assert accuracy["", ARMS[1], "test_accuracy"].n == 0
    assert math.isnan(accuracy["", ARMS[1], "test_accuracy"].mean)


def reach(trained):
    raise AssertionError("summarising must not measure")


def test_metrics_of_the_studys_measures_come_last():
    own = measured("reach", reach, meaning="How far it reaches.")
    records = [
        replace(each, metrics={"reach": 7, "occluded_accuracy": 0.5, "gone": 1, **each.metrics})
        for each in table(FULL)
    ]
    seen = rows(records, measures=(own, Occluded()))
    assert [metric for _, group, metric in seen if group == ARMS[0]] == [
        "train_loss", "occluded_accuracy", "reach",
    ]  # fmt: skip
    assert numbers(seen["", ARMS[0], "reach"]) == (3, 0, 7, 0, 7, 7)
    # what this study does not measure is of another version of it, and has no name
    assert {metric for *_, metric in rows(records)} == {"train_loss", "occluded_accuracy"}


@pytest.mark.parametrize(
    "lost", [trial(ARMS[3], 2, 0, state="failed"), trial(ARMS[3], 2, math.nan)]
)
def test_failures_are_counted_and_never_averaged(lost):
    seen = rows([*table(FULL)[:-1], lost])
    assert numbers(seen["", ARMS[3], "train_loss"])[:3] == (2, 1, 4)
    assert numbers(seen["depth", "56", "train_loss"])[:3] == (2, 1, 3.5)
    assert numbers(seen["shortcut", "yes", "train_loss"])[:3] == (2, 1, 2.5)
    assert numbers(seen["depth", "20", "train_loss"])[:3] == (3, 0, 1.5)


def test_a_running_trial_is_neither_averaged_nor_failed():
    seen = rows([*table(FULL)[:-1], trial(ARMS[3], 2, 0, state="running")])
    assert numbers(seen["", ARMS[3], "train_loss"])[:3] == (2, 0, 4)


def test_one_factor_at_a_time_keeps_to_arms_alike_in_the_other_factors():
    seen = rows(table(FULL), design=OneAtATime())
    assert {group for factor, group, _ in seen if not factor} == {*ARMS[:3]}
    assert seen["shortcut", "no", "train_loss"].mean == 2  # at depth 20 alone
    assert seen["shortcut", "yes", "train_loss"].mean == 1
    assert seen["depth", "56", "train_loss"].mean == 4


def test_a_scale_shows_only_the_levels_that_it_keeps():
    records = [trial(arm, 0, 1.0, scale="shallow") for arm in ARMS]
    groups = {(factor, group) for factor, group, _ in rows(records, scale="shallow")}
    assert ("depth", "20") in groups
    assert ("depth", "56") not in groups
    assert ("", ARMS[1]) not in groups


def test_tuning_trials_and_other_studies_do_not_count():
    noise = [
        trial(ARMS[0], 0, 1e6, number=9, **other)
        for other in ({"role": "tune"}, {"study": "other"}, {"scale": "shallow"})
    ]
    assert rows(table(FULL) + noise) == rows(table(FULL))
    assert rows((table(FULL) + noise)[::-1]) == rows(table(FULL))


def test_nothing_recorded_nothing_summarised():
    assert summarise(study().declaration("quick"), []) == ()
    assert summarise(study().declaration("quick"), [trial(ARMS[0], 0, 0, state="failed")]) == ()


def test_unknown_scale_is_an_error():
    with pytest.raises(HarnessError, match="scale"):
        summarise(study().declaration("huge"), [])
