"""Tables of benchmarks, on paper and as data, with where and how they were made."""

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from harness.cost.machine import environment
from harness.running.revision import revision_in
from harness.terminal.files import write_whole


def parser(text: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=text)
    made.add_argument("--out", type=Path, default=Path("bench"), help="where tables are saved")
    made.add_argument("--quick", action="store_true", help="a short form, for a first look")
    return made


def about(device: str = "cpu") -> dict[str, str]:
    """Return hardware, versions, date and command; call it before anything is measured."""
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg()) if hasattr(os, "getloadavg") else ""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "revision": revision_in(Path(__file__)),
        **environment(torch.device(device)),
        "platform": platform.platform(),
        "cpus_allowed": str(cores()),
        "load_before": load,
    }


def cores() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown, all columns but the first to the right."""
    marks = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(str(x) for x in row) + " |" for row in (head, marks, *rows))


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits and no exponent; a dash where none is."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    whole = float(f"{value:.{digits}g}")
    return f"{whole:,.0f}" if abs(whole) >= 10 ** (digits - 1) else f"{whole:.{digits}g}"


def save(
    out: Path, name: str, title: str, where: dict[str, str], data: dict[str, Any], text: str
) -> None:
    """Print a benchmark's tables, and write ``<name>.json`` and ``<name>.md``."""
    made = "\n".join(f"- {key}: {value}" for key, value in where.items())
    page = f"# {title}\n\n{text.strip()}\n\n## Made\n\n{made}\n"
    whole = json.dumps({"about": where, **data}, indent=2, ensure_ascii=False)
    write_whole(out / f"{name}.json", f"{whole}\n".encode())
    write_whole(out / f"{name}.md", page.encode())
    print(page)
    print(f"Saved: {(out / name).resolve()}.json and .md")
