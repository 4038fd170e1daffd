"""What a search asks for next follows from what it was told, whatever the sampler."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from harness import AtMost, Choice, Float, HarnessError, Int
from harness.planning.asking import Asked, Asking, Told, without_outliers
from harness.planning.samplers import check_sampler, chosen_sampler, spread
from harness.study.searching import SAMPLERS, Searching
from harness.study.settings import Settings

NUMBERS = (
    Float("lr", 1e-4, 1.0, log=True),
    Int("width", 8, 256, log=True),
    Float("dropout", 0.0, 0.9),
)
MIXED = (*NUMBERS, Choice("way", ("adam", "sgd")))
CONDITIONAL = (*MIXED, Float("momentum", 0.0, 0.99, when={"way": "sgd"}))
FEW = (Int("layers", 1, 3), Choice("way", ("adam", "sgd")))
SPACES = {"numbers": NUMBERS, "mixed": MIXED, "conditional": CONDITIONAL, "few": FEW}


def searching(space: str, sampler: str, trials: int = 40, *, constrained: int = 0, **given: Any):
    return Searching(
        settings=SPACES[space],
        objectives=("loss",),
        sampler=sampler,
        trials=trials,
        constraints=(AtMost("dropout", 0.5),) * constrained,
        **given,
    )


def loss(settings: Settings) -> float:
    """The lower, the nearer to lr 0.01, width 64, dropout 0 and SGD."""
    value = float(settings.get("dropout", 0.0)) + (settings["way"] == "adam" if
                                                    "way" in settings else 0)  # fmt: skip
    if "lr" in settings:
        value += (math.log10(float(settings["lr"])) + 2) ** 2
    return value + (math.log2(float(settings.get("width", 64))) - 6) ** 2 / 4


def outcome(asked: Asked, place: int, objectives: int, search: Searching) -> Told:
    """What became of settings: a tenth failed, and two tenths were pruned."""
    luck = random.Random(place)
    kind = luck.random()
    values = tuple(loss(asked.settings) + luck.random() * each for each in range(objectives))
    told = Told(
        asked.settings,
        values,
        curve={1: values[0] + 1, 2: values[0]},
        excesses=tuple(float(asked.settings["dropout"]) - 0.5 for _ in search.constraints),
        notes=asked.notes,
    )
    if kind < 0.1:
        return replace(told, values=(), excesses=(), curve={})
    return replace(told, pruned=True, curve={1: values[0]}) if kind < 0.3 else told


def searched(
    search: Searching, directions: Sequence[Any] = ("minimize",), *, anew: bool = False
) -> list[Told]:
    """Search to the end; ``anew`` starts a process again before each batch, in effect."""
    asking, told, notes = Asking(search, directions, "digits/quick"), list[Told](), {}
    number = 0
    while len(told) < search.trials:
        if anew:
            asking = Asking(search, directions, "digits/quick")
            notes = json.loads(json.dumps(notes))
            told = [
                replace(
                    each,
                    settings=json.loads(json.dumps(each.settings)),
                    notes=json.loads(json.dumps(each.notes)),
                )
                for each in told
            ]
        fixed = [search.space.defaults]
        batch, notes = asking.batch(told, search.at_a_time, number, notes, fixed)
        if not batch:
            break
        told = told + [
            outcome(each, len(told) + place, len(directions), search)
            for place, each in enumerate(batch)
        ]
        number += 1
    return told


class Anywhere(RandomSampler):
    """A sampler of one's own, which takes no seed and writes down how often it was asked."""

    def __init__(self) -> None:
        super().__init__(seed=1)

    def sample_relative(self, study, trial, search_space):
        seen = study._storage.get_study_system_attrs(study._study_id).get("asked", 0)
        study._storage.set_study_system_attr(study._study_id, "asked", seen + 1)
        study._storage.set_trial_system_attr(trial._trial_id, "place", seen)
        return {}


class NeedsMore(RandomSampler):
    def __init__(self, size: int) -> None:
        super().__init__(seed=size)


