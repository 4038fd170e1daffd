"""Records to paired values: which trials count, and what each arm of a claim is in each seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.floats import mean_of
from harness.study.claims import Claim, Equivalent, Higher, NotWorse, Sooner
from harness.study.declaration import Declaration
from harness.study.designs import Arm, comparable
from harness.study.metrics import FAILED, METRICS, Metric
from harness.trials.records import Record

SHARES = frozenset({"fraction", "%", "pp"})
"""Units of metrics that may count examples, so that two arms may agree in them by chance."""

Trials = Mapping[tuple[str, int], Record]
"""The record that counts, by arm name and seed."""


@dataclass(frozen=True)
class Pairs:
    """What a claim looks at, seed by seed.

    Attributes:
        seeds: those in which every arm of the claim finished, ascending.
        values: for each of these seeds the mean of the metric over the arms of each partial arm;
            for a time to a target, that time, infinite where it was not reached.
        ended: the seeds in which a trial of every arm has ended, failures included, ascending.
        fails: for each of those whether a trial of each partial arm failed.
        trials: trials of the claim's arms that have ended, failures included.
        failed: those of them that failed, or whose metric is not finite.
        missing: seeds seen in the study but left out of ``seeds``.
        unfinished: those of them in which nothing failed: a trial has not been run, or not ended.
        identical: whether in each of ``seeds`` all arms of the claim did the same, by every value
            of every curve and metric: of a Training, whether they trained the same network.
        unshared: whether every side has trials, and no seed has one of each: there are no pairs.
        sides: the values of either side, where the claim is judged without pairs for that.
            ``seeds`` are then those of the first side and those of the second, and ``missing``
            those in which not all arms of a side finished.
    """

    seeds: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    ended: tuple[int, ...]
    fails: tuple[tuple[bool, ...], ...]
    trials: int
    failed: int
    missing: int
    unfinished: int
    identical: bool = False
    unshared: bool = False
    sides: tuple[tuple[float, ...], tuple[float, ...]] | None = None


def evaluations(declaration: Declaration, records: Iterable[Record]) -> Trials:
    """Return the evaluation trials of one study and scale; of several records, the last counts."""
    wanted = declaration.name, declaration.scale, "evaluate"
    last: dict[tuple[str, int], Record] = {}
    for record in records:
        if (record.study, record.scale, record.role) != wanted:
            continue
        place = record.arm, record.seed
        if place not in last or _order(record) > _order(last[place]):
            last[place] = record
    return last


def by_arm(trials: Trials) -> dict[str, list[Record]]:
    """Return the records of each arm that has any, by its name, in the order of ``trials``."""
    out: dict[str, list[Record]] = {}
    for (arm, _), record in trials.items():
        out.setdefault(arm, []).append(record)
    return out


def _order(record: Record) -> tuple[int, str, str, str]:
    # After the number, anything will do that does not depend on the order the records came in.
    return record.number, record.state, record.key, repr(sorted(record.metrics.items()))


def value(record: Record | None, metric: str) -> float | None:
    """Return the metric of a finished trial; None where it has none, or none that is finite."""
    if record is None or record.state != "complete":
        return None
    number = record.metrics.get(metric, math.nan)
    return float(number) if math.isfinite(number) else None


def has_failed(record: Record, metric: str) -> bool:
    """Whether a trial failed, or finished with a metric that is not finite."""
    if record.state == "complete":
        return metric in record.metrics and not math.isfinite(record.metrics[metric])
    return record.state == "failed"


def mean_in_seed(arms: Sequence[Arm], trials: Trials, seed: int, metric: str) -> float | None:
    """Return the mean over ``arms`` in one seed; None unless all of them finished."""
    values = [value(trials.get((arm.name, seed)), metric) for arm in arms]
    finished = [each for each in values if each is not None]
    if not finished or len(finished) < len(values):
        return None
    return mean_of(finished)


def until(record: Record | None, metric: Metric, reaches: float) -> tuple[float, float] | None:
    """Return the epochs and the steps after which a trial first reached a target.

    Both are infinite where it never did; None where it failed, or recorded no such curve. What a
    training of the user's own counts, it alone knows: both are what it reported its curve by.

    Args:
        record: of the trial.
        metric: whose learning curve is looked at.
        reaches: how good it is to be, in the metric's unit.
    """
    if record is None or value(record, metric.name) is None:
        return None
    curve = record.curves.get(metric.name, ())
    if not curve:
        return None
    sign = 1 if metric.better == "higher" else -1
    points = zip(record.points, curve, strict=False)
    reached = next((at for at, each in points if sign * each >= sign * reaches), math.inf)
    steps = record.cost.get("steps")
    return reached, reached if steps is None else reached * steps / len(curve)


def median_time(times: Sequence[float]) -> float:
    """Return the lower of the two in the middle: half way between a time and infinity is nothing.

    Args:
        times: one at least; infinite where the target was not reached.
    """
    return sorted(times)[(len(times) - 1) // 2]


def groups_of(declaration: Declaration, claim: Claim) -> list[tuple[Arm, ...]]:
    """Return the arms that each partial arm of a claim stands for."""
    return comparable(declaration.arms, declaration.partials(claim))


def pair(
    declaration: Declaration,
    claim: Claim,
    trials: Trials,
    among: Sequence[int] | None = None,
) -> Pairs:
    """Return what a claim looks at in every seed that has it.

    Args:
        declaration: the study at one scale.
        claim: one of its claims.
        trials: what :func:`evaluations` returned.
        among: the seeds to look at; all that there are, where not given.
    """
    groups = groups_of(declaration, claim)
    metric = declaration.metric(claim.metric)

    def of(group: Sequence[Arm], seed: int) -> float | None:
        if not isinstance(claim, Sooner):
            return mean_in_seed(group, trials, seed, claim.metric)
        (arm,) = group  # the study has checked it
        times = until(trials.get((arm.name, seed)), metric, claim.reaches)
        time = times[claim.clock == "steps"] if times else math.nan
        return None if math.isnan(time) else time

    names = {arm.name for group in groups for arm in group}
    everywhere = sorted({seed for _, seed in trials} if among is None else among)
    looked_at = set(everywhere)
    places = ((name, seed) for name in names for seed in looked_at)
    own = [trials[place] for place in places if place in trials]
    failures = [record.seed for record in own if has_failed(record, claim.metric)]
    seeds, values, ended, fails = [], [], [], []
    for seed in everywhere:
        means = [of(group, seed) for group in groups]
        finished = [mean for mean in means if mean is not None]
        if len(finished) == len(groups):
            seeds.append(seed)
            values.append(tuple(finished))
        sides = [[trials.get((arm.name, seed)) for arm in group] for group in groups]
        if all(each is not None and each.state != "running" for side in sides for each in side):
            ended.append(seed)
            fails.append(
                tuple(
                    any(has_failed(each, claim.metric) for each in side if each) for side in sides
                )
            )
    found = Pairs(
        seeds=tuple(seeds),
        values=tuple(values),
        ended=tuple(ended),
        fails=tuple(fails),
        trials=sum(record.state != "running" for record in own),
        failed=len(failures),
        missing=len(everywhere) - len(seeds),
        unfinished=len(looked_at - set(seeds) - set(failures)),
        identical=not failures and _identical(declaration, groups, trials, seeds, values),
    )
    return _apart(declaration, claim, trials, found) if declaration.source == "results" else found


def _apart(declaration: Declaration, claim: Claim, trials: Trials, found: Pairs) -> Pairs:
    """Return the values of either side by itself, where results of others share no seed.

    That the sides share none is told from which trials there are, whatever came of them: so a run
    that failed cannot turn pairs into something else. Seeds of our own are the same in all arms.
    """
    groups = groups_of(declaration, claim)
    seeds_of = [_seeds(group, trials) for group in groups]
    if not all(seeds_of) or frozenset.intersection(*seeds_of):
        return found
    two_means = isinstance(claim, Higher | Equivalent | NotWorse) and claim.metric != FAILED.name
    if not two_means:
        return replace(found, unshared=True)
    sides = [
        {
            seed: mean
            for seed in sorted(seeds)
            if (mean := mean_in_seed(group, trials, seed, claim.metric)) is not None
        }
        for group, seeds in zip(groups, seeds_of, strict=True)
    ]
    first, second = sides
    used = (*first, *second)
    left_out = frozenset.union(*seeds_of).difference(used)
    names = {arm.name for group in groups for arm in group}
    failed = {
        seed
        for (arm, seed), record in trials.items()
        if arm in names and has_failed(record, claim.metric)
    }
    return replace(
        found,
        seeds=used,
        missing=len(left_out),
        unfinished=len(left_out - failed),
        unshared=True,
        sides=(tuple(first.values()), tuple(second.values())),
    )


def _seeds(group: Sequence[Arm], trials: Trials) -> frozenset[int]:
    names = {arm.name for arm in group}
    return frozenset(seed for arm, seed in trials if arm in names)


def _identical(
    declaration: Declaration,
    groups: Sequence[Sequence[Arm]],
    trials: Trials,
    seeds: Sequence[int],
    values: Sequence[Sequence[float]],
) -> bool:
    """Whether the arms of a claim, side by side, did the same to the last bit.

    Metrics alone do not tell: two different networks may both be right about every example. So
    each trial must have a curve, and one of something finer than a share of examples.
    """
    if not seeds or any(one != side[0] for side in values for one in side):
        return False
    if len({len(group) for group in groups}) != 1:
        return False

    def same(seed: int, arms: Sequence[Arm]) -> bool:
        first, *others = [trials[arm.name, seed] for arm in arms]
        fine = any(is_fine(declaration, name) and curve for name, curve in first.curves.items())
        return fine and all(_bits(first) == _bits(other) for other in others)

    return all(same(seed, arms) for seed in seeds for arms in zip(*groups, strict=True))


def is_fine(declaration: Declaration, name: str) -> bool:
    """Whether a curve is of something finer than a share of examples; of what is not known, not."""
    known = {metric.name for metric in declaration.metrics}
    if declaration.source == "build":
        known |= METRICS.keys()
    return name in known and declaration.metric(name).unit not in SHARES


def _bits(record: Record) -> str:
    """Write all that was measured; by ``repr``, in which a NaN is like another."""
    return repr((sorted(record.curves.items()), sorted(record.metrics.items())))
