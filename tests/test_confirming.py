"""The best settings of a search are tried again on fresh seeds, which alone choose: in each arm."""

from __future__ import annotations

import math
import random
import re
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Metric, Scale, Training, Tuned
from harness.data import digits
from harness.judging.optimism import Optimism, how_chosen, marked, on_edges, optimism
from harness.judging.summaries import ArmSummary
from harness.models import MLP
from harness.optim import SGD
from harness.planning.confirming import (
    BEST,
    FROM,
    MOST,
    best_settings,
    by_fresh_seeds,
    chosen_settings,
    confirm_seeds,
    fresh_seeds,
    settings_tried,
)
from harness.planning.outlook import Outlook
from harness.planning.planner import StudyPlanner
from harness.reports.sections.fixed import held_fixed
from harness.reports.sections.methods import methods_section
from harness.reports.sections.tuning import tuning_section
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from harness.study.converter import UnreadableError, from_plain, to_plain
from harness.tasks.losses import Distillation
from harness.trials.records import Record
from harness.trials.trial import TUNING_SEED, Trial
from harness.trials.tuning import ArmTuning
from tests import declaring
from tests.declaring import opened, report, run
from tests.pretend import Farm, Pretence
from tests.pretend import study as pretended
from tests.test_declared import page
from tests.test_search import SEEDS, first, record
from tests.test_search import run as run_planner
from tests.test_search import study as widths
from tests.test_versions import about_versions, tuned

FAILED = None
BUDGET = 20
FRESH = (TUNING_SEED + 1, TUNING_SEED + 2)
TWENTY = widths(Tuned("lr", 0.001, 1.0, log=True, trials=BUDGET, default=0.02))
PLANNER = partial(StudyPlanner, TWENTY, "quick", None, tune=True)


# ---- the rule ------------------------------------------------------------------------------------


def test_about_a_quarter_of_a_budget_confirms_from_twenty_on() -> None:
    assert {budget: confirm_seeds(budget) for budget in (0, 1, 8, 19, 20, 34, 48, 64, 100)} == {
        0: 0, 1: 0, 8: 0, 19: 0, 20: 2, 34: 3, 48: 4, 64: 5, 100: 8,
    }  # fmt: skip
    for budget in range(1, 1000):
        kept = BEST * confirm_seeds(budget)
        assert settings_tried(budget) + kept == budget
        assert len(fresh_seeds(budget)) == confirm_seeds(budget)
        if budget < FROM:
            assert kept == 0
        else:
            assert 0.2 <= kept / budget <= 0.3 or confirm_seeds(budget) == MOST
            assert settings_tried(budget) >= 14


def test_fresh_seeds_come_after_that_of_the_search() -> None:
    assert fresh_seeds(34) == (1_000_001, 1_000_002, 1_000_003)
    assert fresh_seeds(8) == ()


@pytest.mark.parametrize(
    ("tried", "better", "wanted"),
    [
        ([], "lower", []),
        ([("a", FAILED), ("b", math.nan), ("c", math.inf)], "lower", []),
        ([("a", 3), ("b", 1), ("c", 2), ("d", 4)], "lower", ["b", "c", "a"]),
        ([("a", 3), ("b", 1), ("c", 2), ("d", 4)], "higher", ["d", "a", "c"]),
        ([("a", 1), ("a", 1), ("b", FAILED), ("c", 2), ("d", 1)], "lower", ["a", "d", "c"]),
        ([("a", 1), ("b", 1), ("c", 1), ("d", 1)], "higher", ["a", "b", "c"]),  # the earlier
    ],
)
def test_best_settings(tried: list[Any], better: Any, wanted: list[str]) -> None:
    assert best_settings(tried, better) == wanted


