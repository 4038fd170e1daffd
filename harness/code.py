"""Which code gives a Training its meaning, as one short hash for each module or definition.

For the harness's own code it is every module that the trainer, and the modules of what the
Training is made of, import, directly or through others; :mod:`harness.source` does the same for a
user's own code, statement by statement. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.source import PACKAGE, Followed, is_module, ours, short
from harness.syntax import Import, imports_of, normalised

__all__ = ["code_of", "normalised"]

TRAINER = f"{PACKAGE}.train"


def code_of(definitions: Iterable[Any]) -> dict[str, str]:
    """Return a short hash for each piece of code that the trainer and ``definitions`` rest on.

    Beside them stand the versions of the installed packages that the user's code imports.

    Args:
        definitions: the classes and functions that a Training is made of.

    Raises:
        HarnessError: a definition of the user's own has no source text.
    """
    user = Followed()
    for definition in definitions:
        user.begin(definition)
    modules = _imported(frozenset({TRAINER, *user.modules}))
    return {name: _module_hash(name) for name in sorted(modules)} | user.hashes() | user.versions


@cache
def _module_text(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.origin is not None, name
    return Path(spec.origin).read_text(encoding="utf-8")


@cache
def _module_hash(name: str) -> str:
    return short(normalised(_module_text(name)))


@cache
def _imported(modules: frozenset[str]) -> frozenset[str]:
    """Follow imports within the package; type-checking-only imports change no result."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _module_imports(name)
    return frozenset(seen)


@cache
def _module_imports(name: str) -> tuple[str, ...]:
    """Return the modules of the package that one of them imports."""
    found = imports_of(_module_text(name))
    return tuple(inner for each in found for inner in _imports_within(each))


def read_package() -> None:
    """Read and hash what trials may rest on, for whoever asks then, and for forks of this process.

    That is the trainer, and whatever a Training can be made of by the harness's own words.
    """
    words = ("augment", "data", "measures", "models", "optim")
    made = {f"{PACKAGE}.{word}" for word in words}
    for name in _imported(frozenset({TRAINER, *made})):
        _module_hash(name)


def _imports_within(each: Import) -> Iterator[str]:
    if each.name is None:
        if each.module.startswith(f"{PACKAGE}."):
            yield each.module
    elif each.level == 0 and ours(each.module):
        if each.module != PACKAGE:
            yield each.module
        if is_module(f"{each.module}.{each.name}"):
            yield f"{each.module}.{each.name}"
