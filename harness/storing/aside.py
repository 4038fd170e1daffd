"""Where what is damaged is kept: under names that are not taken."""

from __future__ import annotations

from pathlib import Path

from harness.storing.optuna_studies import FORMAT

CORE = {"format": FORMAT}
"""Attributes that a study must have, and which are known without it."""


def free_name(name: str, taken: set[str]) -> str:
    """Return a name that is not taken: this one, or with a number."""
    number = 2
    other = name
    while other in taken:
        other = f"{name} ({number})"
        number += 1
    return other


def beside(path: Path) -> Path:
    """Return a name beside a file that is not taken."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return kept
