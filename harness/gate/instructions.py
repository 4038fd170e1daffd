"""Instructions of a step under valgrind: they tell that the work changed, and know no time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.gate.bounded import bounded
from harness.gate.processes import Answer
from harness.gate.rounds import (
    Measuring,
    Taken,
    check_whats,
    cores,
    measured_together,
    started,
    taken,
)
from harness.gate.sides import Side
from harness.gate.what import CommandWhat, What
from harness.messages.errors import HarnessError
from harness.probe.instructions import COUNTED, SOURCE, VARIABLES

_ROOM = 3  # times the seconds of other processes: valgrind makes them 5 to 100 times slower

_INSTALL = (
    "Install both (apt-get install valgrind gcc, say; there is none for macOS and Windows), or "
    "leave --instructions out."
)
_OPTIONS = (
    "-q",
    "--tool=callgrind",
    "--instr-atstart=no",
    "--trace-children=no",
    "--vgdb=no",
    f"--callgrind-out-file=run/{COUNTED}",
)  # from the folder that a process runs in

_TUNED = "GLIBC_TUNABLES"
_COMPILERS = ("cc", "gcc", "clang")

SECONDS = 120.0
"""How long the compiler may take for 30 lines of C: a tenth of a second is usual."""


def instructions(
    sides: Sequence[Side],
    whats: Sequence[What],
    folder: Path,
    measuring: Measuring,
) -> Taken:
    """Count the instructions of what every benchmark does, once, in a fresh process of each side.

    Each process runs in valgrind's callgrind with one thread, and counts single warm steps: calls
    of a function, training steps of a study, of tests of pytest-benchmark the function that they
    time. Processes run beside each other, as many as there are cores: load changes no count.
    Commands are left out, with a note.

    Args:
        sides: base, head, and what is measured beside them.
        whats: what is measured.
        folder: a folder of this gate's own.
        measuring: how it is measured; a process has three times its ``timeout``.

    Returns:
        One reading for each benchmark and side, with the one figure ``instructions``.

    Raises:
        HarnessError: there is no valgrind or C compiler, nothing can be counted, a process crashed,
            took too long or counted nothing; and as of :func:`~harness.gate.rounds.take_round`.
    """
    check_whats(whats)
    counted = [what for what in whats if not isinstance(what, CommandWhat)]
    left = [what.title for what in whats if what not in counted]
    if not counted:
        raise HarnessError(
            "--instructions must be given a study, tests or a function",
            ", ".join(left),
            "Instructions of commands are not counted: leave --instructions out.",
        )
    if measuring.device != "cpu":
        raise HarnessError(
            "instructions must be counted on the CPU",
            f"--device {measuring.device}",
            "Valgrind sees nothing of other devices: leave --device or --instructions out.",
        )
    valgrind, compiler = tools()
    place = folder / "instructions"
    place.mkdir(parents=True, exist_ok=True)
    library = compiled(compiler, place)
    modules = tuple(sorted({name for side in sides for name in side.modules}))
    steady = [replace(side, modules=modules, variables={**side.variables, **_steady(os.environ)})
              for side in sides]  # fmt: skip
    one_thread = replace(measuring, threads=1, timeout=_ROOM * measuring.timeout)
    answers: dict[str, list[Answer]] = {}
    for at in range(0, len(sides), cores()):
        with started(steady[at : at + cores()], counted, "instructions", place, one_thread,
                     {"library": str(library)}, [valgrind, *_OPTIONS]) as processes:  # fmt: skip
            answers |= measured_together(processes, one_thread.timeout, cores())
    out = taken({side.name: side for side in sides}, answers, counted)
    notes = [f"{title}: its instructions are not counted, as it is a command."
             for title in left]  # fmt: skip
    return replace(out, notes=(*out.notes, *notes))


def tools() -> tuple[str, str]:
    """Return the paths of valgrind and of a C compiler.

    Raises:
        HarnessError: one is not there.
    """
    valgrind = shutil.which("valgrind")
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if valgrind is None or compiler is None:
        missing = [
            *(["no valgrind"] if valgrind is None else []),
            *(["no C compiler (cc)"] if compiler is None else []),
        ]
        raise HarnessError(
            "--instructions must find valgrind and a C compiler", " and ".join(missing), _INSTALL
        )
    return valgrind, compiler


def compiled(compiler: str, folder: Path) -> Path:
    """Compile the library that asks valgrind for something, and return its file.

    Raises:
        HarnessError: it does not compile, or takes too long.
    """
    source, library = folder / "ask.c", folder / "ask.so"
    source.write_text(SOURCE, encoding="utf-8")
    words = [compiler, "-O1", "-shared", "-fPIC", "-o", library.name, source.name]
    done = bounded(words, folder, os.environ, SECONDS)
    if done.code:
        said = [line for line in done.error.splitlines() if "error" in line]
        raise HarnessError(
            f"{compiler} must compile what --instructions asks valgrind with",
            said[0].strip() if said else f"exit code {done.code}",
            "Try it on a file of your own, or leave --instructions out.",
        )
    return library


def _steady(given: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables of a process that counts; what is tuned already stays so."""
    tuned = ":".join(filter(None, (given.get(_TUNED), VARIABLES[_TUNED])))
    return {**VARIABLES, _TUNED: tuned}
