"""What several test modules use."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.storages._rdb.storage import _VersionManager

from harness.commands.cli import execute
from harness.storing.server import ServerStorage
from tests.postgres import Cluster, MissingError
from tests.pretend import Farm

TINY = Path(__file__).with_name("tiny_study.py")


def pytest_configure(config: pytest.Config) -> None:
    """Let all tests but those marked ``gpu`` find no CUDA device.

    Where torch finds one, the first gradient in a process begins threads, also on the CPU, and from
    then on its forks can compute none; and `harness run` would choose the device.
    """
    wanted = config.option.markexpr
    if "gpu" not in wanted or "not gpu" in wanted:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at what is loaded by now: it stays to the end.

    There is so much of it that a test that collects garbage, or runs
    another pytest, which does that five times, would wait seconds for it.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let all go at the end: a library would complain of what is left."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what the caller keeps of folders of images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # tests change a folder at once, which on a slow machine would not be looked at so soon
        patch.setattr("harness.data.survey.REST", 0)
        # figures as pixels are all alike; tests/test_taking.py looks at many
        patch.setattr("harness.reports.taking.MOST_PNG", 2)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_schema() -> Iterator[None]:
    """Ask once which schema this Optuna writes: each time, it loads all schemas there have been."""
    asked = _VersionManager.get_head_version
    found: list[str] = []

    def newest(manager: _VersionManager) -> str:
        if not found:
            found.append(asked(manager))
        return found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_VersionManager, "get_head_version", newest)
        yield


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own, in an empty folder."""

    def run(
        *words: str, code: int | None = 0, **options: object
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-m", "harness", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False, **options,
        )  # fmt: skip
        # A warning is no failure of a command; one that our own calls bring about is one of a test.
        assert "UserWarning: " not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HARNESS_DATA", "HARNESS_DOWNLOAD", "HARNESS_STORE"):
        monkeypatch.setenv(name, "")  # so that what a command sets is taken back, too
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def refused(here: Path, capsys: pytest.CaptureFixture[str]):
    """Run a command that must be refused; return its one line."""

    def run(*words: str) -> str:
        capsys.readouterr()
        assert execute(list(words)) == 2
        captured = capsys.readouterr()
        *progress, line = captured.err.strip().splitlines()
        assert line.startswith("harness: "), captured.err
        assert all(each.startswith("tiny (quick): ") for each in progress), captured.err
        assert not (here / "runs" / "tiny-quick").exists()
        return line

    return run


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own."""
    try:
        made = Cluster()
    except MissingError as error:
        pytest.skip(str(error))
    yield made
    made.remove()


@pytest.fixture
def url(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database; what is opened in this process is closed at the end."""
    made: list[ServerStorage] = []
    make = ServerStorage.__init__

    def remember(self: ServerStorage, *words: object, **more: object) -> None:
        made.append(self)
        make(self, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ServerStorage, "__init__", remember)
    yield cluster.database()
    for each in made:
        if hasattr(each, "engine"):
            each.engine.dispose()


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Starts processes that only pretend to train."""
    made = Farm(tmp_path_factory.mktemp("farm"))
    yield made
    made.stop()
