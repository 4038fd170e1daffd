"""What a trial has saved: the two newest states, each written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.messages.errors import HarnessError

KEPT = 2
"""So many states are kept: should the newest be damaged, there is one before."""

_NAME = re.compile(r"epoch-(\d+)\.pt")


@dataclass(frozen=True)
class TrialFolder:
    """Where one trial keeps things; it is found by the trial's key, so a kill does not change it.

    Attributes:
        root: the folder of all trials.
        key: the trial's key.
    """

    root: Path
    key: str

    @property
    def path(self) -> Path:
        """The folder with all that there is of the trial."""
        return self.root / self.key

    @property
    def files(self) -> Path:
        """The folder that the trial's own code may write to."""
        return self.path / "files"

    @property
    def saved(self) -> Path:
        """The folder of saved states."""
        return self.path / "saved"

    @property
    def log(self) -> Path:
        """The file with what the trial has printed."""
        return self.path / "log.txt"

    def made(self) -> Path:
        """Make the folder for the trial's own files, and return it.

        Raises:
            HarnessError: it cannot be made.
        """
        return _made(self.files)

    @property
    def is_whole(self) -> bool:
        """Whether its files are all there, for other trials to use."""
        return (self.path / "whole").exists()

    def begin(self) -> None:
        """Say that its files are not all there any more: they are made again."""
        (self.path / "whole").unlink(missing_ok=True)

    def make_whole(self) -> None:
        """Say that its files are all there."""
        self.made()
        (self.path / "whole").touch()

    def write(self, epoch: int, state: Any) -> None:
        """Keep a state, and forget all but the one before.

        Args:
            epoch: how many epochs are over.
            state: tensors, numbers, texts and collections of them.

        Raises:
            HarnessError: it could not be written; what was kept before is as it was.
        """
        import torch  # here and below: studies are listed and reported without it

        folder = _made(self.saved)
        draft, place = folder / f"draft-{os.getpid()}", folder / f"epoch-{epoch}.pt"
        try:
            with draft.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
            _sync(folder)
        except (OSError, RuntimeError) as error:  # torch's own where the disk is full
            draft.unlink(missing_ok=True)
            raise HarnessError(
                "context.save must be able to write",
                f"{type(error).__name__}: {error}",
                f"Make room in {folder.parent.parent}; then run again with --retry-failed.",
            ) from error
        # of higher epochs are only those that could not be read, or were not gone on from
        kept = self._kept()
        first = [file.name for file in kept].index(place.name)
        for other in (*kept[:first], *kept[first + KEPT :]):
            other.unlink(missing_ok=True)

    def newest(self) -> dict[str, Any] | None:
        """Return the newest state that can be read; ``None`` where there is none."""
        import torch

        for file in self._kept():
            try:
                state = torch.load(file, map_location="cpu", weights_only=True)
            except Exception:
                continue
            if isinstance(state, dict):
                return state
        return None

    def _kept(self) -> list[Path]:
        """Return the files of states, newest first."""
        found = [(int(m[1]), f) for f in _files(self.saved) if (m := _NAME.fullmatch(f.name))]
        return [file for _, file in sorted(found, reverse=True)]

    def tidy(self, *, finished: bool, keep: bool) -> None:
        """Remove what nobody needs any more.

        Args:
            finished: whether the trial has finished: then nothing goes on from what was saved.
            keep: whether the trial's own files are kept.
        """
        if finished and not keep:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        if finished:
            shutil.rmtree(self.saved, ignore_errors=True)
        with contextlib.suppress(OSError):  # what is left does no harm
            if finished and self.log.is_file() and not self.log.stat().st_size:
                self.log.unlink()
            for folder in (self.files, self.path):
                if folder.is_dir() and not _files(folder):
                    folder.rmdir()


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(
            "the folder of trials must be one that can be written to",
            f"{type(error).__name__}: {error}",
            "Take another --out or --store.",
        ) from error
    return folder


def _sync(folder: Path) -> None:
    """Have the system write down which files a folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
