"""What a wheel holds, and that a person's own packages live beside it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import harness
from harness.running.checkout import beside

ROOT = Path(__file__).parents[1]

OWN = """
from harness import Factor, Scale, Study
study = Study(name="mine", question="Mine?", factors=(Factor("width", (1, 2)),),
              build=lambda scale, width: None, scales={"quick": Scale(seeds=5)})
"""

ASK = """
import json, sys
import harness, harness.reports, harness.studies
from harness.running.find import built_in, find, load
from harness.reports import write_report
load(find("studies.mine")), load(find("reports.mine"))
print(json.dumps({
    "harness": harness.__file__, "path": list(harness.__path__),
    "reports": harness.reports.__file__, "studies": harness.studies.__file__,
    "own": [sys.modules["studies.mine"].__file__, sys.modules["reports.mine"].__file__],
    "built in": len(built_in()), "old": find("studies.residual_depth"),
    "to copy": [find("searches.trees"), find("examples.forest")],
    "torch": "torch" in sys.modules,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel's files, unpacked."""
    building = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = building.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(built) as file:
        file.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_a_wheel_installs_one_package(wheel: Path) -> None:
    tops = {each.name for each in wheel.iterdir()}
    assert tops == {"harness", next(each for each in tops if each.endswith(".dist-info"))}
    for top in ("reports", "studies"):
        here = {
            each.relative_to(ROOT) for each in (ROOT / top).rglob("*")
            if each.is_file() and "__pycache__" not in each.parts
            and each.parent != ROOT / "reports" / "examples"
        }  # fmt: skip
        inner = wheel / "harness"
        there = {each.relative_to(inner) for each in (inner / top).rglob("*") if each.is_file()}
        assert there == here
        assert len(here) > 8
    assert not list(wheel.rglob("*.pyi"))
    assert not list(wheel.rglob("*.pyc"))
    assert not (wheel / "harness" / "tests").exists()


@pytest.mark.parametrize(
    ("where", "packages"), [("wheel", False), ("checkout", False), ("both", True)]
)
def test_one_s_own_packages_are_found_beside_it(
    where: str, packages: bool, wheel: Path, here: Path
) -> None:
    """From a wheel, from a checkout, and from a wheel with the checkout further down the path."""
    for top in ("studies", "reports"):
        (here / top).mkdir()
        (here / top / "mine.py").write_text(OWN)
        if packages:
            (here / top / "__init__.py").write_text("")
    paths = {"wheel": [wheel], "checkout": [ROOT], "both": [wheel, ROOT]}[where]
    done = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )  # fmt: skip
    said = json.loads(done.stdout)
    home = paths[0]
    inner = home if where == "checkout" else home / "harness"
    assert said["harness"] == str(home / "harness" / "__init__.py")
    assert said["reports"] == str(inner / "reports" / "__init__.py")
    assert said["studies"] == str(inner / "studies" / "__init__.py")
    assert said["own"] == [str(here / top / "mine.py") for top in ("studies", "reports")]
    assert said["built in"] == 13
    assert said["old"] == "harness.studies.residual_depth"
    assert said["to copy"] == ["harness.studies.searches.trees", "harness.studies.examples.forest"]
    assert not said["torch"]


def test_only_a_checkout_of_this_project_is_searched_beside(tmp_path: Path) -> None:
    assert beside(str(ROOT / "harness")) == [str(ROOT)]
    assert harness.__path__ == [str(ROOT / "harness"), str(ROOT)]
    (tmp_path / "harness").mkdir()
    assert beside(str(tmp_path / "harness")) == []
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "somebody-else"\n')
    assert beside(str(tmp_path / "harness")) == []
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ablation-harness"\n')
    assert beside(str(tmp_path / "harness")) == [str(tmp_path)]
    (tmp_path / "harness" / "reports").mkdir()
    assert beside(str(tmp_path / "harness")) == []


@pytest.mark.slow
def test_studies_that_ship_with_it_keep_their_keys_wherever_they_lie(wheel: Path) -> None:
    """Their code is read as a user's own is: by what it says, and not by where it is installed."""
    code = (
        "import importlib, json\nfrom harness.trials.trial import make_trial\n"
        "study = importlib.import_module('{module}').study\n"
        "arm = study.arms('quick')[0]\n"
        "tuned = {{each.name: each.start for each in study.tuned}}\n"
        "trial = make_trial(study, 'quick', arm, 0, 'evaluate', tuned)\n"
        "print(json.dumps([trial.key, dict(trial.code)]))"
    )
    said = []
    for home, module in ((ROOT, "harness.studies.residual_depth"), (ROOT, "studies.residual_depth"),
                         (wheel, "harness.studies.residual_depth")):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code.format(module=module)], capture_output=True, text=True,
            check=True, env={**os.environ, "PYTHONPATH": str(home)}, cwd=home,
        )  # fmt: skip
        said.append(json.loads(done.stdout))
    assert said[0] == said[1] == said[2]
    assert not any(name.startswith("package") for name in said[0][1])
