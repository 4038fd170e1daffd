"""The command line that comes to the same records of a search."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from harness.messages.redact import shown
from harness.running.executors import Options, SearchOptions
from harness.running.find import OVER, SEARCH
from harness.study.searching import Searching
from harness.study.study import Study


def search_command(study: Study, scale: str, options: Options) -> str:
    """Return the command that comes to the same records on a new machine.

    Args:
        study: what runs the search, with what the command line said of it.
        scale: the scale's name.
        options: how it is run.
    """
    searching = study.searching(scale)
    assert searching is not None
    reference, _, over = options.reference.partition(OVER)
    words = ["harness", "search", reference.removesuffix(SEARCH), "--scale", scale]
    words += ["--over", over] if over else []
    return shlex.join([*words, *_words(searching, options.search or SearchOptions(), options)])


def _words(searching: Searching, asked: SearchOptions, options: Options) -> Iterator[str]:
    yield from ("--trials", str(searching.trials), "--sampler", searching.sampler)
    if searching.pruner != "none" or asked.pruner is not None:
        yield from ("--pruner", searching.pruner)
    if searching.confirm is not None:
        yield from ("--confirm", str(searching.confirm))
    for settings in asked.enqueue:
        yield from ("--enqueue", ",".join(f"{name}={value}" for name, value in settings.items()))
    if asked.warm_start:
        yield from ("--warm-start", shown(asked.warm_start))
    if options.mode:
        yield from ("--mode", options.mode)
