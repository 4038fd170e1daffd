"""A trial that ``harness check`` watches: what it saves and does is noted, or it is killed.

Notes are lines of a file, so that they outlive the process that wrote them.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.own.effects import Effects, children, looking
from harness.own.processes import kill_started
from harness.study.converter import from_plain, to_plain

LOOK_SECONDS = 0.002
"""How often a folder is looked at for its first file."""


@dataclass(frozen=True)
class Seen:
    """What was noted of a trial.

    Attributes:
        saved: the epochs at which it saved, in order.
        restored: the epochs that it went on from.
        killed: whether it was killed.
        effects: what its function did to its process; ``None`` where no function was called to its
            end.
    """

    saved: tuple[int, ...] = ()
    restored: tuple[int, ...] = ()
    killed: bool = False
    effects: Effects | None = None


@dataclass(frozen=True)
class Watch:
    """Notes what a trial does.

    Attributes:
        file: where notes are added.
        kill: whether the trial is ended by SIGKILL right after its first save.
    """

    file: Path
    kill: bool = False
    _once: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def saved(self, epoch: int) -> None:
        """Note that the trial has saved; where it is to be killed, it ends here."""
        self._note("saved", epoch)
        if self.kill:
            self.end()

    def restored(self, epoch: int) -> None:
        """Note that the trial goes on from what was saved."""
        self._note("restored", epoch)

    def over(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes what this one does to its process."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            with looking() as found:
                returned = function(*args, **kwargs)
                if children():
                    gc.collect()  # which ends those that load data, once nobody uses it
            self._note("effects", to_plain(found.effects))
            return returned

        return watched

    def end(self) -> None:
        """End this process by SIGKILL, with all that it has started."""
        if not self._once.acquire(blocking=False):
            return  # another thread is at it
        self._note("killed", None)
        kill_started()
        number = getattr(signal, "SIGKILL", signal.SIGTERM)
        os.kill(os.getpid(), number)

    def end_at_first_file(self, folder: Path) -> None:
        """End this process and all that it has started as soon as a folder holds a file."""

        def look() -> None:
            while not any(each.is_file() for each in folder.rglob("*")):
                time.sleep(LOOK_SECONDS)
            self.end()

        threading.Thread(target=look, daemon=True).start()

    def _note(self, what: str, value: Any) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, value]) + "\n")

    def seen(self) -> Seen:
        """Return what was noted until now."""
        if not self.file.is_file():
            return Seen()
        notes = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]
        effects = [from_plain(Effects, value) for what, value in notes if what == "effects"]
        return Seen(
            tuple(value for what, value in notes if what == "saved"),
            tuple(value for what, value in notes if what == "restored"),
            any(what == "killed" for what, _ in notes),
            effects[-1] if effects else None,
        )
