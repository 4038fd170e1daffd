"""What a reader must know of numbers that are the same, and of versions that were tried."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.study.declaration import Declaration
from harness.study.formatting import first_of, plural
from harness.trials.records import Record

FEWEST_SAME = 3
"""So many seeds with the same numbers are no chance."""

MOST_NAMED = 3


def same_numbers(declaration: Declaration, records: Sequence[Record]) -> Iterator[str]:
    """Yield a sentence where the seed, or what arms differ in, changes no number.

    Only of a user's own function or command: what a Training is given, the harness uses.

    Args:
        declaration: the study at one scale.
        records: those of the run.
    """
    if declaration.source not in {"train", "command"}:
        return
    by_arm: dict[str, dict[int, str]] = {}
    for record in records:
        if record.role == "evaluate" and record.state == "complete":
            by_arm.setdefault(record.arm, {})[record.seed] = _numbers(record)
    by_arm = {arm: seeds for arm, seeds in by_arm.items() if len(seeds) >= FEWEST_SAME}
    constant = [arm for arm, seeds in by_arm.items() if len(set(seeds.values())) == 1]
    if constant:
        yield (
            f"Every seed gave the same numbers in {first_of(constant, MOST_NAMED, '; ')}. If the "
            "seed changes nothing there, its trials are copies, and no interval means anything: "
            "harness check tells."
        )
    alike: dict[str, list[str]] = {}
    for arm, seeds in by_arm.items():
        if arm not in constant:
            alike.setdefault(json.dumps(sorted(seeds.items())), []).append(arm)
    for arms in alike.values():
        if len(arms) > 1:
            yield (
                f"{first_of(arms, MOST_NAMED, '; ')} gave the same numbers in every seed, to the "
                "last bit. Is what they differ in used? harness check tells."
            )


def other_versions(used: Sequence[Record], records: Sequence[Record]) -> Iterator[str]:
    """Yield a sentence where a store has results of other versions of a user's code.

    Args:
        used: the records of the run that is judged.
        records: all of the study at this scale.
    """
    arms = {record.arm for record in used}
    keys = {record.key for record in used}
    own = {_version(record) for record in used if record.role == "evaluate"}
    others = [
        record
        for record in records
        if record.role == "evaluate"
        and record.state == "complete"
        and record.arm in arms
        and record.key not in keys
        and _version(record) not in own
    ]
    versions = len({_version(record) for record in others})
    if own and versions:
        yield (
            f"This store also has results of {plural(versions, 'other version')} of what is run "
            f"({plural(len(others), 'evaluation trial')}). Whoever tries versions until one "
            "supports a claim finds one by chance."
        )


def _version(record: Record) -> str:
    """Return what a user's own code was, and the scale where it is written down."""
    code = {
        name: each
        for name, each in record.code.items()
        if ":" in name and not name.startswith("harness.")
    }
    return json.dumps([code, record.training.get("scale")], sort_keys=True)


def _numbers(record: Record) -> str:
    values: Mapping[str, Any] = {
        name: repr(value) for name, value in record.metrics.items() if not name.endswith("_seconds")
    }
    return json.dumps([values, {name: list(map(repr, c)) for name, c in record.curves.items()}],
                      sort_keys=True)  # fmt: skip
