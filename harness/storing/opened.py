"""An Optuna study that is open: its trials and its notes, as they were read last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from harness.storing.damage import ASIDE
from harness.storing.notes import note_wrong
from harness.storing.optuna_studies import fitting, make
from harness.storing.store import Store
from harness.storing.translation import Book
from harness.study.declaration import Declaration


class Opened:
    """The Optuna study of one study at one scale.

    Attributes:
        store: where it lies.
        declaration: what the study declares at this scale.
        scale: the scale's name.
        name: the Optuna study's name.
        made: whether no Optuna study was named, so that one was looked for, or made.
    """

    def __init__(self, store: Store, declared: Declaration, name: str = "") -> None:
        """Open an Optuna study; one that is not there yet is made.

        Args:
            store: where it lies.
            declared: what the study declares at one scale.
            name: the Optuna study's name, where it is known.
        """
        self.store = store
        self.declaration = declared
        self.scale = declared.scale
        self.made = not name
        with store.errors():
            self.name = name or fitting(store, declared) or make(store, declared)
            self._optuna = optuna.load_study(storage=store.storage, study_name=self.name)
            self._id = store.storage.get_study_id_from_name(self.name)
        notice = partial(store.notice, self.name)
        self._book = Book(declared.name, self.scale, self._shared, notice)
        self._ended = 0
        self._notes: dict[str, Any] = {}
        self._whole: dict[str, Any] = {}
        self._damaged: dict[str, Any] = {}

    @property
    def identity(self) -> int:
        """The number of the Optuna study in its storage."""
        return self._id

    # -- trials ----------------------------------------------------------------------------

    def read(self) -> Book:
        """Read what has changed of the trials; return all of them."""
        with self.store.errors():
            self._book.update(self._optuna.get_trials(deepcopy=False))
        self._ended = self._book.ended
        return self._book

    @property
    def ended(self) -> int:
        """How many trials have ended, as they were read last, and by this process since."""
        return self._ended

    def _trial_id(self, trial: FrozenTrial) -> int:
        return self.store.storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)

    def _close(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> None:
        self.store.storage.set_trial_state_values(trial_id, state, values)
        self._ended += 1

    # -- notes -----------------------------------------------------------------------------

    def note(self, name: str) -> Any:
        """Return what :meth:`write_note` kept under a name, ``None`` where there is nothing."""
        return self._read_notes().get(name)

    def notes(self, prefix: str) -> dict[str, Any]:
        """Return all notes whose name begins with ``prefix``, by the rest of their name."""
        return {
            name.removeprefix(prefix): value
            for name, value in self._read_notes().items()
            if name.startswith(prefix)
        }

    def write_note(self, name: str, value: Any) -> None:
        """Keep a JSON value with the study; a damaged one of that name is kept, too."""
        with self.store.errors():
            if name in self._damaged:
                aside = ASIDE + name
                self.store.storage.set_study_user_attr(self._id, aside, self._damaged.pop(name))
            self.store.storage.set_study_user_attr(self._id, name, value)

    def _read_notes(self) -> dict[str, Any]:
        with self.store.errors():
            notes = dict(self.store.storage.get_study_user_attrs(self._id))
        for name in list(notes):
            if name in self._whole and self._whole[name] == notes[name]:
                continue  # it was looked at before, which takes longer than to compare
            wrong = note_wrong(name, notes[name])
            if not wrong:
                self._whole[name] = notes[name]
            else:
                self.store.notice(self.name, None, f"attribute {name}", wrong)
                self._damaged[name] = notes.pop(name)
        self._notes = notes
        return notes

    def _shared(self, name: str) -> Any:
        """Return a note that is written once and never changed."""
        return self._notes[name] if name in self._notes else self._read_notes().get(name)

    def _note_once(self, prefix: str, value: Mapping[str, Any]) -> str:
        """Keep a mapping that many trials share once with the study; return its short name."""
        text = json.dumps(dict(value), sort_keys=True)
        short = hashlib.sha256(text.encode()).hexdigest()[:8]
        name = prefix + short
        if self._shared(name) is None:
            self.store.storage.set_study_user_attr(self._id, name, dict(value))
            self._notes[name] = dict(value)
        return short
