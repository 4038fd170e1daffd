"""The note that optuna-dashboard shows with a study."""

from pathlib import Path

from harness.storing.dashboard import LONGEST, leave_note
from harness.storing.ledger import Ledger
from harness.storing.store import open_store
from tests.tiny_study import study


def shown(ledger: Ledger) -> tuple[int, str]:
    """Return the note as optuna-dashboard 0.21 reads it: its version, and all parts in order."""
    attrs = ledger.store.storage.get_study_system_attrs(ledger.identity)
    parts = {name: text for name, text in attrs.items() if name.startswith("dashboard:note_str:")}
    body = "".join(parts[f"dashboard:note_str:{number}"] for number in range(len(parts)))
    return attrs.get("dashboard:note_ver", 0), body


def test_verdicts_are_left_in_parts_and_anew_only_where_they_differ(tmp_path: Path) -> None:
    ledger = Ledger(open_store(str(tmp_path / "a.db")), study, "quick")
    long, short = "## `a`\n" + "x" * (2 * LONGEST), "## `a`\nshort"
    leave_note(ledger, long)
    assert shown(ledger) == (1, long)
    leave_note(ledger, long)
    assert shown(ledger) == (1, long)
    leave_note(ledger, short)
    assert shown(ledger) == (2, short)


def test_what_a_person_wrote_there_stays(tmp_path: Path) -> None:
    ledger = Ledger(open_store(str(tmp_path / "a.db")), study, "quick")
    storage = ledger.store.storage
    storage.set_study_system_attr(ledger.identity, "dashboard:note_ver", 1)
    storage.set_study_system_attr(ledger.identity, "dashboard:note_str:0", "my own words")
    leave_note(ledger, "## `a`\nverdicts")
    assert shown(ledger) == (1, "my own words")
