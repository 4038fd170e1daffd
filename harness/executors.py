"""How to run, and the processes to run it in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from harness.study import Study
from harness.workers import Executor, InProcess, Worker


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        device: torch's name of the device.
        workers: number of worker processes; 0 chooses one per core on a CPU, one on others.
        seeds: evaluation seeds per arm, where not what the scale says.
        tune: whether tuned settings are searched; otherwise they stay at their defaults.
        profile: whether the cost of arms is measured.
        retry_failed: whether failed trials are run again.
        reference: how the study was named by whoever runs it, for the report.
    """

    device: str = "cpu"
    workers: int = 0
    seeds: int | None = None
    tune: bool = True
    profile: bool = True
    retry_failed: bool = False
    reference: str = ""


def worker_count(options: Options) -> int:
    """Return how many worker processes to use."""
    if options.workers:
        return options.workers
    if torch.device(options.device).type != "cpu":
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
        made += (make_executor(study, reference, options) for _ in range(count))
        yield made
    finally:
        for executor in made:
            executor.stop()


def make_executor(study: Study, reference: str | None, options: Options) -> Executor:
    """Return what trains one trial at a time: a process of its own where a file holds the study."""
    if reference is None:
        return InProcess(study, options.device)
    # One thread each: on a CPU, processes beat threads, and sums always round alike.
    return Worker(reference, options.device, threads=1)
