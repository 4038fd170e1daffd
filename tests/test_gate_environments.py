"""Environments of a gate: what uv and pip are asked for, what is kept, and one real build."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.gate import building
from harness.gate.bounded import Done
from harness.gate.building import Builder, Pip, Uv, links
from harness.gate.environments import (
    WHOLE,
    build,
    commands,
    environments,
    folders,
    here,
    with_own_benchmarks,
)
from harness.gate.needs import Wanted
from harness.gate.revisions import Tree
from harness.gate.rounds import Measuring, exact
from harness.gate.sides import Seen, check_apart, check_own, versions_apart
from harness.gate.what import parse
from harness.messages.errors import HarnessError

PROJECT = '[project]\nname = "pack"\nversion = "1"\ndependencies = [{needs}]\n'

# A backend that needs nothing, so that a build needs no network.
BACKEND = """
import pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "pack-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        for file in pathlib.Path("pack").glob("*.py"):
            wheel.write(file, f"pack/{file.name}")
        wheel.writestr("pack-1.dist-info/METADATA",
            "Metadata-Version: 2.1\\nName: pack\\nVersion: 1\\n")
        wheel.writestr("pack-1.dist-info/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("pack-1.dist-info/RECORD", "")
    return name
"""
BUILD = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'


def project(folder: Path, body: str, needs: str = "", more: str = "") -> Tree:
    (folder / "pack").mkdir(parents=True)
    text = PROJECT.format(needs=needs) + more + BUILD
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    (folder / "own.py").write_text(BACKEND, encoding="utf-8")
    (folder / "pack/__init__.py").write_text(body, encoding="utf-8")
    return Tree(folder, "", folder.name)


@dataclass
class Fake:
    """Runs nothing: notes commands, and makes what they would."""

    lines: list[str] = field(default_factory=list)
    fails: str = ""
    says: str = "the reason"

    def __call__(self, words: Sequence[str], folder: Path) -> Done:
        line = " ".join(words)
        self.lines.append(line)
        if self.fails and self.fails in line:
            return Done(1, "", f"first\n{self.says}")
        if " venv " in line:
            Path(words[-1], "bin").mkdir(parents=True)
        if "--target" in words:
            target = Path(words[words.index("--target") + 1])
            (target / "pack").mkdir(parents=True)
        if "--report" in words:
            found = [
                {"is_direct": True, "metadata": {"name": "pack", "version": "1"},
                 "download_info": {"url": folder.resolve().as_uri()}},
                {"metadata": {"name": "numpy", "version": "2.0"}, "download_info": {"url": ""}},
            ]  # fmt: skip
            report = Path(words[words.index("--report") + 1])
            report.write_text(json.dumps({"install": found}), encoding="utf-8")
        needs = (folder / "pyproject.toml").read_text(encoding="utf-8") if "compile" in line else ""
        return Done(0, "numpy==1\n" if "numpy<2" in needs else "numpy==2\n", "")


def test_one_resolution_serves_both_sides_and_is_kept(tmp_path: Path) -> None:
    base, head = (
        project(tmp_path / "base", "", '"numpy"'),
        project(tmp_path / "head", "", '"numpy"'),
    )
    fake, cache = Fake(), tmp_path / "cache"
    made = Uv(fake, "uv", Path("python"))
    wanted = Wanted(packages=("pytest-benchmark",))
    built = build(base, head, tmp_path / "1", wanted, with_=made, cache=cache)
    assert [side.name for side in built.sides] == ["base", "head"]
    assert built.base.python == built.head.python
    assert built.base.root != built.head.root
    assert built.base.modules == ("pack",)
    assert sum("pip compile" in line for line in fake.lines) == 1
    installs = [line for line in fake.lines if "pip install" in line]
    assert "--link-mode hardlink" in installs[0]
    assert "--no-deps" in installs[1]
    assert "-e" not in installs[1].split()
    before = len(fake.lines)
    build(base, head, tmp_path / "2", wanted, with_=made, cache=cache)
    assert not any("venv" in line for line in fake.lines[before:])


def test_other_dependencies_give_a_third_side(tmp_path: Path) -> None:
    base = project(tmp_path / "base", "", '"numpy<2"')
    head = project(tmp_path / "head", "", '"numpy"')
    built = build(base, head, tmp_path / "1", with_=Uv(Fake(), "uv", Path("python")),
                  cache=tmp_path / "cache")  # fmt: skip
    assert built.deps is not None
    assert built.deps.python != built.base.python == built.head.python
    assert built.deps.tree == built.base.tree
    assert "Dependencies differ" in built.notes[0]


def test_without_uv_pip_resolves_and_says_so(tmp_path: Path) -> None:
    base, head = project(tmp_path / "base", ""), project(tmp_path / "head", "")
    fake = Fake()
    built = build(base, head, tmp_path / "1", with_=Pip(fake, Path("python")), cache=tmp_path / "c")
    assert "uv is not installed" in built.notes[0]
    lock = next((tmp_path / "c").glob("*.txt")).read_text(encoding="utf-8")
    assert lock == "numpy==2.0"
    assert "-m pip install --quiet --dry-run --ignore-installed" in fake.lines[1]


def test_what_is_half_built_is_built_anew(tmp_path: Path) -> None:
    base, head = project(tmp_path / "base", ""), project(tmp_path / "head", "")
    cache = tmp_path / "cache"
    for fails in ("-r ", "--target"):
        fake = Fake(fails=fails)
        with pytest.raises(HarnessError) as error:
            build(base, head, tmp_path / fails.strip("- "), with_=Uv(fake, "uv", Path("python")),
                  cache=cache)  # fmt: skip
        assert "exit code 1 of `uv pip install" in str(error.value)
        assert "first | the reason" in str(error.value)
        assert len(list(cache.glob(f"*/{WHOLE}"))) == (fails == "--target")
    assert "base must build" in str(error.value)
    fake = Fake(fails="compile", says="dns error: failed to lookup")
    with pytest.raises(HarnessError, match="There seems to be no network"):
        build(base, head, tmp_path / "3", with_=Uv(fake, "uv", Path("python")), cache=cache)


def test_copies_are_said_where_links_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert links(tmp_path, tmp_path / "not" / "yet")
    monkeypatch.setattr(building, "links", lambda *_: False)
    assert "packages are copied" in Uv(Fake(), "uv", Path("python")).copies(tmp_path)


@pytest.mark.parametrize("name", ["uv", pytest.param("pip", marks=pytest.mark.slow)])
def test_a_real_build_measures_each_sides_own_code(tmp_path: Path, name: str) -> None:
    if name == "uv" and shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    base = project(tmp_path / "base", "def work():\n    return 1\n")
    head = project(tmp_path / "head", "def other(): ...\n\n\ndef work():\n    return other()\n")
    run, python = building.run, Path(sys.executable)
    made: Builder = Pip(run, python) if name == "pip" else Uv(run, shutil.which("uv") or "", python)
    built = build(base, head, tmp_path / "built", with_=made, cache=tmp_path / "cache")
    taken = exact(built.sides, [parse("pack:work", head.folder)], tmp_path / "n", Measuring())
    read = {side: each[0] for side, each in taken.readings.items()}
    calls = {side: next(f.value for f in each.figures if f.name == "python_calls")
             for side, each in read.items()}  # fmt: skip
    assert calls["head"] == calls["base"] + 1
    assert Path(read["base"].where["pack"]).is_relative_to(tmp_path / "built" / "base")
    assert Path(read["head"].where["pack"]).is_relative_to(tmp_path / "built" / "head")
    assert taken.notes == ()


def test_here_is_refused_where_it_would_mislead(tmp_path: Path) -> None:
    base = project(tmp_path / "base", "", '"numpy<2"')
    head = project(tmp_path / "head", "", '"numpy"')
    with pytest.raises(HarnessError, match="got numpy<2 at base alone, numpy at head alone"):
        here(base, head)
    (head.folder / "pack/fast.pyx").write_text("", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"head's has to be built; got pack/fast.pyx"):
        here(base, head)
    (head.folder / "pyproject.toml").write_text("[", encoding="utf-8")
    with pytest.raises(HarnessError, match="must be TOML"):
        here(base, head)


def test_what_is_given_in_place_of_revisions(tmp_path: Path) -> None:
    for name in ("old", "newer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.py").write_text("study = 1\n", encoding="utf-8")
    trees = folders(tmp_path / "old", tmp_path / "newer", tmp_path / "sides")
    built = here(*trees)
    assert len(str(trees[0].folder)) == len(str(trees[1].folder))
    assert with_own_benchmarks(built).base.benchmarks.resolve() == tmp_path / "old"
    with pytest.raises(HarnessError, match="two folders must differ"):
        folders(tmp_path / "old", tmp_path / "old", tmp_path / "x")
    with pytest.raises(HarnessError, match="must be a folder that exists"):
        folders(tmp_path / "old", tmp_path / "none", tmp_path / "x")
    with pytest.raises(HarnessError, match="two commands must differ"):
        commands("true", "true ", tmp_path)
    assert commands("true", "false", tmp_path).head.line == "false"
    with pytest.raises(HarnessError, match="must be a folder with bin/python"):
        environments(tmp_path, tmp_path / "old", tmp_path)
    venv = Path(sys.executable).parent.parent
    with pytest.raises(HarnessError, match="two environments must differ"):
        environments(venv, Path(sys.executable), tmp_path)


def test_an_extra_must_be_declared(tmp_path: Path) -> None:
    head = project(tmp_path / "head", "")
    with pytest.raises(HarnessError, match=r"got fast. There are none."):
        build(head, head, tmp_path / "1", Wanted(extras=("fast",)), with_=Pip(Fake(), Path("p")))


def test_versions_and_files_that_are_shared_are_told(tmp_path: Path) -> None:
    one = Seen("", {"pack": str(tmp_path / "a.py")}, {"torch": "2.14", "pack": "1"})
    other = Seen("", {"pack": str(tmp_path / "b.py")}, {"torch": "2.15", "pack": "2"})
    assert versions_apart(one, other, "pack") == ["torch 2.14 at base, 2.15 there"]
    check_apart({"base": one, "twin": one, "head": other})
    with pytest.raises(HarnessError, match="from files of their own"):
        check_apart({"base": one, "head": one})
    side = commands("a", "b", tmp_path / "elsewhere").base
    with pytest.raises(HarnessError, match="wrong tree"):
        check_own(side, one, "x")
