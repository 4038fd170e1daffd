"""Equal tuning of arms: the same space, the same number of trials, chosen on validation.

The first settings tried are the same in every arm: the default, then points that fill the space
evenly (Halton's sequence). The rest come from Optuna's TPE (Bergstra et al. 2011; Watanabe 2023,
https://arxiv.org/abs/2304.11127), seeded by the arm and the position alone: what is tried follows
from what was seen, however often the run was interrupted and whoever took part in it.

From a budget of some size on, the best are trained again before one is chosen
(:mod:`~harness.planning.confirming`).

A setting that changes nothing in an arm, as the strength of a penalty where there is none, is not
searched there; where none changes anything, nothing is tuned.
"""

from __future__ import annotations

import itertools
import math
import warnings
import zlib
from collections.abc import Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from harness.planning.confirming import chosen_settings
from harness.planning.outlook import Settings
from harness.study.factors import Tuned
from harness.study.study import Study
from harness.trials.trial import defaults

Tried = tuple[Settings, float | None]
"""Settings and the objective that they reached, ``None`` where the trial failed."""

Confirmed = tuple[Settings, Sequence[float | None]]
"""Settings that were trained again, and the objective that they reached on each fresh seed."""


def first_settings(study: Study, budget: int, searched: Sequence[Tuned]) -> list[Settings]:
    """Return the settings with which an arm begins: at most three, or half of those it may try.

    Args:
        study: what is tuned.
        budget: how many settings an arm may try.
        searched: those of the tuned settings that are searched in it; the others keep their
            defaults.
    """
    count = min(budget, max(3, budget // 2))
    bases = list(itertools.islice(_primes(), len(searched)))
    spread = [
        defaults(study)
        | {
            each.name: each.at(radical_inverse(number, base))
            for each, base in zip(searched, bases, strict=True)
        }
        for number in range(1, count + 1)
    ]
    out = [defaults(study)]
    for settings in spread:
        if len(out) < count and settings not in out:
            out.append(settings)
    return out


def radical_inverse(number: int, base: int) -> float:
    """Return the digits of a number behind the point: 6, which is 110 in base 2, gives 0.011.

    Those of 1, 2, 3... in the first primes are Halton's points (1960,
    https://doi.org/10.1007/BF01386213), rounded here as in ``scipy.stats.qmc``, whose import would
    take longer than planning a study does.
    """
    share, place = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        share += digit * place
        place /= base
    return share


def _primes() -> Iterator[int]:
    known: list[int] = []
    for number in itertools.count(2):
        if all(number % prime for prime in known):
            known.append(number)
            yield number


def next_settings(
    study: Study, scale: str, arm: str, tried: Sequence[Tried], searched: Sequence[Tuned]
) -> Settings:
    """Return what TPE tries after ``tried``.

    Args:
        study: what is tuned, and by which objective.
        scale: the scale's name.
        arm: the arm's name.
        searched: those of the tuned settings that are searched in it.
        tried: everything tried in this arm so far, in order.
    """
    better = study.metric(study.objective).better
    space: dict[str, BaseDistribution] = {
        x.name: FloatDistribution(x.low, x.high, log=x.log) for x in searched
    }
    seed = zlib.crc32(f"{study.name}/{scale}/{arm}/{len(tried)}".encode())
    memory = optuna.create_study(
        direction="maximize" if better == "higher" else "minimize",
        sampler=optuna.samplers.TPESampler(n_startup_trials=1, seed=seed),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for settings, objective in tried:
            # A pruned trial without a report ranks below every finished one: where training
            # diverged is where not to look again.
            state = TrialState.PRUNED if objective is None else TrialState.COMPLETE
            memory.add_trial(
                create_trial(
                    state=state,
                    value=objective,
                    distributions=dict(space),
                    params={name: settings[name] for name in space},
                )
            )
        found = memory.ask(space).params
    return defaults(study) | {
        each.name: min(max(float(f"{found[each.name]:.6g}"), each.low), each.high)
        for each in searched
    }


def choose(
    study: Study, tried: Sequence[Tried], confirmed: Sequence[Confirmed] = ()
) -> tuple[Settings, str]:
    """Return the settings chosen and how they were; the default where everything failed.

    Args:
        study: what is tuned, and by which objective.
        tried: everything tried in an arm, in order.
        confirmed: the best of it, and what these reached on fresh seeds.
    """
    best = chosen_settings(tried, confirmed, study.metric(study.objective).better)
    return (defaults(study), "declared default") if best is None else (best, "tuned")


def edge(tuned: Tuned, value: float) -> str:
    """Return on which edge of its space a value lies: within a twentieth of it, or neither."""
    low, high = tuned.low, tuned.high
    if tuned.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    share = (value - low) / (high - low)
    return "lower" if share <= 0.05 else "upper" if share >= 0.95 else ""
