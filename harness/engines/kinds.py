"""The engines that there are: one entry in a table for each.

To add one, write its class beside :mod:`harness.engines.plain` and add it to ``ENGINES``. What
measures, chooses, trains, replays and reports asks the table. Elsewhere are known: the plain loop,
which is what there is to compare with; ``load_functorch`` of the fused engine, which is timed where
an engine ``loads``; and, in ``running/loaded.py``, modules that are imported before workers fork.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

# What judges reads modes, and has no torch: engines are imported when they are made.
if TYPE_CHECKING:
    import torch

    from harness.engines.network import Snapshot
    from harness.engines.prepared import Member


class Engine(Protocol):
    """Trains trials epoch by epoch; positions count those that are still training."""

    def start(self) -> None:
        """Prepare for the first epoch."""

    def stop(self) -> None:
        """Put back what ``start`` changed."""

    def epoch(self, number: int, most: int | None = None) -> list[tuple[float, ...]]:
        """Train for one epoch, ``most`` steps of it.

        Return for each trial the mean loss of each of its updates.
        """

    def validate(self) -> list[dict[str, float]]:
        """Return each trial's scores on its validation examples, by name."""

    def save(self, positions: Sequence[int]) -> list[Snapshot]:
        """Copy the state of some trials."""

    def keep(self, positions: Sequence[int]) -> None:
        """Train only some of the trials from now on."""

    def unload(self, position: int) -> None:
        """Give a trial's state to its own network."""


@dataclass(frozen=True)
class EngineKind:
    """What there is to know of one kind of engine.

    Attributes:
        make: returns an engine for trials, with places for at least so many; raises
            ``NotFusableError`` where they cannot train together.
        modes: returns what is worth measuring, as models at a time and whether images are laid out
            with their channels last; nothing where the engine does not apply. Its arguments are the
            numbers of models that fit, from small to large, whether the inputs are images, and the
            device.
        words: how it differs from the plain loop, as a report says it; empty for that loop.
        slower: the kind that is taken where this one cannot train a program; empty where there is
            none, and what went wrong is the trial's own.
        together: whether it trains more than one trial at a time.
        fills: whether it always computes as many places as it has, with copies of a trial in those
            that are left.
        slow_to_prepare: whether it takes long before the first step, as compiling does; then it is
            tried only where it can pay, and that time is counted.
        loads: whether a process that trains so loads a part of torch's compiler first.
    """

    make: Callable[[Sequence[Member], int], Engine]
    modes: Callable[[Sequence[int], bool, torch.device], Sequence[tuple[int, bool]]]
    words: str
    slower: str
    together: bool
    fills: bool
    slow_to_prepare: bool
    loads: bool

    def copies(self, models: int) -> int:
        """Return how many copies of a trial round as it did among ``models``."""
        return models if self.together and not self.fills else 1


def _plain(members: Sequence[Member], _: int) -> Engine:
    from harness.engines.plain import Plain

    return Plain(members)


def _fused(members: Sequence[Member], models: int) -> Engine:
    from harness.engines.fused import Fused

    return Fused(members, compiled=False, models=models)


def _compiled(members: Sequence[Member], models: int) -> Engine:
    from harness.engines.fused import Fused

    return Fused(members, compiled=True, models=models)


def _plain_modes(
    counts: Sequence[int], images: bool, device: torch.device
) -> list[tuple[int, bool]]:
    del counts, device
    return [(1, True)] if images else []  # without channels last, it is always measured


def _fused_modes(
    counts: Sequence[int], images: bool, device: torch.device
) -> list[tuple[int, bool]]:
    del images, device
    return [(count, False) for count in counts]


def _compiled_modes(
    counts: Sequence[int], images: bool, device: torch.device
) -> list[tuple[int, bool]]:
    del device
    largest = [count for count in counts[-1:] if count > 1]
    return [(1, images), *((count, False) for count in largest)]


ENGINES: Mapping[str, EngineKind] = {
    "plain": EngineKind(
        _plain, _plain_modes, words="", slower="",
        together=False, fills=False, slow_to_prepare=False, loads=False,
    ),
    "fused": EngineKind(
        _fused, _fused_modes,
        words="one step of all of them with one call of each operation", slower="plain",
        together=True, fills=False, slow_to_prepare=False, loads=True,
    ),
    "compiled": EngineKind(
        _compiled, _compiled_modes, words="in code made for the program", slower="fused",
        together=True, fills=True, slow_to_prepare=True, loads=True,
    ),
}  # fmt: skip
"""Every kind of engine by its name, in the order in which modes are measured."""
