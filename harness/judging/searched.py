"""What a search found, and how far it can be trusted: pure, from what is declared and recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from harness.judging.best_of import BestOfK, best_of_k, front
from harness.judging.confirmed import Confirmed, Estimate, best_confirmed, confirmed
from harness.judging.shares import AT_RANDOM, Shares, at_random, axis, on_grid
from harness.study.declaration import Declaration
from harness.study.metrics import Metric
from harness.study.searching import DEFAULT, PLACES, Searching
from harness.study.settings import Choice, Settings
from harness.trials.manifest import Manifest
from harness.trials.records import Record
from harness.trials.searched import TriedSettings

TriedState = Literal["complete", "failed", "pruned", "running"]

NEAR = 0.05
"""How near to an end of its space a value counts as on the edge: a twentieth of the axis."""

TOP = len(PLACES)
"""How many of the best are told apart."""


@dataclass(frozen=True)
class Tried:
    """Settings that the search tried.

    Attributes:
        place: in the order asked for, from 0; the default comes first.
        batch: which cohort they were asked for in, from 0.
        settings: values of those in use.
        values: of each objective, the mean over the trials that gave one; NaN where none did. Of
            settings that were stopped early, the last that were seen.
        state: ``"complete"`` where every trial of theirs is, ``"failed"`` where one failed,
            ``"pruned"`` where they were stopped early, else ``"running"``.
        broken: the constraints that they break, of complete ones.
        reason: why they failed; empty otherwise.
        trials: trials of theirs that have ended.
        metrics: of each metric that a constraint is on, what values are of objectives.
        key: of their first trial.
    """

    place: int
    batch: int
    settings: Settings
    values: tuple[float, ...]
    state: TriedState
    broken: tuple[str, ...] = ()
    reason: str = ""
    trials: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    key: str = ""

    @property
    def number(self) -> int:
        """Its number for people, from 1."""
        return self.place + 1

    @property
    def fits(self) -> bool:
        """Whether they can be taken: every trial is complete, and constraints hold."""
        return self.state == "complete" and not self.broken

    @property
    def value(self) -> float:
        """The first objective."""
        return self.values[0]


@dataclass(frozen=True)
class Edge:
    """A setting whose best value may lie beyond what was tried.

    Attributes:
        name: of the setting.
        side: on which side, ``"smallest"`` or ``"largest"``.
        extreme: whether no smaller (larger) value was tried.
        near: whether it lies within a twentieth of that end of its space.
    """

    name: str
    side: Literal["smallest", "largest"]
    extreme: bool
    near: bool


@dataclass(frozen=True)
class SearchResults:
    """What a search found.

    Attributes:
        searching: how settings were searched, as declared.
        objectives: the metrics that are to be best, the first of which ranks settings.
        tried: in the order asked for.
        best: after each of them, the place of the best so far; ``None`` before there is one.
        of_k: the expected best of k settings drawn from those tried; of one objective.
        top: the places of the best three by their value in the search, best first.
        arms: settings that were run again on fresh seeds: the default first; empty where none are.
        taken: the place of the settings to take; ``None`` where none can be.
        confirmed: whether they were chosen by what was confirmed.
        level: with which probability all intervals of a kind hold.
        front: with several objectives, the places of settings that no other dominates, by the
            first objective, best first.
        edges: of the settings to take, those that lie on an edge.
        shares: how much of the variance each setting explains, where the design allows it.
        separating: how well each setting tells the best tenth from the rest, by PED-ANOVA, to a
            sum of 1; empty where it was not worked out.
        seeds: on how many fresh seeds settings are confirmed.
        sampler: how settings were found.
        why: why it was chosen; empty where it was declared.
        ended: why no more settings are asked for; empty before.
    """

    searching: Searching
    objectives: tuple[Metric, ...]
    tried: tuple[Tried, ...]
    best: tuple[int | None, ...]
    of_k: BestOfK
    top: tuple[int, ...]
    arms: tuple[Confirmed, ...]
    taken: int | None
    confirmed: bool
    level: float
    front: tuple[int, ...] = ()
    edges: tuple[Edge, ...] = ()
    shares: Shares = field(default_factory=lambda: Shares(why="it was not asked for"))
    separating: Mapping[str, float] = field(default_factory=dict)
    seeds: int = 0
    sampler: str = ""
    why: str = ""
    ended: str = ""

    @property
    def metric(self) -> Metric:
        """The first objective."""
        return self.objectives[0]

    @property
    def lower(self) -> bool:
        """Whether the smallest value of the first objective is the best."""
        return self.metric.better == "lower"

    @property
    def winner(self) -> Confirmed | None:
        """What was confirmed of the settings to take."""
        return self.arm(self.taken) if self.confirmed and self.taken is not None else None

    @property
    def default(self) -> Confirmed | None:
        """What was confirmed of the default."""
        return self.arm(0)

    @property
    def found(self) -> Confirmed | None:
        """What was confirmed of the settings with the best value in the search."""
        return next((arm for arm in self.arms if PLACES[0] in arm.arms), None)

    @property
    def counts(self) -> dict[TriedState, int]:
        """How many settings are in each state."""
        states: tuple[TriedState, ...] = ("complete", "failed", "pruned", "running")
        return {state: sum(each.state == state for each in self.tried) for state in states}

    def arm(self, place: int) -> Confirmed | None:
        """Return what was confirmed of settings; ``None`` where they were not run again."""
        return next((arm for arm in self.arms if arm.place == place), None)

    def rank(self, values: Iterable[Tried]) -> list[Tried]:
        """Sort settings by the first objective, best first; equal ones as they were tried."""
        sign = 1.0 if self.lower else -1.0
        return sorted(values, key=lambda each: (sign * each.value, each.place))


def searched(
    declaration: Declaration, manifest: Manifest, records: Iterable[Record]
) -> SearchResults | None:
    """Return what a search found; ``None`` of a study that is none, or has not begun.

    Args:
        declaration: the search at one scale.
        manifest: which trials there are, with the settings tried.
        records: may hold those of other trials, which are passed over.
    """
    searching, kept = declaration.search, manifest.search
    if searching is None or kept is None:
        return None
    # direction and unit count; as a ratio no objective is compared here
    objectives = tuple(
        replace(declaration.metric(name), relative=False) for name in searching.objectives
    )
    by_key = {record.key: record for record in records if record.state != "running"}
    batches = _batches(kept.batches, len(kept.tried))
    tried = tuple(
        _tried(searching, place, batches[place], each, by_key)
        for place, each in enumerate(kept.tried)
    )
    lower = objectives[0].better == "lower"
    fitting = [each for each in tried if each.fits]
    places = {DEFAULT: 0} | dict(zip(PLACES, kept.confirmed, strict=False))
    arms = _arms(declaration, searching, objectives, manifest, places, tried, by_key)
    found = SearchResults(
        searching=searching,
        objectives=objectives,
        tried=tried,
        best=_best_so_far(tried, lower=lower),
        of_k=best_of_k([each.value for each in fitting], len(tried) - len(fitting), lower=lower)
        if len(objectives) == 1
        else BestOfK(),
        top=(),
        arms=arms,
        taken=None,
        confirmed=False,
        level=1 - declaration.looks.alpha,
        front=_front(fitting, objectives) if len(objectives) > 1 else (),
        seeds=len(manifest.seeds) if kept.confirmed else 0,
        sampler=kept.sampler or searching.sampler,
        why=kept.why,
        ended=kept.ended,
    )
    ranked = found.rank(fitting)
    chosen = best_confirmed(arms, objectives[0])
    taken = chosen.place if chosen else ranked[0].place if ranked else None
    return replace(
        found,
        top=tuple(each.place for each in ranked[:TOP]),
        taken=taken,
        confirmed=chosen is not None,
        edges=edges(searching, tried, tried[taken].settings) if taken is not None else (),
    )


def _batches(sizes: Sequence[int], count: int) -> list[int]:
    """Return for each setting which batch it came in; what no batch has is in one after them."""
    ends = np.cumsum(np.array(sizes, dtype=np.int64))
    return [int(each) for each in np.searchsorted(ends, np.arange(count), side="right")]


def _tried(
    searching: Searching,
    place: int,
    batch: int,
    kept: TriedSettings,
    by_key: Mapping[str, Record],
) -> Tried:
    """Say what became of settings."""
    ended = [by_key[key] for key in kept.keys if key in by_key]
    failed = [record for record in ended if record.state == "failed"]
    state: TriedState = "complete"
    if failed:
        state = "failed"
    elif any(record.state == "pruned" for record in ended):
        state = "pruned"
    elif len(ended) < len(kept.keys):
        state = "running"
    given = [record for record in ended if record.state in ("complete", "pruned")]
    means = {name: _mean(given, name) for name in searching.wanted}
    values = tuple(means[name] for name in searching.objectives)
    reason = failed[0].reason if failed else ""
    if state == "complete" and not all(map(math.isfinite, values)):
        state, reason = "failed", "an objective was not finite"
    broken: tuple[str, ...] = ()
    if state == "complete":
        over = zip(searching.constraints, searching.excesses(means), strict=True)
        broken = tuple(each.text for each, excess in over if not excess <= 0)
    return Tried(
        place,
        batch,
        kept.settings,
        values,
        state,
        broken,
        reason,
        len(ended),
        {each.metric: means[each.metric] for each in searching.constraints},
        kept.keys[0] if kept.keys else "",
    )


def _mean(records: Sequence[Record], metric: str) -> float:
    values = [record.metrics.get(metric, math.nan) for record in records]
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _best_so_far(tried: Sequence[Tried], *, lower: bool) -> tuple[int | None, ...]:
    sign = 1.0 if lower else -1.0
    best: Tried | None = None
    out: list[int | None] = []
    for each in tried:
        if each.fits and (best is None or sign * each.value < sign * best.value):
            best = each
        out.append(best.place if best else None)
    return tuple(out)


def _front(fitting: Sequence[Tried], objectives: Sequence[Metric]) -> tuple[int, ...]:
    if not fitting:
        return ()
    signs = np.array([1.0 if metric.better == "lower" else -1.0 for metric in objectives])
    losses = signs * np.array([each.values for each in fitting])
    inside = front(losses)
    order = np.lexsort(losses.T[::-1])
    return tuple(fitting[place].place for place in order if inside[place])


def _arms(
    declaration: Declaration,
    searching: Searching,
    objectives: Sequence[Metric],
    manifest: Manifest,
    places: Mapping[str, int],
    tried: Sequence[Tried],
    by_key: Mapping[str, Record],
) -> tuple[Confirmed, ...]:
    """Judge the settings that are run again; none before trials of them are planned."""
    records: dict[str, list[Record | None]] = {}
    for trial in manifest.trials:
        if trial.role == "evaluate" and trial.arm in places:
            records.setdefault(trial.arm, []).append(by_key.get(trial.key))
    run = {arm: place for arm, place in places.items() if arm in records and place < len(tried)}
    if not run:
        return ()
    values = {each.place: each.value for each in tried if each.state == "complete"}
    return confirmed(searching, objectives, run, records, values, declaration.looks.alpha)


def edges(searching: Searching, tried: Sequence[Tried], settings: Settings) -> tuple[Edge, ...]:
    """Return which settings lie on an edge of what was tried, or of their space.

    Args:
        searching: how settings were searched.
        tried: all that were tried.
        settings: those that are looked at.
    """
    out = []
    for setting in searching.space:
        if isinstance(setting, Choice) or setting.name not in settings:
            continue
        own = float(settings[setting.name])
        values = {float(each.settings[setting.name]) for each in tried
                  if setting.name in each.settings}  # fmt: skip
        at = axis(setting, own)
        sides: tuple[tuple[Literal["smallest", "largest"], bool, bool], ...] = (
            ("smallest", own <= min(values), at <= NEAR),
            ("largest", own >= max(values), at >= 1 - NEAR),
        )
        out += [
            Edge(setting.name, side, extreme and len(values) > 1, near)
            for side, extreme, near in sides
            if near or (extreme and len(values) > 1)
        ]
    return tuple(out)


def with_shares(search: SearchResults) -> SearchResults:
    """Add how much of the variance each setting explains, or why that cannot be told."""
    return replace(search, shares=_shares(search))


def _shares(search: SearchResults) -> Shares:
    space = search.searching.space
    done = [each for each in search.tried if each.state == "complete"]
    lost = len(search.tried) - len(done)
    if len(space) < 2:
        return Shares(why="there is one setting only")
    if space.conditional:
        return Shares(why="some settings are in use under a condition only")
    if lost:
        return Shares(
            why=f"{lost} of the settings tried gave no value at the end of training, and those "
            "that fail are no random ones"
        )
    grid = on_grid([each.settings for each in done], [each.value for each in done])
    if grid is not None:
        return grid
    if search.sampler not in AT_RANDOM:
        return Shares(
            why=f"sampler {search.sampler!r} goes to where values are good, so what it tried does "
            "not stand for the space: a grid, or sampler 'random' or 'qmc', would tell"
        )
    given = [dict(each) for each in search.searching.enqueue]
    drawn = [each for each in done[1:] if dict(each.settings) not in given]
    return at_random(space, [each.settings for each in drawn], [each.value for each in drawn])


def estimate_of(search: SearchResults, place: int) -> Estimate:
    """Return the confirmed mean of settings, or their value in the search without an interval."""
    arm = search.arm(place)
    return arm.mean if arm and arm.values else Estimate(search.tried[place].value)
