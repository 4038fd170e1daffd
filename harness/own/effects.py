"""What somebody's code does to its process beside what it returns.

Seen are the seeds of global generators, numbers drawn from them, the working folder, the
environment and processes left behind. Not seen is what leaves no trace here, such as a look at the
clock: should a result rest on it, no training gives that result twice.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.own.processes import stat

_OF_LIBRARIES = ("TORCHINDUCTOR_", "TRITON_", "KMP_")
"""How the names of variables begin that torch and scikit-learn set themselves."""

_HELPERS = (b"resource_tracker", b"forkserver")
"""Processes that Python itself starts for a process, and which end with it."""


@dataclass(frozen=True)
class Effects:
    """What was done to a process.

    Attributes:
        seeded: the modules whose global generator was given a seed.
        drew: those whose global generator is another than before, though it was given none.
        folder: the working folder, where that is another than before.
        environment: names of variables that were set, changed or removed.
        processes: how many were started and run on.
    """

    seeded: tuple[str, ...] = ()
    drew: tuple[str, ...] = ()
    folder: str = ""
    environment: tuple[str, ...] = ()
    processes: int = 0


class Looking:
    """Gives the effects, once there are all of them."""

    def __init__(self) -> None:
        self.effects = Effects()


@contextmanager
def looking() -> Iterator[Looking]:
    """Within, what is done to this process is noted."""
    found = Looking()
    states, seed = _states(), _torch_seed()
    folder, environment, before = _folder(), dict(os.environ), children()
    with _noting_seeds() as seeded:
        try:
            yield found
        finally:
            if _torch_seed() != seed:
                seeded.add("torch")
            after, now = _states(), dict(os.environ)
            found.effects = Effects(
                seeded=tuple(name for name in states if name in seeded),
                drew=tuple(
                    name for name in states if name not in seeded and states[name] != after[name]
                ),
                folder=_folder() if _folder() != folder else "",
                environment=tuple(
                    sorted(
                        name
                        for name in {*environment, *now}
                        if environment.get(name) != now.get(name)
                        and not name.startswith(_OF_LIBRARIES)
                    )
                ),
                processes=len(children() - before),
            )


def _states() -> dict[str, Any]:
    """Return where the global generators are, as values that can be compared."""
    import numpy as np
    import torch

    return {
        "random": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch": bytes(torch.random.get_rng_state().numpy()),
    }


def _torch_seed() -> int:
    import torch

    return torch.initial_seed()


@contextmanager
def _noting_seeds() -> Iterator[set[str]]:
    """Within, it is noted when the generators of random and numpy are given a seed."""
    import numpy as np

    seeded: set[str] = set()
    places: tuple[tuple[str, Any], ...] = (("random", random), ("numpy", np.random))
    before = [(place, place.seed) for _, place in places]
    for name, place in places:
        place.seed = _noting(name, place.seed, seeded)
    try:
        yield seeded
    finally:
        for place, seed in before:
            place.seed = seed


def _noting(name: str, seed: Callable[..., Any], seeded: set[str]) -> Callable[..., Any]:
    def noted(*args: Any, **kwargs: Any) -> Any:
        seeded.add(name)
        return seed(*args, **kwargs)

    return noted


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def children() -> set[int]:
    """Return the processes that this one has started and that run on, apart from Python's own."""
    found: set[int] = set()
    tasks = Path("/proc/self/task")
    try:
        for task in tasks.iterdir():
            found |= {int(each) for each in (task / "children").read_text(encoding="ascii").split()}
    except OSError:  # no such system
        return {each.pid for each in multiprocessing.active_children() if each.pid is not None}
    return {each for each in found if _goes_on(each)}


def _goes_on(process: int) -> bool:
    try:
        called = Path(f"/proc/{process}/cmdline").read_bytes()
        own = Path("/proc/self/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
    fork = called == own  # a fork is called like what it is a fork of, which may be a helper
    helps = not fork and any(helper in called for helper in _HELPERS)
    return not helps and stat(process)[:1] not in ([], ["Z"])
