"""Records as runs of TensorBoard: a folder for each trial, found by its key.

A trial is one file, whose name and contents follow from its record alone, and which is there as a
whole or not at all. So it does not matter how often, and by how many processes, it is written.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.adapters.extras import needed
from harness.trials.records import Record

_event = needed("tensorboard", "tensorboard.compat.proto.event_pb2")
_summary = needed("tensorboard", "tensorboard.compat.proto.summary_pb2")
_hparams = needed("tensorboard", "tensorboard.plugins.hparams.plugin_data_pb2")
_api = needed("tensorboard", "tensorboard.plugins.hparams.api_pb2")
_about = needed("tensorboard", "tensorboard.plugins.hparams.metadata")
_Records = needed("tensorboard", "tensorboard.summary.writer.record_writer").RecordWriter


class Writer:
    """Writes below one folder, which ``tensorboard --logdir`` is given.

    Args:
        where: the folder; it is made where it is not there.
    """

    def __init__(self, where: str) -> None:
        self._root = Path(where)
        self._root.mkdir(parents=True, exist_ok=True)

    def log(self, record: Record) -> None:
        """Write a trial that has ended, unless it is there.

        Args:
            record: its curves are ``curve/NAME``, at the steps or epochs that they have; its
                metrics stand at the last of these, and with levels and tuned settings in the tab
                HParams.
        """
        folder = self._root / run_name(record)
        file = folder / f"events.out.tfevents.{int(record.ended_at)}.{record.state}.{record.key}"
        if file.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"*.{record.key}"):  # it had failed, and was run again
            old.unlink(missing_ok=True)
        draft = folder / f"draft-{os.getpid()}"
        draft.write_bytes(_written(record))
        draft.replace(file)


def run_name(record: Record) -> str:
    """Return the folder of a trial, which TensorBoard shows as the run's name."""
    arm = re.sub(r"[^\w.=+,-]+", "_", record.arm)[:80]
    trial = f"{record.role}-seed{record.seed}-{record.key[:8]}"
    return f"{record.study}-{record.scale}/{arm}/{trial}"


def _written(record: Record) -> bytes:
    """Return a trial as an event file: records of TensorFlow, each an ``Event``."""
    held = io.BytesIO()
    writer = _Records(held)
    moment = record.ended_at
    writer.write(_event.Event(wall_time=moment, file_version="brain.Event:2").SerializeToString())
    for step, value in _values(record, moment):
        event = _event.Event(wall_time=moment, step=step, summary=_summary.Summary(value=[value]))
        writer.write(event.SerializeToString())
    return held.getvalue()


def _values(record: Record, moment: float) -> Iterator[tuple[int, Any]]:
    """Give each value with its step; what has no value at a step is left out."""
    start = _hparams.SessionStartInfo(start_time_secs=moment - record.cost.get("seconds", 0.0))
    settings = {**record.levels, **record.tuned, "seed": record.seed, "role": record.role}
    for name, setting in settings.items():
        kind = {bool: "bool_value", str: "string_value"}.get(type(setting), "number_value")
        setattr(start.hparams[name], kind, setting)
    yield 0, _about_trial(_about.SESSION_START_INFO_TAG, session_start_info=start)
    for name, curve in record.metric_curves.items():
        for step, value in zip(record.points, curve, strict=False):
            if math.isfinite(value):
                yield step, _summary.Summary.Value(tag=f"curve/{name}", simple_value=value)
    last = max(record.points, default=0)
    for name, value in record.metrics.items():
        yield last, _summary.Summary.Value(tag=name, simple_value=value)
    status = "STATUS_SUCCESS" if record.state == "complete" else "STATUS_FAILURE"
    end = _hparams.SessionEndInfo(status=_api.Status.Value(status), end_time_secs=moment)
    yield last, _about_trial(_about.SESSION_END_INFO_TAG, session_end_info=end)


def _about_trial(tag: str, **what: Any) -> Any:
    data = _about.create_summary_metadata(_hparams.HParamsPluginData(**what))
    return _summary.Summary.Value(tag=tag, metadata=data, tensor=_about.NULL_TENSOR)
