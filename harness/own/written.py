"""What a command has written: its metrics, and the last line that it printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.messages.errors import HarnessError
from harness.messages.printable import visible

_LAST_BYTES = 1 << 14
_MOST_SIGNS = 300


def read_metrics(file: Path) -> dict[str, Any]:
    """Return what a file holds as one JSON object; its values may be anything.

    Raises:
        HarnessError: there is no such file, it was cut short, or it holds something else.
    """
    must = f"the command must write its metrics to {file.name} as one JSON object"
    instead = 'Write {"test_error": 0.1}, say, into {folder}, and close the file.'
    try:
        found = json.loads(
            file.read_text(encoding="utf-8-sig"), parse_int=float, object_pairs_hook=_once
        )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise HarnessError(must, "no such file" if missing else str(error.strerror), instead) from (
            error
        )
    except HarnessError:
        raise
    except (ValueError, RecursionError) as error:
        raise HarnessError(must, f"no JSON, or half a file ({error})", instead) from error
    if not isinstance(found, dict):
        raise HarnessError(must, f"a {type(found).__name__}", instead)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a dictionary.

    Raises:
        HarnessError: a name comes twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise HarnessError(
                "the command must write each metric once", f"{name} twice", "Leave one out."
            )
        found[name] = value
    return found


def last_line(log: Path, since: int) -> str:
    """Return the last line that was printed, fit to be shown; empty where there is none.

    Args:
        log: the file with all that was printed.
        since: the size that the file had before.
    """
    try:
        with log.open("rb") as content:
            content.seek(max(since, log.stat().st_size - _LAST_BYTES))
            text = content.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return visible(lines[-1], line=True)[:_MOST_SIGNS] if lines else ""
