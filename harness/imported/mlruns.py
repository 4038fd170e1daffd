"""MLflow's folder ``mlruns``, read as the plain files that it consists of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from harness.imported.sheet import Row, Sheet, columns_of
from harness.messages.errors import HarnessError

STATES = {"1": "running", "2": "scheduled", "3": "finished", "4": "failed", "5": "killed"}
"""What MLflow writes for how a run ended."""


def run_folders(root: Path) -> list[Path]:
    """Return the folders of runs, at most three levels down; those thrown away are none."""
    metas = [
        meta for depth in ("", "*/", "*/*/", "*/*/*/") for meta in root.glob(f"{depth}meta.yaml")
    ]
    return sorted(
        meta.parent for meta in metas
        if (meta.parent / "metrics").is_dir() and ".trash" not in meta.parts
    )  # fmt: skip


def read_mlruns(path: Path) -> Sheet:
    """Read a folder of experiments, or of one.

    Raises:
        HarnessError: there are no runs in it, or a file of one is damaged.
    """
    rows = []
    for folder in run_folders(path):
        about = _about(folder / "meta.yaml")
        if about.get("lifecycle_stage", "active") != "active":
            continue
        status = about.get("status", "")
        cells: dict[str, Any] = {
            "run_id": folder.name,
            "experiment_id": about.get("experiment_id", folder.parent.name),
            **{f"params.{name}": _text(file) for name, file in _files(folder / "params")},
            **{f"tags.{name}": _text(file) for name, file in _files(folder / "tags")},
            **{f"metrics.{name}": _last(file) for name, file in _files(folder / "metrics")},
        }
        rows.append(Row(f"run {folder.name}", cells, STATES.get(status, status.lower())))
    if not rows:
        raise HarnessError(
            "a folder of MLflow's must hold runs, each with meta.yaml and metrics",
            f"none in {path}",
            "Name the folder mlruns; from a database, write mlflow.search_runs() to a CSV file.",
        )
    return Sheet(
        str(path), "MLflow", columns_of(iter(rows)), tuple(rows), typed=False,
        notes=("Of each metric the last value counts, and not the best.",),
    )  # fmt: skip


def _about(meta: Path) -> dict[str, str]:
    """Return what the lines of a run's file say: it has no other than ``name: value``."""
    pairs = (line.partition(":") for line in _text(meta).splitlines())
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return each file below a folder, with its path there as its name."""
    found = sorted(folder.rglob("*")) if folder.is_dir() else []
    return [(file.relative_to(folder).as_posix(), file) for file in found if file.is_file()]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(
            "a file of MLflow's must be text that can be read", f"{file}: {error}",
            "Mend it, or take its run away.",
        ) from error  # fmt: skip


def _last(file: Path) -> float | None:
    """Return the metric's value at the highest step; of several there, the latest."""
    last = (-1, -math.inf)
    found: float | None = None
    for number, line in enumerate(_text(file).splitlines(), 1):
        try:
            time, value, *step = line.split()
            place = (int(step[0]) if step else 0), float(time)
            if found is None or place >= last:
                last, found = place, float(value)
        except ValueError as error:
            raise HarnessError(
                "a metric of MLflow's must have lines of time, value and step",
                f"{line!r} in line {number} of {file}",
                "Mend it, or take its run away.",
            ) from error
    return found
