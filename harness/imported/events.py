"""TensorBoard's event files: a folder of runs, of each of which the last value of a scalar counts.

What varies between runs stands in their hyperparameters (``add_hparams``), or in the names of their
folders: ``width=16,seed=0``, ``seed_3``, or by place, as in ``CartPole-v1__ppo__1__1677``, of which
``part1``, ``part2``... are columns, too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.imported.sheet import Row, Sheet, columns_of, named
from harness.messages.errors import HarnessError

MARK = "tfevents"
"""What the name of every event file holds."""

EVERYTHING: Mapping[str, int] = {"scalars": 0, "tensors": 0}
"""How much is kept of each tag, 0 for all of it: by default ten tensors, which newer writers use
for scalars, and ten thousand scalars, chosen by chance."""


def event_folders(root: Path) -> list[Path]:
    """Return the folders, at any depth, that hold event files."""
    return sorted({file.parent for file in root.rglob("*") if MARK in file.name and file.is_file()})


def read_events(path: Path) -> Sheet:
    """Read a folder of runs.

    Raises:
        HarnessError: tensorboard is missing, or there is no event file.
    """
    root = path.parent if path.is_file() else path
    folders = event_folders(root)
    if not folders:
        raise HarnessError(
            "a folder of TensorBoard's must hold event files", f"none below {path}",
            "Name the folder that holds the folders of runs.",
        )  # fmt: skip
    _needed()
    runs = {folder: _run(folder) for folder in folders}
    rows = tuple(_rows(root, runs))
    return Sheet(
        str(path), "TensorBoard", columns_of(iter(rows)), rows,
        notes=("Of each scalar the last value counts, and not the best.",),
    )  # fmt: skip


def _needed() -> None:
    try:
        import tensorboard  # noqa: F401 - asked for by name, so that the error can name it too
    except ImportError as error:
        raise HarnessError(
            "reading event files needs tensorboard",
            "a Python without it",
            "pip install 'ablation-harness[tensorboard]', or export the scalars as CSV.",
        ) from error


def _run(folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the hyperparameters in a folder's event files, and the last value of each scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of restarts, line by line
    found = EventAccumulator(str(folder), size_guidance=dict(EVERYTHING))
    found.Reload()
    tags = found.Tags()
    values = {tag: _last((each.step, each.value) for each in found.Scalars(tag))
              for tag in tags["scalars"]}  # fmt: skip
    for tag in tags["tensors"]:
        if found.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            values[tag] = _last((each.step, _number(each.tensor_proto)) for each in
                                found.Tensors(tag))  # fmt: skip
    return _hyperparameters(found), values


def _last(points: Iterable[tuple[int, float]]) -> float:
    """Return the value of the highest step; of one written twice, as after a restart, the later."""
    last = (-1, 0.0)
    for step, value in points:
        if step >= last[0]:
            last = step, float(value)
    return last[1]


def _number(proto: Any) -> float:
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(proto))


def _hyperparameters(found: Any) -> dict[str, Any]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        contents = found.PluginTagToContent("hparams")
    except KeyError:
        return {}
    out: dict[str, Any] = {}
    for content in contents.values():
        data = HParamsPluginData.FromString(content)
        for name, value in data.session_start_info.hparams.items():
            kind = value.WhichOneof("kind")
            out[name] = getattr(value, kind) if kind else None
    return out


def _rows(
    root: Path, runs: Mapping[Path, tuple[dict[str, Any], dict[str, float]]]
) -> Iterator[Row]:
    """Yield a row for each run; ``add_hparams`` writes into a folder below that of its run."""
    below: dict[Path, list[Path]] = {}
    for folder, (settings, _) in runs.items():
        if settings and folder.parent in runs and not runs[folder.parent][0]:
            below.setdefault(folder.parent, []).append(folder)
    joined = {folder: own[0] for folder, own in below.items() if len(own) == 1}
    for folder, (settings, values) in runs.items():
        if folder in joined.values():
            continue
        more, last = runs[joined[folder]] if folder in joined else ({}, {})
        name = folder.relative_to(root).as_posix()
        cells: dict[str, Any] = {"run": name, **last, **values, **named(name)}
        cells |= {f"hparams.{key}": value for key, value in {**more, **settings}.items()}
        yield Row(f"run {name}", cells)
