"""What a command plans and runs: a study as its file declares it now."""

from __future__ import annotations

from dataclasses import dataclass

from harness.commands.place import Place
from harness.messages.errors import HarnessError
from harness.planning.outlook import Planner
from harness.planning.planner import StudyPlanner
from harness.running.executors import Options, Pool, Processes, SearchOptions
from harness.running.find import find, load
from harness.storing.kept import declaration_of, manifest_of, sources_in
from harness.storing.ledger import Ledger
from harness.study.study import Study
from harness.terminal import screen


@dataclass(frozen=True)
class Begun:
    """A study that is run at one scale, with the store that it is recorded in.

    Attributes:
        home: the module or file that it was found as.
        study: what that declares.
        planner: says what is to be run.
        ledger: where it is recorded.
        pool: where workers come from.
    """

    home: str
    study: Study
    planner: Planner
    ledger: Ledger
    pool: Pool


def begin(reference: str, scale_name: str | None, place: Place, options: Options) -> Begun:
    """Find a study, plan it at one scale, and open its store, which is made where there is none.

    Args:
        reference: a name, a module or a file.
        scale_name: the scale's name; ``None`` is the study's first.
        place: where the store is.
        options: how to run.

    Raises:
        HarnessError: there is no such study or scale, it is wrong, or the store cannot be opened,
            or holds results of others for it.
    """
    home = find(reference)
    study = load(home)
    scale, _ = study.scale(scale_name)
    if options.search is not None:
        return _begin_search(home, study, scale, place, options)
    if study.search is not None:
        raise HarnessError(
            "what is run or checked must be a Study",
            f"{reference}, which is a Search",
            f"Write `harness search {reference}`.",
        )
    planner = planner_of(study, scale, options)
    store = place.open(create=True)
    if "results" in sources_in(store, study, scale):
        raise HarnessError(
            f"a store that {study.name} is run in must hold no results of others for it, which "
            "would be the same arms and seeds a second time",
            f"those imported at scale {scale} in {store.url}",
            "Write --store own.db, say.",
        )
    ledger = Ledger(store, study, scale)
    return Begun(home, study, planner, ledger, _pool(study, home, options, ledger))


def _begin_search(home: str, study: Study, scale: str, place: Place, options: Options) -> Begun:
    """Plan a search at one scale, and open its store.

    Raises:
        HarnessError: it cannot be searched so, or the store has a search of another space.
    """
    from harness.running.searches import as_asked, check_space, learn, planner_of_search

    assert options.search is not None
    study = as_asked(study, options.search)
    planner_of_search(study, scale, None, options.search)  # what is wrong leaves no store behind
    if options.search.warm_start:
        place.other(options.search.warm_start.partition("#")[0])
    store = place.open(create=True)
    check_space(store, study, scale)
    ledger = Ledger(store, study, scale)
    study, ledger = _as_before(study, scale, ledger, options.search)
    if options.search.warm_start:
        said = learn(study, scale, ledger, options.search.warm_start, place.other)
        if said:
            screen.complain(f"harness: {said}")
    planner = planner_of_search(study, scale, ledger, options.search)
    return Begun(home, study, planner, ledger, _pool(study, home, options, ledger))


def _as_before(
    study: Study, scale: str, ledger: Ledger, asked: SearchOptions
) -> tuple[Study, Ledger]:
    """Keep to the larger budget that a search was run with before, where none is asked for now.

    Returns:
        The study that runs it, and its ledger.
    """
    from harness.running.searches import as_asked

    manifest = manifest_of(ledger)
    declared = declaration_of(ledger, manifest) if manifest is not None else None
    before = declared.search if declared is not None else None
    now = study.searching(scale)
    if before is None or now is None or before.trials <= now.trials:
        return study, ledger
    if asked.trials is None:
        screen.complain(f"harness: goes on with --trials {before.trials}, as it was run before")
        study = as_asked(study, SearchOptions(trials=before.trials))
        return study, Ledger(ledger.store, study, scale)
    screen.complain(
        f"harness: --trials {now.trials} leaves out of the report what was tried with more, "
        f"{before.trials}; it stays in the store"
    )
    return study, ledger


def _pool(study: Study, home: str, options: Options, ledger: Ledger) -> Pool:
    trials = ledger.store.trials(study.name, ledger.scale)
    return Processes(study, home, options, ledger.store.artifacts, trials)


def planner_of(study: Study, scale: str, options: Options) -> StudyPlanner:
    """Return what plans a study at one scale.

    Raises:
        HarnessError: there would be too few seeds, or too many.
    """
    looks = options.looks(study)
    return StudyPlanner(study, scale, options.seeds, tune=options.tune, looks=looks)
