"""Which trials belong together: those of the code and settings that a study's file has now, or not.

Every trial's key tells whether it is what the file says now, so records of two versions never stand
in one verdict. What is judged is a manifest: the newest, where the file has not changed since, or
else one of the trials of the file as it is now, where all of them are there. Where the file has
other arms by now, or other names for them, the newest is judged as it was declared when it was run.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.imported.take import as_results
from harness.messages.errors import HarnessError
from harness.messages.levels import Level
from harness.planning.confirming import settings_tried
from harness.planning.planner import StudyPlanner
from harness.running.revision import revision_of
from harness.running.session import manifest
from harness.storing import notes
from harness.storing.kept import declaration_of, older_manifests
from harness.storing.ledger import Ledger
from harness.study.declaration import Declaration
from harness.study.designs import Arm
from harness.study.searching import SEARCHED
from harness.study.settings import Value
from harness.study.study import Study
from harness.trials.changed import OTHER_KEYS, why_other
from harness.trials.manifest import Manifest, Planned
from harness.trials.records import Record
from harness.trials.trial import make_trial

MOST = 3
"""Reasons that a sentence names."""


@dataclass(frozen=True)
class Chosen:
    """What is judged.

    Attributes:
        declaration: what was declared.
        manifest: which trials count.
        warning: what a reader must know of both; empty where the file has not changed.
        then: whether the declaration is that of the run, and not what the file says now.
    """

    declaration: Declaration
    manifest: Manifest
    warning: str = ""
    then: bool = False


def choose(ledger: Ledger, study: Study, newest: Manifest, place: Sequence[str] = ()) -> Chosen:
    """Return what is judged, and a warning where the newest run is of another version.

    Args:
        ledger: what is recorded.
        study: as its file declares it now.
        newest: the manifest of the newest run.
        place: the words that name where things are on the command line.
    """
    scale = ledger.scale
    declared = study.declaration(scale)
    before = declaration_of(ledger, newest)
    if before is not None and before.source == "results":
        return _of_others(declared, before, newest)
    records = ledger.records()
    done = {record.key: record for record in records if record.state != "running"}
    try:
        why = [*_other_arms(study, scale, newest, done), *_other_tuning(study, scale, newest)]
        if not why:
            # a search is what the command line made of it: its budget, sampler and pruner
            searched = before is not None and before.search is not None
            return Chosen(before if before is not None and searched else declared, newest)
        older = older_manifests(ledger)
        settings = next(
            (each for each in older if not _other_arms(study, scale, each, done)), newest
        )
        # what was asked for of other trials says nothing of these
        asked = () if settings is newest else settings.asked
        now = _complete(ledger, study, settings, asked)
    except (HarnessError, ImportError) as error:  # of what its data or a measure need
        return Chosen(
            declared,
            newest,
            f"It cannot be told whether these trials are of the study's file as it is: {error}",
        )
    again = shlex.join([*shlex.split(newest.command), *place])
    kept = declaration_of(ledger, newest)
    other = kept if kept is not None and _levels_of(kept) != _levels_of(declared) else None
    if now is not None and other is not None and now.keys == newest.keys:
        return Chosen(
            other,
            newest,
            f"Names have changed in the study's file since these trials were run ({said(why)}). "
            f"Judged is what it declared then; `{again}` takes up the new names.",
            then=True,
        )
    if now is not None:
        return Chosen(
            declared,
            now,
            f"The newest run in this store was of other code or settings ({said(why)}). Judged are "
            "the trials of the study's file as it is now, and no others.",
        )
    other_keys = [reason for reason in why if reason.startswith(OTHER_KEYS)]
    known = [reason for reason in why if reason not in other_keys]
    keys = f" by another version of the harness, with {other_keys[0]}" if other_keys else ""
    if known or not other_keys:
        changed = (
            f"The study's file has changed since these trials were run{keys} ({said(known)}). "
            "Judged are the trials of that run, and no others; "
            f"`{again}` runs what the file says now."
        )
    else:
        changed = (
            f"These trials were run{keys}, so it cannot be told whether the code has changed "
            "since. Judged are the trials of that run, and no others; "
            f"`{again}` trains them anew."
        )
    if other is not None:
        return Chosen(other, newest, changed, then=True)
    return Chosen(declared, _as_declared(declared, newest, done), changed)


def _of_others(declared: Declaration, before: Declaration, newest: Manifest) -> Chosen:
    """Return what is judged of results that others made, of whose code nothing is known."""
    now = as_results(declared, [metric.name for metric in before.own])
    if _levels_of(before) == _levels_of(now):
        return Chosen(now, newest)
    return Chosen(
        before,
        newest,
        "Levels or their names have changed in the study's file since these results were imported. "
        f"Judged is what it declared then; `{newest.command}` takes up what it says now.",
        then=True,
    )


def _levels_of(declaration: Declaration) -> dict[str, Mapping[str, Level]]:
    """Return what tells whether two declarations have the same arms."""
    return {arm.name: arm.levels for arm in declaration.arms}


def said(why: Sequence[str]) -> str:
    """Join the first reasons."""
    more = f" and {len(why) - MOST} more" if len(why) > MOST else ""
    return ", ".join(why[:MOST]) + more


def outdated(study: Study, scale: str, records: Iterable[Record]) -> tuple[int, list[str]]:
    """Count the evaluation trials that are not what the study's file says now, and say why.

    Raises:
        HarnessError: an arm cannot be built with the settings that it was run with.
    """
    arms = {arm.name: arm for arm in study.arms(scale)}
    names = {each.name for each in study.tuned}
    alike: dict[str, list[str]] = {}
    count, reasons = 0, Counter[str]()
    for record in records:
        if not record.training:  # of results that others made nobody knows the code
            continue
        if record.role != "evaluate" or record.state == "running":
            continue
        what = repr((record.arm, record.tuned, record.code, record.training))
        if what not in alike:
            searched = study.search is not None
            if record.arm not in arms or (set(record.tuned) != names and not searched):
                alike[what] = ["other arms or tuned settings"]
            else:
                alike[what] = list(_why(study, scale, arms[record.arm], record))
        if alike[what]:
            count += 1
            reasons.update(alike[what])
    return count, [reason for reason, _ in reasons.most_common()]


def _why(study: Study, scale: str, arm: Arm, record: Record) -> list[str]:
    """Name what differs between a record and its trial as it would be run now."""
    settings = settings_now(study, record)
    now = make_trial(study, scale, arm, record.seed, "evaluate", settings)
    return why_other(record.code, record.training, now)


def settings_now(study: Study, record: Record) -> dict[str, Value]:
    """Return the settings that a record's trial would have now: those it had, where there are."""
    if study.search is not None:
        return dict(record.tuned)
    return {each.name: record.tuned.get(each.name, each.start) for each in study.tuned}


