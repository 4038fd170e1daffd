"""``harness judge`` and ``harness import``: results that exist, judged, or taken into a store."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.commands.finish import finish, settled, verdicts_json
from harness.commands.index import write_index
from harness.commands.place import Place
from harness.imported.read import read
from harness.imported.take import Taken, take
from harness.messages.errors import HarnessError
from harness.messages.redact import shown as without_secrets
from harness.running.find import find, load
from harness.running.revision import revision_of
from harness.terminal import screen

MANY = 1000
"""From so many rows on it is told that writing them takes a while: about 10 ms each."""


@dataclass(frozen=True)
class Asked:
    """What the command line says of results.

    Attributes:
        results: a file, a folder, or the URL of a storage.
        study: a name, a module or a file.
        scale: the scale's name; ``None`` is the study's first.
        kind: what the results are, where their name does not tell.
        columns: the column of each name that is mapped by hand.
        seed: the column of seeds, where it is not ``seed``.
        last: the column that says how far a run had come, where runs have several rows.
        where: the value that a row must have to be taken, by column.
        optuna_study: the study's name in an Optuna storage.
    """

    results: str
    study: str
    scale: str | None = None
    kind: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    seed: str | None = None
    last: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    optuna_study: str | None = None

    def command(self, verb: str, scale: str) -> str:
        """Return the command line that comes to the same."""
        words = ["harness", verb, without_secrets(self.results), self.study, "--scale", scale]
        words += ["--format", self.kind] if self.kind else []
        for name, column in self.columns.items():
            words += ["--column", f"{name}={column}"]
        for column, value in self.where.items():
            words += ["--where", f"{column}={value}"]
        words += ["--seed-column", self.seed] if self.seed else []
        words += ["--last", self.last] if self.last else []
        words += ["--optuna-study", self.optuna_study] if self.optuna_study else []
        return shlex.join(words)


def asked_for(
    results: str, study: str, scale: str | None, kind: str | None, column: Sequence[str] | None,
    seed: str | None, last: str | None, where: Sequence[str] | None, optuna_study: str | None,
) -> Asked:  # fmt: skip
    """Return what the command line says, its words taken apart.

    Raises:
        HarnessError: a word of ``--column`` or ``--where`` is none.
    """
    columns = pairs_in("--column", column or (), "width=n_hidden")
    chosen = pairs_in("--where", where or (), "split=test")
    return Asked(results, study, scale, kind, columns, seed, last, chosen, optuna_study)


def pairs_in(option: str, pairs: Sequence[str], example: str) -> dict[str, str]:
    """Return what stands after each name, from words such as ``width=n_hidden``.

    Args:
        option: whose words they are, such as ``--column``.
        pairs: the words.
        example: one that is right.

    Raises:
        HarnessError: one of them is no such word, or a name stands there twice.
    """
    out: dict[str, str] = {}
    for pair in pairs:
        name, sign, column = pair.partition("=")
        if not (name and sign and column):
            raise HarnessError(
                f"{option} must be a name, = and what it is",
                repr(pair),
                f"Write {option} {example}, say.",
            )
        if out.get(name, column) != column:
            raise HarnessError(
                f"{option} must name {name} once",
                f"{out[name]} and {column}",
                "Leave one out.",
            )
        out[name] = column
    return out


def judge_results(asked: Asked, place: Place, *, shown: bool, as_json: bool) -> bool:
    """Judge results that exist, and write their report; return whether all could be written.

    Args:
        asked: what is judged.
        place: where the report goes; no store is made or read.
        shown: whether anything is printed.
        as_json: whether verdicts are given as JSON on standard output.

    Raises:
        HarnessError: the results, or the study, cannot be used.
    """
    from harness.judging.results import assemble
    from harness.judging.rounds import Costs

    taken, home = _taken(asked, "judge")
    results = assemble(
        taken.declaration, taken.records, taken.manifest, Costs(), (), revision_of(home) or ""
    )
    # apart from that of a run of the study's own, or of what was imported: both keep their reports
    folder = place.folder(taken.declaration.name, f"{taken.declaration.scale}-judged")
    retry = shlex.join([*shlex.split(taken.manifest.command), *place.words()])
    files = finish(
        asked.study, results, folder, place, shown=shown, force=True, retry=retry
    )  # fmt: skip
    wrong = [*files.wrong, *settled(files, shown=shown)]
    wrong += write_index(place.out, retry, shown=shown)
    if as_json:
        screen.give(json.dumps(verdicts_json(results, folder), indent=2))
    return not wrong


def import_results(asked: Asked, place: Place) -> str:
    """Take results that exist into a store, where they are the study's newest run; say what came.

    Args:
        asked: what is taken in.
        place: where the store is, which is made where there is none.

    Raises:
        HarnessError: the results, or the study, cannot be used, or the store has runs of its own.
    """
    from harness.storing import notes
    from harness.storing.kept import keep, sources_in
    from harness.storing.ledger import Ledger

    taken, home = _taken(asked, "import")
    declaration = taken.declaration
    store = place.open(create=True)
    if sources_in(store, declaration, declaration.scale) - {"results"}:
        raise HarnessError(
            f"a store that results are imported into must hold no runs of {declaration.name}",
            f"those of scale {declaration.scale} in {store.url}",
            "Write --store others.db, say.",
        )
    ledger = Ledger(store, declaration, declaration.scale)
    if len(taken.records) > MANY:
        screen.complain(
            f"harness: {len(taken.records):,} results are written one by one, which takes a while"
        )
    new = ledger.enter(taken.records)
    notes.write_reference(ledger, home)
    keep(ledger, replace(taken.manifest, revision=revision_of(home) or ""), declaration)
    ledger.tally()
    there = len(taken.records)
    return (
        f"{declaration.name} ({declaration.scale}): {there} results read, {new} new, "
        f"in {store.url}; judge them with: "
        + shlex.join(
            ["harness", "report", asked.study, "--scale", declaration.scale, *place.words()]
        )
    )


def _taken(asked: Asked, verb: str) -> tuple[Taken, str]:
    """Read and check results; return them, and where the study was found."""
    home = find(asked.study)
    study = load(home)
    scale, _ = study.scale(asked.scale)
    declaration = study.declaration(scale)
    sheet = read(asked.results, asked.kind, asked.optuna_study)
    command = asked.command(verb, scale)
    found = take(
        sheet, declaration, command, asked.columns, asked.seed, asked.last, asked.where
    )  # fmt: skip
    return found, home