@pytest.mark.parametrize(
    ("confirmed", "better", "wanted"),
    [
        ([("a", (1, 3)), ("b", (2, 1)), ("c", (2, 2))], "lower", ["b", "a", "c"]),  # a and c: 2
        ([("a", (1, 3)), ("b", (2, 1)), ("c", (2, 2))], "higher", ["a", "c", "b"]),
        ([("a", (0, FAILED)), ("b", (9, 9)), ("c", (8, math.nan))], "lower", ["b", "a", "c"]),
        ([("a", (FAILED, FAILED)), ("b", (9, FAILED))], "lower", ["b", "a"]),
        ([("a", (FAILED,)), ("b", (FAILED,))], "higher", ["a", "b"]),
    ],
)
def test_by_fresh_seeds(confirmed: list[Any], better: Any, wanted: list[str]) -> None:
    assert [settings for settings, _ in by_fresh_seeds(confirmed, better)] == wanted


TRIED = [("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4), ("e", FAILED)]


@pytest.mark.parametrize(
    ("confirmed", "wanted"),
    [
        ([], "a"),
        ([("a", (0.5, 0.5)), ("b", (0.4, 0.4)), ("c", (0.3, 0.6))], "b"),
        ([("a", (0.0, FAILED)), ("b", (0.4, 0.4)), ("c", (0.5, 0.4))], "b"),
        ([("a", (0.0, FAILED)), ("b", (FAILED, 0.4)), ("c", (FAILED, FAILED))], "a"),
        ([(name, (FAILED, FAILED)) for name in "abc"], "d"),
        ([(name, (FAILED, FAILED)) for name in "abcd"], None),
    ],
)
def test_chosen_settings(confirmed: list[Any], wanted: str | None) -> None:
    assert chosen_settings(TRIED, confirmed, "lower") == wanted


@given(
    st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats()), max_size=12),
    st.sampled_from(["higher", "lower"]),
)
def test_settings_that_never_finished_are_never_best(tried: list[Any], better: Any) -> None:
    best = best_settings(tried, better)
    values = {place: value for place, value in reversed(tried) if place in best}
    finished = {each for each, value in tried if value is not None and math.isfinite(value)}
    assert len(best) == min(BEST, len(finished)) == len(set(best))
    assert set(best) <= finished
    assert chosen_settings(tried, [], better) == (best[0] if best else None)
    assert values.keys() == set(best)


# ---- planning ------------------------------------------------------------------------------------


def lucky(trial: Trial) -> float | None:
    """With the seed of the search the highest rate is best; on all others 0.1."""
    lr, width = trial.tuned["lr"], trial.arm.levels["width"].value
    if trial.seed == TUNING_SEED:
        return -lr
    return abs(math.log10(lr) + 1) + trial.seed % 7 / 100 + width / 1000


def again(outlook: Outlook) -> dict[str, dict[float, list[int]]]:
    """The fresh seeds of each setting, by arm."""
    out: dict[str, dict[float, list[int]]] = {}
    for trial in outlook.planned:
        if trial.role == "tune" and trial.seed > TUNING_SEED:
            out.setdefault(trial.arm.name, {}).setdefault(trial.tuned["lr"], []).append(trial.seed)
    return out


def test_the_best_three_of_each_arm_are_tried_again_and_fresh_seeds_choose() -> None:
    planner = PLANNER()
    start = planner.outlook({})
    outlook, done, _ = run_planner(planner, lucky, first)
    assert start.total == outlook.total == len(done) == len(outlook.planned) == 3 * (BUDGET + SEEDS)
    assert {arm: len(each) for arm, each in again(outlook).items()} == dict.fromkeys(
        (arm.name for arm in TWENTY.arms("quick")), 3
    )
    for each in outlook.tuning:
        assert len(each.tried) == settings_tried(BUDGET) == 14
        highest = sorted((value for value, _ in each.tried), reverse=True)[:3]
        assert again(outlook)[each.arm] == {value: list(FRESH) for value in highest}
        assert each.chosen == min(highest, key=lambda lr: abs(math.log10(lr) + 1)) != highest[0]
        assert each.how == "tuned"
        places = [place for place, _ in each.confirmed]
        assert sorted(each.tried[place][0] for place in places) == sorted(highest)
        assert each.tried[places[0]][0] == each.chosen
        for place, reached in each.confirmed:
            trials = [
                trial for trial in outlook.planned
                if trial.arm.name == each.arm and trial.role == "tune" and trial.seed in FRESH
                and trial.tuned["lr"] == each.tried[place][0]
            ]  # fmt: skip
            assert reached == tuple(map(lucky, trials))
    evaluations = [trial for trial in outlook.planned if trial.role == "evaluate"]
    assert {trial.seed for trial in evaluations} == set(range(SEEDS))
    assert all(trial.tuned == outlook.chosen[trial.arm.name] for trial in evaluations)


