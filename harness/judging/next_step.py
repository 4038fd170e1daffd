"""What to type next where claims are undecided: a command, or why none is of use."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from harness.judging.more import hardest, more_text, unreachable
from harness.judging.results import Results
from harness.judging.verdicts import Verdict
from harness.judging.words import UNDECIDED
from harness.stats import FEWEST, More, rounded
from harness.study.claims import Sooner
from harness.study.formatting import plural

MOST_TOLD = 3
"""Claims of which it is said, each by itself, what is in the way."""


def next_step(results: Results, place: Sequence[str] = (), how: Sequence[str] = ()) -> str:
    """Say how to go on; empty where every primary claim on seeds is decided.

    Once verdicts were seen, seeds that nobody had declared make them err more often than they say,
    in this store or in another: whoever is given a command that adds some is told so.

    Args:
        results: of one study, judged.
        place: the words of the command line that name where things are.
        how: those that say how to run, beside what the command of the results says.
    """
    left = {
        number: verdict
        for number, verdict in enumerate(results.verdicts, 1)
        if verdict.claim.primary
        and verdict.word in UNDECIDED
        and verdict.metric.replicate == "seed"
    }
    if not left:
        return ""
    count = f"{len(left)} claim{'' if len(left) == 1 else 's'}"
    if results.declaration.search is not None:
        return _of_search(results, len(results.seeds), place, how)
    if results.declaration.source == "results":
        return _of_others(count, left)
    if len(results.seeds) < FEWEST:
        command = _changed(results, "--seeds", str(FEWEST), *place, *how)
        return f"A verdict needs {FEWEST} seeds. To go on: {command}"
    if any(verdict.awaits for verdict in left.values()):
        command = shlex.join([*shlex.split(results.provenance.command), *place, *how])
        return f"{count} not judged yet. To go on: {command}"
    failed = [r for r in results.records if r.role == "evaluate" and r.state == "failed"]
    if failed and any(verdict.word == "not assessable" for verdict in left.values()):
        command = shlex.join([*shlex.split(results.provenance.command), *place, *how])
        return (
            f"{count} undecided: {plural(len(failed), 'evaluation trial')} failed. Once what they "
            f"failed of is mended: {command} (with --retry-failed where no code has changed)"
        )
    if all(_out_of_reach(verdict) for verdict in left.values()):
        return _unreachable(left)
    said = (
        f"{count} undecided {_over(results)}.{_tells(list(left.values()))} But seeds that are "
        f"added after looking make verdicts wrong in up to {200 * results.alpha:g} % of cases, not "
        f"{100 * results.alpha:g} %: next time, write --until-decided at the first run."
    )
    if results.looks is not None:
        explain = ["harness", "explain", _reference(results), "--scale", results.scale, *place]
        return f"{said} What would change this one: {shlex.join(explain)}"
    most = str(_most(list(left.values()), results.declaration.looks.seeds[-1]))
    command = _changed(results, "--until-decided", "--max-seeds", most, *place, *how)
    return f"{said} To add them all the same, which the report then says: {command}"


def _of_search(results: Results, seeds: int, place: Sequence[str], how: Sequence[str]) -> str:
    """Say how the best setting of a search can be compared with the default on more seeds."""
    more = str(max(FEWEST, 2 * seeds))
    command = _changed(results, "--confirm", more, *place, *how)
    return (
        f"Whether the best setting is better than the default is not decided on {seeds} fresh "
        f"seeds. A verdict needs {FEWEST} at least; those added after looking make it wrong more "
        f"often than it says. To run {more}: {command}"
    )


def _of_others(count: str, left: Mapping[int, Verdict]) -> str:
    """Say what is left of results that others made: no command of the harness's adds to them."""
    never = [number for number, verdict in left.items() if isinstance(verdict.claim, Sooner)]
    if len(never) == len(left):
        return f"{count} cannot be judged on results of others: learning curves are needed."
    if any(verdict.word == "not assessable" for verdict in left.values()):
        curves = "".join(f" Claim {number} needs learning curves as well." for number in never)
        return (
            f"{count} undecided: a verdict needs {FEWEST} seeds that ended well in every arm of "
            f"its claim, or as many on each side where no seed is on both.{curves}"
        )
    if all(_out_of_reach(verdict) for verdict in left.values()):
        return _unreachable(left)
    return (
        f"{count} undecided.{_tells(list(left.values()))} Seeds that are added because of what was "
        "seen make verdicts wrong more often than they say."
    )


def _most(left: Sequence[Verdict], least: int) -> int:
    """Return how many seeds to go up to: what some claim wants, if that is within reach."""
    wanted = [
        verdict.seen.n + rounded(more.high)
        for verdict in left
        if (more := verdict.more_seeds) is not None
        and more.high is not None
        and more.within(verdict.seen.n)
    ]
    return max([least, *wanted])


def _over(results: Results) -> str:
    many = f"{len(results.seeds)} seeds"
    if results.looks is None:
        return f"after {many}, as many as were asked for"
    return f"after the last look, at {many}"


def _tells(left: Sequence[Verdict]) -> str:
    """Say how many more seeds would tell, of the claim that wants most of them."""
    wanted: list[More] = [
        more
        for verdict in left
        if (more := verdict.more_seeds) is not None and more.within(verdict.seen.n)
    ]
    if not wanted:
        return ""
    of = "" if len(wanted) == len(left) else f" {len(wanted)} of them"
    return f" About {more_text(max(wanted, key=hardest))} more would tell{of}."


def _unreachable(left: Mapping[int, Verdict]) -> str:
    """Say of each claim why no number of seeds will do, and what is within reach."""
    told = [
        f"claim {number}: {unreachable(verdict.seen, verdict.more_seeds, verdict.metric)}"
        for number, verdict in left.items()
        if verdict.more_seeds is not None
    ]
    if len(left) == 1:
        return f"1 claim undecided, since {told[0].partition(': ')[2]}."
    rest = len(told) - MOST_TOLD
    more = f"; the report says it of {rest} more" if rest > 0 else ""
    return f"{len(left)} claims undecided: {'; '.join(told[:MOST_TOLD])}{more}."


def _out_of_reach(verdict: Verdict) -> bool:
    more = verdict.more_seeds
    return more is not None and not more.within(verdict.seen.n)


def _reference(results: Results) -> str:
    """Return how the study was named by whoever ran it: ``harness run NAME ...``."""
    return shlex.split(results.provenance.command)[2]


def _changed(results: Results, *instead: str) -> str:
    """Return the command of the run, with another number of seeds."""
    words = shlex.split(results.provenance.command)
    kept, skip = [], False
    for word in words:
        if skip or word == "--until-decided":
            skip = False
        elif word in {"--seeds", "--max-seeds", "--confirm"}:
            skip = True
        else:
            kept.append(word)
    return shlex.join([*kept, *instead])
