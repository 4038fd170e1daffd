"""The files that a gate leaves, and what it says to the CI system it runs in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.gate import kept
from harness.gate.ci import github_lines, junit, metrics
from harness.gate.outcome import GateResult
from harness.gate.summary import summary
from harness.terminal.files import utf8, write_whole
from harness.terminal.screen import say

MOST_SUMMARY = 1_000_000
"""Bytes: GitHub drops the whole of a step's summary that is longer than 1 MiB."""

ELSEWHERE = "Name another folder with --out."


NAMES = ("gate.json", "summary.md", "junit.xml", "metrics.txt")
"""The files that :func:`write_files` writes."""


def write_files(result: GateResult, folder: Path) -> tuple[Path, ...]:
    """Write ``gate.json``, ``summary.md``, ``junit.xml`` and ``metrics.txt``, each whole.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    contents = {
        "gate.json": kept.text(result),
        "summary.md": summary(result),
        "junit.xml": junit(result),
        "metrics.txt": metrics(result),
    }
    return tuple(
        write_whole(folder / name, utf8(content), ELSEWHERE) for name, content in contents.items()
    )


def post(
    result: GateResult,
    variables: Mapping[str, str] = os.environ,
    write: Callable[[str], None] = say,
) -> str:
    """Say a result to GitHub, where the gate runs there: its step's summary, and annotations.

    Args:
        result: what came of the gate.
        write: prints an annotation; GitHub reads both outputs of a step.
        variables: of the environment: ``GITHUB_ACTIONS`` and ``GITHUB_STEP_SUMMARY`` are read.

    Returns:
        What could not be posted, and why, in one line; empty where all was. That changes no answer.
    """
    if variables.get("GITHUB_ACTIONS") == "true":
        for each in github_lines(result):
            write(each)
    place = variables.get("GITHUB_STEP_SUMMARY", "")
    if not place:
        return ""
    text = utf8(summary(result))
    if len(text) > MOST_SUMMARY:
        text = text[:MOST_SUMMARY].rsplit(b"\n", 1)[0] + b"\n\n(cut off: gate.json has all)\n"
    try:
        with Path(place).open("ab") as file:
            file.write(text)
    except OSError as error:
        return f"The summary could not be posted: {place}: {error.strerror}. summary.md has it."
    return ""
