"""What results are, by their path, and their reader: the only door to all readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.imported import events, folder, frames, mlruns, text
from harness.imported.sheet import Sheet
from harness.messages.errors import HarnessError, near

FILES: Mapping[str, Callable[[Path], Sheet]] = {
    "csv": text.read_csv,
    "json": text.read_json,
    "parquet": frames.read_parquet,
    "tensorboard": events.read_events,
    "mlflow": mlruns.read_mlruns,
}
"""Who reads a file or folder of each kind."""

FOLDER = "folder"
"""A folder of tables."""

OPTUNA = "optuna"
"""An Optuna storage: an SQLite file, a journal file, or a URL."""

KINDS = (*FILES, FOLDER, OPTUNA)

SUFFIXES: Mapping[str, str] = {
    ".csv": "csv", ".tsv": "csv",
    ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".parquet": "parquet", ".pq": "parquet",
    ".db": OPTUNA, ".sqlite": OPTUNA, ".sqlite3": OPTUNA, ".log": OPTUNA, ".journal": OPTUNA,
}  # fmt: skip
"""What a file is, by the end of its name. W&B's and MLflow's exports are CSV or JSON."""


def kind_of(results: str) -> str:
    """Return what results are, by their path.

    Raises:
        HarnessError: nothing tells.
    """
    if "://" in results:
        return OPTUNA
    path = Path(results)
    if not path.exists():
        raise HarnessError(
            "RESULTS must be a file, a folder or the URL of a storage",
            f"{results}, which is not there",
            "Name one that is.",
        )
    if path.is_dir():
        kind = "mlflow" if mlruns.run_folders(path) else None
        kind = kind or ("tensorboard" if events.event_folders(path) else FOLDER)
    else:
        kind = "tensorboard" if events.MARK in path.name else SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise HarnessError(
            "RESULTS must be of a kind that is known by its name",
            results,
            f"Say what it is: --format {', '.join(KINDS[:-1])} or {KINDS[-1]}.",
        )
    return kind


def read(results: str, kind: str | None = None, optuna_study: str | None = None) -> Sheet:
    """Read results.

    Args:
        results: a file, a folder, or the URL of a storage.
        kind: what they are, where their name does not tell.
        optuna_study: the name of the study in an Optuna storage.

    Raises:
        HarnessError: they cannot be read.
    """
    if kind is not None and kind not in KINDS:
        raise HarnessError(
            f"--format must be one of {', '.join(KINDS)}", repr(kind), near(kind, KINDS)
        )
    kind = kind or kind_of(results)
    if optuna_study is not None and kind != OPTUNA:
        raise HarnessError(
            "--optuna-study must stand beside an Optuna storage",
            f"{results}, which is {kind}",
            "Leave it out.",
        )
    if kind == OPTUNA:
        from harness.imported.trials import read_trials  # with Optuna, which takes a second

        return read_trials(results, optuna_study)
    if kind == FOLDER:
        return folder.read_folder(Path(results), TABLES)
    return FILES[kind](Path(results))


TABLES = {suffix: FILES[kind] for suffix, kind in SUFFIXES.items() if kind in FILES}
"""Who reads a table, by the end of its name."""
