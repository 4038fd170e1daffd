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

    That is the folder above where none is named, or where that has an index of ours, or a store
    and no page of that name. Else nothing tells that reports lie there, and the index lies within.

    Args:
        out: the folder of the gate or the comparison.
        usual: that folder where none is named.
    """
    above = out.resolve().parent
    index = above / NAME
    if out == usual:
        return out.parent
    if index.exists():
        from harness import reports  # the composition root: they import harness

        return out.parent if reports.is_ours(index) else out
    return out.parent if (above / STORE_NAME).is_file() else out


def write_index(folder: Path, again: str, *, shown: bool) -> list[str]:
    """Write the index of all that lies in a folder; return what could not be written.

    Args:
        folder: where reports lie.
        again: the command that tries again; empty where none does.
        shown: whether to say where the index is.
    """
    from harness import reports  # the composition root: they import harness

    try:
        with calm():
            written = reports.write_index(folder)
    except Exception as error:  # the reports are there; a fault in their index must not hide it
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        to_do = f" To try again: {again}" if again else ""
        said = one_line(f"the index could not be written: {reason}{to_do}")
        screen.complain(f"harness: {said}")
        return [said]
    for each in written.unread:
        screen.complain(f"harness: not listed in {NAME}: {each}")
    if shown:
        screen.say(f"{NAME}  {written.path.resolve()}")
    return []
