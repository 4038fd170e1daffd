"""``harness gate``: compare two sides, print what came of it, and leave the files."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from rich.console import Console

from harness.commands.ending import nobody_reads
from harness.commands.index import NAME, write_index
from harness.gate import history, kept
from harness.gate.asked import Asked, check
from harness.gate.outcome import GateResult
from harness.gate.printed import print_result
from harness.gate.pytest_json import write_pytest_json
from harness.gate.run import Gate, broken, run_baseline, run_files, run_gate
from harness.gate.summary import summary
from harness.gate.written import ELSEWHERE, NAMES, post, write_files
from harness.messages.errors import HarnessError, one_line
from harness.terminal import screen
from harness.terminal.files import TAKE_AWAY, utf8, write_whole


def gate_sides(asked: Asked, out: Path, *, quiet: bool, as_json: bool) -> GateResult:
    """Run a gate in the folder that this process runs in, and leave its files.

    Files of an earlier gate in the output folder are replaced, also where this one ends in an
    error: nobody can take them for this one's.

    Args:
        asked: what is compared.
        out: the output folder.
        quiet: whether nothing is told on standard error, and no result printed.
        as_json: whether the result is printed as JSON.

    Raises:
        HarnessError: nothing could be measured, or a file cannot be written.
    """
    told = _telling(quiet=quiet or as_json)
    home = asked.index.parent if asked.index is not None else out
    try:
        check(asked)
        with ended_by_signals(), tempfile.TemporaryDirectory(prefix="gate-") as work:
            done = _run(asked, Path(work), told)
    except Exception as error:
        told_as = _as_told(error)
        _leave(Gate(broken(asked, told_as)), out, home, past=None, as_json=as_json)
        raise told_as from error
    _leave(done, out, home, asked.history, as_json=as_json)
    try:
        _print(done.result, out, quiet=quiet, as_json=as_json)
    except BrokenPipeError:  # nobody reads: the exit code is the answer all the same
        nobody_reads()
    return done.result


def _print(result: GateResult, out: Path, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        screen.give(kept.text(result))
    elif not quiet:
        console = screen.output()
        print_result(result, console)
        screen.line(console, f"Report: {out / 'gate.html'}", whole=True)


def _as_told(error: Exception) -> HarnessError:
    """Return an error as one that is told, with exit code 2: no fault of ours is an open end."""
    if isinstance(error, HarnessError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1]
    return HarnessError(
        "a gate must end in an answer",
        f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})",
        "This is a fault of the harness; --debug shows the traceback.",
    )


def _run(asked: Asked, work: Path, told: Callable[[str], None]) -> Gate:
    here = Path.cwd()
    if asked.kind == "files":
        return run_files(asked, here)
    if asked.kind in {"baseline", "save"}:
        return run_baseline(asked, here, work, told)
    return run_gate(asked, here, work, told)


def _telling(*, quiet: bool) -> Callable[[str], None]:
    errors: Console = screen.errors()

    def told(said: str) -> None:
        if not quiet:
            screen.line(errors, f"harness: {said}", style="dim")

    return told


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let a signal that asks this process to end take the way of Ctrl-C, so all is cleared away."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread, which has its own ways
        return
    asking = [
        number
        for name in ("SIGTERM", "SIGHUP", "SIGINT")
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) not in {signal.SIG_IGN, None}  # as nohup has it
    ]

    def end(_number: int, _frame: FrameType | None) -> None:
        for each in asking:
            signal.signal(each, signal.SIG_IGN)  # a second one must not stop the clearing away
        raise KeyboardInterrupt

    before = {each: signal.signal(each, end) for each in asking}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


# ---- files --------------------------------------------------------------------------------------


def clear(out: Path) -> None:
    """Remove the files of a gate before, and let git pass over the folder.

    Else the next gate would take what this one writes for changes of the working tree.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    try:
        _clear(out)
    except OSError as error:
        raise HarnessError("--out must be a folder that can be written to",
                           f"{out}: {error.strerror}", ELSEWHERE) from error  # fmt: skip


def _clear(out: Path) -> None:
    if (out / "gate.json").is_file():
        for name in (
            *NAMES,
            "gate.html",
            "gate-history.html",
            *(f"pytest-benchmark-{side}.json" for side in SIDES),
        ):
            (out / name).unlink(missing_ok=True)
        if (out / TAKE_AWAY).is_dir():
            from harness.reports import remove_taken  # draws, which takes a moment

            remove_taken(out)
    if not any((out / name).exists() for name in (".git", ".gitignore")):
        write_whole(out / ".gitignore", b"*\n", ELSEWHERE)


SIDES = ("base", "head", "twin")


def _leave(done: Gate, out: Path, home: Path, past: Path | None, *, as_json: bool) -> None:
    from harness import reports  # draws, which takes a moment

    result = done.result
    write_files(result, out)
    texts = {
        "summary.md": summary(result),
        "CITATION.txt": reports.citation(
            reports.cited_gate(result), {"gate.json": utf8(kept.text(result))}
        ),
    }
    written = reports.write_gate(result, out, texts, ELSEWHERE)
    try:
        finished = written.finished()
        wrong = [finished.untaken, finished.unlinked]
    except Exception as error:  # whatever it is: the files below are still to come
        wrong = [one_line(f"gate.html could not be finished: {type(error).__name__}: {error}")]
    for said in filter(None, wrong):  # the answer stands without it
        screen.complain(f"harness: {said}")
    for side in SIDES:
        readings = [each for each in done.readings.get(side, ()) if _has_seconds(each.figures)]
        file = out / f"pytest-benchmark-{side}.json"
        if readings:
            commit = result.head.commit if side == "head" else result.base.commit
            plain = write_pytest_json(readings, result.machine, commit=commit, time=result.time)
            write_whole(file, utf8(json.dumps(plain, indent=1) + "\n"), ELSEWHERE)
    if past is not None:
        history.append(result, past)
        page = reports.render_history(*history.read(past))
        write_whole(out / "gate-history.html", utf8(page), ELSEWHERE)
    _pass_over_index(home, out)
    write_index(home, result.repeat, shown=False)  # what goes wrong there is told, and no answer
    if said := post(result, write=screen.complain if as_json else screen.say):
        screen.complain(f"harness: {said}")


def _pass_over_index(home: Path, out: Path) -> None:
    """Let git pass over the index, where nothing but this gate lies in its folder.

    Else a gate would leave a change in a clean repository. Where more lies there, whether git
    passes over it is decided already.
    """
    with contextlib.suppress(HarnessError, OSError):  # who writes the index tells of it
        if {each.name for each in home.iterdir()} <= {out.name, NAME}:
            write_whole(home / ".gitignore", f"/.gitignore\n/{NAME}\n".encode())


def _has_seconds(figures: tuple[object, ...]) -> bool:
    return any(getattr(each, "judged", "") == "time" and getattr(each, "unit", "") == "s"
               for each in figures)  # fmt: skip
