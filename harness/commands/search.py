"""``harness search``: what its words mean. How it is run is as of any study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.messages.errors import HarnessError
from harness.running.executors import SearchOptions
from harness.running.find import OVER, SEARCH, find, has_search


def search_named(reference: str, over: str | None) -> str:
    """Return by which name a search is found: that of a file or module, with what is searched.

    Args:
        reference: what stands on the command line.
        over: names of factors and tuned settings of a study, joined by commas.

    Raises:
        HarnessError: there is no such file or module, or nothing is named.
    """
    if over is not None:
        names = [name.strip() for name in over.split(",")]
        if not all(names):
            raise HarnessError("--over must name settings", repr(over), "Write --over lr,width.")
        return f"{reference}{OVER}{','.join(names)}"
    return f"{reference}{SEARCH}" if has_search(find(reference)) else reference


def asked_for(
    trials: int | None,
    seconds: float | None,
    sampler: str | None,
    pruner: str | None,
    confirm: int | None,
    enqueue: Sequence[str],
    warm_start: str,
) -> SearchOptions:
    """Return what the command line says of a search.

    Args:
        trials: trials in all.
        seconds: after which no more settings are asked for.
        sampler: its name.
        pruner: its name.
        confirm: on how many fresh seeds the best settings are run again.
        enqueue: settings, each as ``lr=0.1,width=32``.
        warm_start: the store of another search.

    Raises:
        HarnessError: settings cannot be read.
    """
    given = tuple(map(_settings, enqueue))
    return SearchOptions(trials, seconds, sampler, pruner, confirm, given, warm_start)


def _settings(text: str) -> dict[str, Any]:
    """Read settings; a value that is no number, true or false is text."""
    out: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise HarnessError(
                "--enqueue must be given settings with their values",
                repr(text),
                "Write --enqueue lr=0.1,width=32.",
            )
        try:
            out[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            out[name.strip()] = value.strip()
    return out
