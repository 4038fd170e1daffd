"""Parquet files, by pandas."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.imported.sheet import Row, Sheet
from harness.imported.text import told
from harness.messages.errors import HarnessError


def read_parquet(path: Path) -> Sheet:
    """Read a Parquet file; columns that are an index are columns, too.

    Raises:
        HarnessError: pyarrow is missing, or the file cannot be read.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise HarnessError(
            "reading Parquet needs pyarrow",
            "a Python without it",
            "pip install 'ablation-harness[parquet]', or save the table as CSV.",
        ) from error
    try:
        content = path.read_bytes()
        frame = pyarrow.parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise HarnessError(
            f"{path} must be a Parquet file that can be read", str(error),
            "Or say what it is: --format csv.",
        ) from error  # fmt: skip
    found: list[dict[str, Any]] = frame.to_pylist()
    names = tuple(name for name in frame.column_names if not name.startswith("__index_level_"))
    rows = tuple(
        Row(f"row {number}", {name: _plain(cells[name]) for name in names})
        for number, cells in enumerate(found, 1)
    )
    digest = hashlib.sha256(content).hexdigest()[:12]
    return told(Sheet(str(path), "Parquet", names, rows, digest=digest))


def _plain(cell: Any) -> Any:
    """Return a float for a decimal number, which no other file has."""
    return float(cell) if isinstance(cell, Decimal) else cell
