"""Which trials end early: bounds on their curves, known before they begin.

Bounds are made of the curves of earlier batches alone. So what is ended depends neither on what
runs beside it nor on how fast, and a trial that is run again ends where it did before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

from harness.messages.calm import calm
from harness.planning.samplers import direction
from harness.planning.tuning import radical_inverse
from harness.stopping import Bound
from harness.study.metrics import Better
from harness.study.searching import Pruner

ETA = 3
"""Of the settings that reach a rung, one in so many goes on."""

MOST_BOUNDS = 100
"""The most points of a curve at which a trial is compared with the median."""

STARTUP = 5
"""Settings trained to the end before the median says anything, as in Optuna."""


@dataclass(frozen=True)
class Curve:
    """What is known of a setting of an earlier batch.

    Attributes:
        values: of the first objective by epoch, from 1, as far as it was trained.
        complete: whether it was trained to the end.
        place: its place in the search, from 0.
    """

    values: Mapping[int, float]
    complete: bool
    place: int


def bounds(
    pruner: Pruner,
    rungs: Sequence[int],
    epochs: int,
    earlier: Sequence[Curve],
    better: Better,
    place: int,
) -> tuple[Bound, ...]:
    """Return where a trial is ended, in the order of epochs.

    Args:
        pruner: ``"median"`` as in Golovin et al. (2017): worse than the median of those trained to
            the end. ``"hyperband"`` as in Li et al. (2018, https://arxiv.org/abs/1603.06560).
            None for the others, which do not look at curves.
        rungs: epochs after which hyperband compares; empty for powers of 3.
        epochs: of a whole trial, after which nothing is left to end.
        earlier: curves of earlier batches.
        better: which direction of the objective is better.
        place: of the setting in the search, from 0: hyperband's bracket follows from it.
    """
    if pruner == "median":
        return _median(epochs, earlier)
    if pruner == "hyperband":
        return _hyperband(compared_after(rungs, epochs), earlier, better, place)
    return ()


def _median(epochs: int, earlier: Sequence[Curve]) -> tuple[Bound, ...]:
    complete = [each.values for each in earlier if each.complete]
    if len(complete) < STARTUP:
        return ()
    out = []
    apart = max(1, math.ceil((epochs - 1) / MOST_BOUNDS))
    for epoch in range(apart, epochs, apart):
        values = [each[epoch] for each in complete if epoch in each]
        known = [each for each in values if not math.isnan(each)]
        if known:
            out.append(Bound(epoch, float(np.percentile(known, 50)), best_so_far=True))
    return tuple(out)


def compared_after(rungs: Sequence[int], epochs: int) -> tuple[int, ...]:
    """Return the epochs after which hyperband compares, those of the last third left out.

    Of 81 epochs these are 1, 3, 9 and 27: with the bracket that is never compared there are five
    brackets, as in the paper. (Optuna 5.0 takes a logarithm of floats: of 243 to base 3 it is a bit
    below 5, and a bracket is missing.)

    Args:
        rungs: as declared; empty for powers of 3.
        epochs: of a whole trial.
    """
    if rungs:
        return tuple(each for each in rungs if each < epochs)
    out, rung = [], 1
    while rung * ETA <= epochs:
        out.append(rung)
        rung *= ETA
    return tuple(out)


def bracket(count: int, place: int) -> int:
    """Return the number of a setting's bracket: how many of the first rungs it passes unseen.

    Brackets have shares of the settings as in the paper: the more rungs, the more settings. They
    alternate evenly, so that a search that ends early has had some of each.

    Args:
        count: of rungs.
        place: of the setting in the search, from 0.
    """
    sizes = [math.ceil((count + 1) / (left + 1) * ETA**left) for left in range(count, -1, -1)]
    at = radical_inverse(place + 1, 2) * sum(sizes)
    for number, size in enumerate(sizes):
        at -= size
        if at < 0:
            return number
    return count


def _hyperband(
    rungs: Sequence[int], earlier: Sequence[Curve], better: Better, place: int
) -> tuple[Bound, ...]:
    """Return bounds at the rungs of a setting's bracket.

    Of n settings that reached a rung, this one among them, the best n/3 go on, and the best one
    where that is none.
    """
    own = bracket(len(rungs), place)
    rivals = [each.values for each in earlier if bracket(len(rungs), each.place) == own]
    out = []
    for rung in rungs[own:]:
        values = sorted(
            (each[rung] for each in rivals if rung in each and not math.isnan(each[rung])),
            reverse=better == "higher",
        )
        last = max((len(values) + 1) // ETA - 1, 0)
        if last < len(values):
            out.append(Bound(rung, values[last], best_so_far=False))
    return tuple(out)


def worse_than_best(
    by_seed: Mapping[int, float], best_by_seed: Mapping[int, float], better: Better
) -> bool:
    """Whether a setting is worse than the best one on the seeds that both have: p < 0.1.

    It is Optuna's WilcoxonPruner that decides. With fewer than four seeds p cannot be so small.
    Of the best setting it is shown the same seeds alone, as it also compares their means.

    Args:
        by_seed: the setting's values.
        best_by_seed: those of the best setting.
        better: which direction of them is better.
    """
    both = sorted(by_seed.keys() & best_by_seed.keys())
    own, best = ({seed: each[seed] for seed in both} for each in (by_seed, best_by_seed))
    if not both or not all(map(math.isfinite, [*own.values(), *best.values()])):
        return False
    with calm(silent=True):
        study = optuna.create_study(direction=direction(better))
        mean = sum(best.values()) / len(both)
        study.add_trial(create_trial(value=mean, intermediate_values=best))
        running = create_trial(state=TrialState.RUNNING, intermediate_values=own)
        return bool(optuna.pruners.WilcoxonPruner().prune(study, running))
