"""What is said of a search: which settings to take, and how far that can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.judging.confirmed import Confirmed, Estimate
from harness.judging.searched import SearchResults
from harness.judging.tried import Edge
from harness.study.formatting import (
    effect_and_interval,
    effect_text,
    in_sentence,
    join,
    level_text,
    number_text,
    percent_text,
    plural,
    spread_text,
)
from harness.study.searching import DEFAULT, AtMost
from harness.study.settings import Settings, Value

ENDED = {
    "trials": "the budget is used up",
    "timeout": "the time is used up",
    "patience": "the best has not moved for as many settings as patience allows",
    "grid": "the whole grid was tried",
}
"""Why no more settings are asked for."""


def value_text(value: Value) -> str:
    """Print a value of a setting: a number with three digits, all else as it is."""
    return number_text(value) if isinstance(value, float) else str(value)


def settings_text(settings: Settings) -> str:
    """Print settings in one line, such as ``lr = 0.0316, width = 64``."""
    return ", ".join(f"{name} = {value_text(value)}" for name, value in settings.items())


def name_of(place: int) -> str:
    """Name settings within a sentence."""
    return "the default" if place == 0 else f"setting {place + 1}"


def estimate_text(search: SearchResults, estimate: Estimate) -> str:
    """Print a level with its interval, where it has one."""
    text = level_text(search.metric, estimate.value)
    if not estimate.wide:
        return text
    return f"{text} {spread_text(search.metric, estimate.low, estimate.high)}"


def difference_text(search: SearchResults, estimate: Estimate, *, sign: bool = False) -> str:
    """Print a difference with its interval, where it has one.

    Args:
        search: whose first objective it is of.
        estimate: the difference.
        sign: whether it has one, as in a table; otherwise its size is printed, as in a sentence
            that says which is better.
    """
    metric, turned = search.metric, not sign and estimate.value < 0
    value = -estimate.value if turned else estimate.value
    text = effect_text(metric, value)
    if estimate.wide:
        low, high = (-estimate.high, -estimate.low) if turned else (estimate.low, estimate.high)
        text = effect_and_interval(metric, value, low, high)
        text = text.replace("+", "") if not sign and low > 0 else text
    return text if sign else text.lstrip("+")


def sentences(search: SearchResults) -> tuple[str, ...]:
    """Say which settings to take, how good they are, and how far that can be trusted."""
    return tuple(_sentences(search))


def _sentences(search: SearchResults) -> Iterator[str]:
    if search.taken is None:
        yield _nothing(search)
        if search.all_lost and search.top:
            yield from _lost(search)
        return
    yield _take(search, search.taken)
    if len(search.objectives) > 1:
        yield _front(search)
    winner = search.winner
    if winner is not None:
        yield _confirmed(search, winner)
        found = search.found
        if found is not None and not winner.exact and math.isfinite(found.optimism.value):
            yield _optimism(search, found)
        yield _apart(search, winner)
    else:
        yield _biased(search, search.taken)
    yield from _lost(search)
    yield from (edge_text(search, edge) for edge in search.edges)


def _nothing(search: SearchResults) -> str:
    within = " within the constraints" if search.searching.constraints else ""
    if search.all_lost and search.top:
        return f"No setting can be taken: {_all_lost(search)}, and no other finished{within}."
    if any(each.state == "running" for each in search.tried) or not search.tried:
        return "No setting has been tried to its end yet."
    settings = plural(len(search.tried), "setting")
    return f"No setting can be taken: of {settings} none finished{within}."


def _all_lost(search: SearchResults) -> str:
    """Say what became of settings that were run again, where none of them can be taken."""
    broken = " or broke a constraint" if any(arm.broken for arm in search.arms) else ""
    return f"all that were confirmed failed{broken} on fresh seeds"


def _take(search: SearchResults, taken: int) -> str:
    settings = settings_text(search.tried[taken].settings)
    by = "" if len(search.objectives) == 1 else f" by {in_sentence(search.metric.title)}"
    if taken == 0:
        return f"Keep the default: {settings}. Nothing that was found is shown to be better{by}."
    which = f"{settings} (setting {taken + 1} of {len(search.tried)})"
    if search.all_lost:
        start = _all_lost(search)
        return f"{start[0].upper()}{start[1:]}; the best of the others{by} is {which}."
    return f"Best{by}: {which}."


def _front(search: SearchResults) -> str:
    """Say that with several objectives there is no one best."""
    titles = [in_sentence(metric.title) for metric in search.objectives]
    if len(search.front) == 1:
        return f"No other setting is better by {' or '.join(titles)}."
    many = plural(len(search.front), "setting")
    return (
        f"By {join(titles)} together there is no one best: there are {many} to which no other is "
        "better in one without being worse in another. They are marked in settings.csv."
    )


def _confirmed(search: SearchResults, winner: Confirmed) -> str:
    seeds = plural(len(winner.values), "fresh seed")
    what = f"the {in_sentence(search.metric.title)} of {name_of(winner.place)} is"
    text = f"On {seeds} {what} {estimate_text(search, winner.mean)}"
    if winner.exact:
        text = f"{_capital(what)} {level_text(search.metric, winner.mean.value)}"
    gain = winner.gain
    if winner.place != 0 and math.isfinite(gain.value):
        word = "better" if gain.value >= 0 else "worse"
        text += f", {difference_text(search, gain)} {word} than the default's"
        if gain.known and gain.low <= 0 <= gain.high:
            text += ", which may be chance"
    if winner.exact:
        return f"{text}. Every seed gave the same: chance plays no part, and seeds tell no more."
    if not winner.mean.known:
        text += "; one seed has no interval"
    elif len(winner.values) == 2:
        text += "; from two seeds, intervals are very wide"
    return f"{text}."


def _optimism(search: SearchResults, first: Confirmed) -> str:
    """Say how much better the best of the search looked than it is."""
    value, size = level_text(search.metric, first.searched), first.optimism
    start = f"The search itself had shown {value} for {name_of(first.place)}, the best in it"
    shown = difference_text(search, size)
    if size.value > 0:
        sure = "" if not size.known or size.low > 0 else "; that may be chance"
        return (
            f"{start}: {shown} better than on fresh seeds{sure}. The best of many looks better "
            "than it is."
        )
    return f"{start}: no better than on fresh seeds ({shown} worse)."


def _apart(search: SearchResults, winner: Confirmed) -> str:
    """Say which of those confirmed cannot be told from the best."""
    compared = [arm for arm in search.arms if arm.sound]
    if len(compared) < 2:
        return "Nothing else was confirmed that it could be compared with."
    others = [name_of(arm.place) for arm in compared if arm.may_be_best and arm is not winner]
    name = _capital(name_of(winner.place))
    if not others:
        return f"{name} is better than all others that were confirmed."
    if len(winner.values) < 2 and not winner.exact:
        return "With one fresh seed, none of those confirmed can be told from another."
    return f"{name} cannot be told from {join(others)}, which may be as good or better."


def _biased(search: SearchResults, taken: int) -> str:
    value = level_text(search.metric, search.tried[taken].value)
    some = sum(map(search.can_be_taken, search.tried))
    end, what = _to_confirm(search), f"the {in_sentence(search.metric.title)} of {name_of(taken)}"
    if some == 1:
        return f"{_capital(what)} was {value}, on the search's own seed.{end}"
    return (
        f"{_capital(what)} was {value} in the search. That is biased: the best of "
        f"{plural(some, 'setting')} looks better than it is, and nothing has confirmed it.{end}"
    )


def _to_confirm(search: SearchResults) -> str:
    """Say what would confirm the best, after a space; nothing where it was done in vain."""
    if missing := sum(arm.missing for arm in search.arms):
        return f" Trials that confirm it are missing: {plural(missing, 'trial')}."
    if not search.ended:
        return " The search has not ended: the same command goes on."
    if search.arms:
        return ""
    return " Search(confirm=3) runs the best and the default again on fresh seeds."


def _lost(search: SearchResults) -> Iterator[str]:
    for arm in search.arms:
        name = _capital(name_of(arm.place))
        if arm.failed:
            yield f"{name} failed on {plural(arm.failed, 'fresh seed')}, and is not taken."
        elif arm.broken:
            why = join(_unkept(search, arm.broken, arm.metrics))
            yield f"{name} is not taken: on fresh seeds {why}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unkept(
    search: SearchResults, broken: Sequence[str], means: Mapping[str, float], *, short: bool = False
) -> Iterator[str]:
    """Say of each constraint that settings break what they gave, and what it allows.

    Args:
        search: whose constraints they are.
        broken: the constraints that do not hold, in signs.
        means: what the settings gave.
        short: whether only the side is told, as in a table that has the value.
    """
    for limit, metric in zip(search.searching.constraints, search.limited, strict=True):
        if limit.text not in broken:
            continue
        name, most, mean = in_sentence(metric.title), isinstance(limit, AtMost), means[limit.metric]
        found, allowed = level_text(metric, mean), level_text(metric, limit.value)
        side = "above" if most else "below"
        if found == allowed:  # as printed, though they differ
            side = f"just {side}"
            found = f"{side} {allowed}"
        if not math.isfinite(mean):
            yield f"no finite value of {name} was given"
        elif short:
            yield f"{name} {side} {allowed}"
        else:
            must = f"must be at {'most' if most else 'least'} {allowed}"
            yield f"{name} is {found}, and {must}"


def edge_text(search: SearchResults, edge: Edge) -> str:
    """Say that the best value of a setting lies on an edge."""
    assert search.taken is not None
    value = value_text(search.tried[search.taken].settings[edge.name])
    setting = next(each for each in search.searching.settings if each.name == edge.name)
    low, high = getattr(setting, "low"), getattr(setting, "high")  # noqa: B009 - no Choice has one
    extreme = f"is the {edge.side} value tried"
    if not edge.near:
        end = number_text(low if edge.side == "smallest" else high)
        return f"{edge.name} = {value} {extreme}, though its space goes on to {end}."
    where = f"lies at the edge of its space, {number_text(low)} to {number_text(high)}"
    where = f"{extreme} and {where}" if edge.extreme else where
    return f"{edge.name} = {value} {where}: a wider space may hold better ones."


def what_is_known(search: SearchResults, place: int) -> str:
    """Say in a few words what is known of settings: confirmed, may be best, failed and so on."""
    each, arm = search.tried[place], search.arm(place)
    words = []
    if place == search.taken:
        best = "best of the others" if search.all_lost else "best value"
        words.append("take" if search.confirmed else f"{best}, not confirmed")
    elif arm is not None and arm.failed:
        words.append("failed on a fresh seed")
    elif arm is not None and arm.broken:
        words.append("breaks a constraint on fresh seeds")
    elif arm is not None and arm.sound and search.confirmed:
        words.append("may be as good" if arm.may_be_best else "worse than the best")
    elif each.broken:
        words += _unkept(search, each.broken, each.metrics, short=True)
    elif each.state == "complete":
        words.append("not confirmed")
    else:
        words.append(STATES[each.state])
    if place == 0:
        words.append(DEFAULT)
    return ", ".join(words)


STATES = {"failed": "failed", "pruned": "stopped early", "running": "not ended"}


def together(search: SearchResults) -> str:
    """Say which intervals are meant: those of all confirmed settings hold at once."""
    return (
        f"All of a kind hold at once with a probability of {percent_text(search.level)} "
        f"(Bonferroni, {plural(len(search.arms), 'setting')})"
    )
