"""All that one trial does, apart from its seed: a Training, a function, or a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable


@runtime_checkable
class Work(Protocol):
    """A frozen dataclass that says all about one run but its seed.

    For a trial's key it is written down by :func:`harness.identity.canonical.canonical`, field by
    field, and its code is followed from its class. There are three kinds: a
    :class:`harness.training.Training`, which ``build`` returns, a
    :class:`harness.study.function.Function` of the user's own, and a
    :class:`harness.study.command.Command`. Who does each: :mod:`harness.running.kinds`.

    Attributes:
        kind: what it is called in messages.
    """

    kind: ClassVar[str]

    def needs(self) -> Mapping[str, Work]:
        """Return what is run before it, by what it is for: a seed follows from its own."""

    def seed_of_need(self, name: str, seed: int) -> int:
        """Return the seed of what is run before it.

        Args:
            name: of what it needs.
            seed: its own.
        """

    def data_sets(self) -> tuple[Any, ...]:
        """Return the declared data sets that it reads."""

    def program(self) -> str:
        """Return, as text, what trials must have in common to be run together."""


def with_needs(works: Iterable[Work]) -> list[Work]:
    """Return works, and after them what those need, and so on."""
    found = list(works)
    for work in found:  # grows by what they need
        found += work.needs().values()
    return found
