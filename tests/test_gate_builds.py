"""`harness gate` on projects that are built: refused, by requirements alone, and two folders."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from harness.gate.environments import WHOLE, cache_folder
from harness.gate.needs import local_path
from tests.test_gate_command import AGAIN, ONCE, gate, repo, result, rows
from tests.test_gate_environments import BACKEND, BUILD, PROJECT
from tests.test_gate_sides import commit

__all__ = ["repo"]  # a fixture

WORDS = ["--base", "main", "pack.code:work", "--only-exact"]
INNER = "[project]\nname = 'inner'\nversion = '1'\n" + BUILD
SOURCE = "[tool.uv.sources]\ninner = {{ {} }}\n"
MEMBERS = "[tool.uv.workspace]\nmembers = ['parts/inner']\n"
needs_uv = pytest.mark.skipif("not __import__('shutil').which('uv')", reason="no uv")


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "XDG_CACHE_HOME": str(tmp_path / "cache"), "UV_OFFLINE": "1", "PIP_NO_INDEX": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


# ---- what lies within its own repository --------------------------------------------------------


@needs_uv
@pytest.mark.parametrize(
    ("needs", "more", "line"),
    [
        ("inner", SOURCE.format("path = 'parts/inner'"), "parts/inner"),
        ("inner", SOURCE.format("path = 'parts/inner', editable = true"), "-e parts/inner"),
        ("inner @ file:///${PROJECT_ROOT}/parts/inner", "", "inner @ file:///${PROJECT_ROOT}/p"),
        ("inner", SOURCE.format("workspace = true") + MEMBERS, "-e file:///"),
        ("uv.lock", SOURCE.format("workspace = true") + MEMBERS, "-e ./parts/inner"),
    ],
)
def test_a_path_dependency_within_the_repository_is_refused(
    repo: Path, needs: str, more: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = f'"{needs}"'.replace("uv.lock", "inner")
    commit(repo, {
        "pyproject.toml": PROJECT.format(needs=named) + more + BUILD, "own.py": BACKEND,
        "parts/inner/pyproject.toml": INNER, "parts/inner/own.py": BACKEND,
        "parts/inner/inner.py": "",
    })  # fmt: skip
    if needs == "uv.lock":
        subprocess.run(["uv", "lock", "--quiet"], cwd=repo, check=True)
        commit(repo, {})
    assert gate(*WORDS) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "what the project needs must not lie within its own repository" in said
    assert f"; got {line}" in said
    assert "Gate that folder by itself: two folders in the place of --base." in said
    assert result()["answer"] == "error"
    assert not list(cache_folder().glob(f"*/{WHOLE}"))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("inner", "inner"),
        ("./inner", "inner"),
        ("inner/", "inner"),
        ("-e inner", "inner"),
        ("--editable=./inner[fast]", "inner"),
        ("parts/gone ; python_version > '3'", "parts/gone"),
        ("inner[fast] @ file:inner", "inner"),
        ("inner @ file:///${PROJECT_ROOT}/parts/a%20b  # via pack", "parts/a b"),
        ("inner @ ../other", "../other"),
        ("-e file:///x/inner", "/x/inner"),
        ("/x/inner-1.whl", "/x/inner-1.whl"),
        ("numpy==2.0", None),
        ("numpy[fast]==2.0 ; python_version > '3'", None),
        ("numpy", None),
        ("inner @ https://host.invalid/inner-1.whl", None),
        ("inner @ git+https://host.invalid/inner@1a2b", None),
        ("https://host.invalid/inner-1.whl", None),
        ("--find-links ./inner", None),
        ("# a word", None),
        ("", None),
    ],
)
def test_a_line_of_a_lock_that_names_a_local_path_is_told_from_a_package(
    tmp_path: Path, line: str, place: str | None
) -> None:
    (tmp_path / "inner").mkdir()
    found = local_path(line, tmp_path)
    assert found == (None if place is None else Path(os.path.normpath(tmp_path / place)))


# ---- requirements alone -------------------------------------------------------------------------


def test_a_project_with_requirements_alone_runs_each_sides_own_files(repo: Path) -> None:
    commit(repo, {"requirements.txt": "# nothing\n", "pack/code.py": ONCE}, "once")
    (repo / "pack/code.py").write_text(AGAIN, encoding="utf-8")
    assert gate(*WORDS) == 1
    (row,) = rows(figure="python_calls")
    assert (row["answer"], row["head"] - row["base"]) == ("fail", 1)
    assert len(list(cache_folder().glob(f"*/{WHOLE}"))) == 1
    assert not [each for each in result()["notes"] if "nothing to build" in each]


# ---- two folders --------------------------------------------------------------------------------

# The real setuptools of this interpreter, which leaves build/ and an .egg-info where it builds.
SETUPTOOLS = """import sys
sys.path.append({!r})
from setuptools.build_meta import *
"""


def test_two_folders_are_built_as_copies_without_what_earlier_builds_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec("setuptools")
    if spec is None or spec.origin is None:
        pytest.skip("setuptools is not installed")
    backend = SETUPTOOLS.format(str(Path(spec.origin).parent.parent))
    monkeypatch.chdir(tmp_path)
    folders = [tmp_path / name for name in ("old", "new")]
    for folder, code in zip(folders, (ONCE, AGAIN), strict=True):
        for name, text in {
            "pyproject.toml": PROJECT.format(needs="") + BUILD, "own.py": backend,
            "pack/__init__.py": "", "pack/code.py": code,
            # newer than the source: setuptools would take it for what it has just built
            "build/lib/pack/__init__.py": "", "build/lib/pack/code.py": ONCE,
        }.items():  # fmt: skip
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            os.utime(folder / name, (1e9 + name.startswith("build"),) * 2)
    before = [contents(folder) for folder in folders]
    assert gate("old", "new", "pack.code:work", "--only-exact") == 1
    (row,) = rows(figure="python_calls")
    assert (row["answer"], row["head"] - row["base"]) == ("fail", 1)
    assert len(list(cache_folder().glob(f"*/{WHOLE}"))) == 1
    assert [contents(folder) for folder in folders] == before
