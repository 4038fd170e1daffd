"""Who does which kind of work: a Training, an ensemble, a function of the user's own, or a command.

Each is a module, which is imported only where there is such work.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from harness.engines.modes import Mode
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.study.work import Work
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import Trial

RUNNERS: Mapping[str, str] = {
    "Training": "harness.running.trainings",
    "ensemble": "harness.running.ensembles",
    "function": "harness.running.functions",
    "command": "harness.running.command_lines",
}
"""The module that does the work, by the work's kind."""


class Runner(Protocol):
    """What such a module has. It is called in workers alone."""

    def train(
        self, trials: Sequence[Trial], names: Sequence[Named], mode: Mode, at: Workplace
    ) -> tuple[Outcome, ...]:
        """Run trials of one program; whatever one fails of is its outcome.

        Args:
            trials: the trials.
            names: their names, in order.
            mode: how to train them.
            at: where.
        """

    def check(self, trial: Trial, at: Workplace) -> None:
        """Check that a trial can be begun.

        Raises:
            HarnessError: it cannot.
        """

    def warm_up(self) -> None:
        """Load what measuring needs."""

    def profile(self, trial: Trial, at: Workplace) -> Profile:
        """Measure time, memory and FLOPs of a training step."""

    def step_seconds(self, trial: Trial, at: Workplace) -> float:
        """Time a training step once."""


def runner_of(work: Work) -> Runner:
    """Return who does some work."""
    return cast(Runner, importlib.import_module(RUNNERS[work.kind]))
