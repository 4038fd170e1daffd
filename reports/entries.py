"""What lies in a folder of reports: found, read, and told in one line where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.gate import kept
from harness.gate.outcome import GateResult
from harness.gate.words import headline
from harness.messages.errors import HarnessError, one_line

from .entry import FORMAT, NAME, Entry, Kind, entry_of_verdicts, read_entry

PAGES: Mapping[Kind, str] = {
    "study": "report", "search": "report", "gate": "gate", "comparison": "compare",
}  # fmt: skip
"""The name of a report's page without its suffix, by what was done."""

FILES: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    "study": (("CSV", "records.csv"), ("JSON", "verdicts.json")),
    "search": (("CSV", "settings.csv"), ("JSON", "best.json")),
    "gate": (("JSON", "gate.json"),),
    "comparison": (("JSON", "compare.json"),),
}
"""What lies beside a page for others to read, by what was done."""


@dataclass(frozen=True)
class Found:
    """A report in a folder.

    Attributes:
        entry: what is known of it.
        folder: where it lies, from the folder of reports; empty where in that itself.
        files: what it has, each a word and a file's name, the page first.
        tally: of a gate or a comparison: its answer or how many are what, as words.
        studies: of a comparison: name and scale of each study whose runs it compares.
    """

    entry: Entry
    folder: str
    files: tuple[tuple[str, str], ...]
    tally: tuple[str, ...] = ()
    studies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Shelf:
    """All that lies in a folder of reports.

    Attributes:
        found: newest first.
        unread: a line for each file that could not be read.
    """

    found: tuple[Found, ...]
    unread: tuple[str, ...]


def contents_of(folder: Path) -> dict[str, bytes | str]:
    """Read the small files that tell of reports: in a folder, and in each folder right below.

    Folders that are links are passed over.

    Returns:
        By path from the folder, what is in each, or why it cannot be read; and nothing for each
        page and PDF that is there. Two that are equal give the same index.
    """
    out: dict[str, bytes | str] = {}
    for place in _places(folder):
        for file in _told(place):
            name = file.relative_to(folder).as_posix()
            try:
                out[name] = file.read_bytes()
            except OSError as error:
                out[name] = f"{type(error).__name__}: {error.strerror}"
        for kind, page in PAGES.items():
            names = [f"{page}.html", f"{page}.pdf", *(name for _, name in FILES[kind])]
            for there in (place / name for name in names):
                if there.is_file():
                    out.setdefault(there.relative_to(folder).as_posix(), b"")
    return out


def _places(folder: Path) -> Iterator[Path]:
    yield folder
    try:
        below = sorted(folder.iterdir())
    except OSError:  # it is not there yet
        return
    for each in below:
        # A link may lead anywhere, also to a folder that is listed already.
        if each.is_dir() and not each.is_symlink() and not each.name.startswith("."):
            yield each


def _told(place: Path) -> Iterator[Path]:
    own = [place / NAME, place / "verdicts.json"]
    for file in (next((each for each in own if each.is_file()), None),
                 place / "gate.json", place / "compare.json"):  # fmt: skip
        if file is not None and file.is_file():
            yield file


def shelf_of(contents: Mapping[str, bytes | str]) -> Shelf:
    """Work out what lies in a folder from what :func:`contents_of` read."""
    found, unread = [], []
    for name, content in contents.items():
        if content == b"" and Path(name).name not in _READERS:
            continue
        reader = _READERS.get(Path(name).name)
        beside = NAME if Path(name).name == "verdicts.json" else ""
        if reader is None or (beside and _at(name, beside) in contents):
            continue
        try:
            found.append(reader(name, _bytes(content), contents))
        except Exception as error:  # of any kind: another program's file, half a file
            unread.append(one_line(f"{name}: {_why(error)}"))
    found.sort(key=lambda each: (each.entry.name, each.entry.scale, each.folder))
    found.sort(key=lambda each: each.entry.date, reverse=True)
    return Shelf(tuple(found), tuple(unread))


def _bytes(content: bytes | str) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: it could not be read.
    """
    if isinstance(content, bytes):
        return content
    raise OSError(content)


def _why(error: Exception) -> str:
    if isinstance(error, HarnessError):
        return error.got or str(error)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return f"no JSON ({error})"
    return str(error) or type(error).__name__


def _at(name: str, other: str) -> str:
    """Return another file of the same folder."""
    return Path(name).with_name(other).as_posix()


def _files(
    kind: Kind, name: str, contents: Mapping[str, bytes | str]
) -> tuple[tuple[str, str], ...]:
    page = PAGES[kind]
    named = (("HTML", f"{page}.html"), ("PDF", f"{page}.pdf"), *FILES[kind])
    return tuple((word, file) for word, file in named if _at(name, file) in contents)


def _folder(name: str) -> str:
    parent = Path(name).parent.as_posix()
    return "" if parent == "." else parent


def _study(name: str, content: bytes, contents: Mapping[str, bytes | str]) -> Found:
    entry = read_entry(content)
    return Found(entry, _folder(name), _files(entry.kind, name, contents))


def _before(name: str, content: bytes, contents: Mapping[str, bytes | str]) -> Found:
    entry = entry_of_verdicts(content, _folder(name) or "verdicts")
    return Found(entry, _folder(name), _files("study", name, contents))


def _gate(name: str, content: bytes, contents: Mapping[str, bytes | str]) -> Found:
    file = Path(name)
    result = kept.of(kept.loaded(content.decode(), file), file)
    head = headline(result)
    entry = _entry("gate", _sides(result), head.said, (head.todo,), result.time)
    return Found(entry, _folder(name), _files("gate", name, contents), (head.answer,))


def _sides(result: GateResult) -> str:
    named = [each.commit[:7] or each.told for each in (result.base, result.head)]
    return f"{named[1]} against {named[0]}"


def _comparison(name: str, content: bytes, contents: Mapping[str, bytes | str]) -> Found:
    plain = json.loads(content)
    if not isinstance(plain, dict) or plain.get("format") != 1:
        raise ValueError("no comparison that this harness reads")
    places: Mapping[str, Any] = plain["places"]
    sides = " and ".join(map(str, [*list(places.values())[1:], *list(places.values())[:1]]))
    claims = [each for pair in plain["comparisons"] for each in pair["claims"]]
    steps = [int(each["step"]) for each in claims]
    counts = (
        (sum(step < 0 for step in steps), "for the worse"),
        (sum(step > 0 for step in steps), "for the better"),
        (len(claims), "compared"),
    )
    tally = tuple(f"{count} {word}" for count, word in counts if count)
    date = max((str(run["date"] or "") for run in plain["runs"]), default="")
    entry = _entry("comparison", sides, str(plain["answer"]), (), date)
    studies = dict.fromkeys((str(run["study"]), str(run["scale"])) for run in plain["runs"])
    files = _files("comparison", name, contents)
    return Found(entry, _folder(name), files, tally, tuple(studies))


def _entry(kind: Kind, name: str, question: str, said: tuple[str, ...], date: str) -> Entry:
    told = tuple(filter(None, said))
    return Entry(FORMAT, kind, name, "", question, told, (), date, None, None, 0, None, "", ())


_READERS = {
    NAME: _study, "verdicts.json": _before, "gate.json": _gate, "compare.json": _comparison,
}  # fmt: skip
