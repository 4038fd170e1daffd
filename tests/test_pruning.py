"""What ends early: the same decisions as Optuna's pruners, from earlier batches alone."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import optuna
import pytest
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from harness.planning.pruning import (
    Curve,
    bounds,
    bracket,
    compared_after,
    worse_than_best,
)
from harness.stopping import Bound, Pruning

EPOCHS = 27


def curves(seed: int, count: int, *, gaps: bool = False) -> list[dict[int, float]]:
    """Random curves that fall, some with values that are not numbers, and with ties."""
    luck = random.Random(seed)
    out = []
    for _ in range(count):
        level, speed = round(luck.random(), 1), luck.random() * 3
        curve = {
            epoch: round(level + speed / epoch + luck.gauss(0, 0.2), 1)
            for epoch in range(1, EPOCHS + 1)
        }
        if gaps and luck.random() < 0.3:
            for epoch in luck.sample(range(1, EPOCHS + 1), 9):
                curve[epoch] = math.nan
        out.append(curve)
    out += [dict.fromkeys(range(1, EPOCHS + 1), math.nan)] * gaps
    return out


def ended(made: Sequence[Bound], curve: dict[int, float], better) -> int:
    """Return the epoch after which a trial ends; all of them where nothing ends it."""
    pruning = Pruning("loss", better, tuple(made))
    seen: list[float] = []
    for epoch in range(1, EPOCHS + 1):
        seen.append(curve[epoch])
        if pruning.ends(seen):
            return epoch
    return EPOCHS


def ended_by_optuna(pruner: BasePruner, all_curves, better) -> list[int]:
    """Run one trial after another, as Optuna does."""
    study = optuna.create_study(
        direction="minimize" if better == "lower" else "maximize", pruner=pruner
    )
    out = []
    for curve in all_curves:
        trial = study.ask()
        last = EPOCHS
        for epoch in range(1, EPOCHS):
            trial.report(curve[epoch], epoch)
            if trial.should_prune():
                last = epoch
                break
        if last == EPOCHS and not math.isnan(curve[EPOCHS]):
            trial.report(curve[EPOCHS], EPOCHS)
            study.tell(trial, curve[EPOCHS])
        else:
            study.tell(trial, state=TrialState.PRUNED)
        out.append(last)
    return out


def ended_by_us(pruner, all_curves, better, places: Callable[[int], int]) -> list[int]:
    earlier: list[Curve] = []
    out = []
    for number, curve in enumerate(all_curves):
        place = places(number)
        last = ended(bounds(pruner, (), EPOCHS, earlier, better, place), curve, better)
        seen = {epoch: value for epoch, value in curve.items() if epoch <= last}
        complete = last == EPOCHS and not math.isnan(curve[EPOCHS])
        earlier.append(Curve(seen, complete, place))
        out.append(last)
    return out


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_the_median_ends_what_optunas_pruner_ends(better, seed: int) -> None:
    made = curves(seed, 40, gaps=True)
    theirs = ended_by_optuna(MedianPruner(), made, better)
    assert ended_by_us("median", made, better, lambda number: number) == theirs
    assert 3 < sum(each < EPOCHS for each in theirs) < 40


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_bracket_ends_what_optunas_successive_halving_ends(better, number: int) -> None:
    made = curves(number, 40, gaps=True)
    pruner = SuccessiveHalvingPruner(
        min_resource=1, reduction_factor=3, min_early_stopping_rate=number
    )
    theirs = ended_by_optuna(pruner, made, better)
    rungs = len(compared_after((), EPOCHS))
    places = [place for place in range(2000) if bracket(rungs, place) == number]
    assert ended_by_us("hyperband", made, better, places.__getitem__) == theirs
    assert sum(each < EPOCHS for each in theirs) > 10


def test_other_brackets_do_not_count() -> None:
    made = curves(3, 60)
    rungs = len(compared_after((), EPOCHS))
    mixed = ended_by_us("hyperband", made, "lower", lambda number: number)
    for own in range(rungs + 1):
        places = [place for place in range(60) if bracket(rungs, place) == own]
        alone = ended_by_us("hyperband", [made[each] for each in places], "lower",
                            places.__getitem__)  # fmt: skip
        assert [mixed[each] for each in places] == alone
        assert alone
        if own == rungs:
            assert set(alone) == {EPOCHS}, "the last bracket is never compared"


@pytest.mark.parametrize(
    ("epochs", "wanted"),
    [(1, ()), (2, ()), (3, (1,)), (10, (1, 3)), (81, (1, 3, 9, 27)), (100, (1, 3, 9, 27)),
     (243, (1, 3, 9, 27, 81))],
)  # fmt: skip
def test_there_are_as_many_brackets_as_in_the_paper(epochs: int, wanted) -> None:
    """One more than the whole part of the logarithm to base 3, that of whole numbers."""
    assert compared_after((), epochs) == wanted
    brackets = len(wanted) + 1
    assert 3 ** (brackets - 1) <= epochs < 3**brackets
    assert {bracket(len(wanted), place) for place in range(500)} == set(range(brackets))


def test_rungs_may_be_given_and_those_past_the_end_are_left_out() -> None:
    assert compared_after((2, 5, 30), 30) == (2, 5)
    earlier = [Curve({2: value, 5: value}, True, 0) for value in (0.1, 0.2, 0.3, 0.4, 0.5)]
    made = bounds("hyperband", (2, 5), 30, earlier, "lower", 0)
    assert bracket(2, 0) == 0
    assert made == (Bound(2, 0.2, False), Bound(5, 0.2, False))


def test_brackets_have_the_shares_of_the_paper_from_the_beginning_on() -> None:
    """For 81 epochs the paper has 81, 34, 15, 8 and 5 settings."""
    counts = [sum(bracket(4, place) == each for place in range(14_300)) for each in range(5)]
    for found, share in zip(counts, (81, 34, 15, 8, 5), strict=True):
        assert found / 100 == pytest.approx(share, abs=0.5)
    assert {bracket(4, place) for place in range(32)} == set(range(5))


def test_without_earlier_batches_nothing_ends() -> None:
    for pruner in ("none", "median", "hyperband", "wilcoxon"):
        assert bounds(pruner, (), 81, [], "lower", 0) == ()
    four = [Curve({1: 1.0, 2: 1.0}, True, place) for place in range(4)]
    partly = [Curve({1: 1.0}, False, place) for place in range(20)]
    assert bounds("median", (), 3, four + partly, "lower", 0) == ()
    five = [*four, Curve({1: 3.0, 2: 0.0}, True, 4)]
    assert bounds("median", (), 3, five, "lower", 0) == (Bound(1, 1.0, True), Bound(2, 1.0, True))
    assert bounds("none", (), 3, five, "lower", 0) == ()


def test_a_trial_without_a_number_ends() -> None:
    at_best, at_last = (Bound(2, 1.0, best_so_far=best) for best in (True, False))
    assert Pruning("loss", "lower", (at_best,)).ends([math.nan, math.nan])
    assert not Pruning("loss", "lower", (at_best,)).ends([0.5, math.nan])
    assert not Pruning("loss", "lower", (at_best,)).ends([9.0, 9.0, 9.0])
    assert Pruning("loss", "lower", (at_last,)).ends([0.5, math.nan])
    assert not Pruning("loss", "higher", (at_last,)).ends([0.0, 1.0])
    assert Pruning("loss", "higher", (at_last,)).ends([9.0, 0.9])


def test_the_signed_rank_test_is_optunas() -> None:
    best = {seed: 0.1 * seed for seed in range(6)}
    worse = {seed: value + 0.01 * (seed + 1) for seed, value in best.items()}
    assert worse_than_best(worse, best, "lower")
    assert not worse_than_best(worse, best, "higher")
    assert not worse_than_best(best, worse, "lower")
    four = {seed: worse[seed] for seed in range(4)}
    assert worse_than_best(four, best, "lower"), "p = 1/16"
    assert not worse_than_best({seed: worse[seed] for seed in range(3)}, best, "lower"), "p = 1/8"
    assert not worse_than_best({**worse, 0: math.nan}, best, "lower")
    assert not worse_than_best({**worse, 0: -9.0}, best, "lower"), "its mean is better"
    assert not worse_than_best(best, best, "lower")
    assert not worse_than_best(worse, {}, "lower")
    assert not worse_than_best({}, best, "lower")
    assert not worse_than_best(worse, {**best, 0: math.nan}, "lower")
    assert not worse_than_best({seed + 6: 9.0 for seed in range(6)}, best, "lower")
