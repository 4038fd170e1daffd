"""What a search found, and how far it can be trusted: pure, from what is declared and recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.judging.best_of import BestOfK, best_of_k
from harness.judging.confirmed import Confirmed, Estimate, best_confirmed, confirmed
from harness.judging.shares import AT_RANDOM, Shares, at_random, on_grid
from harness.judging.tried import Edge, Tried, TriedState, best_so_far, edges, tried_settings
from harness.stats import front
from harness.study.declaration import Declaration
from harness.study.metrics import Metric
from harness.study.searching import DEFAULT, PLACES, Searching
from harness.trials.manifest import Manifest
from harness.trials.records import Record


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
        taken: the place of the settings to take; ``None`` where none can be. Where none were
            confirmed, the best value in the search, but of none that failed when it was run again.
        confirmed: whether they were chosen by what was confirmed.
        level: with which probability all intervals of a kind hold.
        limited: the metrics that constraints are on, in the order of these.
        front: with several objectives, the places of settings that no other dominates, by the
            first objective, best first.
        edges: of the settings to take, those that lie on an edge.
        shares: how much of the variance each setting explains, where the design allows it.
        separating: how well each setting tells the best tenth from the rest, by PED-ANOVA, to a
            sum of 1; empty where it was not worked out.
        seeds: on how many fresh seeds settings are confirmed.
        sampler: how settings were found.
        why: why it was chosen; empty where it was declared.
        earlier: settings of another search that the sampler has learnt from.
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
    limited: tuple[Metric, ...] = ()
    front: tuple[int, ...] = ()
    edges: tuple[Edge, ...] = ()
    shares: Shares = field(default_factory=lambda: Shares(why="it was not asked for"))
    separating: Mapping[str, float] = field(default_factory=dict)
    seeds: int = 0
    sampler: str = ""
    why: str = ""
    earlier: int = 0
    ended: str = ""

    @property
    def metric(self) -> Metric:
        """The first objective."""
        return self.objectives[0]

    @property
    def by_mean(self) -> list[Confirmed]:
        """The settings that were run again, best mean first; those that were lost come last."""
        sign = 1.0 if self.lower else -1.0
        return sorted(
            self.arms,
            key=lambda arm: (not arm.sound, sign * arm.mean.value if arm.values else math.inf),
        )

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

    @property
    def all_lost(self) -> bool:
        """Whether settings were run again, and all of them failed or broke a constraint."""
        return bool(self.arms) and all(arm.lost for arm in self.arms)

    def can_be_taken(self, each: Tried) -> bool:
        """Whether settings gave a value within the constraints, and none failed on fresh seeds."""
        arm = self.arm(each.place)
        return each.fits and not (arm is not None and arm.lost)

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
    objectives, limited = (
        tuple(replace(declaration.metric(name), relative=False) for name in names)
        for names in (searching.objectives, [each.metric for each in searching.constraints])
    )
    by_key = {record.key: record for record in records if record.state != "running"}
    batches = _batches(kept.batches, len(kept.tried))
    planned = manifest.keys
    tried = tuple(
        tried_settings(
            searching,
            place,
            batch,
            each,
            [key for key in each.keys if key in planned],
            by_key,
            over=bool(kept.ended) or batch < batches[-1],
        )
        for place, (batch, each) in enumerate(zip(batches, kept.tried, strict=True))
    )
    lower = objectives[0].better == "lower"
    fitting = [each for each in tried if each.fits]
    places = {DEFAULT: 0} | dict(zip(PLACES, kept.confirmed, strict=False))
    arms = _arms(declaration, searching, objectives, manifest, places, tried, by_key)
    found = SearchResults(
        searching=searching,
        objectives=objectives,
        tried=tried,
        best=best_so_far(tried, lower=lower),
        of_k=best_of_k([each.value for each in fitting], len(tried) - len(fitting), lower=lower)
        if len(objectives) == 1
        else BestOfK(),
        top=(),
        arms=arms,
        taken=None,
        confirmed=False,
        level=1 - declaration.looks.alpha,
        limited=limited,
        front=_front(fitting, objectives) if len(objectives) > 1 else (),
        seeds=len(manifest.seeds) if kept.confirmed else 0,
        sampler=kept.sampler or searching.sampler,
        why=kept.why,
        earlier=kept.earlier,
        ended=kept.ended,
    )
    ranked = found.rank(fitting)
    chosen = best_confirmed(arms, objectives[0])
    left = chosen or next((each for each in ranked if found.can_be_taken(each)), None)
    taken = left.place if left else None
    return replace(
        found,
        top=tuple(each.place for each in ranked[: len(PLACES)]),
        taken=taken,
        confirmed=chosen is not None,
        edges=edges(searching, tried, tried[taken].settings) if taken is not None else (),
    )


def _batches(sizes: Sequence[int], count: int) -> list[int]:
    """Return for each setting which batch it came in; what no batch has is in one after them."""
    ends = np.cumsum(np.array(sizes, dtype=np.int64))
    return [int(each) for each in np.searchsorted(ends, np.arange(count), side="right")]


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
    alpha, overlap = declaration.looks.alpha, declaration.overlap
    return confirmed(searching, objectives, run, records, values, alpha, overlap)


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
