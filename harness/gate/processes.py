"""One measured process: started, given its turn, ended; and what it answered or why it did not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.gate.building import LAST_LINES
from harness.gate.figures import Figure, Reading
from harness.gate.sides import Seen, Side, variables_of, with_seen
from harness.gate.what import CommandWhat
from harness.messages.errors import HarnessError
from harness.own.launching import launch
from harness.own.stopping import Stopping

_LOOK = 0.005  # seconds between two looks at a process


@dataclass(frozen=True)
class Answer:
    """What one process answered.

    Attributes:
        readings: what it read.
        lacking: titles of benchmarks that its side has not, with the reason.
        seen: what it said of itself; ``None`` of a command.
        graded: of quality: what studies ended with, as ``harness.running.graded`` tells it.
        skipped: benchmarks and files that its tests skip, with the reason.
        names: names of arms and tests, where only these were asked for.
    """

    readings: tuple[Reading, ...]
    lacking: Mapping[str, str] = field(default_factory=dict)
    seen: Seen | None = None
    graded: tuple[Mapping[str, Any], ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()


class LateError(HarnessError):
    """A process took too long, and was ended."""


class Process:
    """A process that imports what it needs at once, and measures when it is its turn."""

    def __init__(
        self, side: Side, request: Mapping[str, Any], folder: Path, threads: int,
        under: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Start it.

        Args:
            side: whose code it runs.
            request: as ``harness.probe.reading`` takes it.
            folder: a folder of its own, in the neutral one that holds ``harness_probe``.
            threads: threads of it; 0 leaves them as they are.
            under: the program that runs the interpreter, and its options; empty where none does.

        Raises:
            HarnessError: the interpreter cannot be started.
        """
        self.side, self._folder = side, folder
        folder.mkdir(parents=True)
        for name, text in (("request.json", json.dumps(request)), ("doing", "starting")):
            (folder / name).write_text(text, encoding="utf-8")
        words = [*under, str(side.python), "-m", "harness_probe", str(folder / "request.json"),
                 str(folder / "answer.json")]  # fmt: skip
        with (folder / "printed").open("wb") as printed:
            try:
                self._process = subprocess.Popen(
                    words, cwd=folder.parent, env=variables_of(side, threads), stdout=printed,
                    stdin=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise HarnessError(
                    f"{side.name}'s interpreter must start", str(error), f"See {side.python}."
                ) from None

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until it has imported all that it needs.

        Raises:
            HarnessError: it ended, or took too long.
        """
        end = time.monotonic() + timeout
        while not (self._folder / "ready").is_file():
            if self._process.poll() is not None:
                raise self._ended()
            if time.monotonic() > end:
                raise self._late(timeout)
            time.sleep(_LOOK)

    def measure(self, timeout: float) -> Answer:
        """Give it its turn, wait for its end, and return what it answered.

        Raises:
            HarnessError: it crashed, took too long, or its answer is not whole.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, which is told below
            self._process.stdin.write(b"go\n")
            self._process.stdin.flush()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self._late(timeout) from None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it left would load the next one
        return self._answer()

    def end(self) -> None:
        """End it with all that it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _answer(self) -> Answer:
        file, name = self._folder / "answer.json", self.side.name
        if self._process.returncode or not file.is_file():
            raise self._ended()
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            seen = Seen(told["prefix"], told["where"], told["versions"])
            failed, lacking, read = told["failed"], told["lacking"], told["readings"]
            graded, names = tuple(told["graded"]), tuple(told["names"])
            skipped = dict(told["skipped"])
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"{name}'s process must answer in whole", f"{error!r}", "Measure again."
            ) from None
        if failed:
            own = failed["why"].startswith(_OWN)
            way = "Nothing was judged by it." if own else self._last_lines()
            raise HarnessError(
                f"{failed['title']} must run on {name}",
                failed["why"].removeprefix(_OWN).removesuffix("."),
                missing_package(failed["why"]) or way,
            )
        if not (read or graded or lacking or skipped or names):
            raise HarnessError(
                f"{name}'s process must read something", "no sample", "Run it alone."
            )
        came = f"{name}'s process"
        readings = tuple(with_seen(Reading.of(each, came), seen) for each in read)
        return Answer(readings, lacking, seen, graded, skipped, names)

    def _doing(self) -> str:
        return (self._folder / "doing").read_text(encoding="utf-8")

    def _ended(self) -> HarnessError:
        code = self._process.poll()
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        return HarnessError(
            f"{self._doing()} must run on {self.side.name}", f"{how}, no answer", self._last_lines()
        )

    def _late(self, timeout: float) -> LateError:
        self.end()
        return LateError(
            f"{self._doing()} must end on {self.side.name} within {timeout:.0f} s",
            "no end: it was ended",
            "Make it smaller; times may take longer by --budget.",
        )

    def _last_lines(self) -> str:
        return last_lines(self._folder / "printed")


_OWN = "HarnessError: "  # what follows says all by itself
_NEEDS = {
    "harness": "ablation-harness",
    "pytest": "pytest-benchmark",
    "pytest_benchmark": "pytest-benchmark",
}


def missing_package(why: str) -> str:
    """Say how to get a package that a benchmark could not import; nothing where that is not it."""
    found = re.match(r"ModuleNotFoundError: No module named '([^'.]+)", why)
    if not found:
        return ""
    package = _NEEDS.get(found[1], found[1])
    return (
        f"The environment has what the project declares: add --with {package}, or --extra NAME of "
        "the project's; or --here, to use the packages that are installed."
    )


_WARNING = re.compile(r".*:\d+: \w*Warning: ")


def last_lines(file: Path) -> str:
    """Say what a process printed last, without warnings of Python and the lines they quote."""
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    printed = [line for line in text.splitlines() if line.strip()]
    lines, quoting = [], False  # whether the line before was a warning, which quotes its source
    for line in printed:
        warning = _WARNING.match(line) is not None
        marks = not set(line) - {"^", "~", " "}  # below a line of code
        if not (warning or marks or (quoting and line.startswith("  "))):
            lines.append(line.strip())
        quoting = warning
    if lines:
        return f"Last lines: {' | '.join(lines[-LAST_LINES:]).rstrip('.')}."
    return "It printed nothing but warnings." if printed else "It printed nothing."


def command(side: Side, what: CommandWhat, words: Sequence[str], folder: Path, *,
            threads: int, timeout: float) -> Answer:  # fmt: skip
    """Run a command of a side in the side's files, and return its time.

    Raises:
        HarnessError: there is no such program, it failed, or it took too long.
    """
    shown = shlex.join(words)  # two sides may run other commands
    folder.mkdir(parents=True, exist_ok=True)
    printed = folder / "printed"
    printed.unlink(missing_ok=True)
    variables = variables_of(side, threads)
    if not words or not _found(words[0], variables["PATH"], side.tree):
        raise HarnessError(
            f"{shown} must name a program that {side.name} has", repr(words[0]), "See PATH."
        )
    try:
        done = launch(
            words, side.tree, variables, printed, limit=timeout, stopping=Stopping(),
            look=lambda: None, deserted=lambda: False,
        )  # fmt: skip
    except OSError as error:
        raise HarnessError(f"{shown} must run on {side.name}", str(error), "Run it.") from None
    if not done.timely:
        raise HarnessError(
            f"{shown} must end on {side.name} within {timeout:.0f} s",
            "no end: it was ended",
            "Make it smaller; times may take longer by --budget.",
        )
    if done.code:
        raise HarnessError(
            f"{shown} must end with exit code 0 on {side.name}", str(done.code),
            last_lines(printed),
        )  # fmt: skip
    return Answer(
        (
            Reading(
                what.title,
                (
                    Figure("wall", done.seconds, "s", "time"),
                    Figure("cpu", done.cpu_seconds, "s", "shown"),
                    Figure("peak_resident", done.peak_bytes, "bytes", "shown"),
                ),
            ),
        )
    )


def _found(program: str, path: str, tree: Path) -> bool:
    import shutil

    where = str(tree / program) if os.sep in program else program
    return shutil.which(where, path=path) is not None
