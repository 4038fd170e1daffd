"""How far the runs of a store are, from what it keeps: what is done, running and left.

It reads alone, and loads no study: which trials there are stands in the manifest that a run keeps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.commands.place import Place
from harness.commands.subject import Kept, kept_in
from harness.messages.errors import HarnessError
from harness.storing.faults import NoStoreError
from harness.storing.leases import Leased
from harness.storing.ledger import Ledger
from harness.storing.store import Store
from harness.study.converter import to_plain
from harness.trials.records import Record

FORMAT = 1
"""Of ``progress.json``, raised when a reader of before would misread it."""

LEAST_SECONDS = 1.0
"""How often, at most, the store is read."""


@dataclass(frozen=True)
class StudyProgress:
    """How far the newest run of a study at a scale is.

    Attributes:
        study: the study's name.
        scale: the scale's name.
        question: what it asks.
        going: whether a process is at work on it.
        workers: how many worker processes there are.
        total: trials in all, as far as is known by now.
        done: trials that have ended, failed ones included.
        failed: trials that failed.
        running: trials that are being run.
        left: trials that are neither.
        seconds_left: estimated from what trials took; ``None`` while nobody can tell, and where no
            process is at work.
    """

    study: str
    scale: str
    question: str
    going: bool
    workers: int
    total: int
    done: int
    failed: int
    running: tuple[Leased, ...]
    left: int
    seconds_left: float | None


@dataclass(frozen=True)
class Progress:
    """How far all runs of a store are.

    Attributes:
        studies: those at work first, then those that were run last.
        note: why nothing is known; empty where something is.
    """

    studies: tuple[StudyProgress, ...]
    note: str = ""

    @property
    def going(self) -> bool:
        """Whether a process is at work."""
        return any(each.going for each in self.studies)

    def plain(self) -> dict[str, Any]:
        """Return it as ``progress.json`` holds it."""
        return {
            "format": FORMAT,
            "going": self.going,
            "studies": [dict(to_plain(each)) for each in self.studies],
            "note": self.note,
        }


class Watching:
    """Reads a store again and again, as often as somebody asks, but not more often than useful.

    Args:
        place: where the store is; it need not be there yet.
        clock: seconds of a clock that only goes on.
    """

    def __init__(self, place: Place, clock: Callable[[], float] = time.monotonic) -> None:
        self._place = place
        self._clock = clock
        self._one = threading.Lock()
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._last = Progress(())
        self._read_at = -LEAST_SECONDS

    def now(self) -> Progress:
        """Return how far runs are; what cannot be read is said in its note."""
        with self._one:
            if self._clock() - self._read_at >= LEAST_SECONDS:
                self._last = self._read()
                self._read_at = self._clock()
            return self._last

    def _read(self) -> Progress:
        try:
            if self._store is not None and _file(self._store) != self._file:
                self._forget()  # else the old file is read on, though nobody sees it any more
            if self._store is None:
                self._store = self._place.open(create=False)
                self._file = _file(self._store)
            store = self._store
            every = kept_in(store)
            studies = [progress_of(self._ledger(store, each), each) for each in every]
        except NoStoreError:
            return Progress((), "No run has begun: there is no store yet.")
        except HarnessError as error:
            self._forget()
            return Progress((), str(error))
        studies.reverse()
        studies.sort(key=lambda each: not each.going)
        return Progress(tuple(studies))

    def _ledger(self, store: Store, kept: Kept) -> Ledger:
        """Return a ledger that is open already: it reads only what has changed."""
        key = kept.ledger, kept.manifest.declaration
        if key not in self._ledgers:
            scale = kept.declaration.scale
            self._ledgers[key] = Ledger(store, kept.declaration, scale, kept.ledger)
        return self._ledgers[key]

    def _forget(self) -> None:
        """Open the store anew the next time: it may have been replaced."""
        self._ledgers.clear()
        self._store = None
        self._place.close()


def _file(store: Store) -> tuple[int, int] | None:
    """Return device and inode of a store's file: another file under its name has others.

    ``None`` where the store is no file, or the file is gone.
    """
    if store.path is None:
        return None
    try:
        found = store.path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def progress_of(ledger: Ledger, kept: Kept) -> StudyProgress:
    """Return how far the newest run of a study at a scale is.

    Args:
        ledger: of that run; it is read anew.
        kept: what the store keeps of it.
    """
    manifest, declared = kept.manifest, kept.declaration
    ended = {key: each for key, each in ledger.done().items() if key in manifest.keys}
    running = [each for each in ledger.leased() if each.key not in ended]
    workers = ledger.others_workers()
    evaluations = manifest.evaluations or 0
    others = sum(trial.role != "evaluate" for trial in manifest.trials)
    total = max(len(manifest.trials), evaluations + others)
    if declared.search is not None and not (manifest.search and manifest.search.ended):
        tried = sum(trial.role == "tune" for trial in manifest.trials)
        total = max(total, total - tried + declared.search.trials)
    left = max(0, total - len(ended) - len(running))
    going = workers > 0 or bool(running)
    to_come = left + len(running)
    return StudyProgress(
        declared.name, declared.scale, declared.question, going, workers, total, len(ended),
        sum(each.state == "failed" for each in ended.values()), tuple(running), left,
        _seconds_left(ended, to_come, workers) if going else None,
    )  # fmt: skip


def _seconds_left(ended: Mapping[str, Record], trials: int, workers: int) -> float | None:
    if trials == 0:
        return 0.0
    took = [each.cost["seconds"] for each in ended.values() if "seconds" in each.cost]
    return trials * median(took) / max(1, workers) if took else None
