"""How many trials a store has finished, written down beside it, so that a loss is seen.

What an SQLite file was told last lies in its write-ahead log, ``harness.db-wal``, until that is
worked in. Without the log the file is whole, and older: nothing in it says that trials are gone.
So the number of finished trials stands in a file beside it, ``harness.db.tally``: a line of JSON
for each study, appended after results are written. The last one of a study counts. It never says
more than was written, and may say less.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from harness.storing.notes import WORKING
from harness.storing.opened import Opened
from harness.storing.owners import Runner
from harness.storing.rows import Rows
from harness.storing.store import Store


def tally_file(store: Path) -> Path:
    """Return the file beside a store's file."""
    return store.with_name(f"{store.name}.tally")


def read_tally(store: Path) -> dict[str, int]:
    """Return how many trials of each Optuna study had ended; empty where nobody wrote it down."""
    ended: dict[str, int] = {}
    try:
        lines = tally_file(store).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ended
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):  # half a line of a killed process
            name, count = json.loads(line)
            if isinstance(name, str) and type(count) is int:
                ended[name] = count
    return ended


def write_tally(store: Path, study: str, count: int) -> None:
    """Write down how many trials of an Optuna study have ended.

    It is one short write at the end of the file, so that processes need no lock. Where it cannot
    be written, nobody is told of a loss: results do not depend on it.
    """
    line = json.dumps([study, count]) + "\n"
    with contextlib.suppress(OSError), tally_file(store).open("a", encoding="utf-8") as file:
        file.write(line)


def tell_losses(store: Store, base: str, ledgers: Mapping[str, Opened]) -> bool:
    """Tell of finished trials that are in a store's file no more; return whether there are any.

    Args:
        store: the store.
        base: study and scale.
        ledgers: what is there of them, by the name of the Optuna study.
    """
    if store.path is None:
        return False
    tally = {
        name: count
        for name, count in read_tally(store.path).items()
        if re.fullmatch(rf"{re.escape(base)}(?: \(\d+\))?", name)
    }
    lost = store.noticed.lost
    with store.errors():
        studies = store.storage.get_all_studies() if tally else []
    names = {study.study_name for study in studies}
    log = f"{store.path.name}-wal"
    why = ""
    if isinstance(store.storage, Rows) and not store.log_was_there:
        why = f" (its log {log} was not there: it was deleted, say, or the file copied without it)"
    for name, count in tally.items():
        if name not in ledgers and name in names:
            continue  # of other levels, which nobody reads now
        ended = ledgers[name].read().ended if name in ledgers else 0
        if ended < count:
            lost[
                f"{count - ended} of {count} finished trials of {name} are not in {store.url} any "
                f"more{why}; `harness run` trains them again"
            ] = None
    for name, ledger in () if tally or not why else ledgers.items():
        for runner, since in ledger.notes(WORKING).items():
            if since and not Runner.parse(runner).alive(since, time.time()):
                begun = datetime.fromtimestamp(since, UTC).isoformat(timespec="minutes")
                lost[
                    f"a run of {name} that began at {begun} was at work on {store.url} when this "
                    f"file lost its log {log}, or was copied without it: trials that it finished "
                    "may be missing, nobody can tell how many; `harness run` trains them again"
                ] = None
    return bool(lost)
