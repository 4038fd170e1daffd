"""Arms in the order of their means, and which of them may be the best.

It describes: what was claimed beforehand is judged by verdicts alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.judging.metric_range import MetricRange
from harness.judging.pairing import evaluations, value
from harness.judging.results import Results
from harness.judging.summaries import ArmSummary
from harness.messages.errors import HarnessError
from harness.stats import FEWEST
from harness.study.metrics import TESTED, Metric


@dataclass(frozen=True)
class Leader:
    """One arm.

    Attributes:
        summary: its mean, with the 95 % interval of that mean by itself.
        behind: by how much its mean differs from the best arm's, over the seeds that both are
            compared on; of the best itself 0. NaN where it is not compared.
        low: lower end of that difference; NaN below two seeds, and of the best.
        high: upper end.
        may_be_best: whether nothing shows that another arm is better; ``False`` where it is not
            compared.
    """

    summary: ArmSummary
    behind: float
    low: float
    high: float
    may_be_best: bool

    @property
    def compared(self) -> bool:
        """Whether it takes part: every one of its seeds finished."""
        return not math.isnan(self.behind)


@dataclass(frozen=True)
class Leaders:
    """All arms, best first, then those that are not compared.

    Attributes:
        metric: what they are ordered by.
        rows: one for each arm that has a mean.
        seeds: seeds that all compared arms have.
        level: with which probability the truly best of those compared is among those that may be.
    """

    metric: Metric
    rows: tuple[Leader, ...]
    seeds: int
    level: float

    @property
    def best(self) -> tuple[Leader, ...]:
        """Those that may be the best."""
        return tuple(row for row in self.rows if row.may_be_best)

    @property
    def assessable(self) -> bool:
        """Whether there are enough seeds, and arms, to compare any."""
        return self.seeds >= FEWEST and sum(row.compared for row in self.rows) > 1


def leaders(results: Results) -> Leaders | None:
    """Order arms by the metric that matters, and compare each with all that have a better mean.

    The arms that may be the best are those that no other is shown to beat: subset selection
    (Gupta 1965, Technometrics 7, 225-245; as in Hsu 1984, Annals of Statistics 12, 1136-1144), with
    differences paired by seed and the union bound over the k - 1 others: one-sided intervals at
    1 - α / (k - 1). The truly best arm is left out with a probability of α at most.

    An arm with a trial that failed or is missing is listed and not compared: the seeds in which it
    did finish need not be like the others.

    Args:
        results: of one study, judged.

    Returns:
        ``None`` where no metric with a direction was recorded, or no arm has a mean.
    """
    metric = ranked_by(results)
    if metric is None:
        return None
    wanted = "", metric.name
    own = [each for each in results.summaries
           if (each.factor, each.metric) == wanted and math.isfinite(each.mean)]  # fmt: skip
    if not own:
        return None
    columns = columns_of(results, metric)
    sign = -1.0 if metric.better == "lower" else 1.0
    order = sorted(own, key=lambda each: -sign * each.mean)
    whole = [each for each in order if each.group in columns]
    whole.sort(key=lambda each: -sign * float(columns[each.group].mean()))
    rows = _compared(whole, columns, metric, results.alpha, results.declaration.overlap)
    rest = [Leader(each, math.nan, math.nan, math.nan, may_be_best=False)
            for each in order if each.group not in columns]  # fmt: skip
    seeds = len(next(iter(columns.values()), ()))
    return Leaders(metric, (*rows, *rest), seeds, 1 - results.alpha)


def ranked_by(results: Results) -> Metric | None:
    """Return the metric that arms are ordered by: of claims, else of tests, else the first."""
    recorded = {each.metric for each in results.summaries if math.isfinite(each.mean)}
    declaration = results.declaration
    names = [verdict.claim.metric for verdict in results.verdicts]
    names += [metric.name for metric in declaration.metrics]
    if declaration.source == "build":
        tested = [name for name in names if name.startswith("test_")]
        names = [*tested, *TESTED]
    for name in dict.fromkeys(names):
        try:
            metric = declaration.metric(name)
        except HarnessError:
            continue
        if name in recorded and metric.better in {"lower", "higher"} and not metric.relative:
            return metric
    return None


def columns_of(results: Results, metric: Metric) -> dict[str, np.ndarray]:
    """Return the values by seed of each arm whose every planned seed finished.

    Where claims asked some arms for more seeds than others, the seeds are those that all arms were
    run on, if they are enough to compare by: the arms with fewer may be better.
    """
    trials = evaluations(results.declaration, results.records)
    seeds = sorted({seed for _, seed in trials})
    shared = [seed for seed in seeds if all((arm.name, seed) in trials for arm in results.arms)]
    seeds = shared if len(shared) >= FEWEST else seeds
    found = {}
    for arm in results.arms:
        values = [value(trials.get((arm.name, seed)), metric.name) for seed in seeds]
        if values and all(each is not None for each in values):
            found[arm.name] = np.array(values, dtype=np.float64)
    return found


def _compared(
    order: list[ArmSummary],
    columns: dict[str, np.ndarray],
    metric: Metric,
    alpha: float,
    overlap: float,
) -> list[Leader]:
    """Compare arms with those that have a better mean."""
    if not order:
        return []
    sign = -1.0 if metric.better == "lower" else 1.0
    values = [sign * columns[each.group] for each in order]
    metric_range = MetricRange.of(metric, np.abs(np.concatenate(values)), overlap)
    one_sided = 1 - 2 * alpha / max(1, len(order) - 1)

    def upper(one: int, other: int) -> float:
        return metric_range.locate(values[one], values[other]).ends(one_sided)[1]

    rows = [Leader(order[0], 0.0, math.nan, math.nan, may_be_best=True)]
    for place, each in enumerate(order[1:], 1):
        found = metric_range.locate(values[place], values[0])
        low, high = found.ends(one_sided)
        # from the best mean on: the first that is shown to be better settles it
        beaten = high < 0 or any(upper(place, other) < 0 for other in range(1, place))
        ends = (low, high) if sign > 0 else (-high, -low)
        rows.append(Leader(each, sign * found.mean, *ends, may_be_best=not beaten))
    return rows
