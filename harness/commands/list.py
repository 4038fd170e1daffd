"""``harness list``: the studies that there are, with their questions."""

from __future__ import annotations

import json
from pathlib import Path

from harness.running.find import listed
from harness.terminal import screen


def list_studies(folder: Path, *, as_json: bool) -> None:
    """Print the studies that ship with the harness, and those of a folder; none of them is run.

    Args:
        folder: where to look for studies of the user's own.
        as_json: whether to print JSON.
    """
    found = listed(folder)
    if as_json:
        screen.give(json.dumps([{"study": each.name, "question": each.summary} for each in found]))
        return
    width = max(len(each.name) for each in found)
    for each in found:
        screen.say(f"{each.name:{width}}  {each.summary}")