def test_below_twenty_nothing_is_tried_again() -> None:
    less = widths(replace(TWENTY.tuned[0], trials=BUDGET - 1))
    outlook, done, _ = run_planner(StudyPlanner(less, "quick", None, tune=True), lucky, first)
    assert again(outlook) == {}
    assert len(done) == 3 * (BUDGET - 1 + SEEDS)
    assert {each.confirmed for each in outlook.tuning} == {()}
    for each in outlook.tuning:
        assert each.chosen == max(value for value, _ in each.tried)


def test_confirming_begins_when_the_search_of_its_arm_is_over() -> None:
    planner = PLANNER()
    done: dict[str, Record] = {}
    while ready := [t for t in planner.outlook(done).ready if t.arm.name == "width=16"]:
        if ready[0].seed in FRESH:
            break
        done[ready[0].key] = record(ready[0], lucky(ready[0]))
    assert len(done) == 14
    outlook = planner.outlook(done)
    assert len(ready) == 6, "all at once: none waits for another"
    assert again(outlook).keys() == {"width=16"}
    assert outlook.chosen == {}
    for trial in ready[:-1]:
        done[trial.key] = record(trial, lucky(trial))
        assert planner.outlook(done).chosen == {}
    done[ready[-1].key] = record(ready[-1], lucky(ready[-1]))
    assert planner.outlook(done).chosen.keys() == {"width=16"}


def test_what_is_confirmed_follows_from_the_records_alone() -> None:
    wanted, done, order = run_planner(PLANNER(), lucky, first)
    outlook, shuffled, other_order = run_planner(PLANNER(), lucky, random.Random(1).choice)
    assert other_order != order
    assert shuffled == done
    assert outlook == wanted
    items = list(done.items())
    random.Random(2).shuffle(items)
    for kept in (0, 20, 40, 55, len(items)):
        part = dict(items[:kept])
        one, other = PLANNER().outlook(part), PLANNER().outlook(dict(reversed(part.items())))
        assert one == other
        resumed = dict(part)
        while ready := PLANNER().outlook(resumed).ready:
            resumed |= {trial.key: record(trial, lucky(trial)) for trial in ready}
        assert resumed == done


def failing(fails: Callable[[Trial], bool]) -> Callable[[Trial], float | None]:
    return lambda trial: None if fails(trial) else lucky(trial)


def test_a_setting_that_fails_on_a_fresh_seed_loses() -> None:
    calm, _, _ = run_planner(PLANNER(), lucky, first)
    best = calm.tuning[0].chosen
    fails = failing(lambda trial: trial.seed == FRESH[1] and trial.tuned["lr"] == best)
    outlook, _, _ = run_planner(PLANNER(), fails, first)
    tuning = outlook.tuning[0]
    assert tuning.chosen != best
    assert tuning.how == "tuned"
    assert tuning.tried[tuning.confirmed[-1][0]][0] == best
    assert tuning.confirmed[-1][1][1] is None


def test_where_all_fail_on_fresh_seeds_the_next_best_is_chosen() -> None:
    outlook, done, _ = run_planner(PLANNER(), failing(lambda t: t.seed in FRESH), first)
    assert len(done) == outlook.total
    for each in outlook.tuning:
        highest = sorted((value for value, _ in each.tried), reverse=True)
        assert each.chosen == highest[3]
        assert each.how == "tuned"
        assert [reached for _, reached in each.confirmed] == [(None, None)] * 3


