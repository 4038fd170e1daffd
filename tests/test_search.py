"""What is run next follows from the records alone, and every arm is tuned alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import qmc

from harness import Factor, Higher, Scale, Study, Training, Tuned
from harness.data import digits
from harness.models import MLP
from harness.optim import SGD
from harness.planning.outlook import Outlook
from harness.planning.planner import StudyPlanner
from harness.planning.tuning import choose, edge, first_settings, next_settings, radical_inverse
from harness.trials.records import Record
from harness.trials.trial import TUNING_SEED, Trial

BUDGET, SEEDS = 8, 3
LR = Tuned("lr", 0.001, 1.0, log=True, trials=BUDGET, default=0.02)
DECAY = Tuned("decay", 0.0, 0.1, trials=BUDGET)


def build(scale: Scale, width: int, lr: float, decay: float) -> Training:
    rule = SGD(lr, weight_decay=decay)
    return Training(digits(), MLP(hidden=(width,)), rule, batch_size=20, epochs=1)


def build_lr(scale: Scale, width: int, lr: float) -> Training:
    return build(scale, width, lr, 0.0)


def build_plain(scale: Scale, width: int) -> Training:
    return build(scale, width, 0.1, 0.0)


def study(*tuned: Tuned, objective: str = "validation_loss", name: str = "widths") -> Study:
    return Study(
        name=name,
        question="Does width help?",
        factors=(Factor("width", (4, 16, 64)),),
        tuned=tuned,
        build={0: build_plain, 1: build_lr, 2: build}[len(tuned)],
        scales={"quick": Scale(seeds=SEEDS)},
        claims=(Higher("It does.", "test_loss", 0.1, higher={"width": 4}, lower={"width": 64}),),
        objective=objective,
    )


BOTH = study(LR, DECAY)
ONE = study(LR)


def record(trial: Trial, value: float | None, metric: str = "validation_loss") -> Record:
    return Record(
        study="widths",
        scale="quick",
        arm=trial.arm.name,
        levels={},
        seed=trial.seed,
        role=trial.role,
        tuned=trial.tuned,
        key=trial.key,
        state="failed" if value is None else "complete",
        reason="diverged" if value is None else "",
        metrics={} if value is None else {metric: value},
    )


def bowl(trial: Trial) -> float | None:
    """A made-up loss, lowest where lr is 0.1 and decay 0.05, shifted with the width."""
    lr, decay = trial.tuned["lr"], trial.tuned.get("decay", 0.05)
    width = trial.arm.levels["width"].value
    return abs(lr - 0.1) + 3 * abs(decay - 0.05) + width / 1000


Done = Mapping[str, Record]


def run(
    planner: StudyPlanner, loss: Callable[[Trial], float | None], pick: Callable[[list[Any]], Any]
) -> tuple[Outlook, dict[str, Record], list[str]]:
    """Run to the end, one trial of those that are ready at a time."""
    done: dict[str, Record] = {}
    order = []
    while (outlook := planner.outlook(done)).ready:
        trial = pick(list(outlook.ready))
        assert trial.key not in done
        done[trial.key] = record(trial, loss(trial))
        order.append(trial.key)
    return outlook, done, order


def first(ready: list[Any]) -> Any:
    return ready[0]


def by_arm(trials: tuple[Trial, ...], role: str) -> dict[str, list[dict[str, float]]]:
    out: dict[str, list[dict[str, float]]] = {}
    for trial in trials:
        if trial.role == role:
            out.setdefault(trial.arm.name, []).append(dict(trial.tuned))
    return out


@pytest.mark.parametrize("budget", [1, 2, 3, 5, 8, 20])
@pytest.mark.parametrize("made", [ONE, BOTH])
def test_first_settings_begin_with_the_default_and_fill_the_space(made, budget):
    settings = first_settings(made, budget, made.tuned)
    assert len(settings) == min(budget, max(3, budget // 2))
    assert settings[0]["lr"] == 0.02
    assert settings[0].get("decay", 0.05) == 0.05
    for each in made.tuned:
        values = [tried[each.name] for tried in settings]
        assert all(each.low <= value <= each.high for value in values)
        assert len(set(values[1:])) == len(values) - 1 or budget == 1
        if budget >= 8:
            assert min(values) < each.at(0.5) < max(values)
    assert all(settings.count(each) == 1 for each in settings)
    assert settings == first_settings(made, budget, made.tuned)


def test_first_settings_are_haltons_points():
    """Halton 1960: the radical inverses of 1, 2, 3... in bases 2 and 3."""
    inverses = [(1 / 2, 1 / 3), (1 / 4, 2 / 3), (3 / 4, 1 / 9)]
    wanted = [{"lr": LR.at(a), "decay": DECAY.at(b)} for a, b in inverses]
    assert first_settings(BOTH, 8, BOTH.tuned)[1:] == wanted
    # the default in the middle is not tried twice
    middle = study(Tuned("lr", 0.001, 1.0, log=True))
    assert [each["lr"] for each in first_settings(middle, 8, middle.tuned)] == [
        pytest.approx(10 ** (-3 + 3 * share), rel=1e-5) for share in (1 / 2, 1 / 4, 3 / 4, 1 / 8)
    ]


def test_radical_inverses_are_scipys_to_the_last_bit():
    bases = [2, 3, 5, 7, 11, 13, 17, 19]
    wanted = qmc.Halton(len(bases), scramble=False).random(500)
    made = Study(
        name="many",
        question="Do many settings fill their space?",
        factors=(Factor("width", (4,)),),
        tuned=[Tuned(f"s{base}", 0.0, 1.0, trials=1000, default=0.5) for base in bases],
        build=lambda scale, width, s2, s3, s5, s7, s11, s13, s17, s19: None,
        scales={"quick": Scale(seeds=5)},
    )
    assert [[radical_inverse(n, base) for base in bases] for n in range(500)] == wanted.tolist()
    points = [list(each.values()) for each in first_settings(made, 100, made.tuned)[1:]]
    assert points == [
        [each.at(share) for each, share in zip(made.tuned, point, strict=True)]
        for point in wanted[1:50].tolist()
    ]


def build_rare(scale: Scale, width: int, lr: float, decay: float) -> Training:
    """Decay matters at a width of 16 alone, and nothing at one of 64."""
    rate = 0.1 if width == 64 else lr
    return build(scale, width, rate, decay if width == 16 else 0.0)


def test_a_setting_that_changes_nothing_in_an_arm_is_not_searched_there():
    planner = StudyPlanner(replace(BOTH, build=build_rare), "quick", None, tune=True)
    names = {arm.name: [each.name for each in planner.searched(arm.name)] for arm in planner.arms}
    assert names == {"width=4": ["lr"], "width=16": ["lr", "decay"], "width=64": []}
    outlook, done, _ = run(planner, bowl, first)
    tried = by_arm(outlook.planned, "tune")
    assert {arm: len(each) for arm, each in tried.items()} == {
        "width=4": BUDGET, "width=16": BUDGET,
    }  # fmt: skip
    assert {each["decay"] for each in tried["width=4"]} == {DECAY.start}
    assert len({each["decay"] for each in tried["width=16"]}) == BUDGET
    assert tried["width=4"][: len(first_settings(ONE, BUDGET, (LR,)))] == [
        {**each, "decay": DECAY.start} for each in first_settings(ONE, BUDGET, (LR,))
    ]
    assert outlook.chosen["width=64"] == {"lr": LR.start, "decay": DECAY.start}
    assert outlook.total == len(outlook.planned) == len(done) == 2 * BUDGET + 3 * SEEDS
    rows = {(each.arm, each.setting) for each in outlook.tuning}
    assert rows == {("width=4", "lr"), ("width=16", "lr"), ("width=16", "decay")}
    untuned = StudyPlanner(replace(BOTH, build=build_rare), "quick", None, tune=False)
    assert [each.name for each in untuned.searched("width=16")] == ["lr", "decay"]
    assert untuned.trials("width=16") == SEEDS


def test_a_setting_that_matters_beside_some_others_alone_is_searched():
    def hidden(scale: Scale, width: int, lr: float, decay: float) -> Training:
        return build(scale, width, lr, decay if lr > 0.025 else 0.0)

    assert LR.start < 0.025
    planner = StudyPlanner(replace(BOTH, build=hidden), "quick", None, tune=True)
    assert [each.name for each in planner.searched("width=4")] == ["lr", "decay"]


def test_every_arm_begins_with_the_same_settings():
    planner = StudyPlanner(BOTH, "quick", None, tune=True)
    ready = by_arm(planner.outlook({}).ready, "tune")
    assert len(ready) == 3
    for settings in ready.values():
        assert settings == first_settings(BOTH, BUDGET, BOTH.tuned)


def test_every_arm_gets_the_same_budget_and_total_is_known_from_the_start():
    planner = StudyPlanner(BOTH, "quick", None, tune=True)
    start = planner.outlook({})
    outlook, done, _ = run(planner, bowl, first)
    total = 3 * (BUDGET + SEEDS)
    assert start.total == outlook.total == total == len(outlook.planned) == len(done)
    assert len(start.planned) == 3 * 4
    assert start.chosen == {}
    assert start.tuning == ()
    tune, evaluate = by_arm(outlook.planned, "tune"), by_arm(outlook.planned, "evaluate")
    assert {len(each) for each in tune.values()} == {BUDGET}
    assert {len(each) for each in evaluate.values()} == {SEEDS}
    for arm, settings in evaluate.items():
        assert settings == [outlook.chosen[arm]] * SEEDS
    assert {t.seed for t in outlook.planned if t.role == "tune"} == {TUNING_SEED}
    assert {t.seed for t in outlook.planned if t.role == "evaluate"} == set(range(SEEDS))
    roles = [trial.role for trial in outlook.planned]
    assert roles == sorted(roles, reverse=True)  # tuning first
    for settings in tune.values():
        for each in BOTH.tuned:
            assert all(each.low <= tried[each.name] <= each.high for tried in settings)
            # six digits, so that a setting reads the same wherever it is written
            assert all(float(f"{tried[each.name]:.6g}") == tried[each.name] for tried in settings)


def test_the_best_setting_is_chosen_in_each_arm():
    outlook, _, _ = run(StudyPlanner(BOTH, "quick", None, tune=True), bowl, first)
    assert len(outlook.tuning) == 3 * 2
    for each in outlook.tuning:
        tried = [
            (trial.tuned, bowl(trial))
            for trial in outlook.planned
            if trial.role == "tune" and trial.arm.name == each.arm
        ]
        assert each.tried == tuple((values[each.setting], loss) for values, loss in tried)
        best = min(tried, key=lambda pair: pair[1])[0]
        assert each.chosen == outlook.chosen[each.arm][each.setting] == best[each.setting]
        assert each.how == "tuned"
        declared = {"lr": LR, "decay": DECAY}[each.setting]
        assert (each.low, each.high, each.log) == (declared.low, declared.high, declared.log)


def test_search_beats_the_default():
    outlook, _, _ = run(StudyPlanner(ONE, "quick", None, tune=True), bowl, first)
    for settings in outlook.chosen.values():
        assert abs(settings["lr"] - 0.1) < abs(LR.start - 0.1)


def test_a_higher_objective_is_chosen_where_higher_is_better():
    made = study(LR, objective="validation_accuracy")
    planner = StudyPlanner(made, "quick", None, tune=True)
    done: dict[str, Record] = {}
    while (outlook := planner.outlook(done)).ready:
        for trial in outlook.ready:
            done[trial.key] = record(trial, 1 - bowl(trial), "validation_accuracy")
    for each in outlook.tuning:
        assert dict(each.tried)[each.chosen] == max(value for _, value in each.tried)
    other, _, _ = run(StudyPlanner(ONE, "quick", None, tune=True), bowl, first)
    assert outlook.chosen.keys() == other.chosen.keys()


def test_the_answer_depends_on_the_records_alone():
    """Whoever ran what in which order, with however many interruptions: the same trials."""
    wanted, done, order = run(StudyPlanner(BOTH, "quick", None, tune=True), bowl, first)
    for seed in range(3):
        draw = random.Random(seed)
        outlook, shuffled, other_order = run(
            StudyPlanner(BOTH, "quick", None, tune=True), bowl, draw.choice
        )
        assert other_order != order
        assert shuffled == done
        assert outlook == wanted
    items = list(done.items())
    for kept in (0, 5, 13, 20, 29, len(items)):
        part = items[:kept]
        one = StudyPlanner(BOTH, "quick", None, tune=True).outlook(dict(part))
        other = StudyPlanner(BOTH, "quick", None, tune=True).outlook(dict(reversed(part)))
        assert one == other
        left = {trial.key for trial in one.planned} - dict(part).keys()
        assert {trial.key for trial in one.ready} == left
        assert bool(one.ready) == (kept < len(items))


def test_records_of_other_trials_change_nothing():
    planner = StudyPlanner(ONE, "quick", None, tune=True)
    outlook, done, _ = run(planner, bowl, first)
    stranger = {"f" * 16: record(outlook.planned[0], 0.0)}
    assert planner.outlook(done | stranger) == outlook
    assert planner.outlook(stranger) == planner.outlook({})


def test_a_planner_that_has_seen_more_forgets_it():
    """Records may be withdrawn, to run a failed trial again."""
    planner = StudyPlanner(ONE, "quick", None, tune=True)
    _, done, _ = run(planner, bowl, first)
    part = dict(list(done.items())[:7])
    assert planner.outlook(part) == StudyPlanner(ONE, "quick", None, tune=True).outlook(part)
    other, done, _ = run(StudyPlanner(ONE, "quick", None, tune=True), lambda t: -bowl(t), first)
    assert planner.outlook(done) == other
    assert not planner.outlook(done).ready


def test_search_waits_for_what_came_before_in_its_arm_only():
    planner = StudyPlanner(ONE, "quick", None, tune=True)
    start = planner.outlook({})
    arms = [arm.name for arm in ONE.arms("quick")]
    own = [trial for trial in start.ready if trial.arm.name == arms[1]]
    done = {trial.key: record(trial, bowl(trial)) for trial in own[:-1]}
    assert len(planner.outlook(done).planned) == len(start.planned)
    done[own[-1].key] = record(own[-1], bowl(own[-1]))
    after = planner.outlook(done)
    new = [trial for trial in after.planned if trial not in start.planned]
    assert [(trial.arm.name, trial.role) for trial in new] == [(arms[1], "tune")]
    assert new[0] in after.ready


def tried(*pairs: tuple[float, float | None]) -> list[tuple[dict[str, float], float | None]]:
    return [({"lr": lr}, loss) for lr, loss in pairs]


HISTORY = tried((0.02, 1.0), (0.0316, 0.9), (0.2, 0.5), (0.005, 2.0))


def test_the_next_setting_follows_from_the_history():
    seen = next_settings(ONE, "quick", "width=4", HISTORY, ONE.tuned)
    assert LR.low <= seen["lr"] <= LR.high
    assert seen == next_settings(ONE, "quick", "width=4", list(HISTORY), ONE.tuned)
    others = [
        next_settings(ONE, "quick", "width=16", HISTORY, ONE.tuned),
        next_settings(ONE, "quick", "width=4", HISTORY[:3], ONE.tuned),
        next_settings(
            ONE, "quick", "width=4", tried(*[(s["lr"], -v) for s, v in HISTORY]), ONE.tuned
        ),
        next_settings(study(LR, name="other"), "quick", "width=4", HISTORY, (LR,)),
    ]
    assert seen not in others
    for failed in range(len(HISTORY) + 1):
        history = [(s, None if i < failed else v) for i, (s, v) in enumerate(HISTORY)]
        assert LR.low <= next_settings(ONE, "quick", "width=4", history, ONE.tuned)["lr"] <= LR.high


def test_search_looks_where_it_was_good():
    """Over many made-up histories in which a rate above 0.03 is worse, or fails."""
    for worse in (lambda lr: lr, lambda lr: None if lr > 0.03 else lr):
        low = 0
        for index in range(20):
            draw = random.Random(index)
            rates = [10 ** draw.uniform(-3, 0) for _ in range(12)]
            history = tried(*[(rate, worse(rate)) for rate in rates])
            low += next_settings(ONE, "quick", f"arm {index}", history, ONE.tuned)["lr"] < 0.03
        assert low >= 15  # a blind draw is below 0.03 half of the time


def test_a_failed_trial_counts_as_tried_and_is_never_chosen():
    def loss(trial: Trial) -> float | None:
        return None if trial.role == "tune" and trial.tuned["lr"] > 0.05 else bowl(trial)

    outlook, done, _ = run(StudyPlanner(ONE, "quick", None, tune=True), loss, first)
    assert len(done) == outlook.total
    for each in outlook.tuning:
        failed = [value for value, goal in each.tried if goal is None]
        assert failed
        assert each.chosen not in failed
        assert each.chosen <= 0.05
        assert len(each.tried) == BUDGET
        assert each.how == "tuned"


def test_where_every_setting_fails_the_default_is_used():
    def loss(trial: Trial) -> float | None:
        return None if trial.arm.levels["width"].value == 16 else bowl(trial)

    outlook, _, _ = run(StudyPlanner(ONE, "quick", None, tune=True), loss, first)
    how = {each.arm: (each.how, each.edge) for each in outlook.tuning}
    assert how["width=16"] == ("declared default", "")
    assert outlook.chosen["width=16"] == {"lr": 0.02}
    assert how["width=4"][0] == how["width=64"][0] == "tuned"
    assert len(outlook.planned) == outlook.total  # its evaluations are still run


def test_a_metric_that_is_missing_or_not_finite_is_no_objective():
    planner = StudyPlanner(ONE, "quick", None, tune=True)
    trials = [t for t in planner.outlook({}).ready if t.arm.name == "width=4"]
    values = [float("nan"), float("-inf"), 0.7, 0.9]
    done = {
        trial.key: record(trial, value) for trial, value in zip(trials, values, strict=True)
    }  # the default and the second have no finite loss
    while len([t for t in planner.outlook(done).planned if t.arm.name == "width=4"]) < BUDGET + 1:
        for trial in planner.outlook(done).ready:
            if trial.arm.name == "width=4":
                done[trial.key] = record(trial, 1.5, "validation_accuracy")
    outlook = planner.outlook(done)
    assert outlook.chosen == {"width=4": {"lr": trials[2].tuned["lr"]}}
    assert [goal for _, goal in outlook.tuning[0].tried] == [None, None, 0.7, 0.9] + [None] * 4


@pytest.mark.parametrize(
    ("history", "wanted"),
    [
        (tried(), ({"lr": 0.02}, "declared default")),
        (tried((0.5, None), (0.1, None)), ({"lr": 0.02}, "declared default")),
        (tried((0.5, None), (0.1, 3.0)), ({"lr": 0.1}, "tuned")),
        (tried((0.5, 1.0), (0.1, 1.0)), ({"lr": 0.5}, "tuned")),  # of equals, the first
        (tried((0.5, 0.0), (0.1, -1.0), (0.2, 1.0)), ({"lr": 0.1}, "tuned")),
        (tried((0.5, 0.0), (0.1, 0.5)), ({"lr": 0.5}, "tuned")),
    ],
)
def test_choose(history, wanted):
    assert choose(ONE, history) == wanted


def test_choose_takes_the_highest_where_higher_is_better():
    made = study(LR, objective="validation_accuracy")
    assert choose(made, tried((0.5, 0.0), (0.1, 0.9), (0.2, 0.5)))[0] == {"lr": 0.1}
    assert choose(made, tried((0.5, -1.0), (0.1, -2.0)))[0] == {"lr": 0.5}


@pytest.mark.parametrize(
    ("space", "value", "wanted"),
    [
        (LR, 0.001, "lower"),
        (LR, 0.00141, "lower"),  # a twentieth of three decades is a factor of 1.4125
        (LR, 0.00142, ""),
        (LR, 0.0316, ""),
        (LR, 0.707, ""),
        (LR, 0.708, "upper"),
        (LR, 1.0, "upper"),
        (DECAY, 0.0, "lower"),
        (DECAY, 0.0049, "lower"),
        (DECAY, 0.0051, ""),
        (DECAY, 0.0949, ""),
        (DECAY, 0.0951, "upper"),
    ],
)
def test_edges_of_a_space(space, value, wanted):
    assert edge(space, value) == wanted


def test_an_arm_whose_best_setting_lies_on_the_edge_says_so():
    outlook, _, _ = run(
        StudyPlanner(ONE, "quick", None, tune=True), lambda trial: -trial.tuned["lr"], first
    )
    for each in outlook.tuning:
        assert each.edge == edge(LR, each.chosen)
    assert "upper" in {each.edge for each in outlook.tuning}


def test_without_tuning_every_arm_has_the_default():
    planner = StudyPlanner(BOTH, "quick", None, tune=False)
    outlook = planner.outlook({})
    assert outlook.total == len(outlook.planned) == len(outlook.ready) == 3 * SEEDS
    assert {trial.role for trial in outlook.planned} == {"evaluate"}
    default = {"lr": 0.02, "decay": 0.05}
    assert outlook.chosen == dict.fromkeys((arm.name for arm in BOTH.arms("quick")), default)
    assert {each.how for each in outlook.tuning} == {"declared default"}
    assert {each.edge for each in outlook.tuning} == {""}
    assert {each.tried for each in outlook.tuning} == {()}


def test_where_nothing_is_tuned_every_trial_is_ready_at_once():
    outlook = StudyPlanner(study(), "quick", 5, tune=True).outlook({})
    assert outlook.total == len(outlook.ready) == 3 * 5
    assert outlook.tuning == ()
    done, *left = outlook.ready
    after = StudyPlanner(study(), "quick", 5, tune=True).outlook({done.key: record(done, 0.5)})
    assert after.ready == tuple(left)
    assert after.planned == outlook.planned


def test_an_evaluation_trial_that_failed_is_not_run_again():
    planner = StudyPlanner(study(), "quick", None, tune=True)
    done = {trial.key: record(trial, None) for trial in planner.outlook({}).ready}
    assert planner.outlook(done).ready == ()
