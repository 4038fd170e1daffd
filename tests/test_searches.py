"""What a search tries follows from what was seen, in whatever order and process it was run."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from harness import (
    AtMost,
    Choice,
    Context,
    Factor,
    Float,
    HarnessError,
    Int,
    Metric,
    Scale,
    Search,
    Study,
    Tuned,
)
from harness.planning.outlook import Outlook
from harness.planning.searching import SearchPlanner, seeds_of_confirming, settings_to_try
from harness.study.search import over
from harness.study.searching import Searching
from harness.trials.records import Record
from harness.trials.searched import AskedBatch, EarlierSettings
from harness.trials.trial import TUNING_SEED, Trial

Loss = Callable[[Trial], "float | tuple[float, ...] | None"]


def train(context: Context, way: str, lr: float, width: int, momentum: float | None) -> Any:
    return {}


SPACE = (
    Choice("way", ("adam", "sgd")),
    Float("lr", 0.001, 1.0, log=True, default=0.5),
    Int("width", 4, 64, log=True),
    Float("momentum", 0.0, 0.9, when={"way": "sgd"}),
)
LOSS = Metric("validation_loss", better="lower")
METRICS = (LOSS, Metric("size", better="lower"), Metric("test_error", better="lower"))


def search(**changed: Any) -> Search:
    given: dict[str, Any] = {
        "name": "rates", "question": "Which rate?", "space": SPACE, "train": train,
        "metrics": METRICS, "scales": {"quick": Scale()}, "trials": 40,
    }  # fmt: skip
    return Search(**{**given, **changed})


class Notebook:
    """Keeps batches in memory, as a store does."""

    def __init__(self) -> None:
        self.batches: dict[str, list[AskedBatch]] = {}
        self.learnt: list[EarlierSettings] = []

    def read(self, code: str) -> list[AskedBatch]:
        return list(self.batches.get(code, []))

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        kept = self.batches.setdefault(code, [])
        assert len(kept) == number
        kept.append(batch)

    def earlier(self, code: str) -> list[EarlierSettings]:
        del code
        return self.learnt

    def alone(self) -> AbstractContextManager[object]:
        return nullcontext()


def bowl(trial: Trial) -> float:
    """A made-up loss, lowest at sgd with lr .05, width 16 and momentum .6; seeds add a little."""
    lr, width = float(trial.tuned["lr"]), float(trial.tuned["width"])
    momentum = float(trial.tuned.get("momentum", 1.0))
    noise = random.Random(f"{trial.key}").uniform(0, 0.1)
    return abs(math.log10(lr / 0.05)) + abs(math.log2(width / 16)) / 4 + abs(momentum - 0.6) + noise


def record(trial: Trial, loss: Loss) -> Record:
    value = loss(trial)
    several = value if isinstance(value, tuple) else (value,)
    names = ("validation_loss", "size")
    return Record(
        study="rates", scale="quick", arm=trial.arm.name, levels={}, seed=trial.seed,
        role=trial.role, tuned=trial.tuned, key=trial.key,
        state="failed" if value is None else "complete",
        metrics={} if value is None else dict(zip(names, several, strict=False)),  # type: ignore[arg-type]
    )  # fmt: skip


def run(
    made: Search,
    loss: Loss = bowl,
    pick: Callable[[Sequence[Trial]], Trial] = lambda ready: ready[0],
    *,
    notebook: Notebook | None = None,
    anew: bool = False,
    done: dict[str, Record] | None = None,
) -> tuple[Outlook, dict[str, Record]]:
    """Run a search to its end, one trial at a time, each with a new planner if ``anew``."""
    notebook, done = notebook or Notebook(), {} if done is None else done
    planner = SearchPlanner(made.study, "quick", notebook)
    while (outlook := planner.outlook(done)).ready:
        trial = pick(outlook.ready)
        assert trial.key not in done
        done[trial.key] = record(trial, loss)
        if anew:
            planner = SearchPlanner(made.study, "quick", notebook)
    return outlook, done


def tried(outlook: Outlook) -> list[Mapping[str, Any]]:
    assert outlook.search is not None
    return [each.settings for each in outlook.search.tried]


def test_a_search_spends_its_budget_and_runs_the_best_and_the_default_again() -> None:
    outlook, done = run(search())
    assert outlook.search is not None
    assert len(done) == outlook.total == 40
    assert outlook.search.ended == "trials"
    assert len(outlook.search.tried) == 40 - 4 * 3  # three fresh seeds: a quarter for the best 3
    again = [trial for trial in outlook.planned if trial.role == "evaluate"]
    assert [(trial.arm.name, trial.seed) for trial in again] == [
        (arm, TUNING_SEED + seed)  # after the search's own, and on none that a study evaluates
        for arm in ("default", "1st", "2nd", "3rd")
        for seed in (1, 2, 3)
    ]
    losses = [done[each.keys[0]].metrics["validation_loss"] for each in outlook.search.tried]
    best = sorted(range(1, len(losses)), key=lambda place: losses[place])[:3]
    assert list(outlook.search.confirmed) == best
    first = next(trial for trial in again if trial.arm.name == "1st")
    assert first.tuned == tried(outlook)[best[0]]


def test_the_default_comes_first_and_what_is_enqueued_after_it() -> None:
    outlook, _ = run(search(enqueue=({"lr": 0.01, "way": "sgd"}, {"width": 8})))
    assert tried(outlook)[:3] == [
        {"way": "adam", "lr": 0.5, "width": 16},
        {"way": "sgd", "lr": 0.01, "width": 16, "momentum": 0.45},
        {"way": "adam", "lr": 0.5, "width": 8},
    ]


def test_settings_that_are_not_in_use_are_not_tried() -> None:
    outlook, _ = run(search())
    assert {each["way"] for each in tried(outlook)} == {"adam", "sgd"}
    assert all(("momentum" in each) == (each["way"] == "sgd") for each in tried(outlook))


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsga2", "gp", "cmaes"])
def test_order_and_kills_change_nothing(sampler: str) -> None:
    space = SPACE[1:3] if sampler in {"gp", "cmaes", "qmc"} else SPACE
    function = train_numbers if len(space) == 2 else train
    trials = 12 if sampler == "gp" else 30  # which is slow, and fits a model from 3 settings on
    made = search(sampler=sampler, space=space, train=function, trials=trials)
    calm, _ = run(made)
    shuffled = random.Random(1)
    other, _ = run(made, pick=shuffled.choice, anew=True)
    assert tried(other) == tried(calm)
    assert other.search == calm.search


def train_numbers(context: Context, lr: float, width: int) -> Any:
    return {}


def test_a_larger_budget_goes_on_and_a_smaller_one_ends_earlier() -> None:
    notebook, done = Notebook(), {}
    small, _ = run(search(trials=30, batch=4), notebook=notebook, done=done)
    before = len(done)
    large, _ = run(search(trials=50, batch=4), notebook=notebook, done=done)
    assert tried(large)[: len(tried(small))] == tried(small)
    assert len(tried(large)) == 50 - 4 * 4
    assert len(done) > before
    again, _ = run(search(trials=30, batch=4), notebook=notebook, done=done)
    assert again.search == small.search
    assert not again.ready


def test_other_code_begins_anew_and_leaves_what_was_asked_for() -> None:
    notebook = Notebook()
    run(search(trials=10), notebook=notebook)
    made = search(trials=10, scales={"quick": Scale(epochs=3)})
    outlook, done = run(made, notebook=notebook)
    assert len(notebook.batches) == 2
    assert len(done) == 10 == len(tried(outlook))


def test_settings_that_were_tried_before_are_one_trial() -> None:
    space = (Choice("way", ("adam", "sgd")),)
    made = search(space=space, train=train_way, enqueue=({"way": "adam"},), trials=10, confirm=0)
    outlook, done = run(made, lambda trial: 1.0)
    assert len(done) == 2
    assert outlook.search is not None
    assert outlook.search.ended == "grid"


def train_way(context: Context, way: str) -> Any:
    return {}


def test_a_search_ends_when_the_best_has_not_moved() -> None:
    made = search(patience=6, batch=2, trials=200, confirm=1)
    outlook, done = run(made, lambda trial: 1.0 if trial.tuned["lr"] != 0.5 else 0.0)
    assert outlook.search is not None
    assert outlook.search.ended == "patience"
    assert len(outlook.search.tried) == 8  # the default, and six more: whole batches
    assert len(done) == 8 + 4


def test_a_search_that_ends_before_its_budget_confirms_by_what_was_tried() -> None:
    made = search(patience=6, batch=2, trials=600)
    outlook, done = run(made, lambda trial: 1.0 if trial.tuned["lr"] != 0.5 else 0.0)
    assert outlook.search is not None
    assert (len(outlook.search.tried), outlook.search.ended) == (8, "patience")
    assert len(done) == 8 + 4 * 2  # and not 20 seeds each, as of 600 trials


def test_a_grid_smaller_than_the_budget_is_confirmed_by_what_was_tried() -> None:
    space = (Int("width", 4, 13),)
    made = search(space=space, train=train_width, sampler="grid", trials=240)
    outlook, done = run(made, lambda trial: float(trial.tuned["width"]))
    assert outlook.search is not None
    assert (len(outlook.search.tried), outlook.search.ended) == (10, "grid")
    assert len(done) == 10 + 4 * 2  # and not 20 seeds each


def train_width(context: Context, width: int) -> Any:
    return {}


def test_settings_that_are_given_later_come_in_the_next_batch() -> None:
    notebook, done = Notebook(), {}
    run(search(trials=12, confirm=0), notebook=notebook, done=done)
    later = search(trials=24, confirm=0, enqueue=({"lr": 0.01, "width": 9},))
    outlook, _ = run(later, notebook=notebook, done=done)
    assert tried(outlook)[12] == {"way": "adam", "lr": 0.01, "width": 9}


def test_what_another_process_wrote_first_is_taken() -> None:
    class Late(Notebook):
        """Finds that somebody else has written the batch meanwhile."""

        def write(self, code: str, number: int, batch: AskedBatch) -> None:
            settings = ({"way": "adam", "lr": 0.5, "width": 16},)
            super().write(code, number, replace(batch, settings=settings, notes=({},)))

    outlook, _ = run(search(trials=3, confirm=0), notebook=Late())
    assert outlook.search is not None
    assert outlook.search.batches == (1, 1, 1)


def test_a_search_learns_also_where_there_are_constraints() -> None:
    made = search(trials=12, confirm=0, constraints=(AtMost("size", 1e9),))

    def loss(trial: Trial) -> Any:
        return bowl(trial), float(trial.tuned["width"])

    first, done = run(search(trials=60, confirm=0), loss)
    notebook = Notebook()
    for settings, each in zip(tried(first), first.search.tried, strict=True):  # type: ignore[union-attr]
        value = done[each.keys[0]].metrics["validation_loss"]
        notebook.learnt.append(EarlierSettings(settings, (value,)))
    learnt, alone = run(made, loss, notebook=notebook)[0], run(made, loss)[0]
    far = [sum(map(_without_noise, tried(one)[2:])) / 10 for one in (learnt, alone)]
    assert far[0] < 0.7 * far[1]


def test_each_setting_on_many_seeds_leaves_settings_to_try() -> None:
    assert seeds_of_confirming(Searching(SPACE, ("a",), trials=20, seeds=10)) == 0
    assert seeds_of_confirming(Searching(SPACE, ("a",), trials=400, seeds=10)) == 10


def test_what_ends_early_is_worked_out_once_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    import harness.planning.searching as module

    calls = []
    real = module.bounds
    monkeypatch.setattr(module, "bounds", lambda *words: calls.append(1) or real(*words))
    outlook, _ = run(search(trials=64, confirm=0, pruner="median"))
    assert outlook.search is not None
    assert len(calls) == len(outlook.search.batches) == 8


def test_a_search_asks_for_nothing_more_after_its_deadline() -> None:
    made, notebook = search(batch=4, confirm=0), Notebook()
    planner = SearchPlanner(made.study, "quick", notebook, deadline=time.monotonic())
    done: dict[str, Record] = {}
    while (outlook := planner.outlook(done)).ready:
        done[outlook.ready[0].key] = record(outlook.ready[0], bowl)
    assert outlook.search is not None
    assert (len(done), outlook.search.ended) == (4, "timeout")
    later, _ = run(made, notebook=notebook, done=done)
    assert len(tried(later)) == 40


def test_a_search_learns_from_another_and_runs_its_best_again() -> None:
    first, done = run(search(trials=40, confirm=0))
    notebook = Notebook()
    for settings, each in zip(tried(first), first.search.tried, strict=True):  # type: ignore[union-attr]
        value = done[each.keys[0]].metrics["validation_loss"]
        notebook.learnt.append(EarlierSettings(settings, (value,)))
    best = min(notebook.learnt, key=lambda each: each.values).settings
    outlook, _ = run(search(trials=12), notebook=notebook)
    assert outlook.search is not None
    assert outlook.search.earlier == 40
    assert tried(outlook)[:2] == [search().study.search.space.defaults, best]  # type: ignore[union-attr]
    assert len(tried(outlook)) == 12
    others = tried(outlook)[2:]
    assert not any(each in tried(first) for each in others)
    near = [_without_noise(each) for each in others]
    alone, _ = run(search(trials=12))
    assert sum(near) / len(near) < sum(map(_without_noise, tried(alone)[2:])) / 10


def test_failed_and_broken_settings_are_never_run_again() -> None:
    made = search(constraints=(AtMost("size", 20.0),))

    def loss(trial: Trial) -> Any:
        width = float(trial.tuned["width"])
        return None if width < 8 else (bowl(trial) - width, width)

    outlook, _ = run(made, loss)
    assert outlook.search is not None
    widths = [float(each["width"]) for each in tried(outlook)]
    assert min(widths) < 8  # both do happen
    assert max(widths) > 20
    assert all(8 <= widths[place] <= 20 for place in outlook.search.confirmed)
    assert len(outlook.search.confirmed) == 3


def test_where_every_setting_fails_the_default_alone_is_run_again() -> None:
    outlook, done = run(search(trials=20), lambda trial: None)
    assert outlook.search is not None
    assert outlook.search.confirmed == ()
    assert sum(record.role == "evaluate" for record in done.values()) == 2


def test_of_several_objectives_settings_that_none_beats_are_run_again() -> None:
    made = search(objective=("validation_loss", "size"), sampler="nsga2", trials=60)

    def loss(trial: Trial) -> tuple[float, float]:
        width = float(trial.tuned["width"])
        return 10 / width + abs(math.log10(float(trial.tuned["lr"]))), width

    outlook, done = run(made, loss)
    assert outlook.search is not None
    points = [
        (done[each.keys[0]].metrics["validation_loss"], done[each.keys[0]].metrics["size"])
        for each in outlook.search.tried
    ]
    assert len(outlook.search.confirmed) == 3
    for place in outlook.search.confirmed:
        assert not any(
            x <= points[place][0] and y <= points[place][1] and (x, y) != points[place]
            for at, (x, y) in enumerate(points)
            if at != 0  # the default is run anyway
        )


def test_each_setting_is_tried_on_every_seed_and_has_their_mean() -> None:
    made = search(seeds=3, trials=30, confirm=0)
    outlook, done = run(made)
    assert outlook.search is not None
    assert len(outlook.search.tried) == 10
    assert {r.seed for r in done.values()} == {TUNING_SEED, TUNING_SEED + 1, TUNING_SEED + 2}


def test_by_wilcoxon_what_is_clearly_worse_than_the_best_is_left() -> None:
    made = search(seeds=12, trials=240, confirm=0, pruner="wilcoxon", batch=4)
    outlook, done = run(made)
    assert outlook.search is not None
    spent = [sum(key in done for key in each.keys) for each in outlook.search.tried]
    assert spent[:4] == [12, 12, 12, 12]  # there is nothing to compare the first batch with
    assert min(spent) < 12
    losses = [
        sum(done[key].metrics["validation_loss"] for key in each.keys if key in done) / count
        for each, count in zip(outlook.search.tried, spent, strict=True)
    ]
    assert spent[losses.index(min(losses))] == 12


def test_budgets_are_checked() -> None:
    assert seeds_of_confirming(Searching(SPACE, ("a",), trials=64)) == 5
    assert settings_to_try(Searching(SPACE, ("a",), trials=64), 5) == 44
    assert seeds_of_confirming(Searching(SPACE, ("a",), trials=19)) == 0
    with pytest.raises(HarnessError, match="beside the 40 that confirm"):
        SearchPlanner(search(confirm=10, trials=40).study, "quick", Notebook())


def build_none(scale: Scale) -> Any:
    return None


def train_arm(context: Context, depth: int, width: int, lr: float) -> Any:
    return {}


STUDY = Study(
    name="depths",
    question="Does depth help?",
    factors=(Factor("depth", (2, 4, 8)), Factor("width", (16, 64))),
    tuned=(Tuned("lr", 0.001, 1.0, log=True, default=0.1),),
    train=train_arm,
    objective="validation_loss",
    metrics=METRICS,
    scales={"quick": Scale(epochs=2)},
)


def test_factors_and_tuned_settings_of_a_study_can_be_searched() -> None:
    made = over(STUDY, ["lr", "depth"])
    planner = SearchPlanner(made, "quick", Notebook())
    (default,) = planner.at_defaults.values()
    arm = STUDY.arms("quick")[0]
    from harness.trials.trial import make_trial

    same = make_trial(STUDY, "quick", arm, TUNING_SEED, "tune", {"lr": 0.1})
    assert default.key == same.key  # so that what the study has run is taken over
    with pytest.raises(HarnessError, match="must name factors and tuned settings"):
        over(STUDY, ["rate"])


def test_the_best_settings_are_found() -> None:
    """Not degenerate: the search comes nearer to the best than as many random settings do."""
    found, _ = run(replace(search(trials=60), confirm=0))
    drawn, _ = run(replace(search(trials=60, sampler="random"), confirm=0))
    at = [min(_without_noise(each) for each in tried(one)) for one in (found, drawn)]
    assert at[0] < at[1]


def _without_noise(settings: Mapping[str, Any]) -> float:
    momentum = settings.get("momentum", 1.0)
    return (
        abs(math.log10(settings["lr"] / 0.05))
        + abs(math.log2(settings["width"] / 16)) / 4
        + abs(momentum - 0.6)
    )