def test_where_too_few_finish_there_is_less_to_confirm_and_the_total_says_so() -> None:
    outlook, done, _ = run_planner(
        PLANNER(), failing(lambda t: t.role == "tune" and t.tuned["lr"] != 0.02), first
    )
    assert outlook.total == len(done) == 3 * (14 + 2 + SEEDS)
    assert set(outlook.expected.values()) == {14 + 2 + SEEDS}
    assert {each.chosen for each in outlook.tuning} == {0.02}
    assert [len(each.confirmed) for each in outlook.tuning] == [1] * 3
    nothing, done, _ = run_planner(PLANNER(), failing(lambda t: t.role == "tune"), first)
    assert nothing.total == len(done) == 3 * (14 + SEEDS)
    assert {each.how for each in nothing.tuning} == {"declared default"}
    fails = failing(lambda t: t.seed in FRESH or (t.role == "tune" and t.tuned["lr"] != 0.02))
    never, _, _ = run_planner(PLANNER(), fails, first)
    assert {each.how for each in never.tuning} == {"declared default"}
    assert {each.confirmed for each in never.tuning} == {((0, (None, None)),)}


def build_taught(scale: Scale, width: int, lr: float) -> Training:
    teacher = Training(digits(train=100), MLP(hidden=(8,)), SGD(0.1), batch_size=20, epochs=1)
    return Training(
        digits(train=100), MLP(hidden=(width,)), SGD(lr), batch_size=20, epochs=1,
        loss=Distillation(teacher, temperature=2.0, weight=0.5),
    )  # fmt: skip


def test_teachers_of_confirming_are_counted_from_the_start() -> None:
    planner = StudyPlanner(replace(TWENTY, build=build_taught), "quick", None, tune=True)
    start = planner.outlook({})
    outlook, done, _ = run_planner(planner, lucky, first)
    taught = {trial.seed for trial in outlook.planned if trial.role == "need"}
    assert taught == {TUNING_SEED, *FRESH, *range(SEEDS)}
    assert start.total == outlook.total == len(done) == 3 * (BUDGET + SEEDS) + len(taught)


# ---- what is kept --------------------------------------------------------------------------------


def reached(trial: Trial) -> float:
    """In width 64 the search favours high rates by luck; elsewhere nothing is by luck."""
    width, lr = int(trial.arm.levels["width"].value), float(trial.written["optimizer"]["lr"])
    luck = 0.2 * lr if trial.seed == TUNING_SEED and width == 64 else 0.0
    return 0.5 + 0.1 * (width > 4) + luck - abs(math.log10(lr) + 1) / 20 + trial.seed % 5 / 1000


def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(declaring, "accuracy", reached)
    store = opened(tmp_path)
    run(store, tuned(trials=3), tune=True)  # trials with the first seeds are there before
    run(store, tuned(trials=BUDGET), tune=True)
    store.close()
    return open_store(str(tmp_path / "x.db"))


def test_a_store_keeps_and_reports_what_was_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept(tmp_path, monkeypatch)
    results = report(store, tuned(trials=BUDGET))
    assert about_versions(results) == []
    assert {len(each.tried) for each in results.tuning} == {14}
    ledger = Ledger.existing(store, tuned(trials=BUDGET), "quick")[-1]
    seeds = [each.seed for each in ledger.records() if each.role == "tune"]
    assert sorted(set(seeds)) == [TUNING_SEED, *FRESH]
    low, _, high = results.optimism
    lucky_arm = next(each for each in results.tuning if each.arm == high.arm)
    chosen = lucky_arm.chosen
    assert high.tuned == pytest.approx(0.4 - 0.2 * chosen + abs(math.log10(chosen) + 1) / 20)
    came = 0.4 + abs(math.log10(chosen) + 1) / 20
    assert high.evaluated == pytest.approx(came - 0.002)  # seeds 0 to 4 give up to 0.004 more
    assert high.confirmed == pytest.approx(came - 0.0015)  # fresh seeds 1 and 2
    assert high.too_good == pytest.approx(0.2 * chosen - 0.002)
    assert high.confirmed_too_good == pytest.approx(-0.0005)
    means = [sum(own) / 2 for _, own in lucky_arm.confirmed]
    assert high.spread == pytest.approx(max(means) - min(means))
    assert low.too_good == pytest.approx(-0.002)


