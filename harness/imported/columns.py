"""Which column holds which factor, metric, tuned setting, and the seed: found by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.messages.errors import HarnessError, near
from harness.study.formatting import first_of

SETTINGS = (
    "params", "param", "config", "hparams", "hyperparameters", "hyper_parameters", "tuned", "args",
    "settings", "user_attrs",
)  # fmt: skip
"""What tools write before the name of a setting."""

METRICS = (
    "metrics", "metric", "summary", "summary_metrics", "summaryMetrics", "values", "value",
    "user_attrs",
)  # fmt: skip
"""What tools write before the name of a metric."""

BETWEEN = (".", "/", "_", ":", " ")


@dataclass(frozen=True)
class Columns:
    """Where things stand in a sheet.

    Attributes:
        factors: the column of each factor, by its name.
        metrics: the column of each metric, by its name.
        tuned: the column of each tuned setting that has one, by its name.
        seed: the column of the seed.
        last: the column that says how far a run had come, where runs have several rows.
    """

    factors: Mapping[str, str]
    metrics: Mapping[str, str]
    tuned: Mapping[str, str]
    seed: str
    last: str | None = None

    def told(self) -> str:
        """Say which column was taken for what, where the names differ; else nothing."""
        pairs = [*self.factors.items(), *self.metrics.items(), *self.tuned.items()]
        pairs.append(("seed", self.seed))
        return ", ".join(f"{name} from {column}" for name, column in pairs if name != column)


@dataclass(frozen=True)
class Finder:
    """Finds columns by name.

    Attributes:
        columns: all names.
        by_hand: the column of some of what is looked for, as the command line says.
    """

    columns: Sequence[str]
    by_hand: Mapping[str, str]

    def column(self, name: str, before: Iterable[str]) -> str | None:
        """Return the column of a name; ``None`` where there is none.

        A name that is written just so comes first, then one with a usual word before it, then one
        that differs in capitals and signs alone.

        Args:
            name: what is looked for.
            before: words that may stand before it.

        Raises:
            HarnessError: there are several, or the one named by hand is not there.
        """
        if name in self.by_hand:
            return self.named(self.by_hand[name])
        words = tuple(before)
        if name in self.columns:
            return name
        spelled = {f"{word}{sign}{name}" for word in words for sign in BETWEEN}
        found = [column for column in self.columns if column in spelled]
        if not found:
            plain = {_plain(name), *(f"{_plain(word)}_{_plain(name)}" for word in words)}
            found = [column for column in self.columns if _plain(column) in plain]
        if len(found) > 1:
            raise HarnessError(
                f"one column must hold {name}",
                " and ".join(found[:3]),
                f"Name it: --column {name}={found[0]}.",
            )
        return found[0] if found else None

    def named(self, column: str) -> str:
        """Return a column that the command line names.

        Raises:
            HarnessError: it is not there.
        """
        if column not in self.columns:
            raise HarnessError(
                "--column, --seed-column, --last and --where must name columns of the results",
                repr(column),
                near(column, self.columns),
            )
        return column


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def find_columns(
    columns: Sequence[str],
    factors: Sequence[str],
    metrics: Mapping[str, bool],
    tuned: Sequence[str],
    by_hand: Mapping[str, str],
    seed: str | None,
    last: str | None = None,
    hint: Callable[[str], str | None] | None = None,
) -> Columns:
    """Find every column that is needed.

    Args:
        columns: all names.
        factors: the factors' names.
        metrics: the metrics' names, each with whether it must be there.
        tuned: names of tuned settings, which may be there.
        by_hand: the column of some of them, as the command line says.
        seed: the seeds' column, as the command line says; ``None`` looks for ``seed``.
        last: the column by which the last row of a run is known, as the command line says.
        hint: gives a column that holds levels of a factor that has none of its name, if any does.

    Raises:
        HarnessError: one is missing, or there are several for one name.
    """
    finder = Finder(columns, by_hand)
    known = [*factors, *metrics, *tuned]
    for name in by_hand:
        if name not in known:
            raise HarnessError(
                "--column must give the column of a factor, a metric or a tuned setting",
                repr(name),
                near(name, known),
            )
    held = finder.named(seed) if seed is not None else finder.column("seed", SETTINGS)
    if held is None:
        like = [name for name in columns if "seed" in name.lower()]
        raise HarnessError(
            "results must have a column with the seed of each run, by which arms are paired",
            f"the columns {first_of(columns, 12)}",
            f"Write --seed-column {like[0] if like else 'NAME'}; without seeds nothing tells runs "
            "of one setting from each other.",
        )
    places = {name: finder.column(name, SETTINGS) for name in factors}
    values = {name: finder.column(name, METRICS) for name in metrics}
    for what, found in (("factor", places), ("metric", values)):
        for name, column in found.items():
            if column is not None or not metrics.get(name, True):
                continue
            held_by = hint(name) if hint is not None and what == "factor" else None
            raise HarnessError(
                f"results must have a column for every {what} that is declared",
                f"none for {name}",
                f"Levels of it stand in {held_by}: write --column {name}={held_by}."
                if held_by is not None
                else f"{near(name, columns)} Write --column {name}=COLUMN.",
            )
    settings = {name: finder.column(name, SETTINGS) for name in tuned}
    if last is not None:
        finder.named(last)
    return Columns(_there(places), _there(values), _there(settings), held, last)


def _there(found: Mapping[str, str | None]) -> dict[str, str]:
    return {name: column for name, column in found.items() if column is not None}
