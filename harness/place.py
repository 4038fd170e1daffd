"""Where a run keeps things."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from harness.damage import Noticed
from harness.redact import holds_secret
from harness.store import Store, open_store
from harness.terminal import line

STORE_NAME = "harness.db"


@dataclass(frozen=True)
class Place:
    """Where things are kept.

    Attributes:
        out: the output folder.
        store: the store's URL or path; empty for a file in the output folder.
        noticed: what is noticed of the store while it is read.
        opened: the stores that were opened, and are to be closed.
    """

    out: Path
    store: str = field(default="", repr=False)
    noticed: Noticed = field(default_factory=Noticed, repr=False, compare=False)
    opened: list[Store] = field(default_factory=list, repr=False, compare=False)

    def words(self, usual: Path) -> list[str]:
        """Return how the place is named on the command line, without secrets.

        A store with a secret is left out: it is named by ``HARNESS_STORE``, or typed again.

        Args:
            usual: the output folder where none is named.
        """
        out = [] if self.out == usual else ["--out", str(self.out)]
        store = [] if not self.store or holds_secret(self.store) else ["--store", self.store]
        return [*out, *store]

    def open(self, *, create: bool) -> Store:
        """Open the store."""
        where = self.store or str(self.out / STORE_NAME)
        self.opened.append(open_store(where, create=create, noticed=self.noticed))
        return self.opened[-1]

    def close(self) -> None:
        """Close every store that was opened here."""
        while self.opened:
            self.opened.pop().close()

    def tell(self, errors: Console) -> None:
        """Say what was noticed of the store while it was read, each once."""
        for sentence in self.noticed.untold():
            line(errors, f"harness: {sentence}", whole=True)

    def folder(self, study: str, scale: str) -> Path:
        """Return the folder of a study's report; names are checked when a study is made."""
        return self.out / f"{study}-{scale}"