def test_a_report_says_how_settings_were_chosen_and_how_far_to_trust_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = report(kept(tmp_path, monkeypatch), tuned(trials=BUDGET))
    section = tuning_section(results)
    assert section is not None
    assert section.trust is not None
    how = (
        "of 14 settings, each tried with one seed, the best 3 were tried again with 2 seeds that "
        "the search did not see, and these alone chose"
    )
    assert how_chosen(results.tuning) == how
    assert section.lead == f"Chosen by validation loss, on seeds that no verdict uses: {how}."
    titles = [column.title for column in section.trust.columns]
    assert titles == [
        "Arm", "Tuned", "Confirmed", "Evaluated", "Too good by", "Best 3 within", "At an end",
    ]  # fmt: skip
    cells = dict(zip(titles, section.trust.rows[2], strict=True))
    assert cells["Arm"].text == "width=64"
    high = results.optimism[2]
    assert cells["Too good by"].text == f"+{high.too_good:.3g} nats"
    assert cells["Too good by"].note.startswith("confirmed: −0.0005")
    assert cells["Evaluated"].note.startswith("sd 0.00158")
    budget = {row[0].text: row[3] for row in section.table.rows}["width=64"]
    assert (budget.text, budget.note) == ("20 trials", "6 of them to confirm")
    procedures = {each.name: each.text for each in methods_section(results).procedures}
    assert procedures["Confirming"].startswith("Of the 20 trials of each arm's tuning, 6 are kept")
    assert how in procedures["Confirming"]
    assert any(how in line for line in held_fixed(results))
    text = page(results)
    assert "How far tuning can be trusted: validation loss." in text
    assert "Open circles: the best of them again" in text


def test_a_report_of_a_small_budget_has_no_column_of_what_was_confirmed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run(store, tuned(trials=5), tune=True)
    results = report(store, tuned(trials=5))
    section = tuning_section(results)
    assert section is not None
    assert section.trust is not None
    assert "Confirmed" not in {column.title for column in section.trust.columns}
    assert how_chosen(results.tuning) == "the best of 5 settings, each tried with one seed"
    assert "Confirming" not in {each.name for each in methods_section(results).procedures}
    assert all(math.isnan(each.confirmed) for each in results.optimism)


def test_a_run_of_before_that_confirmed_nothing_is_told_and_still_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declaring, "accuracy", reached)
    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("harness.planning.confirming.FROM", 10**6)
        run(store, tuned(trials=BUDGET), tune=True)
    results = report(store, tuned(trials=BUDGET))
    assert {(len(each.tried), each.confirmed) for each in results.tuning} == {(BUDGET, ())}
    assert results.missing == 0
    assert "settings tried: 20 → 14" in about_versions(results)[0]


# ---- what is said of it --------------------------------------------------------------------------

LOSS = Metric("loss", unit="nats", better="lower")
SCORE = Metric("score", unit="fraction", better="higher")
RATE = Metric("rate", better="higher", relative=True)
ONE = ArmTuning(
    "a", "lr", 0.01, 1.0, True, ((0.1, 0.5), (0.2, 0.3), (0.05, 0.4), (0.5, FAILED)), 0.2,
    "tuned", "",
)  # fmt: skip


def summary(metric: Metric, mean: float, arm: str = "a") -> ArmSummary:
    return ArmSummary("", arm, metric.name, 5, 0, mean, 0.01, mean, mean)


def only(metric: Metric, tuning: ArmTuning, *more: ArmTuning, came: float) -> Optimism:
    (found,) = optimism(metric, [tuning, *more], [summary(metric, came), summary(LOSS, 9.0, "b")])
    return found


def test_what_tuning_promised_is_set_beside_what_came() -> None:
    found = only(LOSS, ONE, came=0.35)
    assert found.tuned == 0.3
    assert found.too_good == pytest.approx(0.05), "a lower loss was promised"
    assert found.spread == pytest.approx(0.2)
    assert found.among == 3
    assert math.isnan(found.confirmed)
    assert math.isnan(found.confirmed_too_good)
    found = only(SCORE, replace(ONE, chosen=0.1), came=0.35)
    assert found.tuned == 0.5
    assert found.too_good == pytest.approx(0.15)
    assert only(SCORE, replace(ONE, chosen=0.1), came=0.6).too_good == pytest.approx(-0.1)
    found = only(RATE, replace(ONE, chosen=0.1), came=0.25)
    assert found.too_good == pytest.approx(math.log(2)), "compared by ratio"


