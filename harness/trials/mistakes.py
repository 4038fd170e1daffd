"""What to write instead, where a Training was given what it does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from harness.messages.errors import near
from harness.training import Training

_UNKNOWN = re.compile(r"Training\.__init__\(\) got an unexpected keyword argument '(\w+)'")

_MEANT: Mapping[str, str] = {
    "steps": "Write epochs=...: an epoch is train images // batch_size steps.",
    "max_steps": "Write epochs=...: an epoch is train images // batch_size steps.",
    "iterations": "Write epochs=...: an epoch is train images // batch_size steps.",
    "lr": "Write it in the optimizer: optimizer=SGD(lr=...).",
    "learning_rate": "Write it in the optimizer: optimizer=SGD(lr=...).",
    "weight_decay": "Write it in the optimizer: optimizer=SGD(lr=..., weight_decay=...).",
    "momentum": "Write it in the optimizer: optimizer=SGD(lr=..., momentum=...).",
    "dataset": "Write data=...",
    "network": "Write model=...",
    "criterion": "Write loss=...",
    "scheduler": "Write schedule=...",
    "regularizer": "Write penalty=...",
    "seed": "Leave it out: every trial has a seed of its own, and Scale(seeds=...) says how many.",
    "device": "Leave it out: `harness run --device` chooses it.",
}
"""What to write in the place of fields that a Training does not have, but others' tools do."""


def mend(error: BaseException) -> str:
    """Say what to write instead, where a Training was given a field that it does not have."""
    found = _UNKNOWN.search(str(error))
    if not found:
        return "Mend that line."
    name = found[1]
    return _MEANT.get(name) or near(name, [each.name for each in fields(Training)])
