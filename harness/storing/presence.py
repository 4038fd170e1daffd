"""That this process shares a store's work: said while it does, so that others can tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.messages.errors import HarnessError
from harness.storing.ledger import Ledger
from harness.storing.owners import HEARTBEAT_SECONDS

ASK_SECONDS = 2.0
"""How often, at most, it is read how many workers others have."""


class Presence:
    """What a process says of itself to others, and what they said."""

    def __init__(self, ledger: Ledger) -> None:
        """Keep where it is said.

        Args:
            ledger: the study's.
        """
        self._ledger = ledger
        self._asked = 0.0
        self._others = 0

    def others(self) -> int:
        """Return how many workers other processes have for the same study."""
        if time.monotonic() - self._asked > ASK_SECONDS or not self._asked:
            self._others = self._ledger.others_workers()
            self._asked = time.monotonic()
        return self._others


@contextmanager
def present(ledger: Ledger, workers: int) -> Iterator[Presence]:
    """Announce this process, and record that it is alive until this ends.

    A thread does so, since a process may wait for a lock, train or measure for longer than others
    take silence for death.

    Args:
        ledger: the study's.
        workers: how many it has.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            try:
                with ledger.store.impatiently():
                    ledger.heartbeat()
            except HarnessError:
                pass  # the next time, or the run itself, will tell

    ledger.announce(workers)
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield Presence(ledger)
    finally:
        over.set()
        thread.join(5)
        try:
            with ledger.store.impatiently():
                ledger.announce(0)
        except HarnessError:
            pass  # others see that it is over when they ask for the process
