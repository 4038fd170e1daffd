"""A function of the user's own, called once: from its context to its metrics and curves."""

from __future__ import annotations

import math
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.messages.blame import named, place
from harness.messages.errors import HarnessError, one_line
from harness.own.context import Context, number_of
from harness.own.seeds import seeded
from harness.own.stopping import PrunedError, StoppedError
from harness.study.function import Function


@dataclass(frozen=True)
class Called:
    """What came of a call.

    Attributes:
        metrics: by name; empty where it failed.
        curves: what was reported, by name.
        cost: ``seconds`` of the call, and of the parts that were timed.
        reason: why it failed; empty where it did not.
        stopped: whether it stopped because it was asked to, before it was finished.
        pruned: whether it was ended early, because it did badly; its metrics are what it reported
            last.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    stopped: bool = False
    pruned: bool = False


@dataclass(frozen=True)
class Wording:
    """How messages speak of where metrics come from.

    Attributes:
        must: who must do what with every metric.
        instead: what to do where one is missing.
        number: what to do where one is no number.
        diverged: what to do where one is not finite.
    """

    must: str
    instead: str
    number: str
    diverged: str


RETURNED = Wording(
    "train must return or report",
    "Return it, or leave it out of metrics=.",
    "Return a float; of an array or a tensor with one value, take .item().",
    "or return a number that tells how far it came",
)

WRITTEN = Wording(
    "the command must write",
    "Let it write it to reads= or curve=, or name its line by prints=; or leave it out of "
    "metrics=.",
    "Write a number that is no text, list or object.",
    "or write a number that tells how far it came",
)


def call(work: Function, context: Context, wanted: Collection[str]) -> Called:
    """Call a function with its arguments; whatever it fails of is the reason.

    Args:
        work: the function, and the arguments of one arm.
        context: the trial's.
        wanted: the metrics that it must give.
    """
    try:
        with seeded(context.seed):
            returned: object = work.function(context=context, **work.arguments)
    except HarnessError as error:
        return Called(reason=str(error))
    except StoppedError:
        return Called(stopped=True)
    except PrunedError:
        costs = {"seconds": context.seconds(), **context.times()}
        return Called(context.last(), context.curves(), costs, pruned=True)
    except (Exception, SystemExit) as error:
        traceback.print_exc()  # into the trial's log, where it has a process of its own
        return Called(reason=one_line(f"{named(error)[:500]} at {place(error)}"))
    seconds = context.seconds()
    if returned is None and context.stopping:
        return Called(stopped=True)
    if not wanted:  # it makes what others need, and may have no number to tell
        returned = {"finished": 1.0} if returned in (None, {}) else returned
    try:
        metrics = collected(returned, context.last(), wanted, choosing=context.choosing)
    except HarnessError as error:
        return Called(reason=str(error))
    return Called(metrics, context.curves(), {"seconds": seconds, **context.times()})


def collected(
    returned: Any,
    reported: Mapping[str, float],
    wanted: Collection[str],
    *,
    choosing: bool,
    how: Wording = RETURNED,
) -> dict[str, float]:
    """Return the metrics of a trial.

    Args:
        returned: what the function returned, or the command wrote.
        reported: the last value of each curve: it counts where a wanted metric was not returned.
        wanted: the metrics that there must be.
        choosing: whether a setting is being chosen, for which test examples are not.
        how: how messages speak of it.

    Raises:
        HarnessError: one is missing, or is no finite number.
    """
    if not isinstance(returned, Mapping):
        raise HarnessError(
            f"{'train' if wanted else 'a function in needs='} must return its metrics as a "
            "dictionary from names to numbers",
            "nothing" if returned is None else f"a {type(returned).__name__}",
            "Write return {'" + (next(iter(wanted), "test_error")) + "': value}.",
        )
    found = {str(name): number_of(str(name), value, how.number) for name, value in returned.items()}
    for name in wanted:
        if name not in found and name in reported:
            found[name] = reported[name]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise HarnessError(
            f"{how.must} every metric that the study declares",
            f"no {' and no '.join(missing)}, but {', '.join(found) or 'nothing'}",
            how.instead,
        )
    for name, value in found.items():
        if not math.isfinite(value):
            raise HarnessError(
                "every metric must be a finite number",
                f"{name} = {value}",
                f"A training that diverges is a failed trial. Leave it so, {how.diverged}.",
            )
    if choosing:
        return {name: value for name, value in found.items() if not name.startswith("test_")}
    return found
