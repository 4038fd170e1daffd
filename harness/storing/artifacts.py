"""Artifacts: files that trials leave for other trials, each found by its name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class Artifacts(Protocol):
    """Where artifacts are kept. It travels to worker processes."""

    def put(self, name: str, content: BinaryIO) -> None:
        """Keep a file under a name, all of it or nothing; an older one of that name is replaced.

        Raises:
            OSError: it could not be written.
        """

    def get(self, name: str) -> BinaryIO | None:
        """Open a file by its name; ``None`` where there is none, as after somebody cleared up."""


@dataclass(frozen=True)
class FolderOfArtifacts:
    """Artifacts in a folder, as Optuna's artifact store for file systems keeps them.

    Attributes:
        folder: the folder, which is made when it is needed.
    """

    folder: Path

    def put(self, name: str, content: BinaryIO) -> None:
        """Keep a file under a name, all of it or nothing; an older one of that name is replaced."""
        from optuna.artifacts import FileSystemArtifactStore  # few workers need it

        self.folder.mkdir(parents=True, exist_ok=True)
        part = f"{name}.{os.getpid()}.part"
        try:
            FileSystemArtifactStore(self.folder).write(part, content)
            (self.folder / part).replace(self.folder / name)
        finally:
            (self.folder / part).unlink(missing_ok=True)

    def get(self, name: str) -> BinaryIO | None:
        """Open a file by its name; ``None`` where there is none."""
        from optuna.artifacts import FileSystemArtifactStore
        from optuna.artifacts.exceptions import ArtifactNotFound

        try:
            return FileSystemArtifactStore(self.folder).open_reader(name)
        except ArtifactNotFound:
            return None
