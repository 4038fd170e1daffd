"""Write a journal anew without the lines that are damaged in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from harness.storing.aside import CORE, beside
from harness.storing.damage import ASIDE, BROKEN, Noticed
from harness.storing.inspection import Seen
from harness.storing.journal import Lines, read_line, stand_in
from harness.storing.notes import note_wrong
from harness.storing.store import Store
from harness.storing.translation import WITHDRAWN


def rewrite(store: Store, path: Path, seen: list[Seen], noticed: Noticed) -> list[str]:
    """Write a journal anew without what is damaged in it; keep the old one."""
    raw = path.read_bytes()
    lines = raw.split(b"\n")
    torn = lines.pop()
    broken = {
        int(damage.part.split()[1]) - 1: damage.wrong
        for damage in noticed.damage
        if damage.part.startswith("line ")
    }
    if not (broken or seen or torn):
        return []
    storage = store.storage
    assert isinstance(storage, Lines)
    trials = {own.trial._trial_id: own for own in seen if own.trial is not None}
    out: list[str] = []
    made = studies = 0
    for number, line in enumerate(lines):
        log, wrong = read_line(line)
        logs = [log]
        if number in broken:
            inferred = storage._journal._stand_ins.get(number, [])
            logs = inferred if wrong else stand_in(log, studies)
        for operation in logs:
            if operation["op_code"] == JournalOperation.CREATE_STUDY:
                studies += 1
            if operation["op_code"] == JournalOperation.CREATE_TRIAL:
                if number in broken or made in trials:
                    why = trials[made].wrong if made in trials else {"line": broken[number]}
                    _withdrawn(operation, why)
                made += 1
            if operation["op_code"] == JournalOperation.SET_STUDY_USER_ATTR:
                operation["user_attr"] = {
                    ASIDE + name if note_wrong(name, value) else name: value
                    for name, value in operation["user_attr"].items()
                }
            out.append(json.dumps(operation, separators=(",", ":")))
    out += _formats(seen)
    kept = beside(path)
    shutil.copy2(path, kept)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text("".join(f"{line}\n" for line in out), encoding="utf-8")
    draft.replace(path)
    done = [f"line {number + 1}: {wrong}" for number, wrong in broken.items()]
    done += ["the last line, which was cut off"] if torn else []
    for damaged in seen:
        at = "" if damaged.number is None else f", trial {damaged.number}"
        done.append(f"study {damaged.study}{at}: {', '.join(damaged.wrong)}")
    return [f"{what}; the file as it was is kept as {kept}" for what in done]


def _withdrawn(log: dict[str, Any], wrong: dict[str, str]) -> None:
    """Change the line that makes a trial so that it counts as never begun."""
    why = "; ".join(f"{part}: {what}" for part, what in wrong.items())
    attrs = {
        name: value for name, value in dict(log.get("user_attrs", {})).items() if name != BROKEN
    }
    log["user_attrs"] = {**attrs, WITHDRAWN: f"damaged, {why}"}
    log["state"] = int(TrialState.FAIL)  # so that later lines on it change nothing
    log["value"] = log["values"] = None


def _formats(seen: list[Seen]) -> Iterator[str]:
    """Yield lines that give damaged studies what they must have."""
    for study in seen:
        if study.number is None and "attribute format" in study.wrong:
            yield json.dumps({
                "op_code": int(JournalOperation.SET_STUDY_USER_ATTR), "worker_id": "",
                "study_id": study.study_id, "user_attr": CORE,
            })  # fmt: skip
