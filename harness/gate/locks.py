"""Locks of files that stay, and may lie in somebody's repository."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from filelock import BaseFileLock, FileLock


def lock_of(path: Path) -> BaseFileLock:
    """Return the lock of a file, which is kept in the folder for temporary files.

    Beside the file, git would take it for a change of the working tree. Each user has their own:
    nobody may write to what another has made there.
    """
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    user = getattr(os, "getuid", int)()
    return FileLock(Path(tempfile.gettempdir()) / f"harness-gate-{user}-{place}.lock")
