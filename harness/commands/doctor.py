"""``harness doctor``: what is installed, which devices there are, and how to mend what is wrong."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from harness.messages.calm import calm
from harness.messages.printable import quoted
from harness.messages.redact import shown
from harness.terminal.screen import line, words

PANGO = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-liberation"
"""What WeasyPrint needs of Debian or Ubuntu to write a PDF."""

PACKAGES = (
    "ablation-harness", "torch", "torchvision", "optuna", "sqlalchemy", "numpy", "scipy",
    "pandas", "matplotlib", "scikit-learn", "jinja2", "weasyprint",
    "typer", "rich",
)  # fmt: skip


@dataclass(frozen=True)
class Examined:
    """One thing looked at.

    Attributes:
        what: what was looked at.
        state: ``right``, ``absent`` (the harness works without) or ``wrong``.
        found: what was found.
        mend: what to do about it; empty where nothing needs doing.
    """

    what: str
    state: Literal["right", "absent", "wrong"]
    found: str
    mend: str = ""


def examine() -> list[Examined]:
    """Look at everything; nothing here raises."""
    looks: list[Callable[[], Iterator[Examined]]] = [
        _python,
        _packages,
        _devices,
        _pdf,
        _tools,
        _data,
    ]
    out: list[Examined] = []
    for look in looks:
        try:
            out += look()
        except Exception as error:
            name = look.__name__.strip("_")
            out.append(Examined(name, "wrong", f"{type(error).__name__}: {error}"))
    return out


def examine_store(where: str, *, mend: bool) -> list[Examined]:
    """Look for damage in a store, and set it aside where asked to.

    Args:
        where: what ``--store`` takes.
        mend: whether damage is set aside.

    Raises:
        HarnessError: there is no such store, or it cannot be read.
    """
    from harness.storing import inspection
    from harness.storing.damage import Noticed
    from harness.storing.mend import mend as set_aside
    from harness.storing.sqlite import sqlite_path
    from harness.storing.store import open_store

    out: list[Examined] = []
    path = sqlite_path(where)
    there = path is not None and path.is_file() and path.stat().st_size > 0
    if path is not None and there and not inspection.is_database(path):
        way = "It is no store, and is left as it is: name another, or move it away."
        return [Examined("store", "wrong", f"{path} is no SQLite database", way)]
    if mend:
        out += [Examined("set aside", "right", each) for each in set_aside(where)]
    if wrong := inspection.damaged_file(where):
        way = f"{_mending(where)} reads what can be read into a new file"
        return [*out, Examined("damaged", "wrong", f"{shown(where)}: {wrong}", f"{way}.")]
    noticed = Noticed()
    store = open_store(where, create=False, noticed=noticed)
    found = inspection.damage(store)
    every = [*noticed.damage, *inspection.as_damage(store, found), *inspection.torn(store)]
    store.close()
    out += [Examined("damaged", "wrong", str(each)) for each in every]
    if every:
        way = f"{_mending(where)} sets this aside; nothing is deleted."
        if "***" in way:
            way += " *** stands for the password; HARNESS_STORE takes the whole URL, too."
        out[-1] = dataclasses.replace(out[-1], mend=way)
    else:
        out.append(Examined("store", "right", f"{store.url}: nothing is damaged"))
    return out


def _mending(where: str) -> str:
    return f"harness doctor --store {quoted(shown(where))} --mend"


def _python() -> Iterator[Examined]:
    yield Examined("Python", "right", f"{platform.python_version()} at {sys.executable}")
    spec = importlib.util.find_spec("torch")
    kept = spec and spec.origin and Path(importlib.util.cache_from_source(spec.origin)).is_file()
    if sys.dont_write_bytecode and not kept:
        mend = "Unset PYTHONDONTWRITEBYTECODE, or each process compiles torch for some seconds."
        yield Examined("bytecode", "absent", "neither there nor to be written", mend)


def _packages() -> Iterator[Examined]:
    for name in PACKAGES:
        try:
            yield Examined(name, "right", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Examined(name, "wrong", "not installed", f"pip install {name}")
    for name, extra, use in (
        ("pyarrow", "parquet", "export to Parquet"),
        ("optuna-dashboard", "dashboard", "looking at a run in the browser"),
    ):
        try:
            yield Examined(name, "right", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            mend = f"For {use}: pip install 'ablation-harness[{extra}]'"
            yield Examined(name, "absent", "not installed", mend)


def _devices() -> Iterator[Examined]:
    import torch

    from harness.cost.machine import hardware
    from harness.running.executors import Options, worker_count

    cpu = hardware(torch.device("cpu"))
    yield Examined("CPU", "right", f"{cpu}, {worker_count(Options())} of {os.cpu_count()} cores")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            found = f"{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free"
            yield Examined(f"cuda:{index}", "right", found)
    else:
        mend = "Training runs on the CPU; see pytorch.org for a build that fits your driver."
        yield Examined("CUDA", "absent", "no device that torch can use", mend)


def _pdf() -> Iterator[Examined]:
    try:
        import weasyprint

        with calm(silent=True):
            weasyprint.HTML(string="<p>x").write_pdf()
    except OSError as error:
        yield Examined(
            "PDF", "absent", str(error).partition("\n")[0], f"As root on Debian: {PANGO}"
        )
    else:
        yield Examined("PDF", "right", f"WeasyPrint {weasyprint.__version__} with Pango")


def _tools() -> Iterator[Examined]:
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler:
        yield Examined("C++ compiler", "right", compiler)
    else:
        mend = "Training is then never compiled. On Debian: apt-get install g++"
        yield Examined("C++ compiler", "absent", "none", mend)
    git = shutil.which("git")
    if git:
        yield Examined("git", "right", git)
    else:
        yield Examined("git", "absent", "none", "Reports then name no revision.")


def _data() -> Iterator[Examined]:
    from harness.data.folder import data_folder

    folder = data_folder()
    if folder.is_dir():
        held = ", ".join(sorted(each.name for each in folder.iterdir())[:8]) or "nothing"
        yield Examined("data folder", "right", f"{folder.resolve()}: {held}")
    else:
        mend = "Digits need none. For others: --data-dir DIR, HARNESS_DATA, or --download."
        yield Examined("data folder", "absent", str(Path(folder).resolve()), mend)


def print_examined(found: list[Examined], console: Console) -> None:
    """Print what was looked at, and a mend under what is not right."""
    marks = {"right": ("✔", "green"), "absent": ("–", "yellow"), "wrong": ("✘", "red")}
    width = max(len(each.what) for each in found)
    for each in found:
        mark, style = marks[each.state]
        console.print(words(mark, style), end=" ")
        line(console, f"{each.what:{width}}  {each.found}", whole=True)
        if each.mend:
            line(console, " " * (width + 4) + each.mend, whole=True)
