"""Notes: what is kept with an Optuna study beside its trials. This module alone knows their names.

A note is an attribute of the Optuna study: a name and a JSON value. Many names are a prefix, and
what tells notes of one kind apart: a key, a machine, a number. The functions here read and write
notes as typed values; a :class:`~harness.storing.ledger.Ledger` keeps them as plain ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from harness.engines.modes import KINDS, Choice
from harness.storing.damage import Unreadable, runner_wrong
from harness.study.converter import UnreadableError, from_plain, shortly, to_plain
from harness.study.declaration import Declaration, digest_of
from harness.trials.checked import Checked
from harness.trials.manifest import Manifest, NewerError
from harness.trials.profiles import Profile
from harness.trials.searched import AskedBatch, EarlierSettings

MANIFEST = "plan"
"""The manifest of the newest run."""

OLDER = "plan/"
"""A manifest of a run of other code or settings; a hash follows."""

DECLARATION = "declaration/"
"""What a study declared when it was run; its hash follows."""

DECLARED = "declared/"
"""What a study claimed from some moment on; a number follows, and what makes it unique."""

PROFILE = "profile/"
"""What a program costs; the key of its trial follows, and the machine."""

MODE = "mode/"
"""How a program is trained; it follows, the machine, and the mode that was forced, if one was."""

ROUND = "round/"
"""A round of timing; its number follows, and the machine."""

UNTIMED = "untimed/"
"""Why arms could not be timed side by side; the machine follows."""

ENV = "env/"
"""Where trials ran; a hash follows, by which records name it."""

CODE = "code/"
"""What trials' keys rest on; a hash follows, by which trials name it."""

RUNNER = "runner/"
"""When a process last said that it runs, in seconds since 1970; the process follows."""

WORKERS = "workers/"
"""How many workers a process has; the process follows."""

WORKING = "working/"
"""Since when a process has been at work, in seconds since 1970, 0 at its end; it follows."""

ASKED = "asked/"
"""Settings that a search asked for together; the key of its first trial follows, and a number."""

EARLIER = "earlier/"
"""Settings of another search that a search has learnt from; the key of its first trial follows."""

CHECKED = "checked/"
"""What ``harness check`` found; a hash of the arms' programs follows."""

REFERENCE = "reference"
"""The study's file or module."""


@dataclass(frozen=True)
class Unprofiled:
    """Why the cost of a program could not be measured."""

    reason: str


@dataclass(frozen=True)
class Untimed:
    """Why arms could not be timed side by side.

    Attributes:
        reason: in words.
        keys: of the arms' programs then, by arm name.
    """

    reason: str
    keys: Mapping[str, str]

    def is_current(self, programs: Mapping[str, str]) -> bool:
        """Whether it is about arms as they are now; ``programs`` are their keys by arm name."""
        return all(programs.get(arm) == key for arm, key in self.keys.items())


@dataclass(frozen=True)
class TimedArm:
    """One arm in a round of timing.

    Attributes:
        key: of its program, under which its profile is kept.
        seconds: of one training step.
        samples: that a step trains on.
    """

    key: str
    seconds: float
    samples: int


@dataclass(frozen=True)
class TimedRound:
    """A round of timing, as it is kept.

    Attributes:
        arms: what was measured, by arm name.
        busy: whether other trainings ran meanwhile.
        twin: the arm that was measured twice.
        again: its seconds the second time.
    """

    arms: Mapping[str, TimedArm]
    busy: bool
    twin: str
    again: float

    def is_current(self, programs: Mapping[str, str]) -> bool:
        """Whether it is about arms as they are now; ``programs`` are their keys by arm name."""
        return all(programs.get(name) == arm.key for name, arm in self.arms.items())


@dataclass(frozen=True)
class Declared:
    """What a study claimed from some moment on, as it is kept.

    Attributes:
        time: that moment, ISO 8601, UTC.
        looks: when claims are looked at, and the level of each look.
        claims: as plain values, each with ``results``: how many results of its arms there were.
        results: finished evaluation trials that there were in all.
        before: results at that moment of claims declared until then, by what they say.
        trials: rows of the store's study then.
    """

    time: str
    looks: Mapping[str, Any]
    claims: tuple[Mapping[str, Any], ...]
    results: int
    before: Mapping[str, int]
    trials: int


