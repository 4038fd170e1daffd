"""One gate from its sides to its result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from harness.gate import baseline, fingerprints
from harness.gate.asked import Asked
from harness.gate.figures import Reading
from harness.gate.outcome import GateResult, Revision, Row
from harness.gate.prepare import prepared, this_code
from harness.gate.repeat import repeated
from harness.gate.revisions import resolve, top
from harness.gate.tiers import Found, Told, counted, measured, only, versions_of
from harness.gate.waivers import FILE, Waiver, apply, load, unknown
from harness.gate.words import SAVED
from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Gate:
    """A gate that has ended.

    Attributes:
        result: what came of it.
        readings: of each side, what its processes read of times, in the order measured.
    """

    result: GateResult
    readings: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)


def run_gate(asked: Asked, folder: Path, work: Path, told: Told = lambda _: None) -> Gate:
    """Compare two revisions, folders, environments or commands.

    Args:
        asked: what a person asks for.
        folder: the folder that the command was typed in.
        work: an empty folder of this gate's own.
        told: is called with a line on how far it is.

    Raises:
        HarnessError: the sides could not be made ready. What cannot be measured after that is no
            error here, but a problem of the result.
    """
    started = time.monotonic()
    waivers = _waivers(asked, folder)
    told("the sides are made ready")
    with prepared(asked, folder, work) as ready:
        found = measured(asked, ready, work / "run", told)
        notes = (*ready.notes, *found.notes, *_unknown(waivers, ready.repo))
    return _ended(asked, replace(found, notes=notes), ready.base, ready.head, waivers, started)


def run_baseline(asked: Asked, folder: Path, work: Path, told: Told = lambda _: None) -> Gate:
    """Compare exact figures of the code here with those of a file, or write that file.

    Arguments and errors are those of :func:`run_gate`.

    Raises:
        HarnessError: the file is no baseline, has none of a machine of this kind, or what is to be
            saved could not be measured.
    """
    assert asked.file is not None
    started = time.monotonic()
    waivers = _waivers(asked, folder)
    stored = baseline.load(asked.file) if asked.kind == "baseline" else None  # before it measures
    side, whats, head, note = this_code(asked, folder)
    told("counting")
    taken = counted(asked, [side], whats, work / "run", told)
    said = (*([note] if note else ()), *taken.notes)
    readings = taken.readings["head"]
    machine = _machine(asked, versions_of(readings))
    if stored is None:
        baseline.save(readings, asked.file, machine, commit=head.commit, time=_now())
        rows = tuple(
            Row(each.benchmark, one.name, one.unit, "exact", one.better, "new", head=one.value,
                why=SAVED)
            for each in readings for one in each.figures if one.judged == "exact"
        )  # fmt: skip
        found = Found(
            rows, notes=(f"Saved in {asked.file}.", *said), versions=versions_of(readings)
        )
        return _ended(asked, found, Revision("base", "", "nothing"), head, (), started)
    own = stored.of(machine)
    compared = baseline.compare(own, readings)
    base = Revision("base", own.commit, f"{asked.file}, saved {own.time or 'some time ago'}")
    found = Found(only(asked, compared.rows), (), compared.problems, (*said, *compared.notes),
                  versions_of(readings))  # fmt: skip
    return _ended(asked, found, base, head, waivers, started)


def run_files(asked: Asked, folder: Path) -> Gate:
    """Compare files of pytest-benchmark.

    Raises:
        HarnessError: they hold too little, or come from several machines.
    """
    from harness.gate.pytest_json import compare_files

    started = time.monotonic()
    waivers = _waivers(asked, folder)
    compared = compare_files(asked.base, asked.head)
    found = Found(only(asked, compared.rows), (), compared.problems, compared.notes)
    sides = [Revision(name, "", f"the files {given}")
             for name, given in (("base", asked.base), ("head", asked.head))]  # fmt: skip
    return _ended(asked, found, sides[0], sides[1], waivers, started)


def broken(asked: Asked, error: HarnessError) -> GateResult:
    """Return the result of a gate that did not come to measuring."""
    base, head = (
        Revision(name, "", given or missing)
        for name, given, missing in (
            ("base", asked.base, "a baseline"),
            ("head", asked.head, "the code here"),
        )
    )
    return GateResult(base, head, (), problems=(str(error),), time=_now(), shadow=asked.shadow)


def _ended(
    asked: Asked, found: Found, base: Revision, head: Revision, waivers: Sequence[Waiver],
    started: float,
) -> Gate:  # fmt: skip
    rows, notes = apply(found.rows, waivers, date.today())
    machine = _machine(asked, found.versions)
    result = GateResult(
        base, head, rows, found.controls, found.problems, (*found.notes, *notes),
        repeat=repeated(asked, base, head), machine=machine,
        fingerprint=fingerprints.fingerprint(machine), seconds=time.monotonic() - started,
        time=_now(), shadow=asked.shadow, fails_from=asked.bounds.fails_from,
        passes_below=asked.bounds.passes_below,
    )  # fmt: skip
    return Gate(result, found.readings)


def _machine(asked: Asked, versions: Mapping[str, str]) -> dict[str, str]:
    machine = fingerprints.here(asked.measuring.device, versions)
    threads = asked.measuring.threads
    return machine | ({"threads": str(threads)} if threads else {})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _waivers(asked: Asked, folder: Path) -> tuple[Waiver, ...]:
    """Return accepted failures: of the file that was named, or of the one here or at the top."""
    if asked.waivers is not None:
        return load(asked.waivers)
    places = [folder]
    with contextlib.suppress(HarnessError):
        places.append(top(folder))
    found = next((place / FILE for place in places if (place / FILE).is_file()), None)
    return load(found) if found else ()


def _unknown(waivers: Sequence[Waiver], repo: Path | None) -> tuple[str, ...]:
    return () if repo is None else unknown(waivers, partial(resolve, repo))
