"""Which trials a worker is given, and how many at a time."""

import dataclasses
import math

import pytest

from harness.engines.modes import PLAIN, Choice, Kind, Mode, Timing
from harness.planning.cohorts import (
    BULK_SECONDS,
    MOST_AT_ONCE,
    Pace,
    divide,
    in_order,
    together,
    way_to_train,
)
from harness.planning.planner import StudyPlanner
from harness.trials.records import Record
from harness.trials.trial import Trial, make_trial
from tests.tiny_study import study

TRIALS = StudyPlanner(study, "quick", 15, tune=False).outlook({}).ready
SMALL, LARGE = (arm.name for arm in study.arms("quick"))


def alone(trial: Trial, share: int) -> tuple[Mode, int]:
    return PLAIN, 1


def all_of_it(trial: Trial, share: int) -> tuple[Mode, int]:
    return Mode("fused", 64), share


def test_idle_workers_are_given_different_trials() -> None:
    cohorts = divide(TRIALS, 3, 3, alone)
    assert [len(each.trials) for each in cohorts] == [1, 1, 1]
    assert len({each.trials[0].key for each in cohorts}) == 3


@pytest.mark.parametrize(("workers", "largest"), [(2, 15), (3, 10), (4, 8), (6, 5), (100, 1)])
def test_nobody_is_given_more_than_a_share_among_all_workers(workers: int, largest: int) -> None:
    """Those of other processes count too."""
    sizes = [len(each.trials) for each in divide(TRIALS, 2, workers, all_of_it)]
    assert max(sizes) == largest
    assert all(largest / 2 <= size for size in sizes)


def test_what_a_worker_died_of_is_trained_apart() -> None:
    deadly = {TRIALS[0].key, TRIALS[3].key}
    cohorts = divide(TRIALS, 30, 2, all_of_it, deadly)
    for cohort in cohorts:
        keys = {trial.key for trial in cohort.trials}
        assert not keys & deadly or len(keys) == 1
    assert sum(len(each.trials) for each in cohorts) == len(TRIALS)


def fused(models: int, **seconds: float) -> Choice:
    """A choice, with the seconds of a trial's epoch by mode, such as ``plain1`` and ``fused8``."""
    timings = []
    for name, each in seconds.items():
        kind: Kind = "plain" if name.startswith("plain") else "fused"
        timings.append(Timing(Mode(kind, int(name.removeprefix(kind))), each, 0.0))
    return Choice(Mode("fused", models), tuple(timings))


LINEAR = fused(64)


@pytest.mark.parametrize(("share", "size"), [(1000, 64), (128, 64), (100, 50), (15, 8), (2, 1)])
def test_the_last_trials_are_halved_so_that_who_comes_later_finds_some(
    share: int, size: int
) -> None:
    assert together(LINEAR, share, forced=False) == size


def test_a_cohort_is_not_halved_where_the_half_costs_as_much_as_the_whole() -> None:
    compiled = Choice(Mode("compiled", 32))
    assert together(compiled, 30, forced=False) == 30
    # one step of 16 costs as much as of 1: 0.1 s for 16 trials
    constant = fused(16, plain1=0.1, fused16=0.1 / 16)
    assert together(constant, 16, forced=False) == 16
    assert way_to_train(constant, 16, 0.5, forced=False) == (Mode("fused", 16), 16)


def test_a_measured_size_is_taken_where_it_is_cheaper_than_one_padded() -> None:
    choice = fused(32, plain1=0.5, fused8=0.377, fused32=0.245)
    assert way_to_train(choice, 64, 0.5, forced=False) == (Mode("fused", 32), 32)
    assert way_to_train(choice, 15, 0.5, forced=False) == (Mode("fused", 8), 8)


@pytest.mark.parametrize(
    ("seconds", "share", "size"),
    [(None, 100, 1), (0.01, 1000, MOST_AT_ONCE), (0.1, 100, 10), (0.1, 3, 3), (5.0, 100, 1)],
)
def test_short_trials_go_together_up_to_a_second_that_was_seen(
    seconds: float | None, share: int, size: int
) -> None:
    mode, count = way_to_train(Choice(PLAIN), share, seconds, forced=False)
    assert (mode, count) == (PLAIN, size)
    assert count == 1 or count * (seconds or math.inf) <= BULK_SECONDS


def record(trial: Trial, **changes: object) -> Record:
    made = Record(
        study="tiny", scale="quick", arm=trial.arm.name, levels={}, seed=trial.seed,
        role=trial.role, tuned={}, key=trial.key, state="complete", cost={"seconds": 2.0},
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def test_pace_is_what_trials_took_and_else_what_profiles_let_expect() -> None:
    done = {TRIALS[0].key: record(TRIALS[0]), TRIALS[1].key: record(TRIALS[1], cost={})}
    pace = Pace.of(TRIALS, done, {SMALL: 0.5, LARGE: 1.0})
    assert pace.ended == {SMALL: 2}
    assert pace.seconds(SMALL) == 2.0
    assert pace.seconds(LARGE) == 4.0, "four times its steps, as in the other arm"
    assert Pace(profiled={LARGE: 1.0}).seconds(LARGE) == 1.3
    assert Pace().seconds(LARGE) is None


def test_what_is_unknown_comes_first_then_what_takes_longest() -> None:
    def arms(pace: Pace) -> list[str]:
        return list(dict.fromkeys(trial.arm.name for trial in in_order(TRIALS, (), pace)))

    assert arms(Pace()) == [SMALL, LARGE]
    assert arms(Pace(seen={SMALL: 1.0})) == [LARGE, SMALL]
    assert arms(Pace(seen={SMALL: 1.0, LARGE: 9.0})) == [LARGE, SMALL]
    assert arms(Pace(seen={SMALL: 9.0, LARGE: 1.0})) == [SMALL, LARGE]
    assert arms(Pace(seen={SMALL: 1.0, LARGE: 1.1})) == [SMALL, LARGE], "about the same"


def test_what_others_wait_for_comes_before_all() -> None:
    tuning = make_trial(study, "quick", study.arms("quick")[1], 1_000_000, "tune", {"lr": 0.1})
    slow = Pace(seen={SMALL: 100.0, LARGE: 1.0})
    assert in_order([*TRIALS, tuning], (), slow)[0] is tuning
    assert in_order([*TRIALS, tuning], {TRIALS[-1].key}, slow)[:2] == [TRIALS[-1], tuning]
