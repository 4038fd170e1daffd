"""Which code gives a Training its meaning, as a short hash for each statement that counts.

The harness's own code and a user's are followed alike (:mod:`harness.identity.following`): from the
trainer, and from the classes and functions that a Training is made of, to every statement that they
rest on. Comments, docstrings and layout do not count, nor, in the harness's own code, words for
people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.identity.following import Followed
from harness.identity.text import normalised

__all__ = ["KEYS", "VERSION", "code_of", "normalised"]

KEYS = "keys"
"""The name of the version of keys, among the hashes."""

VERSION = "2"
"""The version of what keys rest on. In version 1 whole modules of the harness counted."""

BEGINNINGS: Mapping[str, tuple[str, str]] = {
    "Training": ("trainer.train", "train"),
    "ensemble": ("trainer.ensembles", "scores_of"),
    "function": ("own.seeds", "seeded"),
    "command": ("own.seeds", "short_seed_for"),
}
"""The module within the harness, and the name in it, where a trial begins, by its kind of work.

Of a function of the user's own only the seeds are the harness's: how it is watched changes nothing.
"""


def code_of(definitions: Iterable[Any], kind: str = "Training") -> dict[str, str]:
    """Return a short hash for each piece of code that a trial and ``definitions`` rest on.

    The result also has the versions of the installed packages that the user's code imports, and the
    version of keys.

    Args:
        definitions: the classes and functions that a Training is made of.
        kind: the kind of work.

    Raises:
        HarnessError: a definition of the user's own has no source text.
    """
    followed = Followed()
    followed.begin_at(*BEGINNINGS[kind])
    for definition in definitions:
        followed.begin(definition)
    return {KEYS: VERSION} | followed.hashes() | followed.versions


def read_package() -> None:
    """Read and hash what trials may rest on, so that this process and its forks need not.

    That is the trainer, and all of the harness that a Training can be made of.
    """
    followed = Followed()
    followed.begin_at(*BEGINNINGS["Training"])
    for word in ("augment", "data", "measures", "models", "optim"):
        followed.begin_at(word, None)
    followed.hashes()
