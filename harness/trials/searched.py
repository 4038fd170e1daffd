"""What is kept of a search: settings asked for, those tried, and those run again at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.study.settings import Settings


@dataclass(frozen=True)
class TriedSettings:
    """Settings that a search has asked for.

    Attributes:
        settings: values of those that are in use; of an option that is an object, its name.
        keys: of their trials, one for each seed they are tried on, in the order of the seeds. What
            became of each is in its record: ``"complete"``, ``"pruned"`` or ``"failed"``.
    """

    settings: Settings
    keys: tuple[str, ...]


@dataclass(frozen=True)
class AskedBatch:
    """Settings that were asked for together, with what a sampler must find again to go on.

    Attributes:
        settings: values of those in use, one mapping for each member.
        notes: the sampler's own notes on each member.
        search_notes: its notes on the search as a whole.
        sampler: its name.
    """

    settings: tuple[Settings, ...]
    notes: tuple[Mapping[str, Any], ...]
    search_notes: Mapping[str, Any]
    sampler: str


@dataclass(frozen=True)
class EarlierSettings:
    """Settings that another search has tried, from which the sampler learns.

    Attributes:
        settings: values of those in use.
        values: what they reached, by objective, in order.
    """

    settings: Settings
    values: tuple[float, ...]


@dataclass(frozen=True)
class SearchKept:
    """A search as it was run.

    Attributes:
        tried: settings in the order in which they were asked for; the default comes first.
        batches: how many of them were asked for at a time, in order.
        confirmed: the places in ``tried`` of the settings that were run again on fresh seeds: the
            arms ``"1st"``, ``"2nd"``, ``"3rd"``, in that order.
        sampler: how settings were found, where ``"auto"`` chose it.
        why: why it was chosen, where it was; empty otherwise.
        earlier: settings of another search that the sampler has learnt from.
        ended: why no more settings are asked for: ``"trials"`` or ``"timeout"`` are used up,
            ``"patience"``, or the whole ``"grid"`` was tried; empty before.
    """

    tried: tuple[TriedSettings, ...]
    batches: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    sampler: str = ""
    why: str = ""
    earlier: int = 0
    ended: str = ""
