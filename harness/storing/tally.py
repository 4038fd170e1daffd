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
from pathlib import Path


def tally_file(store: Path) -> Path:
    """Return the file beside a store's file."""
    return store.with_name(f"{store.name}.tally")


def read_tally(store: Path) -> dict[str, int]:
    """Return how many trials of each Optuna study had ended; empty where nobody wrote it down."""
    found: dict[str, int] = {}
    try:
        lines = tally_file(store).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):  # half a line of a killed process
            name, count = json.loads(line)
            if isinstance(name, str) and type(count) is int:
                found[name] = count
    return found


def write_tally(store: Path, study: str, count: int) -> None:
    """Write down how many trials of an Optuna study have ended.

    It is one short write at the end of the file, so that processes need no lock. Where it cannot
    be written, nobody is told of a loss: results do not depend on it.
    """
    line = json.dumps([study, count]) + "\n"
    with contextlib.suppress(OSError), tally_file(store).open("a", encoding="utf-8") as file:
        file.write(line)
