"""Where a run keeps things."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from harness.messages.redact import holds_secret, shown
from harness.storing.damage import Noticed
from harness.storing.store import Store, open_store
from harness.terminal.screen import line

STORE_NAME = "harness.db"

STORE_VARIABLE = "HARNESS_STORE"
"""The environment variable that names the store where ``--store`` does not."""


@dataclass(frozen=True)
class Place:
    """Where things are kept.

    Attributes:
        out: the output folder.
        store: the store's URL or path; empty for a file in the output folder.
        usual: the output folder where none is named.
        data: the folder of data sets, where the command line names it.
        noticed: what is noticed of the store while it is read.
        opened: the stores that were opened, and are to be closed.
    """

    out: Path
    store: str = field(default="", repr=False)
    usual: Path = Path("runs")
    data: Path | None = None
    noticed: Noticed = field(default_factory=Noticed, repr=False, compare=False)
    opened: list[Store] = field(default_factory=list, repr=False, compare=False)

    def words(self) -> list[str]:
        """Return how the place is named on the command line, without secrets.

        A store with a secret is left out where ``HARNESS_STORE`` names it, which it goes on to do;
        else ``***`` stands for the secret: without ``--store``, the command would begin another.
        """
        named = self.store and not (
            holds_secret(self.store) and os.environ.get(STORE_VARIABLE) == self.store
        )
        return [
            *([] if self.out == self.usual else ["--out", str(self.out)]),
            *(["--store", shown(self.store)] if named else []),
            *(["--data-dir", str(self.data)] if self.data is not None else []),
        ]

    def store_named(self) -> str:
        """Return where the store is, without secrets; empty where none was opened."""
        return shown(self.store or str(self.out / STORE_NAME)) if self.opened else ""

    def open(self, *, create: bool) -> Store:
        """Open the store."""
        where = self.store or str(self.out / STORE_NAME)
        self.opened.append(open_store(where, create=create, noticed=self.noticed))
        return self.opened[-1]

    def other(self, where: str) -> Store:
        """Open another store, of which nothing is written."""
        self.opened.append(open_store(where, create=False, noticed=self.noticed))
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
