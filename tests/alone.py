"""All that the commands say of a study, as bytes: also where torch cannot be imported."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from rich.console import Console

from harness.commands.explain import explain_study
from harness.commands.export import export_study
from harness.commands.files import rows_text, verdict_rows
from harness.commands.place import Place
from harness.commands.report import report_study


class NoTorch(MetaPathFinder):
    """Lets nobody import torch, as on a machine without it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        if name.partition(".")[0] in {"torch", "torchvision"}:
            self.refuse(name)

    def refuse(self, name: str) -> NoReturn:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def said(reference: str, store: str, *, page: bool = False) -> dict[str, str]:
    """Return the report, its files, and what ``explain`` and ``export`` print.

    Warnings are a list of their own, as JSON: in the report and in ``explain`` there are none. The
    report stands as the results that it prints, and, where it is asked for, as a page.
    """
    from dataclasses import replace

    from harness.reports.render import render_html

    place = Place(Path("runs"), store)
    try:
        ((results, _),) = list(report_study(reference, "quick", place))
        bare = replace(results, warnings=())
        shown = io.StringIO()
        console = Console(file=shown, width=5000)
        explain_study(reference, None, "quick", place, console)
        lines = [line for line in shown.getvalue().splitlines() if not line.startswith("! ")]
        rows, note = export_study(reference, "quick", place, "csv", None)
        curves, _ = export_study(reference, None, place, "json", None, curves=True)
    finally:
        place.close()
    return {
        "report.html": render_html(bare) if page else "",
        "results": repr(bare),
        "records.csv": rows_text([record.row() for record in results.records], "csv"),
        "verdicts.json": json.dumps(verdict_rows(results)),
        "explain": "\n".join(lines),
        "export": str(rows),
        "curves": str(curves),
        "warnings": json.dumps(results.warnings),
        "note": note,
    }


if __name__ == "__main__":
    sys.meta_path.insert(0, NoTorch())
    sys.stdout.write(json.dumps(said(*sys.argv[1:], page=True)))
    assert "torch" not in sys.modules
