"""The cost of arms: measured before training, kept with the study, read for reports and plans."""

from __future__ import annotations

from dataclasses import asdict

import torch

from harness.environment import hardware
from harness.errors import HarnessError
from harness.executors import Options
from harness.ledger import Ledger
from harness.plan import TUNING_SEED, Trial, defaults, make_trial
from harness.profiles import Profile
from harness.progress import Display
from harness.search import Planner
from harness.workers import Executor, Job, WorkerDiedError


def profile_trials(planner: Planner) -> dict[str, Trial]:
    """Return, by arm name, the trial whose program is profiled: settings at their defaults."""
    return {
        arm.name: make_trial(
            planner.study, planner.scale, arm, TUNING_SEED, "tune", defaults(planner.study)
        )
        for arm in planner.arms
    }


def profiles(ledger: Ledger, planner: Planner) -> tuple[dict[str, Profile], dict[str, str]]:
    """Return the cost of arms by arm name, and why it is missing where measuring it failed."""
    found: dict[str, Profile] = {}
    failed: dict[str, str] = {}
    notes = ledger.notes("profile/")
    for arm, trial in profile_trials(planner).items():
        for name, value in notes.items():
            if name.startswith(f"{trial.key}/"):
                if "reason" in value:
                    failed[arm] = value["reason"]
                else:
                    found[arm] = Profile(**value)
    return found, failed


def unprofiled(ledger: Ledger, planner: Planner, options: Options) -> dict[str, Trial]:
    """Return, by the name that their profile will be kept under, what was not measured here."""
    machine = f"{options.device}/{hardware(torch.device(options.device))}"
    known = ledger.notes("profile/")
    names = {f"{trial.key}/{machine}": trial for trial in profile_trials(planner).values()}
    return {name: trial for name, trial in names.items() if name not in known}


def measure_costs(
    ledger: Ledger, planner: Planner, executor: Executor, options: Options, display: Display
) -> int:
    """Measure each arm that was not measured on this machine, in a process with nothing else."""
    count = 0
    try:
        # The lock keeps other processes of this store from training meanwhile.
        with ledger.store.lock():
            missing = unprofiled(ledger, planner, options)
            for name, trial in missing.items():
                display.show("measuring cost", count, len(missing), None)
                try:
                    answer = executor.submit(Job.of("profile", ledger.scale, trial)).result()
                except WorkerDiedError as error:
                    raise HarnessError(
                        "a step of every arm must fit this machine",
                        f"{trial.arm.name}: {error}",
                        "Make the network or the batch smaller, or leave the profile out with "
                        "--no-profile.",
                    ) from error
                if answer.mistake:
                    raise HarnessError.relayed(f"arm {trial.arm.name}", answer.reason)
                profile = asdict(answer.profile) if answer.profile else {"reason": answer.reason}
                ledger.write_note(f"profile/{name}", profile)
                count += 1
    finally:
        executor.stop()
    return count
