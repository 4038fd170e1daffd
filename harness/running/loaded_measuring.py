"""Importing this loads what measuring costs and modes needs: torch's compiler, seconds of it."""

from __future__ import annotations

import contextlib
import importlib
import warnings

NEEDED = ("torch._dynamo", "torch.profiler", "harness.cost.measure", "harness.cost.calibrate")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name in NEEDED:
        with contextlib.suppress(Exception):
            importlib.import_module(_name)
