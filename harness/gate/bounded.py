"""A command with a bound on its time, which leaves nothing behind that it has started."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.messages.errors import HarnessError


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        code: its exit code.
        out: what it wrote to standard output.
        error: what it wrote to standard error.
    """

    code: int
    out: str
    error: str


def bounded(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    seconds: float,
    *,
    errors: str = "replace",
) -> Done:
    """Run a command, and wait for its end; what it has started and left is ended with it.

    It has a session of its own, with no terminal: so nothing in it can ask for a password there,
    and wait. All of that session is ended when time is up, and when this process is interrupted.

    Args:
        words: the program and its arguments.
        folder: where it runs.
        variables: all environment variables that it has.
        seconds: how long it may take.
        errors: how bytes that are no UTF-8 are read, as ``bytes.decode`` takes it.

    Raises:
        OSError: there is no such program or folder, or it cannot be run.
        HarnessError: it took too long.
    """
    # Files and not pipes: a pipe stays open for as long as any process that was left has it.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        process = subprocess.Popen(
            list(words), cwd=folder, env=dict(variables), stdin=subprocess.DEVNULL, stdout=out,
            stderr=error, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HarnessError(
                f"`{shlex.join(words)}` in {folder} must end within {seconds:,g} s",
                "no end: it was ended, with all that it had started",
                "Run it by hand to see what it waits for.",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (out, error):
            file.seek(0)
            text = file.read().decode("utf-8", errors)
            texts.append(text.replace("\r\n", "\n"))
    return Done(process.returncode, *texts)
