"""Data sets that all worker processes have in common: loaded once, and in memory once.

The process that starts the workers loads each data set into shared memory and hands it to them. A
declaration finds it by the name of its source; if it is not there, it loads it itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.data.draw import Whole

_HERE: dict[str, Whole] = {}


def load_shared(declared: Iterable[Any]) -> dict[str, Whole]:
    """Load data sets into shared memory; those without a known source are left out.

    Raises:
        HarnessError: one is missing or damaged.
    """
    found: dict[str, Whole] = {}
    for data in declared:
        source = getattr(data, "source", "")
        if not source or source in found:
            continue
        whole = data.load()
        try:
            for part in whole.parts:
                part.pool.mapped(lambda each: each.share_memory_())
        except RuntimeError:  # a small /dev/shm, as in a container: each process loads its own
            continue
        found[source] = whole
    return found


def install(wholes: Mapping[str, Whole]) -> None:
    """Let this process's declarations find data sets that another has loaded."""
    _HERE.update(wholes)


def shared(source: str) -> Whole | None:
    """Return a data set that was handed to this process."""
    return _HERE.get(source)
