"""The note that optuna-dashboard shows with a study, as that package writes it (its `_note.py`)."""

from __future__ import annotations

from harness.storing.ledger import Ledger

VERSION = "dashboard:note_ver"
PART = "dashboard:note_str:"

FIRST = "## `"
"""How a note of the harness's own begins."""

LONGEST = 2045
"""The most characters of one part, which is an attribute of the study."""


def leave_note(ledger: Ledger, text: str) -> None:
    """Let optuna-dashboard show a text with the study, where it is another than before.

    A note that a person has written there is left alone.

    Args:
        ledger: of the study.
        text: Markdown.
    """
    storage, study = ledger.store.storage, ledger.identity
    with ledger.store.errors():
        attrs = storage.get_study_system_attrs(study)
        names = [name for name in attrs if name.startswith(PART)]
        parts = [attrs[name] for name in sorted(names, key=_number)]
        before = "".join(map(str, parts))
        if before == text or (before and not before.startswith(FIRST)):
            return
        storage.set_study_system_attr(study, VERSION, int(attrs.get(VERSION, 0)) + 1)
        now = [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)]
        for number, part in enumerate([*now, *[""] * (len(parts) - len(now))]):
            storage.set_study_system_attr(study, f"{PART}{number}", part)


def _number(name: str) -> int:
    return int(name.removeprefix(PART))
