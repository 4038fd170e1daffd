"""Where a run keeps things."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.store import Store, open_store
from harness.study import Study

STORE_NAME = "harness.db"


@dataclass(frozen=True)
class Place:
    """Where things are kept.

    Attributes:
        out: the output folder.
        store: the store's URL or path; empty for a file in the output folder.
    """

    out: Path
    store: str = ""

    def open(self, *, create: bool) -> Store:
        """Open the store."""
        return open_store(self.store or str(self.out / STORE_NAME), create=create)

    def folder(self, study: Study, scale: str) -> Path:
        """Return the folder of a study's report; names are checked when a study is made."""
        return self.out / f"{study.name}-{scale}"
