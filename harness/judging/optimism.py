"""How far the tuning of arms can be trusted: what it promised, what came, and what was not tried.

The best of many values reached with one seed is best in part by luck, so it is too good on average
(the optimizer's curse: Smith and Winkler 2006, https://doi.org/10.1287/mnsc.1050.0451). All of this
describes; no verdict rests on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.floats import mean_of
from harness.judging.summaries import ArmSummary
from harness.study.formatting import plural
from harness.study.metrics import Better, Metric
from harness.study.searching import PLACES
from harness.trials.tuning import ArmTuning


@dataclass(frozen=True)
class Optimism:
    """What tuning promised of one arm, and what evaluation gave; NaN where it is not known.

    Attributes:
        arm: the arm's name.
        tuned: the objective that the chosen settings reached with the seed of the search.
        confirmed: their mean over the fresh seeds on which the best were trained again.
        evaluated: the mean of the objective over the arm's evaluation trials.
        sd: its standard deviation over evaluation seeds.
        too_good: tuned less evaluated, on the scale on which claims compare the metric, signed so
            that a positive number means that tuning promised too much.
        confirmed_too_good: the same of ``confirmed``.
        spread: from the best to the worst of the best settings, on the same scale, never negative:
            of means over fresh seeds where they were confirmed, else of what each reached.
        among: how many settings that is of.
    """

    arm: str
    tuned: float
    confirmed: float
    evaluated: float
    sd: float
    too_good: float
    confirmed_too_good: float
    spread: float
    among: int


def optimism(
    objective: Metric, tuning: Sequence[ArmTuning], summaries: Sequence[ArmSummary]
) -> tuple[Optimism, ...]:
    """Compare what tuning promised with what came, in each arm in which settings were chosen by it.

    Args:
        objective: the metric by which they were chosen.
        tuning: how settings were chosen; those of one arm are beside each other.
        summaries: of the evaluation trials.
    """
    evaluated = {
        each.group: each for each in summaries if not each.factor and each.metric == objective.name
    }
    return tuple(
        _of_arm(objective, arm, own, evaluated.get(arm))
        for arm, group in groupby(tuning, key=lambda each: each.arm)
        if (own := list(group))[0].how == "tuned"
    )


def _of_arm(
    objective: Metric, arm: str, own: Sequence[ArmTuning], summary: ArmSummary | None
) -> Optimism:
    better = objective.better
    chosen = _chosen(own[0], better)
    means = [_mean(objectives) for _, objectives in own[0].confirmed]
    was_confirmed = bool(means) and chosen == own[0].confirmed[0][0]
    tuned = math.nan if chosen is None else _number(own[0].tried[chosen][1])
    confirmed = means[0] if was_confirmed else math.nan
    mean = summary.mean if summary else math.nan
    compared = means or [_number(own[0].tried[place][1]) for place in _best(own, better)]
    known = [number for each in compared if math.isfinite(number := objective.scaled(each))]
    return Optimism(
        arm=arm,
        tuned=tuned,
        confirmed=confirmed,
        evaluated=mean,
        sd=summary.sd if summary else math.nan,
        too_good=_too_good(objective, tuned, mean),
        confirmed_too_good=_too_good(objective, confirmed, mean),
        spread=max(known) - min(known) if len(known) > 1 else math.nan,
        among=len(known),
    )


def _too_good(objective: Metric, promised: float, came: float) -> float:
    more = objective.scaled(promised) - objective.scaled(came)
    return more if objective.better == "higher" else 0.0 - more


def _chosen(tuning: ArmTuning, better: Better | None) -> int | None:
    """Return which of those tried was chosen.

    It is the first of those confirmed, unless all of these failed; else the best of the others.
    """
    if tuning.confirmed and math.isfinite(_mean(tuning.confirmed[0][1])):
        return tuning.confirmed[0][0]
    failed = {place for place, _ in tuning.confirmed}
    places = [
        place
        for place, (value, objective) in enumerate(tuning.tried)
        if value == tuning.chosen and place not in failed and math.isfinite(_number(objective))
    ]
    return min(places, key=lambda place: _cost(tuning.tried[place][1], better), default=None)


def _best(own: Sequence[ArmTuning], better: Better | None) -> list[int]:
    """Return which of those tried were the best, as many as are confirmed; each values once."""
    objectives = [objective for _, objective in own[0].tried]
    finished = [place for place, each in enumerate(objectives) if math.isfinite(_number(each))]
    finished.sort(key=lambda place: _cost(objectives[place], better))
    distinct = {tuple(each.tried[place][0] for each in own): place for place in reversed(finished)}
    return sorted(distinct.values(), key=finished.index)[: len(PLACES)]


def _mean(values: Sequence[float | None]) -> float:
    return mean_of(value for value in map(_number, values) if math.isfinite(value))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _cost(value: float | None, better: Better | None) -> float:
    return -_number(value) if better == "higher" else _number(value)


def how_chosen(tuning: Sequence[ArmTuning]) -> str:
    """Say in half a sentence how one of the settings tried was chosen; empty where none was tried.

    Args:
        tuning: how settings were chosen, in one arm or in several, which are tuned alike.
    """
    tried = max((len(each.tried) for each in tuning), default=0)
    if not tried:
        return ""
    confirmed = max((each.confirmed for each in tuning), key=len)
    if not confirmed:
        return f"the best of {plural(tried, 'setting')}, each tried with one seed"
    fresh = plural(len(confirmed[0][1]), "seed")
    return (
        f"of {plural(tried, 'setting')}, each tried with one seed, the best {len(confirmed)} were "
        f"tried again with {fresh} that the search did not see, and these alone chose"
    )


_BEYOND = {"smallest": "lower", "largest": "upper"}
"""On which edge of a space the smallest and the largest value can lie."""


def marked(tuning: ArmTuning) -> str:
    """Say in a few words where the chosen value lies, if that is at an end; else nothing."""
    parts = [f"{tuning.end} tried"] if tuning.end else []
    parts += [f"at the {tuning.edge} edge"] if tuning.edge else []
    return ", ".join(parts)


def on_edges(tuning: Sequence[ArmTuning], most: int = 3) -> Iterator[str]:
    """Yield a sentence for each edge of a space, or end of what was tried, on which choices lie.

    Where a choice lies on the edge of its space, that no other was tried beyond it says no more.

    Args:
        tuning: how settings were chosen.
        most: arms that are named.
    """
    edges: dict[tuple[str, str], list[ArmTuning]] = {}
    ends: dict[tuple[str, str], list[ArmTuning]] = {}
    for each in tuning:
        if each.edge:
            edges.setdefault((each.setting, each.edge), []).append(each)
        if each.end and _BEYOND[each.end] != each.edge:
            ends.setdefault((each.setting, each.end), []).append(each)
    for (setting, edge), own in edges.items():
        space = f"the {edge} edge of its space, {own[0].low:g} to {own[0].high:g}"
        them = "this arm" if len(own) == 1 else "them"
        chosen = _chosen_in(own, setting, most)
        yield f"{chosen} lies on {space}; a wider space might favour {them}."
    for (setting, end), own in ends.items():
        where = "below it" if end == "smallest" else "above it"
        rest = f"the {end} tried, in a space from {own[0].low:g} to {own[0].high:g}"
        yield f"{_chosen_in(own, setting, most)} is {rest}; a better one may lie {where}."


def _chosen_in(own: Sequence[ArmTuning], setting: str, most: int) -> str:
    if len(own) == 1:
        return f"{own[0].arm}: the chosen {setting} = {own[0].chosen:.3g}"
    names = "; ".join(each.arm for each in own[:most])
    names += f" and {len(own) - most} more" if len(own) > most else ""
    return f"{len(own)} arms ({names}): the chosen {setting}"
