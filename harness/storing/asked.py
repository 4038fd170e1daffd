"""What a search has asked for, and what it has learnt from: notes of its Optuna study."""

from __future__ import annotations

from collections.abc import Sequence

from harness.storing.notes import ASKED, EARLIER, Noted
from harness.study.converter import from_plain, to_plain
from harness.trials.searched import AskedBatch, EarlierSettings


def asked(ledger: Noted, code: str) -> list[AskedBatch]:
    """Return the settings that a search has asked for, by batches, in order.

    Args:
        ledger: where they are kept.
        code: the key of the search's first trial: what was asked for of other code is no matter.
    """
    kept = {int(name): value for name, value in ledger.notes(f"{ASKED}{code}/").items()}
    out: list[AskedBatch] = []
    while len(out) in kept:  # one that is damaged ends what can be gone on from
        out.append(from_plain(AskedBatch, kept[len(out)]))
    return out


def write_asked(ledger: Noted, code: str, number: int, batch: AskedBatch) -> None:
    """Keep settings that a search asks for."""
    ledger.write_note(f"{ASKED}{code}/{number}", to_plain(batch))


def earlier(ledger: Noted, code: str) -> list[EarlierSettings]:
    """Return the settings of another search that a search has learnt from; ``code`` as above."""
    return [from_plain(EarlierSettings, each) for each in ledger.note(f"{EARLIER}{code}") or []]


def write_earlier(ledger: Noted, code: str, settings: Sequence[EarlierSettings]) -> None:
    """Keep the settings of another search that a search learns from."""
    ledger.write_note(f"{EARLIER}{code}", [to_plain(each) for each in settings])
