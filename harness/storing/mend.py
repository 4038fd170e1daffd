"""Set everything aside that is damaged in a store; nothing is destroyed.

Rows of a database keep what was damaged under attributes whose names begin with ``damaged/``, and
the trial counts as never begun. A journal, and an SQLite file that cannot be read whole, are
written anew, and the file as it was is kept beside the new one.
"""

from __future__ import annotations

import time

from optuna.trial import TrialState

from harness.messages.errors import HarnessError
from harness.storing.damage import Noticed
from harness.storing.inspection import damage, damaged_file, is_database
from harness.storing.journal import Lines
from harness.storing.mend_file import salvage
from harness.storing.mend_journal import rewrite
from harness.storing.mend_rows import set_aside
from harness.storing.notes import RUNNER
from harness.storing.owners import Runner
from harness.storing.rows import Rows
from harness.storing.sqlite import sqlite_path
from harness.storing.store import Store, open_store
from harness.storing.translation import wrong_with


def mend(where: str) -> list[str]:
    """Set aside all that is damaged in a store; return a sentence for each thing that was done.

    Args:
        where: what ``--store`` takes.

    Raises:
        HarnessError: it is no store, or somebody is training on it.
    """
    done: list[str] = []
    path = sqlite_path(where)
    if path is not None and damaged_file(where) and is_database(path):
        done.append(salvage(path))
    noticed = Noticed()
    store = open_store(where, create=False, noticed=noticed)
    seen = damage(store)
    if (seen or noticed.damage) and _busy(store):
        raise HarnessError(
            "nobody may be training on a store while it is mended",
            f"a run that is at work on {store.url}",
            "Wait for it, or end it: the same command goes on where it was.",
        )
    if isinstance(store.storage, Rows):
        with store.errors(), store.lock(), store.storage.engine.begin() as connection:
            for damaged in seen:
                done += set_aside(connection, damaged)
    elif isinstance(store.storage, Lines) and store.path is not None:
        with store.lock(), store.storage._journal.alone():
            done += rewrite(store, store.path, seen, noticed)
    store.close()
    return done


def _busy(store: Store) -> bool:
    """Whether a process of this machine is training a trial of the store."""
    for study in store.storage.get_all_studies():
        running = store.storage.get_all_trials(
            study._study_id, deepcopy=False, states=(TrialState.RUNNING,)
        )
        for trial in running:
            name = "" if wrong_with(trial) else str(trial.user_attrs.get("runner", ""))
            here = name and Runner.parse(name).host == Runner.here().host
            word = study.user_attrs.get(f"{RUNNER}{name}", 0.0)
            said = word if isinstance(word, float | int) else 0.0
            if here and Runner.parse(name).alive(said, time.time()):
                return True
    return False
