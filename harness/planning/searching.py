"""The trials of a search: settings are tried a batch at a time, then the best are run again.

What is asked for follows from what was seen, in order: a batch is asked for when all before it have
ended, whoever ran them. It is kept in the store before anything of it is trained, so that a search
that was killed goes on with the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol

from harness.judging.pairing import value
from harness.messages.errors import HarnessError
from harness.planning.asking import Asking, Told
from harness.planning.confirming import best_settings, confirm_seeds
from harness.planning.outlook import Outlook
from harness.planning.pruning import bounds, worse_than_best
from harness.planning.samplers import check_sampler, chosen_sampler
from harness.stopping import Bound
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.looks import Looks
from harness.study.searching import DEFAULT, PLACES, SEARCHED, Searching
from harness.study.space import Choice, Setting, Settings
from harness.study.study import Study
from harness.trials.records import Record
from harness.trials.searched import AskedBatch, SearchKept, TriedSettings
from harness.trials.trial import TUNING_SEED, Trial, Unseeded, unseeded


class Kept(Protocol):
    """Where batches are kept: a store's notes, or this process alone."""

    def read(self, code: str) -> list[AskedBatch]:
        """Return the batches asked for, in order; ``code`` is the key of the first trial."""

    def write(self, code: str, number: int, batch: AskedBatch) -> None:
        """Keep a batch."""

    def alone(self) -> AbstractContextManager[object]:
        """Return within which no other process asks."""


@dataclass
class Member:
    """One setting of a search, and what is known of it.

    Attributes:
        settings: values of those in use.
        trials: its trials, one for each seed.
        told: what became of it; ``None`` before it has ended.
    """

    settings: Settings
    trials: tuple[Trial, ...]
    notes: Mapping[str, object] = field(default_factory=dict)
    told: Told | None = None
