"""Commands that resolve, build and install, by uv or pip; one that fails is told in its words."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.gate.bounded import Done, bounded
from harness.gate.project import uv_lock
from harness.messages.errors import HarnessError

LAST_LINES = 5
"""Lines of a failed command that are told."""

_NO_NETWORK = (
    "dns error", "error sending request", "temporary failure in name resolution",
    "network is unreachable", "connection refused", "failed to establish a new connection",
    "could not connect", "connect timeout", "connection timed out", "name or service not known",
    "network connectivity is disabled", "operation timed out",
)  # fmt: skip


Run = Callable[[Sequence[str], Path], Done]
"""Runs a command in a folder."""


SECONDS = 3600.0
"""How long one command may take: compiling a large extension takes tens of minutes, not hours."""


def run(words: Sequence[str], folder: Path) -> Done:
    """Run a command in a folder, and return what it printed.

    Raises:
        HarnessError: it took longer than an hour.
    """
    try:
        return bounded(words, folder, own_variables(os.environ), SECONDS)
    except OSError as error:
        return Done(127, "", str(error))


def own_variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without those that say which Python and packages are used.

    Those of a pytest that this runs in are left out, too: to its workers nothing is measured.
    """
    names = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE",
             "__PYVENV_LAUNCHER__", "PYTHONSAFEPATH", "CONDA_PREFIX", "PYTHONHASHSEED",
             "PYTHONOPTIMIZE", "PYTHONPROFILEIMPORTTIME", "PYTHONWARNINGS"}  # fmt: skip
    return {
        name: value
        for name, value in given.items()
        if name not in names and not name.startswith("PYTEST_")
    }


def must(run: Run, words: Sequence[str], folder: Path, what: str) -> str:
    """Run a command that has to succeed, and return its standard output.

    Args:
        run: runs it.
        words: the command.
        folder: where.
        what: what it does, such as ``head's dependencies must be resolved``.

    Raises:
        HarnessError: it failed; with the command, its last lines, and whether there is no network.
    """
    done = run(words, folder)
    if done.code == 0:
        return done.out
    lines = [line.strip() for line in (done.error or done.out).splitlines() if line.strip()]
    last = " | ".join(lines[-LAST_LINES:]) or "nothing printed"
    no_network = any(word in done.error.casefold() for word in _NO_NETWORK)
    raise HarnessError(
        what,
        f"exit code {done.code} of `{shlex.join(words)}` in {folder}: {last}",
        "There seems to be no network; --here uses the packages that are installed."
        if no_network
        else "Run that command by hand.",
    )


def links(cache: Path, place: Path) -> bool:
    """Whether files of one folder can be hard links to files of the other."""

    def device(folder: Path) -> int:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        return there.stat().st_dev

    return device(cache) == device(place)


@dataclass(frozen=True)
class Uv:
    """Builds by uv.

    Attributes:
        run: runs a command.
        program: the path of uv.
        python: the interpreter that environments are made of.
    """

    run: Run
    program: str
    python: Path
    name = "uv"

    def lock(
        self, folder: Path, extras: Sequence[str], packages: Sequence[str], scratch: Path, side: str
    ) -> str:
        """Return one line for each package that a folder's project needs, with its version.

        What ``uv.lock`` holds counts where there is one.
        """
        source = scratch / "resolved.in"
        if uv_lock(folder) is not None:
            options = [word for extra in extras for word in ("--extra", extra)]
            words = [self.program, "export", "--frozen", "--no-emit-project", "--no-hashes",
                     "--no-dev", "--no-header", "--no-annotate", "--quiet", *options]  # fmt: skip
            told = must(self.run, words, folder, f"{side}'s uv.lock must be read")
            source.write_text("\n".join([told, *packages]), encoding="utf-8")
            return self._compile([str(source)], folder, side)
        file, options = _source(folder, extras)
        more = []
        if packages:
            source.write_text("\n".join(packages), encoding="utf-8")
            more = [str(source)]
        return self._compile([file, *more, *options], folder, side)

    def _compile(self, words: Sequence[str], folder: Path, side: str) -> str:
        line = [self.program, "pip", "compile", *words, "--python", str(self.python), "--no-header",
                "--no-annotate", "--quiet"]  # fmt: skip
        return must(self.run, line, folder, f"{side}'s dependencies must be resolved")

    def environment(self, place: Path, lock: Path, folder: Path) -> None:
        """Make an environment with what a lock names."""
        words = [self.program, "venv", "--quiet", "--python", str(self.python), str(place)]
        must(self.run, words, folder, "an environment must be made")
        if lock.read_text(encoding="utf-8").strip():
            words = [self.program, "pip", "install", "--quiet", "--link-mode", "hardlink",
                     "--python", str(python_of(place)), "--no-deps", "-r", str(lock)]  # fmt: skip
            must(self.run, words, folder, "the packages of the lock must be installed")

    def project(self, environment: Path, folder: Path, target: Path, side: str) -> None:
        """Build the project in a folder, and install it, not editable, into another folder."""
        # uv takes an earlier build of the same folder where pyproject.toml is as old as it was then
        words = [self.program, "pip", "install", "--quiet", "--link-mode", "hardlink", "--python",
                 str(python_of(environment)), "--no-deps", "--reinstall", "--target", str(target),
                 str(folder)]  # fmt: skip
        must(self.run, words, folder, f"{side} must build")

    def copies(self, place: Path) -> str:
        """Say that files are copied, where the cache is on another file system; else nothing."""
        told = self.run([self.program, "cache", "dir"], Path.cwd())
        cache = Path(told.out.strip() or ".")
        if told.code or links(cache, place):
            return ""
        return (
            f"uv's cache ({cache}) is on another file system than {place}, so packages are copied, "
            "which takes longer: put UV_CACHE_DIR or XDG_CACHE_HOME beside the other."
        )


