"""Imports of what lies beside a study: at the top of its file, and later.

Later is within ``build``, in a measure, in a network, and in worker processes. A study's own code
finds the files beside it first, as a script's does. Other code, such as a library that imports
something late, finds them last, so that a file ``random.py`` or ``optuna.py`` beside a study gets
in nobody's way.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType, ModuleType

from harness.identity.following import ours
from harness.messages.errors import HarnessError

_ASKING = ("harness.running.find", "harness.identity.following")  # ask on behalf of a study
_INSTALLED = {"site-packages", "dist-packages"}


class _Neighbours(importlib.abc.MetaPathFinder):
    """Finds modules that lie in one folder."""

    def __init__(self, folder: Path, *, for_anybody: bool) -> None:
        self.folder = folder
        self.for_anybody = for_anybody

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the module of the folder, where there is one and who asks may have it."""
        del target
        if path is not None or name in sys.stdlib_module_names or ours(name):
            return None  # what lies within a package is the package's own business
        if not self.for_anybody and not _asked_from(self.folder, sys._getframe(1)):
            return None
        return importlib.machinery.PathFinder.find_spec(name, [str(self.folder)])


def _asked_from(folder: Path, frame: FrameType | None) -> bool:
    """Whether the code that imports something lies in a folder."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    if frame is None:
        return False
    if frame.f_globals.get("__name__") in _ASKING:
        return True
    return lies_in(folder, frame.f_code.co_filename) and not ours(
        frame.f_globals.get("__name__", "")
    )


def lies_in(folder: Path, file: str) -> bool:
    """Whether a file is a study's own: in its folder or below, and not installed there."""
    path = Path(file)
    if not path.is_relative_to(folder):
        return False
    return not _INSTALLED & set(path.relative_to(folder).parts)


def welcome(folder: Path) -> None:
    """Let what lies in a folder be imported from now on; of several folders the newest is first."""
    known = [each for each in sys.meta_path if isinstance(each, _Neighbours)]
    for each in known:
        if each.folder == folder:
            sys.meta_path.remove(each)
    sys.meta_path.insert(0, _Neighbours(folder, for_anybody=False))
    sys.meta_path.append(_Neighbours(folder, for_anybody=True))
    importlib.invalidate_caches()


def check_apart(folder: Path, names: Iterable[str]) -> None:
    """Check that modules which lie in a folder are not taken from another study's folder.

    Args:
        folder: the study's.
        names: of the modules that it imports.

    Raises:
        HarnessError: two studies of one command have different files of one name.
    """
    others = {each.folder for each in sys.meta_path if isinstance(each, _Neighbours)} - {folder}
    for name in names:
        loaded = getattr(sys.modules.get(name), "__file__", None)
        if loaded is None or not any(Path(loaded).is_relative_to(each) for each in others):
            continue
        spec = importlib.machinery.PathFinder.find_spec(name, [str(folder)])
        own = spec.origin if spec is not None else None
        if own is not None and Path(own).resolve() != Path(loaded).resolve():
            raise HarnessError(
                "studies of one command must not import different files of one name",
                f"{name} of {loaded} and of {own}",
                "Run them by two commands.",
            )
