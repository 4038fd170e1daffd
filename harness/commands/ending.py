"""What ends a command: what is told then, and its exit code.

Exit codes: 0 done; 1 a check failed, or a report could not be written; 2 the command or the study
was wrong; 3 cannot tell; 130 interrupted, and can be resumed.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import typer

from harness.messages import redact
from harness.messages.calm import calm
from harness.messages.errors import HarnessError, one_line
from harness.terminal import outlets, screen
from harness.terminal.usage import misread

if TYPE_CHECKING:
    from harness.commands.place import Place  # with Optuna, for which `harness list` does not wait

P = ParamSpec("P")


def alone_on_output(function: Callable[P, None]) -> Callable[P, None]:
    """Return a command during which only the command itself writes to standard output.

    What studies print goes to standard error, and warnings of libraries are no errors.
    """

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> None:
        with outlets.aside(), calm():
            function(*args, **kwargs)

    return command


@contextlib.contextmanager
def noticing(place: Place) -> Iterator[Place]:
    """Say at the end what was noticed of a store; exit code 1 where rows of it were damaged."""
    try:
        yield place
    finally:
        place.tell(screen.errors())
        place.close()
    if place.noticed.damage:
        raise typer.Exit(1)


def end_with(code: int) -> None:
    """End a command with an exit code, unless it is 0.

    Raises:
        typer.Exit: it is not.
    """
    if code:
        raise typer.Exit(code)


def main(app: typer.Typer) -> None:
    """Run what the command line says, and end the process with its exit code."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    debug = len(words) < len(sys.argv) - 1
    sys.argv[1:] = [redact.shown(word) for word in words]  # worker processes are handed a copy
    outlets.all_there()
    with outlets.kept_apart():
        code = execute(app, words, debug=debug)
    sys.exit(code)


def execute(app: typer.Typer, words: list[str], *, debug: bool) -> int:
    """Run one command in this process; say in one line what went wrong; return its exit code.

    Args:
        app: the commands that there are.
        words: the command line, without ``harness`` and ``--debug``.
        debug: whether the traceback of an error is shown.
    """
    try:
        _check_places(words)
        with contextlib.redirect_stderr(redact.Clean(outlets.fit(sys.stderr))):
            code = _built(app)(words, standalone_mode=False)
    except HarnessError as error:
        return _failed(redact.urls(str(error)), error.code, debug=debug)
    except typer.TyperException as error:
        if not error.format_message():  # no command given: the help is printed already
            return error.exit_code
        commands = [
            each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands
        ]
        return _failed(redact.urls(str(misread(error, words, commands))), 2, debug=debug)
    except BrokenPipeError:
        nobody_reads()
        return 0
    except Exception as error:
        if type(error).__name__ == "InterruptedRunError":
            said = f"interrupted: {error}; the same command goes on from there"
            return _failed(said, 130, debug=debug)
        if _lacks_torch(error):
            return _failed(redact.urls(str(_no_torch(error))), 2, debug=debug)
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = (
            f"internal error: {type(error).__name__}: {redact.clean(str(error))} "
            f"({Path(where.filename).name}:"
            f"{where.lineno}); this is a fault of the harness, and --debug shows the traceback"
        )
        return _failed(said, 3, debug=debug)
    if code == 130:  # typer's own answer to Ctrl-C
        return _failed("interrupted; the same command goes on where it was", 130, debug=debug)
    return code if isinstance(code, int) else 0


@functools.cache
def _built(app: typer.Typer) -> Callable[..., object]:
    """Return what reads a command line; to build it takes longer than to read one."""
    return typer.main.get_command(app)


def nobody_reads() -> None:
    """Let what is printed go nowhere: the reader of standard output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_places(words: list[str]) -> None:
    """Refuse a URL with a password that stands where no store or storage is named.

    Folders would be made of it, and files be named after it.

    Raises:
        HarnessError: there is one.
    """
    reads = words[:1] in (["judge"], ["import"], ["compare"])
    for before, word in zip(["", *words], words, strict=False):
        value = word.partition("=")[2] if word.startswith("-") else word
        if reads and not word.startswith("-") and (before in _FLAGS or before[:1] != "-"):
            continue  # RESULTS, which may be the URL of an Optuna storage, or a run
        if redact.holds_secret(value) and "--store" not in {before, word.partition("=")[0]}:
            raise HarnessError(
                "a URL with a password may stand after --store, or as RESULTS of judge and import, "
                "or as a run of compare, and nowhere else",
                redact.shown(value),
                "Write --store URL, or set HARNESS_STORE to it.",
            )


_FLAGS = frozenset({"--json", "--quiet", "-q", "--fail-on-change"})
"""Options without a value, of commands that take such a URL: a word after one is not its value."""


def _lacks_torch(error: Exception) -> bool:
    """Whether an error says that torch, or torchvision, cannot be imported."""
    if not isinstance(error, ImportError):
        return False
    return (error.name or str(error)).partition(".")[0].partition(" ")[0] in _TORCH


_TORCH = frozenset({"torch", "torchvision"})


def _no_torch(error: Exception) -> HarnessError:
    return HarnessError(
        "torch and torchvision must be installed to plan, run and replay",
        f"{type(error).__name__}: {error}",
        "Write pip install torch torchvision. Of what was run, report, explain and export need "
        "neither.",
    )


def _failed(said: str, code: int, *, debug: bool) -> int:
    if debug:
        screen.complain_at_length(redact.clean(traceback.format_exc()))
    screen.complain(f"harness: {one_line(said)}")
    return code