def test_what_was_confirmed_is_compared_by_fresh_seeds() -> None:
    confirmed = replace(
        ONE, chosen=0.05, confirmed=((2, (0.4, 0.42)), (1, (0.5, 0.7)), (0, (0.3, FAILED)))
    )
    found = only(LOSS, confirmed, came=0.45)
    assert (found.tuned, found.confirmed) == (0.4, pytest.approx(0.41))
    assert found.too_good == pytest.approx(0.05)
    assert found.confirmed_too_good == pytest.approx(0.04)
    assert found.spread == pytest.approx(0.6 - 0.3)
    nothing = replace(ONE, chosen=0.1, confirmed=((1, (FAILED,)), (2, (FAILED,))))
    found = only(LOSS, nothing, came=0.45)
    assert found.tuned == 0.5
    assert math.isnan(found.confirmed)
    assert math.isnan(found.spread)


def test_settings_that_agree_in_one_value_are_told_apart_by_the_others() -> None:
    """Two settings: 0.2 was tried twice, beside other decays."""
    lr = replace(ONE, tried=((0.2, 0.5), (0.2, 0.3), (0.1, 0.35)), chosen=0.2)
    decay = replace(lr, setting="decay", tried=((1, 0.5), (2, 0.3), (3, 0.35)), chosen=2)
    found = only(LOSS, lr, decay, came=0.3)
    assert (found.tuned, found.among, found.spread) == (0.3, 3, pytest.approx(0.2))
    same = replace(decay, tried=((1, 0.3), (1, 0.3), (3, 0.35)), chosen=1)
    found = only(LOSS, replace(lr, tried=((0.2, 0.3), (0.2, 0.3), (0.1, 0.35))), same, came=0.3)
    assert (found.among, found.spread) == (2, pytest.approx(0.05))


def test_what_is_not_known_is_no_number() -> None:
    assert optimism(LOSS, [replace(ONE, how="declared default")], [summary(LOSS, 1.0)]) == ()
    (found,) = optimism(LOSS, [ONE], [])
    assert math.isnan(found.evaluated)
    assert math.isnan(found.too_good)
    assert found.tuned == 0.3


@pytest.mark.parametrize(
    ("chosen", "edge", "end", "said"),
    [
        (0.2, "", "", ""),
        (0.05, "", "smallest", "smallest tried"),
        (0.5, "", "largest", "largest tried"),
        (0.5, "upper", "largest", "largest tried, at the upper edge"),
        (0.2, "upper", "", "at the upper edge"),
    ],
)
def test_a_choice_at_an_end_of_what_was_tried_is_marked(
    chosen: float, edge: str, end: str, said: str
) -> None:
    tuning = replace(ONE, chosen=chosen, edge=edge)
    assert tuning.end == end
    assert marked(tuning) == said
    assert replace(tuning, how="declared default").end == ""


def test_one_value_alone_has_no_ends() -> None:
    assert replace(ONE, tried=((0.2, 0.3), (0.2, 0.3))).end == ""


def test_choices_at_an_end_are_told_once_for_all_arms() -> None:
    last = replace(ONE, chosen=0.5)
    (line,) = on_edges([last])
    assert line == (
        "a: the chosen lr = 0.5 is the largest tried, in a space from 0.01 to 1; a better one may "
        "lie above it."
    )
    assert len(list(on_edges([replace(last, edge="upper")]))) == 1, "the edge says it all"
    many = [replace(last, arm=name) for name in "abcd"]
    small = replace(ONE, arm="e", chosen=0.05)
    first_line, second = on_edges([*many, small])
    assert first_line.startswith("4 arms (a; b; c and 1 more): the chosen lr is the largest tried")
    assert second.startswith("e: the chosen lr = 0.05 is the smallest tried")
    assert second.endswith("a better one may lie below it.")


