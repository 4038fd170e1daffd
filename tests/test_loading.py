"""A study's file is run with care: what ends it is one line, and what lies beside it is found."""

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.messages.blame import place
from harness.messages.errors import HarnessError
from harness.running.find import BUILT_IN, built_in, find, listed, load
from harness.running.neighbours import _Neighbours
from harness.trials.trial import unseeded

STUDY = """
from harness import Factor, Scale, Study
{top}

def build(scale, width):
    {build}
    return {returned}


study = Study(
    name="own", question="Does it run?", factors=(Factor("width", (1, 2)),), build=build,
    scales={{"quick": Scale(seeds=5)}},
)
{end}
"""


@pytest.fixture(autouse=True)
def _forget(here: Path, monkeypatch: pytest.MonkeyPatch):
    """Leave nothing of what a test has loaded."""
    known = set(sys.modules)
    yield
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Neighbours)]
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None) or ""
        path = getattr(sys.modules[name], "__path__", [""])
        if str(here) in file or any(str(here) in str(each) for each in path):
            del sys.modules[name]
    importlib.invalidate_caches()


def written(
    file: Path, *, top: str = "", build: str = "pass", returned: str = "None", end: str = ""
) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = STUDY.format(top=top, build=build, returned=returned, end=end)
    file.write_text(text, encoding="utf-8")
    return str(file)


def refused(reference: str) -> str:
    with pytest.raises(HarnessError) as caught:
        load(find(reference))
    return str(caught.value)


ENDINGS = {
    "import sys; sys.exit(0)": "SystemExit: 0",
    "import sys; sys.exit()": "SystemExit: None",
    "import sys; sys.exit('enough')": "SystemExit: enough",
    "raise SystemExit(3)": "SystemExit: 3",
    "exit()": "SystemExit: None",
    "import os; os._exit(0)": "os._exit(0)",
    "from os import _exit; _exit(7)": "os._exit(7)",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "import argparse; p = argparse.ArgumentParser(); p.add_argument('x'); p.parse_args()":
        "SystemExit: 2",
    "import harness.commands.cli; harness.commands.cli.main()": "SystemExit: ",
}  # fmt: skip


@pytest.mark.parametrize("end", ENDINGS)
def test_what_ends_a_study_file_is_one_line_with_its_place(end: str, here: Path) -> None:
    file = written(here / "ends.py", end=end)
    line = refused(file)
    number = Path(file).read_text().splitlines().index(end) + 1
    assert f"got {ENDINGS[end]}" in line
    assert f"at {file}:{number}. " in line
    assert "below if __name__ == '__main__':" in line
    assert "\n" not in line


def test_a_file_that_reads_its_arguments_reads_none_of_ours(here: Path) -> None:
    top = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--x')\n"
    before = list(sys.argv)
    assert load(find(written(here / "reads.py", top=top + "parser.parse_args()"))).name == "own"
    assert sys.argv == before


def test_what_ends_a_package_that_a_study_is_in_is_told(here: Path) -> None:
    written(here / "lab" / "mine.py")
    (here / "lab" / "__init__.py").write_text("import sys\nsys.exit(0)\n")
    assert f"SystemExit: 0 at {here / 'lab' / '__init__.py'}:2" in refused("lab.mine")


def test_what_ends_the_build_of_an_arm_is_told(here: Path) -> None:
    file = written(here / "late.py", build="import sys; sys.exit(0)")
    study = load(find(file))
    with pytest.raises(HarnessError, match=r"SystemExit: 0 at .*late\.py:\d+, for width=1"):
        unseeded(study, "quick", study.arms("quick")[0], {})


def test_ctrl_c_is_no_fault_of_the_file(here: Path) -> None:
    end = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"
    file = written(here / "long.py", end=end)
    with pytest.raises(KeyboardInterrupt):
        load(find(file))


def test_processes_and_threads_end_as_they_like_meanwhile(here: Path) -> None:
    end = (
        "import os\npid = os.fork()\nif not pid:\n    os._exit(5)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\nassert code == 5\n"
    )
    before = os._exit
    assert load(find(written(here / "forks.py", end=end))).name == "own"
    assert os._exit is before
    assert threading.active_count() >= 1


def test_an_error_is_placed_in_somebody_s_own_code(here: Path) -> None:
    line = refused(written(here / "deep.py", end="import json; json.loads('[')"))
    assert "JSONDecodeError" in line
    assert "deep.py:" in line
    with pytest.raises(ImportError) as caught:
        importlib.import_module("no_module_of_this_name")
    assert "test_loading.py:" in place(caught.value)


