"""Where jobs are done: the study as this process has loaded it, the device, and folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.messages.errors import HarnessError
from harness.own.watched import Watch
from harness.running.named import Named
from harness.running.telling import Told
from harness.stopping import Pruning
from harness.storing.artifacts import Artifacts
from harness.study.study import Study
from harness.trials.trial import Trial, unseeded

if TYPE_CHECKING:
    import torch


def pruning_of(named: Named, study: Study) -> Pruning | None:
    """Return what ends a trial early; ``None`` for nothing."""
    better = study.metric(study.objective).better
    if not named.bounds or better is None:
        return None
    return Pruning(study.objective, better, named.bounds)


@dataclass(frozen=True)
class Workplace:
    """Where a job is done.

    Attributes:
        study: the study.
        device: where tensors are.
        artifacts: where networks are kept that others need.
        folder: where each trial of the user's own code has a folder.
        tell: receives, now and then, how far trials are.
        apart: whether a trial of the user's own code is given a process of its own, a fork of this.
        watch: notes what a trial of the user's own code does, where a study is checked.
    """

    study: Study
    device: torch.device
    artifacts: Artifacts
    folder: Path
    tell: Callable[[Told], None] | None = None
    apart: bool = False
    watch: Watch | None = None

    @cached_property
    def env(self) -> Mapping[str, str]:
        """Versions, device, threads; asking for them may begin to use the device."""
        from harness.cost.machine import environment

        return environment(self.device)

    @property
    def env_by_now(self) -> Mapping[str, str]:
        """The same, but a device that nobody has used yet is left alone: a fork must find it so."""
        return self.env if self.device.type == "cpu" or "env" in self.__dict__ else {}

    def trial(self, named: Named) -> Trial:
        """Make a trial from its name.

        Raises:
            HarnessError: the study is not what it was when the trial was named.
        """
        trial = self._of_now(named)
        if trial is None or (named.key and trial.key != named.key):
            raise HarnessError(
                "a study must stay as it is while it runs",
                "other code or settings than when the run began",
                "Start the same command again.",
            )
        return trial

    def _of_now(self, named: Named) -> Trial | None:
        """Return the trial that has this name now; ``None`` where there is none any more."""
        known = named.scale in self.study.scales
        arm = self.study.arm(named.arm, named.scale) if known else None
        if arm is None:
            return None
        what = unseeded(self.study, named.scale, arm, named.tuned)
        for name in named.path:
            if name not in what.needs:
                return None
            what = what.needs[name]
        return what.trial(named.seed, named.role)
