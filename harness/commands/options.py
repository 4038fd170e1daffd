"""How to run, as the command line has it: which studies, on what, with which options."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.messages.errors import HarnessError, near
from harness.messages.redact import urls
from harness.terminal import screen

if TYPE_CHECKING:
    from harness.adapters.logs import Logs
    from harness.running.executors import Options, SearchOptions  # with what trains

# What judge and import are told of results that others made.
Results = Annotated[
    str,
    typer.Argument(
        metavar="RESULTS", help="A table, an Optuna storage, or a folder of runs: see --format."
    ),
]
ResultsKind = Annotated[
    str | None,
    typer.Option("--format", show_default=False,
                 help="csv, json, parquet, tensorboard, mlflow, folder (of tables) or optuna, if "
                 "the name of RESULTS does not tell."),
]  # fmt: skip
Column = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=COLUMN",
                 help="Where a factor or a metric stands; may be repeated."),
]  # fmt: skip
SeedColumn = Annotated[
    str | None,
    typer.Option("--seed-column", metavar="COLUMN", help="Where seeds stand; seed.",
                 show_default=False),
]  # fmt: skip
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Take these rows alone; may be repeated."),
]
Last = Annotated[
    str | None,
    typer.Option("--last", metavar="COLUMN", show_default=False,
                 help="Of a run's several rows, that where COLUMN (a step) is highest."),
]  # fmt: skip
OptunaStudy = Annotated[
    str | None,
    typer.Option("--optuna-study", metavar="NAME", help="Which study of an Optuna storage.",
                 show_default=False),
]  # fmt: skip


def studies_named(command: str, studies: list[str] | None, *, every: bool) -> list[str]:
    """Return the studies that a command is given, and those that are shipped if it says so.

    Raises:
        HarnessError: there are none.
    """
    from harness.running.find import built_in

    names = [*(studies or []), *(built_in() if every else [])]
    if not names:
        raise HarnessError(
            f"{command} must be given a STUDY", "none",
            "`harness list` shows them; --all takes each that is shipped.",
        )  # fmt: skip
    return names


def options_of(
    study: str, device: str, workers: int, seeds: int | None, no_tuning: bool,
    *, profile: bool = True, retry: bool = False, mode: str | None = None,
    until_decided: bool = False, max_seeds: int | None = None, log: Sequence[str] = (),
    search: SearchOptions | None = None,
) -> Options:  # fmt: skip
    """Return how to run.

    Args:
        study: how the study is named, for the report.
        device: torch's name of the device, or ``"auto"``.
        workers: number of worker processes; 0 chooses.
        seeds: evaluation seeds per arm, where not what the scale says.
        no_tuning: whether tuned settings stay at their defaults.
        profile: whether the cost of arms is measured.
        retry: whether failed trials are run again.
        mode: the way to train, where it is not to be the one that is measured fastest.
        until_decided: whether seeds are added until claims are decided.
        max_seeds: seeds at the last look, where not what the study says.
        log: what each trial that ends is written to, each as ``KIND=PLACE``.
        search: how a search is to be done; ``None`` of a study.

    Raises:
        HarnessError: options do not go together, there is no such device or mode, or what is to
            be written to cannot be.
    """
    from harness.cost.machine import choose_device
    from harness.engines.modes import KINDS
    from harness.running.executors import Options

    _check_looks(seeds, until_decided, max_seeds)
    if mode is not None and mode not in KINDS:
        raise HarnessError(
            f"--mode must be one of {', '.join(KINDS)}",
            repr(mode),
            near(mode, KINDS) + " Without it, what measures fastest is taken.",
        )
    return Options(
        device=str(choose_device(device)),
        workers=workers,
        seeds=seeds,
        tune=not no_tuning,
        profile=profile,
        retry_failed=retry,
        reference=study,
        mode=mode,
        until_decided=until_decided,
        max_seeds=max_seeds,
        log=logs_of(log),
        search=search,
    )


def logs_of(log: Sequence[str]) -> Logs | None:
    """Return what writes each trial that ends elsewhere; ``None`` where nothing does.

    Raises:
        HarnessError: it cannot be written to, or its package is missing.
    """
    if not log:
        return None
    from harness.adapters.logs import Logs

    return Logs(log, lambda line: screen.complain(f"harness: {line}"))


def _check_looks(seeds: int | None, until_decided: bool, most: int | None) -> None:
    if (until_decided or most is not None) and (not until_decided or seeds is not None):
        raise HarnessError(
            "--max-seeds must stand beside --until-decided, and --seeds without both",
            " ".join(
                word
                for word, given in (
                    ("--seeds", seeds is not None),
                    ("--until-decided", until_decided),
                    ("--max-seeds", most is not None),
                )
                if given
            ),
            "Write --until-decided --max-seeds 20, say, or --seeds 5.",
        )


def how_words(device: str, workers: int, *, no_profile: bool, log: Sequence[str] = ()) -> list[str]:
    """Return how to run, as the command line has it, for commands that go on.

    What the records themselves tell (seeds, mode, tuning) is not among it, nor what is done once
    (a download, failed trials run again), nor a place with a password.
    """
    logs = [each for each in log if urls(each) == each]
    return [
        *([] if device == "auto" else ["--device", device]),
        *(["--workers", str(workers)] if workers else []),
        *(["--no-profile"] if no_profile else []),
        *(word for each in logs for word in ("--log", each)),
    ]


def hand_on_data(folder: Path | None, download: bool) -> None:
    """Hand the folder on by the environment, which worker processes inherit."""
    if folder is not None:
        os.environ["HARNESS_DATA"] = str(folder.resolve())
    if download:
        os.environ["HARNESS_DOWNLOAD"] = "1"


def collect_seldom() -> None:
    """Look for garbage less often, in a command that reads and ends.

    What it imports and reads are some hundred thousand objects, nearly all of which stay; looking
    through them again and again took a sixth of its time.
    """
    gc.set_threshold(100_000, 50, 100)
