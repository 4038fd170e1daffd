"""What the base's own files measure and head's do not: arms and tests that nobody would miss.

Head's files run on both sides, so an arm or a test that is not in them is on neither side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness.gate.benchmarks import same_files
from harness.gate.missing import LEFT
from harness.gate.processes import Answer
from harness.gate.rounds import Measuring, cores, measured_together, started
from harness.gate.sides import Side
from harness.gate.what import PytestWhat, StudyWhat, What
from harness.messages.errors import HarnessError
from harness.study.formatting import first_of


def check_vanished(
    sides: Sequence[Side],
    whats: Sequence[What],
    folder: Path,
    measuring: Measuring,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[str, ...]:
    """Check that head's files have the arms and tests that the base's own have, and run these.

    Where the files are the same there is nothing to do: what both sides run tells the rest. Else a
    process of each side lists what its own file has; tests run for that, as often as it takes to
    tell which of them are skipped. Where one arm or test is named, only that counts.

    Args:
        sides: base and head, and others.
        whats: what is measured.
        folder: a folder of this gate's own.
        measuring: how it is measured.
        told: is called with a line on how far it is.

    Returns:
        Sentences on what could not be compared.

    Raises:
        HarnessError: an arm or a test has vanished, or is skipped at head alone.
    """
    by_name = {side.name: side for side in sides}
    base, head = by_name["base"], by_name["head"]
    notes: list[str] = []
    for at, what in enumerate(whats):
        if not _whole(what) or not _differs(what, base, head):
            continue
        told(f"{what.title} differs: looking at what the base's own file has")
        own = [replace(base, benchmarks=base.tree), head]
        failed = ""
        try:
            with started(own, [what], "names", folder / f"names{at}", measuring) as processes:
                answers = measured_together(processes, measuring.timeout, cores())
        except HarnessError as error:
            failed = str(error)
        else:
            both = [answers[name][0] for name in ("base", "head")]
            failed = next((each.lacking[what.title] for each in both
                           if what.title in each.lacking), "")  # fmt: skip
        if failed:
            kind = "arms" if isinstance(what, StudyWhat) else "tests"
            notes.append(
                f"The {kind} of the base's own {what.title} could not be compared with head's, so "
                f"one that vanished is not missed: {failed}"
            )
            continue
        _check(what, *both)
    return tuple(notes)


def _whole(what: What) -> bool:
    """Whether all of a file is measured, so that something in it can be missed."""
    match what:
        case StudyWhat(in_file=in_file, arm=arm):
            return in_file and not arm
        case PytestWhat(node=node):
            return not node
        case _:
            return False


def _differs(what: What, base: Side, head: Side) -> bool:
    """Whether the base has a file of its own, which does not run, and is not the same."""
    assert isinstance(what, StudyWhat | PytestWhat)
    file = what.reference if isinstance(what, StudyWhat) else what.file
    return (
        base.benchmarks != base.tree
        and (base.tree / file).is_file()
        and not same_files(what, base.tree, head.benchmarks, head.modules)
    )


def _check(what: What, base: Answer, head: Answer) -> None:
    """Raise an error where head lacks what the base has."""
    gone = [each for each in base.names if each not in head.names and each not in head.lacking]
    if not gone:
        return
    skipped = [each for each in gone if each in head.skipped or what.title in head.skipped]
    if skipped:
        why = head.skipped.get(skipped[0]) or head.skipped[what.title]
        raise HarnessError(
            f"{what.title} must run the tests at head that it runs at base",
            f"a skip of {first_of(skipped, 3)}, which the base's own file runs ({why})",
            f"Take the skip away. {LEFT}",
        )
    if isinstance(what, StudyWhat):
        raise HarnessError(
            f"{what.title} must have the arms that it has at base",
            f"none called {first_of(gone, 3)}: vanished, or renamed",
            f"Name the arms that are left ({what.title}#{_left(head)}), if that is meant.",
        )
    raise HarnessError(
        f"{what.title} must have the tests that it has at base",
        f"none called {first_of(gone, 3)}: vanished, renamed, or it measures nothing now",
        LEFT,
    )


def _left(head: Answer) -> str:
    return head.names[0] if head.names else "ARM"