class Breaks(RandomSampler):
    def sample_independent(self, study, trial, param_name, param_distribution):
        raise RuntimeError("out of ideas")


def here(kind: type) -> str:
    return f"{__name__}:{kind.__name__}"


ONE, TWO = ("minimize",), ("minimize", "maximize")
CASES = [
    *((name, space, ONE, 0) for name in ("tpe", "random", "nsga2") for space in SPACES),
    *((name, "conditional", TWO, 1) for name in ("tpe", "nsga2")),
    ("tpe", "conditional", ONE, 1),
    ("cmaes", "numbers", ONE, 0),
    *(("qmc", space, ONE, 0) for space in ("numbers", "mixed", "few")),
    ("grid", "few", ONE, 0),
    ("auto", "few", ONE, 0),
    ("optuna.samplers:NSGAIIISampler", "mixed", TWO, 1),
    (here(Anywhere), "mixed", ONE, 0),
]


@pytest.mark.parametrize(("name", "space", "directions", "constrained"), CASES)
def test_a_process_that_starts_anew_goes_on_as_one_that_never_stopped(
    name: str, space: str, directions: tuple[Any, ...], constrained: int
) -> None:
    search = searching(space, name, constrained=constrained)
    check_sampler(search, directions)
    steady = [each.settings for each in searched(search, directions)]
    assert steady == [each.settings for each in searched(search, directions, anew=True)]
    assert len(steady) == (6 if space == "few" else 40)
    assert steady[0] == search.space.defaults
    if space == "few":
        assert len({tuple(each.items()) for each in steady}) == 6, "each once, then the end"
    for each in steady:
        assert search.space.completed(each) == each, "each is in the space, and complete"


@pytest.mark.parametrize(("space", "directions", "constrained"), [
    ("mixed", ONE, 0), pytest.param("conditional", TWO, 1, marks=pytest.mark.slow),
])  # fmt: skip
def test_the_gaussian_process_goes_on_too(space: str, directions: Any, constrained: int) -> None:
    search = searching(space, "gp", trials=14, batch=7, constrained=constrained)
    first = searched(search, directions)
    assert first == searched(search, directions, anew=True)
    assert len({tuple(each.settings.items()) for each in first}) == 14


def test_another_process_asks_for_the_same() -> None:
    """Strings are hashed differently there, which must not change the order of anything."""
    code = (
        "import json; from tests.test_asking import *; print(json.dumps([[dict(x.settings) for x in"
        " searched(searching(space, name, constrained=1), way)] for name, space, way, _ in CASES"
        " if name in ('tpe', 'nsga2', 'random', 'qmc')  and space != 'few']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    here = [
        [dict(each.settings) for each in searched(searching(space, name, constrained=1), way)]
        for name, space, way, _ in CASES
        if name in {"tpe", "nsga2", "random", "qmc"} and space != "few"
    ]
    assert json.loads(done.stdout) == here
    assert done.stderr == ""


def test_seeds_are_made_of_the_name_and_the_number_of_the_batch() -> None:
    search = searching("numbers", "random")
    ways = {
        tuple(each.settings["lr"] for each in Asking(search, ONE, name).batch([], 4, number)[0])
        for name in ("one/quick", "other/quick")
        for number in (0, 1)
    }
    assert len(ways) == 4


def test_asking_twice_gives_the_same_and_what_was_asked_for_is_not_held_against_it() -> None:
    asking = Asking(searching("conditional", "tpe"), ONE, "digits/quick")
    told = searched(searching("conditional", "tpe"))[:30]
    first, notes = asking.batch(told, 8, 3)
    assert (first, notes) == asking.batch(told, 8, 3)
    assert (
        first == Asking(searching("conditional", "tpe"), ONE, "digits/quick").batch(told, 8, 3)[0]
    )
    assert asking.batch(told[:20], 8, 2)[0] != first, "a shorter history is another one"


