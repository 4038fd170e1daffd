"""Which revision of a study's file there is."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path


@cache
def revision_of(found: str | None) -> str | None:
    """Return the git revision of a study's file, ``+changes`` where its folder is not clean.

    It is asked for once in a process.

    Args:
        found: the file, or the name of a module that is loaded.

    Returns:
        The revision, empty where git does not know the file; ``None`` where there is no file.
    """
    if not found:
        return None
    found = found.partition("#")[0]
    name = found if found.endswith(".py") else getattr(sys.modules.get(found), "__file__", None)
    return revision_in(Path(name)) if name else None


def revision_in(file: Path) -> str:
    """Return the git revision of a study's file, ``+changes`` where its folder is not clean.

    It is empty where git does not know the file.
    """

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(file.parent), *words],
                capture_output=True, text=True, timeout=10, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", file.name) is None:
        return ""
    head = git("rev-parse", "--short=12", "HEAD")
    return f"{head}+changes" if git("status", "--porcelain", "--", ".") else str(head or "")
