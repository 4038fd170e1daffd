"""A command line of the user's own as what one trial does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.identity.canonical import canonical
from harness.study.work import Work


@dataclass(frozen=True)
class Command:
    """A command that trains, in any language, and writes its metrics to a file.

    Attributes:
        line: the command line, with ``{name}`` where a factor, a tuned setting, ``{seed}``,
            ``{folder}``, ``{device}`` or a setting of the scale stands.
        reads: the file in the trial's folder that it writes its metrics to, as JSON.
        code: patterns of files whose text makes the key, beside the study's file.
        curve: the file in the trial's folder with one JSON object per line, each with ``epoch``.
        environment: variables that are set beside those that there are.
        shell: whether the line is given to a shell.

    Example:
        >>> from harness import Command
        >>> line = "python train.py --lr {lr} --seed {seed} --out {folder}"
        >>> Command(line, reads="metrics.json", code=("src/**",)).shell
        False
    """

    line: str
    reads: str = "metrics.json"
    code: Sequence[str] = ()
    curve: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False

    def check_names(self, names: Sequence[str]) -> None:
        """Check that the line takes each factor and each tuned setting.

        Raises:
            HarnessError: it does not.
        """


@dataclass(frozen=True)
class Filled:
    """A command with the values of one arm.

    Attributes:
        command: the command as declared.
        values: the scale's settings, the levels of the arm and its tuned settings, by name.
    """

    kind: ClassVar[str] = "command"

    command: Command
    values: Mapping[str, Any]

    def needs(self) -> Mapping[str, Work]:
        """Return nothing: it runs without other trials."""
        return {}

    def data_sets(self) -> tuple[Any, ...]:
        """Return nothing: which data it reads is its own business."""
        return ()

    def program(self) -> str:
        """Return, as text, all of it: two commands are never run as one."""
        return json.dumps(canonical(self), sort_keys=True)
