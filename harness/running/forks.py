"""Where worker processes come from: forks of a process that has loaded torch and the trainer.

A process that begins with nothing imports for seconds; a fork of one that has imported begins in
hundredths of a second. So on Linux multiprocessing's fork server loads
:mod:`harness.running.loaded`, and every worker is a fork of it. It computes nothing, so that it has
one thread and no device, without which a fork would not be safe. Elsewhere each worker begins with
nothing ("spawn").
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from harness.own.processes import at_end_of_parent

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

LOADED = "harness.running.loaded"
"""What is imported before anything is forked."""

MEASURING = "harness.running.loaded_measuring"
"""What is imported, too, where something will be measured."""

ENDS = "HARNESS_ENDS_WITH_PARENT"
"""Set for the fork server: 1 where it is to end at once when the process that started it does."""

forks = sys.platform == "linux"
"""Whether workers are forks."""

NO_USE = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""With this, torch asks for CUDA devices without beginning to use them, so that forks still can."""

_UNSEEN = ("HARNESS_STORE",)  # a store's URL may hold a password, and is no business of theirs

_kept: list[Any] = []


def context(*, anew: bool = False) -> ForkServerContext | SpawnContext:
    """Return how processes are started here.

    Args:
        anew: whether each is to begin with nothing. Forks of one process have much in common that
            the next run will not have, such as the order in which sets of texts are gone through.
    """
    if forks and not anew:
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


def begin(*, measuring: bool) -> None:
    """Start the process that workers are forked from, unless there is one; do not wait for it.

    Args:
        measuring: whether it is to load what measuring needs, too.
    """
    if not forks:
        return
    context().set_forkserver_preload([LOADED, *([MEASURING] if measuring else [])])
    home = os.getcwd()  # noqa: PTH109 - as sys.path has it
    with surroundings(1, {
        # modules are found where this process finds them, and not first in the folder it runs in
        "PYTHONPATH": os.pathsep.join(each or home for each in sys.path),
        "PYTHONSAFEPATH": "1",
        **NO_USE,
        # the kernel tells of the end of a thread, so it must be one that lasts
        ENDS: "1" if threading.current_thread() is threading.main_thread() else "0",
    }):  # fmt: skip
        forkserver.ensure_running()


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment as a worker is to have it.

    Args:
        threads: CPU threads of the worker's; numerical libraries read them when they are imported.
    """
    wanted = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return {name: value for name, value in wanted.items() if name not in _UNSEEN}


@contextlib.contextmanager
def surroundings(threads: int, more: Mapping[str, str | None]) -> Iterator[None]:
    """Within, what this process starts has a worker's environment.

    Args:
        threads: CPU threads of the worker's.
        more: what it has beside that; ``None`` is without.
    """
    before = dict(os.environ)
    _set({**environment(threads), **more})
    try:
        yield
    finally:
        _set(before)


def settle(wanted: Mapping[str, str]) -> None:
    """Make a fork of this process a process of its own.

    It is given the environment that its parent has now, and a random layout of its memory. Forks
    have the addresses of what they are forked from, how fast a step runs depends on addresses
    (Mytkowicz et al. 2009, https://doi.org/10.1145/1508244.1508275), and what all processes of a
    round had in common would be taken for a difference between arms.

    It may be forked from in turn, once it has loaded a study's file, which may ask for devices.
    """
    _set({**wanted, **NO_USE})
    if forks and not _kept:
        draw = random.SystemRandom()
        _kept.append(mmap.mmap(-1, mmap.PAGESIZE * draw.randrange(1, 4096)))
        _kept.extend(bytearray(draw.randrange(1, 65536)) for _ in range(16))


def end_with_parent() -> None:
    """Let the fork server ignore Ctrl-C, and end with its parent; do nothing anywhere else."""
    ends = os.environ.pop(ENDS, "")
    if ends:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if ends == "1":
        at_end_of_parent(signal.SIGKILL)


def _set(values: Mapping[str, str | None]) -> None:
    """Make the environment this one, and no more."""
    for name in os.environ.keys() - {name for name, value in values.items() if value is not None}:
        del os.environ[name]
    for name, value in values.items():
        if value is not None and os.environ.get(name) != value:
            os.environ[name] = value
