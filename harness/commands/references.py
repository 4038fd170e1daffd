"""What the words of ``harness compare`` name: runs in stores, by study, scale and version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.commands.place import STORE_NAME, Place
from harness.commands.subject import Kept, kept_in
from harness.messages.errors import HarnessError, closest, meant, near
from harness.messages.redact import shown
from harness.storing.faults import NoStoreError
from harness.storing.kept import declaration_of, older_manifests
from harness.storing.ledger import Ledger
from harness.storing.store import Store
from harness.study.formatting import first_of

WRITE = (
    "Write a store or a folder of runs, of which @STUDY or @STUDY:SCALE names one study, and "
    "~1, or ~REVISION, a run before the newest: runs@mnist:quick~1, say."
)

_VERSION = re.compile(r"~(\d{1,3}|[0-9a-f]{4,40}(?:\+changes)?)$")
STORES = frozenset({".db", ".sqlite", ".sqlite3"})
"""Endings of files that may be stores, where one with a similar name is looked for."""

_LONGEST_COUNT = 3  # digits; more are a revision
_MOST = 4  # names that an error lists


@dataclass(frozen=True)
class Reference:
    """What one word names.

    Attributes:
        text: the word, without secrets.
        where: a store's path or URL, or a folder.
        study: the study's name; empty for every one.
        scale: the scale's name; empty for every one.
        version: how many runs before the newest, or how a revision begins; empty for the newest.
    """

    text: str
    where: str
    study: str = ""
    scale: str = ""
    version: str = ""


@dataclass(frozen=True)
class Found:
    """One run that a word names.

    Attributes:
        reference: the word.
        store: where it is kept.
        kept: what is kept of it.
    """

    reference: Reference
    store: Store
    kept: Kept

    @property
    def study(self) -> tuple[str, str]:
        """The names of its study and its scale."""
        return self.kept.declaration.name, self.kept.declaration.scale


def parse(word: str) -> Reference:
    """Take a word apart; a path that is there is taken whole.

    Raises:
        HarnessError: nothing stands where something must.
    """
    text, version = shown(word), ""
    if _is_there(word):
        return Reference(text, word)
    if found := _VERSION.search(word):
        version, word = found[1], word[: found.start()]
    where, sign, chosen = word.rpartition("@")
    host = where.partition("://")[2]
    if not sign or "/" in chosen or ("://" in where and "/" not in host) or _is_there(word):
        return _checked(Reference(text, word, version=version))
    study, colon, scale = chosen.partition(":")
    if not study or (colon and not scale):
        raise HarnessError(
            "@ must stand before a study's name, and : before a scale's", text, WRITE
        )
    return _checked(Reference(text, where, study, scale, version))


def _checked(reference: Reference) -> Reference:
    if not reference.where:
        raise HarnessError("a run must be named by where it is kept", repr(reference.text), WRITE)
    return reference


def _is_there(word: str) -> bool:
    try:
        return bool(word) and "://" not in word and Path(word).exists()
    except (OSError, ValueError):  # too long, or a sign that no path has
        return False


def find_runs(word: str, place: Place, stores: dict[str, Store]) -> list[Found]:
    """Return the runs that a word names, by the names of their studies and scales.

    Args:
        word: as somebody wrote it.
        place: opens stores.
        stores: those that are open, by where they are; what is opened is added.

    Raises:
        HarnessError: there is no such store, study, scale or version.
    """
    reference = parse(word)
    where, folder = _store_of(reference)
    if where not in stores:
        stores[where] = _opened(reference, where, place)
    store = stores[where]
    every = [Found(reference, store, kept) for kept in kept_in(store)]
    if not every:
        raise HarnessError(
            "a store must hold a run to compare, with what it declared",
            f"none in {store.url}",
            "`harness run` keeps one, and trains nothing that the store has already.",
        )
    found = [each for each in every if _is_chosen(each, reference, folder)]
    if not found:
        wanted = folder or ":".join(filter(None, (reference.study, reference.scale)))
        names = sorted(
            {":".join(each.study) if ":" in wanted or folder else each.study[0] for each in every}
        )
        raise HarnessError(
            "a study and scale must be in the store",
            f"{wanted} in {store.url}",
            near(wanted, names),
        )
    by_study: dict[tuple[str, str], list[Found]] = {}
    for each in found:
        by_study.setdefault(each.study, []).append(each)
    versions = {study: _versions_of(own) for study, own in by_study.items()}
    chosen = [
        version
        for study in sorted(versions)
        if (version := _chosen(versions[study], reference)) is not None
    ]
    if not chosen:
        raise _no_version(versions, reference)
    return chosen


def _opened(reference: Reference, where: str, place: Place) -> Store:
    """Open a store; of a path that is not there say which near it was meant."""
    try:
        return place.other(where)
    except NoStoreError as error:
        close = _near_places(reference.where)
        raise (error.and_(meant(close)) if close else error) from None


def _near_places(where: str) -> list[str]:
    """Return stores and folders of runs beside a path whose names are written much as its own."""
    missing = Path(where)
    if "://" in where or _is_there(where):
        return []
    try:
        beside = sorted(missing.parent.iterdir())
    except OSError:
        return []
    names: dict[str, list[str]] = {}
    for each in beside:
        if each.suffix in STORES or _has_runs(each):
            names.setdefault(_without_ending(each), []).append(str(each))
    return [path for name in closest(_without_ending(missing), names) for path in names[name]]


def _without_ending(path: Path) -> str:
    """Return a name without a store's ending: those are the same in all, and say nothing."""
    return path.stem if path.suffix in STORES else path.name