class Noted(Protocol):
    """What keeps notes: a ledger."""

    def note(self, name: str) -> Any:
        """Return a note's value; ``None`` where there is none."""

    def notes(self, prefix: str) -> dict[str, Any]:
        """Return the notes whose name begins with ``prefix``, by the rest of their name."""

    def write_note(self, name: str, value: Any) -> None:
        """Keep a note."""


# -- costs ---------------------------------------------------------------------------------


def profiles(ledger: Noted) -> dict[str, dict[str, Profile | Unprofiled]]:
    """Return what programs cost, by machine and then by key, or why that is not known."""
    return _by_machine(ledger, PROFILE, _profile)


def write_profile(ledger: Noted, key: str, machine: str, measured: Profile | Unprofiled) -> None:
    """Keep what a program costs on a machine, or why that could not be measured."""
    ledger.write_note(f"{PROFILE}{key}/{machine}", to_plain(measured))


def choices(ledger: Noted) -> dict[str, dict[tuple[str, str], Choice]]:
    """Return how programs are trained, by program, and then by machine and forced mode.

    The forced mode is empty where none was: then all modes were compared.
    """
    out: dict[str, dict[tuple[str, str], Choice]] = {}
    for name, value in ledger.notes(MODE).items():
        program, _, machine = name.partition("/")
        rest, _, kind = machine.rpartition("/")
        place = (rest, kind) if kind in KINDS else (machine, "")
        out.setdefault(program, {})[place] = from_plain(Choice, value)
    return out


def write_choice(
    ledger: Noted, program: str, machine: str, choice: Choice, forced: str | None = None
) -> None:
    """Keep how a program is trained on a machine; ``forced`` is the one mode that was tried."""
    name = f"{program}/{machine}/{forced}" if forced else f"{program}/{machine}"
    ledger.write_note(f"{MODE}{name}", to_plain(choice))


def rounds(ledger: Noted) -> dict[str, dict[int, TimedRound]]:
    """Return the rounds of timing, by machine and then by number, in the order of their numbers."""
    out = _by_machine(ledger, ROUND, partial(from_plain, TimedRound))
    return {
        machine: dict(sorted((int(number), taken) for number, taken in numbered.items()))
        for machine, numbered in out.items()
    }


def write_round(ledger: Noted, number: int, machine: str, taken: TimedRound) -> None:
    """Keep a round of timing."""
    ledger.write_note(f"{ROUND}{number}/{machine}", to_plain(taken))


def untimed(ledger: Noted, machine: str) -> Untimed | None:
    """Return why arms could not be timed on a machine; ``None`` where they could."""
    return _untimed(ledger.note(f"{UNTIMED}{machine}"))


def write_untimed(ledger: Noted, machine: str, why: Untimed | None) -> None:
    """Keep why arms could not be timed on a machine; ``None`` takes it back."""
    ledger.write_note(f"{UNTIMED}{machine}", None if why is None else to_plain(why))


def _by_machine(
    ledger: Noted, prefix: str, read: Callable[[Any], Any]
) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for name, value in ledger.notes(prefix).items():
        own, _, machine = name.partition("/")
        out.setdefault(machine, {})[own] = read(value)
    return out


# -- what was declared, and where ----------------------------------------------------------


def declared(ledger: Noted) -> dict[tuple[int, str], Declared]:
    """Return what a study claimed, by number, and by what tells two of one number apart."""
    out: dict[tuple[int, str], Declared] = {}
    for name, value in ledger.notes(DECLARED).items():
        number, _, unique = name.partition("/")
        out[int(number), unique] = from_plain(Declared, value)
    return out


def write_declared(ledger: Noted, number: int, claimed: Declared) -> None:
    """Keep what a study claims from now on, beside what another process may write at once."""
    ledger.write_note(f"{DECLARED}{number}/{uuid.uuid4().hex}", to_plain(claimed))


