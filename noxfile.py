"""Sessions: `nox -l` lists them. Each sets up all that it needs."""

import ctypes.util
import os
import shutil
import subprocess

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True

# Some images set it; then each process that a session starts compiles torch's Python anew, which
# takes it three seconds in the place of one.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What WeasyPrint needs to write a PDF, and a font that sets well.
PANGO = ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-liberation"]

# What the tests of pages in a browser drive.
CHROMIUM = ["chromium"]

PYTEST = ["pytest", "-n", "auto", "--dist", "worksteal", "--benchmark-skip"]


def install_pango(session: nox.Session) -> None:
    """Install Pango where nobody needs to be asked; otherwise say how."""
    if not all(map(ctypes.util.find_library, ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset"))):
        install_packages(session, PANGO, "No PDF")


def install_chromium(session: nox.Session) -> None:
    """Install Chromium where nobody needs to be asked; without it tests are skipped."""
    if not any(map(shutil.which, ("chromium", "chromium-browser"))):
        install_packages(session, CHROMIUM, "No tests in a browser")


def install_packages(session: nox.Session, packages: list[str], lacking: str) -> None:
    """Install packages of Debian as root; otherwise say what is lacking, and how to get it."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not (root and shutil.which("apt-get")):
        session.log(f"{lacking}. On Debian: sudo apt-get install {' '.join(packages)}")
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            [*quiet, *words], env=environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            session.log(f"{lacking}: `apt-get {words[0]}` failed: {done.stderr.strip()[-200:]}")
            return


@nox.session
def demo(session: nox.Session) -> None:
    """Run the study residual_depth at quick, and print verdicts and where the report is."""
    install_pango(session)
    session.install(".")
    session.run("harness", "run", "residual_depth", "--scale", "quick", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, but for the slow ones; words after -- go to pytest."""
    install_pango(session)
    install_chromium(session)
    session.install("-e", ".[test]")
    session.run(*PYTEST, "-m", "not slow", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: killed and shared runs, cohorts and teachers, compiled training."""
    install_pango(session)
    session.install("-e", ".[test,bench]")
    session.run(*PYTEST, "-m", "slow", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """Run the tests that need a CUDA device; without one they are skipped, and say so."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "gpu", *session.posargs)


@nox.session
def adapters(session: nox.Session) -> None:
    """Try Lightning, Hugging Face, TensorBoard and MLflow, which are large."""
    session.install("-e", ".[test,lightning,huggingface,tensorboard,mlflow]")
    session.run("pytest", "tests/test_adapters.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("ruff>=0.14")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".[types,test]")
    session.run("mypy")


@nox.session
def calibration(session: nox.Session) -> None:
    """Simulate how often verdicts are wrong, against targets; words after -- go to the script."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.calibration.calibrate_verdicts", *session.posargs)


@nox.session(name="gate-selftest")
def gate_selftest(session: nox.Session) -> None:
    """Simulate the gate's rule, then try the gate on code made worse; words after -- go there.

    The second takes hours, and goes on where it was: `nox -s gate-selftest -- --cases same,10`.
    """
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.calibration.calibrate_gate")
    session.run("python", "-m", "tests.gate_selftest", *session.posargs)


GATED = "residual_depth#shortcut=yes, depth=8"
"""What the project's own gate measures: a step and an evaluation of a small network."""


@nox.session
def gate(session: nox.Session) -> None:
    """Compare the code here with where it left main; words after -- go to `harness gate`.

    `nox -s gate -- --shadow --budget 3`. On main itself it is compared with the commit before.
    """
    base = gate_base(session)
    session.install("-e", ".")
    session.run("harness", "gate", "--base", base, "--here", *session.posargs, GATED,
                success_codes=[0, 3])  # fmt: skip


def gate_base(session: nox.Session) -> str:
    """Return the revision to compare with; skip the session where there is none here."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], check=False, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("rev-parse", "HEAD")
    left = git("merge-base", "origin/main", "HEAD")
    changed = bool(git("status", "--porcelain"))
    if left and (left != head or changed):
        return left
    before = head if changed else git("rev-parse", "--verify", "--quiet", "HEAD~1^{commit}")
    if not before:
        session.skip("no commit to compare with here: git fetch --unshallow gets those before")
    return before


@nox.session
def kills(session: nox.Session) -> None:
    """Kill two processes that share a store twenty times; words after -- go to the script.

    `nox -s kills -- --store postgresql`, or `-- --times` for how much sooner several end.
    """
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.kills", *session.posargs)


BENCHMARKS = [
    "idiom", "modes", "overhead", "own", "commands", "replicates", "reports", "search_tables",
    "search_mnist",
]  # fmt: skip


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks, words after -- go to each script: --quick, --out DIR.

    If the first word is the name of one of them, or `rounds` for those of pytest, it runs alone:
    `nox -s bench -- idiom --trials 48`.
    """
    session.install("-e", ".[test,bench]")
    words = list(session.posargs)
    alone = words.pop(0) if words and words[0] in {*BENCHMARKS, "rounds"} else ""
    if alone in {"", "rounds"}:
        given = words if alone else []
        session.run("pytest", "tests/benchmarks", "--benchmark-only", *given)
    for name in BENCHMARKS:
        if alone in {"", name}:
            session.run("python", f"tests/benchmarks/{name}.py", *words)