def _has_runs(folder: Path) -> bool:
    """Whether runs lie in a folder; of one that may not be read nothing is known."""
    try:
        return any((folder / name).is_file() for name in (STORE_NAME, "records.csv"))
    except OSError:
        return False


def _store_of(reference: Reference) -> tuple[str, str]:
    """Return where a store is, and the folder of the one study that is meant, if one is.

    Raises:
        HarnessError: a folder has no store in it, nor beside it.
    """
    if not _is_there(reference.where) or not Path(reference.where).is_dir():
        return reference.where, ""
    folder = Path(reference.where)
    if _is_there(str(folder / STORE_NAME)):
        return str(folder / STORE_NAME), ""
    whole = folder.resolve()
    if _is_there(str(folder / "records.csv")) and _is_there(str(whole.parent / STORE_NAME)):
        return str(whole.parent / STORE_NAME), whole.name
    alone = (folder / "records.csv").exists()
    raise HarnessError(
        f"a folder of runs must hold {STORE_NAME}, or lie beside it",
        f"{reference.where} with " + ("records.csv, and no store" if alone else "neither"),
        "Name the store itself, where --store named another.",
    )


def _is_chosen(found: Found, reference: Reference, folder: str) -> bool:
    study, scale = found.study
    if folder:
        return f"{study}-{scale}" == folder
    return reference.study in {"", study} and reference.scale in {"", scale}


def _versions_of(found: Sequence[Found]) -> list[Found]:
    """Return all runs that the store keeps of a study at a scale, the newest first."""
    every = [each for one in reversed(found) for each in _versions(one)]
    return sorted(every, key=lambda each: each.kept.manifest.time, reverse=True)


def _chosen(versions: Sequence[Found], reference: Reference) -> Found | None:
    """Return the version of a study that is meant: the newest, or one before, if there is one."""
    if reference.version.isdigit() and len(reference.version) <= _LONGEST_COUNT:
        back = int(reference.version)
        return versions[back] if back < len(versions) else None
    fitting = (
        each
        for each in versions
        if (each.kept.manifest.revision or "").startswith(reference.version)
    )
    return next(fitting, None)


def _no_version(
    versions: Mapping[tuple[str, str], Sequence[Found]], reference: Reference
) -> HarnessError:
    """Return the error that says that no such version is kept, and which are."""
    known = [
        f"{':'.join(study)}~{back} ({each.kept.manifest.revision or 'no revision'})"
        for study, own in sorted(versions.items())
        for back, each in enumerate(own)
    ]
    return HarnessError(
        "~ must be followed by a run that the store keeps",
        f"~{reference.version}",
        f"There is: {first_of(known, _MOST)}. A run that shares a trial with the one before takes "
        "its place.",
    )


def _versions(found: Found) -> list[Found]:
    """Return the newest run with a set of levels, and those before of which all is kept."""
    kept = found.kept
    ledger = Ledger(found.store, kept.declaration, kept.declaration.scale, kept.ledger)
    out = [found]
    for manifest in older_manifests(ledger):
        declaration = declaration_of(ledger, manifest)
        if declaration is not None:
            out.append(
                Found(found.reference, found.store, Kept(kept.ledger, manifest, declaration))
            )
    return out
