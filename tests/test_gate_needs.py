"""What an environment must hold: tools are added where nothing asks for them, and only there."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.gate.asked import Asked
from harness.gate.bounded import Done
from harness.gate.building import Uv
from harness.gate.environments import build
from harness.gate.needs import HARNESS, TESTS, Wanted, local_paths, locked, own_copy, own_needs
from harness.gate.prepare import prepared
from harness.gate.project import is_package, read, uv_lock
from harness.gate.revisions import Tree, trees
from harness.messages.errors import HarnessError
from tests.test_gate_sides import CODE, commit, git

SHOP = '[project]\nname = "shop"\nversion = "1"\n'


@dataclass
class Resolver:
    """Resolves to what it is told, and to what it is given beside the project."""

    lock: str
    given: list[list[str]] = field(default_factory=list)

    def __call__(self, words: Sequence[str], folder: Path) -> Done:
        files = [each for each in words if each.endswith("resolved.in")]
        more = Path(files[0]).read_text(encoding="utf-8") if files else ""
        self.given.append(more.splitlines())
        return Done(0, f"{self.lock}\n{more}\n", "")


def added(folder: Path, lock: str, *tools: str, packages: tuple[str, ...] = ()) -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(SHOP, encoding="utf-8")
    resolver = Resolver(lock)
    made = Uv(resolver, "uv", Path("python"))
    found = locked(made, folder, (), Wanted((), packages, tools), folder, "head")
    assert len(resolver.given) == 1 + bool(found.added)
    return found.added


@pytest.mark.parametrize(
    ("lock", "tools", "wanted"),
    [
        ("numpy==2", (HARNESS, TESTS), (HARNESS, TESTS)),
        ("numpy==2", (), ()),
        ("pytest_benchmark==5.1", (HARNESS, TESTS), (HARNESS,)),
        ("Ablation.Harness==0.1.0", (HARNESS,), ()),
        ("ablation-harness @ file:///somewhere", (HARNESS,), ()),
        ("ablation-harness-extras==1", (HARNESS,), (HARNESS,)),
    ],
)
def test_a_tool_is_added_where_no_package_is_it(
    tmp_path: Path, lock: str, tools: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    assert added(tmp_path, lock, *tools) == wanted


def test_a_path_is_the_project_in_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(f'[project]\nname = "{HARNESS}"\n', encoding="utf-8")
    shop = tmp_path / "shop"
    assert added(shop, "numpy==2", HARNESS, packages=(str(other),)) == ()
    assert added(shop, "numpy==2\n-e ../other", HARNESS) == ()
    assert added(shop, "numpy==2\n./nowhere", HARNESS) == (HARNESS,)
    assert local_paths("numpy==2\n-e ../other", shop) == [("-e ../other", other)]


def test_the_project_itself_is_never_added(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "Pytest_Benchmark"\n', "utf-8")
    made = Uv(Resolver("numpy==2"), "uv", Path("python"))
    found = locked(made, tmp_path, (), Wanted(tools=(TESTS, HARNESS)), tmp_path, "head")
    assert found.added == (HARNESS,)
    assert set(own_needs()) < set(found.lock.splitlines())


def test_what_the_harness_needs_is_what_it_declares_without_extras() -> None:
    needs = own_needs()
    assert any(each.startswith("torch>=") for each in needs)
    assert not any("extra ==" in each or each.startswith("pytest") for each in needs)


def test_a_copy_of_the_harness_is_imported_from_where_it_lies(tmp_path: Path) -> None:
    place = own_copy(tmp_path / "tool")
    code = (
        "import harness, harness.reports, harness.studies, importlib.metadata as m; "
        "print(harness.__file__, harness.reports.__file__, harness.studies.__file__, "
        f"m.distribution('{HARNESS}').locate_file(''))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place)},
    )  # fmt: skip
    for each in found.stdout.split():
        assert Path(each).is_relative_to(place), each


# ---- a repository of several projects -----------------------------------------------------------


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {"shop/pyproject.toml": SHOP, "shop/pack/__init__.py": CODE}, "first")
    return folder


def test_the_nearest_project_is_the_one_that_is_gated(repo: Path, tmp_path: Path) -> None:
    (repo / "shop/bench").mkdir()
    asked = Asked("revisions", "main", whats=("pack:work",), here=True)
    for at, folder in enumerate((repo / "shop", repo / "shop/bench")):
        with prepared(asked, folder, tmp_path / str(at)) as ready:
            assert ready.sides[0].tree == tmp_path / str(at) / "trees/base/shop"
            assert ready.sides[0].modules == ("pack",)
            assert "The project is the one in shop." in ready.notes


def test_a_project_that_the_base_lacks_is_told(repo: Path, tmp_path: Path) -> None:
    git(repo, "checkout", "-q", "-b", "more")
    commit(repo, {"new/pyproject.toml": SHOP, "new/pack/__init__.py": CODE}, "another")
    asked = Asked("revisions", "main", whats=("pack:work",), here=True)
    with pytest.raises(HarnessError, match="base must have the project in new") as error:  # noqa: SIM117
        with prepared(asked, repo / "new", tmp_path / "work"):
            pass
    assert "Name a newer --base" in str(error.value)


@pytest.mark.parametrize("of_tree", [True, False])
def test_a_neighbour_in_the_same_repository_is_refused(
    repo: Path, tmp_path: Path, *, of_tree: bool
) -> None:
    with trees(repo, "main", None, tmp_path / "trees") as both:
        place = both.head.folder if of_tree else repo  # where it is, and where it came from
        made = Uv(Resolver(f"other @ {(place / 'other').as_uri()}"), "uv", Path("python"))
        head = Tree(both.head.folder / "shop", "", "shop")
        with pytest.raises(HarnessError, match="must not lie within its own repository"):
            build(head, head, tmp_path / "sides", with_=made, cache=tmp_path / "cache",
                  apart=(repo,))  # fmt: skip


def test_the_lock_of_a_workspace_holds_for_its_members(repo: Path) -> None:
    assert uv_lock(repo / "shop") is None
    before = read(repo / "shop").dependencies
    (repo / "uv.lock").write_text("version = 1\n", encoding="utf-8")
    assert uv_lock(repo / "shop") == repo / "uv.lock"
    assert read(repo / "shop").dependencies != before
    (repo.parent / "uv.lock").write_text("another's", encoding="utf-8")
    (repo / "uv.lock").unlink()
    assert uv_lock(repo / "shop") is None, "beyond the repository"


def test_a_folder_of_settings_is_no_project(repo: Path, tmp_path: Path) -> None:
    settings = {"bench/pyproject.toml": "[tool.ruff]\n", "bench/requirements.txt": "",
                "poems/pyproject.toml": '[tool.poetry]\nname = "poems"\n'}  # fmt: skip
    commit(repo, {**settings, "pyproject.toml": SHOP, "pack/__init__.py": CODE}, "more")
    asked = Asked("revisions", "HEAD", whats=("pack:work",), here=True)
    with prepared(asked, repo / "bench", tmp_path / "1") as ready:
        assert ready.sides[0].tree == tmp_path / "1/trees/base"
        assert "The project is the one in the top folder." in ready.notes
    assert is_package(repo / "poems")
    assert not is_package(repo / "bench")


def test_a_harness_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", none)
    with pytest.raises(HarnessError, match="must be installed"):
        own_needs()
