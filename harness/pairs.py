"""Records to paired values: which trials count, and what each side of a claim is in each seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.claims import Claim
from harness.designs import Arm
from harness.levels import Level
from harness.records import Record
from harness.study import Study

Trials = Mapping[tuple[str, int], Record]
"""The record that counts, by arm name and seed."""


@dataclass(frozen=True)
class Pairs:
    """The two sides of a claim's contrast, seed by seed.

    Attributes:
        seeds: those in which every arm of the claim finished, ascending.
        first: the added side in each of these seeds.
        second: the subtracted side.
        trials: trials of the claim's arms that have ended, failures included.
        failed: those of them that failed, or whose metric is not finite.
        missing: seeds seen in the study but left out here.
        unfinished: those of them in which nothing failed: a trial has not been run, or not ended.
    """

    seeds: tuple[int, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    trials: int
    failed: int
    missing: int
    unfinished: int


def evaluations(study: Study, scale: str, records: Iterable[Record]) -> Trials:
    """Return the evaluation trials of one study and scale; of several records, the last counts."""
    last: dict[tuple[str, int], Record] = {}
    for record in records:
        if (record.study, record.scale, record.role) != (study.name, scale, "evaluate"):
            continue
        place = record.arm, record.seed
        if place not in last or _order(record) > _order(last[place]):
            last[place] = record
    return last


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
    return math.fsum(finished) / len(finished)


def comparable(
    arms: Sequence[Arm], partials: Sequence[Mapping[str, Level]]
) -> list[tuple[Arm, ...]]:
    """Return the arms that each partial arm stands for, alike in all factors none of them names.

    Of the arms that match, those count whose other levels every partial arm has: where one factor
    is varied at a time, ``{"optimizer": adam}`` against ``{"optimizer": sgd}`` is the baseline
    with one changed optimizer, and not an average in which sgd alone meets other depths. Where
    nothing is shared, as with arms listed by hand, all that match count.
    """
    named = {factor for partial in partials for factor in partial}

    def rest(arm: Arm) -> tuple[str, ...]:
        return tuple(level.name for factor, level in arm.levels.items() if factor not in named)

    matching = [tuple(arm for arm in arms if arm.matches(partial)) for partial in partials]
    shared = set.intersection(*({rest(arm) for arm in group} for group in matching))
    if not shared:
        return matching
    return [tuple(arm for arm in group if rest(arm) in shared) for group in matching]


def pair(study: Study, scale: str, claim: Claim, trials: Trials) -> Pairs:
    """Return the two sides of a claim in every seed that has them.

    A claim's terms come in two halves, the added side and the subtracted one; each is the sum of
    weight times the mean of the term's arms.
    """
    terms = study.terms(claim)
    groups = comparable(study.arms(scale), [partial for _, partial in terms])
    names = {arm.name for group in groups for arm in group}
    own = [record for (arm, _), record in trials.items() if arm in names]
    failures = [record.seed for record in own if has_failed(record, claim.metric)]
    half = len(terms) // 2
    seeds, first, second = [], [], []
    everywhere = sorted({seed for _, seed in trials})
    for seed in everywhere:
        means = [mean_in_seed(group, trials, seed, claim.metric) for group in groups]
        parts = [
            weight * mean
            for (weight, _), mean in zip(terms, means, strict=True)
            if mean is not None
        ]
        if len(parts) == len(terms):
            seeds.append(seed)
            first.append(math.fsum(parts[:half]))
            second.append(-math.fsum(parts[half:]))
    return Pairs(
        seeds=tuple(seeds),
        first=tuple(first),
        second=tuple(second),
        trials=sum(record.state != "running" for record in own),
        failed=len(failures),
        missing=len(everywhere) - len(seeds),
        unfinished=len(set(everywhere) - set(seeds) - set(failures)),
    )
