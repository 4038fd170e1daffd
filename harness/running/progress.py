"""What a person sees while a study runs: live in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from harness.messages.levels import level_name
from harness.running.telling import Told
from harness.study.formatting import duration
from harness.terminal.screen import words
from harness.trials.searched import EarlierSettings

PLAIN_SECONDS = 20.0
"""How often a line is printed where there is no terminal."""

TRIALS_SECONDS = 60.0
"""How often, there, a line says how far the trials are that are being trained."""

SHOWN = 4
"""How many workers' trials are shown at most."""


@dataclass(frozen=True)
class RunStatus:
    """How far a run is.

    Attributes:
        stage: what is going on.
        done: how much of it is done.
        total: how much there is.
        seconds_left: ``None`` while nobody can tell.
        running: how far the trials are that are being trained, where that is known.
        best: of a search, the best settings by now, a line each.
    """

    stage: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    running: Sequence[Told] = ()
    best: Sequence[str] = ()


class Display(Protocol):
    """What shows a person how far a run is."""

    def show(self, status: RunStatus) -> None:
        """Show how far it is."""


WAITING = "waiting for another process, which may be measuring"


class Remembering:
    """Passes progress on, and can show another stage at the same counts."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._last = RunStatus("")

    def show(self, status: RunStatus) -> None:
        """Pass it on, and remember it."""
        self._last = status
        self._display.show(status)

    def again(self, stage: str) -> None:
        """Say something while it is as far as before."""
        self._display.show(RunStatus(stage, self._last.done, self._last.total))


class Silent:
    """Says nothing."""

    def show(self, status: RunStatus) -> None:
        """Do nothing."""


class PlainLines:
    """Prints a line at every new stage, and now and then."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._stage = ""
        self._last = 0.0
        self._trials = time.monotonic()

    def show(self, status: RunStatus) -> None:
        """Print a line, if it is time to."""
        now, stage, done, total = time.monotonic(), status.stage, status.done, status.total
        if status.running and now - self._trials >= TRIALS_SECONDS:
            self._trials = now
            for told in _shown(status.running):
                left = f", about {duration(told.seconds_left)} left" if told.seconds_left else ""
                self._print(f"{_trial(told)}: {_epoch(told)}{left}")
        if stage == self._stage and done < total and now - self._last < PLAIN_SECONDS:
            return
        if stage == self._stage and done == total and self._last < 0:
            return
        self._stage, self._last = stage, now if done < total else -1.0
        seconds = status.seconds_left
        left = f", about {duration(seconds)} left" if seconds and done < total else ""
        best = f"; best so far {status.best[0]}" if status.best else ""
        self._print(f"{stage}, {done} of {total}{left}{best}")

    def _print(self, line: str) -> None:
        self._console.print(f"{self._title}: {line}", highlight=False, markup=False, soft_wrap=True)


class Bars:
    """A bar that moves, one for what each worker trains, and the best settings of a search."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self.live: Live | None = None
        self._best: Sequence[str] = ()
        self._task = progress.add_task(title, total=None, stage="", left="")
        self._trials = [
            progress.add_task("", total=None, visible=False, stage="", left="")
            for _ in range(SHOWN)
        ]

    def show(self, status: RunStatus) -> None:
        """Move the bars."""
        seconds, done, total = status.seconds_left, status.done, status.total
        left = "" if seconds is None or done >= total else f"{duration(seconds)} left"
        self._progress.update(
            self._task, completed=done, total=total, stage=status.stage, left=left
        )
        self._best = status.best
        shown = _shown(status.running)
        for place, task in enumerate(self._trials):
            if place >= len(shown):
                self._progress.update(task, visible=False)
                continue
            told = shown[place]
            left = f"{duration(told.seconds_left)} left" if told.seconds_left else ""
            self._progress.update(
                task, visible=True, description=f"  {_trial(told)}", completed=told.epoch,
                total=told.epochs or None, left=left,
                stage=f"{'epochs' if told.epochs else 'steps'}, {_loss(told)}",
            )  # fmt: skip

    def __rich__(self) -> Group:
        """Return what the terminal shows."""
        best = [words(f"  {place}. {each}", "dim") for place, each in enumerate(self._best, 1)]
        return Group(self._progress, *best)


def _shown(running: Sequence[Told]) -> Sequence[Told]:
    """Return what is shown where many workers train: those that go on longest."""
    if len(running) <= SHOWN:
        return running
    return sorted(running, key=lambda told: -told.seconds_left)[:SHOWN]


def best_line(best: EarlierSettings) -> str:
    """Write settings of a search with what they reached."""
    values = ", ".join(f"{value:.4g}" for value in best.values)
    shown = (f"{name}={level_name(value)}" for name, value in best.settings.items())
    return f"{values}: {', '.join(shown)}"


def _trial(told: Told) -> str:
    many = f" and {told.trials - 1} more" if told.trials > 1 else ""
    tuning = "tuning " if told.role == "tune" else ""
    seed = f", seed {told.seed}" if told.role == "evaluate" else ""
    return f"{tuning}{told.arm}{seed}{many}"


def _epoch(told: Told) -> str:
    at = f"epoch {told.epoch} of {told.epochs}" if told.epochs else f"step {told.epoch}"
    return f"{at}, {_loss(told)}"


def _loss(told: Told) -> str:
    return f"{told.shown} {told.loss:.3g}"


@contextmanager
def display(console: Console, title: str, *, quiet: bool) -> Iterator[Display]:
    """Give the display that suits: none when quiet, live in a terminal, else plain lines."""
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield PlainLines(console, title)
    else:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[stage]}", markup=False),
            TextColumn("{task.fields[left]}", style="dim", markup=False),
        )
        progress = Progress(*columns, console=console)
        bars = Bars(progress, title)
        with Live(bars, console=console, transient=True) as bars.live:
            yield bars
