"""A pool whose executors are the test's own."""

from collections.abc import Callable, Iterable
from typing import Any

from harness.running.workers import Executor


class OwnPool:
    """Gives executors that somebody makes; they load nothing.

    Args:
        make: makes one.
        workers: how many train at a time.
    """

    apart = True

    def __init__(self, make: Callable[[], Executor], workers: int = 1) -> None:
        self._make = make
        self.workers = workers

    def prepare(self, *, measuring: bool) -> None:
        """There is nothing to load."""

    def share(self, data: Iterable[Any]) -> None:
        """Nobody reads data."""

    def start(self, count: int) -> list[Executor]:
        """Make so many executors."""
        return [self.executor(index) for index in range(count)]

    def executor(self, index: int = 0) -> Executor:
        """Make one."""
        return self._make()

    def stop(self) -> None:
        """Executors of tests end by themselves."""
