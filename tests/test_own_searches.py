"""The searches that ship to be copied run as they are, and confirm what they found."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.commands.cli import execute
from harness.data.folder import data_folder
from harness.own import apart
from harness.running.find import find, load
from harness.study.searching import DEFAULT, PLACES

SEARCHES = Path(__file__).parents[1] / "studies" / "searches"
NAMES = sorted(file.stem for file in SEARCHES.glob("[a-z]*.py"))


def test_both_are_tried() -> None:
    assert NAMES == ["mnist_cnn", "trees"]


@pytest.mark.parametrize("name", NAMES)
def test_a_search_is_short_found_by_name_and_confirms_its_winner(name: str) -> None:
    file = SEARCHES / f"{name}.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 60
    assert find(f"searches.{name}") == f"harness.studies.searches.{name}"
    study = load(find(f"searches.{name}"))
    assert study.search is not None
    assert study.search.trials <= 64
    assert not study.tuned


def test_the_second_has_what_the_first_has_not() -> None:
    first, second = (load(find(f"searches.{name}")).search for name in NAMES)
    assert first is not None
    assert second is not None
    assert not first.space.conditional
    assert not first.constraints
    assert second.space.conditional
    assert (len(first.objectives), len(second.objectives)) == (1, 2)
    assert [each.metric for each in second.constraints] == ["missed"]


def test_a_name_that_is_nearly_right_is_told(refused: Callable[..., str]) -> None:
    assert "searches.mnist_cnn" in refused("search", "searches.mnist_cn")


def searched(folder: Path, name: str, *words: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Run a search; return what it found, and the rows of the settings that it tried."""
    command = ["search", f"searches.{name}", "--out", str(folder), "--no-profile", "--quiet"]
    assert execute([*command, *words]) == 0
    found = folder / f"{name}-quick"
    with (found / "settings.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return json.loads((found / "best.json").read_text(encoding="utf-8")), rows


@pytest.mark.slow
@pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")
def test_trees_are_found_that_hold_the_constraint(tmp_path: Path) -> None:
    best, rows = searched(tmp_path, "trees")
    assert len(rows) == best["tried"] == 40
    assert best["confirmed"]["seeds"] == 5
    assert best["constraints"]["missed"] <= 0.1
    other = {"boosting": "share", "forest": "rate"}[best["settings"]["method"]]
    assert other not in best["settings"], "what is not in use has no value"
    assert f"{other}=None" in best["code"]


@pytest.mark.slow
@pytest.mark.skipif(not (data_folder() / "MNIST" / "raw").is_dir(), reason="needs MNIST")
def test_a_winner_on_mnist_is_run_again_beside_the_default(tmp_path: Path) -> None:
    best, rows = searched(tmp_path, "mnist_cnn", "--trials", "16", "--confirm", "2")
    assert len(rows) == best["tried"] == 8
    assert best["confirmed"]["seeds"] == 2
    assert best["confirmed"]["value"] < 0.5, "nats; chance is 2.3"
    with (tmp_path / "mnist_cnn-quick" / "records.csv").open(newline="", encoding="utf-8") as file:
        arms = [row["arm"] for row in csv.DictReader(file)]
    assert {arm: arms.count(arm) for arm in (DEFAULT, *PLACES)} == dict.fromkeys(
        (DEFAULT, *PLACES), 2
    )
