"""What is kept of a search with the manifest of its run: the settings tried, and those confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.study.space import Settings


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
class SearchKept:
    """A search as it was run.

    Attributes:
        tried: settings in the order in which they were asked for; the default comes first.
        batches: how many of them were asked for at a time, in order.
        confirmed: the places in ``tried`` of the settings that were run again on fresh seeds: the
            arms ``"1st"``, ``"2nd"``, ``"3rd"``, in that order.
        sampler: how settings were found, where ``"auto"`` chose it.
        why: why it was chosen, where it was; empty otherwise.
        ended: why no more settings are asked for: ``"trials"`` or ``"timeout"`` are used up,
            ``"patience"``, or the whole ``"grid"`` was tried; empty before.
    """

    tried: tuple[TriedSettings, ...]
    batches: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    sampler: str = ""
    why: str = ""
    ended: str = ""