def _other_arms(
    study: Study, scale: str, manifest: Manifest, done: Mapping[str, Record]
) -> list[str]:
    """Name what differs between the trials of a plan and the study's file, by one of each arm."""
    first: dict[str, Record] = {}
    planned = dict.fromkeys(trial.arm for trial in manifest.trials if trial.role != "need")
    for trial in manifest.trials:
        if trial.key in done:
            first.setdefault(trial.arm, done[trial.key])
    arms = study.arms(scale)
    reasons: Counter[str] = Counter()
    for arm in arms:
        if arm.name in first:
            reasons.update(_why(study, scale, arm, first[arm.name]))
        elif arm.name not in planned and study.search is None:  # the best come at its end
            reasons[f"arm {arm.name} is new"] += 1
    there = {arm.name for arm in arms} | ({SEARCHED.name} if study.search is not None else set())
    reasons.update(f"arm {gone} is gone" for gone in planned if gone not in there)
    return [
        reason if count == len(arms) or reason.startswith("arm ")
        else f"{reason} in {count} of {len(arms)} arms"
        for reason, count in reasons.most_common()
    ]  # fmt: skip


def _other_tuning(study: Study, scale: str, manifest: Manifest) -> Iterator[str]:
    """Yield what differs between how a run's settings were searched and what the file says."""
    if not manifest.tuned:
        return
    seen: set[str] = set()
    for each in manifest.tuning:
        now = next((one for one in study.tuned if one.name == each.setting), None)
        if now is None or each.setting in seen:
            continue
        seen.add(now.name)
        spaces = [
            f"{low:g} to {high:g}{', log' if log else ''}"
            for low, high, log in (
                (each.low, each.high, each.log), (now.low, now.high, now.log)
            )
        ]  # fmt: skip
        if spaces[0] != spaces[1]:
            yield f"space of {now.name}: {spaces[0]} → {spaces[1]}"
        elif len(each.tried) != settings_tried(study.budget(scale)):
            yield f"settings tried: {len(each.tried)} → {settings_tried(study.budget(scale))}"
            return


def _complete(
    ledger: Ledger, study: Study, settings: Manifest, asked: Iterable[int]
) -> Manifest | None:
    """Return the manifest of the file as it is now, run as another was; ``None`` if trials lack."""
    if study.search is not None:
        return None  # its settings follow from what was seen of this code, which nobody has run
    planner = StudyPlanner(
        study, ledger.scale, len(settings.seeds), tune=settings.tuned, looks=settings.looks
    )
    done = ledger.done(frozenset())
    outlook = planner.outlook(done)
    if len(outlook.chosen) < len(planner.arms) or any(
        trial.key not in done for trial in outlook.planned
    ):
        return None
    return manifest(
        planner, outlook, asked, settings.command, settings.machine,
        revision_of(notes.reference(ledger)),
    )  # fmt: skip


def _as_declared(
    declaration: Declaration, manifest: Manifest, done: Mapping[str, Record]
) -> Manifest:
    """Leave out what was run under the name of an arm that now stands for other levels."""
    now = {
        arm.name: {name: level.plain for name, level in arm.levels.items()}
        for arm in declaration.arms
    }

    def fits(trial: Planned) -> bool:
        record = done.get(trial.key)
        if record is None or record.arm != trial.arm or trial.arm not in now:
            return True
        return dict(record.levels) == now[trial.arm]

    return replace(manifest, trials=tuple(filter(fits, manifest.trials)))
