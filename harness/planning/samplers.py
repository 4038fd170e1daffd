"""Optuna's samplers by name: which can do what, and which one ``auto`` takes."""

from __future__ import annotations

import importlib
import inspect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
)
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from harness.messages.calm import calm
from harness.messages.errors import HarnessError, near, one_line
from harness.storing.translation import drawn_from
from harness.study.metrics import Better
from harness.study.searching import SAMPLERS, Searching
from harness.study.settings import Choice, Float, Setting, Settings, Value, values_of
from harness.study.space import Space

optuna.logging.set_verbosity(optuna.logging.ERROR)

Direction = Literal["minimize", "maximize"]


MOST_POINTS = 100_000
"""The largest grid that is made."""


def direction(better: Better) -> Direction:
    """Return the direction of an objective whose lower or higher values are better."""
    return "maximize" if better == "higher" else "minimize"


def settings_in(searching: Searching) -> int:
    """Return how many settings a search can try: its trials, shared among the seeds."""
    return max(1, searching.trials // searching.seeds)


def chosen_sampler(searching: Searching, directions: Sequence[Direction]) -> tuple[str, str]:
    """Return the sampler of a search and why it was taken; no reason where it was named.

    Args:
        searching: its space, its budget and its sampler, which ``auto`` leaves to this rule.
        directions: of its objectives.
    """
    if searching.sampler != "auto":
        return searching.sampler, ""
    space, budget = searching.space, settings_in(searching)
    points = few_points(space, budget if searching.confirm == 0 else budget * 3 // 4)
    if points is not None:
        return "grid", f"all {len(points)} settings of the space fit the budget"
    if len(directions) > 1:
        return "tpe", "there are several objectives"
    if space.conditional:
        return "tpe", "some settings are in use only under a condition"
    if budget > 250:
        return "tpe", "the budget is above 250 settings, where a Gaussian process gets slow"
    return "gp", "no setting is conditional, and the budget is at most 250 settings"


def few_points(space: Space, most: int) -> list[dict[str, Value]] | None:
    """Return every point of a space; ``None`` where there are more than ``most`` of them."""
    if any(isinstance(each, Float) for each in space):
        return None
    points = list(itertools.islice(space.grid(), most + 1))
    return points if len(points) <= most else None


def spread(points: Sequence[Settings]) -> list[Settings]:
    """Return the points of a grid in an order whose beginning is spread over the whole grid.

    Every k-th point is taken, round and round, with k near the golden section of their number
    and without a common divisor: each comes once, and where the budget ends before the grid
    does, no corner of it was left out.
    """
    count = len(points)
    step = next(
        each
        for each in itertools.count(max(1, round(count * (math.sqrt(5) - 1) / 2)))
        if math.gcd(each, count) == 1
    )
    return [points[place * step % count] for place in range(count)]


class _KnownSpace(BaseSampler):
    """Knows the space before the first trial is finished, which Optuna infers only then."""

    known: Mapping[str, BaseDistribution]

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:  # noqa: ARG002
        return dict(self.known)


class _CmaEs(_KnownSpace, CmaEsSampler):
    """Optuna's CMA-ES, whose first generation begins at the first trial."""


class _Sobol(_KnownSpace, QMCSampler):
    """Optuna's Sobol points, the first of them at the first trial."""


def make_sampler(name: str, searching: Searching, seed: int, lasting: int) -> BaseSampler:
    """Return a new sampler of Optuna's.

    Args:
        name: one of ``SAMPLERS`` but for ``"grid"`` and ``"auto"``, or ``"module:Class"``.
        searching: its space and budget.
        seed: of this batch.
        lasting: a seed that is the same in every batch of a search; points of a sequence, which
            go on from batch to batch, are drawn with it.

    Raises:
        HarnessError: ``module:Class`` cannot be made.
    """
    known = {each.name: drawn_from(each) for each in sorted(searching.space, key=_name)}
    with calm(silent=True):
        match name:
            case "tpe":
                return TPESampler(seed=seed, multivariate=True, group=searching.space.conditional)
            case "gp":
                return GPSampler(seed=seed, warn_independent_sampling=False)
            case "cmaes":
                return _cma_es(searching, known, seed)
            case "random":
                return RandomSampler(seed=seed)
            case "qmc":
                sobol = _Sobol(scramble=True, seed=lasting, warn_independent_sampling=False)
                sobol.known = known
                return sobol
            case "nsga2":
                return NSGAIISampler(seed=seed, population_size=_population(searching))
            case _:
                return _others(name, seed)


def _name(setting: Setting) -> str:
    return setting.name


def _cma_es(searching: Searching, known: Mapping[str, BaseDistribution], seed: int) -> BaseSampler:
    """Return CMA-ES with one generation in a batch: members beyond it would teach it nothing."""
    first = searching.at_a_time - 1 - len(searching.enqueue)  # the default is in the first batch
    made = _CmaEs(
        seed=seed,
        n_startup_trials=0,
        popsize=max(4 + int(3 * math.log(len(known))), first),
        warn_independent_sampling=False,
    )
    made.known = known
    return made


def _population(searching: Searching) -> int:
    """Return how many make a generation: Optuna's 50, or fewer where ten would not fit."""
    return max(8, min(50, settings_in(searching) // 10))


def _others(name: str, seed: int) -> BaseSampler:
    """Make a sampler of others."""
    kind = _kind(name)
    seeded = "seed" in inspect.signature(kind).parameters
    try:
        made: BaseSampler = kind(seed=seed) if seeded else kind()
    except Exception as error:
        raise HarnessError(
            f"the sampler {name!r} must be one that is made with no argument but seed=",
            one_line(f"{type(error).__name__}: {error}"),
            "Write a subclass that sets the others, and name that.",
        ) from error
    return made


def _kind(name: str) -> Any:
    """Import the class of a sampler of others."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise HarnessError(
            "the sampler must be one of those known, or module:Class",
            repr(name),
            near(name, SAMPLERS),
        )
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise HarnessError(
            "a sampler module:Class must be one that can be imported",
            one_line(f"{name!r} ({type(error).__name__}: {error})"),
            "Its module must lie in this folder or be installed.",
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, BaseSampler)):
        raise HarnessError(
            "a sampler module:Class must be a subclass of optuna.samplers.BaseSampler",
            f"{name!r}, which is {kind!r}",
            f"Name the class itself, or one of {', '.join(SAMPLERS)}.",
        )
    return kind


@contextmanager
def one_thread(sampler: BaseSampler) -> Iterator[None]:
    """Within this, torch has one thread, if a sampler works with torch.

    The Gaussian process sets one thread for each of its steps and puts the others back, hundreds of
    times in a batch, which takes eight times as long as all the rest.
    """
    if type(sampler).__module__.startswith("optuna.") and not isinstance(sampler, GPSampler):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def check_sampler(searching: Searching, directions: Sequence[Direction]) -> None:
    """Check that the sampler of a search can do what the search asks for.

    Raises:
        HarnessError: it cannot; says which can.
    """
    name = searching.sampler
    if name == "grid":
        _check_grid(searching)
    elif name == "cmaes":
        _check_cma_es(searching, directions)
    elif name == "qmc" and searching.space.conditional:
        raise _cannot(
            "'qmc' must have a space without conditions",
            _conditional(searching),
            "'tpe', 'gp', 'random' and 'nsga2' can do these",
        )
    elif name not in SAMPLERS:
        with calm(silent=True):
            _others(name, 0)


def _check_grid(searching: Searching) -> None:
    for each in searching.space:
        _ = values_of(each)
    if few_points(searching.space, MOST_POINTS) is None:
        raise _cannot(
            f"'grid' must have a space of at most {MOST_POINTS:,} settings",
            "a larger one",
            "'random' and 'qmc' try a part of it",
        )


def _check_cma_es(searching: Searching, directions: Sequence[Direction]) -> None:
    numbers = "'cmaes' must have a space of numbers alone, without conditions"
    for each in searching.space:
        if isinstance(each, Choice):
            raise _cannot(
                numbers, f"Choice({each.name!r}, ...)", "'tpe', 'gp' and 'nsga2' can do choices"
            )
    if searching.space.conditional:
        raise _cannot(numbers, _conditional(searching), "'tpe' can do these")
    if len(directions) > 1:
        raise _cannot(
            "'cmaes' must have one objective",
            f"{', '.join(searching.objectives)}",
            "'tpe', 'gp' and 'nsga2' can do several",
        )
    if searching.constraints:
        raise _cannot(
            "'cmaes' must have no constraints",
            searching.constraints[0].text,
            "'tpe', 'gp' and 'nsga2' can do these",
        )


def _conditional(searching: Searching) -> str:
    return ", ".join(f"{each.name!r} with when=" for each in searching.space if each.when)


def _cannot(must: str, got: str, others: str) -> HarnessError:
    return HarnessError(f"sampler {must}", got, f"Of the samplers, {others}.")
