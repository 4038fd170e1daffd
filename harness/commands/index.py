"""The index of a folder of reports: made anew by whatever writes a report into it."""

from __future__ import annotations

from pathlib import Path

from harness.commands.place import STORE_NAME
from harness.messages.calm import calm
from harness.messages.errors import one_line
from harness.terminal import screen

NAME = "index.html"


def home_of(out: Path, usual: Path) -> Path:
    """Return the folder whose index lists what lies in the folder of a gate or a comparison.

    That is the folder above, where reports of studies lie in it, or where it is the usual one.
    Else nothing tells that the folder above is one of reports, and the index lies within.

    Args:
        out: the folder of the gate or the comparison.
        usual: that folder where none is named.
    """
    above = out.resolve().parent
    if out == usual or (above / STORE_NAME).is_file():
        return out.parent
    return out.parent if any(above.glob("*/entry.json")) else out


def write_index(folder: Path, again: str, *, shown: bool) -> list[str]:
    """Write the index of all that lies in a folder; return what could not be written.

    Args:
        folder: where reports lie.
        again: the command that tries again.
        shown: whether to say where the index is.
    """
    from harness import reports  # the composition root: they import harness

    try:
        with calm():
            written = reports.write_index(folder)
    except Exception as error:  # the reports are there; a fault in their index must not hide it
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        said = one_line(f"the index could not be written: {reason} To try again: {again}")
        screen.complain(f"harness: {said}")
        return [said]
    for each in written.unread:
        screen.complain(f"harness: not listed in {NAME}: {each}")
    if shown:
        screen.say(f"{NAME}  {written.path.resolve()}")
    return []
