"""Who does the work of a command: each trial in a process, watched by one that is forked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.engines.modes import Mode
from harness.messages.errors import HarnessError, one_line
from harness.own.apart import signal_name
from harness.own.calling import WRITTEN, Called, collected
from harness.own.curves import Points, by_name, last_values, newest_point, read_points
from harness.own.launching import Launched, launch, outliving_parent
from harness.own.printed import Printed, newest_printed, read_printed
from harness.own.saves import TrialFolder
from harness.own.seeds import short_seed_for
from harness.own.stopping import Stopping
from harness.own.written import last_line, read_metrics
from harness.running import forks
from harness.running.functions import outcome, telling, wanted
from harness.running.named import Named
from harness.running.workplace import Workplace
from harness.study.command import Filled
from harness.study.placeholders import SEED_FOR
from harness.trials.outcome import Outcome
from harness.trials.profiles import Profile
from harness.trials.trial import Trial


def train(
    trials: Sequence[Trial], names: Sequence[Named], mode: Mode, at: Workplace
) -> tuple[Outcome, ...]:
    """Run the command of each trial; whatever it fails of is its outcome."""
    del mode  # a command is run as it is
    return tuple(
        outcome(trial, named, at, _run, None)  # it keeps the limit itself
        for trial, named in zip(trials, names, strict=True)
    )


def check(trial: Trial, at: Workplace) -> None:
    """Check that the program is there.

    Raises:
        HarnessError: it is not.
    """
    work = _filled(trial)
    given = given_values(trial, at, TrialFolder(at.folder, trial.key).files)
    program = work.words(given)[0]
    home = at.study.folder
    if os.sep in program:
        found = shutil.which(home / program)
    else:
        found = shutil.which(program, path=environment(trial, given).get("PATH"))
    if found is not None:
        return
    if (home / program).is_file() and os.sep in program:
        instead = f"Let it be run: chmod +x {home / program}"
    elif (home / program).is_file():
        instead = f"Write ./{program}, which lies beside the study, or the program that runs it."
    else:
        instead = "Install it, or write where it lies; {python} is the Python that runs this."
    raise HarnessError(
        "the line of a Command must begin with a program that can be run",
        f"{program!r}, which was looked for in {home if os.sep in program else 'PATH'}",
        instead,
    )


def warm_up() -> None:
    """Nothing: no step of a command is measured."""


def profile(trial: Trial, at: Workplace) -> Profile:  # noqa: ARG001 - as others need it
    """Refuse: nothing is known of a command's steps."""
    raise AssertionError("a command has no step, and nobody asks for its cost")


def step_seconds(trial: Trial, at: Workplace) -> float:  # noqa: ARG001 - as others need it
    """Refuse: nothing is known of a command's steps."""
    raise AssertionError("a command has no step, and nobody asks for its cost")


def given_values(trial: Trial, at: Workplace, folder: Path) -> dict[str, str]:
    """Return what stands for names in braces that the study does not declare.

    Args:
        trial: the trial.
        at: where.
        folder: the trial's own.
    """
    seeds = {
        SEED_FOR + each: str(short_seed_for(trial.seed, each)) for each in _filled(trial).purposes
    }
    return seeds | {
        "seed": str(trial.seed),
        "folder": str(folder.absolute()),
        "device": str(at.device),
        "choosing": str(int(trial.role == "tune")),
        "python": sys.executable,
    }


def environment(trial: Trial, given: Mapping[str, str]) -> dict[str, str]:
    """Return all variables that a command has.

    Args:
        trial: the trial.
        given: what :func:`given_values` returned.
    """
    own = {
        f"HARNESS_{each.upper()}": given[each] for each in ("seed", "folder", "device", "choosing")
    }
    return {**forks.environment(1), **own, **_filled(trial).variables(given)}


def _filled(trial: Trial) -> Filled:
    work = trial.work
    assert isinstance(work, Filled)
    return work


