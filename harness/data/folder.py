"""Where data sets lie, and whether they may be downloaded.

Both are environment variables, which ``--data-dir`` and ``--download`` set, so that worker
processes inherit them and no declaration depends on the machine it runs on.
"""

from __future__ import annotations

import os
from pathlib import Path

DATA = "HARNESS_DATA"
"""Names the folder that holds the data sets; ``data`` in the current folder where unset."""

DOWNLOAD = "HARNESS_DOWNLOAD"
"""``1`` where data sets may be downloaded."""


def data_folder() -> Path:
    """Return the absolute path of the folder that holds the data sets; it need not exist."""
    return Path(os.environ.get(DATA) or "data").expanduser().resolve()


def may_download() -> bool:
    """Whether ``--download`` was given."""
    return os.environ.get(DOWNLOAD, "0") not in ("", "0")