def test_settings_that_are_given_come_first_and_each_once() -> None:
    search = searching("numbers", "tpe")
    asking = Asking(search, ONE, "digits/quick")
    given = [search.space.completed({"width": width}) for width in (16, 32, 32, 64, 128)]
    first, _ = asking.batch([], 3, 0, None, given)
    assert [each.settings["width"] for each in first] == [16, 32, 64]
    told = [Told(each.settings, (1.0,)) for each in first]
    second, _ = asking.batch(told, 3, 1, None, given)
    assert second[0].settings == given[-1]
    assert all(each.settings not in given for each in second[1:])


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_where_it_failed_it_is_not_looked_again(name: str) -> None:
    """Everything above a rate of 0.01, half of the space, fails."""
    search = searching("numbers", name, trials=96, batch=8)
    asking, told, notes = Asking(search, ONE, "digits/quick"), list[Told](), {}
    for number in range(12):
        batch, notes = asking.batch(told, 8, number, notes)
        told += [
            Told(
                each.settings,
                () if each.settings["lr"] > 0.01 else (1.0 - number,),
                notes=each.notes,
            )
            for each in batch
        ]
    assert sum(not each.values for each in told[:16]) >= 4
    assert sum(not each.values for each in told[-32:]) <= 9


def test_what_failed_breaks_every_constraint_and_ranks_last() -> None:
    search = searching("numbers", "tpe", constrained=2)
    settings = search.space.defaults
    asking = Asking(search, ONE, "digits/quick")
    told = [
        Told(settings),
        Told(settings, (math.nan,), excesses=(-1.0, -1.0)),
        Told(settings, (1.0,), excesses=(-1.0, math.nan)),
        Told(settings, (1.0,), excesses=(-1.0,)),
        Told(settings, (1.0,), excesses=(-1.0, 2.0)),
        Told(settings, (1.0,), pruned=True, curve={1: 2.0}, excesses=(-1.0, -2.0)),
    ]
    asking.batch(told, 1, 1)
    trials = asking._study.get_trials(deepcopy=False)
    infinite = math.inf
    assert [tuple(each.constraints.values()) for each in trials] == [
        (infinite, infinite), (infinite, infinite), (-1, infinite), (-1, infinite),
        (-1, 2), (-1, -2),
    ]  # fmt: skip
    pruned, complete = TrialState.PRUNED, TrialState.COMPLETE
    assert [each.state for each in trials] == [pruned, pruned, *[complete] * 3, pruned]
    assert trials[0].intermediate_values == {}
    assert trials[-1].intermediate_values == {1: 2.0}


@pytest.mark.parametrize("name", ["gp", "nsga2"])
def test_samplers_that_know_finished_trials_alone_are_given_the_worst_value(name: str) -> None:
    search = searching("numbers", name)
    settings = search.space.defaults
    told = [Told(settings), Told(settings, (3.0, 4.0), pruned=True), Told(settings, (1.0, 2.0))]
    asking = Asking(search, TWO, "digits/quick")
    asking.batch(told, 1, 1)
    values = [each.values for each in asking._study.get_trials(deepcopy=False)]
    assert values == [[math.inf, -math.inf], [math.inf, -math.inf], [1.0, 2.0]]
    one = Asking(search, ONE, "digits/quick")
    one.batch([Told(settings, (3.0,), pruned=True)], 1, 1)
    assert one._study.get_trials(deepcopy=False)[0].values == [3.0]


