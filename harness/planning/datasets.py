"""What is told of data sets, and what of an arm can be found out with it before training."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from harness.data.declared import Declared
from harness.data.facts import Facts
from harness.identity.canonical import canonical
from harness.messages.errors import HarnessError
from harness.study.ensemble import Ensemble, OfMember
from harness.study.work import Work, with_needs
from harness.training import Training
from harness.trials.trial import Trial

if TYPE_CHECKING:
    from harness.engines.network import Learnt

_KNOWN: dict[str, Facts] = {}
"""Facts by what says which data they are of."""


def facts_of(data: Any) -> Facts | None:
    """Return what is known of a data set before training; ``None`` for one of the user's own kind.

    Args:
        data: as declared.

    Raises:
        HarnessError: the data is not there or cannot be used, or a size does not fit it.
    """
    if isinstance(data, OfMember):  # as many examples, of the same kind
        return facts_of(data.data)
    if not isinstance(data, Declared):
        return None
    # what is said of a data set may change without its key, as when its files arrive
    name = json.dumps([canonical(data), data.title, data.notes()])
    if name not in _KNOWN:
        _KNOWN[name] = data.facts()
    return _KNOWN[name]


def all_facts(trials: Iterable[Trial]) -> list[Facts]:
    """Return what is known of each data set of some trials and what they need, each once.

    Raises:
        HarnessError: as :func:`facts_of` does.
    """
    works = with_needs(trial.work for trial in trials)
    found = [facts_of(data) for work in works for data in work.data_sets()]
    return list({repr(each): each for each in found if each is not None}.values())


def written(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """Return the same in plain values, with a sentence; nothing where it cannot be told."""
    try:
        return [{**facts.plain_values(), "told": told(facts)} for facts in all_facts(trials)]
    except HarnessError:
        return []


def told(facts: Facts) -> str:
    """Say in one line what a data set is.

    Args:
        facts: what is known of it.
    """
    kind, unit = "rows", " features"
    if len(facts.shape) > 1:
        kind, unit = "images" if len(facts.shape) == 3 else "sequences", ""
    elif facts.tokens:
        kind, unit = "sequences", f" token ids from 0 to {facts.tokens - 1:,}"
    shape = " × ".join(map(str, facts.shape)) + unit
    read = f"{facts.files:,} files, " if facts.files else ""
    names = ""
    if facts.names:
        more = f" and {len(facts.names) - 5} more" if len(facts.names) > 5 else ""
        names = f" ({', '.join(facts.names[:5])}{more})"
    shares = facts.shares
    drawn = [
        name
        for name, is_drawn in (("validation", facts.validation_drawn), ("test", facts.test_drawn))
        if is_drawn and not (name == "test" and facts.folds)
    ]
    given = ("validation",) if facts.folds else ("validation", "test")
    own = [name for name in given if name not in drawn]
    how = []
    if facts.folds:
        how.append(
            f"{facts.folds}-fold cross-validation: every {facts.folds} seeds take the folds of a "
            "new partition as test sets, one after the other"
        )
    if drawn:
        which = " and ".join(drawn)
        source = "the training data" if "test" in own else "all of it"
        source = "the rest" if facts.folds else source
        how.append(f"{which} drawn anew for every seed from {source}")
    if own:
        how.append(f"{' and '.join(own)} as given")
    tested = f"{shares.test:,}"
    if facts.folds and sum(facts.counts.rest) % facts.folds:
        tested = f"{shares.test - 1:,} or {tested}"
    parts = (
        f"{facts.name}: {read}{facts.counts.total:,} {kind} of {shape} ({facts.dtype}), "
        f"{facts.targets}{names}; {shares.train:,} for training, {shares.validation:,} for "
        f"validation, {tested} for testing; {'; '.join(how)}."
    )
    return " ".join([parts, *facts.notes])


def check_scores(work: Work, arm: str, asked: Iterable[str]) -> None:
    """Check that what a study asks for is a score of what an arm learns.

    Args:
        work: what a trial of the arm does.
        arm: its name.
        asked: metrics of claims, and what settings are chosen by.

    Raises:
        HarnessError: a metric is the score of another task.
    """
    if not isinstance(work, Training | Ensemble):
        return
    task = work.task if isinstance(work, Training) else work.first.task
    for name in asked:
        if work.lacks(name):
            scores = [score.name for score in task.scores]
            raise HarnessError(
                f"arm {arm} learns {type(task).__name__}, whose scores are "
                f"{', '.join(scores)}; a study must ask for one of them",
                f"{name!r}{', the default objective' if name == 'validation_loss' else ''}",
                f"Write {name.partition('_')[0]}_{scores[0]}, as the metric of a claim or the "
                "study's objective=; or another task= in the Training.",
            )


def check_trials(trials: Mapping[str, Trial], reason: Callable[[BaseException], str]) -> None:
    """Check of each program what a run would find out before it trains anything.

    Args:
        trials: one of each arm, by its name.
        reason: says in one line what another exception was.

    Raises:
        HarnessError: an arm cannot be trained as it is declared.
    """
    seen: set[str] = set()
    for arm, trial in trials.items():
        members = trial.needs.values() if isinstance(trial.work, Ensemble) else ()
        unseen = [each for each in (trial, *members) if each.trains and each.program not in seen]
        seen |= {each.program for each in unseen}
        try:
            for each in unseen:
                _check(each.training, each.seed)
        except HarnessError as error:
            raise HarnessError.relayed(f"arm {arm}", str(error)) from error
        except (Exception, SystemExit) as error:  # a network's own
            said = f"its network cannot be built and given two inputs: {reason(error)}"
            raise HarnessError.relayed(f"arm {arm}", said) from error


def _check(training: Training, seed: int) -> Learnt | None:
    """Check a Training and what it needs; return what its network has before its first step.

    That is ``None`` where nobody knows the data without loading it.
    """
    from harness.engines.asked import check_asked
    from harness.engines.prepared import check_declared

    given: dict[str, Learnt] = {}
    for name, need in training.needs().items():
        learnt = _check(need, training.seed_of_need(name, seed))
        if learnt is not None:
            given[name] = learnt
    facts = facts_of(training.data)
    if facts is None:
        return None
    begun = given if given.keys() >= training.started_from().keys() else None
    kept = check_declared(training, facts, facts.shares.train, seed, begun)
    for name, need in training.asked().items():
        theirs = facts_of(need.data)
        if theirs is not None:
            check_asked(training, name, theirs, facts)
    return kept
