"""Processes that a process has started, and theirs, as far as the system tells (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

_END_OF_PARENT, _ADOPT = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER: see prctl(2)

_ROUNDS = 20
"""How often it is looked again for processes that were started meanwhile."""


def adopt_orphans() -> None:
    """Be the parent of all that this process's own children start and leave behind."""
    _set(_ADOPT, 1)


def at_end_of_parent(number: int) -> None:
    """Have the kernel send this process a signal when its parent ends; 0 is none."""
    _set(_END_OF_PARENT, number)


def _set(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value)


def stat(process: int) -> list[str]:
    """Return the system's line on a process after its name: its state, its parent and so on.

    It is empty where the process has ended, and where the system writes no such lines.
    """
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return line.rpartition(")")[2].split()


def thread_names() -> set[str]:
    """Return what the system calls the threads of this process, in 15 letters at most."""
    found = set()
    for task in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):  # it has ended
            found.add((task / "comm").read_text(encoding="utf-8", errors="replace").strip())
    return found


def started() -> set[int]:
    """Return the processes that this one has started, and theirs, until somebody has waited."""
    found = [os.getpid()]
    try:
        for process in found:  # grows by what they have started
            found += _children(process)
    except FileNotFoundError:  # a system that does not list them by parent
        found = _by_parent()
    return {each for each in found[1:] if stat(each)}


def family(process: int) -> Iterator[int]:
    """Yield a process, those that it has started, and theirs, as far as the system tells."""
    yield process
    with contextlib.suppress(FileNotFoundError):
        for child in _children(process):
            yield from family(child)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*"):
        with contextlib.suppress(ProcessLookupError):
            found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def _by_parent() -> list[int]:
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        if fields := stat(int(place.name)):
            parents.setdefault(int(fields[1]), []).append(int(place.name))
    found = [os.getpid()]
    for process in found:
        found += parents.get(process, [])
    return found


def kill_started(but: Collection[int] = ()) -> None:
    """Kill all processes that this one has started, and theirs; wait for those that are its own.

    Args:
        but: processes that are left alone.
    """
    for _ in range(_ROUNDS):
        left = started() - {*but}
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        for process in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
        if not left:
            return
        time.sleep(0.005)
