"""How the data of a study is folded, found out before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.data.declared import Declared
from harness.identity.needed import held_in
from harness.messages.errors import HarnessError
from harness.planning.datasets import facts_of
from harness.study.declaration import Declaration
from harness.study.folds import Folds
from harness.study.study import Study
from harness.study.work import Work, with_needs
from harness.trials.trial import Trial


def folds_of(works: Iterable[Work]) -> Folds | None:
    """Return how the data of all arms, and of what these need, is folded; ``None`` where it is not.

    Of several sizes those count that make intervals widest.

    Args:
        works: of all arms.

    Raises:
        HarnessError: one data set is folded and another is not, or otherwise; or the data is not
            there, or a size does not fit it.
    """
    data_sets = [each for work in with_needs(works) for each in work.data_sets()]
    data = [each for one in data_sets for each in _declared_in(one)]
    numbers = {each.folds if isinstance(each, Declared) else None for each in data}
    if not numbers - {None}:
        return None
    if len(numbers) > 1:
        said = sorted("no folds" if each is None else f"folds={each}" for each in numbers)
        raise HarnessError(
            "all data sets of a study, those of teachers too, must have the same folds, as "
            "intervals are corrected for those of all arms together",
            " and ".join(said),
            "Write the same folds= in each, or in none; data with an official test set has no "
            "folds, so beside it leave folds= out.",
        )
    found = [
        Folds(facts.folds, facts.shares.train, facts.shares.validation, facts.shares.test)
        for facts in map(facts_of, data)
        if facts is not None
    ]
    return max(found, key=lambda each: each.overlap)


def _declared_in(data: Any) -> list[Any]:
    """Return the data sets that one is made of, as of one's own kind around a declared one."""
    kind: type[Any] = Declared  # mypy takes no abstract class for a type[T]
    return [each for _, each in held_in(data, kind)] or [data]


def declared_with_folds(study: Study, scale: str, trials: Mapping[str, Trial]) -> Declaration:
    """Return what a study declares at a scale, with the folds of its data.

    Args:
        study: the study.
        scale: the scale's name.
        trials: one of each arm, by its name.

    Raises:
        HarnessError: as :func:`folds_of` does, or a claim cannot be judged on folds.
    """
    declaration = study.declaration(scale)
    if study.build is None:
        return declaration
    folds = folds_of(trial.work for trial in trials.values())
    return declaration if folds is None else replace(declaration, folds=folds)
