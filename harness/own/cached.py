"""What is made once on each machine for all trials of a scale, such as a data set read and cut."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.identity.canonical import canonical, definitions
from harness.identity.code import code_of
from harness.messages.errors import HarnessError
from harness.own.seeds import seeded

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Cached:
    """A folder of values, each found by its name and by what made it.

    Attributes:
        root: the folder of all trials.
    """

    root: Path

    def value(self, name: str, make: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Return what a function makes; it is called only where nobody has called it before.

        Args:
            name: letters, digits, ``_`` and ``-``.
            make: a function at the top level of a file.
            arguments: what it is called with.

        Raises:
            HarnessError: what is made cannot be told from these.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise HarnessError(
                "context.cached must be given a name of letters, digits, _ and -",
                repr(name),
                "Write context.cached('tokens', make_tokens), say.",
            )
        folder = self.root / "cached"
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / f"{name}-{_made_by(make, arguments)}.pt"
        with FileLock(place.with_suffix(".lock")):
            if not place.exists():
                with seeded(0, devices=False):
                    value = make(**arguments)
                _write(place, value)
        return _read(place)


def _made_by(make: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """Return a short hash of a function, what it rests on, and its arguments."""
    code = code_of((*definitions(make), *definitions(dict(arguments))), "function")
    text = json.dumps([canonical(make), canonical(dict(arguments)), code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(place: Path, value: Any) -> None:
    import torch

    draft = place.with_suffix(".draft")
    try:
        with draft.open("wb") as file:
            torch.save(_tensors(value), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _read(place: Path) -> Any:
    import torch

    # it was written by this study's own code, which may make anything
    return _arrays(torch.load(place, mmap=True, weights_only=False))


@dataclass(frozen=True)
class _Array:
    """An array of numpy as a tensor, which can be mapped into memory."""

    values: Any


def _tensors(value: Any) -> Any:
    import numpy as np
    import torch

    plain = type(value) is np.ndarray and value.dtype.isnative and value.dtype.kind in "biuf"
    if plain and value.ndim:
        return _Array(torch.from_numpy(np.ascontiguousarray(value)))
    if type(value) is dict:
        return {key: _tensors(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_tensors(each) for each in value)
    return value


def _arrays(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.values.numpy()
    if type(value) is dict:
        return {key: _arrays(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_arrays(each) for each in value)
    return value
