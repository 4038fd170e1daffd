"""``harness export``: every record of a study, for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.files import rows_text, write_rows
from harness.commands.place import Place
from harness.commands.subject import Subject, nothing_to, opened
from harness.messages.errors import HarnessError
from harness.trials.records import Record

if TYPE_CHECKING:
    from harness.adapters.logs import Logs


def export_study(
    reference: str, scale_name: str | None, place: Place, kind: str, path: Path | None,
    *, curves: bool = False, log: Logs | None = None,
) -> tuple[str | Path, str]:  # fmt: skip
    """Write the records of a study; return the text where no path was given, and a note.

    A row is a trial; with ``curves`` it is an epoch of a trial. With ``log`` there is no text:
    records are written there.

    The note says which of them are not what the study's file says now; it is empty where all are.

    Raises:
        HarnessError: nothing was run, or the file cannot be written.
    """
    found = opened(reference, scale_name, place, "export")
    records = [record for ledger in found.ledgers for record in ledger.records()]
    if not records:
        store = found.ledgers[-1].store
        raise nothing_to("export", found.subject, found.scale, store, place.words(), reference)
    note = _of_other_code(found.subject, found.scale, records)
    if log is not None:
        log(records, last=True)
        if path is None:
            return "", note
    rows = [record.row() for record in records]
    if curves:
        rows = [row for record in records for row in record.curve_rows()]
    if path is not None:
        write_rows(rows, path, kind)
        return path, note
    return rows_text(rows, kind), note


def _of_other_code(subject: Subject, scale: str, records: Sequence[Record]) -> str:
    """Say which trials are not what the study's file says now; empty where all are."""
    from harness.running.versions import outdated, said

    if subject.study is None:
        return f"{subject.missing}: of which code and settings trials are, their keys tell."
    try:
        other, why = outdated(subject.study, scale, records)
    except (HarnessError, ImportError) as error:
        return f"It cannot be told which trials are of the study's file as it is now: {error}"
    if not other:
        return ""
    return (
        f"{other} evaluation {'trials are' if other > 1 else 'trial is'} of other code or settings "
        f"than the study's file has now ({said(why)}); keys tell them apart."
    )
