"""What a command judges: a study as its file declares it, or as it was declared when it was run.

A store keeps all that judging needs, so a study whose file is gone, or cannot be loaded here, is
judged from the store alone, and that is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.commands.place import Place
from harness.messages.errors import HarnessError
from harness.running.find import find, load
from harness.storing.ledger import Ledger
from harness.storing.notes import DECLARATION, MANIFEST, REFERENCE, note_wrong
from harness.storing.store import Store
from harness.study.declaration import Declaration, find_scale
from harness.study.formatting import day
from harness.study.study import Study
from harness.trials.manifest import Manifest


@dataclass(frozen=True)
class Kept:
    """What a store keeps of the newest run of a study at one scale.

    Attributes:
        ledger: the name of the Optuna study that it is recorded in.
        manifest: which trials it consists of.
        declaration: what was declared.
    """

    ledger: str
    manifest: Manifest
    declaration: Declaration


@dataclass(frozen=True)
class Subject:
    """A study that is judged.

    Attributes:
        name: the study's name.
        scales: the names of its scales, smallest first.
        found: its module or file; where it was, should it be gone.
        study: what it declares now; ``None`` where the store alone is there.
        kept: by scale, what the store keeps, where the store alone is there.
        missing: what is the matter with the file, in words; empty where nothing is.
    """

    name: str
    scales: tuple[str, ...]
    found: str
    study: Study | None
    kept: Mapping[str, Kept] = field(default_factory=dict)
    missing: str = ""

    @staticmethod
    def of(study: Study, found: str) -> Subject:
        """Return a study that is there."""
        return Subject(study.name, tuple(study.scales), found, study)

    def scale(self, name: str | None) -> str:
        """Return the name of a scale; ``None`` is the first.

        Raises:
            HarnessError: there is no such scale.
        """
        return find_scale(name, self.scales, self.name)

    def ledgers(self, store: Store, scale: str) -> list[Ledger]:
        """Return what is recorded at a scale; what is judged comes last."""
        if self.study is not None:
            return Ledger.existing(store, self.study, scale)
        if scale not in self.kept:
            return []
        kept = self.kept[scale]
        ledgers = Ledger.existing(store, kept.declaration, scale)
        return sorted(ledgers, key=lambda ledger: ledger.name == kept.ledger)

    def told(self, manifest: Manifest) -> str:
        """Say that a run is judged as it was declared then, and why."""
        when = f" on {day(manifest.time)}" if manifest.time else ""
        return f"{self.missing}: judged as it was declared when it was run{when}."


def subject_of(reference: str, place: Place) -> Subject:
    """Find the study that somebody names: by its file or module, or in the store.

    Args:
        reference: a name, a module or a file.
        place: where the store is.

    Raises:
        HarnessError: there is no such study, or its file is wrong, and the store keeps nothing.
    """
    loaded = _load(reference)
    if isinstance(loaded, Subject):
        return loaded
    recorded = _recorded(reference, loaded.found, place)
    if not recorded:
        raise loaded.error
    name, home = recorded[-1].name, recorded[-1].reference
    if home != loaded.found and _is_there(home):  # it was named by what the store calls it
        loaded = _load(home)
        if isinstance(loaded, Subject) and loaded.name == name:
            return loaded
        if isinstance(loaded, Subject):
            came = f"it declares {loaded.name} now"
            error = HarnessError(
                f"{home} must declare study {name}", came, "Name the study by its file, as run now."
            )
            loaded = _Missing(error, home)
    return _alone(recorded, home or loaded.found, loaded)


@dataclass(frozen=True)
class Opened:
    """What a store holds of a study at one scale.

    Attributes:
        subject: the study.
        scale: the scale's name.
        ledgers: where it is recorded; what is judged comes last.
    """

    subject: Subject
    scale: str
    ledgers: Sequence[Ledger]


def opened(reference: str, scale_name: str | None, place: Place, to: str) -> Opened:
    """Open what is recorded of a study at one scale.

    Args:
        reference: a name, a module or a file.
        scale_name: the scale's name; ``None`` is the study's first.
        place: where the store is.
        to: what the command does with records, such as ``"export"``.

    Raises:
        HarnessError: there is no such study, scale or store, or there are no records.
    """
    subject = subject_of(reference, place)
    scale = subject.scale(scale_name)
    store = place.open(create=False)
    ledgers = subject.ledgers(store, scale)
    if not ledgers:
        raise nothing_to(to, subject, scale, store, place.words(), reference)
    return Opened(subject, scale, ledgers)


def opened_everywhere(reference: str, place: Place, to: str) -> list[Opened]:
    """Open what is recorded of a study, at every scale that has records.

    Args:
        reference: a name, a module or a file.
        place: where the store is.
        to: what the command does with records.

    Raises:
        HarnessError: there is no such study or store, or there are no records.
    """
    subject = subject_of(reference, place)
    store = place.open(create=False)
    by_scale = {scale: subject.ledgers(store, scale) for scale in subject.scales}
    found = [Opened(subject, scale, ledgers) for scale, ledgers in by_scale.items() if ledgers]
    if not found:
        raise nothing_to(to, subject, "", store, place.words(), reference)
    return found


def nothing_to(
    to: str, subject: Subject, scale: str, store: Store, place: Sequence[str], reference: str = ""
) -> HarnessError:
    """Return the error that says that there are no records, and which command makes some.

    Args:
        to: what somebody wants to do with records.
        subject: the study.
        scale: the scale's name; empty for all of them.
        store: where records were looked for.
        place: the words that name where things are on the command line.
        reference: how the study was named, where not by its name.
    """
    at = f" at scale {scale}" if scale else ""
    chosen = ["--scale", scale] if scale else []
    command = shlex.join(["harness", "run", reference or subject.name, *chosen, *place])
    return HarnessError(
        f"there must be records to {to}",
        f"none of {subject.name}{at} in {store.url}",
        f"`{command}` makes some.",
    )


@dataclass(frozen=True)
class _Missing:
    """Why a study is not judged as its file declares it: there is none, or it cannot be loaded.

    Attributes:
        error: what is the matter.
        found: the file or module; empty where there is none.
    """

    error: HarnessError
    found: str = ""


def _load(reference: str) -> Subject | _Missing:
    found = ""
    try:
        found = find(reference)
        return Subject.of(load(found), found)
    except HarnessError as error:
        return _Missing(error, found)


@dataclass(frozen=True)
class _Recorded:
    """One Optuna study of the store, as far as it tells what was declared."""

    name: str
    scale: str
    reference: str
    kept: Kept | None


def _recorded(reference: str, found: str, place: Place) -> list[_Recorded]:
    """Return what the store has of a study that is named so, that which was run last at the end.

    Args:
        reference: what somebody wrote.
        found: the file or module that it means; empty where there is none.
        place: where the store is.

    Raises:
        HarnessError: the store has several studies of files of that name.
    """
    try:
        store = place.open(create=False)
    except HarnessError:
        return []  # without a store, the file is all there is
    every = _everything(store)
    own = [one for one in every if {reference, found} & {one.name, one.reference} - {""}]
    if not own and reference.endswith(".py"):
        path = Path(reference)
        at_home = [one for one in every if one.reference == str(path.resolve())]
        # a store that was made on another machine knows the file by a path of that one
        own = at_home or [
            one for one in every if Path(one.reference).parts[-len(path.parts) :] == path.parts
        ]
    names = sorted({one.name for one in own})
    if len(names) > 1:
        raise HarnessError(
            f"{reference} must mean one study of the store",
            f"a file of that name for each of {', '.join(names)}",
            f"Write the study's name, such as {names[0]}.",
        )
    return own


def kept_in(store: Store) -> list[Kept]:
    """Return the newest run of each study and scale of a store, with each set of levels.

    That which was run last is at the end.
    """
    return [one.kept for one in _everything(store) if one.kept is not None]


def _everything(store: Store) -> list[_Recorded]:
    """Return what the store has of all studies, that which was run last at the end."""
    with store.errors():
        studies = [(each.study_name, dict(each.user_attrs)) for each in
                   store.storage.get_all_studies()]  # fmt: skip
    read = [_read(store, name, notes) for name, notes in studies]
    every = [one for one in read if one is not None]
    every.sort(key=lambda one: one.kept.manifest.time if one.kept is not None else "")
    return every


def _read(store: Store, optuna: str, notes: dict[str, Any]) -> _Recorded | None:
    """Read what is kept with an Optuna study; what is damaged is told, and as if it were absent."""
    wanted = {"harness_study", "harness_scale", REFERENCE, MANIFEST}
    for name in list(notes):
        if name not in wanted and not name.startswith(DECLARATION):
            continue
        if why := note_wrong(name, notes[name]):
            store.notice(optuna, None, f"attribute {name}", why)
            del notes[name]
    if not {"harness_study", "harness_scale"} <= notes.keys():
        return None
    kept = None
    if MANIFEST in notes:
        manifest = Manifest.of(notes[MANIFEST])
        declared = notes.get(DECLARATION + manifest.declaration)
        if declared is not None:
            kept = Kept(optuna, manifest, Declaration.of(declared))
    reference = str(notes.get(REFERENCE) or "")
    return _Recorded(notes["harness_study"], notes["harness_scale"], reference, kept)


def _is_there(home: str) -> bool:
    """Whether there may be a study where one was; a module is looked for when it is found."""
    file = home.partition("#")[0]
    return bool(home) and (not file.endswith(".py") or Path(file).is_file())


def _alone(recorded: list[_Recorded], home: str, file: _Missing) -> Subject:
    """Return a study of which the store alone is there.

    Args:
        recorded: what the store has of it, that which was run last at the end.
        home: where its file or module was.
        file: why it is not judged as it is declared there.

    Raises:
        HarnessError: it was made before declarations were kept.
    """
    kept = {one.scale: one.kept for one in recorded if one.kept is not None}  # the last counts
    shown = Path(home).name if home.endswith(".py") else home or recorded[-1].name
    if not kept:
        raise HarnessError(
            "a study that was run before declarations were kept in the store must have its file",
            f"{shown}: {file.error}" if file.found else f"no {shown}",
            f"Put it back where it was{f', {home}' if home else ''}.",
        ) from file.error
    newest = next(one.kept for one in reversed(recorded) if one.kept is not None)
    scales = newest.declaration.scales
    missing = f"The study's file {shown} is not there any more"
    if file.found:
        missing = f"The study's file {shown} cannot be loaded here ({file.error.got or file.error})"
    return Subject(
        newest.declaration.name,
        (*scales, *(scale for scale in kept if scale not in scales)),
        home,
        None,
        kept,
        missing,
    )
