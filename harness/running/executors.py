"""How to run, and the processes to run it in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.engines.modes import PLAIN, Kind
from harness.running.workers import Executor, InProcess, Worker
from harness.study.looks import Looks
from harness.study.study import Study

if TYPE_CHECKING:
    from harness.data.draw import Whole


def _nothing() -> None:
    """Nothing runs beside."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        device: torch's name of the device.
        workers: number of worker processes; 0 chooses one per core on a CPU, one per GPU where
            the device is ``cuda`` without a number, otherwise one.
        seeds: evaluation seeds per arm, where not what the scale says.
        until_decided: whether seeds are added until claims are decided.
        max_seeds: seeds at the last look, where not what the study says.
        tune: whether tuned settings are searched; otherwise they stay at their defaults.
        profile: whether the cost of arms is measured.
        retry_failed: whether failed trials are run again.
        reference: how the study was named by whoever runs it, for the report.
        mode: the way to train, where it is not to be the one that is measured fastest.
        shared: data sets in shared memory, which worker processes are handed.
        settle: called before anything is timed: what runs beside this is to end.
    """

    device: str = "cpu"
    workers: int = 0
    seeds: int | None = None
    until_decided: bool = False
    max_seeds: int | None = None
    tune: bool = True
    profile: bool = True
    retry_failed: bool = False
    reference: str = ""
    mode: Kind | None = None
    shared: Mapping[str, Whole] = field(default_factory=dict, repr=False, compare=False)
    settle: Callable[[], None] = field(default=_nothing, repr=False, compare=False)

    @property
    def plain(self) -> bool:
        """Whether all is trained in the plain loop, so that no mode has to be chosen."""
        return self.mode == PLAIN.kind

    def looks(self, study: Study) -> Looks | None:
        """Return when claims are looked at; ``None`` where the number of seeds is fixed.

        Raises:
            HarnessError: there would be fewer seeds than at the study's first look.
        """
        if not self.until_decided:
            return None
        return study.looks if self.max_seeds is None else study.looks.upto(self.max_seeds)


def worker_count(options: Options) -> int:
    """Return how many worker processes to use."""
    if options.workers:
        return options.workers
    import torch  # whoever judges alone does not wait for it

    device = torch.device(options.device)
    if options.device == "cuda":
        return max(torch.cuda.device_count(), 1)
    if device.type != "cpu":
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@contextmanager
def executors(
    study: Study, reference: str | None, options: Options, count: int
) -> Iterator[list[Executor]]:
    """Give a list of executors, which may be changed; those in it at the end are stopped."""
    made: list[Executor] = []
    try:
        made += (make_executor(study, reference, options, index) for index in range(count))
        yield made
    finally:
        for executor in made:
            executor.stop()


def make_executor(
    study: Study, reference: str | None, options: Options, index: int = 0
) -> Executor:
    """Return what trains: a process of its own where a file holds the study.

    Args:
        study: the study.
        reference: its module or file, or ``None``.
        options: how to run.
        index: the how manieth it is, by which GPUs are shared out.
    """
    if reference is None:
        return InProcess(study, options.device)
    device = options.device
    if device == "cuda":
        import torch

        device = f"cuda:{index % max(torch.cuda.device_count(), 1)}"
    # One thread each: on a CPU, processes beat threads, and sums always round alike.
    return Worker(reference, device, threads=1, shared=options.shared)