@pytest.mark.parametrize("text", ["def f(:\n", "\ud800", "x = \x00"])
def test_what_is_no_python_is_one_line(text: str, here: Path) -> None:
    (here / "torn.py").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "a study file must" in refused(str(here / "torn.py"))


# ---- what lies beside a study -------------------------------------------------------------------


def built(study: object, arm: int = 0) -> object:
    """What build says, which here is an error with a text of the helper's."""
    with pytest.raises(HarnessError) as caught:
        unseeded(study, "quick", study.arms("quick")[arm], {})  # type: ignore[attr-defined]
    return str(caught.value)


def test_imports_within_build_work_as_at_the_top(here: Path) -> None:
    file = written(here / "s.py", build="import beside_it; from below.it import name",
                   returned="(beside_it.VALUE, name)")  # fmt: skip
    (here / "beside_it.py").write_text("VALUE = 'from the helper'\n")
    (here / "below").mkdir()
    (here / "below" / "it.py").write_text("import second_one\nname = second_one.NAME\n")
    (here / "second_one.py").write_text("NAME = 'from the second'\n")
    assert "('from the helper', 'from the second')" in built(load(find(file)))
    assert str(here) not in sys.path


def test_imports_within_build_work_in_a_module_of_this_folder(here: Path, monkeypatch) -> None:
    written(here / "lab" / "mine.py", build="import at_the_root", returned="at_the_root.VALUE")
    (here / "at_the_root.py").write_text("VALUE = 'from the root'\n")
    study = load(find("lab.mine"))
    monkeypatch.chdir("/")
    assert "'from the root'" in built(study)


def test_a_file_beside_a_study_wins_over_one_that_is_installed_and_for_the_study_alone(
    here: Path, monkeypatch
) -> None:
    installed = here / "site-packages"
    installed.mkdir()
    (installed / "shared_name.py").write_text("VALUE = 'installed'\n")
    (installed / "some_library.py").write_text("import shared_name\nVALUE = shared_name.VALUE\n")
    monkeypatch.syspath_prepend(str(installed))
    (here / "shared_name.py").write_text("VALUE = 'beside'\n")
    (here / "statistics.py").write_text("raise RuntimeError('not of Python')\n")
    study = load(find(written(here / "s.py", build="import some_library",
                              returned="some_library.VALUE")))  # fmt: skip
    assert "'installed'" in built(study)
    del sys.modules["shared_name"]
    study = load(find(written(here / "t.py", build="import shared_name",
                              returned="shared_name.VALUE")))  # fmt: skip
    assert "'beside'" in built(study)


def test_two_studies_of_one_command_do_not_take_each_other_s_helpers(here: Path) -> None:
    for name in ("one", "two"):
        written(here / name / f"{name}.py", top="import the_helper", returned="the_helper.VALUE")
        (here / name / "the_helper.py").write_text(f"VALUE = {name!r}\n")
    load(find("one/one.py"))
    line = refused("two/two.py")
    assert "the_helper" in line
    assert "Run them by two commands." in line


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", [True, False])
@pytest.mark.parametrize("top", ["studies", "reports", "lab"])
def test_a_package_of_one_s_own_is_found_whatever_it_is_called(
    top: str, package: bool, here: Path
) -> None:
    file = written(here / top / "mine.py")
    if package:
        (here / top / "__init__.py").write_text("")
    assert find(f"{top}.mine") == f"{top}.mine"
    load(f"{top}.mine")
    assert sys.modules[f"{top}.mine"].__file__ == file


def test_studies_that_ship_with_it_are_found_by_every_name_they_ever_had(here: Path) -> None:
    assert "residual_depth" in built_in()
    for name in ("residual_depth", "studies.residual_depth", f"{BUILT_IN}.residual_depth"):
        assert find(name) == "harness.studies.residual_depth"
    written(here / "studies" / "mine.py")
    assert find("studies.residual_depth") == "harness.studies.residual_depth"
    with pytest.raises(HarnessError, match="must be a name that `harness list` shows"):
        find("studies.nothing_of_this_name")
    assert {each.name for each in listed(here)} >= set(built_in())


def test_nothing_of_the_checkout_is_taken_for_a_module_of_ours() -> None:
    code = "import harness, sys; assert not {'reports', 'studies', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
