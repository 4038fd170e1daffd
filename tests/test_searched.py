"""What a search found, and how far it can be trusted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness import AtMost, Choice, Float, Int
from harness.judging.best_of import best_of_k
from harness.judging.searched import SearchResults, searched
from harness.stats import among_best, front, located, t_interval
from tests.example_search import drawn, error_of, example_results, made, noisy, search


def found(**how: Any) -> SearchResults:
    results = example_results(**how)
    assert results.search is not None
    return results.search


# ---- the best of k -------------------------------------------------------------------------------


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("others", [0, 2])
def test_the_expected_best_of_k_is_the_mean_over_all_draws(lower: bool, others: int) -> None:
    values = [0.3, 0.1, 0.1, 0.7, 0.5]
    bad = [math.nan] * others
    curve = best_of_k(values, others, lower=lower)
    assert curve.ks == tuple(range(1, len(values) + others + 1))
    for k, expected in zip(curve.ks, curve.expected, strict=True):
        draws = [
            [each for each in draw if math.isfinite(each)]
            for draw in itertools.combinations([*values, *bad], k)
        ]
        best = [(min if lower else max)(draw) for draw in draws if draw]
        assert expected == pytest.approx(sum(best) / len(best), rel=1e-12)


def test_the_best_of_k_of_thousands_ends_at_the_best_of_all() -> None:
    values = np.random.default_rng(0).normal(size=4000)
    curve = best_of_k([float(each) for each in values], 1000, lower=True)
    assert len(curve.ks) <= 100
    assert curve.ks[-1] == 5000
    assert curve.expected[-1] == values.min()
    assert curve.expected[0] == pytest.approx(values.mean())
    assert list(curve.expected) == sorted(curve.expected, reverse=True)


def test_nothing_tried_has_no_curve() -> None:
    assert best_of_k([], 3, lower=True).ks == ()


# ---- several objectives --------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_front_is_what_nothing_dominates_ties_included(width: int) -> None:
    losses = np.random.default_rng(width).integers(0, 5, size=(80, width)).astype(float)
    slow = [
        not any((other <= own).all() and (other < own).any() for other in losses) for own in losses
    ]
    assert front(losses).tolist() == slow
    assert front(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist() == [
        True, True, True, False,
    ]  # fmt: skip
    assert front(np.empty((0, 2))).tolist() == []


# ---- which may be the best -----------------------------------------------------------------------


def _places(values: np.ndarray[Any, Any]) -> list[list[Any]]:
    return [[located(one, other) for other in values if other is not one] for one in values]


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("means", [(0.0, 0.0, 0.0, 0.0), (0.0, -0.5, -1.0, -3.0)])
def test_the_truly_best_is_among_those_that_may_be_in_95_of_100(
    seeds: int, means: tuple[float, ...]
) -> None:
    """Settings share the part of a seed, and differ in how far their own part varies."""
    rng = np.random.default_rng([seeds, len(set(means))])
    spread = np.array([1.0, 0.3, 2.0, 0.7])[:, None]
    count = 300
    inside = excluded = 0
    for _ in range(count):
        values = rng.normal(size=(1, seeds)) + spread * rng.normal(size=(4, seeds))
        values = values + np.array(means)[:, None]
        told = among_best(_places(list(values)), 0.95)  # type: ignore[arg-type]
        inside += told[0].may_be_best
        excluded += not told[3].may_be_best
    assert inside / count >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / count)
    if seeds == 5 and means[3] < 0:
        assert excluded / count > 0.5, "or it tells nothing apart"


def test_intervals_of_all_differences_from_the_best_hold_together() -> None:
    rng = np.random.default_rng(5)
    means = np.array([0.0, -0.4, -0.8, -2.0])
    truth = [mean - max(np.delete(means, place)) for place, mean in enumerate(means)]
    hits = 0
    for _ in range(400):
        values = means[:, None] + rng.normal(size=(1, 4)) + 0.5 * rng.normal(size=(4, 4))
        told = among_best(_places(list(values)), 0.95)  # type: ignore[arg-type]
        hits += all(each.low <= own <= each.high for each, own in zip(told, truth, strict=True))
    assert hits / 400 >= 0.93


def test_one_seed_tells_nothing_apart() -> None:
    told = among_best(_places([np.array([1.0]), np.array([2.0])]), 0.95)  # type: ignore[arg-type]
    assert all(each.may_be_best and math.isnan(each.low) for each in told)
    assert among_best([[]], 0.95)[0].may_be_best


# ---- what a search found -------------------------------------------------------------------------


def test_settings_are_told_with_what_became_of_them() -> None:
    search_results = found(pruned=(5, 6))
    assert search_results.counts == {"complete": 45, "failed": 1, "pruned": 2, "running": 0}
    assert [each.batch for each in search_results.tried] == [0] * 16 + [1] * 16 + [2] * 16
    failed = search_results.tried[11]
    assert failed.state == "failed"
    assert failed.reason.startswith("diverged")
    assert math.isnan(failed.value)
    early = search_results.tried[5]
    assert early.state == "pruned"
    assert math.isfinite(early.value)
    assert not early.fits
    broken = [each for each in search_results.tried if each.broken]
    assert broken
    assert all(each.settings["width"] * 296 > 1e5 for each in broken)
    assert broken[0].broken == ("model_bytes ≤ 100000",)


def test_the_best_so_far_passes_over_what_cannot_be_taken() -> None:
    search_results = found(pruned=(5, 6))
    for place, best in enumerate(search_results.best):
        fitting = [each for each in search_results.tried[: place + 1] if each.fits]
        assert best == (min(fitting, key=lambda each: each.value).place if fitting else None)
    assert search_results.top[0] == search_results.best[-1]
    assert search_results.of_k.expected[-1] == search_results.tried[search_results.top[0]].value
    assert search_results.of_k.ks[-1] == 48


def test_what_is_confirmed_has_mean_and_joint_interval() -> None:
    results = example_results()
    search_results = results.search
    assert search_results is not None
    assert [arm.arms for arm in search_results.arms] == [("default",), ("1st",), ("2nd",), ("3rd",)]
    for arm in search_results.arms:
        values = [
            record.metrics["validation_error"]
            for record in results.records
            if record.role == "evaluate" and record.arm == arm.arms[0]
        ]
        expected = t_interval(values, 1 - 0.05 / 4)
        assert arm.mean.value == pytest.approx(np.mean(values))
        ends = float(expected.low), float(expected.high)
        assert (arm.mean.low, arm.mean.high) == pytest.approx(ends)
        assert arm.optimism.value == pytest.approx(arm.mean.value - arm.searched)
        assert arm.optimism.low == pytest.approx(arm.mean.low - arm.searched)
        assert len(arm.means) == 1
    means = {arm.place: arm.mean.value for arm in search_results.arms}
    assert search_results.taken == min(means, key=means.__getitem__)
    assert search_results.confirmed
    winner, default = search_results.winner, search_results.default
    assert winner is not None
    assert default is not None
    assert winner.gain.value == pytest.approx(default.mean.value - winner.mean.value)
    assert winner.gain.low > 0
    assert winner.may_be_best
    assert not default.may_be_best
    assert default.behind.value == pytest.approx(winner.mean.value - default.mean.value)
    assert (default.behind.high, winner.behind.low <= 0 <= winner.behind.high) == (0.0, True)


def test_signs_turn_where_larger_is_better() -> None:
    metric = replace(search().metrics[0], better="higher")
    declared = search(metrics=(metric, *search().metrics[1:]))
    search_results = found(declared=declared)
    first = search_results.found
    assert first is not None
    assert first.optimism.value == pytest.approx(first.searched - first.mean.value)
    assert first.optimism.low < first.optimism.value < first.optimism.high
    best = max(search_results.arms, key=lambda arm: arm.mean.value)
    assert search_results.taken == best.place
    assert (
        search_results.best[-1]
        == max(
            (each for each in search_results.tried if each.fits), key=lambda each: each.value
        ).place
    )


def test_a_search_of_noise_alone_is_optimistic_and_tells_nothing_apart() -> None:
    above = told_apart = 0
    for salt in range(20):

        def noise(place: int, _: Any, seed: int, salt: int = salt) -> dict[str, float]:
            drawn_here = np.random.default_rng([place, seed, salt]).normal()
            return {"validation_error": 0.1 + 0.01 * drawn_here}

        search_results = found(declared=search(), trained=noise, confirm=5)
        first = search_results.found
        assert first is not None
        assert first.optimism.value > 0
        above += first.optimism.low > 0
        told_apart += not first.may_be_best
    assert above >= 10, "the best of 48 is two sd too good"
    assert told_apart <= 2


@pytest.mark.parametrize("confirm", [1, 3])
def test_a_function_that_draws_nothing_at_random_is_judged_exactly(confirm: int) -> None:
    def same(place: int, settings: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": error_of(settings)}

    metric = replace(search().metrics[0], unit="")
    declared = search(metrics=(metric, *search().metrics[1:]))
    search_results = found(declared=declared, trained=same, confirm=confirm)
    winner, default = search_results.winner, search_results.default
    assert winner is not None
    assert default is not None
    assert winner.exact
    assert [arm.may_be_best for arm in search_results.arms] == [False, True, False, False]
    assert winner.gain.low == winner.gain.value == winner.gain.high > 0
    shares = found(declared=search(), trained=same, confirm=confirm)
    assert not any(arm.exact for arm in shares.arms), "shares may be alike by chance"

    def once(place: int, settings: Mapping[str, Any], seed: int) -> dict[str, float]:
        return {"validation_error": error_of(settings) + 1e-9 * (seed == 0 and place == 0)}

    varied = found(declared=declared, trained=once, confirm=confirm)
    assert not any(arm.exact for arm in varied.arms)


def test_without_confirming_the_best_value_is_taken_and_not_said_to_be_confirmed() -> None:
    search_results = found(confirm=0)
    assert search_results.arms == ()
    assert not search_results.confirmed
    assert search_results.taken == search_results.top[0]
    assert search_results.winner is None


def test_one_fresh_seed_gives_no_interval() -> None:
    search_results = found(confirm=1)
    winner = search_results.winner
    assert winner is not None
    assert not winner.mean.known
    assert not winner.optimism.known
    assert all(arm.may_be_best for arm in search_results.arms)


def test_the_default_that_is_among_the_best_counts_once() -> None:
    search_results = found(confirmed=(0, 3, 4))
    assert [arm.arms for arm in search_results.arms] == [("default", "1st"), ("2nd",), ("3rd",)]
    level = t_interval(list(search_results.arms[0].values.values()), 1 - 0.05 / 3)
    assert search_results.arms[0].mean.low == pytest.approx(float(level.low))


def test_settings_that_failed_again_are_not_taken() -> None:
    first = found().top[0]

    def fails(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return "diverged" if (place, seed) == (first, 1) else noisy(place, settings, seed)

    search_results = found(trained=fails)
    arm = search_results.found
    assert arm is not None
    assert (arm.place, arm.failed, len(arm.values)) == (first, 1, 2)
    assert search_results.taken != first
    assert not arm.gain.known


def test_where_all_confirmed_settings_failed_the_best_of_the_others_is_taken() -> None:
    def fails(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return noisy(place, settings, seed) if seed >= 1_000_000 else "diverged"

    search_results = found(trained=fails, ended="trials")
    assert search_results.all_lost
    assert not search_results.confirmed
    lost = {arm.place for arm in search_results.arms}
    ranked = search_results.rank(each for each in search_results.tried if each.fits)
    assert {each.place for each in ranked[:3]} < lost
    assert search_results.taken == next(each.place for each in ranked if each.place not in lost)
    few = found(trained=fails, count=3, ended="trials")
    assert (few.taken, few.edges) == (None, ())
    assert few.top, "they gave values in the search"


def test_settings_that_were_not_run_again_yet_may_be_taken() -> None:
    declaration = search().study.declaration("quick")
    assert declaration.search is not None
    manifest, records = made(declaration, drawn(declaration.search.space, 30), noisy)
    tuned = [record for record in records if record.role == "tune"]
    search_results = searched(declaration, manifest, tuned)
    assert search_results is not None
    assert search_results.taken == search_results.top[0]
    assert not search_results.all_lost


def test_settings_that_break_a_constraint_on_fresh_seeds_are_not_taken() -> None:
    first = found().top[0]

    def grows(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        given = dict(noisy(place, settings, seed))  # type: ignore[arg-type]
        return given | {"model_bytes": 1e6} if place == first and seed < 1000 else given

    def fine(place: int, settings: Mapping[str, Any], seed: int) -> Any:
        return noisy(place, settings, seed) if place == 11 else grows(place, settings, seed)

    search_results = found(trained=fine)
    arm = search_results.found
    assert arm is not None
    assert arm.broken == ("model_bytes ≤ 100000",)
    assert search_results.taken != first


def test_what_has_not_ended_is_missing_and_is_judged_without() -> None:
    declaration = search().study.declaration("quick")
    assert declaration.search is not None
    manifest, records = made(declaration, drawn(declaration.search.space, 30), noisy)
    part = [record for record in records if record.role == "tune" or record.seed < 2][5:]
    search_results = searched(declaration, manifest, part)
    assert search_results is not None
    assert search_results.counts["running"] == 5
    assert [arm.missing for arm in search_results.arms] == [1, 1, 1, 1]
    assert search_results.confirmed
    nothing = searched(declaration, manifest, [])
    assert nothing is not None
    assert (nothing.taken, nothing.confirmed, nothing.top) == (None, False, ())
    assert searched(declaration, replace(manifest, search=None), records) is None


def test_values_over_several_seeds_are_means() -> None:
    search_results = found(declared=search(seeds=2), tuning_seeds=2, count=20)
    first = search_results.tried[3]
    each = [noisy(3, first.settings, 1_000_000 + seed) for seed in range(2)]
    mean = sum(one["validation_error"] for one in each) / 2  # type: ignore[index]
    assert first.value == pytest.approx(mean)
    assert first.trials == 2


def test_settings_that_were_dropped_before_all_seeds_were_stopped_early() -> None:
    declaration = search(seeds=5, pruner="wilcoxon").study.declaration("quick")
    assert declaration.search is not None
    settings = drawn(declaration.search.space, 6)
    manifest, records = made(
        declaration, settings, noisy, tuning_seeds=5, batch=3, confirm=0, ended="trials"
    )
    assert manifest.search is not None

    def without(place: int, given: Any = manifest) -> SearchResults:
        """Leave out the last two seeds of settings, which nobody has planned."""
        gone = set(given.search.tried[place].keys[3:])
        fewer = replace(given, trials=tuple(x for x in given.trials if x.key not in gone))
        told = searched(declaration, fewer, [x for x in records if x.key not in gone])
        assert told is not None
        return told

    told = without(4)
    assert told.tried[4].state == "pruned"
    assert told.tried[4].trials == 3
    assert math.isfinite(told.tried[4].value)
    assert told.counts["complete"] == 5
    going_on = replace(manifest, search=replace(manifest.search, ended=""))
    assert without(4, going_on).tried[4].state == "running", "it may go on with its other seeds"
    assert without(1, going_on).tried[1].state == "pruned", "a later batch was asked for"


def test_a_trial_that_was_ended_early_has_the_last_value_of_its_curve() -> None:
    declaration = search().study.declaration("quick")
    assert declaration.search is not None
    settings = drawn(declaration.search.space, 5)
    manifest, records = made(declaration, settings, noisy, pruned=(3,), confirm=0)
    bare = [replace(x, metrics={}) if x.state == "pruned" else x for x in records]
    told, same = searched(declaration, manifest, bare), searched(declaration, manifest, records)
    assert told is not None
    assert same is not None
    assert told.tried[3].value == same.tried[3].value


def test_the_front_of_several_objectives_is_of_feasible_settings() -> None:
    declared = search(
        objective=("validation_error", "model_bytes"), constraints=(AtMost("model_bytes", 1e5),)
    )
    search_results = found(declared=declared)
    inside = [search_results.tried[place] for place in search_results.front]
    assert all(each.fits for each in inside)
    assert [each.value for each in inside] == sorted(each.value for each in inside)
    for each in search_results.tried:
        if each.fits:
            beaten = any(
                other.values[0] <= each.values[0] and other.values[1] <= each.values[1]
                and other.values != each.values
                for other in search_results.tried if other.fits
            )  # fmt: skip
            assert (each.place in search_results.front) == (not beaten)
    assert search_results.of_k.ks == ()


def test_edges_are_marked_by_what_was_tried_and_by_the_space() -> None:
    declared = search(
        space=(Float("lr", 0.001, 1.0, log=True), Int("width", 16, 512, log=True),
               Choice("optimizer", ("sgd", "adam")), Float("momentum", 0.0, 1.0)),
    )  # fmt: skip

    def settings(lr: float, width: int, momentum: float) -> dict[str, Any]:
        return {"lr": lr, "width": width, "optimizer": "adam", "momentum": momentum}

    tried = [settings(0.03, 91, 0.5), settings(0.9, 91, 0.04), settings(0.05, 60, 0.02)]
    values = [0.3, 0.1, 0.2]

    def trained(place: int, _: Any, seed: int) -> dict[str, float]:
        return {"validation_error": values[place]}

    search_results = found(declared=declared, settings=tried, trained=trained, confirm=0)
    assert search_results.taken == 1
    told = {(each.name, each.side): (each.extreme, each.near) for each in search_results.edges}
    assert told == {
        ("lr", "largest"): (True, True),
        ("width", "largest"): (True, False),
        ("momentum", "smallest"): (False, True),
    }


def test_records_of_a_search_are_among_those_reported() -> None:
    results = example_results()
    roles = [record.role for record in results.records]
    assert (roles.count("tune"), roles.count("evaluate")) == (48, 12)
    assert error_of(results.search.tried[0].settings) > 0  # type: ignore[union-attr]
