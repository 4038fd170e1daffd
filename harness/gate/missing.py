"""What one side has and another has not: vanished and skipped at head, new at head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.gate.figures import Reading
from harness.gate.processes import Answer
from harness.gate.what import What, belongs
from harness.messages.errors import HarnessError
from harness.study.formatting import first_of

LEFT = "Name the tests that are left, if that is meant."
"""What to do about a test that is gone for a reason."""


def new_at_head(
    readings: Mapping[str, Sequence[Reading]], answers: Mapping[str, Sequence[Answer]]
) -> dict[str, str]:
    """Return what the base lacks, with the reason.

    Raises:
        HarnessError: the head lacks something, or it and the base both do.
    """
    lacking = {name: {t: w for a in all_ for t, w in a.lacking.items()}
               for name, all_ in answers.items()}  # fmt: skip
    for title, why in lacking.get("head", {}).items():
        if title in lacking.get("base", {}):
            raise HarnessError(f"{title} must be there", "none on either side", f"At head: {why}.")
        raise HarnessError(
            f"{title} must still be there at head",
            "it is at base, and vanished at head or has another name",
            f"{why}. Rename it at head alone by giving both names in two gates.",
        )
    names = {name: {one.benchmark for one in all_} for name, all_ in readings.items()}
    head = names.get("head", set())
    for name, theirs in names.items():
        if gone := sorted(theirs - head):
            raise HarnessError(
                f"{gone[0]} must still be there at head",
                f"it is at {name}, and vanished at head or has another name",
                "Measure what head has.",
            )
    new = dict(lacking.get("base", {}))
    for each in sorted(head - names.get("base", head)):
        if not any(each == title or each.startswith((f"{title}#", f"{title}::")) for title in new):
            new[each] = "the base has no benchmark of that name"
    return new


def check_measured(
    whats: Sequence[What], readings: Sequence[Reading], answers: Sequence[Answer]
) -> None:
    """Check that of each file of tests, or test, that was named, head measures something.

    Args:
        whats: what was measured.
        readings: head's.
        answers: head's.

    Raises:
        HarnessError: all of one is skipped: nobody would see what became of it.
    """
    skipped = {each: why for one in answers for each, why in one.skipped.items()}
    for what in whats:
        why = [said for name, said in skipped.items()
               if belongs(name, what) or what.title.startswith(name)]  # fmt: skip
        if why and not any(belongs(each.benchmark, what) for each in readings):
            raise HarnessError(
                f"{what.title} must measure something", f"nothing but skips ({why[0]})",
                "Leave it out, or take the skip away.",
            )  # fmt: skip


def skips(
    readings: Mapping[str, Sequence[Reading]], answers: Mapping[str, Sequence[Answer]]
) -> tuple[dict[str, str], list[str]]:
    """Return what the base alone skips, with the reason, and sentences on what head skips, too.

    Raises:
        HarnessError: head skips what another side measures.
    """
    skipped = {name: {each: why for a in all_ for each, why in a.skipped.items()}
               for name, all_ in answers.items()}  # fmt: skip
    head, base = skipped.get("head", {}), skipped.get("base", {})
    for each, why in head.items():
        for name in ("base", "deps"):
            if any(_within(one.benchmark, each) for one in readings.get(name, ())):
                raise HarnessError(
                    f"{each} must run at head as it does at {name}",
                    f"a skip at head, where {name} was measured ({why})",
                    f"Take the skip away. {LEFT}",
                )
    alike: dict[tuple[str, str], list[str]] = {}
    for each, why in head.items():
        where = "on both sides" if any(_within(each, one) for one in base) else "at head"
        alike.setdefault((where, why), []).append(each)
    notes = [
        f"Skipped {where}, so not compared: {first_of(names, 3)} ({why})."
        for (where, why), names in alike.items()
    ]
    new = {
        each: f"it is skipped there ({why})"
        for each, why in base.items()
        if any(_within(one.benchmark, each) for one in readings.get("head", ()))
    }
    return new, notes


def _within(benchmark: str, name: str) -> bool:
    """Whether a benchmark is one that was named, or in a file that was."""
    return benchmark == name or benchmark.startswith(f"{name}::")