@dataclass(frozen=True)
class Pip:
    """Builds by venv and pip; attributes and methods are those of :class:`Uv`."""

    run: Run
    python: Path
    name = "pip"

    def lock(
        self, folder: Path, extras: Sequence[str], packages: Sequence[str], scratch: Path, side: str
    ) -> str:
        """Return one line for each package that a folder's project needs, with its version."""
        import json

        report = scratch / "report.json"
        file, _ = _source(folder, ())
        behind = f"[{','.join(extras)}]" if extras else ""
        wanted = ["-r", file] if file.endswith(".txt") else [f"{folder}{behind}"]
        resolver = scratch / "resolver"
        if not resolver.is_dir():  # an interpreter need not have pip; what venv makes has it
            words = [str(self.python), "-m", "venv", str(resolver)]
            must(self.run, words, folder, "an environment must be made")
        words = [str(python_of(resolver)), "-m", "pip", "install", "--quiet", "--dry-run",
                 "--ignore-installed", "--report", str(report), *wanted, *packages]  # fmt: skip
        must(self.run, words, folder, f"{side}'s dependencies must be resolved")
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
        return "\n".join(sorted(line for each in found if (line := _pinned(each, folder))))

    def environment(self, place: Path, lock: Path, folder: Path) -> None:
        """Make an environment with what a lock names."""
        words = [str(self.python), "-m", "venv", str(place)]
        must(self.run, words, folder, "an environment must be made")
        if lock.read_text(encoding="utf-8").strip():
            words = [str(python_of(place)), "-m", "pip", "install", "--quiet", "--no-deps", "-r",
                     str(lock)]  # fmt: skip
            must(self.run, words, folder, "the packages of the lock must be installed")

    def project(self, environment: Path, folder: Path, target: Path, side: str) -> None:
        """Build the project in a folder, and install it, not editable, into another folder."""
        words = [str(python_of(environment)), "-m", "pip", "install", "--quiet", "--no-deps",
                 "--target", str(target), str(folder)]  # fmt: skip
        must(self.run, words, folder, f"{side} must build")

    def copies(self, place: Path) -> str:  # noqa: ARG002  (that of Uv)
        """Say that files are copied."""
        return "uv is not installed, so environments are built by venv and pip, which takes longer."


Builder = Uv | Pip


def builder(python: Path, run: Run = run) -> Builder:
    """Return uv where it is installed, else pip."""
    program = shutil.which("uv")
    return Uv(run, program, python) if program else Pip(run, python)


def python_of(environment: Path) -> Path:
    """Return the interpreter of an environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _source(folder: Path, extras: Sequence[str]) -> tuple[str, list[str]]:
    """Return the file that declares a folder's dependencies, and options for its extras."""
    for name in ("pyproject.toml", "setup.py", "requirements.txt"):
        if (folder / name).is_file():
            options = [] if name.endswith(".txt") else extras
            return name, [word for extra in options for word in ("--extra", extra)]
    raise HarnessError(
        "a project must say what it needs",
        f"no pyproject.toml, setup.py or requirements.txt in {folder}",
        "--here uses the packages that are installed.",
    )


def _pinned(found: dict[str, object], folder: Path) -> str:
    """Return a requirement for a package of pip's report; nothing for the project itself."""
    download, metadata = found["download_info"], found["metadata"]
    assert isinstance(download, dict)
    assert isinstance(metadata, dict)
    if found.get("is_direct"):
        url = str(download["url"])
        return "" if url == folder.resolve().as_uri() else f"{metadata['name']} @ {url}"
    return f"{metadata['name']}=={metadata['version']}"
