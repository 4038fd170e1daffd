"""The manifest of a run and the declaration that it was run with, in and out of a store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

from harness.storing.ledger import Ledger
from harness.storing.notes import DECLARATION, MANIFEST, OLDER
from harness.storing.optuna_studies import named
from harness.storing.store import Store
from harness.study.declaration import Declaration
from harness.study.metrics import Source
from harness.study.study import Study
from harness.trials.manifest import Manifest


def manifest_of(ledger: Ledger) -> Manifest | None:
    """Return the manifest of the newest run; ``None`` where nothing was run."""
    kept = ledger.note(MANIFEST)
    return Manifest.of(kept) if kept is not None else None


def older_manifests(ledger: Ledger) -> list[Manifest]:
    """Return the manifests of runs of other code or settings."""
    return [Manifest.of(kept) for kept in ledger.notes(OLDER).values()]


def declaration_of(ledger: Ledger, manifest: Manifest) -> Declaration | None:
    """Return what the study declared when it was run; ``None`` where that is not kept."""
    kept = ledger.note(DECLARATION + manifest.declaration) if manifest.declaration else None
    return Declaration.of(kept) if kept is not None else None


def sources_in(store: Store, study: Study | Declaration, scale: str) -> set[Source | None]:
    """Return where the results in a store come from, of one study at one scale.

    Args:
        store: what is looked at; nothing is made there.
        study: whose results.
        scale: its scale.

    Returns:
        The source of the newest run with each set of levels; ``None`` where it is not kept.
    """
    found: set[Source | None] = set()
    for ledger in Ledger.existing(store, study, scale):
        manifest = manifest_of(ledger)
        if manifest is not None:
            declared = declaration_of(ledger, manifest)
            found.add(declared.source if declared is not None else None)
    return found


def keep(ledger: Ledger, manifest: Manifest, declaration: Declaration) -> None:
    """Keep the manifest of the newest run, with what was declared, so that it can be judged alone.

    The manifest before is kept, too, where it has no trial in common with this one: it was of other
    code or settings, and the seeds asked for then say nothing of these trials.

    Args:
        ledger: where it is kept.
        manifest: of the run.
        declaration: what the study declares at this scale.
    """
    before = manifest_of(ledger)
    manifest = replace(manifest, declaration=declaration.digest)
    name = DECLARATION + declaration.digest
    if ledger.note(name) is None:
        ledger.write_note(name, declaration.plain)
    with ledger.store.errors():
        several = len(named(ledger.store, declaration.name, declaration.scale)) > 1
    if manifest.says(before) and not several:  # of several, that written last is the newest run
        return
    if before and before.trials and manifest.trials and manifest.keys.isdisjoint(before.keys):
        text = json.dumps([[trial.arm, trial.seed, trial.key] for trial in before.trials])
        short = hashlib.sha256(text.encode()).hexdigest()[:12]
        ledger.write_note(OLDER + short, before.plain())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ledger.write_note(MANIFEST, replace(manifest, time=now).plain())