def reference(ledger: Noted) -> str | None:
    """Return the study's file or module; ``None`` where it was never run."""
    kept = ledger.note(REFERENCE)
    return None if kept is None else str(kept)


def write_reference(ledger: Noted, home: str) -> None:
    """Keep the study's file or module, where it is another than before."""
    if ledger.note(REFERENCE) != home:
        ledger.write_note(REFERENCE, home)


# -- what was checked ----------------------------------------------------------------------


def checked(ledger: Noted, programs: Mapping[str, str]) -> Checked | None:
    """Return what ``harness check`` found last of arms' programs; ``None`` where it never looked.

    Args:
        ledger: where it is kept.
        programs: their keys by arm name: what was found of other code is no matter.
    """
    kept = ledger.note(_of_programs(programs))
    return None if kept is None else from_plain(Checked, kept)


def write_checked(ledger: Noted, found: Checked) -> None:
    """Keep what ``harness check`` found."""
    ledger.write_note(_of_programs(found.programs), to_plain(found))


def _of_programs(programs: Mapping[str, str]) -> str:
    return CHECKED + digest_of(dict(sorted(programs.items())))


# -- whole or damaged ----------------------------------------------------------------------


def note_wrong(name: str, value: Any) -> str:
    """Return what is wrong with a note; empty where nothing is, or where it is somebody else's.

    Raises:
        NewerError: a newer version of the harness wrote it.
    """
    if isinstance(value, Unreadable):
        return value.why
    for prefix, read in _READ.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            try:
                read(value)
                return _name_wrong(name, value)
            except UnreadableError as error:
                return str(error)
            except NewerError:
                raise
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                return f"{type(error).__name__}: {error}"
    return ""


def _name_wrong(name: str, value: Any) -> str:
    kind, slash, rest = name.partition("/")
    if kind + slash in {RUNNER, WORKING, WORKERS}:
        return runner_wrong(rest)
    if kind + slash == DECLARATION and rest != digest_of(value):
        return "it is not what it was when it was written"
    if kind + slash == ASKED and not rest.partition("/")[2].isdigit():
        return f"no batch is {rest!r}"
    number = rest.partition("/")[0]
    if kind + slash in {ROUND, DECLARED} and not number.isdigit():
        return f"no {'round' if kind + slash == ROUND else 'declaration'} is {number!r}"
    return ""


def _profile(value: Any) -> Profile | Unprofiled:
    failed = isinstance(value, dict) and "reason" in value
    return from_plain(Unprofiled, value) if failed else from_plain(Profile, value)


def _untimed(value: Any) -> Untimed | None:
    return from_plain(Untimed, value) if value is not None else None


def _declared(value: Any) -> Declared:
    claims = value.get("claims", []) if isinstance(value, dict) else []
    if type(claims) is not list:
        raise UnreadableError(f"claims: no list, but {shortly(claims)}")
    return from_plain(Declared, value)


def _texts(value: Any) -> Mapping[str, str]:
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return value
    raise UnreadableError(f"no mapping of texts, but {shortly(value)}")


def _only(*kinds: type, word: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) in kinds:
            return value
        raise UnreadableError(f"no {word}, but {shortly(value)}")

    return read


_number = _only(int, float, word="number")
_text = _only(str, word="text")

_READ: dict[str, Callable[[Any], Any]] = {
    MANIFEST: Manifest.of, OLDER: Manifest.of, DECLARATION: Declaration.of,
    DECLARED: _declared,
    PROFILE: _profile, MODE: partial(from_plain, Choice),
    ROUND: partial(from_plain, TimedRound), UNTIMED: _untimed,
    CHECKED: partial(from_plain, Checked), ASKED: partial(from_plain, AskedBatch),
    EARLIER: partial(from_plain, list[EarlierSettings]),
    CODE: _texts, ENV: _texts, RUNNER: _number, WORKING: _number, WORKERS: _number,
    REFERENCE: _text, "question": _text, "harness_study": _text, "harness_scale": _text,
    "space": _text, "format": _only(int, word="whole number"),
}  # fmt: skip
