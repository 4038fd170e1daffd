"""What ``harness check`` found of a study, as it is kept and reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "told", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What was seen of one thing.

    Attributes:
        check: what was looked at, in a few words.
        state: ``ok``; ``told``, where it is worth knowing; or ``wrong``.
        text: what was seen, in sentences.
        mend: what to do about it; empty where nothing needs doing.
    """

    check: str
    state: State
    text: str
    mend: str = ""


@dataclass(frozen=True)
class Checked:
    """All that was found at one time.

    Attributes:
        time: that moment, ISO 8601, UTC.
        arm: the arm that was trained several times.
        seed: the seed that it was trained with.
        programs: keys of the arms' programs then, by arm name.
        findings: one for each thing that was looked at.
    """

    time: str
    arm: str
    seed: int
    programs: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings that are wrong."""
        return tuple(finding for finding in self.findings if finding.state == "wrong")