# ---- older versions, and runs from end to end ----------------------------------------------------


def test_what_a_version_before_wrote_of_tuning_is_read() -> None:
    plain = to_plain(ONE)
    assert "confirmed" not in plain, "where nothing was confirmed nothing else is written"
    assert from_plain(ArmTuning, plain) == ONE
    confirmed = replace(ONE, confirmed=((1, (0.3, FAILED)), (0, (0.5, 0.6))))
    assert from_plain(ArmTuning, to_plain(confirmed)) == confirmed
    with pytest.raises(UnreadableError, match="confirmed is number 4 of 4 tried"):
        from_plain(ArmTuning, to_plain(ONE) | {"confirmed": [[4, [0.1]]]})


def chosen(farm: Farm, folder: Path, kill_after: int = 0) -> dict[str, dict[str, float]]:
    """Run a study to its end, killing the process at some number of records on the way."""
    folder.mkdir()
    where = str(folder / "x.db")
    pretence = Pretence(seconds=0.002, workers=2, seeds=1, budget=BUDGET)
    if kill_after:
        (process,) = farm.start(where, pretence)
        store = None
        while process.code is None:
            if store is None and Path(where).exists():
                store = open_store(where)
            ledgers = Ledger.existing(store, pretended(pretence), "quick") if store else []
            if ledgers and len(ledgers[-1].records()) >= kill_after:
                process.kill()
            time.sleep(0.05)
        assert process.end().code == -signal.SIGKILL, "it was over before it was killed"
    (said,) = farm.together(where, pretence)
    store = open_store(where)
    found = Ledger(store, pretended(pretence), "quick").records()
    assert len([each for each in found if each.state == "complete"]) == 6 * (BUDGET + 1)
    assert sum(each.seed in FRESH for each in found if each.state == "complete") == 6 * 6
    return said.chosen


@pytest.mark.slow
def test_a_run_killed_in_its_search_and_while_confirming_chooses_the_same(
    farm: Farm, tmp_path: Path
) -> None:
    alone = chosen(farm, tmp_path / "alone")
    assert len(alone) == 6
    assert chosen(farm, tmp_path / "early", 40) == alone
    assert chosen(farm, tmp_path / "late", 100) == alone


FUNCTION = '''
"""Does a wide one score more?"""

from harness import Factor, Higher, Metric, Scale, Study, Tuned


def train(context, width, lr):
    with open("calls.txt", "a") as out:
        out.write(f"{context.seed} {context.choosing}\\n")
    return {"score": width - (lr - 0.3) ** 2 + context.seed % 5 / 1000}


study = Study(
    name="scores", question="Does a wide one score more?",
    factors=(Factor("width", (1, 2)),), tuned=(Tuned("lr", 0.0, 1.0, trials=20),), train=train,
    metrics=(Metric("score", better="higher"),), objective="score",
    scales={"quick": Scale(seeds=5)},
    claims=(Higher("It does.", "score", by=0.5, higher={"width": 2}, lower={"width": 1}),),
)
'''


@pytest.mark.slow
def test_a_study_with_twenty_trials_an_arm_runs_from_end_to_end(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / "scores.py").write_text(FUNCTION, encoding="utf-8")
    command("run", "scores.py", "--workers", "1")
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    tuning = [line for line in calls if line.endswith("True")]
    assert len(tuning) == 2 * BUDGET
    assert sorted({int(line.split()[0]) for line in tuning}) == [TUNING_SEED, *FRESH]
    assert len(calls) == 2 * (BUDGET + 5)
    explained = " ".join(command("explain", "scores.py").stdout.split())
    assert "Tuned anew in each arm, lr: of 14 settings, each tried with one seed" in explained
    command("run", "scores.py", "--workers", "1")
    assert (tmp_path / "calls.txt").read_text().splitlines() == calls, "nothing is run again"
    (html,) = (tmp_path / "runs").rglob("report.html")
    assert re.search(r"Too good by", html.read_text(encoding="utf-8"))