def test_the_gaussian_process_is_not_shown_how_far_off_the_worst_are() -> None:
    search = searching("numbers", "gp")
    settings = search.space.defaults
    told = [
        Told(settings, values)
        for values in ((0.1,), (0.3,), (35.0,), (0.2,), (), (math.inf,), (0.4,), (math.nan,))
    ]
    shown = [each.values for each in without_outliers(told, "minimize")]
    assert [each[0] for each in shown[:4]] == pytest.approx([0.1, 0.3, 0.5, 0.2])
    assert shown[4:6] == [(), (math.inf,)], "what failed is not a value"
    assert math.isnan(shown[-1][0])
    turned = [replace(each, values=tuple(-value for value in each.values)) for each in told]
    assert [each.values[0] for each in without_outliers(turned, "maximize")[:4]] == pytest.approx(
        [-0.1, -0.3, -0.5, -0.2]
    )
    same = [Told(settings, (value,)) for value in (1.0, 1.0, 1.0, 9.0)]
    assert without_outliers(same, "minimize") == same, "else nothing would be left to tell apart"
    assert without_outliers([Told(settings)], "minimize") == [Told(settings)]
    asking = Asking(search, ONE, "digits/quick")
    asking.batch(told, 1, 1)
    assert asking._study.get_trials(deepcopy=False)[2].values == pytest.approx([0.5])


def test_where_all_failed_every_sampler_still_asks() -> None:
    for name in ("tpe", "gp", "nsga2", "random", "qmc"):
        search = searching("mixed", name, constrained=name != "qmc")
        points = Asking(searching("mixed", "random"), ONE, "x/y").batch([], 12, 0)[0]
        asked, _ = Asking(search, ONE, "digits/quick").batch(
            [Told(each.settings) for each in points], 2, 1
        )
        assert len(asked) == 2


def test_a_small_space_is_asked_for_once_and_then_it_ends() -> None:
    search = searching("few", "tpe", batch=4)
    told = searched(search)
    assert len(told) == 6
    again, _ = Asking(search, ONE, "digits/quick").batch(told, 4, 2)
    assert again == []


def test_what_was_tried_is_replaced_by_what_is_nearest_to_it() -> None:
    """All but two points of the space were tried, and those tried at width 60 were best."""
    space = (Int("width", 1, 64), Choice("way", ("adam", "sgd")))
    search = Searching(settings=space, objectives=("loss",), trials=64)
    left = [{"width": 3, "way": "adam"}, {"width": 52, "way": "sgd"}]
    told = [
        Told(each, (abs(each["width"] - 60) + (each["way"] == "adam"),))
        for each in search.space.grid()
        if each not in left
    ]
    asked, _ = Asking(search, ONE, "digits/quick").batch(told, 4, 5)
    assert [each.settings for each in asked] == left[::-1]


def test_a_grid_has_every_point_once_in_an_order_that_is_spread() -> None:
    search = replace(searching("few", "grid"), settings=(Int("a", 0, 9), Int("b", 0, 9)))
    asked, _ = Asking(search, ONE, "digits/quick").batch([], 200, 0)
    assert sorted(tuple(each.settings.values()) for each in asked) == [
        (a, b) for a in range(10) for b in range(10)
    ]
    for first in (10, 25):
        assert len({each.settings["a"] for each in asked[:first]}) >= 7
        assert len({each.settings["b"] for each in asked[:first]}) >= 7
    assert [spread([{"a": 1}] * count) for count in (0, 1, 2)] == [[], [{"a": 1}], [{"a": 1}] * 2]


def test_a_batch_is_not_the_same_settings_again_and_again() -> None:
    told = searched(searching("numbers", "tpe"))
    for name in ("tpe", "gp"):
        batch, _ = Asking(searching("numbers", name), ONE, "digits/quick").batch(told, 4, 9)
        assert len({each.settings["lr"] for each in batch}) == 4


def test_torch_has_its_threads_back_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = torch.get_num_threads()
    told = searched(searching("numbers", "tpe"))
    torch.set_num_threads(2)
    try:
        Asking(searching("numbers", "gp"), ONE, "digits/quick").batch(told, 1, 9)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    searched(searching("conditional", "tpe"))
    searched(searching("mixed", "qmc"))
    assert capfd.readouterr() == ("", "")


def test_cma_es_keeps_its_state_once_in_a_batch() -> None:
    told = searched(searching("numbers", "cmaes", trials=64, batch=16))
    states = [sum(key.startswith("cma:optimizer") for key in each.notes) for each in told]
    assert sum(map(bool, states)) == 3, "three batches after the first, each one generation on"
    assert {each.notes.get("cma:generation", -1) for each in told} == {-1, 0, 1, 2, 3}


