"""What options and arguments of several commands are called, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.engines.kinds import ENGINES

OUT = Path("runs")
"""The output folder where none is named."""

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="A name that `list` shows, a module, or a .py file.")
]
Scale = Annotated[str | None, typer.Option("--scale", help="Which scale; the study's first.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Evaluation seeds per arm.", min=1)]
Out = Annotated[Path, typer.Option("--out", help="The output folder.", file_okay=False)]
StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        help="An SQLite file, journal:///FILE or any database URL of Optuna's; OUT/harness.db.",
        envvar="HARNESS_STORE",
        show_default=False,
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.", show_default=True)
]
Workers = Annotated[
    int,
    typer.Option("--workers", help="Worker processes; one per core on a CPU.", min=0,
                 show_default=False),
]  # fmt: skip
_MODES = " or ".join(", ".join(ENGINES).rsplit(", ", 1))
Way = Annotated[
    str | None,
    typer.Option("--mode", help=f"{_MODES}; by default what measures fastest.", show_default=False),
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Add seeds to undecided claims: 5, 10, 20, 40, or as the study says.",
    ),
]
MaxSeeds = Annotated[
    int | None,
    typer.Option("--max-seeds", help="Seeds at the last look of --until-decided; 40.", min=1,
                 show_default=False),
]  # fmt: skip
NoTuning = Annotated[
    bool, typer.Option("--no-tuning", help="Use the declared defaults of tuned settings.")
]
NoProfile = Annotated[bool, typer.Option("--no-profile", help="Do not measure time and memory.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where data sets lie; HARNESS_DATA, or ./data.")
]
Download = Annotated[bool, typer.Option("--download", help="Download data sets that are missing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]
Log = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        help="Write each trial there, too: tensorboard=FOLDER or mlflow=URI. May be repeated.",
        show_default=False,
    ),
]
