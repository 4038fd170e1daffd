"""Which trials belong together: those of the code and settings that a study's file has now, or not.

Every trial's key tells whether it is what the file says now, so records of two versions never stand
in one verdict. What is judged is a plan: the newest, where the file has not changed since, or else
one of the trials of the file as it is now, where all of them are there.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.designs import Arm
from harness.errors import HarnessError
from harness.ledger import Ledger
from harness.looks import looks_of
from harness.plan import TEACHER, make_trial, why_other
from harness.records import Record
from harness.search import Planner
from harness.session import OLDER, plan_of
from harness.study import Study

MOST = 3
"""Reasons that a sentence names."""


def choose_plan(
    ledger: Ledger, plan: Mapping[str, Any], place: Sequence[str] = ()
) -> tuple[Mapping[str, Any], str]:
    """Return the plan that is to be judged, and a warning where the newest is of another version.

    Args:
        ledger: what is recorded.
        plan: the newest plan.
        place: the words that name where things are on the command line.
    """
    study, scale = ledger.study, ledger.scale
    records = ledger.records()
    done = {record.key: record for record in records if record.state != "running"}
    try:
        why = [*_other_arms(study, scale, plan, done), *_other_tuning(study, scale, plan)]
        if not why:
            return plan, ""
        older = ledger.notes(OLDER).values()
        settings = next((each for each in older if not _other_arms(study, scale, each, done)), plan)
        # what was asked for of other trials says nothing of these
        asked = () if settings is plan else settings.get("asked", ())
        now = _complete(ledger, settings, asked)
    except HarnessError as error:
        return (
            plan,
            f"It cannot be told whether these trials are of the study's file as it is: {error}",
        )
    if now is not None:
        return now, (
            f"The newest run in this store was of other code or settings ({said(why)}). Judged are "
            "the trials of the study's file as it is now, and no others."
        )
    again = shlex.join([*shlex.split(plan["command"]), *place])
    return _as_declared(study, scale, plan, done), (
        f"The study's file has changed since these trials were run ({said(why)}). Judged are the "
        f"trials of that run, and no others; `{again}` runs what the file says now."
    )


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
        if record.role != "evaluate" or record.state == "running":
            continue
        what = repr((record.arm, record.tuned, record.code, record.training))
        if what not in alike:
            if record.arm not in arms or set(record.tuned) != names:
                alike[what] = ["other arms or tuned settings"]
            else:
                alike[what] = list(_why(study, scale, arms[record.arm], record))
        if alike[what]:
            count += 1
            reasons.update(alike[what])
    return count, [reason for reason, _ in reasons.most_common()]


def _why(study: Study, scale: str, arm: Arm, record: Record) -> list[str]:
    """Name what differs between a record and its trial as it would be run now."""
    settings = {each.name: record.tuned.get(each.name, each.start) for each in study.tuned}
    now = make_trial(study, scale, arm, record.seed, "evaluate", settings)
    return why_other(record.code, record.training, now)


def _other_arms(
    study: Study, scale: str, plan: Mapping[str, Any], done: Mapping[str, Record]
) -> list[str]:
    """Name what differs between the trials of a plan and the study's file, by one of each arm."""
    first: dict[str, Record] = {}
    planned = {arm for arm, _, _ in plan["trials"]}
    for arm, _, key in plan["trials"]:
        if key in done:
            first.setdefault(arm, done[key])
    arms = study.arms(scale)
    reasons: Counter[str] = Counter()
    for arm in arms:
        if arm.name in first:
            reasons.update(_why(study, scale, arm, first[arm.name]))
        elif arm.name not in planned:
            reasons[f"arm {arm.name} is new"] += 1
    for gone in planned - {arm.name for arm in arms} - {TEACHER}:
        reasons[f"arm {gone} is gone"] += 1
    return [
        reason if count == len(arms) or reason.startswith("arm ")
        else f"{reason} in {count} of {len(arms)} arms"
        for reason, count in reasons.most_common()
    ]  # fmt: skip


def _other_tuning(study: Study, scale: str, plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between how a plan's settings were searched and what the file says."""
    if not plan["tuned"]:
        return
    seen: set[str] = set()
    for each in plan["tuning"]:
        now = next((one for one in study.tuned if one.name == each["setting"]), None)
        if now is None or each["setting"] in seen:
            continue
        seen.add(now.name)
        spaces = [
            f"{low:g} to {high:g}{', log' if log else ''}"
            for low, high, log in (
                (each["low"], each["high"], each["log"]), (now.low, now.high, now.log)
            )
        ]  # fmt: skip
        if spaces[0] != spaces[1]:
            yield f"space of {now.name}: {spaces[0]} → {spaces[1]}"
        elif len(each["tried"]) != study.budget(scale):
            yield f"settings tried: {len(each['tried'])} → {study.budget(scale)}"
            return


def _complete(
    ledger: Ledger, settings: Mapping[str, Any], asked: Iterable[int]
) -> dict[str, Any] | None:
    """Return the plan of the file as it is now, run as another was; ``None`` where trials lack."""
    planner = Planner(
        ledger.study, ledger.scale, len(settings["seeds"]), tune=settings["tuned"],
        looks=looks_of(settings),
    )  # fmt: skip
    done = ledger.done(frozenset())
    outlook = planner.outlook(done)
    if len(outlook.chosen) < len(planner.arms) or any(
        trial.key not in done for trial in outlook.planned
    ):
        return None
    return plan_of(planner, outlook, asked, settings["command"], settings.get("machine", ""))


def _as_declared(
    study: Study, scale: str, plan: Mapping[str, Any], done: Mapping[str, Record]
) -> Mapping[str, Any]:
    """Leave out what was run under the name of an arm that now stands for other levels."""
    now = {
        arm.name: {name: level.plain for name, level in arm.levels.items()}
        for arm in study.arms(scale)
    }

    def fits(arm: str, key: str) -> bool:
        record = done.get(key)
        if record is None or record.arm != arm or arm not in now:
            return True
        return dict(record.levels) == now[arm]

    return {**plan, "trials": [row for row in plan["trials"] if fits(row[0], row[2])]}
