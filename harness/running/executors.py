"""How to run, and the processes to run it in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.data.shared import load_shared
from harness.engines.modes import PLAIN, Kind
from harness.running import forks
from harness.running.workers import Executor, InProcess, Worker
from harness.storing.artifacts import Artifacts
from harness.study.looks import Looks
from harness.study.study import Study

if TYPE_CHECKING:
    from harness.adapters.logs import Logs
    from harness.data.draw import Whole


def _nothing() -> None:
    """Nothing runs beside."""


@dataclass(frozen=True)
class SearchOptions:
    """How a search is to be done, where other than it declares.

    Attributes:
        trials: trials in all.
        seconds: after which no more settings are asked for.
        sampler: how settings are found.
        pruner: what ends trials early.
        confirm: on how many fresh seeds the best settings are run again.
        enqueue: settings that are tried right after the default, each as a mapping.
        warm_start: the store, or ``STORE#SEARCH``, of a search that the sampler learns from.
    """

    trials: int | None = None
    seconds: float | None = None
    sampler: str | None = None
    pruner: str | None = None
    confirm: int | None = None
    enqueue: tuple[Mapping[str, Any], ...] = ()
    warm_start: str = ""


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
        reference: how the study was named on the command line, for the report.
        mode: the way to train, where it is not to be the one that is measured fastest.
        settle: called before anything is timed: what runs beside this is to end.
        search: how a search is to be done, where other than it declares; ``None`` of a study.
        log: told of the records of trials that have just been written, and of all at the end.
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
    search: SearchOptions | None = None
    settle: Callable[[], None] = field(default=_nothing, repr=False, compare=False)
    log: Logs | None = field(default=None, repr=False, compare=False)

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
    import torch  # judging alone does not need it

    device = torch.device(options.device)
    if options.device == "cuda":
        return max(torch.cuda.device_count(), 1)
    if device.type != "cpu":
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


class Pool(Protocol):
    """Where executors come from."""

    @property
    def workers(self) -> int:
        """How many executors train at a time."""

    @property
    def apart(self) -> bool:
        """Whether each executor is a process of its own, so that modes can be compared in it."""

    def prepare(self, *, measuring: bool) -> None:
        """Load what executors need, beside what goes on here.

        Args:
            measuring: whether something will be measured.
        """

    def share(self, data: Iterable[Any]) -> None:
        """Load declared data sets, once for all executors that start from now on.

        Raises:
            HarnessError: one is missing, and could not be downloaded, or is damaged.
        """

    def start(self, count: int) -> list[Executor]:
        """Start executors that train, at positions 0, 1, 2 and so on."""

    def executor(self, index: int = 0) -> Executor:
        """Start one executor.

        Args:
            index: position among the workers; GPUs are assigned by it, round robin.
        """

    def stop(self) -> None:
        """End all executors that were started here."""


class Processes:
    """The processes of this machine; for a study that no file holds, this process alone.

    Args:
        study: the study.
        reference: its module or file, which worker processes load; ``None`` where there is none.
        options: on which device, and how many workers.
        artifacts: where networks are kept that others learn from.
        folder: where each trial of the user's own code has a folder.
    """

    def __init__(
        self,
        study: Study,
        reference: str | None,
        options: Options,
        artifacts: Artifacts,
        folder: Path,
    ) -> None:
        self._study = study
        self._reference = reference
        self._options = options
        self._artifacts = artifacts
        self._folder = folder
        self._shared: Mapping[str, Whole] = {}  # tensors in shared memory, by source
        self._started: list[Worker] = []

    @property
    def workers(self) -> int:
        """How many executors train at a time."""
        return worker_count(self._options) if self.apart else 1

    @property
    def apart(self) -> bool:
        """Whether each executor is a process of its own."""
        return self._reference is not None

    def prepare(self, *, measuring: bool) -> None:
        """Start the process that workers are forked from; do not wait for it."""
        if self.apart:
            forks.begin(measuring=measuring)

    def share(self, data: Iterable[Any]) -> None:
        """Load data sets into shared memory.

        Raises:
            HarnessError: one is missing, and could not be downloaded, or is damaged.
        """
        declared = list(data)
        for each in declared:
            if (prepare := getattr(each, "prepare", None)) is not None:
                prepare()
        self._shared = load_shared(declared)

    def start(self, count: int) -> list[Executor]:
        """Start executors that train."""
        return [self.executor(index) for index in range(count)]

    def executor(
        self, index: int = 0, *, folder: Path | None = None, anew: bool = False
    ) -> Executor:
        """Start one executor, a process of its own where a file holds the study.

        Args:
            index: position among the workers.
            folder: where each trial has a folder, where that is another than usual.
            anew: whether the process begins with nothing, and is no fork.
        """
        folder = folder or self._folder
        device = self._options.device
        if self._reference is None:
            return InProcess(self._study, device, self._artifacts, folder)
        if device == "cuda":
            import torch

            device = f"cuda:{index % max(torch.cuda.device_count(), 1)}"
        # One thread each: on a CPU, processes beat threads, and sums always round alike.
        worker = Worker(
            self._reference, device, 1, self._artifacts, folder, self._shared, anew=anew
        )
        self._started = [*(each for each in self._started if each.runs()), worker]
        return worker

    def stop(self) -> None:
        """Kill all processes that were started here."""
        for executor in self._started:
            executor.ask_to_stop()
        impatient = False
        for executor in self._started:
            try:
                executor.stop()
            except KeyboardInterrupt:
                impatient = True
        self._started.clear()
        if impatient:
            raise KeyboardInterrupt