REFUSED = [
    ("grid", NUMBERS, ONE, {}, "Float('lr', ...)"),
    ("grid", (Int("a", 1, 1000), Int("b", 1, 1000)), ONE, {}, "'random' and 'qmc' try a part"),
    ("cmaes", MIXED, ONE, {}, "Choice('way', ...). Of the samplers, 'tpe', 'gp' and 'nsga2'"),
    ("cmaes", (*NUMBERS, Float("a", 0, 1, when={"width": 8})), ONE, {}, "'a' with when="),
    ("cmaes", NUMBERS, TWO, {}, "must have one objective"),
    ("cmaes", NUMBERS, ONE, {"constraints": (AtMost("x", 1.0),)}, "x ≤ 1"),
    ("qmc", CONDITIONAL, ONE, {}, "'momentum' with when=. Of the samplers, 'tpe', 'gp'"),
    ("tpee", NUMBERS, ONE, {}, "Did you mean tpe"),
    ("nowhere:Sampler", NUMBERS, ONE, {}, "ModuleNotFoundError"),
    ("optuna.samplers:TPE", NUMBERS, ONE, {}, "AttributeError"),
    ("optuna.samplers:", NUMBERS, ONE, {}, "or module:Class"),
    ("json:dumps", NUMBERS, ONE, {}, "must be a subclass of optuna.samplers.BaseSampler"),
    (here(NeedsMore), NUMBERS, ONE, {}, "must be one that is made with no argument but seed="),
]


@pytest.mark.parametrize(("name", "space", "directions", "more", "said"), REFUSED)
def test_a_sampler_that_cannot_do_it_is_refused_in_one_line(
    name: str, space: Any, directions: Any, more: dict[str, Any], said: str
) -> None:
    search = Searching(
        settings=space, objectives=("a", "b")[: len(directions)], sampler=name, **more
    )
    with pytest.raises(HarnessError) as caught:
        check_sampler(search, directions)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sampler_of_ones_own_that_breaks_says_so_in_one_line() -> None:
    asking = Asking(searching("numbers", here(Breaks)), ONE, "digits/quick")
    with pytest.raises(HarnessError, match="RuntimeError: out of ideas"):
        asking.batch([], 2, 0)


def test_what_every_other_sampler_is_asked_for_it_can_do() -> None:
    for name in {*SAMPLERS} - {"grid", "cmaes", "qmc"}:
        for space in SPACES:
            for directions in (ONE, TWO):
                check_sampler(searching(space, name, constrained=1), directions)
    check_sampler(searching("mixed", "qmc", constrained=1), TWO)
    check_sampler(searching("few", "grid", constrained=1), TWO)


@pytest.mark.parametrize(
    ("space", "directions", "trials", "wanted"),
    [
        ("few", ONE, 8, "grid"),
        ("few", ONE, 7, "gp"),
        ("numbers", ONE, 64, "gp"),
        ("numbers", ONE, 300, "tpe"),
        ("conditional", ONE, 64, "tpe"),
        ("mixed", TWO, 64, "tpe"),
    ],
)
def test_auto_takes_what_its_rule_says_and_says_why(
    space: str, directions: Any, trials: int, wanted: str
) -> None:
    search = searching(space, "auto", trials=trials)
    name, why = chosen_sampler(search, directions)
    assert name == wanted
    assert why
    asking = Asking(search, directions, "digits/quick")
    assert (asking.sampler, asking.why) == (name, why)
    assert chosen_sampler(replace(search, sampler="random"), directions) == ("random", "")


def test_ones_own_sampler_is_seeded_where_it_can_be() -> None:
    own = Asking(searching("numbers", "optuna.samplers:RandomSampler"), ONE, "a/b")
    named = Asking(searching("numbers", "random"), ONE, "a/b")
    assert own.batch([], 3, 0) == named.batch([], 3, 0)
