"""What to type next: the command that goes on where claims are open."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from harness.results import Results
from harness.stats import FEWEST, rounded
from harness.verdicts import OPEN, Verdict

OTHER_STORE = "--store OTHER.db"
"""What stands for a store of the user's own choosing."""


def next_step(results: Results, place: Sequence[str] = ()) -> str:
    """Say how to go on; empty where every primary claim on seeds is decided.

    Args:
        results: of one study, judged.
        place: the words that name where things are kept, of the command line.
    """
    left = [
        verdict
        for verdict in results.verdicts
        if verdict.claim.primary and verdict.word in OPEN and verdict.metric.replicate == "seed"
    ]
    if not left:
        return ""
    count = f"{len(left)} claim{'' if len(left) == 1 else 's'}"
    looks = results.looks
    if len(results.seeds) < FEWEST:
        command = _changed(results, "--seeds", str(FEWEST), *place)
        return f"A verdict needs {FEWEST} seeds. To go on: {command}"
    if any(verdict.awaits for verdict in left):
        command = shlex.join([*shlex.split(results.provenance.command), *place])
        return f"{count} not judged yet. To go on: {command}"
    if all(_out_of_reach(verdict) for verdict in left):
        return f"{count} open, and not within reach of more seeds: the report says what is."
    if looks is None:
        most = _most(left, results.declaration.looks.seeds[-1])
        command = _changed(results, "--until-decided", "--max-seeds", str(most), *place)
        return f"{count} open. To go on until they are decided: {command}"
    most = _most(left, 2 * looks.seeds[-1])
    command = _changed(results, "--until-decided", "--max-seeds", str(most))
    return (
        f"{count} open, and the looks declared are over. To take more, in another store: "
        f"{command} {OTHER_STORE}"
    )


def _out_of_reach(verdict: Verdict) -> bool:
    more = verdict.more_seeds
    return more is not None and not more.within(verdict.seen.n)


def _most(left: Sequence[Verdict], least: int) -> int:
    """Return how many seeds to go up to: what some claim wants, if that is within reach."""
    wanted = [
        verdict.seen.n + rounded(more.high)
        for verdict in left
        if (more := verdict.more_seeds) is not None and more.within(verdict.seen.n)
    ]
    return max([least, *wanted])


def _changed(results: Results, *instead: str) -> str:
    """Return the command of the run, with another number of seeds."""
    words = shlex.split(results.provenance.command)
    kept, skip = [], False
    for word in words:
        if skip or word == "--until-decided":
            skip = False
        elif word in {"--seeds", "--max-seeds"}:
            skip = True
        else:
            kept.append(word)
    return shlex.join([*kept, *instead])
