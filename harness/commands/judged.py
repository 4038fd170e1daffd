"""What a store holds of a study, judged: what run, report and explain print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.commands.subject import Subject, nothing_to
from harness.running.revision import revision_of
from harness.storing.kept import manifest_of
from harness.storing.ledger import Ledger
from harness.storing.notes import checked, choices

if TYPE_CHECKING:
    from harness.judging.results import Results  # imports scipy


def gather(ledger: Ledger, subject: Subject, place: Sequence[str] = ()) -> Results:
    """Judge what a ledger holds, of one version of the study, and keep what it claims now.

    Args:
        ledger: of one study at one scale.
        subject: what is judged.
        place: the words that name where things are on the command line.

    Raises:
        HarnessError: nothing was ever run.
    """
    from harness.judging.results import assemble
    from harness.running.registering import declare
    from harness.running.timing import costs_of
    from harness.running.versions import Chosen, choose

    newest = manifest_of(ledger)
    if newest is None:
        raise nothing_to("report on", subject, ledger.scale, ledger.store, place)
    if subject.study is None:  # then the ledger was opened by what is kept
        chosen = Chosen(ledger.declaration, newest, subject.told(newest), then=True)
    else:
        chosen = choose(ledger, subject.study, newest, place)
    manifest = chosen.manifest
    registrations, unkept = declare(
        ledger, lambda: manifest.programs, required=False,
        then=chosen.declaration if chosen.then else None,
    )  # fmt: skip
    costs, unmeasured = costs_of(ledger, manifest.programs, manifest.machine)
    revision = manifest.revision
    if revision is None:
        revision = revision_of(subject.found)
    notes = [
        chosen.warning,
        f"That these claims were declared is not kept: {unkept}" if unkept else "",
    ]
    results = assemble(
        chosen.declaration, ledger.records(), manifest, costs,
        [*unmeasured, *ledger.store.noticed.sentences()], revision or "",
        choices(ledger),
        registrations, tuple(filter(None, notes)), checked(ledger, manifest.programs),
    )  # fmt: skip
    return with_importance(results)


def with_importance(results: Results) -> Results:
    """Add how well each setting of a search tells the best from the rest."""
    search = results.search
    if search is None:
        return results
    from harness.planning.importance import separating

    tried = [(each.settings, each.value) for each in search.tried if each.state == "complete"]
    found = separating(search.searching.space, tried, lower=search.lower)
    return replace(results, search=replace(search, separating=found))
