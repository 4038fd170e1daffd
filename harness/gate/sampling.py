"""Rounds of fresh processes, until the rule has decided every figure or the budget has ended."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.gate.pairs import CODE, CONTROL, DEPENDENCIES, Comparison, Key, Series, series_of
from harness.gate.pairs import judged as judged_by
from harness.gate.rounds import Measuring, Taken, take_round
from harness.gate.sides import Side
from harness.gate.what import PytestWhat, StudyWhat, What, belongs
from harness.messages.errors import HarnessError
from harness.stats import Decision, Rule
from harness.study.formatting import plural

Take = Callable[[Sequence[Side], Sequence[What], int, Path, Measuring], Taken]
"""Takes one round; :func:`harness.gate.rounds.take_round`."""

SLACK = 3.0
"""How many times longer than usual a later round may take, before it counts as hanging."""


@dataclass(frozen=True)
class Bounds:
    """What a person allows.

    Attributes:
        budget: seconds for all rounds.
        fails_from: by what share head must be slower at least, as estimated, to fail.
        passes_below: by what share head must be slower at most, for certain, to pass.
    """

    budget: float
    fails_from: float = 0.05
    passes_below: float = 0.10

    def rule(self, metrics: int) -> Rule:
        """Return the rule for so many figures."""
        return Rule.for_metrics(metrics, fails_from=self.fails_from, passes_below=self.passes_below)


@dataclass(frozen=True)
class Timed:
    """What came of all rounds.

    Attributes:
        rounds: what each read.
        series: the pairs of each figure that is judged.
        controls: the base against itself.
        decisions: of each figure in ``series``.
        rule: the rule that decided; ``None`` where no figure is judged by time.
        ended: whether the budget ended before all was decided.
        room: pairs for which the budget has room.
        seconds: how long all rounds took.
    """

    rounds: tuple[Taken, ...]
    series: dict[Key, Series]
    controls: dict[Key, Series]
    decisions: dict[Key, Decision]
    rule: Rule | None
    ended: bool
    room: int
    seconds: float


def take_all(
    sides: Sequence[Side],
    whats: Sequence[What],
    folder: Path,
    measuring: Measuring,
    bounds: Bounds,
    wanted: Callable[[str, str], bool] = lambda _benchmark, _figure: True,
    told: Callable[[str], None] = lambda _: None,
    seen: Callable[[Taken], None] = lambda _: None,
    take: Take = take_round,
    clock: Callable[[], float] = time.monotonic,
) -> Timed:
    """Take rounds until every figure is decided, or no further look fits into the budget.

    Figures that are decided are measured no more, where they can be left out. One round is taken
    in any case.

    Args:
        sides: base, head, and what is measured beside them.
        whats: what is measured.
        folder: a folder of this gate's own.
        measuring: how it is measured.
        bounds: the budget, and the rule's two lines.
        wanted: whether a figure of a benchmark is judged.
        told: is called with a line on how far it is.
        seen: is called with the first round, and may raise a HarnessError.
        take: takes a round.
        clock: seconds since some moment.

    Raises:
        HarnessError: a round could not be taken.
    """
    names = {side.name for side in sides}
    comparisons = sides_compared(names)
    started = clock()
    end = started + bounds.budget
    rounds: list[Taken] = []
    took: list[float] = []
    left: Sequence[What] = whats
    while True:
        begun = clock()
        limit = max(end - begun, SLACK * max(took, default=0.0))
        bounded = replace(measuring, timeout=max(limit, 1.0))
        rounds.append(take(sides, left, len(rounds), folder, bounded))
        took.append(clock() - begun)
        if len(rounds) == 1:
            seen(rounds[0])
        series = series_of(rounds, comparisons, wanted)
        if not series:
            return Timed(tuple(rounds), {}, {}, {}, None, ended=False, room=0,
                         seconds=clock() - started)  # fmt: skip
        rule = bounds.rule(len(series))
        decisions = {key: judged_by(each, rule, last=False) for key, each in series.items()}
        still = {key: each for key, each in decisions.items() if each.answer == "more"}
        _check_read(still, len(rounds))
        usual = statistics.median(took[-3:])
        told(_progress(len(rounds), still, rule))
        missing = min((each.next_look or 0) - each.pairs for each in still.values()) if still else 0
        ended = bool(still) and clock() + missing * usual > end
        if not still or ended:
            break
        left = narrowed(whats, {name for _, name, _ in still}, {name for _, name, _ in series})
    decisions = {key: judged_by(each, rule, last=True) for key, each in series.items()}
    controls = series_of(rounds, [CONTROL], wanted) if CONTROL.over in names else {}
    room = max(len(rounds), int(bounds.budget / max(statistics.median(took), 1e-9)))
    return Timed(tuple(rounds), series, controls, decisions, rule, ended=ended,
                 room=min(room, rule.most), seconds=clock() - started)  # fmt: skip


def _check_read(still: Mapping[Key, Decision], rounds: int) -> None:
    """Check that each round has read all that is open: else no round would ever decide it."""
    for (_, benchmark, figure), decision in still.items():
        if decision.pairs < rounds:
            raise HarnessError(
                f"{benchmark} must give {figure} in each round until it is decided",
                f"{decision.pairs} of {rounds}",
                "A benchmark's name must be the same in each process.",
            )


def _progress(pairs: int, still: Collection[Key], rule: Rule) -> str:
    taken = plural(pairs, "pair")
    if not still:
        return f"{taken}, all decided"
    look = rule.next_look(pairs)
    then = f", next look at {look}" if look else ""
    return f"{taken}{then}, {plural(len(still), 'figure')} open"


def narrowed(
    whats: Sequence[What], benchmarks: Collection[str], every: Collection[str]
) -> list[What]:
    """Return what has to be measured still, for the sake of some benchmarks.

    Of a study only the arms, and of a file of tests only the tests that are named.

    Args:
        whats: what was measured at first.
        benchmarks: names of benchmarks that are not decided.
        every: names of all benchmarks.
    """
    out: list[What] = []
    for what in whats:
        own = [each for each in benchmarks if belongs(each, what)]
        if len(own) == sum(belongs(each, what) for each in every):
            out += [what] if own else []
            continue
        match what:
            case StudyWhat(arm="") if all(each != what.title for each in own):
                parts = [(each, each.removeprefix(f"{what.title}#")) for each in sorted(own)]
                out += [replace(what, title=each, arm=arm) for each, arm in parts]
            case PytestWhat():
                out += [
                    replace(what, title=each, node=each.partition("::")[2]) for each in sorted(own)
                ]
            case _:
                out += [what] if own else []
    return out


def sides_compared(names: Collection[str]) -> list[Comparison]:
    """Return the comparisons that are judged, of sides with these names."""
    return [each for each in (CODE, DEPENDENCIES) if {each.over, each.under} <= {*names}]
