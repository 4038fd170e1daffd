"""A search as a command asks for it: what its file declares, with what the command line says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from harness.messages.errors import HarnessError
from harness.planning.searching import SearchPlanner
from harness.running.executors import SearchOptions
from harness.storing import asked
from harness.storing.elsewhere import tried_elsewhere
from harness.storing.ledger import Ledger
from harness.storing.optuna_studies import space_of, spaces_in
from harness.storing.store import Store
from harness.study.searching import check_searching
from harness.study.study import Study
from harness.trials.searched import AskedBatch, EarlierSettings


def as_asked(study: Study, options: SearchOptions) -> Study:
    """Return a study with what the command line says of its search.

    Raises:
        HarnessError: it does not search, or cannot be searched so.
    """
    search = study.search
    if search is None:
        raise HarnessError(
            "harness search must be given a Search, or --over what is searched of a study",
            f"study {study.name}",
            f"Write `harness search {study.name} --over {','.join(study.parameters[:2])}`.",
        )
    changed: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("trials", "sampler", "pruner", "confirm")
        if getattr(options, name) is not None
    }
    given = tuple(search.space.completed(each) for each in options.enqueue)
    made = replace(search, **changed, enqueue=(*search.enqueue, *given))
    check_searching(made)
    scales = study.scales
    if options.trials is not None:  # also where the scale says another number
        scales = {name: scale.without_tuning for name, scale in scales.items()}
    out = replace(study, search=made, scales=scales)
    out.place_in(study.module)
    return out


class InStore:
    """Keeps the batches of a search in its store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def read(self, code: str) -> list[AskedBatch]:
        """Return the batches asked for, in order."""
        return asked.asked(self._ledger, code)

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        """Keep a batch."""
        asked.write_asked(self._ledger, code, number, batch)

    def earlier(self, code: str) -> list[EarlierSettings]:
        """Return the settings of another search that the sampler learns from."""
        return asked.earlier(self._ledger, code)

    def alone(self) -> AbstractContextManager[object]:
        """Return within which no other process of this machine asks."""
        return self._ledger.store.lock()


class Reading(InStore):
    """Reads the batches of a search, and keeps none: what is planned is not begun."""

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        """Forget a batch."""


class Nowhere:
    """Keeps the batches of a search nowhere: nothing was run yet."""

    def read(self, code: str) -> list[AskedBatch]:
        """Return nothing."""
        del code
        return []

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        """Forget a batch."""

    def earlier(self, code: str) -> list[EarlierSettings]:
        """Return nothing."""
        del code
        return []

    def alone(self) -> AbstractContextManager[object]:
        """Return within which nothing else happens."""
        return nullcontext()


def check_space(store: Store, study: Study, scale: str) -> None:
    """Check that a store has no search of this name in another space.

    Raises:
        HarnessError: it has one.
    """
    searching = study.searching(scale)
    assert searching is not None
    now = space_of(searching.plain)
    for before in spaces_in(store, study.name, scale):
        if before != now:
            raise HarnessError(
                f"a store that {study.name} is searched in must hold no search of another space "
                "under its name",
                f"{_difference(before, now)}, in {store.url}",
                "Give the search another name=, or write --store other.db; --warm-start lets it "
                "learn from this one.",
            )


def _difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    said = []
    for name in dict.fromkeys((*before, *now)):
        if name not in now:
            said.append(f"{name} there alone")
        elif name not in before:
            said.append(f"{name} here alone")
        elif before[name] != now[name]:
            said.append(f"{name}: {before[name]} there, {now[name]} here")
    return "; ".join(said)


def planner_of_search(
    study: Study, scale: str, ledger: Ledger | None, options: SearchOptions | None
) -> SearchPlanner:
    """Return what plans a search at one scale.

    Args:
        study: what runs it, as :func:`as_asked` returned it.
        scale: the scale's name.
        ledger: where it is recorded; ``None`` where nothing was.
        options: what the command line says of it.

    Raises:
        HarnessError: the sampler cannot do the space, or the budget is too small.
    """
    seconds = options.seconds if options is not None else None
    deadline = None if seconds is None else time.monotonic() + seconds
    kept = Nowhere() if ledger is None else InStore(ledger)
    return SearchPlanner(study, scale, kept, deadline=deadline)


def learn(
    study: Study, scale: str, ledger: Ledger, source: str, opened: Callable[[str], Store]
) -> str:
    """Keep what another search has tried, for this one to learn from; say in a line what it is.

    Args:
        study: what runs this one.
        scale: the scale's name.
        ledger: where this one is recorded.
        source: the store of the other one, or ``STORE#SEARCH``.
        opened: opens a store.

    Raises:
        HarnessError: there is no such store or search, or this one has begun.
    """
    planner = planner_of_search(study, scale, ledger, None)
    code = next(iter(planner.at_defaults.values())).key
    if asked.asked(ledger, code):
        if asked.earlier(ledger, code):
            return ""  # the same command again
        raise HarnessError(
            "--warm-start must stand in the first command of a search",
            f"{study.name} at scale {scale}, which has begun",
            "Leave it out, or write --store other.db.",
        )
    where, _, name = source.partition("#")
    names = [f"{name}-{scale}", name] if name else [f"{study.name}-{scale}"]
    found, left = tried_elsewhere(
        opened(where), names, planner.searching.space, planner.better, strictly=bool(name)
    )
    if not found:
        raise HarnessError(
            "--warm-start must name a search with finished settings in this space",
            f"{left} of {source}, all with other settings" if left else f"none of {source}",
            "Leave it out.",
        )
    asked.write_earlier(ledger, code, found)
    rest = f"; {left} more lie outside of this space" if left else ""
    return f"learns from {len(found)} settings of {source}{rest}"
