"""Importing this loads what every worker needs; nothing is computed and no device is asked for.

The process from which workers are forked imports it (see :mod:`harness.running.forks`). What goes
wrong here would end that process without a word, so each worker tries again, and says so.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings

from harness.running import forks

forks.end_with_parent()

NEEDED = (
    "torch", "torch.multiprocessing", "rich.console", "typer",
    "harness.trainer.train", "harness.engines.plain", "harness.engines.fused",
    "harness.running.workers", "harness.running.find",
    "harness.cost.machine", "harness.trials.trial",
    "harness.augment", "harness.data", "harness.models", "harness.optim", "harness.measures",
)  # fmt: skip

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name in NEEDED:
        with contextlib.suppress(Exception):
            importlib.import_module(_name)
    with contextlib.suppress(Exception):
        from harness.identity.code import read_package

        read_package()  # each worker works out its trials' keys
