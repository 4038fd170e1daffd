"""Which code gives a Training its meaning, as a short hash for each statement that counts.

The harness's own code and a user's are followed alike (:mod:`harness.identity.following`): from the
trainer, and from the classes and functions that a Training is made of, to every statement that they
rest on. Comments, docstrings and layout do not count, nor, in the harness's own code, words for
people.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.identity.following import Followed
from harness.identity.text import normalised

__all__ = ["KEYS", "VERSION", "code_of", "normalised"]

KEYS = "keys"
"""Under which name the version of keys stands beside the hashes."""

VERSION = "2"
"""Of what keys rest on. In the first, whole modules of the harness counted, words included."""

TRAINER = ("trainer.train", "train")
"""The module, below the harness, and the name in it, of what trains."""


def code_of(definitions: Iterable[Any]) -> dict[str, str]:
    """Return a short hash for each piece of code that the trainer and ``definitions`` rest on.

    Beside them stand the versions of the installed packages that the user's code imports, and of
    keys.

    Args:
        definitions: the classes and functions that a Training is made of.

    Raises:
        HarnessError: a definition of the user's own has no source text.
    """
    followed = Followed()
    followed.begin_at(*TRAINER)
    for definition in definitions:
        followed.begin(definition)
    return {KEYS: VERSION} | followed.hashes() | followed.versions


def read_package() -> None:
    """Read and hash what trials may rest on, for whoever asks then, and for forks of this process.

    That is the trainer, and whatever a Training can be made of by the harness's own words.
    """
    followed = Followed()
    followed.begin_at(*TRAINER)
    for word in ("augment", "data", "measures", "models", "optim"):
        followed.begin_at(word, None)
    followed.hashes()
