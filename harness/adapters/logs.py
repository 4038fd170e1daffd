"""Who is told of each trial that has ended: what ``--log`` names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from harness.messages.blame import named
from harness.messages.errors import HarnessError, near, one_line
from harness.messages.redact import clean, learn
from harness.trials.records import Record

KINDS: Mapping[str, tuple[str, str]] = {
    "tensorboard": ("harness.adapters.tensorboard", "tensorboard=FOLDER"),
    "mlflow": ("harness.adapters.mlflow", "mlflow=sqlite:///mlflow.db"),
}
"""The module that writes to each, and how it is asked for."""


class Writer(Protocol):
    """What such a module has as ``Writer``, made with the place that it writes to."""

    def log(self, record: Record) -> None:
        """Write a trial that has ended, unless it is there."""


class Logs:
    """Tells writers of records; one that fails is told once more, when a study has been run.

    Whoever does not answer keeps a run waiting, so it is not asked again after each trial.

    Args:
        asked: what to write to, each as ``KIND=PLACE``.
        complain: receives a line where a writer fails.

    Raises:
        HarnessError: there is no such kind, its package is missing, or it cannot be opened.
    """

    def __init__(self, asked: Iterable[str], complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._failed: set[str] = set()
        self._writers = {each: _opened(each) for each in dict.fromkeys(asked)}

    def __call__(self, records: Iterable[Record], *, last: bool = False) -> None:
        """Have those that have ended written; whatever goes wrong is one line.

        Args:
            records: of a trial that was run again, the newest counts.
            last: whether these are all there are of a study that has been run.
        """
        ended = _newest(record for record in records if record.state != "running")
        for asked, writer in list(self._writers.items()):
            if asked in self._failed and not last:
                continue
            try:
                for record in ended:
                    writer.log(record)
            except Exception as error:
                said = one_line(clean(named(error)))[:300]
                self._failed.add(asked)
                if last:
                    del self._writers[asked]
                    self._complain(
                        f"--log {clean(asked)} failed, and is told no more in this run: {said}. "
                        "The records are in the store; the next run with it writes what is missing."
                    )
                else:
                    self._complain(
                        f"--log {clean(asked)} failed: {said}. It is tried once more when the "
                        "study has been run."
                    )
            else:
                self._failed.discard(asked)


def _newest(records: Iterable[Record]) -> Collection[Record]:
    """Return the record of each trial that ended last; of the same second, the later one."""
    found: dict[str, Record] = {}
    for record in records:
        before = found.get(record.key)
        if before is None or record.ended_at >= before.ended_at:
            found[record.key] = record
    return found.values()


def _opened(asked: str) -> Writer:
    kind, _, where = asked.partition("=")
    learn(where)
    if kind not in KINDS or not where:
        usual = " or ".join(each for _, each in KINDS.values())
        raise HarnessError(
            f"--log must be {usual}", repr(clean(asked)), near(kind, KINDS) if where else ""
        )
    module = importlib.import_module(KINDS[kind][0])
    try:
        writer: Writer = module.Writer(where)
    except Exception as error:
        raise HarnessError(
            f"--log {kind}=... must name a place that can be written to",
            f"{clean(where)}: {one_line(clean(named(error)))[:300]}",
            f"Write --log {KINDS[kind][1]}, say.",
        ) from error
    return writer
