"""Write what a run leaves in its folder, each file whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.imported.checks import OTHERS
from harness.messages.cells import as_cell
from harness.messages.errors import HarnessError
from harness.terminal.files import utf8, write_whole

if TYPE_CHECKING:
    from harness.judging.history import Declared
    from harness.judging.looking import Look
    from harness.judging.results import Results
    from harness.judging.verdicts import Verdict


def verdict_row(verdict: Verdict, declared: Declared) -> dict[str, Any]:
    """Return a verdict as it stands in ``verdicts.json``; what cannot be told is null.

    Effects on costs are ratios there, and their margin is what was declared: 0.05 for 1.05.

    Args:
        verdict: the verdict.
        declared: when its claim was declared, and what was changed since.
    """
    relative = verdict.metric.relative
    row = {
        "claim": verdict.claim.text,
        "kind": verdict.claim.kind,
        "metric": verdict.claim.metric,
        "unit": "ratio" if relative else verdict.metric.unit,
        "margin": verdict.claim.by,
        "n": verdict.seen.n,
        "n_unpaired": [len(verdict.seen.first), len(verdict.seen.second)]
        if verdict.seen.unpaired
        else None,
        "effect": _natural(verdict.seen.effect, relative),
        "low": _natural(verdict.seen.low, relative),
        "high": _natural(verdict.seen.high, relative),
        "p": verdict.seen.p,
        "p_adjusted": verdict.p_adjusted,
        "p_margin_adjusted": verdict.p_margin,
        "primary": verdict.claim.primary,
        "word": verdict.word,
        "direction_and_size": verdict.told,
        "cautions": list(verdict.cautions),
        "sides": list(verdict.sides),
        "averaged_over": list(verdict.averaged),
        "reason": verdict.reason,
        "change": verdict.change,
        "more_seeds": _more_row(verdict, relative),
        "looks": [_look_row(look, relative) for look in verdict.looks],
        "declared": _declared_row(declared),
    }
    return _told(row)


def _more_row(verdict: Verdict, relative: bool) -> dict[str, Any] | None:
    """Return how many more seeds would decide, and what is told within reach."""
    more = verdict.more_seeds
    if more is None:
        return None
    return _told(
        {
            "low": more.low,
            "high": more.high,
            "within_reach": more.within(verdict.seen.n),
            "reach": more.reach,
            "tells": _natural(more.tells, relative),
        }
    )


def _declared_row(declared: Declared) -> dict[str, Any]:
    return {
        "status": declared.status,
        "since": declared.since or None,
        "text": declared.sentence(),
        "history": [
            {
                "event": event.what,
                "time": event.time,
                "results": event.results,
                "none_judged": event.fresh,
                "changes": [
                    {"what": each.what, "from": each.before, "to": each.after}
                    for each in event.changes
                ],
            }
            for event in declared.events
        ],
    }


def _removed_row(declared: Declared, names: Iterable[str]) -> dict[str, Any]:
    """Return a claim that was dropped when there were results: it has no verdict."""
    told = {
        "claim": declared.text,
        "kind": declared.kind,
        "metric": declared.metric,
        "margin": declared.by,
        "primary": declared.primary,
        "word": "removed",
        "reason": declared.sentence(),
        "declared": _declared_row(declared),
    }
    return dict.fromkeys(names) | told


def _look_row(look: Look, relative: bool) -> dict[str, Any]:
    ends = {name: _natural(getattr(look, name), relative) for name in ("effect", "low", "high")}
    return _told(asdict(look) | ends)


def _natural(value: float, relative: bool) -> float:
    """Return a ratio for its logarithm, by which costs are compared."""
    return math.exp(value) if relative and value < 700 else value if not relative else math.inf


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def verdict_rows(results: Results) -> list[dict[str, Any]]:
    """Return ``verdicts.json``: a list, one object a claim; last those removed after results."""
    history = results.history
    rows = [
        verdict_row(verdict, history.of(place)) for place, verdict in enumerate(results.verdicts)
    ]
    if results.declaration.source == "results":
        for row in rows:
            row["cautions"] = [OTHERS, *row["cautions"]]
    names = [item for row in rows[:1] for item in row]
    return rows + [_removed_row(each, names) for each in history.removed]


def write_verdicts(results: Results, path: Path) -> None:
    """Write ``verdicts.json``.

    Raises:
        HarnessError: the folder cannot be written to.
    """
    text = json.dumps(verdict_rows(results), indent=2, ensure_ascii=False)
    write_whole(path, utf8(f"{text}\n"))


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path, kind: str = "csv") -> None:
    """Write flat rows; what one of them lacks is empty, null or missing.

    Args:
        rows: what to write.
        path: where to.
        kind: ``"csv"``, ``"parquet"`` or ``"json"``.

    Raises:
        HarnessError: another kind, or Parquet without pyarrow.
    """
    if kind != "parquet":
        write_whole(path, utf8(rows_text(rows, kind)))
        return
    try:
        import pyarrow  # noqa: F401 - asked for by name, so that the error can name it too
    except ImportError as error:
        raise HarnessError(
            "writing Parquet needs pyarrow",
            "a Python without it",
            "pip install 'ablation-harness[parquet]', or choose --format csv.",
        ) from error
    import pandas as pd

    frame = pd.DataFrame(rows)
    # A column may hold levels of several kinds, which Parquet cannot.
    mixed = [name for name in frame.columns if frame[name].map(type).nunique() > 1]
    tidy = frame.astype({name: "string" for name in mixed if frame[name].dtype == object})
    write_whole(path, tidy.to_parquet(index=False))


def rows_text(rows: Sequence[Mapping[str, Any]], kind: str) -> str:
    """Return flat rows as CSV or JSON, every digit kept; what one of them lacks is empty, or null.

    Raises:
        HarnessError: another kind.
    """
    if kind == "csv":
        return _csv(rows)
    if kind == "json":
        names = list(dict.fromkeys(name for row in rows for name in row))
        whole = [{name: row.get(name) for name in names} for row in rows]
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    raise HarnessError(
        "--format must be csv, json, or parquet with --to FILE", repr(kind), "Write --format csv."
    )


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as pandas does, which takes longer to import than this to run."""
    names = dict.fromkeys(name for row in rows for name in row)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=os.linesep)
    writer.writerow(map(as_cell, names))
    writer.writerows(zip(*(_cells([row.get(name) for row in rows]) for name in names), strict=True))
    return out.getvalue()


def _cells(values: Sequence[Any]) -> list[Any]:
    """Return the cells of a column: its numbers alike, and nothing for what is missing, or NaN.

    Whole numbers become floats beside floats, and where one is missing, because a column that is
    read back has one kind.
    """
    kinds = {*map(type, values)}
    if kinds <= {int, float, type(None)} and kinds != {int}:
        return [None if value is None or math.isnan(value) else float(value) for value in values]
    return [
        None if type(value) is float and math.isnan(value) else as_cell(value) for value in values
    ]