def _run(
    trial: Trial, named: Named, at: Workplace, folder: TrialFolder, stopping: Stopping
) -> Called:
    """Run a trial's command, and return what came of it."""
    _ = stopping.asked  # from here on a signal is for the command first
    log = folder.log
    printed = log.stat().st_size if log.is_file() else 0
    # nothing of where folders lie, so that a trial that is run again fails in the same words
    where = f"({log.name} in the folder of trial {folder.key})"
    try:
        files = folder.made()
        if reads := _filled(trial).reads:
            _remove(files / reads)
        launched = _launched(trial, named, at, folder, stopping)
        if launched.stopped:
            return Called(stopped=True)
        said = last_line(log, printed).replace(str(files.absolute()), "{folder}")
        _check_ended(launched, at.study.limit, said)
        metrics, points = _results(trial, at, folder, printed)
    except HarnessError as error:
        return Called(reason=f"{error} {where}")
    except OSError as error:
        return Called(reason=one_line(f"the command could not be run: {error} {where}"))
    cost = {
        "seconds": launched.seconds,
        "process_cpu_seconds": launched.cpu_seconds,
        "process_peak_bytes": launched.peak_bytes,
    }
    return Called(metrics, by_name(points), cost)


def _remove(file: Path) -> None:
    """Remove what an earlier attempt has written: it is not this one's result."""
    if file.is_dir() and not file.is_symlink():
        raise HarnessError(
            "Command(reads=...) must be the name of a file",
            f"{file.name!r}, which is a folder there",
            "Let the command write its metrics to a file.",
        )
    file.unlink(missing_ok=True)


def _launched(
    trial: Trial, named: Named, at: Workplace, folder: TrialFolder, stopping: Stopping
) -> Launched:
    given = given_values(trial, at, folder.files)
    with _alone(apart=at.apart) as deserted:
        return launch(
            _filled(trial).words(given),
            at.study.folder,
            environment(trial, given),
            folder.log,
            limit=at.study.limit,
            stopping=stopping,
            look=_looking(trial, named, at, folder),
            deserted=deserted,
        )


@contextlib.contextmanager
def _alone(*, apart: bool) -> Iterator[Callable[[], bool]]:
    """Give what tells that the process that waits for this one has ended; none does in itself."""
    if not apart:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a worker ignores it, and a command would, too
    with outliving_parent() as deserted:
        yield deserted


def _looking(trial: Trial, named: Named, at: Workplace, folder: TrialFolder) -> Callable[[], None]:
    """Return what tells how far a command is, from the newest line of its curve."""
    work = _filled(trial)
    if at.tell is None or not (work.curve or work.prints):
        return lambda: None
    tell = telling(named, at, at.study.scales[named.scale].settings.get("epochs"))

    def look() -> None:
        point = (
            newest_point(folder.files / work.curve)
            if work.curve
            else newest_printed(folder.log, work.prints)
        )
        if point is not None:
            tell(*point)

    return look


def _check_ended(launched: Launched, limit: float | None, said: str) -> None:
    """Check that a command has ended by itself, and well.

    Raises:
        HarnessError: it has not.
    """
    after = f", after it had printed {said!r}" if said else ", and nothing printed"
    if not launched.timely:
        raise HarnessError(
            "the command must end within its limit",
            f"more than {limit:g} s{after}",
            "Give it more by Study(limit=...), or let it do less.",
        )
    if launched.code:
        how = (
            f"an end by {signal_name(-launched.code)}"
            if launched.code < 0
            else f"exit status {launched.code}"
        )
        raise HarnessError(
            "the command must end with exit status 0", f"{how}{after}", "Its log says more:"
        )


def _results(
    trial: Trial, at: Workplace, folder: TrialFolder, printed: int
) -> tuple[dict[str, float], Points]:
    """Return the metrics and curves that a command has written or printed.

    Raises:
        HarnessError: it has not.
    """
    work, files = _filled(trial), folder.files
    points = read_points(files / work.curve) if work.curve else ()
    told = read_printed(folder.log, printed, work.prints) if work.prints else Printed({}, ())
    metrics = collected(
        {**told.last, **(read_metrics(files / work.reads) if work.reads else {})},
        last_values(points),
        wanted(at.study, trial),
        choosing=trial.role == "tune",
        how=WRITTEN,
    )
    return metrics, points or told.points
