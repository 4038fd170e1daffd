"""The examples of one's own training code run as they are, and find what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.commands.cli import execute
from harness.own import apart
from harness.running.find import find, load
from harness.study.study import Study

EXAMPLES = Path(__file__).parents[1] / "studies" / "examples"
NAMES = sorted(file.stem for file in EXAMPLES.glob("[a-z]*.py"))
FOUND = {
    "forest": "supported, material",
    "lightning_module": "",
    "points": "supported, material",
    "regression": "real but negligible",
    "sequences": "supported, material",
}
"""The verdict on the first claim; nothing where torch's version may decide it."""


def test_every_example_is_tried() -> None:
    assert set(NAMES) == set(FOUND)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_declares_a_study(name: str) -> None:
    file = EXAMPLES / f"{name}.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 60
    if name == "lightning_module":
        pytest.importorskip("lightning", reason="the example needs the extra lightning")
    study = load(find(str(file)))
    assert isinstance(study, Study)
    assert study.claims
    assert study.source in {"train", "command"}


@pytest.mark.slow
@pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")
@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_and_comes_to_its_verdict(tmp_path: Path, name: str) -> None:
    if name == "lightning_module":
        pytest.importorskip("lightning", reason="the example needs the extra lightning")
    words = ["run", str(EXAMPLES / f"{name}.py"), "--out", str(tmp_path), "--no-profile"]
    assert execute([*words, "--quiet"]) == 0
    (file,) = tmp_path.glob("*/verdicts.json")
    first = json.loads(file.read_text(encoding="utf-8"))[0]
    assert first["word"] == FOUND[name] or not FOUND[name], first
